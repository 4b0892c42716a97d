"""SQLAlchemy 2's ORM with its asyncio extension; otherwise as the synchronous one."""

from __future__ import annotations

from typing import Any

from entities import Fields
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from . import _orm_models as models
from ._orm_models import Cursor
from ._sqlalchemy import async_engine_at

Change = tuple[str, Fields]


class Kind:
    """What is the same for both classes."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], model: Any) -> None:
        self._sessions = sessions
        self._model = model

    def entity(self, fields: Fields) -> Any:
        return self._model(**{name: value for name, value in fields.items() if value is not None})

    def edited(self, fields: Fields, changes: Fields) -> Change:
        return fields["id"], changes

    async def get(self, entity_id: str) -> Any:
        async with self._sessions() as session:
            return await session.get(self._model, entity_id)

    async def create(self, entity: Any) -> Any:
        async with self._sessions.begin() as session:
            session.add(entity)
        return entity

    async def update(self, change: Change) -> Any:
        entity_id, changes = change
        async with self._sessions.begin() as session:
            entity = await session.get_one(self._model, entity_id)
            for name, value in changes.items():
                setattr(entity, name, value)
        return entity

    async def delete(self, entity_id: str) -> bool:
        async with self._sessions.begin() as session:
            result: Any = await session.execute(delete(self._model).where(self._model.id == entity_id))
        return result.rowcount > 0  # type: ignore[no-any-return]

    async def delete_many(self, ids: list[str]) -> None:
        async with self._sessions.begin() as session:
            await session.execute(models.removed(self._model, ids))

    async def bulk_create(self, entities: list[Any]) -> list[Any]:
        async with self._sessions.begin() as session:
            session.add_all(entities)
        return entities

    async def bulk_update(self, changes: list[Change]) -> list[Any]:
        wanted, now = dict(changes), models.now()
        async with self._sessions.begin() as session:
            rows = await session.scalars(select(self._model).where(self._model.id.in_(wanted)))
            found = {entity.id: entity for entity in rows}
            for entity_id, values in changes:
                # The unit of work would not tell the entities the times it gave many of them together.
                for name, value in (*values.items(), ("updated_at", now)):
                    setattr(found[entity_id], name, value)
        return [found[entity_id] for entity_id in wanted]


class Items(Kind):
    """The items."""

    async def list(self, status: str) -> list[Any]:
        async with self._sessions() as session:
            return list(await session.scalars(models.listed(self._model, status)))

    async def page(self, asked: tuple[str, int]) -> tuple[list[Any], int]:
        status, number = asked
        async with self._sessions() as session:
            rows = await session.scalars(
                models.listed(self._model, status).limit(50).offset(50 * (number - 1))
            )
            return list(rows), await session.scalar(models.counted(self._model, status))

    async def count_indexed(self, status: str) -> int:
        async with self._sessions() as session:
            return await session.scalar(models.counted(self._model, status))  # type: ignore[no-any-return]

    async def count_scanned(self, least: int) -> int:
        async with self._sessions() as session:
            return await session.scalar(models.scanned(self._model, least))  # type: ignore[no-any-return]

    async def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Any], Cursor | None]:
        async with self._sessions() as session:
            return models.cut(list(await session.scalars(models.after(self._model, after, limit))), limit)

    async def three(self, asked: tuple[Any, Change]) -> Any:
        new, (entity_id, changes) = asked
        async with self._sessions.begin() as session:
            session.add(new)
            entity = await session.get_one(self._model, entity_id)
            for name, value in changes.items():
                setattr(entity, name, value)
            await session.flush()
            await session.delete(new)
        return entity

    async def drain(self, _: object = None) -> tuple[int, Any]:
        count, last = 0, None
        async with self._sessions() as session:
            statement = select(self._model).order_by(self._model.id).execution_options(yield_per=1000)
            async for item in await session.stream_scalars(statement):
                count, last = count + 1, item
        return count, last


class Articles(Kind):
    """The articles."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], model: Any, dialect: str) -> None:
        super().__init__(sessions, model)
        self._dialect = dialect
        self._search = select(model).from_statement(models.search(dialect))

    async def search(self, text: str) -> list[Any]:
        parameters = models.all_words(self._dialect, text)
        async with self._sessions() as session:
            return list(await session.scalars(self._search, parameters))


class Candidate:
    """The ORM."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        sessions = async_sessionmaker(engine, expire_on_commit=False)
        self.items = Items(sessions, models.Item)
        if engine.dialect.name != "sqlite":  # there nobody else searches, and the data takes time to load
            self.articles = Articles(sessions, models.Article, engine.dialect.name)

    @classmethod
    async def open(cls, place: str) -> Candidate:
        candidate = cls(async_engine_at(place))
        async with candidate.engine.begin() as connection:
            await connection.run_sync(models.Base.metadata.create_all)
        return candidate

    async def close(self) -> None:
        await self.engine.dispose()
