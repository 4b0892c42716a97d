"""What becomes of writes while a collection is being moved to another database.

Inserts and updates the server refuses, by a validator. Deletes it lets pass, so a program that deletes has to know of
moves. It asks once in a while, and relies on the answer for a lease; a move is announced for that long before anything
else. Once it knows of one, it deletes in transactions, and asks in these: the fence waits for transactions that have
written, so who is told in one that it does not stand yet is before it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

from ....core.following import MOVED
from ....errors import MovedError, StorageError, UnavailableError
from .following import CLOSING, LEASE, MOVED_AWAY, phase_of
from .server import AsyncServer

__all__ = ["AsyncLeases", "MovingError"]

_INTERVAL: Final = 0.02


class MovingError(UnavailableError):
    """A collection is just being closed."""


class AsyncLeases:
    """What this program knows of live moves, by collection."""

    def __init__(self, server: AsyncServer, pause: Callable[[float], Awaitable[object]]) -> None:
        self._server = server
        self._pause = pause
        self._asked: dict[str, tuple[float, bool]] = {}

    async def is_moving(self, collection: str, *, waits: bool) -> bool:
        """Whether deletes have to ask.

        Args:
            collection: from which is deleted.
            waits: whether to wait while it is being closed; who has a transaction open would be waited for.

        Raises:
            MovedError: it takes no more writes.
            MovingError: it is being closed.
        """
        if not self._server.transactions:
            return False  # then there are no live moves
        known = self._asked.get(collection)
        now = time.monotonic()
        if known is not None and not known[1] and now - known[0] < LEASE:
            return False
        phase = await phase_of(self._server, collection)
        self._asked[collection] = (now, phase is not None)
        if phase == CLOSING and waits:
            phase = await self._outcome("delete", collection)
        _refuse(phase, collection)
        return phase is not None

    def must_ask(self, collection: str) -> bool:
        """Whether what was known before a delete is not enough behind it: a move, or too long ago."""
        known = self._asked.get(collection)
        return known is not None and (known[1] or time.monotonic() - known[0] >= LEASE)

    async def check(self, collection: str) -> None:
        """Make sure that a delete was before the fence.

        Raises:
            MovingError: it may be behind.
            MovedError: it is.
        """
        _refuse(await phase_of(self._server, collection), collection)

    async def refusal(self, operation: str, collection: str) -> StorageError | None:
        """Why a document was refused, once that is known; None where no move has refused it.

        Raises:
            MovingError: a move had, and was given up: do it again.
            UnavailableError: a move has, and it is not known what becomes of it.
        """
        phase = await phase_of(self._server, collection)
        if phase == CLOSING:
            phase = await self._outcome(operation, collection)
            if phase != MOVED_AWAY:
                raise _closing(operation, collection)
        return _moved(operation, collection) if phase == MOVED_AWAY else None

    async def _outcome(self, operation: str, collection: str) -> str | None:
        """The phase behind the one in which a collection is being closed.

        Raises:
            UnavailableError: it takes too long, as where the mover was killed.
        """
        until = time.monotonic() + self._server.deadline
        phase = await phase_of(self._server, collection)
        while phase == CLOSING and time.monotonic() < until:
            await self._pause(_INTERVAL)
            phase = await phase_of(self._server, collection)
        if phase == CLOSING:
            raise UnavailableError(
                f"{collection!r} is being moved to another database, and it is not known what becomes of that: if "
                "nobody is at it, have the move resumed, or the source released",
                backend="mongodb",
                operation=operation,
                collection=collection,
            )
        return phase


def _refuse(phase: str | None, collection: str) -> None:
    if phase == MOVED_AWAY:
        raise _moved("delete", collection)
    if phase == CLOSING:
        raise _closing("delete", collection)


def _closing(operation: str, collection: str) -> MovingError:
    return MovingError(
        f"{collection!r} is just being moved to another database; try again",
        backend="mongodb",
        operation=operation,
        collection=collection,
    )


def _moved(operation: str, collection: str) -> MovedError:
    return MovedError(
        f"{collection!r} {MOVED}", backend="mongodb", operation=operation, collection=collection
    )
