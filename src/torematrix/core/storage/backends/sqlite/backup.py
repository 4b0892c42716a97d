"""Backups: a copy of the whole database as one file, made while others read and write, and a manifest to check it by.

The copy is made through SQLite's backup interface inside one read transaction. Without that, every write by another
connection would make it start again, and a busy database would never be copied. The price is that the WAL cannot be
emptied meanwhile, so it grows by what is written during the copy.

The manifest gets its name before the copy does: whoever sees the copy finds it complete.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.metadata
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final, Protocol

import apsw
import msgspec

from ...core.options import Progress
from ...errors import ConfigurationError, CorruptionError, StorageError, UnsupportedError
from .config import SQLiteConfig
from .files import (
    SIDE_FILES,
    Stopped,
    check_stopped,
    create_beside,
    discard,
    file_digest,
    file_errors,
    file_uri,
    publish,
    sync_file,
    sync_folder,
)
from .inspection import CollectionFacts, Facts, facts, integrity, open_finished
from .pool import SQLitePool, roll_back

__all__ = ["MANIFEST_FORMAT", "MANIFEST_SUFFIX", "Database", "backup", "manifest_path", "verify_backup"]

MANIFEST_FORMAT: Final = 1
"""The version of the manifest's layout; a newer one is refused."""

MANIFEST_SUFFIX: Final = ".manifest.json"
"""What the name of a manifest adds to that of its backup."""

_PAGES: Final = 1024  # copied between two reports of progress
_MAX_MANIFEST: Final = 64 * 1024 * 1024


class Database(Protocol):
    """What administration needs of a driver."""

    config: SQLiteConfig
    pool: SQLitePool


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The file beside a backup, as JSON."""

    format: int
    library: str
    sqlite: str
    created_at: str
    page_size: int
    page_count: int
    size: int = msgspec.field(name="bytes")
    sha256: str
    collections: dict[str, CollectionFacts]


class _Version(msgspec.Struct):
    format: int


def manifest_path(path: Path) -> Path:
    """Where the manifest of a backup stands."""
    return path.with_name(path.name + MANIFEST_SUFFIX)


def backup(
    driver: Database, path: Path, progress: Progress | None = None, *, stopped: Stopped | None = None
) -> dict[str, Any]:
    """Copy the database to a new file, with its manifest beside it; the manifest.

    The copy is the state at one moment, checked, and on the disk when this returns. Whatever goes wrong, no file is
    left. It holds everything the database does, the key that signs cursors included, and gets the database file's mode.

    Args:
        driver: the open database.
        path: the file to make; it must not exist, and its folder must.
        progress: called with the bytes copied and the bytes there are; what it raises ends the backup.
        stopped: asked now and then; when it says yes, UnavailableError is raised.

    Raises:
        StorageError: the file exists, or the disk is full.
        ConfigurationError: the folder does not exist.
        PermissionDeniedError: the folder may not be written to.
        CorruptionError: the database is damaged.
    """
    path = Path(path)
    with file_errors("backup", path):
        _check_new(path, driver.config)
        temporary = create_beside(path)
        try:
            _copy(driver, temporary, progress, stopped)
            manifest = _describe(temporary, stopped)
            if not driver.config.is_memory:
                temporary.chmod(Path(driver.config.database_path).stat().st_mode & 0o777)
            sync_file(temporary)
            _publish(temporary, path, manifest)
        finally:
            discard(temporary)
        sync_folder(path.parent)
    return _builtins(manifest)


def verify_backup(path: Path, *, stopped: Stopped | None = None) -> dict[str, Any]:
    """The manifest of a backup that is exactly what was made: its size, SHA-256, integrity and content.

    Raises:
        ConfigurationError: there is no such file.
        CorruptionError: there is no manifest, or something differs from it, which is named.
        UnsupportedError: a newer version of this library made it.
    """
    path = Path(path)
    with file_errors("verify_backup", path):
        if not path.is_file():
            raise ConfigurationError(f"there is no backup file {str(path)!r}; check the path")
        # The manifest comes first: a live database has none, and reading its file would release SQLite's locks on it.
        manifest = _read_manifest(path)
        size = path.stat().st_size
        if size != manifest.size:
            raise _differs(path, [f"it has {size} bytes, its manifest says {manifest.size}"])
        if file_digest(path, stopped) != manifest.sha256:
            raise _differs(path, ["its SHA-256 is not the one in its manifest"])
        with contextlib.closing(open_finished(path, stopped)) as connection:
            if problems := integrity(connection):
                raise _differs(path, problems[:1])
            if differences := _differences(facts(connection), manifest):
                raise _differs(path, differences)
    return _builtins(manifest)


def _builtins(manifest: Manifest) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    return plain


def _check_new(path: Path, config: SQLiteConfig) -> None:
    for taken in (path, manifest_path(path)):
        if os.path.lexists(taken):
            raise StorageError(
                f"{str(taken)!r} exists already, and is left as it is; choose another name, or remove it first"
            )
    if not config.is_memory:
        own = os.path.realpath(config.database_path)
        if os.path.realpath(path) in {own + name for name in SIDE_FILES}:
            raise ConfigurationError(
                f"{str(path)!r} is where SQLite keeps a file of this database; choose another name"
            )


@contextlib.contextmanager
def _source(driver: Database) -> Generator[apsw.Connection]:
    """A connection that sees one state until the end."""
    writes = driver.config.is_memory  # which has one connection only: others wait
    connection = driver.pool.take_writer() if writes else driver.pool.take_reader()
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        yield connection
    finally:
        roll_back(connection)
        driver.pool.give_back(connection, writes=writes)


def _copy(driver: Database, target: Path, progress: Progress | None, stopped: Stopped | None) -> None:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX
    with (
        _source(driver) as source,
        contextlib.closing(apsw.Connection(file_uri(target), flags=flags)) as copy,
    ):
        page_size = int(source.pragma("page_size"))
        # Nobody else opens the file, and it goes away if anything fails: SQLite need not protect it.
        copy.pragma("locking_mode", "exclusive")
        copy.pragma("journal_mode", "off")
        copy.pragma("synchronous", "off")
        with copy.backup("main", source, "main") as run:
            while not run.done:
                run.step(_PAGES)
                if progress is not None:
                    progress((run.page_count - run.remaining) * page_size, run.page_count * page_size)
                check_stopped(stopped)
        # The copied header says WAL; a backup is a single file, which opens even where nothing may be written.
        copy.pragma("journal_mode", "delete")


def _describe(path: Path, stopped: Stopped | None) -> Manifest:
    with contextlib.closing(open_finished(path, stopped)) as connection:
        if problems := integrity(connection):
            raise CorruptionError(f"the database is damaged ({problems[0]}), and was not backed up; check it")
        found = facts(connection)
    return Manifest(
        format=MANIFEST_FORMAT,
        library=_library_version(),
        sqlite=apsw.sqlite_lib_version(),
        created_at=dt.datetime.now(dt.UTC).isoformat(timespec="microseconds"),
        page_size=found.page_size,
        page_count=found.page_count,
        size=path.stat().st_size,
        sha256=file_digest(path, stopped),
        collections=found.collections,
    )


def _library_version() -> str:
    try:
        return importlib.metadata.version("torematrix-storage")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _publish(temporary: Path, path: Path, manifest: Manifest) -> None:
    beside = manifest_path(path)
    unnamed = create_beside(path)
    try:
        unnamed.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        unnamed.chmod(temporary.stat().st_mode & 0o777)
        sync_file(unnamed)
        publish(unnamed, beside)
    finally:
        discard(unnamed)
    try:
        publish(temporary, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _read_manifest(path: Path) -> Manifest:
    beside = manifest_path(path)
    if not beside.is_file():
        raise CorruptionError(
            f"there is no manifest {str(beside)!r}, so the backup cannot be verified; bring it along"
        )
    try:
        if beside.stat().st_size > _MAX_MANIFEST:
            raise msgspec.DecodeError
        content = beside.read_bytes()
        version = msgspec.json.decode(content, type=_Version).format
        if version > MANIFEST_FORMAT:
            raise UnsupportedError(
                "a newer version of this library made the backup; upgrade torematrix-storage"
            )
        return msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptionError(f"{str(beside)!r} is damaged or is no manifest; use another backup") from error


def _differences(found: Facts, manifest: Manifest) -> list[str]:
    differences: list[str] = []
    for what, here, there in (
        ("page size", found.page_size, manifest.page_size),
        ("page count", found.page_count, manifest.page_count),
    ):
        if here != there:
            differences.append(f"its {what} is {here}, its manifest says {there}")
    for name in sorted(found.collections.keys() | manifest.collections.keys()):
        here_is, there_is = found.collections.get(name), manifest.collections.get(name)
        if here_is is None:
            differences.append(f"its manifest names the collection {name!r}, which is not there")
        elif there_is is None:
            differences.append(f"its manifest does not name the collection {name!r}")
        elif here_is.rows != there_is.rows:
            differences.append(
                f"collection {name!r} has {here_is.rows} rows, its manifest says {there_is.rows}"
            )
        elif here_is.schema != there_is.schema:
            differences.append(f"collection {name!r} has another schema than its manifest says")
    return differences


def _differs(path: Path, what: list[str]) -> CorruptionError:
    return CorruptionError(
        f"the backup {str(path)!r} is not what was made: {'; '.join(what)}; use another backup"
    )
