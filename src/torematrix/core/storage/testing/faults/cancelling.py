"""Cancellation: every call is interrupted at each point at which it waits, and whatever it leaves behind is a fault.

leak        a transaction or a cursor is open on the engine after the call has ended
pool        a connection is missing: as many as there were cannot be used at once any more
swallowed   the call went on as if nobody had cancelled it
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from ...errors import StorageError
from ...face._async.storage import AsyncStorage
from ...query.filters import Pagination
from ._async.lanes import AsyncBooks, AsyncLane
from .crowds import limited
from .engines import Engine, MongoDBEngine, PostgreSQLEngine, SQLiteEngine
from .entities import WORD
from .kills import Stage
from .steps import Ledger
from .suspensions import WAYS, Suspensions
from .tally import Tally

__all__ = ["cancel_everywhere", "watching"]

_CONNECTIONS: Final = 2
"""So few that one which is lost is missed."""
_SOON: Final = 3.0
"""Seconds in which an engine has to have ended what a call that was cancelled had it do."""
_ENOUGH: Final = 1_000
"""More points than any call has."""

Look = Callable[[], list[str]]
"""What is open on an engine at this moment that nobody needs."""


def cancel_everywhere(
    engine: Engine,
    tally: Tally,
    random: Random,
    tell: Callable[[int], object] = lambda _: None,
    ways: Sequence[str] = WAYS,
    every: int = 1,
) -> None:
    """Interrupt each kind of call at each point, in each way, and look what it has left.

    Counted are the ``points`` that were met, by the kind of call too (``at create``), and whether the call was
    ``interrupted`` there or ``ended`` all the same, since nothing was left that could be.

    Args:
        engine: where.
        tally: what is added to.
        random: what the calls write.
        tell: is told of each point.
        ways: in which it is interrupted.
        every: only each so manieth point.
    """
    with tempfile.TemporaryDirectory(prefix="torematrix-ledgers-") as folder:
        stage = Stage(engine, Path(folder))
        limits = "busy_timeout=5" if engine.name == "sqlite" else f"pool_size={_CONNECTIONS}&pool_timeout=5"
        order = stage.order("async", random)
        ledger = Ledger(Path(order.ledger))
        try:
            with watching(engine, stage.url) as look:

                async def cancel() -> None:
                    async with AsyncStorage.open(limited(stage.url, limits)) as storage:
                        books = AsyncBooks(storage)
                        lane = AsyncLane(books, ledger, order.name, random, list(stage.opening))
                        calls = _Calls(books, lane)
                        await calls.prepare()
                        for way in ways:
                            for kind in calls.kinds:
                                if not tally.faults:
                                    await _Canceller(calls, kind, way, tally, look, tell).run(every)

                asyncio.run(cancel())
        finally:
            ledger.close()
        if tally.faults:
            return  # what was left behind may hold locks, and nobody gives it back
        engine.rest()
        tally.judge(stage.check())
        stage.drop()


class _Calls:
    """What is interrupted: the steps of a lane, and readings of many records."""

    def __init__(self, books: AsyncBooks, lane: AsyncLane) -> None:
        self._books = books
        self._lane = lane
        self._readings: dict[str, Callable[[], Awaitable[object]]] = {
            "list": books.lefts.list,
            "page": lambda: books.lefts.list(pagination=Pagination(1, 2)),
            "search": lambda: books.rights.search(WORD, pagination=Pagination(1, 5)),
            "stream": self._stream,
            "stream_in_transaction": self._stream_in_transaction,
        }

    @property
    def kinds(self) -> list[str]:
        return [*self._lane.kinds, *self._readings]

    async def prepare(self) -> None:
        """Store some records of each collection."""
        await self._books.storage.ready()
        for kind in ("transaction", "nested") * 3:
            await self._lane.step(kind)

    async def call(self, kind: str) -> None:
        """One of them."""
        if kind in self._readings:
            await self._readings[kind]()
        else:
            await self._lane.step(kind)

    async def follow(self) -> None:
        """What is done after a call was interrupted: a write, and as many readings at once as there are connections."""
        await self._lane.step("nested")
        together = asyncio.Barrier(_CONNECTIONS)

        async def read() -> None:
            try:
                async with self._books.storage.transaction(read_only=True):
                    await self._books.lefts.count()
                    await together.wait()
            except StorageError:
                await together.abort()
                raise

        await asyncio.gather(*(read() for _ in range(_CONNECTIONS)))

    async def _stream(self) -> None:
        async with contextlib.aclosing(self._books.lefts.stream(batch_size=2)) as stream:
            number = 0
            async for _ in stream:
                number += 1
                if number == 7:
                    break

    async def _stream_in_transaction(self) -> None:
        async with self._books.storage.transaction():
            await self._stream()


class _Canceller:
    """Interrupts one kind of call in one way."""

    def __init__(
        self, calls: _Calls, kind: str, way: str, tally: Tally, look: Look, tell: Callable[[int], object]
    ) -> None:
        self._calls = calls
        self._kind = kind
        self._way = way
        self._tally = tally
        self._look = look
        self._tell = tell

    async def run(self, every: int) -> None:
        """Interrupt it at each point, until it comes to its end before the next one."""
        unmet = 0
        for at in range(0, _ENOUGH, every):
            # How many points there are differs a little from one time to the next.
            unmet = 0 if await self._at(at) else unmet + 1
            if unmet == 2 or self._tally.faults:
                return
        self._tally.blame([f"endless: {self._kind} waits more than {_ENOUGH} times"])

    async def _at(self, at: int) -> bool:
        """Whether there was such a point."""
        points = Suspensions(at, self._way)
        interrupted = False
        try:
            await points.run(lambda: self._calls.call(self._kind))
        except (asyncio.CancelledError, TimeoutError):
            interrupted = True
        where = f"{self._kind}, interrupted at its point {at} ({self._way})"
        if points.cancelled and not interrupted:
            self._tally.blame([f"swallowed: {where}, went on"])
        if not points.met:
            return False
        self._tally.add(points=1, **{"interrupted" if interrupted else "ended": 1, f"at {self._kind}": 1})
        self._tell(1)
        try:
            await self._calls.follow()
        except StorageError as error:
            self._tally.blame([f"pool: behind {where}: {type(error).__name__}: {error}"])
        left = self._look()
        until = time.monotonic() + _SOON
        while left and time.monotonic() < until:
            await asyncio.sleep(0.01)
            left = self._look()
        self._tally.blame([f"leak: {where}, leaves {each}" for each in left])
        return True


# ----------------------------------------------------------------------------------------------------- what is open


@contextlib.contextmanager
def watching(engine: Engine, url: str) -> Generator[Look]:
    """A look at what storages have open on an engine, by means of the engine's own."""
    if isinstance(engine, SQLiteEngine):
        with _watching_sqlite(engine.file(url)) as look:
            yield look
    elif isinstance(engine, PostgreSQLEngine):
        with _watching_postgresql(engine.server.url) as look:
            yield look
    else:
        assert isinstance(engine, MongoDBEngine)
        with _watching_mongodb(engine.server.url) as look:
            yield look


@contextlib.contextmanager
def _watching_sqlite(file: Path) -> Generator[Look]:
    import apsw

    connection = apsw.Connection(str(file))

    def look() -> list[str]:
        try:
            connection.execute("BEGIN IMMEDIATE; ROLLBACK")
        except apsw.BusyError:
            return ["a transaction that writes"]
        # The WAL begins anew only when nobody reads from it, nor from a file that is older than it.
        busy = connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()[0][0]
        return ["a transaction that reads"] if busy else []

    try:
        yield look
    finally:
        connection.close()


@contextlib.contextmanager
def _watching_postgresql(url: str) -> Generator[Look]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:

        def look() -> list[str]:
            rows = connection.execute(
                "SELECT state, left(query, 60) FROM pg_stat_activity WHERE application_name = 'torematrix-storage' "
                "AND (state <> 'idle' OR xact_start IS NOT NULL)"
            ).fetchall()
            return [f"a session that is {state}: {query}" for state, query in rows]

        yield look


@contextlib.contextmanager
def _watching_mongodb(url: str) -> Generator[Look]:
    from pymongo import MongoClient

    with MongoClient[dict[str, Any]](url) as client:

        def look() -> list[str]:
            status = client.admin.command("serverStatus")
            transactions = int(status["transactions"]["currentOpen"])
            cursors = int(status["metrics"]["cursor"]["open"]["total"])
            return [f"{transactions} transactions"] * bool(transactions) + [f"{cursors} cursors"] * bool(
                cursors
            )

        yield look
