"""SQLAlchemy 2's Core over sqlite3 or psycopg: statements made once, and their rows made entities.

A connection an operation. On PostgreSQL the engine commits single statements by themselves (AUTOCOMMIT), which saves
the round trips of BEGIN and COMMIT; what is of several statements begins a transaction.
"""

from __future__ import annotations

from typing import Any

from entities import Article, Fields, Item
from sqlalchemy import Engine

from . import _core_statements as statements
from . import _orm_models as models
from ._core_statements import Change
from ._orm_models import Cursor
from ._sqlalchemy import engine_at


class Kind:
    """What is the same for both tables."""

    def __init__(self, engine: Engine, together: Engine, sql: Any) -> None:
        self._engine = engine
        self._together = together
        self._sql = sql

    def entity(self, fields: Fields) -> Any:
        return self._sql.made(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Change:
        return fields["id"], changes

    def _every(self, statement: Any, **parameters: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return self._sql.every(connection.execute(statement, parameters))  # type: ignore[no-any-return]

    def get(self, entity_id: str) -> Any:
        with self._engine.connect() as connection:
            row = connection.execute(self._sql.get, {"key": entity_id}).one_or_none()
        return None if row is None else self._sql.one(row)

    def create(self, entity: Any) -> Any:
        row = self._sql.new(entity, models.now())
        with self._engine.begin() as connection:
            connection.execute(self._sql.insert, row)
        return self._sql.created(row)

    def update(self, change: Change) -> Any:
        entity_id, changes = change
        statement = self._sql.update(changes, models.now())
        with self._engine.begin() as connection:
            row = connection.execute(statement, {"key": entity_id}).one()
        return self._sql.one(row)

    def delete(self, entity_id: str) -> bool:
        with self._engine.begin() as connection:
            return connection.execute(self._sql.delete, {"key": entity_id}).rowcount > 0

    def delete_many(self, ids: list[str]) -> None:
        with self._engine.begin() as connection:
            connection.execute(self._sql.delete_many, {"ids": ids})

    def bulk_create(self, entities: list[Any]) -> list[Any]:
        now = models.now()
        rows = [self._sql.new(entity, now) for entity in entities]
        with self._together.begin() as connection:
            connection.execute(self._sql.insert, rows)
        return [self._sql.created(row) for row in rows]

    def bulk_update(self, changes: list[Change]) -> list[Any]:
        now, ids = models.now(), [entity_id for entity_id, _ in changes]
        with self._together.begin() as connection:
            connection.execute(self._sql.update_many(list(changes[0][1])), self._sql.values(changes, now))
            rows = connection.execute(self._sql.many, {"ids": ids})
            found = {entity.id: entity for entity in self._sql.every(rows)}
            return [found[entity_id] for entity_id in ids]


class Items(Kind):
    """The items."""

    def list(self, status: str) -> list[Item]:
        return self._every(self._sql.list, status=status)

    def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        with self._engine.connect() as connection:
            limits = {"limit": 50, "offset": 50 * (number - 1)}
            rows = connection.execute(self._sql.page, {"status": status, **limits})
            items = self._sql.every(rows)
            return items, connection.scalar(self._sql.counted, {"status": status})

    def count_indexed(self, status: str) -> int:
        with self._engine.connect() as connection:
            return connection.scalar(self._sql.counted, {"status": status})  # type: ignore[no-any-return]

    def count_scanned(self, least: int) -> int:
        with self._engine.connect() as connection:
            return connection.scalar(self._sql.scanned, {"least": least})  # type: ignore[no-any-return]

    def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Item], Cursor | None]:
        statement, parameters = self._sql.cursor_page(after, limit)
        return models.cut(self._every(statement, **parameters), limit)

    def three(self, asked: tuple[Item, Change]) -> Item:
        new, (entity_id, changes) = asked
        now = models.now()
        row = self._sql.new(new, now)
        with self._together.begin() as connection:
            connection.execute(self._sql.insert, row)
            updated = connection.execute(self._sql.update(changes, now), {"key": entity_id}).one()
            connection.execute(self._sql.delete, {"key": row["id"]})
        return self._sql.one(updated)  # type: ignore[no-any-return]

    def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        with self._together.connect() as connection:
            for row in connection.execute(self._sql.all):
                count, last = count + 1, self._sql.one(row)
        return count, last


class Articles(Kind):
    """The articles."""

    def search(self, text: str) -> list[Article]:
        parameters = models.all_words(self._sql.dialect, text)
        return self._every(self._sql.found, **parameters)


class Candidate:
    """Core."""

    def __init__(self, place: str) -> None:
        dialect = place.partition(":")[0]
        self.engine = engine_at(place, **statements.OPTIONS[dialect])
        models.Base.metadata.create_all(self.engine)
        together = self.engine.execution_options(**statements.TOGETHER[dialect])
        self.items = Items(self.engine, together, statements.Items())
        self.articles = Articles(self.engine, together, statements.Articles(dialect))

    def close(self) -> None:
        self.engine.dispose()
