"""Hypothesis strategies of questions: filters, sorts and search queries for any schema."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from functools import cache
from typing import Any, Final, cast

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..errors import InvalidQueryError
from ..model.kinds import Kind, Scalar
from ..model.schema import Schema
from ..model.shapes import Anything, ListOf, MapOf, Nullable, Record, Shape, TupleOf, Union
from ..query.filters import AllOf, AnyOf, Expression, Negation, Operator, QueryFilter, SortOrder
from ..query.normalise import condition_of
from ..query.paths import ANY, Step, format_path
from ..query.resolve import sortable
from .pools import PIECES, REGEXES, WORDS
from .strategies import JSON, JSON_KEYS, Values, scalars, values

__all__ = ["any_filters", "filters", "search_queries", "sort_paths", "sorts"]

# ------------------------------------------------------------------------------------------------------------ filters

_VALUED: Final = (Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN, Operator.IS_NULL, Operator.EXISTS)
_ORDERED: Final = (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN)
_TEXTUAL: Final = (
    *(
        Operator.LIKE,
        Operator.ILIKE,
        Operator.STARTS_WITH,
        Operator.ENDS_WITH,
        Operator.CONTAINS,
        Operator.REGEX,
    ),
)
_PATTERNS: Final = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
_TEXT: Final = scalars(Scalar(Kind.STR))
_SHORT: Final = st.sampled_from(
    ["", "a", "b", "A", "é", "ab", "%", "_", "\\", "\n", "1", "\U0001f600", "*", "["]
)


def _operators(shape: Shape) -> tuple[Operator, ...]:
    match shape:
        case Scalar(kind, enum=members):
            textual = _TEXTUAL if kind is Kind.STR and members is None else ()
            return (*_VALUED, *_ORDERED, *textual)
        case ListOf() | TupleOf():
            return (*_VALUED, Operator.CONTAINS)
        case MapOf() | Record():
            return _VALUED
        case _:
            return (*_VALUED, *_ORDERED, *_TEXTUAL)


def _operands(shape: Shape) -> Values:
    """Single operands for a place of that shape: its own values, and what stands for them."""
    match shape:
        case Scalar(kind, enum=None) if kind in (Kind.INT, Kind.FLOAT):
            return st.one_of(scalars(shape), scalars(Scalar(Kind.INT)), scalars(Scalar(Kind.FLOAT)))
        case Scalar(Kind.DECIMAL):
            return st.one_of(scalars(shape), scalars(Scalar(Kind.INT)), scalars(shape).map(str))
        case Scalar(kind, enum=None) if kind in (Kind.DATE, Kind.TIME, Kind.DATETIME):
            return st.one_of(scalars(shape), scalars(shape).map(lambda value: value.isoformat()))
        case Scalar(Kind.UUID):
            return st.one_of(scalars(shape), scalars(shape).map(str))
        case Scalar(enum=members) if members is not None:
            return st.one_of(scalars(shape), scalars(shape).map(_member_value))
        case Nullable(item):
            return _operands(item)
        case Union(members):
            return st.one_of(*map(_operands, members))
        case _:
            return values(shape)


def _member_value(member: enum.Enum) -> object:
    return member.value


def _scalar_operands(shape: Shape) -> Values:
    return st.one_of(*_JSON_PARTS) if isinstance(shape, Anything) else _operands(shape)


_JSON_PARTS: Final = (scalars(Scalar(Kind.INT)), scalars(Scalar(Kind.FLOAT)), _TEXT, st.booleans())


def _operand(operator: Operator, shape: Shape) -> Values:
    match operator:
        case Operator.IS_NULL | Operator.EXISTS:
            return st.booleans()
        case Operator.LIKE | Operator.ILIKE:
            return st.one_of(_PATTERNS, _PATTERNS, _TEXT)
        case Operator.REGEX:
            return st.sampled_from(REGEXES)
        case Operator.STARTS_WITH | Operator.ENDS_WITH:
            return st.one_of(_SHORT, _TEXT)
        case Operator.IN | Operator.NOT_IN:
            return st.lists(st.one_of(_operands(shape), _operands(shape), st.none()), max_size=5)
        case Operator.BETWEEN:
            return st.tuples(_scalar_operands(shape), _scalar_operands(shape))
        case Operator.CONTAINS:
            return _contained(shape)
        case Operator.EQ | Operator.NE:
            return st.one_of(_operands(shape), _operands(shape), _operands(shape), st.none())
        case _:
            return _scalar_operands(shape)


def _contained(shape: Shape) -> Values:
    match shape:
        case ListOf(item):
            return _operands(item)
        case TupleOf(items):
            return st.one_of(*map(_operands, items))
        case Anything():
            return st.one_of(_SHORT, JSON)
        case Union(members):
            return st.one_of(_SHORT, *(_contained(member) for member in members))
        case _:
            return st.one_of(_SHORT, _TEXT)


@st.composite
def _places(draw: st.DrawFn, schema: Schema) -> tuple[str, Shape]:
    """A path into entities of the schema, and what is declared there."""
    if schema.freeform:
        name, shape = draw(JSON_KEYS.filter(lambda key: key != "id")), cast("Shape", Anything())
    else:
        field = draw(st.sampled_from(schema.fields))
        name, shape = field.name, field.shape
    steps: list[Step] = [name]
    while not isinstance(shape, Scalar) and draw(st.booleans()):
        step, shape = _step(draw, shape)
        if step is None:
            break
        steps.append(step)
    while isinstance(shape, Nullable):
        shape = shape.item
    return format_path(tuple(steps)), shape


def _step(draw: st.DrawFn, shape: Shape) -> tuple[Step | None, Shape]:
    elements: SearchStrategy[Step] = st.sampled_from((ANY, ANY, ANY, 0, 1, 2))
    match shape:
        case Nullable(item):
            return _step(draw, item)
        case ListOf(item):
            return draw(elements), item
        case TupleOf(items):
            place = draw(st.integers(0, len(items) - 1))
            return place, items[place]
        case MapOf(_, value):
            return draw(JSON_KEYS), value
        case Record():
            field = draw(st.sampled_from(shape.fields))
            return field.name, field.shape
        case Anything():
            return draw(st.one_of(JSON_KEYS, JSON_KEYS, elements)), shape
        case Union(members):
            return _step(draw, draw(st.sampled_from(members)))
        case _:
            return None, shape


@st.composite
def _predicates(draw: st.DrawFn, schema: Schema) -> QueryFilter:
    path, shape = draw(_places(schema))
    operator = draw(st.sampled_from(_operators(shape)))
    return QueryFilter(path, operator.value, draw(_operand(operator, shape)))


_UNSTORABLE: Final[tuple[Any, ...]] = (
    *(
        float("nan"),
        float("-inf"),
        Decimal("NaN"),
        Decimal("Infinity"),
        2**63,
        -(2**63) - 1,
        "\0",
        "\ud800",
        "a\0b",
    ),
    *(object(), object, {1: 2}, b"x", (1,), [["\ud800"]], {"a": float("nan")}, dt.time(1, tzinfo=dt.UTC)),
)
_HOSTILE: Final[Values] = st.one_of(
    st.sampled_from(_UNSTORABLE),
    JSON,
)


def any_filters(schema: Schema) -> SearchStrategy[Expression]:
    """Single predicates, of which many are refused: unknown names, unknown operators, and operands of another kind."""
    paths = st.one_of(
        _places(schema).map(lambda place: place[0]),
        st.sampled_from(["", "a..b", "nope", "a[", "[0]", "a[-1]", "a.*", "id.x"]),
    )
    operators = st.one_of(
        st.sampled_from([operator.value for operator in Operator]), st.sampled_from(["", "=", "EQ", "$gt"])
    )
    return st.builds(QueryFilter, paths, operators, _HOSTILE)


def filters(schema: Schema, max_leaves: int = 6) -> SearchStrategy[Expression]:
    """Filters that are accepted: predicates of every operator at every place, under and, or and not."""
    leaves = cast("SearchStrategy[Expression]", _predicates(schema)).filter(
        lambda item: _accepted(schema, item)
    )

    def nested(inner: SearchStrategy[Expression]) -> SearchStrategy[Expression]:
        several = st.lists(inner, max_size=3)
        return st.one_of(st.builds(AllOf, several), st.builds(AnyOf, several), st.builds(Negation, inner))

    return st.recursive(leaves, nested, max_leaves=max_leaves)


def _accepted(schema: Schema, item: Expression) -> bool:
    try:
        condition_of(schema, item)
    except InvalidQueryError:
        return False
    return True


# ------------------------------------------------------------------------------------------------- sorts and searches


@cache
def sort_paths(schema: Schema) -> tuple[str, ...]:
    """Paths by which entities of the schema can be sorted and grouped."""
    paths = dict.fromkeys(field.name for field in schema.fields)
    for index in schema.indexes:
        paths.update(dict.fromkeys(index.paths))
    return tuple(path for path in paths if _is_sortable(schema, path))


def _is_sortable(schema: Schema, path: str) -> bool:
    try:
        sortable(schema, path, "sort")
    except InvalidQueryError:
        return False
    return True


def sorts(schema: Schema, max_size: int = 3) -> SearchStrategy[list[tuple[str, SortOrder]]]:
    """What ``sort_by`` takes: up to so many keys, each with its direction."""
    key = st.tuples(st.sampled_from(sort_paths(schema)), st.sampled_from(SortOrder))
    return st.lists(key, max_size=max_size, unique_by=lambda pair: pair[0])


def search_queries() -> SearchStrategy[str]:
    """What users type: words, phrases, prefixes, exclusions, alternatives, and rubbish."""
    word = st.sampled_from(WORDS)
    term = st.one_of(
        word,
        word,
        st.lists(word, min_size=1, max_size=3).map(lambda words: f'"{" ".join(words)}"'),
        st.tuples(word, st.integers(1, 4)).map(lambda pair: f"{pair[0][: pair[1]]}*"),
        word.map(lambda text: f"-{text}"),
        st.sampled_from(
            [
                "OR",
                "OR",
                "AND",
                "NOT",
                '"',
                "*",
                "-",
                "(",
                ")",
                "NEAR",
                "c++",
                "-5",
                '-"the run"',
                "\x01",
                "a:b",
            ]
        ),
        _TEXT,
    )
    return st.lists(term, max_size=5).map(" ".join)
