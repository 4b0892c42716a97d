"""Conditions as aggregation expressions: what cannot be asked in MongoDB's query language, or not exactly.

Used for elements of lists, for places with a list index on the way, for whole lists and dicts, and for strings. An
expression reads a place by our rules: a key is looked for in a dict alone, an index in a list alone. ``$a.b`` would
look through a list at ``a``, so every prefix is asked first whether it is one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...model.codec import sorted_value
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
from ...query.paths import Step
from .patterns import Expression, contains, ends_with, like, literal

__all__ = ["ORDERED_BOUNDS", "Expressions", "text_expression"]

_OPERATORS: Final = {
    Comparison.EQ: "$eq",
    Comparison.LT: "$lt",
    Comparison.LE: "$lte",
    Comparison.GT: "$gt",
    Comparison.GE: "$gte",
}
ORDERED_BOUNDS: Final[dict[Comparison, tuple[tuple[str, str], ...]]] = {
    Comparison.EQ: (("$gte", " "), ("$lt", "!")),
    Comparison.LT: (("$lt", " "),),
    Comparison.LE: (("$lt", "!"),),
    Comparison.GT: (("$gte", "!"),),
    Comparison.GE: (("$gte", " "),),
}
"""An ordered text compared with a key: the operators, and what follows the key in their operands.

In the text a space follows its key. The space, and "!" after it, are below everything that a key may hold.
"""


class Expressions:
    """Writes expressions for one filter.

    Args:
        path: gives the reference, without the dollar signs, of a place of keys in the document.
    """

    def __init__(self, path: Callable[[Target], str]) -> None:
        self._path = path
        self._variables = 0

    def _variable(self, letter: str) -> str:
        self._variables += 1
        return f"{letter}{self._variables}"

    def condition(self, condition: Condition, element: str | None = None) -> Expression:
        """Whether the condition holds, for the document or for the element that this variable holds."""
        match condition:
            case Const(value):
                return literal(value)
            case All(items):
                return {"$and": [self.condition(item, element) for item in items]}
            case Either(items):
                return {"$or": [self.condition(item, element) for item in items]}
            case Behind():
                return self.condition(condition.spelled_out(), element)
            case Not(item):
                return {"$not": [self.condition(item, element)]}
            case _:
                value = self.value(condition.target, element)
                if isinstance(value, str):
                    return self._test(condition, value)
                name = self._variable("v")
                return {"$let": {"vars": {name: value}, "in": self._test(condition, f"$${name}")}}

    def value(self, target: Target, element: str | None = None) -> Expression:
        """What stands at a place; missing where nothing does."""
        steps = target.steps
        head = next((at for at, step in enumerate(steps) if not isinstance(step, str)), len(steps))
        if element is None:
            top = self._path(target) if head == len(steps) else self._path(_cut(target, head))
            value = _guarded(f"${top}", plain=target.column is not None)
        else:
            value = _guarded(".".join([f"$${element}", *map(str, steps[:head])]), plain=head == 0)
        for step in steps[head:]:
            value = self._step(value, step)
        return value

    def _step(self, value: Expression, step: Step) -> Expression:
        name = self._variable("s")
        if isinstance(step, int):
            taken: Expression = {
                "$cond": [{"$isArray": [f"$${name}"]}, {"$arrayElemAt": [f"$${name}", step]}, "$$REMOVE"]
            }
        else:
            taken = {"$cond": [{"$eq": [{"$type": f"$${name}"}, "object"]}, f"$${name}.{step}", "$$REMOVE"]}
        return {"$let": {"vars": {name: value}, "in": taken}}

    def _test(self, condition: Condition, value: str) -> Expression:
        match condition:
            case IsNull():
                return {"$in": [{"$type": value}, ["missing", "null"]]}
            case Exists():
                return {"$ne": [{"$type": value}, "missing"]}
            case Compare(target, comparison, operand):
                return _compare(value, comparison, operand, target.ordered_text)
            case In(target, operands):
                if target.ordered_text:
                    return {"$or": [_compare(value, Comparison.EQ, operand, True) for operand in operands]}
                return {"$in": [value, literal(list(operands))]}
            case Same(_, operand):
                return {"$eq": [value, literal(sorted_value(operand))]}
            case HasElement(_, operand, ordered_text):
                if ordered_text:
                    name = self._variable("e")
                    test = _compare(f"$${name}", Comparison.EQ, str(operand), True)
                    return _any(value, name, test)
                return {
                    "$cond": [{"$isArray": [value]}, {"$in": [literal(sorted_value(operand)), value]}, False]
                }
            case Some(_, item):
                name = self._variable("e")
                return _any(value, name, self.condition(item, name))
            case TextTest() | Like() | Matches():
                return {"$cond": [_is_string(value), text_expression(condition, value), False]}
            case _:
                raise TypeError("logic has no target")


def _cut(target: Target, length: int) -> Target:
    return Target(target.text, target.steps[:length], target.shape, nullable=True)


def _guarded(reference: str, *, plain: bool) -> Expression:
    """What a reference names, missing where a list stands on the way."""
    parts = reference.split(".")
    prefixes = [".".join(parts[:end]) for end in range(1, len(parts))]
    if plain or not prefixes:
        return reference
    lists: list[Expression] = [{"$isArray": [prefix]} for prefix in prefixes]
    return {"$cond": [lists[0] if len(lists) == 1 else {"$or": lists}, "$$REMOVE", reference]}


def _is_string(value: Expression) -> Expression:
    return {"$eq": [{"$type": value}, "string"]}


def _any(value: Expression, name: str, test: Expression) -> Expression:
    """Whether the value is a list for an element of which the test holds."""
    nothing: list[Expression] = []
    elements: dict[str, Expression] = {"$cond": [{"$isArray": [value]}, value, nothing]}
    return {"$anyElementTrue": [{"$map": {"input": elements, "as": name, "in": test}}]}


def _compare(
    value: Expression, comparison: Comparison, operand: ScalarValue, ordered_text: bool
) -> Expression:
    if ordered_text:
        bounds = [
            {operator: [value, literal(f"{operand}{end}")]} for operator, end in ORDERED_BOUNDS[comparison]
        ]
        return {"$and": [_is_string(value), *bounds]}
    test = {_OPERATORS[comparison]: [value, literal(operand)]}
    if comparison is Comparison.EQ:
        return test  # values of different kinds are never equal
    if isinstance(operand, (bool, str)):
        kind: Expression = {"$eq": [{"$type": value}, "bool" if isinstance(operand, bool) else "string"]}
    else:
        kind = {"$isNumber": value}
    return {"$and": [kind, test]}


def text_expression(condition: TextTest | Like | Matches, value: Expression) -> Expression:
    """Whether a string meets the test."""
    match condition:
        case TextTest(_, test, text):
            if not text:
                return literal(True)
            match test:
                case TextTests.CONTAINS:
                    return contains(value, text)
                case TextTests.STARTS_WITH:
                    return {"$eq": [{"$indexOfBytes": [value, literal(text), 0, len(text.encode())]}, 0]}
                case TextTests.ENDS_WITH:
                    return ends_with(value, text)
        case Like(_, pattern, fold):
            return like(value, pattern, fold=fold)
        case Matches(_, regex):
            return {"$regexMatch": {"input": value, "regex": literal(regex.pcre)}}
