"""Cuts: a connection fails at the request that decides, and what the client is told is compared with what is stored."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from ...face._async.storage import AsyncStorage
from ...face._sync.storage import Storage
from ._async.lanes import AsyncBooks, AsyncLane
from ._sync.lanes import Books, Lane
from .engines import MongoDBEngine, PostgreSQLEngine
from .entities import BULK
from .kills import Stage
from .proxy import Cut, Proxy
from .steps import Ledger, Outcome, read_ledger
from .tally import Tally
from .wires import MongoDBWire, PostgreSQLWire

__all__ = ["COMMITS", "WRITES", "Colour", "asked_later", "cut_connections", "proxied", "proxy_of"]

COMMITS: Final = frozenset({"COMMIT", "commitTransaction"})
WRITES: Final = frozenset(
    {"INSERT", "UPDATE", "DELETE", "WITH", "COPY", "insert", "update", "delete", "findAndModify"}
)
_TOGETHER: Final = 20
"""So many cuts are made on one database, which is read whole behind every fifth."""


def proxied(engine: PostgreSQLEngine | MongoDBEngine, url: str, proxy: Proxy, seconds: int = 3) -> str:
    """The URL that goes to the same database by way of a proxy, with limits of so many seconds."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition(":")[0] + f":{proxy.port}"
    if isinstance(engine, PostgreSQLEngine):
        query = f"{parts.query}&sslmode=disable&pool_timeout={seconds}&statement_timeout={seconds}"
    else:
        # Otherwise the client would go where the replica set says that its members are: past the proxy.
        limits = "&".join(f"{name}_timeout={seconds}" for name in ("operation", "connect", "pool"))
        query = f"directConnection=true&heartbeatfrequencyms=500&{limits}"
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def proxy_of(engine: PostgreSQLEngine | MongoDBEngine) -> Proxy:
    """A proxy in front of an engine."""
    wire = PostgreSQLWire if isinstance(engine, PostgreSQLEngine) else MongoDBWire
    return Proxy(engine.server.port, wire)


class Colour:
    """A lane in one colour, driven step by step from a thread.

    Args:
        colour: sync or async.
        url: of the database.

    Attributes:
        storage: of that colour.
    """

    def __init__(self, colour: str, url: str) -> None:
        self._runner = asyncio.Runner() if colour == "async" else None
        opened: Any = self.run(AsyncStorage.open_awaited(url)) if self._runner else Storage.open(url)
        self.storage = opened
        self._lane: Any = None

    def begin(self, ledger: Ledger, name: str, random: Random, accounts: list[str], bulk: int = BULK) -> None:
        """Make the lane, whose bulk writes make so many records at most, and let it store something."""
        if self._runner:
            self._lane = AsyncLane(AsyncBooks(self.storage), ledger, name, random, accounts, bulk)
            self.run(self.storage.ready())
        else:
            self._lane = Lane(Books(self.storage), ledger, name, random, accounts, bulk)
            self.storage.ready()
        for kind in ("transaction", "bulk_create", "create", "transaction"):
            self.step(kind)

    @property
    def kinds(self) -> list[str]:
        """What there is to do."""
        kinds: list[str] = self._lane.kinds
        return kinds

    def step(self, kind: str) -> None:
        """Do one thing."""
        self.run(self._lane.step(kind))

    def run(self, result: Any) -> Any:
        """What a call gives, in either colour."""
        return self._runner.run(result) if self._runner else result

    def close(self) -> None:
        """Close the storage."""
        self.run(self.storage.close())
        if self._runner:
            self._runner.close()


def cut_connections(
    engine: PostgreSQLEngine | MongoDBEngine,
    tally: Tally,
    cuts: int,
    random: Random,
    tell: Callable[[int], object] = lambda _: None,
    target: frozenset[str] = COMMITS,
    places: tuple[str, ...] = ("before", "after", "race"),
) -> None:
    """Cut so many connections at requests of the target; a cut counts when it has met one."""
    done = 0
    while done < cuts:
        with tempfile.TemporaryDirectory(prefix="torematrix-ledgers-") as folder, proxy_of(engine) as proxy:
            stage = Stage(engine, Path(folder))
            url = proxied(engine, stage.url, proxy)
            clients = [Colour(colour, url) for colour in ("sync", "async")]
            ledgers: list[Ledger] = []
            try:
                for client in clients:
                    order = stage.order("", random)
                    ledgers.append(Ledger(Path(order.ledger)))
                    client.begin(ledgers[-1], order.name, random, list(stage.opening))
                for _ in range(_TOGETHER):
                    met = _cut_once(random.choice(clients), proxy, tally, random, target, places)
                    done += met
                    tell(met)
                    if done >= cuts:
                        break
            finally:
                proxy.disarm()
                for client in clients:
                    client.close()
                for ledger in ledgers:
                    ledger.close()
            proxy.cut_all()
            engine.rest()
            verdict = stage.check()
            tally.judge(verdict)
            tally.blame(asked_later(stage, verdict.kept, tally))
            stage.drop()
            if tally.faults:
                return


def _cut_once(
    client: Colour,
    proxy: Proxy,
    tally: Tally,
    random: Random,
    target: frozenset[str],
    places: tuple[str, ...],
) -> int:
    place = random.choice(places)
    kind = random.choice(client.kinds)
    # Once is what a failing network does; a few times is what meets clients that try again; and then it may be gone.
    cut = Cut(
        place,
        target,
        times=random.choice((1, 1, 1, 2, 3, 8)),
        gone=random.choice((*(0.0,) * 12, *(0.3,) * 4, 6.0)),
    )
    proxy.arm(cut)
    try:
        client.step(kind)
    finally:
        proxy.disarm()
    if cut.met:
        tally.add(cuts=1, **{f"{place} {kind}": 1})
        return 1
    return 0


def asked_later(stage: Stage, kept: Collection[tuple[str, int]], tally: Tally) -> list[str]:
    """Ask for the outcomes that were not known; those that are not as is stored.

    Counted are the ``unknown`` ones, those of them ``without_token``, and of the others those ``resolved`` to what is
    stored and those ``forgotten`` by the server.

    Args:
        stage: the database, and what clients were told.
        kept: the steps of unknown outcome that are stored.
        tally: what is added to.
    """
    wrong: list[str] = []
    with Storage.open(stage.url) as storage:
        for entry in read_ledger(stage.ledgers):
            if not isinstance(entry, Outcome) or entry.told != "unknown":
                continue
            tally.add(unknown=1)
            if not entry.token:
                tally.add(without_token=1)
                continue
            outcome = storage.commit_outcome(entry.token)
            tally.add(asked_later=1)
            if outcome is None:
                tally.add(forgotten=1)
            elif outcome == ((entry.lane, entry.number) in kept):
                tally.add(resolved=1)
            else:
                wrong.append(
                    f"unknown: step {entry.number} of {entry.lane} is said to be {outcome}, and is not"
                )
    return wrong
