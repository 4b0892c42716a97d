"""Crowds: many more tasks at once than there are connections, all of them changing the same few sums."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import Final

from ...errors import StorageError, UnavailableError
from ...face._async.storage import AsyncStorage
from .engines import Engine
from .entities import OPENING, Account, Record
from .tally import Tally

__all__ = ["crowd_in", "limited", "use_up_the_pool"]

_BACK: Final = 5.0
"""Seconds beyond its deadline within which a task has to be told."""


def crowd_in(
    engine: Engine, tally: Tally, tasks: int, random: Random, tell: Callable[[int], object] = lambda _: None
) -> None:
    """Half of so many tasks move money, the others count, all at once; every sum has to be right afterwards."""
    url = engine.new_database()
    options = "busy_timeout=600" if engine.name == "sqlite" else "pool_size=20&pool_timeout=600"
    if engine.name == "mongodb":
        options += "&operation_timeout=600"
    try:
        asyncio.run(_crowd(limited(url, options), tally, tasks, random, tell))
    finally:
        engine.drop(url)


def limited(url: str, options: str) -> str:
    """The URL with limits of one's own."""
    # SQLite's own URL has a deadline already: the one given last does not win, it is refused.
    url = url.partition("?busy_timeout")[0]
    return f"{url}{'&' if '?' in url else '?'}{options}"


async def _crowd(url: str, tally: Tally, tasks: int, random: Random, tell: Callable[[int], object]) -> None:
    async with AsyncStorage.open(url) as storage:
        accounts = storage.repository(Account, "accounts")
        # Ten tasks a sum; on MongoDB, where who meets another begins again, two.
        count = max(4, tasks // (2 if storage.backend == "mongodb" else 10))
        await accounts.bulk_create([Account(OPENING, f"a{number}") for number in range(count)])
        counters = storage.repository(Account, "counters")
        await counters.bulk_create([Account(0, f"c{number}") for number in range(count)])

        async def move() -> bool:
            giver, taker = random.sample(range(count), 2)
            cents = random.randrange(1, 50)

            async def work() -> None:
                # Always in the same order, so that two of them do not wait for each other for ever.
                held = {
                    account.id: account for account in await accounts.get_many([f"a{giver}", f"a{taker}"])
                }
                held[f"a{giver}"].cents -= cents
                held[f"a{taker}"].cents += cents
                await accounts.bulk_update([held[name] for name in sorted(held)])

            return await _told(storage.run_in_transaction(work, attempts=10_000, deadline=600), tell)

        async def add() -> bool:
            which = f"c{random.randrange(count)}"

            async def work() -> None:
                counter = await counters.get(which)
                assert counter is not None
                counter.cents += 1
                await counters.update(counter)

            return await _told(storage.run_in_transaction(work, attempts=10_000, deadline=600), tell)

        done = await asyncio.gather(*(move() if number % 2 else add() for number in range(tasks)))
        added = sum(done[0::2])
        held = sum(account.cents for account in await accounts.list())
        counted = sum(counter.cents for counter in await counters.list())
        revisions = sum(counter.revision - 1 for counter in await counters.list())
    tally.add(tasks=tasks, done=sum(done), refused=tasks - sum(done))
    if held != OPENING * count:
        tally.blame([f"sum: all accounts hold {held} cents, not {OPENING * count}"])
    if counted != added or revisions != added:
        tally.blame([f"sum: {counted} was counted in {revisions} changes by {added} tasks"])


async def _told(work: object, tell: Callable[[int], object]) -> bool:
    try:
        await work  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues] - a coroutine
    except StorageError:
        return False
    finally:
        tell(1)
    return True


def use_up_the_pool(
    engine: Engine, tally: Tally, tasks: int, tell: Callable[[int], object] = lambda _: None
) -> None:
    """So many tasks write on five connections: all are served; while the five are held, all are told in time."""
    url = engine.new_database()
    try:
        asyncio.run(_use_up(engine.name, url, tally, tasks, tell))
    finally:
        engine.drop(url)


async def _use_up(name: str, url: str, tally: Tally, tasks: int, tell: Callable[[int], object]) -> None:
    patient = "busy_timeout=120" if name == "sqlite" else "pool_size=5&pool_timeout=120"
    async with AsyncStorage.open(limited(url, patient)) as storage:
        records = storage.repository(Record, "records", searchable=())
        await records.count()
        await asyncio.gather(*(records.create(Record("l", 1, "t", f"r{number}")) for number in range(tasks)))
        if await records.count() != tasks:
            tally.blame([f"lost: {await records.count()} of {tasks} records are stored"])
    tally.add(served=tasks)
    tell(tasks)
    if name == "mongodb":
        return  # An open transaction holds no connection there, so nothing can be held.
    await _hold(name, url, tally, tasks)
    tell(tasks)


async def _hold(name: str, url: str, tally: Tally, tasks: int) -> None:
    deadline = 0.5
    short = f"busy_timeout={deadline}" if name == "sqlite" else f"pool_size=5&pool_timeout={deadline}"
    async with AsyncStorage.open(limited(url, short)) as storage:
        records = storage.repository(Record, "records", searchable=())
        await records.count()
        release = asyncio.Event()
        holding = asyncio.Semaphore(0)

        async def hold() -> None:
            async with storage.transaction():
                holding.release()
                await release.wait()

        async def try_one(number: int) -> float:
            began = time.monotonic()
            try:
                await records.create(Record("l", 1, "t", f"s{number}"))
            except UnavailableError:
                return time.monotonic() - began
            return -1.0

        held = 1 if name == "sqlite" else 5
        holders = [asyncio.create_task(hold()) for _ in range(held)]
        for _ in range(held):
            await holding.acquire()
        waited = await asyncio.gather(*(try_one(number) for number in range(tasks)))
        release.set()
        await asyncio.gather(*holders)
        if min(waited) < 0:
            tally.blame(["stray: a task was served while every connection was held"])
        if max(waited) > deadline + _BACK:
            tally.blame([f"late: a task was told after {max(waited):.1f} s, not {deadline} s"])
        tally.seconds.append(max(waited))
        tally.add(told=sum(each >= 0 for each in waited))
        # Nothing has leaked: as many as before can be served at once.
        await asyncio.gather(*(records.create(Record("l", 1, "t", f"u{number}")) for number in range(held)))
        if await records.count() != tasks + held:
            tally.blame(["stray: what was refused is stored"])
