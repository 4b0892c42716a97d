# generated from _async/port.py by tools/generate_twins.py: do not edit
"""The driver port: everything an engine has to provide.

A driver turns frozen operations into statements and runs them, on a connection of its own or within a session. It knows
nothing of repositories, scopes or layers. It raises nothing but ``StorageError``: ``translate`` is the one place where
the client library's errors become ours, by their codes, never by their text.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Protocol

from ...capability import Capabilities, Feature
from ...errors import InvalidQueryError, StorageError, UnsupportedError
from ...model.codec import Row
from ...query.operations import Collection, Operation, Scan
from ..following import FollowingStep
from ..observing import Connections, Waits
from ..options import Explanation, Progress, TransactionOptions
from ..restructuring import Restructuring

__all__ = ["Driver", "Session"]


class Session(Protocol):
    """One transaction on one connection.

    ``commit`` and ``rollback`` end it and give the connection back, whatever happens: they run to their end even when
    the caller is cancelled meanwhile, and no connection is handed on with an open transaction.
    """

    def savepoint(self) -> str:
        """Mark the present state; the name of the mark."""
        ...

    def rollback_to(self, savepoint: str) -> None:
        """Undo exactly what was written since the mark, and forget the mark."""
        ...

    def release(self, savepoint: str) -> None:
        """Forget the mark and keep what was written."""
        ...

    def commit(self) -> None:
        """Make everything permanent. Raises when that did not happen."""
        ...

    def rollback(self) -> None:
        """Undo everything. Never raises for a connection that is gone: then the engine has undone it."""
        ...


class Driver(Protocol):
    """One open database.

    Attributes:
        backend: the engine's name, as in capabilities and errors.
        json_documents: whether rows carry their document part as JSON text (else as a dict).
        keeps_order: whether the keys in documents come back sorted, as they were given.
        restructures_at_once: whether ``restructure`` is part of a transaction, and so happens or does not.
        fences_at_once: whether ``follow`` is, so that writers wait at a fence until that transaction ends.
    """

    backend: str
    json_documents: bool
    keeps_order: bool = True
    restructures_at_once: bool = True
    fences_at_once: bool = True

    @property
    def capabilities(self) -> Capabilities:
        """What this deployment can do; known once open."""
        ...

    def open(self) -> None:
        """Connect, probe, and prepare the library's own tables. Does nothing when open already."""
        ...

    def close(self) -> None:
        """Give everything back; sessions still open are rolled back. Does nothing when closed already."""
        ...

    def ensure(self, collection: Collection) -> None:
        """Create what the collection needs, apply additive changes, and set ``collection.plan``.

        Raises:
            ConfigurationError: the stored schema differs in a way that only a migration may change.
        """
        ...

    def restructure(self, asked: Restructuring, session: Session | None) -> None:
        """Take a collection from one schema to another, with every row; nobody writes to it meanwhile.

        Where ``restructures_at_once``, it is done in the session, and undone with it. Elsewhere there is no session:
        it happens in steps that go on where they were when it is asked for again with the same token, and it changes
        nothing before it is sure that every row can be converted.

        Raises:
            MigrationError: rows cannot be converted; nothing was changed.
            DuplicateError: rows do not meet a unique constraint; nothing was changed.
        """
        raise UnsupportedError(
            f"{self.backend} has no migrations", backend=self.backend, operation="restructure"
        )

    def follow(self, step: FollowingStep, session: Session | None) -> Any:
        """Do one step of following what others write, as its class says; there is a session where ``fences_at_once``.

        Raises:
            UnavailableError: somebody has been writing for too long.
        """
        raise self.unsupported(Feature.LIVE_MOVES, "move")

    def run(self, operation: Operation, session: Session | None) -> Any:
        """The operation's result, as its class documents it; all of it happens or none."""
        ...

    def stream(self, operation: Scan, session: Session | None) -> Generator[list[Row], None, None]:
        """The rows in batches; closing the generator frees everything it holds."""
        ...

    def begin(self, options: TransactionOptions) -> Session:
        """Start a transaction.

        Raises:
            UnavailableError: no connection was free, or no lock granted, within the deadline.
        """
        ...

    def native(self, session: Session | None) -> Any:
        """The engine's own handle within the session, for what no portable layer should hide.

        Without one, the handle outside transactions, where ``restructure`` works outside them too.
        """
        ...

    def explain(self, operation: Operation | Scan, session: Session | None = None) -> Explanation:
        """What ``run`` would send, and the engine's plan for it; nothing is changed."""
        ...

    def observe(self, waits: Waits) -> None:
        """Tell of every wait for a connection, from now on; called before it is opened, where somebody looks on."""
        return

    def connections(self) -> Sequence[Connections]:
        """How many connections there are now, by pool; called in any thread. Nothing where that cannot be told."""
        return ()

    def cursor_key(self) -> bytes:
        """The secret that signs cursors, kept with the database unless configured: at least 32 bytes."""
        ...

    def health(self) -> dict[str, Any]:
        """A round trip to the engine: its version, and what is worth knowing of its state.

        Raises:
            StorageError: it does not answer.
        """
        ...

    def collections(self) -> dict[str, dict[str, Any]]:
        """The collections stored here, by name, each with the description of its schema."""
        ...

    def backup(self, path: Path, progress: Progress | None) -> dict[str, Any]:
        """Write a consistent copy to this file while others read and write; its manifest."""
        raise self.unsupported(Feature.BACKUP, "backup")

    def check(self) -> list[str]:
        """Examine the whole database; what is wrong with it, nothing when it is sound."""
        raise self.unsupported(Feature.CHECK, "check")

    def vacuum(self, full: bool) -> dict[str, Any]:
        """Give free space back to the file system; the sizes before and after in bytes."""
        raise self.unsupported(Feature.VACUUM, "vacuum")

    def statistics(self) -> dict[str, Any]:
        """Sizes and counts of what is stored."""
        ...

    def commit_outcome(self, token: str) -> bool | None:
        """What became of the transaction that a ``CommitUnknown`` names; None where nobody knows any more."""
        raise InvalidQueryError("this is no token of a CommitUnknown of this storage", backend=self.backend)

    def translate(self, error: BaseException) -> StorageError | None:
        """The error of ours that stands for this one of the client library; None for an error that is not its own."""
        ...

    def unsupported(self, feature: Feature, operation: str) -> UnsupportedError:
        """The error that says why this engine has no such feature."""
        note = self.capabilities.features[feature].note
        return UnsupportedError(
            f"{self.backend} has no {feature.value}" + (f": {note}" if note else ""),
            backend=self.backend,
            operation=operation,
        )
