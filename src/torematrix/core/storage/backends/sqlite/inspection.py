"""What a database file holds, and whether it is sound; nothing here writes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from ...errors import CorruptionError
from . import search_index
from .files import Stopped, file_uri
from .plan import META
from .quoting import quote_name

__all__ = [
    "CollectionFacts",
    "Facts",
    "check",
    "collections",
    "count_rows",
    "facts",
    "integrity",
    "open_finished",
]

_SHOWN: Final = 100  # problems named; a damaged file has thousands
_OPCODES: Final = 100_000  # between two questions whether to stop: some milliseconds
_DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError)


class CollectionFacts(msgspec.Struct, frozen=True):
    """One collection: how many rows it has, and the SHA-256 of its schema's description."""

    rows: int
    schema: str


class Facts(msgspec.Struct, frozen=True):
    """What is compared between a copy and its manifest."""

    page_size: int
    page_count: int
    collections: dict[str, CollectionFacts]


def open_finished(path: Path, stopped: Stopped | None = None) -> apsw.Connection:
    """A connection to a file that nobody writes: nothing is locked, and nothing beside the file is looked at."""
    connection = apsw.Connection(
        file_uri(path, immutable="1"),
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX,
    )
    # The file may come from anywhere: its schema is not trusted to call anything.
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0)
    if stopped is not None:
        connection.set_progress_handler(stopped, _OPCODES)
    return connection


def collections(connection: apsw.Connection) -> dict[str, str]:
    """The description of each collection's schema, by name; none in a file that is not of this library.

    Raises:
        CorruptionError: a collection's table is not there.
    """
    tables = {
        str(name)
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
        )
    }
    if META not in tables:
        return {}
    found = connection.execute(
        f"SELECT key, value FROM {META} WHERE scope = 'collection' ORDER BY key"
    ).fetchall()
    known = {str(name): str(description) for name, description in found}
    for name in known:
        if name not in tables:
            raise CorruptionError(
                f"the table of the collection {name!r} is not there; restore the database from a backup"
            )
    return known


def count_rows(connection: apsw.Connection, collection: str) -> int:
    """How many rows a collection has."""
    found: Any = connection.execute(f"SELECT count(*) FROM {quote_name(collection)}").fetchall()[0][0]
    return int(found)


def facts(connection: apsw.Connection) -> Facts:
    """What a manifest says of the content."""
    return Facts(
        page_size=int(connection.pragma("page_size")),
        page_count=int(connection.pragma("page_count")),
        collections={
            name: CollectionFacts(
                count_rows(connection, name), hashlib.sha256(description.encode()).hexdigest()
            )
            for name, description in collections(connection).items()
        },
    )


def integrity(connection: apsw.Connection) -> list[str]:
    """What SQLite finds wrong with pages, indexes, constraints and FTS5 tables; none of it needs a writer."""
    try:
        found = [str(text) for (text,) in connection.execute(f"PRAGMA integrity_check({_SHOWN})")]
    except _DAMAGE:
        return ["the file is damaged beyond what SQLite can read"]
    return [] if found == ["ok"] else found


def check(connection: apsw.Connection) -> list[str]:
    """What is wrong with the database, nothing when it is sound. Every page is read."""
    found = integrity(connection)
    try:
        for name in collections(connection):
            found += _check_documents(connection, name)
            found += search_index.check(connection, name)
    except CorruptionError as error:
        found.append(str(error))
    except _DAMAGE:
        # SQLite's own findings are the better description of the same damage.
        found = found or ["the file is damaged beyond what SQLite can read"]
    return found


def _check_documents(connection: apsw.Connection, collection: str) -> list[str]:
    table = quote_name(collection)
    columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    if "data" not in columns:
        return []
    wrong, first = connection.execute(
        f"SELECT count(*), min(rowid) FROM {table} "
        "WHERE CASE WHEN json_valid(data) THEN json_type(data) <> 'object' ELSE TRUE END"
    ).fetchall()[0]
    if not wrong:
        return []
    return [
        f"collection {collection!r}: the document of {wrong} rows is not a JSON object, first where seq is {first}"
    ]
