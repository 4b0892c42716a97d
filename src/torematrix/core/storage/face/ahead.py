"""Work that is begun before its result is needed: one call at a time, beside what the caller does meanwhile.

The two colours are written by hand, since waiting beside something is all they are about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from types import TracebackType
from typing import Generic, Self, TypeVar

__all__ = ["Ahead", "AsyncAhead"]

T = TypeVar("T")


class AsyncAhead(Generic[T]):
    """Runs a function in a task of its own, outside any transaction; entered, and left when no more is wanted."""

    def __init__(self, call: Callable[[], Awaitable[T]]) -> None:
        self._call = call
        self._pending: asyncio.Task[T] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pending is not None:
            self._pending.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._pending

    def begin(self) -> None:
        """Begin a call."""
        self._pending = asyncio.get_running_loop().create_task(self._made(), context=Context())

    async def _made(self) -> T:
        return await self._call()

    async def take(self) -> T:
        """The result of the call that was begun last; it raises what that raised."""
        pending, self._pending = self._pending, None
        if pending is None:
            raise RuntimeError("no call was begun")
        return await pending  # who is cancelled here cancels that, and waits for its end


class Ahead(Generic[T]):
    """Runs a function in a thread of its own, outside any transaction; entered, and left when no more is wanted."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._thread = ThreadPoolExecutor(1, "torematrix-ahead")
        self._pending: Future[T] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def begin(self) -> None:
        """Begin a call."""
        self._pending = self._thread.submit(self._call)

    def take(self) -> T:
        """The result of the call that was begun last; it raises what that raised."""
        pending, self._pending = self._pending, None
        if pending is None:
            raise RuntimeError("no call was begun")
        return pending.result()
