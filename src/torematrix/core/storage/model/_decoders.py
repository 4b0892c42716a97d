"""Functions that take canonical values back to the Python values they were."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

from ._keys import unescape_key
from ._records import RecordClass, record_class
from ._scalars import Kind, Scalar, scalar_decoder
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

__all__ = ["construct", "decode_anything", "decoder", "holds_dicts", "put_in_order", "restore_attribute"]

_Decode: TypeAlias = Callable[[Any], Any]


def decoder(shape: Shape, *, escaped: bool = True) -> Callable[[Any], Any] | None:
    """A function from the canonical form of a field's value back to the value; None where they are the same.

    ``escaped=False`` makes the faster function for documents in whose keys nothing is percent-escaped. A decoded list
    or dict may be the canonical one itself.
    """
    return _build(shape, escaped, {})


def _build(shape: Shape, escaped: bool, records: dict[type, _Decode]) -> _Decode | None:
    if isinstance(shape, Scalar):
        return scalar_decoder(shape)
    if isinstance(shape, Anything):
        return decode_anything if escaped else None
    if isinstance(shape, Nullable):
        return _nullable(_build(shape.item, escaped, records))
    if isinstance(shape, ListOf):
        return _list(shape.container, _build(shape.item, escaped, records))
    if isinstance(shape, TupleOf):
        return _tuple([_build(item, escaped, records) for item in shape.items])
    if isinstance(shape, MapOf):
        return _map(shape, _build(shape.value, escaped, records), escaped)
    if isinstance(shape, Union):
        return _union(shape, escaped, records)
    return _record(shape, escaped, records)


def _nullable(decode: _Decode | None) -> _Decode | None:
    return None if decode is None else lambda value: None if value is None else decode(value)


def _list(container: type, decode: _Decode | None) -> _Decode | None:
    if decode is None:
        return None if container is list else container
    if container is list:
        return lambda value: [decode(item) for item in value]
    return lambda value: container(map(decode, value))


def _tuple(decoders: list[_Decode | None]) -> _Decode:
    if not any(decoders):
        return tuple
    pairs = [decode or _same for decode in decoders]
    return lambda value: tuple([decode(item) for decode, item in zip(pairs, value, strict=True)])


def _same(value: Any) -> Any:
    return value


def _map(shape: MapOf, decode: _Decode | None, escaped: bool) -> _Decode | None:
    key = _key_decoder(shape.key)
    if key is not None:
        decode_key: _Decode = key
        return lambda value: {
            decode_key(unescape_key(name)): (decode or _same)(item) for name, item in value.items()
        }
    if not escaped:
        return None if decode is None else lambda value: {name: decode(item) for name, item in value.items()}
    if decode is None:
        return lambda value: {unescape_key(name): item for name, item in value.items()}
    return lambda value: {unescape_key(name): decode(item) for name, item in value.items()}


_KEY_TEXTS: dict[Kind, Callable[[str], object]] = {
    Kind.INT: int,
    Kind.TIMEDELTA: int,
    Kind.FLOAT: float,
    Kind.BOOL: "true".__eq__,
}


def _key_decoder(key: Scalar) -> _Decode | None:
    decode = scalar_decoder(key)
    parse = _KEY_TEXTS.get(key.kind)
    if parse is None:
        return decode
    return parse if decode is None else lambda text: decode(parse(text))


def _union(shape: Union, escaped: bool, records: dict[type, _Decode]) -> _Decode | None:
    by_type: dict[type, _Decode] = {}
    by_tag: dict[object, _Decode] = {}
    for position, member in enumerate(shape.members):
        decode_member = _build(member, escaped, records) or _same
        if isinstance(member, Record) and shape.tags:
            by_tag.update(dict.fromkeys(shape.tags[position], decode_member))
        else:
            by_type[_stored_type(member)] = decode_member
    if all(decode is _same for decode in by_type.values()) and not by_tag:
        return None
    tag = shape.tag

    def decode(value: Any) -> Any:
        found = by_type.get(type(value))  # pyright: ignore[reportUnknownArgumentType] - Any has a type
        if found is not None:
            return found(value)
        if by_tag and isinstance(value, dict):
            return by_tag[value[tag]](value)
        # An engine that gives 3 where 3.0 was stored.
        return by_type[float](value)

    return decode


_STORED_TYPES: dict[Kind, type] = {Kind.INT: int, Kind.TIMEDELTA: int, Kind.FLOAT: float, Kind.BOOL: bool}


def _stored_type(shape: Shape) -> type:
    if isinstance(shape, Scalar):
        return _STORED_TYPES.get(shape.kind, str)
    return list if isinstance(shape, ListOf | TupleOf) else dict


def _record(shape: Record, escaped: bool, records: dict[type, _Decode]) -> _Decode:
    if shape.cls in records:
        return lambda value: records[shape.cls](value)  # noqa: PLW0108 - looked up when it is called
    records[shape.cls] = _same  # holds the place, so that the class inside itself is seen
    known = record_class(shape.cls)
    parts = [
        (field.key, member.parameter, field.name, _build(field.shape, escaped, records))
        for field, member in zip(shape.fields, known.members, strict=True)
    ]
    declared = {field.key for field in shape.fields}
    if shape.tag is not None:
        declared.add(shape.tag[0])

    def decode(value: Any) -> Any:
        given: dict[str, Any] = {}
        later: list[tuple[str, Any]] = []
        for key, parameter, name, decode_value in parts:
            if key in value:
                item = value[key] if decode_value is None else decode_value(value[key])
                if parameter is None:
                    later.append((name, item))
                else:
                    given[parameter] = item
        if shape.extras and len(value) > len(given):
            for key, item in value.items():
                if key not in declared:
                    given[unescape_key(key)] = decode_anything(item)
        return construct(known, given, later)

    records[shape.cls] = decode
    return decode


def construct(known: RecordClass, given: dict[str, Any], later: list[tuple[str, Any]]) -> Any:
    """An instance made by the class's own constructor; what that does not take is set on it afterwards."""
    made = known.cls(**given)
    for name, value in later:
        restore_attribute(made, name, value)
    return made


# Reaches the attributes of frozen classes too, which the constructor of such a class fills in the same way.
restore_attribute = object.__setattr__


def decode_anything(value: Any) -> Any:
    """The value at an undeclared position, its keys unescaped."""
    if type(value) is dict:
        return {unescape_key(key): decode_anything(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if type(value) is list:
        return [decode_anything(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def put_in_order(value: Any) -> None:
    """Sort the keys of a canonical value at every level, in place: for engines that keep an order of their own."""
    inner: Iterable[Any] = ()
    if type(value) is dict:
        members = cast("dict[str, Any]", value)
        ordered = sorted(members)
        if list(members) != ordered:
            for key in ordered:
                members[key] = members.pop(key)
        inner = members.values()
    elif type(value) is list:
        inner = cast("Iterable[Any]", value)
    for item in inner:
        if type(item) is dict or type(item) is list:
            put_in_order(item)


def holds_dicts(shape: Shape, around: frozenset[type] = frozenset()) -> bool:
    """Whether a decoded value of that shape may hold a dict, the order of whose keys can be seen."""
    match shape:
        case Anything() | MapOf():
            return True
        case Nullable(item) | ListOf(item):
            return holds_dicts(item, around)
        case TupleOf(items) | Union(items):
            return any(holds_dicts(item, around) for item in items)
        case Record(cls=cls, fields=fields, extras=extras):
            inner = around | {cls}
            return extras or (cls not in around and any(holds_dicts(field.shape, inner) for field in fields))
        case _:
            return False
