"""The operations that repository methods would send, for ``explain``. No colour, no I/O."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from ..errors import InvalidQueryError
from ..query.conditions import FALSE
from ..query.filters import CursorPagination, Filters, Pagination, SortBy, SortOrder
from ..query.normalise import condition_of, sort_of
from ..query.operations import Aggregate, Collection, Count, Fetch, Find, Operation, Scan, Search
from .arguments import aggregation_of, id_text, limits_of, scan_of, search_request
from .pages import SearchPager, SortPager

__all__ = ["explained"]


def explained(
    collection: Collection, operation: str, arguments: dict[str, Any], key: bytes
) -> Operation | Scan:
    """The operation that this method would send (the first, where a page takes several), given these arguments.

    Args:
        collection: what the method works on.
        operation: the name of the method.
        arguments: its arguments.
        key: the secret that signs cursors.

    Raises:
        InvalidQueryError: there is no such method, or it does not take the arguments.
    """
    build = _BUILD.get(operation) if type(operation) is str else None
    if build is None:
        raise InvalidQueryError(f"explain knows {', '.join(_BUILD)}")
    method = partial(build, collection, key)
    try:
        inspect.signature(method).bind(**arguments)
    except TypeError as error:
        raise InvalidQueryError(f"explain({operation!r}): {error}") from None
    return method(**arguments)


def _list(
    collection: Collection,
    key: bytes,
    /,
    filters: Filters = None,
    sort_by: SortBy = None,
    sort_order: SortOrder = SortOrder.ASC,
    pagination: Pagination | CursorPagination | None = None,
) -> Find:
    condition = condition_of(collection.schema, filters)
    sort = sort_of(collection.schema, sort_by, sort_order)
    if isinstance(pagination, CursorPagination):
        page = SortPager(collection, condition, sort, pagination, key).next_operation()
        # Behind some edges nothing can stand, and nothing would be sent.
        return page or Find(collection, FALSE, sort, pagination.limit, 0, False)
    limit, offset = limits_of(pagination)
    return Find(collection, condition, sort, limit, offset, pagination is not None)


def _count(collection: Collection, _key: bytes, /, filters: Filters = None) -> Count:
    return Count(collection, condition_of(collection.schema, filters))


def _get(collection: Collection, _key: bytes, /, entity_id: str) -> Fetch:
    # An id that no entity can have is not looked for at all; how another would be is what there is to show.
    return Fetch(collection, id_text(collection.schema, entity_id) or "")


def _stream(
    collection: Collection,
    _key: bytes,
    /,
    filters: Filters = None,
    sort_by: SortBy = None,
    sort_order: SortOrder = SortOrder.ASC,
    batch_size: int = 1000,
) -> Scan:
    return scan_of(collection, filters, sort_by, sort_order, batch_size)


def _search(
    collection: Collection,
    key: bytes,
    /,
    query: str,
    fields: Iterable[str] | None = None,
    pagination: Pagination | CursorPagination | None = None,
    filters: Filters = None,
    with_hits: bool = False,
) -> Search:
    del with_hits  # what is sent is the same
    request = search_request(collection, query, fields, filters)
    if isinstance(pagination, CursorPagination):
        return SearchPager(request, pagination, key).operation()
    limit, offset = limits_of(pagination)
    return request.operation(limit, offset, with_total=pagination is not None)


def _aggregate(
    collection: Collection,
    _key: bytes,
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
    "stream": _stream,
    "aggregate": _aggregate,
}
