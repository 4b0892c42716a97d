"""One task that makes one call after the other: a transaction belongs to the task that opened it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from ..suspensions import Suspensions

__all__ = ["Serving"]

_Work = Callable[[], Awaitable[Any]]
_Order = tuple[_Work, Suspensions | None, "asyncio.Future[tuple[Any, BaseException | None]]"]


class Serving:
    """An event loop with one task in it that does what it is given, driven step by step from a thread."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._orders: asyncio.Queue[_Order | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def do(self, work: _Work, points: Suspensions | None = None) -> Any:
        """What the work gives; where points are given, it is interrupted at one of them."""
        return self._runner.run(self._handed_over(work, points))

    async def _handed_over(self, work: _Work, points: Suspensions | None) -> Any:
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = loop.create_task(self._serve())
        future: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
        self._orders.put_nowait((work, points, future))
        result, error = await future
        if error is not None:
            raise error
        return result

    async def _serve(self) -> None:
        while (order := await self._orders.get()) is not None:
            work, points, future = order
            outcome: tuple[Any, BaseException | None]
            try:
                outcome = (await (work() if points is None else points.run_here(work)), None)
            except BaseException as error:  # noqa: BLE001 - raised where the work was given
                outcome = (None, error)
            future.set_result(outcome)

    def close(self) -> None:
        """End the task and the loop."""
        self._orders.put_nowait(None)
        if self._task is not None:
            self._runner.run(_ended(self._task))
        self._runner.close()


async def _ended(task: asyncio.Task[None]) -> None:
    await task
