"""SQLAlchemy 2's Core with its asyncio extension, over aiosqlite or psycopg; otherwise as the synchronous one."""

from __future__ import annotations

from typing import Any

from entities import Article, Fields, Item
from sqlalchemy.ext.asyncio import AsyncEngine

from . import _core_statements as statements
from . import _orm_models as models
from ._core_statements import Change
from ._orm_models import Cursor
from ._sqlalchemy import async_engine_at


class Kind:
    """What is the same for both tables."""

    def __init__(self, engine: AsyncEngine, together: AsyncEngine, sql: Any) -> None:
        self._engine = engine
        self._together = together
        self._sql = sql

    def entity(self, fields: Fields) -> Any:
        return self._sql.made(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Change:
        return fields["id"], changes

    async def _every(self, statement: Any, **parameters: Any) -> list[Any]:
        async with self._engine.connect() as connection:
            return self._sql.every(await connection.execute(statement, parameters))  # type: ignore[no-any-return]

    async def get(self, entity_id: str) -> Any:
        async with self._engine.connect() as connection:
            row = (await connection.execute(self._sql.get, {"key": entity_id})).one_or_none()
        return None if row is None else self._sql.one(row)

    async def create(self, entity: Any) -> Any:
        row = self._sql.new(entity, models.now())
        async with self._engine.begin() as connection:
            await connection.execute(self._sql.insert, row)
        return self._sql.created(row)

    async def update(self, change: Change) -> Any:
        entity_id, changes = change
        statement = self._sql.update(changes, models.now())
        async with self._engine.begin() as connection:
            row = (await connection.execute(statement, {"key": entity_id})).one()
        return self._sql.one(row)

    async def delete(self, entity_id: str) -> bool:
        async with self._engine.begin() as connection:
            return (await connection.execute(self._sql.delete, {"key": entity_id})).rowcount > 0

    async def delete_many(self, ids: list[str]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(self._sql.delete_many, {"ids": ids})

    async def bulk_create(self, entities: list[Any]) -> list[Any]:
        now = models.now()
        rows = [self._sql.new(entity, now) for entity in entities]
        async with self._together.begin() as connection:
            await connection.execute(self._sql.insert, rows)
        return [self._sql.created(row) for row in rows]

    async def bulk_update(self, changes: list[Change]) -> list[Any]:
        now, ids = models.now(), [entity_id for entity_id, _ in changes]
        async with self._together.begin() as connection:
            await connection.execute(
                self._sql.update_many(list(changes[0][1])), self._sql.values(changes, now)
            )
            rows = await connection.execute(self._sql.many, {"ids": ids})
            found = {entity.id: entity for entity in self._sql.every(rows)}
            return [found[entity_id] for entity_id in ids]


class Items(Kind):
    """The items."""

    async def list(self, status: str) -> list[Item]:
        return await self._every(self._sql.list, status=status)

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        async with self._engine.connect() as connection:
            limits = {"limit": 50, "offset": 50 * (number - 1)}
            rows = await connection.execute(self._sql.page, {"status": status, **limits})
            items = self._sql.every(rows)
            return items, await connection.scalar(self._sql.counted, {"status": status})

    async def count_indexed(self, status: str) -> int:
        async with self._engine.connect() as connection:
            return await connection.scalar(self._sql.counted, {"status": status})  # type: ignore[no-any-return]

    async def count_scanned(self, least: int) -> int:
        async with self._engine.connect() as connection:
            return await connection.scalar(self._sql.scanned, {"least": least})  # type: ignore[no-any-return]

    async def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Item], Cursor | None]:
        statement, parameters = self._sql.cursor_page(after, limit)
        return models.cut(await self._every(statement, **parameters), limit)

    async def three(self, asked: tuple[Item, Change]) -> Item:
        new, (entity_id, changes) = asked
        now = models.now()
        row = self._sql.new(new, now)
        async with self._together.begin() as connection:
            await connection.execute(self._sql.insert, row)
            updated = (await connection.execute(self._sql.update(changes, now), {"key": entity_id})).one()
            await connection.execute(self._sql.delete, {"key": row["id"]})
        return self._sql.one(updated)  # type: ignore[no-any-return]

    async def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        async with self._together.connect() as connection:
            async for row in await connection.stream(self._sql.all):
                count, last = count + 1, self._sql.one(row)
        return count, last


class Articles(Kind):
    """The articles."""

    async def search(self, text: str) -> list[Article]:
        parameters = models.all_words(self._sql.dialect, text)
        return await self._every(self._sql.found, **parameters)


class Candidate:
    """Core."""

    def __init__(self, engine: AsyncEngine, dialect: str) -> None:
        self.engine = engine
        together = engine.execution_options(**statements.TOGETHER[dialect])
        self.items = Items(engine, together, statements.Items())
        if dialect != "sqlite":  # there nobody else searches, and the data takes time to load
            self.articles = Articles(engine, together, statements.Articles(dialect))

    @classmethod
    async def open(cls, place: str) -> Candidate:
        dialect = place.partition(":")[0]
        candidate = cls(async_engine_at(place, **statements.OPTIONS[dialect]), dialect)
        async with candidate.engine.begin() as connection:
            await connection.run_sync(models.Base.metadata.create_all)
        return candidate

    async def close(self) -> None:
        await self.engine.dispose()
