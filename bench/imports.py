"""Measures how long it takes a new process to import the library: ``python bench/imports.py``.

Each round starts one process for everything that is compared, in shuffled order, with its modules compiled before.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from machine import described
from report import replace_section
from rich.console import Console
from rich.progress import track

PROJECT: Final = Path(__file__).resolve().parents[1]
TARGET: Final = 150  # milliseconds, beside those of Python itself
NOTHING: Final = "Python itself"
OURS: Final = "torematrix-storage"
IMPORTS: Final = {
    NOTHING: "pass",
    OURS: "from torematrix.core.storage import Storage",
    "torematrix-storage, an SQLite storage opened": (
        "from torematrix.core.storage import Storage; Storage.open('sqlite:///:memory:').ready()"
    ),
    "msgspec, of that": "import msgspec",
    "SQLAlchemy's ORM": "import sqlalchemy.orm",
    "psycopg and its pool": "import psycopg_pool",
    "PyMongo": "import pymongo",
}


def measured(rounds: int) -> dict[str, list[float]]:
    """The milliseconds that a process took from its start to its end, by what it imported."""
    taken: dict[str, list[float]] = {name: [] for name in IMPORTS}
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        for number in track(range(-1, rounds), "importing", console=Console(stderr=True), transient=True):
            for name in random.sample(list(IMPORTS), len(IMPORTS)):
                began = time.perf_counter()
                subprocess.run([sys.executable, "-c", IMPORTS[name]], env=environment, check=True)
                if number >= 0:
                    taken[name].append((time.perf_counter() - began) * 1000)
    return taken


def _rows(taken: dict[str, list[float]]) -> Iterator[tuple[str, str, str]]:
    for name, each in taken.items():
        above = [mine - nothing for mine, nothing in zip(each, taken[NOTHING], strict=True)]
        yield (
            name,
            f"{statistics.median(each):.0f} ms",
            "" if name == NOTHING else f"{statistics.median(above):.0f} ms",
        )


def _page(taken: dict[str, list[float]], load: float) -> str:
    lines = ["| a process that imports | from start to end | beside Python itself |", "|---|---:|---:|"]
    lines += [f"| {' | '.join(row)} |" for row in _rows(taken)]
    lines += ["", f"- {time.strftime('%d %B %Y')}, {len(taken[NOTHING])} rounds"]
    lines += [f"- {line}" for line in described(PROJECT, load)]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--page", action="store_true", help="write the table in docs/benchmarks.md")
    given: Any = parser.parse_args()
    load = os.getloadavg()[0]
    taken = measured(given.rounds)
    for row in _rows(taken):
        print(f"{row[0]:48}{row[1]:>10}{row[2]:>10}")
    if given.page:
        replace_section(
            PROJECT / "docs/benchmarks.md", "figures of imports", _page(taken, load), "make imports"
        )
    ours = statistics.median(a - b for a, b in zip(taken[OURS], taken[NOTHING], strict=True))
    return 0 if ours <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
