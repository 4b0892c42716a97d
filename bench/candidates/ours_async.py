"""The library, in the asynchronous colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from entities import Fields, Item

from torematrix.core.storage import (
    AsyncRepository,
    AsyncStorage,
    CursorPagination,
    F,
    Pagination,
)


class Items:
    """The items."""

    def __init__(self, repository: AsyncRepository[Item]) -> None:
        self.repository = repository
        self.get = repository.get
        self.create = repository.create
        self.update = repository.update
        self.delete = repository.delete
        self.delete_many = repository.bulk_delete
        self.bulk_create = repository.bulk_create
        self.bulk_update = repository.bulk_update

    def entity(self, fields: Fields) -> Item:
        return Item(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Item:
        return Item(**{**fields, **changes})

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

    async def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        async for item in self.repository.stream():
            count, last = count + 1, item
        return count, last


class Candidate:
    """The library."""

    def __init__(self, storage: Any) -> None:
        self.storage = storage
        self.items = Items(storage.repository(Item, searchable=[]))

    @classmethod
    async def open(cls, folder: Path) -> Candidate:
        candidate = cls(await AsyncStorage.open(f"sqlite:///{folder / 'ours.db'}"))
        await candidate.storage.ready()
        return candidate

    async def close(self) -> None:
        await self.storage.close()
