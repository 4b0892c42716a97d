"""How a move is watched: a bar on a terminal, a line now and then elsewhere, nothing for programs."""

from __future__ import annotations

import time
from typing import Any, Final, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..core.moves import MoveProgress
from .showing import console, duration, rate, visible

__all__ = ["MoveWatcher"]

_EVERY: Final = 5.0  # seconds between two lines
_LONG: Final = 24  # characters of a collection's name


class MoveWatcher:
    """Shows a move while it runs: what is done, how far, how fast, and how long it may still take.

    Args:
        quiet: show nothing at all.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = console(stderr=True)
        self._bar: Progress | None = None
        self._task: Any = None
        self._stage = ""
        self._first = 0
        self._began = self._told = time.monotonic()

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advanced(self, told: MoveProgress) -> None:
        """Show how far it has come."""
        if self._quiet:
            return
        now = time.monotonic()
        if told.stage != self._stage:
            # What an earlier run had done does not count towards the rate of this one.
            self._stage, self._first, self._began = told.stage, told.done, now
            if self._bar is not None:
                self._task = self._bar.add_task(told.stage, total=told.total, rate="")
        passed = now - self._began
        speed = rate(told.done - self._first, passed)
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=f"{told.stage} {visible(told.collection)[:_LONG]}",
                completed=told.done,
                total=told.total,
                rate=f"{speed:,.0f}/s" if passed else "",
            )
        elif now - self._told >= _EVERY:
            self._told = now
            left = f", {duration((told.total - told.done) / speed)} left" if speed else ""
            self._console.print(
                f"{told.stage} {visible(told.collection)}: {told.done:,} of {told.total:,}, {speed:,.0f}/s{left}"
            )
