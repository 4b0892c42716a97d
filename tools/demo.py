"""The main job on real input: import a folder, then list, filter, page and search it, and say how fast.

    make demo                           the Python standard library's own files
    make demo CORPUS=/any/folder        another folder
    make demo FOLDER=/where/to/put/it   where the database goes (default: var/demo)

The database is made anew each time. The program fails where pages do not add up, a search finds nothing or the database
is not sound.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from torematrix.core.storage import Count, CursorPagination, F, Pagination, Repository, SortOrder, Storage
from torematrix.core.storage.cli.importing import Importer, Target, documents_in, records_in
from torematrix.core.storage.cli.progress import Watcher
from torematrix.core.storage.cli.showing import console, duration, marked, pairs, rate, size, table
from torematrix.core.storage.cli.sources import Mode, Walk
from torematrix.core.storage.cli.texts import Document
from torematrix.core.storage.query.search import parse_search

R = TypeVar("R")
PAGE = 50
QUERIES = ("thread lock", '"regular expression"', "unicod* normali* -test", "sqlite OR dbm")


def main() -> None:
    parser = argparse.ArgumentParser(description="Import a folder, then list, filter, page and search it.")
    parser.add_argument(
        "--corpus", default="", help="the folder to import (default: Python's standard library)"
    )
    parser.add_argument("--folder", default="var/demo", help="where the database goes")
    arguments = parser.parse_args()
    corpus = arguments.corpus or sysconfig.get_path("stdlib")
    if not Path(corpus).is_dir():
        sys.exit(f"demo: there is no folder {corpus!r}; name one with CORPUS=/any/folder")
    database = Path(arguments.folder).resolve() / "corpus.db"
    for name in ("", "-wal", "-shm"):
        database.with_name(database.name + name).unlink(missing_ok=True)
    screen = console()
    screen.print(
        Panel(
            pairs([("corpus", corpus), ("database", str(database))]),
            title="torematrix-storage: a real corpus in one SQLite file",
            expand=False,
        )
    )
    with Storage.open(f"sqlite:///{database}") as storage:
        documents = import_corpus(screen, storage, corpus)
        browse(screen, documents)
        page_to_the_end(screen, documents)
        search(screen, documents)
        finish(screen, storage, database)


def import_corpus(screen: Console, storage: Storage, corpus: str) -> Repository[Document]:
    """Every text file of the folder, as one document each; what is none is named and left out."""
    title(screen, "Import")
    walk = Walk([corpus], mode=Mode.FILES, exclude=["site-packages", "dist-packages", "__pycache__"])
    total = sum(getattr(found, "size", 0) for found in walk)
    documents = documents_in(storage, "documents")
    target = Target(documents=lambda: documents, records=lambda: records_in(storage, "records"))
    with Watcher(total) as watcher:
        report = Importer(storage, target, watcher).run(walk)
    if not report.created:
        sys.exit(f"demo: there are no text files in {corpus!r}")
    files, speed = report.created, rate(report.bytes, report.seconds)
    screen.print(
        pairs(
            [
                ("stored", f"{files:,} documents, {size(report.bytes)}, in {duration(report.seconds)}"),
                (
                    "rate",
                    f"{rate(files, report.seconds):,.0f} documents/s, {size(speed)}/s, words indexed for search",
                ),
                (
                    "skipped",
                    f"{report.skipped:,} that are no UTF-8 text; {report.passed_over:,} others passed over",
                ),
                ("memory", f"{size(peak_memory())} at most so far"),
            ]
        )
    )
    return documents


def browse(screen: Console, documents: Repository[Document]) -> None:
    """Lists, filters and aggregates."""
    title(screen, "List and filter")
    largest, passed = timed(
        lambda: documents.list(sort_by="size", sort_order=SortOrder.DESC, pagination=Pagination(1, 5))
    )
    rows = [[item.title, item.kind, size(item.size), f"{item.lines:,}"] for item in largest.items]
    screen.print(f"the {len(rows)} largest, {duration(passed)}:")
    screen.print(table(["title", "kind", "size", "lines"], rows, right=["size", "lines"]))
    groups, passed = timed(lambda: documents.aggregate(group_by="kind", n=Count()))
    groups.sort(key=lambda group: -group["n"])
    kinds = ", ".join(f"{group['kind']} {group['n']:,}" for group in groups[:8])
    screen.print(f"by kind, {duration(passed)}: {kinds}")
    kind = groups[0]["kind"]
    condition = (F("kind") == kind) & F("lines").between(100, 200) & ~F("path").contains("test")
    matching, passed = timed(lambda: documents.count(condition))
    screen.print(f"{kind}, 100 to 200 lines, no 'test' in the path, {duration(passed)}: {matching:,}")


def page_to_the_end(screen: Console, documents: Repository[Document]) -> None:
    """Walks all pages by cursor, and checks that together they are the whole sorted list, each document once."""
    title(screen, "Page by cursor to the end")
    sort: list[str | tuple[str, SortOrder]] = ["kind", ("size", SortOrder.DESC)]

    def walked() -> Iterator[Document]:
        cursor: str | None = None
        while True:
            found = documents.list(sort_by=sort, pagination=CursorPagination(after=cursor, limit=PAGE))
            yield from found.items
            cursor = found.next
            if cursor is None:
                return

    ids, passed = timed(lambda: [document.id for document in walked()])
    expected = [document.id for document in documents.stream(sort_by=sort)]
    if ids != expected or len(ids) != documents.count():
        sys.exit("demo: the pages do not add up to the sorted list")
    pages = -(-len(ids) // PAGE)
    screen.print(
        f"{pages:,} pages of {PAGE} by kind and descending size, {duration(passed)}, "
        f"{rate(pages, passed):,.0f} pages/s: all {len(ids):,} documents, each once and in order"
    )


def search(screen: Console, documents: Repository[Document]) -> None:
    """Searches with scores and marked extracts."""
    title(screen, "Search")
    found_any = False
    for query in QUERIES:
        started = time.perf_counter()
        hits = documents.search(query, with_hits=True, pagination=Pagination(1, 2))
        passed = time.perf_counter() - started
        found_any = found_any or bool(hits.items)
        screen.print(Text.assemble((query, "bold"), f"   {hits.total:,} found in {duration(passed)}"))
        for hit in hits.items:
            screen.print(Text.assemble("  ", (hit.entity.path, "cyan"), (f"  score {hit.score:,}", "dim")))
            screen.print(marked(hit.entity.content, parse_search(query), indent=4))
    if not found_any:
        word = next(
            word for document in documents.stream() for word in document.content.split() if word.isalpha()
        )
        if not documents.search(word):
            sys.exit(f"demo: a search for {word!r}, which stands in a document, finds nothing")
        screen.print(f"none of these, but {word!r} is found")


def finish(screen: Console, storage: Storage, database: Path) -> None:
    """The state of the file, and how to go on with it."""
    title(screen, "Afterwards")
    problems, passed = timed(storage.check)
    if problems:
        sys.exit(f"demo: the database is not sound: {problems[0]}")
    statistics = storage.statistics()
    program = shlex.quote(os.path.relpath(Path(sys.executable).with_name("torematrix-storage")))
    where = f"--storage {shlex.quote(str(database))}"
    screen.print(
        pairs(
            [
                ("integrity", f"sound, {duration(passed)}"),
                ("file", size(statistics["bytes"] + statistics["wal_bytes"])),
                ("memory", f"{size(peak_memory())} at most"),
            ]
        )
    )
    screen.print("\nGo on with, for example:")
    for command in ("search hello world", "list --sort -size", "export --format csv --output corpus.csv"):
        screen.print(f"  {program} {command} {where}", soft_wrap=True)


def title(screen: Console, text: str) -> None:
    screen.print()
    screen.print(Rule(text, align="left", style="bold"))


def timed(work: Callable[[], R]) -> tuple[R, float]:
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def peak_memory() -> int:
    """The most memory this process has had resident, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    main()
