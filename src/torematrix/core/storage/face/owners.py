"""What tells one task or thread from another, for the transactions they own."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

__all__ = ["current_owner"]

_local = threading.local()
_forks = 0
"""How often this process was forked from one that had this module, whose tasks and threads own what they had."""


def current_owner() -> object:
    """The current task or, where none runs, the thread: two tasks of one loop share their thread."""
    # Whoever asks runs in a loop or has none; without asyncio imported there is none.
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is not None:
        try:
            task = asyncio.current_task()
        except RuntimeError:
            task = None
        if task is not None:
            return (task, _forks) if _forks else task
    return _thread_mark()


def _thread_mark() -> object:
    """An object of this thread's own. Its number would be given to another thread once this one has ended."""
    try:
        return _local.mark
    except AttributeError:
        _local.mark = mark = object()
        return mark


def _after_fork() -> None:
    global _forks, _local  # noqa: PLW0603 - what was there is the parent's
    _forks += 1
    _local = threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
