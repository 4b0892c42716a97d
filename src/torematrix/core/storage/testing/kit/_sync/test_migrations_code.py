# generated from _async/test_migrations_code.py by tools/generate_twins.py: do not edit
"""Migrations that are code, statements of an engine, several at once, and what is told meanwhile."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from torematrix.core.storage import (
    AddField,
    AddIndex,
    AddSearchable,
    ConfigurationError,
    ConvertField,
    DropSearchable,
    Feature,
    Migration,
    MigrationError,
    MigrationManager,
    RawStep,
    RenameField,
    Searchable,
    Support,
)

from ..._sync.harness import Kit
from ..._sync.things import FIRST, a_migration, made, stored


class Counting(Migration):
    """Code that works with the repository."""

    version = "001"
    description = "every name is longer"

    def up(self, repository: Any) -> None:
        for entity in repository.list():
            entity.name += "!"
            repository.update(entity)

    def down(self, repository: Any) -> None:
        for entity in repository.list():
            repository.patch(entity.id, name=entity.name[:-1])


class Failing(Migration):
    """Code that fails after it has written."""

    version = "002"

    def up(self, repository: Any) -> None:
        repository.patch("a", name="half")
        raise RuntimeError


def test_code_of_its_own(kit: Kit) -> None:
    """It is given the repository; where there are transactions it happens together with its note, or not at all."""
    old = stored(kit)
    manager = MigrationManager([Counting()])
    manager.register_migration(Failing)
    with pytest.raises(RuntimeError):
        manager.migrate(old)
    assert [each.version for each in manager.history(old) if each.state == "applied"] == ["001"]
    assert old.get("b").name == "thing b!"
    if kit.storage.capabilities.features[Feature.TRANSACTIONS].support is Support.REFUSED:
        assert [each.state for each in manager.status(old)] == ["applied", "applying"]
        return
    assert old.get("a").name == "thing a!"
    assert [each.state for each in manager.status(old)] == ["applied", "pending"]
    manager.rollback(old)
    assert old.get("a").name == "thing a"
    assert manager.history(old) == []


def test_code_without_a_way_back(kit: Kit) -> None:
    """Code without ``down`` cannot be taken back."""

    class Onward(Migration):
        version = "001"

        def up(self, repository: Any) -> None:
            repository.patch("a", name="on")

    old = stored(kit)
    manager = MigrationManager([Onward()])
    manager.migrate(old)
    with pytest.raises(MigrationError, match="no `down`"):
        manager.rollback(old)
    assert old.get("a").name == "on"


def test_statements_of_an_engine(kit: Kit) -> None:
    """A raw step gives each engine its own, on the handle that it has."""
    old = stored(kit)
    name = old.collection_name
    seen_handles: list[Any] = []
    backend = kit.storage.backend
    sql = f'CREATE VIEW "{name}_view" AS SELECT id FROM "{name}"'  # noqa: S608 - a name of the kit's own
    step = RawStep(
        sqlite=sql,
        postgresql=[sql],
        mongodb=seen_handles.append,
        memory=seen_handles.append,
        inverse=RawStep(
            sqlite=f'DROP VIEW "{name}_view"', postgresql=f'DROP VIEW "{name}_view"', mongodb=(), memory=()
        ),
    )
    manager = MigrationManager([a_migration(step, AddField("more", int, 1))])
    manager.migrate(old)
    assert len(seen_handles) == (0 if backend in ("sqlite", "postgresql") else 1)
    assert manager.rollback(old)[0].version == "001"
    manager.migrate(old)
    if backend in ("sqlite", "postgresql"):
        broken = MigrationManager(
            [
                *manager.migrations,
                a_migration(
                    AddField("x", int, 0), RawStep(sqlite="NONSENSE", postgresql="NONSENSE"), version="002"
                ),
            ]
        )
        with pytest.raises(MigrationError):
            broken.migrate(old)
        assert "x" not in kit.storage.collections()[name]["fields"]


def test_two_at_once(kit: Kit) -> None:
    """Of several who migrate at the same time one does it; the others wait, and find it done."""
    old = stored(kit)
    target: Any = kit.storage.repository(
        made(("count", str | None, None), ("more", int)), old.collection_name
    )
    migrations = [
        a_migration(ConvertField("count", str | None, lambda count: f"{count}!")),
        a_migration(AddField("more", int, 1), version="002"),
    ]

    def migrated() -> int:
        return len(MigrationManager(migrations).migrate(target))

    others = [kit.company.start(migrated) for _ in range(4)]
    assert sum([other.result() for other in others]) == 2
    assert {entity.id: entity.count for entity in target.list()} == {"a": "1!", "b": None, "c": "-3!"}


def test_progress(kit: Kit) -> None:
    """It is told how many entities are done, and how many there are."""
    old = stored(kit)
    told: list[tuple[int, int]] = []
    manager = MigrationManager([a_migration(ConvertField("count", str | None, str))])
    manager.migrate(old, progress=lambda done, total: told.append((done, total)))
    assert told
    assert told[-1] == (3, 3)
    assert told == sorted(told)


def test_a_repository_that_was_refused(kit: Kit) -> None:
    """One that did not fit works once the collection does, in transactions too, as often as it is migrated."""
    old = stored(kit)
    newer = made(
        ("title", Annotated[str, Searchable()]), ("more", Annotated[str, Searchable()]), without=("name",)
    )
    target: Any = kit.storage.repository(newer, old.collection_name)
    with pytest.raises(ConfigurationError):
        target.count()
    manager = MigrationManager([a_migration(RenameField("name", "title"), AddField("more", str, "a cat"))])
    for _ in range(2):
        manager.migrate(target)
        assert len(target.search("cat")) == 3
        target.patch("a", more="a dog")
        if kit.storage.capabilities.features[Feature.TRANSACTIONS].support is not Support.REFUSED:
            with kit.storage.transaction():
                target.patch("b", more="a dog")
        assert "a" in {entity.id for entity in target.search("dog")}
        manager.rollback(target)
        with pytest.raises(ConfigurationError):
            target.count()
        assert len(kit.storage.repository(FIRST, old.collection_name).list()) == 3


def test_the_last_one_alone(kit: Kit) -> None:
    """Without a version one migration is taken back."""
    old = stored(kit)
    manager = MigrationManager([a_migration(AddIndex("name")), a_migration(AddIndex("count"), version="002")])
    manager.migrate(old)
    for left in (["001"], [], []):
        manager.rollback(old)
        assert [each.version for each in manager.history(old)] == left


def test_what_is_searched_changes(kit: Kit) -> None:
    """One text is searched in the place of another, and the places change, while every entity stays as it is."""
    searching = made(("more", str, "a cat"))
    old = stored(kit, searching)
    manager = MigrationManager(
        [
            a_migration(DropSearchable("name"), AddSearchable("more")),
            a_migration(AddSearchable("name"), version="002"),
            a_migration(DropSearchable("more"), AddSearchable("more"), version="003"),
        ]
    )
    for version, searched in (("001", ["more"]), ("002", ["more", "name"]), ("003", ["name", "more"])):
        # Its class searches just so: opening it changes nothing.
        repository: Any = kit.storage.repository(searching, old.collection_name, searchable=searched)
        manager.migrate(repository, version)
        assert len(repository.search("cat")) == 3
        assert len(repository.search("thing")) == (3 if "name" in searched else 0)
        assert len(repository.search("cat", ["more"])) == 3
        assert [entity.id for entity in repository.search("b")] == (["b"] if "name" in searched else [])
