"""Aggregates in one statement: what SQLite's own functions do exactly, and the library's where they do not."""

from __future__ import annotations

from typing import Any, Final

import apsw

from ...model.kinds import CanonicalScalar, Kind, parse_ordered
from ...query.conditions import Target
from ...query.operations import Aggregate, AggregateFunction, Group, Total
from .._sql.aggregate import Measuring, aggregate_text, groups_of, kind_of
from .._sql.compile import Compiler
from .compile import Parameter, Sql, value_expression
from .plan import TablePlan

__all__ = ["aggregate_statement", "run"]

_HALF: Final = 32
_MASK: Final = 2**32 - 1


class _SQLiteMeasuring(Measuring):
    """How SQLite measures."""

    def value(self, target: Target) -> str:
        return value_expression(target)

    def group_key(self, target: Target) -> str:
        # Of equal values with different digits (1.0, 1.00) the smallest text stands for the group, as everywhere.
        return f"min({value_expression(target)})" if target.ordered_text else value_expression(target)

    def extreme(self, function: AggregateFunction, target: Target) -> str:
        return f"{function.value}({value_expression(target)})"

    def sums(self, target: Target, sql: Compiler) -> list[str]:
        value, kind = value_expression(target), kind_of(target)
        if kind in (Kind.INT, Kind.TIMEDELTA):
            # sum() fails where it overflows; the halves of 2**31 values do not, and their total is exact.
            return [f"sum({value} >> {_HALF})", f"sum({value} & {_MASK})"]
        sql.emulated.append(
            "sums and averages of floats and decimals are computed by the library, row by row"
        )
        return [f"torematrix_fsum({value})" if kind is Kind.FLOAT else f"torematrix_sum({value})"]

    def canonical(self, target: Target, value: Any) -> CanonicalScalar:
        if kind_of(target) is Kind.BOOL:
            return bool(value)
        canonical: CanonicalScalar = value.hex() if isinstance(value, bytes) else value
        return canonical

    def total(self, target: Target, columns: list[Any]) -> Total | None:
        first = columns[0]
        if first is None:
            return None
        kind = kind_of(target)
        if kind in (Kind.INT, Kind.TIMEDELTA):
            return (int(first) << _HALF) + int(columns[1])
        if kind is Kind.FLOAT:
            return float(first)
        return parse_ordered(f" {first}", kind)  # torematrix_sum gives plain text


_MEASURING: Final = _SQLiteMeasuring()


def aggregate_statement(
    operation: Aggregate, plan: TablePlan, sql: Sql | None = None
) -> tuple[str, list[Parameter]]:
    """The statement, whose columns are the group's keys and then one or more for each measure."""
    sql = sql or Sql()
    return aggregate_text(operation, plan, sql, _MEASURING), sql.parameters


def run(connection: apsw.Connection, operation: Aggregate) -> list[Group]:
    """Keys and partial results of every group."""
    statement, parameters = aggregate_statement(operation, operation.collection.plan)
    return groups_of(operation, connection.execute(statement, parameters), Sql(), _MEASURING)
