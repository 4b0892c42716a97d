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

__all__ = ["TRIGRAM", "spread_trigrams", "wanted_literals"]

TRIGRAM: Final = 3
"""The length in characters."""


def wanted_literals(condition: Condition) -> tuple[str, ...]:
    """What every text holds for which the condition does, but for its case; nothing for conditions of other kinds."""
    match condition:
        case TextTest(_, _, text):
            return (text,)
        case Like(_, pattern, _):
            return longest_literals(pattern)
        case _:
            return ()


def spread_trigrams(literals: Iterable[str], most: int) -> list[str]:
    """Distinct trigrams of these texts, folded: at most so many, evenly spread."""
    folded = map(simple_fold, literals)
    found = list(
        dict.fromkeys(text[at : at + TRIGRAM] for text in folded for at in range(len(text) - TRIGRAM + 1))
    )
    return found[:: -(-len(found) // most) or 1]
