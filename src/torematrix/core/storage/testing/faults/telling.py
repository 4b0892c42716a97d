"""What an error tells of the write that raised it."""

from __future__ import annotations

from ...errors import StorageError
from .steps import ACKNOWLEDGED, REFUSED, UNKNOWN

__all__ = ["told_by"]


def told_by(error: StorageError | None) -> str:
    """What a caller may conclude: done, not done, or neither."""
    if error is None:
        return ACKNOWLEDGED
    return UNKNOWN if type(error).__name__ == "CommitUnknown" else REFUSED
