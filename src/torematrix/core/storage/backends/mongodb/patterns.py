r"""LIKE patterns and literal tests of strings, as aggregation expressions that are exact at any length.

``$regex`` is not used: where PCRE meets a limit of its own it answers "no match" without a word. ``$indexOfBytes``
finds literal text and has no limit. A pattern without ``_`` is its segments, looked for one after the other; the
leftmost place is always right (see ``query/patterns``). Segments with ``_`` are looked for by regular expressions,
which raise at their limits.

Under simple case folding the value is folded too, as far as the pattern can tell: ``$toLower`` folds ASCII and nothing
else, and of the other characters those are replaced that fold to one in the pattern.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from ...query.folding import fold_class, simple_fold
from ...query.patterns import LikePattern, Segment

__all__ = ["Expression", "contains", "ends_with", "like", "literal"]

Expression: TypeAlias = Any
"""An aggregation expression. All that come in here give a string."""


def literal(value: object) -> Expression:
    """The value itself, whatever it looks like."""
    return {"$literal": value}


def contains(value: Expression, text: str) -> Expression:
    """Whether the text is in the value."""
    return {"$gte": [{"$indexOfBytes": [value, literal(text)]}, 0]}


def ends_with(value: Expression, text: str) -> Expression:
    """Whether the value ends in the text."""
    return {"$gte": [{"$indexOfBytes": [value, literal(text), _start_of_end(value, len(text.encode()))]}, 0]}


def _start_of_end(value: Expression, length: int) -> Expression:
    """Where the last so many bytes of the value begin; the value's start where it has fewer."""
    return {"$max": [0, {"$subtract": [{"$strLenBytes": value}, length]}]}


def like(value: Expression, pattern: LikePattern, *, fold: bool) -> Expression:
    """Whether the pattern matches the value whole."""
    if fold:
        pattern = _folded(pattern)
        value = _fold(value, pattern)
    if any(isinstance(part, int) for segment in pattern.segments for part in segment):
        return _with_wildcards(value, pattern)
    texts = [str(segment[0]) for segment in pattern.segments]
    return _in_order(value, texts, pattern)


def _folded(pattern: LikePattern) -> LikePattern:
    segments = tuple(
        tuple(simple_fold(part) if isinstance(part, str) else part for part in segment)
        for segment in pattern.segments
    )
    return LikePattern(segments, pattern.from_start, pattern.to_end)


def _fold(value: Expression, pattern: LikePattern) -> Expression:
    """The value with every character folded that could be one of the pattern's."""
    wanted = {
        char: None
        for segment in pattern.segments
        for part in segment
        if isinstance(part, str)
        for char in part
    }
    replaced = [
        [other, char]
        for char in wanted
        for other in fold_class(char)
        if other != char and not (other.isascii() and char.isascii())
    ]
    lowered: Expression = {"$toLower": value}
    if not replaced:
        return lowered
    step = {
        "$replaceAll": {
            "input": "$$value",
            "find": {"$arrayElemAt": ["$$this", 0]},
            "replacement": {"$arrayElemAt": ["$$this", 1]},
        }
    }
    return {"$reduce": {"input": literal(replaced), "initialValue": lowered, "in": step}}


def _in_order(value: Expression, texts: list[str], pattern: LikePattern) -> Expression:
    if not texts:
        return {"$eq": [value, ""]} if pattern.from_start else literal(True)
    if len(texts) == 1:
        text = texts[0]
        if pattern.from_start and pattern.to_end:
            return {"$eq": [value, literal(text)]}
        if pattern.from_start:
            return {"$eq": [{"$indexOfBytes": [value, literal(text), 0, len(text.encode())]}, 0]}
        return ends_with(value, text) if pattern.to_end else contains(value, text)
    first = texts.pop(0) if pattern.from_start else ""
    last = texts.pop() if pattern.to_end else ""
    tests: list[Expression] = []
    if first:
        tests.append({"$eq": [{"$indexOfBytes": ["$$s", literal(first), 0, len(first.encode())]}, 0]})
    position: Expression = len(first.encode())
    if texts:
        position = _find_all(texts, position)
        tests.append({"$gte": ["$$p", 0]})
    if last:
        # It may not begin before the others have ended, and has to end where the value does.
        end = _start_of_end("$$s", len(last.encode()))
        tests.append({"$gte": [{"$indexOfBytes": ["$$s", literal(last), {"$max": ["$$p", end]}]}, 0]})
        tests.append({"$gte": [{"$subtract": [{"$strLenBytes": "$$s"}, len(last.encode())]}, "$$p"]})
    inner = {"$let": {"vars": {"p": position}, "in": {"$and": tests}}}
    return {"$let": {"vars": {"s": value}, "in": inner}}


def _find_all(texts: list[str], start: Expression) -> Expression:
    """Where the last of these texts ends when each is taken at its leftmost place after the one before; else -1."""
    pieces = [{"t": text, "n": len(text.encode())} for text in texts]
    found = {"$indexOfBytes": ["$$s", "$$this.t", "$$value"]}
    after = {
        "$let": {
            "vars": {"at": found},
            "in": {"$cond": [{"$lt": ["$$at", 0]}, -1, {"$add": ["$$at", "$$this.n"]}]},
        }
    }
    step = {"$cond": [{"$lt": ["$$value", 0]}, -1, after]}
    return {"$reduce": {"input": literal(pieces), "initialValue": start, "in": step}}


def _with_wildcards(value: Expression, pattern: LikePattern) -> Expression:
    """A pattern in which ``_`` stands, its segments looked for one after the other by regular expressions.

    Each captures what is behind it, where the next one is looked for. So none has to try anything twice, and PCRE,
    which searches in a loop, comes to no limit of its own.
    """
    segments = pattern.segments
    if len(segments) == 1 and pattern.from_start and pattern.to_end:
        return _matches(value, rf"(?s)\A{_regex(segments[0])}\z")
    merged = _merged(segments)
    last = merged.pop() if pattern.to_end else None
    steps = [rf"(?s){_regex(segment)}(.*)" for segment in merged]
    if steps and pattern.from_start and merged[0] == segments[0]:
        steps[0] = rf"(?s)\A{_regex(merged[0])}(.*)"
    rest = value
    if steps:
        found = {"$regexFind": {"input": "$$value", "regex": "$$this"}}
        behind = {"$let": {"vars": {"m": found}, "in": {"$arrayElemAt": ["$$m.captures", 0]}}}
        rest = {"$reduce": {"input": literal(steps), "initialValue": value, "in": behind}}
    return {"$ne": [rest, None]} if last is None else _at_end(rest, last)


def _at_end(value: Expression, segment: Segment) -> Expression:
    """Whether a value, or null, ends in the segment. All that a segment matches is of one length."""
    length = sum(part if isinstance(part, int) else len(part) for part in segment)
    end = {"$substrCP": ["$$rest", {"$max": [0, {"$subtract": ["$$length", length]}]}, length]}
    test = {"$and": [{"$gte": ["$$length", length]}, _matches(end, rf"(?s)\A{_regex(segment)}\z")]}
    measured = {"$let": {"vars": {"length": {"$strLenCP": "$$rest"}}, "in": test}}
    return {"$let": {"vars": {"rest": value}, "in": {"$cond": [{"$eq": ["$$rest", None]}, False, measured]}}}


def _matches(value: Expression, regex: str) -> Expression:
    return {"$regexMatch": {"input": value, "regex": literal(regex)}}


def _merged(segments: tuple[Segment, ...]) -> list[Segment]:
    """The same, ``_`` alone between two ``%`` being put in front of what comes next: it may stand anywhere there."""
    merged: list[Segment] = []
    waiting = 0
    for segment in segments:
        first = segment[0]
        if len(segment) == 1 and isinstance(first, int):
            waiting += first
        elif waiting:
            merged.append((waiting + first, *segment[1:]) if isinstance(first, int) else (waiting, *segment))
            waiting = 0
        else:
            merged.append(segment)
    return [*merged, (waiting,)] if waiting else merged


def _regex(segment: Segment) -> str:
    parts: list[str] = []
    for part in segment:
        if isinstance(part, int):
            parts.append("." if part == 1 else f".{{{part}}}")
        else:
            quoted = part.replace(r"\E", r"\E\\E\Q")
            parts.append(rf"\Q{quoted}\E")
    return "".join(parts)
