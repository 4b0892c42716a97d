"""What the terminal gets: tables, key and value lists, sizes, and JSON for programs."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Generator, Iterable, Sequence
from typing import Any, BinaryIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..query.search import SearchQuery
from ..query.snippets import highlight
from .values import json_line, visible

__all__ = [
    "NARROW",
    "console",
    "duration",
    "marked",
    "pairs",
    "print_json",
    "rate",
    "size",
    "table",
    "visible",
]

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_PIPE_WIDTH = 160
NARROW = 24
"""A column of this width still says something."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the program, which ends quietly with an exit code of its own."""
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Where text goes. Nothing in it is read as markup: names and values come from anywhere."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
    return _Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)


def print_json(value: Any) -> None:
    """One JSON value on one line of stdout, in UTF-8 whatever the terminal's encoding."""
    with binary_stdout() as stdout:
        stdout.write(json_line(value) + b"\n")


@contextlib.contextmanager
def binary_stdout() -> Generator[BinaryIO, None, None]:
    """Stdout for bytes, between what is printed before and after."""
    sys.stdout.flush()
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Iterable[str] = (),
    whole: Iterable[str] = (),
) -> Table:
    """A table whose cells are cut, not wrapped, where the terminal is too narrow, except in ``whole`` columns."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    numeric, kept, cells = set(right), set(whole), list(rows)
    for at, column in enumerate(columns):
        widest = max((len(row[at]) for row in cells), default=0)
        widest = max(widest, len(column))
        made.add_column(
            Text(visible(column)),
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if column in numeric else "left",
            min_width=widest if column in kept else min(widest, NARROW),
        )
    for row in cells:
        made.add_row(*(Text(visible(cell)) for cell in row))
    return made


def pairs(items: Iterable[tuple[str, str]]) -> Table:
    """Names and their values, one below the other."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in items:
        made.add_row(Text(visible(name)), Text(visible(value, lines=True)))
    return made


# In place of the marks of a snippet, which stand in many a text too, characters that are never shown.
_BEFORE, _AFTER = "\x01", "\x02"
_SPACES = re.compile(r"\s+")


def marked(text: str, query: SearchQuery, *, indent: int = 0) -> Padding | None:
    """An extract in which what the query looks for is marked; None where it is not there."""
    extract = highlight(text, query, before=_BEFORE, after=_AFTER)
    if extract is None:
        return None
    shown = Text()
    inside = False
    for part in extract.replace(_AFTER, _BEFORE).split(_BEFORE):
        shown.append(visible(_SPACES.sub(" ", part)), style="bold yellow" if inside else "")
        inside = not inside
    return Padding(shown, (0, 0, 0, indent))


def size(count: float) -> str:
    """Bytes, in the unit that fits."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    return f"{count:,.0f} {_UNITS[unit]}" if unit == 0 else f"{count:,.1f} {_UNITS[unit]}"


def duration(seconds: float) -> str:
    """Seconds, as a person says them."""
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02} min"


def rate(count: float, seconds: float) -> float:
    """How many a second; no division by a clock that has not moved."""
    return count / max(seconds, 1e-6)
