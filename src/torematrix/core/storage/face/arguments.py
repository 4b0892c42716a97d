"""Arguments of repository methods, checked and made into what operations hold. No colour, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec

from ..core.options import Isolation, TransactionOptions
from ..errors import ConfigurationError, InvalidEntityError, InvalidQueryError
from ..model.codec import Row
from ..model.kinds import Kind
from ..model.schema import Schema
from ..query.aggregates import finish, measure_of, read_value
from ..query.conditions import Condition
from ..query.filters import CursorPagination, Filters, Pagination, SearchHit, SortBy, SortOrder
from ..query.normalise import condition_of, sort_of
from ..query.operations import Aggregate, Collection, Group, Scan, Search, SearchStatistics
from ..query.resolve import resolve, sortable
from ..query.rows import text_reader
from ..query.search import SearchQuery, parse_search
from ..query.snippets import highlight

__all__ = [
    "Aggregation",
    "SearchRequest",
    "aggregation_of",
    "collect",
    "file_path",
    "id_text",
    "id_texts",
    "limits_of",
    "named",
    "numbered",
    "scan_of",
    "search_request",
    "transaction_options",
]

T = TypeVar("T")
_LARGEST_BATCH = 1_000_000


def id_text(schema: Schema, entity_id: object) -> str | None:
    """The id as it is stored; None where no stored entity can have it."""
    if isinstance(entity_id, str):
        if not entity_id or "\x00" in entity_id:
            return None
        if not entity_id.isascii():
            try:
                entity_id.encode()
            except UnicodeEncodeError:
                return None
        scalar = schema.id.scalar
        if scalar is not None and scalar.kind is Kind.UUID:
            return _uuid_text(entity_id)
        return entity_id if type(entity_id) is str else str.__str__(entity_id)
    return str(entity_id) if isinstance(entity_id, UUID) else None


def _uuid_text(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def id_texts(schema: Schema, entity_ids: object) -> tuple[str, ...]:
    """These ids as they are stored, each once, without those no entity can have."""
    if isinstance(entity_ids, (str, bytes, Mapping)) or not isinstance(entity_ids, Iterable):
        raise InvalidQueryError("takes a list of ids")
    known = dict.fromkeys(id_text(schema, entity_id) for entity_id in cast("Iterable[object]", entity_ids))
    return tuple(key for key in known if key is not None)


def collect(entities: object) -> list[Any]:
    """The entities as a list; a single entity or a mapping is refused."""
    if isinstance(entities, (str, bytes, Mapping)) or not isinstance(entities, Iterable):
        raise InvalidEntityError("takes a list of entities")
    return list(cast("Iterable[object]", entities))


def file_path(path: object) -> Path:
    """The path of a file, given as text or a Path; ConfigurationError for what names none."""
    if not isinstance(path, (str, Path)):
        raise ConfigurationError(f"a path is text or a Path, and not {type(path).__name__}")
    made = Path(path)
    if not made.name or "\0" in made.name:
        raise ConfigurationError("the path names no file")
    return made


def numbered(entities: Sequence[T], encode: Callable[[T], Row]) -> tuple[Row, ...]:
    """The rows of all entities; an error says which entity it is about, counted from 1."""
    rows: list[Row] = []
    for at, entity in enumerate(entities, 1):
        try:
            rows.append(encode(entity))
        except InvalidEntityError as error:
            raise InvalidEntityError(
                f"entity {at} of {len(entities)}: {error}; nothing was stored",
                path=error.path,
                operation=error.operation,
                collection=error.collection,
            ) from None
    return tuple(rows)


def named(rows: Sequence[Row]) -> None:
    """Refuse an id that stands twice among rows to update."""
    seen: dict[object, int] = {}
    for at, row in enumerate(rows, 1):
        first = seen.setdefault(row[0], at)
        if first != at:
            raise InvalidEntityError(
                f"entities {first} and {at} have the same id {row[0]!r}; nothing was stored", path="id"
            )


def limits_of(pagination: Pagination | CursorPagination | None) -> tuple[int | None, int]:
    """The limit and offset of a page by number; (None, 0) for everything."""
    if pagination is None:
        return None, 0
    if not isinstance(pagination, Pagination):
        raise InvalidQueryError("pagination is a Pagination or a CursorPagination")
    return pagination.limit, pagination.offset


def transaction_options(*, read_only: bool, isolation: str) -> TransactionOptions:
    """How a transaction is to be begun; an isolation may be given by its value."""
    try:
        return TransactionOptions(read_only=read_only, isolation=Isolation(isolation))
    except ValueError:
        raise InvalidQueryError(
            f"{isolation!r} is no isolation; there are {', '.join(repr(each.value) for each in Isolation)}"
        ) from None


def scan_of(
    collection: Collection,
    /,
    filters: Filters = None,
    sort_by: SortBy = None,
    sort_order: SortOrder = SortOrder.ASC,
    batch_size: int = 1000,
) -> Scan:
    """The operation behind a stream.

    Raises:
        InvalidQueryError: a filter or a sort key is not acceptable, or the batch size is no sensible int.
    """
    condition = condition_of(collection.schema, filters)
    sort = sort_of(collection.schema, sort_by, sort_order)
    if type(batch_size) is not int or not 1 <= batch_size <= _LARGEST_BATCH:
        raise InvalidQueryError(f"batch_size is an int from 1 to {_LARGEST_BATCH:,}")
    return Scan(collection, condition, sort, batch_size)


class Aggregation(msgspec.Struct, frozen=True):
    """An aggregate operation, and the names under which its results go."""

    operation: Aggregate
    keys: tuple[str, ...]
    names: tuple[str, ...]

    def results(self, groups: Iterable[Group]) -> list[dict[str, Any]]:
        """The groups as the caller gets them."""
        measures = self.operation.measures
        results: list[dict[str, Any]] = []
        for keys, values in groups:
            result: dict[str, Any] = {
                name: read_value(target, key)
                for name, target, key in zip(self.keys, self.operation.group, keys, strict=True)
            }
            finished = (finish(measure, value) for measure, value in zip(measures, values, strict=True))
            result.update(zip(self.names, finished, strict=True))
            results.append(result)
        return results


def aggregation_of(
    collection: Collection,
    filters: Filters,
    group_by: str | Iterable[str] | None,
    measures: Mapping[str, object],
) -> Aggregation:
    """The aggregation asked for.

    Raises:
        InvalidQueryError: a filter is not acceptable, a field is not a declared scalar, a measure is none, or two
            results have one name.
    """
    schema = collection.schema
    condition = condition_of(schema, filters)
    paths = _group_paths(group_by)
    if not measures:
        raise InvalidQueryError("aggregate needs at least one measure, such as total=Count()")
    if len(set(paths)) != len(paths) or set(paths) & set(measures):
        raise InvalidQueryError("aggregate results need different names")
    group = tuple(sortable(schema, path, "group") for path in paths)
    asked = tuple(measure_of(schema, measure) for measure in measures.values())
    return Aggregation(Aggregate(collection, condition, group, asked), paths, tuple(measures))


def _group_paths(group_by: object) -> tuple[str, ...]:
    if group_by is None:
        return ()
    if isinstance(group_by, str):
        return (group_by,)
    if not isinstance(group_by, Iterable) or isinstance(group_by, (bytes, Mapping)):
        raise InvalidQueryError("group_by is a field name or a list of them")
    paths = list(cast("Iterable[object]", group_by))
    for path in paths:
        if not isinstance(path, str):
            raise InvalidQueryError("a field is named by a str")
    return tuple(cast("list[str]", paths))


class SearchRequest(msgspec.Struct, frozen=True):
    """A search with everything in it resolved."""

    collection: Collection
    query: SearchQuery
    fields: tuple[tuple[str, int], ...]
    condition: Condition

    @property
    def finds_nothing(self) -> bool:
        """Whether the answer is empty whatever is stored."""
        return self.query.is_empty

    def operation(
        self,
        limit: int | None,
        offset: int,
        *,
        with_total: bool,
        after: tuple[int, str] | None = None,
        statistics: SearchStatistics | None = None,
    ) -> Search:
        """The operation for one page of it."""
        return Search(
            self.collection,
            self.query,
            self.fields,
            self.condition,
            limit,
            offset,
            with_total,
            after,
            statistics,
        )

    def entity(self, score: int, row: Row) -> Any:
        """The found entity."""
        return self.collection.codec.decode(row)

    def hit(self, score: int, row: Row) -> SearchHit[Any]:
        """The found entity with its score and the extracts in which words of the query are marked."""
        schema = self.collection.schema
        snippets: dict[str, str] = {}
        for path, _ in self.fields:
            text = text_reader(schema, resolve(schema, path).target)(row)
            snippet = highlight(text, self.query) if text else None
            if snippet is not None:
                snippets[path] = snippet
        return SearchHit(self.entity(score, row), score, snippets)


def search_request(
    collection: Collection, query: object, fields: Iterable[str] | None, filters: Filters
) -> SearchRequest:
    """The search asked for.

    Raises:
        InvalidQueryError: the query is not text, a field is not searchable, or a filter is not acceptable.
    """
    schema = collection.schema
    if not isinstance(query, str):
        raise InvalidQueryError("a search query is a str")
    if not schema.searchable:
        raise InvalidQueryError(
            f"nothing in {schema.entity_class.__name__} is searchable: declare a str field, or name fields with "
            "searchable=[...]",
            collection=collection.name,
        )
    return SearchRequest(
        collection, parse_search(query), _searched(schema, fields), condition_of(schema, filters)
    )


def _searched(schema: Schema, fields: object) -> tuple[tuple[str, int], ...]:
    if fields is None:
        return schema.searchable
    if isinstance(fields, (str, bytes)) or not isinstance(fields, Iterable):
        raise InvalidQueryError("fields is a list of field names")
    wanted = list(cast("Iterable[object]", fields))
    weights = dict(schema.searchable)
    for name in wanted:
        if not isinstance(name, str) or name not in weights:
            raise InvalidQueryError(f"not a searchable field; the searchable fields are {', '.join(weights)}")
    if not wanted:
        raise InvalidQueryError("fields names at least one searchable field; None means all of them")
    return tuple((path, weight) for path, weight in schema.searchable if path in wanted)
