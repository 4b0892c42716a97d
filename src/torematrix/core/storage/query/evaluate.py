"""The reference: what every condition answers for a canonical document, in plain Python.

``predicate`` turns a condition into a function of a document; ``sort_key`` gives the place of a document in an
order. Clarity comes before speed here: this module is what the engines are measured against.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from ..model.kinds import Canonical, order_key
from .conditions import (
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
from .operations import SortKey
from .paths import Step
from .patterns import like_matcher
from .regex import regex_matcher

__all__ = [
    "MISSING",
    "Document",
    "Predicate",
    "SortPlace",
    "kind_of",
    "order",
    "predicate",
    "same",
    "sort_place",
    "value_at",
]


class Missing(enum.Enum):
    """What stands where nothing does."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
Document: TypeAlias = dict[str, Canonical]
Predicate: TypeAlias = "Callable[[Canonical | Missing], bool]"
# Values of one place are of one kind, so they compare; that is more than a type can say.
SortPlace: TypeAlias = tuple[int, Any]


def kind_of(value: Canonical | Missing) -> str:
    """One of null, bool, number, string, list, dict; ``missing`` where there is no value."""
    if value is None:
        return "null"
    if value is MISSING:
        return "missing"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, list) else "dict"


def same(left: Canonical | Missing, right: Canonical | Missing) -> bool:
    """Deep equality: kinds are never equal across, 1 is 1.0, the order of keys is irrelevant."""
    kind = kind_of(left)
    if kind != kind_of(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    return bool(left == right)


def value_at(root: Canonical | Missing, steps: Sequence[Step]) -> Canonical | Missing:
    """The value that these steps, none of them a wildcard, lead to; ``MISSING`` where they lead nowhere."""
    value = root
    for step in steps:
        if isinstance(step, str):
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
        elif isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else MISSING
        else:
            raise TypeError("a wildcard is a condition of its own, not a place")
    return value


_COMPARE: Final[dict[Comparison, Callable[[Any, Any], bool]]] = {
    Comparison.EQ: operator.eq,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
}


def predicate(condition: Condition) -> Predicate:
    """The function that says whether the condition holds for a canonical document."""
    match condition:
        case Const(value):
            return lambda root: value
        case All(items):
            parts = [predicate(item) for item in items]
            return lambda root: all(part(root) for part in parts)
        case Either(items):
            parts = [predicate(item) for item in items]
            return lambda root: any(part(root) for part in parts)
        case Not(item):
            inner = predicate(item)
            return lambda root: not inner(root)
        case Behind():
            return predicate(condition.spelled_out())
        case Some(target, item):
            inner = predicate(item)
            return _at(
                target, lambda value: isinstance(value, list) and any(inner(element) for element in value)
            )
        case _:
            return _at(condition.target, _test(condition))


def _at(target: Target, test: Predicate) -> Predicate:
    steps = target.steps
    return lambda root: test(value_at(root, steps))


def _test(
    condition: IsNull | Exists | Compare | In | Same | HasElement | TextTest | Like | Matches,
) -> Predicate:
    match condition:
        case IsNull():
            return lambda value: value is None or value is MISSING
        case Exists():
            return lambda value: value is not MISSING
        case Compare(target, comparison, operand):
            return _compare(_COMPARE[comparison], operand, target.ordered_text)
        case In(target, operands):
            return _in(operands, target.ordered_text)
        case Same(_, operand):
            return lambda value: same(value, operand)
        case HasElement(_, operand, ordered_text):
            if ordered_text:
                return lambda value: (
                    isinstance(value, list)
                    and any(isinstance(element, str) and order_key(element) == operand for element in value)
                )
            return lambda value: isinstance(value, list) and any(same(element, operand) for element in value)
        case TextTest(_, test, text):
            return _strings(_TEXT[test](text))
        case Like(_, pattern, fold):
            return _strings(like_matcher(pattern, fold=fold))
        case Matches(_, regex):
            return _strings(regex_matcher(regex))


_TEXT: Final[dict[TextTests, Callable[[str], Callable[[str], bool]]]] = {
    TextTests.CONTAINS: lambda text: lambda value: text in value,
    TextTests.STARTS_WITH: lambda text: lambda value: value.startswith(text),
    TextTests.ENDS_WITH: lambda text: lambda value: value.endswith(text),
}


def _strings(test: Callable[[str], bool]) -> Predicate:
    return lambda value: isinstance(value, str) and test(value)


def _compare(compares: Callable[[Any, Any], bool], operand: ScalarValue, ordered_text: bool) -> Predicate:
    kind = kind_of(operand)
    if ordered_text:
        return lambda value: isinstance(value, str) and compares(order_key(value), operand)
    return lambda value: kind_of(value) == kind and compares(value, operand)


def _in(operands: Sequence[ScalarValue], ordered_text: bool) -> Predicate:
    kind, members = kind_of(operands[0]), frozenset(operands)
    if ordered_text:
        return lambda value: isinstance(value, str) and order_key(value) in members
    return lambda value: kind_of(value) == kind and value in members


def sort_place(root: Document, target: Target) -> SortPlace:
    """What to compare to order documents by this target: null and missing come before every value."""
    value = value_at(root, target.steps)
    if value is None or value is MISSING:
        return (0, None)
    return (1, order_key(value) if target.ordered_text and isinstance(value, str) else value)


def order(documents: list[Document], sort: Sequence[SortKey]) -> list[Document]:
    """These documents in that order."""
    ordered = documents
    for key in reversed(sort):
        target = key.target

        def place(root: Document, target: Target = target) -> SortPlace:
            return sort_place(root, target)

        # Sorting is stable in both directions, so the last key is applied first.
        ordered = sorted(ordered, key=place, reverse=key.descending)
    return ordered
