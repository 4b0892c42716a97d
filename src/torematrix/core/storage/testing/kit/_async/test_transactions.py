"""Transactions: all or nothing, in one task or thread, and never half kept."""

# Size: the promises of one contract, which are read together.

from __future__ import annotations

from contextlib import suppress
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

from ..._async.harness import AsyncKit
from ...company import AsyncGate, CancelledError, pause
from ...needs import needs
from ..entities import Account, Article, Plain, Stamped

pytestmark = needs(Feature.TRANSACTIONS)


class Stop(Exception):  # noqa: N818 - an exception of the application, and no error
    """What an application raises."""


async def test_a_scope_that_is_left_normally_has_stored_everything(kit: AsyncKit) -> None:
    """Writes to several repositories of one storage are there together, and inside the scope at once."""
    first, second = await kit.repository(Plain), await kit.repository(Stamped)
    async with kit.storage.transaction():
        await first.create(Plain(1, "a"))
        created = await second.create(Stamped("x", "b"))
        assert await first.get("a") == Plain(1, "a")
        assert await second.list() == [created]
        await second.update(created)
    assert await first.get("a") == Plain(1, "a")
    found = await second.get("b")
    assert found is not None
    assert found.revision == 2


async def test_a_scope_that_an_exception_leaves_has_stored_nothing(kit: AsyncKit) -> None:
    """The application's exception comes out as it is, and every write is undone: rows, searches, revisions."""
    repository = await kit.repository(Article)
    kept = await repository.create(Article("kept", "cat", id="kept"))
    with pytest.raises(Stop):
        async with repository.transaction():
            await repository.create(Article("new", "cat"))
            await repository.bulk_create([Article("more", "cat"), Article("yet more", "cat")])
            await repository.update(Article("changed", "dog", id="kept"))
            await repository.patch("kept", year=5)
            assert len(await repository.search("cat")) == 3
            await repository.delete("kept")
            assert await repository.count() == 3
            raise Stop
    assert await repository.list() == [kept]
    assert await repository.search("cat") == [kept]
    assert await repository.search("dog OR new OR more") == []


async def test_every_operation_works_inside(kit: AsyncKit) -> None:
    """Inside a scope each operation sees what was written before it in the scope."""
    repository = await kit.repository(Account)
    async with repository.transaction():
        first = await repository.create(Account("a@x", 1, id="a"))
        assert await repository.exists("a")
        await repository.bulk_create([Account(f"{number}@x", number, id=str(number)) for number in range(5)])
        assert await repository.count() == 6
        assert (await repository.patch("a", balance=9)).balance == 9
        assert (await repository.upsert(Account("a@x", 10, id="a", revision=2))).revision == 3
        assert [entity.id for entity in await repository.list(F("balance") > 3, "balance")] == ["4", "a"]
        assert await repository.get_many(["a", "nobody"]) == [await repository.get("a")]
        assert await repository.find_one(F("email") == "3@x") is not None
        assert await repository.aggregate(n=Count()) == [{"n": 6}]
        assert [entity.id async for entity in repository.stream(batch_size=2)] == [
            "0",
            "1",
            "2",
            "3",
            "4",
            "a",
        ]
        assert await repository.bulk_delete(["0", "1"]) == 2
        assert await repository.delete("2")
        assert len(await repository.search("4")) == 1
    assert {entity.id for entity in await repository.list()} == {"3", "4", "a"}
    assert first.revision == 1


async def test_an_error_of_the_engine_dooms(kit: AsyncKit) -> None:
    """DuplicateError and ConflictError doom the scope, even if caught: leaving it raises TransactionError."""
    repository = await kit.repository(Account)
    stale = await repository.create(Account("a@x", id="a"))
    await repository.patch("a", balance=1)
    before = await repository.list()
    attempts = (
        (DuplicateError, lambda: repository.create(Account("b@x", id="a"))),
        (DuplicateError, lambda: repository.create(Account("a@x"))),
        (ConflictError, lambda: repository.update(stale)),
        (DuplicateError, lambda: repository.bulk_create([Account("c@x"), Account("c@x")])),
    )
    for error, attempt in attempts:
        with pytest.raises(TransactionError) as caught:
            async with repository.transaction():
                await repository.create(Account("lost@x"))
                with pytest.raises(error):
                    await attempt()
        assert isinstance(caught.value.__cause__, error)
        assert await repository.list() == before


async def test_a_doomed_scope_takes_nothing_more(kit: AsyncKit) -> None:
    """After the failure every further operation in the scope raises TransactionError, reads too."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "a"))
    with pytest.raises(TransactionError):
        async with repository.transaction():
            with pytest.raises(DuplicateError):
                await repository.create(Plain(2, "a"))
            for attempt in (
                lambda: repository.create(Plain(3)),
                lambda: repository.get("a"),
                repository.count,
            ):
                with pytest.raises(TransactionError):
                    await attempt()
    assert await repository.list() == [Plain(1, "a")]


async def test_the_applications_exception_wins_over_doom(kit: AsyncKit) -> None:
    """An exception that leaves a doomed scope comes out as it is: the error itself, or the application's."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "a"))
    with pytest.raises(DuplicateError):
        async with repository.transaction():
            await repository.create(Plain(2, "a"))
    with pytest.raises(Stop):
        async with repository.transaction():
            with pytest.raises(DuplicateError):
                await repository.create(Plain(2, "a"))
            raise Stop
    assert await repository.count() == 1


async def test_what_never_reached_the_engine_dooms_nothing(kit: AsyncKit) -> None:
    """NotFoundError and refusals of entities and queries leave the scope as it was: it commits."""
    repository = await kit.repository(Stamped)
    broken: Any = 5
    async with repository.transaction():
        created = await repository.create(Stamped("kept", "a"))
        with pytest.raises(NotFoundError):
            await repository.update(Stamped("x", "nobody", revision=1))
        with pytest.raises(NotFoundError):
            await repository.patch("nobody", name="x")
        with pytest.raises(NotFoundError):
            await repository.bulk_update(
                [Stamped("changed", "a", revision=1), Stamped("x", "nobody", revision=1)]
            )
        with pytest.raises(InvalidEntityError):
            await repository.create(Stamped(broken))
        with pytest.raises(InvalidQueryError):
            await repository.list(F("nope") == 1)
    assert await repository.list() == [created]


async def test_a_scope_is_entered_once(kit: AsyncKit) -> None:
    """A scope that is over, or was never entered, can neither be entered again nor left."""
    repository = await kit.repository(Plain)
    scope = repository.transaction()
    async with scope:
        await repository.create(Plain(1))
    with pytest.raises(TransactionError):
        async with scope:
            pass
    assert await repository.count() == 1
    await repository.create(Plain(2))


async def test_a_read_only_scope_reads(kit: AsyncKit) -> None:
    """In a read-only scope every write raises TransactionError; reads work, and it ends well."""
    repository = await kit.repository(Plain)
    created = await repository.create(Plain(1, "a"))
    async with repository.transaction(read_only=True):
        assert await repository.list() == [created]
        assert await repository.count() == 1
    for attempt in (
        lambda: repository.create(Plain(2)),
        lambda: repository.update(Plain(2, "a")),
        lambda: repository.patch("a", value=2),
        lambda: repository.upsert(Plain(2, "a")),
        lambda: repository.delete("a"),
        lambda: repository.bulk_delete(["a"]),
        lambda: repository.bulk_create([Plain(2)]),
    ):
        async with repository.transaction(read_only=True):
            with pytest.raises(TransactionError):
                await attempt()
    assert await repository.list() == [created]


async def test_a_collection_is_made_before_the_transaction(kit: AsyncKit) -> None:
    """A repository made inside a scope is refused there, with a reason: schemas are ensured outside transactions."""
    repository = await kit.repository(Plain)
    with pytest.raises(TransactionError):
        async with kit.storage.transaction():
            await repository.create(Plain(1))
            await kit.storage.repository(Plain, kit.name()).create(Plain(2))
    assert await repository.count() == 0
    made_before = kit.storage.repository(Plain, kit.name())
    async with kit.storage.transaction():
        await made_before.create(Plain(1))
    assert await made_before.count() == 1


async def test_a_child_that_inherited_the_scope_is_refused(kit: AsyncKit) -> None:
    """A task or thread that inherited an open scope raises TransactionError, for reads and writes alike."""
    repository = await kit.repository(Plain)

    async def write() -> None:
        await repository.create(Plain(2))

    async def read() -> int:
        return await repository.count()

    async def nested() -> None:
        async with repository.transaction():
            pass

    async with repository.transaction():
        await repository.create(Plain(1))
        for work in (write, read, nested):
            other: Any = kit.company.start(work, inherit=True)
            with pytest.raises(TransactionError):
                await other.result()
    assert await repository.count() == 1


async def test_a_child_may_outlive_the_scope(kit: AsyncKit) -> None:
    """A task or thread that inherited a scope which is over works outside it."""
    repository = await kit.repository(Plain)
    others: list[Any] = []
    gate = kit.company.gate()

    async def later() -> int:
        await gate.wait()
        await repository.create(Plain(2))
        return await repository.count()

    async with repository.transaction():
        await repository.create(Plain(1))
        others.append(kit.company.start(later, inherit=True))
    gate.open()
    assert await others[0].result() == 2


async def test_an_unrelated_one_works_outside(kit: AsyncKit) -> None:
    """A task or thread that did not inherit the scope is no part of it: its writes stay when the scope is undone."""
    repository = await kit.repository(Plain)
    others: list[Any] = []

    async def write() -> Plain:
        return await repository.create(Plain(7, "outside"))

    with pytest.raises(Stop):
        async with repository.transaction():
            await repository.create(Plain(1, "inside"))
            others.append(kit.company.start(write))
            raise Stop
    assert await others[0].result() == Plain(7, "outside")
    assert await repository.list() == [Plain(7, "outside")]


async def test_nobody_sees_what_is_not_committed(kit: AsyncKit) -> None:
    """What a scope has written is seen by others once it has committed, and all at once."""
    repository = await kit.repository(Plain)
    others: list[Any] = []

    async def look() -> list[Plain]:
        return await repository.list()

    async with repository.transaction():
        await repository.create(Plain(1, "a"))
        others.append(kit.company.start(look))
        await repository.create(Plain(2, "b"))
    seen = await others[0].result()
    assert seen in ([], [Plain(1, "a"), Plain(2, "b")])


async def test_a_read_only_scope_does_not_keep_others_from_the_present(kit: AsyncKit) -> None:
    """While one task or thread reads in a scope of its own, what others write is there for everybody outside it."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "a"))
    started, written, seen = kit.company.gate(), kit.company.gate(), kit.company.gate()

    async def read_slowly() -> list[int]:
        async with repository.transaction(read_only=True):
            counts = [await repository.count()]
            started.open()
            # Where everybody takes turns nothing is written until the scope is over.
            if await written.wait(0.3):
                await seen.wait()
            counts.append(await repository.count())
            return counts

    async def write() -> int:
        await started.wait()
        await repository.create(Plain(2, "b"))
        written.open()
        counted = await repository.count()
        seen.open()
        return counted

    assert await kit.company.together(read_slowly, write) == [[1, 1], 2]
    assert await repository.count() == 2


# [sync-skip-start]
async def test_a_cancelled_task_has_stored_nothing(kit: AsyncKit) -> None:
    """Cancelled inside a scope, a task leaves nothing behind, and the storage to others as it was."""
    repository = await kit.repository(Plain)
    for inner in (False, True):
        inside = kit.company.gate()

        async def work(inner: bool = inner, inside: AsyncGate = inside) -> None:
            try:
                async with repository.transaction():
                    await repository.create(Plain(1))
                    if inner:
                        async with repository.transaction():
                            await repository.create(Plain(2))
                            inside.open()
                            await AsyncGate().wait()
                    inside.open()
                    await AsyncGate().wait()
            finally:
                inside.open()  # where scopes are refused

        other = kit.company.start(work)
        await inside.wait()
        other.cancel()
        with pytest.raises(CancelledError):
            await other.result()
        assert await repository.count() == 0
        async with repository.transaction():
            await repository.create(Plain(3, "x"))
        assert await repository.delete("x")


async def test_cancelling_anywhere_keeps_all_or_nothing(kit: AsyncKit) -> None:
    """Wherever it is cancelled, in a commit too, a scope has stored everything or nothing."""
    repository = await kit.repository(Plain)

    async def work() -> None:
        async with repository.transaction():
            await repository.create(Plain(1))
            await repository.bulk_create([Plain(2), Plain(3)])

    for turns in range(25):
        other = kit.company.start(work)
        for _ in range(turns):
            await pause()
        other.cancel()
        with suppress(CancelledError):
            await other.result()
        count = await repository.count()
        assert count in (0, 3)
        assert await repository.bulk_delete([str(entity.id) for entity in await repository.list()]) == count


# [sync-skip-end]


async def test_a_failing_statement_ends_with_its_scope(kit: AsyncKit) -> None:
    """After any scope, however it ended, the storage works as before."""
    repository = await kit.repository(Account)
    await repository.create(Account("a@x", id="a"))
    for _ in range(3):
        with pytest.raises(StorageError):
            async with repository.transaction():
                await repository.create(Account("a@x"))
        with pytest.raises(Stop):
            async with repository.transaction():
                raise Stop
        async with repository.transaction():
            pass
        assert await repository.count() == 1
    await repository.create(Account("b@x"))


async def test_run_in_transaction(kit: AsyncKit) -> None:
    """``run_in_transaction`` gives the function's result once it has committed, and stores nothing where it raises."""
    repository = await kit.repository(Plain)

    async def work() -> int:
        await repository.create(Plain(1))
        return await repository.count()

    async def fail() -> None:
        await repository.create(Plain(2))
        raise Stop

    assert await kit.storage.run_in_transaction(work) == 1
    with pytest.raises(Stop):
        await kit.storage.run_in_transaction(fail)
    assert await repository.count() == 1
    wrong: tuple[dict[str, Any], ...] = (
        {"attempts": 0},
        {"attempts": 1.5},
        {"deadline": 0},
        {"deadline": -1},
    )
    for arguments in wrong:
        with pytest.raises(InvalidQueryError):
            await kit.storage.run_in_transaction(work, **arguments)


async def test_what_may_pass_is_tried_again(kit: AsyncKit) -> None:
    """After a retryable error the function runs again in a fresh transaction; what it wrote before is undone."""
    repository = await kit.repository(Stamped)
    await repository.create(Stamped("a", "a"))
    runs: list[int] = []

    async def work() -> Stamped:
        found = await repository.get("a")
        assert found is not None
        runs.append(found.revision)
        await repository.create(Stamped("attempt"))
        if len(runs) < 3:
            found.revision = 99
        return await repository.update(found)

    assert (await kit.storage.run_in_transaction(work)).revision == 2
    assert runs == [1, 1, 1]
    assert await repository.count(F("name") == "attempt") == 1

    async def hopeless() -> None:
        runs.append(0)
        await repository.update(Stamped("a", "a", revision=99))

    runs.clear()
    with pytest.raises(ConflictError):
        await kit.storage.run_in_transaction(hopeless, attempts=3)
    assert len(runs) == 3

    async def duplicate() -> None:
        runs.append(0)
        await repository.create(Stamped("b", "a"))

    runs.clear()
    with pytest.raises(DuplicateError):
        await kit.storage.run_in_transaction(duplicate)
    assert len(runs) == 1


async def test_no_update_is_lost(kit: AsyncKit) -> None:
    """Counting together, each in a transaction that may run again, loses nothing."""
    repository = await kit.repository(Account)
    await repository.create(Account("shared", 0, id="a"))

    async def add() -> None:
        found = await repository.get("a")
        assert found is not None
        found.balance += 1
        await repository.update(found)

    async def work() -> None:
        for _ in range(5):
            await kit.storage.run_in_transaction(add, attempts=100)

    await kit.company.together(*[work] * 4)
    found = await repository.get("a")
    assert found is not None
    assert (found.balance, found.revision) == (20, 21)


async def test_together_without_transactions(kit: AsyncKit) -> None:
    """Many tasks or threads write and read the same storage at once; each write is there."""
    repository = await kit.repository(Plain)

    async def work() -> list[Plain]:
        created = [await repository.create(Plain(number)) for number in range(10)]
        created += await repository.bulk_create([Plain(number) for number in range(10)])
        return await repository.get_many([str(entity.id) for entity in created])

    results = await kit.company.together(*[work] * 5)
    assert [len(result) for result in results] == [20] * 5
    assert await repository.count() == 100


@needs(Feature.SERIALIZABLE)
async def test_serializable(kit: AsyncKit) -> None:
    """A serializable scope works where the engine has it."""
    repository = await kit.repository(Plain)
    async with repository.transaction(isolation=Isolation.SERIALIZABLE):
        await repository.create(Plain(1))
        assert await repository.count() == 1
    assert await repository.count() == 1


async def test_an_isolation_is_one_of_those_there_are(kit: AsyncKit) -> None:
    """Anything but an Isolation, or its text, is refused."""
    repository = await kit.repository(Plain)
    wrong: Any = "chaos"
    with pytest.raises(ValueError, match="chaos"):
        repository.transaction(isolation=wrong)
    async with repository.transaction(isolation=Isolation.SNAPSHOT):
        assert await repository.count() == 0


async def test_the_engines_own_handle(kit: AsyncKit) -> None:
    """``native`` is there inside a transaction, and raises TransactionError outside one."""
    repository = await kit.repository(Plain)
    with pytest.raises(TransactionError):
        _ = kit.storage.native
    with pytest.raises(TransactionError):
        _ = repository.native
    async with kit.storage.transaction():
        assert kit.storage.native is not None
        assert repository.native is not None
