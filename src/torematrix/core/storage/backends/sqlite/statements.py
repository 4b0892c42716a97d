"""The statements of reading operations, complete with their parameters."""

from __future__ import annotations

from typing import Final

from ...query.conditions import TRUE
from ...query.operations import Count, Find, Scan
from .compile import Parameter, Sql, compile_condition, compile_order
from .plan import TablePlan

__all__ = ["count_statement", "find_statement", "scan_statement", "where_clause"]

_SMALL_PAGE: Final = 200
"""Up to so many rows a page is sorted by its keys; of larger ones too few rows are left out to gain by it."""


def where_clause(operation: Find | Scan | Count, plan: TablePlan, sql: Sql) -> str:
    """The WHERE clause, empty where everything matches."""
    if operation.condition is TRUE:
        return ""
    sql.trigram = plan.trigram_candidate
    return f" WHERE {compile_condition(operation.condition, sql)}"


def find_statement(operation: Find, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """A page of rows, or all of them."""
    sql = sql or Sql()
    order = f" ORDER BY {compile_order(operation.sort)}"
    rows = f"{plan.table}{where_clause(operation, plan, sql)}{order}"
    limit = operation.limit
    if limit is None and not operation.offset:
        return f"SELECT {plan.select} FROM {rows}", sql.parameters
    page = f"{rows} LIMIT {sql.bind(-1 if limit is None else limit)} OFFSET {sql.bind(operation.offset)}"
    if limit is None or limit > _SMALL_PAGE or operation.sort[0].target.text in plan.ordered:
        return f"SELECT {plan.select} FROM {page}", sql.parameters
    # SQLite sorts whole rows: where it has to sort, it finds the page by keys alone, and then the page's rows.
    return (
        f"SELECT {plan.select} FROM {plan.table} WHERE seq IN (SELECT seq FROM {page}){order}",
        sql.parameters,
    )


def scan_statement(operation: Scan, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """All rows, to be read bit by bit."""
    sql = sql or Sql()
    where = where_clause(operation, plan, sql)
    return (
        f"SELECT {plan.select} FROM {plan.table}{where} ORDER BY {compile_order(operation.sort)}",
        sql.parameters,
    )


def count_statement(operation: Count, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """How many rows there are."""
    sql = sql or Sql()
    return f"SELECT count(*) FROM {plan.table}{where_clause(operation, plan, sql)}", sql.parameters
