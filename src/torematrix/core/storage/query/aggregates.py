"""Aggregates: what is asked for, how values are accumulated exactly, and what comes out.

A driver gives partial results: an int for a count, the canonical value for min and max, and for sums and averages a
pair (total, count) in which the total is exact: an int, a Decimal, or the correctly rounded float that ``math.fsum``
gives. ``finish`` makes of it what the caller gets, the same on every engine.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeAlias

import msgspec

from ..errors import InvalidEntityError, InvalidQueryError
from ..model.kinds import CanonicalScalar, Kind, Scalar, decode_scalar, parse_ordered
from ..model.schema import Schema
from .conditions import Target
from .operations import AggregateFunction, Measure, Partial, Total
from .resolve import sortable

__all__ = [
    "Avg",
    "Count",
    "FloatSum",
    "Max",
    "Measured",
    "Min",
    "Sum",
    "accumulate",
    "exact_sum",
    "finish",
    "measure_of",
    "read_value",
]

_SUMMED: Final = (Kind.INT, Kind.BIGINT, Kind.DECIMAL, Kind.FLOAT, Kind.TIMEDELTA)
# Wide enough for every exact sum of values within PostgreSQL numeric's limits.
_EXACT: Final = decimal.Context(
    prec=200_000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[decimal.Inexact]
)
_BUFFERED: Final = 4096
_QUOTIENT: Final = decimal.Context(prec=34, rounding=decimal.ROUND_HALF_EVEN)


class Count(msgspec.Struct, frozen=True):
    """How many entities the group has or, with a field, in how many it is not null."""

    field: str | None = None


class Sum(msgspec.Struct, frozen=True):
    """The exact sum of an int, Decimal or timedelta field; ``math.fsum`` of a float field; None for an empty group."""

    field: str


class Avg(msgspec.Struct, frozen=True):
    """The average of the values that are not null; None for an empty group.

    A float of ints and floats, a Decimal (34 digits) of Decimals, a timedelta of timedeltas.
    """

    field: str


class Min(msgspec.Struct, frozen=True):
    """The smallest value that is not null; None for an empty group."""

    field: str


class Max(msgspec.Struct, frozen=True):
    """The largest value that is not null; None for an empty group."""

    field: str


Measured: TypeAlias = Count | Sum | Avg | Min | Max
"""What may be asked of a group."""

_FUNCTIONS: Final[dict[type, AggregateFunction]] = {
    Count: AggregateFunction.COUNT,
    Sum: AggregateFunction.SUM,
    Avg: AggregateFunction.AVG,
    Min: AggregateFunction.MIN,
    Max: AggregateFunction.MAX,
}


def measure_of(schema: Schema, asked: object) -> Measure:
    """The measure asked for, checked against the schema.

    Raises:
        InvalidQueryError: it is not a measure, or its field cannot be measured so.
    """
    function = _FUNCTIONS.get(type(asked))
    if function is None:
        raise InvalidQueryError(
            "an aggregate is one of Count(), Sum(field), Avg(field), Min(field), Max(field)"
        )
    path = getattr(asked, "field", None)
    if path is None and function is AggregateFunction.COUNT:
        return Measure(function, None)
    target = sortable(schema, path, "aggregate")
    scalar = target.scalar
    if function in (AggregateFunction.SUM, AggregateFunction.AVG) and (
        scalar is None or scalar.kind not in _SUMMED
    ):
        raise InvalidQueryError(f"cannot sum or average {path!r}: it is not a number")
    return Measure(function, target)


def exact_sum(kind: Kind, values: Iterable[CanonicalScalar]) -> tuple[Total | None, int]:
    """The exact total of canonical values, none of them null, and how many there were; (None, 0) of none."""
    count = 0

    def counted() -> Iterator[CanonicalScalar]:
        nonlocal count
        for value in values:
            count += 1
            yield value

    total: Total
    if kind is Kind.FLOAT:
        total = _fsum(counted())
    elif kind is Kind.DECIMAL:
        exact = Decimal(0)
        first = True
        for value in counted():
            number = Decimal(parse_ordered(str(value), kind))
            exact = number if first else _EXACT.add(exact, number)
            first = False
        total = exact
    else:
        total = sum(
            int(parse_ordered(str(value), kind)) if kind is Kind.BIGINT else int(value) for value in counted()
        )
    return (total, count) if count else (None, 0)


class FloatSum:
    """A sum of floats that rounds once, at the end, in bounded memory: what ``math.fsum`` gives for the same values."""

    __slots__ = ("_buffer", "_exact")

    def __init__(self) -> None:
        self._buffer: list[float] = []
        self._exact: Fraction | None = None  # takes over where fsum overflows on the way

    def add(self, value: float) -> None:
        """One more value, finite."""
        self._buffer.append(value)
        if len(self._buffer) >= _BUFFERED:
            self._compress()

    def _compress(self) -> None:
        """Replace the buffer by a few floats of exactly the same sum."""
        if self._exact is None:
            try:
                rest = self._buffer
                expansion: list[float] = []
                while (part := math.fsum(rest)) != 0.0:
                    expansion.append(part)
                    rest = [*rest, -part]
                self._buffer = expansion
            except OverflowError:
                self._exact = Fraction(0)
        if self._exact is not None:
            self._exact += sum(map(Fraction, self._buffer))
            self._buffer = []

    def total(self) -> float:
        """The sum, correctly rounded.

        Raises:
            InvalidQueryError: it is beyond the largest float.
        """
        try:
            if self._exact is None:
                try:
                    return math.fsum(self._buffer) + 0.0  # never -0.0
                except OverflowError:
                    self._compress()
            return float((self._exact or Fraction(0)) + sum(map(Fraction, self._buffer)))
        except OverflowError:
            raise InvalidQueryError("the sum is beyond the largest float") from None


def _fsum(values: Iterable[CanonicalScalar]) -> float:
    total = FloatSum()
    for value in values:
        total.add(float(value))
    return total.total()


def accumulate(measure: Measure, values: Iterable[CanonicalScalar | None]) -> Partial:
    """The partial result of a measure over the canonical values of a group, nulls among them."""
    present = (value for value in values if value is not None)
    function, target = measure.function, measure.target
    if target is None:
        return sum(1 for _ in values)
    if function is AggregateFunction.COUNT:
        return sum(1 for _ in present)
    scalar = target.scalar
    if scalar is None:
        raise TypeError("a measured field is a declared scalar")
    if function in (AggregateFunction.SUM, AggregateFunction.AVG):
        return exact_sum(scalar.kind, present)
    # An ordered text as a whole orders by value, then by digits: of 1.0 and 1.00 every engine picks the same one.
    choose = min if function is AggregateFunction.MIN else max
    comparable: Iterable[Any] = present  # values of one kind compare
    return choose(comparable, default=None)


def read_value(target: Target | None, canonical: CanonicalScalar | None) -> object:
    """The Python value of a canonical one that stands there.

    Raises:
        InvalidEntityError: the declared type has no such value any more, as an Enum that has lost a member.
    """
    if canonical is None or target is None or target.scalar is None:
        return None
    try:
        return decode_scalar(target.scalar, canonical)
    except Exception as error:
        raise InvalidEntityError(
            f"{target.text}: what is stored does not fit the declared type; migrate the data",
            path=target.text,
        ) from error


def finish(measure: Measure, partial: Partial) -> object:
    """What the caller gets for a partial result."""
    function, target = measure.function, measure.target
    scalar = target.scalar if target is not None else None
    if function is AggregateFunction.COUNT or scalar is None:
        return partial
    if not isinstance(partial, tuple):  # the smallest or largest value
        return read_value(target, partial)
    total, count = partial
    if total is None:
        return None
    if function is AggregateFunction.AVG:
        return _average(scalar, total, count)
    if scalar.kind is Kind.TIMEDELTA:
        return _timedelta(int(total))
    return total


def _timedelta(microseconds: int) -> timedelta:
    try:
        return timedelta(microseconds=microseconds)
    except OverflowError:
        raise InvalidQueryError("the sum is beyond the largest timedelta") from None


def _average(scalar: Scalar, total: Total, count: int) -> object:
    if isinstance(total, Decimal):
        return _QUOTIENT.divide(total, Decimal(count))
    if isinstance(total, float):
        return total / count
    if scalar.kind is Kind.TIMEDELTA:
        return timedelta(microseconds=round_half_even(total, count))
    try:
        return total / count  # correctly rounded, whatever the size
    except OverflowError:
        return _QUOTIENT.divide(Decimal(total), Decimal(count))


def round_half_even(total: int, count: int) -> int:
    """The nearest int to total / count, the even one of two that are equally near."""
    quotient, remainder = divmod(total, count)
    twice = 2 * remainder
    return quotient + (twice > count or (twice == count and quotient % 2 == 1))
