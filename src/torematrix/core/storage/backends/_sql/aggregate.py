"""Aggregates in one statement: keys, groups and measures are the same on every SQL engine, exact sums are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from ...model.kinds import CanonicalScalar, Kind
from ...query.conditions import Target
from ...query.operations import Aggregate, AggregateFunction, Group, Measure, Partial, SortKey, Total
from .compile import Compiler
from .statements import Table, where_clause

__all__ = ["Measuring", "aggregate_text", "groups_of", "kind_of"]


class Measuring(Protocol):
    """What an engine does in its own way."""

    def value(self, target: Target) -> str:
        """The value at a place as it is counted and measured."""
        ...

    def group_key(self, target: Target) -> str:
        """The column that gives a group's key."""
        ...

    def extreme(self, function: AggregateFunction, target: Target) -> str:
        """The column that gives the smallest or the largest value."""
        ...

    def sums(self, target: Target, sql: Compiler) -> list[str]:
        """The columns that give an exact sum."""
        ...

    def canonical(self, target: Target, value: Any) -> CanonicalScalar:
        """A value that is not NULL as the library has it."""
        ...

    def total(self, target: Target, columns: list[Any]) -> Total | None:
        """The exact sum from its columns; None of no values."""
        ...


def kind_of(target: Target) -> Kind:
    """The kind of a measured place."""
    if target.scalar is None:
        raise TypeError("a measured field is a declared scalar")
    return target.scalar.kind


def aggregate_text(operation: Aggregate, plan: Table, sql: Compiler, measuring: Measuring) -> str:
    """The statement, whose columns are the group's keys and then one or more for each measure."""
    columns = [measuring.group_key(target) for target in operation.group]
    for measure in operation.measures:
        columns.extend(_measure_columns(measure, sql, measuring))
    if operation.group:
        # ORDER BY looks among the results first, where a field named count would meet count(*): no field is named so.
        columns = [f'{column} AS "${at}"' for at, column in enumerate(columns)]
    text = f"SELECT {', '.join(columns)} FROM {plan.table}{where_clause(operation.condition, plan, sql)}"
    if operation.group:
        keys = ", ".join(sql.key(target) for target in operation.group)
        order = sql.order([SortKey(target, descending=False) for target in operation.group])
        text += f" GROUP BY {keys} ORDER BY {order}"
    return text


def _measure_columns(measure: Measure, sql: Compiler, measuring: Measuring) -> list[str]:
    target = measure.target
    if target is None:
        return ["count(*)"]
    count = f"count({measuring.value(target)})"
    match measure.function:
        case AggregateFunction.COUNT:
            return [count]
        case AggregateFunction.MIN | AggregateFunction.MAX:
            return [measuring.extreme(measure.function, target)]
        case _:
            return [*measuring.sums(target, sql), count]


def groups_of(
    operation: Aggregate, rows: Iterable[tuple[Any, ...]], sql: Compiler, measuring: Measuring
) -> list[Group]:
    """Keys and partial results of every group, from the rows of the statement."""
    widths = [len(_measure_columns(measure, sql, measuring)) for measure in operation.measures]
    groups: list[Group] = []
    for row in rows:
        values = iter(row)
        keys = tuple(_canonical(target, next(values), measuring) for target in operation.group)
        partials = [
            _partial(measure, values, width, measuring)
            for measure, width in zip(operation.measures, widths, strict=True)
        ]
        groups.append((keys, tuple(partials)))
    return groups


def _canonical(target: Target, value: Any, measuring: Measuring) -> CanonicalScalar | None:
    return None if value is None else measuring.canonical(target, value)


def _partial(measure: Measure, values: Iterator[Any], width: int, measuring: Measuring) -> Partial:
    target = measure.target
    columns: list[Any] = [next(values) for _ in range(width)]
    if target is None or measure.function is AggregateFunction.COUNT:
        return int(columns[0])
    if measure.function in (AggregateFunction.MIN, AggregateFunction.MAX):
        return _canonical(target, columns[0], measuring)
    *sums, count = columns
    return (measuring.total(target, sums), int(count))
