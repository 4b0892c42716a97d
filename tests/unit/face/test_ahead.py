"""What is begun before it is needed: its result, its error, and its end when nobody wants it any more."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from torematrix.core.storage.face.ahead import Ahead, AsyncAhead

SCOPE: ContextVar[str] = ContextVar("SCOPE", default="outside")


def test_results_and_errors_come_from_another_thread():
    """Each call is done by the time it is taken, in another thread and outside whatever scope its caller is in."""
    SCOPE.set("inside")
    numbers = iter([1, 2])
    with Ahead(lambda: (next(numbers), SCOPE.get(), threading.current_thread())) as ahead:
        ahead.begin()
        number, scope, thread = ahead.take()
        assert (number, scope) == (1, "outside")
        assert thread is not threading.current_thread()
        ahead.begin()
        assert ahead.take()[0] == 2
        ahead.begin()
        with pytest.raises(StopIteration):
            ahead.take()
        with pytest.raises(RuntimeError):
            ahead.take()


def test_a_thread_is_waited_for():
    """Leaving waits for a call that runs, so that nothing goes on behind the caller's back."""
    running, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def call():
        running.set()
        may_end.wait(10)
        ended.set()

    def leaves():
        with Ahead(call) as ahead:
            ahead.begin()
            running.wait(10)
            may_end.set()
            raise KeyError

    with pytest.raises(KeyError):
        leaves()
    assert ended.is_set()


def test_results_and_errors_come_from_another_task():
    """The same of the other colour."""

    async def program():
        SCOPE.set("inside")
        numbers = iter([1, 2])

        async def call():
            return next(numbers, None) or 1 // 0, SCOPE.get(), asyncio.current_task()

        async with AsyncAhead(call) as ahead:
            ahead.begin()
            number, scope, task = await ahead.take()
            assert (number, scope) == (1, "outside")
            assert task is not asyncio.current_task()
            ahead.begin()
            assert (await ahead.take())[0] == 2
            ahead.begin()
            with pytest.raises(ZeroDivisionError):
                await ahead.take()
            with pytest.raises(RuntimeError):
                await ahead.take()

    asyncio.run(program())


@pytest.mark.parametrize("taken", [False, True])
def test_a_task_is_cancelled(taken):
    """Whether its caller leaves or is cancelled while it waits, the call is cancelled, and over when he goes on."""
    ends = []

    async def call():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ends.append("over")

    async def waits():
        async with AsyncAhead(call) as ahead:
            ahead.begin()
            await asyncio.sleep(0)
            if not taken:
                raise KeyError
            await ahead.take()

    async def program():
        waiting = asyncio.create_task(waits())
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises((KeyError, asyncio.CancelledError)):
            await waiting
        assert ends == ["over"]

    asyncio.run(program())
