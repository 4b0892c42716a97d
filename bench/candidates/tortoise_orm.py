"""Tortoise ORM over aiosqlite or asyncpg, the driver of PostgreSQL that its manual puts first.

Of the asynchronous ORMs that are not SQLAlchemy's it is the one that treats both engines alike: it keeps its connection
to SQLite, where Piccolo, which is as well kept, opens one for each query. An update reads the row and saves the columns
that were set. Bulk writes are ``bulk_create`` and ``bulk_update`` in batches. It has no stream: what
is iterated is read whole first.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec
from entities import Fields
from tortoise import Tortoise, fields
from tortoise.expressions import Q
from tortoise.indexes import Index
from tortoise.models import Model
from tortoise.transactions import in_transaction

from torematrix.core.storage.face.ids import new_id

from .postgresql._form import POOL
from .sqlite import _form as sqlite
from .sqlite import path_of

Change = tuple[str, Fields]
Cursor = tuple[dt.datetime, str]

_BATCH: Final = 1000
_UPDATED: Final = 50
"""Of each row an update in bulk makes an arm of a CASE for each column, so few are quicker."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Item(Model):
    """An item; the id and the times are filled by the fields' defaults, for ``auto_now`` would replace times given."""

    id = fields.CharField(36, primary_key=True, default=new_id)
    title = fields.TextField()
    status = fields.CharField(100)
    owner = fields.CharField(100)
    size = fields.BigIntField()
    score = fields.FloatField()
    active = fields.BooleanField()
    tags: Any = fields.JSONField(
        encoder=lambda value: msgspec.json.encode(value).decode(), decoder=msgspec.json.decode
    )
    created_at = fields.DatetimeField(default=_now)
    updated_at = fields.DatetimeField(default=_now)

    class Meta:
        table = "items"
        indexes = [Index(fields=(name, "id")) for name in ("status", "owner", "created_at", "updated_at")]  # noqa: RUF012


class Items:
    """The items."""

    def entity(self, fields: Fields) -> Item:
        return Item(**{name: value for name, value in fields.items() if value is not None})

    def edited(self, fields: Fields, changes: Fields) -> Change:
        return fields["id"], changes

    async def get(self, entity_id: str) -> Item | None:
        return await Item.get_or_none(id=entity_id)

    async def create(self, item: Item) -> Item:
        await item.save(force_create=True)
        return item

    async def update(self, change: Change) -> Item:
        entity_id, changes = change
        item = await Item.get(id=entity_id)
        item.update_from_dict({**changes, "updated_at": _now()})
        await item.save(update_fields=[*changes, "updated_at"])
        return item

    async def delete(self, entity_id: str) -> bool:
        return await Item.filter(id=entity_id).delete() > 0

    async def delete_many(self, ids: list[str]) -> None:
        await Item.filter(id__in=ids).delete()

    async def list(self, status: str) -> list[Item]:
        return await Item.filter(status=status).order_by("size", "id")

    async def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        found = Item.filter(status=status).order_by("size", "id")
        return await found.offset(50 * (number - 1)).limit(50), await self.count_indexed(status)

    async def count_indexed(self, status: str) -> int:
        return await Item.filter(status=status).count()

    async def count_scanned(self, least: int) -> int:
        return await Item.filter(size__gte=least).count()

    async def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Item], Cursor | None]:
        found = Item.all().order_by("created_at", "id").limit(limit + 1)
        if after is not None:
            created, entity_id = after
            # The first condition is what an index is searched by; the others would have it read from its beginning.
            found = found.filter(Q(created_at__gt=created) | Q(id__gt=entity_id), created_at__gte=created)
        items = await found
        if len(items) <= limit:
            return items, None
        items.pop()
        return items, (items[-1].created_at, items[-1].id)

    async def three(self, asked: tuple[Item, Change]) -> Item:
        new, change = asked
        async with in_transaction():
            await self.create(new)
            updated = await self.update(change)
            await new.delete()
        return updated

    async def bulk_create(self, items: list[Item]) -> list[Item]:
        async with in_transaction():
            await Item.bulk_create(items, batch_size=_BATCH)
        return items

    async def bulk_update(self, changes: list[Change]) -> list[Item]:
        now = _now()
        wanted: Fields = dict(changes)
        async with in_transaction():
            found = {item.id: item for item in await Item.filter(id__in=[*wanted])}
            for entity_id, values in changes:
                found[entity_id].update_from_dict({**values, "updated_at": now})
            items = [found[entity_id] for entity_id in wanted]
            await Item.bulk_update(items, [*changes[0][1], "updated_at"], batch_size=_UPDATED)
        return items


def _connection(place: str) -> Any:
    """What Tortoise is told of a database: the settings all candidates have, in the place of its own."""
    if not place.startswith("sqlite:"):
        return f"{place.replace('postgresql:', 'asyncpg:', 1)}?minsize=1&maxsize={POOL}"
    pragmas = {
        "auto_vacuum": "incremental",
        **sqlite.PRAGMAS,
        "journal_size_limit": -1,
        "foreign_keys": "OFF",
    }
    return {
        "engine": "tortoise.backends.sqlite",
        "credentials": {"file_path": str(path_of(place)), **pragmas},
    }


class Candidate:
    """Tortoise ORM."""

    def __init__(self) -> None:
        self.items = Items()

    @classmethod
    async def open(cls, place: str) -> Candidate:
        apps = {"bench": {"models": [__name__], "default_connection": "default"}}
        await Tortoise.init(config={"connections": {"default": _connection(place)}, "apps": apps})
        await Tortoise.generate_schemas()
        return cls()

    async def close(self) -> None:
        await Tortoise.close_connections()
