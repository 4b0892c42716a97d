"""What a transaction sees, and what others see of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from torematrix.core.storage import Count, CursorPagination, F, Feature, Pagination, Sum

from ..._async.harness import AsyncKit
from ...needs import needs
from ..entities import Account, Article, Plain

pytestmark = needs(Feature.TRANSACTIONS)


async def _undone(kit: AsyncKit, work: Callable[[], Awaitable[Any]]) -> None:
    """Do the work in a scope that is rolled back."""
    try:
        async with kit.storage.transaction():
            await work()
            raise LookupError
    except LookupError:
        pass


async def test_pages_see_what_the_scope_wrote(kit: AsyncKit) -> None:
    """Inside, pages by number and by cursor are of the collection as the scope has it."""
    repository = await kit.repository(Plain)
    await kit.store(repository, [Plain(1, "a"), Plain(2, "b")])
    async with kit.storage.transaction():
        await repository.create(Plain(3, "c"))
        await repository.patch("a", value=10)
        await repository.delete("b")
        now = [Plain(3, "c"), Plain(10, "a")]
        page = await repository.list(sort_by="value", pagination=Pagination(1, 1))
        assert (page.items, page.total) == (now[:1], 2)
        first = await repository.list(sort_by="value", pagination=CursorPagination(limit=1))
        following = await repository.list(
            sort_by="value", pagination=CursorPagination(after=first.next, limit=1)
        )
        assert first.items + following.items == now


@needs(Feature.AGGREGATES)
async def test_aggregates_see_what_the_scope_wrote(kit: AsyncKit) -> None:
    """Inside, aggregates are of the scope's own writes too, and outside of none that was undone."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "a"))

    async def work() -> None:
        await repository.create(Plain(2, "b"))
        assert await repository.aggregate(n=Count(), sum=Sum("value")) == [{"n": 2, "sum": 3}]

    await _undone(kit, work)
    assert await repository.aggregate(n=Count(), sum=Sum("value")) == [{"n": 1, "sum": 1}]


@needs(Feature.SEARCH)
async def test_searches_are_as_before_what_was_undone(kit: AsyncKit) -> None:
    """After a scope was undone a search finds, scores and marks what it did before."""
    repository = await kit.repository(Article)
    await kit.store(repository, [Article("old words", id="a"), Article("more words", id="b")])
    before = await repository.search("words", with_hits=True)

    async def work() -> None:
        await repository.create(Article("new words", id="c"))
        await repository.patch("a", title="other text")
        await repository.delete("b")
        assert [entity.id for entity in await repository.search("words")] == ["c"]
        assert [entity.id for entity in await repository.search("other")] == ["a"]

    await _undone(kit, work)
    assert await repository.search("words", with_hits=True) == before
    assert await repository.search("other OR new") == []


@pytest.mark.parametrize("read_only", [False, True], ids=["writing", "read-only"])
async def test_reads_see_one_snapshot(kit: AsyncKit, read_only: bool) -> None:
    """Inside, reads of every repository see one state, whatever others write meanwhile; afterwards it is there."""
    first, second = await kit.repository(Plain), await kit.repository(Plain)
    await first.create(Plain(1, "a"))
    await second.create(Plain(1, "a"))

    async def write() -> None:
        await first.update(Plain(2, "a"))
        await kit.store(second, [Plain(2, "b"), Plain(3, "c")])

    async with kit.storage.transaction(read_only=read_only):
        assert await first.list() == [Plain(1, "a")]
        # It ends where the engine lets others write meanwhile, and waits where it does not.
        other = kit.company.start(write)
        await other.ends()
        for _ in range(3):
            assert await first.get("a") == Plain(1, "a")
            assert await second.list() == [Plain(1, "a")]
            assert await second.count(F("value") > 1) == 0
            page = await second.list(pagination=Pagination(1, 1))
            assert page.total == 1
    await other.result()
    assert await first.get("a") == Plain(2, "a")
    assert await second.count() == 3


async def test_no_read_finds_half_of_it(kit: AsyncKit) -> None:
    """Others see everything that a scope wrote at once, or nothing."""
    accounts = await kit.repository(Account)
    await kit.store(accounts, [Account(balance=50, id=str(number)) for number in range(4)])
    rounds = 15

    async def move() -> None:
        for number in range(rounds):
            async with kit.storage.transaction():
                for other in range(4):
                    await accounts.patch(str((number + other) % 4), balance=200 if other == 1 else 0)

    async def watch() -> None:
        for _ in range(rounds):
            assert sum(account.balance for account in await accounts.list()) == 200
            page = await accounts.list(F("balance") > 0, pagination=Pagination(1, 0))
            assert page.total in {1, 4}

    await kit.company.together(move, watch, watch)


async def test_others_wait_for_no_more_than_the_scope(kit: AsyncKit) -> None:
    """Scopes of several that write take turns, each whole: none sees another's middle."""
    repository = await kit.repository(Plain)

    async def work() -> None:
        for _ in range(8):
            async with kit.storage.transaction():
                before = await repository.count()
                await kit.store(repository, [Plain(1), Plain(2)])
                await repository.create(Plain(3))
                assert await repository.count() == before + 3

    await kit.company.together(work, work, work)
    assert await repository.count() == 72
