"""How a database in memory is opened."""

from __future__ import annotations

import math
from typing import ClassVar

from ...core.configuration import Configuration
from ...errors import ConfigurationError

__all__ = ["MemoryConfig"]


class MemoryConfig(Configuration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A database of dicts, gone when closed.

    Attributes:
        busy_timeout: seconds to wait for another's transaction, then UnavailableError.
        cursor_key: signs cursors, at least 32 bytes; None makes one up.
    """

    shown: ClassVar[tuple[str, ...]] = ("busy_timeout",)

    busy_timeout: float = 5.0
    cursor_key: bytes | None = None

    def __post_init__(self) -> None:
        self.check_types(*self.__struct_fields__)
        if not (math.isfinite(self.busy_timeout) and 0 <= self.busy_timeout <= 86_400):
            raise ConfigurationError("busy_timeout is in seconds, from 0 to 86,400")
        if self.cursor_key is not None and len(self.cursor_key) < 32:
            raise ConfigurationError("cursor_key has at least 32 bytes")

    @property
    def is_memory(self) -> bool:
        """Whether the database lives in memory and vanishes when closed: always."""
        return True
