"""What is asked of results that may be promises."""

from __future__ import annotations

import inspect
from typing import Any

from ..errors import ConfigurationError

__all__ = ["not_awaitable"]


def not_awaitable(result: Any) -> Any:
    """The result; ConfigurationError for one that has to be awaited, which nobody here can."""
    if not inspect.isawaitable(result):
        return result
    if inspect.iscoroutine(result):
        result.close()
    raise ConfigurationError("an `async` function is for the asynchronous manager: AsyncMigrationManager")
