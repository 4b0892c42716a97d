"""The statements of reading operations, complete with their parameters."""

from __future__ import annotations

from typing import Final

from ...query.operations import Count, Find, Scan
from .._sql.statements import count_text, rows_text
from .compile import Parameter, Sql, compile_order
from .plan import TablePlan

__all__ = ["count_statement", "find_statement", "scan_statement"]

_SMALL_PAGE: Final = 200
"""Up to so many rows a page is sorted by its keys; of larger ones too few rows are left out to gain by it."""


def find_statement(operation: Find, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """A page of rows, or all of them."""
    sql = sql or Sql()
    rows = rows_text(operation, plan, sql)
    limit = operation.limit
    if limit is None and not operation.offset:
        return f"SELECT {plan.select} FROM {rows}", sql.parameters
    page = f"{rows} LIMIT {sql.bind(-1 if limit is None else limit)} OFFSET {sql.bind(operation.offset)}"
    if limit is None or limit > _SMALL_PAGE or operation.sort[0].target.text in plan.ordered:
        return f"SELECT {plan.select} FROM {page}", sql.parameters
    # SQLite sorts whole rows: where it has to sort, it finds the page by keys alone, and then the page's rows.
    order = compile_order(operation.sort)
    return (
        f"SELECT {plan.select} FROM {plan.table} WHERE seq IN (SELECT seq FROM {page}) ORDER BY {order}",
        sql.parameters,
    )


def scan_statement(operation: Scan, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """All rows, to be read bit by bit."""
    sql = sql or Sql()
    return f"SELECT {plan.select} FROM {rows_text(operation, plan, sql)}", sql.parameters


def count_statement(operation: Count, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """How many rows there are."""
    sql = sql or Sql()
    return count_text(operation, plan, sql), sql.parameters
