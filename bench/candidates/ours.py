"""The library, in the synchronous colour: repositories of one storage, with its defaults."""

from __future__ import annotations

from typing import Any

import durability
from entities import Article, Fields, Item

from torematrix.core.storage import CursorPagination, F, Pagination, Repository, Storage


class _Kind:
    """What is the same for both repositories."""

    def __init__(self, repository: Repository[Any]) -> None:
        self.repository = repository
        self.get = repository.get
        self.create = repository.create
        self.update = repository.update
        self.delete = repository.delete
        self.delete_many = repository.bulk_delete
        self.bulk_create = repository.bulk_create
        self.bulk_update = repository.bulk_update

    def entity(self, fields: Fields) -> Any:
        return self.repository.entity_class(**fields)

    def edited(self, fields: Fields, changes: Fields) -> Any:
        return self.repository.entity_class(**{**fields, **changes})


class Items(_Kind):
    """The items."""

    def __init__(self, repository: Repository[Any], storage: Storage) -> None:
        super().__init__(repository)
        self.storage = storage

    def list(self, status: str) -> list[Item]:
        return self.repository.list(F("status") == status, sort_by="size")

    def page(self, asked: tuple[str, int]) -> tuple[list[Item], int]:
        status, number = asked
        page = self.repository.list(F("status") == status, sort_by="size", pagination=Pagination(number, 50))
        return page.items, page.total

    def count_indexed(self, status: str) -> int:
        return self.repository.count(F("status") == status)

    def count_scanned(self, least: int) -> int:
        return self.repository.count(F("size") >= least)

    def cursor_page(self, after: str | None, limit: int = 50) -> tuple[list[Item], str | None]:
        pagination = CursorPagination(after=after, limit=limit)
        page = self.repository.list(sort_by="created_at", pagination=pagination)
        return page.items, page.next

    def three(self, asked: tuple[Item, Item]) -> Item:
        new, edited = asked
        with self.storage.transaction():
            created = self.repository.create(new)
            updated = self.repository.update(edited)
            self.repository.delete(created.id)
        return updated

    def drain(self, _: object = None) -> tuple[int, Item | None]:
        count, last = 0, None
        for item in self.repository.stream():
            count, last = count + 1, item
        return count, last


class Articles(_Kind):
    """The articles."""

    def search(self, text: str) -> list[Article]:
        return self.repository.search(text, pagination=CursorPagination(limit=20)).items


class Candidate:
    """The library."""

    def __init__(self, place: str) -> None:
        self.storage = Storage.open(place, durability="fast" if durability.is_relaxed() else "durable")
        self.items = Items(self.storage.repository(Item, searchable=[]), self.storage)
        self.articles = Articles(self.storage.repository(Article))
        self.storage.ready()

    def close(self) -> None:
        self.storage.close()
