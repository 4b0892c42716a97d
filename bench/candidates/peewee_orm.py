"""peewee over sqlite3 or psycopg, with the quickest documented form of each call.

Each thread keeps its connection, as peewee's databases do by themselves, and single statements commit by themselves.
An update is one statement that gives back the row. Bulk writes are ``bulk_create`` and ``bulk_update`` in batches, a
stream an ``iterator``, which on PostgreSQL reads through a cursor of the server's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from entities import Fields
from peewee import (
    BigIntegerField,
    BooleanField,
    Database,
    DoubleField,
    JSONField,
    Model,
    SqliteDatabase,
    TextField,
    Tuple,
)
from playhouse.postgres_ext import DateTimeTZField, Psycopg3Database, ServerSide
from psycopg.types.json import set_json_loads

from torematrix.core.storage.face.ids import new_id

from .sqlite import _form as sqlite
from .sqlite import path_of

Change = tuple[str, Fields]
Cursor = tuple[dt.datetime, str]

_BATCH: Final = 1000
_UPDATED: Final = 50
"""Of each row an update in bulk makes an arm of a CASE for each column, so few are quicker."""


class Moment(TextField):
    """An aware time as fixed-width text, since SQLite has no type for it."""

    def db_value(self, value: dt.datetime | None) -> str | None:
        return None if value is None else value.isoformat("T", "microseconds")

    def python_value(self, value: str | None) -> dt.datetime | None:
        return None if value is None else dt.datetime.fromisoformat(value)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def declared(database: Database) -> Any:
    """The class of items in a database."""
    time = Moment if isinstance(database, SqliteDatabase) else DateTimeTZField

    class Item(Model):
        """An item; the id and the times are filled by the fields' defaults."""

        id = TextField(primary_key=True, default=new_id)
        title = TextField()
        status = TextField()
        owner = TextField()
        size = BigIntegerField()
        score = DoubleField()
        active = BooleanField()
        tags = JSONField(dumps=lambda value: msgspec.json.encode(value).decode(), loads=msgspec.json.decode)
        created_at = time(default=_now)
        updated_at = time(default=_now)

        class Meta:
            table_name = "items"
            indexes = tuple(((name, "id"), False) for name in ("status", "owner", "created_at", "updated_at"))

    Item.bind(database)
    return Item


class Items:
    """The items."""

    def __init__(self, database: Database, model: Any) -> None:
        self._database = database
        self._model = model

    def entity(self, fields: Fields) -> Any:
        return self._model(**{name: value for name, value in fields.items() if value is not None})

    def edited(self, fields: Fields, changes: Fields) -> Change:
        return fields["id"], changes

    def _of(self, status: str) -> Any:
        return self._model.select().where(self._model.status == status)

    def get(self, entity_id: str) -> Any:
        return self._model.get_or_none(self._model.id == entity_id)

    def create(self, item: Any) -> Any:
        item.save(force_insert=True)
        return item

    def update(self, change: Change) -> Any:
        entity_id, changes = change
        changed = self._model.update({**changes, "updated_at": _now()}).where(self._model.id == entity_id)
        (updated,) = changed.returning(self._model).execute()
        return updated

    def delete(self, entity_id: str) -> bool:
        return self._model.delete_by_id(entity_id) > 0  # type: ignore[no-any-return]

    def delete_many(self, ids: list[str]) -> None:
        self._model.delete().where(self._model.id.in_(ids)).execute()

    def list(self, status: str) -> list[Any]:
        return [*self._of(status).order_by(self._model.size, self._model.id)]

    def page(self, asked: tuple[str, int]) -> tuple[list[Any], int]:
        status, number = asked
        found = self._of(status).order_by(self._model.size, self._model.id).paginate(number, 50)
        return [*found], self.count_indexed(status)

    def count_indexed(self, status: str) -> int:
        return self._of(status).count()  # type: ignore[no-any-return]

    def count_scanned(self, least: int) -> int:
        return self._model.select().where(self._model.size >= least).count()  # type: ignore[no-any-return]

    def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Any], Cursor | None]:
        model = self._model
        found = model.select().order_by(model.created_at, model.id).limit(limit + 1)
        if after is not None:
            created, entity_id = after
            given = (model.created_at.db_value(created), entity_id)
            found = found.where(Tuple(model.created_at, model.id) > Tuple(*given))
        items = [*found]
        if len(items) <= limit:
            return items, None
        items.pop()
        return items, (items[-1].created_at, items[-1].id)

    def three(self, asked: tuple[Any, Change]) -> Any:
        new, change = asked
        with self._database.atomic():
            new.save(force_insert=True)
            updated = self.update(change)
            new.delete_instance()
        return updated

    def _stream(self) -> Iterable[Any]:
        every = self._model.select().order_by(self._model.id)
        if isinstance(self._database, SqliteDatabase):
            return every.iterator()  # type: ignore[no-any-return]
        return ServerSide(every, array_size=_BATCH)  # type: ignore[no-any-return]

    def drain(self, _: object = None) -> tuple[int, Any]:
        count, last = 0, None
        with self._database.atomic():
            for item in self._stream():
                count, last = count + 1, item
        return count, last

    def bulk_create(self, items: list[Any]) -> list[Any]:
        with self._database.atomic():
            self._model.bulk_create(items, batch_size=_BATCH)
        return items

    def bulk_update(self, changes: list[Change]) -> list[Any]:
        now = _now()
        wanted: Fields = dict(changes)
        with self._database.atomic():
            found = {item.id: item for item in self._model.select().where(self._model.id.in_([*wanted]))}
            for entity_id, values in changes:
                for name, value in (*values.items(), ("updated_at", now)):
                    setattr(found[entity_id], name, value)
            items = [found[entity_id] for entity_id in wanted]
            self._model.bulk_update(items, [*changes[0][1], "updated_at"], batch_size=_UPDATED)
        return items


class Candidate:
    """peewee."""

    def __init__(self, place: str) -> None:
        if place.startswith("sqlite:"):
            pragmas = [("auto_vacuum", "incremental"), *sqlite.PRAGMAS.items()]
            self.database: Database = SqliteDatabase(str(path_of(place)), pragmas=pragmas)
        else:
            set_json_loads(msgspec.json.decode)
            self.database = Psycopg3Database(place)
        model = declared(self.database)
        self.database.create_tables([model])
        self.items = Items(self.database, model)

    def close(self) -> None:
        self.database.close()
