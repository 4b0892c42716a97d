"""From a path as written to the place in an entity that it names, checked against the declared schema."""

from __future__ import annotations

import msgspec

from ..errors import InvalidQueryError
from ..model.kinds import Scalar
from ..model.schema import Schema
from ..model.shapes import (
    Anything,
    ListOf,
    MapOf,
    Nullable,
    Record,
    Shape,
    TupleOf,
    Union,
    escape_key,
)
from .conditions import Target
from .paths import Step, Wildcard, parse_path

__all__ = ["Place", "asked", "resolve", "sortable", "strip_nullable"]

_PATHS_KEPT = 1024


class Place(msgspec.Struct, frozen=True):
    """The target a path names, and the lists whose elements its wildcards stand for, outermost first."""

    target: Target
    lists: tuple[Target, ...]


def resolve(schema: Schema, path: object) -> Place:
    """The place this path names.

    Raises:
        InvalidQueryError: it is not a path, or the entity declares nothing there.
    """
    if not isinstance(path, str):
        raise InvalidQueryError("a field is named by a str")
    known: dict[str, Place] = schema.resolved
    place = known.get(path)
    if place is None:
        place = _resolve(schema, path)
        if len(known) < _PATHS_KEPT:
            known[path] = place
    return place


def asked(schema: Schema, path: object) -> Place:
    """The place that a question of the application's is about.

    Raises:
        InvalidQueryError: as for ``resolve``, or the version before is in use, which does not fill the field.
    """
    place = resolve(schema, path)
    if schema.replacing and place.target.steps[0] in schema.replacing:
        raise InvalidQueryError(
            f"{path!r} cannot be asked for while the version before is in use, which does not fill it: ask for what it "
            "takes the place of, or complete the upgrade"
        )
    return place


def _resolve(schema: Schema, path: str) -> Place:
    steps = parse_path(path)
    name = str(steps[0])
    field = schema.by_name.get(name)
    if field is None:
        if not schema.extras:
            names = ", ".join(item.name for item in schema.fields)
            raise InvalidQueryError(
                f"{schema.entity_class.__name__} declares no field {name!r}; its fields are {names}"
            )
        shape, nullable, key = _typed_path(schema, path), True, escape_key(name)
        if shape is not None and len(steps) > 1:
            return _walk(path, (escape_key(name), *steps[1:]), Anything(), typed=shape)
        return _walk(path, (key, *steps[1:]), shape or Anything(), nullable)
    if field.scalar is not None:
        if len(steps) > 1:
            raise InvalidQueryError(
                f"{path!r} names a place inside {name!r}, which is a {field.scalar.kind.value}"
            )
        return Place(Target(path, (field.key,), field.scalar, field.nullable, field), ())
    return _walk(path, (field.key, *steps[1:]), field.shape, field.nullable, typed=_typed_path(schema, path))


def _typed_path(schema: Schema, path: str) -> Scalar | None:
    for index in schema.indexes:
        for declared, scalar in zip(index.paths, index.scalars, strict=True):
            if declared == path and scalar is not None:
                return scalar
    return None


def _walk(
    path: str,
    steps: tuple[Step, ...],
    shape: Shape,
    nullable: bool = True,
    *,
    typed: Scalar | None = None,
) -> Place:
    lists: list[Target] = []
    stored: list[Step] = [steps[0]]
    in_element = False
    for step in steps[1:]:
        shape, inner = strip_nullable(shape)
        nullable = nullable or inner
        below, key = _below(shape, step, path)
        if isinstance(step, Wildcard):
            lists.append(Target(path, tuple(stored), shape, nullable, in_element=in_element))
            stored, in_element, nullable = [], True, False
        else:
            stored.append(key)
            nullable = True
        shape = below
    shape, inner = strip_nullable(shape)
    if typed is not None and isinstance(shape, Anything):
        shape = typed
    return Place(Target(path, tuple(stored), shape, nullable or inner, in_element=in_element), tuple(lists))


def strip_nullable(shape: Shape) -> tuple[Shape, bool]:
    """The shape of the values that are not None, and whether None is allowed."""
    return (shape.item, True) if isinstance(shape, Nullable) else (shape, False)


def _below(shape: Shape, step: Step, path: str) -> tuple[Shape, Step]:
    """The shape one step further, and the step as it is stored."""
    found = _try_below(shape, step)
    if found is not None:
        return found
    if isinstance(shape, Record) and isinstance(step, str):
        names = ", ".join(item.name for item in shape.fields)
        raise InvalidQueryError(
            f"{path!r}: {shape.cls.__name__} declares no field {step!r}; its fields are {names}"
        )
    if isinstance(shape, (ListOf, TupleOf)):
        raise InvalidQueryError(
            f"{path!r} steps into a list with a key; write [n] for an element, [*] for some element"
        )
    raise InvalidQueryError(f"{path!r} names a place that the declared type does not have")


def _try_below(shape: Shape, step: Step) -> tuple[Shape, Step] | None:
    match shape:
        case Anything():
            return Anything(), escape_key(step) if isinstance(step, str) else step
        case MapOf(_, value) if isinstance(step, str):
            return value, escape_key(step)
        case ListOf(item) if not isinstance(step, str):
            return item, step
        case TupleOf(items) if isinstance(step, int) and step < len(items):
            return items[step], step
        case TupleOf(items) if isinstance(step, Wildcard):
            return (items[0] if len(set(items)) == 1 else Anything()), step
        case Record(fields=fields, extras=extras) if isinstance(step, str):
            for field in fields:
                if field.name == step:
                    return field.shape, field.key
            return (Anything(), escape_key(step)) if extras else None
        case Union(members):
            found = [
                below
                for member in members
                if (below := _try_below(strip_nullable(member)[0], step)) is not None
            ]
            if not found:
                return None
            return found[0] if all(item == found[0] for item in found) else (Anything(), found[0][1])
        case _:
            return None


def sortable(schema: Schema, path: object, purpose: str) -> Target:
    """The declared scalar this path names, to sort by, group by or page along.

    Raises:
        InvalidQueryError: the path names a list, a dict, a union or an undeclared place.
    """
    place = asked(schema, path)
    if place.lists or place.target.scalar is None:
        raise InvalidQueryError(
            f"cannot {purpose} by {path!r}: it is not a declared scalar; declare its type, "
            f'for a place inside a document with Index("{place.target.text}", int) or the like'
        )
    return place.target
