"""psycopg's errors as ours, by SQLSTATE (PostgreSQL manual, appendix A), never by their text.

Texts of the server are not passed on: they hold values of rows.
"""

from __future__ import annotations

from typing import Final

import psycopg

from ...core.following import MOVED
from ...errors import (
    ConfigurationError,
    ConflictError,
    CorruptionError,
    DuplicateError,
    MovedError,
    PermissionDeniedError,
    StorageError,
    TransactionError,
    UnavailableError,
)

__all__ = ["BACKEND", "FENCED", "constraint_of", "is_duplicate", "is_lost", "of_state", "translate"]

BACKEND: Final = "postgresql"
FENCED: Final = "TM001"
"""The SQLSTATE of the library's own triggers, for a collection that takes no more writes."""
_UNIQUE_VIOLATION: Final = "23505"

_Meaning = tuple[type[StorageError], str, bool | None]
# SQLSTATE -> (class, what happened and what to do, retryable where not as the class says).
_BY_STATE: Final[dict[str, _Meaning]] = {
    _UNIQUE_VIOLATION: (
        DuplicateError,
        "another entity has the same id, or the same value of a unique field",
        None,
    ),
    FENCED: (MovedError, f"the collection {MOVED}", None),
    "40001": (ConflictError, "another transaction changed the same entities; run this one again", None),
    "40P01": (ConflictError, "two transactions waited for each other; run this one again", None),
    "40003": (UnavailableError, "the server does not know whether the statement was completed", False),
    "55P03": (
        UnavailableError,
        "another transaction held a lock for longer than lock_timeout; try again",
        None,
    ),
    "57014": (UnavailableError, "the statement took longer than statement_timeout, or was cancelled", None),
    "57P03": (UnavailableError, "the server is starting or stopping; try again", None),
    "25P02": (
        TransactionError,
        "the transaction can only be rolled back: a statement in it had failed",
        None,
    ),
    "25P03": (UnavailableError, "the server ended the session: its transaction had been idle too long", None),
    "25006": (PermissionDeniedError, "the transaction, or the server, is read-only", None),
    "42501": (PermissionDeniedError, "the role is not allowed to do that", None),
    "42P01": (StorageError, "a table of the collection is missing; was it dropped by another program?", None),
    "42703": (
        StorageError,
        "a column of the collection is missing; was it dropped by another program?",
        None,
    ),
    "3D000": (ConfigurationError, "the server has no database of that name; check `database`", None),
    "3F000": (ConfigurationError, "the database has no schema of that name; check `schema`", None),
    "53100": (StorageError, "the server's disk is full; nothing was stored", True),
    "53300": (UnavailableError, "the server takes no more connections; try again", None),
    "54000": (StorageError, "the statement is larger than the server takes", None),
    "54001": (StorageError, "the statement is more complex than the server takes", None),
    "2201B": (StorageError, "the pattern is more complex than the server takes", None),
    "XX001": (CorruptionError, "the server found damaged data; restore it from a backup", None),
    "XX002": (CorruptionError, "the server found a damaged index; rebuild it with REINDEX", None),
}
_BY_CLASS: Final[dict[str, _Meaning]] = {
    "08": (UnavailableError, "the connection to the server was lost", None),
    "22": (StorageError, "the server refused a value", None),
    "23": (StorageError, "a constraint that this library did not make refused the change", None),
    "25": (TransactionError, "the transaction is in a state that does not allow that", None),
    "28": (PermissionDeniedError, "the server refused the role or its password", None),
    "40": (ConflictError, "the transaction was rolled back by the server; run it again", None),
    "53": (UnavailableError, "the server is short of resources; try again", None),
    "57": (UnavailableError, "the server ended the session; try again", None),
    "58": (UnavailableError, "the server failed to read or write its files", None),
}


def is_duplicate(error: BaseException) -> bool:
    """Whether a unique value, or an id, was there already."""
    return isinstance(error, psycopg.Error) and error.sqlstate == _UNIQUE_VIOLATION


def is_lost(error: BaseException) -> bool:
    """Whether the session ended with its answer outstanding: what was asked for may have happened, or not.

    A server that crashes says so (57P02) to a session that may have committed already.
    """
    if not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return False
    state = error.sqlstate
    return state is None or state[:2] == "08" or state in ("57P01", "57P02", "57P03")


def constraint_of(error: psycopg.Error) -> str | None:
    """The name of the index that refused a row."""
    return error.diag.constraint_name


def of_state(state: str | None) -> StorageError:
    """The error of ours for a SQLSTATE; None stands for a connection that failed without one."""
    if state is None:
        return UnavailableError(
            "the server cannot be reached, or the connection to it was lost", backend=BACKEND
        )
    meaning = _BY_STATE.get(state) or _BY_CLASS.get(state[:2])
    if meaning is None:
        return StorageError(f"PostgreSQL reported SQLSTATE {state}", backend=BACKEND)
    cls, message, retryable = meaning
    return cls(message, backend=BACKEND, retryable=retryable)


def translate(error: BaseException) -> StorageError | None:
    """The error of ours for one of psycopg's; None for any other."""
    if not isinstance(error, psycopg.Error):
        return None
    if error.sqlstate is None and not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return StorageError(f"psycopg raised {type(error).__name__}", backend=BACKEND)
    return of_state(error.sqlstate)
