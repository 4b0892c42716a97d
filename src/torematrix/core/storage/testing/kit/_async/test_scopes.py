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

from ..._async.harness import AsyncKit
from ...needs import needs
from ...strategies import effort
from ..entities import Account, Plain

pytestmark = needs(Feature.TRANSACTIONS)

NESTED: Final = needs(Feature.NESTED_TRANSACTIONS)

# --------------------------------------------------------------------------------------------------------- whose it is


# [sync-skip-start]
async def test_children_of_asyncio_are_refused(kit: AsyncKit) -> None:
    """Tasks that asyncio starts inside a scope inherit it and are refused; a timeout starts none."""
    import asyncio

    repository = await kit.repository(Plain)
    async with kit.storage.transaction():
        with pytest.raises(TransactionError):
            await asyncio.create_task(repository.create(Plain(1, "a")))
        results = await asyncio.gather(repository.count(), repository.count(), return_exceptions=True)
        assert [type(result) for result in results] == [TransactionError, TransactionError]
        async with asyncio.timeout(60):
            await repository.create(Plain(2, "b"))
    assert await repository.list() == [Plain(2, "b")]


async def test_a_cancelled_scope_is_undone(kit: AsyncKit) -> None:
    """A task that is cancelled inside a scope leaves nothing behind, and the storage as it was."""
    import asyncio

    repository = await kit.repository(Plain)

    async def work() -> None:
        try:
            async with kit.storage.transaction():
                await repository.create(Plain(1, "a"))
                inside.set()
                await asyncio.Event().wait()
        finally:
            inside.set()  # where scopes are refused

    inside = asyncio.Event()
    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await repository.count() == 0
    async with kit.storage.transaction():
        await repository.create(Plain(2, "b"))
    assert await repository.count() == 1


# [sync-skip-end]


# ------------------------------------------------------------------------------------------------- entered and left


async def test_a_scope_is_entered_once(kit: AsyncKit) -> None:
    """Entering a scope again, inside or afterwards, raises TransactionError and does no harm."""
    repository = await kit.repository(Plain)
    scope = kit.storage.transaction()
    async with scope:
        with pytest.raises(TransactionError):
            await scope.__aenter__()
        await repository.create(Plain(1, "a"))
    with pytest.raises(TransactionError):
        await scope.__aenter__()
    assert await repository.count() == 1


async def test_a_scope_that_was_not_entered_cannot_be_left(kit: AsyncKit) -> None:
    """Leaving a scope that was never entered, or leaving one again, raises TransactionError."""
    scope = kit.storage.transaction()
    with pytest.raises(TransactionError):
        await scope.__aexit__(None, None, None)
    async with scope:
        pass
    with pytest.raises(TransactionError):
        await scope.__aexit__(None, None, None)


@NESTED
async def test_scopes_left_in_the_wrong_order(kit: AsyncKit) -> None:
    """An inner scope that is left after its outer one raises TransactionError; the storage works on."""
    repository = await kit.repository(Plain)
    outer, inner = kit.storage.transaction(), kit.storage.transaction()
    await outer.__aenter__()
    await repository.create(Plain(1, "a"))
    await inner.__aenter__()
    await repository.create(Plain(2, "b"))
    await outer.__aexit__(None, None, None)
    with pytest.raises(TransactionError):
        await inner.__aexit__(None, None, None)
    assert await repository.count() in {0, 2}
    with pytest.raises(TransactionError):
        assert kit.storage.native
    await repository.create(Plain(3, "c"))
    async with kit.storage.transaction():
        await repository.delete("c")
    assert not await repository.exists("c")


async def test_a_scope_left_by_another_does_not_commit(kit: AsyncKit) -> None:
    """A scope that another task or thread leaves is rolled back and raises TransactionError."""
    repository = await kit.repository(Plain)
    scope = kit.storage.transaction()

    async def leave() -> None:
        await scope.__aexit__(None, None, None)

    await scope.__aenter__()
    await repository.create(Plain(1, "a"))
    with pytest.raises(TransactionError):
        await kit.company.start(leave).result()
    assert await repository.count() == 0
    await repository.create(Plain(2, "b"))
    assert await repository.count() == 1


async def test_many_scopes_in_a_row(kit: AsyncKit) -> None:
    """Scopes give everything back: hundreds in a row, kept and undone, are like the first."""
    repository = await kit.repository(Plain)
    for number in range(150):
        try:
            async with kit.storage.transaction(read_only=number % 3 == 2):
                if number % 3 < 2:
                    await repository.create(Plain(number, f"{number:03}"))
                if number % 3 == 1:
                    raise LookupError
        except LookupError:
            pass
    assert [entity.value for entity in await repository.list()] == list(range(0, 150, 3))


Step = tuple[str, Any, Any]
_WRITES: Final = st.tuples(st.sampled_from(["put", "delete"]), st.sampled_from("abc"), st.integers(0, 9))
PROGRAMS: Final[Any] = st.recursive(
    st.lists(_WRITES, max_size=3),
    lambda inner: st.lists(st.one_of(_WRITES, st.tuples(st.just("scope"), st.booleans(), inner)), max_size=4),
    max_leaves=12,
)


@NESTED
def test_scopes_within_scopes(kit: AsyncKit) -> None:
    """Whatever scopes stand in each other, and whichever fail, each undoes its own writes and none else."""
    repository = kit.run(kit.repository(Plain))

    async def stored() -> dict[str, int]:
        return {str(entity.id): entity.value for entity in await repository.list()}

    async def perform(steps: list[Step], expected: dict[str, int]) -> None:
        for kind, what, argument in steps:
            if kind == "scope":
                await scope(argument, expected, fails=what)
            elif kind == "put":
                await repository.upsert(Plain(argument, what))
                expected[what] = argument
            else:
                assert await repository.delete(what) == (expected.pop(what, None) is not None)
        assert await stored() == expected

    async def scope(steps: list[Step], expected: dict[str, int], *, fails: bool) -> None:
        before = dict(expected)
        try:
            async with kit.storage.transaction():
                await perform(steps, expected)
                if fails:
                    raise LookupError
        except LookupError:
            expected.clear()
            expected.update(before)

    async def program(steps: list[Step], *, fails: bool) -> bool:
        await repository.bulk_delete(["a", "b", "c"])
        expected: dict[str, int] = {}
        await perform([("put", "a", 7), ("scope", fails, steps)], expected)
        return True

    @effort(0.3)
    @given(PROGRAMS, st.booleans())
    def check(steps: list[Step], fails: bool) -> None:
        assert kit.run(program(steps, fails=fails))

    check()


# ------------------------------------------------------------------------------------------------------------ retried


async def test_passing_failures_are_tried_again(kit: AsyncKit) -> None:
    """A failure that may pass is met with a fresh transaction; what the failed attempts wrote is gone."""
    repository = await kit.repository(Plain)
    for failure in (UnavailableError("busy"), ConflictError("stale")):
        tries: list[int] = []

        async def work(failure: Exception = failure, tries: list[int] = tries) -> int:
            tries.append(await repository.count())
            await repository.create(Plain(len(tries)))
            if len(tries) < 3:
                raise failure
            return len(tries)

        assert await kit.storage.run_in_transaction(work) == 3
        assert tries == [tries[0]] * 3
    assert [entity.value for entity in await repository.list()] == [3, 3]


async def test_a_swallowed_passing_failure_is_tried_again(kit: AsyncKit) -> None:
    """A transaction doomed by a conflict that the function swallowed is tried again too."""
    repository = await kit.repository(Account)
    await repository.create(Account(id="a"))
    tries: list[int] = []

    async def work() -> int:
        tries.append(1)
        try:
            await repository.patch("a", balance=5, revision=len(tries) - 1)
        except ConflictError:
            return -1
        return len(tries)

    assert await kit.storage.run_in_transaction(work) == 2
    found = await repository.get("a")
    assert found is not None
    assert (found.balance, found.revision) == (5, 2)


async def test_inside_a_transaction_nothing_is_tried_again(kit: AsyncKit) -> None:
    """A part of a transaction is run once: what has failed in it would only fail again."""
    repository = await kit.repository(Account)
    await repository.create(Account(id="a"))
    tries: list[int] = []

    async def work() -> None:
        tries.append(1)
        await repository.patch("a", balance=5, revision=7)

    with pytest.raises(ConflictError):
        async with kit.storage.transaction():
            await kit.storage.run_in_transaction(work)
    assert tries == [1]


async def test_lasting_failures_are_not_tried_again(kit: AsyncKit) -> None:
    """Any other failure comes through from the first attempt, and a passing one from the last."""
    repository = await kit.repository(Plain)
    for failure, attempts, expected in (
        (ValueError("mine"), 5, 1),
        (DuplicateError("there"), 5, 1),
        (KeyboardInterrupt(), 5, 1),
        (UnavailableError("busy"), 3, 3),
        (UnavailableError("busy"), 1, 1),
    ):
        tries: list[int] = []

        async def work(failure: BaseException = failure, tries: list[int] = tries) -> None:
            tries.append(1)
            await repository.create(Plain(1))
            raise failure

        with pytest.raises(type(failure)) as caught:
            await kit.storage.run_in_transaction(work, attempts=attempts)
        assert caught.value is failure
        assert len(tries) == expected
    assert await repository.count() == 0


async def test_how_often_is_checked(kit: AsyncKit) -> None:
    """Attempts and deadlines that make no sense raise InvalidQueryError, and the function does not run."""

    async def nothing() -> None:
        """Work that cannot fail."""

    async def work() -> None:
        raise AssertionError

    await kit.storage.run_in_transaction(nothing)

    wrong: list[dict[str, Any]] = [
        *({"attempts": value} for value in (0, -1, 1.5, "3", None, True)),
        *({"deadline": value} for value in (0, -1.0, float("nan"), "3", None)),
        {"isolation": "dirty"},
    ]
    for options in wrong:
        with pytest.raises(InvalidQueryError):
            await kit.storage.run_in_transaction(work, **options)
