"""Filter values: what may stand for a declared scalar in a condition, and its canonical form.

A value of the field's own type always may. Text may stand for dates, times, UUIDs, decimals and Enum members, when it
is written in the one ISO (or plain) form accepted here; the forms are narrower than Python's parsers, which differ
between versions and silently drop digits of a fraction.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from uuid import UUID

from ..errors import InvalidEntityError, InvalidQueryError
from ._ordered import order_key, ordered_text
from ._scalars import (
    INT64_MAX,
    INT64_MIN,
    CanonicalScalar,
    Kind,
    Scalar,
    kind_encoder,
)

__all__ = ["parse_operand"]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?"
_TIME = re.compile(_CLOCK)
_DATETIME = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(Z|[+-][0-9]{{2}}:?[0-9]{{2}}(:[0-9]{{2}})?)?"
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}")
_DECIMAL = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,12})?")


def parse_operand(scalar: Scalar, value: object) -> CanonicalScalar:
    """The canonical form of a filter's value for a field of that scalar.

    Int and float are interchangeable for INT and FLOAT fields and come back as given; an int may be given for a
    DECIMAL or BIGINT field, a float may not. ISO text is parsed for DATETIME (a date alone is midnight, in UTC on an
    aware field), DATE, TIME and UUID, plain text for DECIMAL, and an Enum takes the value of a member. Everything else
    is as strict as ``encode_scalar``. Raises InvalidQueryError, whose message does not show the value.
    """
    try:
        if scalar.enum is not None:
            return _member(scalar, scalar.enum, value)
        return _plain(scalar, value)
    except InvalidEntityError as error:
        raise InvalidQueryError(str(error)) from None


def _plain(scalar: Scalar, value: object) -> CanonicalScalar:
    # By tables: before Python 3.12 a member costs more to look up in its Enum than the rest of this together.
    kind = scalar.kind
    own_rule = _OWN_RULES.get(kind)
    if own_rule is not None:
        return own_rule(kind, value)
    if isinstance(value, str) and kind in _TEXT_PARSERS:
        value = _TEXT_PARSERS[kind](value, scalar)
    # What a Literal admits limits what is stored; a filter for another value simply finds nothing.
    return kind_encoder(scalar)(value)


def _member(scalar: Scalar, members: type[enum.Enum], value: object) -> CanonicalScalar:
    encode = kind_encoder(scalar)
    if isinstance(value, members):
        return encode(value.value)
    wanted = _plain(scalar, value)
    for member in members:
        canonical = encode(member.value)
        if canonical == wanted or (
            scalar.kind is Kind.DECIMAL and order_key(str(canonical)) == order_key(str(wanted))
        ):
            return canonical
    raise InvalidQueryError(f"no member of {members.__name__} has this value")


def _number(_: Kind, value: object) -> int | float:
    if isinstance(value, int) and not isinstance(value, bool):
        if not INT64_MIN <= value <= INT64_MAX:
            raise InvalidQueryError("an int outside 64 bits cannot be compared with this field")
        return int.__int__(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidQueryError("nan and infinity cannot be compared")
        return float.__float__(value) + 0.0
    raise InvalidQueryError(f"expected a number, got {type(value).__name__}")


def _exact(kind: Kind, value: object) -> str:
    if isinstance(value, str) and kind is Kind.DECIMAL:
        value = _decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        expected = "an int or a Decimal" if kind is Kind.BIGINT else "a Decimal, an int, or a decimal's text"
        raise InvalidQueryError(f"expected {expected}, got {type(value).__name__}")
    return ordered_text(value)


def _match(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise InvalidQueryError(f"this text is not {what}")
    return text


def _datetime(text: str, scalar: Scalar) -> dt.datetime:
    try:
        if _DATE.fullmatch(text):
            return dt.datetime.fromisoformat(text).replace(tzinfo=None if scalar.naive else dt.UTC)
        return dt.datetime.fromisoformat(_match(_DATETIME, text, "an ISO date, or date and time"))
    except ValueError as error:
        raise _unparsable(error, "date and time") from None


def _date(text: str, _: Scalar) -> dt.date:
    try:
        return dt.date.fromisoformat(_match(_DATE, text, "an ISO date (YYYY-MM-DD)"))
    except ValueError as error:
        raise _unparsable(error, "date") from None


def _time(text: str, _: Scalar) -> dt.time:
    try:
        return dt.time.fromisoformat(_match(_TIME, text, "an ISO time without an offset (HH:MM:SS)"))
    except ValueError as error:
        raise _unparsable(error, "time") from None


def _unparsable(error: ValueError, what: str) -> InvalidQueryError:
    return (
        error
        if isinstance(error, InvalidQueryError)
        else InvalidQueryError(f"this text names no valid {what}")
    )


def _uuid(text: str, _: Scalar) -> UUID:
    return UUID(_match(_UUID, text, "a UUID"))


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(_match(_DECIMAL, text, "a decimal number"))
    except InvalidOperation:
        raise InvalidQueryError("this decimal number is out of range") from None


_OWN_RULES: dict[Kind, Callable[[Kind, object], CanonicalScalar]] = {
    Kind.INT: _number,
    Kind.FLOAT: _number,
    Kind.DECIMAL: _exact,
    Kind.BIGINT: _exact,
}
_TEXT_PARSERS: dict[Kind, Callable[[str, Scalar], object]] = {
    Kind.DATETIME: _datetime,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.UUID: _uuid,
}
