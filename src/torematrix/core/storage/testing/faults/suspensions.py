"""Interrupts a call at a point of its own choosing: at the n-th time that it, or a task it has started, waits.

Every way in which asyncio can interrupt a call meets it at such a point, so trying them one after the other is trying
everything. What happens there:

early       the call is cancelled as it begins to wait
late        it is cancelled when what it waits for has come, before it could take it
again       it is cancelled there, and at every point after it
timeout     the time of ``asyncio.timeout`` is up as it begins to wait
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import ContextVar
from typing import Any, Final, TypeVar

__all__ = ["WAYS", "Suspensions"]

R = TypeVar("R")

WAYS: Final = ("early", "late", "again", "timeout")

_watching: Final[ContextVar[Suspensions | None]] = ContextVar("torematrix_suspensions", default=None)


class Suspensions:
    """Counts where a call waits, and interrupts it at one of these points.

    Args:
        at: the point, from 0 on; None to let it run to its end.
        way: one of ``WAYS``.

    Attributes:
        count: how many points there have been.
        met: whether the point was among them.
        cancelled: whether the call was still at work when it was cancelled there.
    """

    def __init__(self, at: int | None = None, way: str = "early") -> None:
        self.count = 0
        self.met = False
        self.cancelled = False
        self._at = at
        self._way = way
        self._task: asyncio.Task[Any] | None = None
        self._limit: asyncio.Timeout | None = None
        self._ended = False

    async def run(self, work: Callable[[], Awaitable[R]]) -> R:
        """The result of the work.

        Raises:
            asyncio.CancelledError: it was cancelled.
            TimeoutError: its time was up.
        """
        loop = asyncio.get_running_loop()
        former = loop.get_task_factory()
        token = _watching.set(self)
        loop.set_task_factory(self._make_task)
        try:
            self._task = loop.create_task(self._limited(work))
            result: R = await self._task
            return result
        finally:
            loop.set_task_factory(former)
            _watching.reset(token)

    async def run_here(self, work: Callable[[], Awaitable[R]]) -> R:
        """The same in the task that calls, which may have a transaction open; it can go on afterwards."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        former, before = loop.get_task_factory(), task.cancelling()
        token = _watching.set(self)
        loop.set_task_factory(self._make_task)
        try:
            self._task = task
            return await _followed(self._limited(work), self)
        finally:
            self._ended = True
            while task.cancelling() > before:
                task.uncancel()
            loop.set_task_factory(former)
            _watching.reset(token)

    async def _limited(self, work: Callable[[], Awaitable[R]]) -> R:
        if self._way != "timeout":
            return await work()
        async with asyncio.timeout(None) as self._limit:
            return await work()

    def _make_task(self, loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Future[Any]:
        # Tasks that were there before, such as those of a pool, start others that are none of this call's.
        if _watching.get() is not self:
            return asyncio.Task(work, loop=loop, **more)
        task = asyncio.Task(_followed(work, self), loop=loop, **more)
        task.add_done_callback(lambda _: work.close())  # which never began, where it was cancelled before
        return task

    def waits_for(self, what: Any) -> None:
        """Note that there is a point, and do there what is to be done."""
        here, self.count = self.count, self.count + 1
        if self._at is None or here < self._at or (here > self._at and self._way != "again"):
            return
        self.met = True
        if self._way == "late" and asyncio.isfuture(what):
            what.add_done_callback(lambda _: self._interrupt())
        else:
            self._interrupt()

    def _interrupt(self) -> None:
        assert self._task is not None
        if self._ended:
            return  # what it has left behind waits for something
        if self._limit is not None:
            self._limit.reschedule(0)
        elif self._task.cancel():
            self.cancelled = True


async def _followed(work: Coroutine[Any, Any, R], by: Suspensions) -> R:
    result: R = await _Steps(work, by)
    return result


class _Steps:
    """A coroutine, step by step."""

    def __init__(self, work: Coroutine[Any, Any, Any], by: Suspensions) -> None:
        self._work = work
        self._by = by

    def __await__(self) -> Generator[Any, Any, Any]:
        error: BaseException | None = None
        while True:
            try:
                awaited = self._work.send(None) if error is None else self._work.throw(error)
            except StopIteration as end:
                return end.value
            self._by.waits_for(awaited)
            error = None
            try:
                yield awaited
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - handed to the coroutine
                error = thrown
