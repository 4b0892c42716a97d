"""The form in which the hand-written candidates store: the tables the library makes, their statements, and rows.

The check that runs before anything is timed compares these tables with those of the library, column by column and
index by index. Statements number their parameters as the server does, so that psycopg's raw cursors and asyncpg take
the same ones.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec
from entities import Item

from torematrix.core.storage.face.ids import new_id

POOL: Final = 10
"""How many connections a pool may open; the library's default."""

_TEXT: Final = 'text COLLATE "C"'
ITEM_TABLES: Final = (
    f"""CREATE TABLE "items" (
        id {_TEXT} NOT NULL CONSTRAINT "items$$id" PRIMARY KEY, title {_TEXT}, status {_TEXT}, owner {_TEXT},
        size bigint, score double precision, active boolean, created_at {_TEXT}, updated_at {_TEXT},
        data jsonb NOT NULL DEFAULT '{{}}')""",
    'CREATE INDEX "items$ix_status" ON items (status NULLS FIRST, id)',
    'CREATE INDEX "items$ix_owner" ON items (owner NULLS FIRST, id)',
    'CREATE INDEX "items$ix_created_at" ON items (created_at NULLS FIRST, id)',
    'CREATE INDEX "items$ix_updated_at" ON items (updated_at NULLS FIRST, id)',
)

Row = tuple[Any, ...]
ITEM_COLUMNS: Final = "id, title, status, owner, size, score, active, created_at, updated_at, data"
ITEM_TYPES: Final = (*("text",) * 4, "int8", "float8", "bool", "text", "text", "jsonb")
# Read as text: psycopg has a loader in C for it, and none for a document.
_READ: Final = ITEM_COLUMNS.replace("data", "data::text")

GET: Final = f"SELECT {_READ} FROM items WHERE id = $1"
INSERT: Final = f"INSERT INTO items ({ITEM_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb)"
UPDATE: Final = (
    "UPDATE items SET title = $2, status = $3, owner = $4, size = $5, score = $6, active = $7, updated_at = $8, "
    "data = $9::jsonb WHERE id = $1 RETURNING created_at"
)
DELETE: Final = "DELETE FROM items WHERE id = $1"
DELETE_MANY: Final = "DELETE FROM items WHERE id = ANY($1::text[])"
LIST: Final = f"SELECT {_READ} FROM items WHERE status = $1 ORDER BY size NULLS FIRST, id"
# Documents become text after the page is cut: before, the server would turn every one that it sorts.
PAGE: Final = (
    f"SELECT {_READ}, (SELECT count(*) FROM items WHERE status = $1) FROM (SELECT {ITEM_COLUMNS} FROM items "
    "WHERE status = $1 ORDER BY size NULLS FIRST, id LIMIT $2 OFFSET $3) AS page ORDER BY size NULLS FIRST, id"
)
COUNTED: Final = "SELECT count(*) FROM items WHERE status = $1"
SCANNED: Final = "SELECT count(*) FROM items WHERE size >= $1"
FIRST: Final = f"SELECT {_READ} FROM items ORDER BY created_at NULLS FIRST, id LIMIT $1"
AFTER: Final = (
    f"SELECT {_READ} FROM items WHERE (created_at, id) > ($1, $2) "
    "ORDER BY created_at NULLS FIRST, id LIMIT $3"
)
EVERY: Final = f"SELECT {_READ} FROM items ORDER BY id"
COPY: Final = f"COPY items ({ITEM_COLUMNS}) FROM STDIN (FORMAT BINARY)"
UPDATE_MANY: Final = (
    "UPDATE items SET title = given->>1, status = given->>2, owner = given->>3, size = (given->>4)::bigint, "
    "score = (given->>5)::double precision, active = (given->>6)::boolean, updated_at = $2, data = given->7 "
    "FROM jsonb_array_elements($1::jsonb) AS given WHERE id = given->>0 RETURNING id, created_at"
)


class _Data(msgspec.Struct):
    """The document of a row: what is no column."""

    tags: list[str]


encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(_Data).decode


moment_of: Final = dt.datetime.fromisoformat
"""A time, from how it is stored."""


def text_of(moment: dt.datetime) -> str:
    """A time as it is stored."""
    return moment.isoformat("T", "microseconds")


def now() -> tuple[dt.datetime, str]:
    """The time, and as it is stored."""
    moment = dt.datetime.now(dt.UTC)
    return moment, text_of(moment)


def new_item_row(item: Item, now: str) -> Row:
    """The row of an item to be created: what it has none of is filled."""
    created, updated = item.created_at, item.updated_at
    return (
        item.id or new_id(),
        item.title,
        item.status,
        item.owner,
        item.size,
        item.score,
        item.active,
        now if created is None else text_of(created),
        now if updated is None else text_of(updated),
        encode({"tags": item.tags}).decode(),
    )


def item_values(item: Item, now: str) -> Row:
    """The parameters of ``UPDATE``."""
    return (
        item.id,
        item.title,
        item.status,
        item.owner,
        item.size,
        item.score,
        item.active,
        now,
        encode({"tags": item.tags}).decode(),
    )


def many_items(items: list[Item]) -> str:
    """The first parameter of ``UPDATE_MANY``."""
    return encode(
        [(i.id, i.title, i.status, i.owner, i.size, i.score, i.active, {"tags": i.tags}) for i in items]
    ).decode()


def created(item: Item, row: Row, moment: dt.datetime) -> Item:
    """The item as it is stored now: another object, which shares nothing with the one given."""
    return _stored(item, row[0], item.created_at or moment, item.updated_at or moment)


def updated(item: Item, created_at: str, moment: dt.datetime) -> Item:
    """The item as it is stored after an update, likewise."""
    return _stored(item, item.id, moment_of(created_at), moment)


def _stored(item: Item, entity_id: str | None, created_at: dt.datetime, updated_at: dt.datetime) -> Item:
    return Item(
        item.title,
        item.status,
        item.owner,
        item.size,
        item.score,
        item.active,
        list(item.tags),
        entity_id,
        created_at,
        updated_at,
    )


def item_of(row: Row) -> Item:
    """The item of a row."""
    entity_id, title, status, owner, size, score, active, created, updated, data = row
    return Item(
        *(title, status, owner, size, score, active, decode(data).tags, entity_id),
        *(moment_of(created), moment_of(updated)),
    )


def cut(rows: list[Row], limit: int) -> tuple[list[Item], str | None]:
    """The items of a page and where the next one begins, from one row more than the page has."""
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        following = encode((rows[-1][7], rows[-1][0])).decode()
    return [item_of(row) for row in rows], following


after: Final = msgspec.json.Decoder(tuple[str, str]).decode
"""Where a page begins, from what ``cut`` gave."""
