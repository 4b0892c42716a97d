"""The statements of SQLAlchemy's Core, which both of its colours share: made once, with the values bound at each call.

They are about the tables that the ORM declares, and their rows become the entities that the floor has.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from entities import Article, Fields, Item
from sqlalchemy import Table, bindparam, delete, func, insert, select, tuple_, update

from torematrix.core.storage.face.ids import new_id

from . import _orm_models as models
from ._orm_models import Cursor

Change = tuple[str, Fields]
ITEMS: Final[Any] = models.Item.__table__
ARTICLES: Final[Any] = models.Article.__table__
OPTIONS: Final = {
    "sqlite": {},
    # A single statement needs no transaction around it, which takes two round trips.
    "postgresql": {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True},
}
"""The engine's, by the scheme of its place."""
TOGETHER: Final = {"sqlite": {}, "postgresql": {"isolation_level": "READ COMMITTED"}}
"""The same, of what has to be a transaction."""


class Kind:
    """The statements that are the same for both tables, and rows to and from entities."""

    def __init__(self, table: Table, made: type[Any]) -> None:
        self.table = table
        self.made = made
        self.columns = [table.c[name] for name in made.__dataclass_fields__]
        key = table.c.id == bindparam("key")
        self.get = select(*self.columns).where(key)
        self.many = select(*self.columns).where(table.c.id.in_(bindparam("ids", expanding=True)))
        self.insert = insert(table)
        self.delete = delete(table).where(key)
        self.delete_many = delete(table).where(table.c.id.in_(bindparam("ids", expanding=True)))

    def one(self, row: Any) -> Any:
        return self.made(*row)

    def every(self, rows: Any) -> list[Any]:
        return [self.made(*row) for row in rows]

    def new(self, entity: Any, now: dt.datetime) -> Fields:
        """The row of an entity to be created: what it has none of is filled."""
        row = {name: getattr(entity, name) for name in self.made.__dataclass_fields__}
        row["id"] = entity.id or new_id()
        row["created_at"] = entity.created_at or now
        row["updated_at"] = entity.updated_at or now
        return row

    def created(self, row: Fields) -> Any:
        """The entity as it is stored now: another object, which shares nothing with the one given."""
        return self.made(**{**row, "tags": list(row["tags"])})

    def update(self, changes: Fields, now: dt.datetime) -> Any:
        """The statement that changes these and gives back the row; for the same columns it is compiled once."""
        changed = update(self.table).where(self.table.c.id == bindparam("key"))
        return changed.values(**changes, updated_at=now).returning(*self.columns)

    def update_many(self, names: list[str]) -> Any:
        """The statement that changes these columns of many rows."""
        changed = update(self.table).where(self.table.c.id == bindparam("key"))
        return changed.values({name: bindparam(f"new_{name}") for name in (*names, "updated_at")})

    @staticmethod
    def values(changes: list[Change], now: dt.datetime) -> list[Fields]:
        """The parameters of ``update_many``."""
        return [
            {
                "key": entity_id,
                "new_updated_at": now,
                **{f"new_{name}": value for name, value in each.items()},
            }
            for entity_id, each in changes
        ]


class Items(Kind):
    """The statements about items."""

    def __init__(self) -> None:
        super().__init__(ITEMS, Item)
        c = ITEMS.c
        is_of = c.status == bindparam("status")
        self.list = select(*self.columns).where(is_of).order_by(c.size, c.id)
        self.counted = select(func.count()).select_from(ITEMS).where(is_of)
        self.scanned = select(func.count()).select_from(ITEMS).where(c.size >= bindparam("least"))
        self.page = self.list.limit(bindparam("limit")).offset(bindparam("offset"))
        self.first = select(*self.columns).order_by(c.created_at, c.id).limit(bindparam("limit"))
        follows = tuple_(c.created_at, c.id) > tuple_(
            bindparam("created", type_=c.created_at.type), bindparam("id", type_=c.id.type)
        )
        self.after = self.first.where(follows)
        self.all = select(*self.columns).order_by(c.id).execution_options(yield_per=1000)

    def cursor_page(self, after: Cursor | None, limit: int) -> tuple[Any, Fields]:
        """The statement of a page and one row more, and its parameters."""
        if after is None:
            return self.first, {"limit": limit + 1}
        return self.after, {"created": after[0], "id": after[1], "limit": limit + 1}


class Articles(Kind):
    """The statements about articles."""

    def __init__(self, dialect: str) -> None:
        super().__init__(ARTICLES, Article)
        names = ("id", "title", "body", "status", "tags", "created_at", "updated_at")
        self.found = models.search(dialect).columns(*(ARTICLES.c[name] for name in names))
        self.dialect = dialect

    def every(self, rows: Any) -> list[Any]:
        return [Article(**row) for row in rows.mappings()]
