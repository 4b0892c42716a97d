"""Backups: one consistent state, whole or not there at all, and verified against their manifest."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import resource
import subprocess
import threading

import apsw
import pytest

import torematrix.core.storage.backends.sqlite.backup as module
from torematrix.core.storage.backends.sqlite.admin import backup, verify_backup
from torematrix.core.storage.errors import (
    ConfigurationError,
    CorruptionError,
    PermissionDeniedError,
    StorageError,
    UnavailableError,
    UnsupportedError,
)

PATIENCE = 60  # seconds, after which a test fails that waits for another thread


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "copy.db"


@pytest.fixture
def small_steps(monkeypatch):
    """Few pages at a time, so that a small database takes many steps."""
    monkeypatch.setattr(module, "_PAGES", 8)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("file systems cannot be mounted here; the limit on file sizes is tested in any case")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def largest_file(size):
    """Writing a file beyond this size fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def manifest_of(path):
    return path.with_name(path.name + ".manifest.json")


def names(path):
    """What is in the folder of a file."""
    return sorted(each.name for each in path.parent.iterdir())


def rewrite(path, **changes):
    """Change the manifest; a value may be computed from what is there."""
    content = json.loads(manifest_of(path).read_text())
    for key, value in changes.items():
        content[key] = value(content[key]) if callable(value) else value
    manifest_of(path).write_text(json.dumps(content))


def test_a_backup_is_one_file_with_a_manifest(open_database, target):
    """The copy opens by itself, holds the rows, and the manifest says what is in it."""
    database = open_database().create(rows=50).create("empty")
    manifest = backup(database, target, None)

    assert names(target) == ["copy.db", "copy.db.manifest.json"]
    assert json.loads(manifest_of(target).read_text()) == manifest
    content = target.read_bytes()
    assert content[18:20] == b"\x01\x01"  # not in WAL mode
    assert manifest["bytes"] == len(content) == manifest["page_size"] * manifest["page_count"]
    assert manifest["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["format"] == 1
    assert manifest["sqlite"] == apsw.sqlite_lib_version()
    assert manifest["created_at"].endswith("+00:00")
    schema = hashlib.sha256(json.dumps({"fields": {"amount": "int"}}).encode()).hexdigest()
    assert manifest["collections"] == {
        "empty": {"rows": 0, "schema": schema},
        "notes": {"rows": 50, "schema": schema},
    }
    assert verify_backup(target) == manifest
    with contextlib.closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READONLY)) as copy:
        assert copy.execute("SELECT count(*), sum(amount) FROM notes").fetchall() == database.query(
            "SELECT count(*), sum(amount) FROM notes"
        )
        assert copy.execute('SELECT rowid FROM "notes$search"(?)', ("word7",)).fetchall() == [(7,)]
    assert names(target) == ["copy.db", "copy.db.manifest.json"]


def test_others_write_meanwhile(open_database, target, small_steps):
    """The copy is one state, though another thread commits between any two steps of the copying."""
    database = open_database().create("debit", rows=300).create("credit", rows=300)
    turn, committed, finished = threading.Event(), threading.Event(), threading.Event()

    def write():
        while turn.wait(PATIENCE) and not finished.is_set():
            turn.clear()
            with database.pool.writing(None) as connection:
                for table in ("debit", "credit"):
                    connection.execute(f"INSERT INTO {table} (id, amount) VALUES (hex(randomblob(8)), 1)")
                    connection.execute(f"UPDATE {table} SET amount = amount + 1 WHERE seq % 50 = 0")
            committed.set()

    steps = []

    def progress(done, total):
        steps.append((done, total))
        assert len(steps) < 1000, "it begins again with every write"
        committed.clear()
        turn.set()
        assert committed.wait(PATIENCE)

    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        writing = executor.submit(write)
        try:
            manifest = backup(database, target, progress)
        finally:
            finished.set()
            turn.set()
    writing.result()
    assert len(steps) > 5
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})  # it never began again
    assert steps[-1] == (manifest["bytes"], manifest["bytes"])
    verify_backup(target)
    with contextlib.closing(apsw.Connection(str(target))) as copy:
        states = copy.execute(
            "SELECT count(*), sum(amount) FROM debit UNION ALL SELECT count(*), sum(amount) FROM credit"
        )
        first, second = states.fetchall()
        assert first == second
        assert first[0] == 300  # the state when it began
    assert database.query("SELECT count(*) FROM debit")[0][0] == 300 + len(steps)


def test_a_database_in_memory(open_database, target):
    """It is backed up too, while others wait their turn, and only its owner may read the file."""
    database = open_database(":memory:").create(rows=40)
    manifest = backup(database, target)
    assert manifest["collections"]["notes"]["rows"] == 40
    assert target.stat().st_mode & 0o777 == 0o600
    verify_backup(target)
    database.add("notes", 1)


def test_from_a_database_open_read_only(open_database, target):
    """Reading is all it takes."""
    open_database().create(rows=10).close()
    assert backup(open_database(read_only=True), target)["collections"]["notes"]["rows"] == 10


def test_the_mode_of_the_database_is_kept(open_database, target, tmp_path):
    """Who may not read the database may not read its backup."""
    database = open_database().create()
    (tmp_path / "app.db").chmod(0o640)
    backup(database, target)
    assert target.stat().st_mode & 0o777 == manifest_of(target).stat().st_mode & 0o777 == 0o640


def test_odd_names(open_database, target):
    """Characters with a meaning in URIs, and names at the limit of the file system, are taken as they are."""
    database = open_database().create()
    for name in ("a b?mode=memory#%41.db", "é.db", "x" * 230):
        verify_backup_path = target.with_name(name)
        backup(database, verify_backup_path)
        verify_backup(verify_backup_path)


@pytest.mark.parametrize("taken", ["copy.db", "copy.db.manifest.json"])
@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_what_exists_is_never_overwritten(open_database, target, taken, kind):
    """Neither a file nor anything else under either name."""
    there = target.with_name(taken)
    if kind == "file":
        there.write_text("precious")
    elif kind == "folder":
        there.mkdir()
    else:
        there.symlink_to(target.with_name("nowhere"))
    with pytest.raises(StorageError, match=r"exists already.*another name") as caught:
        backup(open_database().create(), target)
    assert (caught.value.backend, caught.value.operation) == ("sqlite", "backup")
    assert names(target) == [taken]


def test_what_appears_meanwhile_is_not_overwritten(open_database, target):
    """A file that comes into being during the copy is kept, and no other is left."""
    with pytest.raises(StorageError, match="exists already"):
        backup(open_database().create(rows=10), target, lambda done, total: target.write_text("precious"))
    assert names(target) == [target.name]
    assert target.read_text() == "precious"


def test_without_hard_links(open_database, target, monkeypatch):
    """On a file system that has none the promise is the same."""

    def refuse(self, other):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(module.Path, "hardlink_to", refuse)
    database = open_database().create(rows=10)
    verify_backup_path = target.with_name("other.db")
    assert backup(database, verify_backup_path) == verify_backup(verify_backup_path)
    with pytest.raises(StorageError, match="exists already"):
        backup(database, target, lambda done, total: target.write_text("precious"))
    assert target.read_text() == "precious"
    assert not manifest_of(target).exists()


def test_not_beside_the_database_as_its_wal(open_database, tmp_path):
    """The names that SQLite would take for its own are refused."""
    database = open_database().create()
    with pytest.raises(ConfigurationError, match="another name"):
        backup(database, tmp_path / "app.db-journal")
    assert not (tmp_path / "app.db-journal").exists()


@pytest.mark.parametrize("path", ["missing/copy.db", "file/copy.db"])
def test_a_missing_folder(open_database, tmp_path, path):
    """It is named, with what to do; a file in its place counts as missing."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"folder of .*copy\.db.*make it first"):
        backup(open_database().create(), tmp_path / path)


def test_a_folder_that_may_not_be_written_to(open_database, target):
    """PermissionDeniedError, also for a user whom the administrator has dropped to."""
    database = open_database(":memory:").create()
    target.parent.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionDeniedError, match="does not allow"):
            backup(database, target)
    finally:
        if root:
            os.seteuid(0)
        target.parent.chmod(0o755)
    assert names(target) == []


def test_a_full_disk(open_database, small_disk):
    """The error says so, may be retried, and no part of a file is left."""
    database = open_database().create(rows=8000)
    with pytest.raises(StorageError, match=r"full.*free some space") as caught:
        backup(database, small_disk / "copy.db")
    assert caught.value.retryable
    assert isinstance(caught.value.__cause__, apsw.FullError)
    assert list(small_disk.iterdir()) == []
    database.add("notes", 1)
    assert database.query("PRAGMA integrity_check") == [("ok",)]


def test_writing_fails(open_database, target):
    """Any failure to write leaves no file, and the database as it was."""
    database = open_database().create(rows=2000)
    with largest_file(200_000), pytest.raises(StorageError) as caught:
        backup(database, target)
    assert caught.value.retryable
    assert names(target) == []
    assert backup(database, target)["collections"]["notes"]["rows"] == 2000


def test_a_damaged_database_is_not_backed_up(open_database, target, tmp_path):
    """The damage is found in the copy and told; a good older backup is not joined by a bad one."""
    open_database().create(rows=2000).close()
    with (tmp_path / "app.db").open("r+b") as file:
        file.seek(4096 * 40)
        file.write(os.urandom(4096))
    with pytest.raises(CorruptionError, match="not backed up"):
        backup(open_database(), target)
    assert names(target) == []


def test_progress_can_end_it(open_database, target, small_steps):
    """What the callback raises comes out, no file is left, and the connection is free again."""
    database = open_database().create(rows=500)

    def progress(done, total):
        raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            backup(database, target, progress)
        assert names(target) == []
    backup(database, target)


@pytest.mark.parametrize("part", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_it_can_be_stopped(open_database, target, small_steps, part):
    """At any of its stages: UnavailableError, and no file is left."""
    database = open_database().create(rows=300)
    questions = []
    backup(database, target.with_name("whole.db"), stopped=lambda: questions.append(1))
    last = max(1, round(part * len(questions)))
    asked = []

    def stopped():
        asked.append(1)
        return len(asked) >= last

    with pytest.raises(UnavailableError):
        backup(database, target, stopped=stopped)
    assert len(asked) == last
    assert names(target) == ["whole.db", "whole.db.manifest.json"]


def test_the_storage_is_closed_meanwhile(open_database, target, small_steps):
    """A StorageError, not one of the driver's, and no file."""
    database = open_database().create(rows=500)
    with pytest.raises(StorageError):
        backup(database, target, lambda done, total: database.pool.close())
    assert names(target) == []


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change_a_row_and_the_digest(path):
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.execute("DELETE FROM notes WHERE seq = 3")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    rewrite(path, sha256=digest, bytes=path.stat().st_size)


def damage_a_page_and_the_digest(path):
    content = bytearray(path.read_bytes())
    content[4096 * 20 : 4096 * 21] = b"\xff" * 4096
    path.write_bytes(content)
    rewrite(path, sha256=hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        pytest.param(flip, "SHA-256", id="a bit"),
        pytest.param(lambda path: os.truncate(path, 8192), "8192 bytes, its manifest says", id="truncated"),
        pytest.param(lambda path: os.truncate(path, 0), "0 bytes, its manifest says", id="empty"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"x"), "bytes, its", id="longer"),
        pytest.param(change_a_row_and_the_digest, r"'notes' has 499 rows, its manifest says 500", id="a row"),
        pytest.param(damage_a_page_and_the_digest, "not what was made", id="a page"),
        pytest.param(lambda path: rewrite(path, sha256="0" * 64), "SHA-256", id="digest"),
        pytest.param(lambda path: rewrite(path, bytes=1), "says 1;", id="size"),
        pytest.param(lambda path: rewrite(path, page_size=512), "page size is 4096", id="page size"),
        pytest.param(lambda path: rewrite(path, page_count=3), "page count", id="page count"),
        pytest.param(
            lambda path: rewrite(path, collections={}), "does not name the collection 'notes'", id="none"
        ),
        pytest.param(
            lambda path: rewrite(path, collections=lambda old: {**old, "more": old["notes"]}),
            "names the collection 'more', which is not there",
            id="another collection",
        ),
        pytest.param(
            lambda path: rewrite(path, collections={"notes": {"rows": 500, "schema": "0" * 64}}),
            "'notes' has another schema",
            id="schema",
        ),
        pytest.param(lambda path: manifest_of(path).unlink(), "no manifest", id="no manifest"),
        pytest.param(lambda path: manifest_of(path).write_text("{"), "is no manifest", id="half a manifest"),
        pytest.param(lambda path: manifest_of(path).write_bytes(b"\xff\xfe"), "is no manifest", id="bytes"),
        pytest.param(lambda path: manifest_of(path).write_text("[" * 99999), "is no manifest", id="nesting"),
        pytest.param(lambda path: rewrite(path, page_count="3"), "is no manifest", id="kind"),
        pytest.param(lambda path: os.truncate(manifest_of(path), 2**33), "is no manifest", id="huge"),
    ],
)
def test_verification_names_what_differs(open_database, target, tamper, named):
    """Nothing that was changed in either file, by accident or on purpose, passes for the backup."""
    backup(open_database().create(rows=500), target)
    tamper(target)
    with pytest.raises(CorruptionError, match=named) as caught:
        verify_backup(target)
    assert caught.value.operation == "verify_backup"


def test_verification_changes_nothing(open_database, target):
    """Not even files that lie beside it as if they were SQLite's."""
    backup(open_database().create(rows=20), target)
    journal = target.with_name("copy.db-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"\xff" * 600)
    before = {path.name: path.read_bytes() for path in target.parent.iterdir()}
    verify_backup(target)
    assert {path.name: path.read_bytes() for path in target.parent.iterdir()} == before


def test_verification_of_what_is_not_a_backup(open_database, target, tmp_path):
    """No file, a folder, a newer format, a live database: each is told apart, and none is opened to find out."""
    with pytest.raises(ConfigurationError, match="no backup file"):
        verify_backup(target)
    with pytest.raises(ConfigurationError, match="no backup file"):
        verify_backup(tmp_path)
    database = open_database().create()
    backup(database, target)
    rewrite(target, format=2)
    with pytest.raises(UnsupportedError, match="newer version"):
        verify_backup(target)
    with pytest.raises(CorruptionError, match="no manifest"):
        verify_backup(tmp_path / "app.db")


def test_hostile_collection_names(open_database, target):
    """A file made to look like a backup gets no SQL run by its names."""
    database = open_database().create(rows=3)
    backup(database, target)
    with contextlib.closing(apsw.Connection(str(target))) as connection:
        connection.execute(
            "INSERT INTO torematrix_meta VALUES ('collection', ?, '{}')", ('x"; DROP TABLE notes; --',)
        )
    rewrite(target, sha256=hashlib.sha256(target.read_bytes()).hexdigest(), bytes=target.stat().st_size)
    with pytest.raises(CorruptionError, match="is not there"):
        verify_backup(target)
