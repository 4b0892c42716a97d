"""The MongoDB driver: every operation in as few round trips as it needs."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from bson.errors import BSONError
from pymongo.errors import PyMongoError

from ...._overriding import override
from ....capability import Capabilities, Feature
from ....core._async.port import AsyncDriver, AsyncSession
from ....core.following import FollowingStep
from ....core.observing import Connections, Waits
from ....core.options import Explanation, Progress, TransactionOptions
from ....core.restructuring import Restructuring
from ....errors import StorageError, UnavailableError
from ....model.codec import Row
from ....query.operations import (
    Aggregate,
    Collection,
    Count,
    Fetch,
    FetchMany,
    Find,
    Found,
    Group,
    Insert,
    Operation,
    Patch,
    Ranked,
    Remove,
    Replace,
    Scan,
    Search,
    Upsert,
)
from .. import aggregate
from ..capabilities import capabilities
from ..compile import Compiler
from ..config import MongoDBConfig
from ..errors import translate
from ..monitoring import PoolListener
from ..names import ID
from ..outcomes import read_token
from ..plan import CollectionPlan
from ..statements import count_command, count_pipeline, find_command, page_command, scan_command
from ..words import NOTHING
from . import admin, ensure, following, restructure, search, texts
from .explain import explain
from .failures import failure
from .leases import AsyncLeases, MovingError
from .moment import AsyncMoment
from .server import AsyncFinish, AsyncServer
from .session import AsyncMongoSession
from .totals import AsyncSums
from .writes import AsyncWriter

__all__ = ["AsyncMongoDriver"]

_drivers: Final[weakref.WeakSet[AsyncMongoDriver]] = weakref.WeakSet()

R = TypeVar("R")

_PART: Final = 100
"""So many documents of a batch are made rows at once."""


class AsyncMongoDriver(AsyncDriver):
    """One database of a MongoDB deployment.

    Args:
        config: how it is reached.
        finish: brings work to its end although the caller is cancelled.
        pause: waits for so many seconds.
    """

    backend = "mongodb"
    json_documents = False
    restructures_at_once = False
    fences_at_once = False

    def __init__(
        self, config: MongoDBConfig, finish: AsyncFinish, pause: Callable[[float], Awaitable[object]]
    ) -> None:
        self.config = config
        self._finish = finish
        self._pause = pause
        self._server: AsyncServer | None = None
        self._writer: AsyncWriter | None = None
        self._sums: AsyncSums | None = None
        self._leases: AsyncLeases | None = None
        self._capabilities = capabilities("", transactions=True)
        self._cursor_key = b""
        self._plans: dict[str, list[CollectionPlan]] = {}
        self._closed = False
        self._parents: AsyncServer | None = None
        self._listener: PoolListener | None = None
        _drivers.add(self)

    def was_forked(self) -> None:
        """Use no connection and no session any more: they are those of the process that this one was forked from.

        A write of the parent's and one of the child's would have the same number in the same session, and the server
        would take the second for the first.
        """
        if self._server is not None:
            self._parents = self._server
            self._server = self._writer = self._sums = self._leases = None

    @property
    @override
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def server(self) -> AsyncServer:
        """The open client."""
        if self._server is None:
            if self._closed:
                message = "the storage is closed"
            elif self._parents is not None:
                message = "the storage was opened before this process was forked; open it in the child"
            else:
                message = "the storage is not open"
            raise StorageError(message, backend=self.backend)
        return self._server

    @property
    def sums(self) -> AsyncSums:
        """What keeps the sums that relevance needs."""
        if self._sums is None:
            self._sums = AsyncSums(self.server, self._pause)
        return self._sums

    @property
    def leases(self) -> AsyncLeases:
        """What is known of live moves."""
        if self._leases is None:
            self._leases = AsyncLeases(self.server, self._pause)
        return self._leases

    @property
    def writer(self) -> AsyncWriter:
        """What writes."""
        if self._writer is None:
            self._writer = AsyncWriter(self.server, self._finish, self._pause, self.sums, self.leases)
        return self._writer

    @override
    def observe(self, waits: Waits) -> None:
        self._listener = PoolListener(waits)

    @override
    def connections(self) -> Sequence[Connections]:
        return () if self._listener is None or self._server is None else self._listener.connections()

    @override
    async def open(self) -> None:
        if self._closed:
            raise StorageError("the storage is closed", backend=self.backend)
        if self._server is not None or self._parents is not None:
            return
        server = AsyncServer(self.config, self._finish, self._listener)
        try:
            await server.connect()
            self._cursor_key = self.config.cursor_key or await ensure.prepare(server)
        except BaseException as error:
            await server.close()
            if isinstance(error, PyMongoError):
                raise server.failed(error, "open", None) from error
            raise
        self._capabilities = capabilities(server.version, transactions=server.transactions)
        self._server = server

    @override
    async def close(self) -> None:
        self._closed = True
        server = self._server
        self._server = self._writer = self._sums = self._leases = None
        if server is not None:
            await server.close()

    @override
    async def ensure(self, collection: Collection) -> None:
        try:
            if await ensure.migration_of(self.server, collection.name) is not None:
                raise UnavailableError(
                    f"{collection.name!r} is being migrated; where nobody is at it, a migration was interrupted, and "
                    "migrating again goes on with it",
                    backend=self.backend,
                    operation="ensure",
                    collection=collection.name,
                )
            plan = await ensure.ensure(self.server, collection)
            await texts.ensure(self.server, plan, self._pause)
        except PyMongoError as error:
            raise self.server.failed(error, "ensure", collection.name) from error
        collection.plan = plan
        known = self._plans.setdefault(collection.name, [])
        known.append(plan)
        for other in known:
            other.know(plan.description)

    @override
    async def restructure(self, asked: Restructuring, session: AsyncSession | None) -> None:
        with self._translating("restructure"):
            await restructure.restructure(self.server, asked, self._pause)
        self._plans.pop(asked.collection, None)

    @override
    async def follow(self, step: FollowingStep, session: AsyncSession | None) -> Any:
        with self._translating("move"):
            return await following.follow(self.server, step, self._pause)

    @override
    async def run(self, operation: Operation, session: AsyncSession | None) -> Any:
        own: AsyncMongoSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        while True:
            try:
                if own is None:
                    return await self._RUN[type(operation)](self, operation, None)
                return await self._finish(
                    partial(self._RUN[type(operation)], self, operation, own), own.interrupt
                )
            except (PyMongoError, BSONError) as error:
                if own is not None:
                    own.broken = error
                told = await failure(self.server, self.leases, error, operation, alone=own is None)
                if told is not None:
                    raise told from error
            except MovingError:
                if own is not None:
                    raise
            except StorageError as error:
                error.backend = error.backend or self.backend
                error.collection = error.collection or operation.collection.name
                raise

    @override
    async def begin(self, options: TransactionOptions) -> AsyncMongoSession:
        if not self.server.transactions:
            raise self.unsupported(Feature.TRANSACTIONS, "transaction")
        session = AsyncMongoSession(self.server, self._finish, self.sums)
        await session.start()
        return session

    @override
    async def stream(self, operation: Scan, session: AsyncSession | None) -> AsyncGenerator[list[Row]]:
        own: AsyncMongoSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        server = self.server
        plan: CollectionPlan = operation.collection.plan
        command = scan_command(operation, plan, self._compiler(plan))
        alone = server.session() if own is None else None
        given = alone if own is None else own.session

        opened: list[dict[str, Any]] = []

        async def begun() -> None:
            if own is None and server.transactions:
                command["readConcern"] = await server.snapshot()
            opened.append((await server.read(command, given, plan.form.reading))["cursor"])

        begin = begun if own is not None else partial(server.again, begun, self._pause)
        try:
            await self._finish(begin, partial(server.end, given))
            async with aclosing(
                server.following(opened.pop(), given, operation.batch_size, plan.form.reading)
            ) as batches:
                async for batch in batches:
                    # In small parts, each gone before the next is made: the garbage collector then finds little.
                    while batch:
                        yield plan.rows(batch[:_PART])
                        del batch[:_PART]
        except (PyMongoError, BSONError) as error:
            raise server.failed(error, "stream", operation.collection.name) from error
        finally:
            if opened:  # cancelled as it came
                await server.close_cursor(opened.pop(), given)
            if alone is not None:
                await alone.end_session()

    @override
    def native(self, session: AsyncSession | None) -> Any:
        own: AsyncMongoSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        return self.server.database if own is None else own.session

    @override
    async def explain(self, operation: Operation | Scan, session: AsyncSession | None = None) -> Explanation:
        try:
            return await explain(self.server, operation, self._compiler(operation.collection.plan))
        except (PyMongoError, BSONError) as error:
            raise self.server.failed(error, "explain", operation.collection.name) from error

    @override
    async def cursor_key(self) -> bytes:
        return self._cursor_key

    @override
    async def collections(self) -> dict[str, dict[str, Any]]:
        with self._translating("collections"):
            return await ensure.stored_schemas(self.server)

    @override
    async def health(self) -> dict[str, Any]:
        with self._translating("health"):
            return await admin.health(self.server)

    @override
    async def check(self) -> list[str]:
        with self._translating("check"):
            return await admin.check(self.server)

    @override
    async def vacuum(self, full: bool) -> dict[str, Any]:
        with self._translating("vacuum"):
            return await admin.vacuum(self.server, full=full)

    @override
    async def backup(self, path: Path, progress: Progress | None) -> dict[str, Any]:
        raise self.unsupported(Feature.BACKUP, "backup")

    @override
    async def statistics(self) -> dict[str, Any]:
        with self._translating("statistics"):
            return await admin.statistics(self.server)

    @contextlib.contextmanager
    def _translating(self, operation: str) -> Generator[None]:
        try:
            yield
        except (PyMongoError, BSONError) as error:
            raise self.server.failed(error, operation, None) from error

    @override
    async def commit_outcome(self, token: str) -> bool | None:
        session, number, good = read_token(token)
        if not good:
            return None
        with self._translating("commit_outcome"):
            return await self.server.outcome_of(session, number)

    @override
    def translate(self, error: BaseException) -> StorageError | None:
        return translate(error)

    def _compiler(self, plan: CollectionPlan) -> Compiler:
        return Compiler(plan.places, None if plan.texts is None else plan.texts.candidate)

    # Reading ---------------------------------------------------------------------------------------------------

    async def _fetch(self, operation: Fetch, session: AsyncMongoSession | None) -> Row | None:
        plan: CollectionPlan = operation.collection.plan
        command: dict[str, Any] = {
            "find": plan.collection,
            "filter": {ID: operation.id},
            "limit": 1,
            "singleBatch": True,
        }
        if plan.projection:
            command["projection"] = plan.projection
        found = (await self.server.read(command, _given(session), plan.form.reading))["cursor"]["firstBatch"]
        return plan.form.row(found[0]) if found else None

    async def _rows(self, plan: CollectionPlan, command: dict[str, Any], session: Any) -> list[Row]:
        return plan.rows(await self.server.documents(command, session, plan.form.reading))

    async def _fetch_many(self, operation: FetchMany, session: AsyncMongoSession | None) -> list[Row]:
        plan: CollectionPlan = operation.collection.plan
        command: dict[str, Any] = {"find": plan.collection, "filter": {ID: {"$in": list(operation.ids)}}}
        if plan.projection:
            command["projection"] = plan.projection
        return await self._rows(plan, command, _given(session))

    async def _find(self, operation: Find, session: AsyncMongoSession | None) -> Found:
        plan: CollectionPlan = operation.collection.plan
        if operation.limit == 0:
            counted = Count(operation.collection, operation.condition)
            return Found([], await self._count(counted, session) if operation.with_total else None)
        if not operation.with_total:
            command = find_command(operation, plan, self._compiler(plan))
            return Found(await self._rows(plan, command, _given(session)), None)
        if session is not None:
            return await self._page(operation, session)
        if self.server.fast and self.server.transactions:
            return await self.writer.together(None, partial(self._page, operation))
        return await self.server.again(partial(self._page_at_once, operation), self._pause)

    async def _page(self, operation: Find, session: AsyncMongoSession) -> Found:
        """A page with its total, in the snapshot of a transaction."""
        plan: CollectionPlan = operation.collection.plan
        command = find_command(operation, plan, self._compiler(plan))
        rows = await self._rows(plan, command, session.session)
        if operation.limit is not None and 0 < len(rows) < operation.limit:
            return Found(rows, operation.offset + len(rows))  # the page ends where the matches do
        return Found(rows, await self._count(Count(operation.collection, operation.condition), session))

    async def _page_at_once(self, operation: Find) -> Found:
        """The same outside, by one command, which MongoDB does not allow within."""
        plan: CollectionPlan = operation.collection.plan
        command = page_command(operation, plan, self._compiler(plan))
        if self.server.transactions:
            command["readConcern"] = {"level": "snapshot"}
        documents = await self.server.documents(command, None, plan.form.reading)
        total = int(documents.pop()["n"]) if documents else 0
        return Found(plan.rows(documents), total)

    async def _count(self, operation: Count, session: AsyncMongoSession | None) -> int:
        plan: CollectionPlan = operation.collection.plan
        compiler = self._compiler(plan)
        if session is None:
            return int((await self.server.read(count_command(operation, plan, compiler)))["n"])
        command = count_pipeline(operation, plan, compiler)
        found = await self.server.documents(command, session.session)
        return int(found[0]["n"]) if found else 0

    async def _search(self, operation: Search, session: AsyncMongoSession | None) -> Ranked:
        plan: CollectionPlan = operation.collection.plan
        compiled = self._compiler(plan).filter
        if session is not None:
            pending = NOTHING if plan.texts is None else session.pending.get(plan.texts, NOTHING)
            moment = AsyncMoment(self.server, session.session)
            return await search.run(self.sums, moment, operation, compiled, pending)
        found = await self._at_once(lambda moment: search.run(self.sums, moment, operation, compiled))
        await self.sums.tend()
        return found

    async def _at_once(self, read: Callable[[AsyncMoment], Awaitable[R]]) -> R:
        """What is read by several commands, outside a transaction that somebody has begun."""
        server = self.server
        if server.fast and server.transactions:
            # The newest snapshot of a majority may be of before the last writes. One of the primary alone is not, and
            # only a transaction reads in that.
            return await self.writer.together(None, lambda own: read(AsyncMoment(server, own.session)))
        return await server.again(lambda: read(AsyncMoment(server, None)), self._pause)

    async def _aggregate(self, operation: Aggregate, session: AsyncMongoSession | None) -> list[Group]:
        plan: CollectionPlan = operation.collection.plan
        command = aggregate.aggregate_command(operation, plan, self._compiler(plan))
        documents = await self.server.documents(command, _given(session))
        if aggregate.is_streamed(operation):
            return aggregate.put_together(operation, documents)
        return aggregate.groups_of(operation, documents)

    # Writing ---------------------------------------------------------------------------------------------------

    async def _insert(self, operation: Insert, session: AsyncMongoSession | None) -> None:
        await self.writer.insert(operation, session)

    async def _upsert(self, operation: Upsert, session: AsyncMongoSession | None) -> Row:
        return await self.writer.upsert(operation, session)

    async def _replace(self, operation: Replace, session: AsyncMongoSession | None) -> list[Row]:
        return await self.writer.replace(operation, session)

    async def _patch(self, operation: Patch, session: AsyncMongoSession | None) -> Row:
        return await self.writer.patch(operation, session)

    async def _remove(self, operation: Remove, session: AsyncMongoSession | None) -> int:
        return await self.writer.remove(operation, session)

    _RUN: ClassVar[
        dict[type, Callable[[AsyncMongoDriver, Any, AsyncMongoSession | None], Awaitable[Any]]]
    ] = {
        Fetch: _fetch,
        FetchMany: _fetch_many,
        Find: _find,
        Count: _count,
        Insert: _insert,
        Upsert: _upsert,
        Replace: _replace,
        Patch: _patch,
        Remove: _remove,
        Search: _search,
        Aggregate: _aggregate,
    }


def _given(session: AsyncMongoSession | None) -> Any:
    return None if session is None else session.session


def _forget_all() -> None:
    for driver in list(_drivers):
        driver.was_forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
