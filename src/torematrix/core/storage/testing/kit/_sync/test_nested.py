# generated from _async/test_nested.py by tools/generate_twins.py: do not edit
"""Scopes inside scopes: an inner one undoes exactly its own writes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from torematrix.core.storage import DuplicateError, Feature, TransactionError

from ..._sync.harness import Kit
from ...needs import needs
from ..entities import Account, Article, Plain

pytestmark = needs(Feature.TRANSACTIONS, Feature.NESTED_TRANSACTIONS)


class Stop(Exception):  # noqa: N818 - an exception of the application, and no error
    """What an application raises."""


def test_an_inner_scope_undoes_its_own(kit: Kit) -> None:
    """An exception that leaves an inner scope and is caught undoes what was written in it, and no more."""
    repository = kit.repository(Article)
    repository.create(Article("old", "cat", id="old"))
    with kit.storage.transaction():
        repository.create(Article("before", "cat", id="before"))
        with pytest.raises(Stop):
            with kit.storage.transaction():
                repository.create(Article("inner", "cat", id="inner"))
                repository.update(Article("changed", "dog", id="before"))
                repository.delete("old")
                assert len(repository.search("cat")) == 1
                raise Stop
        assert {entity.id for entity in repository.search("cat")} == {"old", "before"}
        repository.create(Article("after", "cat", id="after"))
    assert {entity.id for entity in repository.list()} == {"old", "before", "after"}
    assert repository.search("dog") == []
    assert len(repository.search("cat")) == 3


def test_an_inner_scope_puts_unique_values_back(kit: Kit) -> None:
    """Values that are free only because others were changed before are put back in their turn, whatever the ids."""
    repository = kit.repository(Account)
    stored = repository.bulk_create([Account(f"{each}@x", id=each) for each in "abc"])
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        held = [stored[at] for at in order]
        emails = ["free@x", *(account.email for account in held)]
        moved = [replace(account, email=email) for account, email in zip(held, emails, strict=False)]
        with kit.storage.transaction():
            with pytest.raises(Stop):
                with kit.storage.transaction():
                    repository.bulk_update(moved)
                    raise Stop
        assert repository.list() == stored


def test_an_inner_scope_that_ends_well_is_part_of_the_outer(kit: Kit) -> None:
    """What an inner scope wrote is kept with the outer one, and undone with it."""
    repository = kit.repository(Plain)
    with repository.transaction():
        with repository.transaction():
            repository.create(Plain(1, "kept"))
        assert repository.exists("kept")
    assert repository.exists("kept")
    with pytest.raises(Stop):
        with repository.transaction():
            with repository.transaction():
                repository.create(Plain(1, "lost"))
            raise Stop
    assert [entity.id for entity in repository.list()] == ["kept"]


def test_scopes_nest_deeply(kit: Kit) -> None:
    """Each of many levels is undone or kept by itself."""
    repository = kit.repository(Plain)

    def level(depth: int) -> None:
        with kit.storage.transaction():
            repository.create(Plain(depth, f"{depth:02}"))
            if depth < 20:
                with suppress(Stop):
                    level(depth + 1)
            if depth % 5 == 0:
                raise Stop

    with kit.storage.transaction():
        level(1)
    assert [entity.value for entity in repository.list()] == [1, 2, 3, 4]


def test_doom_reaches_the_outermost(kit: Kit) -> None:
    """An error of the engine in an inner scope dooms them all, wherever it is caught."""
    repository = kit.repository(Plain)
    repository.create(Plain(1, "a"))
    with pytest.raises(TransactionError):
        with repository.transaction():
            repository.create(Plain(2, "outer"))
            with suppress(DuplicateError):
                with repository.transaction():
                    repository.create(Plain(3, "a"))
    assert repository.list() == [Plain(1, "a")]
    with pytest.raises(TransactionError):
        with repository.transaction():
            with pytest.raises(TransactionError):
                with repository.transaction():
                    with suppress(DuplicateError):
                        repository.create(Plain(3, "a"))
            with pytest.raises(TransactionError):
                repository.count()
    assert repository.list() == [Plain(1, "a")]


def test_what_an_inner_scope_may(kit: Kit) -> None:
    """An inner scope may only read where it, or the outer one, says so."""
    repository = kit.repository(Plain)
    with repository.transaction():
        with repository.transaction(read_only=True):
            assert repository.count() == 0
            with pytest.raises(TransactionError):
                repository.create(Plain(1))
        repository.create(Plain(2))
    with repository.transaction(read_only=True), repository.transaction():
        with pytest.raises(TransactionError):
            repository.create(Plain(3))
    assert [entity.value for entity in repository.list()] == [2]


def test_values_given_up_inside_are_taken_back(kit: Kit) -> None:
    """Ids that an undone inner scope used are free again, and those it deleted are taken."""
    repository = kit.repository(Plain)
    repository.create(Plain(1, "a"))
    with repository.transaction():
        with suppress(Stop):
            with repository.transaction():
                repository.delete("a")
                repository.create(Plain(2, "b"))
                raise Stop
        assert repository.create(Plain(3, "b")) == Plain(3, "b")
        assert repository.get("a") == Plain(1, "a")
    assert repository.list() == [Plain(1, "a"), Plain(3, "b")]


def test_storages_are_apart(kit: Kit) -> None:
    """A transaction of one storage is none of another's: what is written there is kept when it is undone."""
    repository = kit.repository(Plain)
    storage = kit.fresh()
    other = storage.repository(Plain, kit.name())
    other.ready()
    with pytest.raises(Stop):
        with kit.storage.transaction(read_only=True):
            assert repository.count() == 0
            other.create(Plain(1))
            with pytest.raises(TransactionError):
                _ = storage.native
            raise Stop
    assert other.count() == 1
