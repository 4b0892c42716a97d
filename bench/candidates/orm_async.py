"""SQLAlchemy 2's ORM with its asyncio extension, over aiosqlite; otherwise as the synchronous one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from entities import Fields
from sqlalchemy import delete, event, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from . import _models as models
from ._models import Cursor, Item

Change = tuple[str, Fields]


class Items:
    """The items."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions

    def entity(self, fields: Fields) -> Item:
        return Item(**{name: value for name, value in fields.items() if value is not None})

    def edited(self, fields: Fields, changes: Fields) -> Change:
        return fields["id"], changes

    async def get(self, entity_id: str) -> Item | None:
        async with self._sessions() as session:
            return await session.get(Item, entity_id)

    async def create(self, entity: Item) -> Item:
        async with self._sessions.begin() as session:
            session.add(entity)
        return entity

    async def update(self, change: Change) -> Item:
        entity_id, changes = change
        async with self._sessions.begin() as session:
            entity = await session.get_one(Item, entity_id)
            for name, value in changes.items():
                setattr(entity, name, value)
        return entity

    async def delete(self, entity_id: str) -> bool:
        async with self._sessions.begin() as session:
            result: Any = await session.execute(delete(Item).where(Item.id == entity_id))
        return result.rowcount > 0  # type: ignore[no-any-return]

    async def delete_many(self, ids: list[str]) -> None:
        async with self._sessions.begin() as session:
            await session.execute(models.removed(Item, ids))

    async def bulk_create(self, entities: list[Item]) -> list[Item]:
        async with self._sessions.begin() as session:
            session.add_all(entities)
        return entities

    async def bulk_update(self, changes: list[Change]) -> list[Item]:
        wanted, now = dict(changes), models.now()
        async with self._sessions.begin() as session:
            rows = await session.scalars(select(Item).where(Item.id.in_(wanted)))
            found = {entity.id: entity for entity in rows}
            for entity_id, values in changes:
                # The unit of work would not tell the entities the times it gave many of them together.
                for name, value in (*values.items(), ("updated_at", now)):
                    setattr(found[entity_id], name, value)
        return [found[entity_id] for entity_id in wanted]

    async def list(self, status: str) -> list[Item]:
        async with self._sessions() as session:
            return list(await session.scalars(models.listed(status)))

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        async with self._sessions() as session:
            rows = await session.scalars(models.listed(status).limit(50).offset(50 * (number - 1)))
            return list(rows), await session.scalar(models.counted(status))

    async def count_indexed(self, status: str) -> int:
        async with self._sessions() as session:
            return await session.scalar(models.counted(status))  # type: ignore[no-any-return]

    async def count_scanned(self, least: int) -> int:
        async with self._sessions() as session:
            return await session.scalar(models.scanned(least))  # type: ignore[no-any-return]

    async def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Item], Cursor | None]:
        async with self._sessions() as session:
            return models.cut(list(await session.scalars(models.after(after, limit))), limit)

    async def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        async with self._sessions() as session:
            statement = select(Item).order_by(Item.id).execution_options(yield_per=1000)
            async for item in await session.stream_scalars(statement):
                count, last = count + 1, item
        return count, last


class Candidate:
    """The ORM."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.items = Items(async_sessionmaker(engine, expire_on_commit=False))

    @classmethod
    async def open(cls, folder: Path) -> Candidate:
        engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'orm.db'}", **models.serializers())
        event.listen(engine.sync_engine, "connect", models.prepare)
        async with engine.begin() as connection:
            await connection.run_sync(models.Base.metadata.create_all)
        return cls(engine)

    async def close(self) -> None:
        await self.engine.dispose()
