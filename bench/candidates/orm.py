"""SQLAlchemy 2's ORM over sqlite3 or psycopg, as its manual recommends, with the quickest form of each call.

A session an operation, ``expire_on_commit`` off; bulk writes by the unit of work, whose inserts SQLAlchemy batches.
"""

from __future__ import annotations

from typing import Any

from entities import Fields
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, sessionmaker

from . import _orm_models as models
from ._orm_models import Cursor
from ._sqlalchemy import engine_at

Change = tuple[str, Fields]


class Kind:
    """What is the same for both classes."""

    def __init__(self, sessions: sessionmaker[Session], model: Any) -> None:
        self._sessions = sessions
        self._model = model

    def entity(self, fields: Fields) -> Any:
        return self._model(**{name: value for name, value in fields.items() if value is not None})

    def edited(self, fields: Fields, changes: Fields) -> Change:
        return fields["id"], changes

    def get(self, entity_id: str) -> Any:
        with self._sessions() as session:
            return session.get(self._model, entity_id)

    def create(self, entity: Any) -> Any:
        with self._sessions.begin() as session:
            session.add(entity)
        return entity

    def update(self, change: Change) -> Any:
        entity_id, changes = change
        with self._sessions.begin() as session:
            entity = session.get_one(self._model, entity_id)
            for name, value in changes.items():
                setattr(entity, name, value)
        return entity

    def delete(self, entity_id: str) -> bool:
        with self._sessions.begin() as session:
            result: Any = session.execute(delete(self._model).where(self._model.id == entity_id))
        return result.rowcount > 0  # type: ignore[no-any-return]

    def delete_many(self, ids: list[str]) -> None:
        with self._sessions.begin() as session:
            session.execute(models.removed(self._model, ids))

    def bulk_create(self, entities: list[Any]) -> list[Any]:
        with self._sessions.begin() as session:
            session.add_all(entities)
        return entities

    def bulk_update(self, changes: list[Change]) -> list[Any]:
        wanted, now = dict(changes), models.now()
        with self._sessions.begin() as session:
            found = {e.id: e for e in session.scalars(select(self._model).where(self._model.id.in_(wanted)))}
            for entity_id, values in changes:
                # The unit of work would not tell the entities the times it gave many of them together.
                for name, value in (*values.items(), ("updated_at", now)):
                    setattr(found[entity_id], name, value)
        return [found[entity_id] for entity_id in wanted]


class Items(Kind):
    """The items."""

    def list(self, status: str) -> list[Any]:
        with self._sessions() as session:
            return list(session.scalars(models.listed(self._model, status)))

    def page(self, asked: tuple[str, int]) -> tuple[list[Any], int]:
        status, number = asked
        with self._sessions() as session:
            rows = session.scalars(
                models.listed(self._model, status).limit(50).offset(50 * (number - 1))
            ).all()
            return list(rows), session.scalar(models.counted(self._model, status))

    def count_indexed(self, status: str) -> int:
        with self._sessions() as session:
            return session.scalar(models.counted(self._model, status))  # type: ignore[no-any-return]

    def count_scanned(self, least: int) -> int:
        with self._sessions() as session:
            return session.scalar(models.scanned(self._model, least))  # type: ignore[no-any-return]

    def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Any], Cursor | None]:
        with self._sessions() as session:
            return models.cut(list(session.scalars(models.after(self._model, after, limit))), limit)

    def three(self, asked: tuple[Any, Change]) -> Any:
        new, (entity_id, changes) = asked
        with self._sessions.begin() as session:
            session.add(new)
            entity = session.get_one(self._model, entity_id)
            for name, value in changes.items():
                setattr(entity, name, value)
            session.flush()
            session.delete(new)
        return entity

    def drain(self, _: object = None) -> tuple[int, Any]:
        count, last = 0, None
        with self._sessions() as session:
            for item in session.scalars(
                select(self._model).order_by(self._model.id).execution_options(yield_per=1000)
            ):
                count, last = count + 1, item
        return count, last


class Articles(Kind):
    """The articles."""

    def __init__(self, sessions: sessionmaker[Session], model: Any, dialect: str) -> None:
        super().__init__(sessions, model)
        self._dialect = dialect
        self._search = select(model).from_statement(models.search(dialect))

    def search(self, text: str) -> list[Any]:
        parameters = models.all_words(self._dialect, text)
        with self._sessions() as session:
            return list(session.scalars(self._search, parameters))


class Candidate:
    """The ORM."""

    models: Any = models
    sessions: type[Session] = Session

    def __init__(self, place: str) -> None:
        self.engine = engine_at(place)
        self.models.Base.metadata.create_all(self.engine)
        sessions = sessionmaker(self.engine, class_=self.sessions, expire_on_commit=False)
        self.items = Items(sessions, self.models.Item)
        self.articles = Articles(sessions, self.models.Article, self.engine.dialect.name)

    def close(self) -> None:
        self.engine.dispose()
