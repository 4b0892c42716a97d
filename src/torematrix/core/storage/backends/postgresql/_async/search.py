"""Full-text search: two statements in one snapshot, the numbers that scores depend on and the page.

The statements are made in ``scoring``. ``search_index`` keeps the index in step with the rows; what it offers is
offered here too, as one port for the driver.
"""

from __future__ import annotations

import functools
from typing import Any, Final

from ....errors import ConflictError
from ....query.conditions import TRUE
from ....query.operations import Ranked, Search, SearchStatistics
from ....query.relevance import average_length, word_factor
from ..compile import Sql
from ..errors import BACKEND
from ..plan import TablePlan
from ..scoring import Asked, Weighing
from .connection import AsyncLink
from .search_index import (
    add,
    create,
    declared_alike,
    drop,
    fold,
    insert,
    is_current,
    rebuild,
    remove,
    replace,
)
from .statements import fetch

__all__ = [
    "add",
    "create",
    "drop",
    "fold",
    "insert",
    "is_current",
    "rebuild",
    "remove",
    "replace",
    "run",
    "statements",
]

_factor: Final = functools.lru_cache(maxsize=1_024)(word_factor)  # a logarithm to 34 digits

_RARE: Final = 500
"""Up to so many occurrences of words, any plan is as good as another, and planning takes longer than running."""
_CROWDED: Final = 300
"""Above so many rows of totals, which every search adds up, they are folded."""


async def run(connection: AsyncLink, operation: Search) -> Ranked:
    """The page of matches, in the snapshot that the caller has begun."""
    plan: TablePlan = operation.collection.plan
    asked = Asked(plan, operation)
    with declared_alike(plan):
        statistics = await _statistics(connection, plan, asked)
        if operation.query.is_empty:
            return Ranked([], 0 if operation.with_total else None, statistics)
        statement, parameters = asked.page(_weighing(statistics), Sql())
        # Not prepared, unless all words are rare: a plan depends on how frequent they are.
        prepare = None if sum(statistics.frequencies) <= _RARE and operation.condition is TRUE else False
        # psycopg wants a literal string, against injection; statements are made in ``scoring``, and all values bound.
        await connection.kept.execute(statement, parameters, prepare=prepare)  # pyright: ignore[reportArgumentType]
        found = await connection.kept.fetchall()
    total = int(found[0][0]) if operation.with_total else None
    if operation.with_total:
        found = [row[1:] for row in found if row[1] is not None]
    rows = plan.rows([row[1:] for row in found])
    return Ranked(list(zip([int(row[0]) for row in found], rows, strict=True)), total, statistics)


async def _statistics(connection: AsyncLink, plan: TablePlan, asked: Asked) -> SearchStatistics:
    given = asked.operation.statistics
    statement, parameters = asked.counting() if given is None else (asked.index.kept, [])
    found = await fetch(connection, statement, parameters)
    if not found or not found[0][0]:
        # There is always a row of totals; so all are younger than what this transaction sees, and so are the words.
        raise ConflictError(
            f"the search index of {plan.collection!r} was made anew since the transaction began; run it again",
            backend=BACKEND,
            collection=plan.collection,
        )
    if given is not None:
        return given
    asked.index.crowded = found[0][0] > _CROWDED
    return asked.statistics(found[0])


def _weighing(statistics: SearchStatistics) -> Weighing:
    average = average_length(statistics.length, statistics.documents)
    factors = [_factor(statistics.documents, df, average) for df in statistics.frequencies]
    return Weighing(factors, average, statistics)


def statements(operation: Search, sql: Sql) -> list[tuple[str, list[Any]]]:
    """The statements of a search with their parameters, as they would be where every word stood in one document."""
    plan: TablePlan = operation.collection.plan
    asked = Asked(plan, operation)
    counting = asked.counting()
    if operation.query.is_empty:
        return [counting]
    statistics = operation.statistics or SearchStatistics(1, 1, tuple(1 for _ in operation.query.words))
    return [counting, asked.page(_weighing(statistics), sql)]
