"""The backends that the model drives: each an open storage in one colour, with the mishaps that can befall it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Generator
from typing import Any, Final

import apsw
import msgspec
import psycopg
from hypothesis import strategies as st
from pymongo import MongoClient

from torematrix.core.storage._overriding import override

from ....errors import StorageError
from ....face._async.storage import AsyncStorage
from ....face._sync.storage import Storage
from .._async.hands import AsyncHands
from .._sync.hands import Hands
from ..crowds import limited
from ..cuts import proxied, proxy_of
from ..engines import Engine, MongoDBEngine, PostgreSQLEngine, SQLiteEngine, StandaloneEngine, end_sessions
from ..proxy import Cut
from ..suspensions import Suspensions
from .calls import State
from .disks import FailingDisk
from .mishaps import Cancelled, Failing, Held, Mishap, Severed, cancelled, failing, severed, weighted
from .tasks import Serving

__all__ = ["COLOURS", "Answer", "Lab", "lab_of"]

COLOURS: Final = ("sync", "async")
_PATIENCE: Final = 0.02
"""Seconds that a writer of SQLite waits for another."""
_LIMIT: Final = 2
"""Seconds that a call to a server may take."""
_REST: Final = 20.0
"""Seconds in which a server has to be done with connections that were cut."""

Work = Callable[[Any], Any]
"""What is done with the hands of either colour."""


class Answer(msgspec.Struct, frozen=True):
    """What a call has told.

    Attributes:
        value: its result.
        error: what it has raised.
        met: whether the mishap has happened.
        deaf: whether it has gone on although it was cancelled.
    """

    value: Any = None
    error: BaseException | None = None
    met: bool = False
    deaf: bool = False

    @property
    def is_cancelled(self) -> bool:
        """Whether it was interrupted."""
        return isinstance(self.error, (asyncio.CancelledError, TimeoutError))


class Lab:
    """A storage on a database of its own.

    Args:
        colour: sync or async.
        url: of the database.

    Attributes:
        name: of the engine and the colour.
        groups: whether there are transactions and bulk writes.
        storage: for others who look at the database; None where nobody else can.
    """

    groups = True

    def __init__(self, name: str, colour: str, url: str) -> None:
        self.name = f"{name} {colour}"
        self.colour = colour
        self.storage: Storage | None = None
        self._url = url
        self._hands: Any = None
        self._serving: Serving | None = None
        self._others: Hands | None = None

    # Its life --------------------------------------------------------------------------------------------------

    def fresh(self) -> None:
        """Have the storage open, and nothing stored."""
        if self._hands is None:
            self._open()
        singly = not self.groups
        answer = self.do(lambda hands: hands.clear(singly=singly))
        if answer.error is not None:
            raise answer.error

    def spoil(self) -> None:
        """Use the storage no more: whatever was open in it may be open still."""
        hands, self._hands = self._hands, None
        if hands is None:
            return
        with contextlib.suppress(StorageError):
            self._told(hands.close)
        if self._serving is not None:
            self._serving.close()
            self._serving = None
        self.calm()

    def close(self) -> None:
        """Close everything."""
        self.spoil()
        if self._others is not None:
            self._others.close()

    def _open(self) -> None:
        if self.colour == "async":
            self._serving = Serving()
            opened: Any = self._serving.do(lambda: AsyncStorage.open_awaited(self._url))
            self._hands = AsyncHands(opened)
        else:
            self._hands = Hands(Storage.open(self._url))
        self._told(self._hands.ready)
        url = self._direct()
        if url is not None and self._others is None:
            self._others = Hands(Storage.open(url))
            self._others.ready()
            self.storage = self._others.storage

    def _direct(self) -> str | None:
        """The URL by which others look at the database."""
        return self._url

    # Calls -----------------------------------------------------------------------------------------------------

    def do(self, work: Work, mishap: Mishap | None = None) -> Answer:
        """What a call tells, while something befalls it."""
        points = Suspensions(mishap.at, mishap.way) if isinstance(mishap, Cancelled) else None
        value: Any = None
        error: BaseException | None = None
        with self._befalling(mishap) as met:
            try:
                value = self._told(lambda: work(self._hands), points)
            except StorageError as told:
                error = told
            except (asyncio.CancelledError, TimeoutError) as told:
                if points is None or not points.met:
                    raise  # nobody has cancelled it
                error = told
        if points is None:
            return Answer(value, error, met())
        return Answer(value, error, points.met, points.cancelled and error is None)

    def _told(self, work: Callable[[], Any], points: Suspensions | None = None) -> Any:
        return work() if self._serving is None else self._serving.do(work, points)

    def observed(self) -> State:
        """What others see."""
        if self._others is not None:
            return self._others.read()
        answer = self.do(lambda hands: hands.read())
        if answer.error is not None:
            raise answer.error
        state: State = answer.value
        return state

    # Mishaps ---------------------------------------------------------------------------------------------------

    def mishaps(self, *, soon: bool = False) -> st.SearchStrategy[Mishap | None]:
        """What may befall it, or None; ``soon`` is with what is asked first."""
        return cancelled(soon=soon) if self.colour == "async" else st.none()

    def _mixed(
        self, own: st.SearchStrategy[Mishap | None], *, soon: bool
    ) -> st.SearchStrategy[Mishap | None]:
        """What is an engine's own, and cancellations where there are tasks."""
        return own if self.colour == "sync" else weighted((1, own), (1, cancelled(soon=soon)))

    @contextlib.contextmanager
    def _befalling(self, mishap: Mishap | None) -> Generator[Callable[[], bool]]:
        """Have it happen within the block; what is given says whether it has."""
        yield lambda: False

    def calm(self) -> None:
        """Wait until nothing goes on any more that a mishap has left behind."""


class _SQLiteLab(Lab):
    """A file on a disk that fails."""

    def __init__(self, engine: SQLiteEngine, colour: str) -> None:
        self._engine = engine
        self._database = engine.new_database()
        super().__init__(
            engine.name, colour, limited(self._database, f"busy_timeout={_PATIENCE}&cache_bytes=65536")
        )
        self._disk = FailingDisk().__enter__()
        self._holder: Any = None

    @override
    def mishaps(self, *, soon: bool = False) -> st.SearchStrategy[Mishap | None]:
        return self._mixed(failing(soon=soon), soon=soon)

    @override
    @contextlib.contextmanager
    def _befalling(self, mishap: Mishap | None) -> Generator[Callable[[], bool]]:
        if isinstance(mishap, Held):
            with self._locked() as is_held:
                yield lambda: is_held
            return
        if isinstance(mishap, Failing):
            self._disk.arm(mishap.what, mishap.after, lasting=mishap.lasting)
        try:
            yield lambda: isinstance(mishap, Failing) and self._disk.met > 0
        finally:
            self._disk.disarm()

    @contextlib.contextmanager
    def _locked(self) -> Generator[bool]:
        """Have another connection hold the lock, unless one of the storage's has it."""
        if self._holder is None:
            self._holder = apsw.Connection(str(self._engine.file(self._database)))
        try:
            self._holder.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            yield False
            return
        try:
            yield True
        finally:
            self._holder.execute("ROLLBACK")

    @override
    def close(self) -> None:
        super().close()
        if self._holder is not None:
            self._holder.close()
        self._disk.__exit__()
        self._engine.drop(self._database)


class _ServerLab(Lab):
    """A server behind a proxy that cuts connections."""

    def __init__(self, engine: PostgreSQLEngine | MongoDBEngine, colour: str, *, slow: bool) -> None:
        self.groups = not isinstance(engine, StandaloneEngine)
        self._engine = engine
        self._slow = slow
        self._database = engine.new_database()
        self._proxy = proxy_of(engine)
        self._tired = False
        self._watcher: Any = None
        name = engine.name if self.groups else f"{engine.name} standalone"
        super().__init__(name, colour, proxied(engine, self._database, self._proxy, _LIMIT))

    @override
    def _direct(self) -> str | None:
        return self._database

    @override
    def mishaps(self, *, soon: bool = False) -> st.SearchStrategy[Mishap | None]:
        return self._mixed(severed(soon=soon, slow=self._slow), soon=soon)

    @override
    @contextlib.contextmanager
    def _befalling(self, mishap: Mishap | None) -> Generator[Callable[[], bool]]:
        if not isinstance(mishap, Severed):
            yield lambda: False
            return
        if mishap.place == "idle":
            self._proxy.cut_all()
            yield lambda: True
            return
        cut = Cut(mishap.place, (), after=mishap.after, times=mishap.times, gone=mishap.gone)
        self._proxy.arm(cut)
        try:
            yield lambda: cut.met > 0
        finally:
            self._proxy.disarm()
            # Who was cut off several times could not even tell the server that it gives up.
            self._tired = (
                self._tired or cut.met > 1 or bool(cut.met and (mishap.gone or "froze" in mishap.place))
            )

    @override
    def calm(self) -> None:
        self._help()
        until = time.monotonic() + _REST
        while self._proxy.ended and self._lingering():
            if time.monotonic() > until:
                raise TimeoutError(f"connections that were cut are at work after {_REST:g} s")
            time.sleep(0.002)
        self._proxy.ended.clear()
        self._help()  # what had been sent may have begun something meanwhile
        self._tired = False

    def _help(self) -> None:
        """End transactions that a client could not end: the server would keep what they hold for a minute."""
        if self._tired and isinstance(self._engine, MongoDBEngine) and self.groups:
            end_sessions(self._engine.server.url)

    @override
    def spoil(self) -> None:
        self._tired = True  # whatever the storage had open may be open still
        super().spoil()

    def _lingering(self) -> bool:
        """Whether the server still has a connection that was cut: what has arrived on it may yet be done."""
        ports = list(self._proxy.ended)
        if isinstance(self._engine, PostgreSQLEngine):
            if self._watcher is None:
                self._watcher = psycopg.connect(self._engine.server.url, autocommit=True)
            asked = "SELECT count(*) FROM pg_stat_activity WHERE client_port = ANY(%s)"
            return bool(self._watcher.execute(asked, [ports]).fetchone() != (0,))
        if self._watcher is None:
            self._watcher = MongoClient[dict[str, Any]](self._engine.server.url, directConnection=True)
        pipeline: list[dict[str, Any]] = [
            {"$currentOp": {"allUsers": True, "idleConnections": True}},
            {"$match": {"client": {"$in": [f"127.0.0.1:{port}" for port in ports]}}},
            {"$limit": 1},
        ]
        return bool(list(self._watcher.admin.aggregate(pipeline)))

    @override
    def close(self) -> None:
        super().close()
        if self._watcher is not None:
            self._watcher.close()
        self._proxy.close()
        self._engine.drop(self._database)


def lab_of(engine: Engine | None, colour: str, *, slow: bool = False) -> Lab:
    """The lab of an engine; without one, of the memory.

    Args:
        engine: where.
        colour: sync or async.
        slow: whether mishaps may take seconds.
    """
    if engine is None:
        return _MemoryLab(colour)
    if isinstance(engine, SQLiteEngine):
        return _SQLiteLab(engine, colour)
    assert isinstance(engine, PostgreSQLEngine | MongoDBEngine)
    return _ServerLab(engine, colour, slow=slow)


class _MemoryLab(Lab):
    """The reference, as a backend of its own."""

    def __init__(self, colour: str) -> None:
        super().__init__("memory", colour, "memory://")

    @override
    def _direct(self) -> str | None:
        return None
