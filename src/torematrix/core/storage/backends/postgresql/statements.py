"""The statements of reading operations, complete with their parameters."""

from __future__ import annotations

from ...query.operations import Count, Find, Scan
from .._sql.compile import Parameter
from .._sql.statements import count_text, rows_text, where_clause
from .compile import Sql
from .plan import TablePlan

__all__ = ["count_statement", "find_statement", "page_statement", "scan_statement"]


def find_statement(operation: Find, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """A page of rows, or all of them."""
    sql = sql or Sql()
    text = f"SELECT {plan.select} FROM {rows_text(operation, plan, sql)}"
    if operation.limit is not None:
        text += f" LIMIT {sql.bind(str(operation.limit))}"
    if operation.offset:
        text += f" OFFSET {sql.bind(str(operation.offset))}"
    return text, sql.parameters


def page_statement(operation: Find, plan: TablePlan) -> tuple[str, list[Parameter]]:
    """A page of rows, at least one, and behind the last of a full page how many rows match.

    PostgreSQL counts when it is asked for the number, so it does not where the page ends before its limit.
    """
    sql = Sql()
    matching = f"{plan.table}{where_clause(operation.condition, plan, sql)}"
    limit = sql.bind(str(operation.limit))
    rows = f"SELECT {plan.select} FROM {matching} ORDER BY {sql.order(operation.sort)} LIMIT {limit}"
    if operation.offset:
        rows += f" OFFSET {sql.bind(str(operation.offset))}"
    total = f"CASE WHEN row_number() OVER () = {limit} THEN (SELECT count(*) FROM {matching}) END"
    return f"SELECT {plan.select}, {total} FROM ({rows}) AS page", sql.parameters


def scan_statement(operation: Scan, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """All rows, to be read bit by bit."""
    sql = sql or Sql()
    return f"SELECT {plan.select} FROM {rows_text(operation, plan, sql)}", sql.parameters


def count_statement(operation: Count, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """How many rows there are."""
    sql = sql or Sql()
    return count_text(operation, plan, sql), sql.parameters
