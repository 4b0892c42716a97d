"""Moves: what a storage holds, in another one, whatever the engine of either."""

from __future__ import annotations

import dataclasses
import datetime as dt
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage import (
    AsyncBackendMigrator,
    AsyncStorage,
    ConfigurationError,
    ConflictError,
    DuplicateError,
    Feature,
    InvalidQueryError,
    MoveProgress,
    MoveReport,
    Unique,
)

from ..._async.harness import AsyncKit
from ...entities import SUBJECTS
from ...needs import needs
from ...strategies import effort, entities
from ..entities import Account, Plain, Stamped

pytestmark = needs(Feature.TRANSACTIONS, Feature.BULK_WRITES)


@dataclass
class Renamed:
    """A Plain of another program."""

    amount: int = 0
    label: str = ""
    id: str | None = None


@dataclass
class Coded:
    """A Plain whose value is unique."""

    value: int = 0
    id: str | None = None


async def _plain(kit: AsyncKit, count: int, name: str | None = None) -> Any:
    repository = await kit.repository(Plain, name)
    await kit.store(repository, [Plain(number, f"{number:05}") for number in range(count)])
    return repository


async def _memory() -> AsyncStorage:
    return await AsyncStorage.open_awaited("memory://")


async def _all(repository: Any) -> list[Any]:
    return [entity async for entity in repository.stream()]


# -------------------------------------------------------------------------------------------------------- what arrives


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_everything_arrives_as_it_was(kit: AsyncKit, name: str) -> None:
    """Random entities come to another engine and back, by their class and without it, exactly as they were."""
    kit.needs_snapshots()
    subject = SUBJECTS[name]
    repository: Any = kit.run(kit.repository(subject.entity_class, **subject.declarations))

    @effort(0.03)
    @given(st.lists(entities(subject.schema), max_size=6), st.sampled_from([1, 2, 100]))
    def check(stored: list[Any], batch_size: int) -> None:
        assert kit.run(_there_and_back(kit, repository, stored, batch_size, subject))

    check()


async def _there_and_back(
    kit: AsyncKit, repository: Any, stored: list[Any], batch_size: int, subject: Any
) -> bool:
    await kit.clear(repository)
    for entity in stored:
        with suppress(DuplicateError):
            created = await repository.create(entity)
            if subject.schema.revision is not None:
                await repository.update(created)
    expected = await _all(repository)
    migrator = AsyncBackendMigrator(batch_size)
    async with await _memory() as elsewhere:
        there: Any = elsewhere.repository(subject.entity_class, "there", **subject.declarations)
        report = await migrator.migrate_data(repository, there)
        assert (report["migrated"], report["failed"], report.verified) == (len(expected), 0, True)
        assert await _all(there) == expected
        back: Any = kit.storage.repository(subject.entity_class, kit.name(), **subject.declarations)
        report = await migrator.migrate_data(there, back)
        assert (report["migrated"], report.verified) == (len(expected), True)
        assert await _all(back) == expected
        name = repository.collection_name
        report = await migrator.move(kit.storage, elsewhere, [name])
        assert (report["migrated"], report.verified) == (len(expected), True)
        assert (
            await _all(elsewhere.repository(subject.entity_class, name, **subject.declarations)) == expected
        )
    return True


async def test_what_the_storage_fills_in_is_kept(kit: AsyncKit) -> None:
    """Ids, both times and the revision are those of the source."""
    stamped: Any = await kit.repository(Stamped)
    account: Any = await kit.repository(Account)
    await stamped.update(await stamped.create(Stamped("a")))
    for _ in range(3):
        stored = await account.list()
        await (account.update(stored[0]) if stored else account.create(Account("x")))
    fresh = await kit.fresh()
    for repository in (stamped, account):
        there: Any = fresh.repository(repository.entity_class, repository.collection_name)
        report = await AsyncBackendMigrator().migrate_data(repository, there)
        assert report.is_complete
        assert await _all(there) == await _all(repository)


async def test_thousands_arrive_batch_by_batch(kit: AsyncKit) -> None:
    """Every batch is told of, and nothing is missing at their borders."""
    source = await _plain(kit, 2_500)
    target: Any = kit.storage.repository(Plain, kit.name())
    told: list[tuple[int, int]] = []
    report = await AsyncBackendMigrator(batch_size=700).migrate_data(
        source_repo=source,
        target_repo=target,
        progress_callback=lambda done, total: told.append((done, total)),
    )
    assert await _all(target) == await _all(source)
    assert told[-1] == (2_500, 2_500)
    assert sorted(told) == told
    assert len(told) > 3
    assert report["total_entities"] == report["migrated"] == 2_500
    assert (report["failed"], report["errors"], report["verified"]) == (0, [], True)
    assert report["duration_seconds"] > 0
    assert isinstance(report, MoveReport)
    assert dict(report).keys() == set(report)
    assert "migrated=2500" in repr(report)
    assert report.is_complete


async def test_nothing_is_moved_from_nothing(kit: AsyncKit) -> None:
    """An empty collection is moved like any other."""
    source = await _plain(kit, 0)
    fresh = await kit.fresh()
    report = await AsyncBackendMigrator().move(kit.storage, fresh, [source.collection_name])
    assert (report["total_entities"], report.verified) == (0, True)
    assert source.collection_name in await fresh.collections()


async def test_a_whole_storage_moves(kit: AsyncKit) -> None:
    """All collections of a storage, without their classes; what the library keeps for itself is not one of them."""
    source = await kit.fresh()
    numbers, notes = source.repository(Plain, "kit_numbers"), source.repository(dict, "kit_notes")
    await numbers.bulk_create([Plain(number) for number in range(30)])
    await notes.bulk_create([{"id": "a", "x": [1, 1.0, None]}, {"id": "b", "x.y": {"$": True}}])
    names = ["kit_notes", "kit_numbers"]
    async with await _memory() as target:
        seen: list[MoveProgress] = []
        report = await AsyncBackendMigrator(watcher=seen.append).move(source, target, names)
        assert sorted(report["collections"]) == names
        assert report["migrated"] == report["total_entities"] == 32
        assert report.verified
        assert {(told.collection, told.stage.value) for told in seen} == {
            (name, stage) for name in names for stage in ("copying", "verifying")
        }
        assert sorted(await target.collections()) == names
        back = await kit.fresh()
        await AsyncBackendMigrator().move(target, back, names)
        assert await _all(back.repository(dict, "kit_notes")) == await _all(notes)
        assert await _all(back.repository(Plain, "kit_numbers")) == await _all(numbers)


async def test_search_works_at_once(kit: AsyncKit) -> None:
    """What is kept for searching comes to be with the rows, also where the target declares it otherwise."""
    source = await kit.documents(searchable=["t"])
    await kit.store(source, [{"id": str(n), "t": f"word{n} common", "u": "other"} for n in range(5)])
    target: Any = kit.storage.repository(dict, kit.name(), searchable=["t", ("u", 2)])
    report = await AsyncBackendMigrator().migrate_data(source, target)
    assert report.verified
    assert [found["id"] for found in await target.search("word3")] == ["3"]
    assert len(await target.search("other")) == 5


# ------------------------------------------------------------------------------------------------------ on the way


async def test_a_function_changes_entities_on_the_way(kit: AsyncKit) -> None:
    """``transform_fn`` makes the entity to store, or leaves it out; identity stays."""
    source = await _plain(kit, 10)
    target: Any = kit.storage.repository(Renamed, kit.name())

    def renamed(entity: Plain) -> Renamed | None:
        return None if entity.value % 5 == 0 else Renamed(entity.value * 2, f"was {entity.value}")

    report = await AsyncBackendMigrator(batch_size=3).migrate_data(source, target, renamed)
    assert (report["migrated"], report["skipped"], report["failed"]) == (8, 2, 0)
    assert report.verified
    expected = [Renamed(n * 2, f"was {n}", f"{n:05}") for n in range(10) if n % 5]
    assert await _all(target) == expected


async def test_a_transformed_entity_keeps_its_times_and_revision(kit: AsyncKit) -> None:
    """What was created long ago still was, when a function has changed it on the way."""
    source: Any = await kit.repository(Stamped)
    created = await source.create(Stamped("a", created_at=dt.datetime(2001, 2, 3, tzinfo=dt.UTC)))
    target: Any = kit.storage.repository(Stamped, kit.name())
    await AsyncBackendMigrator().migrate_data(source, target, lambda one: dataclasses.replace(one, name="b"))
    assert await _all(target) == [dataclasses.replace(created, name="b")]


async def test_what_is_refused_is_collected(kit: AsyncKit) -> None:
    """An entity for which the function fails, or that the target refuses, is named; all others are stored."""
    source = await _plain(kit, 40)
    target: Any = kit.storage.repository(Coded, kit.name(), indexes=[Unique("value")])

    def coded(entity: Plain) -> Coded:
        if entity.value == 7:
            raise RuntimeError("seven")
        return Coded(3 if entity.value in (9, 21) else entity.value)

    report = await AsyncBackendMigrator(batch_size=16).migrate_data(source, target, coded)
    assert (report["migrated"], report["failed"]) == (37, 3)
    assert [error["id"] for error in report["errors"]] == ["00007", "00009", "00021"]
    assert "seven" in report["errors"][0]["error"]
    assert "DuplicateError" in report["errors"][1]["error"]
    assert not report.is_complete
    assert report["differences"]["missing_ids"] == ["00007", "00009", "00021"]
    assert len(await _all(target)) == 37


@pytest.mark.parametrize("by_function", [True, False])
async def test_a_move_stops_at_what_is_refused(kit: AsyncKit, by_function: bool) -> None:
    """With ``on_error="stop"`` everything before is stored, and the move can be resumed when the cause is gone."""
    source = await _plain(kit, 20)
    target: Any = kit.storage.repository(Coded, kit.name(), indexes=[Unique("value")])
    failing = True

    def coded(entity: Plain) -> Coded:
        if failing and entity.value == 12:
            if by_function:
                raise RuntimeError("twelve")
            return Coded(11)
        return Coded(entity.value)

    with pytest.raises(RuntimeError if by_function else DuplicateError) as caught:
        await AsyncBackendMigrator(batch_size=8, on_error="stop").migrate_data(source, target, coded)
    assert any("00012" in note for note in caught.value.__notes__)
    assert [entity.value for entity in await _all(target)] == list(range(12))
    failing = False
    report = await AsyncBackendMigrator(batch_size=8, resume=True).migrate_data(source, target, coded)
    assert (report["resumed"], report["migrated"], report.verified) == (12, 20, True)


async def test_a_changed_id_is_refused(kit: AsyncKit) -> None:
    """A move keeps ids: verification goes by them."""
    source = await _plain(kit, 1)
    target: Any = kit.storage.repository(Plain, kit.name())
    report = await AsyncBackendMigrator().migrate_data(source, target, lambda one: Plain(one.value, "other"))
    assert (report["migrated"], report["failed"]) == (0, 1)
    assert "id" in report["errors"][0]["error"]


# ------------------------------------------------------------------------------------------------- before it begins


async def test_a_dry_run_writes_nothing(kit: AsyncKit) -> None:
    """It reads everything, calls the function for everything, and leaves no trace."""
    source = await _plain(kit, 5)
    fresh = await kit.fresh()
    migrator = AsyncBackendMigrator(dry_run=True)
    report = await migrator.move(kit.storage, fresh, [source.collection_name])
    assert (report["dry_run"], report["migrated"], report["verified"]) == (True, 5, None)
    assert source.collection_name not in await fresh.collections()

    def failing(_: Plain) -> Plain:
        raise RuntimeError("no")

    report = await migrator.migrate_data(source, fresh.repository(Plain, "kit_dry"), failing)
    assert (report["migrated"], report["failed"]) == (0, 5)
    assert "kit_dry" not in await fresh.collections()


async def test_a_target_that_holds_something_is_refused(kit: AsyncKit) -> None:
    """Nothing is written into a collection that is not empty."""
    source, target = await _plain(kit, 3), await _plain(kit, 2)
    with pytest.raises(ConfigurationError, match="not empty: it holds 2 entities"):
        await AsyncBackendMigrator().migrate_data(source, target)
    with pytest.raises(ConfigurationError, match="not empty"):
        await AsyncBackendMigrator(resume=True).migrate_data(source, target)
    assert len(await _all(target)) == 2


async def test_the_source_is_no_target(kit: AsyncKit) -> None:
    """A collection is not moved onto itself."""
    source = await _plain(kit, 3)
    with pytest.raises(ConfigurationError, match="same database"):
        await AsyncBackendMigrator().migrate_data(source, source)
    with pytest.raises(ConfigurationError, match="same database"):
        await AsyncBackendMigrator().move(kit.storage, kit.storage, [source.collection_name])


async def test_another_schema_is_refused(kit: AsyncKit) -> None:
    """A field of another type stands against the move, which says so and has written nothing."""

    @dataclass
    class Other:
        value: str = ""
        id: str | None = None

    source = await _plain(kit, 3)
    name = kit.name()
    await kit.repository(Other, name)
    with pytest.raises(ConfigurationError, match="'value' has another type"):
        await AsyncBackendMigrator().migrate_data(source, kit.storage.repository(Other, name))
    untouched = kit.name()
    with pytest.raises(ConfigurationError, match="value"):
        await AsyncBackendMigrator().migrate_data(source, kit.storage.repository(Other, untouched))
    assert untouched not in await kit.storage.collections()


async def test_a_class_that_has_grown_is_no_other_schema(kit: AsyncKit) -> None:
    """Fields that only one side knows come over, or get their defaults."""

    @dataclass
    class Grown:
        value: int = 0
        label: str = "new"
        tags: list[str] = dataclasses.field(default_factory=list)
        id: str | None = None

    source = await _plain(kit, 3)
    grown: Any = await kit.repository(Grown)
    report = await AsyncBackendMigrator().migrate_data(source, grown)
    assert report["migrated"] == 3
    assert await _all(grown) == [Grown(n, id=f"{n:05}") for n in range(3)]
    shrunk: Any = kit.storage.repository(Plain, kit.name())
    await grown.update(Grown(5, "kept", ["t"], "00000"))
    report = await AsyncBackendMigrator().migrate_data(grown, shrunk)
    assert report.verified
    again: Any = kit.storage.repository(Grown, shrunk.collection_name)
    assert await _all(again) == await _all(grown)


async def test_there_has_to_be_something_to_move(kit: AsyncKit) -> None:
    """A collection that is not there is named; a batch of no size is refused."""
    fresh = await kit.fresh()
    with pytest.raises(ConfigurationError, match="no collection 'kit_nothing'"):
        await AsyncBackendMigrator().move(kit.storage, fresh, ["kit_nothing"])
    for batch_size in (0, -1, True, 10**9):
        with pytest.raises(InvalidQueryError, match="batch_size"):
            AsyncBackendMigrator(batch_size)


# -------------------------------------------------------------------------------------------------- interrupted


class _Killed(BaseException):
    """What ends a process at this place."""


@pytest.mark.parametrize("killed_after", [1, 2, 3])
async def test_an_interrupted_move_is_resumed(kit: AsyncKit, killed_after: int) -> None:
    """It goes on behind what is stored: nothing is lost, nothing stored twice."""
    source = await _plain(kit, 1_000)
    target: Any = kit.storage.repository(Plain, kit.name())
    left = killed_after

    def kill(*_: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise _Killed

    with pytest.raises(_Killed):
        await AsyncBackendMigrator(batch_size=150).migrate_data(source, target, progress_callback=kill)
    come = len(await _all(target))
    assert 0 < come < 1_000
    with pytest.raises(ConfigurationError, match="unfinished move of the same source"):
        await AsyncBackendMigrator().migrate_data(source, target)
    other = await _plain(kit, 5)
    with pytest.raises(ConfigurationError, match="part of another move"):
        await AsyncBackendMigrator(resume=True).migrate_data(other, target)
    report = await AsyncBackendMigrator(resume=True).migrate_data(source, target)
    assert (report["resumed"], report["migrated"], report.verified) == (come, 1_000, True)
    assert await _all(target) == await _all(source)
    with pytest.raises(ConfigurationError, match="not empty"):
        await AsyncBackendMigrator().migrate_data(source, target)
    again = await AsyncBackendMigrator(resume=True).migrate_data(source, target)
    assert (again["migrated"], again.verified) == (1_000, True)


async def test_of_two_moves_into_one_collection_one_is_refused(kit: AsyncKit) -> None:
    """The one that was overtaken finds out before it writes a row, and the other one completes."""
    kit.needs_snapshots()
    source = await _plain(kit, 400)
    target: Any = kit.storage.repository(Plain, kit.name())
    await target.ready()

    async def move() -> Any:
        try:
            return await AsyncBackendMigrator(batch_size=10, resume=True).migrate_data(source, target)
        except ConflictError:
            return None

    reports = [report for report in await kit.company.together(move, move) if report is not None]
    assert reports
    for report in reports:
        assert (report["migrated"], report["failed"], report.verified) == (400, 0, True)
    assert await _all(target) == await _all(source)


# ------------------------------------------------------------------------------------------------- verification


async def test_verification_names_what_differs(kit: AsyncKit) -> None:
    """Missing, added and changed entities are found wherever they stand, and named."""
    source = await _plain(kit, 1_000)
    target: Any = kit.storage.repository(Plain, kit.name())
    migrator = AsyncBackendMigrator(batch_size=64)
    assert (await migrator.migrate_data(source, target)).verified
    await target.bulk_delete(["00000", "00500", "00999"])
    await target.bulk_create([Plain(1, "-"), Plain(1, "00300b"), Plain(1, "x")])
    await target.patch("00700", value=1)
    report = await migrator.verify_data(source, target)
    assert report.verified is False
    differences = report["differences"]
    assert differences["missing_ids"] == ["00000", "00500", "00999"]
    assert differences["extra_ids"] == ["-", "00300b", "x"]
    assert differences["different_ids"] == ["00700"]
    assert [differences[kind] for kind in ("missing", "extra", "different")] == [3, 3, 1]


async def test_a_source_that_changes_is_found_out(kit: AsyncKit) -> None:
    """What is written to the source behind the move's back shows in the report."""
    source = await _plain(kit, 300)
    target: Any = kit.storage.repository(Plain, kit.name())
    kept: list[Any] = []

    def transform(entity: Plain) -> Plain:
        return entity

    first = AsyncBackendMigrator(batch_size=100, verify=False)
    await first.migrate_data(source, target, transform, lambda done, total: kept.append(done))
    await source.patch("00001", value=-1)
    await source.delete("00002")
    await source.create(Plain(7, "00000a"))
    report = await AsyncBackendMigrator().verify_data(source, target)
    assert report["differences"]["different_ids"] == ["00001"]
    assert report["differences"]["extra_ids"] == ["00002"]
    assert report["differences"]["missing_ids"] == ["00000a"]


async def test_a_checksum_is_the_same_on_every_engine(kit: AsyncKit) -> None:
    """It says what is stored, whatever stores it and in whichever batches it was read."""
    source: Any = await kit.documents()
    await kit.store(
        source, [{"id": str(n), "b": n * 1.5, "a": {"y": [n, None], "x": "é"}} for n in range(300)]
    )
    sums: set[str] = set()
    name = source.collection_name
    for batch_size in (7, 1_000):
        async with await _memory() as elsewhere:
            report = await AsyncBackendMigrator(batch_size).move(kit.storage, elsewhere, [name])
            sums.add(report["collections"][name]["checksum"])
            fresh = await kit.fresh()
            back: Any = fresh.repository(dict, f"kit_back_{batch_size}")
            report = await AsyncBackendMigrator().migrate_data(elsewhere.repository(dict, name), back)
            sums.add(report["checksum"])
    assert len(sums) == 1
