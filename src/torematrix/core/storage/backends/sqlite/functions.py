"""What SQLite calls back for: the rules it has no exact form of, answered by the reference's own code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import apsw
import msgspec

from ...model.kinds import Canonical, Kind
from ...query.aggregates import FloatSum, exact_sum
from ...query.evaluate import same
from ...query.patterns import LikePattern, like_matcher
from ...query.regex import parse_regex, regex_matcher

__all__ = ["register"]


@functools.lru_cache(maxsize=256)
def _operand(text: str) -> Canonical:
    operand: Canonical = msgspec.json.decode(text)
    return operand


def _same(value: str | None, operand: str) -> int | None:
    return None if value is None else int(same(msgspec.json.decode(value), _operand(operand)))


@functools.lru_cache(maxsize=256)
def _like_matcher(pattern: str, fold: int) -> Callable[[str], bool]:
    return like_matcher(msgspec.json.decode(pattern, type=LikePattern), fold=bool(fold))


def _like(value: str | None, pattern: str, fold: int) -> int | None:
    return None if value is None else int(_like_matcher(pattern, fold)(value))


@functools.lru_cache(maxsize=256)
def _regex_matcher(pattern: str, flags: str) -> Callable[[str], bool]:
    return regex_matcher(parse_regex(pattern, flags))


def _regex(value: str | None, pattern: str, flags: str) -> int | None:
    return None if value is None else int(_regex_matcher(pattern, flags)(value))


class _FloatTotal:
    """The aggregate that ``math.fsum`` is the reference of."""

    def __init__(self) -> None:
        self._total = FloatSum()
        self._any = False

    def step(self, value: float | None) -> None:
        if value is not None:
            self._any = True
            self._total.add(value)

    def final(self) -> float | None:
        return self._total.total() if self._any else None


class _DecimalTotal:
    """The exact sum of ordered texts, as plain decimal text."""

    def __init__(self) -> None:
        self._values: list[str] = []
        self._total: str | None = None

    def step(self, value: str | None) -> None:
        if value is not None:
            self._values.append(value)

    def final(self) -> str | None:
        total, _ = exact_sum(Kind.DECIMAL, self._values)
        return None if total is None else str(total)


def _search_totals(api: apsw.FTS5ExtensionApi) -> str:
    """The number of rows of an FTS5 table, and of the words in each of its columns, as JSON."""
    return msgspec.json.encode([api.row_count, *map(api.column_total_size, range(api.column_count))]).decode()


def _search_visit(api: Any, visit: Callable[[Any, int], bool], length: int) -> bool:
    """Hands each match to the function that the search has bound."""
    return visit(api, length)


def register(connection: apsw.Connection) -> None:
    """Make the functions known to a connection; direct statements alone may call them, never a stored schema."""
    scalars: tuple[tuple[str, Callable[..., Any], int], ...] = (
        ("torematrix_same", _same, 2),
        ("torematrix_like", _like, 3),
        ("torematrix_regex", _regex, 3),
    )
    for name, function, arity in scalars:
        connection.create_scalar_function(
            name, function, arity, deterministic=True, flags=apsw.SQLITE_DIRECTONLY
        )
    for name, aggregate in (("torematrix_fsum", _FloatTotal), ("torematrix_sum", _DecimalTotal)):
        connection.create_aggregate_function(name, aggregate, 1, flags=apsw.SQLITE_DIRECTONLY)
    # Of these two there is no direct-only form: they give what FTS5 itself would, and call what is bound beside them.
    connection.register_fts5_function("torematrix_totals", _search_totals)
    connection.register_fts5_function("torematrix_visit", _search_visit)
