"""Conditions, sorts and places in PostgreSQL's SQL.

A declared scalar is a typed column and needs no guards. A place inside the document is one of two expressions, by the
kind of what is asked: its string, ``(CASE WHEN jsonb_typeof(J) = 'string' THEN text END) COLLATE "C"``, or its number
or boolean as jsonb, ``CASE WHEN jsonb_typeof(J) IN ('number', 'boolean') THEN J END``. Both are NULL for every other
kind and are written exactly as the indexes on them are. Text is never cast to a number, since one bad row would fail
the query; jsonb compares numbers exactly.

Every parameter is bound as text and read by PostgreSQL as the type of what it is compared with, so that one statement
stays one statement whatever the values are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..._overriding import override
from ...model.codec import json_text
from ...model.kinds import Canonical, Kind, Scalar, family
from ...query.conditions import (
    Behind,
    Compare,
    Comparison,
    HasElement,
    In,
    ScalarValue,
    Target,
)
from ...query.folding import fold_class
from ...query.paths import Step
from ...query.patterns import LikePattern, folded_regex, to_like
from ...query.regex import Regex
from .._sql.compile import OPERATORS, Compiler, Parameter, family_of
from .quoting import array_text, json_key, quote_name

__all__ = [
    "Sql",
    "as_text",
    "column_type",
    "json_expression",
    "key_expressions",
    "number_expression",
    "text_expression",
    "value_expression",
]

_TYPES: Final = {
    Kind.INT: "bigint",
    Kind.FLOAT: "double precision",
    Kind.BOOL: "boolean",
    Kind.BYTES: "bytea",
    Kind.TIMEDELTA: "bigint",
}
_BYTES: Final = Kind.BYTES  # before Python 3.12 looking a member up in its Enum is slow

_JSON_KINDS: Final = {"number": "number", "bool": "boolean"}

_MANY: Final = 64
"""Above this many values a hashed subquery is asked: an array that is a parameter is walked for every row."""

_MAX_FOLDED: Final = 200
"""Longer case-insensitive patterns are matched after a translation: a regular expression of them takes long to make."""


def column_type(scalar: Scalar) -> str:
    """The type of a column, without its collation."""
    return _TYPES.get(scalar.kind, "text")


def as_text(value: ScalarValue) -> str:
    """A canonical scalar as PostgreSQL reads it, whatever its type."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def _inside(root: str, steps: Sequence[Step]) -> str:
    """The jsonb that these steps lead to."""
    value = root
    for step in steps:
        if isinstance(step, int):
            # Of a scalar PostgreSQL gives the scalar itself as element 0.
            value = f"(CASE WHEN jsonb_typeof({value}) = 'array' THEN {value}->{step} END)"
        else:
            value = f"{value}->{json_key(step)}"
    return value


def _root(target: Target, row: str) -> str:
    return f"{row}.value" if target.in_element else "data"


def json_expression(target: Target, row: str = "") -> str:
    """The jsonb at a place inside the document; NULL where missing."""
    return _inside(_root(target, row), target.steps)


def text_expression(target: Target, row: str = "") -> str:
    """The string at a place inside the document; NULL where there is another kind, or nothing."""
    value = json_expression(target, row)
    last = target.steps[-1] if target.steps else 0
    if isinstance(last, int):
        text = f"{value} #>> '{{}}'"
    else:
        text = f"{_inside(_root(target, row), target.steps[:-1])}->>{json_key(last)}"
    return f"(CASE WHEN jsonb_typeof({value}) = 'string' THEN {text} END) COLLATE \"C\""


def number_expression(target: Target, row: str = "") -> str:
    """The number or boolean at a place inside the document, as jsonb; NULL where there is another kind, or nothing.

    Of a place of declared kind it is NULL for the other of the two as well, so that no further test is needed, of which
    the planner would have to guess how many rows it leaves.
    """
    value = json_expression(target, row)
    scalar = target.scalar
    kinds = "IN ('number', 'boolean')" if scalar is None else f"= '{_JSON_KINDS[family(scalar.kind)]}'"
    return f"(CASE WHEN jsonb_typeof({value}) {kinds} THEN {value} END)"


def value_expression(target: Target, row: str = "") -> str:
    """The value at a place of declared kind: a column, or the expression of its kind."""
    if target.column is not None:
        return quote_name(target.column.column)
    scalar = target.scalar
    return (
        text_expression(target, row)
        if scalar is None or family(scalar.kind) == "string"
        else number_expression(target, row)
    )


def _key_of(value: str, target: Target) -> str:
    return f"split_part({value}, ' ', 1)" if target.ordered_text else value


def key_expressions(target: Target) -> list[str]:
    """What indexes on a place stand on: one expression or, where its kind is not declared, one for each kind."""
    if target.column is None and target.scalar is None:
        return [text_expression(target), number_expression(target)]
    return [_key_of(value_expression(target), target)]


class Sql(Compiler):
    """A piece of PostgreSQL's SQL under construction."""

    TRUE = "TRUE"
    FALSE = "FALSE"
    ASCENDING = " NULLS FIRST"
    DESCENDING = " DESC NULLS LAST"

    @override
    def bind(self, value: Parameter) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    @override
    def direction(self, target: Target, *, descending: bool) -> str:
        if _is_id(target):
            # Never null: the primary key, which is made without a say on nulls, gives this order.
            return " DESC" if descending else ""
        return super().direction(target, descending=descending)

    @override
    def written_key(self, target: Target, row: str) -> str:
        return _key_of(value_expression(target, row), target)

    @override
    def behind(self, condition: Behind, row: str) -> str:
        keys = ", ".join(self.key(target, row) for target in condition.targets)
        values = ", ".join(
            self._operand(target, value, family_of(value))
            for target, value in zip(condition.targets, condition.values, strict=True)
        )
        return f"({keys}) {OPERATORS[condition.comparison]} ({values})"

    @override
    def is_null(self, target: Target, row: str) -> str:
        if _is_id(target):
            return self.FALSE
        # At a place of declared kind stands that kind or nothing, so its index finds the nulls.
        if target.scalar is not None:
            return f"{self.key(target, row)} IS NULL"
        return f"NULLIF({json_expression(target, row)}, 'null') IS NULL"

    @override
    def is_not_null(self, target: Target, row: str) -> str:
        if target.scalar is not None:
            return f"{self.key(target, row)} IS NOT NULL"
        return f"NULLIF({json_expression(target, row)}, 'null') IS NOT NULL"

    @override
    def is_present(self, target: Target, row: str) -> str:
        return f"{json_expression(target, row)} IS NOT NULL"

    def _operand(self, target: Target, value: ScalarValue, kind: str) -> str:
        """The value, bound as what the place's expression of that kind is."""
        if target.column is None:
            return self.bind(as_text(value) if kind == "string" else json_text(value))
        return self.bind(f"\\x{value}" if _is_binary(target) else as_text(value))

    def _place(self, target: Target, kind: str, row: str) -> str:
        """What a value of that kind is compared with."""
        if target.column is not None:
            return self.key(target)
        if kind == "string":
            return _key_of(text_expression(target, row), target)
        return number_expression(target, row)

    @override
    def comparison(self, condition: Compare, kind: str, row: str) -> str:
        target, comparison = condition.target, condition.comparison
        place = self._place(target, kind, row)
        test = f"{place} {OPERATORS[comparison]} {self._operand(target, condition.value, kind)}"
        if target.scalar is not None or kind == "string" or comparison is Comparison.EQ:
            return test
        # jsonb has an order between numbers and booleans, the rules have none.
        return f"({test} AND jsonb_typeof({json_expression(target, row)}) = '{_JSON_KINDS[kind]}')"

    @override
    def membership(self, condition: In, kind: str, row: str) -> str:
        target, values = condition.target, condition.values
        if target.column is not None:
            scalar = target.scalar
            element = "text" if scalar is None else column_type(scalar)
            texts = [f"\\x{value}" for value in values] if _is_binary(target) else map(as_text, values)
        elif kind == "string":
            element, texts = "text", map(as_text, values)
        else:
            element, texts = "jsonb", map(json_text, values)
        array = f"{self.bind(array_text(texts))}::{element}[]"
        listed = f"= ANY ({array})" if len(values) <= _MANY else f"IN (SELECT unnest({array}))"
        return f"{self._place(target, kind, row)} {listed}"

    @override
    def same(self, target: Target, value: list[Canonical] | dict[str, Canonical], row: str) -> str:
        return f"{json_expression(target, row)} = {self.bind(json_text(value))}::jsonb"

    @override
    def has_element(self, condition: HasElement, row: str) -> str:
        value = condition.value
        if condition.ordered_text or isinstance(value, (list, dict)):
            # A list contains whatever holds at least as much, and so is no test for equality.
            return super().has_element(condition, row)
        return f"{json_expression(condition.target, row)} @> {self.bind(json_text([value]))}::jsonb"

    @override
    def elements_of(self, target: Target, alias: str, row: str) -> str:
        value = json_expression(target, row)
        # AND may be evaluated in any order, and what is no list has no elements: CASE decides first.
        return f"jsonb_array_elements(CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} END) AS {alias}(value)"

    @override
    def text_value(self, target: Target, row: str) -> str:
        return quote_name(target.column.column) if target.column is not None else text_expression(target, row)

    @override
    def text_only(self, target: Target, test: str, row: str) -> str:
        return test

    @override
    def contains(self, value: str, text: str) -> str:
        return f"strpos({value}, {self.bind(text)}) > 0"

    @override
    def ends_with(self, value: str, text: str) -> str:
        return f"right({value}, {len(text)}) = {self.bind(text)}"

    @override
    def like(self, value: str, pattern: LikePattern, fold: bool) -> str:
        if not fold:
            return f"{value} LIKE {self.bind(to_like(pattern))}"
        characters = "".join(
            part for segment in pattern.segments for part in segment if isinstance(part, str)
        )
        if len(characters) <= _MAX_FOLDED:
            return f"{value} ~ {self.bind(folded_regex(pattern))}"
        # Only what the pattern is about has to be folded: no other character can be told from its like.
        alike = {character: fold_class(character) for character in dict.fromkeys(characters)}
        pairs = {member: members[0] for members in alike.values() for member in members[1:]}
        folded = to_like(pattern).translate({ord(member): first for member, first in pairs.items()})
        from_, to = self.bind("".join(pairs)), self.bind("".join(pairs.values()))
        return f"translate({value}, {from_}, {to}) LIKE {self.bind(folded)}"

    @override
    def matches(self, value: str, regex: Regex) -> str:
        return f"{value} ~ {self.bind(regex.are)}"


def _is_id(target: Target) -> bool:
    """Whether the place is the id, which is never null."""
    return target.column is not None and target.column.column == "id"


def _is_binary(target: Target) -> bool:
    """Whether the place is a column of bytes, which are canonical as hexadecimal text."""
    scalar = target.scalar
    return target.column is not None and scalar is not None and scalar.kind is _BYTES
