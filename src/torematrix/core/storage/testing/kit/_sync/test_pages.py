# generated from _async/test_pages.py by tools/generate_twins.py: do not edit
"""Pages: whatever the size and the direction, a walk through them is the sorted list."""

from __future__ import annotations

import base64
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage import (
    CursorPage,
    CursorPagination,
    DuplicateError,
    F,
    Index,
    InvalidQueryError,
    Pagination,
    QueryFilter,
    SortOrder,
)

from ..._sync.harness import Kit
from ...entities import SUBJECTS
from ...questions import filters, sorts
from ...strategies import effort, entities
from ..entities import Note, Plain

ASC, DESC = SortOrder.ASC, SortOrder.DESC


def _forward(repository: Any, condition: Any, sort_by: Any, limit: int) -> tuple[list[Any], CursorPage[Any]]:
    """Everything from the first page to the last, and the last page."""
    items: list[Any] = []
    page = repository.list(condition, sort_by=sort_by, pagination=CursorPagination(limit=limit))
    while True:
        assert len(page.items) <= limit
        items += page.items
        if page.next is None:
            return items, page
        assert len(page.items) == limit
        page = repository.list(
            condition, sort_by=sort_by, pagination=CursorPagination(after=page.next, limit=limit)
        )


def _backward(repository: Any, condition: Any, sort_by: Any, limit: int, last: CursorPage[Any]) -> list[Any]:
    """Everything from the last page back to the first."""
    items = list(last.items)
    page = last
    while page.previous is not None:
        page = repository.list(
            condition, sort_by=sort_by, pagination=CursorPagination(before=page.previous, limit=limit)
        )
        assert len(page.items) <= limit
        assert page.next is not None
        items = page.items + items
    return items


def _walks(repository: Any, condition: Any, sort_by: Any, limit: int) -> bool:
    """Assert that pages of that size, by number and by cursor, there and back, give the sorted list."""
    whole = repository.list(condition, sort_by=sort_by)
    forward, last = _forward(repository, condition, sort_by, limit)
    assert forward == whole
    assert _backward(repository, condition, sort_by, limit, last) == whole
    numbered: list[Any] = []
    number = 0
    while True:
        number += 1
        page = repository.list(condition, sort_by=sort_by, pagination=Pagination(number, limit))
        assert page.total == len(whole)
        numbered += page.items
        assert page.has_next == (len(numbered) < len(whole))
        if not page.has_next:
            break
    assert numbered == whole
    return True


SORTS: list[Any] = [
    None,
    "rank",
    [("rank", DESC)],
    ["rank", ("score", DESC)],
    [("done", DESC), ("rank", ASC), ("score", DESC)],
    [("price", ASC), ("id", DESC)],
    [("price", DESC)],
    [("meta.n", DESC), ("title", ASC)],
]


@pytest.mark.parametrize("sort_by", SORTS, ids=str)
def test_a_walk_is_the_sorted_list(kit: Kit, sort_by: Any) -> None:
    """At every page size and in both directions, pages give each entity once, in order; nulls and equals included."""
    repository = kit.repository(
        Note, indexes=[Index("meta.n", int), Index("rank", "score"), Index("done", "rank")]
    )
    prices = [None, Decimal("1.0"), Decimal("1.00"), Decimal(2), Decimal("-1E-10")]
    kit.store(repository, [
        Note(
            "ab"[number % 2],
            rank=[None, 1, 1, 2, -5][number % 5],
            score=[None, 0.5, 0.5, 1e300][number % 4],
            price=prices[number % 5],
            done=[None, True, False][number % 3],
            meta={"n": number % 3} if number % 2 else {},
        )
        for number in range(23)
    ])  # fmt: skip
    for limit in (1, 2, 3, 5, 7, 11, 22, 23, 24, 100):
        _walks(repository, None, sort_by, limit)
    _walks(repository, F("rank") == 1, sort_by, 2)
    _walks(repository, F("rank").is_null(), sort_by, 2)
    _walks(repository, F("rank") == 77, sort_by, 2)


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_a_walk_is_the_sorted_list_whatever_is_asked(kit: Kit, name: str) -> None:
    """Over random entities, filters and sorts, walks through pages of a random size give the sorted list."""
    subject = SUBJECTS[name]
    repository: Any = kit.run(kit.repository(subject.entity_class, **subject.declarations))

    @effort(0.15)
    @given(
        st.lists(entities(subject.schema), max_size=8),
        st.one_of(st.none(), filters(subject.schema)),
        sorts(subject.schema),
        st.sampled_from([1, 2, 3, 5]),
    )
    def check(stored: list[Any], condition: Any, sort_by: Any, limit: int) -> None:
        assert kit.run(_store(kit, repository, stored))
        assert kit.run(_walks(repository, condition, sort_by, limit))

    check()


def _store(kit: Kit, repository: Any, stored: list[Any]) -> bool:
    """Replace everything in the collection, without entities whose unique values are taken."""
    kit.clear(repository)
    for entity in stored:
        with suppress(DuplicateError):
            repository.create(entity)
    return True


def test_pages_by_number(kit: Kit) -> None:
    """A numbered page says how many there are; beyond the last it is empty, and of size 0 it only counts."""
    repository = kit.repository(Plain)
    created = kit.store(repository, [Plain(number, f"{number:02}") for number in range(25)])
    page = repository.list(pagination=Pagination(3, 10))
    assert page.items == created[20:]
    assert (page.total, page.page, page.per_page, page.pages, page.has_next, page.has_prev) == (
        25,
        3,
        10,
        3,
        False,
        True,
    )
    first = repository.list(F("value") < 5, pagination=Pagination(1, 3))
    assert (first.total, first.pages, first.has_next, first.has_prev) == (5, 2, True, False)
    beyond = repository.list(pagination=Pagination(4, 10))
    assert (beyond.items, beyond.total, beyond.has_next, beyond.has_prev) == ([], 25, False, True)
    far = repository.list(pagination=Pagination(2**31, 2**31))
    assert (far.items, far.total) == ([], 25)
    counting = repository.list(pagination=Pagination(1, 0))
    assert (counting.items, counting.total, counting.pages) == ([], 25, 0)


def test_the_edges_of_a_walk(kit: Kit) -> None:
    """The first page has no previous cursor and the last no next one; an empty page has neither."""
    repository = kit.repository(Plain)
    empty = repository.list(pagination=CursorPagination(limit=5))
    assert (empty.items, empty.next, empty.previous) == ([], None, None)
    created = kit.store(repository, [Plain(number, f"{number:02}") for number in range(10)])
    whole = repository.list(pagination=CursorPagination(limit=10))
    assert (whole.items, whole.next, whole.previous) == (created, None, None)
    first = repository.list(pagination=CursorPagination(limit=5))
    assert first.previous is None
    second = repository.list(pagination=CursorPagination(after=first.next, limit=5))
    assert (second.items, second.next) == (created[5:], None)
    back = repository.list(pagination=CursorPagination(before=second.previous, limit=5))
    assert (back.items, back.previous) == (created[:5], None)
    part = repository.list(pagination=CursorPagination(before=second.previous, limit=2))
    assert part.items == created[3:5]
    assert part.previous is not None


def test_a_cursor_stands_where_it_stood(kit: Kit) -> None:
    """What is written meanwhile neither repeats nor hides entities; the one at the edge may even be gone."""
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(number, f"{number:02}") for number in range(0, 20, 2)])
    page = repository.list(sort_by="value", pagination=CursorPagination(limit=3))
    assert [entity.value for entity in page.items] == [0, 2, 4]
    repository.delete("04")
    kit.store(repository, [Plain(1, "01"), Plain(3, "03"), Plain(5, "05")])
    following = repository.list(sort_by="value", pagination=CursorPagination(after=page.next, limit=3))
    assert [entity.value for entity in following.items] == [5, 6, 8]
    back = repository.list(sort_by="value", pagination=CursorPagination(before=following.previous, limit=9))
    assert [entity.value for entity in back.items] == [0, 1, 2, 3]


def test_a_cursor_keeps_its_page_size_to_itself(kit: Kit) -> None:
    """Each page of a walk may have a size of its own."""
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(number, f"{number:02}") for number in range(10)])
    cursor, seen = None, list[int]()
    for limit in (1, 4, 2, 100):
        page = repository.list(pagination=CursorPagination(after=cursor, limit=limit))
        seen += [entity.value for entity in page.items]
        cursor = page.next
    assert seen == list(range(10))
    assert cursor is None


def _cursor(repository: Any, **asked: Any) -> str:
    page = repository.list(pagination=CursorPagination(limit=1), **asked)
    return str(page.next)


def test_a_foreign_cursor_is_refused(kit: Kit) -> None:
    """A cursor of another sort, direction, filter, collection or search raises InvalidQueryError."""
    repository = kit.repository(Note)
    other = kit.repository(Note)
    for each in (repository, other):
        kit.store(each, [Note("a word", rank=number) for number in range(3)])
    searched = repository.search("word", pagination=CursorPagination(limit=1))
    foreign = [
        _cursor(repository),
        _cursor(repository, sort_by="rank", sort_order=DESC),
        _cursor(repository, sort_by=["rank", "title"]),
        _cursor(repository, sort_by="score"),
        _cursor(repository, sort_by="rank", filters=F("rank") >= 0),
        _cursor(other, sort_by="rank"),
        str(searched.next),
    ]
    assert "None" not in foreign
    for cursor in foreign:
        for pagination in (CursorPagination(after=cursor), CursorPagination(before=cursor)):
            with pytest.raises(InvalidQueryError):
                repository.list(sort_by="rank", pagination=pagination)
    own = _cursor(repository, sort_by="rank")
    with pytest.raises(InvalidQueryError):
        repository.search("word", pagination=CursorPagination(after=own))
    with pytest.raises(InvalidQueryError):
        repository.search("words", pagination=CursorPagination(after=searched.next))
    with pytest.raises(InvalidQueryError):
        repository.list([QueryFilter("rank", "gte", 1)], "rank", pagination=CursorPagination(after=own))


def test_a_cursor_of_another_database_is_refused(kit: Kit) -> None:
    """Cursors are signed with a key of the database they come from."""
    repository = kit.repository(Plain)
    storage = kit.fresh()
    other = storage.repository(Plain, repository.collection_name)
    for each in (repository, other):
        kit.store(each, [Plain(number, str(number)) for number in range(3)])
    cursor = _cursor(other)
    assert other.list(pagination=CursorPagination(after=cursor)).items
    with pytest.raises(InvalidQueryError):
        repository.list(pagination=CursorPagination(after=cursor))


def test_a_forged_cursor_is_refused(kit: Kit) -> None:
    """A cursor that was changed anywhere, cut or made up raises InvalidQueryError, and nothing else."""
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(number, str(number)) for number in range(3)])
    cursor = _cursor(repository)
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    forged = [cursor[:at] for at in range(0, len(cursor), 5)]
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        forged.append(base64.urlsafe_b64encode(changed).decode().rstrip("="))
    forged += [
        "",
        "a",
        "null",
        "{}",
        "=" * 10,
        cursor + "A",
        cursor + "\n",
        " " + cursor,
        cursor * 2,
        "é",
        "\0",
        "\ud800",
    ]
    forged += ["A" * 500_000, base64.urlsafe_b64encode(b"\x00" * 40).decode(), "' OR 1=1 --"]
    for text in forged:
        for pagination in (CursorPagination(after=text), CursorPagination(before=text)):
            with pytest.raises(InvalidQueryError):
                repository.list(pagination=pagination)


def test_pages_are_checked(kit: Kit) -> None:
    """Sizes and numbers below their least, of another type or beyond any offset raise InvalidQueryError."""
    del kit
    wrong: list[tuple[Any, ...]] = [
        (0, 1),
        (-1, 1),
        (1, -1),
        (1.0, 1),
        ("1", 1),
        (True, 1),
        (None, 1),
        (2**40, 2**40),
    ]
    for page, per_page in wrong:
        with pytest.raises(InvalidQueryError):
            Pagination(page, per_page)
    limits: tuple[Any, ...] = (0, -1, 1.5, "1", None, True, 2**64)
    for limit in limits:
        with pytest.raises(InvalidQueryError):
            CursorPagination(limit=limit)
    with pytest.raises(InvalidQueryError):
        CursorPagination(after="a", before="b")
    cursors: tuple[Any, ...] = (5, b"a", ["a"])
    for cursor in cursors:
        with pytest.raises(InvalidQueryError):
            CursorPagination(after=cursor)


def test_what_is_no_page_is_refused(kit: Kit) -> None:
    """``pagination`` is a Pagination or a CursorPagination; anything else raises InvalidQueryError."""
    repository = kit.repository(Plain)
    wrong: tuple[Any, ...] = (5, "1", (1, 50), {"page": 1}, {"after": None})
    for pagination in wrong:
        with pytest.raises(InvalidQueryError):
            repository.list(pagination=pagination)


def test_the_largest_limit(kit: Kit) -> None:
    """A page may be as large as every engine can be asked for; a larger one is refused when it is written."""
    repository = kit.repository(Plain)
    repository.create(Plain(1))
    page = repository.list(pagination=CursorPagination(limit=2**63 - 2))
    assert len(page.items) == 1
    for limit in (2**63 - 1, 2**63, 0):
        with pytest.raises(InvalidQueryError, match="limit"):
            CursorPagination(limit=limit)
