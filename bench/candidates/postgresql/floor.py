"""The floor of the synchronous rows: psycopg 3 and its pool, as somebody would ship it who knows them well.

A connection is checked out of the pool for each call, and has one cursor of its own for everything: binary, with the
server's own parameters, everything prepared. Single statements commit by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import psycopg
from entities import Article, Fields, Item
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper
from psycopg_pool import ConnectionPool

from . import _articles as text
from . import _form as form
from ._form import Row

_BATCH: Final = 100


class Document(Dumper):
    """JSON text into a binary COPY."""

    format = Format.BINARY
    oid = psycopg.adapters.types["jsonb"].oid

    def dump(self, obj: str) -> bytes:
        return b"\x01" + obj.encode()


def adapt(connection: AdaptContext) -> None:
    """How values cross on a connection."""
    connection.adapters.register_dumper(None, Document)
    # psycopg declares an int by its size, which would make one statement several prepared ones.
    connection.adapters.register_dumper(int, Int8BinaryDumper)


class Connection(psycopg.Connection[Row]):
    """A connection with the cursor that everything runs on."""

    kept: psycopg.RawCursor[Row]


def prepare(connection: Connection) -> None:
    """What a connection is given when it is made."""
    connection.prepare_threshold = 0
    adapt(connection)
    connection.kept = psycopg.RawCursor(connection)
    connection.kept.format = Format.BINARY


class Pool(Protocol):
    """Where connections come from."""

    def getconn(self) -> Connection: ...

    def putconn(self, connection: Connection) -> None: ...

    def close(self) -> None: ...


class Base:
    """Statements on a connection of the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def one(self, sql: str, *parameters: Any) -> Row | None:
        """The first row."""
        connection = self._pool.getconn()
        try:
            return connection.kept.execute(sql, parameters).fetchone()
        finally:
            self._pool.putconn(connection)

    def every(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows."""
        connection = self._pool.getconn()
        try:
            return connection.kept.execute(sql, parameters).fetchall()
        finally:
            self._pool.putconn(connection)

    def done(self, sql: str, *parameters: Any) -> int:
        """How many rows were written."""
        connection = self._pool.getconn()
        try:
            return connection.kept.execute(sql, parameters).rowcount
        finally:
            self._pool.putconn(connection)

    @contextmanager
    def transaction(self, begin: str = "BEGIN") -> Iterator[psycopg.RawCursor[Row]]:
        """A cursor in a transaction."""
        connection = self._pool.getconn()
        try:
            cursor = connection.kept
            cursor.execute(begin)
            try:
                yield cursor
            except BaseException:
                connection.rollback()
                raise
            cursor.execute("COMMIT")
        finally:
            self._pool.putconn(connection)


class Items(Base):
    """The items."""

    def entity(self, fields: Fields) -> Item:
        return Item(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Item:
        return Item(**{**fields, **changes})

    def get(self, entity_id: str) -> Item | None:
        row = self.one(form.GET, entity_id)
        return None if row is None else form.item_of(row)

    def create(self, item: Item) -> Item:
        moment, now = form.now()
        row = form.new_item_row(item, now)
        self.done(form.INSERT, *row)
        return form.created(item, row, moment)

    def update(self, item: Item) -> Item:
        moment, now = form.now()
        found = self.one(form.UPDATE, *form.item_values(item, now))
        if found is None:
            raise KeyError(item.id)
        return form.updated(item, found[0], moment)

    def delete(self, entity_id: str) -> bool:
        return self.done(form.DELETE, entity_id) > 0

    def delete_many(self, ids: list[str]) -> None:
        self.done(form.DELETE_MANY, ids)

    def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        moment, now = form.now()
        row = form.new_item_row(new, now)
        with self.transaction() as cursor:
            cursor.execute(form.INSERT, row)
            found = cursor.execute(form.UPDATE, form.item_values(edited, now)).fetchone()
            if found is None:
                raise KeyError(edited.id)
            cursor.execute(form.DELETE, (row[0],))
        return form.updated(edited, found[0], moment)

    def list(self, status: str) -> list[Item]:
        return [form.item_of(row) for row in self.every(form.LIST, status)]

    def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        rows = self.every(form.PAGE, status, 50, 50 * (number - 1))
        if rows:
            return [form.item_of(row[:-1]) for row in rows], rows[0][-1]
        return [], self.count_indexed(status)

    def count_indexed(self, status: str) -> int:
        return self.one(form.COUNTED, status)[0]  # type: ignore[index, no-any-return]

    def count_scanned(self, least: int) -> int:
        return self.one(form.SCANNED, least)[0]  # type: ignore[index, no-any-return]

    def cursor_page(self, after: str | None, limit: int = 50) -> tuple[list[Item], str | None]:
        if after is None:
            return form.cut(self.every(form.FIRST, limit + 1), limit)
        return form.cut(self.every(form.AFTER, *form.after(after), limit + 1), limit)

    def stream(self) -> Iterator[Item]:
        connection = self._pool.getconn()
        try:
            for row in connection.kept.stream(form.EVERY, binary=True, size=_BATCH):
                yield form.item_of(row)
        finally:
            self._pool.putconn(connection)

    def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        for item in self.stream():
            count, last = count + 1, item
        return count, last

    def bulk_create(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        rows = [form.new_item_row(item, now) for item in items]
        connection = self._pool.getconn()
        try:
            with connection.kept.copy(form.COPY) as copy:
                copy.set_types(form.ITEM_TYPES)
                for row in rows:
                    copy.write_row(row)
        finally:
            self._pool.putconn(connection)
        return [form.created(item, row, moment) for item, row in zip(items, rows, strict=True)]

    def bulk_update(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        given = form.many_items(items)
        with self.transaction() as cursor:
            created = dict(cursor.execute(form.UPDATE_MANY, (given, now)).fetchall())
            if len(created) != len(items):
                raise KeyError(next(item.id for item in items if item.id not in created))
        return [form.updated(item, created[item.id], moment) for item in items]


class Articles(Base):
    """The articles, with the index of their words in step."""

    def entity(self, fields: Fields) -> Article:
        return Article(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Article:
        return Article(**{**fields, **changes})

    def create(self, article: Article) -> Article:
        moment, now = form.now()
        row = text.new_row(article, now)
        words = text.Words(article.title, article.body)
        self.done(text.INSERT, *row, *words.parameters())
        return text.created(article, row, moment)

    def update(self, article: Article) -> Article:
        moment, now = form.now()
        with self.transaction() as cursor:
            found = cursor.execute(text.UPDATE, text.values(article, now)).fetchone()
            if found is None:
                raise KeyError(article.id)
            seq, created_at, differs = found
            if differs:
                words = text.Words(article.title, article.body)
                cursor.execute(text.FORGET, (text.array([seq]),))
                cursor.execute(text.INDEX, (seq, *words.parameters()))
        return text.updated(article, created_at, moment)

    def bulk_create(self, articles: list[Article]) -> list[Article]:
        moment, now = form.now()
        rows = [text.new_row(article, now) for article in articles]
        words = [text.Words(article.title, article.body) for article in articles]
        with self.transaction() as cursor:
            seqs = [row[0] for row in cursor.execute(text.SEQS, (len(rows),)).fetchall()]
            with cursor.copy(text.COPY) as copy:
                copy.set_types(text.TYPES)
                for row, seq in zip(rows, seqs, strict=True):
                    copy.write_row((*row, seq))
            with cursor.copy(text.COPY_TEXTS) as copy:
                copy.write(text.texts_lines(seqs, words))
            with cursor.copy(text.COPY_WORDS) as copy:
                copy.write(text.words_lines(seqs, words))
            cursor.execute(text.NOTE, (len(rows), text.sums(words)))
        return [text.created(article, row, moment) for article, row in zip(articles, rows, strict=True)]

    def delete_many(self, ids: list[str]) -> None:
        with self.transaction() as cursor:
            gone = cursor.execute(text.DELETE_MANY, (ids,)).fetchall()
            cursor.execute(text.FORGET, (text.array([row[0] for row in gone]),))

    def search(self, query: str) -> list[Article]:
        words = text.words_of(query)
        if not words:
            return []
        with self.transaction(text.SNAPSHOT) as cursor:
            statistics = cursor.execute(text.STATISTICS, (text.array(words),)).fetchall()[0]
            # What plan is best depends on the words, so none is kept.
            rows = cursor.execute(*text.page(statistics, words), prepare=False).fetchall()
        if statistics[0] > text.CROWDED:
            self.done(text.FOLD)
        return [text.article_of(row) for row in rows]


class Candidate:
    """Everything by hand."""

    def __init__(self, place: str) -> None:
        self.pool = self.make_pool(place)
        items = Items(self.pool)
        for statement in (*form.ITEM_TABLES, *text.TABLES):
            items.done(statement)
        self.items = items
        self.articles = Articles(self.pool)

    def make_pool(self, place: str) -> Pool:
        pool = ConnectionPool(
            place,
            connection_class=Connection,
            min_size=1,
            max_size=form.POOL,
            kwargs={"autocommit": True},
            configure=prepare,
            open=True,
        )
        pool.wait()
        return pool

    def close(self) -> None:
        self.pool.close()
