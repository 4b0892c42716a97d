"""The options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "After",
    "AsJson",
    "Before",
    "CollectionName",
    "Columns",
    "FilterTexts",
    "Limit",
    "Page",
    "SearchFields",
    "SortTexts",
    "StorageUrl",
]

DEFAULT_URL = "sqlite:///torematrix.db"
URL_VARIABLE = "TOREMATRIX_STORAGE_URL"

# typer reads these at run time, in any version it supports: Optional[...] rather than ... | None.
StorageUrl = Annotated[
    str,
    typer.Option(
        "--storage",
        envvar=URL_VARIABLE,
        metavar="URL",
        help="The database: sqlite:///relative.db, sqlite:////absolute.db, postgresql://user@host/database, "
        "mongodb://host/database, memory://, or the path of a SQLite file.",
    ),
]
CollectionName = Annotated[
    str | None,
    typer.Option(
        "--collection",
        "-c",
        metavar="NAME",
        help="The collection; by default the only one there is, or 'documents'.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs, and nothing else, on stdout.")]
FilterTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        "-f",
        metavar="'FIELD OP VALUE'",
        help="Only what meets this, such as 'status==active', 'size >= 1000', 'tags contains x', 'kind in a,b', "
        "'deleted is_null'. Given several times, all must hold. VALUE is JSON where it is JSON, else text.",
    ),
]
SortTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--sort", "-s", metavar="FIELD", help="Sort by this field; -FIELD for descending. Repeatable."
    ),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many at most.")]
Page = Annotated[
    int | None,
    typer.Option("--page", "-p", min=1, help="The page of that number, from 1; --limit is its size."),
]
After = Annotated[
    str | None,
    typer.Option(
        "--after", metavar="CURSOR", help="The page behind this cursor, which the page before it gave."
    ),
]
Before = Annotated[
    str | None,
    typer.Option(
        "--before", metavar="CURSOR", help="The page before this cursor, which the page behind it gave."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="A,B,...", help="The columns to show, by name or path, such as title,meta.year."
    ),
]
SearchFields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="FIELD", help="Look in this searchable field only. Repeatable."),
]
