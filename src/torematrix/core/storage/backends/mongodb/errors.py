"""PyMongo's errors as ours, by code, label or class, never by text: the server's texts hold values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bson.errors import BSONError
from pymongo import errors as driver

from ...errors import (
    ConfigurationError,
    ConflictError,
    DuplicateError,
    InvalidEntityError,
    InvalidQueryError,
    PermissionDeniedError,
    StorageError,
    UnavailableError,
    UnsupportedError,
)

__all__ = [
    "COMMIT_UNKNOWN",
    "DUPLICATE",
    "NO_SNAPSHOT",
    "NO_SUCH_TRANSACTION",
    "RETRYABLE",
    "TRANSIENT",
    "check_written",
    "duplicate_of",
    "is_invalid",
    "is_transient",
    "may_have_happened",
    "translate",
]

TRANSIENT: Final = "TransientTransactionError"
COMMIT_UNKNOWN: Final = "UnknownTransactionCommitResult"
RETRYABLE: Final = "RetryableWriteError"
DUPLICATE: Final = 11000
NO_SUCH_TRANSACTION: Final = 251
NO_SNAPSHOT: Final = frozenset({134, 239, 246})
"""Codes for a snapshot that the server does not have yet, has no more, or that is from before an index was made."""

_INVALID: Final = 121
_LARGE: Final = "the entity is larger than MongoDB stores"
_WIDE: Final = (
    "so much in one transaction does not fit into the server's cache: write less at a time, in several calls, or give "
    "mongod a larger --wiredTigerCacheSizeGB; nothing was stored"
)
_BUSY: Final = "another transaction is writing the same entities; try again"
_GONE: Final = "the server has ended the transaction, which took too long or lost its server; try again"
_PATTERN: Final = (
    "MongoDB gave up on the pattern, because some text is too long for it; "
    "use a simpler pattern, or narrow the filter down"
)
_DENIED: Final = "the server does not allow it to this user"
_LOGIN: Final = "the server refused the user or the password"
_OUTDATED: Final = (
    "the collection is being migrated, or what is kept of its texts has been declared otherwise since it was opened; "
    "open the storage again"
)
_SNAPSHOT: Final = "the server no longer has the snapshot that is being read; read again"

# Code of the server (src/mongo/base/error_codes.yml) -> (class, what happened and what to do, retryable).
_BY_CODE: Final[dict[int, tuple[type[StorageError], str, bool]]] = {
    13: (PermissionDeniedError, _DENIED, False),
    18: (PermissionDeniedError, _LOGIN, False),
    8000: (PermissionDeniedError, _LOGIN, False),  # Atlas
    24: (UnavailableError, "a lock was not granted in time; try again", True),
    43: (UnavailableError, "the server has closed a stream that nobody read for too long; read again", True),
    50: (UnavailableError, "the server did not finish within operation_timeout", True),
    64: (UnavailableError, "the write was not confirmed by a majority within operation_timeout", True),
    112: (ConflictError, _BUSY, True),
    134: (UnavailableError, _SNAPSHOT, True),
    239: (UnavailableError, _SNAPSHOT, True),
    246: (UnavailableError, _SNAPSHOT, True),
    244: (UnavailableError, _GONE, True),
    251: (UnavailableError, _GONE, True),
    290: (UnavailableError, _GONE, True),
    292: (
        UnavailableError,
        "the server ran out of memory for a sort or a group; narrow the filter down",
        False,
    ),
    257: (UnavailableError, _WIDE, False),
    388: (UnavailableError, _WIDE, False),
    10334: (InvalidEntityError, _LARGE, False),
    17280: (InvalidEntityError, _LARGE, False),
    17419: (InvalidEntityError, _LARGE, False),
    17420: (InvalidEntityError, _LARGE, False),
    51091: (InvalidQueryError, "the pattern is longer than MongoDB takes", False),
    51156: (UnsupportedError, _PATTERN, False),
    14031: (UnavailableError, "the server's disk is full", True),
    133: (UnavailableError, "no server of the shard can be reached; try again", True),
    _INVALID: (ConfigurationError, _OUTDATED, False),
    20: (UnsupportedError, "a standalone MongoDB has no transactions: start mongod as a replica set", False),
    263: (UnsupportedError, "MongoDB does not allow this in a transaction", False),
}


def check_written(reply: dict[str, Any]) -> dict[str, Any]:
    """The reply to a command that writes.

    Raises:
        OperationFailure: it says that something was not written, or not as safely as was asked.
    """
    refused: Any = reply.get("writeErrors")
    if refused:
        raise driver.WriteError("", refused[0].get("code"), refused[0])
    concern: Any = reply.get("writeConcernError")
    if concern:
        raise driver.WriteConcernError("", concern.get("code"), concern)
    return reply


def duplicate_of(error: BaseException) -> tuple[Mapping[str, Any], int] | None:
    """The key of the index that refused a write, and which of several it refused; None for any other error."""
    found: Any = getattr(error, "details", None) or {}
    if isinstance(error, driver.BulkWriteError):
        refused: Any = found.get("writeErrors") or [{}]
        found = refused[0]
    if not isinstance(error, driver.OperationFailure) or found.get("code") != DUPLICATE:
        return None
    return found.get("keyPattern", {}), found.get("index", 0)


def is_invalid(error: BaseException) -> bool:
    """Whether the collection's validator refused a document."""
    return isinstance(error, driver.OperationFailure) and error.code == _INVALID


def may_have_happened(error: BaseException) -> bool:
    """Whether the write that met this error, outside a transaction, may be stored all the same."""
    if isinstance(error, driver.WriteConcernError):
        return True  # it is stored, on one server at least
    if isinstance(error, driver.ServerSelectionTimeoutError | driver.NotPrimaryError):
        return False
    return isinstance(error, driver.AutoReconnect) and not is_transient(error)


def is_transient(error: BaseException) -> bool:
    """Whether a transaction that met this error may succeed when it is run again at once.

    Where no connection was free, or no server found, that has been waited for already.
    """
    waited = (driver.WaitQueueTimeoutError, driver.ServerSelectionTimeoutError)
    return (
        isinstance(error, driver.PyMongoError)
        and not isinstance(error, waited)
        and error.has_error_label(TRANSIENT)
    )


def translate(error: BaseException) -> StorageError | None:
    """The error of ours for one of PyMongo's; None for any other."""
    if isinstance(error, driver.DocumentTooLarge):
        return InvalidEntityError(_LARGE, backend="mongodb")
    if isinstance(error, BSONError):
        return StorageError("a document in the database is damaged", backend="mongodb")
    if not isinstance(error, driver.PyMongoError):
        return None
    if duplicate_of(error) is not None:
        return DuplicateError(
            "another entity has the same id, or the same value of a unique field", backend="mongodb"
        )
    ours = _by_code(error) or _by_class(error)
    if is_transient(error):
        ours.retryable = True
    return ours


def _by_code(error: driver.PyMongoError) -> StorageError | None:
    if not isinstance(error, driver.OperationFailure):
        return None
    code = error.code
    if isinstance(error, driver.BulkWriteError):
        details: Any = error.details or {}
        refused: list[Any] = details.get("writeErrors") or details.get("writeConcernErrors") or [{}]
        code = refused[0].get("code")
    if code is None:
        return None
    found = _BY_CODE.get(code)
    if found is not None:
        cls, message, retryable = found
        return cls(message, backend="mongodb", retryable=retryable)
    return None


def _by_class(error: driver.PyMongoError) -> StorageError:
    match error:
        case driver.WaitQueueTimeoutError():
            return UnavailableError(
                "every connection of the pool was in use for pool_timeout", backend="mongodb"
            )
        case driver.ServerSelectionTimeoutError():
            return UnavailableError("no server that can serve this was reached in time", backend="mongodb")
        case driver.NetworkTimeout() | driver.ExecutionTimeout() | driver.WTimeoutError():
            return UnavailableError("the server did not answer in time", backend="mongodb")
        case driver.ConnectionFailure():
            return UnavailableError("the connection to the server was lost; try again", backend="mongodb")
        case driver.ConfigurationError() | driver.InvalidURI():
            return ConfigurationError("the connection's URI is not acceptable to PyMongo", backend="mongodb")
        case driver.InvalidOperation():
            return StorageError("the storage is closed", backend="mongodb")
        case driver.OperationFailure():
            name: Any = (error.details or {}).get("codeName")
            what = str(name) if name else f"error {error.code}"
            return StorageError(f"MongoDB reported {what}", backend="mongodb")
        case _:
            return StorageError(f"MongoDB failed: {type(error).__name__}", backend="mongodb")
