"""How work that must not be left half-done is brought to its end: the two colours' own ways.

PyMongo, when it is cancelled, leaves the server at work. A write that starts a transaction may then arrive after the
abort that was meant for it, and keep the transaction open until the server's limit (``docs/decisions/0001``).

On Python 3.11 it may also go on as if nobody had cancelled it: ``asyncio.wait_for``, by which it sends, forgets there a
cancellation that arrives as what it waits for ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

__all__ = ["AsyncCancelling", "Cancelling", "finish_later", "finish_now"]

R = TypeVar("R")


async def finish_later(
    work: Callable[[], Awaitable[R]], interrupt: Callable[[], Awaitable[object]] | None
) -> R:
    """The result of the work, which runs to its end even when the caller is cancelled.

    Then ``interrupt`` is called, to make the end come soon, the end is waited for, and the cancellation is raised.
    """
    task = asyncio.ensure_future(work())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if task.cancelled():
            raise
        helper = None if interrupt is None or task.done() else asyncio.ensure_future(interrupt())
        waiting: set[asyncio.Future[Any]] = {task} if helper is None else {task, helper}
        while not all(each.done() for each in waiting):
            # Cancelled again, it goes on waiting: whoever gets the connection next must find it idle.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(waiting)
        for each in waiting:
            if not each.cancelled():
                each.exception()  # it has been looked at; the cancellation says what happened
        raise


def finish_now(work: Callable[[], R], interrupt: Callable[[], object] | None) -> R:
    """The result of the work. A blocking caller cannot be cancelled, but for Ctrl-C.

    Then what was sent may still be on its way: ``interrupt`` ends it where it arrives, then the interruption is raised.
    """
    try:
        return work()
    except Exception:
        raise
    except BaseException:
        if interrupt is not None:
            interrupt()
        raise


class AsyncCancelling:
    """Cancellation of the task that waits, which must not be forgotten on the way."""

    @staticmethod
    def asked() -> int:
        """How often it was asked for so far."""
        task = asyncio.current_task()
        return 0 if task is None else task.cancelling()

    @classmethod
    def heed(cls, before: int) -> None:
        """Raise ``CancelledError`` where it was asked for since, and nobody has raised it."""
        if cls.asked() > before:
            raise asyncio.CancelledError


class Cancelling:
    """A thread is not cancelled."""

    @staticmethod
    def asked() -> int:
        """Never."""
        return 0

    @staticmethod
    def heed(before: int) -> None:
        """Nothing."""
