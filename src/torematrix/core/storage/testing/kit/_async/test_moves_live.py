"""Live moves: what is written while a collection is moved is in the target, and then nothing more is written."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import pytest

from torematrix.core.storage import (
    AsyncBackendMigrator,
    AsyncMigrationManager,
    AsyncStorage,
    ConfigurationError,
    Feature,
    Migration,
    MovedError,
    MoveReport,
    Searchable,
    Transform,
    Unique,
)

from ..._async.harness import AsyncKit
from ...needs import needs
from ..entities import Account, Plain, Stamped

pytestmark = needs(Feature.LIVE_MOVES)

_COUNT: Final = 500


class _Interrupted(Exception):  # noqa: N818 - no failure of the move's
    """The end of a process amid the copying."""


@contextlib.asynccontextmanager
async def _target(kit: AsyncKit) -> AsyncGenerator[AsyncStorage]:
    """An empty database to move to; the source takes writes again behind it."""
    async with await AsyncStorage.open_awaited("memory://") as target:
        try:
            yield target
        finally:
            await AsyncBackendMigrator().release(kit.storage)


async def _begin(kit: AsyncKit, target: AsyncStorage, name: str, *, live: bool = True) -> None:
    """A move that is interrupted when two of five batches are copied."""

    def interrupt(done: int, _total: int) -> None:
        if done >= 200:
            raise _Interrupted

    with pytest.raises(_Interrupted):
        await AsyncBackendMigrator(100, live=live).move(kit.storage, target, [name], interrupt)


async def _resume(kit: AsyncKit, target: AsyncStorage, name: str, **options: Any) -> MoveReport:
    migrator = AsyncBackendMigrator(100, live=True, resume=True, **options)
    return await migrator.move(kit.storage, target, [name])


async def _filled(kit: AsyncKit, entity_class: Any, make: Callable[[int], Any]) -> Any:
    repository: Any = await kit.repository(entity_class)
    await kit.store(repository, [make(number) for number in range(_COUNT)])
    return repository


def _plain(number: int) -> Plain:
    return Plain(number, f"{number:05}")


async def _all(repository: Any) -> list[Any]:
    return [entity async for entity in repository.stream()]


async def test_what_is_written_meanwhile_is_followed(kit: AsyncKit) -> None:
    """On either side of the place that the copying has reached, one by one and together; deletes do not come back."""
    source = await _filled(kit, Stamped, lambda number: Stamped(f"title {number}", id=f"{number:05}"))
    async with _target(kit) as target:
        await _begin(kit, target, source.collection_name)
        await source.patch("00001", name="patched before")
        await source.patch("00401", name="patched behind")
        await source.update(replace(await source.get("00002"), name="updated"))
        assert await source.delete("00003")
        assert await source.delete("00403")
        await source.create(Stamped("created", id="00000a"))
        await source.upsert(replace(await source.get("00404"), name="upserted"))
        async with kit.storage.transaction():
            await source.create(Stamped("in a transaction", id="00000b"))
            await source.delete("00005")
        await source.bulk_delete(["00006", "00406"])
        await source.bulk_create([Stamped("together", id=f"{number:05}z") for number in range(150)])
        with pytest.raises(_Interrupted):
            async with kit.storage.transaction():
                await source.delete("00007")
                raise _Interrupted
        report = await _resume(kit, target, source.collection_name)
        assert (report.verified, report["cut_over"], report["failed"]) == (True, True, 0)
        assert report["caught_up"] > 150
        assert report["pause_seconds"] > 0
        assert report["total_entities"] == report["migrated"] == _COUNT + 2 + 150 - 5
        moved: Any = target.repository(Stamped, source.collection_name)
        assert await _all(moved) == await _all(source)
        assert not await moved.exists("00003")
        assert (await moved.get("00001")).name == "patched before"


async def test_searchable_text_is_followed(kit: AsyncKit) -> None:
    """What the target finds is what the source finds."""

    @dataclass
    class Page:
        text: Annotated[str, Searchable()] = ""
        id: str | None = None

    source = await _filled(kit, Page, lambda number: Page(f"word{number} all", f"{number:05}"))
    async with _target(kit) as target:
        await _begin(kit, target, source.collection_name)
        await source.patch("00001", text="another thing")
        await source.delete("00002")
        await source.create(Page("another day", "00002a"))
        assert (await _resume(kit, target, source.collection_name)).verified
        moved: Any = target.repository(Page, source.collection_name)
        for query in ("another", "word2", "word1", "all"):
            assert await moved.search(query, with_hits=True) == await source.search(query, with_hits=True)


_WRITES: Final[dict[str, Callable[[Any], Awaitable[Any]]]] = {
    "create": lambda repository: repository.create(Plain(1)),
    "update": lambda repository: repository.update(Plain(7, "00001")),
    "upsert": lambda repository: repository.upsert(Plain(7, "00001")),
    "upsert a new one": lambda repository: repository.upsert(Plain(7, "new")),
    "patch": lambda repository: repository.patch("00001", value=7),
    "delete": lambda repository: repository.delete("00001"),
    "bulk_create": lambda repository: repository.bulk_create([Plain(1), Plain(2)]),
    "bulk_update": lambda repository: repository.bulk_update([Plain(7, "00001"), Plain(7, "00002")]),
    "bulk_delete": lambda repository: repository.bulk_delete(["00001", "00002"]),
}


async def test_then_nothing_more_is_written_there(kit: AsyncKit) -> None:
    """Every write is refused and changes nothing, also in a transaction; reads go on; a release ends it."""
    source = await _filled(kit, Plain, _plain)
    before = await _all(source)
    async with _target(kit) as target:
        report = await AsyncBackendMigrator(live=True).move(kit.storage, target, [source.collection_name])
        assert report["cut_over"]
        for write in _WRITES.values():
            with pytest.raises(MovedError) as caught:
                await write(source)
            assert not caught.value.retryable
            assert caught.value.backend == kit.storage.backend
            with pytest.raises(MovedError):
                async with kit.storage.transaction():
                    await write(source)
        assert await _all(source) == before
        assert await source.count() == _COUNT
        other: Any = await kit.repository(Plain)
        await other.create(Plain(1))  # what was not moved is not touched
        await AsyncBackendMigrator().release(kit.storage)
        for name, write in _WRITES.items():
            await write(source)
            if name == "delete":
                await source.create(Plain(1, "00001"))
        assert await source.exists("new")


async def test_values_that_change_places(kit: AsyncKit) -> None:
    """A unique value that passes from one entity to another is stored, whichever of them is looked at first."""
    source = await _filled(kit, Account, lambda number: Account(f"{number}@example.com", id=f"{number:05}"))
    async with _target(kit) as target:
        await _begin(kit, target, source.collection_name)
        for one, other in (("00001", "00401"), ("00402", "00002"), ("00003", "00004")):
            first, second = await source.get(one), await source.get(other)
            held = (first.email, second.email)
            first = await source.update(replace(first, email=f"nobody-{one}"))
            await source.update(replace(second, email=held[0]))
            await source.update(replace(first, email=held[1]))
        report = await _resume(kit, target, source.collection_name)
        assert (report.verified, report["cut_over"], report["failed"]) == (True, True, 0)
        assert await _all(target.repository(Account, source.collection_name)) == await _all(source)


async def test_where_both_sides_differ_the_source_stays(kit: AsyncKit) -> None:
    """Somebody else's entity in the target is found, and writers are not sent there."""
    source = await _filled(kit, Plain, _plain)
    name = source.collection_name
    async with _target(kit) as target:
        await _begin(kit, target, name)
        moved: Any = target.repository(Plain, name)
        await moved.create(Plain(1, "zzz"))
        report = await _resume(kit, target, name)
        assert (report.verified, report["cut_over"], report["pause_seconds"]) == (False, False, None)
        assert report["differences"]["extra"] == 1
        await source.patch("00001", value=-1)
        await moved.delete("zzz")
        report = await _resume(kit, target, name)
        assert (report.verified, report["cut_over"]) == (True, True)
        assert (await moved.get("00001")).value == -1


async def test_what_cannot_be_resumed_is_refused(kit: AsyncKit) -> None:
    """A plain move as a live one, a live one as a plain one, and one whose source was not followed meanwhile."""
    source = await _filled(kit, Plain, _plain)
    name = source.collection_name
    async with _target(kit) as target, _target(kit) as other:
        await _begin(kit, target, name, live=False)
        with pytest.raises(ConfigurationError, match="without --live"):
            await _resume(kit, target, name)
        await _begin(kit, other, name)
        with pytest.raises(ConfigurationError, match="with --live"):
            await AsyncBackendMigrator(resume=True).move(kit.storage, other, [name])
        async with await AsyncStorage.open_awaited("memory://") as third:
            with pytest.raises(ConfigurationError, match="another live move"):
                await AsyncBackendMigrator(live=True).move(kit.storage, third, [name])
        await AsyncBackendMigrator().release(kit.storage)
        await source.patch("00001", value=-1)
        with pytest.raises(ConfigurationError, match="was not noted"):
            await _resume(kit, other, name)
        await AsyncBackendMigrator().release(kit.storage)
        await source.patch("00001", value=-2)


async def test_a_schema_that_has_grown_comes_along(kit: AsyncKit) -> None:
    """A newer version of the class, begun while the move was interrupted, adds its field to the target too."""

    @dataclass
    class More:
        value: int = 0
        more: int = 7
        id: str | None = None

    source = await _filled(kit, Plain, _plain)
    name = source.collection_name
    async with _target(kit) as target:
        await _begin(kit, target, name)
        newer: Any = kit.storage.repository(More, name)
        await newer.create(More(1, 2, "new"))
        report = await _resume(kit, target, name)
        assert (report.verified, report["cut_over"]) == (True, True)
        assert await _all(target.repository(More, name)) == await _all(newer)


async def test_collections_are_moved_one_after_the_other(kit: AsyncKit) -> None:
    """The fence of one is not that of another: each takes writes until both its sides are the same."""
    first, second = await _filled(kit, Plain, _plain), await _filled(kit, Plain, _plain)
    async with _target(kit) as target:
        await _begin(kit, target, second.collection_name)
        assert (await AsyncBackendMigrator(live=True).move(kit.storage, target, [first.collection_name]))[
            "cut_over"
        ]
        with pytest.raises(MovedError):
            await first.patch("00001", value=-1)
        await second.patch("00001", value=-1)
        await second.delete("00002")
        report = await _resume(kit, target, second.collection_name)
        assert (report.verified, report["cut_over"]) == (True, True)
        for name, source in ((first.collection_name, first), (second.collection_name, second)):
            with pytest.raises(MovedError):
                await source.patch("00001", value=-2)
            assert await _all(target.repository(Plain, name)) == await _all(source)
        await AsyncBackendMigrator().release(kit.storage)
        await first.patch("00001", value=-3)
        await second.patch("00001", value=-3)


async def test_a_migration_between_two_runs_comes_along(kit: AsyncKit) -> None:
    """What it made is followed, and it counts as applied in the target, so that nothing is done twice there."""
    source = await _filled(kit, Plain, _plain)
    name = source.collection_name
    double = Transform(lambda document: {**document, "value": document["value"] * 2})
    manager = AsyncMigrationManager([Migration("001", "doubled", [double])])
    async with _target(kit) as target:
        await _begin(kit, target, name)
        await manager.migrate(source)
        assert (await _resume(kit, target, name))["cut_over"]
        moved: Any = target.repository(Plain, name)
        assert await manager.migrate(moved) == []
        assert [entity.value for entity in await _all(moved)] == [number * 2 for number in range(_COUNT)]


async def test_what_was_refused_is_tried_again(kit: AsyncKit) -> None:
    """Once the source holds nothing more that the target cannot, the move is resumed and ends."""

    @dataclass
    class Named:
        name: str = ""
        id: str | None = None

    @dataclass
    class Unnamed:
        name: Annotated[str, Unique()] = ""
        id: str | None = None

    source = await _filled(kit, Named, lambda number: Named(f"{number}", f"{number:05}"))
    name = source.collection_name
    await source.patch("00402", name="1")
    async with _target(kit) as target:
        assert await target.repository(Unnamed, name).count() == 0
        await _begin(kit, target, name)
        await source.patch("00003", name="2")
        report = await _resume(kit, target, name)
        assert (report.verified, report["cut_over"], report["failed"]) == (False, False, 2)
        # Not what was refused is written to, but what stood in its way.
        await source.patch("00001", name="one")
        await source.patch("00002", name="two")
        report = await _resume(kit, target, name)
        assert (report.verified, report["cut_over"], report["failed"]) == (True, True, 0)
        moved: Any = target.repository(Unnamed, name)
        assert (await moved.get("00402")).name == "1"
