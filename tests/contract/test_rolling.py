"""A rolling deployment: two versions of a class write the same entities beside a backfill, then the old one is gone."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Annotated

import pytest

from torematrix.core.storage import (
    AsyncMigrationManager,
    AsyncStorage,
    ConflictError,
    ConvertField,
    DropField,
    F,
    Migration,
    Revision,
    Upgrade,
)

ENTITIES = 6
ROUNDS = 25


@dataclass
class Before:
    """Two counts in one text."""

    counts: str
    version: Annotated[int, Revision()] = 0
    id: str | None = None


@dataclass
class After:
    """The same as two numbers."""

    ours: int
    theirs: int
    version: Annotated[int, Revision()] = 0
    id: str | None = None


UPGRADE = Upgrade(
    ("ours", "theirs"),
    {"counts": str},
    up=lambda old: dict(zip(("ours", "theirs"), map(int, old["counts"].split()), strict=True)),
    down=lambda new: {"counts": f"{new['ours']} {new['theirs']}"},
)


class Contract(Migration):
    version = "001"
    description = "the old version is gone"
    steps = (
        DropField("counts"),
        DropField("upgraded_from"),
        ConvertField("ours", int),
        ConvertField("theirs", int),
    )


async def guarded(read, write):
    """One more, however often somebody else was faster."""
    while True:
        with contextlib.suppress(ConflictError):
            return await write(await read())


async def old_version(url, identities):
    async with AsyncStorage.open(url) as storage:
        repository = storage.repository(Before, "counted")

        async def one_more(held):
            ours, theirs = held.counts.split()
            return await repository.update(Before(f"{int(ours) + 1} {theirs}", held.version, held.id))

        for _ in range(ROUNDS):
            for identity in identities:
                await guarded(lambda i=identity: repository.get(i), one_more)


async def new_version(url, identities):
    async with AsyncStorage.open(url) as storage:
        repository = storage.repository(After, "counted", upgrade=UPGRADE)

        async def one_more(held):
            return await repository.update(After(held.ours, held.theirs + 1, held.version, held.id))

        for _ in range(ROUNDS):
            for identity in identities:
                await guarded(lambda i=identity: repository.get(i), one_more)


async def backfilling(url, done):
    async with AsyncStorage.open(url) as storage:
        repository = storage.repository(After, "counted", upgrade=UPGRADE)
        filled = 0
        while not done.is_set():
            filled += await repository.backfill()
            await asyncio.sleep(0.005)
        assert filled > 0
        await repository.backfill()
        assert await repository.backfill() == 0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url",
    ["sqlite:///{tmp}/rolling.db", "{postgresql}", "{mongodb}"],
    ids=["sqlite", "postgresql", "mongodb"],
)
async def test_two_versions_side_by_side(new_database, url):
    url = new_database(url)
    identities = [f"{number}" for number in range(ENTITIES)]
    async with AsyncStorage.open(url) as storage:
        await storage.repository(Before, "counted").bulk_create(
            [Before("0 0", id=each) for each in identities]
        )
    done = asyncio.Event()
    filling = asyncio.create_task(backfilling(url, done))
    await asyncio.gather(*(version(url, identities) for version in (old_version, new_version) * 2))
    done.set()
    await filling
    async with AsyncStorage.open(url) as storage:
        repository = storage.repository(After, "counted")
        manager = AsyncMigrationManager()
        manager.register_migration(Contract())
        await manager.migrate(repository)
        stored = await repository.list(sort_by="id")
        assert [(each.ours, each.theirs) for each in stored] == [(2 * ROUNDS, 2 * ROUNDS)] * ENTITIES
        assert await repository.count(F("theirs") == 2 * ROUNDS) == ENTITIES
        description = (await storage.collections())["counted"]
        assert set(description["fields"]) == {"ours", "theirs", "version", "id"}
