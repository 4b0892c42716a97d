"""What can be seen of a storage at work: which activities there were, how long each took, how it ended. No values.

Whoever wants to see it gives observers to a storage. Without any nothing is measured, and nothing is paid.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, ParamSpec, Protocol, TypeVar

import msgspec

from ..errors import UnavailableError

__all__ = ["Activity", "Connections", "Observer", "Observers", "Pools", "Wait", "Waits", "Watched"]

P = ParamSpec("P")
R = TypeVar("R")

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


class Wait(msgspec.Struct, frozen=True):
    """What it took to have a connection, however short that was.

    Attributes:
        backend: the engine's name.
        pool: which of the storage's pools: ``writer`` or ``reader`` where there are two kinds, else "".
        seconds: how long it took, making a connection included.
        obtained: whether there was one in the end.
        exhausted: whether there was none because all were in use until the deadline.
        activity: what waited; None for what is no activity, such as a look at the storage's health.
    """

    backend: str
    pool: str
    seconds: float
    obtained: bool = True
    exhausted: bool = False
    activity: Activity | None = None


class Connections(msgspec.Struct, frozen=True):
    """How many connections a pool has at one moment.

    Attributes:
        pool: which of the storage's pools, as in ``Wait``.
        used: how many somebody has.
        idle: how many are there for the next one.
    """

    pool: str
    used: int
    idle: int


class Pools(Protocol):
    """The pools of an open storage, for as long as it is there.

    Attributes:
        backend: the engine's name.
    """

    backend: str

    def connections(self) -> Sequence[Connections]:
        """How many connections there are now; may be asked in any thread. Nothing once it is closed."""
        ...


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

    def waits(self, wait: Wait) -> None:
        """A connection was waited for, if only for a moment, and was there or was not."""

    def opens(self, pools: Pools) -> None:
        """A storage is open: its pools can be asked from now on. Hold them weakly, or they outlive the storage."""


_activity: Final[ContextVar[Activity | None]] = ContextVar("torematrix_activity", default=None)


class Watched:
    """What is noted of an activity while it lasts.

    Args:
        activity: which one.

    Attributes:
        rows: how many it gave.
    """

    __slots__ = ("_activity", "rows")

    def __init__(self, activity: Activity) -> None:
        self.rows: int | None = None
        self._activity = activity

    @contextmanager
    def at_work(self) -> Generator[None]:
        """What is waited for meanwhile is waited for by this activity."""
        token = _activity.set(self._activity)
        try:
            yield
        finally:
            _activity.reset(token)


class Waits:
    """Tells observers what connections were waited for: a driver has it where somebody looks on.

    Args:
        backend: the engine's name.
        tell: is told of each wait.
        clock: the time in seconds, from any point on.
    """

    def __init__(self, backend: str, tell: Callable[[Wait], None], clock: Callable[[], float]) -> None:
        self._backend = backend
        self._tell = tell
        self._clock = clock

    def waited(
        self, seconds: float, *, pool: str = "", obtained: bool = True, exhausted: bool = False
    ) -> None:
        """Tell of a wait that somebody else has measured."""
        self._tell(Wait(self._backend, pool, seconds, obtained, exhausted, _activity.get()))

    @contextmanager
    def waiting(self, pool: str = "") -> Generator[None]:
        """Measure the block, which takes a connection.

        A block that raises ``UnavailableError`` without a cause has found all connections in use.
        """
        started = self._clock()
        obtained = exhausted = False
        try:
            yield
            obtained = True
        except UnavailableError as error:
            exhausted = error.__cause__ is None
            raise
        finally:
            self.waited(self._clock() - started, pool=pool, obtained=obtained, exhausted=exhausted)

    def queued(self, pool: str, function: Callable[P, R]) -> Callable[P, R]:
        """The same function, which tells when it begins how long it has waited since now, in whatever thread."""
        started, activity = self._clock(), _activity.get()

        def begun(*arguments: P.args, **named: P.kwargs) -> R:
            self._tell(Wait(self._backend, pool, self._clock() - started, activity=activity))
            return function(*arguments, **named)

        return begun


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
    def watch(self, activity: Activity, *, in_steps: bool = False) -> Generator[Watched]:
        """Tell all that it begins, and, when the block is left, how it ended.

        Args:
            activity: which one.
            in_steps: whether others are at work within the block too, as between the batches of a stream: then
                ``at_work`` says when this one is.
        """
        begun = [_told(observer.begins, activity) for observer in self._observers]
        started = self._clock()
        watched = Watched(activity)
        failure: BaseException | None = None
        token = None if in_steps else _activity.set(activity)
        try:
            yield watched
        except GeneratorExit:  # a stream of which nobody wanted more
            raise
        except BaseException as error:
            failure = error
            raise
        finally:
            seconds = self._clock() - started
            if token is not None:
                _activity.reset(token)
            for observer, token in zip(self._observers, begun, strict=True):
                _told(observer.ends, activity, token, seconds, watched.rows, failure)

    def retry(self, backend: str, attempt: int) -> None:
        """Tell all that a transaction is tried again."""
        for observer in self._observers:
            _told(observer.retries, backend, attempt)

    def waits(self, backend: str) -> Waits:
        """What tells all of waits for the connections of a backend."""
        return Waits(backend, self._waited, self._clock)

    def _waited(self, wait: Wait) -> None:
        for observer in self._observers:
            _told(observer.waits, wait)

    def opened(self, pools: Pools) -> None:
        """Tell all that a storage is open."""
        for observer in self._observers:
            _told(observer.opens, pools)


def _told(tell: Callable[..., Any], *what: Any) -> Any:
    try:
        return tell(*what)
    except Exception:
        _LOGGER.exception("an observer failed")
        return None
