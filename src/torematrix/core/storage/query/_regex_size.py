"""How large a pattern becomes inside the engines, which refuse or slow down where it becomes too large."""

from __future__ import annotations

from typing import Final

from ..errors import InvalidQueryError
from ._regex_tree import Alt, Anchor, Atomic, Chars, Node, Repeat, Seq

__all__ = ["check_size"]

# RE2 refuses nested repeats whose counts multiply to more.
_MAX_PRODUCT: Final = 1_000
# PCRE refuses what takes 64 KB: a class has a map of 32 bytes and its ranges, and a repeated group is copied.
_MAX_PCRE: Final = 60_000
# Ranges, with every repeat written out: what RE2 and PostgreSQL make states of.
_MAX_RANGES: Final = 50_000


def check_size(tree: Node) -> None:
    """Raises InvalidQueryError for a tree that some engine would find too large."""
    if _product(tree) > _MAX_PRODUCT:
        raise InvalidQueryError(f"regular expression: nested repeats multiply to more than {_MAX_PRODUCT:,}")
    if _pcre_bytes(tree) > _MAX_PCRE or _ranges(tree) > _MAX_RANGES:
        raise InvalidQueryError("regular expression: too large once its repeats are written out")


def _product(node: Node) -> int:
    match node:
        case Seq(parts) | Alt(parts):
            return max(map(_product, parts), default=1)
        case Repeat(body, low, high):
            return max(low, high or 1, 1) * _product(body)
        case Atomic(body):
            return _product(body)
        case _:
            return 1


def _pcre_bytes(node: Node) -> int:
    match node:
        case Chars(chars):
            if len(chars) == 1 and chars[0][0] == chars[0][1]:
                return 1 + len(chr(chars[0][0]).encode())
            return 40 + 9 * sum(high > 0xFF for _, high in chars)
        case Anchor():
            return 20
        case Seq(items):
            return sum(map(_pcre_bytes, items))
        case Alt(options):
            return 6 + sum(3 + _pcre_bytes(option) for option in options)
        case Repeat(Chars() as body):
            return 2 * _pcre_bytes(body) + 10
        case Repeat(body, low, high):
            return max(low, high or 1, 1) * (_pcre_bytes(body) + 12)
        case Atomic(body):
            return 6 + _pcre_bytes(body)


def _ranges(node: Node) -> int:
    match node:
        case Chars(chars):
            return len(chars)
        case Anchor():
            return 1
        case Seq(parts) | Alt(parts):
            return sum(map(_ranges, parts))
        case Repeat(body, low, high):
            return max(low, high or 1, 1) * _ranges(body)
        case Atomic(body):
            return _ranges(body)
