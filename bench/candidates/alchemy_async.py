"""advanced-alchemy's asynchronous repository, with aiosqlite or psycopg; otherwise as the synchronous one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from advanced_alchemy.exceptions import NotFoundError
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from . import _alchemy as shared
from . import _orm_models as models
from ._orm_models import Cursor, Item
from ._sqlalchemy import async_engine_at


class Repository(SQLAlchemyAsyncRepository[Item]):
    """The repository of items."""

    model_type = Item


class Items:
    """The items."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions
        self.entity = shared.entity
        self.edited = shared.edited

    @asynccontextmanager
    async def _repository(self, *, auto_commit: bool = False) -> AsyncIterator[Repository]:
        async with self._sessions() as session:
            yield Repository(
                session=session,
                auto_commit=auto_commit,
                auto_refresh=False,
                count_with_window_function=False,
            )

    async def get(self, entity_id: str) -> Item | None:
        async with self._repository() as repository:
            return await repository.get_one_or_none(Item.id == entity_id)

    async def create(self, item: Item) -> Item:
        async with self._repository(auto_commit=True) as repository:
            return await repository.add(item)

    async def update(self, item: Item) -> Item:
        async with self._repository(auto_commit=True) as repository:
            return await repository.update(item)

    async def delete(self, entity_id: str) -> bool:
        async with self._repository(auto_commit=True) as repository:
            try:
                await repository.delete(entity_id)
            except NotFoundError:
                return False
        return True

    async def delete_many(self, ids: list[str]) -> None:
        async with self._repository(auto_commit=True) as repository:
            await repository.delete_many(list(ids))

    async def list(self, status: str) -> list[Item]:
        async with self._repository() as repository:
            return await repository.get_many(*shared.BY_SIZE, Item.status == status)

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        filters = (*shared.BY_SIZE, shared.page(number), Item.status == status)
        async with self._repository() as repository:
            return await repository.get_many_and_count(*filters)

    async def count_indexed(self, status: str) -> int:
        async with self._repository() as repository:
            return await repository.count(Item.status == status)

    async def count_scanned(self, least: int) -> int:
        async with self._repository() as repository:
            return await repository.count(Item.size >= least)

    async def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Item], Cursor | None]:
        async with self._repository() as repository:
            return models.cut(await repository.get_many(*shared.after(after, limit)), limit)

    async def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        async with self._repository() as repository:
            created = await repository.add(new)
            updated = await repository.update(edited)
            await repository.delete(created.id)
            await repository.session.commit()
        return updated

    async def bulk_create(self, items: list[Item]) -> list[Item]:
        async with self._repository(auto_commit=True) as repository:
            return [*await repository.add_many(items)]

    async def bulk_update(self, items: list[Item]) -> list[Item]:
        async with self._repository(auto_commit=True) as repository:
            return shared.ordered(items, await repository.update_many(items))


class Candidate:
    """advanced-alchemy."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.items = Items(async_sessionmaker(engine, expire_on_commit=False))

    @classmethod
    async def open(cls, place: str) -> Candidate:
        candidate = cls(async_engine_at(place))
        async with candidate.engine.begin() as connection:
            await connection.run_sync(models.Base.metadata.create_all)
        return candidate

    async def close(self) -> None:
        await self.engine.dispose()
