"""Inputs that are no text: operators as dicts, objects that lie about what they are, numbers that nothing can hold."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

__all__ = ["CONTAINERS", "NUMBERS", "OBJECTS", "VALUES", "WRONG_NUMBERS"]


class _LyingText(str):  # noqa: SLOT000 - it is to be no plain str
    """A str that calls itself something else whenever it is asked."""

    def __str__(self) -> str:
        return "' OR 1=1 --"

    def __repr__(self) -> str:
        return "' OR 1=1 --"

    def __format__(self, spec: str) -> str:
        return "' OR 1=1 --"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class _LyingNumber(int):
    """An int whose text is SQL."""

    def __str__(self) -> str:
        return "1 OR 1=1"

    def __repr__(self) -> str:
        return "1 OR 1=1"


class _LyingDict(dict[str, Any]):
    """A dict that gives other entries than it holds."""

    def items(self) -> Any:
        return [("$where", "1")]

    def __iter__(self) -> Any:
        return iter(["$ne"])


class _Text(enum.StrEnum):
    OPERATOR = "$ne"


class _Extended:
    """What drivers take for SQL, BSON or a ready-made expression, by its attributes alone."""

    __sql__ = "1 OR 1=1"
    __html__ = "1"
    _bsontype = "ObjectID"
    _type_marker = 100
    subtype = 0
    raw = b"\x05\x00\x00\x00\x00"

    def __conform__(self, protocol: object) -> str:
        return "x' OR 1=1 --"

    def getquoted(self) -> bytes:
        return b"1 OR 1=1"

    def as_sql(self, *_: object) -> str:
        return "1 OR 1=1"

    def toSQL(self) -> str:  # noqa: N802 - as one library calls it
        return "1 OR 1=1"


def _itself() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = value
    return value


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"$not": value}
    return value


CONTAINERS: Final[tuple[Any, ...]] = (  # pyright: ignore[reportUnknownVariableType] - empty ones have no type
    *({"$gt": ""}, {"$ne": None}, {"$ne": 1}, {"$exists": True}, {"$regex": ".*"}, {"$in": ["a", "b"]}),
    *({"$where": "1"}, {"$where": "sleep(5000) || true"}, {"$expr": {"$eq": [1, 1]}}, {"$not": {"$eq": 1}}),
    {"$function": {"body": "function() { return true }", "args": [], "lang": "js"}},
    *(
        {"$or": [{}, {"a": 1}]},
        {"$and": []},
        {"$nor": []},
        {"$literal": 1},
        {"$eq": 1},
        {"$type": 2},
        {"$size": 0},
    ),
    *(
        {"$jsonSchema": {}},
        {"$comment": "x"},
        {"$elemMatch": {"$exists": True}},
        {"$all": [[]]},
        {"$mod": [1, 0]},
    ),
    *({"$ref": "users", "$id": 1, "$db": "admin"}, {"$oid": "0" * 24}, {"$numberLong": "1"}, {"$date": 0}),
    *(
        {"a": {"$gt": ""}},
        {"a": [{"$ne": 1}]},
        {"$set": {"title": "x"}},
        {"$unset": "title"},
        {"": 1},
        {".": 1},
    ),
    *(
        {"__proto__": {"x": 1}},
        {"constructor": {"prototype": {"x": 1}}},
        {"a.b": {"$c": 1}},
        {"title": 1, "id": 2},
    ),
    *(
        [{"$ne": None}],
        [{"$gt": ""}, 1],
        [[]],
        [[[]]],
        [None],
        [None, None],
        [{}],
        ["' OR 1=1 --"],
        {"0": "a"},
    ),
    *(
        {"password": {"password": 1}},
        {"title": {"title": 1}},
        {"inc": "x"},
        {"raw": "1 OR 1=1"},
        {"__raw": True},
    ),
    *({"_connector": "OR 1=1 OR"}, {"toSQL": "x"}, {"id": {"$gt": ""}}, {"[Symbol]": 1}, {}, []),
)
"""Dicts and lists that some library took for more than data. All of them can be stored."""

NUMBERS: Final[tuple[Any, ...]] = (
    *(0, -0.0, -1, 2**63 - 1, -(2**63), 2**53, float(2**53), 0.1, 1e308, 5e-324, True, False),
)
"""Numbers at the edges that can be stored."""

WRONG_NUMBERS: Final[tuple[Any, ...]] = (
    *(2**63, -(2**63) - 1, 2**64, 10**400, float("nan"), float("inf"), -float("inf"), 1j, Decimal("NaN")),
    *(Decimal("Infinity"), Decimal("1E+1000000")),
)
"""Numbers that no engine holds."""

OBJECTS: Final[tuple[Any, ...]] = (
    *(
        _LyingText("a"),
        _LyingNumber(1),
        _LyingDict(a=1),
        _Text.OPERATOR,
        _Extended(),
        _Extended,
        _itself(),
        _deep(200),
    ),
    *(object(), type, len, lambda: "x", ..., NotImplemented, range(3)),
    *({"a", "b"}, frozenset({1}), (1, "a")),
    *(b"' OR 1=1 --", bytearray(b"a"), memoryview(b"a"), b"\xff\xfe", UUID(int=0), dt.timedelta.max),
    *(
        dt.datetime.max.replace(tzinfo=dt.UTC),
        dt.datetime.min.replace(tzinfo=dt.UTC),
        dt.date.min,
        dt.time(0, tzinfo=dt.UTC),
    ),
    *({1: 2}, {None: 1}, {("a",): 1}, {b"a": 1}, {"a": object()}, [object()], slice(1), Exception("x"), None),
)
"""Objects that no declared place takes, or that are not what they say."""

VALUES: Final[tuple[Any, ...]] = (*CONTAINERS, *NUMBERS, *WRONG_NUMBERS, *OBJECTS)
