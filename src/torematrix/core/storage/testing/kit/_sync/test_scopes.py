# generated from _async/test_scopes.py by tools/generate_twins.py: do not edit
"""Whose a scope is, how it is entered and left, and how it is tried again."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage import (
    ConflictError,
    DuplicateError,
    Feature,
    InvalidQueryError,
    TransactionError,
    UnavailableError,
)

from ..._sync.harness import Kit
from ...needs import needs
from ...strategies import effort
from ..entities import Account, Plain

pytestmark = needs(Feature.TRANSACTIONS)

NESTED: Final = needs(Feature.NESTED_TRANSACTIONS)

# --------------------------------------------------------------------------------------------------------- whose it is


# ------------------------------------------------------------------------------------------------- entered and left


def test_a_scope_is_entered_once(kit: Kit) -> None:
    """Entering a scope again, inside or afterwards, raises TransactionError and does no harm."""
    repository = kit.repository(Plain)
    scope = kit.storage.transaction()
    with scope:
        with pytest.raises(TransactionError):
            scope.__enter__()
        repository.create(Plain(1, "a"))
    with pytest.raises(TransactionError):
        scope.__enter__()
    assert repository.count() == 1


def test_a_scope_that_was_not_entered_cannot_be_left(kit: Kit) -> None:
    """Leaving a scope that was never entered, or leaving one again, raises TransactionError."""
    scope = kit.storage.transaction()
    with pytest.raises(TransactionError):
        scope.__exit__(None, None, None)
    with scope:
        pass
    with pytest.raises(TransactionError):
        scope.__exit__(None, None, None)


@NESTED
def test_scopes_left_in_the_wrong_order(kit: Kit) -> None:
    """An inner scope that is left after its outer one raises TransactionError; the storage works on."""
    repository = kit.repository(Plain)
    outer, inner = kit.storage.transaction(), kit.storage.transaction()
    outer.__enter__()
    repository.create(Plain(1, "a"))
    inner.__enter__()
    repository.create(Plain(2, "b"))
    outer.__exit__(None, None, None)
    with pytest.raises(TransactionError):
        inner.__exit__(None, None, None)
    assert repository.count() in {0, 2}
    with pytest.raises(TransactionError):
        assert kit.storage.native
    repository.create(Plain(3, "c"))
    with kit.storage.transaction():
        repository.delete("c")
    assert not repository.exists("c")


def test_a_scope_left_by_another_does_not_commit(kit: Kit) -> None:
    """A scope that another task or thread leaves is rolled back and raises TransactionError."""
    repository = kit.repository(Plain)
    scope = kit.storage.transaction()

    def leave() -> None:
        scope.__exit__(None, None, None)

    scope.__enter__()
    repository.create(Plain(1, "a"))
    with pytest.raises(TransactionError):
        kit.company.start(leave).result()
    assert repository.count() == 0
    repository.create(Plain(2, "b"))
    assert repository.count() == 1


def test_many_scopes_in_a_row(kit: Kit) -> None:
    """Scopes give everything back: hundreds in a row, kept and undone, are like the first."""
    repository = kit.repository(Plain)
    for number in range(150):
        try:
            with kit.storage.transaction(read_only=number % 3 == 2):
                if number % 3 < 2:
                    repository.create(Plain(number, f"{number:03}"))
                if number % 3 == 1:
                    raise LookupError
        except LookupError:
            pass
    assert [entity.value for entity in repository.list()] == list(range(0, 150, 3))


Step = tuple[str, Any, Any]
_WRITES: Final = st.tuples(st.sampled_from(["put", "delete"]), st.sampled_from("abc"), st.integers(0, 9))
PROGRAMS: Final[Any] = st.recursive(
    st.lists(_WRITES, max_size=3),
    lambda inner: st.lists(st.one_of(_WRITES, st.tuples(st.just("scope"), st.booleans(), inner)), max_size=4),
    max_leaves=12,
)


@NESTED
def test_scopes_within_scopes(kit: Kit) -> None:
    """Whatever scopes stand in each other, and whichever fail, each undoes its own writes and none else."""
    repository = kit.run(kit.repository(Plain))

    def stored() -> dict[str, int]:
        return {str(entity.id): entity.value for entity in repository.list()}

    def perform(steps: list[Step], expected: dict[str, int]) -> None:
        for kind, what, argument in steps:
            if kind == "scope":
                scope(argument, expected, fails=what)
            elif kind == "put":
                repository.upsert(Plain(argument, what))
                expected[what] = argument
            else:
                assert repository.delete(what) == (expected.pop(what, None) is not None)
        assert stored() == expected

    def scope(steps: list[Step], expected: dict[str, int], *, fails: bool) -> None:
        before = dict(expected)
        try:
            with kit.storage.transaction():
                perform(steps, expected)
                if fails:
                    raise LookupError
        except LookupError:
            expected.clear()
            expected.update(before)

    def program(steps: list[Step], *, fails: bool) -> bool:
        repository.bulk_delete(["a", "b", "c"])
        expected: dict[str, int] = {}
        perform([("put", "a", 7), ("scope", fails, steps)], expected)
        return True

    @effort(0.3)
    @given(PROGRAMS, st.booleans())
    def check(steps: list[Step], fails: bool) -> None:
        assert kit.run(program(steps, fails=fails))

    check()


# ------------------------------------------------------------------------------------------------------------ retried


def test_passing_failures_are_tried_again(kit: Kit) -> None:
    """A failure that may pass is met with a fresh transaction; what the failed attempts wrote is gone."""
    repository = kit.repository(Plain)
    for failure in (UnavailableError("busy"), ConflictError("stale")):
        tries: list[int] = []

        def work(failure: Exception = failure, tries: list[int] = tries) -> int:
            tries.append(repository.count())
            repository.create(Plain(len(tries)))
            if len(tries) < 3:
                raise failure
            return len(tries)

        assert kit.storage.run_in_transaction(work) == 3
        assert tries == [tries[0]] * 3
    assert [entity.value for entity in repository.list()] == [3, 3]


def test_a_swallowed_passing_failure_is_tried_again(kit: Kit) -> None:
    """A transaction doomed by a conflict that the function swallowed is tried again too."""
    repository = kit.repository(Account)
    repository.create(Account(id="a"))
    tries: list[int] = []

    def work() -> int:
        tries.append(1)
        try:
            repository.patch("a", balance=5, revision=len(tries) - 1)
        except ConflictError:
            return -1
        return len(tries)

    assert kit.storage.run_in_transaction(work) == 2
    found = repository.get("a")
    assert found is not None
    assert (found.balance, found.revision) == (5, 2)


def test_inside_a_transaction_nothing_is_tried_again(kit: Kit) -> None:
    """A part of a transaction is run once: what has failed in it would only fail again."""
    repository = kit.repository(Account)
    repository.create(Account(id="a"))
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        repository.patch("a", balance=5, revision=7)

    with pytest.raises(ConflictError):
        with kit.storage.transaction():
            kit.storage.run_in_transaction(work)
    assert tries == [1]


def test_lasting_failures_are_not_tried_again(kit: Kit) -> None:
    """Any other failure comes through from the first attempt, and a passing one from the last."""
    repository = kit.repository(Plain)
    for failure, attempts, expected in (
        (ValueError("mine"), 5, 1),
        (DuplicateError("there"), 5, 1),
        (KeyboardInterrupt(), 5, 1),
        (UnavailableError("busy"), 3, 3),
        (UnavailableError("busy"), 1, 1),
    ):
        tries: list[int] = []

        def work(failure: BaseException = failure, tries: list[int] = tries) -> None:
            tries.append(1)
            repository.create(Plain(1))
            raise failure

        with pytest.raises(type(failure)) as caught:
            kit.storage.run_in_transaction(work, attempts=attempts)
        assert caught.value is failure
        assert len(tries) == expected
    assert repository.count() == 0


def test_how_often_is_checked(kit: Kit) -> None:
    """Attempts and deadlines that make no sense raise InvalidQueryError, and the function does not run."""

    def nothing() -> None:
        """Work that cannot fail."""

    def work() -> None:
        raise AssertionError

    kit.storage.run_in_transaction(nothing)

    wrong: list[dict[str, Any]] = [
        *({"attempts": value} for value in (0, -1, 1.5, "3", None, True)),
        *({"deadline": value} for value in (0, -1.0, float("nan"), "3", None)),
        {"isolation": "dirty"},
    ]
    for options in wrong:
        with pytest.raises(InvalidQueryError):
            kit.storage.run_in_transaction(work, **options)
