"""Choices that follow from a seed: the same on every machine and in every version of Python.

Of the standard generator only ``random()`` is promised to stay as it is, so everything here is made of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

__all__ = ["Draws"]

T = TypeVar("T")


class Draws:
    """A source of choices.

    Args:
        seed: what they follow from; each different text gives other ones.
    """

    __slots__ = ("_random",)

    def __init__(self, seed: str) -> None:
        digest = hashlib.sha256(seed.encode()).digest()
        self._random: Callable[[], float] = Random(int.from_bytes(digest[:8], "big")).random

    def chance(self, share: float) -> bool:
        """True in that share of the cases."""
        return self._random() < share

    def below(self, limit: int) -> int:
        """An int from 0 on, below the limit."""
        return int(self._random() * limit)

    def between(self, low: int, high: int) -> int:
        """An int from low to high, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[int(self._random() * len(choices))]

    def several(self, choices: Sequence[T], count: int) -> list[T]:
        """So many of them, each at most once, in no order; all where there are no more."""
        left = list(choices)
        return [left.pop(int(self._random() * len(left))) for _ in range(min(count, len(left)))]

    def weighted(self, choices: Sequence[tuple[float, T]]) -> T:
        """One of them, as often as its weight says."""
        place = self._random() * sum(weight for weight, _ in choices)
        for weight, choice in choices:
            place -= weight
            if place < 0:
                return choice
        return choices[-1][1]

    def bits(self, count: int) -> int:
        """A random int of so many bits."""
        value = 0
        for _ in range(0, count, 32):
            value = (value << 32) | int(self._random() * 2**32)
        return value & ((1 << count) - 1)
