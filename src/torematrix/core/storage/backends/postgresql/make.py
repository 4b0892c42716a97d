"""The drivers of a configuration, in both colours."""

from __future__ import annotations

from ._async.driver import AsyncPostgreSQLDriver
from ._sync.driver import PostgreSQLDriver
from .config import PostgreSQLConfig

__all__ = ["make_async_driver", "make_driver"]


def make_driver(config: PostgreSQLConfig) -> PostgreSQLDriver:
    """The blocking driver, not yet open."""
    return PostgreSQLDriver(config)


def make_async_driver(config: PostgreSQLConfig) -> AsyncPostgreSQLDriver:
    """The waiting driver, not yet open."""
    return AsyncPostgreSQLDriver(config)
