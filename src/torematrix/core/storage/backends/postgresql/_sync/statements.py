# generated from _async/statements.py by tools/generate_twins.py: do not edit
"""Running one statement on a connection, as everything in this backend does it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import Any, Final

import psycopg
from psycopg import RawCursor

from .connection import Link

__all__ = ["close", "commit", "execute", "fetch", "fetch_in_parts", "undo"]

_LARGE: Final = 10_000
"""Results of more rows are not kept by the connection's cursor."""
_PART: Final = 100
"""So many rows of a large result are made Python's at once."""


def execute(connection: Link, statement: str, parameters: Sequence[Any] = ()) -> RawCursor[tuple[Any, ...]]:
    """The cursor with the statement's result; placeholders are ``$1``, ``$2`` and so on.

    It is the connection's one cursor: take what it gives (``fetchall``) before the next statement runs on the same
    connection. What runs again and again is prepared by psycopg.
    """
    cursor = connection.kept
    # psycopg wants literal strings, against injection; statements are made by the compiler, and values are bound.
    cursor.execute(statement, parameters or None)  # pyright: ignore[reportArgumentType]
    return cursor


def fetch(connection: Link, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """All rows of a statement's result."""
    cursor = connection.kept
    # psycopg wants literal strings, against injection; statements are made by the compiler, and values are bound.
    cursor.execute(statement, parameters or None)  # pyright: ignore[reportArgumentType]
    rows = cursor.fetchall()
    if len(rows) > _LARGE:
        connection.forget()
    return rows


def fetch_in_parts(
    connection: Link, statement: str, batch_size: int
) -> Generator[list[tuple[Any, ...]], None, None]:
    """All rows of a statement that gives the next so many of them each time, in small lists.

    Each list is gone before the next one is made, so that the processor's caches hold what it works on. Others may use
    the connection in between.
    """
    cursor: RawCursor[tuple[Any, ...]] = RawCursor(connection)
    while True:
        cursor.execute(statement, None)  # pyright: ignore[reportArgumentType] - as above
        given = cursor.rowcount
        while rows := cursor.fetchmany(_PART):
            yield rows
        if given < batch_size:
            return


def commit(link: Link) -> None:
    """Commit the transaction of a connection."""
    execute(link, "COMMIT")


def undo(link: Link) -> None:
    """Roll back whatever is open; a connection that cannot is closed, which rolls back too."""
    try:
        if not link.is_idle:
            execute(link, "ROLLBACK")
    except psycopg.Error:
        link.close()


def close(link: Link, name: str) -> None:
    """Close a cursor; one whose transaction has failed or whose connection is gone is closed already."""
    with contextlib.suppress(psycopg.Error):
        if link.is_in_transaction:
            execute(link, f"CLOSE {name}")
