"""The same with PyMongo's AsyncMongoClient."""

from __future__ import annotations

from entities import Item
from pymongo import AsyncMongoClient

from . import _form as form
from . import floor_async
from ._form import Document


class Items(floor_async.Items):
    """The items."""

    async def get(self, entity_id: str) -> Item | None:
        found = await self._collection.find_one({"_id": entity_id})
        return None if found is None else form.item_of(found)

    async def list(self, status: str) -> list[Item]:
        found = self._collection.find({"status": status}, sort=[("size", 1), ("_id", 1)])
        return [form.item_of(document) async for document in found]

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        order = [("size", 1), ("_id", 1)]
        found = self._collection.find({"status": status}, sort=order, skip=50 * (number - 1), limit=50)
        items = [form.item_of(document) async for document in found]
        return items, await self.count_indexed(status)

    async def count_indexed(self, status: str) -> int:
        return await self._collection.count_documents({"status": status})

    async def count_scanned(self, least: int) -> int:
        return await self._collection.count_documents({"size": {"$gte": least}})


class Candidate(floor_async.Candidate):
    """Everything by hand, with helpers."""

    items_class = Items

    def __init__(self, client: AsyncMongoClient[Document]) -> None:
        super().__init__(client)
        del self.articles  # searches are commands, for which there is no helper
