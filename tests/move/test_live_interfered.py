"""A live move and others who do something to its source: migrate it, release it, go on with the same move."""

from __future__ import annotations

import contextlib
import time

import pytest

from torematrix.core.storage import (
    BackendMigrator,
    ConfigurationError,
    ConflictError,
    Migration,
    MigrationError,
    MigrationManager,
    MovedError,
    Storage,
    Transform,
    UnavailableError,
)
from torematrix.core.storage.core._sync.following import Follower
from torematrix.core.storage.core.moves import Stage
from torematrix.core.storage.testing.kit.entities import Plain

ENGINES = ["memory", "sqlite", "postgresql", "mongodb"]
COUNT = 300
NAME = "plains"


def _double(document):
    return {**document, "value": document["value"] * 2}


DOUBLED = Migration("001", "every value is doubled", [Transform(_double)])


class Killed(BaseException):
    """The end of a process."""


@pytest.fixture
def filled(opened, place):
    """Gives a storage with entities, on an engine."""

    def fill(engine):
        source = opened("memory://" if engine == "memory" else place(engine))
        source.repository(Plain, NAME).bulk_create([Plain(n, f"{n:05}") for n in range(COUNT)])
        return source

    return fill


def once(work):
    """A callback for progress that does the work when it is first called."""
    done = []

    def act(*_):
        if not done:
            done.append(True)
            work()

    return act


@pytest.fixture
def killed_amid_the_fence(monkeypatch):
    """Has a move end where it is behind the fence, as if it were killed there."""

    @contextlib.contextmanager
    def amid():
        def killed(*_):
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(Follower, "finish", killed)
            patched.setattr(Follower, "unfence", lambda _: None)
            with pytest.raises(Killed):
                yield

    return amid


@pytest.mark.parametrize("engine", ENGINES)
def test_a_migration_on_the_way_ends_the_move(filled, engine):
    """Also one that leaves the schema as it is: the target would not know that it was applied, and apply it again."""
    source, target = filled(engine), Storage.open("memory://")
    plains = source.repository(Plain, NAME)
    change = once(lambda: MigrationManager([DOUBLED]).migrate(plains))
    with pytest.raises(ConfigurationError, match="or it was migrated"):
        BackendMigrator(100, live=True).move(source, target, progress_callback=change)
    assert plains.patch("00007", value=1).value == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_release_on_the_way_ends_the_move(filled, engine):
    """What is written from then on is noted for nobody, so there is no cut-over."""
    source, target = filled(engine), Storage.open("memory://")
    plains = source.repository(Plain, NAME)

    def release():
        BackendMigrator().release(source)
        plains.patch("00007", value=-1)

    with pytest.raises(ConfigurationError, match="was released"):
        BackendMigrator(100, live=True).move(source, target, progress_callback=once(release))
    assert plains.patch("00007", value=1).value == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_mover_that_was_left_behind_takes_nothing_from_the_next(filled, engine):
    """Its source was released, and is moved elsewhere: the notes are the other one's."""
    source, target, other = filled(engine), Storage.open("memory://"), Storage.open("memory://")
    plains = source.repository(Plain, NAME)

    def begin_another():
        BackendMigrator().release(source)
        with pytest.raises(Killed):
            BackendMigrator(100, live=True).move(source, other, progress_callback=_kill)
        plains.patch("00007", value=-1)

    with pytest.raises(ConfigurationError, match="another live move of it has begun"):
        BackendMigrator(100, live=True).move(source, target, progress_callback=once(begin_another))
    report = BackendMigrator(live=True, resume=True).move(source, other)
    assert (report.verified, report["cut_over"]) == (True, True)
    assert other.repository(Plain, NAME).get("00007").value == -1


def _kill(*_):
    raise Killed


@pytest.mark.parametrize("engine", ENGINES)
def test_the_fence_of_whoever_went_on_with_it_stays(filled, engine, monkeypatch):
    """One that was taken over notices at the fence at the latest, and does not take down the other's."""
    source, target = filled(engine), Storage.open("memory://")
    plains = source.repository(Plain, NAME)
    settle = Follower.settle

    def late(self):
        settle(self)
        monkeypatch.setattr(Follower, "settle", settle)
        assert BackendMigrator(live=True, resume=True).move(source, target)["cut_over"]

    monkeypatch.setattr(Follower, "settle", late)
    with pytest.raises(ConflictError):
        BackendMigrator(live=True).move(source, target)
    with pytest.raises(MovedError):
        plains.create(Plain(1))
    with pytest.raises(MovedError):
        plains.delete("00007")


def test_writers_are_told_where_a_mover_was_killed_amid_the_fence(
    filled, place, opened, killed_amid_the_fence
):
    """On MongoDB, where a fence is no part of a transaction: within the deadline, and once it is resumed they go on."""
    url = place("mongodb")
    source, target = opened(url), opened("memory://")
    source.repository(Plain, NAME).bulk_create([Plain(n, f"{n:05}") for n in range(COUNT)])
    writer = Storage.open(url, operation_timeout=1.0)
    plains = writer.repository(Plain, NAME)
    assert plains.count() == COUNT
    with killed_amid_the_fence():
        BackendMigrator(live=True).move(source, target)
    for write in (lambda: plains.create(Plain(1, "new")), lambda: plains.delete("00007")):
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="resumed, or the source released") as told:
            write()
        assert time.monotonic() - started < 10
        assert not isinstance(told.value, MovedError)

    def written(progress):
        if progress.stage is Stage.VERIFYING:
            plains.patch("00008", value=-8)
            plains.delete("00009")

    report = BackendMigrator(live=True, resume=True, watcher=written).move(source, target)
    assert (report.verified, report["cut_over"]) == (True, True)
    moved = target.repository(Plain, NAME)
    assert moved.get("00008").value == -8
    assert moved.count() == COUNT - 1
    writer.close()


def test_a_release_amid_the_fence(filled, killed_amid_the_fence):
    """Everything is taken as before."""
    source, target = filled("mongodb"), Storage.open("memory://")
    with killed_amid_the_fence():
        BackendMigrator(live=True).move(source, target)
    BackendMigrator().release(source)
    plains = source.repository(Plain, NAME)
    plains.create(Plain(1, "new"))
    assert plains.delete("new")


def test_what_was_moved_is_not_migrated(filled):
    """On MongoDB a migration passes by what keeps documents out, so it is refused; reads go on."""
    source, target = filled("mongodb"), Storage.open("memory://")
    assert BackendMigrator(live=True).move(source, target)["cut_over"]
    plains = source.repository(Plain, NAME)
    manager = MigrationManager([DOUBLED])
    with pytest.raises(MigrationError, match="moved to another database"):
        manager.migrate(plains)
    assert [each.state for each in manager.status(plains)] == ["pending"]
    assert plains.get("00007").value == 7
    with pytest.raises(MovedError):
        plains.create(Plain(1))
    BackendMigrator().release(source)
    assert len(manager.migrate(plains)) == 1
    assert plains.get("00007").value == 14
    plains.create(Plain(1))


def test_what_is_being_migrated_is_not_fenced(filled):
    """On MongoDB, where a migration is a while on its way: a fence would hold a part of it, and release too little."""
    source, target = filled("mongodb"), Storage.open("memory://")
    plains = source.repository(Plain, NAME)

    def stop(done, total):
        raise Killed

    def migrate():
        with pytest.raises(Killed):
            MigrationManager([DOUBLED]).migrate(plains, progress=stop)

    with pytest.raises(ConfigurationError, match="or it was migrated"):
        BackendMigrator(100, live=True).move(source, target, progress_callback=once(migrate))
    BackendMigrator().release(source)
    assert len(MigrationManager([DOUBLED]).migrate(plains)) == 1
    assert plains.get("00007").value == 14
    plains.create(Plain(1))


def test_a_collection_that_came_later_does_not_hide_what_others_missed(filled):
    """On MongoDB, where notes are kept by time: a new collection begins later than those that were interrupted."""
    source, target = filled("mongodb"), Storage.open("memory://")
    plains = source.repository(Plain, NAME)
    with pytest.raises(Killed):
        BackendMigrator(100, live=True).move(source, target, progress_callback=_kill)
    plains.patch("00007", value=-1)
    plains.delete("00008")
    source.repository(Plain, "a_first_one").create(Plain(1))
    report = BackendMigrator(live=True, resume=True).move(source, target)
    assert list(report["collections"]) == ["a_first_one", NAME]
    assert (report.verified, report["cut_over"]) == (True, True)
    assert target.repository(Plain, NAME).get("00007").value == -1
    assert not target.repository(Plain, NAME).exists("00008")
