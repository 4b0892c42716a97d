r"""LIKE patterns: parsed once, matched in linear time, and translated for the engines.

``%`` is any run of characters, ``_`` exactly one code point (a newline too), ``\`` makes the next character stand for
itself. A parsed pattern is its segments: what stands between runs of ``%``. Because a segment has a fixed
length, taking each at the leftmost place where it fits is always right, so nothing is ever tried twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from ..errors import InvalidEntityError, InvalidQueryError
from ..model.kinds import check_text
from ._regex_render import ARE, render
from ._regex_tree import ALL, Anchor, Anchors, Chars, Node, Repeat, char_set, seq
from .folding import fold_class, simple_fold

__all__ = [
    "MAX_PATTERN_BYTES",
    "LikePattern",
    "Segment",
    "check_query_text",
    "folded_regex",
    "like_matcher",
    "literal_prefix",
    "longest_literals",
    "parse_like",
    "to_glob",
    "to_like",
]

# PCRE, inside MongoDB, refuses compiled patterns not far above this.
MAX_PATTERN_BYTES: Final = 30_000

Segment = tuple[str | int, ...]
"""Literal text (str) and numbers of ``_`` (int), never two of a kind in a row, never empty."""


class LikePattern(msgspec.Struct, frozen=True):
    """A parsed pattern.

    ``segments`` is what stands between runs of ``%``. ``from_start`` says that no ``%`` comes before the first,
    ``to_end`` that none comes after the last. Without segments, both are true (the pattern is empty, and
    matches the empty string alone) or neither is (the pattern is ``%``, and matches everything).
    """

    segments: tuple[Segment, ...]
    from_start: bool
    to_end: bool


def check_query_text(text: str, what: str) -> str:
    """The same text as a plain str; InvalidQueryError when it holds NUL or a lone surrogate, which no value holds."""
    try:
        return check_text(text)
    except InvalidEntityError as refusal:
        raise InvalidQueryError(f"{what}: {refusal}") from None


def parse_like(pattern: str) -> LikePattern:
    """The pattern in parsed form.

    Raises InvalidQueryError where it ends in a backslash that escapes nothing, is above 30,000 bytes of UTF-8, or
    holds NUL or a lone surrogate.
    """
    pattern = check_query_text(pattern, "the pattern")
    if len(pattern.encode()) > MAX_PATTERN_BYTES:
        raise InvalidQueryError(f"the pattern is longer than {MAX_PATTERN_BYTES:,} bytes of UTF-8")
    segments: list[Segment] = []
    segment: list[str | int] = []
    literal: list[str] = []

    def end_literal() -> None:
        if literal:
            segment.append("".join(literal))
            literal.clear()

    def end_segment() -> None:
        end_literal()
        if segment:
            segments.append(tuple(segment))
            segment.clear()

    to_end = True  # whether what was read last is not a %
    characters = iter(pattern)
    for character in characters:
        to_end = character != "%"
        if character == "%":
            end_segment()
        elif character == "_":
            end_literal()
            if segment and isinstance(segment[-1], int):
                segment[-1] += 1
            else:
                segment.append(1)
        elif character == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise InvalidQueryError("the pattern ends in a backslash that escapes nothing: double it")
            literal.append(escaped)
        else:
            literal.append(character)
    end_segment()
    return LikePattern(tuple(segments), from_start=not pattern.startswith("%"), to_end=to_end)


def literal_prefix(pattern: LikePattern) -> str:
    """The text that every match starts with; empty where the pattern does not say."""
    if pattern.from_start and pattern.segments and isinstance(pattern.segments[0][0], str):
        return pattern.segments[0][0]
    return ""


def longest_literals(pattern: LikePattern) -> tuple[str, ...]:
    """The distinct literal runs, longest first: every match contains each of them."""
    runs = {part: None for segment in pattern.segments for part in segment if isinstance(part, str)}
    return tuple(sorted(runs, key=len, reverse=True))


_GLOB_ESCAPES: Final = str.maketrans({"*": "[*]", "?": "[?]", "[": "[[]"})


def to_glob(pattern: LikePattern) -> str:
    """The pattern for SQLite's GLOB, which is case-sensitive and knows no escape but a bracket.

    Escapes make it up to three times as long as the pattern, and SQLite refuses a GLOB above 50,000 bytes.
    """
    between = "*".join(
        "".join(part.translate(_GLOB_ESCAPES) if isinstance(part, str) else "?" * part for part in segment)
        for segment in pattern.segments
    )
    if not pattern.segments:
        return "" if pattern.from_start else "*"
    return f"{'' if pattern.from_start else '*'}{between}{'' if pattern.to_end else '*'}"


_LIKE_ESCAPES: Final = str.maketrans({"%": "\\%", "_": "\\_", "\\": "\\\\"})


def to_like(pattern: LikePattern) -> str:
    """The pattern for a LIKE whose escape is the backslash."""
    between = "%".join(
        "".join(part.translate(_LIKE_ESCAPES) if isinstance(part, str) else "_" * part for part in segment)
        for segment in pattern.segments
    )
    if not pattern.segments:
        return "" if pattern.from_start else "%"
    return f"{'' if pattern.from_start else '%'}{between}{'' if pattern.to_end else '%'}"


_MAX_COUNT: Final = 255  # of a repeat in PostgreSQL


def folded_regex(pattern: LikePattern) -> str:
    """The pattern under simple case folding, as an expression that PostgreSQL searches for: every case written out."""
    nodes: list[Node] = [Anchor(Anchors.START)] if pattern.from_start else []
    for number, segment in enumerate(pattern.segments):
        if number:
            nodes.append(Repeat(Chars(ALL), 0, None))
        for part in segment:
            if isinstance(part, str):
                alike = (fold_class(character) for character in part)
                nodes.extend(Chars(char_set((ord(one), ord(one)) for one in members)) for members in alike)
            else:
                counts = [_MAX_COUNT] * (part // _MAX_COUNT) + [part % _MAX_COUNT]
                nodes.extend(Repeat(Chars(ALL), count, count) for count in counts if count)
    if pattern.to_end:
        nodes.append(Anchor(Anchors.END))
    return render(seq(nodes), ARE)


# ------------------------------------------------------------------------------------------------ matching


def like_matcher(pattern: LikePattern, *, fold: bool) -> Callable[[str], bool]:
    """The test whether a string matches the pattern whole; under simple case folding where ``fold``.

    Its time grows with the length of the string times the longest segment that holds ``_`` over the machine's word.
    """
    matcher = _matcher(_folded(pattern) if fold else pattern)
    if not fold:
        return matcher
    return lambda text: matcher(simple_fold(text))


def _folded(pattern: LikePattern) -> LikePattern:
    segments = tuple(
        tuple(simple_fold(part) if isinstance(part, str) else part for part in segment)
        for segment in pattern.segments
    )
    return LikePattern(segments, pattern.from_start, pattern.to_end)


def _matcher(pattern: LikePattern) -> Callable[[str], bool]:
    from_start, to_end = pattern.from_start, pattern.to_end
    segments = [_Segment(segment) for segment in pattern.segments]
    if not segments:
        return (lambda text: not text) if from_start else (lambda text: True)
    if len(segments) == 1 and segments[0].is_literal:
        literal = segments[0].anchor
        if from_start and to_end:
            return lambda text: text == literal
        if from_start:
            return lambda text: text.startswith(literal)
        if to_end:
            return lambda text: text.endswith(literal)
        return lambda text: literal in text
    if len(segments) == 1 and from_start and to_end:
        only = segments[0]
        return lambda text: len(text) == only.length and only.stands_at(text, 0)

    first = segments.pop(0) if from_start else None
    last = segments.pop() if to_end else None
    least = sum(segment.length for segment in (first, *segments, last) if segment is not None)

    def matches(text: str) -> bool:
        if len(text) < least:
            return False
        position, end = 0, len(text)
        if first is not None:
            if not first.stands_at(text, 0):
                return False
            position = first.length
        if last is not None:
            end -= last.length
            if not last.stands_at(text, end):
                return False
        for segment in segments:
            found = segment.find(text, position, end)
            if found < 0:
                return False
            position = found + segment.length
        return position <= end

    return matches


class _Segment:
    """One segment, ready to be looked for."""

    __slots__ = ("_masks", "anchor", "anchor_offset", "is_literal", "length", "others", "parts")

    def __init__(self, parts: Segment) -> None:
        self.parts = parts
        literals: list[tuple[int, str]] = []
        self.length = 0
        for part in parts:
            if isinstance(part, str):
                literals.append((self.length, part))
            self.length += part if isinstance(part, int) else len(part)
        # The longest literal is looked for with str.find; the others are checked around it.
        self.anchor_offset, self.anchor = max(literals, key=lambda item: len(item[1]), default=(0, ""))
        self.others = [item for item in literals if item[0] != self.anchor_offset]
        self.is_literal = len(parts) == 1 and bool(literals)
        self._masks: tuple[dict[str, int], int] | None = None

    def stands_at(self, text: str, position: int) -> bool:
        """Whether the segment stands at this place; there must be room for it."""
        return text.startswith(self.anchor, position + self.anchor_offset) and all(
            text.startswith(literal, position + offset) for offset, literal in self.others
        )

    def find(self, text: str, start: int, end: int) -> int:
        """The leftmost place at or after ``start`` where the segment stands within ``end``, or -1."""
        if self.is_literal:
            return text.find(self.anchor, start, end)
        if not self.anchor:
            return start if start + self.length <= end else -1
        checks = 0
        tail = self.length - self.anchor_offset - len(self.anchor)
        place = text.find(self.anchor, start + self.anchor_offset, end - tail)
        while place >= 0:
            position = place - self.anchor_offset
            for offset, literal in self.others:
                checks += 1
                if not text.startswith(literal, position + offset):
                    break
            else:
                return position
            # A repetitive text under a repetitive segment would be checked over and over: past a few checks a
            # character, each character is looked at once instead.
            if checks > 64 + 8 * (position - start):
                return self._scan(text, position + 1, end)
            place = text.find(self.anchor, place + 1, end - tail)
        return -1

    def _scan(self, text: str, start: int, end: int) -> int:
        """As ``find``, by shift-and: bit i of the state says that the last i + 1 characters fit the segment so far."""
        if self._masks is None:
            self._masks = self._make_masks()
        masks, anything = self._masks
        full = 1 << (self.length - 1)
        state = 0
        for index in range(start, end):
            state = ((state << 1) | 1) & masks.get(text[index], anything)
            if state & full:
                return index + 1 - self.length
        return -1

    def _make_masks(self) -> tuple[dict[str, int], int]:
        anything = 0
        places: dict[str, list[int]] = {}
        position = 0
        for part in self.parts:
            if isinstance(part, int):
                anything |= ((1 << part) - 1) << position
                position += part
                continue
            for character in part:
                places.setdefault(character, []).append(position)
                position += 1
        return {
            character: anything | sum(1 << place for place in found) for character, found in places.items()
        }, anything
