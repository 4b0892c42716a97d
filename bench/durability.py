"""What a write has survived once it is acknowledged: the same for all candidates, and said before any is started."""

from __future__ import annotations

import os
from typing import Final

FULL: Final = "full"
RELAXED: Final = "relaxed"
NAMES: Final = (FULL, RELAXED)
_VARIABLE: Final = "TOREMATRIX_BENCH_DURABILITY"


def choose(name: str) -> None:
    """Say it for this process and for those that it starts."""
    os.environ[_VARIABLE] = name


def is_relaxed() -> bool:
    """Whether a write is acknowledged before it is on the disk."""
    return os.environ.get(_VARIABLE, FULL) == RELAXED
