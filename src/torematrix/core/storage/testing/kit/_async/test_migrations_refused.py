"""Migrations that are refused change nothing, and say why: values, constraints, mistakes, another history."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any, Final

import pytest

from torematrix.core.storage import (
    AddField,
    AddIndex,
    AddSearchable,
    AddUnique,
    AsyncMigrationManager,
    ConfigurationError,
    ConvertField,
    DropField,
    DropIndex,
    DropSearchable,
    DropUnique,
    DuplicateError,
    InvalidEntityError,
    MigrationError,
    RawStep,
    RenameField,
    Step,
    Transform,
    Unique,
    UnsupportedError,
)

from ..._async.harness import AsyncKit
from ..._async.things import FIRST, a_migration, made, seen, stored


async def unchanged(kit: AsyncKit, repository: Any, before: dict[str, Any]) -> None:
    """Everything is as it was, and can be written to."""
    again: Any = kit.storage.repository(FIRST, repository.collection_name)
    assert await seen(again) == before
    await again.create(FIRST(id="d", name="thing d"))
    assert [entity.id for entity in await again.search("d")] == ["d"]
    await again.delete("d")


async def test_values_that_cannot_be_converted(kit: AsyncKit) -> None:
    """The error names the entities and no values; nothing has changed."""
    old = await stored(kit)
    await old.create(FIRST(id="e", name="secret"))
    before = await seen(old)
    steps = {
        "a function fails": (ConvertField("name", int, int), ("a", "b", "c", "e")),
        "a value of another type": (ConvertField("count", str | None), ("a", "c")),
        "None where it is not allowed": (ConvertField("count", int), ("b", "e")),
        "a new value of another type": (
            AddField("more", int, function=lambda thing: thing["name"]),
            ("a", "b", "c", "e"),
        ),
        "no dict": (Transform(lambda thing: None if thing["id"] == "c" else thing), ("c",)),  # type: ignore[arg-type, return-value]
        "another id": (Transform(lambda thing: {**thing, "id": "x"}), ("a", "b", "c", "e")),
        "what nothing declares": (Transform(lambda thing: {**thing, "nmae": ""}), ("a", "b", "c", "e")),
        "its own refusal": (Transform(_refuse), ("a",)),
    }
    for step, ids in steps.values():
        manager = AsyncMigrationManager([a_migration(AddField("further", int, 1), step)])
        with pytest.raises(MigrationError) as caught:
            await manager.migrate(old)
        assert caught.value.entity_ids == ids
        assert caught.value.version == "001"
        assert "secret" not in str(caught.value)
        assert "thing" not in str(caught.value).replace("nothing", "")
        assert await manager.history(old) == []
        await unchanged(kit, old, before)


def _refuse(thing: dict[str, Any]) -> dict[str, Any]:
    if thing["id"] == "a":
        raise InvalidEntityError("not this one")
    return thing


async def test_unique_values(kit: AsyncKit) -> None:
    """A constraint that entities do not meet, now or once converted, is refused; values may change places."""
    old = await stored(kit)
    await old.create(FIRST(id="e", name="thing a", count=5))
    before = await seen(old)
    for step in (AddUnique("name"), Transform(lambda thing: {**thing, "count": 1})):
        steps = [step] if isinstance(step, AddUnique) else [AddUnique("count"), step]
        with pytest.raises(DuplicateError):
            await AsyncMigrationManager([a_migration(*steps)]).migrate(old)
        await unchanged(kit, old, before)
    unique = made(("count", Annotated[int | None, Unique()], None))
    target: Any = kit.storage.repository(unique, old.collection_name)
    turned = Transform(lambda thing: {**thing, "count": {1: -3, -3: 1}.get(thing["count"], thing["count"])})
    manager = AsyncMigrationManager([a_migration(AddUnique("count")), a_migration(turned, version="002")])
    await manager.migrate(target)
    assert {entity.id: entity.count for entity in await target.list()} == {"a": -3, "b": None, "c": 1, "e": 5}
    with pytest.raises(DuplicateError):
        await target.patch("a", count=5)


MISTAKES: Final[dict[str, Step]] = {
    "a field that is there": AddField("name", int, 0),
    "a field without a value": AddField("more", int),
    "a field that is not there": RenameField("nmae", "title"),
    "a name that is taken": RenameField("name", "count"),
    "a name that differs in case": RenameField("name", "COUNT"),
    "dropping what is not there": DropField("more"),
    "the id": DropField("id"),
    "renaming the id": RenameField("id", "key"),
    "becoming the id": RenameField("name", "id"),
    "converting the id": ConvertField("id", int, int),
    "an index on nothing": AddIndex("more"),
    "an index on a list": AddIndex("tags"),
    "an index that is not there": DropIndex("name"),
    "an index by another name": AddIndex("created_at", name="by_time"),
    "a constraint that is not there": DropUnique("name"),
    "searching a number": AddSearchable("count"),
    "not searching what is not searched": DropSearchable("count"),
    "no statements for this engine": RawStep(other=(("none", "SELECT 1"),)),
    "a name that is too long": RenameField("name", "n" * 49),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_steps_that_do_not_apply(kit: AsyncKit, mistake: str) -> None:
    """They are refused when planning already; nothing has changed, earlier migrations of the same call included."""
    old = await stored(kit)
    before = await seen(old)
    manager = AsyncMigrationManager(
        [a_migration(RenameField("version", "v")), a_migration(MISTAKES[mistake], version="002")]
    )
    with pytest.raises((ConfigurationError, UnsupportedError)):
        await manager.plan(old)
    with pytest.raises((ConfigurationError, UnsupportedError)):
        await manager.migrate(old)
    assert await manager.history(old) == []
    await unchanged(kit, old, before)


async def test_what_was_applied_must_be_what_is_known(kit: AsyncKit) -> None:
    """A changed checksum, an unknown version, one left out and an unknown target are refused, and change nothing."""
    old = await stored(kit)
    first = a_migration(AddIndex("name"))
    second = a_migration(AddIndex("name", "count"), version="002")
    third = a_migration(AddIndex("count", "name"), version="003")
    await AsyncMigrationManager([first, second]).migrate(old)

    changed = AsyncMigrationManager([first, a_migration(AddIndex("count"), version="002"), third])
    with pytest.raises(MigrationError, match="002 is not the one"):
        await changed.migrate(old)
    assert [each.state for each in await changed.status(old)] == ["applied", "changed", "pending"]
    with pytest.raises(MigrationError, match="002 was applied"):
        await AsyncMigrationManager([first]).migrate(old)
    with pytest.raises(MigrationError, match="002 was applied"):
        await AsyncMigrationManager([first]).rollback(old)
    assert [each.state for each in await AsyncMigrationManager([first]).status(old)] == ["applied", "unknown"]
    late = AsyncMigrationManager([a_migration(AddIndex("count"), version="000"), first, second])
    with pytest.raises(MigrationError, match="000 was left out"):
        await late.migrate(old)
    right = AsyncMigrationManager([third, second, first])
    with pytest.raises(MigrationError, match="no migration 007"):
        await right.migrate(old, "007")
    with pytest.raises(ConfigurationError):
        await right.migrate(old, "latest")
    assert [each.version for each in await right.migrate(old, target_version="2")] == []
    assert [each.version for each in await right.migrate(old, target_version="003")] == ["003"]
    assert [each.version for each in await right.history(old)] == ["001", "002", "003"]
    assert all(
        each.applied_at is not None and each.applied_at.tzinfo is UTC for each in await right.history(old)
    )


async def test_a_plan_changes_nothing(kit: AsyncKit) -> None:
    """It says in words what would be done, either way."""
    old = await stored(kit)
    before = await kit.storage.collections()
    manager = AsyncMigrationManager(
        [a_migration(RenameField("name", "title")), a_migration(AddUnique("title"), version="002")]
    )
    plan = await manager.plan(old)
    assert str(plan).splitlines()[1:] == [
        "  up 001 what it is for",
        "    rename the field 'name' to 'title'",
        "  up 002 what it is for",
        "    add the unique constraint on title",
    ]
    assert len((await manager.plan(old, "001")).migrations) == 1
    assert not await manager.plan(old, direction="down")
    after = await kit.storage.collections()
    assert after[old.collection_name] == before[old.collection_name]
    await manager.migrate(old)
    assert "take back: rename the field" in str(await manager.plan(old, "000", direction="down"))


async def test_stamped(kit: AsyncKit) -> None:
    """A collection that the newest class made is noted as migrated, and later migrations are carried out."""
    old = await stored(kit)
    manager = AsyncMigrationManager([a_migration(AddField("tags", list[str], []))])
    assert (await manager.plan(old)).migrations  # it is there already, just so
    manager = AsyncMigrationManager([a_migration(AddField("count", int, 0))])
    with pytest.raises(ConfigurationError, match="stamp"):
        await manager.migrate(old)
    assert [each.version for each in await manager.stamp(old)] == ["001"]
    manager.register_migration(a_migration(RenameField("name", "title"), version="002"))
    assert [each.version for each in await manager.migrate(old)] == ["002"]
