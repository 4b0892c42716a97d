"""The library, in the asynchronous colour."""

from __future__ import annotations

from typing import Any

import durability
from entities import Article, Fields, Item

from torematrix.core.storage import (
    AsyncRepository,
    AsyncStorage,
    CursorPagination,
    F,
    Pagination,
)


class _Kind:
    """What is the same for both repositories."""

    def __init__(self, repository: AsyncRepository[Any]) -> None:
        self.repository = repository
        self.get = repository.get
        self.create = repository.create
        self.update = repository.update
        self.delete = repository.delete
        self.delete_many = repository.bulk_delete
        self.bulk_create = repository.bulk_create
        self.bulk_update = repository.bulk_update

    def entity(self, fields: Fields) -> Any:
        return self.repository.entity_class(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Any:
        return self.repository.entity_class(**{**fields, **changes})


class Items(_Kind):
    """The items."""

    def __init__(self, repository: AsyncRepository[Any], storage: AsyncStorage) -> None:
        super().__init__(repository)
        self.storage = storage

    async def list(self, status: str) -> list[Item]:
        return await self.repository.list(F("status") == status, sort_by="size")

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        page = await self.repository.list(
            F("status") == status, sort_by="size", pagination=Pagination(number, 50)
        )
        return page.items, page.total

    async def count_indexed(self, status: str) -> int:
        return await self.repository.count(F("status") == status)

    async def count_scanned(self, least: int) -> int:
        return await self.repository.count(F("size") >= least)

    async def cursor_page(self, after: str | None, limit: int = 50) -> tuple[list[Item], str | None]:
        pagination = CursorPagination(after=after, limit=limit)
        page = await self.repository.list(sort_by="created_at", pagination=pagination)
        return page.items, page.next

    async def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        async with self.storage.transaction():
            created = await self.repository.create(new)
            updated: Item = await self.repository.update(edited)
            await self.repository.delete(created.id)
        return updated

    async def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        async for item in self.repository.stream():
            count, last = count + 1, item
        return count, last


class Articles(_Kind):
    """The articles."""

    async def search(self, text: str) -> list[Article]:
        return (await self.repository.search(text, pagination=CursorPagination(limit=20))).items


class Candidate:
    """The library."""

    def __init__(self, storage: AsyncStorage) -> None:
        self.storage = storage
        self.items = Items(storage.repository(Item, searchable=[]), storage)

    @classmethod
    async def open(cls, place: str) -> Candidate:
        candidate = cls(
            await AsyncStorage.open(place, durability="fast" if durability.is_relaxed() else "durable")
        )
        if not place.startswith("sqlite:"):  # there nobody else searches, and the data takes time to load
            candidate.articles = Articles(candidate.storage.repository(Article))
        await candidate.storage.ready()
        return candidate

    async def close(self) -> None:
        await self.storage.close()
