"""Migrations that are code, statements of an engine, several at once, and what is told meanwhile."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

from torematrix.core.storage import (
    AddField,
    AddIndex,
    AddSearchable,
    AsyncMigrationManager,
    ConfigurationError,
    ConvertField,
    DropSearchable,
    Feature,
    Migration,
    MigrationError,
    RawStep,
    RenameField,
    Searchable,
    Support,
)

from ..._async.harness import AsyncKit
from ..._async.things import FIRST, a_migration, made, stored


class Counting(Migration):
    """Code that works with the repository."""

    version = "001"
    description = "every name is longer"

    async def up(self, repository: Any) -> None:
        for entity in await repository.list():
            entity.name += "!"
            await repository.update(entity)

    async def down(self, repository: Any) -> None:
        for entity in await repository.list():
            await repository.patch(entity.id, name=entity.name[:-1])


class Failing(Migration):
    """Code that fails after it has written."""

    version = "002"

    async def up(self, repository: Any) -> None:
        await repository.patch("a", name="half")
        raise RuntimeError


async def test_code_of_its_own(kit: AsyncKit) -> None:
    """It is given the repository; where there are transactions it happens together with its note, or not at all."""
    old = await stored(kit)
    manager = AsyncMigrationManager([Counting()])
    manager.register_migration(Failing)
    with pytest.raises(RuntimeError):
        await manager.migrate(old)
    assert [each.version for each in await manager.history(old) if each.state == "applied"] == ["001"]
    assert (await old.get("b")).name == "thing b!"
    if kit.storage.capabilities.features[Feature.TRANSACTIONS].support is Support.REFUSED:
        assert [each.state for each in await manager.status(old)] == ["applied", "applying"]
        return
    assert (await old.get("a")).name == "thing a!"
    assert [each.state for each in await manager.status(old)] == ["applied", "pending"]
    await manager.rollback(old)
    assert (await old.get("a")).name == "thing a"
    assert await manager.history(old) == []


async def test_code_without_a_way_back(kit: AsyncKit) -> None:
    """Code without ``down`` cannot be taken back."""

    class Onward(Migration):
        version = "001"

        async def up(self, repository: Any) -> None:
            await repository.patch("a", name="on")

    old = await stored(kit)
    manager = AsyncMigrationManager([Onward()])
    await manager.migrate(old)
    with pytest.raises(MigrationError, match="no `down`"):
        await manager.rollback(old)
    assert (await old.get("a")).name == "on"


async def test_statements_of_an_engine(kit: AsyncKit) -> None:
    """A raw step gives each engine its own, on the handle that it has."""
    old = await stored(kit)
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
    manager = AsyncMigrationManager([a_migration(step, AddField("more", int, 1))])
    await manager.migrate(old)
    assert len(seen_handles) == (0 if backend in ("sqlite", "postgresql") else 1)
    assert (await manager.rollback(old))[0].version == "001"
    await manager.migrate(old)
    if backend in ("sqlite", "postgresql"):
        broken = AsyncMigrationManager(
            [
                *manager.migrations,
                a_migration(
                    AddField("x", int, 0), RawStep(sqlite="NONSENSE", postgresql="NONSENSE"), version="002"
                ),
            ]
        )
        with pytest.raises(MigrationError):
            await broken.migrate(old)
        assert "x" not in (await kit.storage.collections())[name]["fields"]


async def test_two_at_once(kit: AsyncKit) -> None:
    """Of several who migrate at the same time one does it; the others wait, and find it done."""
    old = await stored(kit)
    target: Any = kit.storage.repository(
        made(("count", str | None, None), ("more", int)), old.collection_name
    )
    migrations = [
        a_migration(ConvertField("count", str | None, lambda count: f"{count}!")),
        a_migration(AddField("more", int, 1), version="002"),
    ]

    async def migrated() -> int:
        return len(await AsyncMigrationManager(migrations).migrate(target))

    others = [kit.company.start(migrated) for _ in range(4)]
    assert sum([await other.result() for other in others]) == 2
    assert {entity.id: entity.count for entity in await target.list()} == {"a": "1!", "b": None, "c": "-3!"}


async def test_progress(kit: AsyncKit) -> None:
    """It is told how many entities are done, and how many there are."""
    old = await stored(kit)
    told: list[tuple[int, int]] = []
    manager = AsyncMigrationManager([a_migration(ConvertField("count", str | None, str))])
    await manager.migrate(old, progress=lambda done, total: told.append((done, total)))
    assert told
    assert told[-1] == (3, 3)
    assert told == sorted(told)


async def test_a_repository_that_was_refused(kit: AsyncKit) -> None:
    """One that did not fit works once the collection does, in transactions too, as often as it is migrated."""
    old = await stored(kit)
    newer = made(
        ("title", Annotated[str, Searchable()]), ("more", Annotated[str, Searchable()]), without=("name",)
    )
    target: Any = kit.storage.repository(newer, old.collection_name)
    with pytest.raises(ConfigurationError):
        await target.count()
    manager = AsyncMigrationManager(
        [a_migration(RenameField("name", "title"), AddField("more", str, "a cat"))]
    )
    for _ in range(2):
        await manager.migrate(target)
        assert len(await target.search("cat")) == 3
        await target.patch("a", more="a dog")
        if kit.storage.capabilities.features[Feature.TRANSACTIONS].support is not Support.REFUSED:
            async with kit.storage.transaction():
                await target.patch("b", more="a dog")
        assert "a" in {entity.id for entity in await target.search("dog")}
        await manager.rollback(target)
        with pytest.raises(ConfigurationError):
            await target.count()
        assert len(await kit.storage.repository(FIRST, old.collection_name).list()) == 3


async def test_the_last_one_alone(kit: AsyncKit) -> None:
    """Without a version one migration is taken back."""
    old = await stored(kit)
    manager = AsyncMigrationManager(
        [a_migration(AddIndex("name")), a_migration(AddIndex("count"), version="002")]
    )
    await manager.migrate(old)
    for left in (["001"], [], []):
        await manager.rollback(old)
        assert [each.version for each in await manager.history(old)] == left


async def test_what_is_searched_changes(kit: AsyncKit) -> None:
    """One text is searched in the place of another, and the places change, while every entity stays as it is."""
    searching = made(("more", str, "a cat"))
    old = await stored(kit, searching)
    manager = AsyncMigrationManager(
        [
            a_migration(DropSearchable("name"), AddSearchable("more")),
            a_migration(AddSearchable("name"), version="002"),
            a_migration(DropSearchable("more"), AddSearchable("more"), version="003"),
        ]
    )
    for version, searched in (("001", ["more"]), ("002", ["more", "name"]), ("003", ["name", "more"])):
        # Its class searches just so: opening it changes nothing.
        repository: Any = kit.storage.repository(searching, old.collection_name, searchable=searched)
        await manager.migrate(repository, version)
        assert len(await repository.search("cat")) == 3
        assert len(await repository.search("thing")) == (3 if "name" in searched else 0)
        assert len(await repository.search("cat", ["more"])) == 3
        assert [entity.id for entity in await repository.search("b")] == (["b"] if "name" in searched else [])
