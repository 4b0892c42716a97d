"""Restoring a backup: verified first, complete under its name or not there at all.

A database is more than its file: what SQLite keeps beside it (``-wal``, ``-journal``) would be applied to whatever file
stands under the name. So the old database is locked against everybody, what its WAL holds is moved into it, and only
then do the files beside it go and the new file take its place. Up to that last step the old database is complete.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Final

import apsw

from ...errors import ConfigurationError, CorruptionError, StorageError, UnavailableError
from .backup import verify_backup
from .config import MEMORY
from .files import (
    SIDE_FILES,
    create_beside,
    discard,
    file_digest,
    file_errors,
    file_uri,
    publish,
    sync_file,
    sync_folder,
)

__all__ = ["restore"]

_CHUNK: Final = 1024 * 1024
_IN_USE: Final = (apsw.BusyError, apsw.LockedError)
# What SQLite says of a file that it cannot make sense of; such a file is what a restore is for.
_DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError, apsw.IOError)


def restore(backup_path: Path, database_path: Path, *, replace: bool = False) -> dict[str, Any]:
    """Make a database of a backup; its manifest, with ``replaced``: whether a database was there.

    Args:
        backup_path: the backup, with its manifest beside it.
        database_path: where the database goes; the folder exists.
        replace: whether a database that is there is given up. Nobody may have it open; after any failure it is as it
            was.

    Raises:
        CorruptionError: the backup is not what was made.
        StorageError: a database is there and is not to be replaced, or the disk is full.
        UnavailableError: the database to replace is in use.
        ConfigurationError: there is no such backup, or no such folder.
    """
    backup_path, database_path = Path(backup_path), Path(database_path)
    if str(database_path) == MEMORY:
        raise ConfigurationError("a backup is restored to a file", backend="sqlite", operation="restore")
    manifest = verify_backup(backup_path)
    # A link to a database stays a link: SQLite names the files beside it after the file itself.
    target = Path(os.path.realpath(database_path))
    with file_errors("restore", target):
        present = _check_target(backup_path, target, replace=replace)
        temporary = create_beside(target)
        try:
            _copy(backup_path, temporary)
            if file_digest(temporary) != manifest["sha256"]:
                raise CorruptionError(
                    "the copy of the backup is not what was read; check the disk, then try again"
                )
            _set_mode(temporary, target if present else backup_path)
            sync_file(temporary)
            if replace:
                with _locked(target), _set_aside(target):
                    temporary.replace(target)
            else:
                publish(temporary, target)
        finally:
            discard(temporary)
        sync_folder(target.parent)
    return {**manifest, "replaced": present}


def _check_target(backup_path: Path, target: Path, *, replace: bool) -> bool:
    """Whether there is a database to replace."""
    if target.is_dir():
        raise ConfigurationError(f"{str(target)!r} is a folder; name a file in it")
    present = target.exists()
    if present and target.samefile(backup_path):
        raise ConfigurationError("the backup and the database are the same file; restore to another one")
    if not replace:
        for name in ("", *SIDE_FILES):
            if os.path.lexists(f"{target}{name}"):
                raise StorageError(
                    f"{target.name + name!r} is there already, and was left as it is; restore to another path, or say "
                    "that it is to be replaced"
                )
    return present


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(_CHUNK):
            writing.write(chunk)


def _set_mode(path: Path, like: Path) -> None:
    """Whoever could use the old database can use the new one; a backup kept read-only becomes writable by its owner."""
    status = like.stat()
    path.chmod(status.st_mode & 0o777 | 0o600)
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):  # only root may give a file away
            os.chown(path, status.st_uid, status.st_gid)


@contextlib.contextmanager
def _locked(target: Path) -> Generator[None]:
    """Hold the database there, if any, against everybody; what its WAL holds is in its file."""
    if not target.exists():
        yield
        return
    try:
        held = _lock_sound(target)
        close = _lock_damaged(target) if held is None else lambda: held.close(force=True)
    except _IN_USE as error:
        raise UnavailableError(
            f"the database {str(target)!r} is open somewhere; close it there, then restore again"
        ) from error
    try:
        yield
    finally:
        close()


def _lock_sound(target: Path) -> apsw.Connection | None:
    """A connection that holds the database alone; None when SQLite cannot read the file."""
    connection = apsw.Connection(file_uri(target), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    try:
        # Closing would remove the WAL by its name, which by then may be that of the new database.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.pragma("locking_mode", "exclusive")
        # In WAL mode every open connection holds a shared lock on the file, so that this fails while there is one.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]:
            raise apsw.BusyError
        connection.execute("BEGIN EXCLUSIVE")
    except BaseException as error:
        connection.close(force=True)
        if isinstance(error, _DAMAGE):
            return None
        raise
    return connection


def _lock_damaged(target: Path) -> Callable[[], None]:
    """The same lock without a look at the content; what gives it back."""
    file = apsw.VFSFile("", str(target), [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READWRITE, 0])

    def close() -> None:
        file.xUnlock(apsw.SQLITE_LOCK_NONE)
        file.xClose()

    try:
        file.xLock(apsw.SQLITE_LOCK_SHARED)
        file.xLock(apsw.SQLITE_LOCK_EXCLUSIVE)
    except BaseException:
        close()
        raise
    return close


@contextlib.contextmanager
def _set_aside(target: Path) -> Generator[None]:
    """Take away the files beside the database; they come back when what follows fails."""
    moved: list[tuple[Path, Path]] = []
    try:
        for name in SIDE_FILES:
            beside = target.with_name(target.name + name)
            if os.path.lexists(beside):
                aside = create_beside(target)
                beside.replace(aside)
                moved.append((beside, aside))
        yield
    except BaseException:
        for beside, aside in moved:
            aside.replace(beside)
        raise
    for _, aside in moved:
        discard(aside)
