"""Measures how the cost of each operation grows with the collection: ``python bench/growth.py --help``.

    python bench/growth.py                                        SQLite at 10,000, 100,000 and 1,000,000 documents
    python bench/growth.py --sizes 10000,100000,1000000,10000000 --page
    python bench/growth.py --engine postgresql --sizes 10000,100000,1000000

One database grows from size to size. At each, a new process opens it, calls every operation some hundred times with
arguments by chance, and tells the median of a call; what fills it tells how long 10,000 more documents took, and the
most memory that it ever had. At the largest size everything is exported to a file and imported from it into another
database by the command line, each in a process whose memory is told too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from commands import new_folder
from engines import NAMES, engine
from entities import STATUSES, Item, identity, items
from machine import described
from processes import child
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from torematrix.core.storage import CursorPagination, F, Repository, Storage
from torematrix.core.storage.cli.memory import peak_memory

PROJECT: Final = Path(__file__).resolve().parents[1]
SIZES: Final = "10000,100000,1000000"
BATCH: Final = 10_000
MADE: Final = 1_000
"""So many are made at once when the making is measured; they are deleted again."""
OPERATIONS: Final = {
    "get": "get by id",
    "list": "first 50 of a status, by index",
    "first": "page of 50 by cursor, at the beginning",
    "far": "page of 50 by cursor, at the far end",
    "search": "search for a word that one document has",
    "count": "count of an owner's, by index (a 500th)",
    "update": "update",
    "bulk": "bulk create 1,000",
}
GROWING: Final = frozenset({"count"})
"""What looks at more documents the more there are."""


def repository_of(storage: Storage) -> Repository[Item]:
    return storage.repository(Item, "items", searchable=["title"])


def made(number: int) -> Iterator[Item]:
    """The documents of one batch, the first of which is ``number``."""
    for at, fields in enumerate(items(BATCH, seed=number, stored=True), number):
        title = fields["title"].replace(f"number {at - number} ", f"number {at} ")
        yield Item(**{**fields, "id": identity(0, at), "title": title})


def fill(url: str, start: int, end: int) -> dict[str, Any]:
    """Store the documents from one number to another; the seconds each batch took."""
    seconds: list[float] = []
    with Storage.open(url) as storage:
        repository = repository_of(storage)
        for number in range(start, end, BATCH):
            batch = list(made(number))
            began = time.perf_counter()
            repository.bulk_create(batch)
            seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "peak_memory": peak_memory()}


def measure(url: str, size: int) -> dict[str, Any]:
    """The median nanoseconds of each operation's calls at that size."""
    chance = random.Random(size)
    with Storage.open(url) as storage:
        repository = repository_of(storage)
        ways = _ways(repository, size, chance)
        taken = {name: timed(calls, *way) for name, (calls, *way) in ways.items()}
        counted = repository.count()
        if counted != size:
            raise SystemExit(f"{counted:,} documents are there, and not {size:,}")
    return {"nanoseconds": taken, "peak_memory": peak_memory()}


def timed(
    calls: int, prepare: Callable[[], Any], call: Callable[[Any], Any], undo: Callable[[Any], Any]
) -> float:
    """The median of so many calls, after some that are not counted."""
    taken: list[int] = []
    for number in range(-(calls // 4), calls):
        given = prepare()
        began = time.perf_counter_ns()
        result = call(given)
        done = time.perf_counter_ns() - began
        undo(result)
        if number >= 0:
            taken.append(done)
    return statistics.median(taken)


def _ways(repository: Repository[Item], size: int, chance: random.Random) -> dict[str, tuple[Any, ...]]:
    def some_id() -> str:
        return identity(0, chance.randrange(size))

    def edited() -> Item:
        found = repository.get(some_id())
        assert found is not None
        found.size = chance.randrange(size)
        return found

    def page(after: str | None, limit: int = 50) -> Any:
        return repository.list(sort_by="id", pagination=CursorPagination(after=after, limit=limit))

    def in_status(status: str) -> Any:
        found = F("status") == status
        return repository.list(found, sort_by="id", pagination=CursorPagination(limit=50))

    def searched(word: str) -> Any:
        found = repository.search(word, pagination=CursorPagination(limit=20)).items
        if len(found) != 1:
            raise SystemExit(f"{len(found)} documents were found, and not one")
        return found

    def nothing(_: object) -> None:
        pass

    def forget(created: list[Item]) -> None:
        repository.bulk_delete([str(each.id) for each in created])

    far = _far(page, size)
    return {
        "get": (2_000, some_id, repository.get, nothing),
        "list": (400, lambda: chance.choice(STATUSES), in_status, nothing),
        "first": (400, lambda: None, page, nothing),
        "far": (400, lambda: far, page, nothing),
        "search": (400, lambda: str(chance.randrange(size)), searched, nothing),
        "count": (40, lambda: f"owner-{chance.randrange(500)}", lambda o: repository.count(F("owner") == o), nothing),
        "update": (40, edited, repository.update, nothing),
        "bulk": (8, lambda: _new(chance), repository.bulk_create, forget),
    }  # fmt: skip


def _new(chance: random.Random) -> list[Item]:
    return [Item(**fields) for fields in items(MADE, seed=chance.getrandbits(32))]


def _far(page: Callable[..., Any], size: int) -> str:
    """The cursor behind which there are some hundred documents more."""
    left, after = size - 200, None
    while left > 0:
        after = page(after, min(left, BATCH)).next
        left -= BATCH
    assert after is not None
    return str(after)


def moved(source: str, target: str, folder: Path) -> dict[str, Any]:
    """Everything to a file by the command, and from it into another database."""
    file, found = folder / "items.jsonl", {}
    commands = {
        "export": ("export", "--exact", "--collection", "items", "--output", str(file), "--storage", source),
        "import": ("import", "--exact", str(file), "--storage", target),
    }
    for name, command in commands.items():
        began = time.perf_counter()
        found[name] = child(__file__, "--command", *command)
        found[name]["seconds"] = time.perf_counter() - began
    found["bytes"] = file.stat().st_size
    file.unlink()
    return found


def command(arguments: list[str]) -> dict[str, Any]:
    """Run a command of the command line in this process; its memory."""
    from torematrix.core.storage.cli import main as run

    sys.argv[1:] = arguments
    try:
        run()
    except SystemExit as end:
        if end.code:
            raise
    return {"peak_memory": peak_memory()}


def grown(given: argparse.Namespace, folder: Path, console: Console) -> dict[str, Any]:
    """Every size's figures, and those of the export and the import at the largest."""
    one = engine(given.engine)
    found: dict[str, Any] = {"engine": one.title, "sizes": {}}
    one.start(folder, given.url)
    try:
        url, start, step = one.place("growth", "grown"), 0, given.sizes[0] * 10
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task(one.title, total=given.sizes[-1])
            for size in given.sizes:
                stored: dict[str, Any] = {"seconds": [], "peak_memory": 0}
                for at in range(start, size, step):
                    end = min(size, at + step)
                    part = child(__file__, "--fill", url, str(at), str(end))
                    stored["seconds"] += part["seconds"]
                    stored["peak_memory"] = max(stored["peak_memory"], part["peak_memory"])
                    progress.update(bar, completed=end)
                start = size
                one.settle(url, many=True)
                one.loaded(url)
                measured = child(__file__, "--measure", url, str(size))
                found["sizes"][size] = {"stored": stored, **measured}
                console.print(f"{size:,}: get {measured['nanoseconds']['get'] / 1000:.1f} µs")
        if not given.without_files:
            found["files"] = moved(url, one.place("growth", "imported"), folder)
        found["versions"] = list(one.versions())
    finally:
        one.stop()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=NAMES, default="sqlite")
    parser.add_argument("--sizes", default=SIZES, help=f"documents, each more than the one before ({SIZES})")
    parser.add_argument(
        "--folder", type=Path, default=PROJECT / "var/growth", help="on the disk to be measured"
    )
    parser.add_argument("--url", help="a server to use, in place of one of our own")
    parser.add_argument("--without-files", action="store_true", help="export and import nothing")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument(
        "--page", action="store_true", help="write them in docs/benchmarks.md, with their curves"
    )
    parser.add_argument("--fill", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fill or given.measure or given.command:
        return _told(given)
    given.sizes = [int(size) for size in given.sizes.split(",")]
    if given.sizes != sorted(set(given.sizes)) or any(size % BATCH for size in given.sizes):
        parser.error(f"sizes grow, each a multiple of {BATCH:,}")
    console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 140)
    load = os.getloadavg()[0]
    with new_folder(given.folder.resolve()) as folder:
        found = grown(given, folder, console)
        found["machine"] = list(described(folder, load))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
    console.print(_table(found))
    if given.page:
        from growth_page import write

        write(found, OPERATIONS, given.engine, PROJECT / "docs")
    return 0


def _told(given: argparse.Namespace) -> int:
    if given.fill:
        url, start, end = given.fill
        told = fill(url, int(start), int(end))
    elif given.measure:
        told = measure(given.measure[0], int(given.measure[1]))
    else:
        told = command(given.command)
    print(json.dumps(told))
    return 0


def _table(found: dict[str, Any]) -> Table:
    sizes = list(found["sizes"])
    table = Table("operation", *(f"{size:,}" for size in sizes), "growth", title=found["engine"])
    for name, title in OPERATIONS.items():
        taken = [found["sizes"][size]["nanoseconds"][name] / 1000 for size in sizes]
        table.add_row(title, *(f"{each:,.1f} µs" for each in taken), f"{taken[-1] / taken[0]:.2f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
