#!/usr/bin/env python3
"""Has clients, servers, connections and disks fail amid writes, and compares what is stored with what was told.

    make faults                                                   a few of every kind, on every backend
    make faults ARGS="--kind client-kill --backend sqlite --kills 1000 --resume var/faults.json"
    make faults ARGS="--resume var/faults.json --show"            what all runs have added up to

client-kill   SIGKILL for a process amid its writes, again and again on one database
clock         the same, while the clock that the process sees jumps forth and back
server-kill   SIGKILL for PostgreSQL or mongod, which is started again, under clients that go on
step-down     the primary of a replica set of three steps down, or is killed
commit-cut    the connection is cut at COMMIT: before it, behind it, or at the same time
write-cut     the same at a single write
power-cut     the power of SQLite's disk fails: unsynced writes are lost, torn, or garbage
disk-full     a small disk gets full under clients, and has room again; servers that die of it are started again
pool          1,000 tasks on five connections, free ones and held ones
move-kill     SIGKILL for a process that moves entities from another engine to this one, which another one resumes
live-kill     the same, while writers go on in the source, until they are told to go over
crowd         tasks that count and move money, all at once (--kills says how many)
cancel        every call is cancelled at each point at which it waits, in four ways (--kills says how many times over)
model         random programs beside the reference, with nested scopes, and a mishap amid some steps (--kills says how
              many); in both colours, on MongoDB alone and on the reference itself too

The exit code is 0 when nothing was lost, torn, stored twice, or otherwise than told.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import stamina.instrumentation
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from torematrix.core.storage.testing.faults.cancelling import cancel_everywhere
from torematrix.core.storage.testing.faults.crowds import crowd_in, use_up_the_pool
from torematrix.core.storage.testing.faults.cuts import COMMITS, WRITES, cut_connections
from torematrix.core.storage.testing.faults.engines import (
    Engine,
    MongoDBEngine,
    PostgreSQLEngine,
    ReplicaSetEngine,
    engine_of,
)
from torematrix.core.storage.testing.faults.entities import BULK
from torematrix.core.storage.testing.faults.full_disks import fill_disks
from torematrix.core.storage.testing.faults.kills import kill_clients, kill_servers
from torematrix.core.storage.testing.faults.live import kill_live_moves
from torematrix.core.storage.testing.faults.moves import kill_moves
from torematrix.core.storage.testing.faults.power_cuts import cut_power
from torematrix.core.storage.testing.faults.stateful.labs import COLOURS, lab_of
from torematrix.core.storage.testing.faults.stateful.machines import run_model
from torematrix.core.storage.testing.faults.tally import State, Tally
from torematrix.core.storage.testing.faults.workers import Nursery

SERVERS: Final = ("postgresql", "mongodb")
MODELLED: Final = ("memory", "sqlite", *SERVERS, "mongodb_standalone")
QUIET: Final = 3
"""So many programs without mishaps for each with some."""
BACKENDS: Final = ("sqlite", *SERVERS)
KINDS: Final[dict[str, tuple[tuple[str, ...], int]]] = {
    "client-kill": (BACKENDS, 20),
    "clock": (BACKENDS, 10),
    "server-kill": (SERVERS, 5),
    "step-down": (("mongodb",), 5),
    "commit-cut": (SERVERS, 20),
    "write-cut": (SERVERS, 20),
    "power-cut": (("sqlite",), 200),
    "disk-full": (BACKENDS, 2),
    "move-kill": (BACKENDS, 20),
    "live-kill": (BACKENDS, 20),
    "pool": (BACKENDS, 1_000),
    "crowd": (BACKENDS, 500),
    "cancel": (BACKENDS, 1),
    "model": (MODELLED, 40),
}
"""Each kind: on which backends, and how many when nothing is said."""
SHOWN: Final = (
    *(
        "kills",
        "moves",
        "acknowledged",
        "cuts",
        "rounds",
        "points",
        "interrupted",
        "ended",
        "tasks",
        "served",
        "told",
    ),
    *("steps", "writes", "refused", "kept", "dropped"),
    *("unknown", "asked_later", "resolved", "forgotten", "without_token"),
    *("times", "died"),
    *(
        "programs",
        "quiet programs",
        "calls",
        "mishaps",
        "inner kept",
        "inner given up",
        "committed",
        "doomed",
        "compared",
    ),
)
"""The counters that the table shows; the files hold others too."""


def _run_programs(backend: str, tally: Tally, count: int, seed: int, tell: Callable[[int], object]) -> None:
    """Half of the programs in each colour, and for each of them some without mishaps, which are much faster."""
    with contextlib.ExitStack() as stack:
        engine = None
        if backend != "memory":
            engine = stack.enter_context(contextlib.closing(engine_of(backend)))
        for at, colour in enumerate(COLOURS):
            with contextlib.closing(lab_of(engine, colour, slow=True)) as lab:
                share = count // 2 + (at * count) % 2
                run_model(lab, tally, share, seed + at * 1_000_000, tell)
                run_model(lab, tally, QUIET * share, seed + at * 1_000_000, mishaps=False)


def _run(
    kind: str,
    engine: Engine,
    tally: Tally,
    count: int,
    random: Random,
    tell: Callable[[int], object],
    bulk: int,
) -> None:
    if kind == "pool":
        use_up_the_pool(engine, tally, count)
        tell(count)
    elif kind in ("move-kill", "live-kill"):
        # Its two sources: each of the other engines, for half of the kills.
        others = [name for name in BACKENDS if name != engine.name]
        for at, name in enumerate(others):
            with contextlib.closing(engine_of(name)) as source:
                kill = kill_moves if kind == "move-kill" else kill_live_moves
                kill(source, engine, tally, count // 2 + (at * count) % 2, random, tell)
    elif kind == "crowd":
        crowd_in(engine, tally, count, random, tell)
    elif kind == "cancel":
        for _ in range(count):
            cancel_everywhere(engine, tally, random)
            tally.add(rounds=1)
            tell(1)
    elif kind in ("commit-cut", "write-cut"):
        assert isinstance(engine, PostgreSQLEngine | MongoDBEngine)
        cut_connections(engine, tally, count, random, tell, COMMITS if kind == "commit-cut" else WRITES)
    else:
        with Nursery(engine.name) as nursery:
            if kind in ("client-kill", "clock"):
                kill_clients(engine, nursery, tally, count, random, tell, kind == "clock", bulk)
            else:
                kill_servers(engine, nursery, tally, count, random, lambda: _hurt(engine, random), tell)


def _hurt(engine: Engine, random: Random) -> None:
    if isinstance(engine, ReplicaSetEngine):
        old = engine.replica_set.step_down() if random.random() < 0.7 else engine.replica_set.primary()
        if random.random() < 0.3:
            old.kill()
            old.start()
        return
    assert isinstance(engine, PostgreSQLEngine | MongoDBEngine)
    engine.server.kill()
    engine.server.start()


def _advance(bar: Progress, task: TaskID, done: int) -> None:
    bar.update(task, advance=done)


def _table(state: State) -> Table:
    table = Table("kind", "backend", "what", "seconds until it writes again", "faults", title="Faults")
    for name, tally in sorted(state.tallies.items()):
        kind, _, backend = name.partition(" ")
        what = ", ".join(
            f"{word.replace('_', ' ')} {tally.counts[word]:,}" for word in SHOWN if tally.counts.get(word)
        )
        seconds = sorted(tally.seconds)
        times = (
            f"{seconds[0]:.2f} to {seconds[-1]:.2f}, half within {seconds[len(seconds) // 2]:.2f}"
            if seconds
            else ""
        )
        table.add_row(kind, backend, what, times, str(tally.counts.get("faults", 0)))
    return table


def _points(state: State) -> Table:
    """At how many points each kind of call was cancelled."""
    counts = {
        name.removeprefix("cancel "): tally.counts
        for name, tally in sorted(state.tallies.items())
        if name.startswith("cancel ")
    }
    calls = dict.fromkeys(name for each in counts.values() for name in each if name.startswith("at "))
    table = Table("call", *counts, title="Points at which calls were cancelled")
    for call in calls:
        table.add_row(call.removeprefix("at "), *(f"{each.get(call, 0):,}" for each in counts.values()))
    return table


def _show(state: State, console: Console) -> None:
    console.print(_table(state))
    if any(name.startswith("cancel ") for name in state.tallies):
        console.print(_points(state))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="default: all")
    parser.add_argument("--backend", action="append", choices=MODELLED, help="default: all")
    parser.add_argument("--kills", type=int, help="how many of each kind on each backend")
    parser.add_argument("--bulk", type=int, default=BULK, help="the most records of a bulk write of a client")
    parser.add_argument("--seed", type=int, help="of what is chosen at random; times differ all the same")
    parser.add_argument("--resume", type=Path, help="a file to which the counters of this run are added")
    parser.add_argument("--show", action="store_true", help="show what is in that file, and run nothing")
    return parser.parse_args()


def main() -> int:
    """The exit code."""
    given = _arguments()
    console = Console()
    state = State.read(given.resume)
    if given.show:
        _show(state, console)
        return 1 if state.faults else 0
    # A pool that cannot connect, and a transaction that is tried again, are what this is about.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    stamina.instrumentation.set_on_retry_hooks([])
    seed = time.time_ns() if given.seed is None else given.seed
    console.print(f"seed {seed}")
    before = state.faults
    bar = Progress(
        TextColumn("{task.description:30}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
    with bar:
        for kind in given.kind or KINDS:
            backends, usual = KINDS[kind]
            for backend in backends:
                if not given.backend or backend in given.backend:
                    count = given.kills or usual
                    task = bar.add_task(f"{kind} {backend}", total=count)
                    tally = state.of(kind, backend)
                    tell = partial(_advance, bar, task)
                    try:
                        if kind == "power-cut":
                            cut_power(tally, count, Random(seed), tell)  # noqa: S311 - repeatable, not secret
                        elif kind == "disk-full":
                            fill_disks(backend, tally, count, Random(seed), tell)  # noqa: S311 - as above
                        elif kind == "model":
                            _run_programs(backend, tally, count, seed, tell)
                        else:
                            made = ReplicaSetEngine() if kind == "step-down" else engine_of(backend)
                            with contextlib.closing(made) as engine:
                                draw = Random(seed)  # noqa: S311 - as above
                                _run(kind, engine, tally, count, draw, tell, given.bulk)
                    finally:
                        state.write(given.resume)
                    for fault in tally.faults:
                        console.print(f"{kind} {backend}: {fault}", markup=False, highlight=False)
    _show(state, console)
    return 1 if state.faults > before else 0


if __name__ == "__main__":
    sys.exit(main())
