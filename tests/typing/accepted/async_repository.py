"""The asynchronous repository: what is awaited has the same types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, assert_type

from torematrix.core.storage import (
    AsyncRepository,
    AsyncStorage,
    Count,
    CursorPage,
    CursorPagination,
    F,
    PaginatedResult,
    Pagination,
    SearchHit,
)


@dataclass
class Note:
    title: str
    id: str | None = None


async def entities(repository: AsyncRepository[Note]) -> None:
    note = assert_type(await repository.create(Note("first")), Note)
    assert_type(await repository.get(str(note.id)), Note | None)
    assert_type(await repository.get_many([str(note.id)]), list[Note])
    assert_type(await repository.update(note), Note)
    assert_type(await repository.patch(str(note.id), title="second"), Note)
    assert_type(await repository.delete(str(note.id)), bool)
    assert_type(await repository.bulk_create([Note("third")]), list[Note])
    assert_type(await repository.count(), int)


async def lists(repository: AsyncRepository[Note]) -> None:
    assert_type(await repository.list(F("title").starts_with("f")), list[Note])
    assert_type(await repository.list(pagination=Pagination(1, 10)), PaginatedResult[Note])
    assert_type(await repository.list(pagination=CursorPagination(limit=10)), CursorPage[Note])
    assert_type(await repository.find_one(sort_by="title"), Note | None)
    assert_type(repository.stream(), AsyncGenerator[Note, None])
    async for note in repository:
        assert_type(note, Note)


async def searches(repository: AsyncRepository[Note]) -> None:
    assert_type(await repository.search("words"), list[Note])
    assert_type(await repository.search("words", with_hits=True), list[SearchHit[Note]])
    found = await repository.search("words", pagination=Pagination(1, 10), with_hits=True)
    assert_type(found, PaginatedResult[SearchHit[Note]])
    assert_type(await repository.aggregate(notes=Count()), list[dict[str, Any]])


async def scopes(storage: AsyncStorage) -> None:
    repository = storage.repository(Note)
    async with storage.transaction(), repository.transaction(read_only=True):
        assert_type(await repository.list(), list[Note])

    async def work() -> Note:
        return await repository.create(Note("again"))

    assert_type(await storage.run_in_transaction(work), Note)


async def opened() -> None:
    async with AsyncStorage.open("memory://") as storage:
        assert_type(storage, AsyncStorage)
        repository = storage.repository(Note)
        await entities(repository)
        await lists(repository)
        await searches(repository)
        await scopes(storage)
    awaited = await AsyncStorage.open("memory://")
    assert_type(awaited, AsyncStorage)
    await awaited.close()


def main() -> None:
    asyncio.run(opened())
