"""Figures as people read them: a table in the terminal; the page and its plots are in ``page``."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.base import FLOOR, OURS, Engine, Peer
from operations import Operation
from rich.console import Console
from rich.table import Table


@dataclass
class Measured:
    """One row: the nanoseconds of a call, by candidate, in each round."""

    engine: Engine
    operation: Operation
    colour: str
    rounds: list[dict[str, float]] = field(default_factory=list)

    @property
    def floor(self) -> float:
        """The floor's own time, in microseconds."""
        return statistics.median(each[FLOOR] for each in self.rounds) / 1000

    @property
    def target(self) -> float | None:
        """The ratio that the library promises to stay below; None where it promises none."""
        return self.engine.targets[self.colour].get(self.operation.kind)

    def has(self, name: str) -> bool:
        """Whether the candidate took part."""
        return bool(self.rounds) and name in self.rounds[0]

    def ratio(self, name: str) -> tuple[float, float, float]:
        """The median of a candidate's ratios to the floor, between their quartiles."""
        ratios = [each[name] / each[FLOOR] for each in self.rounds]
        if len(ratios) < 2:
            return ratios[0], ratios[0], ratios[0]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, middle, high

    @property
    def is_met(self) -> bool:
        """Whether the library is within its target, to two decimals."""
        return self.target is None or round(self.ratio(OURS)[1], 2) <= self.target

    def as_json(self) -> dict[str, Any]:
        """Everything that was measured."""
        return {
            "engine": self.engine.name,
            "operation": self.operation.name,
            "colour": self.colour,
            "rounds": self.rounds,
        }


def shown_peers(rows: list[Measured]) -> list[Peer]:
    """Those beside the floor that any of these rows has a figure of."""
    peers = rows[0].engine.peers if rows else ()
    return [peer for peer in peers if peer.name != FLOOR and any(row.has(peer.name) for row in rows)]


def replace_section(path: Path, name: str, text: str, command: str = "make bench") -> None:
    """Replace what stands between the markers of that name in a page, where the command writes."""
    begin = f"<!-- {name}: begin (written by `{command}`) -->"
    end = f"<!-- {name}: end -->"
    before, rest = path.read_text().split(begin)
    _, after = rest.split(end)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def duration(microseconds: float) -> str:
    """A time with the unit that suits it."""
    if microseconds >= 1000:
        return f"{microseconds / 1000:.3g} ms"
    return f"{microseconds:.3g} µs"


def _spread(row: Measured, name: str) -> str:
    if not row.has(name):
        return ""
    low, middle, high = row.ratio(name)
    text = f"{middle:.2f} ({low:.2f}-{high:.2f})"
    return f"[{'green' if row.is_met else 'red'}]{text}[/]" if name == OURS else text


def print_table(rows: list[Measured], console: Console) -> None:
    """The tables of an engine for the terminal."""
    for colour in dict.fromkeys(row.colour for row in rows):
        mine = [row for row in rows if row.colour == colour]
        engine = mine[0].engine
        floor, peers = engine.floors[colour], shown_peers(mine)
        table = Table(title=f"{engine.title}, {colour}: ratios to {floor}", title_justify="left")
        table.add_column("operation")
        for name in (floor, *[peer.label for peer in peers], "target"):
            table.add_column(name, justify="right")
        for row in mine:
            ratios = [_spread(row, peer.name) for peer in peers]
            target = "" if row.target is None else f"{row.target:.2f}"
            table.add_row(row.operation.title, duration(row.floor), *ratios, target)
        console.print(table)
