"""Aggregates in one statement: PostgreSQL's own functions where they are exact, and the library's sum of floats."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from decimal import Decimal
from sys import byteorder
from typing import Any, Final

from ...model.kinds import CanonicalScalar, Kind
from ...query.aggregates import FloatSum
from ...query.conditions import Target
from ...query.operations import Aggregate, AggregateFunction, Group, Total
from .._sql import aggregate
from .._sql.aggregate import Measuring, kind_of
from .._sql.compile import Compiler, Parameter
from .compile import Sql, json_expression, value_expression
from .plan import TablePlan

__all__ = ["aggregate_statement", "groups_of"]

# A number inside a document, as what can be added up and ordered: the kind and the type of the cast.
_INSIDE: Final = {
    Kind.INT: ("number", "numeric"),
    Kind.TIMEDELTA: ("number", "numeric"),
    Kind.FLOAT: ("number", "double precision"),
    Kind.BOOL: ("boolean", "boolean"),
}
_EXTREMES_OF_BOOL: Final = {AggregateFunction.MIN: "bool_and", AggregateFunction.MAX: "bool_or"}


class _PostgreSQLMeasuring(Measuring):
    """How PostgreSQL measures."""

    def value(self, target: Target) -> str:
        inside = None if target.column is not None else _INSIDE.get(kind_of(target))
        if inside is None:
            return value_expression(target)
        kind, cast = inside
        value = json_expression(target)
        # The cast fails for any other kind; CASE sees to it that there is none.
        return f"(CASE WHEN jsonb_typeof({value}) = '{kind}' THEN ({value})::{cast} END)"

    def group_key(self, target: Target) -> str:
        value = value_expression(target)
        # Of equal values with different digits (1.0, 1.00) the smallest text stands for the group, as everywhere.
        return f"min({value})" if target.ordered_text else value

    def extreme(self, function: AggregateFunction, target: Target) -> str:
        value = self.value(target)
        if kind_of(target) is Kind.BOOL:
            return f"{_EXTREMES_OF_BOOL[function]}({value})"
        if kind_of(target) is Kind.BYTES and target.column is not None:
            # There is no min of bytea, and the order of its hexadecimal text is its own.
            return f"{function.value}(encode({value}, 'hex') COLLATE \"C\")"
        return f"{function.value}({value})"

    def sums(self, target: Target, sql: Compiler) -> list[str]:
        value, kind = self.value(target), kind_of(target)
        if kind in (Kind.INT, Kind.TIMEDELTA):
            return [f"sum({value})"]
        if kind is Kind.FLOAT:
            sql.emulated.append("sums and averages of floats are computed by the library, from 8 bytes a row")
            return [f"string_agg(float8send({value}), '')"]
        number = f"split_part({value}, ' ', 2)"
        total = f"sum({number}::numeric)"
        if kind is Kind.BIGINT:
            return [total]
        # numeric turns 1E+2 into 100; the exponent that a sum of such numbers has is the smallest of theirs.
        digits = f"length(split_part(split_part({number}, 'E', 1), '.', 2))"
        exponent = (
            f"CASE WHEN {number} LIKE '%E+%' THEN split_part({number}, 'E+', 2)::int - {digits} ELSE 0 END"
        )
        return [total, f"min({exponent}) FILTER (WHERE {value} IS NOT NULL)"]

    def canonical(self, target: Target, value: Any) -> CanonicalScalar:
        kind = kind_of(target)
        if kind in (Kind.INT, Kind.TIMEDELTA):
            return int(value)
        if kind is Kind.FLOAT:
            return float(value)
        if kind is Kind.BOOL:
            # Of a place in a document psycopg gives the text of a jsonb.
            return value == "true" if isinstance(value, str) else bool(value)
        text = str(value)
        return text[2:] if kind is Kind.BYTES and text.startswith("\\x") else text

    def total(self, target: Target, columns: list[Any]) -> Total | None:
        first = columns[0]
        if first is None:
            return None
        kind = kind_of(target)
        if kind is Kind.FLOAT:
            return _float_total(_doubles(first))
        if kind is not Kind.DECIMAL:
            return int(first)
        total, exponent = Decimal(first), int(columns[1])
        return total if exponent <= 0 else _with_exponent(total, exponent)


def _doubles(text: str) -> Sequence[float]:
    """The floats in the text of a bytea that holds them one after the other, most significant byte first."""
    values = array("d", bytes.fromhex(text[2:]))
    if byteorder == "little":
        values.byteswap()
    return values


def _float_total(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) + 0.0  # never -0.0
    except OverflowError:
        total = FloatSum()
        for value in values:
            total.add(value)
        return total.total()


def _with_exponent(value: Decimal, exponent: int) -> Decimal:
    """The same number, written with this exponent, which its digits allow."""
    sign, digits, shift = value.as_tuple()
    whole = int("".join(map(str, digits)) or "0") * 10 ** max(0, int(shift))
    return Decimal((sign, tuple(map(int, str(whole // 10**exponent))), exponent))


_MEASURING: Final = _PostgreSQLMeasuring()


def aggregate_statement(
    operation: Aggregate, plan: TablePlan, sql: Sql | None = None
) -> tuple[str, list[Parameter]]:
    """The statement, whose columns are the group's keys and then one or more for each measure."""
    sql = sql or Sql()
    return aggregate.aggregate_text(operation, plan, sql, _MEASURING), sql.parameters


def groups_of(operation: Aggregate, rows: Sequence[tuple[Any, ...]]) -> list[Group]:
    """Keys and partial results of every group, from the statement's rows."""
    return aggregate.groups_of(operation, rows, Sql(), _MEASURING)
