"""What operations cost on each engine, in the one measure that no machine changes: indexes used, and statements sent.

Each engine holds 100,000 entities. What has an index uses it there, and how many statements an operation sends does not
depend on the number of rows it is about.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import apsw
import pytest
from pymongo import monitoring

from torematrix.core.storage import (
    CursorPagination,
    Explanation,
    F,
    Index,
    Layer,
    Pagination,
    Repository,
    Searchable,
    SortOrder,
    Storage,
    Unique,
)
from torematrix.core.storage.testing.databases import Databases
from torematrix.core.storage.testing.server_fixtures import servers_of

ROWS = 100_000
ENGINES = {"sqlite": "sqlite:///{tmp}/cost.db", "postgresql": "{postgresql}", "mongodb": "{mongodb}"}


@dataclass
class Part:
    """What is stored: a field for each kind of index, and one without."""

    id: str
    number: Annotated[str, Unique()]
    group: str
    rank: Annotated[int, Index()]
    maker: Annotated[str, Index(substring=True)]
    name: Annotated[str, Searchable()]
    weight: float
    meta: dict[str, int] = field(default_factory=dict)


INDEXES = [Index("group", "rank"), Index("meta.year", int)]


def part(number: int, series: str = "p") -> Part:
    """A part; 50 groups, ranks spread over all of them, 1,000 makers, 2,000 words."""
    return Part(
        f"{series}{number:06d}",
        f"{series}-{number:06d}",
        f"group {number % 50}",
        number * 7919 % ROWS,
        f"mk{number * 31 % 1000:03d}",
        f"thing{number % 2000} " + ("common" if number % 10 == 0 else "rare"),
        number * 0.5,
        {"year": number % 1000},
    )


# ----------------------------------------------------------------------------------------- statements, as they are sent


class Counter(Protocol):
    """Knows what an engine has been sent since it was asked last."""

    url: str

    def taken(self) -> list[str]:
        """What has been sent; from now on it counts from zero."""
        ...


class SQLiteCounter:
    """Every statement that SQLite executes, writes once each: one is prepared, and run for one row after another."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._sent: list[str] = []
        apsw.connection_hooks.append(self._watch)

    def _watch(self, connection: apsw.Connection) -> None:
        connection.exec_trace = self._note

    def _note(self, cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        self._sent.append(statement)
        return True

    def taken(self) -> list[str]:
        sent, self._sent = self._sent, []
        reads = [statement for statement in sent if statement.startswith("SELECT")]
        return reads + sorted(set(sent).difference(reads))

    def close(self) -> None:
        apsw.connection_hooks.remove(self._watch)


class PostgreSQLCounter:
    """A relay in front of the server, which counts the messages that make it run a statement."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = parts.hostname or "localhost", parts.port or 5432
        self._listener = socket.create_server(("127.0.0.1", 0))
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        self.url = urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{self._listener.getsockname()[1]}"))
        self._sent: list[str] = []
        self._threads: list[threading.Thread] = []
        self._ends = [self._listener]
        self._relay(self._accept)

    def _relay(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._ends += [client, server]
                self._relay(self._count, client, server)
                self._relay(self._pass, server, client)

    def _count(self, client: socket.socket, server: socket.socket) -> None:
        waiting = b""
        begun = False
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 20):
                # Before the session begins a message has no kind in front: requests for encryption, and the beginning.
                waiting += data
                while len(waiting) >= 5:
                    start = 1 if begun else 0
                    (length,) = struct.unpack_from("!I", waiting, start)
                    if len(waiting) < start + length:
                        break
                    if begun:
                        self._note(waiting[:1], waiting[5 : start + length])
                    else:
                        begun = struct.unpack_from("!I", waiting, 4)[0] >> 16 == 3
                    waiting = waiting[start + length :]
                server.sendall(data)
        self._end(server)

    def _note(self, kind: bytes, body: bytes) -> None:
        if kind in (b"Q", b"E"):  # a simple query; the execution of a statement that was parsed before
            self._sent.append(f"{kind.decode()} {body[:200]!r}")

    def _pass(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 20):
                client.sendall(data)
        self._end(client)

    @staticmethod
    def _end(end: socket.socket) -> None:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_WR)

    def taken(self) -> list[str]:
        sent, self._sent = self._sent, []
        return sent

    def close(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        for end in self._ends:
            end.close()


class _Commands(monitoring.CommandListener):
    """Every command that PyMongo sends, from clients made after it was registered: it cannot be taken back."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        # Whether a live move is under way is asked once a second, whatever is written, and so is no part of a write.
        if event.command.get("find") != "torematrix_meta":
            self.sent.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """It was sent."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """It was sent all the same."""


class MongoDBCounter:
    """The commands that are sent to MongoDB."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._commands = _Commands()
        monitoring.register(self._commands)

    def taken(self) -> list[str]:
        sent, self._commands.sent = self._commands.sent, []
        return sent

    def close(self) -> None:
        """Nothing is asked of it any more."""


_COUNTERS = {"sqlite": SQLiteCounter, "postgresql": PostgreSQLCounter, "mongodb": MongoDBCounter}


# ---------------------------------------------------------------------------------------------------------- the data


class Recorder(Layer):
    """Keeps the operations that are run."""

    def __init__(self) -> None:
        self.operations: list[Any] = []

    def run(self, operation: Any, proceed: Any) -> Any:
        self.operations.append(operation)
        return proceed(operation)


@dataclass
class Shop:
    """A storage that holds the parts, and what watches it."""

    storage: Storage
    parts: Repository[Part]
    counter: Counter
    recorder: Recorder

    def explained(self, ask: Callable[[Repository[Part]], object]) -> Explanation:
        """How the engine goes about the last operation that a call of a repository runs."""
        self.recorder.operations.clear()
        ask(self.parts)
        explanation: Explanation = self.parts.engine.driver.explain(self.recorder.operations[-1])
        return explanation

    def sent(self, ask: Callable[[Repository[Part]], object]) -> list[str]:
        """The statements that a call sends, once everything is prepared."""
        self.counter.taken()
        ask(self.parts)
        return self.counter.taken()


@pytest.fixture(scope="module", params=ENGINES)
def shop(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    def servers() -> Any:
        return servers_of(pytestconfig)

    url, recorder = ENGINES[request.param], Recorder()
    with Databases(url, lambda: tmp_path_factory.mktemp("cost"), servers) as databases:
        counter = _COUNTERS[request.param](databases.new_url())
        try:
            with Storage.open(counter.url, layers=[recorder]) as storage:
                parts = storage.repository(Part, indexes=INDEXES)
                for start in range(0, ROWS, 5_000):
                    parts.bulk_create([part(number) for number in range(start, start + 5_000)])
                _told_how_much_there_is(request.param, storage)
                yield Shop(storage, parts, counter, recorder)
        finally:
            counter.close()


def _told_how_much_there_is(engine: str, storage: Storage) -> None:
    """What autovacuum does within a minute: PostgreSQL plans by statistics."""
    if engine == "postgresql":
        storage.vacuum()


# -------------------------------------------------------------------------------------------------------- the questions

Ask = Callable[[Repository[Part]], object]


def last_page(parts: Repository[Part], sort_by: str | None = None) -> object:
    """A page by cursor at the far end, of what is left behind a page that goes nearly there."""
    nearly = parts.list(sort_by=sort_by, pagination=CursorPagination(limit=ROWS - 30))
    page = parts.list(sort_by=sort_by, pagination=CursorPagination(limit=20, after=nearly.next))
    assert len(page.items) == 20
    return page


GROUP = F("group") == "group 7"

INDEXED: dict[str, Ask] = {
    "get": lambda parts: parts.get("p050000"),
    "exists": lambda parts: parts.exists("p050000"),
    "get many": lambda parts: parts.get_many(["p050000", "p000001", "none"]),
    "filter, sort and limit": lambda parts: parts.list(GROUP, sort_by="rank", pagination=Pagination(1, 20)),
    "the same, downwards": lambda parts: parts.list(
        GROUP, sort_by="rank", sort_order=SortOrder.DESC, pagination=Pagination(1, 20)
    ),
    "a page by offset": lambda parts: parts.list(sort_by="rank", pagination=Pagination(20, 50)),
    "a page by offset, by id": lambda parts: parts.list(pagination=Pagination(20, 50)),
    "a page by cursor at the far end": lambda parts: last_page(parts, "rank"),
    "a page by cursor at the far end, by id": last_page,
    "count": lambda parts: parts.count(GROUP),
    "equal": lambda parts: parts.list(F("rank") == 77),
    "range": lambda parts: parts.list(F("rank").between(100, 120)),
    "below": lambda parts: parts.count(F("rank") < 50),
    "in": lambda parts: parts.list(F("rank").in_([1, 2, 99_999])),
    "in many": lambda parts: parts.list(F("rank").in_(range(0, 1000, 2))),
    "unique": lambda parts: parts.find_one(F("number") == "p-050000"),
    "starts with": lambda parts: parts.list(F("number").starts_with("p-0123")),
    "typed path": lambda parts: parts.list(F("meta.year") == 77),
    "typed path, range": lambda parts: parts.list(F("meta.year").between(10, 11)),
    "search": lambda parts: parts.search("thing77", pagination=Pagination(1, 10)),
    "search for a frequent and a rare word": lambda parts: parts.search(
        "common thing70", pagination=Pagination(1, 10)
    ),
    "substring": lambda parts: parts.list(F("maker").contains("077")),
    "like": lambda parts: parts.list(F("maker").like("%077%")),
}

WRITES: dict[str, Ask] = {
    "update": lambda parts: parts.update(replace(part(50_000), weight=1.5)),
    "patch": lambda parts: parts.patch("p050000", weight=2.5),
    "upsert": lambda parts: parts.upsert(replace(part(50_000), weight=3.5)),
    "delete": lambda parts: parts.delete("none"),
    "bulk update": lambda parts: parts.bulk_update([replace(part(n), weight=4.5) for n in range(100)]),
    "bulk delete": lambda parts: parts.bulk_delete(["none", "nothing"]),
}

UNINDEXED: dict[str, Ask] = {
    "equal": lambda parts: parts.list(F("weight") == 7.5),
    "count": lambda parts: parts.count(F("weight") > 7.5),
    "path": lambda parts: parts.count(F("meta.month") == 7),
    "contains": lambda parts: parts.count(F("name").contains("777")),
}


@pytest.mark.parametrize("ask", INDEXED.values(), ids=INDEXED)
def test_what_has_an_index_uses_it(shop: Shop, ask: Ask) -> None:
    """At 100,000 entities an index finds the rows of every read that has one."""
    explanation = shop.explained(ask)
    assert explanation.uses_index is True, explanation


@pytest.mark.parametrize("ask", WRITES.values(), ids=WRITES)
def test_a_write_finds_its_row_by_the_id(shop: Shop, ask: Ask) -> None:
    """At 100,000 entities an index finds the rows that are replaced or deleted."""
    explanation = shop.explained(ask)
    assert explanation.uses_index is True, explanation


@pytest.mark.parametrize("ask", UNINDEXED.values(), ids=UNINDEXED)
def test_what_has_none_says_so(shop: Shop, ask: Ask) -> None:
    """An explanation does not claim an index where every row is looked at."""
    explanation = shop.explained(ask)
    assert explanation.uses_index is False, explanation


def _bulk(parts: Repository[Part], count: int) -> None:
    parts.bulk_create([part(number, "new") for number in range(count)])
    parts.bulk_update([replace(part(number, "new"), weight=1.0) for number in range(count)])
    parts.bulk_delete([part(number, "new").id for number in range(count)])


def _reads(parts: Repository[Part], count: int) -> None:
    assert len(parts.list(F("rank") < count)) == count
    assert len(parts.list(sort_by="rank", pagination=Pagination(1, count)).items) == count
    assert len(parts.list(sort_by="rank", pagination=CursorPagination(limit=count)).items) == count
    assert len(parts.get_many([part(number).id for number in range(count)])) == count
    assert parts.count(F("rank") < count) == count


def _searches(parts: Repository[Part], count: int) -> None:
    assert len(parts.search("common", pagination=Pagination(1, count)).items) == count


@pytest.mark.parametrize("ask", [_bulk, _reads, _searches], ids=["bulk", "reads", "searches"])
def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(
    shop: Shop, ask: Callable[[Repository[Part], int], None]
) -> None:
    """A thousand rows take as many statements as fifty do; a handful may take fewer, where one statement holds them."""
    shop.sent(lambda parts: ask(parts, 50))  # what is sent once, such as the description of the collection
    few = shop.sent(lambda parts: ask(parts, 50))
    many = shop.sent(lambda parts: ask(parts, 1000))
    assert few
    assert len(many) == len(few), "\n".join(many)
