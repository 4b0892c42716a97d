"""Scoring the matches of a search while FTS5 stands on them, and keeping the best.

A frequent word is found in most rows, so what is done for each match is what a search costs. The function that does it
is written out as source for the weights and the number of words at hand: a loop over words and fields takes a third
longer. Nothing but numbers ever stands in that source.
"""

from __future__ import annotations

import functools
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

_SLACK: Final = 256
"""So many candidates are let in before those that have fallen behind are dropped: cheaper than a heap."""

_ALL: Final = 2**63 - 1


class Best:
    """The candidates for a page of matches, by score alone: ids, which break ties, are looked at afterwards.

    Attributes:
        floor: no match below this score is among the wanted ones.
        ceiling: only scores below this are candidates.
        scores, keys: the candidates.
        level: the keys of the matches whose score equals the ceiling.
        full: at how many candidates ``settle`` is to be called.
    """

    __slots__ = ("_wanted", "ceiling", "floor", "full", "keys", "level", "scores")

    def __init__(self, wanted: int | None, behind: int | None = None) -> None:
        self.floor = 0
        self.ceiling = _ALL if behind is None else behind
        self.scores: array[int] = array("q")
        self.keys: array[int] = array("q")
        self.level: array[int] = array("q")
        self.full = _ALL
        self._wanted = wanted
        if wanted is not None:
            self.full = wanted + max(_SLACK, wanted)

    def settle(self) -> None:
        """Raise the floor to the last of the wanted scores, and drop what lies below."""
        wanted = self._wanted
        if wanted is None or len(self.scores) <= wanted:
            return
        self.floor = floor = sorted(self.scores)[-wanted]
        kept = [(score, key) for score, key in zip(self.scores, self.keys, strict=True) if score >= floor]
        self.scores[:] = array("q", [score for score, _ in kept])
        self.keys[:] = array("q", [key for _, key in kept])
        # As many again: where all scores are equal, all are kept, and looking through them has to stay rare.
        self.full = len(kept) + max(_SLACK, len(kept))

    def groups(self) -> list[tuple[int, list[int]]]:
        """The scores of the candidates, highest first, each with the keys of the matches that have it."""
        self.settle()
        groups: dict[int, list[int]] = {}
        for score, key in zip(self.scores, self.keys, strict=True):
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
    lines = [
        "def make(factors, average, best):",
        "    ten, three, ceiling = 10 * average, 3 * average, best.ceiling",
        "    scores, keys, level = best.scores, best.keys, best.level",
    ]
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
        "            if score < ceiling:",
        "                scores.append(score)",
        "                keys.append(api.rowid)",
        "                if len(keys) >= best.full: best.settle()",
        "            elif score == ceiling:",
        "                level.append(api.rowid)",
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
