"""The errors of the storage layer, one class for each thing a caller may do next.

Every error carries ``backend``, ``operation``, ``collection`` and ``retryable``; the driver's own error, where there
was one, is its ``__cause__``. No message holds a secret or a value of a stored row.
"""

from __future__ import annotations

from typing import ClassVar, TypedDict, Unpack

__all__ = [
    "CommitUnknown",
    "ConfigurationError",
    "ConflictError",
    "CorruptionError",
    "DuplicateError",
    "InvalidEntityError",
    "InvalidQueryError",
    "MigrationError",
    "MovedError",
    "NotFoundError",
    "PermissionDeniedError",
    "StorageError",
    "TransactionError",
    "UnavailableError",
    "UnsupportedError",
]


class Where(TypedDict, total=False):
    """What every error may say of where it happened."""

    backend: str | None
    operation: str | None
    collection: str | None
    retryable: bool | None


class StorageError(Exception):
    """The root of every error this library raises.

    Attributes:
        backend: name of the engine (``"sqlite"``), or None where no engine was involved.
        operation: the repository method or operation that failed, or None.
        collection: the collection it worked on, or None.
        retryable: whether the same call may succeed when made again, unchanged.
    """

    retryable_by_default: ClassVar[bool] = False
    # Whether the error, raised by an operation inside a transaction, leaves that transaction without a way to commit.
    dooms: bool = True

    def __init__(
        self,
        message: str,
        *,
        backend: str | None = None,
        operation: str | None = None,
        collection: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.backend = backend
        self.operation = operation
        self.collection = collection
        self.retryable = self.retryable_by_default if retryable is None else retryable

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[StorageError], args: tuple[object, ...], state: dict[str, object]) -> StorageError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class NotFoundError(StorageError):
    """No entity has that id; nothing was changed."""

    dooms = False


class DuplicateError(StorageError):
    """Another entity already has that id, or that value of a unique field; nothing was changed."""


class ConflictError(StorageError):
    """The stored entity has moved on since it was read: read it again, then decide.

    Attributes:
        entity_id: the id of the entity concerned.
        expected: the revision the caller held.
        stored: the revision the database holds.
    """

    retryable_by_default = True

    def __init__(
        self,
        message: str,
        *,
        entity_id: str | None = None,
        expected: int | None = None,
        stored: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(message, **where)
        self.entity_id = entity_id
        self.expected = expected
        self.stored = stored


class TransactionError(StorageError):
    """The transaction did not commit, or was used in a way that it cannot allow."""


class ConfigurationError(StorageError, ValueError):
    """The storage, the entity class or the collection is declared in a way that cannot work."""

    dooms = False


class InvalidQueryError(StorageError, ValueError):
    """A filter, sort, page, cursor or search argument is not acceptable; nothing was sent to the engine."""

    dooms = False


class InvalidEntityError(StorageError, ValueError):
    """An entity holds a value that its declaration, or the storage, does not allow; nothing was stored.

    Attributes:
        path: where in the entity the value stands, for instance ``tags[3]``, or None.
    """

    dooms = False

    def __init__(self, message: str, *, path: str | None = None, **where: Unpack[Where]) -> None:
        super().__init__(message, **where)
        self.path = path


class MigrationError(StorageError):
    """A migration was refused before it changed anything, or stopped; the message says which, and what remains.

    Attributes:
        version: the migration's version, or None where it is not about a single one.
        entity_ids: the ids of entities that cannot be converted, the first hundred; no values.
    """

    def __init__(
        self,
        message: str,
        *,
        version: str | None = None,
        entity_ids: tuple[str, ...] = (),
        **where: Unpack[Where],
    ) -> None:
        super().__init__(message, **where)
        self.version = version
        self.entity_ids = entity_ids


class UnsupportedError(StorageError):
    """This engine, or this deployment of it, cannot do that; the message says what to use instead."""

    dooms = False


class UnavailableError(StorageError):
    """The engine could not be reached, or did not answer within the deadline."""

    retryable_by_default = True


class MovedError(UnavailableError):
    """The collection was moved to another database while this program was running; nothing was stored.

    Everything that was acknowledged before is there. The collection can still be read here; write there.
    """

    retryable_by_default = False


class CommitUnknown(TransactionError, UnavailableError):  # noqa: N818 - it reports no error: nobody knows yet
    """Whether a write, or a transaction, happened is not known: the connection was lost and nobody could be asked.

    It is raised only where the library could not find out by itself. Ask later with ``storage.commit_outcome(token)``;
    without a token, read the entities again and see. Doing it again unseen may do it twice.

    Attributes:
        token: what names the transaction, text that can be kept; None for a single write, which has no name.
    """

    retryable_by_default = False

    def __init__(self, message: str, *, token: str | None = None, **where: Unpack[Where]) -> None:
        super().__init__(message, **where)
        self.token = token

    @classmethod
    def of_write(cls, **where: Unpack[Where]) -> CommitUnknown:
        """The error for a single write, which has no name to ask for it by."""
        return cls(
            "the connection was lost during the write, and whether it happened could not be found out: read the entity "
            "again before doing it again",
            **where,
        )


class PermissionDeniedError(StorageError):
    """The engine or the file system does not allow it."""


class CorruptionError(StorageError):
    """The database file is damaged or is not a database; restore it from a backup."""
