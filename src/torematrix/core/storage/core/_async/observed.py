"""A driver that is looked at: everything that reaches it is told to observers, and goes on to the driver itself.

This is the one place where all that a storage does with its engine passes by, whichever engine it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, cast

from ...model.codec import Row
from ...query.operations import Collection, Found, Operation, Ranked, Scan, name_of
from ..observing import Activity, Connections, Observers
from ..options import Explanation, TransactionOptions
from ..restructuring import Restructuring
from .port import AsyncDriver, AsyncSession

__all__ = ["observed"]


def observed(driver: AsyncDriver, observers: Observers) -> AsyncDriver:
    """The driver, with observers looking on."""
    driver.observe(observers.waits(driver.backend))
    return cast("AsyncDriver", AsyncObservedDriver(driver, observers))  # what is not its own it passes on


class AsyncObservedDriver:
    """A driver with observers; what is not written here is the driver's own."""

    def __init__(self, driver: AsyncDriver, observers: Observers) -> None:
        self._driver = driver
        self._observers = observers
        self.backend = driver.backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    async def open(self) -> None:
        """As the driver's."""
        with self._observers.watch(Activity(self.backend, "open")):
            await self._driver.open()
        self._observers.opened(self)

    def connections(self) -> Sequence[Connections]:
        """As the driver's."""
        return self._driver.connections()

    async def ensure(self, collection: Collection) -> None:
        """As the driver's."""
        with self._observers.watch(Activity(self.backend, "ensure", collection.name)):
            await self._driver.ensure(collection)

    async def run(self, operation: Operation, session: AsyncSession | None) -> Any:
        """As the driver's."""
        name = name_of(operation)
        with self._observers.watch(
            Activity(self.backend, name, operation.collection.name, session is not None)
        ) as watched:
            result: object = await self._driver.run(operation, _own(session))
            rows: object = result.rows if isinstance(result, (Found, Ranked)) else result
            watched.rows = len(cast("list[object]", rows)) if isinstance(rows, list) else None
            return result

    async def stream(self, operation: Scan, session: AsyncSession | None) -> AsyncGenerator[list[Row], None]:
        """As the driver's; the time is that until the last row was taken, or nobody wanted more."""
        with self._observers.watch(
            Activity(self.backend, "stream", operation.collection.name, session is not None), in_steps=True
        ) as watched:
            watched.rows = 0
            async with aclosing(self._driver.stream(operation, _own(session))) as batches:
                while True:
                    with watched.at_work():
                        batch = await anext(batches, None)
                    if batch is None:
                        return
                    watched.rows += len(batch)
                    yield batch

    async def begin(self, options: TransactionOptions) -> AsyncObservedSession:
        """As the driver's."""
        with self._observers.watch(Activity(self.backend, "begin", in_transaction=True)):
            session = await self._driver.begin(options)
        return AsyncObservedSession(session, self.backend, self._observers)

    async def restructure(self, asked: Restructuring, session: AsyncSession | None) -> None:
        """As the driver's."""
        with self._observers.watch(
            Activity(self.backend, "restructure", asked.collection, session is not None)
        ):
            await self._driver.restructure(asked, _own(session))

    def native(self, session: AsyncSession | None) -> Any:
        """As the driver's."""
        return self._driver.native(_own(session))

    async def explain(self, operation: Operation | Scan, session: AsyncSession | None = None) -> Explanation:
        """As the driver's."""
        return await self._driver.explain(operation, _own(session))


class AsyncObservedSession:
    """A session whose end is told to observers."""

    def __init__(self, session: AsyncSession, backend: str, observers: Observers) -> None:
        self.own = session
        self._backend = backend
        self._observers = observers

    async def savepoint(self) -> str:
        """As the session's."""
        return await self.own.savepoint()

    async def rollback_to(self, savepoint: str) -> None:
        """As the session's."""
        await self.own.rollback_to(savepoint)

    async def release(self, savepoint: str) -> None:
        """As the session's."""
        await self.own.release(savepoint)

    async def commit(self) -> None:
        """As the session's."""
        with self._observers.watch(Activity(self._backend, "commit", in_transaction=True)):
            await self.own.commit()

    async def rollback(self) -> None:
        """As the session's."""
        with self._observers.watch(Activity(self._backend, "rollback", in_transaction=True)):
            await self.own.rollback()


def _own(session: AsyncSession | None) -> AsyncSession | None:
    return session.own if isinstance(session, AsyncObservedSession) else session
