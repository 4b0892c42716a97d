"""Conditions, sorts and places in SQLite's SQL.

A declared scalar is a column and needs no guards. A place inside the document is read twice: its value
(``json_extract``) and its kind (``json_type``), because SQLite gives true as 1 and a list as text. Both are written
exactly as the indexes on them are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ..._overriding import override
from ...model.codec import json_text
from ...model.kinds import Canonical, Kind
from ...query.conditions import Behind, Compare, Condition, In, ScalarValue, Target
from ...query.operations import SortKey
from ...query.patterns import LikePattern, to_glob
from ...query.regex import Regex
from .._sql.compile import OPERATORS, Compiler, Parameter, following, parenthesised
from .quoting import json_path, quote_name

__all__ = [
    "Parameter",
    "Sql",
    "compile_condition",
    "compile_order",
    "following",
    "key_expression",
    "type_guard",
    "value_expression",
]

_BYTES: Final = Kind.BYTES  # before Python 3.12 looking a member up in its Enum is slow

_FEW: Final = 8
"""Up to this many values an IN list is spelled out; beyond, one JSON parameter carries them."""

_MAX_GLOB_BYTES: Final = 256
"""SQLite's GLOB recurses for every star and is quadratic in long literals; longer patterns the library matches."""

_TYPES: Final = {"number": "IN ('integer', 'real')", "string": "= 'text'", "bool": "IN ('true', 'false')"}


def value_expression(target: Target, row: str = "") -> str:
    """The value at a place: a column, or what ``json_extract`` gives; NULL for null and missing.

    ``row`` is the alias of the ``json_each`` row for a place inside an element.
    """
    if target.column is not None:
        return quote_name(target.column.column)
    if target.in_element:
        if not target.steps:
            return f"{row}.value"
        # json_extract fails on text that is not JSON, and the value of a string element is just that.
        path = json_path(target.steps)
        return f"CASE WHEN {row}.type IN ('object', 'array') THEN json_extract({row}.value, {path}) END"
    return f"json_extract(data, {json_path(target.steps)})"


def type_expression(target: Target, row: str = "") -> str:
    """The JSON type at a place inside the document; NULL where missing."""
    if target.in_element:
        if not target.steps:
            return f"{row}.type"
        path = json_path(target.steps)
        return f"CASE WHEN {row}.type IN ('object', 'array') THEN json_type({row}.value, {path}) END"
    return f"json_type(data, {json_path(target.steps)})"


def key_expression(target: Target, row: str = "") -> str:
    """What a place sorts and compares by: its value or, of an ordered text, the key part."""
    value = value_expression(target, row)
    return f"substr({value}, 1, instr({value}, ' ') - 1)" if target.ordered_text else value


def type_guard(target: Target, kind: str, row: str = "") -> str | None:
    """The test that the value at a place is of that family; None where the column's type says so."""
    return (
        None if target.column is not None else f"{parenthesised(type_expression(target, row))} {_TYPES[kind]}"
    )


def native(target: Target, value: ScalarValue) -> Parameter:
    """A canonical operand as SQLite stores it at that place."""
    if isinstance(value, bool):
        return int(value)
    return bytes.fromhex(str(value)) if _is_binary(target) else value


def _is_binary(target: Target) -> bool:
    """Whether the place is a column of bytes, which are canonical as text."""
    scalar = target.scalar
    return target.column is not None and scalar is not None and scalar.kind is _BYTES


class Sql(Compiler):
    """A piece of SQLite's SQL under construction."""

    TRUE = "1"
    FALSE = "0"
    ASCENDING = ""  # SQLite puts NULL first ascending and last descending, as the rules have it
    DESCENDING = " DESC"

    @override
    def bind(self, value: Parameter) -> str:
        self.parameters.append(value)
        return "?"

    @override
    def written_key(self, target: Target, row: str) -> str:
        return parenthesised(key_expression(target, row))

    @override
    def is_null(self, target: Target, row: str) -> str:
        return f"{self.key(target, row)} IS NULL"

    @override
    def is_not_null(self, target: Target, row: str) -> str:
        return f"{self.key(target, row)} IS NOT NULL"

    @override
    def is_present(self, target: Target, row: str) -> str:
        return f"{parenthesised(type_expression(target, row))} IS NOT NULL"

    @override
    def comparison(self, condition: Compare, kind: str, row: str) -> str:
        target = condition.target
        operand = self.bind(native(target, condition.value))
        return _guarded(
            target, kind, f"{self.key(target, row)} {OPERATORS[condition.comparison]} {operand}", row
        )

    @override
    def behind(self, condition: Behind, row: str) -> str:
        targets = condition.targets
        if any(target.column is None or target.ordered_text for target in targets):
            return self.condition(condition.spelled_out(), row)  # it looks up rows by columns alone
        keys = ", ".join([self.key(target, row) for target in targets])
        values = ", ".join([self.bind(native(*pair)) for pair in zip(targets, condition.values, strict=True)])
        return f"({keys}) {OPERATORS[condition.comparison]} ({values})"

    @override
    def membership(self, condition: In, kind: str, row: str) -> str:
        target, values = condition.target, condition.values
        if len(values) <= _FEW:
            listed = ", ".join([self.bind(native(target, value)) for value in values])
        else:
            # One text for any number of values. json_each gives numbers and strings back bit for bit.
            member = "unhex(value)" if _is_binary(target) else "value"
            listed = f"SELECT {member} FROM json_each({self.bind(msgspec.json.encode(values).decode())})"
        return _guarded(target, kind, f"{self.key(target, row)} IN ({listed})", row)

    @override
    def same(self, target: Target, value: list[Canonical] | dict[str, Canonical], row: str) -> str:
        kind = "array" if isinstance(value, list) else "object"
        expression = parenthesised(value_expression(target, row))
        text = json_text(value)
        # Equal values differ in their text by ".0" at most, so this leaves few rows for the exact function.
        candidate = f"replace({expression}, '.0', '') = {self.bind(text.replace('.0', ''))}"
        exact = f"torematrix_same({expression}, {self.bind(text)})"
        self.emulated.append("deep equality is decided by the library, for the rows whose text is alike")
        is_kind = f"{parenthesised(type_expression(target, row))} = '{kind}'"
        return f"CASE WHEN {is_kind} AND {candidate} THEN {exact} END"

    @override
    def elements_of(self, target: Target, alias: str, row: str) -> str:
        is_list = f"{parenthesised(type_expression(target, row))} = 'array'"
        # AND may be evaluated in any order, and json_each fails on text that is not JSON: CASE decides first.
        return f"json_each(CASE WHEN {is_list} THEN {value_expression(target, row)} END) AS {alias}"

    @override
    def text_value(self, target: Target, row: str) -> str:
        return parenthesised(value_expression(target, row))

    @override
    def text_only(self, target: Target, test: str, row: str) -> str:
        guard = type_guard(target, "string", row)
        # Functions of the library are called for strings alone. Within CASE, SQLite would not look rows up by a test.
        return test if guard is None else f"CASE WHEN {guard} THEN {test} END"

    @override
    def contains(self, value: str, text: str) -> str:
        return f"instr({value}, {self.bind(text)}) > 0"

    @override
    def ends_with(self, value: str, text: str) -> str:
        return f"substr({value}, -{len(text)}) = {self.bind(text)}"

    @override
    def like(self, value: str, pattern: LikePattern, fold: bool) -> str:
        glob = to_glob(pattern)
        if fold or len(glob.encode()) > _MAX_GLOB_BYTES:
            self.emulated.append("the pattern is matched by the library, row by row")
            operand = self.bind(msgspec.json.encode(pattern).decode())
            return f"torematrix_like({value}, {operand}, {int(fold)})"
        return f"{value} GLOB {self.bind(glob)}"

    @override
    def matches(self, value: str, regex: Regex) -> str:
        self.emulated.append("the regular expression is matched by the library, row by row")
        return f"torematrix_regex({value}, {self.bind(regex.pattern)}, {self.bind(regex.flags)})"


def compile_order(sort: Sequence[SortKey]) -> str:
    """The ORDER BY list."""
    return Sql().order(sort)


def compile_condition(condition: Condition, sql: Sql) -> str:
    """The condition as a boolean expression, true exactly for the rows it holds for; elsewhere false or NULL."""
    return sql.condition(condition)


def _guarded(target: Target, kind: str, test: str, row: str) -> str:
    guard = type_guard(target, kind, row)
    return test if guard is None else f"({test} AND {guard})"
