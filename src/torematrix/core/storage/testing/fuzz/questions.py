"""Random questions about entities of any schema: filters, sorts, searches and aggregates, and simpler filters.

Half of the operands are taken from the entities that the program stores, so that questions mostly have answers.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cache, cached_property
from typing import Any, Final, cast

from ...errors import InvalidQueryError
from ...model.codec import Codec
from ...model.kinds import Kind, Scalar
from ...model.schema import Schema
from ...model.shapes import Anything, ListOf, MapOf, Nullable, Record, Shape, TupleOf, Union
from ...query.aggregates import Avg, Count, Max, Measured, Min, Sum
from ...query.evaluate import Document, predicate
from ...query.filters import AllOf, AnyOf, Expression, Negation, Operator, QueryFilter, SortOrder
from ...query.normalise import condition_of
from ...query.paths import ANY, Step, format_path
from ...query.resolve import sortable
from ...query.rows import document_of
from ..pools import PIECES, REGEXES
from .values import Palette, member

__all__ = ["Questions", "simpler"]

_VALUED: Final = (Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN, Operator.IS_NULL, Operator.EXISTS)
_ORDERED: Final = (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE, Operator.BETWEEN)
_TEXTUAL: Final = (
    Operator.LIKE,
    Operator.ILIKE,
    Operator.STARTS_WITH,
    Operator.ENDS_WITH,
    Operator.CONTAINS,
    Operator.REGEX,
)
_TEXT_OPERATORS: Final = frozenset(_TEXTUAL)
_SHORT: Final = ("", "a", "b", "A", "é", "ab", "%", "_", "\\", "\n", "1", "\U0001f600", "*", "[")
_NUMBERS: Final = (Scalar(Kind.INT), Scalar(Kind.FLOAT))
_TEXT: Final = Scalar(Kind.STR)
_SUMMED: Final = (Kind.INT, Kind.BIGINT, Kind.DECIMAL, Kind.FLOAT, Kind.TIMEDELTA)
_RUBBISH: Final = (
    "OR", "OR", "AND", "NOT", '"', "*", "-", "(", ")", "NEAR", "c++", "-5", '-"the run"', "\x01", "a:b", "'", "^",
    "title:cat", "%", "\\",
)  # fmt: skip
_ATOMS: Final = (
    "a", "b", "A", "1", "é", ".", "[ab]", "[^a]", r"\d", r"\w", r"\s", r"\.", "(a|b)", "(?:ab)", "[a-zé]", " ", "%",
    r"\W", "k", "ß",
)  # fmt: skip
_REPEATS: Final = ("", "", "", "*", "+", "?", "{2}", "{1,2}", "*?", "+?")


class Questions:
    """Questions about the entities of one schema.

    Args:
        palette: what operands are drawn from.
        schema: the schema.
        held: entities that are likely to be stored, of which further operands are taken.
    """

    def __init__(self, palette: Palette, schema: Schema, held: Sequence[Any]) -> None:
        self._palette = palette
        self._draws = palette.draws
        self._schema = schema
        self._held = held

    # --------------------------------------------------------------------------------------------------- filters

    def filter(self, depth: int = 2) -> Expression:
        """A condition, nested at most this deep: mostly one that holds for an entity, and not for all."""
        item = self._filter(depth)
        for _ in range(3):
            if self._draws.chance(0.1) or self._decides(item):
                break
            item = self._filter(depth)
        return item

    def _decides(self, item: Expression) -> bool:
        """Whether the condition holds for some of a few entities but not for all; at times also a refused one."""
        try:
            holds = predicate(condition_of(self._schema, item))
        except InvalidQueryError:
            return self._draws.chance(0.4)
        return len({holds(document) for document in self._documents}) == 2

    @cached_property
    def _documents(self) -> list[Document]:
        codec: Codec[Any] = _codec(self._schema)
        rows = [codec.row_to_create(entity, _TIME, str) for entity in self._held[:8]]
        return [document_of(self._schema, row) for row in rows]

    def _filter(self, depth: int) -> Expression:
        """Any condition. One in fifty holds what may be refused."""
        draws = self._draws
        place = draws.below(100)
        if depth and place < 30:
            parts = [self._filter(depth - 1) for _ in range(draws.pick((0, 1, 2, 2, 2, 3, 3)))]
            return AllOf(parts) if place < 15 else AnyOf(parts)
        if depth and place < 42:
            return Negation(self._filter(depth - 1))
        if place > 97:
            return self._wild()
        for _ in range(8):
            item = self._predicate()
            if self._accepted(item):
                return item
        return QueryFilter("id", Operator.NE.value, "")

    def _accepted(self, item: Expression) -> bool:
        try:
            condition_of(self._schema, item)
        except InvalidQueryError:
            return False
        return True

    def _wild(self) -> QueryFilter:
        """Any operator with any operand, at a place that there may not be."""
        path, _, _ = self._place()
        path = self._draws.pick((path, path, "nope", "nope.deep", "id[0]", ""))
        operator = self._draws.pick((*Operator, "resembles")).lower()
        return QueryFilter(path, operator, self._palette.json(1))

    def _predicate(self) -> QueryFilter:
        path, steps, shape = self._place()
        operators = _operators(shape)
        if self._draws.chance(0.25):
            path, steps, shape, operators = self._text_place() or (path, steps, shape, operators)
        operator = self._draws.pick(operators)
        return QueryFilter(path, operator.value, self._operand(operator, shape, steps))

    def _text_place(self) -> tuple[str, tuple[Step, ...], Shape, tuple[Operator, ...]] | None:
        """A place where an entity holds text, and what is asked of text alone; mostly how it matches a pattern."""
        for _ in range(4):
            path, steps, shape = self._place()
            if _TEXT_OPERATORS.issubset(_operators(shape)) and isinstance(self._stored(steps), str):
                return path, steps, shape, (*_TEXTUAL, Operator.REGEX, Operator.REGEX)
        return None

    def _place(self) -> tuple[str, tuple[Step, ...], Shape]:
        """A path into entities of the schema, and what is declared there."""
        draws, schema = self._draws, self._schema
        shape: Shape
        if schema.freeform:
            name = self._palette.key() if draws.chance(0.7) else draws.pick(_top_level(schema))
            shape = schema.id.shape if name == "id" else Anything()
        else:
            field = draws.pick(schema.fields)
            name, shape = field.name, field.shape
        steps: list[Step] = [name]
        while not isinstance(shape, Scalar) and draws.chance(0.55):
            step, shape = self._step(shape)
            if step is None:
                break
            steps.append(step)
        while isinstance(shape, Nullable):
            shape = shape.item
        return format_path(tuple(steps)), tuple(steps), shape

    def _step(self, shape: Shape) -> tuple[Step | None, Shape]:
        draws = self._draws
        match shape:
            case Nullable(item):
                return self._step(item)
            case ListOf(item):
                return draws.pick(_ELEMENTS), item
            case TupleOf(items):
                at = draws.below(len(items))
                return at, items[at]
            case MapOf(_, value):
                return self._palette.key(), value
            case Record():
                field = draws.pick(shape.fields)
                return field.name, field.shape
            case Anything():
                return (self._palette.key() if draws.chance(0.65) else draws.pick(_ELEMENTS)), shape
            case Union(members):
                return self._step(draws.pick(members))
            case _:
                return None, shape

    # -------------------------------------------------------------------------------------------------- operands

    def _operand(self, operator: Operator, shape: Shape, steps: tuple[Step, ...]) -> Any:
        draws = self._draws
        match operator:
            case Operator.IS_NULL | Operator.EXISTS:
                return draws.chance(0.5)
            case Operator.LIKE | Operator.ILIKE:
                return self._pattern(steps)
            case Operator.REGEX:
                return self._regex(steps)
            case Operator.STARTS_WITH | Operator.ENDS_WITH:
                return self._piece(steps, ends=operator is Operator.ENDS_WITH)
            case Operator.IN | Operator.NOT_IN:
                count = draws.pick((0, 1, 2, 3, 4, 4, 12))
                return [None if draws.chance(0.1) else self._one(shape, steps) for _ in range(count)]
            case Operator.BETWEEN:
                low, high = self._one(shape, steps), self._one(shape, steps)
                # The pair in an order that finds something, more often than not.
                return (high, low) if _follows(low, high) and draws.chance(0.8) else (low, high)
            case Operator.CONTAINS:
                return self._contained(shape, steps)
            case Operator.EQ | Operator.NE if draws.chance(0.1):
                return None
            case _:
                return self._one(shape, steps)

    def _one(self, shape: Shape, steps: tuple[Step, ...]) -> Any:
        """A single operand for a place of that shape: one that is stored there, one like it, or text for it."""
        draws, palette = self._draws, self._palette
        if draws.chance(0.5):
            found = self._stored(steps)
            if found is not None:
                return self._as_text(found) if draws.chance(0.1) else found
        match shape:
            case Scalar(kind, enum=None) if kind in (Kind.INT, Kind.FLOAT) and draws.chance(0.4):
                return palette.scalar(draws.pick(_NUMBERS))
            case Scalar(Kind.DECIMAL) if draws.chance(0.3):
                return palette.scalar(_NUMBERS[0])
            case Anything():
                return palette.json(1)
            case _:
                value = palette.value(shape)
                return self._as_text(value) if draws.chance(0.1) else value

    def _as_text(self, value: Any) -> Any:
        """What stands for the value in a filter: ISO text, digits, the value of an Enum."""
        if isinstance(value, enum.Enum):
            return value.value
        if hasattr(value, "isoformat"):
            return value.isoformat()
        return str(value) if isinstance(value, Decimal) or type(value).__name__ == "UUID" else value

    def _stored(self, steps: tuple[Step, ...]) -> Any:
        """What one of the entities holds at this place; None where nothing does."""
        if not self._held:
            return None
        value: Any = self._draws.pick(self._held)
        for step in steps:
            if isinstance(step, str):
                value = member(value, step)
            elif isinstance(value, (list, tuple)) and value:
                members = cast("Sequence[Any]", value)
                value = self._draws.pick(members) if step is ANY else members[min(step, len(members) - 1)]
            else:
                return None
        return value

    def _contained(self, shape: Shape, steps: tuple[Step, ...]) -> Any:
        match shape:
            case ListOf(item):
                return self._one(item, (*steps, ANY))
            case TupleOf(items):
                return self._one(self._draws.pick(items), (*steps, ANY))
            case Union(members):
                return self._contained(self._draws.pick(members), steps)
            case Anything() if self._draws.chance(0.5):
                return self._one(shape, (*steps, ANY))
            case _:
                return self._piece(steps)

    def _text(self, steps: tuple[Step, ...]) -> str:
        found = self._stored(steps) if self._draws.chance(0.85) else None
        return found if isinstance(found, str) else self._palette.scalar(_TEXT)

    def _piece(self, steps: tuple[Step, ...], *, ends: bool = False) -> str:
        """A part of a text that is stored there, or something short."""
        draws = self._draws
        if draws.chance(0.3):
            return draws.pick(_SHORT)
        text = self._text(steps)
        length = draws.between(0, min(4, len(text)))
        start = len(text) - length if ends else draws.below(max(1, len(text) - length + 1))
        return text[start : start + length] if ends or draws.chance(0.5) else text[:length]

    def _pattern(self, steps: tuple[Step, ...]) -> str:
        draws = self._draws
        if draws.chance(0.4):
            return "".join(draws.pick(PIECES) for _ in range(draws.below(6)))
        text = self._text(steps)[:12].replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        cut = draws.below(len(text) + 1)
        if text[:cut].endswith("\\"):
            cut = 0
        start, end = text[:cut], draws.pick(("", text[cut + 1 :]))
        return draws.pick(("", "", "%")) + start + draws.pick(("%", "%", "_", "")) + end.lstrip("\\")

    def _regex(self, steps: tuple[Step, ...]) -> str:
        draws = self._draws
        lines = self._text(steps)[:60].split("\n")
        if len(lines) > 1 and draws.chance(0.7):
            line = "".join(character if character.isalnum() else "." for character in draws.pick(lines))
            return draws.pick(("^", "", "(?s)", r"\A")) + line + draws.pick(("$", "$", "", ".*$"))
        if draws.chance(0.3):
            return draws.pick(REGEXES)
        if draws.chance(0.5):
            piece = self._piece(steps)
            safe = "".join(character if character.isalnum() else "." for character in piece)
            return draws.pick(("", "^", "(?i)", "(?s)")) + safe + draws.pick(("", "$", ".*"))
        parts = "".join(draws.pick(_ATOMS) + draws.pick(_REPEATS) for _ in range(draws.between(1, 3)))
        return draws.pick(("", "", "^", "(?i)", "(?s)", "(?i)^")) + parts + draws.pick(("", "", "$"))

    # --------------------------------------------------------------------------------- sorts, searches, aggregates

    def sort(self, most: int = 3) -> list[tuple[str, SortOrder]]:
        """What ``sort_by`` takes."""
        draws = self._draws
        paths = draws.several(_sort_paths(self._schema), draws.below(most + 1))
        return [(path, draws.pick((SortOrder.ASC, SortOrder.DESC))) for path in paths]

    def search(self) -> str:
        """What users type: mostly words that stand together in one of the texts."""
        draws = self._draws
        words = self._words()
        start = draws.below(len(words))
        terms: list[str] = []
        for _ in range(draws.pick((0, 1, 1, 1, 1, 2, 2, 3))):
            place = draws.below(20)
            word = words[min(start, len(words) - 1)] if draws.chance(0.8) else draws.pick(self._palette.words)
            start += 1
            if place < 11:
                terms.append(word)
            elif place < 13:
                terms.append(f'"{" ".join(words[start - 1 : start + 1]) or word}"')
            elif place < 15:
                terms.append(f"{word[: draws.between(1, 4)]}*")
            elif place < 16:
                terms += [word, f"-{draws.pick(self._palette.words)}"]
            elif place < 19:
                terms += [word, "OR", draws.pick(self._palette.words)]
            else:
                terms.append(draws.pick(_RUBBISH))
        return ("" if draws.chance(0.05) else " ").join(terms)

    def _words(self) -> list[str]:
        """The words of a searchable text that is stored; those of the palette where there is none."""
        paths = self._schema.searchable
        for _ in range(4 if paths else 0):
            path, _ = self._draws.pick(paths)
            text = self._stored(tuple(path.split(".")))
            words = text.split() if isinstance(text, str) else []
            if words:
                return words
        return self._palette.words

    def fields(self) -> list[str] | None:
        """Some of the searchable fields; None for all."""
        paths = [path for path, _ in self._schema.searchable]
        if not paths or self._draws.chance(0.7):
            return None
        return ["nope"] if self._draws.chance(0.03) else self._draws.several(paths, self._draws.between(1, 2))

    def measures(self) -> dict[str, Measured]:
        """One to three measures."""
        draws = self._draws
        kinds = (Count, Sum, Sum, Avg, Min, Max)
        asked: dict[str, Measured] = {}
        for number in range(draws.between(1, 3)):
            kind = draws.pick(kinds)
            if kind is Count:
                asked[f"m{number}"] = Count(draws.pick((None, draws.pick(_sort_paths(self._schema)))))
                continue
            paths = _summed(self._schema) if kind in (Sum, Avg) else _sort_paths(self._schema)
            asked[f"m{number}"] = kind(draws.pick(paths)) if paths else Count()
        return asked

    def group(self) -> list[str]:
        """What to group by."""
        return self._draws.several(_sort_paths(self._schema), self._draws.pick((0, 0, 1, 1, 2)))


_TIME: Final = "2026-01-01T00:00:00.000000+00:00"


@cache
def _codec(schema: Schema) -> Codec[Any]:
    return Codec(schema, json_documents=False)


_ELEMENTS: Final[tuple[Step, ...]] = (ANY, ANY, ANY, 0, 1, 2)


def _follows(low: Any, high: Any) -> bool:
    try:
        return bool(low > high)
    except TypeError:
        return False


@cache
def _operators(shape: Shape) -> tuple[Operator, ...]:
    match shape:
        case Scalar(kind, enum=members):
            textual = _TEXTUAL if kind is Kind.STR and members is None and not shape.allowed else ()
            return (*_VALUED[:-1], *_ORDERED, *textual)
        case ListOf() | TupleOf():
            return (*_VALUED, Operator.CONTAINS, Operator.CONTAINS)
        case MapOf() | Record():
            return _VALUED
        case _:
            return (*_VALUED, *_ORDERED, *_TEXTUAL)


@cache
def _top_level(schema: Schema) -> tuple[str, ...]:
    paths = itertools.chain(schema.by_name, *(index.paths for index in schema.indexes))
    texts = (path for path, _ in schema.searchable)
    return tuple(dict.fromkeys(path.partition(".")[0] for path in itertools.chain(paths, texts)))


@cache
def _sort_paths(schema: Schema) -> tuple[str, ...]:
    """Paths by which entities can be sorted and grouped."""
    paths = dict.fromkeys(field.name for field in schema.fields)
    for index in schema.indexes:
        paths.update(dict.fromkeys(index.paths))
    inside = [
        f"{field.name}.{part.name}"
        for field in schema.fields
        if isinstance(field.shape, Record)
        for part in field.shape.fields
    ]
    return tuple(path for path in (*paths, *inside) if _kind(schema, path) is not None)


@cache
def _summed(schema: Schema) -> tuple[str, ...]:
    return tuple(path for path in _sort_paths(schema) if _kind(schema, path) in _SUMMED)


def _kind(schema: Schema, path: str) -> Kind | None:
    try:
        scalar = sortable(schema, path, "sort").scalar
    except InvalidQueryError:
        return None
    return None if scalar is None else scalar.kind


# ------------------------------------------------------------------------------------------------------------ smaller


def simpler(item: Expression) -> list[Expression]:
    """Expressions one step simpler than this one, so that taking one again and again ends."""
    if isinstance(item, Negation):
        return [item.item, *map(Negation, simpler(item.item))]
    if isinstance(item, (AllOf, AnyOf)):
        parts = list(item.items)
        whole: Callable[[list[Expression]], Expression] = type(item)
        without = [whole(parts[:at] + parts[at + 1 :]) for at in range(len(parts))]
        inner = [
            whole([*parts[:at], small, *parts[at + 1 :]])
            for at, part in enumerate(parts)
            for small in simpler(part)
        ]
        return [*parts, *without, *inner]
    if isinstance(item, QueryFilter) and isinstance(item.value, list) and item.operator in ("in", "not_in"):
        values = list(cast("Iterable[Any]", item.value))
        return [
            QueryFilter(item.field, item.operator, values[:at] + values[at + 1 :])
            for at in range(len(values))
        ]
    return []
