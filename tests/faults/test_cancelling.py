"""Every call is cancelled at each point at which it waits, and leaves nothing; a leak that is planted is found."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random

import pytest

from torematrix.core.storage import AsyncStorage
from torematrix.core.storage.backends._blocking.worker import Worker
from torematrix.core.storage.backends.mongodb import make
from torematrix.core.storage.backends.postgresql._async.driver import AsyncPostgreSQLDriver
from torematrix.core.storage.testing.faults.cancelling import cancel_everywhere
from torematrix.core.storage.testing.faults.cuts import WRITES, proxied, proxy_of
from torematrix.core.storage.testing.faults.engines import engine_of
from torematrix.core.storage.testing.faults.entities import Record
from torematrix.core.storage.testing.faults.proxy import Cut
from torematrix.core.storage.testing.faults.suspensions import WAYS, Suspensions
from torematrix.core.storage.testing.faults.tally import Tally


@pytest.mark.parametrize("way", WAYS)
def test_cancelled_at_every_point(engine, way):
    tally = Tally()
    cancel_everywhere(engine, tally, Random(9), ways=[way], every=1 if way == "early" else 3)
    assert tally.faults == []
    assert tally.counts["interrupted"] > 15


def _plant(monkeypatch, backend):
    if backend == "sqlite":

        async def finish(self, function, *arguments):
            return await self.submit(function, *arguments)

        monkeypatch.setattr(Worker, "finish", finish)
    elif backend == "postgresql":

        async def let_go(self, link):
            pass

        monkeypatch.setattr(AsyncPostgreSQLDriver, "_let_go", let_go)
    else:

        async def finish_later(work, interrupt):
            return await work()

        monkeypatch.setattr(make, "finish_later", finish_later)


def test_a_planted_leak_is_found(engine, monkeypatch):
    """An engine that leaves what is cancelled as it is: one of its own, for nobody gives back what leaked."""
    tally = Tally()
    leaking = engine_of(engine.name)
    try:
        with monkeypatch.context() as patch:
            _plant(patch, engine.name)
            cancel_everywhere(leaking, tally, Random(9), ways=["early"])
    finally:
        leaking.close()
    assert tally.faults
    assert {fault.partition(":")[0] for fault in tally.faults} <= {"leak", "pool", "swallowed"}


@pytest.mark.parametrize("kind", ["create", "patch", "delete", "bulk_create"])
def test_what_is_cancelled_does_not_arrive_later(server, kind):
    """However slow the network is: what is written after the cancellation is what stays."""
    url = server.new_database()

    async def run(proxied_url, proxy):
        async with AsyncStorage.open(proxied_url) as storage:
            records = storage.repository(Record, "records", searchable=())
            await records.bulk_create([Record("l", 1, "t", each) for each in "ab"])
            calls = {
                "create": lambda: records.create(Record("l", 2, "cancelled", "c")),
                "patch": lambda: records.patch("a", version=2, text="cancelled"),
                "delete": lambda: records.delete("b"),
                "bulk_create": lambda: records.bulk_create([Record("l", 2, "u", each) for each in "cd"]),
            }
            proxy.arm(Cut("delay", WRITES, seconds=0.4))
            task = asyncio.create_task(calls[kind]())
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            proxy.disarm()
            await records.patch("a", version=3, text="last")
            seen = await records.list()
            await asyncio.sleep(0.6)
            assert await records.list() == seen
            assert (await records.get("a")).text == "last"

    with proxy_of(server) as proxy:
        asyncio.run(run(proxied(server, url, proxy), proxy))
    server.drop(url)


def test_a_cancellation_that_is_swallowed_is_found(engine, monkeypatch):
    """A call that goes on as if nobody had cancelled it."""
    run = Suspensions.run

    async def deaf(work):
        with contextlib.suppress(asyncio.CancelledError):
            await work()

    monkeypatch.setattr(Suspensions, "run", lambda self, work: run(self, lambda: deaf(work)))
    tally = Tally()
    cancel_everywhere(engine, tally, Random(9), ways=["early"])
    assert [fault.partition(":")[0] for fault in tally.faults] == ["swallowed"]


def test_points_are_met_one_by_one():
    """Those of tasks that a call starts too; those of others are none of its own."""

    async def inner():
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def outer():
        await asyncio.sleep(0)
        await asyncio.create_task(inner())

    async def cancelled(at, way):
        points = Suspensions(at, way)
        other = asyncio.create_task(inner())
        try:
            await points.run(outer)
        except (asyncio.CancelledError, TimeoutError) as error:
            return points.count, type(error).__name__
        finally:
            await other
        return points.count, None

    assert asyncio.run(cancelled(None, "early")) == (4, None)
    for way in WAYS:
        name = "TimeoutError" if way == "timeout" else "CancelledError"
        assert [asyncio.run(cancelled(at, way))[1] for at in range(3)] == [name] * 3
        assert asyncio.run(cancelled(4, way)) == (4, None)
