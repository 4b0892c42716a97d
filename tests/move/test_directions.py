"""From every engine to every other: the same entities, the same answers, in both colours."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from torematrix.core.storage import (
    AsyncBackendMigrator,
    AsyncStorage,
    BackendMigrator,
    DuplicateError,
    F,
    Migration,
    MigrationManager,
    Storage,
    StorageBackend,
    StorageFactory,
    Transform,
)
from torematrix.core.storage.testing.entities import SUBJECTS
from torematrix.core.storage.testing.kit.entities import Plain, Stamped
from torematrix.core.storage.testing.strategies import entities

ENGINES = ["sqlite", "postgresql", "postgresql_icu", "mongodb"]
DIRECTIONS = [
    pytest.param(*pair, id="-".join(pair))
    for pair in itertools.permutations(ENGINES, 2)
    if "postgresql_icu" not in pair or "sqlite" in pair
]


def fill(storage, lists):
    for name, subject in SUBJECTS.items():
        repository = storage.repository(subject.entity_class, f"{name}s", **subject.declarations)
        for entity in lists[name]:
            with contextlib.suppress(DuplicateError):
                stored = repository.create(entity)
                if subject.schema.revision is not None:
                    repository.update(stored)


def contents(storage):
    return {
        name: storage.repository(subject.entity_class, f"{name}s", **subject.declarations).list()
        for name, subject in SUBJECTS.items()
    }


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_hostile_values_arrive(opened, place, source, target):
    """Values that engines disagree about come over exactly, classes at hand or not, and are found there as before."""
    lists = {
        name: st.lists(entities(subject.schema), min_size=25, max_size=40)
        for name, subject in SUBJECTS.items()
    }

    @settings(max_examples=1, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries(lists))
    def check(drawn):
        origin = opened(source)
        fill(origin, drawn)
        expected = contents(origin)
        there, by_task = opened(target), place(target)
        report = BackendMigrator(batch_size=7).move(origin, there)
        assert report.verified
        assert report.is_complete
        assert report["migrated"] == sum(map(len, expected.values()))
        assert contents(there) == expected
        assert there.collections().keys() == origin.collections().keys()
        assert {name: one["fields"] for name, one in there.collections().items()} == {
            name: one["fields"] for name, one in origin.collections().items()
        }
        asyncio.run(moved_by_tasks(origin, by_task, expected))

    check()


async def moved_by_tasks(origin, target, expected):
    async with AsyncStorage.open("memory://") as between, AsyncStorage.open(target) as there:
        # By way of memory, since a storage has one colour.
        for name, subject in SUBJECTS.items():
            middle = between.repository(subject.entity_class, f"{name}s", **subject.declarations)
            for entity in expected[name]:
                await middle.create(entity)
        report = await AsyncBackendMigrator(batch_size=16).move(between, there)
        assert report.verified
        for name, subject in SUBJECTS.items():
            repository = there.repository(subject.entity_class, f"{name}s", **subject.declarations)
            assert len(await repository.list()) == len(expected[name])


def test_the_example_of_the_request(tmp_path, place):
    """The names and the call that applications were promised."""
    sqlite_repo = StorageFactory.create_repository(
        backend=StorageBackend.SQLITE,
        entity_class=Stamped,
        collection_name="documents",
        database_path=str(tmp_path / "myapp.db"),
    )
    sqlite_repo.bulk_create([Stamped(f"n{n}") for n in range(5)])
    told = []
    with Storage.open(place("postgresql")) as storage:
        postgres_repo = storage.repository(Stamped, "documents")
        migrator = BackendMigrator()
        stats = migrator.migrate_data(
            source_repo=sqlite_repo,
            target_repo=postgres_repo,
            progress_callback=lambda done, total: told.append(f"{done}/{total}"),
        )
        assert told[-1] == "5/5"
        assert stats["total_entities"] == stats["migrated"] == 5
        assert stats["failed"] == 0
        assert stats["errors"] == []
        assert stats["duration_seconds"] > 0
        assert postgres_repo.list() == sqlite_repo.list()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mongodb"])
def test_one_database_by_two_storages(opened, place, engine):
    """That both sides are the same is found out however they are reached, also where no key tells."""
    url = place(engine)
    first, second = opened(url), opened(f"{url}{'&' if '?' in url else '?'}cursor_key={'ab' * 32}")
    repository = first.repository(Plain, "plains")
    repository.ready()
    with pytest.raises(ValueError, match="same database"):
        BackendMigrator().move(first, second)
    repository.create(Plain(1))
    with pytest.raises(ValueError, match=r"same database|not empty"):
        BackendMigrator().move(first, second)
    assert repository.count() == 1


@pytest.mark.parametrize("target", ["sqlite", "postgresql", "mongodb"])
def test_values_that_the_target_refuses(opened, target):
    """What somebody wrote around the library, and no library would take, is named; the rest arrives."""
    origin = opened("sqlite")
    documents = origin.repository(dict, "documents")
    documents.bulk_create([{"id": f"{n:03}", "n": n} for n in range(200)])
    hostile = {
        "007": '{"n":"\\u0000"}',
        "100": '{"n":"\\ud800"}',
        "101": '{"n":123456789012345678901234567890}',
    }
    with origin.transaction():
        for entity_id, text in hostile.items():
            origin.native.execute("UPDATE documents SET data = ? WHERE id = ?", (text, entity_id))
    there = opened(target)
    report = BackendMigrator(batch_size=50).move(origin, there)
    refused = {error["id"] for error in report["errors"]}
    assert report["migrated"] + report["failed"] == 200
    assert refused <= set(hostile)
    assert refused or target == "sqlite"
    assert there.repository(dict, "documents").count(~F("id").in_(sorted(hostile))) == 197


@pytest.mark.parametrize("target", ["sqlite", "mongodb"])
def test_what_was_migrated_counts_as_migrated(opened, target):
    """Also where the target's repository is given; not where a function makes other entities of them."""
    origin, there = opened("memory://"), opened(target)
    plains = origin.repository(Plain, "plains")
    plains.create(Plain(7, "a"))
    double = Transform(lambda document: {**document, "value": document["value"] * 2})
    manager = MigrationManager([Migration("001", "doubled", [double])])
    manager.migrate(plains)
    moved, changed = there.repository(Plain, "moved"), there.repository(Stamped, "changed")
    assert BackendMigrator().migrate_data(plains, moved).verified
    assert manager.migrate(moved) == []
    assert [(note.version, note.state) for note in manager.history(moved)] == [("001", "applied")]
    assert moved.get("a").value == 14
    BackendMigrator().migrate_data(plains, changed, lambda plain: Stamped(str(plain.value), id=plain.id))
    assert manager.history(changed) == []
