"""The names under which things stand in a stored document: the one place that makes a key of MongoDB's of one of ours.

A document holds each field under its percent-escaped key, and the entity's id as ``_id``. What the library keeps beside
them begins with ``%`` in a way that no escaped key can: an escaped ``%`` is followed by two hexadecimal digits, and the
empty key is a ``%`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...query.paths import Step

__all__ = [
    "GENERATION",
    "ID",
    "KEYS",
    "META",
    "OWN",
    "TRIGRAMS",
    "WORDS",
    "dotted",
    "key_name",
    "reference",
    "stored_key",
    "unstored_key",
]

META: Final = "torematrix_meta"
"""The library's own collection."""

ID: Final = "_id"
KEYS: Final = "%k"
"""Holds what some places compare and sort by, where that is not what stands at the place itself."""
WORDS: Final = "%w"
"""Holds the words of the searchable texts."""
TRIGRAMS: Final = "%t"
"""Holds the trigrams of texts with a substring index."""
GENERATION: Final = "%g"
"""Holds what of its texts was declared to be kept under the two before."""
OWN: Final = frozenset({ID, KEYS, WORDS, TRIGRAMS, GENERATION})

_USERS_ID: Final = "%_id"


def stored_key(key: str) -> str:
    """The key of a top-level field, other than the id, in a stored document, from its percent-escaped one."""
    return _USERS_ID if key == ID else key


def unstored_key(key: str) -> str:
    """The percent-escaped key of a top-level field, from the one in a stored document."""
    return ID if key == _USERS_ID else key


def dotted(steps: Sequence[str]) -> str:
    """The path of these stored keys. No stored key holds a dot or starts with a dollar sign."""
    return ".".join(steps)


def key_name(steps: Sequence[Step]) -> str:
    """The name, inside ``%k``, of what a place compares by; different for different places."""
    return "%/".join(map(str, steps))


def reference(path: str) -> str:
    """The expression that reads a path."""
    return f"${path}"
