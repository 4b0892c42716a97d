"""The waiting face of blocking engines: turns, cancellation, threads, loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import pytest_asyncio

from torematrix.core.storage import AsyncStorage, Revision, StorageError, TransactionError, UnavailableError


@dataclass
class Account:
    id: str | None = None
    cents: int = 0
    revision: Annotated[int, Revision()] = 0


@pytest_asyncio.fixture(params=["file", "sqlite:///:memory:", "memory://"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncStorage]:
    url = f"sqlite:///{tmp_path}/a.db" if request.param == "file" else request.param
    async with AsyncStorage.open(url, busy_timeout=10.0) as opened:
        yield opened


@pytest.mark.asyncio
async def test_transfers_conserve_the_sum(storage: AsyncStorage) -> None:
    """Any number of tasks that read and then write in transactions lose nothing of each other's."""
    accounts = storage.repository(Account)
    await accounts.bulk_create([Account(f"a{at}", 100) for at in range(10)])

    async def transfer(number: int) -> None:
        async with storage.transaction():
            giver = await accounts.get(f"a{number % 10}")
            taker = await accounts.get(f"a{(number * 7 + 3) % 10}")
            assert giver is not None
            assert taker is not None
            if giver.id == taker.id:
                return
            giver.cents -= 1
            taker.cents += 1
            await accounts.bulk_update([giver, taker])

    await asyncio.gather(*(transfer(number) for number in range(200)))
    assert sum([account.cents async for account in accounts.stream()]) == 1000


@pytest.mark.asyncio
async def test_reads_go_on_while_a_transaction_is_open(tmp_path: Path) -> None:
    """On a file, other tasks read the last commit while one writes."""
    async with AsyncStorage.open(f"sqlite:///{tmp_path}/a.db") as storage:
        accounts = storage.repository(Account)
        await accounts.create(Account("a", 1))
        entered, leave = asyncio.Event(), asyncio.Event()

        async def write() -> None:
            async with storage.transaction():
                await accounts.patch("a", cents=2)
                entered.set()
                await leave.wait()

        writer = asyncio.create_task(write())
        await entered.wait()
        seen = await accounts.get("a")
        assert seen is not None
        assert seen.cents == 1
        leave.set()
        await writer
        seen = await accounts.get("a")
        assert seen is not None
        assert seen.cents == 2


@pytest.mark.asyncio
async def test_a_writer_waits_no_longer_than_its_deadline(tmp_path: Path) -> None:
    """A task that cannot write in time gets UnavailableError; afterwards writing works."""
    async with AsyncStorage.open(f"sqlite:///{tmp_path}/a.db", busy_timeout=0.1) as storage:
        accounts = storage.repository(Account)
        await accounts.create(Account("a"))
        entered, leave = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with storage.transaction():
                entered.set()
                await leave.wait()

        holder = asyncio.create_task(hold())
        await entered.wait()
        with pytest.raises(UnavailableError):
            await accounts.create(Account("b"))
        leave.set()
        await holder
        await accounts.create(Account("b"))


async def cancelled_after(turns: int, work: Coroutine[Any, Any, Any]) -> bool:
    """Run the work in a task and cancel it after so many turns of the loop; whether it was cancelled."""
    task = asyncio.create_task(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


@pytest.mark.asyncio
async def test_cancelled_at_every_await(storage: AsyncStorage) -> None:
    """Wherever a task is cancelled its transaction is whole or absent, and the next one finds nothing open."""
    accounts = storage.repository(Account)
    await accounts.bulk_create([Account("x", 0), Account("y", 0)])

    async def pair(number: int) -> None:
        async with storage.transaction():
            await accounts.patch("x", cents=number)
            async with storage.transaction():
                await accounts.patch("y", cents=number)

    for number in range(1, 60):
        await cancelled_after(number % 20, pair(number))
        x, y = await accounts.get("x"), await accounts.get("y")
        assert x is not None
        assert y is not None
        assert x.cents == y.cents
    await pair(1000)
    y = await accounts.get("y")
    assert y is not None
    assert y.cents == 1000


@pytest.mark.asyncio
async def test_an_interruption_that_is_swallowed_still_dooms(storage: AsyncStorage) -> None:
    """A block that goes on after a timeout inside it cannot commit what may be half-done."""
    accounts = storage.repository(Account)
    await accounts.create(Account("x", 0))
    with pytest.raises((TransactionError, TimeoutError)):  # noqa: PT012  # the block is what is tested
        async with storage.transaction():
            await accounts.patch("x", cents=1)
            try:
                async with asyncio.timeout(0):
                    await accounts.patch("x", cents=2)
            except TimeoutError:
                pass
            await accounts.patch("x", cents=3)
    x = await accounts.get("x")
    assert x is not None
    assert x.cents == 0


@pytest.mark.asyncio
async def test_children_are_refused_and_strangers_are_outside(storage: AsyncStorage) -> None:
    """A task born in a scope may not use it; one born before works outside it."""
    accounts = storage.repository(Account)
    await accounts.create(Account("x", 0))
    async with storage.transaction():
        with pytest.raises(TransactionError, match="inherited"):
            await asyncio.create_task(accounts.get("x"))
        await accounts.patch("x", cents=5)
    x = await accounts.get("x")
    assert x is not None
    assert x.cents == 5


@pytest.mark.asyncio
async def test_a_stream_left_early_frees_what_it_holds(storage: AsyncStorage) -> None:
    """Breaking out of a stream, many times, leaves the storage usable and closable."""
    accounts = storage.repository(Account)
    await accounts.bulk_create([Account(f"a{at:03}") for at in range(100)])
    for _ in range(20):
        stream = accounts.stream(batch_size=3)
        async for account in stream:
            assert account.id == "a000"
            break
        await stream.aclose()
    await accounts.create(Account("z"))
    assert await accounts.count() == 101


def test_no_thread_outlives_its_storage(tmp_path: Path) -> None:
    """Closing ends the threads of the storage."""
    before = threading.active_count()

    async def use() -> None:
        async with AsyncStorage.open(f"sqlite:///{tmp_path}/a.db") as storage:
            await storage.repository(Account).create(Account())
            assert threading.active_count() > before

    asyncio.run(use())
    assert threading.active_count() == before


def test_another_loop_is_refused(tmp_path: Path) -> None:
    """A storage opened in one event loop says so in another, rather than hanging."""
    storage = AsyncStorage.open(f"sqlite:///{tmp_path}/a.db")

    async def first() -> AsyncStorage:
        return await storage

    opened = asyncio.run(first())

    async def second() -> None:
        with pytest.raises(StorageError, match="event loop"):
            await opened.repository(Account).count()
        await opened.close()

    asyncio.run(second())
