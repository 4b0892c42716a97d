"""Reads the portable subset of Python's ``re`` (ASCII mode) into a tree, and refuses everything else by name.

The parser is the library's own: Python's is private, and what it accepts changes with its version. Where Python
only warns that a meaning may change (a nested set, ``--``, ``&&``, ``~~`` or ``||`` in a class), the construct is
refused. What Python and the engines can only agree on by luck is refused with the position where it stands; no
message repeats the pattern, which may come from somebody who should not read it in a log.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final

from ._regex_safety import refusal
from ._regex_tree import (
    ALL,
    NOTHING,
    WORD,
    Anchor,
    Anchors,
    Chars,
    CharSet,
    Node,
    Repeat,
    alt,
    char_set,
    complement,
    seq,
)
from .folding import fold_class

__all__ = ["MAX_NESTING", "MAX_REPEAT", "parse"]

MAX_NESTING: Final = 50
"""Groups within groups. Far more than anybody writes; every engine and every recursion here bears it."""

MAX_REPEAT: Final = 255
"""The largest count of PostgreSQL's regular expressions."""

_CATEGORIES: Final[dict[str, CharSet]] = {
    "d": char_set([(0x30, 0x39)]),
    "w": WORD,
    "s": char_set([(0x9, 0xD), (0x20, 0x20)]),
}
_CATEGORIES.update({name.upper(): complement(chars) for name, chars in tuple(_CATEGORIES.items())})

_CONTROLS: Final = {"a": 0x07, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09, "v": 0x0B}
_HEX_DIGITS: Final = {"x": 2, "u": 4, "U": 8}
_ANCHORS: Final = {"A": Anchors.START, "Z": Anchors.END, "b": Anchors.WORD, "B": Anchors.INNER}
_GROUPS: Final = {
    "=": "a lookahead (?=",
    "!": "a negative lookahead (?!",
    "<": "a lookbehind (?<",
    ">": "an atomic group (?>",
    "(": "a conditional (?(",
    "#": "a comment (?#",
}
# No character above this has case; a test compares it with the folding tables.
_LAST_CASED: Final = 0x1FFFF
# Ignoring case in [\x00-\uffff] alone looks at 2,700 characters: what all classes of a pattern may look at.
_MAX_CASED: Final = 200_000


def parse(pattern: str, *, fold: bool, dot_all: bool) -> tuple[Node, bool, bool]:
    """The tree of the pattern, and the two flags as they are after its leading ``(?i)``, ``(?s)`` or ``(?is)``."""
    parser = _Parser(pattern, fold=fold, dot_all=dot_all)
    tree = parser.read()
    return tree, parser.fold, parser.dot_all


@functools.cache
def _cased() -> tuple[int, ...]:
    """The code points that fold like another, in order."""
    return tuple(code for code in range(_LAST_CASED + 1) if len(fold_class(chr(code))) > 1)


class _Parser:
    def __init__(self, pattern: str, *, fold: bool, dot_all: bool) -> None:
        self.pattern = pattern
        self.fold = fold
        self.dot_all = dot_all
        self.at = 0
        self.nesting = 0
        self.names: set[str] = set()
        self.literals: dict[int, Chars] = {}
        self.cased = 0

    def read(self) -> Node:
        self._leading_flags()
        tree = self._alternation()
        if self.at < len(self.pattern):
            raise refusal("a ) that closes nothing", self.at)
        return tree

    def _peek(self, text: str) -> bool:
        return self.pattern.startswith(text, self.at)

    def _take(self, text: str) -> bool:
        if self._peek(text):
            self.at += len(text)
            return True
        return False

    def _next(self, inside: str, opened: int) -> str:
        if self.at >= len(self.pattern):
            raise refusal(f"{inside} that does not end", opened)
        self.at += 1
        return self.pattern[self.at - 1]

    def _leading_flags(self) -> None:
        while self._peek("(?"):
            end = self.at + 2
            while self.pattern[end : end + 1].isalpha():
                end += 1
            flags = self.pattern[self.at + 2 : end]
            if not flags or self.pattern[end : end + 1] != ")":
                return
            if not set(flags) <= {"i", "s"}:
                raise refusal("an inline flag other than i and s", self.at)
            self.fold |= "i" in flags
            self.dot_all |= "s" in flags
            self.at = end + 1

    def _alternation(self) -> Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return alt(options)

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            began = self.at
            atom = self._atom()
            items.append(self._quantified(atom, began))
        return seq(items)

    # Atoms

    def _atom(self) -> Node:
        began = self.at
        char = self._next("a pattern", began)
        match char:
            case "(":
                return self._group(began)
            case "[":
                return Chars(self._class(began))
            case ".":
                return Chars(ALL if self.dot_all else complement(char_set([(0x0A, 0x0A)])))
            case "^":
                return Anchor(Anchors.START, began)
            case "$":
                return Anchor(Anchors.TAIL, began)
            case "\\":
                return self._escape(began)
            case "*" | "+" | "?":
                raise refusal(f"a {char} with nothing to repeat", began)
            case "{":
                self.at = began
                if self._counts() is not None:
                    raise refusal("a {} with nothing to repeat", began)
                self.at = began + 1
                return self._literal(0x7B)
            case _:
                return self._literal(ord(char))

    def _literal(self, code: int) -> Chars:
        known = self.literals.get(code)
        if known is None:
            chars = char_set(
                [(ord(char), ord(char)) for char in (fold_class(chr(code)) if self.fold else chr(code))]
            )
            if chars == NOTHING:
                raise refusal("a character that no text holds (U+0000 or a surrogate)", self.at)
            known = self.literals[code] = Chars(chars)
        return known

    def _folded(self, ranges: Iterable[tuple[int, int]]) -> CharSet:
        """The set of these ranges and, when case is ignored, of everything that folds like a member."""
        chars = char_set(ranges)
        if not self.fold:
            return chars
        alike: list[tuple[int, int]] = []
        for low, high in chars:
            cased = _cased()[bisect_left(_cased(), low) : bisect_right(_cased(), high)]
            self.cased += len(cased)
            if self.cased > _MAX_CASED:
                raise refusal("classes too large to ignore case in", self.at)
            alike.extend((ord(member), ord(member)) for code in cased for member in fold_class(chr(code)))
        return char_set([*chars, *alike])

    def _escape(self, began: int) -> Node:
        char = self._next("an escape", began)
        if char in _CATEGORIES:
            return Chars(_CATEGORIES[char])
        if char in _ANCHORS:
            return Anchor(_ANCHORS[char], began)
        return self._literal(self._escaped(char, began))

    def _escaped(self, char: str, began: int) -> int:
        """The code point of an escape that means the same inside and outside a class."""
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in _HEX_DIGITS:
            return self._hexadecimal(_HEX_DIGITS[char], began)
        if "0" <= char <= "9":
            raise refusal(
                "a backreference or an octal escape (write \\x00 with two hexadecimal digits)", began
            )
        if char.isascii() and char.isalpha():
            raise refusal(f"the escape \\{char}", began)
        return ord(char)

    def _hexadecimal(self, digits: int, began: int) -> int:
        text = self.pattern[self.at : self.at + digits]
        if len(text) < digits or not set(text) <= set("0123456789abcdefABCDEF"):
            raise refusal(f"an escape that needs {digits} hexadecimal digits", began)
        self.at += digits
        code = int(text, 16)
        if code > 0x10FFFF:
            raise refusal("an escape above U+10FFFF", began)
        return code

    def _group(self, began: int) -> Node:
        if self._take("?") and not self._take(":"):
            self._named(began)
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise refusal(f"groups nested more than {MAX_NESTING} deep", began)
        inside = self._alternation()
        self.nesting -= 1
        if not self._take(")"):
            raise refusal("a ( that is not closed", began)
        return inside

    def _named(self, began: int) -> None:
        """Reads ``P<name>``, the one extension but ``?:`` that the subset has."""
        if not self._take("P<"):
            what = self.pattern[self.at : self.at + 1]
            if self._peek("P="):
                raise refusal("a backreference (?P=", began)
            if what != "P" and (what.isalpha() or what == "-"):
                raise refusal("flags inside the pattern (only i and s, and only at its start)", began)
            raise refusal(_GROUPS.get(what, "an extension (?"), began)
        end = self.pattern.find(">", self.at)
        name = self.pattern[self.at : max(end, self.at)]
        if not (name.isascii() and name.isidentifier()):
            raise refusal("a group name that is not an ASCII identifier", began)
        if name in self.names:
            raise refusal("a group name used twice", began)
        self.names.add(name)
        self.at = end + 1

    # Classes

    def _class(self, began: int) -> CharSet:
        if self._peek("["):
            raise refusal("a [ inside a class (write \\[)", self.at)
        negated = self._take("^")
        kept: list[tuple[int, int]] = []  # what case does not touch
        ranges: list[tuple[int, int]] = []
        empty = True
        while empty or not self._peek("]"):
            where = self.at
            low = self._member(began, first=empty)
            empty = False
            if not self._peek("-") or self._peek("-]"):
                if isinstance(low, int):
                    ranges.append((low, low))
                else:
                    kept.extend(low)
                continue
            self.at += 1
            if self._peek("-"):
                raise refusal("-- in a class (write \\-)", where)
            high = self._member(began, first=True)
            if not (isinstance(low, int) and isinstance(high, int)) or low > high:
                raise refusal("a range that has no order", where)
            ranges.append((low, high))
        self.at += 1
        chars = char_set([*kept, *self._folded(ranges)])
        if negated:
            chars = complement(chars)
        if chars == NOTHING:
            raise refusal("a class that no character is in", began)
        return chars

    def _member(self, began: int, *, first: bool) -> int | CharSet:
        where = self.at
        char = self._next("a class", began)
        if char != "\\":
            if not first and char in "-&~|" and self._peek(char):
                raise refusal(f"{char}{char} in a class (write \\{char})", where)
            return ord(char)
        char = self._next("a class", began)
        if char in _CATEGORIES:
            return _CATEGORIES[char]
        return 0x08 if char == "b" else self._escaped(char, where)

    # Quantifiers

    def _quantified(self, atom: Node, began: int) -> Node:
        where = self.at
        counts = self._quantifier()
        if counts is None:
            return atom
        low, high = counts
        if isinstance(atom, Anchor) and self.pattern[began] != "(":
            raise refusal("a repeat of a place, which is nothing to repeat", where)
        if max(low, high or 0) > MAX_REPEAT:
            raise refusal(f"a repeat above {MAX_REPEAT}", where)
        if high is not None and low > high:
            raise refusal("a repeat whose least is above its most", where)
        if self._take("+"):
            raise refusal("a possessive repeat", where)
        self._take("?")  # a lazy repeat is found in the same texts
        again = self.at
        if self._quantifier() is not None:
            raise refusal("a repeat of a repeat (put the first in a group)", again)
        return Repeat(atom, low, high, at=where)

    def _quantifier(self) -> tuple[int, int | None] | None:
        if self._take("*"):
            return 0, None
        if self._take("+"):
            return 1, None
        if self._take("?"):
            return 0, 1
        return self._counts()

    def _counts(self) -> tuple[int, int | None] | None:
        """The counts of ``{m}``, ``{m,}``, ``{,n}`` or ``{m,n}``; None where the brace is a literal, as in Python."""
        if not self._peek("{"):
            return None
        end = self.pattern.find("}", self.at)
        inside = self.pattern[self.at + 1 : end] if end > 0 else ""
        low, comma, high = inside.partition(",")
        if not inside or not all(part.isascii() and (part.isdigit() or not part) for part in (low, high)):
            return None
        self.at = end + 1
        least = _count(low) if low else 0
        if not comma:
            return least, least
        return least, _count(high) if high else None


def _count(digits: str) -> int:
    """The number, or one that is as surely too large: int() refuses thousands of digits."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= 4 else 9999
