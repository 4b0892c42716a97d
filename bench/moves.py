"""Measures moves between engines: the library against a floor that reads and writes with the raw drivers.

    python bench/moves.py                                          20,000 items in each of the six directions
    python bench/moves.py --count 1000000 --rounds 1 --resume var/moves.json
    python bench/moves.py --directions sqlite-postgresql,mongodb-sqlite --batch-size 5000

The floor is what an expert would write for one occasion: it reads in the order of the ids with the raw driver, in
bounded memory, and writes by the raw bulk path into the same table with the same indexes: one transaction around
``executemany`` on SQLite, one COPY on PostgreSQL, ``insert_many`` of 1,000 on MongoDB. It keeps no checkpoint and
verifies nothing. The library moves by its command, with a checkpoint in each batch; its verification is a figure of its
own. Each runs in a process of its own, in turns.

With --resume FILE the results are kept there, and directions that are in it are not measured again. --page writes the
table in docs/guides/moving.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from engines import NAMES, engine
from entities import Item, items
from machine import described
from processes import child
from report import replace_section
from rich.console import Console
from rich.table import Table

from torematrix.core.storage import Storage
from torematrix.core.storage.cli.memory import peak_memory
from torematrix.core.storage.core.moves import BATCH

DIRECTIONS: Final = tuple(f"{source}-{target}" for source, target in itertools.permutations(NAMES, 2))
COLUMNS: Final = ("id", "title", "status", "owner", "size", "score", "active", "created_at", "updated_at")
FLOOR_BATCH: Final = 1_000
TARGET: Final = 1.5
PAGE: Final = Path(__file__).resolve().parent.parent / "docs/guides/moving.md"
HEADINGS: Final = (
    "direction",
    "entities",
    "by hand",
    "library",
    "ratio",
    "rate",
    "verified in",
    "memory (by hand)",
)
Row = tuple[Any, ...]
_decode = msgspec.json.decode
_encode = msgspec.json.encode


# ---------------------------------------------------------------------------------------------------------- the floor
def read_sqlite(url: str) -> Iterator[Row]:
    import apsw

    connection = apsw.Connection(urlsplit(url).path, flags=apsw.SQLITE_OPEN_READONLY)
    yield from connection.execute(f"SELECT {', '.join(COLUMNS)}, data FROM items ORDER BY id")


def read_postgresql(url: str) -> Iterator[Row]:
    import psycopg
    from psycopg.types.string import TextLoader

    with psycopg.connect(_plain(url)) as connection:
        connection.adapters.register_loader("jsonb", TextLoader)
        with connection.cursor("moved") as cursor:
            cursor.itersize = FLOOR_BATCH
            cursor.execute(f"SELECT {', '.join(COLUMNS)}, data FROM items ORDER BY id")
            yield from cursor


def read_mongodb(url: str) -> Iterator[dict[str, Any]]:
    import pymongo

    with pymongo.MongoClient(url) as client:
        yield from client.get_default_database()["items"].find(batch_size=FLOOR_BATCH).sort("_id", 1)


def write_sqlite(url: str, rows: Iterator[Row]) -> None:
    import apsw

    connection = apsw.Connection(urlsplit(url).path)
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    with connection:
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        connection.executemany(f"INSERT INTO items ({', '.join(COLUMNS)}, data) VALUES ({marks})", rows)
    connection.close()


def write_postgresql(url: str, rows: Iterator[Row]) -> None:
    import psycopg

    statement = f"COPY items ({', '.join(COLUMNS)}, data) FROM STDIN"
    with psycopg.connect(_plain(url)) as connection, connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def write_mongodb(url: str, rows: Iterator[dict[str, Any]]) -> None:
    import pymongo

    with pymongo.MongoClient(url) as client:
        collection = client.get_default_database()["items"]
        while batch := list(itertools.islice(rows, FLOOR_BATCH)):
            collection.insert_many(batch, ordered=False)


def _plain(url: str) -> str:
    return url.partition("?")[0]


def _document(row: Row) -> dict[str, Any]:
    document = dict(zip(("_id", *COLUMNS[1:]), row, strict=False))
    document["active"] = bool(document["active"])
    document.update(_decode(row[-1]))
    return document


def _row(document: dict[str, Any]) -> Row:
    return (
        document["_id"],
        *(document[name] for name in COLUMNS[1:]),
        _encode({"tags": document["tags"]}).decode(),
    )


def _to_postgresql(row: Row) -> Row:
    return (*row[:6], bool(row[6]), *row[7:])


def _to_sqlite(row: Row) -> Row:
    return (*row[:-1], _encode(_decode(row[-1]), order="sorted").decode())


_READ: Final = {"sqlite": read_sqlite, "postgresql": read_postgresql, "mongodb": read_mongodb}
_WRITE: Final = {"sqlite": write_sqlite, "postgresql": write_postgresql, "mongodb": write_mongodb}
_CONVERT: Final = {
    "sqlite-postgresql": _to_postgresql,
    "postgresql-sqlite": _to_sqlite,
    "sqlite-mongodb": _document,
    "postgresql-mongodb": _document,
    "mongodb-sqlite": _row,
    "mongodb-postgresql": _row,
}


def floor(direction: str, source: str, target: str) -> dict[str, Any]:
    """Move by hand; the seconds it took and the most memory, in bytes."""
    reader, _, writer = direction.partition("-")
    rows: Any = _READ[reader](source)
    started = time.perf_counter()
    _WRITE[writer](target, map(_CONVERT[direction], rows))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "peak_memory": peak_memory()}


# ------------------------------------------------------------------------------------------------------- the measuring
def fill(url: str, count: int) -> None:
    """Store so many items, with ids and times of their own."""
    with Storage.open(url) as storage:
        repository = storage.repository(Item, "items", searchable=())
        fields = items(count, stored=True)
        while batch := [Item(**each) for each in itertools.islice(fields, 10_000)]:
            repository.bulk_create(batch)


def prepare(url: str) -> None:
    """The empty table, as the library makes it."""
    with Storage.open(url) as storage:
        storage.repository(Item, "items", searchable=()).ready()


def counted(url: str) -> int:
    with Storage.open(url) as storage:
        return storage.stored_repository("items").count()


def measure(
    direction: str, source: str, writer: Any, count: int, rounds: int, batch_size: int, say: Any
) -> dict[str, Any]:
    """What the floor and the library need, in turns, each into a new database."""
    by_hand: list[dict[str, Any]] = []
    ours: list[dict[str, Any]] = []
    for number in range(rounds):
        target = writer.place("moves", f"{direction.replace('-', '_')}_floor{number}")
        prepare(target)
        writer.settle(target, many=True)
        by_hand.append(child(__file__, "--floor", direction, source, target))
        if counted(target) != count:
            raise SystemExit(f"{direction}: the floor has not moved everything")
        say(f"{direction}: by hand {by_hand[-1]['seconds']:.2f} s")
        target = writer.place("moves", f"{direction.replace('-', '_')}_ours{number}")
        prepare(target)
        writer.settle(target, many=True)
        options = ["--json", "--batch-size", str(batch_size)]
        if number:
            options.append("--no-verify")
        ours.append(child("-m", "torematrix.core.storage.cli", "move", source, target, *options))
        if ours[-1]["migrated"] != count:
            raise SystemExit(f"{direction}: not everything was moved")
        say(f"{direction}: by the library {ours[-1]['copy_seconds']:.2f} s")
    return {
        "count": count,
        "batch_size": batch_size,
        "floor_seconds": statistics.median(each["seconds"] for each in by_hand),
        "seconds": statistics.median(each["copy_seconds"] for each in ours),
        "ratio": statistics.median(
            each["copy_seconds"] / floor["seconds"] for each, floor in zip(ours, by_hand, strict=True)
        ),
        "verify_seconds": ours[0]["verify_seconds"],
        "verified": ours[0]["verified"],
        "floor_memory": max(each["peak_memory"] for each in by_hand),
        "memory": max(each["peak_memory"] for each in ours),
    }


def figures(results: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The lines of the table, below its headings."""
    for direction, one in results.items():
        yield (
            direction.replace("-", " to "),
            f"{one['count']:,}",
            f"{one['floor_seconds']:.1f} s",
            f"{one['seconds']:.1f} s",
            f"{one['ratio']:.2f}",
            f"{one['count'] / one['seconds']:,.0f}/s",
            f"{one['verify_seconds']:.1f} s" if one["verified"] else "DIFFERS",
            f"{one['memory'] / 2**20:,.0f} MiB ({one['floor_memory'] / 2**20:,.0f})",
        )


def page(results: dict[str, Any], facts: Iterable[str]) -> str:
    """The same for the documentation, with what is worth knowing of the machine."""
    lines = [f"| {' | '.join(HEADINGS)} |", f"|---|{'---:|' * (len(HEADINGS) - 1)}"]
    lines += [f"| {' | '.join(line)} |" for line in figures(results)]
    return "\n".join([*lines, "", f"- {time.strftime('%d %B %Y')}", *(f"- {fact}" for fact in facts)])


def within_target(results: dict[str, Any]) -> bool:
    """Whether every direction was verified, and took no longer than is promised."""
    return all(one["ratio"] <= TARGET and one["verified"] for one in results.values())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20_000, help="entities (20,000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each direction (3)")
    parser.add_argument("--batch-size", type=int, default=BATCH, help=f"of the library ({BATCH:,})")
    parser.add_argument("--directions", default=",".join(DIRECTIONS), help="which, separated by commas")
    parser.add_argument("--folder", type=Path, help="where databases go, on the disk to be measured")
    parser.add_argument("--postgresql-url", help="a server to use, in place of one of our own")
    parser.add_argument("--mongodb-url", help="likewise")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="keep results there, and go on with them")
    parser.add_argument("--json", action="store_true", help="print JSON on stdout")
    parser.add_argument("--page", action="store_true", help="write the table in docs/guides/moving.md")
    parser.add_argument("--floor", nargs=3, metavar=("DIRECTION", "SOURCE", "TARGET"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.floor:
        print(json.dumps(floor(*given.floor)))
        return 0
    wanted = given.directions.split(",")
    if unknown := [name for name in wanted if name not in DIRECTIONS]:
        parser.error(f"there is no direction {unknown[0]!r}: there are {', '.join(DIRECTIONS)}")
    console = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 140)
    kept: dict[str, Any] = {}
    if given.resume is not None and given.resume.exists():
        kept = json.loads(given.resume.read_text())
    done = {name: one for name, one in kept.items() if one["count"] == given.count}
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="moves-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        load = os.getloadavg()[0]
        urls = {"postgresql": given.postgresql_url, "mongodb": given.mongodb_url}
        left = [name for name in wanted if name not in done]
        needed = {side for name in left for side in name.split("-")}
        engines = {name: engine(name) for name in NAMES if name in needed}
        sources: dict[str, str] = {}
        try:
            for name, each in engines.items():
                each.start(folder, urls.get(name))
            for direction in left:
                reader, _, writer = direction.partition("-")
                if reader not in sources:
                    sources[reader] = engines[reader].place("moves", "source")
                    fill(sources[reader], given.count)
                    engines[reader].loaded(sources[reader])
                    console.print(f"{reader}: {given.count:,} items stored")
                done[direction] = measure(
                    direction, sources[reader], engines[writer], given.count, given.rounds, given.batch_size,
                    console.print,
                )  # fmt: skip
                if given.resume is not None:
                    given.resume.parent.mkdir(parents=True, exist_ok=True)
                    given.resume.write_text(json.dumps({**kept, **done}, indent=2))
        finally:
            for each in engines.values():
                each.stop()
        results = {name: done[name] for name in wanted}
        if given.json:
            print(json.dumps(results))
        facts = list(described(folder, load))
    table = Table(*HEADINGS)
    for line in figures(results):
        table.add_row(*line)
    console.print(table)
    for fact in facts:
        console.print(fact)
    if given.page:
        replace_section(PAGE, "figures of moves", page(results, facts), "python bench/moves.py --page")
    return 0 if within_target(results) else 1


if __name__ == "__main__":
    sys.exit(main())
