"""The floor of the asynchronous rows: psycopg 3's asynchronous connections and pool, otherwise as the other one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg
from entities import Article, Fields, Item
from psycopg.pq import Format
from psycopg_pool import AsyncConnectionPool

from . import _articles as text
from . import _form as form
from ._form import Row
from .floor import adapt

_BATCH: Final = 100


class Connection(psycopg.AsyncConnection[Row]):
    """A connection with the cursor that everything runs on."""

    kept: psycopg.AsyncRawCursor[Row]


async def prepare(connection: Connection) -> None:
    """What a connection is given when it is made."""
    connection.prepare_threshold = 0
    adapt(connection)
    connection.kept = psycopg.AsyncRawCursor(connection)
    connection.kept.format = Format.BINARY


class Base:
    """Statements on a connection of the pool."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool

    async def one(self, sql: str, *parameters: Any) -> Row | None:
        """The first row."""
        connection = await self._pool.getconn()
        try:
            cursor = connection.kept
            await cursor.execute(sql, parameters)
            return await cursor.fetchone()
        finally:
            await self._pool.putconn(connection)

    async def every(self, sql: str, *parameters: Any) -> list[Row]:
        """All rows."""
        connection = await self._pool.getconn()
        try:
            cursor = connection.kept
            await cursor.execute(sql, parameters)
            return await cursor.fetchall()
        finally:
            await self._pool.putconn(connection)

    async def done(self, sql: str, *parameters: Any) -> int:
        """How many rows were written."""
        connection = await self._pool.getconn()
        try:
            await connection.kept.execute(sql, parameters)
            return connection.kept.rowcount
        finally:
            await self._pool.putconn(connection)

    @asynccontextmanager
    async def transaction(self, begin: str = "BEGIN") -> AsyncIterator[psycopg.AsyncRawCursor[Row]]:
        """A cursor in a transaction."""
        connection = await self._pool.getconn()
        try:
            cursor = connection.kept
            await cursor.execute(begin)
            try:
                yield cursor
            except BaseException:
                await connection.rollback()
                raise
            await cursor.execute("COMMIT")
        finally:
            await self._pool.putconn(connection)


class Items(Base):
    """The items."""

    def entity(self, fields: Fields) -> Item:
        return Item(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Item:
        return Item(**{**fields, **changes})

    async def get(self, entity_id: str) -> Item | None:
        row = await self.one(form.GET, entity_id)
        return None if row is None else form.item_of(row)

    async def create(self, item: Item) -> Item:
        moment, now = form.now()
        row = form.new_item_row(item, now)
        await self.done(form.INSERT, *row)
        return form.created(item, row, moment)

    async def update(self, item: Item) -> Item:
        moment, now = form.now()
        found = await self.one(form.UPDATE, *form.item_values(item, now))
        if found is None:
            raise KeyError(item.id)
        return form.updated(item, found[0], moment)

    async def delete(self, entity_id: str) -> bool:
        return await self.done(form.DELETE, entity_id) > 0

    async def delete_many(self, ids: list[str]) -> None:
        await self.done(form.DELETE_MANY, ids)

    async def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        moment, now = form.now()
        row = form.new_item_row(new, now)
        async with self.transaction() as cursor:
            await cursor.execute(form.INSERT, row)
            await cursor.execute(form.UPDATE, form.item_values(edited, now))
            found = await cursor.fetchone()
            if found is None:
                raise KeyError(edited.id)
            await cursor.execute(form.DELETE, (row[0],))
        return form.updated(edited, found[0], moment)

    async def list(self, status: str) -> list[Item]:
        return [form.item_of(row) for row in await self.every(form.LIST, status)]

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        rows = await self.every(form.PAGE, status, 50, 50 * (number - 1))
        if rows:
            return [form.item_of(row[:-1]) for row in rows], rows[0][-1]
        return [], await self.count_indexed(status)

    async def count_indexed(self, status: str) -> int:
        return (await self.one(form.COUNTED, status))[0]  # type: ignore[index, no-any-return]

    async def count_scanned(self, least: int) -> int:
        return (await self.one(form.SCANNED, least))[0]  # type: ignore[index, no-any-return]

    async def cursor_page(self, after: str | None, limit: int = 50) -> tuple[list[Item], str | None]:
        if after is None:
            return form.cut(await self.every(form.FIRST, limit + 1), limit)
        return form.cut(await self.every(form.AFTER, *form.after(after), limit + 1), limit)

    async def stream(self) -> AsyncIterator[Item]:
        connection = await self._pool.getconn()
        try:
            async for row in connection.kept.stream(form.EVERY, binary=True, size=_BATCH):
                yield form.item_of(row)
        finally:
            await self._pool.putconn(connection)

    async def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        async for item in self.stream():
            count, last = count + 1, item
        return count, last

    async def bulk_create(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        rows = [form.new_item_row(item, now) for item in items]
        connection = await self._pool.getconn()
        try:
            async with connection.kept.copy(form.COPY) as copy:
                copy.set_types(form.ITEM_TYPES)
                for row in rows:
                    await copy.write_row(row)
        finally:
            await self._pool.putconn(connection)
        return [form.created(item, row, moment) for item, row in zip(items, rows, strict=True)]

    async def bulk_update(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        given = form.many_items(items)
        async with self.transaction() as cursor:
            await cursor.execute(form.UPDATE_MANY, (given, now))
            created = dict(await cursor.fetchall())
            if len(created) != len(items):
                raise KeyError(next(item.id for item in items if item.id not in created))
        return [form.updated(item, created[item.id], moment) for item in items]


class Articles(Base):
    """The articles, with the index of their words in step."""

    def entity(self, fields: Fields) -> Article:
        return Article(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Article:
        return Article(**{**fields, **changes})

    async def create(self, article: Article) -> Article:
        moment, now = form.now()
        row = text.new_row(article, now)
        words = text.Words(article.title, article.body)
        await self.done(text.INSERT, *row, *words.parameters())
        return text.created(article, row, moment)

    async def update(self, article: Article) -> Article:
        moment, now = form.now()
        async with self.transaction() as cursor:
            await cursor.execute(text.UPDATE, text.values(article, now))
            found = await cursor.fetchone()
            if found is None:
                raise KeyError(article.id)
            seq, created_at, differs = found
            if differs:
                words = text.Words(article.title, article.body)
                await cursor.execute(text.FORGET, (text.array([seq]),))
                await cursor.execute(text.INDEX, (seq, *words.parameters()))
        return text.updated(article, created_at, moment)

    async def bulk_create(self, articles: list[Article]) -> list[Article]:
        moment, now = form.now()
        rows = [text.new_row(article, now) for article in articles]
        words = [text.Words(article.title, article.body) for article in articles]
        async with self.transaction() as cursor:
            await cursor.execute(text.SEQS, (len(rows),))
            seqs = [row[0] for row in await cursor.fetchall()]
            async with cursor.copy(text.COPY) as copy:
                copy.set_types(text.TYPES)
                for row, seq in zip(rows, seqs, strict=True):
                    await copy.write_row((*row, seq))
            async with cursor.copy(text.COPY_TEXTS) as copy:
                await copy.write(text.texts_lines(seqs, words))
            async with cursor.copy(text.COPY_WORDS) as copy:
                await copy.write(text.words_lines(seqs, words))
            await cursor.execute(text.NOTE, (len(rows), text.sums(words)))
        return [text.created(article, row, moment) for article, row in zip(articles, rows, strict=True)]

    async def delete_many(self, ids: list[str]) -> None:
        async with self.transaction() as cursor:
            await cursor.execute(text.DELETE_MANY, (ids,))
            gone = await cursor.fetchall()
            await cursor.execute(text.FORGET, (text.array([row[0] for row in gone]),))

    async def search(self, query: str) -> list[Article]:
        words = text.words_of(query)
        if not words:
            return []
        async with self.transaction(text.SNAPSHOT) as cursor:
            await cursor.execute(text.STATISTICS, (text.array(words),))
            statistics = (await cursor.fetchall())[0]
            # What plan is best depends on the words, so none is kept.
            await cursor.execute(*text.page(statistics, words), prepare=False)
            rows = await cursor.fetchall()
        if statistics[0] > text.CROWDED:
            await self.done(text.FOLD)
        return [text.article_of(row) for row in rows]


class Candidate:
    """Everything by hand."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self.pool = pool
        self.items = Items(pool)
        self.articles = Articles(pool)

    @classmethod
    async def open(cls, place: str) -> Candidate:
        pool = AsyncConnectionPool(
            place,
            connection_class=Connection,
            min_size=1,
            max_size=form.POOL,
            kwargs={"autocommit": True},
            configure=prepare,
            open=False,
        )
        await pool.open(wait=True)
        candidate = cls(pool)
        for statement in (*form.ITEM_TABLES, *text.TABLES):
            await candidate.items.done(statement)
        return candidate

    async def close(self) -> None:
        await self.pool.close()
