"""Writes a tree in the language of each engine: RE2, PCRE (MongoDB) and PostgreSQL's advanced regular expressions.

All three get the same sets of code points and the same places, spelled so that no default of the engine, no locale and
no newline convention has a say. What a dialect cannot write as a place it writes as a lookaround; RE2 has none, which
is why ``$`` may only end a pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from ._regex_tree import (
    ALL,
    Alt,
    Anchor,
    Anchors,
    Atomic,
    Chars,
    CharSet,
    Node,
    Repeat,
    Seq,
    complement,
)

__all__ = ["ARE", "PCRE", "RE2", "Dialect", "holds", "render", "varies"]

_WORD: Final = "[0-9A-Z_a-z]"
_SPECIAL: Final = frozenset("\\.^$*+?()[]{}|-&~#")
_SHORT: Final[Mapping[tuple[int, int | None], str]] = {(0, None): "*", (1, None): "+", (0, 1): "?"}


def _braced(code: int) -> str:
    return f"\\x{{{code:x}}}"


def _fixed(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


class Dialect(msgspec.Struct, frozen=True):
    """How one engine writes what is not the same in all of them."""

    escape: Callable[[int], str]
    any_character: str
    anchors: Mapping[Anchors, str]


RE2: Final = Dialect(
    escape=_braced,
    any_character="(?s:.)",
    anchors={
        Anchors.START: r"\A",
        Anchors.END: r"\z",
        Anchors.TAIL: r"\n?\z",  # at the end of the pattern the newline may as well be part of the match
        Anchors.WORD: r"\b",
        Anchors.INNER: r"\B",
    },
)

PCRE: Final = Dialect(
    escape=_braced,
    any_character="(?s:.)",
    anchors={
        Anchors.START: r"\A",
        Anchors.END: r"\z",
        Anchors.TAIL: r"(?=\n?\z)",
        Anchors.WORD: r"\b",  # ASCII, unless a pattern asks for more with (*UCP)
        Anchors.INNER: r"\B",
    },
)

ARE: Final = Dialect(
    escape=_fixed,
    any_character=".",
    anchors={
        Anchors.START: r"\A",
        Anchors.END: r"\Z",
        Anchors.TAIL: r"(?=\n?\Z)",
        # \y follows the collation; a lookaround of one character costs the same.
        Anchors.WORD: f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))",
        Anchors.INNER: f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))",
    },
)


def render(tree: Node, dialect: Dialect) -> str:
    """The tree as a pattern of the dialect."""
    return _render(tree, dialect)


def holds(tree: Node, kind: Anchors) -> bool:
    """Whether the tree asks for a place of this kind."""
    match tree:
        case Anchor(found):
            return found is kind
        case Seq(parts) | Alt(parts):
            return any(holds(part, kind) for part in parts)
        case Repeat(body) | Atomic(body):
            return holds(body, kind)
        case Chars():
            return False


def varies(tree: Node) -> bool:
    """Whether some repeat in the tree leaves its count open."""
    match tree:
        case Seq(parts) | Alt(parts):
            return any(map(varies, parts))
        case Repeat(body, low, high):
            return low != high or varies(body)
        case Atomic(body):
            return varies(body)
        case _:
            return False


def _render(node: Node, dialect: Dialect) -> str:
    match node:
        case Chars(chars):
            return _chars(chars, dialect)
        case Anchor(kind):
            return dialect.anchors[kind]
        case Seq(items):
            return "".join(
                f"(?:{_render(i, dialect)})" if isinstance(i, Alt) else _render(i, dialect) for i in items
            )
        case Alt(options):
            return "|".join(_render(option, dialect) for option in options)
        case Atomic(body):
            return f"(?>{_render(body, dialect)})"
        case Repeat(body):
            inside = _render(body, dialect)
            if not isinstance(body, Chars):
                inside = f"(?:{inside})"
            return inside + _quantifier(node)


def _quantifier(node: Repeat) -> str:
    low, high = node.low, node.high
    counts = _SHORT.get((low, high))
    if counts is None:
        counts = f"{{{low}}}" if low == high else f"{{{low},{'' if high is None else high}}}"
    return counts + ("?" if node.lazy else "+" if node.possessive else "")


def _chars(chars: CharSet, dialect: Dialect) -> str:
    if chars == ALL:
        return dialect.any_character
    if len(chars) == 1 and chars[0][0] == chars[0][1]:
        return _code(chars[0][0], dialect)
    others = complement(chars)
    negated = len(others) < len(chars)
    ranges = others if negated else chars
    inside = "".join(_range(low, high, dialect) for low, high in ranges)
    return f"[{'^' if negated else ''}{inside}]"


def _range(low: int, high: int, dialect: Dialect) -> str:
    if low == high:
        return _code(low, dialect)
    between = "" if high == low + 1 else "-"
    return f"{_code(low, dialect)}{between}{_code(high, dialect)}"


def _code(code: int, dialect: Dialect) -> str:
    """One character, escaped wherever it might mean something, inside a class or outside."""
    char = chr(code)
    if char in _SPECIAL:
        return f"\\{char}"
    return char if char.isprintable() else dialect.escape(code)
