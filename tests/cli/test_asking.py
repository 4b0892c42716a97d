"""Filters and sorts as text: what each means, and that no text at all gets further than that."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage import InvalidQueryError, QueryFilter, SortOrder, Storage
from torematrix.core.storage.cli.asking import filters_of, parse_filter, sorts_of
from torematrix.core.storage.cli.opening import Stored
from torematrix.core.storage.cli.outcome import CommandError
from torematrix.core.storage.model.markers import Index

DESCRIPTION: dict[str, Any] = {
    "freeform": True,
    "extras": True,
    "fields": {"id": {"shape": "str", "nullable": False, "column": "id"}},
    "revision": None,
    "indexes": [
        {"name": "a", "paths": ["zip"], "kinds": ["str"], "unique": False, "substring": False},
        {"name": "b", "paths": ["size"], "kinds": ["int"], "unique": False, "substring": False},
    ],
    "searchable": [],
}


@pytest.fixture(scope="module")
def stored():
    with Storage.open("memory://") as storage:
        repository = storage.repository(dict, "things", indexes=[Index("zip", str), Index("size", int)])
        repository.create({"id": "1", "zip": "01234", "size": 5, "tags": ["x"], "a b": {"c=d": None}})
        yield Stored("things", storage.collections()["things"], storage.stored_repository("things"))


@pytest.mark.parametrize(
    ("text", "field", "operator", "value"),
    [
        ("status==active", "status", "eq", "active"),
        ("status == active", "status", "eq", "active"),
        ("  status=active  ", "status", "eq", "active"),
        ("n!=1", "n", "ne", 1),
        ("n>=1.5", "n", "gte", 1.5),
        ("n<= -3", "n", "lte", -3),
        ("n > 1e3", "n", "gt", 1000.0),
        ("ok==true", "ok", "eq", True),
        ("x == null", "x", "eq", None),
        ('x == "true"', "x", "eq", "true"),
        ('x == "1 "', "x", "eq", "1 "),
        ("x == [1, 2]", "x", "eq", [1, 2]),
        ('x == {"a": 1}', "x", "eq", {"a": 1}),
        ("x == [1, 2", "x", "eq", "[1, 2"),
        ("x == two words", "x", "eq", "two words"),
        ("x == a==b", "x", "eq", "a==b"),
        ("x == ==", "x", "eq", "=="),
        ("zip == 12345", "zip", "eq", "12345"),
        ("zip == true", "zip", "eq", "true"),
        ("zip == null", "zip", "eq", None),
        ('zip == "12345"', "zip", "eq", "12345"),
        ("zip in 1,02", "zip", "in", ["1", "02"]),
        ("size == 5", "size", "eq", 5),
        ("size in 1, 2,3", "size", "in", [1, 2, 3]),
        ("size not_in [1]", "size", "not_in", [1]),
        ("size between 1,9", "size", "between", [1, 9]),
        ("tags contains x", "tags", "contains", "x"),
        ("tags contains 5", "tags", "contains", 5),
        ("t like 50%", "t", "like", "50%"),
        ("t like 5", "t", "like", "5"),
        ("t starts_with 1", "t", "starts_with", "1"),
        ("t regex ^a", "t", "regex", "^a"),
        ("x is_null", "x", "is_null", True),
        ("x is_null false", "x", "is_null", False),
        ("x exists", "x", "exists", True),
        ("a.b[0].c[*] == 1", "a.b[0].c[*]", "eq", 1),
        ('["a b"]["c=d"] is_null', '["a b"]["c=d"]', "is_null", True),
        ("größe > 1", "größe", "gt", 1),
        ("a-b:c == 1", "a-b:c", "eq", 1),
        ("x == __import__('os')", "x", "eq", "__import__('os')"),
    ],
)
def test_filters(stored, text: str, field: str, operator: str, value: object) -> None:
    """The field up to the operator, the operator, and the rest as JSON or, where it is none, as text."""
    found = parse_filter(text, stored)
    assert found == QueryFilter(field, operator, value)
    assert type(found.value) is type(value)
    stored.repository.count(found)


@given(
    st.text(max_size=40)
    | st.from_regex(r"\s*[a-z\[\]\".]{1,8}\s*(==|<|in|like|regex|contains)?\s*.{0,12}", fullmatch=True)
)
def test_no_text_gets_further(stored, text: str) -> None:
    """It is a filter, or it is refused as one; nothing else happens."""
    with contextlib.suppress(CommandError, InvalidQueryError):
        stored.repository.count(filters_of([text], stored))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (None, None),
        ([], None),
        (["size"], [("size", SortOrder.ASC)]),
        (["-size", "zip"], [("size", SortOrder.DESC), ("zip", SortOrder.ASC)]),
        (["size desc"], [("size", SortOrder.DESC)]),
        (["size asc"], [("size", SortOrder.ASC)]),
        (["-size desc"], [("size", SortOrder.ASC)]),
        (['["a b"].c'], [('["a b"].c', SortOrder.ASC)]),
    ],
)
def test_sorts(texts: list[str] | None, expected: object) -> None:
    """A field, descending with a hyphen before it or `desc` behind it."""
    assert sorts_of(texts) == expected


def test_no_sort_is_refused() -> None:
    """Empty text names no field."""
    for text in ("", "  "):
        with pytest.raises((CommandError, InvalidQueryError)):
            sorts_of([text])
