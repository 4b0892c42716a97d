"""The kinds of scalar values, and the one canonical form in which each is stored, compared and sorted.

A canonical value is None, a bool, int, float, str, or a list or dict of them. Encoding is strict, so that what comes
out of the storage is what went in; decoding is its exact inverse.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

import msgspec

from ..errors import InvalidEntityError
from ._ordered import ordered_text, parse_ordered_decimal, parse_ordered_int
from ._times import naive_text, utc_text

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "Canonical",
    "CanonicalScalar",
    "Kind",
    "Scalar",
    "check_text",
    "decode_scalar",
    "encode_scalar",
    "family",
    "kind_encoder",
    "kind_of_type",
    "parse_ordered",
    "python_type",
    "scalar_decoder",
    "scalar_encoder",
]

CanonicalScalar: TypeAlias = str | int | float | bool
Canonical: TypeAlias = "bool | int | float | str | list[Canonical] | dict[str, Canonical] | None"

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


class Kind(enum.StrEnum):
    """What a declared scalar holds; the value is the name stored in a described schema."""

    STR = "str"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    DECIMAL = "decimal"
    BIGINT = "bigint"
    BYTES = "bytes"
    DATETIME = "datetime"
    DATE = "date"
    TIME = "time"
    TIMEDELTA = "timedelta"
    UUID = "uuid"


class Scalar(msgspec.Struct, frozen=True):
    """A declared scalar: its kind, the Enum it is a value of, if any, and what narrows it.

    Attributes:
        kind: the kind of the stored value (of an Enum: of its members' values).
        enum: the Enum class whose members the field holds, or None.
        naive: a datetime without an offset; meaningless for other kinds.
        allowed: the canonical values that a ``Literal`` admits on write; empty means all.
    """

    kind: Kind
    enum: type[enum.Enum] | None = None
    naive: bool = False
    allowed: tuple[CanonicalScalar, ...] = ()


_FAMILIES = {Kind.INT: "number", Kind.FLOAT: "number", Kind.TIMEDELTA: "number", Kind.BOOL: "bool"}


def family(kind: Kind) -> str:
    """How the canonical value compares: ``"string"``, ``"number"`` or ``"bool"``."""
    return _FAMILIES.get(kind, "string")


_PYTHON_TYPES: dict[type, Kind] = {
    str: Kind.STR,
    int: Kind.INT,
    float: Kind.FLOAT,
    bool: Kind.BOOL,
    Decimal: Kind.DECIMAL,
    bytes: Kind.BYTES,
    dt.datetime: Kind.DATETIME,
    dt.date: Kind.DATE,
    dt.time: Kind.TIME,
    dt.timedelta: Kind.TIMEDELTA,
    UUID: Kind.UUID,
}


def kind_of_type(python_type: type) -> Kind | None:
    """The kind that a Python type declares by itself, or None when it declares no scalar."""
    return _PYTHON_TYPES.get(python_type)


def python_type(kind: Kind) -> type:
    """The Python type of that kind's values."""
    return (
        int if kind is Kind.BIGINT else next(found for found, known in _PYTHON_TYPES.items() if known is kind)
    )


def check_text(value: str) -> str:
    """The same text as a plain str; InvalidEntityError when it holds NUL or a lone surrogate."""
    if type(value) is not str:
        value = str.__str__(value)
    if "\0" in value:
        raise InvalidEntityError("text cannot hold the NUL character")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidEntityError("text cannot hold a lone surrogate") from None
    return value


def _expected(what: str, value: object) -> InvalidEntityError:
    return InvalidEntityError(f"expected {what}, got {type(value).__name__}")


def _encode_str(value: object) -> str:
    if not isinstance(value, str):
        raise _expected("str", value)
    return check_text(value)


def _encode_int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _expected("int", value)
    if not INT64_MIN <= value <= INT64_MAX:
        raise InvalidEntityError("an int outside 64 bits can be stored only in a field declared Big()")
    return int.__int__(value)


def _encode_float(value: object) -> float:
    # int stands for float in Python's type system; it is taken when nothing is lost.
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if number != value:
            raise InvalidEntityError("this int has no exact float")
        return number
    if not isinstance(value, float):
        raise _expected("float", value)
    number = float.__float__(value)
    if not math.isfinite(number):
        raise InvalidEntityError("nan and infinity cannot be stored")
    return number + 0.0  # minus zero becomes zero


def _encode_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise _expected("bool", value)
    return value


def _encode_decimal(value: object) -> str:
    if not isinstance(value, Decimal):
        raise _expected("Decimal", value)
    return ordered_text(value)


def _encode_bigint(value: object) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _expected("int", value)
    return ordered_text(value)


def _encode_bytes(value: object) -> str:
    if not isinstance(value, bytes):
        raise _expected("bytes", value)
    return value.hex()


def _plain_datetime(value: object) -> dt.datetime:
    if not isinstance(value, dt.datetime):
        raise _expected("datetime", value)
    if type(value) is dt.datetime:
        return value
    # A subclass may write itself differently (pandas keeps nanoseconds); not-a-time values have no parts at all.
    try:
        return dt.datetime(
            value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond,
            tzinfo=value.tzinfo, fold=value.fold,
        )  # fmt: skip
    except (TypeError, ValueError):
        raise _expected("datetime", value) from None


def _encode_aware(value: object) -> str:
    moment = _plain_datetime(value)
    if moment.utcoffset() is None:
        raise InvalidEntityError(
            "expected an aware datetime, got a naive one; declare Naive() to store those"
        )
    try:
        return utc_text(moment)
    except OverflowError:
        raise InvalidEntityError("a datetime must lie within the years 1 to 9999, in UTC") from None


def _encode_naive(value: object) -> str:
    moment = _plain_datetime(value)
    if moment.utcoffset() is not None:
        raise InvalidEntityError("expected a naive datetime, got an aware one")
    return naive_text(moment.replace(tzinfo=None))


def _encode_date(value: object) -> str:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        raise _expected("date", value)
    return dt.date.isoformat(value)


def _encode_time(value: object) -> str:
    if not isinstance(value, dt.time):
        raise _expected("time", value)
    if value.tzinfo is not None:
        raise InvalidEntityError("a time with an offset cannot be stored")
    return dt.time.isoformat(value, timespec="microseconds")


def _encode_timedelta(value: object) -> int:
    if not isinstance(value, dt.timedelta):
        raise _expected("timedelta", value)
    microseconds = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    if not INT64_MIN <= microseconds <= INT64_MAX:
        raise InvalidEntityError("a timedelta must fit 64 bits of microseconds (292,271 years)")
    return microseconds


def _encode_uuid(value: object) -> str:
    if not isinstance(value, UUID):
        raise _expected("UUID", value)
    return UUID.__str__(value)


_ENCODERS: dict[Kind, Callable[[object], CanonicalScalar]] = {
    Kind.STR: _encode_str,
    Kind.INT: _encode_int,
    Kind.FLOAT: _encode_float,
    Kind.BOOL: _encode_bool,
    Kind.DECIMAL: _encode_decimal,
    Kind.BIGINT: _encode_bigint,
    Kind.BYTES: _encode_bytes,
    Kind.DATETIME: _encode_aware,
    Kind.DATE: _encode_date,
    Kind.TIME: _encode_time,
    Kind.TIMEDELTA: _encode_timedelta,
    Kind.UUID: _encode_uuid,
}


def kind_encoder(scalar: Scalar) -> Callable[[object], CanonicalScalar]:
    """A function that encodes values of that scalar's kind, whatever its Enum or Literal."""
    if scalar.naive and scalar.kind is Kind.DATETIME:
        return _encode_naive
    return _ENCODERS[scalar.kind]


def scalar_encoder(scalar: Scalar) -> Callable[[object], CanonicalScalar]:
    """A function that encodes values of that scalar as ``encode_scalar`` does, made once for many values."""
    encode = kind_encoder(scalar)
    members, allowed = scalar.enum, scalar.allowed

    def encode_member(value: object) -> CanonicalScalar:
        if members is not None:
            if not isinstance(value, members):
                raise _expected(members.__name__, value)
            value = value.value
        canonical = encode(value)
        if allowed and canonical not in allowed:
            raise InvalidEntityError("the value is none of those the declared Literal admits")
        return canonical

    return encode if members is None and not allowed else encode_member


def encode_scalar(scalar: Scalar, value: object) -> CanonicalScalar:
    """The canonical form of a value of that scalar.

    Raises InvalidEntityError for a value of another type, NUL or lone surrogates, nan, infinities, an int outside 64
    bits, a naive datetime in an aware field and the reverse, and everything else that could not come back as it was.
    """
    return scalar_encoder(scalar)(value)


def _decode_float(canonical: float) -> float:
    return float(canonical)


def _decode_timedelta(canonical: int) -> dt.timedelta:
    return dt.timedelta(microseconds=canonical)


_DECODERS: dict[Kind, Callable[..., object] | None] = {
    Kind.STR: None,
    Kind.INT: None,
    Kind.FLOAT: _decode_float,
    Kind.BOOL: bool,
    Kind.DECIMAL: parse_ordered_decimal,
    Kind.BIGINT: parse_ordered_int,
    Kind.BYTES: bytes.fromhex,
    Kind.DATETIME: dt.datetime.fromisoformat,
    Kind.DATE: dt.date.fromisoformat,
    Kind.TIME: dt.time.fromisoformat,
    Kind.TIMEDELTA: _decode_timedelta,
    Kind.UUID: UUID,
}


def scalar_decoder(scalar: Scalar) -> Callable[..., object] | None:
    """A function from the canonical value back to the Python value; None where they are the same."""
    decode = _DECODERS[scalar.kind]
    if scalar.enum is None:
        return decode
    members = scalar.enum
    encode = kind_encoder(scalar)
    table: dict[object, object] = {encode(member.value): member for member in members}

    def decode_member(canonical: object) -> object:
        found = table.get(canonical)
        if found is not None:
            return found
        # A combination of flags, or a value that the class's own _missing_ knows.
        return members(canonical if decode is None else decode(canonical))

    return decode_member


def decode_scalar(scalar: Scalar, canonical: CanonicalScalar) -> object:
    """The Python value that ``encode_scalar`` turned into this canonical value."""
    decode = scalar_decoder(scalar)
    return canonical if decode is None else decode(canonical)


def parse_ordered(text: str, kind: Kind) -> Decimal | int:
    """The number that ``ordered_text`` stored, as the Decimal or (BIGINT) the int it was."""
    return parse_ordered_int(text) if kind is Kind.BIGINT else parse_ordered_decimal(text)
