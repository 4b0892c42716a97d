"""Automatic backups: made when due, the newest sound ones kept, nothing else touched."""

import datetime as dt
import gc
import os
import threading
import warnings
import weakref

import pytest

import torematrix.core.storage.backends.sqlite.schedule as module
from torematrix.core.storage.backends.sqlite.admin import verify_backup
from torematrix.core.storage.backends.sqlite.schedule import BackupSchedule
from torematrix.core.storage.errors import ConfigurationError, StorageError, UnavailableError

START = dt.datetime(2020, 1, 31, 23, 59, 59, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
PATIENCE = 60  # seconds, after which a test fails that waits for another thread


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backups"


@pytest.fixture
def database(open_database, folder):
    return open_database(backup_folder=str(folder), backup_interval=3600, backup_keep=3).create(rows=5)


@pytest.fixture
def schedule(database):
    """Without its thread."""
    return BackupSchedule(database, start=False)


def backups(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".manifest.json"))


def spoil(path):
    path.write_bytes(path.read_bytes()[:-1])


def test_the_first_is_due_at_once(schedule, folder):
    """The folder is made, the name holds the time in UTC, the backup is a sound one."""
    made = schedule.run_due(START)
    assert made.parent == folder
    assert made.name.startswith("app-")
    assert made.name.endswith("-20200131T235959.000001Z.db")
    assert schedule.last_backup == made
    assert schedule.last_error is None
    assert verify_backup(made)["collections"]["notes"]["rows"] == 5


def test_the_next_is_due_after_the_interval(database, schedule):
    """Counted from the newest one there, whoever made it; times of other zones are times too."""
    assert schedule.run_due(START) is not None
    for at in (START, START + HOUR - dt.timedelta(microseconds=1)):
        assert schedule.run_due(at) is None
        assert BackupSchedule(database, start=False).run_due(at) is None
    assert schedule.seconds_left(START + HOUR / 4) == 2700
    other = BackupSchedule(database, start=False)
    made = other.run_due((START + HOUR).astimezone(dt.timezone(dt.timedelta(hours=5))))
    assert "20200201T005959" in made.name
    assert schedule.run_due(START + HOUR) is None
    assert schedule.last_backup != made == other.last_backup


def test_the_newest_are_kept(schedule, folder):
    """As many as were asked for, each with its manifest; files of others stay, whatever they are called."""
    made = schedule.run_due(START)
    strangers = [
        "notes.txt",
        "app-20210101T000000.000000Z.db",
        made.name.replace("2020", "20x0"),
        made.name.replace("0131T", "9931T"),
        made.name + ".bak",
        "old-" + made.name,
        ".torematrix-new.tmp",
    ]
    for name in strangers:
        (folder / name).write_text("mine")
    kept = [schedule.run_due(START + HOUR * hours) for hours in range(1, 6)][-3:]
    assert sorted(set(backups(folder)) - set(strangers)) == [path.name for path in kept]
    assert all((folder / name).read_text() == "mine" for name in strangers)
    manifests = [path.name for path in folder.glob("*.manifest.json")]
    assert sorted(manifests) == [path.name + ".manifest.json" for path in kept]


def test_damaged_ones_do_not_count(database, schedule, folder):
    """A sound backup is not given up for a damaged one, whether it was damaged before the start or since."""
    made = [schedule.run_due(START + HOUR * hours) for hours in range(3)]
    spoil(made[1])
    spoil(made[2])
    made.append(schedule.run_due(START + HOUR * 3))
    made.append(BackupSchedule(database, start=False).run_due(START + HOUR * 4))
    assert backups(folder) == [path.name for path in made]  # three of five are sound
    made.append(schedule.run_due(START + HOUR * 5))
    assert backups(folder) == [path.name for path in made[3:]]


def test_backups_from_the_future(schedule, folder):
    """A clock that was wrong once neither stops the backups nor costs one."""
    ahead = [schedule.run_due(START + HOUR * 24 * days) for days in (900, 901, 902)]
    made = [schedule.run_due(START + HOUR * hours) for hours in range(5)]
    assert all(path is not None for path in made)
    assert backups(folder) == [path.name for path in (*made[-3:], *ahead)]


def test_databases_of_one_name_share_a_folder(open_database, folder, tmp_path):
    """Neither counts or removes the backups of the other."""
    schedules = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        options = {"backup_folder": str(folder), "backup_interval": 3600.0, "backup_keep": 1}
        database = open_database(tmp_path / name / "app[1]*.db", **options).create()
        schedules.append(BackupSchedule(database, start=False))
    for hours in range(3):
        newest = [schedule.run_due(START + HOUR * hours) for schedule in schedules]
    assert backups(folder) == sorted(path.name for path in newest)


def test_a_very_long_name(open_database, folder, tmp_path):
    """The backup's name stays within what file systems take."""
    database = open_database(tmp_path / f"{'長' * 80}.db", backup_folder=str(folder)).create()
    assert verify_backup(BackupSchedule(database, start=False).run_due(START))


def test_what_a_killed_process_left(schedule, folder):
    """Unfinished files, and manifests without a backup, go once they have not changed for a day."""
    made = schedule.run_due(START)
    lone = folder / made.name.replace("2020", "2019").replace(".db", ".db.manifest.json")
    stale, fresh = (folder / f".torematrix-{digit * 16}.tmp" for digit in "ab")
    for path, days in ((stale, 2), (lone, 2), (fresh, 0.5)):
        path.write_text("")
        changed = (START + HOUR).timestamp() - days * 86400
        os.utime(path, (changed, changed))
    os.utime(made.with_name(made.name + ".manifest.json"), (0, 0))
    schedule.run_due(START + HOUR)
    assert not stale.exists()
    assert not lone.exists()
    assert fresh.exists()
    assert verify_backup(made)


def test_a_failure_is_remembered_until_it_works(schedule, folder):
    """The error is kept and raised; the backup stays due."""
    folder.write_text("in the way")
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            schedule.run_due(START)
        assert schedule.last_error is caught.value
        assert schedule.last_backup is None
    folder.unlink()
    assert schedule.run_due(START) == schedule.last_backup
    assert schedule.last_error is None


def test_a_folder_that_is_not_to_be_made(open_database, folder):
    """With create_folder off, a folder that is missing (a disk that is not mounted) is an error."""
    database = open_database(backup_folder=str(folder), create_folder=False).create()
    with pytest.raises(ConfigurationError, match="make it first"):
        BackupSchedule(database, start=False).run_due(START)
    assert not folder.exists()


def test_there_has_to_be_a_folder(open_database):
    """Without one there is nothing to schedule."""
    with pytest.raises(ConfigurationError, match="backup_folder"):
        BackupSchedule(open_database(), start=False)


@pytest.fixture
def outcomes(monkeypatch):
    """Released each time that the thread has done what was due."""
    done = threading.Semaphore(0)
    turn = BackupSchedule.turn

    def counted(self):
        try:
            return turn(self)
        finally:
            done.release()

    monkeypatch.setattr(BackupSchedule, "turn", counted)
    return done


def test_the_thread_makes_what_is_due(database, folder, outcomes):
    """At once, and not again before it is time."""
    schedule = BackupSchedule(database)
    try:
        assert outcomes.acquire(timeout=PATIENCE)
    finally:
        schedule.stop()
    assert backups(folder) == [schedule.last_backup.name]
    schedule = BackupSchedule(database)
    try:
        assert outcomes.acquire(timeout=PATIENCE)
    finally:
        schedule.stop()
        schedule.stop()
    assert schedule.last_backup is None
    assert len(backups(folder)) == 1


def test_the_thread_goes_on(open_database, folder, outcomes):
    """Again and again, also after failures."""
    database = open_database(backup_folder=str(folder), backup_interval=0.001, backup_keep=2).create()
    folder.write_text("in the way")
    schedule = BackupSchedule(database)
    try:
        for _ in range(2):
            assert outcomes.acquire(timeout=PATIENCE)
        assert isinstance(schedule.last_error, StorageError)
        assert schedule.last_backup is None
        folder.unlink()
        seen = set()
        while len(seen) < 4:
            assert outcomes.acquire(timeout=PATIENCE)
            seen.add(schedule.last_backup)
    finally:
        schedule.stop()
    assert 1 <= len(backups(folder)) <= 3


def test_stopping_gives_up_a_backup_under_way(database, folder, monkeypatch):
    """No file is left, the thread is gone, and giving up is no error."""
    begun = threading.Event()
    make = module.backup

    def slow(driver, path, *, stopped):
        def wait():
            begun.set()
            return waiting.wait(PATIENCE) and stopped()

        return make(driver, path, stopped=wait)

    waiting = threading.Event()
    monkeypatch.setattr(module, "backup", slow)
    schedule = BackupSchedule(database)
    assert begun.wait(PATIENCE)
    schedule._stopping.set()
    waiting.set()
    schedule.stop()
    assert list(folder.iterdir()) == []
    assert (schedule.last_backup, schedule.last_error) == (None, None)
    assert not any(thread.name == "torematrix-backups" for thread in threading.enumerate())
    with pytest.raises(UnavailableError):
        schedule.run_due(START)


def test_a_forgotten_schedule_ends(database, outcomes, monkeypatch):
    """A storage that was dropped without being closed keeps no thread alive, not even until it would next wake."""
    monkeypatch.setattr(module, "_LONGEST_WAIT", 10 * PATIENCE)
    schedule = BackupSchedule(database)
    thread, gone = schedule._thread, weakref.ref(schedule)
    assert outcomes.acquire(timeout=PATIENCE)
    del schedule
    gc.collect()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert gone() is None


def test_a_forked_child_makes_none(database, folder, outcomes):
    """It has no thread, refuses to run, and stopping there is harmless."""
    schedule = BackupSchedule(database)
    try:
        assert outcomes.acquire(timeout=PATIENCE)
        before = backups(folder)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # of fork beside threads, which is what is tested
            child = os.fork()
        if child == 0:
            code = 1
            try:
                alive = schedule._thread.is_alive()
                schedule.stop()
                schedule.run_due(dt.datetime.now(dt.UTC) + HOUR * 24)
            except StorageError as error:
                code = 0 if "forked" in str(error) and not alive else 2
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert backups(folder) == before
    finally:
        schedule.stop()
