# generated from _async/test_transactions.py by tools/generate_twins.py: do not edit
"""Transactions: all or nothing, in one task or thread, and never half kept."""

# Size: the promises of one contract, which are read together.

from __future__ import annotations

from typing import Any

import pytest

from torematrix.core.storage import (
    ConflictError,
    Count,
    DuplicateError,
    F,
    Feature,
    InvalidEntityError,
    InvalidQueryError,
    Isolation,
    NotFoundError,
    StorageError,
    TransactionError,
)

from ..._sync.harness import Kit
from ...needs import needs
from ..entities import Account, Article, Plain, Stamped

pytestmark = needs(Feature.TRANSACTIONS)


class Stop(Exception):  # noqa: N818 - an exception of the application, and no error
    """What an application raises."""


def test_a_scope_that_is_left_normally_has_stored_everything(kit: Kit) -> None:
    """Writes to several repositories of one storage are there together, and inside the scope at once."""
    first, second = kit.repository(Plain), kit.repository(Stamped)
    with kit.storage.transaction():
        first.create(Plain(1, "a"))
        created = second.create(Stamped("x", "b"))
        assert first.get("a") == Plain(1, "a")
        assert second.list() == [created]
        second.update(created)
    assert first.get("a") == Plain(1, "a")
    found = second.get("b")
    assert found is not None
    assert found.revision == 2


def test_a_scope_that_an_exception_leaves_has_stored_nothing(kit: Kit) -> None:
    """The application's exception comes out as it is, and every write is undone: rows, searches, revisions."""
    repository = kit.repository(Article)
    kept = repository.create(Article("kept", "cat", id="kept"))
    with pytest.raises(Stop):
        with repository.transaction():
            repository.create(Article("new", "cat"))
            repository.bulk_create([Article("more", "cat"), Article("yet more", "cat")])
            repository.update(Article("changed", "dog", id="kept"))
            repository.patch("kept", year=5)
            assert len(repository.search("cat")) == 3
            repository.delete("kept")
            assert repository.count() == 3
            raise Stop
    assert repository.list() == [kept]
    assert repository.search("cat") == [kept]
    assert repository.search("dog OR new OR more") == []


def test_every_operation_works_inside(kit: Kit) -> None:
    """Inside a scope each operation sees what was written before it in the scope."""
    repository = kit.repository(Account)
    with repository.transaction():
        first = repository.create(Account("a@x", 1, id="a"))
        assert repository.exists("a")
        repository.bulk_create([Account(f"{number}@x", number, id=str(number)) for number in range(5)])
        assert repository.count() == 6
        assert repository.patch("a", balance=9).balance == 9
        assert repository.upsert(Account("a@x", 10, id="a", revision=2)).revision == 3
        assert [entity.id for entity in repository.list(F("balance") > 3, "balance")] == ["4", "a"]
        assert repository.get_many(["a", "nobody"]) == [repository.get("a")]
        assert repository.find_one(F("email") == "3@x") is not None
        assert repository.aggregate(n=Count()) == [{"n": 6}]
        assert [entity.id for entity in repository.stream(batch_size=2)] == [
            "0",
            "1",
            "2",
            "3",
            "4",
            "a",
        ]
        assert repository.bulk_delete(["0", "1"]) == 2
        assert repository.delete("2")
        assert len(repository.search("4")) == 1
    assert {entity.id for entity in repository.list()} == {"3", "4", "a"}
    assert first.revision == 1


def test_an_error_of_the_engine_dooms(kit: Kit) -> None:
    """DuplicateError and ConflictError doom the scope, even if caught: leaving it raises TransactionError."""
    repository = kit.repository(Account)
    stale = repository.create(Account("a@x", id="a"))
    repository.patch("a", balance=1)
    before = repository.list()
    attempts = (
        (DuplicateError, lambda: repository.create(Account("b@x", id="a"))),
        (DuplicateError, lambda: repository.create(Account("a@x"))),
        (ConflictError, lambda: repository.update(stale)),
        (DuplicateError, lambda: repository.bulk_create([Account("c@x"), Account("c@x")])),
    )
    for error, attempt in attempts:
        with pytest.raises(TransactionError) as caught:
            with repository.transaction():
                repository.create(Account("lost@x"))
                with pytest.raises(error):
                    attempt()
        assert isinstance(caught.value.__cause__, error)
        assert repository.list() == before


def test_a_doomed_scope_takes_nothing_more(kit: Kit) -> None:
    """After the failure every further operation in the scope raises TransactionError, reads too."""
    repository = kit.repository(Plain)
    repository.create(Plain(1, "a"))
    with pytest.raises(TransactionError):
        with repository.transaction():
            with pytest.raises(DuplicateError):
                repository.create(Plain(2, "a"))
            for attempt in (
                lambda: repository.create(Plain(3)),
                lambda: repository.get("a"),
                repository.count,
            ):
                with pytest.raises(TransactionError):
                    attempt()
    assert repository.list() == [Plain(1, "a")]


def test_the_applications_exception_wins_over_doom(kit: Kit) -> None:
    """An exception that leaves a doomed scope comes out as it is: the error itself, or the application's."""
    repository = kit.repository(Plain)
    repository.create(Plain(1, "a"))
    with pytest.raises(DuplicateError):
        with repository.transaction():
            repository.create(Plain(2, "a"))
    with pytest.raises(Stop):
        with repository.transaction():
            with pytest.raises(DuplicateError):
                repository.create(Plain(2, "a"))
            raise Stop
    assert repository.count() == 1


def test_what_never_reached_the_engine_dooms_nothing(kit: Kit) -> None:
    """NotFoundError and refusals of entities and queries leave the scope as it was: it commits."""
    repository = kit.repository(Stamped)
    broken: Any = 5
    with repository.transaction():
        created = repository.create(Stamped("kept", "a"))
        with pytest.raises(NotFoundError):
            repository.update(Stamped("x", "nobody", revision=1))
        with pytest.raises(NotFoundError):
            repository.patch("nobody", name="x")
        with pytest.raises(NotFoundError):
            repository.bulk_update([Stamped("changed", "a", revision=1), Stamped("x", "nobody", revision=1)])
        with pytest.raises(InvalidEntityError):
            repository.create(Stamped(broken))
        with pytest.raises(InvalidQueryError):
            repository.list(F("nope") == 1)
    assert repository.list() == [created]


def test_a_scope_is_entered_once(kit: Kit) -> None:
    """A scope that is over, or was never entered, can neither be entered again nor left."""
    repository = kit.repository(Plain)
    scope = repository.transaction()
    with scope:
        repository.create(Plain(1))
    with pytest.raises(TransactionError):
        with scope:
            pass
    assert repository.count() == 1
    repository.create(Plain(2))


def test_a_read_only_scope_reads(kit: Kit) -> None:
    """In a read-only scope every write raises TransactionError; reads work, and it ends well."""
    repository = kit.repository(Plain)
    created = repository.create(Plain(1, "a"))
    with repository.transaction(read_only=True):
        assert repository.list() == [created]
        assert repository.count() == 1
    for attempt in (
        lambda: repository.create(Plain(2)),
        lambda: repository.update(Plain(2, "a")),
        lambda: repository.patch("a", value=2),
        lambda: repository.upsert(Plain(2, "a")),
        lambda: repository.delete("a"),
        lambda: repository.bulk_delete(["a"]),
        lambda: repository.bulk_create([Plain(2)]),
    ):
        with repository.transaction(read_only=True):
            with pytest.raises(TransactionError):
                attempt()
    assert repository.list() == [created]


def test_a_collection_is_made_before_the_transaction(kit: Kit) -> None:
    """A repository made inside a scope is refused there, with a reason: schemas are ensured outside transactions."""
    repository = kit.repository(Plain)
    with pytest.raises(TransactionError):
        with kit.storage.transaction():
            repository.create(Plain(1))
            kit.storage.repository(Plain, kit.name()).create(Plain(2))
    assert repository.count() == 0
    made_before = kit.storage.repository(Plain, kit.name())
    with kit.storage.transaction():
        made_before.create(Plain(1))
    assert made_before.count() == 1


def test_a_child_that_inherited_the_scope_is_refused(kit: Kit) -> None:
    """A task or thread that inherited an open scope raises TransactionError, for reads and writes alike."""
    repository = kit.repository(Plain)

    def write() -> None:
        repository.create(Plain(2))

    def read() -> int:
        return repository.count()

    def nested() -> None:
        with repository.transaction():
            pass

    with repository.transaction():
        repository.create(Plain(1))
        for work in (write, read, nested):
            other: Any = kit.company.start(work, inherit=True)
            with pytest.raises(TransactionError):
                other.result()
    assert repository.count() == 1


def test_a_child_may_outlive_the_scope(kit: Kit) -> None:
    """A task or thread that inherited a scope which is over works outside it."""
    repository = kit.repository(Plain)
    others: list[Any] = []
    gate = kit.company.gate()

    def later() -> int:
        gate.wait()
        repository.create(Plain(2))
        return repository.count()

    with repository.transaction():
        repository.create(Plain(1))
        others.append(kit.company.start(later, inherit=True))
    gate.open()
    assert others[0].result() == 2


def test_an_unrelated_one_works_outside(kit: Kit) -> None:
    """A task or thread that did not inherit the scope is no part of it: its writes stay when the scope is undone."""
    repository = kit.repository(Plain)
    others: list[Any] = []

    def write() -> Plain:
        return repository.create(Plain(7, "outside"))

    with pytest.raises(Stop):
        with repository.transaction():
            repository.create(Plain(1, "inside"))
            others.append(kit.company.start(write))
            raise Stop
    assert others[0].result() == Plain(7, "outside")
    assert repository.list() == [Plain(7, "outside")]


def test_nobody_sees_what_is_not_committed(kit: Kit) -> None:
    """What a scope has written is seen by others once it has committed, and all at once."""
    repository = kit.repository(Plain)
    others: list[Any] = []

    def look() -> list[Plain]:
        return repository.list()

    with repository.transaction():
        repository.create(Plain(1, "a"))
        others.append(kit.company.start(look))
        repository.create(Plain(2, "b"))
    seen = others[0].result()
    assert seen in ([], [Plain(1, "a"), Plain(2, "b")])


def test_a_read_only_scope_does_not_keep_others_from_the_present(kit: Kit) -> None:
    """While one task or thread reads in a scope of its own, what others write is there for everybody outside it."""
    repository = kit.repository(Plain)
    repository.create(Plain(1, "a"))
    started, written, seen = kit.company.gate(), kit.company.gate(), kit.company.gate()

    def read_slowly() -> list[int]:
        with repository.transaction(read_only=True):
            counts = [repository.count()]
            started.open()
            # Where everybody takes turns nothing is written until the scope is over.
            if written.wait(0.3):
                seen.wait()
            counts.append(repository.count())
            return counts

    def write() -> int:
        started.wait()
        repository.create(Plain(2, "b"))
        written.open()
        counted = repository.count()
        seen.open()
        return counted

    assert kit.company.together(read_slowly, write) == [[1, 1], 2]
    assert repository.count() == 2


def test_a_failing_statement_ends_with_its_scope(kit: Kit) -> None:
    """After any scope, however it ended, the storage works as before."""
    repository = kit.repository(Account)
    repository.create(Account("a@x", id="a"))
    for _ in range(3):
        with pytest.raises(StorageError):
            with repository.transaction():
                repository.create(Account("a@x"))
        with pytest.raises(Stop):
            with repository.transaction():
                raise Stop
        with repository.transaction():
            pass
        assert repository.count() == 1
    repository.create(Account("b@x"))


def test_run_in_transaction(kit: Kit) -> None:
    """``run_in_transaction`` gives the function's result once it has committed, and stores nothing where it raises."""
    repository = kit.repository(Plain)

    def work() -> int:
        repository.create(Plain(1))
        return repository.count()

    def fail() -> None:
        repository.create(Plain(2))
        raise Stop

    assert kit.storage.run_in_transaction(work) == 1
    with pytest.raises(Stop):
        kit.storage.run_in_transaction(fail)
    assert repository.count() == 1
    wrong: tuple[dict[str, Any], ...] = (
        {"attempts": 0},
        {"attempts": 1.5},
        {"deadline": 0},
        {"deadline": -1},
    )
    for arguments in wrong:
        with pytest.raises(InvalidQueryError):
            kit.storage.run_in_transaction(work, **arguments)


def test_what_may_pass_is_tried_again(kit: Kit) -> None:
    """After a retryable error the function runs again in a fresh transaction; what it wrote before is undone."""
    repository = kit.repository(Stamped)
    repository.create(Stamped("a", "a"))
    runs: list[int] = []

    def work() -> Stamped:
        found = repository.get("a")
        assert found is not None
        runs.append(found.revision)
        repository.create(Stamped("attempt"))
        if len(runs) < 3:
            found.revision = 99
        return repository.update(found)

    assert kit.storage.run_in_transaction(work).revision == 2
    assert runs == [1, 1, 1]
    assert repository.count(F("name") == "attempt") == 1

    def hopeless() -> None:
        runs.append(0)
        repository.update(Stamped("a", "a", revision=99))

    runs.clear()
    with pytest.raises(ConflictError):
        kit.storage.run_in_transaction(hopeless, attempts=3)
    assert len(runs) == 3

    def duplicate() -> None:
        runs.append(0)
        repository.create(Stamped("b", "a"))

    runs.clear()
    with pytest.raises(DuplicateError):
        kit.storage.run_in_transaction(duplicate)
    assert len(runs) == 1


def test_no_update_is_lost(kit: Kit) -> None:
    """Counting together, each in a transaction that may run again, loses nothing."""
    repository = kit.repository(Account)
    repository.create(Account("shared", 0, id="a"))

    def add() -> None:
        found = repository.get("a")
        assert found is not None
        found.balance += 1
        repository.update(found)

    def work() -> None:
        for _ in range(5):
            kit.storage.run_in_transaction(add, attempts=100)

    kit.company.together(*[work] * 4)
    found = repository.get("a")
    assert found is not None
    assert (found.balance, found.revision) == (20, 21)


def test_together_without_transactions(kit: Kit) -> None:
    """Many tasks or threads write and read the same storage at once; each write is there."""
    repository = kit.repository(Plain)

    def work() -> list[Plain]:
        created = [repository.create(Plain(number)) for number in range(10)]
        created += repository.bulk_create([Plain(number) for number in range(10)])
        return repository.get_many([str(entity.id) for entity in created])

    results = kit.company.together(*[work] * 5)
    assert [len(result) for result in results] == [20] * 5
    assert repository.count() == 100


@needs(Feature.SERIALIZABLE)
def test_serializable(kit: Kit) -> None:
    """A serializable scope works where the engine has it."""
    repository = kit.repository(Plain)
    with repository.transaction(isolation=Isolation.SERIALIZABLE):
        repository.create(Plain(1))
        assert repository.count() == 1
    assert repository.count() == 1


def test_an_isolation_is_one_of_those_there_are(kit: Kit) -> None:
    """Anything but an Isolation, or its text, is refused."""
    repository = kit.repository(Plain)
    wrong: Any = "chaos"
    with pytest.raises(ValueError, match="chaos"):
        repository.transaction(isolation=wrong)
    with repository.transaction(isolation=Isolation.SNAPSHOT):
        assert repository.count() == 0


def test_the_engines_own_handle(kit: Kit) -> None:
    """``native`` is there inside a transaction, and raises TransactionError outside one."""
    repository = kit.repository(Plain)
    with pytest.raises(TransactionError):
        _ = kit.storage.native
    with pytest.raises(TransactionError):
        _ = repository.native
    with kit.storage.transaction():
        assert kit.storage.native is not None
        assert repository.native is not None
