"""The statements of reading operations, complete with their parameters."""

from __future__ import annotations

from ...query.conditions import TRUE
from ...query.operations import Count, Find, Scan
from .compile import Parameter, Sql, compile_condition, compile_order
from .plan import TablePlan

__all__ = ["count_statement", "find_statement", "scan_statement", "where_clause"]


def where_clause(operation: Find | Scan | Count, plan: TablePlan, sql: Sql) -> str:
    """The WHERE clause, empty where everything matches."""
    if operation.condition is TRUE:
        return ""
    sql.trigram = plan.trigram_candidate
    return f" WHERE {compile_condition(operation.condition, sql)}"


def find_statement(operation: Find, plan: TablePlan, sql: Sql | None = None) -> tuple[str, list[Parameter]]:
    """A page of rows, or all of them."""
    sql = sql or Sql()
    text = f"SELECT {plan.select} FROM {plan.table}{where_clause(operation, plan, sql)}"
    text += f" ORDER BY {compile_order(operation.sort)}"
    if operation.limit is not None or operation.offset:
        limit = sql.bind(-1 if operation.limit is None else operation.limit)
        text += f" LIMIT {limit} OFFSET {sql.bind(operation.offset)}"
    return text, sql.parameters


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
