"""Functions that take Python values of a shape to their canonical form, checking every one of them.

Each shape becomes one closure of ``(value, depth)``, where depth is the level of the stored dict or list that the value
would open: the document is level 1. What they raise carries the path of the place, put together on the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ..errors import InvalidEntityError
from ._free import (
    FIELD_DEPTH,
    Encode,
    check_depth,
    encode_extras,
    free_encoder,
    located,
)
from ._json import json_text, spelled
from ._keys import escape_key, key_segment
from ._records import record_class
from ._scalars import Canonical, Kind, Scalar, python_type, scalar_encoder
from ._tree import (
    Anything,
    ListOf,
    MapOf,
    Nullable,
    Record,
    Shape,
    TupleOf,
    Union,
)

__all__ = ["depth_encoder", "encoder"]

_Parts: TypeAlias = list[tuple[str, str, bool, Encode]]
_STR_ONLY = {str}
# Seen as type[Any], they leave a checked value what it is to the type checkers: Any.
_DICT: type[Any] = dict
_TUPLE: type[Any] = tuple


def encoder(shape: Shape) -> Callable[[object], Canonical]:
    """A function from a field's value of that shape to its canonical form.

    It raises InvalidEntityError, with the ``path`` of the place inside the value (``tags[3]``), for whatever the shape
    does not allow, for dicts and lists deeper than 100 levels counting the document that holds the field, and so for
    data that contain themselves. The result shares nothing with the value.
    """
    if isinstance(shape, Scalar):
        return scalar_encoder(shape)
    encode = depth_encoder(shape)

    def encode_field(value: object) -> Canonical:
        canonical: Canonical = encode(value, FIELD_DEPTH)
        return canonical

    return encode_field


def depth_encoder(shape: Shape, *, spell: bool = False) -> Encode:
    """The same as a function of the value and its depth; with ``spell``, floats are made ready for ``sorted_json``."""
    return _Builder(spell).build(shape)


def _expected(what: str, value: object) -> InvalidEntityError:
    return InvalidEntityError(f"expected {what}, got {type(value).__name__}")


class _Builder:
    """Builds the closures of one tree; a record class that holds itself is built once."""

    def __init__(self, spell: bool) -> None:
        self._spell = spell
        self._anything = free_encoder(spell=spell)
        self._records: dict[type, Encode] = {}

    def build(self, shape: Shape) -> Encode:
        if isinstance(shape, Scalar):
            return self._scalar(shape)
        if isinstance(shape, Anything):
            return self._anything
        if isinstance(shape, Nullable):
            return _nullable(self.build(shape.item))
        if isinstance(shape, ListOf):
            if shape.container in (set, frozenset):
                return _set(shape, self.build(shape.item))
            return _list(shape, self.build(shape.item))
        if isinstance(shape, TupleOf):
            return _tuple([self.build(item) for item in shape.items])
        if isinstance(shape, MapOf):
            return _map(shape.key, self.build(shape.value))
        if isinstance(shape, Union):
            return _union(shape, [self.build(member) for member in shape.members])
        return self._record(shape)

    def _scalar(self, shape: Scalar) -> Encode:
        encode: Callable[[Any], Any] = scalar_encoder(shape)
        if self._spell and shape.kind is Kind.FLOAT:
            return lambda value, depth: spelled(encode(value))
        return lambda value, depth: encode(value)

    def _record(self, shape: Record) -> Encode:
        records, cls = self._records, shape.cls
        if cls in records:
            # The class holds itself; its encoder is complete by the time one of its values arrives.
            return lambda value, depth: records[cls](value, depth)  # noqa: PLW0108 - looked up when it is called
        records[cls] = self._anything  # holds the place, so that the class inside itself is seen
        parts = [(field.name, field.key, field.required, self.build(field.shape)) for field in shape.fields]
        if record_class(cls).mapping:
            records[cls] = _mapping_record(cls.__name__, parts, self._anything if shape.extras else None)
        else:
            records[cls] = _object_record(shape, parts, self._anything)
        return records[cls]


def _nullable(encode: Encode) -> Encode:
    return lambda value, depth: None if value is None else encode(value, depth)


def _each(items: Iterable[Any], encode: Encode, depth: int) -> list[Any]:
    encoded: list[Any] = []
    try:
        for item in items:
            encoded.append(encode(item, depth + 1))  # noqa: PERF401 - how far it came names the item that fails
    except InvalidEntityError as error:
        raise located(error, f"[{len(encoded)}]") from None
    return encoded


def _containers(shape: ListOf) -> tuple[type[Any], ...]:
    if not shape.sequence:
        return (shape.container,)
    return (list, tuple) if shape.container is list else (set, frozenset)


def _list(shape: ListOf, encode_item: Encode) -> Encode:
    accepted = _containers(shape)
    name = shape.container.__name__
    strings = shape.item == Scalar(Kind.STR)

    def encode(value: Any, depth: int) -> list[Any]:
        if not isinstance(value, accepted):
            raise _expected(name, value)
        check_depth(depth)
        if strings and set(map(type, value)) == _STR_ONLY:
            joined = "".join(value)
            if joined.isascii() and "\0" not in joined:
                return list(value)
        return _each(value, encode_item, depth)

    return encode


def _set(shape: ListOf, encode_item: Encode) -> Encode:
    accepted = _containers(shape)
    name = shape.container.__name__
    plain = isinstance(shape.item, Scalar) and shape.item.kind is not Kind.FLOAT

    def encode(value: Any, depth: int) -> list[Any]:
        if not isinstance(value, accepted):
            raise _expected(name, value)
        check_depth(depth)
        try:
            encoded = [encode_item(item, depth + 1) for item in value]
        except InvalidEntityError as error:
            raise located(error, "[*]") from None
        # Scalars of one kind sort by themselves; for the rest the JSON text is the one total order there is.
        encoded.sort(key=None if plain else json_text)
        return encoded

    return encode


def _tuple(encoders: list[Encode]) -> Encode:
    def encode(value: Any, depth: int) -> list[Any]:
        if not isinstance(value, _TUPLE):
            raise _expected("tuple", value)
        items: tuple[Any, ...] = value
        if len(items) != len(encoders):
            raise InvalidEntityError(f"expected {len(encoders)} items, got {len(items)}")
        check_depth(depth)
        encoded: list[Any] = []
        try:
            for encode_item, item in zip(encoders, items, strict=True):
                encoded.append(encode_item(item, depth + 1))
        except InvalidEntityError as error:
            raise located(error, f"[{len(encoded)}]") from None
        return encoded

    return encode


def _map(key: Scalar, encode_value: Encode) -> Encode:
    encode_scalar = scalar_encoder(key)

    def encode_key(value: object) -> str:
        canonical = encode_scalar(value)
        # JSON's own words for bools; a str is its own text, and a number's is Python's.
        return escape_key(str(canonical).lower() if isinstance(canonical, bool) else str(canonical))

    def encode(value: Any, depth: int) -> dict[str, Any]:
        if not isinstance(value, _DICT):
            raise _expected("dict", value)
        check_depth(depth)
        encoded: dict[str, Any] = {}
        for name, item in value.items():
            try:
                stored = encode_key(name)
            except InvalidEntityError as error:
                raise InvalidEntityError(f"a key cannot be stored: {error}") from None
            try:
                encoded[stored] = encode_value(item, depth + 1)
            except InvalidEntityError as error:
                raise located(error, key_segment(str(name))) from None
        return encoded

    return encode


def _mapping_record(title: str, parts: _Parts, anything: Encode | None) -> Encode:
    names = {name for name, _, _, _ in parts}

    def encode(value: Any, depth: int) -> dict[str, Any]:
        if not isinstance(value, _DICT):
            raise _expected(title, value)
        check_depth(depth)
        encoded: dict[str, Any] = {}
        for name, key, required, encode_value in parts:
            if name in value:
                try:
                    encoded[key] = encode_value(value[name], depth + 1)
                except InvalidEntityError as error:
                    raise located(error, key_segment(name)) from None
            elif required:
                raise InvalidEntityError(f"this key of {title} is missing", path=key_segment(name))
        if len(encoded) != len(value):
            if anything is not None:
                return {**anything({key: value[key] for key in value if key not in names}, depth), **encoded}
            unknown = next(key for key in value if key not in names)
            raise InvalidEntityError(f"{title} declares no such key", path=key_segment(str(unknown)))
        return encoded

    return encode


def _object_record(shape: Record, parts: _Parts, anything: Encode) -> Encode:
    cls, tag, extras = shape.cls, shape.tag, shape.extras
    declared = {key for _, key, _, _ in parts}

    def encode(value: Any, depth: int) -> dict[str, Any]:
        # An instance of a subclass would come back as its base, without what the subclass added.
        if type(value) is not cls:
            raise _expected(cls.__name__, value)
        check_depth(depth)
        encoded: dict[str, Any] = {} if tag is None else {tag[0]: tag[1]}
        for name, key, _, encode_value in parts:
            try:
                encoded[key] = encode_value(getattr(value, name), depth + 1)
            except InvalidEntityError as error:
                raise located(error, name) from None
            except AttributeError:
                raise InvalidEntityError("the attribute is not set", path=name) from None
        if extras:
            encoded.update(encode_extras(value, depth, declared, anything))
        return encoded

    return encode


def _union(shape: Union, encoders: list[Encode]) -> Encode:
    by_type: dict[type, Encode] = {}
    by_tag: dict[object, Encode] = {}
    tag: str | None = None
    for position, (member, encode_member) in enumerate(zip(shape.members, encoders, strict=True)):
        for accepted in _accepted(member):
            by_type.setdefault(accepted, encode_member)
        if isinstance(member, Record) and shape.tags and record_class(member.cls).mapping:
            by_tag.update(dict.fromkeys(shape.tags[position], encode_member))
            tag = next(field.name for field in member.fields if field.key == shape.tag)
    names = ", ".join(sorted({accepted.__name__ for accepted in by_type}))

    def encode(value: Any, depth: int) -> Any:
        if tag is not None and isinstance(value, _DICT):
            said = value.get(tag)
            chosen = by_tag.get(said) if isinstance(said, str | int) else None
            if chosen is None:
                raise InvalidEntityError(f"the key {tag!r} must say which of the declared TypedDicts this is")
        else:
            chosen = by_type.get(type(value))  # pyright: ignore[reportUnknownArgumentType] - Any has a type
        if chosen is not None:
            return chosen(value, depth)
        # A subclass, or an int for a float.
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
