# generated from _async/observed.py by tools/generate_twins.py: do not edit
"""A driver that is looked at: everything that reaches it is told to observers, and goes on to the driver itself.

This is the one place where all that a storage does with its engine passes by, whichever engine it is.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, cast

from ...model.codec import Row
from ...query.operations import Collection, Found, Operation, Ranked, Scan, name_of
from ..observing import Activity, Connections, Observers
from ..options import Explanation, TransactionOptions
from ..restructuring import Restructuring
from .port import Driver, Session

__all__ = ["observed"]


def observed(driver: Driver, observers: Observers) -> Driver:
    """The driver, with observers looking on."""
    driver.observe(observers.waits(driver.backend))
    return cast("Driver", ObservedDriver(driver, observers))  # what is not its own it passes on


class ObservedDriver:
    """A driver with observers; what is not written here is the driver's own."""

    def __init__(self, driver: Driver, observers: Observers) -> None:
        self._driver = driver
        self._observers = observers
        self.backend = driver.backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def open(self) -> None:
        """As the driver's."""
        with self._observers.watch(Activity(self.backend, "open")):
            self._driver.open()
        self._observers.opened(self)

    def connections(self) -> Sequence[Connections]:
        """As the driver's."""
        return self._driver.connections()

    def ensure(self, collection: Collection) -> None:
        """As the driver's."""
        with self._observers.watch(Activity(self.backend, "ensure", collection.name)):
            self._driver.ensure(collection)

    def run(self, operation: Operation, session: Session | None) -> Any:
        """As the driver's."""
        name = name_of(operation)
        with self._observers.watch(
            Activity(self.backend, name, operation.collection.name, session is not None)
        ) as watched:
            result: object = self._driver.run(operation, _own(session))
            rows: object = result.rows if isinstance(result, (Found, Ranked)) else result
            watched.rows = len(cast("list[object]", rows)) if isinstance(rows, list) else None
            return result

    def stream(self, operation: Scan, session: Session | None) -> Generator[list[Row], None, None]:
        """As the driver's; the time is that until the last row was taken, or nobody wanted more."""
        with self._observers.watch(
            Activity(self.backend, "stream", operation.collection.name, session is not None), in_steps=True
        ) as watched:
            watched.rows = 0
            with closing(self._driver.stream(operation, _own(session))) as batches:
                while True:
                    with watched.at_work():
                        batch = next(batches, None)
                    if batch is None:
                        return
                    watched.rows += len(batch)
                    yield batch

    def begin(self, options: TransactionOptions) -> ObservedSession:
        """As the driver's."""
        with self._observers.watch(Activity(self.backend, "begin", in_transaction=True)):
            session = self._driver.begin(options)
        return ObservedSession(session, self.backend, self._observers)

    def restructure(self, asked: Restructuring, session: Session | None) -> None:
        """As the driver's."""
        with self._observers.watch(
            Activity(self.backend, "restructure", asked.collection, session is not None)
        ):
            self._driver.restructure(asked, _own(session))

    def native(self, session: Session | None) -> Any:
        """As the driver's."""
        return self._driver.native(_own(session))

    def explain(self, operation: Operation | Scan, session: Session | None = None) -> Explanation:
        """As the driver's."""
        return self._driver.explain(operation, _own(session))


class ObservedSession:
    """A session whose end is told to observers."""

    def __init__(self, session: Session, backend: str, observers: Observers) -> None:
        self.own = session
        self._backend = backend
        self._observers = observers

    def savepoint(self) -> str:
        """As the session's."""
        return self.own.savepoint()

    def rollback_to(self, savepoint: str) -> None:
        """As the session's."""
        self.own.rollback_to(savepoint)

    def release(self, savepoint: str) -> None:
        """As the session's."""
        self.own.release(savepoint)

    def commit(self) -> None:
        """As the session's."""
        with self._observers.watch(Activity(self._backend, "commit", in_transaction=True)):
            self.own.commit()

    def rollback(self) -> None:
        """As the session's."""
        with self._observers.watch(Activity(self._backend, "rollback", in_transaction=True)):
            self.own.rollback()


def _own(session: Session | None) -> Session | None:
    return session.own if isinstance(session, ObservedSession) else session
