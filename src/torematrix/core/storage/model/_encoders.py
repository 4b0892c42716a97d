"""Functions that take Python values of a shape to their canonical form, checking every one of them.

Each shape becomes one closure of ``(value, depth)``, where depth is the level of the stored dict or list that the value
would open: the document is level 1. What they raise carries the path of the place, put together on the way out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from torematrix.core.storage.errors import InvalidEntityError
from torematrix.core.storage.model._json import json_text
from torematrix.core.storage.model._keys import escape_key, join_path, key_segment
from torematrix.core.storage.model._records import record_class
from torematrix.core.storage.model._scalars import (
    INT64_MAX,
    INT64_MIN,
    Canonical,
    Scalar,
    check_text,
    python_type,
    scalar_encoder,
)
from torematrix.core.storage.model._tree import (
    Anything,
    ListOf,
    MapOf,
    Nullable,
    Record,
    Shape,
    TupleOf,
    Union,
)
from torematrix.core.storage.model.names import MAX_DEPTH

__all__ = ["encode_anything", "encode_extras", "encoder", "key_encoder", "located"]

_Encode: TypeAlias = Callable[[Any, int], Canonical]
_FIELD_DEPTH = 2  # the document that holds a field's value is level 1


def encoder(shape: Shape) -> Callable[[object], Canonical]:
    """A function from a field's value of that shape to its canonical form.

    It raises InvalidEntityError, with the ``path`` of the place inside the value (``tags[3]``), for whatever the shape
    does not allow, for dicts and lists deeper than 100 levels counting the document that holds the field, and so for
    data that contain themselves. The result shares nothing with the value.
    """
    if isinstance(shape, Scalar):
        return scalar_encoder(shape)
    encode = _build(shape, {})

    def encode_field(value: object) -> Canonical:
        return encode(value, _FIELD_DEPTH)

    return encode_field


def located(error: InvalidEntityError, segment: str) -> InvalidEntityError:
    """The same error, its path now starting at the given segment."""
    error.path = join_path(segment, error.path)
    return error


def _build(shape: Shape, records: dict[type, _Encode]) -> _Encode:
    if isinstance(shape, Scalar):
        return _scalar(shape)
    if isinstance(shape, Anything):
        return encode_anything
    if isinstance(shape, Nullable):
        return _nullable(_build(shape.item, records))
    if isinstance(shape, ListOf):
        return _set(shape, records) if shape.container in (set, frozenset) else _list(shape, records)
    if isinstance(shape, TupleOf):
        return _tuple(shape, records)
    if isinstance(shape, MapOf):
        return _map(shape, records)
    if isinstance(shape, Union):
        return _union(shape, records)
    return _record(shape, records)


def _scalar(shape: Scalar) -> _Encode:
    encode = scalar_encoder(shape)
    return lambda value, depth: encode(value)


def _nullable(encode: _Encode) -> _Encode:
    return lambda value, depth: None if value is None else encode(value, depth)


def _expected(what: str, value: object) -> InvalidEntityError:
    return InvalidEntityError(f"expected {what}, got {type(value).__name__}")


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise InvalidEntityError(f"the data are nested deeper than {MAX_DEPTH} levels, or contain themselves")


def _each(items: Iterable[Any], encode: _Encode, depth: int) -> list[Canonical]:
    _check_depth(depth)
    encoded: list[Canonical] = []
    try:
        for item in items:
            encoded.append(encode(item, depth + 1))
    except InvalidEntityError as error:
        raise located(error, f"[{len(encoded)}]")
    return encoded


def _list(shape: ListOf, records: dict[type, _Encode]) -> _Encode:
    encode_item = _build(shape.item, records)
    accepted: tuple[type, ...] = (list, tuple) if shape.sequence else (shape.container,)
    name = shape.container.__name__

    def encode(value: Any, depth: int) -> Canonical:
        if not isinstance(value, accepted):
            raise _expected(name, value)
        return _each(value, encode_item, depth)

    return encode


def _set(shape: ListOf, records: dict[type, _Encode]) -> _Encode:
    encode_item = _build(shape.item, records)
    accepted: tuple[type, ...] = (set, frozenset) if shape.sequence else (shape.container,)
    name = shape.container.__name__
    plain = isinstance(shape.item, Scalar)

    def encode(value: Any, depth: int) -> Canonical:
        if not isinstance(value, accepted):
            raise _expected(name, value)
        _check_depth(depth)
        try:
            encoded = [encode_item(item, depth + 1) for item in value]
        except InvalidEntityError as error:
            raise located(error, "[*]")
        # Scalars of one kind sort by themselves; for the rest the JSON text is the one total order there is.
        encoded.sort(key=None if plain else json_text)  # type: ignore[type-var]
        return encoded

    return encode


def _tuple(shape: TupleOf, records: dict[type, _Encode]) -> _Encode:
    encoders = [_build(item, records) for item in shape.items]

    def encode(value: Any, depth: int) -> Canonical:
        if not isinstance(value, tuple):
            raise _expected("tuple", value)
        if len(value) != len(encoders):  # pyright: ignore[reportUnknownArgumentType]
            raise InvalidEntityError(f"expected {len(encoders)} items, got {len(value)}")  # pyright: ignore[reportUnknownArgumentType]
        _check_depth(depth)
        encoded: list[Canonical] = []
        try:
            for encode_item, item in zip(encoders, value, strict=True):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
                encoded.append(encode_item(item, depth + 1))
        except InvalidEntityError as error:
            raise located(error, f"[{len(encoded)}]")
        return encoded

    return encode


def key_encoder(key: Scalar) -> Callable[[Any], str]:
    """A function from a dict's key to the key as it is stored."""
    encode = scalar_encoder(key)

    def encode_key(value: Any) -> str:
        canonical = encode(value)
        # JSON's own words for bools; a str is its own text, and a number's is Python's.
        text = str(canonical).lower() if isinstance(canonical, bool) else str(canonical)
        return escape_key(text)

    return encode_key


def _map(shape: MapOf, records: dict[type, _Encode]) -> _Encode:
    encode_value = _build(shape.value, records)
    encode_key = key_encoder(shape.key)

    def encode(value: Any, depth: int) -> Canonical:
        if not isinstance(value, dict):
            raise _expected("dict", value)
        _check_depth(depth)
        encoded: dict[str, Canonical] = {}
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
            try:
                stored = encode_key(key)
            except InvalidEntityError as error:
                raise InvalidEntityError(f"a key cannot be stored: {error}") from None
            try:
                encoded[stored] = encode_value(item, depth + 1)
            except InvalidEntityError as error:
                raise located(error, key_segment(str(key)))  # pyright: ignore[reportUnknownArgumentType]
        return encoded

    return encode


def _record(shape: Record, records: dict[type, _Encode]) -> _Encode:
    if shape.cls in records:
        # The class holds itself; its encoder is complete by the time one of its values arrives.
        return lambda value, depth: records[shape.cls](value, depth)
    records[shape.cls] = encode_anything  # holds the place, so that the class inside itself is seen
    known = record_class(shape.cls)
    parts = [(field.name, field.key, field.required, _build(field.shape, records)) for field in shape.fields]
    build = _mapping_record if known.mapping else _object_record
    records[shape.cls] = build(shape, parts)
    return records[shape.cls]


_Parts: TypeAlias = list[tuple[str, str, bool, _Encode]]


def _mapping_record(shape: Record, parts: _Parts) -> _Encode:
    names = {name for name, _, _, _ in parts}
    title = shape.cls.__name__

    def encode(value: Any, depth: int) -> Canonical:
        if not isinstance(value, dict):
            raise _expected(title, value)
        _check_depth(depth)
        encoded: dict[str, Canonical] = {}
        for name, key, required, encode_value in parts:
            if name in value:
                try:
                    encoded[key] = encode_value(value[name], depth + 1)
                except InvalidEntityError as error:
                    raise located(error, key_segment(name))
            elif required:
                raise located(InvalidEntityError(f"this key of {title} is missing"), key_segment(name))
        if len(encoded) != len(value):  # pyright: ignore[reportUnknownArgumentType]
            unknown = next(key for key in value if key not in names)  # pyright: ignore[reportUnknownVariableType]
            raise located(InvalidEntityError(f"{title} declares no such key"), key_segment(str(unknown)))  # pyright: ignore[reportUnknownArgumentType]
        return encoded

    return encode


def _object_record(shape: Record, parts: _Parts) -> _Encode:
    cls, tag, extras = shape.cls, shape.tag, shape.extras

    def encode(value: Any, depth: int) -> Canonical:
        # An instance of a subclass would come back as its base, without what the subclass added.
        if type(value) is not cls:
            raise _expected(cls.__name__, value)
        _check_depth(depth)
        encoded: dict[str, Canonical] = {} if tag is None else {tag[0]: tag[1]}
        for name, key, _, encode_value in parts:
            try:
                encoded[key] = encode_value(getattr(value, name), depth + 1)
            except InvalidEntityError as error:
                raise located(error, name)
            except AttributeError:
                raise located(InvalidEntityError("the attribute is not set"), name) from None
        if extras:
            encoded.update(encode_extras(value, depth))
        return encoded

    return encode


def encode_extras(entity: Any, depth: int) -> dict[str, Canonical]:
    """The undeclared attributes that a pydantic model was given, by their stored keys."""
    found = getattr(entity, "__pydantic_extra__", None)
    return _string_keys(found, depth) if found else {}


def _union(shape: Union, records: dict[type, _Encode]) -> _Encode:
    encoders = [_build(member, records) for member in shape.members]
    by_type: dict[type, _Encode] = {}
    by_tag: dict[object, _Encode] = {}
    for position, (member, encode_member) in enumerate(zip(shape.members, encoders, strict=True)):
        for accepted in _accepted(member):
            by_type.setdefault(accepted, encode_member)
        if isinstance(member, Record) and record_class(member.cls).mapping and shape.tags:
            by_tag.update(dict.fromkeys(shape.tags[position], encode_member))
    tag_name = next(
        (
            field.name
            for member in shape.members
            if isinstance(member, Record)
            for field in member.fields
            if field.key == shape.tag
        ),
        None,
    )
    names = ", ".join(sorted({accepted.__name__ for accepted in by_type}))

    def encode(value: Any, depth: int) -> Canonical:
        if by_tag and isinstance(value, dict):
            tag: object = value.get(tag_name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            chosen = by_tag.get(tag if isinstance(tag, str | int) else None)
            if chosen is None:
                raise InvalidEntityError(f"the key {tag_name!r} must say which of the declared TypedDicts this is")
            return chosen(value, depth)
        chosen = by_type.get(type(value))
        if chosen is not None:
            return chosen(value, depth)
        for encode_member in encoders:
            try:
                return encode_member(value, depth)
            except InvalidEntityError:
                continue
        raise _expected(f"one of {names}", value)

    return encode


def _accepted(shape: Shape) -> tuple[type, ...]:
    """The exact Python types whose values belong to this member of a union, whatever the other members are."""
    if isinstance(shape, Scalar):
        return (shape.enum or python_type(shape.kind),)
    if isinstance(shape, ListOf):
        return (shape.container,)
    if isinstance(shape, TupleOf):
        return (tuple,)
    if isinstance(shape, MapOf):
        return (dict,)
    if isinstance(shape, Record):
        return (dict,) if record_class(shape.cls).mapping else (shape.cls,)
    return ()


def encode_anything(value: Any, depth: int) -> Canonical:
    """The canonical form of a value at an undeclared position: None, bool, int, float, str, list or dict, exactly."""
    kind: type = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is str:
        return value if value.isascii() and "\0" not in value else check_text(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        if INT64_MIN <= value <= INT64_MAX:
            return value
        raise InvalidEntityError("an int outside 64 bits can be stored only in a field declared Big()")
    if kind is float:
        if math.isfinite(value):
            return value + 0.0
        raise InvalidEntityError("nan and infinity cannot be stored")
    if kind is list:
        return _each(value, encode_anything, depth)
    if kind is dict:
        return _string_keys(value, depth)
    raise InvalidEntityError(
        f"an undeclared position holds None, bool, int, float, str, list or dict, not {kind.__name__}; declare the field"
    )


def _string_keys(value: dict[Any, Any], depth: int) -> dict[str, Canonical]:
    _check_depth(depth)
    encoded: dict[str, Canonical] = {}
    for key, item in value.items():
        if type(key) is not str:
            raise InvalidEntityError(f"the keys of an undeclared dict are str, not {type(key).__name__}")
        stored = key if key.isidentifier() else escape_key(key)
        try:
            encoded[stored] = encode_anything(item, depth + 1)
        except InvalidEntityError as error:
            raise located(error, key_segment(key))
    return encoded
