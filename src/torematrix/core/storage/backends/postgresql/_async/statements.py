"""Running one statement on a connection, as everything in this backend does it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

import psycopg
from psycopg import AsyncRawCursor

from .connection import AsyncLink

__all__ = ["close", "commit", "execute", "fetch", "fetch_in_parts", "undo"]

_LARGE: Final = 10_000
"""Results of more rows are not kept by the connection's cursor."""
_PART: Final = 100
"""So many rows of a large result are made Python's at once."""


async def execute(
    connection: AsyncLink, statement: str, parameters: Sequence[Any] = ()
) -> AsyncRawCursor[tuple[Any, ...]]:
    """The cursor with the statement's result; placeholders are ``$1``, ``$2`` and so on.

    It is the connection's one cursor: take what it gives (``fetchall``) before the next statement runs on the same
    connection. What runs again and again is prepared by psycopg.
    """
    cursor = connection.kept
    # psycopg wants literal strings, against injection; statements are made by the compiler, and values are bound.
    await cursor.execute(statement, parameters or None)  # pyright: ignore[reportArgumentType]
    return cursor


async def fetch(
    connection: AsyncLink, statement: str, parameters: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """All rows of a statement's result."""
    cursor = connection.kept
    # psycopg wants literal strings, against injection; statements are made by the compiler, and values are bound.
    await cursor.execute(statement, parameters or None)  # pyright: ignore[reportArgumentType]
    rows = await cursor.fetchall()
    if len(rows) > _LARGE:
        connection.forget()
    return rows


async def fetch_in_parts(
    connection: AsyncLink, statement: str, batch_size: int
) -> AsyncGenerator[list[tuple[Any, ...]]]:
    """All rows of a statement that gives the next so many of them each time, in small lists.

    Each list is gone before the next one is made, so that the processor's caches hold what it works on. Others may use
    the connection in between.
    """
    cursor: AsyncRawCursor[tuple[Any, ...]] = AsyncRawCursor(connection)
    while True:
        await cursor.execute(statement, None)  # pyright: ignore[reportArgumentType] - as above
        given = cursor.rowcount
        while rows := await cursor.fetchmany(_PART):
            yield rows
        if given < batch_size:
            return


async def commit(link: AsyncLink) -> None:
    """Commit the transaction of a connection."""
    await execute(link, "COMMIT")


async def undo(link: AsyncLink) -> None:
    """Roll back whatever is open; a connection that cannot is closed, which rolls back too."""
    try:
        if not link.is_idle:
            await execute(link, "ROLLBACK")
    except psycopg.Error:
        await link.close()


async def close(link: AsyncLink, name: str) -> None:
    """Close a cursor; one whose transaction has failed or whose connection is gone is closed already."""
    with contextlib.suppress(psycopg.Error):
        if link.is_in_transaction:
            await execute(link, f"CLOSE {name}")
