"""Exact numbers as text that sorts by value and still says how the number was written.

The text is ``KEY + " " + readable``. Comparing the keys of two texts, as plain strings of code points, compares the
numbers; numbers that are equal have equal keys (1.0 and 1.00), and what follows the space keeps their trailing zeros
and exponent. A key is one of

    1                                 zero
    2 EEEEEE digits                   a positive number
    0 EEEEEE digits ~                 a negative one: the same, each digit d replaced by 9 - d

where EEEEEE is the exponent of the first digit plus 500,000 and the digits carry no trailing zeros. A shorter run of
digits sorts before any continuation of it; the ``~`` (above every digit) turns that round for negative numbers, and
the space that follows a key is below everything a key may hold.
"""

from __future__ import annotations

from decimal import Decimal

from ..errors import InvalidEntityError

__all__ = ["order_key", "ordered_text", "parse_ordered_decimal", "parse_ordered_int"]

# The limits of PostgreSQL's numeric (manual, "Arbitrary Precision Numbers"), kept everywhere.
_DIGITS_BEFORE_POINT = 131_072
_DIGITS_AFTER_POINT = 16_383
_MAX_BITS = 435_412  # bits of the greatest number of 131,072 digits
_BIAS = 500_000
_COMPLEMENT = str.maketrans("0123456789", "9876543210")
# int(text) and str(int) refuse more than 4,300 digits by default (and the application may lower that to 640); Decimal
# converts both ways without a limit.
_SAFE_INT_TEXT = 600


def ordered_text(value: Decimal | int) -> str:
    """The stored text of an exact number: its sort key, a space, and the number as Python writes it.

    Minus zero becomes zero and keeps its exponent. Raises InvalidEntityError for nan, infinities, more than 131,072
    digits before the point or more than 16,383 after it.
    """
    if isinstance(value, int):
        if value.bit_length() > _MAX_BITS:
            raise _too_large()
        value = Decimal(value)
    if not value.is_finite():
        raise InvalidEntityError("nan and infinity cannot be stored")
    exponent = value.as_tuple().exponent
    adjusted = value.adjusted()
    # A zero's first digit stands at its exponent, so one test serves zeros too.
    if adjusted >= _DIGITS_BEFORE_POINT:
        raise _too_large()
    if isinstance(exponent, int) and exponent < -_DIGITS_AFTER_POINT:
        raise InvalidEntityError(f"a decimal may have at most {_DIGITS_AFTER_POINT:,} digits after the point")
    if not value:
        return "1 " + str(value.copy_abs()).upper()
    # str() follows the active decimal context in one thing only: the case of the exponent's letter.
    readable = str(value).upper()
    digits = readable.partition("E")[0].lstrip("-").replace(".", "").strip("0")
    key = f"{_BIAS + adjusted}{digits}"
    if value < 0:
        return f"0{key.translate(_COMPLEMENT)}~ {readable}"
    return f"2{key} {readable}"


def order_key(text: str) -> str:
    """The part of a stored number that compares by value."""
    return text.partition(" ")[0]


def parse_ordered_decimal(text: str) -> Decimal:
    """The decimal that ``ordered_text`` stored, with its trailing zeros and exponent."""
    return Decimal(text.partition(" ")[2])


def parse_ordered_int(text: str) -> int:
    """The int that ``ordered_text`` stored."""
    readable = text.partition(" ")[2]
    return int(readable) if len(readable) <= _SAFE_INT_TEXT else int(Decimal(readable))


def _too_large() -> InvalidEntityError:
    return InvalidEntityError(f"a number may have at most {_DIGITS_BEFORE_POINT:,} digits before the point")
