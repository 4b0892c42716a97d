"""Work that ends before a cancellation is heard."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

# [sync-skip-start]
import asyncio

from ..._blocking.worker import settled

# [sync-skip-end]

__all__ = ["finished"]

R = TypeVar("R")


async def finished(work: Awaitable[R]) -> R:
    """The work's result; where the caller is cancelled meanwhile, the work ends before CancelledError is raised."""
    waiting = work
    # [sync-skip-start]
    waiting = settled(asyncio.ensure_future(work))
    # [sync-skip-end]
    return await waiting
