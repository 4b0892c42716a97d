"""The PostgreSQL driver: every operation in as few round trips as it needs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import psycopg

from ...._overriding import override
from ....capability import Capabilities, Feature
from ....core._async.port import AsyncDriver, AsyncSession
from ....core.following import FollowingStep
from ....core.observing import Connections, Waits
from ....core.options import Explanation, Isolation, Progress, TransactionOptions
from ....core.restructuring import Restructuring
from ....errors import CommitUnknown, ConflictError, DuplicateError, StorageError
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
    name_of,
)
from ..aggregate import aggregate_statement, groups_of
from ..capabilities import UNKNOWN, capabilities
from ..config import PostgreSQLConfig
from ..errors import BACKEND, is_lost, translate
from ..plan import TablePlan
from ..quoting import array_text
from ..statements import count_statement, find_statement, page_statement, scan_statement
from ..waiting import AsyncWaiting
from . import admin, ensure, following, restructure, search, writes
from .connection import AsyncLink
from .explain import explain
from .lost import NUMBER, are_same, notes_of, number_of, outcome_of, settle
from .pool import AsyncPool
from .session import AsyncPostgreSQLSession, begin_statement
from .statements import close, commit, execute, fetch, fetch_in_parts, undo

__all__ = ["AsyncPostgreSQLDriver"]

_WRITES = frozenset({Insert, Upsert, Replace, Patch, Remove})
_SNAPSHOT = TransactionOptions(read_only=True, isolation=Isolation.SNAPSHOT)
_WRITING = f"BEGIN; SELECT {NUMBER}"
"""Begins a transaction, and asks for the number by which its fate can be asked should the answer to COMMIT be lost."""
_UNDONE = "nothing was stored: the transaction was not committed"
_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class AsyncPostgreSQLDriver(AsyncDriver):
    """One PostgreSQL database, for any number of tasks of one event loop."""

    backend = BACKEND
    json_documents = True
    keeps_order = False  # jsonb sorts keys by their length first

    def __init__(self, config: PostgreSQLConfig) -> None:
        self.config = config
        self.pool = AsyncPool(config)
        self._waits: Waits | None = None
        self._capabilities = UNKNOWN
        self._cursor_key = b""
        self._opening = AsyncWaiting.lock()

    @property
    @override
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @override
    def observe(self, waits: Waits) -> None:
        self._waits = waits
        self.pool = AsyncPool(self.config, waits)

    @override
    def connections(self) -> Sequence[Connections]:
        return self.pool.connections()

    @override
    async def open(self) -> None:
        async with self._opening:
            if self.pool.closed:
                raise StorageError("the storage is closed", backend=self.backend)
            if not self.pool.is_open:
                await self._open()

    async def _open(self) -> None:
        pool = self.pool
        await pool.open()
        try:
            async with self._translating("open"), self._link(None) as link:
                server = await ensure.prepare(link, self.config)
        except BaseException:
            await AsyncWaiting.finished(pool.close)
            self.pool = AsyncPool(self.config, self._waits)
            raise
        self._capabilities = capabilities(server.version, trigrams=server.trigrams)
        self._cursor_key = self.config.cursor_key or server.cursor_key

    @override
    async def close(self) -> None:
        if not self.pool.closed:
            await AsyncWaiting.finished(self.pool.close)

    @override
    async def run(self, operation: Operation, session: AsyncSession | None) -> Any:
        own: AsyncPostgreSQLSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        try:
            return await self._RUN[type(operation)](self, operation, own)
        except psycopg.Error as error:
            if (
                own is None
                and type(operation) in _WRITES
                and is_lost(error)
                and _UNDONE not in notes_of(error)
            ):
                return await self._found_out(operation, error)
            raise self.failed(error, name_of(operation), operation.collection.name) from error
        except StorageError as error:
            error.backend = error.backend or self.backend
            error.collection = error.collection or operation.collection.name
            raise

    async def _found_out(self, operation: Any, lost: psycopg.Error) -> Any:
        """The result of a single write whose answer was lost, where that can be found out by doing it again.

        Creating what is there is refused, and so is an update of a revision that is no longer stored: then what is
        stored says whose it is. Of the two attempts one at most comes through, even if the first arrives late.
        """
        name, collection = name_of(operation), operation.collection
        unknown = CommitUnknown.of_write(backend=BACKEND, operation=name, collection=collection.name)
        guarded = isinstance(operation, Replace) and collection.plan.rules.revision_at is not None
        if not (guarded or isinstance(operation, Insert)):
            raise unknown from lost
        until = monotonic() + self.pool.timeout
        while monotonic() < until:
            try:
                return await self._RUN[type(operation)](self, operation, None)
            except psycopg.Error as error:
                if not is_lost(error):
                    raise unknown from lost
            except (DuplicateError, ConflictError):
                stored = await self._stored(operation)
                if are_same(operation.rows, stored):
                    return stored if guarded else None
                raise unknown from lost
            except StorageError:
                raise unknown from lost
            await AsyncWaiting.sleep(0.1)
        raise unknown from lost

    async def _stored(self, operation: Insert | Replace) -> list[Row]:
        """The rows of these ids as they are stored; none where that cannot be asked."""
        ids = tuple(str(row[0]) for row in operation.rows)
        try:
            return await self._fetch_many(FetchMany(operation.collection, ids), None)
        except (psycopg.Error, StorageError):
            return []

    # ---------------------------------------------------------------------------------------------------- connections

    @contextlib.asynccontextmanager
    async def _link(self, session: AsyncPostgreSQLSession | None) -> AsyncGenerator[AsyncLink]:
        """The session's connection, or one for a while."""
        if session is not None:
            yield session.link
            return
        pool = self.pool
        link = pool.ready() or await pool.take()
        try:
            yield link
        finally:
            if not pool.keep(link):
                await pool.give_back(link)

    @contextlib.asynccontextmanager
    async def _together(
        self, session: AsyncPostgreSQLSession | None, begin: str = _WRITING
    ) -> AsyncGenerator[AsyncLink]:
        """A connection on which several statements are one: in the session's transaction, or in one of their own."""
        if session is not None:
            yield session.link
            return
        number: str | None = None
        lost: psycopg.Error | None = None
        async with self._link(None) as link:
            cursor = await execute(link, begin)
            if begin is _WRITING:
                cursor.nextset()
                row = await cursor.fetchone()
                number = None if row is None else str(row[0])
            try:
                yield link
            except psycopg.Error as error:
                await AsyncWaiting.finished(undo, link)
                error.add_note(_UNDONE)
                raise
            except BaseException:
                await AsyncWaiting.finished(undo, link)
                raise
            try:
                await AsyncWaiting.finished(commit, link)
            except psycopg.Error as error:
                if number is None or not is_lost(error):
                    raise
                lost = error
        if number is not None and lost is not None:
            await AsyncWaiting.finished(settle, self.pool, number, lost)

    async def _read(
        self, session: AsyncPostgreSQLSession | None, statement: str, parameters: Sequence[Any]
    ) -> list[Any]:
        """The rows of a single statement, which needs no transaction around it."""
        if session is not None:
            return await fetch(session.link, statement, parameters)
        pool = self.pool
        link = pool.ready() or await pool.take()
        try:
            return await fetch(link, statement, parameters)
        finally:
            if not pool.keep(link):
                await pool.give_back(link)

    # --------------------------------------------------------------------------------------------------- transactions

    @override
    async def begin(self, options: TransactionOptions) -> AsyncPostgreSQLSession:
        pool = self.pool
        async with self._translating("transaction"):
            link = pool.ready() or await pool.take()
            try:
                cursor = await execute(link, begin_statement(options))
                cursor.nextset()
                row = await cursor.fetchone()
            except BaseException:
                await AsyncWaiting.finished(self._let_go, link)
                raise
        return AsyncPostgreSQLSession(self, link, None if options.read_only or row is None else str(row[0]))

    async def _let_go(self, link: AsyncLink) -> None:
        await undo(link)
        await self.pool.give_back(link)

    @override
    async def stream(self, operation: Scan, session: AsyncSession | None) -> AsyncGenerator[list[Row], None]:
        plan: TablePlan = operation.collection.plan
        own: AsyncPostgreSQLSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        statement, parameters = scan_statement(operation, plan)
        async with (
            self._translating("stream", operation.collection.name),
            self._together(own, begin_statement(_SNAPSHOT)) as link,
        ):
            name = link.new_name()
            await execute(link, f"DECLARE {name} NO SCROLL CURSOR FOR {statement}", parameters)
            try:
                following = f"FETCH {operation.batch_size} FROM {name}"
                async with contextlib.aclosing(
                    fetch_in_parts(link, following, operation.batch_size)
                ) as parts:
                    async for part in parts:
                        yield plan.rows(part)
            finally:
                await AsyncWaiting.finished(close, link, name)

    @override
    def native(self, session: AsyncSession | None) -> AsyncLink:
        own: AsyncPostgreSQLSession = session  # type: ignore[assignment]  # begin gives nothing else
        return own.link

    # ----------------------------------------------------------------------------------------------------- the schema

    @override
    async def ensure(self, collection: Collection) -> None:
        plan = TablePlan(collection.name, collection.schema)
        if any(spec.substring for spec in collection.schema.indexes):
            self.capabilities.require(Feature.SUBSTRING_INDEX, operation="ensure")
        async with self._translating("ensure", collection.name):
            async with self._link(None) as link:
                in_place = await ensure.is_in_place(link, plan)
            if not in_place:
                async with self._together(None) as link:
                    await ensure.ensure(link, plan)
        collection.plan = plan

    @override
    async def restructure(self, asked: Restructuring, session: AsyncSession | None) -> None:
        own: AsyncPostgreSQLSession = session  # type: ignore[assignment]  # begin gives nothing else, and there is one
        async with self._translating("restructure", asked.collection):
            await restructure.restructure(own.link, asked)

    @override
    async def follow(self, step: FollowingStep, session: AsyncSession | None) -> Any:
        own: AsyncPostgreSQLSession = session  # type: ignore[assignment]  # begin gives nothing else, and there is one
        async with self._translating("move"):
            return await following.follow(own.link, step)

    @override
    async def explain(self, operation: Operation | Scan, session: AsyncSession | None = None) -> Explanation:
        own: AsyncPostgreSQLSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        async with self._translating("explain", operation.collection.name), self._link(own) as link:
            return await explain(link, operation)

    @override
    async def cursor_key(self) -> bytes:
        return self._cursor_key

    @override
    async def collections(self) -> dict[str, dict[str, Any]]:
        async with self._translating("collections"), self._link(None) as link:
            return await ensure.stored_schemas(link)

    @override
    async def health(self) -> dict[str, Any]:
        async with self._translating("health"), self._link(None) as link:
            return await admin.health(link)

    @override
    async def backup(self, path: Path, progress: Progress | None) -> dict[str, Any]:
        raise self.unsupported(Feature.BACKUP, "backup")

    @override
    async def check(self) -> list[str]:
        raise self.unsupported(Feature.CHECK, "check")

    @override
    async def vacuum(self, full: bool) -> dict[str, Any]:
        async with self._translating("vacuum"), self._link(None) as link:
            return await admin.vacuum(link, full=full)

    @override
    async def statistics(self) -> dict[str, Any]:
        async with self._translating("statistics"), self._link(None) as link:
            return await admin.statistics(link)

    @contextlib.asynccontextmanager
    async def _translating(self, operation: str, collection: str | None = None) -> AsyncGenerator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise self.failed(error, operation, collection) from error
        except StorageError as error:
            error.backend = error.backend or self.backend
            error.operation = error.operation or operation
            error.collection = error.collection or collection
            raise

    @override
    async def commit_outcome(self, token: str) -> bool | None:
        return await AsyncWaiting.finished(outcome_of, self.pool, number_of(token))

    @override
    def translate(self, error: BaseException) -> StorageError | None:
        return translate(error)

    def failed(self, error: psycopg.Error, operation: str, collection: str | None) -> StorageError:
        """The error of ours for one of psycopg's, told where it happened."""
        ours = translate(error) or StorageError("PostgreSQL failed", backend=self.backend)
        ours.operation, ours.collection = operation, collection
        return ours

    # ----------------------------------------------------------------------------------------------------- operations

    async def _fetch(self, operation: Fetch, session: AsyncPostgreSQLSession | None) -> Row | None:
        plan: TablePlan = operation.collection.plan
        rows = await self._read(session, plan.get, (operation.id,))
        return plan.from_native(rows[0]) if rows else None

    async def _fetch_many(self, operation: FetchMany, session: AsyncPostgreSQLSession | None) -> list[Row]:
        plan: TablePlan = operation.collection.plan
        return plan.rows(await self._read(session, plan.get_many, (array_text(operation.ids),)))

    async def _find(self, operation: Find, session: AsyncPostgreSQLSession | None) -> Found:
        plan: TablePlan = operation.collection.plan
        if operation.with_total and operation.limit:
            statement, parameters = page_statement(operation, plan)
            found = await self._read(session, statement, parameters)
            if found or not operation.offset:
                total = found[-1][-1] if found else 0
                rows = plan.rows([row[:-1] for row in found])
                return Found(rows, operation.offset + len(rows) if total is None else total)
            # A page behind the last one; it is empty by itself, so its total comes from the same snapshot.
        statement, parameters = find_statement(operation, plan)
        if not operation.with_total:
            return Found(plan.rows(await self._read(session, statement, parameters)), None)
        async with self._together(session, begin_statement(_SNAPSHOT)) as link:
            rows = plan.rows(await fetch(link, statement, parameters))
            if rows and (operation.limit is None or len(rows) < operation.limit):
                return Found(rows, operation.offset + len(rows))  # it ends where the matches do
            counting, values = count_statement(Count(operation.collection, operation.condition), plan)
            return Found(rows, int((await fetch(link, counting, values))[0][0]))

    async def _count(self, operation: Count, session: AsyncPostgreSQLSession | None) -> int:
        statement, parameters = count_statement(operation, operation.collection.plan)
        return int((await self._read(session, statement, parameters))[0][0])

    async def _insert(self, operation: Insert, session: AsyncPostgreSQLSession | None) -> None:
        plan: TablePlan = operation.collection.plan
        if len(operation.rows) == 1:
            async with self._link(session) as link:
                await writes.insert(link, plan, operation.rows[0])
            return
        async with self._together(session) as link:
            await writes.insert_many(link, plan, operation.rows)

    async def _upsert(self, operation: Upsert, session: AsyncPostgreSQLSession | None) -> Row:
        plan: TablePlan = operation.collection.plan
        if plan.text_indexes:
            async with self._together(session) as link:
                return await writes.upsert_indexed(link, plan, operation)
        async with self._link(session) as link:
            return await writes.upsert(link, plan, operation)

    async def _replace(self, operation: Replace, session: AsyncPostgreSQLSession | None) -> list[Row]:
        plan: TablePlan = operation.collection.plan
        if len(operation.rows) == 1 and not plan.text_indexes:
            async with self._link(session) as link:
                return [await writes.replace(link, plan, operation.rows[0])]
        async with self._together(session) as link:
            return await writes.replace_many(link, plan, operation.rows)

    async def _patch(self, operation: Patch, session: AsyncPostgreSQLSession | None) -> Row:
        plan: TablePlan = operation.collection.plan
        if writes.takes_the_row(plan, operation):
            async with self._together(session) as link:
                return await writes.patch_row(link, plan, operation)
        async with self._link(session) as link:
            return await writes.patch(link, plan, operation)

    async def _remove(self, operation: Remove, session: AsyncPostgreSQLSession | None) -> int:
        plan: TablePlan = operation.collection.plan
        if plan.text_indexes:
            async with self._together(session) as link:
                return await writes.remove_indexed(link, plan, operation.ids)
        async with self._link(session) as link:
            return await writes.remove(link, plan, operation.ids)

    async def _search(self, operation: Search, session: AsyncPostgreSQLSession | None) -> Ranked:
        plan: TablePlan = operation.collection.plan
        # The first statement of a search takes the snapshot.
        async with self._together(session, _READING) as link:
            ranked = await search.run(link, operation)
        if session is None and plan.search is not None and plan.search.crowded:
            async with self._link(None) as link:
                await search.fold(link, plan)
        return ranked

    async def _aggregate(self, operation: Aggregate, session: AsyncPostgreSQLSession | None) -> list[Group]:
        statement, parameters = aggregate_statement(operation, operation.collection.plan)
        return groups_of(operation, await self._read(session, statement, parameters))

    _RUN: ClassVar[
        dict[type, Callable[[AsyncPostgreSQLDriver, Any, AsyncPostgreSQLSession | None], Awaitable[Any]]]
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
