"""The form in which the hand-written candidates store: the tables the library makes, and rows to and from them.

The check that runs before anything is timed compares these tables with those of the library, statement by statement.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import durability
import msgspec
from entities import Article, Item

from torematrix.core.storage.face.ids import new_id
from torematrix.core.storage.query.text import tokens

PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": "normal" if durability.is_relaxed() else "full",
    "cache_size": -16384,
    "temp_store": "memory",
}
AUTO_VACUUM: Final = "PRAGMA auto_vacuum = incremental"

_DATA: Final = "data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data))"
_ITEMS: Final = (
    'CREATE TABLE "items" (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "title" TEXT, "status" TEXT, '
    '"owner" TEXT, "size" INTEGER, "score" REAL, "active" INTEGER, "created_at" TEXT, "updated_at" TEXT, '
    f"{_DATA}) STRICT"
)
_ARTICLES: Final = (
    'CREATE TABLE "articles" (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "title" TEXT, "body" TEXT, '
    f'"status" TEXT, "created_at" TEXT, "updated_at" TEXT, {_DATA}) STRICT'
)
_WORDS: Final = (
    "CREATE VIRTUAL TABLE \"articles$search\" USING fts5(c0, c1, content='', contentless_delete=1, "
    "tokenize='ascii', detail=full)"
)
TABLES: Final = (
    _ITEMS,
    'CREATE INDEX "items$ix_status" ON "items" ("status", id)',
    'CREATE INDEX "items$ix_owner" ON "items" ("owner", id)',
    'CREATE INDEX "items$ix_created_at" ON "items" ("created_at", id)',
    'CREATE INDEX "items$ix_updated_at" ON "items" ("updated_at", id)',
)
SEARCHABLE_TABLES: Final = (
    _ARTICLES,
    'CREATE INDEX "articles$ix_status" ON "articles" ("status", id)',
    'CREATE INDEX "articles$ix_created_at" ON "articles" ("created_at", id)',
    'CREATE INDEX "articles$ix_updated_at" ON "articles" ("updated_at", id)',
    _WORDS,
    'CREATE TABLE "articles$lengths"(seq INTEGER PRIMARY KEY, l0 INTEGER NOT NULL, l1 INTEGER NOT NULL) STRICT',
)

Row = tuple[Any, ...]


class _Data(msgspec.Struct):
    """The document of a row: what is no column."""

    tags: list[str]


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Data).decode
_moment: Final = dt.datetime.fromisoformat


def text_of(moment: dt.datetime) -> str:
    """A time as it is stored."""
    return moment.isoformat("T", "microseconds")


def now_text() -> str:
    """The time, as it is stored."""
    return dt.datetime.now(dt.UTC).isoformat("T", "microseconds")


ITEM_COLUMNS: Final = "id, title, status, owner, size, score, active, created_at, updated_at, data"


def item_row(item: Item, entity_id: str, created: str, updated: str) -> Row:
    """The row of an item."""
    return (
        entity_id,
        item.title,
        item.status,
        item.owner,
        item.size,
        item.score,
        item.active,
        created,
        updated,
        _encode({"tags": item.tags}).decode(),
    )


def new_item_row(item: Item, now: str) -> Row:
    """The row of an item to be created: what it has none of is filled."""
    created, updated = item.created_at, item.updated_at
    return item_row(
        item,
        item.id or new_id(),
        now if created is None else text_of(created),
        now if updated is None else text_of(updated),
    )


def item_of(row: Row) -> Item:
    """The item of a row."""
    entity_id, title, status, owner, size, score, active, created, updated, data = row
    return Item(
        title,
        status,
        owner,
        size,
        score,
        active == 1,
        _decode(data).tags,
        entity_id,
        _moment(created),
        _moment(updated),
    )


ARTICLE_COLUMNS: Final = "id, title, body, status, created_at, updated_at, data"


def article_row(article: Article, entity_id: str, created: str, updated: str) -> Row:
    """The row of an article."""
    return (
        entity_id,
        article.title,
        article.body,
        article.status,
        created,
        updated,
        _encode({"tags": article.tags}).decode(),
    )


def new_article_row(article: Article, now: str) -> Row:
    """The row of an article to be created: what it has none of is filled."""
    created, updated = article.created_at, article.updated_at
    return article_row(
        article,
        article.id or new_id(),
        now if created is None else text_of(created),
        now if updated is None else text_of(updated),
    )


def article_of(row: Row) -> Article:
    """The article of a row."""
    entity_id, title, body, status, created, updated, data = row
    return Article(title, body, status, _decode(data).tags, entity_id, _moment(created), _moment(updated))


def words_of(title: str, body: str) -> tuple[int, int, str, str]:
    """The lengths of two texts in words, and their words as the index takes them."""
    first, second = tokens(title), tokens(body)
    return len(first), len(second), " ".join(first), " ".join(second)
