"""What a storage does, in the log of the standard library: slow statements and waits, failures, retries."""

from __future__ import annotations

import logging
from typing import Any, Final

from .._overriding import override
from ..core.observing import Activity, Observer, Wait
from ..errors import ConfigurationError, StorageError, UnavailableError

__all__ = ["LOGGER", "LogObserver"]

LOGGER: Final = logging.getLogger("torematrix.storage")
"""Where the lines go. Each record carries the same as attributes, for a structured handler: see ``LogObserver``."""


class LogObserver(Observer):
    """Writes lines such as ``postgresql find articles: 1.204 s, 50 rows``. Never a value, a filter or an id.

    Slow activities, engines that cannot be reached, slow waits for a connection and exhausted pools are
    warnings, retries are infos, and everything else, failed operations included (whoever called has their error), is
    for debugging. Of shorter waits there is no line: they are part of an activity's time.

    The records have the attributes ``storage_backend``, ``storage_operation``, ``storage_collection``,
    ``storage_seconds``, ``storage_rows``, ``storage_error`` (a class's name) and ``storage_attempt``; those of a wait
    ``storage_waited`` (seconds), ``storage_pool`` and ``storage_exhausted``.

    Args:
        slow: from how many seconds on an activity, or a wait for a connection, is slow.
        logger: where the lines go.

    Raises:
        ConfigurationError: slow is negative or no number.
    """

    def __init__(self, *, slow: float = 1.0, logger: logging.Logger = LOGGER) -> None:
        given: object = slow
        if isinstance(given, bool) or not isinstance(given, (int, float)) or not slow >= 0:
            raise ConfigurationError("slow is a number of seconds, at least 0")
        self._slow = slow
        self._logger = logger

    @override
    def ends(
        self, activity: Activity, begun: Any, seconds: float, rows: int | None, error: BaseException | None
    ) -> None:
        slow = seconds >= self._slow
        level = logging.WARNING if slow or isinstance(error, UnavailableError) else logging.DEBUG
        if not self._logger.isEnabledFor(level):
            return
        name = None if error is None else type(error).__name__
        text = f"{_named(activity)}: {seconds:.3f} s"
        if rows is not None:
            text += f", {rows} rows"
        if name is not None:
            text += f", {name}"
        if isinstance(error, StorageError) and error.retryable:
            text += " (may pass)"
        self._logger.log(
            level,
            "%s%s",
            "slow: " if slow else "",
            text,
            extra={
                "storage_backend": activity.backend,
                "storage_operation": activity.operation,
                "storage_collection": activity.collection,
                "storage_seconds": seconds,
                "storage_rows": rows,
                "storage_error": name,
            },
        )

    @override
    def retries(self, backend: str, attempt: int) -> None:
        self._logger.info(
            "%s transaction: attempt %d",
            backend,
            attempt,
            extra={
                "storage_backend": backend,
                "storage_operation": "transaction",
                "storage_attempt": attempt,
            },
        )

    @override
    def waits(self, wait: Wait) -> None:
        slow = wait.seconds >= self._slow
        if not (slow or wait.exhausted):
            return
        activity = wait.activity
        what = f"{wait.pool} connection" if wait.pool else "connection"
        if wait.obtained:
            end = f"waited {wait.seconds:.3f} s for a {what}"
        elif wait.exhausted:
            end = f"no {what} within {wait.seconds:.3f} s, all were in use"
        else:
            end = f"no {what} after {wait.seconds:.3f} s"
        self._logger.warning(
            "%s%s: %s",
            "slow: " if slow else "",
            wait.backend if activity is None else _named(activity),
            end,
            extra={
                "storage_backend": wait.backend,
                "storage_operation": None if activity is None else activity.operation,
                "storage_collection": None if activity is None else activity.collection,
                "storage_pool": wait.pool,
                "storage_waited": wait.seconds,
                "storage_exhausted": wait.exhausted,
            },
        )


def _named(activity: Activity) -> str:
    text = f"{activity.backend} {activity.operation}"
    return text if activity.collection is None else f"{text} {activity.collection}"
