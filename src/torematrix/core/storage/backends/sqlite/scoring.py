"""Scoring the matches of a search while FTS5 stands on them, and keeping the best.

A frequent word is found in most rows, so what is done for each match is what a search costs. The function that does it
is written out as source for the weights and the number of words at hand: a loop over words and fields takes a third
longer. Nothing but numbers ever stands in that source.
"""

from __future__ import annotations

import functools
import heapq
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from ...query.relevance import MAX_WEIGHTED_TF

__all__ = ["Best", "Visit", "visitor"]

Visit: TypeAlias = Callable[[Any, int], bool]
"""Takes FTS5's extension interface, standing on a match, and the weighted length of the row; always true."""

_UNROLLED_WORDS: Final = 16
_SPELLED_FIELDS: Final = 32
"""Above these, the source loops: Python compiles no expression of any length."""

_SMALLEST_SWEEP: Final = 4_096


class Best:
    """The candidates for a page of matches, by score alone: ids, which break ties, are looked at afterwards.

    Args:
        wanted: how many matches are asked for; None for all of them.
        behind: only scores below this are candidates; those that equal it are noted apart.
    """

    __slots__ = ("_behind", "_heap", "_keys", "_scores", "_sweep", "_wanted", "floor", "level")

    def __init__(self, wanted: int | None, behind: int | None = None) -> None:
        self.floor = 0
        self.level: array[int] = array("q")
        """The keys of the matches whose score equals ``behind``."""
        self._wanted = wanted
        self._behind = behind
        self._heap: list[int] = []
        self._scores: array[int] = array("q")
        self._keys: array[int] = array("q")
        self._sweep = _SMALLEST_SWEEP

    def add(self, score: int, key: int) -> None:
        """Take a match whose score is not below ``floor``."""
        if self._behind is not None and score >= self._behind:
            if score == self._behind:
                self.level.append(key)
            return
        self._scores.append(score)
        self._keys.append(key)
        if self._wanted is None:
            return
        heap = self._heap
        if len(heap) < self._wanted:
            heapq.heappush(heap, score)
            if len(heap) < self._wanted:
                return
        else:
            heapq.heappushpop(heap, score)
        self.floor = heap[0]
        if len(self._scores) >= self._sweep:
            self._drop_the_lower()

    def _drop_the_lower(self) -> None:
        # Scores that rise from row to row would otherwise all be kept.
        kept = [(score, key) for score, key in zip(self._scores, self._keys, strict=True) if score >= self.floor]
        self._scores = array("q", [score for score, _ in kept])
        self._keys = array("q", [key for _, key in kept])
        self._sweep = max(_SMALLEST_SWEEP, 2 * len(kept))

    def groups(self) -> list[tuple[int, list[int]]]:
        """The scores of the candidates, highest first, each with the keys of the matches that have it."""
        groups: dict[int, list[int]] = {}
        for score, key in zip(self._scores, self._keys, strict=True):
            if score >= self.floor:
                groups.setdefault(score, []).append(key)
        return sorted(groups.items(), reverse=True)


def visitor(weights: Mapping[int, int], factors: Sequence[int], average: int, best: Best) -> Visit:
    """The function that scores a match and gives it to ``best``, as ``query.relevance`` defines it.

    Args:
        weights: of each searched column, by number, its weight.
        factors: of each word, which is the phrase of that number in the FTS5 query, its factor A.
        average: the average weighted length.
        best: what keeps the candidates.
    """
    make = _maker(tuple(sorted(weights.items())), len(factors))
    visit: Visit = make(factors, average, best)
    return visit


@functools.lru_cache(maxsize=256)
def _maker(weights: tuple[tuple[int, int], ...], words: int) -> Callable[..., Visit]:
    unrolled = words <= _UNROLLED_WORDS
    lines = ["def make(factors, average, best):", "    ten, three, add = 10 * average, 3 * average, best.add"]
    if unrolled:
        lines += [f"    factor_{word} = factors[{word}]" for word in range(words)]
    else:
        lines.append("    numbered = tuple(enumerate(factors))")
    lines += [
        "    def visit(api, length):",
        "        locations = api.phrase_locations",
        "        base = three + 9 * length",
        "        score = 0",
    ]
    if unrolled:
        for word in range(words):
            lines += _word(weights, str(word), f"factor_{word}", " " * 8)
    else:
        lines.append("        for word, factor in numbered:")
        lines += _word(weights, "word", "factor", " " * 12)
    lines += [
        "        if score >= best.floor:",
        "            add(score, api.rowid)",
        "        return True",
        "    return visit",
    ]
    namespace: dict[str, Any] = {}
    exec("\n".join(lines), namespace)  # noqa: S102 - made above from column numbers, weights and a count of words
    made: Callable[..., Visit] = namespace["make"]
    return made


def _word(weights: tuple[tuple[int, int], ...], word: str, factor: str, indent: str) -> list[str]:
    """The lines that add what one word scores: ``relevance.word_score``, with the constant parts computed before."""
    if len(weights) <= _SPELLED_FIELDS:
        hits = " + ".join(f"{weight} * len(x[{column}])" for column, weight in weights)
    else:
        hits = f"sum([weight * len(x[column]) for column, weight in {weights!r}])"
    lines = [
        f"x = locations({word})",
        f"w = {hits}",
        "if w:",
        f"    if w > {MAX_WEIGHTED_TF}: w = {MAX_WEIGHTED_TF}",
        f"    score += {factor} * w // (ten * w + base)",
    ]
    return [indent + line for line in lines]
