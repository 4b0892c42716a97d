"""Hypothesis strategies: adversarial values of every kind, and entities of any schema.

Values come mostly from small pools, so that filters find something and unique values collide. Everything is derived
from a schema, so it works for any entity class; ``entities.SUBJECTS`` has some that hold every kind between them.
``questions`` has the filters, sorts and searches to go with them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias, cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..model._keys import split_path
from ..model.kinds import INT64_MAX, INT64_MIN, Kind, Scalar, decode_scalar
from ..model.schema import Field, Schema
from ..model.shapes import Anything, ListOf, MapOf, Nullable, Record, Shape, TupleOf, Union
from .pools import KEYS, NAIVE, POOLS, WORDS

__all__ = [
    "JSON",
    "JSON_KEYS",
    "Values",
    "changes",
    "effort",
    "entities",
    "ids",
    "json_documents",
    "json_values",
    "prose",
    "scalars",
    "values",
]

Values: TypeAlias = SearchStrategy[Any]
Path: TypeAlias = tuple[str, ...]

_CHARACTERS: Final = st.characters(codec="utf-8", exclude_characters="\0")


def effort(share: float) -> settings:
    """That share of the examples which the active profile asks for, each as long as the storage takes."""
    examples = max(5, round(settings().max_examples * share))
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# ------------------------------------------------------------------------------------------------------------- values

_RANDOM: Final[dict[Kind, Values]] = {
    Kind.STR: st.text(_CHARACTERS, max_size=12),
    Kind.INT: st.integers(INT64_MIN, INT64_MAX),
    Kind.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    Kind.BOOL: st.booleans(),
    Kind.DECIMAL: st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    Kind.BIGINT: st.integers(-(10**50), 10**50),
    Kind.BYTES: st.binary(max_size=20),
    Kind.DATETIME: st.datetimes(timezones=st.just(dt.UTC)),
    Kind.DATE: st.dates(),
    Kind.TIME: st.times(),
    Kind.TIMEDELTA: st.timedeltas(dt.timedelta(microseconds=INT64_MIN), dt.timedelta(microseconds=INT64_MAX)),
    Kind.UUID: st.uuids(),
}


def _mostly(pool: SearchStrategy[Any], rest: SearchStrategy[Any]) -> Values:
    return st.one_of(pool, pool, pool, rest)


@cache
def scalars(scalar: Scalar) -> Values:
    """Values that a field of that scalar stores."""
    if scalar.allowed:
        return st.sampled_from([decode_scalar(scalar, canonical) for canonical in scalar.allowed])
    if scalar.enum is not None:
        return st.sampled_from(list(scalar.enum))
    if scalar.kind is Kind.DATETIME and scalar.naive:
        return _mostly(st.sampled_from(NAIVE), st.datetimes())
    return _mostly(st.sampled_from(POOLS[scalar.kind]), _RANDOM[scalar.kind])


def prose() -> SearchStrategy[str]:
    """Texts of several words, for searches to find."""
    return st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


JSON_KEYS: Final = st.sampled_from(KEYS)
_JSON_SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    scalars(Scalar(Kind.INT)),
    scalars(Scalar(Kind.FLOAT)),
    scalars(Scalar(Kind.STR)),
)


def json_values(max_leaves: int = 6) -> Values:
    """Values of the six JSON kinds, as an undeclared position holds them."""
    return st.recursive(
        _JSON_SCALARS,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(JSON_KEYS, inner, max_size=3)),
        max_leaves=max_leaves,
    )


JSON: Final = json_values()


def json_documents(max_size: int = 5) -> SearchStrategy[dict[str, Any]]:
    """Dicts of them, with awkward keys."""
    return st.dictionaries(JSON_KEYS, JSON, max_size=max_size)


def values(shape: Shape) -> Values:
    """Values that a field of that shape stores."""
    match shape:
        case Scalar():
            return scalars(shape)
        case Nullable(item):
            return st.one_of(st.none(), values(item))
        case ListOf(item, container):
            return st.lists(values(item), max_size=3).map(cast("Callable[[Any], Any]", container))
        case TupleOf(items):
            return st.tuples(*map(values, items))
        case MapOf(key, value):
            keys = JSON_KEYS if key == Scalar(Kind.STR) else scalars(key)
            return st.dictionaries(keys, values(value), max_size=3)
        case Union(members):
            return st.one_of(*map(values, members))
        case Record():
            return _made(shape.cls, {field.name: values(field.shape) for field in shape.fields})
        case Anything():
            return JSON


def _made(cls: type[Any], parts: dict[str, Values]) -> Values:
    return st.fixed_dictionaries(parts).map(lambda given: cls(**given))


# ----------------------------------------------------------------------------------------------------------- entities


def ids(count: int = 8) -> SearchStrategy[str]:
    """A few ids, so that programs meet the same entity again; their order is not that of their numbers."""
    return st.sampled_from(
        ["a", "B", "é", "10", "9", "a'b", "\U00010000", "\uffff", *map(str, range(count))][:count]
    )


def entities(schema: Schema, entity_ids: Values | None = None) -> Values:
    """Entities of the schema's class, with ids from the given strategy, or none for the storage to fill."""
    wanted = entity_ids if entity_ids is not None else st.none()
    typed = _typed(schema)
    if schema.freeform:
        texts: dict[Path, Values] = {split_path(path): prose() for path, _ in schema.searchable}
        return st.builds(_document, wanted, _completed(json_documents(), {**texts, **typed}))
    parts: dict[str, Values] = {field.name: _field(schema, field) for field in schema.fields}
    for name in {path[0] for path in typed}:
        inside = {path[1:]: given for path, given in typed.items() if path[0] == name}
        parts[name] = _completed(parts[name], inside)
    return _made(schema.entity_class, {**parts, "id": wanted})


def _document(entity_id: object, free: dict[str, Any]) -> dict[str, Any]:
    document = {key: value for key, value in free.items() if key != "id"}
    return document if entity_id is None else {**document, "id": entity_id}


def _typed(schema: Schema) -> dict[Path, Values]:
    """What stands at the paths whose type only an index declares."""
    return {
        split_path(path): st.one_of(st.none(), scalars(scalar), scalars(scalar))
        for index in schema.indexes
        for path, scalar in zip(index.paths, index.scalars, strict=True)
        if index.typed and scalar is not None
    }


def _completed(documents: Values, typed: dict[Path, Values]) -> Values:
    """These dicts with values of the declared type, or nothing, at the typed paths."""
    given = st.fixed_dictionaries({}, optional=typed)
    return st.tuples(documents, given).map(lambda pair: _put(pair[0], tuple(typed), pair[1]))


def _put(
    document: dict[str, Any], paths: tuple[tuple[str, ...], ...], given: dict[tuple[str, ...], Any]
) -> dict[str, Any]:
    for path in paths:
        place: Any = document
        for key in path[:-1]:
            inner = place.get(key)
            if not isinstance(inner, dict):
                inner = place[key] = {}
            place = cast("Any", inner)
        place.pop(path[-1], None)
        if path in given:
            place[path[-1]] = given[path]
    return document


def _field(schema: Schema, field: Field) -> Values:
    if field is schema.revision:
        return st.just(0)
    if field is schema.created or field is schema.updated:
        return st.none()
    base = prose() if field.searchable and field.scalar == Scalar(Kind.STR) else values(field.shape)
    base = st.one_of(base, values(field.shape)) if field.searchable else base
    return st.one_of(st.none(), base, base, base) if field.nullable else base


def changes(schema: Schema) -> SearchStrategy[dict[str, Any]]:
    """Keyword arguments of a patch."""
    kept = (schema.id, schema.created, schema.updated, schema.revision)
    if schema.freeform:
        typed = {path[0]: given for path, given in _typed(schema).items() if len(path) == 1}
        return st.fixed_dictionaries({}, optional={"t": prose(), **typed, "c": JSON, "x": JSON})
    parts = {field.name: _field(schema, field) for field in schema.fields if field not in kept}
    return st.lists(st.sampled_from(sorted(parts)), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: parts[name] for name in names})
    )
