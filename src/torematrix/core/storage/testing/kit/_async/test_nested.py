"""Scopes inside scopes: an inner one undoes exactly its own writes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from torematrix.core.storage import DuplicateError, Feature, TransactionError

from ..._async.harness import AsyncKit
from ...needs import needs
from ..entities import Account, Article, Plain

pytestmark = needs(Feature.TRANSACTIONS, Feature.NESTED_TRANSACTIONS)


class Stop(Exception):  # noqa: N818 - an exception of the application, and no error
    """What an application raises."""


async def test_an_inner_scope_undoes_its_own(kit: AsyncKit) -> None:
    """An exception that leaves an inner scope and is caught undoes what was written in it, and no more."""
    repository = await kit.repository(Article)
    await repository.create(Article("old", "cat", id="old"))
    async with kit.storage.transaction():
        await repository.create(Article("before", "cat", id="before"))
        with pytest.raises(Stop):
            async with kit.storage.transaction():
                await repository.create(Article("inner", "cat", id="inner"))
                await repository.update(Article("changed", "dog", id="before"))
                await repository.delete("old")
                assert len(await repository.search("cat")) == 1
                raise Stop
        assert {entity.id for entity in await repository.search("cat")} == {"old", "before"}
        await repository.create(Article("after", "cat", id="after"))
    assert {entity.id for entity in await repository.list()} == {"old", "before", "after"}
    assert await repository.search("dog") == []
    assert len(await repository.search("cat")) == 3


async def test_an_inner_scope_puts_unique_values_back(kit: AsyncKit) -> None:
    """Values that are free only because others were changed before are put back in their turn, whatever the ids."""
    repository = await kit.repository(Account)
    stored = await repository.bulk_create([Account(f"{each}@x", id=each) for each in "abc"])
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        held = [stored[at] for at in order]
        emails = ["free@x", *(account.email for account in held)]
        moved = [replace(account, email=email) for account, email in zip(held, emails, strict=False)]
        async with kit.storage.transaction():
            with pytest.raises(Stop):
                async with kit.storage.transaction():
                    await repository.bulk_update(moved)
                    raise Stop
        assert await repository.list() == stored


async def test_an_inner_scope_that_ends_well_is_part_of_the_outer(kit: AsyncKit) -> None:
    """What an inner scope wrote is kept with the outer one, and undone with it."""
    repository = await kit.repository(Plain)
    async with repository.transaction():
        async with repository.transaction():
            await repository.create(Plain(1, "kept"))
        assert await repository.exists("kept")
    assert await repository.exists("kept")
    with pytest.raises(Stop):
        async with repository.transaction():
            async with repository.transaction():
                await repository.create(Plain(1, "lost"))
            raise Stop
    assert [entity.id for entity in await repository.list()] == ["kept"]


async def test_scopes_nest_deeply(kit: AsyncKit) -> None:
    """Each of many levels is undone or kept by itself."""
    repository = await kit.repository(Plain)

    async def level(depth: int) -> None:
        async with kit.storage.transaction():
            await repository.create(Plain(depth, f"{depth:02}"))
            if depth < 20:
                with suppress(Stop):
                    await level(depth + 1)
            if depth % 5 == 0:
                raise Stop

    async with kit.storage.transaction():
        await level(1)
    assert [entity.value for entity in await repository.list()] == [1, 2, 3, 4]


async def test_doom_reaches_the_outermost(kit: AsyncKit) -> None:
    """An error of the engine in an inner scope dooms them all, wherever it is caught."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "a"))
    with pytest.raises(TransactionError):
        async with repository.transaction():
            await repository.create(Plain(2, "outer"))
            with suppress(DuplicateError):
                async with repository.transaction():
                    await repository.create(Plain(3, "a"))
    assert await repository.list() == [Plain(1, "a")]
    with pytest.raises(TransactionError):
        async with repository.transaction():
            with pytest.raises(TransactionError):
                async with repository.transaction():
                    with suppress(DuplicateError):
                        await repository.create(Plain(3, "a"))
            with pytest.raises(TransactionError):
                await repository.count()
    assert await repository.list() == [Plain(1, "a")]


async def test_what_an_inner_scope_may(kit: AsyncKit) -> None:
    """An inner scope may only read where it, or the outer one, says so."""
    repository = await kit.repository(Plain)
    async with repository.transaction():
        async with repository.transaction(read_only=True):
            assert await repository.count() == 0
            with pytest.raises(TransactionError):
                await repository.create(Plain(1))
        await repository.create(Plain(2))
    async with repository.transaction(read_only=True), repository.transaction():
        with pytest.raises(TransactionError):
            await repository.create(Plain(3))
    assert [entity.value for entity in await repository.list()] == [2]


async def test_values_given_up_inside_are_taken_back(kit: AsyncKit) -> None:
    """Ids that an undone inner scope used are free again, and those it deleted are taken."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "a"))
    async with repository.transaction():
        with suppress(Stop):
            async with repository.transaction():
                await repository.delete("a")
                await repository.create(Plain(2, "b"))
                raise Stop
        assert await repository.create(Plain(3, "b")) == Plain(3, "b")
        assert await repository.get("a") == Plain(1, "a")
    assert await repository.list() == [Plain(1, "a"), Plain(3, "b")]


async def test_storages_are_apart(kit: AsyncKit) -> None:
    """A transaction of one storage is none of another's: what is written there is kept when it is undone."""
    repository = await kit.repository(Plain)
    storage = await kit.fresh()
    other = storage.repository(Plain, kit.name())
    await other.ready()
    with pytest.raises(Stop):
        async with kit.storage.transaction(read_only=True):
            assert await repository.count() == 0
            await other.create(Plain(1))
            with pytest.raises(TransactionError):
                _ = storage.native
            raise Stop
    assert await other.count() == 1
