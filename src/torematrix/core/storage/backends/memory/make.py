"""The drivers of a configuration, in both colours."""

from __future__ import annotations

from .._blocking.driver import BlockingAsyncDriver
from .config import MemoryConfig
from .driver import MemoryDriver

__all__ = ["make_async_driver", "make_driver"]


def make_driver(config: MemoryConfig) -> MemoryDriver:
    """The blocking driver, not yet open."""
    return MemoryDriver(config)


def make_async_driver(config: MemoryConfig) -> BlockingAsyncDriver:
    """The waiting driver, not yet open."""
    return BlockingAsyncDriver(MemoryDriver(config), deadline=config.busy_timeout, shared=True)
