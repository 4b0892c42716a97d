"""Measures what the library's guarantees cost, each against the same without it, on each engine.

Where a guarantee can be switched off, the library is measured with and without it; where it cannot, the raw driver is.
Who is compared takes turns of some hundredths of a second, in shuffled order, each in a process and a database of its
own. A round yields the ratio of their quickest turns, so that what else the machine does counts for little; the table
shows the medians of these ratios, with their quartiles.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import engines
from commands import add_engines, engines_of, new_folder
from driver import PROJECT, Candidate
from engines.base import FLOOR, OURS, Engine, Peer
from machine import described, mount_of
from operations import GUARANTEES, OPERATIONS, Operation
from report import Measured, duration, replace_section
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

SIZE: Final = 1_000
_BY_NAME: Final = {operation.name: operation for operation in (*OPERATIONS, *GUARANTEES)}
_LIBRARY: Final = ("ours", "fast", "logged", "traced")
_RAW: Final = "raw"


@dataclass(frozen=True)
class Side:
    """One of two that are compared: who does what."""

    candidate: str
    operation: str


@dataclass(frozen=True)
class Guarantee:
    """One row of the table.

    Attributes:
        title: what the table says.
        without: who does without it.
        kept: who has it.
        only: the engines that have it; all where there is none.
    """

    title: str
    without: Side
    kept: Side
    only: tuple[str, ...] = ()


def _of(title: str, operation: str, without: str, kept: str) -> Guarantee:
    return Guarantee(title, Side(without, operation), Side(kept, operation))


ROWS: Final = (
    _of("create, durable rather than fast", "create", "fast", "ours"),
    _of("100 updates in a transaction, durable rather than fast", "together-100", "fast", "ours"),
    Guarantee(
        "update, guarded by a revision rather than not", Side("ours", "update"), Side("ours", "guarded")
    ),
    Guarantee(
        "100 updates in a transaction, in 10 inner scopes rather than none",
        Side("ours", "together-100"),
        Side("ours", "nested-100"),
    ),
    Guarantee(
        "one update in a transaction of the raw driver, its number asked for rather than not",
        Side(_RAW, "unnumbered"),
        Side(_RAW, "numbered"),
        ("postgresql",),
    ),
    _of("one update in a transaction, of the library rather than the raw driver", "together-1", _RAW, "ours"),
    _of(
        "100 updates in a transaction, of the library rather than the raw driver",
        "together-100",
        _RAW,
        "ours",
    ),
    _of("get, observed by the log rather than by nobody", "get", "ours", "logged"),
    _of("create, observed by the log rather than by nobody", "create", "ours", "logged"),
    _of("get, observed by OpenTelemetry rather than by nobody", "get", "ours", "traced"),
    _of("create, observed by OpenTelemetry rather than by nobody", "create", "ours", "traced"),
)


def rows_of(engine: Engine) -> list[Guarantee]:
    """The guarantees that an engine has."""
    return [row for row in ROWS if not row.only or engine.name in row.only]


def started(engine: Engine, size: int) -> dict[str, Candidate]:
    """Everybody who takes part, with their data."""
    modules = {name: f"guarantees.{name}" for name in _LIBRARY}
    modules[_RAW] = f"{engine.name}.together"
    candidates: dict[str, Candidate] = {}
    try:
        for name, module in modules.items():
            candidates[name] = Candidate(engine, "sync", Peer(name, name, module), size)
        for each in candidates.values():
            each.offers = each.ask()
            engine.loaded(each.place)
    except BaseException:
        stop(candidates)
        raise
    return candidates


def stop(candidates: dict[str, Candidate]) -> None:
    """End their processes."""
    for each in candidates.values():
        each.stop()


class Turns:
    """Turns of both sides of a guarantee, in shuffled order.

    Args:
        engine: where.
        candidates: by name.
        chance: what is random.
    """

    def __init__(self, engine: Engine, candidates: dict[str, Candidate], chance: random.Random) -> None:
        self._engine = engine
        self._candidates = candidates
        self._chance = chance

    def calls(self, operation: Operation) -> int:
        """How many calls make a turn."""
        return operation.calls if operation.is_large else operation.calls_at(self._engine.pace)

    def turn(self, side: Side, seed: int) -> int:
        """The nanoseconds of a turn."""
        operation, candidate = _BY_NAME[side.operation], self._candidates[side.candidate]
        taken: int = candidate.ask("turn", side.operation, self.calls(operation), seed)
        if operation.writes:
            self._engine.settle(candidate.place, many=operation.is_large)
        return taken

    def round(self, row: Guarantee) -> dict[str, float]:
        """The nanoseconds of a call of either side, in the quickest of some turns."""
        sides = [(FLOOR, row.without), (OURS, row.kept)]
        taken: dict[str, list[int]] = {name: [] for name, _ in sides}
        operation = _BY_NAME[row.kept.operation]
        for _ in range(operation.turns):
            seed = self._chance.getrandbits(32)
            self._chance.shuffle(sides)
            for name, side in sides:
                taken[name].append(self.turn(side, seed))
        return {name: min(turns) / self.calls(operation) for name, turns in taken.items()}

    def differences(self, row: Guarantee) -> list[str]:
        """Where the two sides, given the same, have not stored the same."""
        seed = self._chance.getrandbits(32)
        operation = _BY_NAME[row.kept.operation]
        if operation.method not in (
            "update",
            "many_together",
            "many_nested",
            "many_unnumbered",
            "many_numbered",
        ):
            return [] if all(self.turn(side, seed) > 0 for side in (row.without, row.kept)) else [row.title]
        stored = []
        for side in (row.without, row.kept):
            self.turn(row.without, seed + 1)  # or the second would find what the first has stored
            self.turn(side, seed)
            asked = ("edited", side.operation, self.calls(operation), seed)
            stored.append(self._candidates[side.candidate].ask(*asked))
        sound = stored[0] == stored[1] and len(stored[0]) >= self.calls(operation)
        return [] if sound else [f"{row.title}: the two sides do not store the same"]


def measure(
    engine: Engine, options: argparse.Namespace, folder: Path, console: Console
) -> tuple[dict[str, Measured], list[str], list[str]]:
    """One engine: what was measured, the problems found before, and the versions."""
    candidates: dict[str, Candidate] = {}
    chance = random.Random(time.time_ns())
    rows = rows_of(engine)
    try:
        engine.start(folder, getattr(options, f"{engine.name}_url", None))
        candidates = started(engine, options.size)
        turns = Turns(engine, candidates, chance)
        problems = [problem for row in rows for problem in turns.differences(row)]
        measured = {row.title: Measured(engine, _BY_NAME[row.kept.operation], "sync") for row in rows}
        if problems or options.check:
            return {}, problems, []
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task(engine.title, total=options.rounds * len(rows))
            for _ in range(options.rounds):
                for row in chance.sample(rows, len(rows)):
                    measured[row.title].rounds.append(turns.round(row))
                    progress.advance(bar)
        return measured, [], list(engine.versions())
    finally:
        stop(candidates)
        engine.stop()


Figures = dict[str, dict[str, Measured]]
"""What was measured, by engine and guarantee."""


def _cells(row: Guarantee, figures: Figures) -> Iterator[str]:
    for measured in figures.values():
        found = measured.get(row.title)
        if found is None:
            yield ""
            continue
        low, middle, high = found.ratio(OURS)
        yield f"{duration(found.floor)}, **{middle:.2f}** ({low:.2f} to {high:.2f})"


def page(figures: Figures, facts: list[str]) -> str:
    """The section of the documentation."""
    titles = [next(iter(measured.values())).engine.title for measured in figures.values()]
    lines = [f"| | {' | '.join(titles)} |", f"|---|{'---:|' * len(titles)}"]
    lines += [f"| {row.title} | {' | '.join(_cells(row, figures))} |" for row in ROWS]
    return "\n".join([*lines, "", *(f"- {fact}" for fact in facts)])


def show(figures: Figures, console: Console) -> None:
    """The same in the terminal."""
    titles = [next(iter(measured.values())).engine.title for measured in figures.values()]
    table = Table("guarantee", *titles, title="Time without it, and the ratio with it")
    for row in ROWS:
        table.add_row(row.title, *(cell.replace("**", "") for cell in _cells(row, figures)))
    console.print(table)


def options_of(arguments: list[str]) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_engines(parser)
    parser.add_argument("--rounds", type=int, default=12, help="how often everything is measured (12)")
    parser.add_argument("--size", type=int, default=SIZE, help="entities in each collection (1,000)")
    parser.add_argument(
        "--folder", type=Path, default=PROJECT / "var/bench", help="on a disk, for the databases"
    )
    parser.add_argument("--json", type=Path, help="write every round's figures here")
    parser.add_argument("--page", action="store_true", help="write the section of docs/benchmarks.md")
    parser.add_argument(
        "--check", action="store_true", help="compare what both sides store, and measure nothing"
    )
    options = parser.parse_args(arguments)
    if options.page and (options.engine != "all" or options.size != SIZE):
        parser.error("the page shows every engine, at the size that it names")
    options.folder = options.folder.resolve()
    mount = mount_of(options.folder)
    if mount is not None and mount[1] == "tmpfs" and not options.check:
        parser.error(f"{options.folder} is in memory, where no commit waits for a disk; give another")
    return options


def main() -> int:
    options = options_of(sys.argv[1:])
    console = Console(width=None if sys.stdout.isatty() else 150)
    load = os.getloadavg()[0]
    figures: Figures = {}
    versions: list[str] = []
    failed = False
    began = time.monotonic()
    for name in engines_of(options):
        with new_folder(options.folder / name) as folder:
            measured, problems, found = measure(engines.engine(name), options, folder, console)
        for problem in problems:
            console.print(f"{name}: {problem}", style="red", markup=False)
        failed = failed or bool(problems)
        if measured:
            figures[name] = measured
            versions += found
    if figures:
        show(figures, console)
        console.print(f"{options.rounds} rounds in {time.monotonic() - began:.0f} seconds, load {load:.1f}")
    if figures and options.page:
        now = dt.datetime.now(dt.UTC)
        facts = [f"{now:%d %B %Y}, {options.rounds} rounds", *described(options.folder, load), *versions]
        place = PROJECT / "docs/benchmarks.md"
        replace_section(place, "figures of guarantees", page(figures, facts), "make guarantees")
    if options.json:
        rounds: Any = {
            name: {title: row.rounds for title, row in measured.items()} for name, measured in figures.items()
        }
        options.json.write_text(json.dumps(rounds, indent=1))
    return int(failed)
