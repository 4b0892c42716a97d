"""One transaction on one connection."""

from __future__ import annotations

from typing import Final, Protocol

import psycopg

from ...._overriding import override
from ....core._async.port import AsyncSession
from ....core.options import Isolation, TransactionOptions
from ....errors import StorageError, TransactionError
from ..errors import BACKEND, is_lost
from ..waiting import AsyncWaiting
from .connection import AsyncLink
from .lost import NUMBER, settle
from .pool import AsyncPool

__all__ = ["AsyncPostgreSQLSession", "begin_statement"]

_LEVELS: Final = {Isolation.SNAPSHOT: "REPEATABLE READ", Isolation.SERIALIZABLE: "SERIALIZABLE"}


def begin_statement(options: TransactionOptions) -> str:
    """What begins a transaction and takes its snapshot, in one round trip.

    PostgreSQL takes the snapshot with the first query. Of a transaction that may write, that query asks for the number
    by which its fate can be asked should the answer to COMMIT be lost.
    """
    reads = "1" if options.read_only else NUMBER
    level = "READ COMMITTED" if options.restructures else _LEVELS[options.isolation]
    return f"BEGIN ISOLATION LEVEL {level}{' READ ONLY' if options.read_only else ''}; SELECT {reads}"


class _Driver(Protocol):
    pool: AsyncPool

    def failed(self, error: psycopg.Error, operation: str, collection: str | None) -> StorageError: ...


class AsyncPostgreSQLSession(AsyncSession):
    """A transaction, as the driver began it.

    Attributes:
        link: its connection.
    """

    def __init__(self, driver: _Driver, link: AsyncLink, number: str | None) -> None:
        self.link = link
        self._driver = driver
        self._number = number
        self._marks = 0
        self._ended = False
        link.in_session = True
        driver.pool.lend(link)

    @override
    async def savepoint(self) -> str:
        self._marks += 1
        name = f"mark_{self._marks}"
        await self._execute(f"SAVEPOINT {name}")
        return name

    @override
    async def rollback_to(self, savepoint: str) -> None:
        await self._execute(f"ROLLBACK TO {savepoint}; RELEASE {savepoint}")

    @override
    async def release(self, savepoint: str) -> None:
        await self._execute(f"RELEASE {savepoint}")

    async def _execute(self, statement: str) -> None:
        self._check()
        try:
            await AsyncWaiting.finished(self._run, statement)
        except psycopg.Error as error:
            raise self._driver.failed(error, "transaction", None) from error

    async def _run(self, statement: str) -> str | None:
        """The tag of the statement's result."""
        cursor = self.link.kept
        await cursor.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue] - made here
        return cursor.statusmessage

    @override
    async def commit(self) -> None:
        self._check()
        await AsyncWaiting.finished(self._commit)

    async def _commit(self) -> None:
        self._ended = True
        lost: psycopg.Error | None = None
        try:
            try:
                tag = await self._run("COMMIT")
            except psycopg.Error as error:
                if self._number is None or not (self.link.closed or is_lost(error)):
                    raise self._driver.failed(error, "transaction", None) from error
                lost, tag = error, "COMMIT"
            if tag != "COMMIT":
                # Of a transaction in which a statement had failed PostgreSQL says ROLLBACK, and calls it a success.
                raise TransactionError(
                    "the transaction was rolled back: a statement in it had failed",
                    backend=BACKEND,
                    operation="transaction",
                )
        finally:
            await self._give_back()
        if lost is not None and self._number is not None:
            await settle(self._driver.pool, self._number, lost)

    @override
    async def rollback(self) -> None:
        if not self._ended:
            await AsyncWaiting.finished(self._rollback)

    async def _rollback(self) -> None:
        self._ended = True
        try:
            await self._run("ROLLBACK")
        except psycopg.Error:
            # A connection that is gone takes its transaction with it.
            await self.link.close()
        finally:
            await self._give_back()

    async def _give_back(self) -> None:
        pool = self._driver.pool
        self.link.in_session = False
        pool.lent_back(self.link)
        if not pool.keep(self.link):
            await pool.give_back(self.link)

    def _check(self) -> None:
        if self._ended:
            raise StorageError("the transaction has ended", backend=BACKEND, operation="transaction")
