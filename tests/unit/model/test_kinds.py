"""Scalars: exact round trips, canonical forms that sort as the values do, and everything that is refused."""
# ruff: noqa: DTZ001 - naive datetimes are among what is tested

import datetime as dt
import enum
import sys
from decimal import Decimal, localcontext
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.errors import InvalidEntityError
from torematrix.core.storage.model.kinds import (
    INT64_MAX,
    INT64_MIN,
    Kind,
    Scalar,
    decode_scalar,
    encode_scalar,
    family,
    kind_of_type,
    order_key,
    ordered_text,
    parse_ordered,
)

NAIVE = Scalar(Kind.DATETIME, naive=True)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    NONE = 0
    HIGH = 3


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Rate(enum.Enum):
    LOW = Decimal("0.10")
    HIGH = Decimal("1E+2")


class Share(enum.Enum):
    HALF = 0.5
    WHOLE = 1


def texts():
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def offsets():
    return st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)).map(dt.timezone)


def aware():
    # A day's room at both ends, so that every offset stays within the years in UTC.
    first, last = dt.datetime(1, 1, 3), dt.datetime(9999, 12, 29)
    return st.datetimes(first, last, timezones=st.one_of(st.just(dt.UTC), offsets()))


def decimals():
    digits = st.integers(-(10**40), 10**40)
    exponents = st.integers(-60, 60) | st.sampled_from([-16_383, 131_000])
    return st.builds(written, digits, exponents)


def written(number, exponent):
    """The decimal of these digits and this exponent, whatever the context's precision."""
    sign, digits, _ = Decimal(number).as_tuple()
    return Decimal((sign, digits, exponent))


VALUES = {
    Scalar(Kind.STR): texts(),
    Scalar(Kind.INT): st.integers(INT64_MIN, INT64_MAX),
    Scalar(Kind.FLOAT): st.floats(allow_nan=False, allow_infinity=False),
    Scalar(Kind.BOOL): st.booleans(),
    Scalar(Kind.DECIMAL): decimals(),
    Scalar(Kind.BIGINT): st.integers(-(10**60), 10**60),
    Scalar(Kind.BYTES): st.binary(),
    Scalar(Kind.DATETIME): aware(),
    NAIVE: st.datetimes(),
    Scalar(Kind.DATE): st.dates(),
    Scalar(Kind.TIME): st.times(),
    Scalar(Kind.TIMEDELTA): st.timedeltas(dt.timedelta(days=-106_751_990), dt.timedelta(days=106_751_990)),
    Scalar(Kind.UUID): st.uuids(),
    Scalar(Kind.STR, enum=Colour): st.sampled_from(Colour),
    Scalar(Kind.INT, enum=Level): st.sampled_from(Level),
    Scalar(Kind.INT, enum=Right): st.sampled_from([Right.READ, Right.READ | Right.WRITE, Right(0)]),
    Scalar(Kind.DECIMAL, enum=Rate): st.sampled_from(Rate),
    Scalar(Kind.FLOAT, enum=Share): st.sampled_from(Share),
}
SCALARS = pytest.mark.parametrize(
    "scalar", VALUES, ids=lambda s: s.enum.__name__ if s.enum else s.kind + "-n" * s.naive
)


@SCALARS
@given(data=st.data())
def test_round_trip(scalar, data):
    """What comes out is what went in, of the same type, trailing zeros and exponent included."""
    value = data.draw(VALUES[scalar])
    canonical = encode_scalar(scalar, value)
    assert type(canonical) is {"number": type(canonical), "bool": bool, "string": str}[family(scalar.kind)]
    back = decode_scalar(scalar, canonical)
    assert back == value
    assert type(back) is type(value)
    if isinstance(value, Decimal) and value:
        assert str(back) == str(value)
    if isinstance(value, float):
        assert str(canonical) == str(value or 0.0)


@SCALARS
@given(data=st.data())
def test_canonical_values_sort_as_the_values_do(scalar, data):
    """Every canonical form keeps the order and the equality of what it stands for."""
    if scalar.enum is not None:
        return
    one, other = data.draw(VALUES[scalar]), data.draw(VALUES[scalar])
    first, second = encode_scalar(scalar, one), encode_scalar(scalar, other)
    if scalar.kind in (Kind.DECIMAL, Kind.BIGINT):
        first, second = order_key(first), order_key(second)
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)


@given(number=st.integers(-(10**20), 10**20), exponent=st.integers(-40, 40), zeros=st.integers(0, 9))
def test_equal_decimals_have_equal_keys(number, exponent, zeros):
    """However a number is written, its key is the same; the text after it says how it was written."""
    value, longer = written(number, exponent), written(number * 10**zeros, exponent - zeros)
    assert order_key(ordered_text(value)) == order_key(ordered_text(longer))
    assert (ordered_text(value) == ordered_text(longer)) == (not zeros)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.50"), "250000015 1.50"),
        (Decimal(15), "250000115 15"),
        (Decimal("1E+5"), "25000051 1E+5"),
        (Decimal("0.015"), "249999815 0.015"),
        (Decimal("-1.5"), "049999984~ -1.5"),
        (Decimal("0.00"), "1 0.00"),
        (Decimal("-0.00"), "1 0.00"),
        (Decimal("-0E+3"), "1 0E+3"),
        (100, "25000021 100"),
        (0, "1 0"),
    ],
)
def test_ordered_text_is_pinned(value, text):
    """The stored form of exact numbers does not change between versions."""
    assert ordered_text(value) == text


def test_shorter_negative_numbers_sort_right():
    """A number whose digits begin another's sorts on its own side of it, below zero too."""
    values = [
        Decimal(text)
        for text in ("-15", "-1.5", "-1.25", "-1.2", "-1", "-0.1", "0", "0.1", "1", "1.2", "1.25", "15")
    ]
    keys = [order_key(ordered_text(value)) for value in values]
    assert keys == sorted(keys)
    assert [ordered_text(value) for value in values] == sorted(map(ordered_text, values))


def test_the_letter_of_the_exponent_does_not_follow_the_context():
    """A decimal context that writes a small e changes nothing in what is stored."""
    with localcontext() as context:
        context.capitals = 0
        context.prec = 2
        assert ordered_text(Decimal("1.2345E+9")) == "250000912345 1.2345E+9"


def test_ints_of_any_length():
    """An int of thousands of digits is stored and read, whatever Python's limit for text is."""
    number = 7**150_000
    limit = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(640)
        for value in (number, -number, 10**639, 10**640):
            assert parse_ordered(ordered_text(value), Kind.BIGINT) == value
    finally:
        sys.set_int_max_str_digits(limit)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("1E+131072"),
        Decimal("1E-16384"),
        Decimal("0E-16384"),
        Decimal("0E+131072"),
        Decimal("-1E+131072"),
        10**131_072,
        -(10**131_072),
    ],
    ids=lambda value: str(value)[:12] if isinstance(value, Decimal) else "int",
)
def test_numbers_out_of_range_are_refused(value):
    """PostgreSQL's limits for numeric hold on every engine."""
    with pytest.raises(InvalidEntityError):
        ordered_text(value)


def test_the_greatest_and_finest_numbers_are_stored():
    """The limits themselves are inside."""
    for value in (10**131_072 - 1, Decimal("1E-16383"), Decimal("9E+131071"), Decimal("0E-16383")):
        assert parse_ordered(ordered_text(value), Kind.DECIMAL) == value


CANONICAL = [
    (Scalar(Kind.FLOAT), -0.0, "0.0"),
    (Scalar(Kind.FLOAT), 3, "3.0"),
    (Scalar(Kind.BYTES), b"\xff\x00", "ff00"),
    (Scalar(Kind.DATETIME), dt.datetime(2024, 5, 1, tzinfo=dt.UTC), "2024-05-01T00:00:00.000000+00:00"),
    (
        Scalar(Kind.DATETIME),
        dt.datetime(2024, 5, 1, 2, 0, 0, 7, dt.timezone(dt.timedelta(hours=2))),
        "2024-05-01T00:00:00.000007+00:00",
    ),
    (
        Scalar(Kind.DATETIME),
        dt.datetime(2024, 5, 1, 0, 0, 20, 5, dt.timezone(dt.timedelta(seconds=20))),
        "2024-05-01T00:00:00.000005+00:00",
    ),
    (NAIVE, dt.datetime(1, 1, 1), "0001-01-01T00:00:00.000000"),
    (Scalar(Kind.DATE), dt.date(1, 1, 1), "0001-01-01"),
    (Scalar(Kind.TIME), dt.time(1, 2), "01:02:00.000000"),
    (Scalar(Kind.TIMEDELTA), dt.timedelta(days=-1, microseconds=1), "-86399999999"),
    (Scalar(Kind.UUID), UUID("ABCDEF00-0000-4000-8000-000000000000"), "abcdef00-0000-4000-8000-000000000000"),
    (Scalar(Kind.STR, enum=Colour), Colour.RED, "red"),
    (Scalar(Kind.STR), "é", "é"),
]


@pytest.mark.parametrize(("scalar", "value", "text"), CANONICAL)
def test_canonical_form(scalar, value, text):
    """The form of the table in the semantics page, exactly."""
    assert str(encode_scalar(scalar, value)) == text


def test_subclasses_of_plain_types_become_plain():
    """A StrEnum in a str field, or a bool-free int subclass, is stored as the plain value it equals."""

    class Word(enum.StrEnum):
        ONE = "one"

    encoded = encode_scalar(Scalar(Kind.STR), Word.ONE)
    assert encoded == "one"
    assert type(encoded) is str
    number = encode_scalar(Scalar(Kind.INT), Level.HIGH)
    assert number == 3
    assert type(number) is int


class OddZone(dt.tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _when):
        return None

    def dst(self, _when):
        return None

    def tzname(self, _when):
        return "odd"


REFUSED = [
    (Scalar(Kind.STR), 1),
    (Scalar(Kind.STR), b"x"),
    (Scalar(Kind.STR), Colour.RED),
    (Scalar(Kind.STR), "a\0b"),
    (Scalar(Kind.STR), "\ud800"),
    (Scalar(Kind.INT), True),
    (Scalar(Kind.INT), 1.0),
    (Scalar(Kind.INT), "1"),
    (Scalar(Kind.INT), 2**63),
    (Scalar(Kind.INT), -(2**63) - 1),
    (Scalar(Kind.FLOAT), True),
    (Scalar(Kind.FLOAT), "1.0"),
    (Scalar(Kind.FLOAT), Decimal(1)),
    (Scalar(Kind.FLOAT), float("nan")),
    (Scalar(Kind.FLOAT), float("-inf")),
    (Scalar(Kind.FLOAT), 2**53 + 1),
    (Scalar(Kind.FLOAT), 10**400),
    (Scalar(Kind.BOOL), 1),
    (Scalar(Kind.DECIMAL), 1),
    (Scalar(Kind.DECIMAL), 1.5),
    (Scalar(Kind.DECIMAL), "1.5"),
    (Scalar(Kind.BIGINT), Decimal(1)),
    (Scalar(Kind.BIGINT), True),
    (Scalar(Kind.BYTES), "ff"),
    (Scalar(Kind.BYTES), bytearray(b"x")),
    (Scalar(Kind.DATETIME), dt.datetime(2024, 1, 1)),
    (Scalar(Kind.DATETIME), dt.datetime(2024, 1, 1, tzinfo=OddZone())),
    (Scalar(Kind.DATETIME), dt.date(2024, 1, 1)),
    (Scalar(Kind.DATETIME), "2024-01-01"),
    (Scalar(Kind.DATETIME), dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))),
    (Scalar(Kind.DATETIME), dt.datetime(9999, 12, 31, 23, tzinfo=dt.timezone(dt.timedelta(hours=-2)))),
    (NAIVE, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    (Scalar(Kind.DATE), dt.datetime(2024, 1, 1)),
    (Scalar(Kind.DATE), "2024-01-01"),
    (Scalar(Kind.TIME), dt.time(1, tzinfo=dt.UTC)),
    (Scalar(Kind.TIMEDELTA), 5),
    (Scalar(Kind.TIMEDELTA), dt.timedelta.max),
    (Scalar(Kind.TIMEDELTA), dt.timedelta.min),
    (Scalar(Kind.UUID), str(UUID(int=1))),
    (Scalar(Kind.STR, enum=Colour), "red"),
    (Scalar(Kind.INT, enum=Level), 3),
    (Scalar(Kind.STR, allowed=("a", "b")), "c"),
    (Scalar(Kind.STR), None),
]


@pytest.mark.parametrize(("scalar", "value"), REFUSED)
def test_refused(scalar, value):
    """What could not come back as it was is refused, and the message does not show it."""
    with pytest.raises(InvalidEntityError) as caught:
        encode_scalar(scalar, value)
    assert len(str(caught.value)) < 120
    assert not isinstance(value, str) or len(value) < 3 or value not in str(caught.value)


def test_a_datetime_subclass_is_read_by_its_parts():
    """A subclass that writes itself differently is stored to the microsecond, and one without parts is refused."""

    class Stamp(dt.datetime):
        def isoformat(self, *_args, **_options):
            return "nonsense"

    class NotATime(dt.datetime):
        @property
        def year(self):
            return float("nan")

    stamp = Stamp(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    assert encode_scalar(Scalar(Kind.DATETIME), stamp) == "2024-01-02T03:04:05.000006+00:00"
    with pytest.raises(InvalidEntityError):
        encode_scalar(Scalar(Kind.DATETIME), NotATime(2024, 1, 1, tzinfo=dt.UTC))


def test_families_and_types():
    """Three families of canonical values; only plain types declare a kind by themselves."""
    assert {kind: family(kind) for kind in Kind if family(kind) != "string"} == {
        Kind.INT: "number",
        Kind.FLOAT: "number",
        Kind.TIMEDELTA: "number",
        Kind.BOOL: "bool",
    }
    assert kind_of_type(bool) is Kind.BOOL
    assert kind_of_type(Colour) is None


def test_columns_as_an_engine_gives_them():
    """0 and 1 are read as bools and 3 as 3.0, for engines that keep them so."""
    assert decode_scalar(Scalar(Kind.BOOL), 1) is True
    assert decode_scalar(Scalar(Kind.BOOL), 0) is False
    assert str(decode_scalar(Scalar(Kind.FLOAT), 3)) == "3.0"


def test_an_enum_is_asked_about_unknown_values():
    """A class that maps old values to members reads them; one that does not raises ValueError."""

    class Old(enum.Enum):
        NEW = "new"

        @classmethod
        def _missing_(cls, value):
            return cls.NEW if value == "old" else None

    assert decode_scalar(Scalar(Kind.STR, enum=Old), "old") is Old.NEW
    with pytest.raises(ValueError, match="never"):
        decode_scalar(Scalar(Kind.STR, enum=Old), "never")
