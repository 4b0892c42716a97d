"""How many documents go into one message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import bson
from bson.errors import BSONError

from .documents import Document

__all__ = ["messages"]

_TOGETHER: Final = 10_000
"""So many documents are sent at once."""
_MESSAGE: Final = 16_000_000
"""So many bytes of documents are sent at once: PyMongo takes no command much larger, though the server would."""
_SAMPLE: Final = 50
"""So many documents stand for all of a bulk write."""


def messages(documents: list[Document], guess: bool) -> Iterator[list[Document]]:
    """The documents in parts that each fit into one message; when guessing, they may not."""
    for start in range(0, len(documents), _TOGETHER):
        part = documents[start : start + _TOGETHER]
        if guess and len(part) > 2 * _SAMPLE and _are_small(part):
            yield part
        else:
            yield from _fitting(part)


def _are_small(part: list[Document]) -> bool:
    """Whether a few of the documents say that all of them need a quarter of a message at most."""
    some = part[:: len(part) // _SAMPLE]
    return _fits(some, _MESSAGE * len(some) // (4 * len(part)))


def _fitting(part: list[Document]) -> Iterator[list[Document]]:
    if len(part) == 1 or _fits(part, _MESSAGE):
        yield part
        return
    middle = len(part) // 2
    yield from _fitting(part[:middle])
    yield from _fitting(part[middle:])


def _fits(part: list[Document], size: int) -> bool:
    try:
        # Encoding them one by one takes three times as long; what can be said of a document's size without, is wrong.
        return len(bson.encode({"": part})) <= size
    except (ValueError, OverflowError, MemoryError, BSONError):
        return False  # more than BSON has; what is wrong with a document, the server says when it gets that alone
