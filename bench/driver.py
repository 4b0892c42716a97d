"""Measure the library against the best hand-written code on each engine, and beside SQLAlchemy's ORM.

Each candidate runs in a process of its own with a database of its own. A round gives every operation to all
candidates of a colour, in turns of some hundredths of a second and in shuffled order, and yields the ratio of each
candidate's time to the floor's. The table shows the medians of these ratios over all rounds, with their quartiles.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import time
from pathlib import Path
from typing import Any, Final

import durability
import engines
from check import differences
from commands import add_engines, engines_of, new_folder
from engines.base import FLOOR, OURS, Engine, Peer
from machine import mount_of
from operations import OPERATIONS, SIZE, Operation
from report import Measured, print_table
from rich.console import Console
from rich.progress import Progress
from worker import serve

PROJECT: Final = Path(__file__).resolve().parents[1]
COLOURS: Final = ("sync", "async")


class Candidate:
    """The process of a candidate, as it is spoken to."""

    def __init__(self, engine: Engine, colour: str, peer: Peer, size: int) -> None:
        self.colour, self.name, self.peer = colour, peer.name, peer
        self.place = engine.place(colour, peer.name)
        self.offers: set[str] = set()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, peer.module(colour), self.place, size), daemon=True
        )
        self._process.start()
        theirs.close()

    def ask(self, *message: Any) -> Any:
        """The answer to a message; with none, what the process says first."""
        if message:
            self._pipe.send(message)
        answer = self._pipe.recv()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stop(self) -> None:
        if self._process.is_alive():
            self._pipe.send(None)
        self._process.join(timeout=10)


def compare_answers(candidates: list[Candidate]) -> list[str]:
    """Where candidates differ from the first floor, in words."""
    answers = [(each, each.ask("answers")) for each in candidates]
    floor = next(given for each, given in answers if each.name == FLOOR)
    problems: list[str] = []
    for each, given in answers:
        unlike = differences(floor, given, own_relevance=each.peer.ranks_alone)
        problems += [f"{each.colour} {each.name} answers differently: {question}" for question in unlike]
    return problems


def compare_tables(engine: Engine, candidates: list[Candidate]) -> list[str]:
    """Where the tables of the first floor are not those of the library."""
    places = {each.name: each.place for each in reversed(candidates)}
    return engine.unlike(places[OURS], places[FLOOR])


def one_round(
    engine: Engine, candidates: list[Candidate], operation: Operation, colour: str, chance: random.Random
) -> dict[str, float]:
    """The nanoseconds a call of the operation took each candidate, over some turns."""
    order = [each for each in candidates if each.colour == colour and operation.name in each.offers]
    taken = {each.name: 0.0 for each in order}
    calls, turns = operation.calls_at(engine.pace), operation.turns
    for _ in range(turns):
        seed = chance.getrandbits(32)
        chance.shuffle(order)
        for each in order:
            taken[each.name] += each.ask("turn", operation.name, calls, seed)
            if operation.writes:
                engine.settle(each.place, many=operation.is_large)
    return {name: total / (turns * calls) for name, total in taken.items()}


def measure(
    engine: Engine, candidates: list[Candidate], rounds: int, only: set[str], console: Console
) -> list[Measured]:
    """All rounds of all operations."""
    chance = random.Random(time.time_ns())
    compared = {
        colour: set.intersection(
            *(each.offers for each in candidates if each.colour == colour and each.name in (FLOOR, OURS))
        )
        for colour in COLOURS
        if any(each.colour == colour for each in candidates)
    }
    rows = [
        Measured(engine, operation, colour)
        for colour, names in compared.items()
        for operation in OPERATIONS
        if operation.name in names and (not only or operation.name in only)
    ]
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task(engine.title, total=rounds * len(rows))
        for _ in range(rounds):
            for row in chance.sample(rows, len(rows)):
                row.rounds.append(one_round(engine, candidates, row.operation, row.colour, chance))
                progress.advance(bar)
    return rows


def taking_part(engine: Engine, options: argparse.Namespace) -> list[Peer]:
    """The floor, the library, and those of the others that were asked for and are installed."""
    return [
        peer
        for peer in engine.peers
        if peer.name in (FLOOR, OURS) or (_is_wanted(peer, options) and not peer.is_missing)
    ]


def left_out(engine: Engine, options: argparse.Namespace) -> list[Peer]:
    """Those that were asked for and are not installed."""
    return [peer for peer in engine.peers if _is_wanted(peer, options) and peer.is_missing]


def _is_wanted(peer: Peer, options: argparse.Namespace) -> bool:
    return peer.name in options.peers if options.peers else not options.without_peers


def run(
    engine: Engine, options: argparse.Namespace, folder: Path, only: set[str], console: Console
) -> tuple[list[Measured], list[str], list[str]]:
    """One engine from its start to its end: what was measured, the problems found before, and the versions."""
    candidates: list[Candidate] = []
    try:
        engine.start(folder, getattr(options, f"{engine.name}_url", None))
        for colour in COLOURS:
            here = [peer for peer in taking_part(engine, options) if peer.module(colour)]
            for peer in here if options.colour in ("both", colour) else ():
                candidates.append(Candidate(engine, colour, peer, options.size))  # noqa: PERF401 - so that each is stopped
        for each in candidates:
            each.offers = each.ask()
            engine.loaded(each.place)
        problems = compare_answers(candidates) + compare_tables(engine, candidates)
        if problems or options.check:
            return [], problems, []
        for each in candidates:
            engine.settle(each.place, many=True)
        return measure(engine, candidates, options.rounds, only, console), [], list(engine.versions())
    finally:
        for each in candidates:
            each.stop()
        engine.stop()


def options_of(arguments: list[str]) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_engines(parser)
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is measured (15)")
    parser.add_argument("--only", default="", help="operations, by name and separated by commas")
    parser.add_argument("--colour", choices=("sync", "async", "both"), default="both")
    others = parser.add_mutually_exclusive_group()
    others.add_argument(
        "--without-peers", action="store_true", help="measure the library and the floor, and nobody else"
    )
    others.add_argument(
        "--peers",
        type=lambda text: {name for name in text.split(",") if name},
        default=set(),
        metavar="NAME,NAME",
        help="measure the library, the floor, and of the others these alone",
    )
    parser.add_argument(
        "--durability",
        choices=durability.NAMES,
        default=durability.FULL,
        help="of all: writes wait for the disk (full), or the library's faster setting (relaxed)",
    )
    parser.add_argument("--size", type=int, default=SIZE, help="entities in each collection (10,000)")
    parser.add_argument(
        "--folder", type=Path, default=PROJECT / "var/bench", help="on a disk, for the databases"
    )
    parser.add_argument("--json", type=Path, help="write every round's figures here")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md and its plots")
    parser.add_argument("--check", action="store_true", help="compare the answers, and measure nothing")
    options = parser.parse_args(arguments)
    only = {name for name in options.only.split(",") if name}
    unknown = only - {operation.name for operation in OPERATIONS}
    if unknown:
        parser.error(f"no such operation: {', '.join(sorted(unknown))}")
    peers = [peer for name in engines_of(options) for peer in engines.engine(name).peers]
    unknown = options.peers - {peer.name for peer in peers}
    if unknown:
        known = ", ".join(sorted({peer.name for peer in peers} - {FLOOR, OURS}))
        parser.error(f"nobody is called {', '.join(sorted(unknown))}; there are {known}")
    partial = only or options.without_peers or options.peers
    if options.page and (partial or options.colour != "both" or options.size != SIZE):
        parser.error("the page shows everything, at the size that it names")
    missing = sorted({peer.package for peer in peers if peer.is_missing})
    if missing and options.page:
        parser.error(f"the page shows everybody, and {', '.join(missing)} is not installed: use `make bench`")
    if options.page and options.durability != durability.FULL:
        parser.error("the page shows the library's default, which is durable")
    options.folder = options.folder.resolve()
    mount = mount_of(options.folder)
    if mount is not None and mount[1] == "tmpfs" and not options.check:
        parser.error(f"{options.folder} is in memory, where no commit waits for a disk; give another")
    return options


def main() -> int:
    options = options_of(sys.argv[1:])
    only = {name for name in options.only.split(",") if name}
    durability.choose(options.durability)
    console = Console(width=None if sys.stdout.isatty() else 150)
    load = os.getloadavg()[0]
    if load > 0.5:
        console.print(f"the machine is busy (load {load:.1f}): ratios will be spread", style="yellow")
    rows: list[Measured] = []
    failed = False
    for name in engines_of(options):
        engine = engines.engine(name)
        for peer in left_out(engine, options):
            console.print(f"{name}: {peer.label} is not installed, and takes no part", style="yellow")
        began = time.monotonic()
        with new_folder(options.folder / name) as folder:
            measured, problems, versions = run(engine, options, folder, only, console)
        for problem in problems:
            console.print(f"{name}: {problem}", style="red", markup=False)
        failed = failed or bool(problems)
        if measured:
            print_table(measured, console)
            console.print(engine.durability[options.durability])
            console.print(f"{options.rounds} rounds in {time.monotonic() - began:.0f} seconds")
            rows += measured
        if measured and options.page:
            from page import write  # what draws the plot is no part of the tests' environment

            write(engine, measured, versions, PROJECT / "docs", options.folder, load)
    if options.json:
        options.json.write_text(json.dumps([row.as_json() for row in rows], indent=1))
    return int(failed)
