"""The driver of the reference: every operation in the plainest way that meets its definition."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, ClassVar, Final, cast

from ..._overriding import override
from ...capability import Capabilities, Cell, Feature, Support
from ...core._sync.port import Driver, Session
from ...core.following import FollowingStep
from ...core.observing import Waits
from ...core.options import Explanation, Progress, TransactionOptions
from ...core.restructuring import Conversion, Restructuring
from ...errors import ConfigurationError, StorageError, UnavailableError
from ...model.codec import Row
from ...model.evolution import evolve
from ...model.kinds import CanonicalScalar
from ...query.aggregates import accumulate
from ...query.conditions import Condition
from ...query.evaluate import MISSING, Document, SortPlace, order, predicate, sort_place, value_at
from ...query.filters import Operator
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
    SortKey,
    Upsert,
    name_of,
)
from ...query.paths import Step
from ...query.relevance import collect_statistics, matches, scorer
from ...query.rows import document_of
from .config import MemoryConfig
from .following import Following
from .table import Table, TableView

__all__ = ["MemoryDriver"]

_WRITES: Final = (Insert, Upsert, Replace, Patch, Remove)
_NATIVE: Final = Cell(Support.NATIVE)
_NONE: Final = Cell(Support.REFUSED, "a database in memory has no file; export it, or use SQLite")


class MemorySession(Session):
    """The one transaction at a time."""

    def __init__(self, driver: MemoryDriver) -> None:
        self._driver = driver
        self._marks: dict[str, dict[str, int]] = {}
        self._ended = False

    @override
    def savepoint(self) -> str:
        name = f"mark_{len(self._marks) + 1}"
        self._marks[name] = self._driver.marks()
        return name

    @override
    def rollback_to(self, savepoint: str) -> None:
        self._driver.undo_to(self._marks[savepoint])

    @override
    def release(self, savepoint: str) -> None:
        self._check_open()

    @override
    def commit(self) -> None:
        self._check_open()
        self._driver.keep()
        self._end()

    @override
    def rollback(self) -> None:
        if not self._ended:
            self._driver.undo_to({})
            self._end()

    def _check_open(self) -> None:
        if self._ended:
            raise StorageError("the transaction has ended", backend="memory", operation="transaction")

    def _end(self) -> None:
        self._ended = True
        self._driver.lock.release()


class MemoryDriver(Driver):
    """Dicts behind the port. Everybody takes turns: an operation or a transaction at a time."""

    backend = "memory"
    # As text, so that no caller ever holds a part of what is stored.
    json_documents = True

    def __init__(self, config: MemoryConfig) -> None:
        self.config = config
        self.lock = threading.Lock()
        self._tables: dict[str, Table] = {}
        self._following = Following()
        self._waits: Waits | None = None
        self._closed = False
        self._cursor_key = config.cursor_key or secrets.token_bytes(32)

    @property
    @override
    def capabilities(self) -> Capabilities:
        features = dict.fromkeys(Feature, _NATIVE)
        features.update(dict.fromkeys((Feature.BACKUP, Feature.CHECK, Feature.VACUUM), _NONE))
        return Capabilities("memory", "1", features, {operator.value: _NATIVE for operator in Operator})

    @override
    def open(self) -> None:
        if self._closed:
            raise StorageError("the storage is closed", backend=self.backend)

    @override
    def close(self) -> None:
        self._closed = True
        self._tables.clear()

    @override
    def observe(self, waits: Waits) -> None:
        self._waits = waits

    def _take(self) -> None:
        """Wait for one's turn."""
        if self._waits is None:
            self._take_turn()
        else:
            with self._waits.waiting("writer"):
                self._take_turn()

    def _take_turn(self) -> None:
        if self._closed:
            raise StorageError("the storage is closed", backend=self.backend)
        if not self.lock.acquire(timeout=self.config.busy_timeout):
            raise UnavailableError(
                f"another transaction has been open for more than {self.config.busy_timeout} seconds; try again",
                backend=self.backend,
            )

    @contextlib.contextmanager
    def _turn(self, session: Session | None) -> Generator[None]:
        """A turn of one's own, undone when it fails; within a session, the session's."""
        if session is not None:
            yield
            return
        self._take()
        try:
            yield
            self.keep()
        except BaseException:
            self.undo_to({})
            raise
        finally:
            self.lock.release()

    def marks(self) -> dict[str, int]:
        """The present state of every table."""
        return {name: table.mark() for name, table in self._tables.items()}

    def undo_to(self, marks: dict[str, int]) -> None:
        """Take back what was written since."""
        for name, table in self._tables.items():
            table.undo_to(marks.get(name, 0))
        if not marks:
            self._following.settle(keeps=False)

    def keep(self) -> None:
        """Make what was written permanent."""
        for name, table in self._tables.items():
            if self._following.follows(name):
                for key in table.written():
                    self._following.note(name, key)
            table.keep()
        self._following.settle(keeps=True)

    @override
    def ensure(self, collection: Collection) -> None:
        with self._turn(None):
            for other in self._tables:
                if other != collection.name and other.lower() == collection.name.lower():
                    raise ConfigurationError(
                        f"the collections {other!r} and {collection.name!r} differ only in case",
                        backend=self.backend,
                    )
            table = self._tables.get(collection.name) or Table(collection.name)
            view = TableView(table, collection.schema)
            evolution = evolve(collection.name, table.description, collection.schema)
            if not evolution.created:
                added = {field.key: field.default for field in (*evolution.columns, *evolution.documents)}
                if any(key in document for document in table.documents.values() for key in added):
                    raise ConfigurationError(
                        f"a new field of {collection.name!r} has a name under which existing entities hold something "
                        "already; write a migration: convert the field",
                        backend=self.backend,
                        collection=collection.name,
                    )
                view.check_existing()
                for key, document in list(table.documents.items()):
                    if added:
                        table.put(key, {**document, **added})
            table.description = evolution.description
            self._tables[collection.name] = table
        collection.plan = view

    @override
    def restructure(self, asked: Restructuring, session: Session | None) -> None:
        table = self._tables[asked.collection]
        asked.check_stored(table.description)
        conversion = Conversion(asked, json_documents=False)
        before, after = TableView(table, conversion.before), TableView(table, conversion.after)
        total = len(table.documents)
        if not asked.keeps_rows:
            rows = conversion.rows(map(before.row, list(table.documents.values())))
            conversion.check()
            for row in rows:
                table.put(str(row[0]), document_of(conversion.after, row))
        asked.tell(total, total)
        table.describe(asked.after)
        after.check_existing()

    @override
    def follow(self, step: FollowingStep, session: Session | None) -> Any:
        return self._following.do(step, self._described())

    @override
    def run(self, operation: Operation, session: Session | None) -> Any:
        try:
            with self._turn(session):
                if isinstance(operation, _WRITES):
                    self._following.check(operation.collection.name)
                return self._RUN[type(operation)](self, operation)
        except StorageError as error:
            error.backend = error.backend or self.backend
            error.collection = error.collection or operation.collection.name
            raise

    @override
    def begin(self, options: TransactionOptions) -> Session:
        self._take()
        return MemorySession(self)

    @override
    def stream(self, operation: Scan, session: Session | None) -> Generator[list[Row], None, None]:
        view: TableView = operation.collection.plan
        with self._turn(session):
            documents = self._matching(view, operation.condition, operation.sort)
        for start in range(0, len(documents), operation.batch_size):
            yield [view.row(document) for document in documents[start : start + operation.batch_size]]

    @override
    def native(self, session: Session | None) -> Any:
        return {name: table.documents for name, table in self._tables.items()}

    @override
    def explain(self, operation: Operation | Scan, session: Session | None = None) -> Explanation:
        name = name_of(operation)
        return Explanation(
            self.backend, name, (), ("every entity is looked at",), uses_index=name.startswith("fetch")
        )

    @override
    def cursor_key(self) -> bytes:
        return self._cursor_key

    @override
    def health(self) -> dict[str, Any]:
        with self._turn(None):
            return {"backend": self.backend, "ok": True}

    @override
    def collections(self) -> dict[str, dict[str, Any]]:
        with self._turn(None):
            return self._described()

    def _described(self) -> dict[str, dict[str, Any]]:
        return {name: dict(table.description or {}) for name, table in sorted(self._tables.items())}

    @override
    def statistics(self) -> dict[str, Any]:
        with self._turn(None):
            return {
                "collections": {name: {"rows": len(table.documents)} for name, table in self._tables.items()}
            }

    @override
    def backup(self, path: Path, progress: Progress | None) -> dict[str, Any]:
        raise self.unsupported(Feature.BACKUP, "backup")

    @override
    def translate(self, error: BaseException) -> StorageError | None:
        return None

    def _matching(self, view: TableView, condition: Condition, sort: tuple[SortKey, ...]) -> list[Document]:
        holds = predicate(condition)
        return order([document for document in view.table.documents.values() if holds(document)], sort)

    def _fetch(self, operation: Fetch) -> Row | None:
        view: TableView = operation.collection.plan
        document = view.table.documents.get(operation.id)
        return None if document is None else view.row(document)

    def _fetch_many(self, operation: FetchMany) -> list[Row]:
        view: TableView = operation.collection.plan
        found = (view.table.documents.get(key) for key in operation.ids)
        return [view.row(document) for document in found if document is not None]

    def _find(self, operation: Find) -> Found:
        view: TableView = operation.collection.plan
        documents = self._matching(view, operation.condition, operation.sort)
        end = None if operation.limit is None else operation.offset + operation.limit
        rows = [view.row(document) for document in documents[operation.offset : end]]
        return Found(rows, len(documents) if operation.with_total else None)

    def _count(self, operation: Count) -> int:
        view: TableView = operation.collection.plan
        return sum(map(predicate(operation.condition), view.table.documents.values()))

    def _insert(self, operation: Insert) -> None:
        operation.collection.plan.insert(operation.rows)

    def _upsert(self, operation: Upsert) -> Row:
        view: TableView = operation.collection.plan
        if operation.inserted[0] in view.table.documents:
            return view.replace((operation.replacing,))[0]
        view.insert((operation.inserted,))
        return view.row(view.table.documents[str(operation.inserted[0])])

    def _replace(self, operation: Replace) -> list[Row]:
        rows: list[Row] = operation.collection.plan.replace(operation.rows)
        return rows

    def _patch(self, operation: Patch) -> Row:
        row: Row = operation.collection.plan.patch(operation)
        return row

    def _remove(self, operation: Remove) -> int:
        view: TableView = operation.collection.plan
        return view.table.remove(operation.ids)

    def _search(self, operation: Search) -> Ranked:
        view: TableView = operation.collection.plan
        weights = dict(operation.fields)
        documents = view.table.documents
        tokens = {key: view.tokens(document) for key, document in documents.items()}
        statistics = operation.statistics or collect_statistics(operation.query, tokens.values(), weights)
        score = scorer(operation.query, statistics, weights)
        holds = predicate(operation.condition)
        hits = [
            (score(tokens[key]), key)
            for key, document in documents.items()
            if matches(operation.query, tokens[key], tuple(weights)) and holds(document)
        ]
        hits.sort(key=lambda hit: (-hit[0], hit[1]))
        total = len(hits)
        if operation.after is not None:
            edge_score, edge_id = operation.after
            hits = [hit for hit in hits if (-hit[0], hit[1]) > (-edge_score, edge_id)]
        end = None if operation.limit is None else operation.offset + operation.limit
        rows = [(hit_score, view.row(documents[key])) for hit_score, key in hits[operation.offset : end]]
        return Ranked(rows, total if operation.with_total else None, statistics)

    def _aggregate(self, operation: Aggregate) -> list[Group]:
        view: TableView = operation.collection.plan
        groups: dict[tuple[SortPlace, ...], list[Document]] = {}
        for document in self._matching(view, operation.condition, ()):
            place = tuple(sort_place(document, target) for target in operation.group)
            groups.setdefault(place, []).append(document)
        if not operation.group:
            groups.setdefault((), [])
        results: list[Group] = []
        for place in sorted(groups):
            members = groups[place]
            # Of equal values with different digits (1.0, 1.00) the smallest text stands for the group.
            keys = tuple(
                _smallest([_value(document, target.steps) for document in members])
                for target in operation.group
            )
            values = tuple(
                accumulate(
                    measure,
                    [
                        _value(document, measure.target.steps if measure.target else ())
                        for document in members
                    ],
                )
                for measure in operation.measures
            )
            results.append((keys, values))
        return results

    _RUN: ClassVar[dict[type, Callable[[MemoryDriver, Any], Any]]] = {
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


def _value(document: Document, steps: tuple[Step, ...]) -> CanonicalScalar | None:
    value = value_at(document, steps)
    # Groups and measures are of declared scalars.
    return None if value is MISSING else cast("CanonicalScalar | None", value)


def _smallest(values: list[Any]) -> CanonicalScalar | None:
    return None if values[0] is None else min(values)
