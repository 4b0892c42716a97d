"""Where both SQL engines keep what there is to know of being followed."""

from __future__ import annotations

from typing import Final

import msgspec

from ...core.following import LiveState

__all__ = ["KEY", "LOG", "SCOPE", "state_of", "text_of"]

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
