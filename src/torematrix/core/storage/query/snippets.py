"""Highlighted extracts of what a search found, computed from the analyzer's own tokens: alike on every engine.

What is marked is what the query requires: its words, prefixes, and its phrases as wholes. An extract is read only as
far as needed: up to the first place where every term of the query stands close together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ..errors import InvalidQueryError
from .search import SearchQuery, Term
from .text import token_spans

__all__ = ["highlight", "matched_spans"]

# The longest extract, in characters for each of its words: what stands between words may be any amount of anything.
_CHARACTERS_PER_WORD: Final = 64
_ELLIPSIS: Final = "…"


class _Match(NamedTuple):
    """A term of the query, in the tokens ``first`` to ``last``."""

    first: int
    last: int
    term: Term


class _Reader:
    """The tokens of a text, read on demand, and the matches met so far in the order of their ends."""

    def __init__(self, text: str, query: SearchQuery) -> None:
        self.spans: list[tuple[str, int, int]] = []
        self.matches: list[_Match] = []
        self.terms = list(dict.fromkeys(term for clause in query.alternatives for term in clause.required))
        self._unread = token_spans(text)
        self._by_end: dict[str, list[Term]] = {}
        for term in self.terms:
            if not term.prefix:
                self._by_end.setdefault(term.tokens[-1], []).append(term)
        self._prefixed = [term for term in self.terms if term.prefix]
        self._prefixes = tuple({term.tokens[-1] for term in self._prefixed})

    def __iter__(self) -> Iterator[_Match]:
        """The matches not met yet, reading on as far as they are asked for."""
        while (found := self._read()) is not None:
            yield from found

    def read_to(self, count: int) -> None:
        """Read on until so many tokens are read, or all."""
        while len(self.spans) < count and self._read() is not None:
            pass

    def _read(self) -> list[_Match] | None:
        """Read one token: the matches it ends; None at the end of the text."""
        span = next(self._unread, None)
        if span is None:
            return None
        last = len(self.spans)
        self.spans.append(span)
        token = span[0]
        ending = self._by_end.get(token, [])
        if self._prefixes and token.startswith(self._prefixes):
            ending = [*ending, *(term for term in self._prefixed if token.startswith(term.tokens[-1]))]
        found = [_Match(last - len(term.tokens) + 1, last, term) for term in ending]
        found = [match for match in found if self._precede(match)]
        self.matches += found
        return found

    def _precede(self, match: _Match) -> bool:
        """Whether the other tokens of a phrase stand before its last one."""
        tokens = match.term.tokens
        return match.first >= 0 and all(
            self.spans[match.first + index][0] == token for index, token in enumerate(tokens[:-1])
        )

    def marked(self, matches: Iterable[_Match]) -> list[tuple[int, int]]:
        """Where these matches stand in the text; those that overlap or touch are one."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted((self.spans[first][1], self.spans[last][2]) for first, last, _ in matches):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged


def matched_spans(text: str, query: SearchQuery) -> list[tuple[int, int]]:
    """Where the words and phrases that the query requires stand in the text, in order and apart from one another."""
    reader = _Reader(text, query)
    return reader.marked(list(reader))


def highlight(
    text: str, query: SearchQuery, *, before: str = "**", after: str = "**", words: int = 32
) -> str | None:
    """The first extract of at most ``words`` words that shows most of the query's terms, marked; None without any.

    The extract is the text as written, with an ellipsis where it was cut. Nothing is escaped: for HTML, mark with
    characters that the text does not hold, escape, then put the tags in their place.
    """
    if words < 1:
        raise InvalidQueryError("an extract has at least one word")
    reader = _Reader(text, query)
    window = _best_window(reader, words)
    if window is None:
        return None
    first, last = window
    start = max(0, first - max(0, words - (last - first + 1)) // 2)
    reader.read_to(start + words + 1)
    end = min(start + words, len(reader.spans))
    start = max(0, end - words)
    from_offset = reader.spans[start][1] if start else 0
    to_offset = reader.spans[end - 1][2] if end < len(reader.spans) else len(text)
    marks = reader.marked(match for match in reader.matches if match.last >= start and match.first < end)

    longest = words * _CHARACTERS_PER_WORD
    if to_offset - from_offset > longest:
        seen = reader.spans[first][1]
        from_offset = max(from_offset, min(seen - longest // 4, to_offset - longest))
        to_offset = min(to_offset, from_offset + longest)
    return _render(text, (from_offset, to_offset), marks, (before, after))


def _best_window(reader: _Reader, words: int) -> tuple[int, int] | None:
    """The first and last token of the matches, at most ``words`` apart, that show most terms; the first such."""
    best: tuple[int, int] | None = None
    most = 0
    recent: dict[Term, _Match] = {}  # of each term the last, where it is still near enough
    for match in reader:
        if match.last - match.first >= words:  # a phrase longer than the extract: its beginning is shown
            best = best or (match.first, match.last)
            continue
        recent[match.term] = match
        recent = {term: other for term, other in recent.items() if match.last - other.first < words}
        if len(recent) > most:
            most = len(recent)
            best = (min(other.first for other in recent.values()), match.last)
            if most == len(reader.terms):
                break
    return best


def _render(text: str, window: tuple[int, int], marks: list[tuple[int, int]], signs: tuple[str, str]) -> str:
    position, end = window
    parts: list[str] = [_ELLIPSIS] if position else []
    for mark_start, mark_end in marks:
        start, stop = max(mark_start, window[0]), min(mark_end, end)
        if start < stop:
            parts += (text[position:start], signs[0], text[start:stop], signs[1])
            position = stop
    parts.append(text[position:end])
    if end < len(text):
        parts.append(_ELLIPSIS)
    return "".join(parts).strip()
