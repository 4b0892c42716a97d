"""A clock and a source of ids that start again with each run of a program, so that runs can be compared exactly."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Generator
from typing import Any, Final, Self

from torematrix.core.storage._overriding import override

from ...face._async import repository as waiting
from ...face._sync import repository as blocking
from ...model._times import utc_text

__all__ = ["Clock", "StillClock"]

_START: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_STEP: Final = dt.timedelta(milliseconds=7)


class Clock:
    """The time and the ids that storages fill in: the same for the same calls."""

    def __init__(self) -> None:
        self._calls: int = 0
        self._ids: int = 0

    def restart(self) -> None:
        """As at the beginning."""
        self._calls = self._ids = 0

    def now_text(self) -> str:
        """A little later than at the call before."""
        self._calls += 1
        return utc_text(_START + self._calls * _STEP)

    def new_id(self) -> str:
        """The next id, formed as those of the library are."""
        self._ids += 1
        return f"019b0000-0000-7000-8000-{self._ids:012x}"

    @contextlib.contextmanager
    def installed(self) -> Generator[Self]:
        """Let every repository of this process ask this clock."""
        modules: tuple[Any, ...] = (waiting, blocking)
        kept = [(module, module.now_text, module.new_id) for module in modules]
        try:
            for module in modules:
                module.now_text, module.new_id = self.now_text, self.new_id
            yield self
        finally:
            for module, now_text, new_id in kept:
                module.now_text, module.new_id = now_text, new_id


class StillClock(Clock):
    """A clock that goes on only when it is told to: what is done twice, because of an error, has one time."""

    def tick(self) -> None:
        """Let it be a little later."""
        self._calls += 1

    @override
    def now_text(self) -> str:
        """The time, as often as it is asked."""
        return utc_text(_START + self._calls * _STEP)
