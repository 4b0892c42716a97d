"""What is kept of being followed, and how notes become an answer: alike on both SQL engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ...core.following import Changed, LiveState

__all__ = ["KEY", "LOG", "SCOPE", "changed", "followed", "state_of", "text_of"]

LOG: Final = "torematrix_changes"
"""The table of notes: a number, the collection, the id."""
SCOPE: Final = "live"
KEY: Final = "state"
"""Where the state stands in the library's own table."""


def state_of(text: str | None) -> LiveState | None:
    """The state from its stored text."""
    return None if text is None else msgspec.json.decode(text, type=LiveState)


def text_of(state: LiveState) -> str:
    """The text to store."""
    return msgspec.json.encode(state).decode()


def followed(before: LiveState | None, token: str, collections: Sequence[str]) -> LiveState | None:
    """The state once these are followed too; None where somebody else follows."""
    if before is None:
        return LiveState(token, tuple(collections))
    if before.token != token:
        return None
    known = tuple(dict.fromkeys((*before.collections, *collections)))
    return LiveState(token, known, before.fenced)


def changed(rows: Sequence[Sequence[object]], limit: int, *, is_fenced: bool) -> Changed:
    """The answer to Changes, from notes of a number, a collection and an id."""
    ids: dict[str, dict[str, None]] = {}
    for _, collection, entity_id in rows:
        ids.setdefault(str(collection), {})[str(entity_id)] = None
    numbers = tuple(int(str(row[0])) for row in rows)
    return Changed(
        {name: list(known) for name, known in ids.items()},
        len(rows),
        numbers,
        is_last=is_fenced and len(rows) < limit,
    )
