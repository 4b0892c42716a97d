"""The statements of reading operations, as far as they are the same on every SQL engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ...query.conditions import TRUE, Condition
from ...query.operations import Count, Find, Scan
from .compile import Compiler

__all__ = ["Table", "count_text", "rows_text", "where_clause"]


class Table(Protocol):
    """What a statement needs to know of a collection's table.

    Attributes:
        table: its quoted name.
        select: the columns of a row, comma-separated.
        trigram_candidate: what the substring indexes know of a condition; None where there are none.
    """

    table: str
    select: str
    trigram_candidate: Callable[[Any, Any, Any], str | None] | None


def where_clause(condition: Condition, plan: Table, sql: Compiler) -> str:
    """The WHERE clause with its leading blank, empty where everything matches."""
    if condition is TRUE:
        return ""
    sql.trigram = plan.trigram_candidate
    return f" WHERE {sql.condition(condition)}"


def rows_text(operation: Find | Scan, plan: Table, sql: Compiler) -> str:
    """All rows that match, in order, as far as FROM and what follows it go."""
    return f"{plan.table}{where_clause(operation.condition, plan, sql)} ORDER BY {sql.order(operation.sort)}"


def count_text(operation: Count, plan: Table, sql: Compiler) -> str:
    """How many rows match."""
    return f"SELECT count(*) FROM {plan.table}{where_clause(operation.condition, plan, sql)}"
