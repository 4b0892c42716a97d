"""advanced-alchemy's synchronous repository over SQLAlchemy's ORM, with sqlite3 or psycopg.

A session and a repository an operation, as its manual's provider makes them. Entities are not read again after each
write (``auto_refresh`` off), and a page's total is a statement of its own: the window function that it would count by
has no answer behind the last page. There is no stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from advanced_alchemy.exceptions import NotFoundError
from advanced_alchemy.repository import SQLAlchemySyncRepository
from sqlalchemy.orm import Session, sessionmaker

from . import _alchemy as shared
from . import _orm_models as models
from ._orm_models import Cursor, Item
from ._sqlalchemy import engine_at


class Repository(SQLAlchemySyncRepository[Item]):
    """The repository of items."""

    model_type = Item


class Items:
    """The items."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions
        self.entity = shared.entity
        self.edited = shared.edited

    @contextmanager
    def _repository(self, *, auto_commit: bool = False) -> Iterator[Repository]:
        with self._sessions() as session:
            yield Repository(
                session=session,
                auto_commit=auto_commit,
                auto_refresh=False,
                count_with_window_function=False,
            )

    def get(self, entity_id: str) -> Item | None:
        with self._repository() as repository:
            return repository.get_one_or_none(Item.id == entity_id)

    def create(self, item: Item) -> Item:
        with self._repository(auto_commit=True) as repository:
            return repository.add(item)

    def update(self, item: Item) -> Item:
        with self._repository(auto_commit=True) as repository:
            return repository.update(item)

    def delete(self, entity_id: str) -> bool:
        with self._repository(auto_commit=True) as repository:
            try:
                repository.delete(entity_id)
            except NotFoundError:
                return False
        return True

    def delete_many(self, ids: list[str]) -> None:
        with self._repository(auto_commit=True) as repository:
            repository.delete_many(list(ids))

    def list(self, status: str) -> list[Item]:
        with self._repository() as repository:
            return repository.get_many(*shared.BY_SIZE, Item.status == status)

    def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        filters = (*shared.BY_SIZE, shared.page(number), Item.status == status)
        with self._repository() as repository:
            return repository.get_many_and_count(*filters)

    def count_indexed(self, status: str) -> int:
        with self._repository() as repository:
            return repository.count(Item.status == status)

    def count_scanned(self, least: int) -> int:
        with self._repository() as repository:
            return repository.count(Item.size >= least)

    def cursor_page(self, after: Cursor | None, limit: int = 50) -> tuple[list[Item], Cursor | None]:
        with self._repository() as repository:
            return models.cut(repository.get_many(*shared.after(after, limit)), limit)

    def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        with self._repository() as repository:
            created = repository.add(new)
            updated = repository.update(edited)
            repository.delete(created.id)
            repository.session.commit()
        return updated

    def bulk_create(self, items: list[Item]) -> list[Item]:
        with self._repository(auto_commit=True) as repository:
            return [*repository.add_many(items)]

    def bulk_update(self, items: list[Item]) -> list[Item]:
        with self._repository(auto_commit=True) as repository:
            return shared.ordered(items, repository.update_many(items))


class Candidate:
    """advanced-alchemy."""

    def __init__(self, place: str) -> None:
        self.engine = engine_at(place)
        models.Base.metadata.create_all(self.engine)
        self.items = Items(sessionmaker(self.engine, expire_on_commit=False))

    def close(self) -> None:
        self.engine.dispose()
