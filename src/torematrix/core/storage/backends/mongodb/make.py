"""The drivers of a configuration, in both colours."""

from __future__ import annotations

import asyncio
import time

from ._async.driver import AsyncMongoDriver
from ._sync.driver import MongoDriver
from .config import MongoDBConfig
from .finishing import finish_later, finish_now

__all__ = ["make_async_driver", "make_driver"]


def make_driver(config: MongoDBConfig) -> MongoDriver:
    """The blocking driver, not yet open."""
    return MongoDriver(config, finish_now, time.sleep)


def make_async_driver(config: MongoDBConfig) -> AsyncMongoDriver:
    """The waiting driver, not yet open."""
    return AsyncMongoDriver(config, finish_later, asyncio.sleep)
