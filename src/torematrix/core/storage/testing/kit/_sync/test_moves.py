# generated from _async/test_moves.py by tools/generate_twins.py: do not edit
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
    BackendMigrator,
    ConfigurationError,
    ConflictError,
    DuplicateError,
    Feature,
    InvalidQueryError,
    MoveProgress,
    MoveReport,
    Storage,
    Unique,
)

from ..._sync.harness import Kit
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


def _plain(kit: Kit, count: int, name: str | None = None) -> Any:
    repository = kit.repository(Plain, name)
    kit.store(repository, [Plain(number, f"{number:05}") for number in range(count)])
    return repository


def _memory() -> Storage:
    return Storage.open("memory://")


def _all(repository: Any) -> list[Any]:
    return [entity for entity in repository.stream()]


# -------------------------------------------------------------------------------------------------------- what arrives


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_everything_arrives_as_it_was(kit: Kit, name: str) -> None:
    """Random entities come to another engine and back, by their class and without it, exactly as they were."""
    kit.needs_snapshots()
    subject = SUBJECTS[name]
    repository: Any = kit.run(kit.repository(subject.entity_class, **subject.declarations))

    @effort(0.03)
    @given(st.lists(entities(subject.schema), max_size=6), st.sampled_from([1, 2, 100]))
    def check(stored: list[Any], batch_size: int) -> None:
        assert kit.run(_there_and_back(kit, repository, stored, batch_size, subject))

    check()


def _there_and_back(kit: Kit, repository: Any, stored: list[Any], batch_size: int, subject: Any) -> bool:
    kit.clear(repository)
    for entity in stored:
        with suppress(DuplicateError):
            created = repository.create(entity)
            if subject.schema.revision is not None:
                repository.update(created)
    expected = _all(repository)
    migrator = BackendMigrator(batch_size)
    with _memory() as elsewhere:
        there: Any = elsewhere.repository(subject.entity_class, "there", **subject.declarations)
        report = migrator.migrate_data(repository, there)
        assert (report["migrated"], report["failed"], report.verified) == (len(expected), 0, True)
        assert _all(there) == expected
        back: Any = kit.storage.repository(subject.entity_class, kit.name(), **subject.declarations)
        report = migrator.migrate_data(there, back)
        assert (report["migrated"], report.verified) == (len(expected), True)
        assert _all(back) == expected
        name = repository.collection_name
        report = migrator.move(kit.storage, elsewhere, [name])
        assert (report["migrated"], report.verified) == (len(expected), True)
        assert _all(elsewhere.repository(subject.entity_class, name, **subject.declarations)) == expected
    return True


def test_what_the_storage_fills_in_is_kept(kit: Kit) -> None:
    """Ids, both times and the revision are those of the source."""
    stamped: Any = kit.repository(Stamped)
    account: Any = kit.repository(Account)
    stamped.update(stamped.create(Stamped("a")))
    for _ in range(3):
        stored = account.list()
        (account.update(stored[0]) if stored else account.create(Account("x")))
    fresh = kit.fresh()
    for repository in (stamped, account):
        there: Any = fresh.repository(repository.entity_class, repository.collection_name)
        report = BackendMigrator().migrate_data(repository, there)
        assert report.is_complete
        assert _all(there) == _all(repository)


def test_thousands_arrive_batch_by_batch(kit: Kit) -> None:
    """Every batch is told of, and nothing is missing at their borders."""
    source = _plain(kit, 2_500)
    target: Any = kit.storage.repository(Plain, kit.name())
    told: list[tuple[int, int]] = []
    report = BackendMigrator(batch_size=700).migrate_data(
        source_repo=source,
        target_repo=target,
        progress_callback=lambda done, total: told.append((done, total)),
    )
    assert _all(target) == _all(source)
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


def test_nothing_is_moved_from_nothing(kit: Kit) -> None:
    """An empty collection is moved like any other."""
    source = _plain(kit, 0)
    fresh = kit.fresh()
    report = BackendMigrator().move(kit.storage, fresh, [source.collection_name])
    assert (report["total_entities"], report.verified) == (0, True)
    assert source.collection_name in fresh.collections()


def test_a_whole_storage_moves(kit: Kit) -> None:
    """All collections of a storage, without their classes; what the library keeps for itself is not one of them."""
    source = kit.fresh()
    numbers, notes = source.repository(Plain, "kit_numbers"), source.repository(dict, "kit_notes")
    numbers.bulk_create([Plain(number) for number in range(30)])
    notes.bulk_create([{"id": "a", "x": [1, 1.0, None]}, {"id": "b", "x.y": {"$": True}}])
    names = ["kit_notes", "kit_numbers"]
    with _memory() as target:
        seen: list[MoveProgress] = []
        report = BackendMigrator(watcher=seen.append).move(source, target, names)
        assert sorted(report["collections"]) == names
        assert report["migrated"] == report["total_entities"] == 32
        assert report.verified
        assert {(told.collection, told.stage.value) for told in seen} == {
            (name, stage) for name in names for stage in ("copying", "verifying")
        }
        assert sorted(target.collections()) == names
        back = kit.fresh()
        BackendMigrator().move(target, back, names)
        assert _all(back.repository(dict, "kit_notes")) == _all(notes)
        assert _all(back.repository(Plain, "kit_numbers")) == _all(numbers)


def test_search_works_at_once(kit: Kit) -> None:
    """What is kept for searching comes to be with the rows, also where the target declares it otherwise."""
    source = kit.documents(searchable=["t"])
    kit.store(source, [{"id": str(n), "t": f"word{n} common", "u": "other"} for n in range(5)])
    target: Any = kit.storage.repository(dict, kit.name(), searchable=["t", ("u", 2)])
    report = BackendMigrator().migrate_data(source, target)
    assert report.verified
    assert [found["id"] for found in target.search("word3")] == ["3"]
    assert len(target.search("other")) == 5


# ------------------------------------------------------------------------------------------------------ on the way


def test_a_function_changes_entities_on_the_way(kit: Kit) -> None:
    """``transform_fn`` makes the entity to store, or leaves it out; identity stays."""
    source = _plain(kit, 10)
    target: Any = kit.storage.repository(Renamed, kit.name())

    def renamed(entity: Plain) -> Renamed | None:
        return None if entity.value % 5 == 0 else Renamed(entity.value * 2, f"was {entity.value}")

    report = BackendMigrator(batch_size=3).migrate_data(source, target, renamed)
    assert (report["migrated"], report["skipped"], report["failed"]) == (8, 2, 0)
    assert report.verified
    expected = [Renamed(n * 2, f"was {n}", f"{n:05}") for n in range(10) if n % 5]
    assert _all(target) == expected


def test_a_transformed_entity_keeps_its_times_and_revision(kit: Kit) -> None:
    """What was created long ago still was, when a function has changed it on the way."""
    source: Any = kit.repository(Stamped)
    created = source.create(Stamped("a", created_at=dt.datetime(2001, 2, 3, tzinfo=dt.UTC)))
    target: Any = kit.storage.repository(Stamped, kit.name())
    BackendMigrator().migrate_data(source, target, lambda one: dataclasses.replace(one, name="b"))
    assert _all(target) == [dataclasses.replace(created, name="b")]


def test_what_is_refused_is_collected(kit: Kit) -> None:
    """An entity for which the function fails, or that the target refuses, is named; all others are stored."""
    source = _plain(kit, 40)
    target: Any = kit.storage.repository(Coded, kit.name(), indexes=[Unique("value")])

    def coded(entity: Plain) -> Coded:
        if entity.value == 7:
            raise RuntimeError("seven")
        return Coded(3 if entity.value in (9, 21) else entity.value)

    report = BackendMigrator(batch_size=16).migrate_data(source, target, coded)
    assert (report["migrated"], report["failed"]) == (37, 3)
    assert [error["id"] for error in report["errors"]] == ["00007", "00009", "00021"]
    assert "seven" in report["errors"][0]["error"]
    assert "DuplicateError" in report["errors"][1]["error"]
    assert not report.is_complete
    assert report["differences"]["missing_ids"] == ["00007", "00009", "00021"]
    assert len(_all(target)) == 37


@pytest.mark.parametrize("by_function", [True, False])
def test_a_move_stops_at_what_is_refused(kit: Kit, by_function: bool) -> None:
    """With ``on_error="stop"`` everything before is stored, and the move can be resumed when the cause is gone."""
    source = _plain(kit, 20)
    target: Any = kit.storage.repository(Coded, kit.name(), indexes=[Unique("value")])
    failing = True

    def coded(entity: Plain) -> Coded:
        if failing and entity.value == 12:
            if by_function:
                raise RuntimeError("twelve")
            return Coded(11)
        return Coded(entity.value)

    with pytest.raises(RuntimeError if by_function else DuplicateError) as caught:
        BackendMigrator(batch_size=8, on_error="stop").migrate_data(source, target, coded)
    assert any("00012" in note for note in caught.value.__notes__)
    assert [entity.value for entity in _all(target)] == list(range(12))
    failing = False
    report = BackendMigrator(batch_size=8, resume=True).migrate_data(source, target, coded)
    assert (report["resumed"], report["migrated"], report.verified) == (12, 20, True)


def test_a_changed_id_is_refused(kit: Kit) -> None:
    """A move keeps ids: verification goes by them."""
    source = _plain(kit, 1)
    target: Any = kit.storage.repository(Plain, kit.name())
    report = BackendMigrator().migrate_data(source, target, lambda one: Plain(one.value, "other"))
    assert (report["migrated"], report["failed"]) == (0, 1)
    assert "id" in report["errors"][0]["error"]


# ------------------------------------------------------------------------------------------------- before it begins


def test_a_dry_run_writes_nothing(kit: Kit) -> None:
    """It reads everything, calls the function for everything, and leaves no trace."""
    source = _plain(kit, 5)
    fresh = kit.fresh()
    migrator = BackendMigrator(dry_run=True)
    report = migrator.move(kit.storage, fresh, [source.collection_name])
    assert (report["dry_run"], report["migrated"], report["verified"]) == (True, 5, None)
    assert source.collection_name not in fresh.collections()

    def failing(_: Plain) -> Plain:
        raise RuntimeError("no")

    report = migrator.migrate_data(source, fresh.repository(Plain, "kit_dry"), failing)
    assert (report["migrated"], report["failed"]) == (0, 5)
    assert "kit_dry" not in fresh.collections()


def test_a_target_that_holds_something_is_refused(kit: Kit) -> None:
    """Nothing is written into a collection that is not empty."""
    source, target = _plain(kit, 3), _plain(kit, 2)
    with pytest.raises(ConfigurationError, match="not empty: it holds 2 entities"):
        BackendMigrator().migrate_data(source, target)
    with pytest.raises(ConfigurationError, match="not empty"):
        BackendMigrator(resume=True).migrate_data(source, target)
    assert len(_all(target)) == 2


def test_the_source_is_no_target(kit: Kit) -> None:
    """A collection is not moved onto itself."""
    source = _plain(kit, 3)
    with pytest.raises(ConfigurationError, match="same database"):
        BackendMigrator().migrate_data(source, source)
    with pytest.raises(ConfigurationError, match="same database"):
        BackendMigrator().move(kit.storage, kit.storage, [source.collection_name])


def test_another_schema_is_refused(kit: Kit) -> None:
    """A field of another type stands against the move, which says so and has written nothing."""

    @dataclass
    class Other:
        value: str = ""
        id: str | None = None

    source = _plain(kit, 3)
    name = kit.name()
    kit.repository(Other, name)
    with pytest.raises(ConfigurationError, match="'value' has another type"):
        BackendMigrator().migrate_data(source, kit.storage.repository(Other, name))
    untouched = kit.name()
    with pytest.raises(ConfigurationError, match="value"):
        BackendMigrator().migrate_data(source, kit.storage.repository(Other, untouched))
    assert untouched not in kit.storage.collections()


def test_a_class_that_has_grown_is_no_other_schema(kit: Kit) -> None:
    """Fields that only one side knows come over, or get their defaults."""

    @dataclass
    class Grown:
        value: int = 0
        label: str = "new"
        tags: list[str] = dataclasses.field(default_factory=list)
        id: str | None = None

    source = _plain(kit, 3)
    grown: Any = kit.repository(Grown)
    report = BackendMigrator().migrate_data(source, grown)
    assert report["migrated"] == 3
    assert _all(grown) == [Grown(n, id=f"{n:05}") for n in range(3)]
    shrunk: Any = kit.storage.repository(Plain, kit.name())
    grown.update(Grown(5, "kept", ["t"], "00000"))
    report = BackendMigrator().migrate_data(grown, shrunk)
    assert report.verified
    again: Any = kit.storage.repository(Grown, shrunk.collection_name)
    assert _all(again) == _all(grown)


def test_there_has_to_be_something_to_move(kit: Kit) -> None:
    """A collection that is not there is named; a batch of no size is refused."""
    fresh = kit.fresh()
    with pytest.raises(ConfigurationError, match="no collection 'kit_nothing'"):
        BackendMigrator().move(kit.storage, fresh, ["kit_nothing"])
    for batch_size in (0, -1, True, 10**9):
        with pytest.raises(InvalidQueryError, match="batch_size"):
            BackendMigrator(batch_size)


# -------------------------------------------------------------------------------------------------- interrupted


class _Killed(BaseException):
    """What ends a process at this place."""


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_an_interrupted_move_is_resumed(kit: Kit, killed_after: int) -> None:
    """It goes on behind what is stored: nothing is lost, nothing stored twice."""
    source = _plain(kit, 1_000)
    target: Any = kit.storage.repository(Plain, kit.name())
    left = killed_after

    def kill(*_: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise _Killed

    with pytest.raises(_Killed):
        BackendMigrator(batch_size=150).migrate_data(source, target, progress_callback=kill)
    come = len(_all(target))
    assert 0 < come < 1_000
    with pytest.raises(ConfigurationError, match="unfinished move of the same source"):
        BackendMigrator().migrate_data(source, target)
    other = _plain(kit, 5)
    with pytest.raises(ConfigurationError, match="part of another move"):
        BackendMigrator(resume=True).migrate_data(other, target)
    report = BackendMigrator(resume=True).migrate_data(source, target)
    assert (report["resumed"], report["migrated"], report.verified) == (come, 1_000, True)
    assert _all(target) == _all(source)
    with pytest.raises(ConfigurationError, match="not empty"):
        BackendMigrator().migrate_data(source, target)
    again = BackendMigrator(resume=True).migrate_data(source, target)
    assert (again["migrated"], again.verified) == (1_000, True)


def test_of_two_moves_into_one_collection_one_is_refused(kit: Kit) -> None:
    """The one that was overtaken finds out before it writes a row, and the other one completes."""
    kit.needs_snapshots()
    source = _plain(kit, 400)
    target: Any = kit.storage.repository(Plain, kit.name())
    target.ready()

    def move() -> Any:
        try:
            return BackendMigrator(batch_size=10, resume=True).migrate_data(source, target)
        except ConflictError:
            return None

    reports = [report for report in kit.company.together(move, move) if report is not None]
    assert reports
    for report in reports:
        assert (report["migrated"], report["failed"], report.verified) == (400, 0, True)
    assert _all(target) == _all(source)


# ------------------------------------------------------------------------------------------------- verification


def test_verification_names_what_differs(kit: Kit) -> None:
    """Missing, added and changed entities are found wherever they stand, and named."""
    source = _plain(kit, 1_000)
    target: Any = kit.storage.repository(Plain, kit.name())
    migrator = BackendMigrator(batch_size=64)
    assert migrator.migrate_data(source, target).verified
    target.bulk_delete(["00000", "00500", "00999"])
    target.bulk_create([Plain(1, "-"), Plain(1, "00300b"), Plain(1, "x")])
    target.patch("00700", value=1)
    report = migrator.verify_data(source, target)
    assert report.verified is False
    differences = report["differences"]
    assert differences["missing_ids"] == ["00000", "00500", "00999"]
    assert differences["extra_ids"] == ["-", "00300b", "x"]
    assert differences["different_ids"] == ["00700"]
    assert [differences[kind] for kind in ("missing", "extra", "different")] == [3, 3, 1]


def test_a_source_that_changes_is_found_out(kit: Kit) -> None:
    """What is written to the source behind the move's back shows in the report."""
    source = _plain(kit, 300)
    target: Any = kit.storage.repository(Plain, kit.name())
    kept: list[Any] = []

    def transform(entity: Plain) -> Plain:
        return entity

    first = BackendMigrator(batch_size=100, verify=False)
    first.migrate_data(source, target, transform, lambda done, total: kept.append(done))
    source.patch("00001", value=-1)
    source.delete("00002")
    source.create(Plain(7, "00000a"))
    report = BackendMigrator().verify_data(source, target)
    assert report["differences"]["different_ids"] == ["00001"]
    assert report["differences"]["extra_ids"] == ["00002"]
    assert report["differences"]["missing_ids"] == ["00000a"]


def test_a_checksum_is_the_same_on_every_engine(kit: Kit) -> None:
    """It says what is stored, whatever stores it and in whichever batches it was read."""
    source: Any = kit.documents()
    kit.store(source, [{"id": str(n), "b": n * 1.5, "a": {"y": [n, None], "x": "é"}} for n in range(300)])
    sums: set[str] = set()
    name = source.collection_name
    for batch_size in (7, 1_000):
        with _memory() as elsewhere:
            report = BackendMigrator(batch_size).move(kit.storage, elsewhere, [name])
            sums.add(report["collections"][name]["checksum"])
            fresh = kit.fresh()
            back: Any = fresh.repository(dict, f"kit_back_{batch_size}")
            report = BackendMigrator().migrate_data(elsewhere.repository(dict, name), back)
            sums.add(report["checksum"])
    assert len(sums) == 1
