"""Filters over ``Sample`` that cannot be meant, by the reason: (path, operator, operand)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Final, TypeAlias

from ..entities import Colour

__all__ = ["REFUSED_FILTERS", "Case"]

Case: TypeAlias = tuple[Any, Any, Any]
_NAN: Final = float("nan")
_INFINITY: Final = float("inf")
_NAIVE: Final = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - declared naive, or refused for being so
_AWARE: Final = _NAIVE.replace(tzinfo=dt.UTC)
_EAST: Final = dt.timezone(dt.timedelta(hours=1))
_BAD_PATTERNS: Final = (
    *(
        "(",
        "[",
        "*",
        "a{300}",
        "(?=a)",
        "(?<=a)",
        "(?!a)",
        r"(a)\1",
        "(a+)+$",
        "(a*)*b",
        "(?P<n>a)(?P=n)",
        "a++",
        "(?>a)",
    ),
    *("(?(1)a)", "\\", "[z-a]", "(?x)a", r"\p{L}", "x" * 30_001, "a\0"),
)
_BAD_PATHS: Final[tuple[Any, ...]] = (
    *(
        "",
        "nope",
        "Number",
        "number ",
        "number.x",
        "number[0]",
        "part.nope",
        "pair[7]",
        "tags.x",
        "tags[-1]",
        "tags[",
    ),
    *(
        "tags[x]",
        ".",
        "a..b",
        "number.",
        ".number",
        "[0]",
        "[*]",
        'extra["x',
        "extra['x']",
        "number; --",
        "number\0",
    ),
    *("x" * 5_000, "extra" + ".x" * 200, None, 5, b"number", ["number"]),
)
_BAD_OPERATORS: Final[tuple[Any, ...]] = (
    "",
    "=",
    "EQ",
    "$eq",
    "equals",
    "like ",
    "or",
    "IN",
    "eq; --",
    None,
    1,
)

REFUSED_FILTERS: Final[dict[str, list[Case]]] = {
    "numbers that nothing can hold": [
        *(("number", "eq", _NAN), ("number", "gt", _INFINITY), ("ratio", "lt", -_INFINITY)),
        *(("extra.x", "eq", _NAN),),
        *(("number", "eq", 2**63), ("number", "in", [1, -(2**63) - 1]), ("extra.x", "gt", 2**63)),
        *(("ratio", "eq", 2**63),),
        *(("amount", "eq", Decimal("NaN")), ("amount", "gt", Decimal("Infinity"))),
        *(("extra.x", "in", [1, _INFINITY]),),
    ],
    "text that nothing can hold": [
        *(("title", "eq", "\0"), ("title", "eq", "\ud800"), ("title", "in", ["a", "b\0"])),
        *(("extra.x", "eq", "\ud800"),),
        *(("title", "like", "%\0%"), ("title", "contains", "\udfff"), ("tags", "contains", "\0")),
        *(("title", "ilike", "\ud800"), ("title", "starts_with", "\0"), ("extra.x", "ends_with", "\ud800")),
    ],
    "another kind than the declared one": [
        *(("number", "eq", "1"), ("number", "eq", True), ("number", "in", [1, "2"]), ("number", "gt", "a")),
        *(("number", "eq", Decimal(1)), ("title", "eq", 1), ("title", "gt", 1), ("flag", "eq", 1)),
        *(("flag", "eq", "true"),),
        *(("ratio", "eq", "1.5"), ("amount", "eq", 1.5), ("amount", "eq", "a"), ("huge", "eq", 1.0)),
        *(("raw", "eq", "ab"),),
        *(("day", "eq", _AWARE), ("span", "eq", "1 day"), ("span", "eq", 5), ("moment", "eq", 0), ("key", "eq", 5)),
        *(("level", "eq", Colour.RED), ("colour", "eq", 1), ("part", "eq", 1), ("pair", "eq", (1,))),
        *(("pair[0]", "eq", "a"),),
        *(("tags", "eq", "a"), ("tags", "eq", [1]), ("counts", "eq", []), ("counts", "eq", {"a": "b"})),
        *(("marks", "contains", "a"), ("part.size", "eq", "a"), ("counts.x", "eq", "1"), ("tags[*]", "eq", 1)),
    ],
    "text that names no value": [
        *(("moment", "eq", "yesterday"), ("moment", "eq", "2024-13-01"), ("moment", "eq", "2024-01-01T25:00")),
        *(("day", "eq", "2024-02-30"), ("day", "eq", "01.02.2024"), ("clock", "eq", "25:00")),
        *(("key", "eq", "not a uuid"),),
        *(("colour", "eq", "RED"), ("level", "eq", 5), ("amount", "eq", "1,5"), ("amount", "eq", "NaN")),
        *(("amount", "eq", ""),),
    ],
    "what undeclared positions never hold": [
        *(("extra.x", "eq", Decimal(1)), ("extra.x", "eq", dt.date(2024, 1, 1)), ("extra.x", "eq", (1,))),
        *(("extra.x", "eq", b"a"), ("extra.x", "eq", {1: 2}), ("extra.x", "eq", {"a": [_NAN]})),
        *(("extra.x", "eq", object()),),
    ],
    "times on the wrong side of awareness, or outside of time": [
        *(("moment", "eq", _NAIVE), ("moment", "in", [_NAIVE]), ("local", "eq", _AWARE)),
        *(("clock", "eq", dt.time(1, tzinfo=dt.UTC)),),
        *(("local", "eq", "2024-01-01T00:00:00Z"), ("moment", "eq", dt.datetime(1, 1, 1, tzinfo=_EAST))),
        *(("moment", "gt", dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.timezone(-dt.timedelta(hours=1)))),),
        ("span", "gt", dt.timedelta.max),
    ],
    "values without an order": [
        *(
            (path, operator, value)
            for path in ("number", "title", "extra.x")
            for operator in ("gt", "gte", "lt", "lte")
            for value in (None, [1], {"a": 1})
        ),
        *(("tags", "gt", ["a"]), ("part", "lt", {"name": "a"}), ("counts", "gte", {}), ("pair", "lte", (1, "a"))),
        *(("number", "between", (1, None)), ("extra.x", "between", ([1], [2]))),
        *(("tags", "between", (["a"], ["b"])),),
    ],
    "operands of another form": [
        *(("number", "between", 1), ("number", "between", (1,)), ("number", "between", (1, 2, 3))),
        *(("number", "between", {1: 2}), ("number", "between", "12"), ("number", "between", None)),
        *(("number", "in", 1), ("number", "in", "12"), ("number", "in", None), ("title", "in", "abc")),
        *(("number", "in", {"a": 1}),),
        *(("number", "is_null", None), ("number", "is_null", 1), ("number", "is_null", "true")),
        *(("extra.x", "exists", None),),
        *(("title", "like", 1), ("title", "like", None), ("title", "starts_with", ["a"]), ("title", "regex", b"a")),
        *(("title", "contains", 1), ("title", "ends_with", None), ("extra.x", "ilike", 5)),
        *(("extra.x", "regex", None),),
    ],
    "tests of text or of elements where neither is": [
        *(("number", "like", "1"), ("number", "contains", 1), ("ratio", "starts_with", "1")),
        *(("flag", "regex", "t"),),
        *(("tags", "like", "a"), ("moment", "ilike", "2024%"), ("counts", "contains", "a")),
        *(("part", "contains", "a"),),
        *(("raw", "ends_with", "a"), ("colour", "ilike", 1), ("key", "contains", "a")),
    ],
    "Decimals inside lists, equal by value and different by digits": [
        *(("amounts", "eq", [Decimal(1)]), ("parts", "contains", {"name": "a"}), ("part", "in", [{"name": "a"}])),
    ],
    "patterns that are none": [
        *(("title", "like", "\\"), ("title", "like", "a\\"), ("title", "ilike", "%\\")),
        *(("title", "like", "x" * 30_001),),
        *(("title", "regex", pattern) for pattern in _BAD_PATTERNS),
    ],
    "paths that lead nowhere": [(path, "eq", 1) for path in _BAD_PATHS],
    "operators that are none": [("number", operator, 1) for operator in _BAD_OPERATORS],
}  # fmt: skip
