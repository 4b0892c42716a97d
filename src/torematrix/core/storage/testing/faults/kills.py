"""Kills: of clients in the middle of writes, and of servers under them."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any, Final

from ...errors import StorageError
from ...face._sync.storage import Storage
from ._sync.lanes import Books
from .checker import Verdict, check
from .engines import Engine
from .entities import BULK
from .steps import Entry, Outcome, Step, read_ledger
from .tally import Tally
from .workers import Client, Nursery, Order

__all__ = ["Stage", "kill_clients", "kill_servers"]

_ACCOUNTS: Final = 8
_LIVES: Final = 10
"""So many times clients are killed on one database: what is stored is read whole each time."""

_HURTS: Final = 5
"""So many times a server fails between two comparisons."""
_BACK: Final = 60.0
"""Seconds in which a server that failed has to take writes again."""


class Stage:
    """A database with accounts, the ledgers of its clients, and the comparison of the two.

    Args:
        engine: where it is.
        folder: where ledgers go.
        options: further options of the URL that clients use.
    """

    def __init__(self, engine: Engine, folder: Path, url: str | None = None) -> None:
        self.engine = engine
        self.url = url or engine.new_database()
        self.ledgers: list[Path] = []
        self._folder = folder
        with Storage.open(self.url) as storage:
            self.opening = Books(storage).set_up(_ACCOUNTS)

    def order(
        self, colour: str, random: Random, *, lanes: int = 3, seconds: float = 60.0, **more: Any
    ) -> Order:
        """What the next client is to do; its ledger counts from now on."""
        path = self._folder / f"{len(self.ledgers)}.jsonl"
        self.ledgers.append(path)
        return Order(
            self.url,
            colour,
            f"c{len(self.ledgers)}",
            lanes,
            str(path),
            random.randrange(2**40),
            _ACCOUNTS,
            seconds,
            **more,
        )

    def check(self) -> Verdict:
        """Compare what is stored with what was told."""
        with Storage.open(self.url) as storage:
            stored = Books(storage).stored()
        return check(read_ledger(self.ledgers), stored, self.opening)

    def drop(self) -> None:
        """Remove the database and the ledgers."""
        self.engine.drop(self.url)
        for path in self.ledgers:
            path.unlink(missing_ok=True)


def kill_clients(
    engine: Engine,
    nursery: Nursery,
    tally: Tally,
    kills: int,
    random: Random,
    tell: Callable[[int], object] = lambda _: None,
    clock: bool = False,
    bulk: int = BULK,
) -> None:
    """Kill so many clients, a blocking and a waiting one at a time, in the middle of what they write.

    A kill counts where it left at least one step without an outcome.
    """
    left = kills
    while left > 0:
        with tempfile.TemporaryDirectory(prefix="torematrix-ledgers-") as folder:
            stage = Stage(engine, Path(folder))
            verdict = Verdict([])
            for _ in range(_LIVES):
                clients = [
                    nursery.start(stage.order(colour, random, clock=clock, bulk=bulk))
                    for colour in ("sync", "async")
                ]
                hit = _let_them_die(clients, random)
                engine.rest()
                verdict = stage.check()
                tally.add(kills=hit, killed=len(clients))
                left -= hit
                tell(hit)
                if verdict.faults or left <= 0:
                    break
            tally.judge(verdict)
            stage.drop()
            if verdict.faults:
                return


def kill_servers(
    engine: Engine,
    nursery: Nursery,
    tally: Tally,
    kills: int,
    random: Random,
    hurt: Callable[[], object],
    tell: Callable[[int], object] = lambda _: None,
) -> None:
    """Have a server fail so many times while two clients write on; they live, and find it again.

    Args:
        engine: where it is.
        nursery: makes the clients.
        tally: what is added to.
        kills: how many times.
        random: when.
        hurt: has it fail, and sees to it that it comes back.
        tell: is told of each time.
    """
    left = kills
    while left > 0:
        with tempfile.TemporaryDirectory(prefix="torematrix-ledgers-") as folder:
            stage = Stage(engine, Path(folder))
            clients = [
                nursery.start(stage.order(colour, random, seconds=3_600)) for colour in ("sync", "async")
            ]
            try:
                for client in clients:
                    client.wait_until_it_writes()
                for _ in range(min(left, _HURTS)):
                    time.sleep(random.uniform(0.1, 0.8))
                    tally.seconds.append(_recovery(stage.url, hurt))
                    tally.add(kills=1)
                    left -= 1
                    tell(1)
                time.sleep(random.uniform(0.1, 0.5))
            finally:
                _kill(clients)
            engine.rest()
            verdict = stage.check()
            tally.judge(verdict)
            tally.add(**_errors(stage))
            stage.drop()
            if verdict.faults:
                return


def _recovery(url: str, hurt: Callable[[], object]) -> float:
    """Seconds from the failure of a server until it has acknowledged a write again, tried again and again."""
    with Storage.open(url) as storage:
        probes = storage.repository(dict, "probes")
        probes.count()
        began = time.monotonic()
        hurt()
        while True:
            try:
                probes.create({"seconds": time.monotonic() - began})
            except StorageError:
                if time.monotonic() - began > _BACK:
                    raise
                time.sleep(0.01)
            else:
                return time.monotonic() - began


def _errors(stage: Stage) -> dict[str, int]:
    """How often clients were told which error."""
    told = Counter(
        entry.error for entry in read_ledger(stage.ledgers) if isinstance(entry, Outcome) and entry.error
    )
    return {f"told {error}": count for error, count in told.items()}


def _let_them_die(clients: list[Client], random: Random) -> int:
    """Let clients write for a moment and kill them; how many were in the middle of a step."""
    try:
        for client in clients:
            client.wait_until_it_writes()
        time.sleep(random.uniform(0.0, 0.4))
    finally:
        _kill(clients)
    return sum(_is_amid(read_ledger([Path(client.order.ledger)])) for client in clients)


def _kill(clients: Iterable[Client]) -> None:
    """Kill all of them, and see them gone."""
    for client in clients:
        client.kill()
    for client in clients:
        client.join()


def _is_amid(entries: list[Entry]) -> bool:
    """Whether a step has no outcome."""
    return sum(isinstance(entry, Step) for entry in entries) * 2 > len(entries)
