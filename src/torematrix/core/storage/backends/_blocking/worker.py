"""A thread that runs calls one after the other and wakes the event loop once for many of them."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ...errors import StorageError

__all__ = ["Worker"]

R = TypeVar("R")
_TOGETHER = 64
"""How many calls are run before their results are delivered."""
_Call = tuple[Callable[..., Any], tuple[Any, ...], "asyncio.Future[Any]"]
_Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Worker:
    """One thread for blocking calls of one kind.

    What has been submitted while a call ran is run next without the loop in between, and results that are ready
    together are delivered in one wake-up: under load a call costs a fraction of a hand-over between threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._stopped = False

    def submit(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Run the call in the thread; the future belongs to the running loop."""
        if self._stopped:
            raise StorageError("the storage is closed")
        if self._thread is None:
            self._start()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls.put((function, arguments, future))
        return future

    async def finish(self, function: Callable[..., R], *arguments: Any) -> R:
        """The call's result; where the caller is cancelled meanwhile, the call ends before CancelledError is raised."""
        future = self.submit(function, *arguments)
        return await settled(future)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Let what was submitted run to its end, then end the thread."""
        self._stopped = True
        self._calls.put(None)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            outcomes: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
            ran = 0
            while True:
                outcome = _outcome(*call)
                outcomes.setdefault(outcome[0].get_loop(), []).append(outcome)
                ran += 1
                if ran == _TOGETHER or self._calls.empty():
                    break
                following = self._calls.get()
                if following is None:
                    self._calls.put(None)
                    break
                call = following
            for loop, ready in outcomes.items():
                try:  # noqa: SIM105 - suppress() would cost something for every call
                    loop.call_soon_threadsafe(_deliver, ready)
                except RuntimeError:
                    pass  # the loop was closed: nobody waits any more


def _outcome(
    function: Callable[..., Any], arguments: tuple[Any, ...], future: asyncio.Future[Any]
) -> _Outcome:
    try:
        return future, function(*arguments), None
    except BaseException as error:  # noqa: BLE001 - raised where the future is awaited
        return future, None, error


def _deliver(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


async def settled(future: asyncio.Future[R]) -> R:
    """The future's result, once it is done; a cancellation that arrives meanwhile is raised after that."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not future.cancelled():
            future.exception()  # looked at, so that the loop does not report it as forgotten
        raise cancelled
    return future.result()
