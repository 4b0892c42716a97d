"""Measure the library on SQLite against the best hand-written code, and beside SQLAlchemy's ORM.

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
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

from check import differences
from machine import mount_of
from operations import OPERATIONS, SIZE, Operation
from report import Measured, print_table
from rich.console import Console
from rich.progress import Progress
from worker import serve

PROJECT: Final = Path(__file__).resolve().parents[1]
CANDIDATES: Final = {
    "sync": {"floor": "apsw_floor", "ours": "ours", "orm": "orm"},
    "async": {"floor": "aiosqlite_floor", "ours": "ours_async", "orm": "orm_async"},
}


class Candidate:
    """The process of a candidate, as it is spoken to."""

    def __init__(self, colour: str, name: str, folder: Path, size: int) -> None:
        self.colour, self.name = colour, name
        own = folder / f"{colour}-{name}"
        own.mkdir()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, CANDIDATES[colour][name], own, size), daemon=True
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
    """Where candidates differ from the synchronous floor, in words."""
    answers = {(each.colour, each.name): each.ask("answers") for each in candidates}
    floor = next(answers[each.colour, "floor"] for each in candidates if each.name == "floor")
    problems: list[str] = []
    for (colour, name), given in answers.items():
        unlike = differences(floor, given, own_relevance=name == "orm")
        problems += [f"{colour} {name} answers differently: {question}" for question in unlike]
    return problems


def compare_tables(folder: Path) -> list[str]:
    """Where the tables of the floor are not those of the library."""
    import apsw

    def tables(path: Path) -> set[str]:
        query = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'torematrix_meta'"
        with apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY) as connection:
            return {row[0] for row in connection.execute(query)}

    ours, floor = tables(folder / "sync-ours/ours.db"), tables(folder / "sync-floor/floor.db")
    return [f"only one of floor and library has: {statement}" for statement in sorted(ours ^ floor)]


def one_round(
    candidates: list[Candidate], operation: Operation, colour: str, chance: random.Random
) -> dict[str, float]:
    """The nanoseconds a call of the operation took each candidate, over some turns."""
    taken = {each.name: 0.0 for each in candidates if each.colour == colour}
    calls, turns = operation.calls, operation.turns
    for _ in range(turns):
        seed = chance.getrandbits(32)
        order = [each for each in candidates if each.colour == colour]
        chance.shuffle(order)
        for each in order:
            taken[each.name] += each.ask("turn", operation.name, calls, seed)
    return {name: total / (turns * calls) for name, total in taken.items()}


def measure(candidates: list[Candidate], rounds: int, only: set[str], console: Console) -> list[Measured]:
    """All rounds of all operations."""
    chance = random.Random(time.time_ns())
    rows = [
        Measured(operation, colour)
        for colour in CANDIDATES
        if any(each.colour == colour for each in candidates)
        for operation in OPERATIONS
        if colour in operation.colours and (not only or operation.name in only)
    ]
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("measuring", total=rounds * len(rows))
        for _ in range(rounds):
            for row in chance.sample(rows, len(rows)):
                row.rounds.append(one_round(candidates, row.operation, row.colour, chance))
                progress.advance(bar)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="how often everything is measured (15)")
    parser.add_argument("--only", default="", help="operations, by name and separated by commas")
    parser.add_argument("--colour", choices=("sync", "async", "both"), default="both")
    parser.add_argument("--without-orm", action="store_true", help="leave SQLAlchemy out")
    parser.add_argument("--size", type=int, default=SIZE, help="entities in each collection (10,000)")
    parser.add_argument(
        "--folder", type=Path, default=PROJECT / "var/bench", help="on a disk, for the databases"
    )
    parser.add_argument("--json", type=Path, help="write every round's figures here")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md and its plot")
    parser.add_argument("--check", action="store_true", help="compare the answers, and measure nothing")
    options = parser.parse_args()
    only = {name for name in options.only.split(",") if name}
    unknown = only - {operation.name for operation in OPERATIONS}
    if unknown:
        parser.error(f"no such operation: {', '.join(sorted(unknown))}")

    if options.page and (only or options.without_orm or options.colour != "both" or options.size != SIZE):
        parser.error("the page shows everything, at the size that it names")

    console = Console(width=None if sys.stdout.isatty() else 130)
    folder: Path = options.folder.resolve()
    mount = mount_of(folder)
    if mount is not None and mount[1] == "tmpfs" and not options.check:
        parser.error(f"{folder} is in memory, where no commit waits for a disk; give another with --folder")
    load = os.getloadavg()[0]
    if load > 0.5:
        console.print(f"the machine is busy (load {load:.1f}): ratios will be spread", style="yellow")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    colours = CANDIDATES if options.colour == "both" else {options.colour: CANDIDATES[options.colour]}
    candidates = [
        Candidate(colour, name, folder, options.size)
        for colour, names in colours.items()
        for name in names
        if not (options.without_orm and name == "orm")
    ]
    try:
        for each in candidates:
            each.ask()
        problems = compare_answers(candidates)
        if "sync" in colours:
            problems += compare_tables(folder)
        for problem in problems:
            console.print(problem, style="red", markup=False)
        if problems or options.check:
            return int(bool(problems))
        began = time.monotonic()
        rows = measure(candidates, options.rounds, only, console)
        seconds = time.monotonic() - began
    finally:
        for each in candidates:
            each.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print_table(rows, console)
    console.print(f"{options.rounds} rounds in {seconds:.0f} seconds")
    if options.json:
        figures = [
            {"operation": row.operation.name, "colour": row.colour, "rounds": row.rounds} for row in rows
        ]
        options.json.write_text(json.dumps(figures, indent=1))
    if options.page:
        from page import write  # what draws the plot is no part of the tests' environment

        write(rows, PROJECT / "docs", folder, load)
    return 0
