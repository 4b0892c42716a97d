"""From filters as written to conditions: names resolved, operands checked and made canonical, numbers made exact.

Everything that can be wrong with a filter is refused here, before any engine sees it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, cast

from ..errors import InvalidEntityError, InvalidQueryError
from ..model.kinds import Canonical, Kind, Scalar, order_key, parse_operand
from ..model.schema import Schema
from ..model.shapes import Anything, ListOf, MapOf, Nullable, Record, Shape, TupleOf, Union, encoder
from .conditions import (
    FALSE,
    TRUE,
    Compare,
    Comparison,
    Condition,
    Exists,
    HasElement,
    In,
    IsNull,
    Like,
    Matches,
    Same,
    ScalarValue,
    Some,
    Target,
    TextTest,
    TextTests,
    all_of,
    any_of,
    negated,
)
from .filters import (
    AllOf,
    AnyOf,
    Expression,
    Filters,
    Negation,
    Operator,
    QueryFilter,
    SortBy,
    SortOrder,
    listed,
    parse_operator,
)
from .operations import SortKey
from .orders import Order
from .patterns import parse_like
from .regex import parse_regex
from .resolve import asked, resolve, sortable, strip_nullable

__all__ = ["MAX_FILTER_DEPTH", "MAX_IN_BYTES", "MAX_PREDICATES", "condition_of", "sort_of"]

MAX_FILTER_DEPTH = 100
MAX_PREDICATES = 2_000
MAX_IN_BYTES = 8_000_000
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_EQUAL: Final = Comparison.EQ  # before Python 3.12 looking a member up in its Enum is slow


def condition_of(schema: Schema, filters: Filters) -> Condition:
    """The condition these filters mean for entities of this schema; a list means all of them, None everything.

    Raises:
        InvalidQueryError: a name, an operator or an operand is not acceptable.
    """
    if filters is None:
        return TRUE
    if isinstance(filters, QueryFilter):  # most conditions by far, and there is nothing to walk
        return _predicate(schema, filters)
    return _Normaliser(schema).any_filters(filters)


class _Normaliser:
    """Walks one filter expression and counts what it meets."""

    __slots__ = ("_left", "_schema")

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._left = MAX_PREDICATES

    def any_filters(self, filters: object) -> Condition:
        if isinstance(filters, Expression):
            return self.expression(filters, MAX_FILTER_DEPTH)
        if isinstance(filters, (str, bytes, Mapping)) or not isinstance(filters, Iterable):
            raise InvalidQueryError("filters are QueryFilter values, F expressions, or a list of them")
        return all_of([self.expression(item, MAX_FILTER_DEPTH) for item in cast("Iterable[object]", filters)])

    def expression(self, item: object, depth: int) -> Condition:
        if depth < 0:
            raise InvalidQueryError(f"filters nest at most {MAX_FILTER_DEPTH} deep")
        if isinstance(item, QueryFilter):
            return self.predicate(item)
        if isinstance(item, AllOf):
            return all_of([self.expression(part, depth - 1) for part in item.items])
        if isinstance(item, AnyOf):
            return any_of([self.expression(part, depth - 1) for part in item.items])
        if isinstance(item, Negation):
            return negated(self.expression(item.item, depth - 1))
        raise InvalidQueryError("filters are QueryFilter values, F expressions, or a list of them")

    def predicate(self, item: QueryFilter) -> Condition:
        self._left -= 1
        if self._left < 0:
            raise InvalidQueryError(
                f"a query has at most {MAX_PREDICATES} predicates; use `in` for many values"
            )
        return _predicate(self._schema, item)


def _predicate(schema: Schema, item: QueryFilter) -> Condition:
    operator = parse_operator(item.operator)
    place = asked(schema, item.field)
    try:
        condition = _BUILD[operator](place.target, item.value)
    except (InvalidQueryError, InvalidEntityError) as error:
        raise InvalidQueryError(f"filter on {item.field!r}, operator {operator.value}: {error}") from None
    for target in place.lists[::-1]:
        condition = Some(target, condition)
    return condition


def _eq(target: Target, value: object) -> Condition:
    if value is None:
        return IsNull(target)
    return _equal(target, _operand(target.shape, value))


def _equal(target: Target, operand: Canonical) -> Condition:
    if isinstance(operand, (list, dict)):
        _refuse_ordered_inside(target.shape)
        return Same(target, operand)
    return _compare(target, _EQUAL, operand)


def _in(target: Target, value: object) -> Condition:
    # An iterator is used up by the first query, and a second one with the same filter would find nothing.
    given = listed(None if isinstance(value, Iterator) else value)
    scalars, branches = _in_operands(target, given)
    if sum(len(item) if isinstance(item, str) else 8 for item in scalars) > MAX_IN_BYTES:
        raise InvalidQueryError(f"its values come to more than {MAX_IN_BYTES:,} bytes; split the query")
    families: dict[type, list[ScalarValue]] = {}
    for item in scalars:
        families.setdefault(float if type(item) is int else type(item), []).append(item)
    for members in families.values():
        distinct = tuple(dict.fromkeys(members))
        branches.append(
            _compare(target, Comparison.EQ, distinct[0]) if len(distinct) == 1 else In(target, distinct)
        )
    return any_of(branches)


def _in_operands(target: Target, given: list[object]) -> tuple[list[ScalarValue], list[Condition]]:
    scalar = target.scalar
    if (
        scalar is not None
        and scalar.kind is Kind.STR
        and scalar.enum is None
        and set(map(type, given)) == {str}
    ):
        strings = cast("list[str]", given)
        parse_operand(scalar, "".join(strings))  # one check of the characters of all
        return list(strings), []
    scalars: list[ScalarValue] = []
    branches: list[Condition] = []
    for item in given:
        if item is None:
            branches.append(IsNull(target))
            continue
        condition = _equal(target, _operand(target.shape, item))
        if isinstance(condition, Compare):
            scalars.append(condition.value)
        else:
            branches.append(condition)
    return scalars, branches


def _operand(shape: Shape, value: object) -> Canonical:
    """The canonical form of an operand that stands for a value of this shape."""
    if isinstance(shape, Scalar):
        return parse_operand(shape, value)
    shape, _ = strip_nullable(shape)
    match shape:
        case Scalar():
            return parse_operand(shape, value)
        case Union(members):
            for member in members:
                try:
                    return _operand(member, value)
                except (InvalidQueryError, InvalidEntityError):
                    continue
            raise InvalidQueryError("the value is of none of the declared types")
        case ListOf(_, container) if isinstance(value, (list, tuple, set, frozenset)):
            rebuild = cast("Callable[[Iterable[object]], object]", container)
            return encoder(shape)(rebuild(cast("Iterable[object]", value)))
        case TupleOf() if isinstance(value, (list, tuple)):
            return encoder(shape)(tuple(cast("Iterable[object]", value)))
        case Record() if isinstance(value, dict):
            return encoder(Anything())(cast("object", value))
        case _:
            return encoder(shape)(value)


def _compare(target: Target, comparison: Comparison, operand: Canonical) -> Condition:
    """The comparison with one canonical scalar, exact in the numbers of the column."""
    if not isinstance(operand, (str, int, float)):
        raise InvalidQueryError("takes a single value; None, lists and dicts have no order")
    scalar = target.scalar
    if scalar is not None:
        if target.ordered_text:
            return Compare(target, comparison, order_key(str(operand)))
        if isinstance(operand, float) and scalar.kind is Kind.INT:
            return _compare_int(target, comparison, operand)
        if not isinstance(operand, (bool, str)) and scalar.kind is Kind.FLOAT:
            return _compare_float(target, comparison, operand)
    return Compare(target, comparison, operand)


def _compare_int(target: Target, comparison: Comparison, operand: float) -> Condition:
    """An int column against a float: the bound becomes the neighbouring int."""
    if operand.is_integer():
        bound = int(operand)
    elif comparison is Comparison.EQ:
        return FALSE
    elif comparison in (Comparison.LT, Comparison.LE):
        comparison, bound = Comparison.LE, math.floor(operand)
    else:
        comparison, bound = Comparison.GE, math.ceil(operand)
    if _SMALLEST <= bound <= _LARGEST:
        return Compare(target, comparison, bound)
    below = comparison in (Comparison.LT, Comparison.LE)
    if comparison is Comparison.EQ or below == (bound < _SMALLEST):
        return FALSE
    return negated(IsNull(target))


def _compare_float(target: Target, comparison: Comparison, operand: float) -> Condition:
    """A float column against an int: the bound becomes the neighbouring float."""
    nearest = float(operand)
    if nearest == operand:
        return Compare(target, comparison, nearest)
    if comparison is Comparison.EQ:
        return FALSE
    above = nearest > operand
    if comparison in (Comparison.LT, Comparison.LE):
        return Compare(target, Comparison.LT if above else Comparison.LE, nearest)
    return Compare(target, Comparison.GE if above else Comparison.GT, nearest)


def _ordered(comparison: Comparison) -> Callable[[Target, object], Condition]:
    def build(target: Target, value: object) -> Condition:
        if value is None or isinstance(target.shape, (ListOf, TupleOf, MapOf, Record)):
            raise InvalidQueryError("takes a single value; None, lists and dicts have no order")
        return _compare(target, comparison, _operand(target.shape, value))

    return build


def _between(target: Target, value: object) -> Condition:
    pair = tuple(cast("Iterable[object]", value)) if isinstance(value, (list, tuple)) else ()
    if len(pair) != 2:
        raise InvalidQueryError("takes a pair, (low, high)")
    low, high = pair
    return all_of([_ordered(Comparison.GE)(target, low), _ordered(Comparison.LE)(target, high)])


def _flag(build: Callable[[Target], Condition]) -> Callable[[Target, object], Condition]:
    def flagged(target: Target, value: object) -> Condition:
        if not isinstance(value, bool):
            raise InvalidQueryError("takes True or False")
        return build(target) if value else negated(build(target))

    return flagged


def _exists(target: Target) -> Condition:
    declared = target.column is not None or (
        len(target.steps) == 1 and not target.in_element and not _undeclared(target)
    )
    return TRUE if declared else Exists(target)


def _undeclared(target: Target) -> bool:
    return isinstance(target.shape, Anything)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidQueryError("takes a str")
    text = parse_operand(_STRING, value)
    return str(text)


_STRING: Final = Scalar(Kind.STR)


def _holds_strings(target: Target) -> None:
    """Refuse a declared place where no string can stand: tests of strings would be a mistake there."""
    shape = target.shape
    members: Sequence[Shape] = shape.members if isinstance(shape, Union) else (shape,)
    for nullable in members:
        member, _ = strip_nullable(nullable)
        if isinstance(member, Anything) or (isinstance(member, Scalar) and member.kind is Kind.STR):
            return
    raise InvalidQueryError("the field holds no strings")


def _text_test(test: TextTests) -> Callable[[Target, object], Condition]:
    def build(target: Target, value: object) -> Condition:
        _holds_strings(target)
        return TextTest(target, test, _text(value))

    return build


def _like(*, fold: bool) -> Callable[[Target, object], Condition]:
    def build(target: Target, value: object) -> Condition:
        _holds_strings(target)
        return Like(target, parse_like(_text(value)), fold)

    return build


def _regex(target: Target, value: object) -> Condition:
    _holds_strings(target)
    return Matches(target, parse_regex(_text(value)))


def _contains(target: Target, value: object) -> Condition:
    shape = target.shape
    members: Sequence[Shape] = shape.members if isinstance(shape, Union) else (shape,)
    branches: list[Condition] = []
    refused: InvalidQueryError | InvalidEntityError | None = None
    for nullable in members:
        member, _ = strip_nullable(nullable)
        try:
            branches.extend(_contains_in(target, member, value))
        except (InvalidQueryError, InvalidEntityError) as error:
            refused = error
    if not branches:
        raise refused or InvalidQueryError("the field holds neither strings nor lists")
    return any_of(branches)


def _contains_in(target: Target, shape: Shape, value: object) -> list[Condition]:
    if isinstance(shape, Scalar) and shape.kind is Kind.STR:
        return [TextTest(target, TextTests.CONTAINS, _text(value))]
    if isinstance(shape, ListOf):
        return [_has_element(target, shape.item, value)]
    if isinstance(shape, TupleOf):
        return [_has_element(target, Union(tuple(shape.items)), value)]
    if isinstance(shape, Anything):
        element = HasElement(target, encoder(shape)(value))
        return [TextTest(target, TextTests.CONTAINS, value), element] if isinstance(value, str) else [element]
    raise InvalidQueryError("the field holds neither strings nor lists")


def _has_element(target: Target, item: Shape, value: object) -> Condition:
    if value is None:
        return HasElement(target, None)
    item, _ = strip_nullable(item)
    if isinstance(item, Scalar) and item.kind in (Kind.DECIMAL, Kind.BIGINT):
        return HasElement(target, order_key(str(parse_operand(item, value))), ordered_text=True)
    _refuse_ordered_inside(item)
    return HasElement(target, _operand(item, value))


def _refuse_ordered_inside(shape: Shape) -> None:
    if _ordered_inside(shape, set()):
        raise InvalidQueryError(
            "whole lists and dicts that hold Decimal or big int values are not compared: "
            "1.0 equals 1.00 by value and differs by digits; ask for an element with [*]"
        )


def _ordered_inside(shape: Shape, seen: set[type[object]]) -> bool:
    """Whether an exact number may stand anywhere inside; a record may hold itself, so those ``seen`` are left out."""
    match shape:
        case Scalar(kind):
            return kind in (Kind.DECIMAL, Kind.BIGINT)
        case Nullable(item) | ListOf(item):
            return _ordered_inside(item, seen)
        case TupleOf(items) | Union(items):
            return any(_ordered_inside(item, seen) for item in items)
        case MapOf(_, value):
            return _ordered_inside(value, seen)
        case Record(cls) if cls not in seen:
            seen.add(cls)
            return any(_ordered_inside(field.shape, seen) for field in shape.fields)
        case _:
            return False


_BUILD: Final[dict[Operator, Callable[[Target, object], Condition]]] = {
    Operator.EQ: _eq,
    Operator.NE: lambda target, value: negated(_eq(target, value)),
    Operator.GT: _ordered(Comparison.GT),
    Operator.GTE: _ordered(Comparison.GE),
    Operator.LT: _ordered(Comparison.LT),
    Operator.LTE: _ordered(Comparison.LE),
    Operator.BETWEEN: _between,
    Operator.IN: _in,
    Operator.NOT_IN: lambda target, value: negated(_in(target, value)),
    Operator.IS_NULL: _flag(IsNull),
    Operator.EXISTS: _flag(_exists),
    Operator.LIKE: _like(fold=False),
    Operator.ILIKE: _like(fold=True),
    Operator.STARTS_WITH: _text_test(TextTests.STARTS_WITH),
    Operator.ENDS_WITH: _text_test(TextTests.ENDS_WITH),
    Operator.CONTAINS: _contains,
    Operator.REGEX: _regex,
}


_SORT_FORM: Final = "sort_by is a field name, or a list of names and (name, SortOrder) pairs"


_ORDERS_KEPT: Final = 256


def sort_of(schema: Schema, sort_by: SortBy, sort_order: SortOrder | str) -> Order:
    """The total order asked for: the keys given, then id in the direction of the last of them.

    Raises:
        InvalidQueryError: a key is not a declared scalar, stands twice, or a direction is none.
    """
    if sort_by is not None and type(sort_by) is not str:
        return _sort_of(schema, sort_by, sort_order)
    known: dict[Any, Order] = schema.orders
    asked_for = (sort_by, sort_order)
    try:
        return known[asked_for]
    except (KeyError, TypeError):  # asked for the first time, or something that is no order
        order = _sort_of(schema, sort_by, sort_order)
    if len(known) < _ORDERS_KEPT:
        known[asked_for] = order
    return order


def _sort_of(schema: Schema, sort_by: SortBy, sort_order: SortOrder | str) -> Order:
    default = _direction(sort_order)
    keys: list[SortKey] = []
    for item in _sort_items(sort_by):
        path: object = item
        descending = default
        if not isinstance(item, str):
            pair = tuple(cast("Iterable[object]", item)) if isinstance(item, (tuple, list)) else ()
            if len(pair) != 2:
                raise InvalidQueryError(_SORT_FORM)
            path, descending = pair[0], _direction(pair[1])
        keys.append(SortKey(sortable(schema, path, "sort"), descending))
    if len({key.target.text for key in keys}) != len(keys):
        raise InvalidQueryError("a field stands twice in sort_by")
    identity = resolve(schema, schema.id.name).target
    for at, key in enumerate(keys):
        if key.target.column is identity.column:
            return Order(keys[: at + 1], schema)  # ids are unique: nothing after them changes the order
    keys.append(SortKey(identity, keys[-1].descending if keys else default))
    return Order(keys, schema)


def _sort_items(sort_by: object) -> Iterable[object]:
    if sort_by is None:
        return ()
    if isinstance(sort_by, str):
        return (sort_by,)
    # A set has no first key, and of a mapping the directions would be dropped.
    if isinstance(sort_by, (bytes, Mapping, AbstractSet)) or not isinstance(sort_by, Iterable):
        raise InvalidQueryError(_SORT_FORM)
    return cast("Iterable[object]", sort_by)


def _direction(order: object) -> bool:
    try:
        return SortOrder(cast("str", order)) is SortOrder.DESC
    except ValueError:
        raise InvalidQueryError("a sort order is SortOrder.ASC or SortOrder.DESC") from None
