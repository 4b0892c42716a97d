"""MongoEngine over PyMongo.

It has neither transactions nor bulk writes other than inserts, so what has to happen whole or not at all is left out;
the data is loaded by its inserts. An update is ``modify``, one command that gives back the document. Results are not
cached (``no_cache``). Times are text, as everybody's are, since MongoDB's own have no microseconds.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

import mongoengine as me
from entities import Fields
from mongoengine.base import BaseField

from torematrix.core.storage.face.ids import new_id

from . import _form as form

Change = tuple[str, Fields]
Cursor = tuple[dt.datetime, str]


class Moment(BaseField):  # type: ignore[misc]
    """An aware time as text."""

    def to_mongo(self, value: dt.datetime) -> str:
        return form.text_of(value)

    def to_python(self, value: Any) -> Any:
        return form.moment_of(value) if isinstance(value, str) else value

    def prepare_query_value(self, _: Any, value: dt.datetime) -> str:
        return form.text_of(value)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Item(me.Document):  # type: ignore[misc]
    """An item; the id and the times are filled by the fields' defaults."""

    id = me.StringField(primary_key=True, default=new_id)
    title = me.StringField()
    status = me.StringField()
    owner = me.StringField()
    size = me.IntField()
    score = me.FloatField()
    active = me.BooleanField()
    tags = me.ListField(me.StringField())
    created_at = Moment(default=_now)
    updated_at = Moment(default=_now)

    meta: ClassVar[Any] = {
        "collection": "items",
        "indexes": [(name, "id") for name in form.ITEM_INDEXES],
    }


class Items:
    """The items."""

    def entity(self, fields: Fields) -> Item:
        return Item(**{name: value for name, value in fields.items() if value is not None})

    def edited(self, fields: Fields, changes: Fields) -> Change:
        return fields["id"], changes

    def get(self, entity_id: str) -> Item | None:
        return Item.objects.with_id(entity_id)  # type: ignore[no-any-return]

    def create(self, item: Item) -> Item:
        return item.save(force_insert=True)  # type: ignore[no-any-return]

    def update(self, change: Change) -> Item:
        entity_id, changes = change
        values = {f"set__{name}": value for name, value in {**changes, "updated_at": _now()}.items()}
        updated = Item.objects(id=entity_id).modify(new=True, **values)
        if updated is None:
            raise KeyError(entity_id)
        return updated  # type: ignore[no-any-return]

    def delete(self, entity_id: str) -> bool:
        return Item.objects(id=entity_id).delete() > 0  # type: ignore[no-any-return]

    def delete_many(self, ids: list[str]) -> None:
        Item.objects(id__in=ids).delete()

    def load(self, items: list[Item]) -> list[Item]:
        Item.objects.insert(items, load_bulk=False)
        return items

    def list(self, status: str) -> list[Item]:
        return [*Item.objects(status=status).order_by("size", "id").no_cache()]

    def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        found = Item.objects(status=status).order_by("size", "id").no_cache()
        return [*found.skip(50 * (number - 1)).limit(50)], self.count_indexed(status)

    def count_indexed(self, status: str) -> int:
        return Item.objects(status=status).count()  # type: ignore[no-any-return]

    def count_scanned(self, least: int) -> int:
        return Item.objects(size__gte=least).count()  # type: ignore[no-any-return]

    def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Item], Cursor | None]:
        found = Item.objects.order_by("created_at", "id").no_cache()
        if after is not None:
            created, entity_id = after
            found = found.filter(me.Q(created_at__gt=created) | me.Q(created_at=created, id__gt=entity_id))
        items = [*found.limit(limit + 1)]
        if len(items) <= limit:
            return items, None
        items.pop()
        return items, (items[-1].created_at, items[-1].id)

    def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        for item in Item.objects.order_by("id").no_cache().batch_size(form.BATCH):
            count, last = count + 1, item
        return count, last


class Candidate:
    """MongoEngine."""

    def __init__(self, place: str) -> None:
        me.connect(host=place, uuidRepresentation="standard", **form.CLIENT)
        self.items = Items()

    def close(self) -> None:
        me.disconnect()
