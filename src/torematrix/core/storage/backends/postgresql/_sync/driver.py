# generated from _async/driver.py by tools/generate_twins.py: do not edit
"""The PostgreSQL driver: every operation in as few round trips as it needs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import psycopg

from ...._overriding import override
from ....capability import Capabilities, Feature
from ....core._sync.port import Driver, Session
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
from ..waiting import Waiting
from . import admin, ensure, following, restructure, search, writes
from .connection import Link
from .explain import explain
from .lost import NUMBER, are_same, notes_of, number_of, outcome_of, settle
from .pool import Pool
from .session import PostgreSQLSession, begin_statement
from .statements import close, commit, execute, fetch, fetch_in_parts, undo

__all__ = ["PostgreSQLDriver"]

_WRITES = frozenset({Insert, Upsert, Replace, Patch, Remove})
_SNAPSHOT = TransactionOptions(read_only=True, isolation=Isolation.SNAPSHOT)
_WRITING = f"BEGIN; SELECT {NUMBER}"
"""Begins a transaction, and asks for the number by which its fate can be asked should the answer to COMMIT be lost."""
_UNDONE = "nothing was stored: the transaction was not committed"
_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgreSQLDriver(Driver):
    """One PostgreSQL database, for any number of threads of one event loop."""

    backend = BACKEND
    json_documents = True
    keeps_order = False  # jsonb sorts keys by their length first

    def __init__(self, config: PostgreSQLConfig) -> None:
        self.config = config
        self.pool = Pool(config)
        self._waits: Waits | None = None
        self._capabilities = UNKNOWN
        self._cursor_key = b""
        self._opening = Waiting.lock()

    @property
    @override
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @override
    def observe(self, waits: Waits) -> None:
        self._waits = waits
        self.pool = Pool(self.config, waits)

    @override
    def connections(self) -> Sequence[Connections]:
        return self.pool.connections()

    @override
    def open(self) -> None:
        with self._opening:
            if self.pool.closed:
                raise StorageError("the storage is closed", backend=self.backend)
            if not self.pool.is_open:
                self._open()

    def _open(self) -> None:
        pool = self.pool
        pool.open()
        try:
            with self._translating("open"), self._link(None) as link:
                server = ensure.prepare(link, self.config)
        except BaseException:
            Waiting.finished(pool.close)
            self.pool = Pool(self.config, self._waits)
            raise
        self._capabilities = capabilities(server.version, trigrams=server.trigrams)
        self._cursor_key = self.config.cursor_key or server.cursor_key

    @override
    def close(self) -> None:
        if not self.pool.closed:
            Waiting.finished(self.pool.close)

    @override
    def run(self, operation: Operation, session: Session | None) -> Any:
        own: PostgreSQLSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        try:
            return self._RUN[type(operation)](self, operation, own)
        except psycopg.Error as error:
            if (
                own is None
                and type(operation) in _WRITES
                and is_lost(error)
                and _UNDONE not in notes_of(error)
            ):
                return self._found_out(operation, error)
            raise self.failed(error, name_of(operation), operation.collection.name) from error
        except StorageError as error:
            error.backend = error.backend or self.backend
            error.collection = error.collection or operation.collection.name
            raise

    def _found_out(self, operation: Any, lost: psycopg.Error) -> Any:
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
                return self._RUN[type(operation)](self, operation, None)
            except psycopg.Error as error:
                if not is_lost(error):
                    raise unknown from lost
            except (DuplicateError, ConflictError):
                stored = self._stored(operation)
                if are_same(operation.rows, stored):
                    return stored if guarded else None
                raise unknown from lost
            except StorageError:
                raise unknown from lost
            Waiting.sleep(0.1)
        raise unknown from lost

    def _stored(self, operation: Insert | Replace) -> list[Row]:
        """The rows of these ids as they are stored; none where that cannot be asked."""
        ids = tuple(str(row[0]) for row in operation.rows)
        try:
            return self._fetch_many(FetchMany(operation.collection, ids), None)
        except (psycopg.Error, StorageError):
            return []

    # ---------------------------------------------------------------------------------------------------- connections

    @contextlib.contextmanager
    def _link(self, session: PostgreSQLSession | None) -> Generator[Link, None, None]:
        """The session's connection, or one for a while."""
        if session is not None:
            yield session.link
            return
        pool = self.pool
        link = pool.ready() or pool.take()
        try:
            yield link
        finally:
            if not pool.keep(link):
                pool.give_back(link)

    @contextlib.contextmanager
    def _together(
        self, session: PostgreSQLSession | None, begin: str = _WRITING
    ) -> Generator[Link, None, None]:
        """A connection on which several statements are one: in the session's transaction, or in one of their own."""
        if session is not None:
            yield session.link
            return
        number: str | None = None
        lost: psycopg.Error | None = None
        with self._link(None) as link:
            cursor = execute(link, begin)
            if begin is _WRITING:
                cursor.nextset()
                row = cursor.fetchone()
                number = None if row is None else str(row[0])
            try:
                yield link
            except psycopg.Error as error:
                Waiting.finished(undo, link)
                error.add_note(_UNDONE)
                raise
            except BaseException:
                Waiting.finished(undo, link)
                raise
            try:
                Waiting.finished(commit, link)
            except psycopg.Error as error:
                if number is None or not is_lost(error):
                    raise
                lost = error
        if number is not None and lost is not None:
            Waiting.finished(settle, self.pool, number, lost)

    def _read(
        self, session: PostgreSQLSession | None, statement: str, parameters: Sequence[Any]
    ) -> list[Any]:
        """The rows of a single statement, which needs no transaction around it."""
        if session is not None:
            return fetch(session.link, statement, parameters)
        pool = self.pool
        link = pool.ready() or pool.take()
        try:
            return fetch(link, statement, parameters)
        finally:
            if not pool.keep(link):
                pool.give_back(link)

    # --------------------------------------------------------------------------------------------------- transactions

    @override
    def begin(self, options: TransactionOptions) -> PostgreSQLSession:
        pool = self.pool
        with self._translating("transaction"):
            link = pool.ready() or pool.take()
            try:
                cursor = execute(link, begin_statement(options))
                cursor.nextset()
                row = cursor.fetchone()
            except BaseException:
                Waiting.finished(self._let_go, link)
                raise
        return PostgreSQLSession(self, link, None if options.read_only or row is None else str(row[0]))

    def _let_go(self, link: Link) -> None:
        undo(link)
        self.pool.give_back(link)

    @override
    def stream(self, operation: Scan, session: Session | None) -> Generator[list[Row], None, None]:
        plan: TablePlan = operation.collection.plan
        own: PostgreSQLSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        statement, parameters = scan_statement(operation, plan)
        with (
            self._translating("stream", operation.collection.name),
            self._together(own, begin_statement(_SNAPSHOT)) as link,
        ):
            name = link.new_name()
            execute(link, f"DECLARE {name} NO SCROLL CURSOR FOR {statement}", parameters)
            try:
                following = f"FETCH {operation.batch_size} FROM {name}"
                with contextlib.closing(fetch_in_parts(link, following, operation.batch_size)) as parts:
                    for part in parts:
                        yield plan.rows(part)
            finally:
                Waiting.finished(close, link, name)

    @override
    def native(self, session: Session | None) -> Link:
        own: PostgreSQLSession = session  # type: ignore[assignment]  # begin gives nothing else
        return own.link

    # ----------------------------------------------------------------------------------------------------- the schema

    @override
    def ensure(self, collection: Collection) -> None:
        plan = TablePlan(collection.name, collection.schema)
        if any(spec.substring for spec in collection.schema.indexes):
            self.capabilities.require(Feature.SUBSTRING_INDEX, operation="ensure")
        with self._translating("ensure", collection.name):
            with self._link(None) as link:
                in_place = ensure.is_in_place(link, plan)
            if not in_place:
                with self._together(None) as link:
                    ensure.ensure(link, plan)
        collection.plan = plan

    @override
    def restructure(self, asked: Restructuring, session: Session | None) -> None:
        own: PostgreSQLSession = session  # type: ignore[assignment]  # begin gives nothing else, and there is one
        with self._translating("restructure", asked.collection):
            restructure.restructure(own.link, asked)

    @override
    def follow(self, step: FollowingStep, session: Session | None) -> Any:
        own: PostgreSQLSession = session  # type: ignore[assignment]  # begin gives nothing else, and there is one
        with self._translating("move"):
            return following.follow(own.link, step)

    @override
    def explain(self, operation: Operation | Scan, session: Session | None = None) -> Explanation:
        own: PostgreSQLSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        with self._translating("explain", operation.collection.name), self._link(own) as link:
            return explain(link, operation)

    @override
    def cursor_key(self) -> bytes:
        return self._cursor_key

    @override
    def collections(self) -> dict[str, dict[str, Any]]:
        with self._translating("collections"), self._link(None) as link:
            return ensure.stored_schemas(link)

    @override
    def health(self) -> dict[str, Any]:
        with self._translating("health"), self._link(None) as link:
            return admin.health(link)

    @override
    def backup(self, path: Path, progress: Progress | None) -> dict[str, Any]:
        raise self.unsupported(Feature.BACKUP, "backup")

    @override
    def check(self) -> list[str]:
        raise self.unsupported(Feature.CHECK, "check")

    @override
    def vacuum(self, full: bool) -> dict[str, Any]:
        with self._translating("vacuum"), self._link(None) as link:
            return admin.vacuum(link, full=full)

    @override
    def statistics(self) -> dict[str, Any]:
        with self._translating("statistics"), self._link(None) as link:
            return admin.statistics(link)

    @contextlib.contextmanager
    def _translating(self, operation: str, collection: str | None = None) -> Generator[None, None, None]:
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
    def commit_outcome(self, token: str) -> bool | None:
        return Waiting.finished(outcome_of, self.pool, number_of(token))

    @override
    def translate(self, error: BaseException) -> StorageError | None:
        return translate(error)

    def failed(self, error: psycopg.Error, operation: str, collection: str | None) -> StorageError:
        """The error of ours for one of psycopg's, told where it happened."""
        ours = translate(error) or StorageError("PostgreSQL failed", backend=self.backend)
        ours.operation, ours.collection = operation, collection
        return ours

    # ----------------------------------------------------------------------------------------------------- operations

    def _fetch(self, operation: Fetch, session: PostgreSQLSession | None) -> Row | None:
        plan: TablePlan = operation.collection.plan
        rows = self._read(session, plan.get, (operation.id,))
        return plan.from_native(rows[0]) if rows else None

    def _fetch_many(self, operation: FetchMany, session: PostgreSQLSession | None) -> list[Row]:
        plan: TablePlan = operation.collection.plan
        return plan.rows(self._read(session, plan.get_many, (array_text(operation.ids),)))

    def _find(self, operation: Find, session: PostgreSQLSession | None) -> Found:
        plan: TablePlan = operation.collection.plan
        if operation.with_total and operation.limit:
            statement, parameters = page_statement(operation, plan)
            found = self._read(session, statement, parameters)
            if found or not operation.offset:
                total = found[-1][-1] if found else 0
                rows = plan.rows([row[:-1] for row in found])
                return Found(rows, operation.offset + len(rows) if total is None else total)
            # A page behind the last one; it is empty by itself, so its total comes from the same snapshot.
        statement, parameters = find_statement(operation, plan)
        if not operation.with_total:
            return Found(plan.rows(self._read(session, statement, parameters)), None)
        with self._together(session, begin_statement(_SNAPSHOT)) as link:
            rows = plan.rows(fetch(link, statement, parameters))
            if rows and (operation.limit is None or len(rows) < operation.limit):
                return Found(rows, operation.offset + len(rows))  # it ends where the matches do
            counting, values = count_statement(Count(operation.collection, operation.condition), plan)
            return Found(rows, int(fetch(link, counting, values)[0][0]))

    def _count(self, operation: Count, session: PostgreSQLSession | None) -> int:
        statement, parameters = count_statement(operation, operation.collection.plan)
        return int(self._read(session, statement, parameters)[0][0])

    def _insert(self, operation: Insert, session: PostgreSQLSession | None) -> None:
        plan: TablePlan = operation.collection.plan
        if len(operation.rows) == 1:
            with self._link(session) as link:
                writes.insert(link, plan, operation.rows[0])
            return
        with self._together(session) as link:
            writes.insert_many(link, plan, operation.rows)

    def _upsert(self, operation: Upsert, session: PostgreSQLSession | None) -> Row:
        plan: TablePlan = operation.collection.plan
        if plan.text_indexes:
            with self._together(session) as link:
                return writes.upsert_indexed(link, plan, operation)
        with self._link(session) as link:
            return writes.upsert(link, plan, operation)

    def _replace(self, operation: Replace, session: PostgreSQLSession | None) -> list[Row]:
        plan: TablePlan = operation.collection.plan
        if len(operation.rows) == 1 and not plan.text_indexes:
            with self._link(session) as link:
                return [writes.replace(link, plan, operation.rows[0])]
        with self._together(session) as link:
            return writes.replace_many(link, plan, operation.rows)

    def _patch(self, operation: Patch, session: PostgreSQLSession | None) -> Row:
        plan: TablePlan = operation.collection.plan
        if writes.takes_the_row(plan, operation):
            with self._together(session) as link:
                return writes.patch_row(link, plan, operation)
        with self._link(session) as link:
            return writes.patch(link, plan, operation)

    def _remove(self, operation: Remove, session: PostgreSQLSession | None) -> int:
        plan: TablePlan = operation.collection.plan
        if plan.text_indexes:
            with self._together(session) as link:
                return writes.remove_indexed(link, plan, operation.ids)
        with self._link(session) as link:
            return writes.remove(link, plan, operation.ids)

    def _search(self, operation: Search, session: PostgreSQLSession | None) -> Ranked:
        plan: TablePlan = operation.collection.plan
        # The first statement of a search takes the snapshot.
        with self._together(session, _READING) as link:
            ranked = search.run(link, operation)
        if session is None and plan.search is not None and plan.search.crowded:
            with self._link(None) as link:
                search.fold(link, plan)
        return ranked

    def _aggregate(self, operation: Aggregate, session: PostgreSQLSession | None) -> list[Group]:
        statement, parameters = aggregate_statement(operation, operation.collection.plan)
        return groups_of(operation, self._read(session, statement, parameters))

    _RUN: ClassVar[dict[type, Callable[[PostgreSQLDriver, Any, PostgreSQLSession | None], Any]]] = {
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
