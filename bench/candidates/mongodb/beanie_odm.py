"""Beanie over PyMongo's AsyncMongoClient: pydantic's classes as documents.

A single write is one command: an update gives back the document as it is afterwards. What is about several documents
is a transaction, and a bulk update one bulk write and a query. Times are text, as everybody's are, since MongoDB's own
have no microseconds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from beanie import BulkWriter, Document, SortDirection, UpdateResponse, init_beanie
from beanie.operators import GT, In, Or, Set
from entities import Fields
from pydantic import Field
from pymongo import ASCENDING, AsyncMongoClient, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession

from torematrix.core.storage.face.ids import new_id

from . import _form as form

R = TypeVar("R")
Change = tuple[str, Fields]
Cursor = tuple[dt.datetime, str]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Item(Document):
    """An item; the id and the times are filled by the fields' defaults."""

    id: str = Field(default_factory=new_id)
    title: str
    status: str
    owner: str
    size: int
    score: float
    active: bool
    tags: list[str]
    created_at: dt.datetime = Field(default_factory=_now)
    updated_at: dt.datetime = Field(default_factory=_now)

    class Settings:
        name = "items"
        bson_encoders: ClassVar[Any] = {dt.datetime: form.text_of}
        indexes: ClassVar[Any] = [
            IndexModel([(name, ASCENDING), ("_id", ASCENDING)]) for name in form.ITEM_INDEXES
        ]


class Items:
    """The items."""

    def __init__(self, client: AsyncMongoClient[form.Document]) -> None:
        self._client = client

    def entity(self, fields: Fields) -> Item:
        return Item(**{name: value for name, value in fields.items() if value is not None})

    def edited(self, fields: Fields, changes: Fields) -> Change:
        return fields["id"], changes

    async def _together(self, work: Callable[[AsyncClientSession], Awaitable[R]]) -> R:
        async with self._client.start_session(default_transaction_options=form.TRANSACTION) as session:
            return await session.with_transaction(work)

    async def get(self, entity_id: str) -> Item | None:
        return await Item.get(entity_id)

    async def create(self, item: Item, session: AsyncClientSession | None = None) -> Item:
        return await item.insert(session=session)

    async def update(self, change: Change, session: AsyncClientSession | None = None) -> Item:
        entity_id, changes = change
        updated: Any = await Item.find_one(Item.id == entity_id).update(
            Set({**changes, "updated_at": _now()}),
            response_type=UpdateResponse.NEW_DOCUMENT,
            session=session,
        )
        if updated is None:
            raise KeyError(entity_id)
        return updated  # type: ignore[no-any-return]

    async def delete(self, entity_id: str) -> bool:
        result = await Item.find_one(Item.id == entity_id).delete()
        return result is not None and result.deleted_count > 0

    async def delete_many(self, ids: list[str]) -> None:
        await Item.find(In(Item.id, ids)).delete()

    async def list(self, status: str) -> list[Item]:
        return await Item.find(Item.status == status).sort("size", "_id").to_list()

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        found = Item.find(Item.status == status).sort("size", "_id").skip(50 * (number - 1)).limit(50)
        return await found.to_list(), await self.count_indexed(status)

    async def count_indexed(self, status: str) -> int:
        return await Item.find(Item.status == status).count()

    async def count_scanned(self, least: int) -> int:
        return await Item.find(Item.size >= least).count()

    async def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Item], Cursor | None]:
        found = Item.find_all()
        if after is not None:
            created, entity_id = after
            found = Item.find(
                Or(GT(Item.created_at, created), {"created_at": created, "_id": {"$gt": entity_id}})
            )
        items = await found.sort("created_at", "_id").limit(limit + 1).to_list()
        if len(items) <= limit:
            return items, None
        items.pop()
        return items, (items[-1].created_at, items[-1].id)

    async def three(self, asked: tuple[Item, Change]) -> Item:
        new, change = asked

        async def work(session: AsyncClientSession) -> Item:
            await self.create(new, session)
            updated = await self.update(change, session)
            await new.delete(session=session)
            return updated

        return await self._together(work)

    async def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        async for item in Item.find_all(sort=[("_id", SortDirection.ASCENDING)], batch_size=form.BATCH):
            count, last = count + 1, item
        return count, last

    async def bulk_create(self, items: list[Item]) -> list[Item]:
        await self._together(lambda session: Item.insert_many(items, session=session))
        return items

    async def bulk_update(self, changes: list[Change]) -> list[Item]:
        now, ids = _now(), [entity_id for entity_id, _ in changes]

        async def work(session: AsyncClientSession) -> dict[str, Item]:
            async with BulkWriter(session=session) as writer:
                for entity_id, values in changes:
                    update = Item.find_one(Item.id == entity_id).update(
                        Set({**values, "updated_at": now}), bulk_writer=writer
                    )
                    await update
            return {item.id: item async for item in Item.find(In(Item.id, ids), session=session)}

        found = await self._together(work)
        return [found[entity_id] for entity_id in ids]


class Candidate:
    """Beanie."""

    def __init__(self, client: AsyncMongoClient[form.Document]) -> None:
        self.client = client
        self.items = Items(client)

    @classmethod
    async def open(cls, place: str) -> Candidate:
        client: AsyncMongoClient[form.Document] = AsyncMongoClient(place, **form.CLIENT)
        await init_beanie(client.get_default_database(), document_models=[Item])
        return cls(client)

    async def close(self) -> None:
        await self.client.close()
