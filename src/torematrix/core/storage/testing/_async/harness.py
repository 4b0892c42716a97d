"""What every behaviour of the kit is given: an open storage, collections that nobody else uses, and company."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from ...capability import Feature, Support
from ...face._async.contract import AsyncRepository
from ...face._async.repository import AsyncStorageRepository
from ...face._async.storage import AsyncStorage
from ...model.markers import Index
from ..company import AsyncCompany

__all__ = ["AsyncKit"]

T = TypeVar("T")


class AsyncKit:
    """One open storage for many tests, each with collections of its own.

    Attributes:
        storage: the open storage.
        company: starts others beside the test.
        run: runs an awaitable to its end, for a test that is no coroutine itself because Hypothesis calls it.
    """

    def __init__(
        self, storage: AsyncStorage, new_url: Callable[[], str], run: Callable[[Awaitable[Any]], Any]
    ) -> None:
        self.storage = storage
        self.company = AsyncCompany()
        self.run = run
        self._new_url = new_url
        self._opened: list[AsyncStorage] = []
        self._prefix = f"kit_{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)

    def name(self) -> str:
        """The name of a collection that does not exist yet."""
        return f"{self._prefix}_{next(self._numbers)}"

    async def repository(
        self,
        entity_class: type[T],
        name: str | None = None,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
    ) -> AsyncStorageRepository[T]:
        """A repository that is ready, on a new collection unless one is named."""
        repository = self.storage.repository(
            entity_class, name or self.name(), indexes=indexes, searchable=searchable
        )
        await repository.ready()
        return repository

    async def documents(
        self,
        name: str | None = None,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
    ) -> AsyncStorageRepository[dict[str, Any]]:
        """The same for free-form documents."""
        entity_class: type[dict[str, Any]] = dict
        return await self.repository(entity_class, name, indexes=indexes, searchable=searchable)

    async def store(self, repository: AsyncRepository[T], entities: Iterable[Any]) -> list[T]:
        """Create these entities, in one write where the storage has such; for tests that are about something else."""
        if self.writes_together:
            return await repository.bulk_create(entities)
        return [await repository.create(entity) for entity in entities]

    async def clear(self, repository: AsyncRepository[Any]) -> None:
        """Delete every entity, likewise."""
        stored: list[Any] = await repository.list()
        ids = [str(_id_of(entity)) for entity in stored]
        if self.writes_together:
            await repository.bulk_delete(ids)
            return
        for entity_id in ids:
            await repository.delete(entity_id)

    @property
    def writes_together(self) -> bool:
        """Whether the storage takes writes of several entities at once; tests of those say what it does if not."""
        return self.storage.capabilities.features[Feature.BULK_WRITES].support is not Support.REFUSED

    def needs_snapshots(self) -> None:
        """Refuse what takes a snapshot where the storage has none, as one without transactions does."""
        self.storage.capabilities.require(Feature.TRANSACTIONS, operation="snapshot")

    async def fresh(self, **options: Any) -> AsyncStorage:
        """Another open storage, on a database of its own where the URL says how to get one; closed after the test."""
        storage = await AsyncStorage.open_awaited(self._new_url(), **options)
        self._opened.append(storage)
        return storage

    async def tidy(self) -> None:
        """Close what a test opened."""
        while self._opened:
            await self._opened.pop().close()


def _id_of(entity: Any) -> Any:
    attribute: Any = getattr(entity, "id", None)
    return entity["id"] if attribute is None else attribute
