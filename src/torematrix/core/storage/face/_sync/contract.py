# generated from _async/contract.py by tools/generate_twins.py: do not edit
"""The contract every repository fulfils, on every engine.

The same program gives the same answer whatever is behind it; what an engine cannot do is refused with a typed error,
and never answered differently.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager
from typing import Any, Generic, Literal, TypeVar, overload

from ...core.options import Explanation, Isolation
from ...query.aggregates import Measured
from ...query.filters import (
    CursorPage,
    CursorPagination,
    Filters,
    PaginatedResult,
    Pagination,
    SearchHit,
    SortBy,
    SortOrder,
)

__all__ = ["Repository"]

T = TypeVar("T")


class Repository(ABC, Generic[T]):
    """The entities of one class in one collection.

    Every write returns exactly what ``get`` would return, and never changes what it is given. Errors are
    ``StorageError``; bad input is refused before the engine is touched.

    Attributes:
        entity_class: the class of the entities.
        collection_name: the name of their collection.
    """

    entity_class: type[T]
    collection_name: str

    @abstractmethod
    def create(self, entity: T) -> T:
        """Store a new entity.

        An id that is None or "" is filled with a UUIDv7, ``created_at`` and ``updated_at`` with the time where they are
        None, a declared revision with 1.

        Raises:
            DuplicateError: its id, or the value of a unique field, is there already.
            InvalidEntityError: a value is not of its declared type, or cannot be stored.
        """

    @abstractmethod
    def get(self, entity_id: str) -> T | None:
        """The entity with that id; None where there is none, or where no entity can have such an id."""

    @abstractmethod
    def get_many(self, entity_ids: Iterable[str]) -> builtins.list[T]:
        """The entities with these ids that exist, in the order of the ids, each once."""

    @abstractmethod
    def update(self, entity: T) -> T:
        """Replace the stored entity of the same id; the stored ``created_at`` is kept, ``updated_at`` set.

        Keys that the entity class does not know are kept. A declared revision is guarded: it must be the stored one.

        Raises:
            NotFoundError: no entity has its id.
            ConflictError: the stored entity has another revision.
            DuplicateError: another entity has the same value of a unique field.
            InvalidEntityError: it has no id, or a value that cannot be stored.
        """

    @abstractmethod
    def patch(self, entity_id: str, /, **changes: Any) -> T:
        """Replace top-level values of one entity, atomically; a revision given is the one it must have.

        Raises:
            NotFoundError, ConflictError, DuplicateError, InvalidEntityError: as ``update``.
        """

    @abstractmethod
    def upsert(self, entity: T) -> T:
        """Create the entity or, where its id exists, update it: atomically, and by id alone.

        Raises:
            ConflictError, DuplicateError, InvalidEntityError: as ``create`` and ``update``.
        """

    @abstractmethod
    def delete(self, entity_id: str) -> bool:
        """Delete the entity with that id; whether there was one."""

    @overload
    def list(
        self,
        filters: Filters = None,
        sort_by: SortBy = None,
        sort_order: SortOrder = SortOrder.ASC,
        pagination: None = None,
    ) -> builtins.list[T]: ...
    @overload
    def list(
        self,
        filters: Filters = None,
        sort_by: SortBy = None,
        sort_order: SortOrder = SortOrder.ASC,
        *,
        pagination: Pagination,
    ) -> PaginatedResult[T]: ...
    @overload
    def list(
        self,
        filters: Filters = None,
        sort_by: SortBy = None,
        sort_order: SortOrder = SortOrder.ASC,
        *,
        pagination: CursorPagination,
    ) -> CursorPage[T]: ...
    def list(
        self,
        filters: Filters = None,
        sort_by: SortBy = None,
        sort_order: SortOrder = SortOrder.ASC,
        pagination: Pagination | CursorPagination | None = None,
    ) -> Any:
        """The entities that match, in a total order: by the sort keys, then by id.

        Args:
            filters: a condition, or a list of which all must hold; None matches everything.
            sort_by: a field, or a list of fields and (field, SortOrder) pairs. None sorts by id.
            sort_order: the direction of the fields that come without one.
            pagination: None for a list of all; ``Pagination`` for a PaginatedResult, whose total is read in the same
                snapshot; ``CursorPagination`` for a CursorPage, whose cost does not grow with its distance.

        Raises:
            InvalidQueryError: a name, an operator, an operand, a sort key or a cursor is not acceptable.
        """
        return self._list(filters, sort_by, sort_order, pagination)

    @abstractmethod
    def _list(
        self,
        filters: Filters,
        sort_by: SortBy,
        sort_order: SortOrder,
        pagination: Pagination | CursorPagination | None,
    ) -> Any:
        """What ``list`` gives; apart from it so that its overloads are written once."""

    @abstractmethod
    def find_one(
        self, filters: Filters = None, sort_by: SortBy = None, sort_order: SortOrder = SortOrder.ASC
    ) -> T | None:
        """The first entity that matches, in that order; None where none does."""

    @abstractmethod
    def stream(
        self,
        filters: Filters = None,
        sort_by: SortBy = None,
        sort_order: SortOrder = SortOrder.ASC,
        batch_size: int = 1000,
    ) -> Generator[T, None, None]:
        """The entities that match, one by one, from one snapshot, in bounded memory: ``batch_size`` at a time."""

    @abstractmethod
    def count(self, filters: Filters = None) -> int:
        """How many entities match."""

    @abstractmethod
    def exists(self, entity_id: str) -> bool:
        """Whether there is an entity with that id."""

    @overload
    def search(
        self,
        query: str,
        fields: Iterable[str] | None = None,
        pagination: None = None,
        *,
        filters: Filters = None,
        with_hits: Literal[False] = False,
    ) -> builtins.list[T]: ...
    @overload
    def search(
        self,
        query: str,
        fields: Iterable[str] | None = None,
        *,
        pagination: Pagination,
        filters: Filters = None,
        with_hits: Literal[False] = False,
    ) -> PaginatedResult[T]: ...
    @overload
    def search(
        self,
        query: str,
        fields: Iterable[str] | None = None,
        *,
        pagination: CursorPagination,
        filters: Filters = None,
        with_hits: Literal[False] = False,
    ) -> CursorPage[T]: ...
    @overload
    def search(
        self,
        query: str,
        fields: Iterable[str] | None = None,
        pagination: None = None,
        *,
        filters: Filters = None,
        with_hits: Literal[True],
    ) -> builtins.list[SearchHit[T]]: ...
    @overload
    def search(
        self,
        query: str,
        fields: Iterable[str] | None = None,
        *,
        pagination: Pagination,
        filters: Filters = None,
        with_hits: Literal[True],
    ) -> PaginatedResult[SearchHit[T]]: ...
    @overload
    def search(
        self,
        query: str,
        fields: Iterable[str] | None = None,
        *,
        pagination: CursorPagination,
        filters: Filters = None,
        with_hits: Literal[True],
    ) -> CursorPage[SearchHit[T]]: ...
    def search(
        self,
        query: str,
        fields: Iterable[str] | None = None,
        pagination: Pagination | CursorPagination | None = None,
        *,
        filters: Filters = None,
        with_hits: bool = False,
    ) -> Any:
        """The entities in which the query is found, most relevant first; equal ones by id.

        Words are all required; ``"a phrase"``, ``prefix*``, ``-word`` and ``OR`` mean what they look like, and nothing
        a user types is an error. What is found, its score and its order are the same on every engine.

        Args:
            query: the user's text.
            fields: the searchable fields to look at; None for all of them.
            pagination: as in ``list``.
            filters: a condition that found entities must also meet.
            with_hits: give SearchHit values, with the score and marked extracts, in place of entities.
        """
        return self._search(query, fields, pagination, filters, with_hits)

    @abstractmethod
    def _search(
        self,
        query: str,
        fields: Iterable[str] | None,
        pagination: Pagination | CursorPagination | None,
        filters: Filters,
        with_hits: bool,
    ) -> Any:
        """What ``search`` gives; apart from it so that its overloads are written once."""

    @abstractmethod
    def aggregate(
        self,
        /,
        filters: Filters = None,
        group_by: str | Iterable[str] | None = None,
        **measures: Measured,
    ) -> builtins.list[dict[str, Any]]:
        """Measures over the entities that match: one dict a group, in the order of the groups' keys.

        Args:
            filters: a condition.
            group_by: declared scalar fields; without any there is one group, even of nothing.
            measures: results by name, each a Count(), Sum(field), Avg(field), Min(field) or Max(field).
        """

    @abstractmethod
    def explain(self, operation: str = "list", /, **arguments: Any) -> Explanation:
        """What a method with these arguments would send, and the engine's plan for it; nothing is changed.

        Args:
            operation: ``list``, ``count``, ``search``, ``aggregate``, ``get`` or ``stream``.
            arguments: those of the method, by name.

        Raises:
            InvalidQueryError: there is no such method, or it does not take the arguments.
        """

    @abstractmethod
    def bulk_create(self, entities: Iterable[T]) -> builtins.list[T]:
        """Store new entities, all or none, in their order; an error names the entity it is about."""

    @abstractmethod
    def bulk_update(self, entities: Iterable[T]) -> builtins.list[T]:
        """Update entities, all or none, in their order; one that is stale, unknown, repeated or invalid stops all."""

    @abstractmethod
    def bulk_delete(self, entity_ids: Iterable[str]) -> int:
        """Delete the entities with these ids; how many there were."""

    @abstractmethod
    def transaction(
        self, *, read_only: bool = False, isolation: Isolation = Isolation.SNAPSHOT
    ) -> AbstractContextManager[Any]:
        """A scope whose operations, on every repository of the same storage, happen all or not at all.

        It commits when it is left normally and rolls back when an exception leaves it. Scopes nest: an inner one that
        an exception leaves undoes just its own writes. An error of the engine inside dooms the whole transaction.
        """

    @property
    @abstractmethod
    def native(self) -> Any:
        """The engine's own handle inside the current transaction; TransactionError outside one."""

    def __iter__(self) -> Generator[T, None, None]:
        """All entities, by id."""
        for entity in self.stream():
            yield entity
