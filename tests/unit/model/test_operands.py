"""Filter values: what stands for a declared scalar, and what is refused before any engine sees it."""
# ruff: noqa: DTZ001 - naive datetimes are among what is tested

import datetime as dt
import enum
from decimal import Decimal
from uuid import UUID

import pytest

from torematrix.core.storage.errors import InvalidQueryError
from torematrix.core.storage.model.kinds import Kind, Scalar, parse_operand

NAIVE = Scalar(Kind.DATETIME, naive=True)
AWARE = Scalar(Kind.DATETIME)


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    ONE = "one"


class Rate(enum.Enum):
    LOW = Decimal("0.10")


class Day(enum.Enum):
    FIRST = dt.date(2024, 1, 1)


ACCEPTED = [
    (AWARE, "2024-01-01", "2024-01-01T00:00:00.000000+00:00"),
    (NAIVE, "2024-01-01", "2024-01-01T00:00:00.000000"),
    (AWARE, "2024-01-01T10:00:00Z", "2024-01-01T10:00:00.000000+00:00"),
    (AWARE, "2024-01-01 10:00+02:00", "2024-01-01T08:00:00.000000+00:00"),
    (AWARE, "2024-01-01T10:00:00.5+0000", "2024-01-01T10:00:00.500000+00:00"),
    (NAIVE, "2024-01-01T10:00:00.123456", "2024-01-01T10:00:00.123456"),
    (AWARE, dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "2024-01-01T00:00:00.000000+00:00"),
    (Scalar(Kind.DATE), "2024-02-29", "2024-02-29"),
    (Scalar(Kind.TIME), "10:30", "10:30:00.000000"),
    (Scalar(Kind.TIME), dt.time(1), "01:00:00.000000"),
    (Scalar(Kind.UUID), "ABCDEF00-0000-4000-8000-000000000000", "abcdef00-0000-4000-8000-000000000000"),
    (Scalar(Kind.UUID), "abcdef00000040008000000000000000", "abcdef00-0000-4000-8000-000000000000"),
    (Scalar(Kind.UUID), UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Scalar(Kind.DECIMAL), "1.50", "250000015 1.50"),
    (Scalar(Kind.DECIMAL), "-.5e3", "04999974~ -5E+2"),
    (Scalar(Kind.DECIMAL), 15, "250000115 15"),
    (Scalar(Kind.DECIMAL), Decimal("0.0"), "1 0.0"),
    (Scalar(Kind.BIGINT), 10**30, f"25000301 1{'0' * 30}"),
    (Scalar(Kind.BIGINT), Decimal("1.5"), "250000015 1.5"),
    (Scalar(Kind.INT), 5, 5),
    (Scalar(Kind.INT), 5.5, 5.5),
    (Scalar(Kind.FLOAT), 5, 5),
    (Scalar(Kind.FLOAT), 2**53 + 1, 2**53 + 1),
    (Scalar(Kind.FLOAT), -0.0, 0.0),
    (Scalar(Kind.BOOL), True, True),
    (Scalar(Kind.BYTES), b"\x01", "01"),
    (Scalar(Kind.TIMEDELTA), dt.timedelta(seconds=1), 1_000_000),
    (Scalar(Kind.STR), Word.ONE, "one"),
    (Scalar(Kind.STR, allowed=("a",)), "b", "b"),
    (Scalar(Kind.STR, enum=Colour), Colour.RED, "red"),
    (Scalar(Kind.STR, enum=Colour), "red", "red"),
    (Scalar(Kind.DECIMAL, enum=Rate), "0.1", "24999991 0.10"),
    (Scalar(Kind.DATE, enum=Day), "2024-01-01", "2024-01-01"),
]


@pytest.mark.parametrize(("scalar", "value", "canonical"), ACCEPTED)
def test_accepted(scalar, value, canonical):
    """Values of the field's type, and text that says one, become canonical; numbers come back as they are."""
    parsed = parse_operand(scalar, value)
    assert parsed == canonical
    assert type(parsed) is type(canonical)


REFUSED = [
    (AWARE, "yesterday"),
    (AWARE, ""),
    (AWARE, "2024-01-01T10:00:00"),
    (AWARE, "2024-13-01"),
    (AWARE, "2024-01-01T25:00:00Z"),
    (AWARE, "2024-01-01T10:00:00.1234567Z"),
    (AWARE, "20240101"),
    (AWARE, "2024-W01-1"),
    (AWARE, "٢٠٢٤-01-01"),
    (AWARE, " 2024-01-01"),
    (AWARE, "0001-01-01T00:00:00+23:00"),
    (AWARE, dt.datetime(2024, 1, 1)),
    (AWARE, dt.date(2024, 1, 1)),
    (AWARE, 1704067200),
    (NAIVE, "2024-01-01T10:00:00Z"),
    (Scalar(Kind.DATE), "2024-01-01T00:00:00"),
    (Scalar(Kind.DATE), "2023-02-29"),
    (Scalar(Kind.TIME), "10:30+01:00"),
    (Scalar(Kind.TIME), "25:00"),
    (Scalar(Kind.UUID), "not-a-uuid"),
    (Scalar(Kind.UUID), "{abcdef00-0000-4000-8000-000000000000}"),
    (Scalar(Kind.DECIMAL), "NaN"),
    (Scalar(Kind.DECIMAL), "1_000"),
    (Scalar(Kind.DECIMAL), "٣"),
    (Scalar(Kind.DECIMAL), "1e999999999999"),
    (Scalar(Kind.DECIMAL), "1e131072"),
    (Scalar(Kind.DECIMAL), 1.5),
    (Scalar(Kind.DECIMAL), True),
    (Scalar(Kind.DECIMAL), Decimal("inf")),
    (Scalar(Kind.BIGINT), 1.5),
    (Scalar(Kind.BIGINT), "5"),
    (Scalar(Kind.INT), True),
    (Scalar(Kind.INT), "5"),
    (Scalar(Kind.INT), 2**63),
    (Scalar(Kind.INT), float("nan")),
    (Scalar(Kind.INT), Decimal(5)),
    (Scalar(Kind.FLOAT), float("inf")),
    (Scalar(Kind.BOOL), 1),
    (Scalar(Kind.BYTES), "01"),
    (Scalar(Kind.TIMEDELTA), 5),
    (Scalar(Kind.STR), 5),
    (Scalar(Kind.STR), "a\0"),
    (Scalar(Kind.STR), "\udfff"),
    (Scalar(Kind.STR), None),
    (Scalar(Kind.STR, enum=Colour), "RED"),
    (Scalar(Kind.STR, enum=Colour), "green"),
    (Scalar(Kind.STR, enum=Colour), Word.ONE),
    (Scalar(Kind.DECIMAL, enum=Rate), "0.2"),
]


@pytest.mark.parametrize(("scalar", "value"), REFUSED)
def test_refused(scalar, value):
    """A value of another kind, or text that does not parse, is an error of the query and is not shown in it."""
    with pytest.raises(InvalidQueryError) as caught:
        parse_operand(scalar, value)
    assert not isinstance(value, str) or len(value) < 3 or value not in str(caught.value)
