"""What an index is for uses it at 100,000 rows, with the planner as it comes; statements do not grow with the rows."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

import pytest

from torematrix.core.storage import CursorPagination, F, Index, Pagination, SortOrder, Storage, Sum, Unique
from torematrix.core.storage.testing.databases import Databases
from torematrix.core.storage.testing.server_fixtures import servers_of

pytestmark = pytest.mark.slow

ROWS = 100_000


@dataclass
class Row:
    title: Annotated[str, Index()]
    code: Annotated[str, Unique()]
    rank: Annotated[int | None, Index()] = None
    score: float = 0.0
    price: Annotated[Decimal, Index()] = Decimal(0)
    done: Annotated[bool, Index()] = False
    raw: Annotated[bytes, Index()] = b""
    note: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    id: str | None = None


INDEXES = [
    Index("meta.n", int),
    Index("meta.s", str),
    Index("meta.any"),
    Index("rank", "score"),
    Index("note", substring=True),
]


def rows(start, end):
    for i in range(start, end):
        yield Row(
            title=f"title {i * 7919 % ROWS:06}",
            code=f"code {i}",
            rank=None if i % 10 == 0 else i % 1_000,
            score=i / 3,
            price=Decimal(i % 5_000) / 100,
            done=i % 2 == 0,
            raw=str(i % 3_000).encode(),
            note=f"note {i * 31 % ROWS} lorem ipsum",
            meta={"n": i % 2_000, "s": f"s{i % 2_000}", "any": i % 3_000 if i % 2 else f"x{i}"},
            id=f"{i * 104_729 % 1_000_003:08}",
        )


@pytest.fixture(scope="module", params=["{postgresql}", "{postgresql_icu}"], ids=["c", "icu"])
def storage(request, tmp_path_factory):
    databases = Databases(
        request.param, lambda: tmp_path_factory.mktemp("storage"), lambda: servers_of(request.config)
    )
    try:
        with Storage.open(databases.new_url()) as opened:
            repository = opened.repository(Row, "rows", indexes=INDEXES, searchable=[])
            for start in range(0, ROWS, 10_000):
                repository.bulk_create(list(rows(start, start + 10_000)))
            yield opened
    finally:
        databases.drop()


@pytest.fixture(params=[False, True], ids=["as loaded", "analyzed"])
def repository(storage, request):
    """Before and after the server has looked at the values: the first is what a program meets after an import."""
    if request.param:
        with storage.transaction():
            storage.native.execute("ANALYZE rows")
    return storage.repository(Row, "rows", indexes=INDEXES, searchable=[])


SERVED = [
    ("get", {"entity_id": "00000005"}),
    ("list", {"filters": F("id") == "5"}),
    ("list", {"filters": F("code") == "code 5"}),
    ("list", {"filters": F("title") == "title 000005"}),
    ("list", {"filters": F("title").starts_with("title 00012")}),
    ("list", {"filters": F("title").like("title 00012%")}),
    ("count", {"filters": F("rank") == 1}),
    ("count", {"filters": F("rank").in_([1, 2])}),
    ("count", {"filters": (F("rank") == 1) & (F("score") > 10)}),
    ("count", {"filters": F("rank").is_null() & (F("id") > "00999")}),
    ("list", {"filters": F("price") == Decimal("1.50")}),
    ("list", {"filters": F("raw") == b"17"}),
    ("list", {"filters": F("meta.n") == 5}),
    ("list", {"filters": F("meta.n").between(5, 6)}),
    ("list", {"filters": F("meta.s") == "s5"}),
    ("list", {"filters": F("meta.any") == 5}),
    ("list", {"filters": F("meta.any") == "x6"}),
    ("count", {"filters": F("note").contains("note 777 ")}),
    ("count", {"filters": F("note").ilike("%NOTE 777 %")}),
    *(
        ("list", {"sort_by": by, "sort_order": order, "pagination": CursorPagination(limit=20)})
        for by in ("id", "title", "rank", "price", "done", "meta.n", "meta.s", ["rank", "score"])
        for order in (SortOrder.ASC, SortOrder.DESC)
    ),
    ("list", {"sort_by": "rank", "pagination": Pagination(1, 20)}),
    ("aggregate", {"filters": F("rank") == 1, "total": Sum("score")}),
]


@pytest.mark.parametrize(("operation", "arguments"), SERVED)
def test_what_an_index_is_for_uses_it(repository, operation, arguments):
    """Equality, ranges, prefixes, sorts and substrings of what is indexed read no more than they need."""
    explanation = repository.explain(operation, **arguments)
    assert explanation.uses_index, explanation


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": F("rank") > 998, "sort_by": "rank"},
        {"filters": F("price") < Decimal("0.02")},
    ],
)
def test_a_range_uses_it_once_the_server_has_looked(storage, arguments):
    """Of a table it has never analyzed PostgreSQL guesses that an open range holds a third."""
    with storage.transaction():
        storage.native.execute("ANALYZE rows")
    repository = storage.repository(Row, "rows", indexes=INDEXES, searchable=[])
    explanation = repository.explain("list", **arguments)
    assert explanation.uses_index, explanation


@pytest.mark.parametrize("count", [50, 64, 65, 500])
def test_many_values_use_it_once_the_server_has_looked(storage, count):
    """Of a table it has never analyzed PostgreSQL guesses that each value has one row in 200, and reads all of them."""
    with storage.transaction():
        storage.native.execute("ANALYZE rows")
    repository = storage.repository(Row, "rows", indexes=INDEXES, searchable=[])
    filters = F("title").in_([f"title {n:06}" for n in range(count)])
    explanation = repository.explain("list", filters=filters)
    assert explanation.uses_index, explanation
    assert repository.count(filters) == count


@pytest.mark.parametrize("order", [SortOrder.ASC, SortOrder.DESC])
@pytest.mark.parametrize("by", ["rank", "done", "meta.n", "price", ["rank", "score"], "id"])
def test_pages_deep_inside_begin_at_an_index(repository, by, order):
    """A page behind a cursor is read from where it begins: nothing is sorted, and nothing before it is passed over."""
    arguments = {"sort_by": by, "sort_order": order}
    page = repository.list(**arguments, pagination=CursorPagination(limit=30_000))
    page = repository.list(**arguments, pagination=CursorPagination(after=page.next, limit=30_000))
    following = CursorPagination(after=page.next, limit=20)
    explanation = repository.explain("list", **arguments, pagination=following)
    assert explanation.uses_index
    assert not any("Sort" in step or "Bitmap" in step for step in explanation.plan), explanation


def test_statements_do_not_grow_with_the_rows(storage):
    """However many rows there are, and however many values are asked for, an operation sends as many statements."""
    few = storage.repository(Row, "few", indexes=INDEXES, searchable=[])
    few.bulk_create(list(rows(0, 10)))
    many = storage.repository(Row, "rows", indexes=INDEXES, searchable=[])
    for operation, arguments in SERVED:
        counts = {len(repository.explain(operation, **arguments).statements) for repository in (few, many)}
        assert len(counts) == 1


def test_what_no_index_is_for_says_so(repository):
    """A condition on what is not indexed reads the whole table, and the explanation says it."""
    assert repository.explain("count", filters=F("score") == 1.0).uses_index is False
