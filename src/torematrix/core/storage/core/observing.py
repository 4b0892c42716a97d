"""What can be seen of a storage at work: which activities there were, how long each took, how it ended. No values.

Whoever wants to see it gives observers to a storage. Without any nothing is measured, and nothing is paid.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

__all__ = ["Activity", "Observer", "Observers", "Watched"]

_LOGGER: Final = logging.getLogger("torematrix.storage")


class Activity(msgspec.Struct, frozen=True):
    """One thing a storage does.

    Attributes:
        backend: the engine's name.
        operation: what is done, such as ``fetch``, ``insert``, ``stream``, ``begin`` or ``commit``.
        collection: the name of the collection; None where there is none, as for ``commit``.
        in_transaction: whether it is part of a transaction of the application.
    """

    backend: str
    operation: str
    collection: str | None = None
    in_transaction: bool = False


class Observer:
    """One that looks on, in any task or thread; override what it is about.

    What it raises is logged and goes no further: looking on changes nothing.
    """

    def begins(self, activity: Activity) -> Any:
        """An activity begins; what is returned is handed to ``ends``."""

    def ends(
        self, activity: Activity, begun: Any, seconds: float, rows: int | None, error: BaseException | None
    ) -> None:
        """It ended.

        Args:
            activity: which one.
            begun: what ``begins`` returned; None where that failed.
            seconds: how long it took, waiting for a connection included.
            rows: how many came back; None where that is not its kind.
            error: what it raised, cancellation included; None when it succeeded.
        """

    def retries(self, backend: str, attempt: int) -> None:
        """A transaction is tried again because of a passing failure: the second time has the number 2."""


class Watched:
    """What is noted of an activity while it lasts: how many rows it gave."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: int | None = None


class Observers:
    """Several observers as one.

    Args:
        observers: in the order in which they are told.
        clock: the time in seconds, from any point on.
    """

    def __init__(self, observers: Sequence[Observer], clock: Callable[[], float]) -> None:
        self._observers = tuple(observers)
        self._clock = clock

    @contextmanager
    def watch(self, activity: Activity) -> Generator[Watched]:
        """Tell all that it begins, and, when the block is left, how it ended."""
        begun = [_told(observer.begins, activity) for observer in self._observers]
        started = self._clock()
        watched = Watched()
        failure: BaseException | None = None
        try:
            yield watched
        except GeneratorExit:  # a stream of which nobody wanted more
            raise
        except BaseException as error:
            failure = error
            raise
        finally:
            seconds = self._clock() - started
            for observer, token in zip(self._observers, begun, strict=True):
                _told(observer.ends, activity, token, seconds, watched.rows, failure)

    def retry(self, backend: str, attempt: int) -> None:
        """Tell all that a transaction is tried again."""
        for observer in self._observers:
            _told(observer.retries, backend, attempt)


def _told(tell: Callable[..., Any], *what: Any) -> Any:
    try:
        return tell(*what)
    except Exception:
        _LOGGER.exception("an observer failed")
        return None
