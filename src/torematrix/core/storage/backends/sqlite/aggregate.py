"""Aggregates in one statement: what SQLite's own functions do exactly, and the library's where they do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import apsw

from ...model.kinds import CanonicalScalar, Kind, parse_ordered
from ...query.conditions import TRUE, Target
from ...query.operations import Aggregate, AggregateFunction, Group, Measure, Partial, Total
from .compile import Parameter, Sql, compile_condition, key_expression, value_expression
from .plan import TablePlan

__all__ = ["aggregate_statement", "run"]

_HALF: Final = 32
_MASK: Final = 2**32 - 1


def aggregate_statement(
    operation: Aggregate, plan: TablePlan, sql: Sql | None = None
) -> tuple[str, list[Parameter]]:
    """The statement, whose columns are the group's keys and then one or more for each measure."""
    sql = sql or Sql()
    sql.trigram = plan.trigram_candidate
    columns = [_key_column(target) for target in operation.group]
    for measure in operation.measures:
        columns.extend(_measure_columns(measure, sql))
    text = f"SELECT {', '.join(columns)} FROM {plan.table}"
    if operation.condition is not TRUE:
        text += f" WHERE {compile_condition(operation.condition, sql)}"
    if operation.group:
        keys = ", ".join(key_expression(target) for target in operation.group)
        text += f" GROUP BY {keys} ORDER BY {keys}"
    return text, sql.parameters


def _key_column(target: Target) -> str:
    # Of equal values with different digits (1.0, 1.00) the smallest text stands for the group, as everywhere.
    return f"min({value_expression(target)})" if target.ordered_text else value_expression(target)


def _measure_columns(measure: Measure, sql: Sql) -> list[str]:
    target = measure.target
    if target is None:
        return ["count(*)"]
    value = value_expression(target)
    count = f"count({value})"
    match measure.function:
        case AggregateFunction.COUNT:
            return [count]
        case AggregateFunction.MIN | AggregateFunction.MAX:
            return [f"{measure.function.value}({value})"]
        case _:
            kind = _kind(target)
            if kind in (Kind.INT, Kind.TIMEDELTA):
                # sum() fails where it overflows; the halves of 2**31 values do not, and their total is exact.
                return [f"sum({value} >> {_HALF})", f"sum({value} & {_MASK})", count]
            sql.emulated.append(
                "sums and averages of floats and decimals are computed by the library, row by row"
            )
            return [f"torematrix_fsum({value})" if kind is Kind.FLOAT else f"torematrix_sum({value})", count]


def _kind(target: Target) -> Kind:
    if target.scalar is None:
        raise TypeError("a measured field is a declared scalar")
    return target.scalar.kind


def run(connection: apsw.Connection, operation: Aggregate) -> list[Group]:
    """Keys and partial results of every group."""
    plan: TablePlan = operation.collection.plan
    statement, parameters = aggregate_statement(operation, plan)
    groups: list[Group] = []
    for row in connection.execute(statement, parameters):
        values = iter(row)
        keys = tuple(_canonical(target, next(values)) for target in operation.group)
        groups.append((keys, tuple(_partial(measure, values) for measure in operation.measures)))
    return groups


def _canonical(target: Target, value: Any) -> CanonicalScalar | None:
    if value is None:
        return None
    kind = _kind(target)
    if kind is Kind.BOOL:
        return bool(value)
    canonical: CanonicalScalar = value.hex() if isinstance(value, bytes) else value
    return canonical


def _partial(measure: Measure, values: Iterator[Any]) -> Partial:
    target = measure.target
    first: Any = next(values)
    if target is None or measure.function is AggregateFunction.COUNT:
        counted: int = first
        return counted
    if measure.function in (AggregateFunction.MIN, AggregateFunction.MAX):
        return _canonical(target, first)
    kind = _kind(target)
    if kind in (Kind.INT, Kind.TIMEDELTA):
        low, count = next(values), next(values)
        return (None if first is None else (int(first) << _HALF) + int(low), count)
    count = next(values)
    if first is None or kind is Kind.FLOAT:
        return (first, count)
    return (parse_plain(kind, str(first)), count)


def parse_plain(kind: Kind, text: str) -> Total:
    """The exact total that torematrix_sum gave as plain text."""
    return parse_ordered(f" {text}", kind)
