"""How a SQLite database is opened."""

from __future__ import annotations

import enum
import math
from typing import ClassVar

from ...core.configuration import Configuration
from ...errors import ConfigurationError

__all__ = ["MEMORY", "Durability", "SQLiteConfig"]

MEMORY = ":memory:"


class Durability(enum.StrEnum):
    """What survives when the power fails right after a write was acknowledged."""

    DURABLE = "durable"
    """Every acknowledged write: each commit waits for the disk."""
    FAST = "fast"
    """Everything but the last moments: the database is never damaged, recent commits may be undone together."""


class SQLiteConfig(Configuration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A SQLite database.

    Attributes:
        database_path: the file, created when absent (its folder too), or ":memory:".
        durability: durable unless a faster setting is chosen.
        busy_timeout: seconds to wait for another process's or thread's write, then UnavailableError.
        cache_bytes: page cache of each connection.
        read_only: open an existing file, and never write to it.
        create_folder: whether to create the folder of the file.
        cursor_key: signs cursors, at least 32 bytes; None keeps one in the database.
        backup_folder: where automatic backups go; None for none.
        backup_interval: seconds between automatic backups.
        backup_keep: how many automatic backups are kept.
    """

    shown: ClassVar[tuple[str, ...]] = ("database_path", "durability")

    database_path: str = MEMORY
    durability: Durability = Durability.DURABLE
    busy_timeout: float = 5.0
    cache_bytes: int = 16 * 1024 * 1024
    read_only: bool = False
    create_folder: bool = True
    cursor_key: bytes | None = None
    backup_folder: str | None = None
    backup_interval: float = 24 * 3600.0
    backup_keep: int = 7

    def __post_init__(self) -> None:
        path: object = self.database_path
        if not isinstance(path, str) or not path or "\x00" in path:
            raise ConfigurationError("database_path is a file's path or ':memory:'")
        if path.startswith("file:"):
            raise ConfigurationError("database_path is a plain path, not a URI")
        self.check_types(*(name for name in self.__struct_fields__ if name != "database_path"))
        if not (math.isfinite(self.busy_timeout) and 0 <= self.busy_timeout <= 86_400):
            raise ConfigurationError("busy_timeout is in seconds, from 0 to 86,400")
        if not 64 * 1024 <= self.cache_bytes <= 2**40:
            raise ConfigurationError("cache_bytes is at least 65,536")
        if self.cursor_key is not None and len(self.cursor_key) < 32:
            raise ConfigurationError("cursor_key has at least 32 bytes")
        if not (math.isfinite(self.backup_interval) and self.backup_interval > 0) or self.backup_keep < 1:
            raise ConfigurationError("backup_interval is above 0 seconds and backup_keep at least 1")
        if self.is_memory and (self.read_only or self.backup_folder is not None):
            raise ConfigurationError("a database in memory is neither read-only nor backed up automatically")

    @property
    def is_memory(self) -> bool:
        """Whether the database lives in memory and vanishes when closed."""
        return self.database_path == MEMORY
