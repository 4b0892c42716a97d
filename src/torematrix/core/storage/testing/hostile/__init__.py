"""A corpus of hostile inputs, drawn from what was published about libraries like this one, and what happens to each.

The texts are kept by their origin; ``TEXTS`` is all of them, each once. They are put into every slot of every method
by the kit's behaviours in ``kit/_async/test_hostile*.py``.
"""

from __future__ import annotations

from typing import Final

from .mongo import MONGO
from .origin import CANARY, Origin
from .sql import SQL
from .texts import TEXTS_OF_LANGUAGES
from .values import CONTAINERS, NUMBERS, OBJECTS, VALUES, WRONG_NUMBERS

__all__ = [
    "CANARY",
    "CONTAINERS",
    "NUMBERS",
    "OBJECTS",
    "ORIGINS",
    "TEXTS",
    "VALUES",
    "WRONG_NUMBERS",
    "Origin",
]

ORIGINS: Final[tuple[Origin, ...]] = (*SQL, *MONGO, *TEXTS_OF_LANGUAGES)
TEXTS: Final[tuple[str, ...]] = tuple(dict.fromkeys(text for origin in ORIGINS for text in origin.texts))
