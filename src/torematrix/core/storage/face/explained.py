"""The operations that repository methods would send, for ``explain``. No colour, no I/O."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from ..errors import InvalidQueryError
from ..query.filters import CursorPagination, Filters, Pagination, SortBy, SortOrder
from ..query.normalise import condition_of, sort_of
from ..query.operations import Aggregate, Collection, Count, Fetch, Find, Operation, Scan, Search
from .arguments import aggregation_of, limits_of, scan_of, search_request

__all__ = ["explained"]


def explained(collection: Collection, operation: str, arguments: dict[str, Any]) -> Operation | Scan:
    """The operation that this method would send, given these arguments.

    Raises:
        InvalidQueryError: there is no such method, or it does not take the arguments.
    """
    build = _BUILD.get(operation)
    if build is None:
        raise InvalidQueryError(f"explain knows {', '.join(_BUILD)}")
    method = partial(build, collection)
    try:
        inspect.signature(method).bind(**arguments)
    except TypeError as error:
        raise InvalidQueryError(f"explain({operation!r}): {error}") from None
    return method(**arguments)


def _list(
    collection: Collection,
    /,
    filters: Filters = None,
    sort_by: SortBy = None,
    sort_order: SortOrder = SortOrder.ASC,
    pagination: Pagination | CursorPagination | None = None,
) -> Find:
    condition = condition_of(collection.schema, filters)
    sort = sort_of(collection.schema, sort_by, sort_order)
    if isinstance(pagination, CursorPagination):
        return Find(collection, condition, sort, pagination.limit + 1, 0, False)
    limit, offset = limits_of(pagination)
    return Find(collection, condition, sort, limit, offset, pagination is not None)


def _count(collection: Collection, /, filters: Filters = None) -> Count:
    return Count(collection, condition_of(collection.schema, filters))


def _get(collection: Collection, /, entity_id: str = "") -> Fetch:
    return Fetch(collection, str(entity_id))


def _search(
    collection: Collection,
    /,
    query: str,
    fields: Iterable[str] | None = None,
    pagination: Pagination | None = None,
    filters: Filters = None,
) -> Search:
    limit, offset = limits_of(pagination)
    request = search_request(collection, query, fields, filters)
    return request.operation(limit, offset, with_total=pagination is not None)


def _aggregate(
    collection: Collection,
    /,
    filters: Filters = None,
    group_by: str | Iterable[str] | None = None,
    **measures: object,
) -> Aggregate:
    return aggregation_of(collection, filters, group_by, measures).operation


_BUILD: Final[dict[str, Callable[..., Operation | Scan]]] = {
    "list": _list,
    "count": _count,
    "get": _get,
    "search": _search,
    "stream": scan_of,
    "aggregate": _aggregate,
}
