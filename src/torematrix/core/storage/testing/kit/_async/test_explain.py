"""What an operation would send, and how the engine would go about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from torematrix.core.storage import (
    Count,
    CursorPagination,
    Explanation,
    F,
    Feature,
    Index,
    InvalidQueryError,
    Pagination,
    QueryFilter,
    SortOrder,
    Sum,
)

from ..._async.harness import AsyncKit
from ...needs import needs
from ..entities import Article, Note

ASKED: Final[list[tuple[str, dict[str, Any]]]] = [
    ("list", {}),
    ("list", {"filters": F("title") == "t1", "sort_by": ["rank", ("title", SortOrder.DESC)]}),
    ("list", {"filters": [QueryFilter("meta.n", "gt", 1)], "pagination": Pagination(2, 5)}),
    ("list", {"sort_by": "price", "pagination": CursorPagination(limit=3)}),
    ("list", {"sort_by": "title", "sort_order": SortOrder.DESC}),
    ("count", {}),
    ("count", {"filters": ~F("title").ilike("%T%")}),
    ("get", {"entity_id": "1"}),
    pytest.param(  # type: ignore[list-item]  # marked
        "stream", {"filters": F("rank") > 1, "sort_by": "score", "batch_size": 2}, marks=needs(Feature.STREAM)
    ),
    pytest.param(  # type: ignore[list-item]  # marked
        "aggregate",
        {"filters": F("rank") > 1, "group_by": "done", "n": Count(), "sum": Sum("rank")},
        marks=needs(Feature.AGGREGATES),
    ),
    pytest.param("search", {"query": "words"}, marks=needs(Feature.SEARCH)),  # type: ignore[list-item]  # marked
    pytest.param(  # type: ignore[list-item]  # marked
        "search",
        {"query": "words", "fields": ["title"], "filters": F("rank") == 1, "pagination": Pagination(1, 5)},
        marks=needs(Feature.SEARCH),
    ),
]


async def _filled(kit: AsyncKit) -> Any:
    repository = await kit.repository(Note, indexes=[Index("meta.n", int), Index("rank", "score")])
    await kit.store(repository, [
        Note(f"t{number} words", str(number), rank=number % 3, meta={"n": number}) for number in range(10)
    ])  # fmt: skip
    return repository


@pytest.mark.parametrize(("operation", "arguments"), ASKED)
async def test_what_is_explained(kit: AsyncKit, operation: str, arguments: dict[str, Any]) -> None:
    """An explanation is plain data about what would be sent, values left out; nothing is changed."""
    repository = await _filled(kit)
    before = await repository.list()
    explanation: Explanation = await repository.explain(operation, **arguments)
    assert isinstance(explanation, Explanation)
    assert explanation.backend == kit.storage.backend
    assert explanation.operation
    for told in (explanation.statements, explanation.plan, explanation.emulated):
        assert isinstance(told, tuple)
        assert all(type(text) is str and text for text in told)
    assert explanation.uses_index in {True, False, None}
    plain = explanation.as_dict()
    assert plain["statements"] == explanation.statements
    assert plain["backend"] == explanation.backend
    assert await repository.explain(operation, **arguments) == explanation
    assert await repository.list() == before


async def test_an_engine_that_is_sent_statements_shows_them(kit: AsyncKit) -> None:
    """Either every operation has statements to show, or, where the library does everything itself, none has."""
    repository = await _filled(kit)
    shown = {
        bool((await repository.explain(operation, **arguments)).statements)
        for operation, arguments in (
            ("list", {}),
            ("count", {"filters": F("rank") == 1}),
            ("get", {"entity_id": "a"}),
            ("list", {"pagination": Pagination(1, 5)}),
        )
    }
    assert len(shown) == 1


async def test_list_is_what_is_explained(kit: AsyncKit) -> None:
    """Without a name it is ``list`` that is explained."""
    repository = await _filled(kit)
    assert await repository.explain() == await repository.explain("list")
    assert await repository.explain(filters=F("rank") == 1) == await repository.explain(
        "list", filters=F("rank") == 1
    )


async def test_values_are_not_in_the_statements(kit: AsyncKit) -> None:
    """Values are bound, not written into statements: those of two values are alike."""
    repository = await _filled(kit)
    for value in ("first' value", 'second" value'):
        explanation = await repository.explain(filters=F("title") == value)
        assert not any(value in statement for statement in explanation.statements)


INDEXED: Final[list[tuple[str, dict[str, Any]]]] = [
    ("get", {"entity_id": "5"}),
    ("list", {"filters": F("id") == "5"}),
    ("list", {"filters": F("rank") == 1}),
    ("count", {"filters": F("rank") == 1}),
    ("count", {"filters": F("rank").in_([1, 2])}),
    ("list", {"filters": F("rank") > 1, "sort_by": "rank"}),
    ("list", {"filters": F("meta.n") == 5}),
    ("list", {"filters": [F("rank") == 1, F("score") > 0.5]}),
    ("list", {"sort_by": "rank", "pagination": Pagination(1, 5)}),
    ("list", {"sort_by": "rank", "sort_order": SortOrder.DESC, "pagination": Pagination(1, 5)}),
    ("list", {"sort_by": "meta.n", "pagination": CursorPagination(limit=3)}),
    ("list", {"sort_by": ["rank", "score"], "pagination": CursorPagination(limit=3)}),
    ("list", {"pagination": CursorPagination(limit=3)}),
]


@pytest.mark.parametrize(("operation", "arguments"), INDEXED)
async def test_what_an_index_is_for_uses_it(kit: AsyncKit, operation: str, arguments: dict[str, Any]) -> None:
    """Where an engine tells how it finds rows, equality, ranges, sorts and cursors on what is indexed use the index."""
    explanation: Explanation = await (await _filled(kit)).explain(operation, **arguments)
    if explanation.statements and explanation.uses_index is not None:
        assert explanation.uses_index, explanation


async def test_what_no_index_is_for_says_so(kit: AsyncKit) -> None:
    """A condition on what is not indexed is not said to use an index."""
    repository = await kit.repository(Article)
    explanation = await repository.explain("count", filters=F("year") == 1)
    assert not explanation.uses_index


async def test_what_cannot_be_explained_is_refused(kit: AsyncKit) -> None:
    """Unknown operations, and arguments that the method would not take, raise InvalidQueryError."""
    repository = await _filled(kit)
    operations: tuple[Any, ...] = ("delete", "create", "", "List", "explain", None, 5, ["list"], {})
    for operation in operations:
        with pytest.raises(InvalidQueryError):
            await repository.explain(operation)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("list", {"nothing": 1}),
        ("list", {"filters": F("nothing") == 1}),
        ("list", {"filters": [QueryFilter("rank", "resembles", 1)]}),
        ("list", {"filters": F("rank") > "x"}),
        ("list", {"sort_by": "nothing"}),
        ("list", {"sort_by": "tags"}),
        ("list", {"pagination": 5}),
        ("list", {"pagination": CursorPagination(after="forged")}),
        ("count", {"sort_by": "rank"}),
        ("get", {}),
        ("get", {"id": "1"}),
        ("stream", {"batch_size": 0}),
        ("stream", {"pagination": Pagination()}),
        ("aggregate", {"n": 5}),
        ("aggregate", {"group_by": "tags", "n": Count()}),
        ("aggregate", {"n": Sum("title")}),
        ("search", {}),
        ("search", {"query": 5}),
        ("search", {"query": "a", "fields": ["rank"]}),
        ("search", {"query": "a", "sort_by": "rank"}),
    ]
    for operation, arguments in wrong:
        with pytest.raises(InvalidQueryError):
            await repository.explain(operation, **arguments)


async def test_every_argument_of_a_method_is_taken(kit: AsyncKit) -> None:
    """What a method takes, its explanation takes too, cursors of its own pages among it."""
    repository = await _filled(kit)
    page = await repository.list(F("rank") == 1, "title", pagination=CursorPagination(limit=1))
    cursor = CursorPagination(after=page.next, limit=2)
    taken: list[Callable[[], Awaitable[Explanation]]] = [
        lambda: repository.explain(
            "list", filters=F("rank") == 1, sort_by="title", sort_order=SortOrder.ASC, pagination=cursor
        ),
        lambda: repository.explain(
            "search",
            query="words",
            fields=None,
            pagination=CursorPagination(limit=2),
            filters=None,
            with_hits=True,
        ),
        lambda: repository.explain("get", entity_id=""),
    ]
    for explain in taken:
        assert (await explain()).backend == kit.storage.backend


@needs(Feature.TRANSACTIONS)
async def test_explaining_waits_for_nobody(kit: AsyncKit) -> None:
    """Inside a transaction too an explanation comes at once."""
    repository = await _filled(kit)
    async with kit.storage.transaction():
        await repository.patch("1", title="changed")
        explanation = await repository.explain("count", filters=F("rank") == 1)
    assert explanation.backend == kit.storage.backend
