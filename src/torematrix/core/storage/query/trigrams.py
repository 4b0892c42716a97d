"""Trigrams: what a substring index holds of a text, and what of it a condition asks for.

A text that contains another one contains each run of three characters of it, under simple case folding too. So these
select candidates, for ``contains``, ``starts_with``, ``ends_with``, ``like`` and ``ilike`` alike; the exact rule
decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .conditions import Condition, Like, TextTest
from .folding import simple_fold
from .patterns import longest_literals

__all__ = ["TRIGRAM", "wanted_trigrams"]

TRIGRAM: Final = 3
"""The length in characters."""


def wanted_trigrams(condition: Condition, most: int) -> list[str]:
    """Folded trigrams that every text holds for which the condition does; at most so many, evenly spread.

    Nothing where the condition is of another kind, or asks for too little text to say.
    """
    match condition:
        case TextTest(_, _, text):
            literals: Iterable[str] = (text,)
        case Like(_, pattern, _):
            literals = longest_literals(pattern)
        case _:
            return []
    folded = map(simple_fold, literals)
    found = list(
        dict.fromkeys(text[at : at + TRIGRAM] for text in folded for at in range(len(text) - TRIGRAM + 1))
    )
    return found[:: -(-len(found) // most) or 1]
