# generated from _async/test_isolation.py by tools/generate_twins.py: do not edit
"""What a transaction sees, and what others see of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from torematrix.core.storage import Count, CursorPagination, F, Feature, Pagination, Sum

from ..._sync.harness import Kit
from ...needs import needs
from ..entities import Account, Article, Plain

pytestmark = needs(Feature.TRANSACTIONS)


def _undone(kit: Kit, work: Callable[[], Any]) -> None:
    """Do the work in a scope that is rolled back."""
    try:
        with kit.storage.transaction():
            work()
            raise LookupError
    except LookupError:
        pass


def test_pages_see_what_the_scope_wrote(kit: Kit) -> None:
    """Inside, pages by number and by cursor are of the collection as the scope has it."""
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(1, "a"), Plain(2, "b")])
    with kit.storage.transaction():
        repository.create(Plain(3, "c"))
        repository.patch("a", value=10)
        repository.delete("b")
        now = [Plain(3, "c"), Plain(10, "a")]
        page = repository.list(sort_by="value", pagination=Pagination(1, 1))
        assert (page.items, page.total) == (now[:1], 2)
        first = repository.list(sort_by="value", pagination=CursorPagination(limit=1))
        following = repository.list(sort_by="value", pagination=CursorPagination(after=first.next, limit=1))
        assert first.items + following.items == now


@needs(Feature.AGGREGATES)
def test_aggregates_see_what_the_scope_wrote(kit: Kit) -> None:
    """Inside, aggregates are of the scope's own writes too, and outside of none that was undone."""
    repository = kit.repository(Plain)
    repository.create(Plain(1, "a"))

    def work() -> None:
        repository.create(Plain(2, "b"))
        assert repository.aggregate(n=Count(), sum=Sum("value")) == [{"n": 2, "sum": 3}]

    _undone(kit, work)
    assert repository.aggregate(n=Count(), sum=Sum("value")) == [{"n": 1, "sum": 1}]


@needs(Feature.SEARCH)
def test_searches_are_as_before_what_was_undone(kit: Kit) -> None:
    """After a scope was undone a search finds, scores and marks what it did before."""
    repository = kit.repository(Article)
    kit.store(repository, [Article("old words", id="a"), Article("more words", id="b")])
    before = repository.search("words", with_hits=True)

    def work() -> None:
        repository.create(Article("new words", id="c"))
        repository.patch("a", title="other text")
        repository.delete("b")
        assert [entity.id for entity in repository.search("words")] == ["c"]
        assert [entity.id for entity in repository.search("other")] == ["a"]

    _undone(kit, work)
    assert repository.search("words", with_hits=True) == before
    assert repository.search("other OR new") == []


@pytest.mark.parametrize("read_only", [False, True], ids=["writing", "read-only"])
def test_reads_see_one_snapshot(kit: Kit, read_only: bool) -> None:
    """Inside, reads of every repository see one state, whatever others write meanwhile; afterwards it is there."""
    first, second = kit.repository(Plain), kit.repository(Plain)
    first.create(Plain(1, "a"))
    second.create(Plain(1, "a"))

    def write() -> None:
        first.update(Plain(2, "a"))
        kit.store(second, [Plain(2, "b"), Plain(3, "c")])

    with kit.storage.transaction(read_only=read_only):
        assert first.list() == [Plain(1, "a")]
        # It ends where the engine lets others write meanwhile, and waits where it does not.
        other = kit.company.start(write)
        other.ends()
        for _ in range(3):
            assert first.get("a") == Plain(1, "a")
            assert second.list() == [Plain(1, "a")]
            assert second.count(F("value") > 1) == 0
            page = second.list(pagination=Pagination(1, 1))
            assert page.total == 1
    other.result()
    assert first.get("a") == Plain(2, "a")
    assert second.count() == 3


def test_no_read_finds_half_of_it(kit: Kit) -> None:
    """Others see everything that a scope wrote at once, or nothing."""
    accounts = kit.repository(Account)
    kit.store(accounts, [Account(balance=50, id=str(number)) for number in range(4)])
    rounds = 15

    def move() -> None:
        for number in range(rounds):
            with kit.storage.transaction():
                for other in range(4):
                    accounts.patch(str((number + other) % 4), balance=200 if other == 1 else 0)

    def watch() -> None:
        for _ in range(rounds):
            assert sum(account.balance for account in accounts.list()) == 200
            page = accounts.list(F("balance") > 0, pagination=Pagination(1, 0))
            assert page.total in {1, 4}

    kit.company.together(move, watch, watch)


def test_others_wait_for_no_more_than_the_scope(kit: Kit) -> None:
    """Scopes of several that write take turns, each whole: none sees another's middle."""
    repository = kit.repository(Plain)

    def work() -> None:
        for _ in range(8):
            with kit.storage.transaction():
                before = repository.count()
                kit.store(repository, [Plain(1), Plain(2)])
                repository.create(Plain(3))
                assert repository.count() == before + 3

    kit.company.together(work, work, work)
    assert repository.count() == 72
