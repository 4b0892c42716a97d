"""The drivers of a configuration, in both colours."""

from __future__ import annotations

from .._blocking.driver import BlockingAsyncDriver
from .config import SQLiteConfig
from .driver import SQLiteDriver

__all__ = ["make_async_driver", "make_driver"]


def make_driver(config: SQLiteConfig) -> SQLiteDriver:
    """The blocking driver, not yet open."""
    return SQLiteDriver(config)


def make_async_driver(config: SQLiteConfig) -> BlockingAsyncDriver:
    """The waiting driver, not yet open."""
    return BlockingAsyncDriver(SQLiteDriver(config), deadline=config.busy_timeout, shared=config.is_memory)
