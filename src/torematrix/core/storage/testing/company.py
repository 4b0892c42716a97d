"""Others at work beside a test: tasks for the waiting colour, threads for the blocking one."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

__all__ = ["AsyncCompany", "AsyncGate", "AsyncOther", "CancelledError", "Company", "Gate", "Other", "pause"]

CancelledError = asyncio.CancelledError

R = TypeVar("R")
DEADLINE: Final = 60.0
"""Seconds after which work that does not end is a failure."""


async def pause() -> None:
    """Let other tasks go on."""
    await asyncio.sleep(0)


class AsyncGate:
    """Closed until somebody opens it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def open(self) -> None:
        """Let everybody through."""
        self._event.set()

    async def wait(self, seconds: float = DEADLINE) -> bool:
        """Return once it is open, or after so many seconds; whether it is open."""
        try:
            async with asyncio.timeout(seconds):
                return await self._event.wait()
        except TimeoutError:
            return False


class AsyncOther(Generic[R]):
    """A task at work."""

    def __init__(self, task: asyncio.Task[R]) -> None:
        self._task = task

    def cancel(self) -> None:
        """Cancel it, as an application does that has waited long enough."""
        self._task.cancel()

    async def result(self) -> R:
        """What came of it; its exception, where it raised one."""
        async with asyncio.timeout(DEADLINE):
            return await self._task

    async def ends(self, within: float = 0.1) -> bool:
        """Whether it ends in so many seconds."""
        await asyncio.wait([self._task], timeout=within)
        return self._task.done()


class AsyncCompany:
    """Starts tasks."""

    def start(self, function: Callable[[], Awaitable[R]], *, inherit: bool = False) -> AsyncOther[R]:
        """Another task that runs the function, with a context of its own or with a copy of the caller's."""

        async def work() -> R:
            return await function()

        context = contextvars.copy_context() if inherit else contextvars.Context()
        return AsyncOther(asyncio.get_running_loop().create_task(work(), context=context))

    async def together(self, *functions: Callable[[], Awaitable[Any]]) -> list[Any]:
        """The results of all, run at the same time."""
        others = [self.start(function) for function in functions]
        return [await other.result() for other in others]

    def gate(self) -> AsyncGate:
        """A new gate, closed."""
        return AsyncGate()


class Gate:
    """Closed until somebody opens it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def open(self) -> None:
        """Let everybody through."""
        self._event.set()

    def wait(self, seconds: float = DEADLINE) -> bool:
        """Return once it is open, or after so many seconds; whether it is open."""
        return self._event.wait(seconds)


class Other(Generic[R]):
    """A thread at work."""

    def __init__(self, function: Callable[[], R], context: contextvars.Context) -> None:
        self._results: list[R] = []
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=context.run, args=(self._work, function), daemon=True)
        self._thread.start()

    def _work(self, function: Callable[[], R]) -> None:
        try:
            self._results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._errors.append(error)

    def result(self) -> R:
        """What came of it; its exception, where it raised one."""
        self._thread.join(DEADLINE)
        if self._errors:
            raise self._errors[0]
        if not self._results:
            raise TimeoutError("a thread of the test did not end")
        return self._results[0]

    def ends(self, within: float = 0.1) -> bool:
        """Whether it ends in so many seconds."""
        self._thread.join(within)
        return not self._thread.is_alive()


class Company:
    """Starts threads."""

    def start(self, function: Callable[[], R], *, inherit: bool = False) -> Other[R]:
        """Another thread that runs the function, with a context of its own or with a copy of the caller's."""
        return Other(function, contextvars.copy_context() if inherit else contextvars.Context())

    def together(self, *functions: Callable[[], Any]) -> list[Any]:
        """The results of all, run at the same time."""
        others = [self.start(function) for function in functions]
        return [other.result() for other in others]

    def gate(self) -> Gate:
        """A new gate, closed."""
        return Gate()
