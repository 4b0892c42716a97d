"""Restoring: what was backed up comes back, and an existing database is given up for nothing less."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from torematrix.core.storage.backends.sqlite.admin import backup, restore
from torematrix.core.storage.errors import (
    ConfigurationError,
    CorruptionError,
    StorageError,
    UnavailableError,
)


@pytest.fixture
def saved(open_database, tmp_path):
    """A backup with 100 rows; the database it was made of is gone."""
    folder = tmp_path / "backups"
    folder.mkdir()
    database = open_database(tmp_path / "old.db").create(rows=100)
    backup(database, folder / "copy.db")
    database.close()
    (tmp_path / "old.db").unlink()
    return folder / "copy.db"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "data" / "app.db"


@pytest.fixture
def existing(open_database, target):
    """A closed database with 7 rows where the backup is to go."""
    target.parent.mkdir()
    open_database(target).create(rows=7).close()
    return target


@contextlib.contextmanager
def opened(path):
    connection = apsw.Connection(str(path))
    try:
        yield connection
    finally:
        connection.close()


def rows(path):
    with opened(path) as connection:
        return connection.execute("SELECT count(*) FROM notes").fetchall()[0][0]


def names(path):
    return sorted(each.name for each in path.parent.iterdir())


def test_round_trip(open_database, saved, target):
    """What is restored opens and works, search index included; the backup is still there."""
    target.parent.mkdir()
    result = restore(saved, target)
    assert result["replaced"] is False
    assert result["collections"]["notes"]["rows"] == 100
    assert names(target) == ["app.db"]
    database = open_database(target)
    assert database.query("SELECT count(*), min(id) FROM notes") == [(100, "n1")]
    assert database.query("SELECT rowid FROM \"notes$search\"('word42')") == [(42,)]
    assert database.query("PRAGMA journal_mode") == [("wal",)]
    database.add("notes", 1)
    assert backup(database, saved.with_name("again.db"))["collections"]["notes"]["rows"] == 101


def test_an_existing_database_is_refused(saved, existing):
    """It stays as it was, unless it is to be replaced."""
    before = existing.read_bytes()
    with pytest.raises(StorageError, match=r"'app\.db' is there already.*replaced") as caught:
        restore(saved, existing)
    assert (caught.value.backend, caught.value.operation) == ("sqlite", "restore")
    assert existing.read_bytes() == before
    assert names(existing) == ["app.db"]


@pytest.mark.parametrize("beside", ["app.db-wal", "app.db-journal", "app.db-shm"])
def test_a_lone_file_of_sqlites_is_refused(saved, target, beside):
    """It would be applied to the restored database. When it is to be replaced it goes."""
    target.parent.mkdir()
    target.with_name(beside).write_bytes(b"left over")
    with pytest.raises(StorageError, match=f"'{beside}' is there already"):
        restore(saved, target)
    assert names(target) == [beside]
    restore(saved, target, replace=True)
    assert names(target) == ["app.db"]
    assert rows(target) == 100


def test_replacing(saved, existing):
    """The old database is gone, with what it kept beside it; its mode stays."""
    existing.chmod(0o640)
    assert restore(saved, existing, replace=True)["replaced"] is True
    assert names(existing) == ["app.db"]
    assert existing.stat().st_mode & 0o777 == 0o640
    assert rows(existing) == 100


def test_replacing_what_is_not_there(saved, target):
    """Is the same as restoring."""
    target.parent.mkdir()
    assert restore(saved, target, replace=True)["replaced"] is False
    assert rows(target) == 100


def test_a_link_to_the_database(saved, existing, tmp_path):
    """The database is replaced where it is; the link leads there still."""
    link = tmp_path / "link.db"
    link.symlink_to(existing)
    restore(saved, link, replace=True)
    assert link.is_symlink()
    assert rows(existing) == 100


# Writes a row to a database, says so, and waits to be told how to end.
WRITER = """
import os, signal, sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.pragma("journal_mode", sys.argv[2])
connection.execute(sys.argv[3])
connection.execute("INSERT INTO notes (id) VALUES (hex(randomblob(8)))")
print("ready", flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


@contextlib.contextmanager
def another_process(path, journal_mode="wal", first="SELECT 1"):
    """A process that has the database open, and is killed at the end."""
    arguments = [sys.executable, "-c", WRITER, str(path), journal_mode, first]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield
        process.communicate("end\n")


def test_a_database_that_another_process_has_open(saved, existing):
    """It is refused, though that process is idle; it works when that process is gone, however it went."""
    with another_process(existing):
        before = names(existing)
        with pytest.raises(UnavailableError, match="open somewhere"):
            restore(saved, existing, replace=True)
        assert names(existing) == before
    assert existing.with_name("app.db-wal").stat().st_size > 0
    restore(saved, existing, replace=True)
    assert names(existing) == ["app.db"]
    assert rows(existing) == 100


def test_a_database_that_another_process_writes(saved, existing):
    """An open transaction keeps it, without a WAL as well."""
    with another_process(existing, "delete", "BEGIN"), pytest.raises(UnavailableError):
        restore(saved, existing, replace=True)
    assert rows(existing) == 7


def test_a_database_that_this_process_has_open(open_database, saved, existing):
    """A reader is enough, and goes on reading and writing."""
    database = open_database(existing)
    database.query("SELECT 1 FROM notes")
    for _ in range(2):
        with pytest.raises(UnavailableError):
            restore(saved, existing, replace=True)
    database.add("notes", 1)
    assert database.query("SELECT count(*) FROM notes") == [(8,)]


@pytest.mark.parametrize("damage", ["header", "all", "schema", "truncated", "empty", "text"])
@pytest.mark.parametrize("in_use", [None, "wal", "delete"])
def test_a_damaged_database_can_be_replaced(saved, existing, damage, in_use):
    """That is what backups are for. Even so, not while somebody has it open, or without a WAL is writing to it."""
    with contextlib.ExitStack() as stack:
        if in_use:
            stack.enter_context(another_process(existing, in_use, "BEGIN"))
        content = bytearray(existing.read_bytes())
        if damage == "header":
            content[:100] = bytes(100)
        elif damage == "all":
            content[:] = os.urandom(len(content))
        elif damage == "schema":
            content[100:4096] = b"\xff" * 3996
        elif damage == "truncated":
            del content[5000:]
        elif damage == "empty":
            content.clear()
        else:
            content[:] = b"not a database at all\n" * 50
        # Not through Python's files while it is open here: closing one would release SQLite's locks.
        existing.write_bytes(content)
        if in_use:
            with pytest.raises(UnavailableError):
                restore(saved, existing, replace=True)
            assert existing.read_bytes() == content
    restore(saved, existing, replace=True)
    assert names(existing) == ["app.db"]
    assert rows(existing) == 100


def test_a_failure_at_the_last_moment(saved, existing, monkeypatch):
    """The old database is there with everything that its WAL held."""
    with another_process(existing):
        pass  # killed: the row it wrote is in the WAL alone
    rename = Path.replace
    alone = existing.parent.with_name("alone.db")  # what a power failure at that moment would leave of it

    def fail(self, other):
        if Path(other) == existing:
            shutil.copyfile(existing, alone)
            raise OSError(5, "Input/output error")
        return rename(self, other)

    for damaged in (False, True):
        if damaged:
            with another_process(existing):
                pass
            wal = existing.with_name("app.db-wal").read_bytes()
            header = existing.read_bytes()[:100]
            with existing.open("r+b") as file:
                file.write(bytes(100))
        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(StorageError, match="Input/output error"):
            restore(saved, existing, replace=True)
        monkeypatch.undo()
        assert damaged or rows(alone) == 8
        assert [name for name in names(existing) if name.startswith(".")] == []
        if damaged:
            assert existing.with_name("app.db-wal").read_bytes() == wal
            with existing.open("r+b") as file:
                file.write(header)
        assert rows(existing) == 8 + damaged


def test_a_full_disk(saved, existing):
    """Nothing is left of the copy, and the old database stays."""
    before = existing.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageError, match=r"full.*free some space") as caught:
            restore(saved, existing, replace=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.retryable
    assert names(existing) == ["app.db"]
    assert existing.read_bytes() == before


def test_a_backup_that_was_changed(saved, existing):
    """It is found out before anything else happens."""
    content = bytearray(saved.read_bytes())
    content[5000] ^= 1
    saved.write_bytes(content)
    before = existing.read_bytes()
    with pytest.raises(CorruptionError, match="SHA-256"):
        restore(saved, existing, replace=True)
    assert existing.read_bytes() == before


def test_what_cannot_be_a_target(saved, tmp_path):
    """A folder, a missing folder, memory, and the backup itself."""
    with pytest.raises(ConfigurationError, match="is a folder"):
        restore(saved, tmp_path)
    with pytest.raises(ConfigurationError, match="make it first"):
        restore(saved, tmp_path / "missing" / "app.db")
    with pytest.raises(ConfigurationError, match="to a file"):
        restore(saved, Path(":memory:"))
    with pytest.raises(ConfigurationError, match="the same file"):
        restore(saved, saved, replace=True)
    with pytest.raises(ConfigurationError, match="no backup file"):
        restore(tmp_path / "none.db", tmp_path / "app.db")
