"""The floor of the asynchronous rows: aiosqlite by hand, as somebody would ship it who knows it well.

One connection writes, another reads, each in its thread; tasks take turns to write. Every call of aiosqlite is a
hand-over between threads, so statements are read whole (``execute_fetchall``), and single writes are one statement:
even an update, which here sets every column rather than read first which differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import aiosqlite
import msgspec
from entities import Fields, Item

from . import _form as form
from . import path_of
from ._form import Row

_encode: Final = msgspec.json.Encoder().encode
_BATCH: Final = 1000


class Items:
    """The items."""

    def __init__(self, reader: aiosqlite.Connection, writer: aiosqlite.Connection) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        columns = form.ITEM_COLUMNS
        names = columns.split(", ")
        marks = ", ".join("?" * len(names))
        sets = ", ".join(f"{name} = ?" for name in names if name not in ("id", "created_at"))
        self._get = f"SELECT {columns} FROM items WHERE id = ?"
        self._many = f"SELECT {columns} FROM items WHERE id IN (SELECT value FROM json_each(?))"
        self._insert = f"INSERT INTO items ({columns}) VALUES ({marks})"
        self._update = f"UPDATE items SET {sets} WHERE id = ? RETURNING created_at"
        self._delete = "DELETE FROM items WHERE id = ? RETURNING 1"
        self._delete_many = "DELETE FROM items WHERE id IN (SELECT value FROM json_each(?))"
        self._list = f"SELECT {columns} FROM items WHERE status = ? ORDER BY size, id"
        self._page = (
            f"SELECT {columns}, (SELECT count(*) FROM items WHERE status = ?1) FROM items WHERE seq IN "
            "(SELECT seq FROM items WHERE status = ?1 ORDER BY size, id LIMIT ?2 OFFSET ?3) ORDER BY size, id"
        )
        self._counted = "SELECT count(*) FROM items WHERE status = ?"
        self._scanned = "SELECT count(*) FROM items WHERE size >= ?"
        self._first = f"SELECT {columns} FROM items ORDER BY created_at, id LIMIT ?"
        self._after = (
            f"SELECT {columns} FROM items WHERE (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?"
        )
        self._all = f"SELECT {columns} FROM items ORDER BY id"
        self._names = names
        self._updates: dict[tuple[int, ...], str] = {}

    def entity(self, fields: Fields) -> Item:
        return Item(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Item:
        return Item(**{**fields, **changes})

    async def _read(self, sql: str, *parameters: Any) -> list[Any]:
        return await self._reader.execute_fetchall(sql, parameters)  # type: ignore[return-value]

    async def get(self, entity_id: str) -> Item | None:
        rows = await self._read(self._get, entity_id)
        return form.item_of(rows[0]) if rows else None

    async def create(self, item: Item) -> Item:
        row = form.new_item_row(item, form.now_text())
        async with self._turn:
            await self._writer.execute_fetchall(self._insert, row)
        return form.item_of(row)

    async def update(self, item: Item) -> Item:
        async with self._turn:
            row = await self._replace(item, form.now_text())
        return form.item_of(row)

    async def _replace(self, item: Item, now: str) -> Row:
        row = form.item_row(item, str(item.id), "", now)
        values = (*row[1:7], row[8], row[9], item.id)
        found: Any = await self._writer.execute_fetchall(self._update, values)
        if not found:
            raise KeyError(item.id)
        return (*row[:7], found[0][0], *row[8:])

    async def delete(self, entity_id: str) -> bool:
        async with self._turn:
            return bool(await self._writer.execute_fetchall(self._delete, (entity_id,)))

    async def delete_many(self, ids: list[str]) -> None:
        async with self._turn:
            await self._writer.execute_fetchall(self._delete_many, (_encode(ids).decode(),))

    async def list(self, status: str) -> list[Item]:
        return [form.item_of(row) for row in await self._read(self._list, status)]

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        rows = await self._read(self._page, status, 50, 50 * (number - 1))
        if rows:
            return [form.item_of(row[:-1]) for row in rows], rows[0][-1]
        return [], await self.count_indexed(status)

    async def count_indexed(self, status: str) -> int:
        return int((await self._read(self._counted, status))[0][0])

    async def count_scanned(self, least: int) -> int:
        return int((await self._read(self._scanned, least))[0][0])

    async def cursor_page(self, after: str | None, limit: int = 50) -> tuple[list[Item], str | None]:
        if after is None:
            rows = await self._read(self._first, limit + 1)
        else:
            rows = await self._read(self._after, *msgspec.json.decode(after), limit + 1)
        following = None
        if len(rows) > limit:
            rows.pop()
            following = _encode((rows[-1][7], rows[-1][0])).decode()
        return [form.item_of(row) for row in rows], following

    async def stream(self) -> AsyncIterator[Item]:
        async with self._reader.execute(self._all) as cursor:
            while rows := await cursor.fetchmany(_BATCH):
                for row in rows:
                    yield form.item_of(row)

    async def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        async for item in self.stream():
            count, last = count + 1, item
        return count, last

    async def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        now = form.now_text()
        added = form.new_item_row(new, now)
        async with self._turn:
            await self._writer.execute_fetchall("BEGIN IMMEDIATE")
            try:
                await self._writer.execute_fetchall(self._insert, added)
                row = await self._replace(edited, now)
                await self._writer.execute_fetchall(self._delete, (added[0],))
            except BaseException:
                await self._writer.rollback()
                raise
            await self._writer.commit()
        return form.item_of(row)

    async def bulk_create(self, items: list[Item]) -> list[Item]:
        now = form.now_text()
        rows = [form.new_item_row(item, now) for item in items]
        async with self._turn:
            await self._writer.execute_fetchall("BEGIN IMMEDIATE")
            try:
                await self._writer.executemany(self._insert, rows)
            except BaseException:
                await self._writer.rollback()
                raise
            await self._writer.commit()
        return [form.item_of(row) for row in rows]

    async def bulk_update(self, items: list[Item]) -> list[Item]:
        now = form.now_text()
        ids = _encode([item.id for item in items]).decode()
        rows: list[Row] = []
        updates: dict[tuple[int, ...], list[Row]] = {}
        async with self._turn:
            await self._writer.execute_fetchall("BEGIN IMMEDIATE")
            try:
                stored = {row[0]: row for row in await self._writer.execute_fetchall(self._many, (ids,))}
                for item in items:
                    old = stored.get(item.id)
                    if old is None:
                        raise KeyError(item.id)
                    row = form.item_row(item, old[0], old[7], now)
                    changed = tuple([at for at in range(len(row)) if old[at] != row[at]])
                    updates.setdefault(changed, []).append((*[row[at] for at in changed], old[0]))
                    rows.append(row)
                for changed, values in updates.items():
                    await self._writer.executemany(self._update_of(changed), values)
            except BaseException:
                await self._writer.rollback()
                raise
            await self._writer.commit()
        return [form.item_of(row) for row in rows]

    def _update_of(self, changed: tuple[int, ...]) -> str:
        sql = self._updates.get(changed)
        if sql is None:
            sets = ", ".join(f"{self._names[at]} = ?" for at in changed)
            sql = self._updates[changed] = f"UPDATE items SET {sets} WHERE id = ?"
        return sql


class Candidate:
    """Everything by hand."""

    def __init__(self, reader: aiosqlite.Connection, writer: aiosqlite.Connection) -> None:
        self._connections = (reader, writer)
        self.items = Items(reader, writer)

    @classmethod
    async def open(cls, place: str) -> Candidate:
        connections = []
        for _ in range(2):
            connection = await aiosqlite.connect(path_of(place), isolation_level=None, cached_statements=200)
            if not connections:
                await connection.execute_fetchall(form.AUTO_VACUUM)
            for name, value in form.PRAGMAS.items():
                await connection.execute_fetchall(f"PRAGMA {name} = {value}")
            connections.append(connection)
        for statement in form.TABLES:
            await connections[0].execute_fetchall(statement)
        return cls(*reversed(connections))

    async def close(self) -> None:
        for connection in self._connections:
            await connection.close()
