"""Conditions in MongoDB's query language.

A place that MongoDB reads as our rules do (a declared scalar) needs no guards. At any other every test comes with the
guards "this prefix of the path is no list", because MongoDB looks through lists; the test of a scalar also has the
guard "and no list stands there". Operands always come under an operator, so that none can be taken for one. Logic stays
two-valued because NOT is ``$nor``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

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
from ...query.patterns import literal_prefix
from .._sql.compile import following
from .expressions import ORDERED_BOUNDS, Expressions, text_expression
from .names import ID, reference
from .places import Places
from .shallow import shallow

__all__ = ["Compiler", "Filter"]

Filter: TypeAlias = dict[str, Any]

_OPERATORS: Final = {
    Comparison.EQ: "$eq",
    Comparison.LT: "$lt",
    Comparison.LE: "$lte",
    Comparison.GT: "$gt",
    Comparison.GE: "$gte",
}
_NO_LIST: Final[Filter] = {"$not": {"$type": "array"}}
_DEPTH: Final = 60
"""MongoDB takes filters 100 levels and BSON 200 levels deep; a level here takes two of BSON, and the guards theirs."""


class Compiler:
    """Compiles one condition, and notes what in it is not MongoDB's own work.

    Args:
        places: where the values stand.
        candidate: what indexes of the library know of a test of text, as a filter that every match passes.
    """

    def __init__(
        self, places: Places, candidate: Callable[[Target, Condition], Filter | None] | None = None
    ) -> None:
        self.emulated: list[str] = []
        self._places = places
        self._candidate = candidate
        self._expressions = Expressions(places.path)

    def filter(self, condition: Condition) -> Filter:
        """The filter, empty where everything matches."""
        if isinstance(condition, Const) and condition.value:
            return {}
        return self._filter(shallow(condition, _DEPTH))

    def _filter(self, condition: Condition) -> Filter:
        match condition:
            case Compare():
                return self._compare(condition)
            case Const(value):
                return {} if value else {ID: {"$in": []}}
            case Behind():
                return self._filter(condition.spelled_out())
            case All(items):
                return {"$and": [self._filter(item) for item in items]}
            case Either(items):
                return {"$or": [self._filter(item) for item in items]}
            case Not(IsNull(target)) if self._is_plain(target):
                return {self._key(target): {"$ne": None}}
            case Not(item):
                return {"$nor": [self._filter(item)]}
            case IsNull(target):
                return self._is_null(target)
            case Exists(target):
                return self._guarded(target, {"$exists": True}, scalar=False, condition=condition)
            case In():
                return self._in(condition)
            case Same(target, value):
                return self._same(condition, target, value)
            case HasElement():
                return self._has_element(condition)
            case Some():
                return self._expression(condition)
            case TextTest() | Like() | Matches():
                return self._text(condition)

    def value(self, target: Target) -> Any:
        """What stands at a place, as an expression; missing where nothing does."""
        return self._expressions.value(target)

    def sort_value(self, target: Target) -> Any:
        """What a place sorts by, as an expression; null and missing sort alike."""
        value = self.value(target)
        if not target.ordered_text:
            return value
        return {"$arrayElemAt": [{"$split": [value, " "]}, 0]}

    # What stands at a place ------------------------------------------------------------------------------------

    def _is_plain(self, target: Target) -> bool:
        return self._places.key_path(target) is not None

    def _key(self, target: Target) -> str:
        return self._places.key_path(target) or self._places.path(target)

    def _expression(self, condition: Condition) -> Filter:
        return {"$expr": self._expressions.condition(condition)}

    def _guards(self, target: Target, *, scalar: bool) -> list[Filter]:
        """That no list stands on the way to a place and, where a scalar is looked for, at the place."""
        parts = self._places.path(target).split(".")
        ends = range(1, len(parts) + scalar)
        return [{".".join(parts[:end]): _NO_LIST} for end in ends]

    def _guarded(self, target: Target, test: Filter, *, scalar: bool, condition: Condition) -> Filter:
        """The test of a place, with its guards; in another form where an index of a list is on the way."""
        if not all(isinstance(step, str) for step in target.steps):
            return self._expression(condition)
        tests: list[Filter] = [{self._places.path(target): test}, *self._guards(target, scalar=scalar)]
        return tests[0] if len(tests) == 1 else {"$and": tests}

    # Tests -----------------------------------------------------------------------------------------------------

    def _compare(self, condition: Compare) -> Filter:
        target = condition.target
        path = self._places.key_path(target)
        if path is not None:
            return {path: {_OPERATORS[condition.comparison]: condition.value}}
        test = _bounds(condition.comparison, condition.value, ordered_text=target.ordered_text)
        return self._guarded(target, test, scalar=True, condition=condition)

    def _in(self, condition: In) -> Filter:
        target = condition.target
        path = self._places.key_path(target)
        if path is not None:
            return {path: {"$in": list(condition.values)}}
        if target.ordered_text:
            return {
                "$or": [self._compare(Compare(target, Comparison.EQ, value)) for value in condition.values]
            }
        return self._guarded(target, {"$in": list(condition.values)}, scalar=True, condition=condition)

    def _is_null(self, target: Target) -> Filter:
        path = self._places.key_path(target)
        if path is not None:
            return {path: {"$eq": None}}
        condition = IsNull(target)
        if not all(isinstance(step, str) for step in target.steps):
            return self._expression(condition)
        path = self._places.path(target)
        *prefixes, own = self._guards(target, scalar=True)
        here: Filter = {"$and": [{path: {"$eq": None}}, own]}
        # Where a list is on the way there is nothing at the place.
        return {"$or": [here, {"$nor": [{"$and": prefixes}]}]} if prefixes else here

    def _same(self, condition: Same, target: Target, value: Any) -> Filter:
        return self._expression(condition)

    def _has_element(self, condition: HasElement) -> Filter:
        value = condition.value
        if condition.ordered_text:
            test = _bounds(Comparison.EQ, str(value), ordered_text=True)
        else:
            test = {"$eq": sorted_value(value)}
        return self._guarded(condition.target, {"$elemMatch": test}, scalar=False, condition=condition)

    def _text(self, condition: TextTest | Like | Matches) -> Filter:
        target = condition.target
        tests: list[Filter] = []
        candidate = None if self._candidate is None else self._candidate(target, condition)
        if candidate is not None:
            tests.append(candidate)
        whole = self._range(condition, tests)
        if not whole:
            tests.append(self._exact(condition))
        return tests[0] if len(tests) == 1 else {"$and": tests}

    def _range(self, condition: TextTest | Like | Matches, tests: list[Filter]) -> bool:
        """Add what an index can look up; whether that is all there is to the test."""
        target = condition.target
        match condition:
            case TextTest(_, test, text):
                prefix = "" if text and test is not TextTests.STARTS_WITH else text
                whole = not text or test is TextTests.STARTS_WITH
                if not whole:
                    return False
            case Like(_, pattern, False):
                prefix, whole = literal_prefix(pattern), False
                if not prefix:
                    return False
            case _:
                return False
        after = following(prefix) if prefix else None
        bounds: Filter = {"$gte": prefix} if after is None else {"$gte": prefix, "$lt": after}
        if self._is_plain(target):
            tests.append({self._key(target): bounds})
        elif whole or all(isinstance(step, str) for step in target.steps):
            tests.append(self._guarded(target, bounds, scalar=True, condition=condition))
        return whole

    def _exact(self, condition: TextTest | Like | Matches) -> Filter:
        target = condition.target
        if isinstance(condition, (Like, Matches)):
            self.emulated.append("the pattern is matched document by document")
        if not self._is_plain(target):
            return self._expression(condition)
        key = self._key(target)
        # A string or null: asked first, since the functions of strings raise at anything else.
        return {"$and": [{key: {"$gte": ""}}, {"$expr": _strings(reference(key), condition)}]}


def _strings(value: str, condition: TextTest | Like | Matches) -> Any:
    test = text_expression(condition, value)
    return {"$cond": [{"$eq": [{"$type": value}, "string"]}, test, False]}


def _bounds(comparison: Comparison, value: ScalarValue, *, ordered_text: bool) -> Filter:
    if not ordered_text:
        return {_OPERATORS[comparison]: value}
    return {operator: f"{value}{end}" for operator, end in ORDERED_BOUNDS[comparison]}
