"""The tables as SQLAlchemy 2 declares them, and the statements both of its colours share."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Final

from entities import Fields
from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Index,
    String,
    TextClause,
    TypeDecorator,
    delete,
    event,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from torematrix.core.storage.face.ids import new_id
from torematrix.core.storage.query.text import tokens

Cursor = tuple[dt.datetime, str]


class Moment(TypeDecorator[dt.datetime]):
    """An aware time as fixed-width text; SQLAlchemy's own DateTime forgets the zone on SQLite, and is slower."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else value.isoformat("T", "microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        return None if value is None else dt.datetime.fromisoformat(value)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


TIME: Final = Moment().with_variant(DateTime(timezone=True), "postgresql")
LIST: Final = JSON().with_variant(JSONB(), "postgresql")


class Base(DeclarativeBase):
    """What the mapped classes share."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {int: BigInteger(), dt.datetime: TIME, list[str]: LIST}


class Item(Base):
    """An item; the id and the times are filled by the mapping's defaults."""

    __tablename__ = "items"
    __table_args__ = (
        Index("ix_status", "status", "id"),
        Index("ix_owner", "owner", "id"),
        Index("ix_created", "created_at", "id"),
        Index("ix_updated", "updated_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str]
    status: Mapped[str]
    owner: Mapped[str]
    size: Mapped[int]
    score: Mapped[float]
    active: Mapped[bool]
    tags: Mapped[list[str]] = mapped_column()
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    updated_at: Mapped[dt.datetime] = mapped_column(default=now, onupdate=now)


class Article(Base):
    """An article; its texts are indexed by the engine, with a tokenizer and a relevance of its own.

    SQLite has FTS5, kept in step by triggers; PostgreSQL a generated column of lexemes and a GIN index.
    """

    __tablename__ = "articles"
    __table_args__ = (
        Index("ix_article_status", "status", "id"),
        Index("ix_article_created", "created_at", "id"),
        Index("ix_article_updated", "updated_at", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    title: Mapped[str]
    body: Mapped[str]
    status: Mapped[str]
    tags: Mapped[list[str]] = mapped_column()
    created_at: Mapped[dt.datetime] = mapped_column(default=now)
    updated_at: Mapped[dt.datetime] = mapped_column(default=now, onupdate=now)


_FTS5: Final = (
    "CREATE VIRTUAL TABLE articles_fts USING fts5(title, body, content='articles')",
    """CREATE TRIGGER articles_added AFTER INSERT ON articles BEGIN
       INSERT INTO articles_fts(rowid, title, body) VALUES (new.rowid, new.title, new.body); END""",
    """CREATE TRIGGER articles_gone AFTER DELETE ON articles BEGIN
       INSERT INTO articles_fts(articles_fts, rowid, title, body)
       VALUES ('delete', old.rowid, old.title, old.body); END""",
    """CREATE TRIGGER articles_changed AFTER UPDATE OF title, body ON articles BEGIN
       INSERT INTO articles_fts(articles_fts, rowid, title, body)
       VALUES ('delete', old.rowid, old.title, old.body);
       INSERT INTO articles_fts(rowid, title, body) VALUES (new.rowid, new.title, new.body); END""",
)
_LEXEMES: Final = (
    """ALTER TABLE articles ADD COLUMN words tsvector GENERATED ALWAYS AS (
       setweight(to_tsvector('simple', title), 'A') || setweight(to_tsvector('simple', body), 'B')) STORED""",
    "CREATE INDEX ix_article_words ON articles USING gin (words)",
)


def index_words(table: Any) -> None:
    """Have the index of the articles' words made with their table."""
    for dialect, statements in (("sqlite", _FTS5), ("postgresql", _LEXEMES)):
        for statement in statements:
            event.listen(table, "after_create", DDL(statement).execute_if(dialect=dialect))


index_words(Article.__table__)


def listed(model: Any, status: str) -> Any:
    return select(model).where(model.status == status).order_by(model.size, model.id)


def counted(model: Any, status: str) -> Any:
    return select(func.count()).select_from(model).where(model.status == status)


def scanned(model: Any, least: int) -> Any:
    return select(func.count()).select_from(model).where(model.size >= least)


def after(model: Any, cursor: Cursor | None, limit: int) -> Any:
    statement = select(model).order_by(model.created_at, model.id).limit(limit + 1)
    return statement if cursor is None else statement.where(tuple_(model.created_at, model.id) > cursor)


def cut(rows: list[Any], limit: int) -> tuple[list[Any], Cursor | None]:
    if len(rows) <= limit:
        return rows, None
    rows.pop()
    return rows, (rows[-1].created_at, rows[-1].id)


def removed(model: Any, ids: list[str]) -> Any:
    return delete(model).where(model.id.in_(ids))


_COLUMNS: Final = "articles.id, articles.title, articles.body, status, tags, created_at, updated_at"
_BY_FTS5: Final = (
    "FROM articles_fts JOIN articles ON articles.rowid = articles_fts.rowid "
    "WHERE articles_fts MATCH :words ORDER BY bm25(articles_fts, 3, 1) LIMIT 20"
)
_BY_LEXEMES: Final = (
    "FROM articles, to_tsquery('simple', :words) AS asked WHERE words @@ asked "
    "ORDER BY ts_rank(words, asked) DESC LIMIT 20"
)


def search(dialect: str) -> TextClause:
    """The statement of a search; it takes the ``words``."""
    return text(f"SELECT {_COLUMNS} {_BY_FTS5 if dialect == 'sqlite' else _BY_LEXEMES}")


def all_words(dialect: str, query: str) -> Fields:
    """The parameters of a search for all the words of a text."""
    if dialect == "sqlite":
        return {"words": " AND ".join(f'"{word}"' for word in tokens(query))}
    return {"words": " & ".join(tokens(query))}
