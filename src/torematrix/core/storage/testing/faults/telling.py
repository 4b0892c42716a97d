"""What an error tells of the write that raised it."""

from __future__ import annotations

from ...errors import CommitUnknown, StorageError
from .steps import ACKNOWLEDGED, REFUSED, UNKNOWN

__all__ = ["token_of", "told_by"]


def told_by(error: StorageError | None) -> str:
    """What a caller may conclude: done, not done, or neither."""
    if error is None:
        return ACKNOWLEDGED
    return UNKNOWN if isinstance(error, CommitUnknown) else REFUSED


def token_of(error: StorageError) -> str:
    """What the outcome can be asked by later, where it is not known."""
    return (error.token if isinstance(error, CommitUnknown) else None) or ""
