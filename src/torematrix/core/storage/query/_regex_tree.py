r"""The tree of a portable regular expression, and the sets of characters at its leaves.

A tree describes which texts a pattern is found in, and nothing else: groups capture nothing, a lazy repeat equals a
greedy one, and classes, case and ``.`` are already written out as sets of code points. The three translations start
from here, so no engine's own idea of ``\w``, case or newlines can take part.

A set of characters is a sorted tuple of inclusive ranges that neither touch nor overlap. It leaves out U+0000 and the
surrogates, which no stored text holds and not every engine accepts in a pattern.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from enum import Enum
from typing import Final

import msgspec

__all__ = [
    "ALL",
    "EMPTY",
    "NOTHING",
    "WORD",
    "Alt",
    "Anchor",
    "Anchors",
    "Atomic",
    "CharSet",
    "Chars",
    "Node",
    "Repeat",
    "Seq",
    "alt",
    "char_set",
    "characters",
    "complement",
    "first",
    "nullable",
    "overlap",
    "seq",
    "shortest",
    "subset",
    "union",
]

CharSet = tuple[tuple[int, int], ...]

NOTHING: Final[CharSet] = ()
ALL: Final[CharSet] = ((0x1, 0xD7FF), (0xE000, 0x10FFFF))
WORD: Final[CharSet] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))


def char_set(ranges: Iterable[tuple[int, int]]) -> CharSet:
    """The set of these ranges, which may come in any order and overlap."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    clipped: list[tuple[int, int]] = []
    for low, high in merged:
        for least, most in ALL:
            if low <= most and high >= least:
                clipped.append((max(low, least), min(high, most)))
    return tuple(clipped)


def union(a: CharSet, b: CharSet) -> CharSet:
    """The characters in either."""
    if len(a) < len(b):
        a, b = b, a
    if not b or subset(b, a):
        return a
    return char_set(a + b)


def complement(a: CharSet) -> CharSet:
    """The characters of ``ALL`` that are not in the set."""
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in a:
        gaps.append((start, low - 1))
        start = high + 1
    gaps.append((start, 0x10FFFF))
    return char_set(gap for gap in gaps if gap[0] <= gap[1])


def _at_or_before(a: CharSet, point: int) -> tuple[int, int] | None:
    """The last range that begins at the point or before it."""
    index = bisect_right(a, point, key=_low)
    return a[index - 1] if index else None


def _low(item: tuple[int, int]) -> int:
    return item[0]


def overlap(a: CharSet, b: CharSet) -> bool:
    """Whether some character is in both."""
    if len(a) < len(b):
        a, b = b, a
    for low, high in b:
        found = _at_or_before(a, high)
        if found is not None and found[1] >= low:
            return True
    return False


def subset(a: CharSet, b: CharSet) -> bool:
    """Whether every character of the first is in the second."""
    for low, high in a:
        found = _at_or_before(b, low)
        if found is None or found[1] < high:
            return False
    return True


class Anchors(Enum):
    """What can be said of a place between two characters."""

    START = "the start of the text"
    END = "the end of the text"
    TAIL = "the end of the text, or just before a newline that ends it"
    WORD = "between a word character and what is none"
    INNER = "not a WORD place"


class Chars(msgspec.Struct, frozen=True):
    """One character of the set, which is never empty."""

    chars: CharSet


class Anchor(msgspec.Struct, frozen=True):
    """No character, at a place of this kind; ``at`` is its offset in the pattern."""

    kind: Anchors
    at: int = 0


class Seq(msgspec.Struct, frozen=True):
    """One after the other."""

    items: tuple[Node, ...]


class Alt(msgspec.Struct, frozen=True):
    """Any one of them."""

    options: tuple[Node, ...]


class Repeat(msgspec.Struct, frozen=True):
    """The body at least ``low`` and at most ``high`` times (None: any number).

    ``lazy`` and ``possessive`` change no meaning here; they are set where they spare a backtracking engine work.
    ``at`` is the offset of the quantifier in the pattern, while the tree is as it was written.
    """

    body: Node
    low: int
    high: int | None
    lazy: bool = False
    possessive: bool = False
    at: int = 0


class Atomic(msgspec.Struct, frozen=True):
    """The body, of which a backtracking engine needs to try the first way alone."""

    body: Node


Node = Chars | Anchor | Seq | Alt | Repeat | Atomic

EMPTY: Final = Seq(())


def seq(items: Iterable[Node]) -> Node:
    """The sequence, flat: sequences within it are opened, a single item stands for itself."""
    flat: list[Node] = []
    for item in items:
        if isinstance(item, Seq):
            flat.extend(item.items)
        else:
            flat.append(item)
    return flat[0] if len(flat) == 1 else Seq(tuple(flat))


def alt(options: Iterable[Node]) -> Node:
    """The alternation, flat; a single option stands for itself."""
    flat: list[Node] = []
    for option in options:
        if isinstance(option, Alt):
            flat.extend(option.options)
        else:
            flat.append(option)
    return flat[0] if len(flat) == 1 else Alt(tuple(flat))


def nullable(node: Node, *, anchors: bool = True) -> bool:
    """Whether the node can match no character: anywhere when ``anchors`` is false, else at some place at least."""
    match node:
        case Chars():
            return False
        case Anchor():
            return anchors
        case Seq(items):
            return all(nullable(item, anchors=anchors) for item in items)
        case Alt(options):
            return any(nullable(option, anchors=anchors) for option in options)
        case Repeat(body, low):
            return low == 0 or nullable(body, anchors=anchors)
        case Atomic(body):
            return nullable(body, anchors=anchors)


def first(node: Node) -> CharSet:
    """The characters that a match of the node can begin with."""
    match node:
        case Chars(chars):
            return chars
        case Anchor():
            return NOTHING
        case Seq(items):
            ranges: list[tuple[int, int]] = []
            for item in items:
                ranges.extend(first(item))
                if not nullable(item):
                    break
            return char_set(ranges)
        case Alt(options):
            return char_set([item for option in options for item in first(option)])
        case Repeat(body) | Atomic(body):
            return first(body)


def characters(node: Node) -> CharSet:
    """Every character that a match of the node can hold."""
    match node:
        case Chars(chars):
            return chars
        case Anchor():
            return NOTHING
        case Seq(parts) | Alt(parts):
            return char_set({item for part in parts for item in characters(part)})
        case Repeat(body) | Atomic(body):
            return characters(body)


def shortest(node: Node) -> int:
    """The least number of characters that a match of the node has."""
    match node:
        case Chars():
            return 1
        case Anchor():
            return 0
        case Seq(items):
            return sum(map(shortest, items))
        case Alt(options):
            return min(map(shortest, options))
        case Repeat(body, low):
            return low * shortest(body)
        case Atomic(body):
            return shortest(body)
