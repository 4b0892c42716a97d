"""Random values of every declared shape, and entities that hold them.

Each program has a palette: a few values of each kind, mostly from the pools of adversarial ones. Everything in the
program is drawn from it, so that filters find something, sorts have ties, groups have members and unique values
collide.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeAlias, cast
from uuid import UUID

from ...model._keys import split_path
from ...model.kinds import INT64_MAX, INT64_MIN, Kind, Scalar, decode_scalar
from ...model.schema import Field, Schema
from ...model.shapes import Anything, ListOf, MapOf, Nullable, Record, Shape, TupleOf, Union
from ..pools import KEYS, NAIVE, POOLS, WORDS
from .draws import Draws

__all__ = ["IDS", "Palette", "id_of", "member", "typed_paths"]

Path = tuple[str, ...]

IDS: Final = ("a", "B", "é", "10", "9", "a'b", "\U00010000", "\uffff", "e\u0301", "%", "$id", "a.b")
"""Ids beside plain numbers; their order is that of code points alone."""

_FILLED: Final = 0.6
"""How many of an entity's fields are drawn, rather than left as its class has them."""
_KEPT_BY_STORAGE: Final = ("id", "created_at", "updated_at")


class Palette:
    """What the values of one program are drawn from.

    Args:
        draws: the program's choices.
        size: how many values of each kind there are.
    """

    def __init__(self, draws: Draws, size: int = 6) -> None:
        self.draws = draws
        self._size = size
        self._scalars: dict[int, list[Any]] = {}
        self._keys = [*draws.several(("a", "b", "c", "t"), 3), *(draws.pick(KEYS) for _ in range(3))]
        self.words = [draws.pick(WORDS) for _ in range(9)]

    def of(self, maker: _ScalarMaker) -> Any:
        """One of the palette's values of that scalar."""
        known = self._scalars.get(maker.number)
        if known is None:
            known = [_new(self.draws, maker.scalar) for _ in range(self._size)]
            self._scalars[maker.number] = known
        return self.draws.pick(known)

    def scalar(self, scalar: Scalar) -> Any:
        """A value that a field of that scalar stores."""
        return self.of(_scalar_maker(scalar))

    def key(self) -> str:
        """A key of a dict."""
        return self.draws.pick(self._keys)

    def prose(self) -> str:
        """A text of several words, for searches to find."""
        space = "\n" if self.draws.chance(0.3) else " "
        return space.join([self.draws.pick(self.words) for _ in range(self.draws.below(8))])

    def json_scalar(self) -> Any:
        """One of the scalar JSON kinds."""
        place = self.draws.below(7)
        return None if place == 0 else place == 1 if place < 3 else self.of(_JSON[place - 3])

    def json(self, depth: int = 3) -> Any:
        """Any JSON value, nested at most this deep."""
        place = self.draws.below(100)
        if depth == 0 or place < 60:
            return self.json_scalar()
        if place < 80:
            return [self.json(depth - 1) for _ in range(self.draws.below(4))]
        return {self.key(): self.json(depth - 1) for _ in range(self.draws.below(4))}

    def value(self, shape: Shape) -> Any:
        """A value that a field of that shape stores."""
        return _maker(shape)(self)

    def entity(self, schema: Schema, entity_id: str | None) -> Any:
        """An entity with that id, or with none for the storage to fill."""
        if schema.freeform:
            return self._document(schema, entity_id)
        draws = self.draws
        parts: dict[str, Any] = {"id": id_of(schema, entity_id)}
        for name, make in _members(schema):
            if draws.chance(_FILLED):
                parts[name] = make(self)
        if schema.created is not None and draws.chance(0.3):
            parts["created_at"] = self.of(_MOMENTS)
        return schema.entity_class(**parts)

    def _document(self, schema: Schema, entity_id: str | None) -> dict[str, Any]:
        free: dict[str, Any] = {}
        for _ in range(self.draws.below(5)):
            key = self.key()
            if key not in _KEPT_BY_STORAGE:
                free[key] = self.json()
        complete(self, free, typed_paths(schema))
        for path, _ in schema.searchable:
            if self.draws.chance(0.7):
                _put(free, split_path(path), self.prose())
        if entity_id is not None:
            free["id"] = entity_id
        return free

    def changes(self, schema: Schema) -> dict[str, Any]:
        """Keyword arguments of a patch: one to three fields."""
        draws = self.draws
        if schema.freeform:
            texts = {path: self.prose() for path, _ in schema.searchable if "." not in path}
            typed = typed_paths(schema)
            flat = {path[0]: self.scalar(scalar) for path, scalar in typed.items() if len(path) == 1}
            kept = {path[0] for path in typed} | {"id"}
            loose = {key: self.json() for key in (self.key(), self.key()) if key not in kept}
            offered = {**loose, **texts, **flat}
            return {name: offered[name] for name in draws.several(sorted(offered), draws.between(1, 3))}
        return {name: make(self) for name, make in draws.several(_members(schema), draws.between(1, 3))}


# ---------------------------------------------------------------------------------- how each shape's values are made

Maker: TypeAlias = Callable[[Palette], Any]


class _ScalarMaker:
    """Draws values of one scalar; what a palette holds of it goes by its number."""

    def __init__(self, scalar: Scalar) -> None:
        self.scalar = scalar
        self.number = next(_numbers)

    def __call__(self, palette: Palette) -> Any:
        return palette.of(self)


_numbers: Final = itertools.count()


@cache
def _scalar_maker(scalar: Scalar) -> _ScalarMaker:
    return _ScalarMaker(scalar)


@cache
def _maker(shape: Shape) -> Maker:
    match shape:
        case Scalar():
            return _scalar_maker(shape)
        case Nullable(item):
            return _or_none(_maker(item), 0.25)
        case ListOf(item, container):
            make, gather = _maker(item), cast("Callable[[Any], Any]", container)
            return lambda palette: gather([make(palette) for _ in range(palette.draws.below(4))])
        case TupleOf(items):
            makers = tuple(map(_maker, items))
            return lambda palette: tuple([make(palette) for make in makers])
        case MapOf(key, value):
            make_key = Palette.key if key == Scalar(Kind.STR) else _maker(key)
            return _mapping(make_key, _maker(value))
        case Union(members):
            either = tuple(map(_maker, members))
            return lambda palette: palette.draws.pick(either)(palette)
        case Record():
            cls: Callable[..., Any] = shape.cls
            parts = tuple((field.name, _maker(field.shape)) for field in shape.fields)
            return lambda palette: cls(**{name: make(palette) for name, make in parts})
        case Anything():
            return Palette.json


def _or_none(make: Maker, share: float) -> Maker:
    return lambda palette: None if palette.draws.chance(share) else make(palette)


def _mapping(make_key: Maker, make_value: Maker) -> Maker:
    return lambda palette: {make_key(palette): make_value(palette) for _ in range(palette.draws.below(4))}


@cache
def _members(schema: Schema) -> tuple[tuple[str, Maker], ...]:
    """The fields that an application fills, and how."""
    return tuple(
        (field.name, _member(schema, field))
        for field in schema.fields
        if field.name not in _KEPT_BY_STORAGE and field is not schema.revision
    )


def _member(schema: Schema, field: Field) -> Maker:
    make = _maker(field.shape)
    if field.searchable and field.scalar == Scalar(Kind.STR):
        make = _or_prose(make)
    inside = {path[1:]: scalar for path, scalar in typed_paths(schema).items() if path[0] == field.name}
    if inside:
        make = _with_typed(make, inside)
    return _or_none(make, 0.2) if field.nullable else make


def _or_prose(make: Maker) -> Maker:
    return lambda palette: palette.prose() if palette.draws.chance(0.6) else make(palette)


def _with_typed(make: Maker, inside: dict[Path, Scalar]) -> Maker:
    return lambda palette: complete(palette, make(palette), inside)


def complete(palette: Palette, document: dict[str, Any], typed: dict[Path, Scalar]) -> dict[str, Any]:
    """The dict with a value of the declared type, null or nothing at each typed path."""
    for path, scalar in typed.items():
        place = palette.draws.below(10)
        _put(document, path, None if place < 2 else palette.scalar(scalar), remove=2 <= place < 4)
    return document


def member(value: Any, name: str) -> Any:
    """What an entity or a dict holds under that name; None where nothing does."""
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).get(name)
    return getattr(value, name, None)


def id_of(schema: Schema, entity_id: str | None) -> Any:
    """The id in the form that entities of the schema have it in."""
    scalar = schema.id.scalar
    if entity_id is not None and scalar is not None and scalar.kind is Kind.UUID:
        return UUID(entity_id)
    return entity_id


@cache
def typed_paths(schema: Schema) -> dict[Path, Scalar]:
    """The places of which an index alone declares the type, and that type."""
    return {
        split_path(path): scalar
        for index in schema.indexes
        for path, scalar in zip(index.paths, index.scalars, strict=True)
        if index.typed and scalar is not None
    }


def _put(document: dict[str, Any], path: Path, value: Any, *, remove: bool = False) -> None:
    place: Any = document
    for key in path[:-1]:
        inner = place.get(key)
        if not isinstance(inner, dict):
            if remove:
                place.pop(key, None)
                return
            inner = place[key] = {}
        place = cast("Any", inner)
    place.pop(path[-1], None)
    if not remove:
        place[path[-1]] = value


# ---------------------------------------------------------------------------------------------- beyond the pools


def _new(draws: Draws, scalar: Scalar) -> Any:
    if scalar.allowed:
        return decode_scalar(scalar, draws.pick(scalar.allowed))
    if scalar.enum is not None:
        return draws.pick(list(scalar.enum))
    if draws.chance(0.75):
        naive = scalar.kind is Kind.DATETIME and scalar.naive
        return draws.pick(NAIVE if naive else POOLS[scalar.kind])
    return _RANDOM[scalar.kind](draws, scalar)


def _text(draws: Draws, _: Scalar) -> str:
    if draws.chance(0.04):
        return "é" * draws.pick((990, 1000))  # up to what may be indexed
    points = (0x20 + draws.below(0x5F), 0xA0 + draws.below(0x200), 0x3040 + draws.below(0x60), 0x1F600)
    return "".join(chr(draws.pick(points)) for _ in range(draws.below(12)))


def _float(draws: Draws, _: Scalar) -> float:
    if draws.chance(0.5):
        return (draws.bits(24) - 2**23) / (1 << draws.below(20))
    value = float(struct.unpack("<d", draws.bits(64).to_bytes(8, "little"))[0])
    return value if math.isfinite(value) else 0.5


def _decimal(draws: Draws, _: Scalar) -> Decimal:
    return Decimal(draws.bits(draws.between(1, 120)) * draws.pick((1, -1))).scaleb(draws.between(-25, 10))


def _microseconds(draws: Draws, low: int, high: int) -> dt.timedelta:
    return dt.timedelta(microseconds=low + draws.bits(80) % (high - low + 1))


_FIRST: Final = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_LAST: Final = dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)
_RANGE: Final = (_LAST - _FIRST) // dt.timedelta(microseconds=1)


def _moment(draws: Draws, scalar: Scalar) -> dt.datetime:
    moment = _FIRST + _microseconds(draws, 0, _RANGE)
    return moment.replace(tzinfo=None) if scalar.naive else moment


_RANDOM: Final[dict[Kind, Callable[[Draws, Scalar], Any]]] = {
    Kind.STR: _text,
    Kind.INT: lambda draws, _: draws.bits(64) - 2**63 if draws.chance(0.3) else draws.between(-1000, 1000),
    Kind.FLOAT: _float,
    Kind.BOOL: lambda draws, _: draws.chance(0.5),
    Kind.DECIMAL: _decimal,
    Kind.BIGINT: lambda draws, _: draws.bits(draws.between(1, 160)) * draws.pick((1, -1)),
    Kind.BYTES: lambda draws, _: bytes(draws.below(256) for _ in range(draws.below(9))),
    Kind.DATETIME: _moment,
    Kind.DATE: lambda draws, scalar: _moment(draws, scalar).date(),
    Kind.TIME: lambda draws, scalar: _moment(draws, scalar).time(),
    Kind.TIMEDELTA: lambda draws, _: _microseconds(draws, INT64_MIN, INT64_MAX),
    Kind.UUID: lambda draws, _: UUID(int=draws.bits(128)),
}
_JSON: Final = tuple(map(_scalar_maker, map(Scalar, (Kind.INT, Kind.FLOAT, Kind.STR, Kind.STR))))
_MOMENTS: Final = _scalar_maker(Scalar(Kind.DATETIME))
