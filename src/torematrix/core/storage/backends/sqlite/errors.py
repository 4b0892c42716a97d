"""apsw's errors as ours, by result code."""

from __future__ import annotations

from typing import Final

import apsw

from ...core.following import MOVED
from ...errors import (
    CorruptionError,
    DuplicateError,
    MovedError,
    PermissionDeniedError,
    StorageError,
    UnavailableError,
)

__all__ = ["FENCED", "is_duplicate", "translate"]

FENCED: Final = f"torematrix: this collection {MOVED}"
"""What the library's own triggers say."""

_UNIQUE: Final = (
    apsw.SQLITE_CONSTRAINT_UNIQUE,
    apsw.SQLITE_CONSTRAINT_PRIMARYKEY,
    apsw.SQLITE_CONSTRAINT_ROWID,
)

# Result code -> (class, what happened and what to do, retryable).
_BY_CODE: Final[dict[int, tuple[type[StorageError], str, bool | None]]] = {
    apsw.SQLITE_BUSY: (UnavailableError, "the database is locked by another writer; try again", True),
    apsw.SQLITE_LOCKED: (UnavailableError, "a table is locked by another statement; try again", True),
    apsw.SQLITE_CORRUPT: (CorruptionError, "the database file is damaged; restore it from a backup", False),
    apsw.SQLITE_NOTADB: (
        CorruptionError,
        "the file is not a SQLite database; check the path or restore it from a backup",
        False,
    ),
    apsw.SQLITE_FULL: (
        StorageError,
        "the disk is full; nothing was stored: free some space, then try again",
        True,
    ),
    apsw.SQLITE_READONLY: (PermissionDeniedError, "the database, or its folder, is read-only", False),
    apsw.SQLITE_PERM: (PermissionDeniedError, "the file system does not allow it", False),
    apsw.SQLITE_AUTH: (PermissionDeniedError, "SQLite does not allow it", False),
    apsw.SQLITE_CANTOPEN: (
        UnavailableError,
        "the database file cannot be opened; check that its folder exists and may be written to",
        False,
    ),
    apsw.SQLITE_IOERR: (UnavailableError, "reading or writing the database file failed", True),
    apsw.SQLITE_INTERRUPT: (UnavailableError, "the statement was interrupted", True),
    apsw.SQLITE_NOMEM: (UnavailableError, "SQLite ran out of memory", True),
    apsw.SQLITE_TOOBIG: (StorageError, "a value is larger than SQLite stores", False),
}


def is_duplicate(error: BaseException) -> bool:
    """Whether a unique value, or an id, was there already."""
    return isinstance(error, apsw.ConstraintError) and error.extendedresult in _UNIQUE


def translate(error: BaseException) -> StorageError | None:
    """The error of ours for one of apsw's; None for any other."""
    if isinstance(error, apsw.ForkingViolationError):
        return StorageError(
            "the storage was opened before this process was forked; open it in the child", backend="sqlite"
        )
    if isinstance(error, UnicodeDecodeError):
        # A text that is none: SQLite stores and returns whatever bytes a damaged page holds.
        return CorruptionError("the database file is damaged; restore it from a backup", backend="sqlite")
    if not isinstance(error, apsw.Error):
        return None
    if is_duplicate(error):
        return DuplicateError(
            "another entity has the same id, or the same value of a unique field", backend="sqlite"
        )
    if isinstance(error, apsw.ConstraintError) and str(error).endswith(FENCED):
        return MovedError(f"the collection {MOVED}", backend="sqlite")
    code = getattr(error, "result", None)
    if isinstance(error, (apsw.ThreadingViolationError, apsw.ConnectionClosedError)):
        return StorageError("the storage is closed, or in use by another thread", backend="sqlite")
    found = _BY_CODE.get(code) if isinstance(code, int) else None
    if found is None:
        name = apsw.mapping_result_codes.get(code, "an error") if code is not None else type(error).__name__
        return StorageError(f"SQLite reported {name}", backend="sqlite")
    cls, message, retryable = found
    return cls(message, backend="sqlite", retryable=retryable)
