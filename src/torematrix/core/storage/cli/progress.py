"""How an import is watched: a bar on a terminal, a line now and then elsewhere, nothing for programs."""

from __future__ import annotations

import time
from typing import Any, Final, Self

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from .importing import Report
from .showing import console, duration, rate, size, visible
from .sources import Problem

__all__ = ["Watcher", "bar"]

_SHOWN: Final = 10
_EVERY: Final = 5.0  # seconds between two lines


def bar(label: str, unit: str) -> Progress:
    """A bar of bytes on stderr with its rate, the time left, and the field "items" counted in that unit."""
    return Progress(
        TextColumn(label),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TextColumn(f"{{task.fields[items]}}{unit and ' ' + unit}"),
        TimeRemainingColumn(),
        console=console(stderr=True),
    )


class Watcher:
    """Shows an import while it runs.

    Args:
        total: how many bytes there are to read.
        quiet: show nothing at all.
        every: show every problem, not just the first ones.
    """

    def __init__(self, total: int, *, quiet: bool = False, every: bool = False) -> None:
        self._total = total
        self._quiet = quiet
        self._every = every
        self._console = console(stderr=True)
        self._bar: Progress | None = None
        self._task: Any = None
        self._started = self._told = time.monotonic()
        self._problems = 0

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            self._bar = bar("importing", "items")
            self._console = self._bar.console
            self._task = self._bar.add_task("", total=self._total or None, items="0")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advanced(self, report: Report) -> None:
        """Show how far it has come."""
        if self._bar is not None:
            self._bar.update(self._task, completed=report.bytes, items=f"{report.items:,}")
            return
        now = time.monotonic()
        if self._quiet or now - self._told < _EVERY:
            return
        self._told = now
        done = report.bytes / self._total if self._total else 0.0
        passed = now - self._started
        left = f", {duration(passed / done - passed)} left" if 0 < done <= 1 else ""
        self._console.print(
            f"{report.items:,} items, {size(report.bytes)} of {size(self._total)}, "
            f"{rate(report.items, passed):,.0f} items/s{left}"
        )

    def met(self, problem: Problem) -> None:
        """Show what was skipped, if it is not one of too many."""
        self._problems += 1
        if self._quiet or (self._problems > _SHOWN and not self._every):
            return
        self._console.print(f"skipped {visible(str(problem))}", style="yellow", soft_wrap=True)
        if self._problems == _SHOWN and not self._every:
            self._console.print("further ones are only counted; --verbose shows them all", style="yellow")
