"""One open database, and the repositories on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from ...capability import Capabilities, Feature
from ...core._async.engine import AsyncEngine, AsyncTransaction
from ...core._async.layers import AsyncLayer
from ...core.observing import Observer, Observers
from ...core.options import Isolation, Progress
from ...errors import ConfigurationError, InvalidQueryError, StorageError
from ...model.markers import Index
from ...model.schema import schema_of
from ...model.stored import stored_schema
from ...model.upgrades import Upgrade
from ..arguments import file_path, transaction_options
from ..owners import current_owner
from ..registry import Backend, backend_of_config, loaded
from ..retries import retrying
from ..sources import config_from_url
from .repositories import repository_class
from .repository import AsyncStorageRepository

__all__ = ["AsyncStorage"]

T = TypeVar("T")
R = TypeVar("R")


class AsyncStorage:
    """One database: opened by its first use at the latest, shared by its repositories, closed once.

    Args:
        config: the configuration of a backend, such as SQLiteConfig.
        layers: what every operation passes through, outermost first.
        observers: who is told what the storage does, such as those of ``torematrix.core.storage.telemetry``.
    """

    def __init__(
        self, config: Any, *, layers: Sequence[AsyncLayer] = (), observers: Sequence[Observer] = ()
    ) -> None:
        backend: Backend = backend_of_config(config)
        make: Callable[[Any], Any] = loaded(backend.async_driver, backend)
        watching = Observers(observers, perf_counter) if observers else None
        self._engine = AsyncEngine(make(config), layers, current_owner, watching)
        self._config = config
        self.backend = backend.name

    # [sync-skip-start]
    @classmethod
    def open(
        cls,
        url: str,
        *,
        layers: Sequence[AsyncLayer] = (),
        observers: Sequence[Observer] = (),
        **options: object,
    ) -> AsyncOpening:
        """Open a database by its URL, to be awaited or entered.

        ``storage = await AsyncStorage.open(url)``, or ``async with AsyncStorage.open(url) as storage``.

        Args:
            url: such as ``sqlite:///data/app.db`` (relative), ``sqlite:////srv/app.db`` (absolute),
                ``postgresql://user@host/database``, ``mongodb://host/database`` or ``memory://``.
            layers: what every operation passes through, outermost first.
            observers: who is told what the storage does: see the constructor.
            options: the backend's options, which override those in the URL.

        Raises:
            ConfigurationError: the URL or an option is not acceptable.
            UnavailableError, PermissionDeniedError, CorruptionError: the database cannot be opened.
        """
        return AsyncOpening(cls(config_from_url(url, options), layers=layers, observers=observers))

    # [sync-skip-end]

    @classmethod
    async def open_awaited(
        cls,
        url: str,
        *,
        layers: Sequence[AsyncLayer] = (),
        observers: Sequence[Observer] = (),
        **options: object,
    ) -> Self:
        """Open a database by its URL.

        Args:
            url: such as ``sqlite:///data/app.db`` (relative), ``sqlite:////srv/app.db`` (absolute),
                ``postgresql://user@host/database``, ``mongodb://host/database`` or ``memory://``.
            layers: what every operation passes through, outermost first.
            observers: who is told what the storage does: see the constructor.
            options: the backend's options, which override those in the URL.

        Raises:
            ConfigurationError: the URL or an option is not acceptable.
            UnavailableError, PermissionDeniedError, CorruptionError: the database cannot be opened.
        """
        return await cls(config_from_url(url, options), layers=layers, observers=observers).connect()

    async def connect(self) -> Self:
        """Open the database now, rather than at the first use."""
        await self._engine.open()
        return self

    @property
    def closed(self) -> bool:
        """Whether the storage has been closed."""
        return self._engine.closed

    async def close(self) -> None:
        """Give everything back; open transactions are rolled back. Calling it again does nothing."""
        await self._engine.close()

    async def __aenter__(self) -> Self:
        await self._engine.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._config!r}>"

    @overload
    def repository(
        self,
        entity_class: type[dict[Any, Any]],
        collection_name: str | None = None,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
        upgrade: Upgrade | None = None,
    ) -> AsyncStorageRepository[dict[str, Any]]: ...
    @overload
    def repository(
        self,
        entity_class: type[T],
        collection_name: str | None = None,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
        upgrade: Upgrade | None = None,
    ) -> AsyncStorageRepository[T]: ...
    def repository(
        self,
        entity_class: type[Any],
        collection_name: str | None = None,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
        upgrade: Upgrade | None = None,
    ) -> AsyncStorageRepository[Any]:
        """The entities of this class in that collection; no I/O.

        Args:
            entity_class: a dataclass, msgspec Struct, pydantic model, attrs class, or dict for free-form documents.
            collection_name: None for the class's name in lower case with an s.
            indexes: compound indexes, and typed paths inside documents.
            searchable: for free-form documents, the paths that ``search`` looks at, each a path or (path, weight).
            upgrade: for a class whose version before is in use beside it, how the one goes on from the other.

        Raises:
            ConfigurationError: the class or the name is not acceptable.
        """
        schema = schema_of(entity_class, indexes=indexes, searchable=searchable, upgrade=upgrade)
        name = collection_name if collection_name is not None else f"{entity_class.__name__.lower()}s"
        return repository_class(self.backend)(self._engine, self._engine.collection(name, schema), self)

    async def stored_repository(self, collection_name: str) -> AsyncStorageRepository[dict[str, Any]]:
        """The entities of a collection that is stored here, as dicts, without the class they are of.

        Filters, sorts, pages, searches and aggregates are as with the class, and nothing that is stored is left out. An
        Enum comes as its value, an inner class as a dict. Entities can be deleted; writing them takes the class, unless
        the collection is free-form.

        Raises:
            ConfigurationError: there is no such collection.
        """
        description = (await self.collections()).get(collection_name)
        if description is None:
            raise ConfigurationError(
                "there is no such collection", backend=self.backend, collection=collection_name
            )
        schema = stored_schema(collection_name, description)
        return repository_class(self.backend)(
            self._engine, self._engine.collection(collection_name, schema), self
        )

    def transaction(
        self, *, read_only: bool = False, isolation: Isolation = Isolation.SNAPSHOT
    ) -> AsyncTransaction:
        """A scope in which everything on every repository of this storage happens, or nothing."""
        return self._engine.transaction(transaction_options(read_only=read_only, isolation=isolation))

    async def run_in_transaction(
        self,
        function: Callable[[], Awaitable[R]],
        *,
        attempts: int = 10,
        deadline: float = 30.0,
        isolation: Isolation = Isolation.SNAPSHOT,
    ) -> R:
        """The result of the function, run in a transaction of its own, again in a fresh one after a passing failure.

        Inside another transaction there can be no fresh one: it is run once, as a part of that, which can be run again.

        Args:
            function: may run several times; everything it does outside the storage happens each time.
            attempts: how often at most.
            deadline: seconds after which no further attempt is made.
            isolation: as for ``transaction``.
        """
        if not callable(function):
            raise InvalidQueryError("what is run in a transaction is a function", operation="transaction")
        observers = self._engine.observers
        nested = self._engine.transaction_now() is not None
        async for attempt in retrying(attempts, deadline, again=not nested):
            if observers is not None and attempt.num > 1:
                observers.retry(self.backend, attempt.num)
            with attempt:
                async with self.transaction(isolation=isolation):
                    return await function()
        raise StorageError("the transaction was never attempted", backend=self.backend)

    async def commit_outcome(self, token: str) -> bool | None:
        """Whether the transaction was committed whose outcome was not known; None where nobody knows any more.

        A transaction that is still open by then is rolled back, so that the answer is final.

        Args:
            token: of the ``CommitUnknown``, also of another process. MongoDB forgets after half an hour.

        Raises:
            InvalidQueryError: it is no token of this backend.
            UnavailableError: the server cannot be asked now.
        """
        if not isinstance(token, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidQueryError("a token is the text that a CommitUnknown gave", backend=self.backend)
        await self._engine.open()
        return await self._engine.driver.commit_outcome(token)

    @property
    def capabilities(self) -> Capabilities:
        """What this engine, in this deployment, can do; known once it is open."""
        return self._engine.driver.capabilities

    @property
    def native(self) -> Any:
        """The engine's own handle inside the current transaction; TransactionError outside one."""
        return self._engine.native()

    async def ready(self) -> None:
        """Open, and prepare every repository made so far."""
        await self._engine.ready()

    async def health(self) -> dict[str, Any]:
        """A round trip to the engine; raises when it does not answer."""
        await self._engine.open()
        return await self._engine.driver.health()

    async def collections(self) -> dict[str, dict[str, Any]]:
        """The collections stored here, by name, each with its schema as plain data."""
        return await self._engine.collections()

    @property
    def engine(self) -> AsyncEngine:
        """What the storage and its repositories work on."""
        return self._engine

    async def backup(self, path: str | Path, *, progress: Progress | None = None) -> dict[str, Any]:
        """Write a consistent copy to a new file while others read and write; its manifest.

        Raises:
            UnsupportedError: the engine has no file to copy.
            ConfigurationError: the path names no file.
        """
        await self._require(Feature.BACKUP, "backup")
        return await self._engine.driver.backup(file_path(path), progress)

    async def check(self) -> list[str]:
        """Examine the whole database; what is wrong with it, nothing when it is sound."""
        await self._require(Feature.CHECK, "check")
        return await self._engine.driver.check()

    async def vacuum(self, *, full: bool = False) -> dict[str, Any]:
        """Give free space back; bytes before and after.

        Args:
            full: rewrite the whole file, which needs as much space again.
        """
        await self._require(Feature.VACUUM, "vacuum")
        return await self._engine.driver.vacuum(full)

    async def statistics(self) -> dict[str, Any]:
        """Sizes and counts of what is stored."""
        await self._engine.open()
        return await self._engine.driver.statistics()

    async def _require(self, feature: Feature, operation: str) -> None:
        await self._engine.open()
        self._engine.driver.capabilities.require(feature, operation=operation)


# [sync-skip-start]
class AsyncOpening:
    """A storage about to be opened: await it, or enter it."""

    def __init__(self, storage: AsyncStorage) -> None:
        self._storage = storage

    def __await__(self) -> Generator[Any, None, AsyncStorage]:
        return self._storage.connect().__await__()

    async def __aenter__(self) -> AsyncStorage:
        return await self._storage.connect()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._storage.close()


# [sync-skip-end]
