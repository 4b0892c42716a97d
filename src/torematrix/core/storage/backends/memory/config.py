"""How a database in memory is opened."""

from __future__ import annotations

import math

import msgspec

from ...errors import ConfigurationError

__all__ = ["MemoryConfig"]


class MemoryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A database of dicts, gone when closed.

    Attributes:
        busy_timeout: seconds to wait for another's transaction, then UnavailableError.
        cursor_key: signs cursors, at least 32 bytes; None makes one up.
    """

    busy_timeout: float = 5.0
    cursor_key: bytes | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.busy_timeout) and 0 <= self.busy_timeout <= 86_400):
            raise ConfigurationError("busy_timeout is in seconds, from 0 to 86,400")
        if self.cursor_key is not None and len(self.cursor_key) < 32:
            raise ConfigurationError("cursor_key has at least 32 bytes")

    @property
    def is_memory(self) -> bool:
        """Whether the database lives in memory and vanishes when closed: always."""
        return True

    def __repr__(self) -> str:
        return f"MemoryConfig(busy_timeout={self.busy_timeout!r})"
