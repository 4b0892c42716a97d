"""``export``: every entity, or those that match, as a stream of JSON lines, JSON, CSV or Parquet."""

from __future__ import annotations

import contextlib
import csv
import enum
import io
import os
import secrets
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from ...core._sync.engine import Engine
from ...face.arguments import scan_of
from ...query.operations import Scan
from ..asking import filters_of, sorts_of
from ..dumps import write_exact_jsonl, write_parquet
from ..opening import opened, stored_collection
from ..options import DEFAULT_URL, AsJson, CollectionName, FilterTexts, SortTexts, StorageUrl
from ..outcome import CommandError, ExitCode
from ..showing import binary_stdout, print_json
from ..values import cell_text, json_line

__all__ = ["register"]


class Format(enum.StrEnum):
    """What an export is written as."""

    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def export(
    storage: StorageUrl = DEFAULT_URL,
    collection: CollectionName = None,
    filters: FilterTexts = None,
    sort: SortTexts = None,
    format_: Annotated[
        Format | None, typer.Option("--format", help="By default what the name of FILE says, else jsonl.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The file to write; by default stdout."),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="JSON lines with the schema, from which import --exact makes the same collection again.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write entities as JSON lines, JSON, CSV or Parquet.

    Parquet is always exact: import --exact makes the same collection of it again.

    All come from one snapshot, however many there are. A FILE appears whole or not at all, and takes the place of one
    that is there. With --json, which goes with a FILE, the number of entities is printed as JSON.
    """
    if as_json and output is None:
        raise CommandError("--json tells what was written to a FILE: name one with --output", ExitCode.USAGE)
    chosen = format_ or _format_of(output)
    if exact and chosen not in _EXACT:
        raise CommandError("--exact goes with JSON lines and Parquet", ExitCode.USAGE)
    with opened(storage) as open_storage:
        stored = stored_collection(open_storage, collection)
        conditions = filters_of(filters, stored)
        keys = sorts_of(sort)
        with open_storage.transaction(read_only=True), _target(output) as file:

            def entities() -> Iterator[dict[str, Any]]:
                with closing(stored.repository.stream(conditions, keys)) as found:
                    yield from found

            if exact or chosen is Format.PARQUET:
                scan = scan_of(stored.repository.collection, conditions, keys)
                written = _EXACT[chosen](file, open_storage.engine, scan)
            else:
                written = _WRITERS[chosen](file, entities)
    if output is not None:
        if as_json:
            print_json(
                {"collection": stored.name, "format": chosen.value, "file": str(output), "count": written}
            )
        else:
            print(f"{written:,} entities of {stored.name} written to {output}")


def _format_of(output: Path | None) -> Format:
    suffix = "" if output is None else output.suffix.lower().lstrip(".")
    return Format(suffix) if suffix in set(Format) else Format.JSONL


@contextlib.contextmanager
def _target(output: Path | None) -> Generator[BinaryIO, None, None]:
    """Where to write: a file of another name until it is whole; devices and pipes as they are."""
    if output is None:
        with binary_stdout() as stdout:
            yield stdout
        return
    path = Path(os.path.realpath(output))
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        if path.is_dir():
            raise CommandError(f"{str(output)!r} is a folder: name a file", ExitCode.USAGE)
        with path.open("wb") as file:
            yield file
        return
    mode = path.stat().st_mode & 0o777 if path.exists() else None
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


_Entities = Callable[[], Iterator[dict[str, Any]]]


def _write_jsonl(file: BinaryIO, entities: _Entities) -> int:
    written = 0
    for entity in entities():
        file.write(json_line(entity) + b"\n")
        written += 1
    return written


def _write_json(file: BinaryIO, entities: _Entities) -> int:
    written = 0
    for entity in entities():
        file.write((b",\n" if written else b"[\n") + json_line(entity))
        written += 1
    file.write(b"\n]\n" if written else b"[]\n")
    return written


def _write_csv(file: BinaryIO, entities: _Entities) -> int:
    """One column for each field that any entity has, which is why they are read twice."""
    columns: dict[str, None] = {"id": None}
    for entity in entities():
        columns.update(dict.fromkeys(entity))
    written = 0
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for entity in entities():
            writer.writerow([cell_text(entity.get(name)) for name in columns])
            written += 1
        text.flush()
    finally:
        with contextlib.suppress(OSError, ValueError):
            text.detach()  # the file is closed by whoever opened it
    return written


_WRITERS: dict[Format, Callable[[BinaryIO, _Entities], int]] = {
    Format.JSONL: _write_jsonl,
    Format.JSON: _write_json,
    Format.CSV: _write_csv,
}

_EXACT: dict[Format, Callable[[BinaryIO, Engine, Scan], int]] = {
    Format.JSONL: write_exact_jsonl,
    Format.PARQUET: write_parquet,
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)
