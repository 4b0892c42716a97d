"""What observers are told of waits for a connection, on pools of one that somebody holds for a while."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from typing_extensions import override

from torematrix.core.storage import AsyncStorage, Storage, UnavailableError
from torematrix.core.storage.telemetry import (
    Activity,
    Connections,
    LogObserver,
    Observer,
    OpenTelemetryObserver,
    Pools,
    Wait,
)

URLS = {
    "memory": "memory://",
    "sqlite": "sqlite:///{tmp}/waits.db",
    "postgresql": "{postgresql}",
    "mongodb": "{mongodb}",
}
HELD = 0.8
"""Seconds for which the only connection is held, from well before somebody wants it."""
HEAD_START = 0.2
LONG = 0.3
"""Seconds that nobody waits whom the holder does not keep waiting."""


@dataclass
class Paper:
    """An entity."""

    id: str
    title: str = ""


class Notes(Observer):
    """Remembers the waits, and whom to ask for connections."""

    def __init__(self) -> None:
        self.told: list[Wait] = []
        self.pools: list[Pools] = []

    @override
    def waits(self, wait: Wait) -> None:
        self.told.append(wait)

    @override
    def opens(self, pools: Pools) -> None:
        self.pools.append(pools)

    @property
    def connections(self) -> list[Connections]:
        """How many there are now."""
        return [each for pools in self.pools for each in pools.connections()]

    @property
    def long(self) -> list[Wait]:
        """The waits for which the holder is to blame."""
        return [wait for wait in self.told if wait.seconds >= LONG or not wait.obtained]


class Held:
    """A storage with one connection, which is held while somebody else writes.

    Args:
        backend: the engine.
        url: of the database.
        deadline: seconds after which nobody waits any more.
        observers: who is told.
    """

    def __init__(self, backend: str, url: str, deadline: float, observers: Sequence[Observer]) -> None:
        self._backend = backend
        self._database = urlsplit(url).path.strip("/")
        if backend in ("memory", "sqlite"):
            self._options: dict[str, Any] = {"busy_timeout": deadline}
        else:
            self._options = {"pool_size": 1, "pool_timeout": deadline}
        self._url = url
        self._observers = observers

    def _slow(self) -> dict[str, Any]:
        """A command that has the server think for as long as the connection is to be held."""
        asked = {"$where": f"sleep({round(1000 * HELD)}) || true"}
        return {"find": "papers", "filter": asked}

    def sync(self, between: Callable[[], object]) -> None:
        """The blocking colour: a thread holds."""
        with Storage.open(self._url, observers=self._observers, **self._options) as storage:
            papers = storage.repository(Paper)
            papers.create(Paper("0"))
            holding = threading.Event()

            def hold() -> None:
                if self._backend == "mongodb":
                    with storage.transaction():
                        client = storage.native.client
                    holding.set()
                    client[self._database].command(self._slow())
                else:
                    with storage.transaction():
                        holding.set()
                        time.sleep(HELD)

            thread = threading.Thread(target=hold)
            thread.start()
            try:
                assert holding.wait(10)
                time.sleep(HEAD_START)
                between()
                papers.create(Paper("1"))
            finally:
                thread.join()

    def waiting(self, between: Callable[[], object]) -> None:
        """The waiting colour: a task holds."""

        async def main() -> None:
            async with AsyncStorage.open(self._url, observers=self._observers, **self._options) as storage:
                papers = storage.repository(Paper)
                await papers.create(Paper("0"))
                holding = asyncio.Event()

                async def hold() -> None:
                    if self._backend == "mongodb":
                        async with storage.transaction():
                            client = storage.native.client
                        holding.set()
                        await client[self._database].command(self._slow())
                    else:
                        async with storage.transaction():
                            holding.set()
                            await asyncio.sleep(HELD)

                task = asyncio.create_task(hold())
                try:
                    await asyncio.wait_for(holding.wait(), 10)
                    await asyncio.sleep(HEAD_START)
                    between()
                    await papers.create(Paper("1"))
                finally:
                    await task

        asyncio.run(main())

    def use(self, colour: str, between: Callable[[], object] = lambda: None) -> None:
        """Have it held in that colour, and write meanwhile."""
        (self.sync if colour == "sync" else self.waiting)(between)


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest) -> str:
    """Both."""
    return str(request.param)


@pytest.fixture(params=list(URLS))
def backend(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
def url(backend: str, new_database: Callable[[str], str]) -> str:
    """A new database there."""
    return new_database(URLS[backend])


def pool_of(backend: str) -> str:
    """Which of an engine's pools a write takes its connection from."""
    return "writer" if backend in ("memory", "sqlite") else ""


def metrics_of(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    """What OpenTelemetry's own SDK has collected of connections; two instruments of a name are one metric."""
    data = reader.get_metrics_data()
    found: dict[str, list[Any]] = {}
    for resource in () if data is None else data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name.startswith("db.client.connection."):
                    found.setdefault(metric.name, []).extend(metric.data.data_points)
    return found


def test_who_waits_is_told(backend: str, url: str, colour: str, caplog: pytest.LogCaptureFixture) -> None:
    """How long, for what, and that there was one in the end; the log and the metrics say the same."""
    notes, reader = Notes(), InMemoryMetricReader()
    metering = MeterProvider([reader])
    observers = [notes, LogObserver(slow=LONG), OpenTelemetryObserver(meter_provider=metering)]
    amid: list[Connections] = []
    during: list[dict[str, list[Any]]] = []

    def look() -> None:
        amid.extend(notes.connections)
        during.append(metrics_of(reader))

    Held(backend, url, 30, observers).use(colour, look)

    (wait,) = notes.long
    assert (wait.backend, wait.pool, wait.obtained, wait.exhausted) == (
        backend,
        pool_of(backend),
        True,
        False,
    )
    assert wait.activity == Activity(backend, "insert", "papers")
    assert HELD - HEAD_START - 0.1 < wait.seconds < HELD + 2
    assert amid == ([] if backend == "memory" else [Connections(pool_of(backend), 1, 0)])
    assert notes.connections == []  # it is closed by now

    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    (line,) = [record.__dict__ for record in warned if "storage_waited" in record.__dict__]
    assert line["storage_waited"] == wait.seconds
    assert (line["storage_backend"], line["storage_operation"], line["storage_collection"]) == (
        *(backend, "insert", "papers"),
    )
    assert (line["storage_pool"], line["storage_exhausted"]) == (pool_of(backend), False)
    assert line["message"].startswith(f"slow: {backend} insert papers: waited 0.")
    # What waited was slow itself, and that is told too.
    assert any(record.__dict__.get("storage_seconds", 0) >= wait.seconds for record in warned)

    name = f"{backend}.writer" if pool_of(backend) else backend
    (waits,) = [
        point
        for point in metrics_of(reader)["db.client.connection.wait_time"]
        if point.attributes == {"db.client.connection.pool.name": name}
    ]
    of_pool = [each for each in notes.told if each.pool == pool_of(backend)]
    assert waits.count == len(of_pool)
    assert waits.max == wait.seconds
    counts = {
        point.attributes["db.client.connection.state"]: point.value
        for point in during[0].get("db.client.connection.count", [])
    }
    assert counts == ({} if backend == "memory" else {"used": 1, "idle": 0})
    assert "db.client.connection.timeouts" not in metrics_of(reader)
    metering.shutdown()


def test_a_pool_that_is_exhausted_is_told(
    backend: str, url: str, colour: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waits until the deadline is told in vain of; so is the log, however long that was, and the counter."""
    notes, reader = Notes(), InMemoryMetricReader()
    metering = MeterProvider([reader])
    observers = [
        notes,
        LogObserver(slow=60),
        OpenTelemetryObserver(meter_provider=metering, pool_name="mine"),
    ]
    with pytest.raises(UnavailableError):
        Held(backend, url, 0.2, observers).use(colour)

    (wait,) = notes.long
    assert (wait.pool, wait.obtained, wait.exhausted) == (pool_of(backend), False, True)
    assert wait.activity == Activity(backend, "insert", "papers")
    assert 0.15 < wait.seconds < 0.6
    (line,) = [record.__dict__ for record in caplog.records if "storage_waited" in record.__dict__]
    assert (line["levelname"], line["storage_exhausted"]) == ("WARNING", True)
    assert line["message"].startswith(f"{backend} insert papers: no ")
    assert line["message"].endswith("s, all were in use")
    (timeouts,) = metrics_of(reader)["db.client.connection.timeouts"]
    name = "mine.writer" if pool_of(backend) else "mine"
    assert (timeouts.value, dict(timeouts.attributes)) == (1, {"db.client.connection.pool.name": name})
    metering.shutdown()


def test_a_server_that_cannot_be_reached_is_no_exhausted_pool(caplog: pytest.LogCaptureFixture) -> None:
    """The wait was in vain, and nobody had all connections; neither is it counted as had."""
    notes, reader = Notes(), InMemoryMetricReader()
    metering = MeterProvider([reader])
    observers = [notes, LogObserver(slow=0.2), OpenTelemetryObserver(meter_provider=metering)]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"postgresql://u@127.0.0.1:{taken.getsockname()[1]}/d"
        with pytest.raises(UnavailableError):
            Storage.open(url, observers=observers, pool_timeout=0.5)
    (wait,) = notes.told
    assert (wait.obtained, wait.exhausted, wait.activity) == (False, False, Activity("postgresql", "open"))
    (line,) = [record.__dict__ for record in caplog.records if "storage_waited" in record.__dict__]
    assert line["message"].startswith("slow: postgresql open: no connection after 0.")
    assert metrics_of(reader) == {}
    assert notes.pools == []
    metering.shutdown()


def comes_to_rest(backend: str, notes: Notes) -> bool:
    """Whether within a moment no connection is in use, and some are there."""
    until = time.monotonic() + 3
    while time.monotonic() < until:
        found = notes.connections
        if [(each.used, each.idle > 0) for each in found] == ([] if backend == "memory" else [(0, True)]):
            return True
        time.sleep(0.01)
    return False


def test_each_connection_is_told_of(backend: str, url: str, colour: str) -> None:
    """One wait for each that was taken, also where nobody waits."""
    notes = Notes()

    def blocking() -> list[Wait]:
        with Storage.open(url, observers=[notes]) as storage:
            papers = storage.repository(Paper, "papers", searchable=())
            papers.create(Paper("1"))
            notes.told.clear()
            papers.update(Paper("1", "new"))
            papers.delete("1")
            told = list(notes.told)
            assert comes_to_rest(backend, notes)
            return told

    async def waiting() -> list[Wait]:
        async with AsyncStorage.open(url, observers=[notes]) as storage:
            papers = storage.repository(Paper, "papers", searchable=())
            await papers.create(Paper("1"))
            notes.told.clear()
            await papers.update(Paper("1", "new"))
            await papers.delete("1")
            told = list(notes.told)
            assert await asyncio.to_thread(comes_to_rest, backend, notes)
            return told

    told = blocking() if colour == "sync" else asyncio.run(waiting())
    assert all(wait.obtained for wait in told)
    whose = [wait.activity.operation if wait.activity else None for wait in told]
    assert [operation for operation, _ in itertools.groupby(whose)] == ["replace", "remove"]
    assert len(told) == 2 or backend == "mongodb"  # where each command takes one
    assert notes.long == []


def test_who_reads_from_sqlite_queues(new_database: Callable[[str], str]) -> None:
    """In the waiting colour one thread reads: tasks wait for those before them. In the blocking one nobody waits."""
    url, notes = new_database(URLS["sqlite"]), Notes()

    async def main() -> None:
        async with AsyncStorage.open(url, observers=[notes]) as storage:
            papers = storage.repository(Paper)
            await papers.bulk_create([Paper(str(number)) for number in range(300)])
            notes.told.clear()
            await asyncio.gather(*(papers.list() for _ in range(300)))

    asyncio.run(main())
    waits = [wait.seconds for wait in notes.told]
    assert {(wait.pool, wait.activity) for wait in notes.told} == {
        ("reader", Activity("sqlite", "find", "papers"))
    }
    assert len(waits) == 300
    assert sorted(waits)[-30] > min(waits)

    notes.told.clear()
    with Storage.open(url, observers=[notes]) as storage:
        papers = storage.repository(Paper)
        assert papers.count() == 300
        with storage.transaction(read_only=True):
            assert papers.count() == 300
    assert {wait.activity.operation for wait in notes.told if wait.activity} <= {"ensure"}


def test_what_a_stream_waits_for_is_its_own(backend: str, url: str) -> None:
    """What is done between its batches is not."""
    notes = Notes()
    with Storage.open(url, observers=[notes]) as storage:
        papers = storage.repository(Paper)
        papers.bulk_create([Paper(str(number)) for number in range(10)])
        notes.told.clear()
        for paper in papers.stream(batch_size=5):
            if paper.id == "3":
                storage.health()
                papers.exists("3")
    whose = [wait.activity.operation if wait.activity else None for wait in notes.told]
    if backend == "sqlite":
        assert whose == []
    elif backend == "memory":
        assert set(whose) >= {"stream"}
    else:
        assert whose[0] == "stream"
        assert None in whose  # of the health
        assert len(set(whose)) == 3


def test_without_observers_nothing_is_measured(
    backend: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pool is told to tell anybody."""
    from torematrix.core.storage.core import observing

    def measured(*_: Any, **__: Any) -> Any:
        raise AssertionError("nobody has asked for it")

    monkeypatch.setattr(observing.Waits, "__init__", measured)
    with Storage.open(url) as storage:
        papers = storage.repository(Paper)
        papers.create(Paper("1"))
        assert papers.count() == 1
        assert storage.backend == backend
    with pytest.raises(AssertionError):
        Storage.open(url, observers=[Notes()])


def test_storages_have_pools_of_their_own_name(new_database: Callable[[str], str]) -> None:
    """Two observers send to one provider; two storages of one observer are counted together, until they are closed."""
    reader = InMemoryMetricReader()
    metering = MeterProvider([reader])

    def counted() -> dict[tuple[str, str], int]:
        return {
            (
                point.attributes["db.client.connection.pool.name"],
                point.attributes["db.client.connection.state"],
            ): (point.value)
            for point in metrics_of(reader).get("db.client.connection.count", [])
        }

    both = OpenTelemetryObserver(meter_provider=metering)
    other = OpenTelemetryObserver(meter_provider=metering, pool_name="orders")
    urls = [new_database(URLS["sqlite"]) for _ in range(3)]
    with Storage.open(urls[0], observers=[both]) as first, Storage.open(urls[1], observers=[both]) as second:
        assert counted() == {("sqlite.writer", "used"): 0, ("sqlite.writer", "idle"): 2}
        with Storage.open(urls[2], observers=[other]), first.transaction():
            assert counted() == {
                ("sqlite.writer", "used"): 1,
                ("sqlite.writer", "idle"): 1,
                ("orders.writer", "used"): 0,
                ("orders.writer", "idle"): 1,
            }
        second.close()
        assert counted() == {("sqlite.writer", "used"): 0, ("sqlite.writer", "idle"): 1}
    assert counted() == {}
    metering.shutdown()
