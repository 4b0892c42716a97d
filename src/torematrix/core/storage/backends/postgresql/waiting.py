"""What waiting is in each colour, so that the rest is written once: a twin uses ``Waiting`` for ``AsyncWaiting``."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from .._blocking.worker import settled

__all__ = ["AsyncWaiting", "Waiting"]

P = ParamSpec("P")
R = TypeVar("R")


class AsyncWaiting:
    """In an event loop."""

    @staticmethod
    def here() -> object:
        """The place that connections belong to: who waits in one loop cannot be woken from another."""
        return asyncio.get_running_loop()

    @staticmethod
    async def finished(work: Callable[P, Coroutine[Any, Any, R]], *arguments: P.args, **named: P.kwargs) -> R:
        """The work's result; where the caller is cancelled meanwhile, the work ends before CancelledError is raised."""
        return await settled(asyncio.ensure_future(work(*arguments, **named)))

    @staticmethod
    def lock() -> asyncio.Lock:
        """What one task at a time can hold."""
        return asyncio.Lock()

    @staticmethod
    async def sleep(seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    @staticmethod
    async def apart(function: Callable[[], R]) -> R:
        """The result of a function that blocks, which blocks nobody else."""
        return await asyncio.to_thread(function)


class Waiting:
    """In a thread."""

    @staticmethod
    def here() -> object:
        """Connections may be used from any thread."""
        return None

    @staticmethod
    def finished(work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        """The work's result: a thread is not cancelled."""
        return work(*arguments, **named)

    @staticmethod
    def lock() -> threading.Lock:
        """What one thread at a time can hold."""
        return threading.Lock()

    @staticmethod
    def sleep(seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    @staticmethod
    def apart(function: Callable[[], R]) -> R:
        """The result of a function that blocks."""
        return function()
