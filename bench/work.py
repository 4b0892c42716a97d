"""Counts the work of each operation, so that a change that makes one dearer is seen: ``python bench/work.py --help``.

The figure is how many bytecode instructions of the library an average call executes, on each engine and in each colour.
It does not depend on the machine or on what else that does, only on the version of Python: a change that adds work to a
path shows, however small, where a time would drown in noise. It sees nothing of what C code or the server does; the
ratios in ``docs/benchmarks.md`` do.

    python bench/work.py                 compare with bench/work.json; ends with 1 where an operation is dearer by 2 %
    python bench/work.py --record        write bench/work.json, with the change that causes it
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from commands import add_engines, engines_of, new_folder
from engines import engine
from engines.base import OURS
from operations import OPERATIONS, Operation
from rich.console import Console
from rich.table import Table
from worker import Stage

PROJECT: Final = Path(__file__).resolve().parents[1]
RECORD: Final = PROJECT / "bench/work.json"
SIZE: Final = 1_000
CALLS: Final = 12
ALLOWED: Final = 1.02
_GROUPS: Final = {
    "torematrix": "library",
    "psycopg": "driver",
    "psycopg_pool": "driver",
    "pymongo": "driver",
    "bson": "driver",
}
Figures = dict[str, dict[str, int]]


class Work:
    """Counts bytecode instructions while it is on, in every thread that was started after it was installed."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._on = False

    def install(self) -> None:
        """Have threads that are started from now on counted too."""
        threading.settrace(self._call)

    def of(self, call: Callable[[], object]) -> Counter[str]:
        """What a call executes, by the group of the code."""
        self.counts = Counter()
        before, self._on = sys.gettrace(), True
        sys.settrace(self._call)
        try:
            call()
        finally:
            sys.settrace(before)
            self._on = False
        return self.counts

    def _call(self, frame: FrameType, _event: str, _argument: object) -> Any:
        if not self._on:
            return None
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        # What the library generates has no module of its own.
        made = frame.f_code.co_filename.startswith("<generated")
        group = "library" if made else _GROUPS.get(package, "other")
        frame.f_trace_opcodes, frame.f_trace_lines = True, False

        def opcode(_frame: FrameType, event: str, _given: object) -> Any:
            if event == "opcode":
                self.counts[group] += 1
            return opcode

        return opcode


def counted(stage: Stage, operation: Operation, work: Work) -> dict[str, int]:
    """The median of what some calls execute, once they are warm."""
    chance = random.Random(operation.name)
    store = stage.store(operation.store)
    method = getattr(store, operation.method)
    found: list[Counter[str]] = []
    for number, argument in enumerate(operation.arguments(stage, chance, CALLS)):
        results: list[Any] = []
        gc.collect()
        counts = work.of(lambda given=argument, kept=results: kept.append(stage.call(method, given)))
        if number >= CALLS // 3:
            found.append(counts)
        if operation.created:
            made = results if operation.created == "one" else results[0]
            stage.call(store.delete_many, [entity.id for entity in made])
    return {
        group: round(statistics.median(each[group] for each in found))
        for group in ("library", "driver", "other")
    }


def figures_of(name: str, folder: Path, url: str | None, only: set[str], console: Console) -> Figures:
    """Operations of the library on one engine, in both colours: these, or all."""
    one = engine(name)
    ours = next(peer for peer in one.peers if peer.name == OURS)
    work = Work()
    work.install()
    found: Figures = {}
    try:
        one.start(folder, url)
        for colour in ("sync", "async"):
            stage = Stage(ours.module(colour), one.place(colour, OURS), SIZE)
            offered = stage.offers()
            for operation in OPERATIONS:
                wanted = not only or operation.name in only
                if wanted and operation.name in offered and operation.tasks == 1:
                    found[f"{name} {colour} {operation.name}"] = counted(stage, operation, work)
            stage.close()
            console.print(f"{one.title}, {colour}: counted")
    finally:
        threading.settrace(None)  # type: ignore[arg-type]
        one.stop()
    return found


def compared(before: Figures, now: Figures, console: Console) -> list[str]:
    """The names of what has become dearer; a table of what has changed at all."""
    table = Table(
        "operation", "recorded", "now", "change", title="Bytecode instructions of the library, a call"
    )
    dearer: list[str] = []
    for name, counts in now.items():
        old, new = before.get(name, {}).get("library"), counts["library"]
        if old == new:
            continue
        ratio = new / old if old else None
        if ratio is not None and ratio > ALLOWED:
            dearer.append(name)
        change = "new" if ratio is None else f"{ratio - 1:+.1%}"
        table.add_row(
            name, "" if old is None else f"{old:,}", f"{new:,}", change, style="red" if name in dearer else ""
        )
    if table.row_count:
        console.print(table)
    return dearer


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_engines(parser)
    parser.add_argument("--only", default="", help="operations, by name and separated by commas")
    parser.add_argument("--record", action="store_true", help="keep the figures, to be compared with")
    parser.add_argument("--file", type=Path, default=RECORD, help="where they are kept (bench/work.json)")
    parser.add_argument("--folder", type=Path, default=PROJECT / "var/work", help="for the databases")
    given = parser.parse_args()
    console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    recorded = (
        json.loads(given.file.read_text()) if given.file.exists() else {"python": python, "figures": {}}
    )
    if recorded["python"] != python and not given.record:
        console.print(
            f"the record is of Python {recorded['python']}, and this is {python}: nothing can be compared"
        )
        return 2
    only = {name for name in given.only.split(",") if name}
    now: Figures = {}
    for name in engines_of(given):
        with new_folder(given.folder.resolve() / name) as folder:
            now |= figures_of(name, folder, getattr(given, f"{name}_url", None), only, console)
    dearer = compared(recorded["figures"], now, console)
    if given.record:
        given.file.write_text(
            json.dumps({"python": python, "figures": {**recorded["figures"], **now}}, indent=1) + "\n"
        )
        return 0
    for name in dearer:
        console.print(f"{name} has become dearer", style="red")
    return int(bool(dearer))


if __name__ == "__main__":
    sys.exit(main())
