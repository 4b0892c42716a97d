"""The SQLite driver: every operation in as few statements as it needs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import apsw
import msgspec

from ..._overriding import override
from ...capability import Capabilities
from ...core._sync.port import Driver, Session
from ...core.following import FollowingStep
from ...core.observing import Connections, Waits
from ...core.options import Explanation, Progress, TransactionOptions
from ...core.restructuring import Restructuring
from ...errors import StorageError
from ...model.codec import Row
from ...query.operations import (
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
from . import admin, aggregate, ensure, following, restructure, search
from .capabilities import capabilities
from .compile import Parameter
from .config import SQLiteConfig
from .connection import connect, prepare_folder
from .errors import is_duplicate, translate
from .explain import explain
from .plan import TablePlan
from .pool import SQLitePool, roll_back
from .schedule import BackupSchedule
from .statements import count_statement, find_statement, scan_statement
from .writes import duplicate_error, insert_rows, replace_rows

__all__ = ["SQLiteDriver", "SQLiteSession"]


class SQLiteSession(Session):
    """A transaction on a connection of the driver's."""

    def __init__(self, driver: SQLiteDriver, connection: apsw.Connection, *, writes: bool) -> None:
        self.connection = connection
        self._driver = driver
        self._writes = writes
        self._marks = 0
        self._ended = False

    @override
    def savepoint(self) -> str:
        self._marks += 1
        name = f"mark_{self._marks}"
        self._execute(f"SAVEPOINT {name}")
        return name

    @override
    def rollback_to(self, savepoint: str) -> None:
        self._execute(f"ROLLBACK TO {savepoint}")
        self._execute(f"RELEASE {savepoint}")

    @override
    def release(self, savepoint: str) -> None:
        self._execute(f"RELEASE {savepoint}")

    @override
    def commit(self) -> None:
        try:
            self._execute("COMMIT")
        finally:
            self._end()

    @override
    def rollback(self) -> None:
        self._end()

    def _execute(self, statement: str) -> None:
        if self._ended:
            raise StorageError("the transaction has ended", backend="sqlite", operation="transaction")
        try:
            self.connection.execute(statement)
        except apsw.Error as error:
            raise self._driver.failed(error, "transaction", None) from error

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        roll_back(self.connection)
        self._driver.pool.give_back(self.connection, writes=self._writes)


class SQLiteDriver(Driver):
    """One SQLite database, for any number of threads."""

    backend = "sqlite"
    json_documents = True

    def __init__(self, config: SQLiteConfig) -> None:
        self.config = config
        self.pool = SQLitePool(config)
        self._in_memory = config.is_memory
        self._capabilities = capabilities()
        self._cursor_key = b""
        self._opening = threading.Lock()
        self._backups: BackupSchedule | None = None

    @property
    @override
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @override
    def observe(self, waits: Waits) -> None:
        self.pool.waits = waits

    @override
    def connections(self) -> Sequence[Connections]:
        return self.pool.connections()

    @override
    def open(self) -> None:
        with self._opening:
            if self.pool.closed:
                raise StorageError("the storage is closed", backend=self.backend)
            if self.pool.is_open:
                return
            prepare_folder(self.config)
            with self._translating("open"):
                connection = connect(self.config, writer=True)
                try:
                    ensure.prepare(connection, self.config)
                    # Read now: inside a transaction there may be no connection left to ask with.
                    self._cursor_key = self.config.cursor_key or ensure.cursor_key(connection)
                except BaseException:
                    connection.close(force=True)
                    raise
            self.pool.start(connection)
        if self.config.backup_folder is not None:
            self._backups = BackupSchedule(self)

    @override
    def close(self) -> None:
        if self._backups is not None:
            self._backups.stop()
        with self._opening:
            if not self.pool.closed:
                self.pool.close()

    @override
    def run(self, operation: Operation, session: Session | None) -> Any:
        own: SQLiteSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        try:
            return self._RUN[type(operation)](self, operation, own)
        except (apsw.Error, UnicodeDecodeError) as error:
            raise self.failed(error, name_of(operation), operation.collection.name) from error
        except StorageError as error:
            error.backend = error.backend or self.backend
            error.collection = error.collection or operation.collection.name
            raise

    @override
    def begin(self, options: TransactionOptions) -> SQLiteSession:
        writes = not options.read_only or self.config.is_memory
        connection = self.pool.take_writer() if writes else self.pool.take_reader()
        try:
            connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            if not writes:
                # A deferred transaction sees what is there when it first reads.
                connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        except BaseException as error:
            roll_back(connection)
            self.pool.give_back(connection, writes=writes)
            if isinstance(error, apsw.Error):
                raise self.failed(error, "transaction", None) from error
            raise
        return SQLiteSession(self, connection, writes=writes)

    @override
    def stream(self, operation: Scan, session: Session | None) -> Generator[list[Row], None, None]:
        plan: TablePlan = operation.collection.plan
        statement, parameters = scan_statement(operation, plan)
        own: SQLiteSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        try:
            if own is None and self.config.is_memory:
                with self.pool.reading(None) as connection:
                    rows = connection.execute(statement, parameters).fetchall()
                for start in range(0, len(rows), operation.batch_size):
                    yield plan.rows(rows[start : start + operation.batch_size])
                return
            connection = self.pool.take_reader() if own is None else own.connection
            cursor = connection.cursor()
            try:
                cursor.execute(statement, parameters)
                while batch := plan.rows(list(islice(cursor, operation.batch_size))):
                    yield batch
            finally:
                cursor.close(force=True)
                if own is None:
                    self.pool.give_back(connection, writes=False)
        except (apsw.Error, UnicodeDecodeError) as error:
            raise self.failed(error, "stream", operation.collection.name) from error

    @override
    def ensure(self, collection: Collection) -> None:
        try:
            if self.config.read_only:
                with self.pool.reading(None) as connection:
                    ensure.check(connection, collection)
            else:
                with self.pool.reading(None) as connection:
                    in_place = ensure.is_in_place(connection, collection)
                if not in_place:
                    with self.pool.writing(None) as connection:
                        ensure.ensure(connection, collection)
        except apsw.Error as error:
            raise self.failed(error, "ensure", collection.name) from error
        collection.plan = TablePlan(collection.name, collection.schema)

    @override
    def restructure(self, asked: Restructuring, session: Session | None) -> None:
        own: SQLiteSession = session  # type: ignore[assignment]  # begin gives nothing else, and there is one
        try:
            restructure.restructure(own.connection, asked)
        except (apsw.Error, UnicodeDecodeError) as error:
            raise self.failed(error, "restructure", asked.collection) from error

    @override
    def follow(self, step: FollowingStep, session: Session | None) -> Any:
        own: SQLiteSession = session  # type: ignore[assignment]  # begin gives nothing else, and there is one
        with self._translating("move"):
            return following.follow(own.connection, step)

    @override
    def native(self, session: Session | None) -> apsw.Connection:
        own: SQLiteSession = session  # type: ignore[assignment]  # begin gives nothing else
        return own.connection

    @override
    def explain(self, operation: Operation | Scan, session: Session | None = None) -> Explanation:
        own: SQLiteSession | None = session  # type: ignore[assignment]  # begin gives nothing else
        try:
            with self.pool.reading(_given(own)) as connection:
                return explain(connection, operation)
        except apsw.Error as error:
            raise self.failed(error, "explain", operation.collection.name) from error

    @override
    def cursor_key(self) -> bytes:
        return self._cursor_key

    @override
    def collections(self) -> dict[str, dict[str, Any]]:
        with self._translating("collections"), self.pool.reading(None) as connection:
            return ensure.stored_schemas(connection)

    @override
    def health(self) -> dict[str, Any]:
        with self._translating("health"), self.pool.reading(None) as connection:
            return admin.health(connection, self.config)

    @override
    def backup(self, path: Path, progress: Progress | None) -> dict[str, Any]:
        with self._translating("backup"):
            return admin.backup(self, path, progress)

    @override
    def check(self) -> list[str]:
        with self._translating("check"), self.pool.reading(None) as connection:
            return admin.check(connection)

    @override
    def vacuum(self, full: bool) -> dict[str, Any]:
        with self._translating("vacuum"):
            return admin.vacuum(self, full=full)

    @override
    def statistics(self) -> dict[str, Any]:
        with self._translating("statistics"), self.pool.reading(None) as connection:
            return admin.statistics(connection, self.config)

    @contextlib.contextmanager
    def _translating(self, operation: str) -> Generator[None]:
        try:
            yield
        except (apsw.Error, UnicodeDecodeError) as error:
            raise self.failed(error, operation, None) from error

    @override
    def translate(self, error: BaseException) -> StorageError | None:
        return translate(error)

    def failed(
        self, error: apsw.Error | UnicodeDecodeError, operation: str, collection: str | None
    ) -> StorageError:
        """The error of ours for one of apsw's, told where it happened."""
        ours = translate(error) or StorageError("SQLite failed", backend=self.backend)
        ours.operation, ours.collection = operation, collection
        return ours

    def _fetch(self, operation: Fetch, session: SQLiteSession | None) -> Row | None:
        plan: TablePlan = operation.collection.plan
        rows = self._read(session, plan.get, (operation.id,))
        return plan.from_native(rows[0]) if rows else None

    def _fetch_many(self, operation: FetchMany, session: SQLiteSession | None) -> list[Row]:
        plan: TablePlan = operation.collection.plan
        ids = msgspec.json.encode(operation.ids).decode()
        return plan.rows(self._read(session, plan.get_many, (ids,)))

    def _find(self, operation: Find, session: SQLiteSession | None) -> Found:
        plan: TablePlan = operation.collection.plan
        statement, parameters = find_statement(operation, plan)
        if not operation.with_total:
            return Found(plan.rows(self._read(session, statement, parameters)), None)
        with self.pool.reading(_given(session)) as connection:
            rows = plan.rows(connection.execute(statement, parameters).fetchall())
            if operation.limit is not None and 0 < len(rows) < operation.limit:
                return Found(rows, operation.offset + len(rows))  # the page ends where the matches do
            counting, values = count_statement(Count(operation.collection, operation.condition), plan)
            return Found(rows, int(connection.execute(counting, values).fetchall()[0][0]))

    def _count(self, operation: Count, session: SQLiteSession | None) -> int:
        statement, parameters = count_statement(operation, operation.collection.plan)
        return int(self._read(session, statement, parameters)[0][0])

    def _read(
        self, session: SQLiteSession | None, statement: str, parameters: Sequence[Parameter]
    ) -> list[Any]:
        """The rows of a single statement, which needs no transaction around it."""
        if session is None and not self._in_memory:
            return self.pool.reader().execute(statement, parameters).fetchall()
        with self.pool.reading(_given(session)) as connection:
            return connection.execute(statement, parameters).fetchall()

    def _insert(self, operation: Insert, session: SQLiteSession | None) -> None:
        plan: TablePlan = operation.collection.plan
        rows = operation.rows
        if session is None and len(rows) == 1 and not plan.text_indexes:
            connection = self.pool.take_writer()
            try:
                connection.execute(plan.insert, plan.to_native(rows[0]))
            except apsw.ConstraintError as error:
                if is_duplicate(error):
                    raise duplicate_error(connection, plan, rows, 1) from error
                raise
            finally:
                self.pool.give_back(connection, writes=True)
            return
        with self.pool.writing(_given(session)) as connection:
            insert_rows(connection, plan, rows)

    def _upsert(self, operation: Upsert, session: SQLiteSession | None) -> Row:
        plan: TablePlan = operation.collection.plan
        with self.pool.writing(_given(session)) as connection:
            found = connection.execute(plan.get_for_update, (operation.inserted[0],)).fetchone()
            if found is None:
                insert_rows(connection, plan, (operation.inserted,))
                return operation.inserted
            return replace_rows(
                connection, plan, [(found[0], plan.from_native(found[1:]), operation.replacing)]
            )[0]

    def _replace(self, operation: Replace, session: SQLiteSession | None) -> list[Row]:
        plan: TablePlan = operation.collection.plan
        rows = operation.rows
        with self.pool.writing(_given(session)) as connection:
            if len(rows) == 1:
                found = connection.execute(plan.get_for_update, (rows[0][0],)).fetchall()
            else:
                ids = msgspec.json.encode([row[0] for row in rows]).decode()
                found = connection.execute(plan.get_many_for_update, (ids,)).fetchall()
            stored = {row[1]: row for row in found}
            pairs: list[tuple[int, Row, Row]] = []
            for row in rows:
                old = stored.get(row[0])
                if old is None:
                    raise plan.rules.not_found(str(row[0]), "update")
                pairs.append((old[0], plan.from_native(old[1:]), row))
            return replace_rows(connection, plan, pairs)

    def _patch(self, operation: Patch, session: SQLiteSession | None) -> Row:
        plan: TablePlan = operation.collection.plan
        with self.pool.writing(_given(session)) as connection:
            found = connection.execute(plan.get_for_update, (operation.id,)).fetchone()
            if found is None:
                raise plan.rules.not_found(operation.id, "patch")
            old = plan.from_native(found[1:])
            return replace_rows(connection, plan, [(found[0], old, plan.rules.patched(old, operation))])[0]

    def _remove(self, operation: Remove, session: SQLiteSession | None) -> int:
        plan: TablePlan = operation.collection.plan
        ids = operation.ids
        single = len(ids) == 1
        parameters = (ids[0] if single else msgspec.json.encode(ids).decode(),)
        statement = plan.delete if single else plan.delete_many
        if session is None and single and not plan.text_indexes:
            connection = self.pool.take_writer()
            try:
                connection.execute(statement, parameters)
                return connection.changes()
            finally:
                self.pool.give_back(connection, writes=True)
        with self.pool.writing(_given(session)) as connection:
            if not plan.text_indexes:
                connection.execute(statement, parameters)
                return connection.changes()
            gone = [row[0] for row in connection.execute(f"{statement} RETURNING seq", parameters)]
            search.remove(connection, plan, gone)
            return len(gone)

    def _search(self, operation: Search, session: SQLiteSession | None) -> Ranked:
        with self.pool.reading(_given(session)) as connection:
            return search.run(connection, operation)

    def _aggregate(self, operation: Aggregate, session: SQLiteSession | None) -> list[Group]:
        with self.pool.reading(_given(session)) as connection:
            return aggregate.run(connection, operation)

    _RUN: ClassVar[dict[type, Callable[[SQLiteDriver, Any, SQLiteSession | None], Any]]] = {
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


def _given(session: SQLiteSession | None) -> apsw.Connection | None:
    return None if session is None else session.connection
