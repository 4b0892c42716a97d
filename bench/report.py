"""Figures as people read them: a table in the terminal, a page and a plot in the documentation."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Final

from operations import Operation
from rich.console import Console
from rich.table import Table

FLOORS: Final = {"sync": "apsw by hand", "async": "aiosqlite by hand"}
NAMES: Final = {"ours": "torematrix-storage", "orm": "SQLAlchemy ORM"}


@dataclass
class Measured:
    """One row: the nanoseconds of a call, by candidate, in each round."""

    operation: Operation
    colour: str
    rounds: list[dict[str, float]] = field(default_factory=list)

    @property
    def floor(self) -> float:
        """The floor's own time, in microseconds."""
        return statistics.median(each["floor"] for each in self.rounds) / 1000

    def has(self, name: str) -> bool:
        """Whether the candidate took part."""
        return bool(self.rounds) and name in self.rounds[0]

    def ratio(self, name: str) -> tuple[float, float, float]:
        """The median of a candidate's ratios to the floor, between their quartiles."""
        ratios = [each[name] / each["floor"] for each in self.rounds]
        if len(ratios) < 2:
            return ratios[0], ratios[0], ratios[0]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, middle, high

    @property
    def is_met(self) -> bool:
        """Whether the library is within its target, to two decimals."""
        target = self.operation.target
        return target is None or round(self.ratio("ours")[1], 2) <= target


def duration(microseconds: float) -> str:
    """A time with the unit that suits it."""
    if microseconds >= 1000:
        return f"{microseconds / 1000:.3g} ms"
    return f"{microseconds:.3g} µs"


def _spread(row: Measured, name: str) -> str:
    if not row.has(name):
        return ""
    low, middle, high = row.ratio(name)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def print_table(rows: list[Measured], console: Console) -> None:
    """The table for the terminal."""
    for colour in dict.fromkeys(row.colour for row in rows):
        floor = FLOORS[colour]
        table = Table(title=f"SQLite, {colour}: ratios to {floor}", title_justify="left")
        table.add_column("operation")
        for name in (floor, *NAMES.values(), "target"):
            table.add_column(name, justify="right")
        for row in rows:
            if row.colour != colour:
                continue
            target = row.operation.target
            table.add_row(
                row.operation.title,
                duration(row.floor),
                f"[{'green' if row.is_met else 'red'}]{_spread(row, 'ours')}[/]",
                _spread(row, "orm"),
                "" if target is None else f"{target:.2f}",
            )
        console.print(table)
