"""The engine room: opens the driver, passes operations through the layers, and binds them to transactions.

A transaction belongs to the task or thread that opened it. The current one is found through a context variable: a child
task or thread that inherited the variable is refused, because two of them interleaving on one connection would be
neither's transaction; one that did not inherit it runs outside.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Any

from ...capability import Feature
from ...errors import ConfigurationError, StorageError, TransactionError
from ...model.codec import Codec, Row
from ...model.names import check_collection
from ...model.schema import Schema
from ...query.operations import Collection, Insert, Operation, Patch, Remove, Replace, Scan, Upsert
from ..options import Isolation, TransactionOptions
from .layers import AsyncLayer, AsyncProceed, AsyncProceedStream
from .port import AsyncDriver, AsyncSession

__all__ = ["AsyncEngine", "AsyncTransaction"]

_current: ContextVar[AsyncTransaction | None] = ContextVar("torematrix_transaction", default=None)
_WRITES = (Insert, Upsert, Replace, Patch, Remove)


class AsyncEngine:
    """One open database, shared by its repositories.

    Args:
        driver: the engine's driver, not yet open.
        layers: outermost first.
        owner: what tells one task or thread from another.
    """

    def __init__(self, driver: AsyncDriver, layers: Sequence[AsyncLayer], owner: Callable[[], object]) -> None:
        self.driver = driver
        self.owner = owner
        self._collections: dict[tuple[str, Schema], Collection] = {}
        self._cursor_key: bytes | None = None
        self._open = False
        self._closed = False
        self._layered = bool(layers)
        self._run: AsyncProceed = self._perform
        self._stream: AsyncProceedStream = self._perform_stream
        for layer in reversed(layers):
            self._run = partial(layer.run, proceed=self._run)
            self._stream = partial(layer.stream, proceed=self._stream)

    async def open(self) -> None:
        """Connect, if that has not happened yet. A closed storage stays closed."""
        if self._closed:
            raise StorageError("the storage is closed", backend=self.driver.backend)
        if not self._open:
            await self.driver.open()
            self._open = True

    async def close(self) -> None:
        """Give everything back; calling it again does nothing."""
        if not self._closed:
            self._closed = True
            await self.driver.close()

    def collection(self, name: str, schema: Schema) -> Collection:
        """The collection of that name for entities of that schema; no I/O."""
        check_collection(name)
        known = self._collections.get((name, schema))
        if known is None:
            for other, _ in self._collections:
                if other != name and other.lower() == name.lower():
                    raise ConfigurationError(
                        f"the collections {other!r} and {name!r} differ only in case; engines would merge them",
                        collection=name,
                    )
            codec: Codec[Any] = Codec(schema, json_documents=self.driver.json_documents)
            known = self._collections[name, schema] = Collection(name, schema, codec)
        return known

    async def ready(self) -> None:
        """Open, and ensure every collection that is known and not ensured yet."""
        await self.open()
        for collection in list(self._collections.values()):
            if collection.plan is None:
                await self.driver.ensure(collection)

    async def cursor_key(self) -> bytes:
        """The secret that signs cursors."""
        if self._cursor_key is None:
            await self.open()
            self._cursor_key = await self.driver.cursor_key()
        return self._cursor_key

    async def run(self, operation: Operation) -> Any:
        """The operation's result, within the current transaction where there is one."""
        if self._layered or operation.collection.plan is None or self._closed or _current.get() is not None:
            return await self._run(operation)
        # Where there is neither a layer nor a transaction, a read or write costs no more than this.
        return await self.driver.run(operation, None)

    async def _perform(self, operation: Operation) -> Any:
        transaction = self.transaction_now()
        if transaction is None:
            await self._ensure(operation.collection)
            return await self.driver.run(operation, None)
        session = transaction.session_for(operation)
        try:
            return await self.driver.run(operation, session)
        except StorageError as error:
            if error.dooms:
                transaction.doom(error)
            raise

    async def _ensure(self, collection: Collection) -> None:
        if collection.plan is None or self._closed:
            await self.open()
            await self.driver.ensure(collection)

    async def stream(self, operation: Scan) -> AsyncGenerator[list[Row], None]:
        """The rows in batches; within a transaction their collection must not be written to while the stream is open."""
        async with aclosing(self._stream(operation)) as batches:
            async for batch in batches:
                yield batch

    async def _perform_stream(self, operation: Scan) -> AsyncGenerator[list[Row], None]:
        transaction = self.transaction_now()
        session = None
        if transaction is None:
            await self._ensure(operation.collection)
        else:
            session = transaction.session_for(operation)
            transaction.count_stream(operation.collection, 1)
        try:
            async with aclosing(self.driver.stream(operation, session)) as batches:
                async for batch in batches:
                    yield batch
        except StorageError as error:
            if transaction is not None and error.dooms:
                transaction.doom(error)
            raise
        finally:
            if transaction is not None:
                transaction.count_stream(operation.collection, -1)

    def transaction_now(self) -> AsyncTransaction | None:
        """The transaction the caller is in; TransactionError where it was inherited from another task or thread."""
        transaction = _current.get()
        while transaction is not None and transaction.engine is not self:
            transaction = transaction.outer
        if transaction is not None and transaction.owner != self.owner():
            raise TransactionError(
                "this task or thread inherited a transaction that another one has open; "
                "do this work in the one that opened it, or start the other outside the transaction",
                backend=self.driver.backend,
            )
        return transaction

    def transaction(self, options: TransactionOptions) -> AsyncTransaction:
        """A scope to enter; nested in the current one where there is one."""
        return AsyncTransaction(self, options)


class _Root:
    """What all scopes of one transaction share."""

    __slots__ = ("doomed_by", "options", "session", "streams")

    def __init__(self, session: AsyncSession, options: TransactionOptions) -> None:
        self.session = session
        self.options = options
        self.doomed_by: StorageError | None = None
        self.streams: dict[Collection, int] = {}


class AsyncTransaction:
    """A scope: entered, it begins a transaction, or a nested part of the current one; left, it commits or rolls back.

    An error from the backend inside it dooms the whole transaction, even if it is caught: what the engine has refused once
    cannot be half-kept. Leaving a doomed scope normally raises TransactionError; an exception that leaves it propagates.
    """

    def __init__(self, engine: AsyncEngine, options: TransactionOptions) -> None:
        self.engine = engine
        self.owner: object = None
        self.outer: AsyncTransaction | None = None
        self._options = options
        self._root: _Root | None = None
        self._savepoint: str | None = None

    async def __aenter__(self) -> AsyncTransaction:
        if self._root is not None:
            raise self._error("a transaction scope is entered once; call transaction() again for another")
        engine, options = self.engine, self._options
        parent = engine.transaction_now()
        if parent is None:
            if options.isolation is Isolation.SERIALIZABLE:
                await engine.open()
                engine.driver.capabilities.require(Feature.SERIALIZABLE, operation="transaction")
            await engine.ready()
            self._root = _Root(await engine.driver.begin(options), options)
        else:
            root = parent.root()
            self._check_nested(root.options)
            self._savepoint = await root.session.savepoint()
            self._root = root
        self.owner = engine.owner()
        self.outer = _current.get()
        _current.set(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        root = self._root
        if root is None:
            raise self._error("the transaction scope was not entered")
        _current.set(self.outer)
        if self._savepoint is not None:
            await self._leave_nested(root, self._savepoint, error)
        elif error is not None or root.doomed_by is not None:
            await root.session.rollback()
        else:
            await root.session.commit()
        if error is None and root.doomed_by is not None:
            raise self._error("the transaction was rolled back: an operation in it had failed") from root.doomed_by

    async def _leave_nested(self, root: _Root, savepoint: str, error: BaseException | None) -> None:
        if root.doomed_by is not None:
            return
        try:
            if error is None:
                await root.session.release(savepoint)
            else:
                await root.session.rollback_to(savepoint)
        except StorageError as failure:
            self.doom(failure)
            raise

    def _check_nested(self, outer: TransactionOptions) -> None:
        inner = self._options
        if inner.isolation is Isolation.SERIALIZABLE and outer.isolation is not Isolation.SERIALIZABLE:
            raise self._error("a serializable scope cannot be nested in a transaction that is not")
        if outer.read_only and not inner.read_only:
            # A nested scope asks for nothing by default, so it is as read-only as the transaction it is part of.
            self._options = TransactionOptions(read_only=True, isolation=inner.isolation)

    def root(self) -> _Root:
        """What the scopes of this transaction share; TransactionError where it can take no more operations."""
        root = self._root
        if root is None:
            raise self._error("the transaction scope was not entered")
        if root.doomed_by is not None:
            raise self._error("the transaction can only be rolled back: an operation in it had failed") from root.doomed_by
        return root

    def session_for(self, operation: Operation | Scan) -> AsyncSession:
        """The session in which the operation may run.

        Raises:
            TransactionError: the scope is doomed or read-only, the collection is not ready, or a stream is open on it.
        """
        root = self.root()
        collection = operation.collection
        if collection.plan is None:
            raise self._error(
                f"the collection {collection.name!r} was first used inside a transaction; "
                "make its repository before the transaction begins"
            )
        if isinstance(operation, _WRITES):
            if root.options.read_only or self._options.read_only:
                raise self._error("the transaction is read-only")
            if root.streams.get(collection):
                raise self._error(f"a stream is open on {collection.name!r}: finish or close it before writing there")
        return root.session

    def count_stream(self, collection: Collection, by: int) -> None:
        """Note that a stream on the collection was opened or closed."""
        if self._root is not None:
            self._root.streams[collection] = self._root.streams.get(collection, 0) + by

    def doom(self, error: StorageError) -> None:
        """Note that the transaction cannot commit any more, and why."""
        if self._root is not None and self._root.doomed_by is None:
            self._root.doomed_by = error

    def _error(self, message: str) -> TransactionError:
        return TransactionError(message, backend=self.engine.driver.backend, operation="transaction")
