"""The walk over a condition that turns it into SQL, the same for every SQL engine.

What a place, a kind, a list's elements or a pattern is in SQL differs by engine: those are the methods a dialect fills
in. How they are put together does not: logic stays two-valued because NOT is written IS NOT TRUE, a value of one family
is never compared with a column of another, and wide conjunctions are joined as trees.

Parameters are collected in the order of the placeholders.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from ...model.kinds import Canonical, family
from ...model.shapes import Anything
from ...query.conditions import (
    All,
    Behind,
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
from ...query.orders import Order
from ...query.patterns import LikePattern, literal_prefix
from ...query.regex import Regex

__all__ = ["OPERATORS", "Compiler", "Parameter", "family_of", "following", "parenthesised"]

Parameter = str | int | float | bytes | None

_WIDE: Final = 32
"""More branches than this are joined as a tree: engines limit the depth of an expression, and a chain is all depth."""

OPERATORS: Final = {
    Comparison.EQ: "=",
    Comparison.LT: "<",
    Comparison.LE: "<=",
    Comparison.GT: ">",
    Comparison.GE: ">=",
}


class Compiler(abc.ABC):
    """A piece of SQL under construction.

    Attributes:
        parameters: what is bound, in the order of the placeholders.
        elements: how many lists have been opened; it numbers their aliases.
        emulated: what the library answers rather than the engine.
        trigram: what the substring indexes know of a condition; None where there are none.
    """

    TRUE: ClassVar[str]
    FALSE: ClassVar[str]
    ASCENDING: ClassVar[str]
    """What follows a sort key so that NULL comes first."""
    DESCENDING: ClassVar[str]
    """What follows a sort key so that it runs backwards, NULL last."""

    def __init__(self, trigram: Callable[..., str | None] | None = None) -> None:
        self.parameters: list[Parameter] = []
        self.elements = 0
        self.emulated: list[str] = []
        self.trigram = trigram

    @abc.abstractmethod
    def bind(self, value: Parameter) -> str:
        """A placeholder for the value."""

    def key(self, target: Target, row: str = "") -> str:
        """What a place sorts and compares by, as an operand; NULL for null and missing.

        ``row`` is the alias of the list's element that the place starts from, "" for the document.
        """
        if row:
            return self.written_key(target, row)
        known = target.compiled.get(type(self))
        if known is None:
            known = target.compiled[type(self)] = self.written_key(target, row)
        return known

    @abc.abstractmethod
    def written_key(self, target: Target, row: str) -> str:
        """The same, written anew."""

    @abc.abstractmethod
    def is_null(self, target: Target, row: str) -> str:
        """The test for null or missing."""

    @abc.abstractmethod
    def is_not_null(self, target: Target, row: str) -> str:
        """Its complement."""

    @abc.abstractmethod
    def is_present(self, target: Target, row: str) -> str:
        """The test that something stands there, be it null."""

    @abc.abstractmethod
    def comparison(self, condition: Compare, kind: str, row: str) -> str:
        """The comparison with a value of that family, where the place can hold the family."""

    @abc.abstractmethod
    def behind(self, condition: Behind, row: str) -> str:
        """The comparison of rows, where an index serves it; else what it is spelled out."""

    @abc.abstractmethod
    def membership(self, condition: In, kind: str, row: str) -> str:
        """The test for equality with one of these values, all of that family."""

    @abc.abstractmethod
    def same(self, target: Target, value: list[Canonical] | dict[str, Canonical], row: str) -> str:
        """Deep equality."""

    @abc.abstractmethod
    def elements_of(self, target: Target, alias: str, row: str) -> str:
        """The FROM item of a list's elements; none where the place holds no list."""

    @abc.abstractmethod
    def text_value(self, target: Target, row: str) -> str:
        """The string at a place, as an operand."""

    @abc.abstractmethod
    def text_only(self, target: Target, test: str, row: str) -> str:
        """The test of ``text_value``, where it holds for strings alone."""

    @abc.abstractmethod
    def contains(self, value: str, text: str) -> str:
        """The test that the string contains this text, which is not empty."""

    @abc.abstractmethod
    def ends_with(self, value: str, text: str) -> str:
        """The test that the string ends with this text, which is not empty."""

    @abc.abstractmethod
    def like(self, value: str, pattern: LikePattern, fold: bool) -> str:
        """The test that the pattern matches the whole string."""

    @abc.abstractmethod
    def matches(self, value: str, regex: Regex) -> str:
        """The test that the expression is found in the string."""

    # --------------------------------------------------------------------------------------------------- the walk

    def order(self, sort: Sequence[SortKey]) -> str:
        """The ORDER BY list: nulls first ascending, last descending."""
        known = sort.compiled.get(type(self)) if isinstance(sort, Order) else None
        if known is None:
            known = ", ".join(
                f"{self.key(key.target)}{self.direction(key.target, descending=key.descending)}"
                for key in sort
            )
            if isinstance(sort, Order):
                sort.compiled[type(self)] = known
        return known

    def direction(self, target: Target, *, descending: bool) -> str:
        """What follows a sort key."""
        return self.DESCENDING if descending else self.ASCENDING

    def condition(self, condition: Condition, row: str = "") -> str:
        """The condition as a boolean expression, true exactly for the rows it holds for; elsewhere false or NULL."""
        match condition:
            case Compare():
                kind = family_of(condition.value)
                if not _can_hold(condition.target, kind):
                    return self.FALSE
                return self.comparison(condition, kind, row)
            case Behind():
                return self.behind(condition, row)
            case Const(value):
                return self.TRUE if value else self.FALSE
            case All(items):
                return self.joined([self.condition(item, row) for item in items], "AND")
            case Either(items):
                return self.joined([self.condition(item, row) for item in items], "OR")
            case Not(IsNull(target)):
                return self.is_not_null(target, row)
            case Not(item):
                return f"({self.condition(item, row)}) IS NOT TRUE"
            case IsNull(target):
                return self.is_null(target, row)
            case Exists(target):
                return self.is_present(target, row)
            case In():
                kind = family_of(condition.values[0])
                if not _can_hold(condition.target, kind):
                    return self.FALSE
                return self.membership(condition, kind, row)
            case Same(target, value):
                return self.same(target, value, row)
            case HasElement():
                return self.has_element(condition, row)
            case Some(target, item):
                return self.some(target, item, row)
            case TextTest() | Like() | Matches():
                return self._text(condition, row)

    def joined(self, parts: list[str], word: str) -> str:
        """These parts with AND or OR between them."""
        if len(parts) > _WIDE:
            middle = len(parts) // 2
            parts = [self.joined(parts[:middle], word), self.joined(parts[middle:], word)]
        return "(" + f" {word} ".join(parts) + ")"

    def has_element(self, condition: HasElement, row: str) -> str:
        """The test that some element equals a value."""
        return self.some(condition.target, element_test(condition), row)

    def some(self, target: Target, item: Condition, row: str) -> str:
        """The test that the item holds for some element."""
        self.elements += 1
        alias = f"e{self.elements}"
        source = self.elements_of(target, alias, row)
        return f"EXISTS (SELECT 1 FROM {source} WHERE {self.condition(item, alias)})"

    def _text(self, condition: TextTest | Like | Matches, row: str) -> str:
        target = condition.target
        if not _can_hold(target, "string"):
            return self.FALSE
        value = self.text_value(target, row)
        candidate = None if self.trigram is None else self.trigram(self, target, condition)
        tests: list[str] = []
        match condition:
            case TextTest(_, test, text):
                tests.append(self._text_test(value, test, text))
            case Like(_, pattern, fold):
                prefix = "" if fold else literal_prefix(pattern)
                if prefix:
                    tests.append(self.starts_with(value, prefix))
                tests.append(self.like(value, pattern, fold))
            case Matches(_, regex):
                tests.append(self.matches(value, regex))
        text = self.joined(tests, "AND") if len(tests) > 1 else tests[0]
        text = self.text_only(target, text, row)
        # In front: a planner looks rows up by it there.
        return text if candidate is None else f"({candidate} AND {text})"

    def _text_test(self, value: str, test: TextTests, text: str) -> str:
        if not text:
            return f"{value} IS NOT NULL"
        match test:
            case TextTests.CONTAINS:
                return self.contains(value, text)
            case TextTests.STARTS_WITH:
                return self.starts_with(value, text)
            case TextTests.ENDS_WITH:
                return self.ends_with(value, text)

    def starts_with(self, value: str, prefix: str) -> str:
        """The strings that start with the prefix, as a range, which an index serves."""
        after = following(prefix)
        low = f"{value} >= {self.bind(prefix)}"
        return low if after is None else f"({low} AND {value} < {self.bind(after)})"


def parenthesised(expression: str) -> str:
    """The expression as an operand."""
    return f"({expression})" if expression.startswith("CASE") else expression


def family_of(value: ScalarValue) -> str:
    """The family that a value is of: string, number or bool."""
    return "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"


def _can_hold(target: Target, kind: str) -> bool:
    """Whether a place can hold values of that family at all; only a column says that it cannot."""
    scalar = target.scalar
    return target.column is None or scalar is None or family(scalar.kind) == kind


def element_test(condition: HasElement) -> Condition:
    """The condition that an element fulfils which equals the value."""
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


def following(prefix: str) -> str | None:
    """The smallest string above every string with this prefix, by code point; None where there is none."""
    for end in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[end])
        if code < 0x10FFFF:
            # The surrogates are no characters.
            return prefix[:end] + chr(0xE000 if code == 0xD7FF else code + 1)
    return None
