"""What goes wrong outside the library: each fault gives a clear StorageError, and leaves the data as it was."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest

from torematrix.core.storage import (
    ConfigurationError,
    CorruptionError,
    PermissionDeniedError,
    SQLiteConfig,
    Storage,
    StorageError,
    UnavailableError,
)


@dataclass
class Note:
    id: str | None = None
    text: str = ""


def fill(path: Path, count: int = 500) -> None:
    with Storage(SQLiteConfig(database_path=str(path))) as storage:
        storage.repository(Note).bulk_create([Note(f"n{at}", "words " * 50) for at in range(count)])


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """A file of something else is refused and left alone."""
    path = tmp_path / "notes.db"
    path.write_bytes(b"This is a diary, not a database. " * 200)
    before = path.read_bytes()
    with pytest.raises(CorruptionError, match="not a SQLite database"):
        Storage.open(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_truncated_file(tmp_path: Path) -> None:
    """A file that lost its end gives CorruptionError, on opening or on reading, and check says so too."""
    path = tmp_path / "notes.db"
    fill(path)
    size = path.stat().st_size
    os.truncate(path, size // 2)
    with pytest.raises(CorruptionError), Storage.open(f"sqlite:///{path}") as storage:
        storage.repository(Note).list()


def test_overwritten_pages(tmp_path: Path) -> None:
    """Damage inside the file is an error of ours, never wrong rows and never the driver's own exception."""
    path = tmp_path / "notes.db"
    fill(path)
    with path.open("r+b") as file:
        file.seek(4096 * 6)
        file.write(b"\xa5" * 4096 * 20)
    with pytest.raises(StorageError):  # noqa: PT012, SIM117  # whichever meets the damage first
        with Storage.open(f"sqlite:///{path}") as storage:
            notes = storage.repository(Note)
            assert all(note.text == "words " * 50 for note in notes.list())
            assert storage.check() == []


def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    """A path that cannot be a database file is a configuration error."""
    with pytest.raises(ConfigurationError, match="folder"):
        Storage.open(f"sqlite:///{tmp_path}")
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(StorageError):
        Storage.open(f"sqlite:///{tmp_path}/plain/notes.db")


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """In a read-only folder nothing is created, and the error says so.

    Root may write anywhere, so the program gives up its rights first.
    """
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    program = (
        "import os, sys\n"
        "from torematrix.core.storage import Storage, StorageError\n"
        "Storage.open('sqlite:///:memory:').close()\n"  # everything is imported before the rights are gone
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try:\n    Storage.open('sqlite:///' + sys.argv[1])\n"
        "except StorageError as error: print(type(error).__name__)\n"
    )
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and len(parent.parts) > 2:
            parent.chmod(parent.stat().st_mode | 0o055)
    result = subprocess.run(
        [sys.executable, "-c", program, str(folder / "notes.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout.strip() in ("UnavailableError", "PermissionDeniedError"), result.stderr
    assert list(folder.iterdir()) == []


def test_a_read_only_storage(tmp_path: Path) -> None:
    """A storage opened read-only reads, and refuses to write."""
    path = tmp_path / "notes.db"
    with pytest.raises(ConfigurationError, match="no such database file"):
        Storage.open(f"sqlite:///{path}", read_only=True)
    fill(path)
    with Storage.open(f"sqlite:///{path}", read_only=True) as storage:
        notes = storage.repository(Note)
        assert notes.count() == 500
        with pytest.raises(PermissionDeniedError):
            notes.create(Note())


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Writing beyond this size fails, as on a full disk."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk(tmp_path: Path) -> None:
    """When no more can be written the write fails whole, what was there stays, and writing works once there is room."""
    path = tmp_path / "notes.db"
    fill(path)
    with Storage.open(f"sqlite:///{path}") as storage:
        notes = storage.repository(Note)
        with file_size_limit(path.stat().st_size + 100_000), pytest.raises(StorageError):
            notes.bulk_create([Note(f"big{at}", "x" * 10_000) for at in range(1_000)])
        assert notes.count() == 500
        notes.create(Note("after", "room again"))
        assert notes.count() == 501
        assert storage.check() == []


def test_a_full_disk_inside_a_transaction(tmp_path: Path) -> None:
    """A full disk dooms the transaction, even when the error is caught: nothing of it is stored."""
    path = tmp_path / "notes.db"
    fill(path)
    with Storage.open(f"sqlite:///{path}") as storage:
        notes = storage.repository(Note)
        with pytest.raises(StorageError):  # noqa: PT012, SIM117  # the block is what is tested
            with storage.transaction():
                notes.create(Note("first"))
                with file_size_limit(path.stat().st_size + 100_000), pytest.raises(StorageError):
                    notes.bulk_create([Note(f"big{at}", "x" * 10_000) for at in range(3_000)])
        assert notes.get("first") is None
        assert notes.count() == 500


HOLDER = """
import sys, apsw
connection = apsw.Connection(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the write lock meanwhile."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.communicate("go\n", timeout=30)


def test_locked_by_another_process(tmp_path: Path) -> None:
    """While another process writes, reads go on; a write waits for its deadline, fails, and works afterwards."""
    path = tmp_path / "notes.db"
    fill(path)
    with Storage.open(f"sqlite:///{path}", busy_timeout=0.3) as storage:
        notes = storage.repository(Note)
        assert notes.count() == 500
        with held_by_another_process(path):
            assert notes.count() == 500
            started = time.monotonic()
            with pytest.raises(UnavailableError) as caught:
                notes.create(Note("late"))
            assert 0.25 < time.monotonic() - started < 5
            assert caught.value.retryable
            with pytest.raises(UnavailableError), storage.transaction():
                pass
        notes.create(Note("late"))
        assert notes.count() == 501


def test_a_lock_that_is_given_up_in_time(tmp_path: Path) -> None:
    """A write that gets the lock before its deadline succeeds."""
    path = tmp_path / "notes.db"
    fill(path)
    with Storage.open(f"sqlite:///{path}", busy_timeout=20) as storage:
        notes = storage.repository(Note)
        notes.count()
        with held_by_another_process(path) as process:
            assert process.stdin is not None
            threading.Timer(0.2, lambda: (process.stdin.write("go\n"), process.stdin.flush())).start()  # type: ignore[union-attr]
            notes.create(Note("patient"))
        assert notes.exists("patient")


def test_a_forked_child_is_told(tmp_path: Path) -> None:
    """A storage that crosses a fork refuses to work in the child, and goes on in the parent."""
    program = (
        "import os, sys\n"
        "from dataclasses import dataclass\n"
        "from torematrix.core.storage import Storage, StorageError\n"
        "@dataclass\nclass Note:\n    id: str | None = None\n"
        "storage = Storage.open('sqlite:///' + sys.argv[1])\n"
        "notes = storage.repository(Note)\n"
        "notes.create(Note('a'))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    results = []\n"
        "    for act in (notes.list, lambda: notes.get('a'), lambda: notes.create(Note('b')), storage.check):\n"
        "        try:\n            act(); results.append('worked')\n"
        "        except StorageError as error: results.append('refused')\n"
        "    own = Storage.open('sqlite:///' + sys.argv[1]).repository(Note)\n"
        "    print(results, own.count(), flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        "notes.create(Note('c'))\n"
        "print(notes.count())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "fork.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore::DeprecationWarning"},
    )
    assert result.stdout.splitlines() == ["['refused', 'refused', 'refused', 'refused'] 1", "2"], (
        result.stderr
    )


def test_rows_of_another_hand(tmp_path: Path) -> None:
    """A row that another tool damaged is reported without its content, and the rest can still be read."""
    path = tmp_path / "notes.db"
    fill(path, 3)
    raw = apsw.Connection(str(path))
    with pytest.raises(apsw.Error):
        raw.execute("UPDATE notes SET data = '{secret' WHERE id = 'n1'")
    raw.close()
    with Storage.open(f"sqlite:///{path}") as storage:
        assert storage.repository(Note).count() == 3


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """A database written by a later version of the library is left alone."""
    path = tmp_path / "notes.db"
    fill(path, 1)
    raw = apsw.Connection(str(path))
    raw.execute("UPDATE torematrix_meta SET value = '99' WHERE key = 'format'")
    raw.close()
    with pytest.raises(ConfigurationError, match="newer version"):
        Storage.open(f"sqlite:///{path}")
