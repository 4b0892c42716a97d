"""What a repository's methods give, as type checkers see it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any, assert_type

from torematrix.core.storage import (
    Count,
    CursorPage,
    CursorPagination,
    Explanation,
    F,
    Index,
    MemoryRepository,
    PaginatedResult,
    Pagination,
    QueryFilter,
    Repository,
    Revision,
    SearchHit,
    SortOrder,
    Storage,
    Sum,
)


@dataclass
class Note:
    title: str
    stars: Annotated[int, Index()] = 0
    id: str | None = None
    revision: Annotated[int, Revision()] = 0


def entities(repository: Repository[Note]) -> None:
    note = assert_type(repository.create(Note("first")), Note)
    assert_type(repository.entity_class, type[Note])
    assert_type(repository.get(str(note.id)), Note | None)
    assert_type(repository.get_many([str(note.id)]), list[Note])
    assert_type(repository.update(note), Note)
    assert_type(repository.patch(str(note.id), title="second"), Note)
    assert_type(repository.upsert(Note("third")), Note)
    assert_type(repository.exists(str(note.id)), bool)
    assert_type(repository.delete(str(note.id)), bool)
    assert_type(repository.bulk_update(repository.bulk_create([Note("fourth")])), list[Note])
    assert_type(repository.bulk_delete(["fifth"]), int)
    assert_type(repository.count(F("stars") > 3), int)


def lists(repository: Repository[Note], page: Pagination | None) -> None:
    assert_type(repository.list(), list[Note])
    assert_type(repository.list([QueryFilter("stars", "gte", 3), F("title") == "x"], "stars"), list[Note])
    assert_type(repository.list(sort_by=["title", ("stars", SortOrder.DESC)]), list[Note])
    assert_type(repository.list(pagination=None), list[Note])
    assert_type(repository.list(pagination=Pagination(1, 10)), PaginatedResult[Note])
    assert_type(repository.list(pagination=CursorPagination(limit=10)), CursorPage[Note])
    assert_type(repository.list(pagination=page), list[Note] | PaginatedResult[Note])
    assert_type(repository.find_one(F("stars") == 3), Note | None)


def pages(repository: Repository[Note]) -> None:
    result = repository.list(pagination=Pagination(1, 10))
    assert_type(result.items, list[Note])
    assert_type(result.total, int)
    assert_type(result.has_next, bool)
    page = repository.list(pagination=CursorPagination(limit=10))
    assert_type(page.items, list[Note])
    assert_type(page.next, str | None)


def streams(repository: Repository[Note]) -> None:
    assert_type(repository.stream(batch_size=10), Generator[Note, None, None])
    for note in repository:
        assert_type(note, Note)


def searches(repository: Repository[Note], page: Pagination | None) -> None:
    assert_type(repository.search("words"), list[Note])
    assert_type(repository.search("words", ["title"], filters=F("stars") > 3), list[Note])
    assert_type(repository.search("words", pagination=Pagination(1, 10)), PaginatedResult[Note])
    assert_type(repository.search("words", pagination=CursorPagination(limit=10)), CursorPage[Note])
    assert_type(repository.search("words", pagination=page), list[Note] | PaginatedResult[Note])
    hits = assert_type(repository.search("words", with_hits=True), list[SearchHit[Note]])
    for hit in hits:
        assert_type(hit.entity, Note)
        assert_type(hit.score, int)
        assert_type(hit.snippets, dict[str, str])
    by_number = repository.search("words", pagination=Pagination(1, 10), with_hits=True)
    assert_type(by_number, PaginatedResult[SearchHit[Note]])
    by_position = repository.search("words", pagination=CursorPagination(limit=10), with_hits=True)
    assert_type(by_position, CursorPage[SearchHit[Note]])


def summaries(repository: Repository[Note]) -> None:
    assert_type(repository.aggregate(notes=Count(), stars=Sum("stars")), list[dict[str, Any]])
    assert_type(repository.aggregate(F("stars") > 3, ["title"], notes=Count()), list[dict[str, Any]])
    assert_type(repository.explain("list", filters=F("stars") > 3), Explanation)


def main() -> None:
    with Storage.open("memory://") as storage:
        repository = storage.repository(Note)
        assert isinstance(repository, MemoryRepository)
        entities(repository)
        lists(repository, None)
        pages(repository)
        streams(repository)
        searches(repository, None)
        summaries(repository)
