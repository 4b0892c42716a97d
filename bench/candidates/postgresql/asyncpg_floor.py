"""asyncpg and its pool by hand, beside the floor: a driver of its own protocol, asynchronous alone.

It prepares every statement and reads everything in binary; a document comes as text, for msgspec.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
from entities import Fields, Item

from . import _form as form

_BATCH: Final = 1000


async def prepare(connection: Any) -> None:
    """A COPY is binary, for which a document needs the number of its version in front."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda text: b"\x01" + text.encode(),
        decoder=lambda data: data[1:],
    )


async def leave(_: object) -> None:
    """Nothing was set on the connection that a round trip would have to reset, as the pool does otherwise."""


class Items:
    """The items."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def entity(self, fields: Fields) -> Item:
        return Item(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Item:
        return Item(**{**fields, **changes})

    async def get(self, entity_id: str) -> Item | None:
        row = await self._pool.fetchrow(form.GET, entity_id)
        return None if row is None else form.item_of(row)

    async def create(self, item: Item) -> Item:
        moment, now = form.now()
        row = form.new_item_row(item, now)
        await self._pool.execute(form.INSERT, *row)
        return form.created(item, row, moment)

    async def update(self, item: Item) -> Item:
        moment, now = form.now()
        created = await self._pool.fetchval(form.UPDATE, *form.item_values(item, now))
        if created is None:
            raise KeyError(item.id)
        return form.updated(item, created, moment)

    async def delete(self, entity_id: str) -> bool:
        return await self._pool.execute(form.DELETE, entity_id) == "DELETE 1"  # type: ignore[no-any-return]

    async def delete_many(self, ids: list[str]) -> None:
        await self._pool.execute(form.DELETE_MANY, ids)

    async def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        moment, now = form.now()
        row = form.new_item_row(new, now)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(form.INSERT, *row)
            created = await connection.fetchval(form.UPDATE, *form.item_values(edited, now))
            if created is None:
                raise KeyError(edited.id)
            await connection.execute(form.DELETE, row[0])
        return form.updated(edited, created, moment)

    async def list(self, status: str) -> list[Item]:
        return [form.item_of(row) for row in await self._pool.fetch(form.LIST, status)]

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        rows = await self._pool.fetch(form.PAGE, status, 50, 50 * (number - 1))
        if rows:
            return [form.item_of(row[:-1]) for row in rows], rows[0][-1]
        return [], await self.count_indexed(status)

    async def count_indexed(self, status: str) -> int:
        return await self._pool.fetchval(form.COUNTED, status)  # type: ignore[no-any-return]

    async def count_scanned(self, least: int) -> int:
        return await self._pool.fetchval(form.SCANNED, least)  # type: ignore[no-any-return]

    async def cursor_page(self, after: str | None, limit: int = 50) -> tuple[list[Item], str | None]:
        if after is None:
            return form.cut(await self._pool.fetch(form.FIRST, limit + 1), limit)
        return form.cut(await self._pool.fetch(form.AFTER, *form.after(after), limit + 1), limit)

    async def stream(self) -> AsyncIterator[Item]:
        async with self._pool.acquire() as connection, connection.transaction():
            async for row in connection.cursor(form.EVERY, prefetch=_BATCH):
                yield form.item_of(row)

    async def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        async for item in self.stream():
            count, last = count + 1, item
        return count, last

    async def bulk_create(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        rows = [form.new_item_row(item, now) for item in items]
        await self._pool.copy_records_to_table("items", columns=form.ITEM_COLUMNS.split(", "), records=rows)
        return [form.created(item, row, moment) for item, row in zip(items, rows, strict=True)]

    async def bulk_update(self, items: list[Item]) -> list[Item]:
        moment, now = form.now()
        given = form.many_items(items)
        async with self._pool.acquire() as connection, connection.transaction():
            created = dict(await connection.fetch(form.UPDATE_MANY, given, now))
            if len(created) != len(items):
                raise KeyError(next(item.id for item in items if item.id not in created))
        return [form.updated(item, created[item.id], moment) for item in items]


class Candidate:
    """Everything by hand."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.items = Items(pool)

    @classmethod
    async def open(cls, place: str) -> Candidate:
        pool = await asyncpg.create_pool(place, min_size=1, max_size=form.POOL, init=prepare, reset=leave)
        for statement in form.ITEM_TABLES:
            await pool.execute(statement)
        return cls(pool)

    async def close(self) -> None:
        await self.pool.close()
