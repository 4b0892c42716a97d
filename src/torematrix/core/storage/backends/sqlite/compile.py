"""Conditions, sorts and places in SQLite's SQL.

A declared scalar is a column and needs no guards. A place inside the document is read twice: its value
(``json_extract``) and its kind (``json_type``), because SQLite gives true as 1 and a list as text. Both are written
exactly as the indexes on them are. Logic stays two-valued because NOT is written IS NOT TRUE.

Parameters are collected in the order of the placeholders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ...model.codec import json_text
from ...model.kinds import Canonical, Kind, family
from ...model.shapes import Anything
from ...query.conditions import (
    All,
    Compare,
    Comparison,
    Condition,
    Const,
    Either,
    Exists,
    HasElement,
    In,
    IsNull,
    Like,
    Matches,
    Not,
    Same,
    ScalarValue,
    Some,
    Target,
    TextTest,
    TextTests,
)
from ...query.operations import SortKey
from ...query.patterns import literal_prefix, to_glob
from .quoting import json_path, quote_name

__all__ = [
    "Parameter",
    "Sql",
    "compile_condition",
    "compile_order",
    "key_expression",
    "type_guard",
    "value_expression",
]

Parameter = str | int | float | bytes | None

_BYTES: Final = Kind.BYTES  # before Python 3.12 looking a member up in its Enum is slow

_FEW: Final = 8
"""Up to this many values an IN list is spelled out; beyond, one JSON parameter carries them."""

_MAX_GLOB_BYTES: Final = 256
"""SQLite's GLOB recurses for every star and is quadratic in long literals; longer patterns the library matches."""

_WIDE: Final = 32
"""More branches than this are joined as a tree: SQLite limits the depth of an expression, and a chain is all depth."""

_OPERATORS: Final = {
    Comparison.EQ: "=",
    Comparison.LT: "<",
    Comparison.LE: "<=",
    Comparison.GT: ">",
    Comparison.GE: ">=",
}
_TYPES: Final = {"number": "IN ('integer', 'real')", "string": "= 'text'", "bool": "IN ('true', 'false')"}


class Sql(msgspec.Struct):
    """A piece of SQL under construction, its parameters, and what in it the library answers rather than SQLite."""

    parameters: list[Parameter] = []
    elements: int = 0
    emulated: list[str] = []
    trigram: Callable[[Sql, Target, Condition], str | None] | None = None

    def bind(self, value: Parameter) -> str:
        """A placeholder for the value."""
        self.parameters.append(value)
        return "?"


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
        None
        if target.column is not None
        else f"{_parenthesised(type_expression(target, row))} {_TYPES[kind]}"
    )


def compile_order(sort: Sequence[SortKey]) -> str:
    """The ORDER BY list. SQLite puts NULL first ascending and last descending, as the rules have it."""
    return ", ".join(f"{key_expression(key.target)}{' DESC' if key.descending else ''}" for key in sort)


def compile_condition(condition: Condition, sql: Sql, row: str = "") -> str:
    """The condition as a boolean expression, true exactly for the rows it holds for; elsewhere false or NULL."""
    match condition:
        case Compare():
            return _compare(condition, sql, row)
        case Const(value):
            return "1" if value else "0"
        case All(items):
            return _join([compile_condition(item, sql, row) for item in items], "AND")
        case Either(items):
            return _join([compile_condition(item, sql, row) for item in items], "OR")
        case Not(IsNull(target)):
            return f"{_parenthesised(key_expression(target, row))} IS NOT NULL"
        case Not(item):
            return f"({compile_condition(item, sql, row)}) IS NOT TRUE"
        case IsNull(target):
            return f"{_parenthesised(key_expression(target, row))} IS NULL"
        case Exists(target):
            return f"{_parenthesised(type_expression(target, row))} IS NOT NULL"
        case In():
            return _in(condition, sql, row)
        case Same(target, value):
            return _same(target, value, sql, row)
        case HasElement():
            return _some(condition.target, _element_test(condition), sql, row)
        case Some(target, item):
            return _some(target, item, sql, row)
        case TextTest() | Like() | Matches():
            return _text(condition, sql, row)


def _parenthesised(expression: str) -> str:
    return f"({expression})" if expression.startswith("CASE") else expression


def _join(parts: list[str], word: str) -> str:
    if len(parts) > _WIDE:
        middle = len(parts) // 2
        parts = [_join(parts[:middle], word), _join(parts[middle:], word)]
    return "(" + f" {word} ".join(parts) + ")"


def _guarded(target: Target, kind: str, test: str, row: str) -> str:
    guard = type_guard(target, kind, row)
    return test if guard is None else f"({test} AND {guard})"


def native(target: Target, value: ScalarValue) -> Parameter:
    """A canonical operand as SQLite stores it at that place."""
    if isinstance(value, bool):
        return int(value)
    return bytes.fromhex(str(value)) if _is_binary(target) else value


def _is_binary(target: Target) -> bool:
    """Whether the place is a column of bytes, which are canonical as text."""
    scalar = target.scalar
    return target.column is not None and scalar is not None and scalar.kind is _BYTES


def _family(value: ScalarValue) -> str:
    return "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"


def _matches_column(target: Target, kind: str) -> bool:
    """Whether a column can hold values of that family at all."""
    scalar = target.scalar
    return target.column is None or scalar is None or family(scalar.kind) == kind


def _compare(condition: Compare, sql: Sql, row: str) -> str:
    target, value = condition.target, condition.value
    kind = _family(value)
    if not _matches_column(target, kind):
        return "0"
    expression = _parenthesised(key_expression(target, row))
    test = f"{expression} {_OPERATORS[condition.comparison]} {sql.bind(native(target, value))}"
    return _guarded(target, kind, test, row)


def _in(condition: In, sql: Sql, row: str) -> str:
    target, values = condition.target, condition.values
    kind = _family(values[0])
    if not _matches_column(target, kind):
        return "0"
    expression = _parenthesised(key_expression(target, row))
    if len(values) <= _FEW:
        listed = ", ".join([sql.bind(native(target, value)) for value in values])
    else:
        # One text for any number of values. json_each gives numbers and strings back bit for bit.
        member = "unhex(value)" if _is_binary(target) else "value"
        listed = f"SELECT {member} FROM json_each({sql.bind(msgspec.json.encode(values).decode())})"
    return _guarded(target, kind, f"{expression} IN ({listed})", row)


def _same(target: Target, value: list[Canonical] | dict[str, Canonical], sql: Sql, row: str) -> str:
    kind = "array" if isinstance(value, list) else "object"
    expression = _parenthesised(value_expression(target, row))
    text = json_text(value)
    # Equal values differ in their text by ".0" at most, so this leaves few rows for the exact function.
    candidate = f"replace({expression}, '.0', '') = {sql.bind(text.replace('.0', ''))}"
    exact = f"torematrix_same({expression}, {sql.bind(text)})"
    sql.emulated.append("deep equality is decided by the library, for the rows whose text is alike")
    is_kind = f"{_parenthesised(type_expression(target, row))} = '{kind}'"
    return f"CASE WHEN {is_kind} AND {candidate} THEN {exact} END"


def _element_test(condition: HasElement) -> Condition:
    element = Target(condition.target.text, (), Anything(), nullable=True, in_element=True)
    value = condition.value
    if value is None:
        return IsNull(element)
    if isinstance(value, (list, dict)):
        return Same(element, value)
    if condition.ordered_text:
        # An element equals by value, whatever its digits: everything that starts with the key.
        return TextTest(element, TextTests.STARTS_WITH, f"{value} ")
    if isinstance(value, (str, int, float)):
        return Compare(element, Comparison.EQ, value)
    raise TypeError("an element is a canonical value")


def _some(target: Target, item: Condition, sql: Sql, row: str) -> str:
    sql.elements += 1
    alias = f"e{sql.elements}"
    source = value_expression(target, row)
    is_list = f"{_parenthesised(type_expression(target, row))} = 'array'"
    inner = compile_condition(item, sql, alias)
    # AND may be evaluated in any order, and json_each fails on text that is not JSON: CASE decides first.
    return f"EXISTS (SELECT 1 FROM json_each(CASE WHEN {is_list} THEN {source} END) AS {alias} WHERE {inner})"


def _text(condition: TextTest | Like | Matches, sql: Sql, row: str) -> str:
    target = condition.target
    if not _matches_column(target, "string"):
        return "0"
    value = _parenthesised(value_expression(target, row))
    tests: list[str] = []
    candidate = None if sql.trigram is None else sql.trigram(sql, target, condition)
    match condition:
        case TextTest(_, test, text):
            tests.append(_text_test(value, test, text, sql))
        case Like(_, pattern, fold):
            prefix = "" if fold else literal_prefix(pattern)
            if prefix:
                tests.append(_range(value, prefix, sql))
            glob = to_glob(pattern)
            if fold or len(glob.encode()) > _MAX_GLOB_BYTES:
                sql.emulated.append("the pattern is matched by the library, row by row")
                operand = sql.bind(msgspec.json.encode(pattern).decode())
                tests.append(f"torematrix_like({value}, {operand}, {int(fold)})")
            else:
                tests.append(f"{value} GLOB {sql.bind(glob)}")
        case Matches(_, regex):
            sql.emulated.append("the regular expression is matched by the library, row by row")
            tests.append(f"torematrix_regex({value}, {sql.bind(regex.pattern)}, {sql.bind(regex.flags)})")
    text = _join(tests, "AND") if len(tests) > 1 else tests[0]
    guard = type_guard(target, "string", row)
    if guard is not None:
        # Functions of the library are called for strings alone.
        text = f"CASE WHEN {guard} THEN {text} END"
    # In front of the guard: within CASE, SQLite would not look rows up by it.
    return text if candidate is None else f"({candidate} AND {text})"


def _text_test(value: str, test: TextTests, text: str, sql: Sql) -> str:
    if not text:
        return f"{value} IS NOT NULL"
    match test:
        case TextTests.CONTAINS:
            return f"instr({value}, {sql.bind(text)}) > 0"
        case TextTests.STARTS_WITH:
            return _range(value, text, sql)
        case TextTests.ENDS_WITH:
            return f"substr({value}, -{len(text)}) = {sql.bind(text)}"


def _range(value: str, prefix: str, sql: Sql) -> str:
    """The strings that start with the prefix, as a range, which an index serves."""
    after = following(prefix)
    low = f"{value} >= {sql.bind(prefix)}"
    return low if after is None else f"({low} AND {value} < {sql.bind(after)})"


def following(prefix: str) -> str | None:
    """The smallest string above every string with this prefix, by code point; None where there is none."""
    for end in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[end])
        if code < 0x10FFFF:
            # The surrogates are no characters.
            return prefix[:end] + chr(0xE000 if code == 0xD7FF else code + 1)
    return None
