"""Any blocking driver behind the waiting port: reads in one thread, writes and transactions in another.

The thread of the writes is never waited for while somebody else holds a transaction: tasks queue in the event loop,
with the driver's own deadline, and reads go on meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from ...capability import Capabilities
from ...core._async.port import AsyncDriver, AsyncSession
from ...core._sync.port import Driver, Session
from ...core.following import FollowingStep
from ...core.observing import Connections, Waits
from ...core.options import Explanation, Progress, TransactionOptions
from ...core.restructuring import Restructuring
from ...errors import StorageError, UnavailableError
from ...model.codec import Row
from ...query.operations import Collection, Insert, Operation, Patch, Remove, Replace, Scan, Upsert
from .worker import Worker

__all__ = ["BlockingAsyncDriver"]

P = ParamSpec("P")
R = TypeVar("R")

_WRITES: Final = frozenset({Insert, Upsert, Replace, Patch, Remove})


class _WaitingSession(AsyncSession):
    """A session of the blocking driver, run in the thread it belongs to."""

    def __init__(
        self, driver: BlockingAsyncDriver, session: Session, worker: Worker, *, writes: bool
    ) -> None:
        self.session = session
        self.worker = worker
        self._driver = driver
        self._writes = writes
        self._ended = False

    async def savepoint(self) -> str:
        return await self.worker.finish(self.session.savepoint)

    async def rollback_to(self, savepoint: str) -> None:
        await self.worker.finish(self.session.rollback_to, savepoint)

    async def release(self, savepoint: str) -> None:
        await self.worker.finish(self.session.release, savepoint)

    async def commit(self) -> None:
        try:
            await self.worker.finish(self.session.commit)
        finally:
            self._end()

    async def rollback(self) -> None:
        try:
            await self.worker.finish(self.session.rollback)
        finally:
            self._end()

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            if self._writes:
                self._driver.release_turn()


class BlockingAsyncDriver(AsyncDriver):
    """A driver that waits, over one that blocks.

    Args:
        driver: the blocking driver.
        deadline: seconds to wait for another task's transaction.
        shared: whether reads take turns with writes, as they do on a database in memory.
    """

    def __init__(self, driver: Driver, *, deadline: float, shared: bool) -> None:
        self._driver = driver
        self._deadline = deadline
        self._shared = shared
        self._writer = Worker(f"torematrix-{driver.backend}-writer")
        self._reader = self._writer if shared else Worker(f"torematrix-{driver.backend}-reader")
        self._turn: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waits: Waits | None = None
        self.backend = driver.backend
        self.json_documents = driver.json_documents

    @property
    def capabilities(self) -> Capabilities:
        return self._driver.capabilities

    async def open(self) -> None:
        """As the port says."""
        if self._loop is None:
            self._loop, self._turn = asyncio.get_running_loop(), asyncio.Lock()
        self._check_loop()
        await self._writer.finish(self._driver.open)

    def _check_loop(self) -> None:
        """Refuse to work in another event loop: whoever waits in one cannot be woken from another."""
        if self._loop is not asyncio.get_running_loop():
            raise StorageError(
                "the storage was opened in another event loop; open one in each", backend=self.backend
            )

    async def close(self) -> None:
        if self._loop is None:
            self._driver.close()
            return
        closer = Worker(f"torematrix-{self.backend}-closer")
        await closer.finish(self._close_all)
        closer.stop()

    def _close_all(self) -> None:
        self._driver.close()
        self._writer.stop()
        self._reader.stop()

    def observe(self, waits: Waits) -> None:
        """As the port says. The driver itself is not told: whoever has the turn finds its connection free."""
        self._waits = waits

    def connections(self) -> Sequence[Connections]:
        """As the port says."""
        return self._driver.connections()

    async def _take_turn(self) -> None:
        """Become the task that may write; UnavailableError when others have not finished within the deadline."""
        if self._waits is None:
            await self._wait_for_turn()
        else:
            with self._waits.waiting("writer"):
                await self._wait_for_turn()

    async def _wait_for_turn(self) -> None:
        self._check_loop()
        turn = self._turn
        if turn is None:
            raise StorageError("the storage is not open", backend=self.backend)
        if not turn.locked():
            await turn.acquire()
            return
        try:
            async with asyncio.timeout(self._deadline):
                await turn.acquire()
        except TimeoutError:
            raise UnavailableError(
                f"another transaction has been writing for more than {self._deadline} seconds; try again",
                backend=self.backend,
            ) from None

    def release_turn(self) -> None:
        """Let the next task write."""
        if self._turn is not None:
            self._turn.release()

    async def run(self, operation: Operation, session: AsyncSession | None) -> Any:
        self._check_loop()
        if session is not None:
            own: _WaitingSession = session  # type: ignore[assignment]  # begin gives nothing else
            return await own.worker.finish(self._driver.run, operation, own.session)
        if type(operation) not in _WRITES and not self._shared:
            # Abandoned when the caller is cancelled: a read leaves nothing behind.
            return await self._reader.submit(self._queued(self._driver.run), operation, None)
        await self._take_turn()
        try:
            return await self._writer.finish(self._driver.run, operation, None)
        finally:
            self.release_turn()

    def _queued(self, function: Callable[P, R]) -> Callable[P, R]:
        """A call for the thread that reads, which others may keep waiting."""
        return function if self._waits is None else self._waits.queued("reader", function)

    async def begin(self, options: TransactionOptions) -> AsyncSession:
        writes = self._shared or not options.read_only
        worker = self._writer if writes else self._reader
        if writes:
            await self._take_turn()
        begun: list[Session] = []
        begin = self._driver.begin if writes else self._queued(self._driver.begin)
        try:
            await worker.finish(lambda: begun.append(begin(options)))
        except BaseException:
            try:
                for session in begun:  # begun, but the caller was cancelled and will never end it
                    await worker.finish(session.rollback)
            finally:
                if writes:
                    self.release_turn()
            raise
        return _WaitingSession(self, begun[0], worker, writes=writes)

    async def stream(self, operation: Scan, session: AsyncSession | None) -> AsyncGenerator[list[Row], None]:
        own: _WaitingSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        worker = self._reader if own is None else own.worker
        turn = own is None and self._shared
        batches = self._driver.stream(operation, None if own is None else own.session)
        following = _next_batch if turn or own is not None else self._queued(_next_batch)
        try:
            while True:
                if turn:
                    await self._take_turn()
                try:
                    batch = await worker.finish(following, batches)
                finally:
                    if turn:
                        self.release_turn()
                following = _next_batch  # it has its connection by now
                if batch is None:
                    return
                yield batch
        finally:
            await worker.finish(batches.close)

    async def ensure(self, collection: Collection) -> None:
        await self._alone(self._driver.ensure, collection)

    async def _alone(self, function: Any, *arguments: Any) -> Any:
        await self._take_turn()
        try:
            return await self._writer.finish(function, *arguments)
        finally:
            self.release_turn()

    async def explain(self, operation: Operation | Scan, session: AsyncSession | None = None) -> Explanation:
        own: _WaitingSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        if own is not None:
            return await own.worker.finish(self._driver.explain, operation, own.session)
        explanation: Explanation = await self._alone(self._driver.explain, operation)
        return explanation

    async def restructure(self, asked: Restructuring, session: AsyncSession | None) -> None:
        own: _WaitingSession = session  # type: ignore[assignment]  # begin gives nothing else, and there is one
        await own.worker.finish(self._driver.restructure, asked, own.session)

    async def follow(self, step: FollowingStep, session: AsyncSession | None) -> Any:
        own: _WaitingSession = session  # type: ignore[assignment]  # begin gives nothing else, and there is one
        return await own.worker.finish(self._driver.follow, step, own.session)

    def native(self, session: AsyncSession | None) -> Any:
        own: _WaitingSession = session  # type: ignore[assignment]  # begin gives nothing else
        return self._driver.native(own.session)

    async def cursor_key(self) -> bytes:
        return bytes(await self._alone(self._driver.cursor_key))

    async def health(self) -> dict[str, Any]:
        return dict(await self._alone(self._driver.health))

    async def collections(self) -> dict[str, dict[str, Any]]:
        return dict(await self._alone(self._driver.collections))

    async def backup(self, path: Path, progress: Progress | None) -> dict[str, Any]:
        helper = Worker(f"torematrix-{self.backend}-backup")
        try:
            return await helper.finish(self._driver.backup, path, progress)
        finally:
            helper.stop()

    async def check(self) -> list[str]:
        return list(await self._alone(self._driver.check))

    async def vacuum(self, full: bool) -> dict[str, Any]:
        return dict(await self._alone(self._driver.vacuum, full))

    async def statistics(self) -> dict[str, Any]:
        return dict(await self._alone(self._driver.statistics))

    async def commit_outcome(self, token: str) -> bool | None:
        """As the port says."""
        return self._driver.commit_outcome(token)

    def translate(self, error: BaseException) -> StorageError | None:
        return self._driver.translate(error)


def _next_batch(batches: Generator[list[Row], None, None]) -> list[Row] | None:
    return next(batches, None)
