"""The rules of the operators, one by one, as questions with the answers written beside them.

A random question shows that two backends agree; these show that they agree on the right answer. ``TYPED`` and ``LOOSE``
are small collections in which every entity's id says what it holds; ``EXAMPLES`` are questions about them.
"""

# Size: one table of questions with their answers, which are read side by side.

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec

from ..model.markers import Big, Index, Naive
from ..query.filters import Expression, F, QueryFilter

__all__ = ["EXAMPLES", "LOOSE", "SORTS", "TYPED", "Example", "SortExample", "Typed"]


class Colour(enum.Enum):
    """An enumeration of strings."""

    RED = "red"
    GREEN = "green"


class Part(msgspec.Struct):
    """A record inside a record."""

    name: str | None = None
    size: int | None = None


@dataclass
class Typed:
    """A field of every kind that the rules tell apart."""

    id: str | None = None
    text: str | None = None
    number: Annotated[int | None, Index()] = None
    ratio: float | None = None
    flag: bool | None = None
    amount: Decimal | None = None
    huge: Annotated[int | None, Big()] = None
    moment: dt.datetime | None = None
    local: Annotated[dt.datetime | None, Naive()] = None
    day: dt.date | None = None
    key: UUID | None = None
    blob: bytes | None = None
    colour: Colour | None = None
    tags: list[str] = field(default_factory=list)
    marks: list[int | None] = field(default_factory=list)
    prices: list[Decimal] = field(default_factory=list)
    point: tuple[int, str] | None = None
    part: Part | None = None
    parts: list[Part] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    costs: dict[str, Decimal] = field(default_factory=dict)
    either: int | str | list[int] | None = None
    anything: Any = None


_UTC: Final = dt.UTC
_FAR: Final = 2**53

TYPED: Final = (
    Typed("nothing"),
    Typed("one", number=1, ratio=1.0, flag=True, text="1", either=1, anything=1),
    Typed("two", number=2, ratio=2.5, flag=False, text="2", either="1", anything=[1, "a", None]),
    Typed("least", number=-(2**63), ratio=-1.5, either=[1, 2]),
    Typed("most", number=2**63 - 1, ratio=1.7976931348623157e308, either=[]),
    Typed("far", number=_FAR, ratio=float(_FAR), either="abc"),
    Typed("further", number=_FAR + 1, ratio=float(_FAR + 2)),
    Typed("abc", text="abc"),
    Typed("Abc", text="Abc"),
    Typed("empty", text=""),
    Typed("percent", text="50%"),
    Typed("stars", text="a*b?c[d]_\\"),
    Typed("lines", text="a\nb"),
    Typed("eclair", text="\u00e9clair"),
    Typed("ECLAIR", text="\u00c9CLAIR"),
    Typed("astral", text="\U0010ffff\U0010ffff"),
    Typed("edge", text="\ud7ffx"),
    Typed(
        "dec1", amount=Decimal("1.0"), huge=1, prices=[Decimal("1.00"), Decimal(2)], costs={"a": Decimal(1)}
    ),
    Typed("dec2", amount=Decimal("1.00"), huge=2**70, prices=[Decimal(-3)]),
    Typed("dec3", amount=Decimal("-2.5"), huge=-(2**70)),
    Typed("dec4", amount=Decimal(100)),
    Typed(
        "newyear",
        moment=dt.datetime(2024, 1, 1, tzinfo=_UTC),
        local=dt.datetime(2024, 1, 1, tzinfo=_UTC).replace(tzinfo=None),
        day=dt.date(2024, 1, 1),
    ),
    Typed("later", moment=dt.datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=_UTC), day=dt.date(2024, 2, 29)),
    Typed("low", key=UUID(int=1), blob=b"\x00\xff", colour=Colour.RED),
    Typed("high", key=UUID(int=2), blob=b"", colour=Colour.GREEN),
    Typed("lists", tags=["x", "y"], marks=[1, None, 3], point=(1, "p")),
    Typed("list", tags=["x"], marks=[2], point=(2, "p")),
    Typed("whole", part=Part("ann", 3), parts=[Part("ann", 3), Part("bob", None)], sizes={"a": 1, "b": 2}),
    Typed("half", part=Part(None, 4), parts=[Part("bob", 3)], sizes={"a": 2}),
)
"""Each holds what its id says; whatever is not given is null, or empty for lists and dicts."""

LOOSE: Final[tuple[dict[str, Any], ...]] = (
    {"id": "missing"},
    {"id": "null", "v": None},
    {"id": "zero", "v": 0},
    {"id": "one", "v": 1},
    {"id": "float", "v": 1.0},
    {"id": "half", "v": 1.5},
    {"id": "true", "v": True},
    {"id": "false", "v": False},
    {"id": "text1", "v": "1"},
    {"id": "empty", "v": ""},
    {"id": "abc", "v": "abc"},
    {"id": "ABC", "v": "ABC"},
    {"id": "json", "v": '{"a":1}'},
    {"id": "nil", "v": []},
    {"id": "list1", "v": [1]},
    {"id": "list1f", "v": [1.0]},
    {"id": "list12", "v": [1, 2]},
    {"id": "list21", "v": [2, 1]},
    {"id": "listnull", "v": [None, "abc", True]},
    {"id": "nested", "v": [[1], {"a": 1}, "1"]},
    {"id": "void", "v": {}},
    {"id": "dict", "v": {"a": 1, "b": 2}},
    {"id": "tcid", "v": {"b": 2, "a": 1.0}},
    {"id": "part", "v": {"a": 1}},
    {"id": "textual", "v": {"a": "1.0", "0": "k"}},
    {"id": "deep", "v": {"a": {"b": [{"c": 1, "d": 2}, {"c": 2, "d": 1}]}, "b.c": 1, "é": None}},
    {"id": "$gt", "v": {"$gt": ""}},
)
"""Free-form documents, each with at most one value at ``v``."""


class Example(msgspec.Struct, frozen=True):
    """A question and its answer: the ids for which the filter holds, of ``TYPED`` or of ``LOOSE``."""

    filters: Expression
    holds: str
    loose: bool = False

    @property
    def ids(self) -> set[str]:
        """The ids, one by one."""
        return set(self.holds.split())

    def __str__(self) -> str:
        return f"{'loose' if self.loose else 'typed'} {self.filters!r}"


class SortExample(msgspec.Struct, frozen=True):
    """An order of some ids of ``TYPED``: that of the entities for which the filter holds."""

    filters: Expression
    sort_by: str | list[Any]
    order: str


def _typed(path: str, operator: str, value: object, holds: str) -> Example:
    return Example(QueryFilter(path, operator, value), holds)


def _loose(path: str, operator: str, value: object, holds: str) -> Example:
    return Example(QueryFilter(path, operator, value), holds, loose=True)


def _not(ids: str, *, loose: bool = False) -> str:
    """Every other id."""
    every = [item["id"] for item in LOOSE] if loose else [str(item.id) for item in TYPED]
    return " ".join(key for key in every if key not in ids.split())


_ALL: Final = _not("")
_STRINGS: Final = "one two abc Abc empty percent stars lines eclair ECLAIR astral edge"
_NUMBERS: Final = "one two least most far further"
_INSTANT: Final = dt.datetime(2024, 1, 1, tzinfo=_UTC)

_DECLARED: Final = (
    # Equality: null and missing are alike, kinds do not mix, NOT is the complement.
    _typed("number", "eq", 1, "one"),
    _typed("number", "==", 1.0, "one"),
    _typed("number", "eq", 1.5, ""),
    _typed("number", "eq", 1e300, ""),
    _typed("number", "eq", -1e300, ""),
    _typed("number", "eq", float(_FAR), "far"),
    _typed("number", "eq", 9.3e18, ""),
    _typed("number", "ne", 1, _not("one")),
    _typed("number", "!=", None, _NUMBERS),
    _typed("number", "eq", None, _not(_NUMBERS)),
    _typed("number", "ne", 1.5, _ALL),
    _typed("ratio", "eq", 1, "one"),
    _typed("ratio", "eq", _FAR, "far"),
    _typed("ratio", "eq", _FAR + 1, ""),
    _typed("ratio", "ne", _FAR + 1, _ALL),
    _typed("flag", "eq", True, "one"),
    _typed("flag", "eq", False, "two"),
    _typed("flag", "ne", False, _not("two")),
    _typed("flag", "gt", False, "one"),
    _typed("text", "eq", "abc", "abc"),
    _typed("text", "eq", "", "empty"),
    _typed("amount", "eq", Decimal(1), "dec1 dec2"),
    _typed("amount", "eq", "1.000", "dec1 dec2"),
    _typed("amount", "eq", 100, "dec4"),
    _typed("amount", "ne", 100, _not("dec4")),
    _typed("huge", "eq", 2**70, "dec2"),
    _typed("moment", "eq", "2024-01-01", "newyear"),
    _typed("moment", "eq", _INSTANT, "newyear"),
    _typed("moment", "gt", "2024-01-01", "later"),
    _typed("local", "gte", "2024-01-01", "newyear"),
    _typed("day", "eq", "2024-02-29", "later"),
    _typed("key", "eq", str(UUID(int=1)), "low"),
    _typed("key", "gt", UUID(int=1), "high"),
    _typed("blob", "eq", b"\x00\xff", "low"),
    _typed("blob", "eq", b"", "high"),
    _typed("blob", "in", [b"", b"\x00\xff"], "low high"),
    _typed("blob", "in", [bytes([at]) for at in range(10)] + [b"\x00\xff"], "low"),
    _typed("colour", "eq", Colour.RED, "low"),
    _typed("colour", "eq", "green", "high"),
    # Order: of the same kind, exact in the numbers of the column.
    _typed("number", "gt", 1, "two most far further"),
    _typed("number", "gte", 1, "one two most far further"),
    _typed("number", ">", 1, "two most far further"),
    _typed("number", ">=", 2, "two most far further"),
    _typed("number", "lt", 2, "one least"),
    _typed("number", "<", 1, "least"),
    _typed("number", "lte", 2, "one two least"),
    _typed("number", "<=", 1, "one least"),
    _typed("number", "gt", 1.5, "two most far further"),
    _typed("number", "gte", 1.5, "two most far further"),
    _typed("number", "lt", 1.5, "one least"),
    _typed("number", "lte", 1.5, "one least"),
    _typed("number", "gt", 0.5, "one two most far further"),
    _typed("number", "lt", 2.5, "one two least"),
    _typed("number", "gt", 1.0, "two most far further"),
    _typed("number", "lte", 1.0, "one least"),
    _typed("number", "gt", float(_FAR), "most further"),
    _typed("number", "gt", 1e300, ""),
    _typed("number", "gte", 1e300, ""),
    _typed("number", "lt", 1e300, _NUMBERS),
    _typed("number", "lte", 1e300, _NUMBERS),
    _typed("number", "gt", -1e300, _NUMBERS),
    _typed("number", "gte", -1e300, _NUMBERS),
    _typed("number", "lt", -1e300, ""),
    _typed("number", "lte", -1e300, ""),
    _typed("number", "gte", float(2**63), ""),
    _typed("number", "lt", float(2**63), _NUMBERS),
    _typed("number", "gte", float(-(2**63)), _NUMBERS),
    _typed("number", "lte", float(-(2**63)), "least"),
    _typed("number", "lt", float(-(2**63)), ""),
    _typed("ratio", "gt", _FAR + 1, "most further"),
    _typed("ratio", "gte", _FAR + 1, "most further"),
    _typed("ratio", "lt", _FAR + 1, "one two least far"),
    _typed("ratio", "lte", _FAR + 1, "one two least far"),
    _typed("ratio", "gt", _FAR + 3, "most"),  # the nearest float lies above
    _typed("ratio", "lt", _FAR + 3, "one two least far further"),
    _typed("ratio", "lte", _FAR + 3, "one two least far further"),
    _typed("ratio", "gte", _FAR + 3, "most"),
    _typed("ratio", "gt", _FAR, "most further"),
    _typed("ratio", "lte", 2, "one least"),
    _typed("text", "gt", "Abc", "abc lines eclair ECLAIR astral edge stars"),
    _typed("text", "lt", "2", "one empty"),
    _typed("amount", "gt", 1, "dec4"),
    _typed("amount", "gte", Decimal("1.000"), "dec1 dec2 dec4"),
    _typed("amount", "lt", "1", "dec3"),
    _typed("amount", "lte", 1, "dec1 dec2 dec3"),
    _typed("huge", "lt", 0, "dec3"),
    _typed("huge", "gt", 1, "dec2"),
    _typed("number", "between", (1, 2), "one two"),
    _typed("number", "between", [2, 1], ""),
    _typed("number", "between", (0.5, 1.5), "one"),
    _typed("amount", "between", (1, 100), "dec1 dec2 dec4"),
    # Membership.
    _typed("number", "in", [], ""),
    _typed("number", "not_in", [], _ALL),
    _typed("number", "in", [1, 2.0, 7], "one two"),
    _typed("number", "in", {1}, "one"),
    _typed("number", "in", (1, 1, 1.0), "one"),
    _typed("number", "in", [None, 1], _not("two least most far further")),
    _typed("number", "nin", [None, 1], "two least most far further"),
    _typed("number", "not_in", [1], _not("one")),
    _typed("number", "notin", [1, 2], _not("one two")),
    _typed("number", "in", range(20), "one two"),
    _typed("number", "in", [*range(2, 20), 2.5], "two"),
    _typed("number", "in", [1.5], ""),
    _typed("ratio", "in", [1, 2.5, _FAR + 1], "one two"),
    _typed("text", "in", ["abc", "", "nope"], "abc empty"),
    _typed("text", "in", [*map(str, range(20)), "abc"], "one two abc"),
    _typed(
        "text", "in", [None, "abc"], _not("one two Abc empty percent stars lines eclair ECLAIR astral edge")
    ),
    _typed("text", "in", [], ""),
    _typed("flag", "in", [True, None], _not("two")),
    _typed("amount", "in", [Decimal(1), 100], "dec1 dec2 dec4"),
    _typed("amount", "in", [Decimal(at) for at in range(20)], "dec1 dec2"),
    _typed("colour", "in", ["red", Colour.GREEN], "low high"),
    # Presence.
    _typed("number", "is_null", True, _not(_NUMBERS)),
    _typed("number", "is_null", False, _NUMBERS),
    _typed("number", "exists", True, _ALL),
    _typed("number", "exists", False, ""),
    _typed("tags", "exists", True, _ALL),
    _typed("part", "exists", True, _ALL),
    _typed("part", "is_null", False, "whole half"),
    _typed("part.name", "is_null", True, _not("whole")),
    _typed("part.name", "exists", True, "whole half"),
    _typed("anything", "exists", True, _ALL),
    _typed("anything", "is_null", False, "one two"),
    # Text.
    _typed("text", "like", "%", _STRINGS),
    _typed("text", "like", "", "empty"),
    _typed("text", "like", "abc", "abc"),
    _typed("text", "like", "a%", "abc stars lines"),
    _typed("text", "like", "%c", "abc Abc"),
    _typed("text", "like", "_bc", "abc Abc"),
    _typed("text", "like", "a_b", "lines"),
    _typed("text", "like", "%b%", "abc Abc stars lines"),
    _typed("text", "like", "50\\%", "percent"),
    _typed("text", "like", "a*b?c[d]\\_\\\\", "stars"),
    _typed("text", "like", "%" + "a" * 300 + "%", ""),
    _typed("text", "like", "a%" + "b" * 300, ""),
    _typed("text", "like", "b" * 254 + "_%", ""),
    _typed("text", "ilike", "ABC", "abc Abc"),
    _typed("text", "ilike", "\u00e9C%", "eclair ECLAIR"),
    _typed("text", "ilike", "a%c", "abc Abc"),
    _typed("text", "starts_with", "", _STRINGS),
    _typed("text", "starts_with", "ab", "abc"),
    _typed("text", "startswith", "\U0010ffff", "astral"),
    _typed("text", "starts_with", "\ud7ff", "edge"),
    _typed("text", "starts_with", "a", "abc stars lines"),
    _typed("text", "ends_with", "", _STRINGS),
    _typed("text", "ends_with", "bc", "abc Abc"),
    _typed("text", "endswith", "%", "percent"),
    _typed("text", "contains", "", _STRINGS),
    _typed("text", "contains", "b", "abc Abc stars lines"),
    _typed("text", "contains", "a", "abc stars lines eclair"),
    _typed("text", "regex", "^a", "abc stars lines"),
    _typed("text", "regex", "(?i)^ABC$", "abc Abc"),
    _typed("text", "regex", "[0-9]+", "one two percent"),
    _typed("text", "regex", "a.b", "stars"),
    _typed("text", "regex", "(?s)a.b", "stars lines"),
    # Lists, dicts, records.
    _typed("tags", "eq", ["x", "y"], "lists"),
    _typed("tags", "eq", [], _not("lists list")),
    _typed("tags", "ne", ["x"], _not("list")),
    _typed("tags", "in", [["x"], ["x", "y"]], "lists list"),
    _typed("tags", "contains", "x", "lists list"),
    _typed("tags", "contains", "", ""),
    _typed("tags[0]", "eq", "x", "lists list"),
    _typed("tags[1]", "eq", "y", "lists"),
    _typed("tags[1]", "is_null", True, _not("lists")),
    _typed("tags[*]", "eq", "y", "lists"),
    _typed("tags[*]", "ne", "x", "lists"),
    Example(~F("tags[*]").__eq__("x"), _not("lists list")),
    _typed("tags[*]", "starts_with", "y", "lists"),
    _typed("tags[*]", "in", ["y", "z"], "lists"),
    _typed("marks", "contains", None, "lists"),
    _typed("marks", "contains", 3, "lists"),
    _typed("marks[*]", "is_null", True, "lists"),
    _typed("marks[*]", "gt", 1.5, "lists list"),
    _typed("marks[*]", "gte", 3, "lists"),
    _typed("prices", "contains", 1, "dec1"),
    _typed("prices", "contains", Decimal("-3.0"), "dec2"),
    _typed("prices", "contains", "2", "dec1"),
    _typed("prices[*]", "lt", 0, "dec2"),
    _typed("prices[*]", "in", [1, 2], "dec1"),
    _typed("prices[*]", "eq", "1", "dec1"),
    _typed("prices[0]", "gte", "1", "dec1"),
    _typed("point", "eq", (1, "p"), "lists"),
    _typed("point", "eq", [2, "p"], "list"),
    _typed("point[0]", "gt", 1, "list"),
    _typed("point", "contains", "p", "lists list"),
    _typed("point", "contains", 2, "list"),
    _typed("part", "eq", {"name": "ann", "size": 3}, "whole"),
    _typed("part", "eq", {"size": 3, "name": "ann"}, "whole"),
    _typed("part", "eq", {"name": "ann"}, ""),
    _typed("part", "eq", Part("ann", 3), "whole"),
    _typed("part.size", "gt", 3, "half"),
    _typed("part.name", "like", "a%", "whole"),
    _typed("parts[*].size", "eq", 3, "whole half"),
    _typed("parts[*].name", "eq", "bob", "whole half"),
    _typed("parts[*].size", "is_null", True, "whole"),
    _typed("parts[0].name", "contains", "b", "half"),
    _typed("sizes", "eq", {"b": 2, "a": 1}, "whole"),
    _typed("sizes.a", "gte", 2, "half"),
    _typed("sizes.b", "exists", True, "whole"),
    _typed("sizes.b", "is_null", True, _not("whole")),
    _typed("costs.a", "eq", 1, "dec1"),
    _typed("either", "eq", 1, "one"),
    _typed("either", "eq", "1", "two"),
    _typed("either", "eq", [1, 2], "least"),
    _typed("either", "in", [1, "abc", list[int](), None], _not("two least")),
    _typed("either", "contains", 1, "least"),
    _typed("either", "contains", "b", "far"),
    _typed("either", "starts_with", "", "two far"),
    _typed("either", "gt", 0, "one"),
    _typed("either", "gt", "1", "far"),
    _typed("either", "is_null", False, "one two least most far"),
    _typed("anything", "eq", [1.0, "a", None], "two"),
    _typed("anything", "contains", "a", "two"),
    _typed("anything[0]", "eq", 1, "two"),
    # And, or, not.
    Example((F("number") > 0) & (F("number") < 3), "one two"),
    Example((F("number") == 1) | (F("number") == 2), "one two"),
    Example(~(F("number") > 0), _not("one two most far further")),
    Example(~~(F("number") == 1), "one"),
    Example(~((F("number") == 1) | F("number").is_null()), "two least most far further"),
    Example(~((F("number") > 0) & (F("ratio") > 2)), _not("two most far further")),
)

_EVERYWHERE: Final = "zero one float half"
_TEXTS: Final = "text1 empty abc ABC json"
_LISTS: Final = "nil list1 list1f list12 list21 listnull nested"

_UNDECLARED: Final = (
    _loose("v", "eq", 1, "one float"),
    _loose("v", "eq", 1.0, "one float"),
    _loose("v", "eq", 0, "zero"),
    _loose("v", "eq", True, "true"),
    _loose("v", "eq", False, "false"),
    _loose("v", "eq", "1", "text1"),
    _loose("v", "eq", "", "empty"),
    _loose("v", "eq", None, "missing null"),
    _loose("v", "ne", None, _not("missing null", loose=True)),
    _loose("v", "ne", 1, _not("one float", loose=True)),
    _loose("v", "eq", [1], "list1 list1f"),
    _loose("v", "eq", [1, 2], "list12"),
    _loose("v", "eq", [], "nil"),
    _loose("v", "eq", {}, "void"),
    _loose("v", "eq", {"a": 1, "b": 2}, "dict tcid"),
    _loose("v", "eq", {"a": 1}, "part"),
    _loose("v", "eq", {"a": "1.0", "0": "k"}, "textual"),
    _loose("v", "eq", {"a": "1", "0": "k"}, ""),
    _loose("v", "ne", {"a": 1}, _not("part", loose=True)),
    _loose("v", "eq", {"$gt": ""}, "$gt"),
    _loose("v", "eq", '{"a":1}', "json"),
    _loose("v", "eq", [None, "abc", True], "listnull"),
    _loose("v", "eq", [None, "abc", 1], ""),
    _loose("v", "gt", 0, "one float half"),
    _loose("v", "gte", 1, "one float half"),
    _loose("v", "lt", 1, "zero"),
    _loose("v", "lte", 1.0, "zero one float"),
    _loose("v", "gt", "", "text1 abc ABC json"),
    _loose("v", "gte", "", _TEXTS),
    _loose("v", "lt", "ABC", "text1 empty"),
    _loose("v", "gt", False, "true"),
    _loose("v", "lte", True, "true false"),
    _loose("v", "between", (0, 1), "zero one float"),
    _loose("v", "in", [1, "1", True, None], "one float text1 true missing null"),
    _loose("v", "in", [0, 1.5, 7], "zero half"),
    _loose("v", "in", [[1], dict[str, int](), "abc"], "list1 list1f void abc"),
    _loose("v", "in", [*range(20)], "zero one float"),
    _loose("v", "in", ["abc", "ABC", "x"], "abc ABC"),
    _loose("v", "in", [True, False], "true false"),
    _loose("v", "not_in", [1, None], _not("one float missing null", loose=True)),
    _loose("v", "in", [], ""),
    _loose("v", "is_null", True, "missing null"),
    _loose("v", "is_null", False, _not("missing null", loose=True)),
    _loose("v", "exists", True, _not("missing", loose=True)),
    _loose("v", "exists", False, "missing"),
    _loose("v.é", "exists", True, "deep"),
    _loose("v.é", "is_null", False, ""),
    _loose("nope", "exists", False, _not("", loose=True)),
    _loose("v", "like", "%", _TEXTS),
    _loose("v", "like", "1", "text1"),
    _loose("v", "ilike", "abc", "abc ABC"),
    _loose("v", "starts_with", "a", "abc"),
    _loose("v", "starts_with", "", _TEXTS),
    _loose("v", "ends_with", "c", "abc"),
    _loose("v", "ends_with", "", _TEXTS),
    _loose("v", "regex", "^[0-9]", "text1"),
    _loose("v", "contains", "", _TEXTS),
    _loose("v", "contains", "abc", "abc listnull"),
    _loose("v", "contains", 1, "list1 list1f list12 list21"),
    _loose("v", "contains", "1", "text1 json nested"),
    _loose("v", "contains", None, "listnull"),
    _loose("v", "contains", True, "listnull"),
    _loose("v", "contains", [1], "nested"),
    _loose("v", "contains", {"a": 1.0}, "nested"),
    _loose("v", "contains", "a", "abc json"),
    _loose("v[0]", "eq", 1, "list1 list1f list12"),
    _loose("v[1]", "eq", 1, "list21"),
    _loose("v[0]", "is_null", False, "list1 list1f list12 list21 nested"),
    _loose("v[0]", "exists", True, "list1 list1f list12 list21 listnull nested"),
    _loose("v[0][0]", "eq", 1, "nested"),
    _loose("v.a", "eq", 1, "dict tcid part"),
    _loose("v.0", "eq", "k", "textual"),
    _loose('v["b.c"]', "eq", 1, "deep"),
    _loose("v[*]", "eq", 1, "list1 list1f list12 list21"),
    _loose("v[*]", "ne", 1, "list12 list21 listnull nested"),
    _loose("v[*]", "is_null", True, "listnull"),
    _loose("v[*]", "exists", True, "list1 list1f list12 list21 listnull nested"),
    _loose("v[*]", "gt", 1, "list12 list21"),
    _loose("v[*]", "in", ["abc", 2, None], "list12 list21 listnull"),
    _loose("v[*]", "eq", [1], "nested"),
    _loose("v[*]", "eq", True, "listnull"),
    _loose("v[*]", "like", "a%", "listnull"),
    _loose("v[*].a", "eq", 1, "nested"),
    _loose("v[*].a", "is_null", True, "list1 list1f list12 list21 listnull nested"),
    _loose("v[*].a", "exists", True, "nested"),
    _loose("v[*][0]", "eq", 1, "nested"),
    _loose("v[*].a", "gte", 1, "nested"),
    _loose("v[*].a", "starts_with", "", ""),
    _loose("v.a.b[*].c", "eq", 1, "deep"),
    _loose("v.a.b[*].c", "gt", 2, ""),
    _loose("v.a.b[0].d", "eq", 2, "deep"),
    _loose("v.a.b[2]", "exists", True, ""),
    Example(~F("v[*]").__eq__(1), _not("list1 list1f list12 list21", loose=True), loose=True),
    Example((F("v[*].a") == 1) & (F("v[*]") == "1"), "nested", loose=True),
    Example((F("v") == 1) | (F("v") == "1"), "one float text1", loose=True),
    Example(~(F("v") > 0), _not("one float half", loose=True), loose=True),
    Example(~(F("v").exists() & ~F("v").is_null()), "missing null", loose=True),
)

EXAMPLES: Final = (*_DECLARED, *_UNDECLARED)

SORTS: Final = (
    SortExample(
        F("number").in_([None, 1, 2]) & F("id").in_(["one", "two", "nothing"]), "number", "nothing one two"
    ),
    SortExample(F("id").in_(["one", "two", "nothing"]), [("number", "desc")], "two one nothing"),
    SortExample(F("amount").is_null(False), "amount", "dec3 dec1 dec2 dec4"),
    SortExample(F("amount").is_null(False), [("amount", "desc")], "dec4 dec2 dec1 dec3"),
    SortExample(F("amount").is_null(False), [("amount", "asc"), ("id", "desc")], "dec3 dec2 dec1 dec4"),
    SortExample(F("text").starts_with("a") | F("text").starts_with("A"), "text", "Abc lines stars abc"),
    SortExample(F("part").is_null(False), "part.name", "half whole"),
    SortExample(F("part").is_null(False), [("part.size", "desc")], "half whole"),
    SortExample(F("flag").is_null(False), "flag", "two one"),
)
"""Null and missing come first ascending, last descending; equal keys go by id, in the last key's direction."""
