# generated from _async/harness.py by tools/generate_twins.py: do not edit
"""What every behaviour of the kit is given: an open storage, collections that nobody else uses, and company."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ...capability import Feature, Support
from ...face._sync.contract import Repository
from ...face._sync.repository import StorageRepository
from ...face._sync.storage import Storage
from ...model.markers import Index
from ..company import Company

__all__ = ["Kit"]

T = TypeVar("T")


class Kit:
    """One open storage for many tests, each with collections of its own.

    Attributes:
        storage: the open storage.
        company: starts others beside the test.
        run: runs an awaitable to its end, for a test that is no coroutine itself because Hypothesis calls it.
    """

    def __init__(self, storage: Storage, new_url: Callable[[], str], run: Callable[[Any], Any]) -> None:
        self.storage = storage
        self.company = Company()
        self.run = run
        self._new_url = new_url
        self._opened: list[Storage] = []
        self._prefix = f"kit_{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)

    def name(self) -> str:
        """The name of a collection that does not exist yet."""
        return f"{self._prefix}_{next(self._numbers)}"

    def repository(
        self,
        entity_class: type[T],
        name: str | None = None,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
    ) -> StorageRepository[T]:
        """A repository that is ready, on a new collection unless one is named."""
        repository = self.storage.repository(
            entity_class, name or self.name(), indexes=indexes, searchable=searchable
        )
        repository.ready()
        return repository

    def documents(
        self,
        name: str | None = None,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
    ) -> StorageRepository[dict[str, Any]]:
        """The same for free-form documents."""
        entity_class: type[dict[str, Any]] = dict
        return self.repository(entity_class, name, indexes=indexes, searchable=searchable)

    def store(self, repository: Repository[T], entities: Iterable[Any]) -> list[T]:
        """Create these entities, in one write where the storage has such; for tests that are about something else."""
        if self.writes_together:
            return repository.bulk_create(entities)
        return [repository.create(entity) for entity in entities]

    def clear(self, repository: Repository[Any]) -> None:
        """Delete every entity, likewise."""
        stored: list[Any] = repository.list()
        ids = [str(_id_of(entity)) for entity in stored]
        if self.writes_together:
            repository.bulk_delete(ids)
            return
        for entity_id in ids:
            repository.delete(entity_id)

    @property
    def writes_together(self) -> bool:
        """Whether the storage takes writes of several entities at once; tests of those say what it does if not."""
        return self.storage.capabilities.features[Feature.BULK_WRITES].support is not Support.REFUSED

    def needs_snapshots(self) -> None:
        """Refuse what takes a snapshot where the storage has none, as one without transactions does."""
        self.storage.capabilities.require(Feature.TRANSACTIONS, operation="snapshot")

    def fresh(self, **options: Any) -> Storage:
        """Another open storage, on a database of its own where the URL says how to get one; closed after the test."""
        storage = Storage.open(self._new_url(), **options)
        self._opened.append(storage)
        return storage

    def tidy(self) -> None:
        """Close what a test opened."""
        while self._opened:
            self._opened.pop().close()


def _id_of(entity: Any) -> Any:
    attribute: Any = getattr(entity, "id", None)
    return entity["id"] if attribute is None else attribute
