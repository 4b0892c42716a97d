"""How large a pattern becomes inside the engines, which refuse or slow down where it becomes too large."""

from __future__ import annotations

import functools
from typing import Final

import msgspec

from ..errors import InvalidQueryError
from ._regex_tree import Alt, Anchor, Anchors, Atomic, Chars, Node, Repeat, Seq

__all__ = ["check_size"]

# RE2 refuses nested repeats whose counts multiply to more.
_MAX_PRODUCT: Final = 1_000
# PCRE refuses what takes 64 KB: a class has a map of 32 bytes and its ranges, and a repeated group is copied.
_MAX_PCRE: Final = 60_000
# Ranges, with every repeat written out: what RE2 and PostgreSQL make states of.
_MAX_RANGES: Final = 50_000


# PostgreSQL makes an arc for every pair of places between which all may be absent (200 optional items in a row), in
# time that grows faster still: 20 ms here, seconds at six times as many.
_MAX_ARCS: Final = 20_000
# It also tries every combination of word boundaries between which all may be absent: 16 take 0.3 s, 24 are refused.
_MAX_BOUNDARIES: Final = 10


def check_size(tree: Node) -> None:
    """Raises InvalidQueryError for a tree that some engine would find too large."""
    if _product(tree) > _MAX_PRODUCT:
        raise InvalidQueryError(f"regular expression: nested repeats multiply to more than {_MAX_PRODUCT:,}")
    if _pcre_bytes(tree) > _MAX_PCRE or _ranges(tree) > _MAX_RANGES:
        raise InvalidQueryError("regular expression: too large once its repeats are written out")
    if _arcs(tree).arcs > _MAX_ARCS:
        raise InvalidQueryError("regular expression: too many optional items in a row")
    if _boundaries(tree).most > _MAX_BOUNDARIES:
        raise InvalidQueryError(
            f"regular expression: more than {_MAX_BOUNDARIES} of \\b and \\B that no character need stand between"
        )


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


class _Arcs(msgspec.Struct, frozen=True):
    """The arcs an automaton has beyond one for each place, where its matches end, and whether it may be absent."""

    arcs: int
    ends: int
    absent: bool


def _arcs(node: Node) -> _Arcs:
    match node:
        case Chars():
            return _Arcs(0, 1, absent=False)
        case Anchor():
            return _Arcs(0, 1, absent=True)
        case Seq(items):
            arcs, ends, absent = 0, 0, True
            for item in items:
                found = _arcs(item)
                arcs += found.arcs + max(ends - 1, 0)
                ends = found.ends + (ends if found.absent else 0)
                absent = absent and found.absent
            return _Arcs(arcs, ends, absent)
        case Alt(options):
            all_found = list(map(_arcs, options))
            return _Arcs(
                sum(found.arcs for found in all_found),
                sum(found.ends for found in all_found),
                any(found.absent for found in all_found),
            )
        case Repeat(body, low, high):
            once, times = _arcs(body), max(low, high or 1, 1)
            between = once.ends * times * times if once.absent else (once.ends - 1) * times
            ends = once.ends * (times if once.absent or low != high else 1)
            return _Arcs(times * once.arcs + between, ends, once.absent or low == 0)
        case Atomic(body):
            return _arcs(body)


class _Boundaries(msgspec.Struct, frozen=True):
    """The most word boundaries that a match can have in a row, with no character between them.

    That is: before its first character, after its last one, where it has none (None where it has one always), and
    anywhere.
    """

    before: int = 0
    after: int = 0
    without: int | None = None
    most: int = 0


def _boundaries(node: Node) -> _Boundaries:
    match node:
        case Chars():
            return _Boundaries()
        case Anchor(kind):
            count = int(kind in {Anchors.WORD, Anchors.INNER})
            return _Boundaries(count, count, count, count)
        case Seq(items):
            return functools.reduce(_then, map(_boundaries, items), _Boundaries(without=0))
        case Alt(options):
            found = list(map(_boundaries, options))
            return _Boundaries(
                max(item.before for item in found),
                max(item.after for item in found),
                max((item.without for item in found if item.without is not None), default=None),
                max(item.most for item in found),
            )
        case Repeat(body, low, high):
            once = _boundaries(body)
            times = _then(once, once) if high != 1 else once
            if once.without:
                # Only a bounded repeat has such a body; the largest count is on the safe side.
                passing = once.without * max(low, high or 1)
                times = _Boundaries(
                    passing + once.before, passing + once.after, passing, passing + once.before + once.after
                )
            without = 0 if low == 0 and times.without is None else times.without
            return msgspec.structs.replace(times, without=without)
        case Atomic(body):
            return _boundaries(body)


def _then(a: _Boundaries, b: _Boundaries) -> _Boundaries:
    return _Boundaries(
        a.before if a.without is None else max(a.before, a.without + b.before),
        b.after if b.without is None else max(b.after, a.after + b.without),
        None if a.without is None or b.without is None else a.without + b.without,
        max(a.most, b.most, a.after + b.before),
    )
