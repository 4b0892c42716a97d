# generated from _async/engine.py by tools/generate_twins.py: do not edit
"""The engine room: opens the driver, passes operations through the layers, and binds them to transactions.

A transaction belongs to the task or thread that opened it. The current one is found through a context variable: a child
task or thread that inherited the variable is refused, because two of them interleaving on one connection would be
neither's transaction; one that did not inherit it runs outside.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Any, Self

from ...capability import Feature
from ...errors import ConfigurationError, DuplicateError, StorageError, TransactionError
from ...model.codec import Codec, Row
from ...model.evolution import evolve
from ...model.names import check_collection, is_own
from ...model.schema import Schema
from ...query.operations import Collection, Insert, Operation, Patch, Remove, Replace, Scan, Upsert
from ...query.stored_size import stored_size_check
from ..following import Changes, FollowingStep
from ..observing import Observers
from ..options import Explanation, Isolation, TransactionOptions
from ..upgrading import UpgradingCodec
from .layers import Layer, Proceed, ProceedStream
from .observed import observed
from .port import Driver, Session

__all__ = ["Engine", "Transaction"]

_current: ContextVar[Transaction | None] = ContextVar("torematrix_transaction", default=None)
_WRITES = (Insert, Upsert, Replace, Patch, Remove)


class Engine:
    """One open database, shared by its repositories.

    Args:
        driver: the engine's driver, not yet open.
        layers: outermost first.
        owner: what tells one task or thread from another.
        observers: who is told what it does; None where nobody looks.
    """

    def __init__(
        self,
        driver: Driver,
        layers: Sequence[Layer],
        owner: Callable[[], object],
        observers: Observers | None = None,
    ) -> None:
        self.driver = driver if observers is None else observed(driver, observers)
        self.observers = observers
        self.owner = owner
        self._collections: dict[tuple[str, Schema], Collection] = {}
        self._prepared: list[Collection] = []
        self._cursor_key = b""
        self._open = False
        self.closed = False
        self._layered = bool(layers)
        self._run: Proceed = self._perform
        self._stream: ProceedStream = self._perform_stream
        for layer in reversed(layers):
            self._run = partial(layer.run, proceed=self._run)
            self._stream = partial(layer.stream, proceed=self._stream)

    def open(self) -> None:
        """Connect, if that has not happened yet. A closed storage stays closed."""
        if self.closed:
            raise StorageError("the storage is closed", backend=self.driver.backend)
        if not self._open:
            self.driver.open()
            # Asked now: a transaction may hold what the driver would have to ask with.
            self._cursor_key = self.driver.cursor_key()
            self._open = True

    def close(self) -> None:
        """Give everything back; calling it again does nothing. The caller's own transaction is rolled back."""
        if not self.closed:
            transaction = self._scope_now()
            if transaction is not None and transaction.owner == self.owner():
                # Ended here, where it still can be: a server would keep it, and what it has locked, for a minute.
                transaction.abandon()
            self.closed = True
            self.driver.close()

    def collection(self, name: str, schema: Schema) -> Collection:
        """The collection of that name for entities of that schema; no I/O."""
        return self._collection(check_collection(name), schema)

    def own_collection(self, name: str, schema: Schema) -> Collection:
        """The same for what the library itself stores, under a name that no application can use."""
        return self._collection(name, schema)

    def _collection(self, name: str, schema: Schema) -> Collection:
        known = self._collections.get((name, schema))
        if known is None:
            for other, _ in self._collections:
                if other != name and other.lower() == name.lower():
                    raise ConfigurationError(
                        f"the collections {other!r} and {name!r} differ only in case; engines would merge them",
                        collection=name,
                    )
            driver = self.driver
            options: dict[str, Any] = {
                "json_documents": driver.json_documents,
                "in_order": driver.keeps_order,
                "check_large": stored_size_check(schema),
            }
            codec: Codec[Any] = (
                Codec(schema, **options)
                if schema.upgrade is None
                else UpgradingCodec(schema, schema.upgrade, **options)
            )
            known = self._collections[name, schema] = Collection(name, schema, codec)
        return known

    def ready(self) -> None:
        """Open, and ensure every collection that is known and not ensured yet."""
        self.open()
        for collection in list(self._collections.values()):
            if collection.plan is None:
                self._prepare(collection)

    def collections(self) -> dict[str, dict[str, Any]]:
        """The collections stored here, without the library's own, by name, each with its schema as plain data."""
        self.open()
        stored = self.driver.collections()
        return {name: description for name, description in stored.items() if not is_own(name)}

    def _prepare(self, collection: Collection) -> None:
        try:
            self.driver.ensure(collection)
        except (ConfigurationError, DuplicateError):
            # Refused for good: it must not stand in the way of every later transaction.
            self._collections.pop((collection.name, collection.schema), None)
            raise
        if collection not in self._prepared:
            self._prepared.append(collection)

    def forget(self, name: str) -> None:
        """Have a collection ensured again by whoever uses it next: its schema has been changed."""
        for collection in self._prepared:
            if collection.name == name:
                collection.plan = None
        self._prepared = [collection for collection in self._prepared if collection.plan is not None]

    def renew(self, name: str) -> None:
        """Have a collection, whose schema has been changed, ensured for the classes that fit it as it is.

        For the others that waits until they are used: nobody asked for what they would change.
        """
        stored = self.driver.collections().get(name)
        for key, collection in list(self._collections.items()):
            if collection.name != name or collection.plan is not None:
                continue
            try:
                fits = stored is not None and evolve(name, stored, collection.schema).leaves(stored)
            except ConfigurationError:
                fits = False
            if fits:
                self._prepare(collection)
            else:
                self._collections.pop(key, None)

    def cursor_key(self) -> bytes:
        """The secret that signs cursors."""
        self.open()
        return self._cursor_key

    def require(self, feature: Feature, operation: str) -> None:
        """Raise UnsupportedError where this deployment of the engine refuses the feature; nothing is sent for it."""
        self.open()
        self.driver.capabilities.require(feature, operation=operation)

    def run(self, operation: Operation) -> Any:
        """The operation's result, within the current transaction where there is one."""
        if self._layered or operation.collection.plan is None or self.closed or _current.get() is not None:
            return self._run(operation)
        # Where there is neither a layer nor a transaction, a read or write costs no more than this.
        return self.driver.run(operation, None)

    def follow(self, step: FollowingStep) -> Any:
        """Do a step of following what others write, in the current transaction where it belongs into one."""
        self.require(Feature.LIVE_MOVES, "move")
        if not self.driver.fences_at_once:
            return self.driver.follow(step, None)
        transaction = self.transaction_now()
        if transaction is None:
            options = TransactionOptions(read_only=isinstance(step, Changes), restructures=True)
            with self.transaction(options, unprepared=True):
                return self.follow(step)
        try:
            return self.driver.follow(step, transaction.root().session)
        except BaseException as error:
            transaction.doom(error)
            raise

    def _perform(self, operation: Operation) -> Any:
        transaction = self.transaction_now()
        if transaction is None:
            self.ensure(operation.collection)
            return self.driver.run(operation, None)
        session = transaction.session_for(operation)
        try:
            return self.driver.run(operation, session)
        except BaseException as error:
            transaction.doom(error)
            raise

    def ensure(self, collection: Collection) -> None:
        """Open, and prepare this collection, if that has not happened yet."""
        if collection.plan is None or self.closed:
            self.open()
            self._prepare(collection)

    def stream(self, operation: Scan) -> Generator[list[Row], None, None]:
        """The rows in batches; in a transaction their collection must not be written to while the stream is open."""
        with closing(self._stream(operation)) as batches:
            for batch in batches:
                yield batch

    def _perform_stream(self, operation: Scan) -> Generator[list[Row], None, None]:
        transaction = self.transaction_now()
        if transaction is None:
            self.ensure(operation.collection)
            with closing(self.driver.stream(operation, None)) as batches:
                for batch in batches:
                    yield batch
            return
        source = self.driver.stream(operation, transaction.session_for(operation))
        root = transaction.root()
        root.streams[source] = operation.collection
        try:
            with closing(source) as batches:
                for batch in batches:
                    yield batch
        except (StorageError, KeyboardInterrupt) as error:
            transaction.doom(error)
            raise
        finally:
            root.streams.pop(source, None)
        if root.ended:
            raise transaction.error("the transaction ended while a stream in it was being read")

    def explain(self, operation: Operation | Scan) -> Explanation:
        """What the operation would send, told on the current transaction's connection where there is one."""
        transaction = self.transaction_now()
        if transaction is None:
            self.ensure(operation.collection)
            return self.driver.explain(operation)
        return self.driver.explain(operation, transaction.session_for(operation))

    def transaction_now(self) -> Transaction | None:
        """The transaction the caller is in; TransactionError where it was inherited from another task or thread."""
        transaction = self._scope_now()
        if transaction is not None and transaction.owner != self.owner():
            raise TransactionError(
                "this task or thread inherited a transaction that another one has open; do this work in the one that "
                "opened it, or start the other before the transaction (to limit its time, asyncio.timeout opens no "
                "task)",
                backend=self.driver.backend,
            )
        return transaction

    def _scope_now(self) -> Transaction | None:
        transaction = _current.get()
        # A task born in a scope may outlive it: an ended scope counts as none.
        while transaction is not None and (transaction.engine is not self or transaction.ended):
            transaction = transaction.outer
        return transaction

    def native(self) -> Any:
        """The engine's own handle inside the current transaction; TransactionError outside one."""
        transaction = self.transaction_now()
        if transaction is None:
            raise TransactionError(
                "the native handle belongs to a transaction; use it inside `with storage.transaction():`",
                backend=self.driver.backend,
            )
        return self.driver.native(transaction.root().session)

    def transaction(self, options: TransactionOptions, *, unprepared: bool = False) -> Transaction:
        """A scope to enter; nested in the current one where there is one.

        ``unprepared`` begins it although collections are not ensured that are known: one is to be migrated.
        """
        return Transaction(self, options, unprepared=unprepared)


class _Root:
    """What all scopes of one transaction share."""

    __slots__ = ("doomed_by", "ended", "session", "streams")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.doomed_by: BaseException | None = None
        self.ended = False
        self.streams: dict[Generator[list[Row], None, None], Collection] = {}


class Transaction:
    """A scope: entered, it begins a transaction, or a nested part of the current one; left, it commits or rolls back.

    An error from the backend inside it dooms the whole transaction, even if it is caught: what the engine has refused
    once cannot be half-kept, and an interrupted statement may have been half-done. Leaving a doomed scope normally
    raises TransactionError; an exception that leaves it propagates as it is.
    """

    def __init__(self, engine: Engine, options: TransactionOptions, *, unprepared: bool = False) -> None:
        self.engine = engine
        self._unprepared = unprepared
        self.owner: object = None
        self.outer: Transaction | None = None
        self.options = options
        self._root: _Root | None = None
        self._savepoint: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the transaction this scope was part of is over."""
        return self._root is None or self._root.ended

    def __enter__(self) -> Self:
        if self._root is not None:
            raise self.error("a transaction scope is entered once; call transaction() again for another")
        engine = self.engine
        self.owner = engine.owner()
        parent = engine.transaction_now()
        if parent is None:
            engine.require(Feature.TRANSACTIONS, "transaction")
            if not self._unprepared:
                engine.ready()
            if self.options.isolation is Isolation.SERIALIZABLE:
                engine.driver.capabilities.require(Feature.SERIALIZABLE, operation="transaction")
            self._root = _Root(engine.driver.begin(self.options))
        else:
            root = parent.root()
            engine.driver.capabilities.require(Feature.NESTED_TRANSACTIONS, operation="transaction")
            self.options = self._nested_in(parent.options)
            try:
                self._savepoint = root.session.savepoint()
            except BaseException as error:
                parent.doom(error)
                raise
            self._root = root
        self.outer = _current.get()
        _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        root = self._root
        if root is None:
            raise self.error("the transaction scope was not entered")
        # By value, not by token: a scope may be left in another context than it was entered in.
        _current.set(self.outer)
        if root.ended:
            if error is None:
                raise self.error(
                    "the transaction had already ended when this part of it was left"
                ) from root.doomed_by
            return
        if self.owner != self.engine.owner():
            self.doom(self.error("the scope was left by another task or thread than entered it"))
        if self._savepoint is None:
            self._end(root, error)
        elif root.doomed_by is None:
            try:
                if error is None:
                    root.session.release(self._savepoint)
                else:
                    root.session.rollback_to(self._savepoint)
            except BaseException as failure:
                self.doom(failure)
                raise
        if error is None and root.doomed_by is not None:
            raise self.error(
                "the transaction was rolled back: an operation in it had failed"
            ) from root.doomed_by

    def abandon(self) -> None:
        """Roll the whole transaction back, from inside: the storage is being closed."""
        root = self._root
        if root is not None and not root.ended:
            closing = self.error("the storage was closed inside the transaction")
            self.doom(closing)
            self._end(root, closing)

    def _end(self, root: _Root, error: BaseException | None) -> None:
        root.ended = True
        if self.engine.closed:
            self.doom(StorageError("the storage is closed", backend=self.engine.driver.backend))
        try:
            for stream in list(root.streams):
                stream.close()
        except BaseException as failure:  # noqa: BLE001 - kept: the rollback comes first
            self.doom(failure)
        if error is None and root.doomed_by is None:
            root.session.commit()
            return
        try:
            root.session.rollback()
        except StorageError:
            # The engine undoes what it cannot be told to undo; the caller's own exception matters more.
            if error is None:
                raise

    def _nested_in(self, outer: TransactionOptions) -> TransactionOptions:
        inner = self.options
        if inner.isolation is Isolation.SERIALIZABLE and outer.isolation is not Isolation.SERIALIZABLE:
            raise self.error("a serializable scope cannot be nested in a transaction that is not")
        return TransactionOptions(read_only=inner.read_only or outer.read_only, isolation=outer.isolation)

    def root(self) -> _Root:
        """What the scopes of this transaction share; TransactionError where it can take no more operations."""
        root = self._root
        if root is None or root.ended:
            raise self.error("the transaction scope is not open")
        if root.doomed_by is not None:
            raise self.error(
                "the transaction can only be rolled back: an operation in it had failed"
            ) from root.doomed_by
        return root

    def session_for(self, operation: Operation | Scan) -> Session:
        """The session in which the operation may run.

        Raises:
            TransactionError: the scope is doomed or read-only, the collection is not ready, or a stream is open on it.
        """
        root = self.root()
        collection = operation.collection
        if collection.plan is None:
            raise self.error(
                f"the collection {collection.name!r} was first used inside a transaction; "
                "make its repository before the transaction begins"
            )
        if isinstance(operation, _WRITES):
            if self.options.read_only:
                raise self.error("the transaction is read-only")
            # By name: another class's view of the collection is another Collection.
            if any(streamed.name == collection.name for streamed in root.streams.values()):
                raise self.error(
                    f"a stream is open on {collection.name!r}: finish or close it before writing there"
                )
        return root.session

    def doom(self, error: BaseException) -> None:
        """Note that the transaction cannot commit any more, and why; errors that changed nothing do not doom."""
        harmless = isinstance(error, StorageError) and not error.dooms
        if self._root is not None and self._root.doomed_by is None and not harmless:
            self._root.doomed_by = error

    def error(self, message: str) -> TransactionError:
        """The error that says so of this transaction."""
        return TransactionError(message, backend=self.engine.driver.backend, operation="transaction")
