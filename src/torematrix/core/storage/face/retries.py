"""Trying again, where the engine says that the same thing may succeed: stamina's attempts, in either colour."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidQueryError, StorageError

__all__ = ["retrying"]


def _passes(error: Exception) -> bool:
    """Whether a fresh transaction may not meet this failure, by the engine's word or by the cause of a doomed one."""
    if isinstance(error, StorageError):
        if error.retryable:
            return True
        cause = error.__cause__
        return isinstance(cause, StorageError) and cause.retryable
    return False


def retrying(attempts: int, deadline: float, *, again: bool = True) -> Any:
    """Attempts to iterate over, each a context manager that swallows a passing failure until the last.

    Without ``again`` there is one attempt: inside a transaction what has failed would only fail again.
    """
    import stamina  # imported when used: few programs retry, and all would pay

    given: object = deadline
    if type(attempts) is not int or attempts < 1 or not (isinstance(given, (int, float)) and deadline > 0):
        raise InvalidQueryError("attempts is at least 1 and deadline above 0 seconds")
    return stamina.retry_context(
        on=_passes,
        attempts=attempts if again else 1,
        timeout=deadline,
        wait_initial=0.01,
        wait_max=1.0,
        wait_jitter=0.1,
    )
