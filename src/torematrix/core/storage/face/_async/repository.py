"""The repository over any driver: arguments become operations, rows become entities."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, suppress
from functools import cached_property
from typing import Any, TypeVar, cast

from ...capability import Feature
from ...core._async.engine import AsyncEngine, AsyncTransaction
from ...core.options import Explanation, Isolation, Progress
from ...core.upgrading import UpgradingCodec
from ...errors import ConfigurationError, InvalidEntityError, NotFoundError, StorageError
from ...model.kinds import INT64_MAX, INT64_MIN
from ...query.aggregates import Measured
from ...query.conditions import Condition
from ...query.filters import (
    CursorPagination,
    Filters,
    PaginatedResult,
    Pagination,
    SortBy,
    SortOrder,
)
from ...query.normalise import condition_of, sort_of
from ...query.operations import (
    Collection,
    Count,
    Fetch,
    FetchMany,
    Find,
    Found,
    Insert,
    Patch,
    Ranked,
    Remove,
    Replace,
    Upsert,
)
from ...query.orders import Order
from ...query.replacing import RowRules
from ..arguments import (
    SearchRequest,
    aggregation_of,
    collect,
    id_text,
    id_texts,
    limits_of,
    named,
    numbered,
    scan_of,
    search_request,
    transaction_options,
)
from ..explained import explained
from ..ids import new_id, now_text
from ..pages import SearchPager, SortPager
from .contract import AsyncRepository

__all__ = ["AsyncStorageRepository", "own_repository"]

T = TypeVar("T")


class AsyncStorageRepository(AsyncRepository[T]):
    """The entities of one class in one collection of an open storage.

    Made by ``storage.repository``; making one does no I/O.
    """

    def __init__(self, engine: AsyncEngine, collection: Collection, storage: object = None) -> None:
        self._engine = engine
        self._storage = storage  # lives as long as its repositories, so that others find and share it
        self._collection = collection
        self._schema = collection.schema
        self._codec = collection.codec
        self._decode: Callable[[Any], T] = collection.codec.decode
        self.entity_class = cast("type[T]", collection.schema.entity_class)
        self.collection_name = collection.name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.entity_class.__name__} in {self.collection_name!r}>"

    async def create(self, entity: T) -> T:
        row = self._codec.row_to_create(entity, now_text(), new_id)
        await self._engine.run(Insert(self._collection, (row,)))
        return self._decode(row)

    async def get(self, entity_id: str) -> T | None:
        key = id_text(self._schema, entity_id)
        if key is None:
            return None
        row = await self._engine.run(Fetch(self._collection, key))
        return None if row is None else self._decode(row)

    async def get_many(self, entity_ids: Iterable[str]) -> builtins.list[T]:
        ids = id_texts(self._schema, entity_ids)
        if not ids:
            return []
        rows = await self._engine.run(FetchMany(self._collection, ids))
        found = {row[0]: row for row in rows}
        return [self._decode(found[key]) for key in ids if key in found]

    async def update(self, entity: T) -> T:
        row = self._codec.row_to_replace(entity, now_text())
        rows = await self._engine.run(Replace(self._collection, (row,)))
        return self._decode(rows[0])

    async def patch(self, entity_id: str, /, **changes: Any) -> T:
        key = id_text(self._schema, entity_id)
        if key is None:
            raise InvalidEntityError(
                "no entity can have such an id", operation="patch", collection=self.collection_name
            )
        expected = self._expected_revision(changes)
        canonical = self._codec.values(changes)
        schema = self._schema
        if schema.updated is not None and schema.updated.name not in canonical:
            canonical[schema.updated.name] = now_text()
        known = tuple(
            (schema.by_name[name], value) for name, value in canonical.items() if name in schema.by_name
        )
        extras = {name: value for name, value in canonical.items() if name not in schema.by_name}
        patch = Patch(self._collection, key, known, extras, expected)
        if self._codec.may_refuse:
            await self._check_patched(patch)
        return self._decode(await self._engine.run(patch))

    async def _check_patched(self, patch: Patch) -> None:
        """Let the class refuse what the patch would make of the entity as it is now; nothing is stored then."""
        row = await self._engine.run(Fetch(self._collection, patch.id))
        if row is not None:
            self._codec.check_made(self._rules.patched(row, patch))

    @cached_property
    def _rules(self) -> RowRules:
        return RowRules(self.collection_name, self._schema, json_documents=self._engine.driver.json_documents)

    def _expected_revision(self, changes: dict[str, Any]) -> int | None:
        revision = self._schema.revision
        if revision is None or revision.name not in changes:
            return None
        expected = changes.pop(revision.name)
        if type(expected) is not int:
            raise InvalidEntityError("a revision is an int", path=revision.name, operation="patch")
        if not INT64_MIN <= expected < INT64_MAX:
            raise InvalidEntityError(
                "the revision has no successor within 64 bits", path=revision.name, operation="patch"
            )
        return expected

    async def upsert(self, entity: T) -> T:
        now = now_text()
        inserted = self._codec.row_to_create(entity, now, new_id)
        if not self._codec.id_of(entity):
            await self._engine.run(Insert(self._collection, (inserted,)))
            return self._decode(inserted)
        replacing = self._codec.row_to_replace(entity, now)
        return self._decode(await self._engine.run(Upsert(self._collection, inserted, replacing)))

    async def delete(self, entity_id: str) -> bool:
        key = id_text(self._schema, entity_id)
        return key is not None and bool(await self._engine.run(Remove(self._collection, (key,))))

    async def _list(
        self,
        filters: Filters,
        sort_by: SortBy,
        sort_order: SortOrder,
        pagination: Pagination | CursorPagination | None,
    ) -> Any:
        condition = condition_of(self._schema, filters)
        sort = sort_of(self._schema, sort_by, sort_order)
        if isinstance(pagination, CursorPagination):
            return await self._cursor_page(condition, sort, pagination)
        limit, offset = limits_of(pagination)
        find = Find(self._collection, condition, sort, limit, offset, pagination is not None)
        found: Found = await self._engine.run(find)
        items = [self._decode(row) for row in found.rows]
        if pagination is None:
            return items
        return PaginatedResult(items, found.total or 0, pagination.page, pagination.per_page)

    async def _cursor_page(self, condition: Condition, order: Order, page: CursorPagination) -> Any:
        pager = SortPager(self._collection, condition, order, page, await self._engine.cursor_key())
        while (find := pager.next_operation()) is not None:
            pager.take(await self._engine.run(find))
        return pager.page(self._decode)

    async def find_one(
        self, filters: Filters = None, sort_by: SortBy = None, sort_order: SortOrder = SortOrder.ASC
    ) -> T | None:
        condition = condition_of(self._schema, filters)
        find = Find(self._collection, condition, sort_of(self._schema, sort_by, sort_order), 1, 0, False)
        found: Found = await self._engine.run(find)
        return self._decode(found.rows[0]) if found.rows else None

    async def stream(
        self,
        filters: Filters = None,
        sort_by: SortBy = None,
        sort_order: SortOrder = SortOrder.ASC,
        batch_size: int = 1000,
    ) -> AsyncGenerator[T, None]:
        scan = scan_of(self._collection, filters, sort_by, sort_order, batch_size)
        async with aclosing(self._engine.stream(scan)) as batches:
            async for batch in batches:
                for row in batch:
                    yield self._decode(row)

    async def backfill(self, *, batch_size: int = 1000, progress: Progress | None = None) -> int:
        """Store the new values of every entity that the version before has written last; how many there were.

        Others may read and write meanwhile, with either version. Where the version before goes on writing there will
        be more to do later; a reader is given the right values all along. Revisions count what is stored.

        Args:
            batch_size: how many entities are read at a time.
            progress: told how many entities were looked at, and how many there were in the beginning.

        Raises:
            ConfigurationError: the repository has no upgrade.
            InvalidEntityError: a function of the upgrade failed; what was stored until then stays.
        """
        codec, schema = self._codec, self._schema
        if not isinstance(codec, UpgradingCodec):
            raise ConfigurationError(
                "the repository was made without an upgrade", collection=self.collection_name
            )
        total = await self.count() if progress is not None else 0
        done = seen = 0
        scan = scan_of(self._collection, None, None, SortOrder.ASC, batch_size)
        async with aclosing(self._engine.stream(scan)) as batches:
            async for batch in batches:
                for row in batch:
                    made = codec.remade(row)
                    if made is None:
                        continue
                    changes = tuple((field, made[field.key]) for field in schema.fields if field.key in made)
                    with suppress(NotFoundError):  # somebody has just deleted it
                        await self._engine.run(Patch(self._collection, row[0], changes, {}, None))
                        done += 1
                seen += len(batch)
                if progress is not None:
                    progress(seen, max(seen, total))
        return done

    async def count(self, filters: Filters = None) -> int:
        counted: int = await self._engine.run(Count(self._collection, condition_of(self._schema, filters)))
        return counted

    async def exists(self, entity_id: str) -> bool:
        key = id_text(self._schema, entity_id)
        return key is not None and await self._engine.run(Fetch(self._collection, key)) is not None

    async def _search(
        self,
        query: str,
        fields: Iterable[str] | None,
        pagination: Pagination | CursorPagination | None,
        filters: Filters,
        with_hits: bool,
    ) -> Any:
        request = search_request(self._collection, query, fields, filters)
        make = request.hit if with_hits else request.entity
        if isinstance(pagination, CursorPagination):
            return await self._search_by_cursor(request, pagination, make)
        limit, offset = limits_of(pagination)
        if request.finds_nothing:
            ranked: Ranked | None = None
        else:
            ranked = await self._engine.run(
                request.operation(limit, offset, with_total=pagination is not None)
            )
        items = [make(score, row) for score, row in ranked.rows] if ranked is not None else []
        if pagination is None:
            return items
        total = (ranked.total or 0) if ranked is not None else 0
        return PaginatedResult(items, total, pagination.page, pagination.per_page)

    async def _search_by_cursor(
        self, request: SearchRequest, page: CursorPagination, make: Callable[[int, Any], Any]
    ) -> Any:
        pager = SearchPager(request, page, await self._engine.cursor_key())
        if not request.finds_nothing:
            pager.take(await self._engine.run(pager.operation()))
        return pager.page(make)

    async def aggregate(
        self,
        /,
        filters: Filters = None,
        group_by: str | Iterable[str] | None = None,
        **measures: Measured,
    ) -> builtins.list[dict[str, Any]]:
        asked = aggregation_of(self._collection, filters, group_by, measures)
        return asked.results(await self._engine.run(asked.operation))

    async def explain(self, operation: str = "list", /, **arguments: Any) -> Explanation:
        key = await self._engine.cursor_key()
        return await self._engine.explain(explained(self._collection, operation, arguments, key))

    async def bulk_create(self, entities: Iterable[T]) -> builtins.list[T]:
        await self._engine.require(Feature.BULK_WRITES, "bulk_create")
        given = collect(entities)
        now = now_text()
        codec = self._codec
        rows = numbered(given, lambda entity: codec.row_to_create(entity, now, new_id))
        if rows:
            await self._engine.run(Insert(self._collection, rows))
        return [self._decode(row) for row in rows]

    async def bulk_update(self, entities: Iterable[T]) -> builtins.list[T]:
        await self._engine.require(Feature.BULK_WRITES, "bulk_update")
        given = collect(entities)
        now = now_text()
        codec = self._codec
        rows = numbered(given, lambda entity: codec.row_to_replace(entity, now))
        named(rows)
        if not rows:
            return []
        stored = await self._engine.run(Replace(self._collection, rows))
        return [self._decode(row) for row in stored]

    async def bulk_delete(self, entity_ids: Iterable[str]) -> int:
        await self._engine.require(Feature.BULK_WRITES, "bulk_delete")
        ids = id_texts(self._schema, entity_ids)
        if not ids:
            return 0
        removed: int = await self._engine.run(Remove(self._collection, ids))
        return removed

    def transaction(
        self, *, read_only: bool = False, isolation: Isolation = Isolation.SNAPSHOT
    ) -> AsyncTransaction:
        return self._engine.transaction(transaction_options(read_only=read_only, isolation=isolation))

    @property
    def native(self) -> Any:
        return self._engine.native()

    @property
    def engine(self) -> AsyncEngine:
        """What the repository works on; repositories of one storage share it."""
        return self._engine

    @property
    def collection(self) -> Collection:
        """The collection as the engine knows it."""
        return self._collection

    async def ready(self) -> None:
        """Open the storage and prepare the collection now, rather than at the first use."""
        await self._engine.ready()
        if self._collection.plan is None:
            raise StorageError("the collection could not be prepared", collection=self.collection_name)


def own_repository(repository: AsyncRepository[T]) -> AsyncStorageRepository[T]:
    """The repository itself; ConfigurationError for what does not work on a storage of this library."""
    if not isinstance(repository, AsyncStorageRepository):
        raise ConfigurationError(f"a {type(repository).__name__} does not work on a storage of this library")
    return repository
