"""``import``: files and records into the database."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from ...errors import ConfigurationError
from ...face._sync.storage import Storage
from ...model.markers import Index, check_weight
from ..dumps import is_parquet, load
from ..importing import Importer, Report, Target, documents_in, records_in
from ..opening import DEFAULT_COLLECTION, config_of, database_path, opened
from ..options import DEFAULT_URL, AsJson, StorageUrl
from ..outcome import CommandError, ExitCode
from ..progress import Watcher
from ..showing import console, duration, pairs, print_json, rate, size, visible
from ..sources import Mode, Walk, is_data

__all__ = ["register"]

DEFAULT_RECORDS = "records"
_TYPES: dict[str, type[object]] = {"str": str, "int": int, "float": float, "bool": bool}


def import_(
    paths: Annotated[list[str], typer.Argument(metavar="PATHS...", help="Folders and files.")],
    storage: StorageUrl = DEFAULT_URL,
    collection: Annotated[
        str | None,
        typer.Option(
            "--collection",
            "-c",
            metavar="NAME",
            help="Where things go: files to 'documents' and records to 'records' by default. A NAME is where files go "
            "or, where every path is a data file or with --as records, where records go.",
        ),
    ] = None,
    as_: Annotated[
        Mode,
        typer.Option(
            "--as",
            help="What data files (.json .jsonl .ndjson .csv .tsv) are: 'auto' takes their records, and other files "
            "as documents; 'files' takes every file as a document; 'records' takes records only.",
        ),
    ] = Mode.AUTO,
    include: Annotated[
        list[str] | None,
        typer.Option(
            "--include", metavar="GLOB", help="Of folders only such files: '*.md', 'docs/*'. Repeatable."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="GLOB", help="No files or folders like this. Repeatable."),
    ] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="Hidden files and folders too.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow-links", help="Follow symbolic links inside folders.")
    ] = False,
    searchable: Annotated[
        list[str] | None,
        typer.Option(
            "--searchable",
            metavar="FIELD[:WEIGHT]",
            help="A field of records that search looks at. Repeatable.",
        ),
    ] = None,
    index: Annotated[
        list[str] | None,
        typer.Option(
            "--index",
            metavar="FIELD:TYPE",
            help="A field of records that is always a str, int, float or bool: it gets an index, can be sorted by, "
            "and types its column in CSV. Repeatable.",
        ),
    ] = None,
    id_field: Annotated[
        str, typer.Option("--id-field", metavar="FIELD", help="The field of records that is their id.")
    ] = "id",
    checksum: Annotated[
        bool,
        typer.Option(
            "--checksum", help="Compare contents, where size and time say that a file is unchanged."
        ),
    ] = False,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Files that export --exact has written: the same collections again. Parquet always is that.",
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show everything that is skipped.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import files and records.

    Each text file becomes a document, each record of JSON, JSONL or CSV an entity of its own.

    Run again, or after an interruption, it passes over what is stored and unchanged, and updates what has changed.
    A file that is binary, not UTF-8, too large or unreadable, and a record that is malformed, is reported and skipped.
    """
    for path in paths:
        if not os.path.lexists(path):
            raise CommandError(f"there is no file or folder {path!r}", ExitCode.NOT_FOUND)
    if exact or all(map(is_parquet, paths)):
        _load(storage, paths, collection, as_json=as_json)
        return
    indexes = _indexes(index or ())
    weights = [_weighted(text) for text in searchable or ()]
    to_records = as_ is Mode.RECORDS or (as_ is Mode.AUTO and all(map(is_data, paths)))
    walk = Walk(
        paths,
        mode=as_,
        include=include or (),
        exclude=exclude or (),
        hidden=hidden,
        follow=follow,
        without=_own_files(storage),
    )
    total = 0 if as_json else sum(getattr(found, "size", 0) for found in walk)

    def target(opened_storage: Storage) -> Target:
        return Target(
            documents=lambda: documents_in(opened_storage, collection or DEFAULT_COLLECTION),
            records=lambda: records_in(
                opened_storage, (collection if to_records else None) or DEFAULT_RECORDS, indexes, weights
            ),
            id_field=id_field,
            checksum=checksum,
        )

    watcher = Watcher(total, quiet=as_json, every=verbose)
    with opened(storage, write=True, makes=True) as open_storage, watcher:
        importer = Importer(open_storage, target(open_storage), watcher)
        try:
            report = importer.run(walk)
        except KeyboardInterrupt:
            raise CommandError(
                f"interrupted; {importer.report.items:,} items are stored and the database is sound: run the same "
                "command again to go on",
                ExitCode.INTERRUPTED,
            ) from None
    if as_json:
        print_json(_plain(report))
    else:
        _show(report)
    if report.skipped:
        raise typer.Exit(ExitCode.SKIPPED)


def _load(storage: str, paths: Sequence[str], collection: str | None, *, as_json: bool) -> None:
    report = Report()
    started = time.perf_counter()
    with opened(storage, write=True, makes=True) as open_storage:
        for path in paths:
            load(open_storage, path, collection, report)
    report.seconds = time.perf_counter() - started
    if as_json:
        print_json(_plain(report))
    else:
        for problem in report.problems:
            console(stderr=True).print(f"skipped {visible(str(problem))}", style="yellow", soft_wrap=True)
        _show(report)
    if report.skipped:
        raise typer.Exit(ExitCode.SKIPPED)


def _own_files(url: str) -> frozenset[str]:
    path = database_path(config_of(url))
    if path is None:
        return frozenset()
    return frozenset(os.path.realpath(path) + suffix for suffix in ("", "-wal", "-shm", "-journal"))


def _indexes(texts: Sequence[str]) -> list[Index]:
    indexes: list[Index] = []
    for text in texts:
        path, colon, kind = text.rpartition(":")
        if not colon or kind not in _TYPES or not path:
            raise CommandError(
                f"--index {text!r}: write FIELD:TYPE, TYPE one of {', '.join(_TYPES)}", ExitCode.USAGE
            )
        indexes.append(Index(path, _TYPES[kind]))
    return indexes


def _weighted(text: str) -> tuple[str, int]:
    path, colon, weight = text.rpartition(":")
    if not colon:
        return text, 1
    try:
        return path, check_weight(int(weight))
    except (ValueError, ConfigurationError):
        raise CommandError(
            f"--searchable {text!r}: the weight is an int from 1 to 1000", ExitCode.USAGE
        ) from None


def _plain(report: Report) -> dict[str, object]:
    return {
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "skipped": report.skipped,
        "passed_over": report.passed_over,
        "files": report.files,
        "bytes": report.bytes,
        "seconds": round(report.seconds, 3),
        "problems": [
            {"path": visible(problem.path), "line": problem.line, "reason": visible(problem.reason)}
            for problem in report.problems
        ],
    }


def _show(report: Report) -> None:
    counts = {
        "created": report.created,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "skipped": report.skipped,
        "passed over": report.passed_over,
        "files read": report.files,
    }
    items = [(name, f"{value:,}") for name, value in counts.items()]
    items.append(("bytes", f"{size(report.bytes)} in {duration(report.seconds)}"))
    speed = rate(report.items, report.seconds), rate(report.bytes, report.seconds)
    items.append(("rate", f"{speed[0]:,.0f} items/s, {size(speed[1])}/s"))
    console().print(pairs(items))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_)
