"""Adversarial values, and the entities that hold them."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from random import Random
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from ...model.markers import Big, Index, Naive, Revision, Searchable

__all__ = ["KEYS", "POOLS", "Colour", "Nested", "Sample", "json_value", "sample", "text"]

T = TypeVar("T")

STRINGS: Final = (
    "", "a", "A", "aa", "ab", "b", "abc", "ABC", "e", "é", "e\u0301", "É", "ß", "ẞ", "ss", "k", "K", "\u212a", "i",
    "I", "İ", "ı", "σ", "ς", "Σ", " ", "\n", "a\n", "a\nb", "\r\n", "%", "_", "*", "?", "[a]", "[", "\\", "'", '"',
    "a'b", 'a"b', "\U0001f600", "\U0010ffff", "\ud7ff", "\ue000", "\x01", "\x7f", "0", "1", "1.0", "true", "null",
    "$gt", "a.b", "[1]", '{"a":1}', "x" * 300, "1900-01-01", "日本語", "ไทย", "the cat sat", "Café au lait", "foo-bar",
)  # fmt: skip
INTS: Final = (
    0,
    1,
    -1,
    2,
    5,
    10,
    2**31,
    2**53 - 1,
    2**53,
    2**53 + 1,
    -(2**53) - 1,
    2**63 - 1,
    -(2**63),
    10**15,
)
FLOATS: Final = (
    0.0, 1.0, -1.0, 0.5, 1.5, 2.0, 0.1, 0.30000000000000004, 1e16, 2.0**53, 2.0**53 + 2, -(2.0**53), 5e-324,
    1.7976931348623157e308, -1.7976931348623157e308, 1e22, 9.223372036854776e18, 123456.789,
)  # fmt: skip
DECIMALS: Final = tuple(
    map(
        Decimal,
        (
            "0",
            "0.00",
            "1",
            "1.0",
            "1.00",
            "-1",
            "-1.5",
            "0.1",
            "1E+2",
            "100",
            "1E-30",
            "-1E+30",
            "12345678901234567890.5",
        ),
    )
)
BIGS: Final = (0, 1, -1, 10, 2**63, 2**64 + 1, -(2**70), 10**40)
_UTC: Final = dt.UTC
DATETIMES: Final = (
    dt.datetime(1, 1, 1, tzinfo=_UTC),
    dt.datetime(2024, 1, 1, tzinfo=_UTC),
    dt.datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=_UTC),
    dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=_UTC),
)
NAIVE: Final = tuple(value.replace(tzinfo=None) for value in DATETIMES)
DATES: Final = (dt.date(1, 1, 1), dt.date(2024, 2, 29), dt.date(9999, 12, 31))
TIMES: Final = (dt.time(0), dt.time(12, 30), dt.time(23, 59, 59, 999999))
SPANS: Final = (
    dt.timedelta(0),
    dt.timedelta(microseconds=1),
    dt.timedelta(days=-1),
    dt.timedelta(days=99_999_999),
)
UUIDS: Final = (UUID(int=0), UUID(int=1), UUID(int=2**128 - 1), UUID("0190b3f0-1111-7222-8333-444455556666"))
BYTES: Final = (b"", b"\x00", b"\x00\x01", b"\xff", b"abc", b"ab")
KEYS: Final = ("a", "b", "c", "a.b", "$x", "", "0", "é", "%", 'q"', "x y", "\\")
WORDS: Final = (
    "cat",
    "dog",
    "Café",
    "cafe",
    "naïve",
    "run",
    "running",
    "the",
    "日本",
    "foo-bar",
    "x",
    "c++",
    "\U0001f600",
    "straße",
)


class Colour(enum.Enum):
    """An enumeration of strings."""

    RED = "red"
    GREEN = "green"
    BLUE = "blue"


@dataclass
class Nested:
    """A record inside a record."""

    city: str | None = None
    zip: int | None = None
    parts: list[int] = field(default_factory=list)


@dataclass
class Sample:
    """One field of every kind."""

    id: str | None = None
    title: Annotated[str, Searchable(3)] = ""
    body: Annotated[str | None, Searchable()] = None
    label: Annotated[str | None, Index(), Index(substring=True)] = None
    number: Annotated[int | None, Index()] = None
    count: int = 0
    ratio: float | None = None
    flag: bool | None = None
    amount: Annotated[Decimal | None, Index()] = None
    huge: Annotated[int | None, Big()] = None
    moment: dt.datetime | None = None
    local: Annotated[dt.datetime | None, Naive()] = None
    day: dt.date | None = None
    hour: dt.time | None = None
    span: dt.timedelta | None = None
    key: UUID | None = None
    blob: bytes | None = None
    colour: Colour | None = None
    tags: list[str] = field(default_factory=list)
    numbers: list[int | float] = field(default_factory=list)
    prices: list[Decimal] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    nested: Nested | None = None
    either: int | str | list[int] | None = None
    anything: Any = None
    revision: Annotated[int, Revision()] = 0


POOLS: Final[dict[str, Sequence[Any]]] = {
    "title": STRINGS,
    "body": STRINGS,
    "label": STRINGS,
    "number": INTS,
    "count": INTS,
    "ratio": FLOATS,
    "flag": (True, False),
    "amount": DECIMALS,
    "huge": BIGS,
    "moment": DATETIMES,
    "local": NAIVE,
    "day": DATES,
    "hour": TIMES,
    "span": SPANS,
    "key": UUIDS,
    "blob": BYTES,
    "colour": tuple(Colour),
}
_NULLABLE: Final = {item.name for item in fields(Sample) if item.default is None} - {"id"}


def text(random: Random) -> str:
    """A sentence of a few words, some of them troublesome."""
    return " ".join(random.choice(WORDS) for _ in range(random.randint(0, 8)))


def json_scalar(random: Random) -> object:
    """One of the scalar JSON kinds."""
    return random.choice(
        (None, True, False, random.choice(INTS), random.choice(FLOATS), random.choice(STRINGS))
    )


def json_value(random: Random, depth: int = 3) -> Any:
    """Any JSON value, nested at most this deep."""
    shape = random.random()
    if depth == 0 or shape < 0.55:
        return json_scalar(random)
    if shape < 0.78:
        return [json_value(random, depth - 1) for _ in range(random.randint(0, 3))]
    return {random.choice(KEYS): json_value(random, depth - 1) for _ in range(random.randint(0, 3))}


def _several(random: Random, draw: Callable[[], T]) -> list[T]:
    return [draw() for _ in range(random.randint(0, 3))]


def sample(random: Random, key: str) -> Sample:
    """An entity with that id, every field adversarial."""
    values: dict[str, Any] = {}
    for name, pool in POOLS.items():
        values[name] = None if name in _NULLABLE and random.random() < 0.25 else random.choice(pool)
    if random.random() < 0.6:
        values["title"], values["body"] = text(random), text(random)
    values["tags"] = _several(random, lambda: random.choice(STRINGS))
    values["numbers"] = _several(random, lambda: random.choice((*INTS, *FLOATS)))
    values["prices"] = _several(random, lambda: random.choice(DECIMALS))
    values["meta"] = {random.choice(KEYS): json_value(random) for _ in range(random.randint(0, 5))}
    values["anything"] = json_value(random)
    values["either"] = random.choice((None, random.choice(INTS), random.choice(STRINGS), [1], [1, 2], []))
    if random.random() < 0.7:
        values["nested"] = Nested(
            random.choice((None, *STRINGS[:12])),
            random.choice((None, *INTS[:5])),
            _several(random, lambda: random.choice(INTS[:5])),
        )
    return Sample(id=key, **values)
