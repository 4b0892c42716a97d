"""Who may migrate a collection, on engines where the end of a process does not show by itself."""

from __future__ import annotations

import contextlib
import uuid
from time import monotonic

from ...errors import ConflictError, MigrationError, StorageError, UnavailableError
from ..migrations import MigrationHistory, history_id
from .migration_work import AsyncMigrationWork

__all__ = ["AsyncLease"]


class AsyncLease:
    """The right to migrate a collection, for as long as whoever has it shows signs of life.

    Nobody compares clocks: who waits sees whether the note changes, by its own clock.
    """

    def __init__(self, work: AsyncMigrationWork, seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._owner = uuid.uuid4().hex
        self._note: MigrationHistory | None = None
        self._beaten = 0.0
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    async def take(self) -> None:
        """Take it; UnavailableError, to be tried again, while somebody else has it."""
        work = self._work
        note = await work.ledger.get(history_id(work.collection, MigrationHistory.lock))
        if note is None:
            raise MigrationError("the note that is the lock is gone", collection=work.collection)
        if note.run:
            seen = (note.run, note.beat)
            if seen != self._seen:
                self._seen, self._since = seen, monotonic()
            if monotonic() - self._since < self._seconds:
                raise UnavailableError(
                    f"another process is migrating {work.collection!r}; try again when it has finished",
                    backend=work.engine.driver.backend,
                    operation="migrate",
                    collection=work.collection,
                )
        note.run = self._owner
        self._note = await work.ledger.update(note)  # a ConflictError where somebody else was quicker
        self._beaten = monotonic()

    async def beat(self) -> None:
        """Show a sign of life, where the last one is a while ago.

        Raises:
            MigrationError: another process took this one for dead, and goes on in its place.
        """
        if self._note is None or monotonic() - self._beaten < self._seconds / 4:
            return
        try:
            self._note = await self._work.ledger.update(self._note)
        except ConflictError as error:
            self._note = None
            raise MigrationError(
                f"another process has taken over migrating {self._work.collection!r}",
                collection=self._work.collection,
            ) from error
        self._beaten = monotonic()

    async def give_back(self) -> None:
        """Let the next process take it at once; one that was taken over is not given back."""
        if self._note is not None:
            note, self._note = self._note, None
            note.run = ""
            with contextlib.suppress(StorageError):
                await self._work.ledger.update(note)
