"""Pages by position: which operations fill one, and the cursors at its edges. No colour, no I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..errors import InvalidQueryError
from ..model.codec import Row
from ..query.conditions import Condition, all_of
from ..query.cursors import (
    SearchEdge,
    SortEdge,
    fingerprint,
    fingerprint_of_list,
    open_cursor,
    seal_cursor,
    segments_after,
)
from ..query.filters import CursorPage, CursorPagination
from ..query.operations import Collection, Find, Found, Ranked, Search
from ..query.orders import Order
from .arguments import SearchRequest

__all__ = ["SearchPager", "SortPager"]

T = TypeVar("T")


class SortPager:
    """One page along a sort: asks for operations until it is full, then gives the page.

    One entity more than the page holds is asked for, to know whether there is a next page.
    """

    def __init__(
        self,
        collection: Collection,
        condition: Condition,
        order: Order,
        page: CursorPagination,
        key: bytes,
    ) -> None:
        self._collection = collection
        self._place = order.place
        self._limit = page.limit
        self._key = key
        self._query = fingerprint_of_list(collection.name, condition, order)
        self._backwards = page.before is not None
        self._walk = order.backwards if self._backwards else order
        self._started = page.after is not None or self._backwards
        self._rows: list[Row] = []
        cursor = page.before if self._backwards else page.after
        self._pending = [condition]
        if cursor is not None:
            edge = open_cursor(cursor, key, self._query)
            if not isinstance(edge, SortEdge):
                raise InvalidQueryError("the cursor cannot be used: it belongs to a search")
            self._pending = [
                all_of([condition, segment]) for segment in segments_after(self._walk, edge.values)
            ]

    def next_operation(self) -> Find | None:
        """What to ask for next; None when the page is complete."""
        wanted = self._limit + 1 - len(self._rows)
        if wanted <= 0 or not self._pending:
            return None
        return Find(self._collection, self._pending.pop(0), self._walk, wanted, 0, False)

    def take(self, found: Found) -> None:
        """The answer to the last operation."""
        self._rows.extend(found.rows)

    def page(self, decode: Callable[[Row], T]) -> CursorPage[T]:
        """The page."""
        more = len(self._rows) > self._limit
        rows = self._rows[: self._limit]
        if self._backwards:
            rows.reverse()
        has_next, has_previous = (self._started, more) if self._backwards else (more, self._started)
        return CursorPage(
            [decode(row) for row in rows],
            self._cursor(rows[-1]) if rows and has_next else None,
            self._cursor(rows[0]) if rows and has_previous else None,
        )

    def _cursor(self, row: Row) -> str:
        return seal_cursor(SortEdge(self._query, self._place(row)), self._key)


class SearchPager:
    """One page along the relevance of a search; it only goes forward, scored as its first page was."""

    def __init__(self, request: SearchRequest, page: CursorPagination, key: bytes) -> None:
        if page.before is not None:
            raise InvalidQueryError("a search is paged forward only; keep the pages already seen")
        self._request = request
        self._limit = page.limit
        self._key = key
        self._query = fingerprint(request.collection.name, request.query, request.fields, request.condition)
        self._ranked: Ranked | None = None
        self._edge: SearchEdge | None = None
        if page.after is not None:
            edge = open_cursor(page.after, key, self._query)
            if not isinstance(edge, SearchEdge):
                raise InvalidQueryError("the cursor cannot be used: it belongs to a list")
            self._edge = edge

    def operation(self) -> Search:
        """What to ask for."""
        edge = self._edge
        return self._request.operation(
            self._limit + 1,
            0,
            with_total=False,
            after=None if edge is None else (edge.score, edge.id),
            statistics=None if edge is None else edge.statistics,
        )

    def take(self, ranked: Ranked) -> None:
        """The answer."""
        self._ranked = ranked

    def page(self, make: Callable[[int, Row], T]) -> CursorPage[T]:
        """The page."""
        ranked = self._ranked
        if ranked is None:
            return CursorPage([], None, None)
        rows = ranked.rows[: self._limit]
        following = None
        if len(ranked.rows) > self._limit:
            score, row = rows[-1]
            statistics = ranked.statistics
            edge = SearchEdge(
                self._query,
                score,
                str(row[0]),
                statistics.documents,
                statistics.length,
                statistics.frequencies,
            )
            following = seal_cursor(edge, self._key)
        return CursorPage([make(score, row) for score, row in rows], following, None)
