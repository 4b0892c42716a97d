"""The nodes of the tree of types, and how an annotation becomes one."""

from __future__ import annotations

import collections.abc
import enum
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from ..errors import ConfigurationError, InvalidEntityError
from ._keys import escape_key
from ._records import is_record_class, per_class, record_class
from ._scalars import CanonicalScalar, Kind, Scalar, encode_scalar, kind_of_type
from .markers import Big, Index, Naive, Revision, Searchable

__all__ = [
    "Anything",
    "ListOf",
    "MapOf",
    "Nullable",
    "Record",
    "RecordField",
    "Shape",
    "TupleOf",
    "Union",
    "records_in",
    "shape_of",
]


class Nullable(msgspec.Struct, frozen=True):
    """The item, or None."""

    item: Shape


class ListOf(msgspec.Struct, frozen=True):
    """Any number of items, stored as a list; a set or frozenset as one sorted by encoding.

    Attributes:
        item: the shape of every item.
        container: what they come back in: list, tuple, set or frozenset.
        sequence: whether the field was declared as an abstract sequence, which takes a list or a tuple.
    """

    item: Shape
    container: type[object]
    sequence: bool = False


class TupleOf(msgspec.Struct, frozen=True):
    """A tuple of exactly these items, stored as a list."""

    items: tuple[Shape, ...]


class MapOf(msgspec.Struct, frozen=True):
    """A dict; keys that are not str are stored as the canonical text of their kind."""

    key: Scalar
    value: Shape


class RecordField(msgspec.Struct, frozen=True):
    """One member of a record; ``key`` is its percent-escaped key in the stored dict."""

    name: str
    key: str
    shape: Shape
    required: bool


class Record(msgspec.Struct, frozen=True):
    """A nested class of records, stored as a dict. The class alone makes its identity, so a class may hold itself.

    Attributes:
        cls: the class.
        extras: whether undeclared attributes are kept (pydantic's ``extra="allow"``).
        tag: the escaped key and the value that msgspec's tagged Structs carry, or None.
        fields: the members, in declared order; read when first asked for.
    """

    cls: type[object]
    extras: bool = False
    tag: tuple[str, str | int] | None = None

    @property
    def fields(self) -> tuple[RecordField, ...]:
        return _record_fields(self.cls)


class Union(msgspec.Struct, frozen=True):
    """One of several shapes, which their stored values tell apart.

    Attributes:
        members: the shapes.
        tag: the escaped key whose value tells records apart, or None when there is at most one.
        tags: the values of that key which belong to each member; empty for members that are no records.
    """

    members: tuple[Shape, ...]
    tag: str | None = None
    tags: tuple[tuple[CanonicalScalar, ...], ...] = ()


class Anything(msgspec.Struct, frozen=True):
    """An undeclared position: the six JSON kinds, exactly as they are."""


Shape: TypeAlias = Scalar | Nullable | ListOf | TupleOf | MapOf | Record | Union | Anything


_CONTAINERS: dict[object, tuple[type, bool]] = {
    list: (list, False),
    set: (set, False),
    frozenset: (frozenset, False),
    tuple: (tuple, False),
    collections.abc.Sequence: (list, True),
    collections.abc.MutableSequence: (list, True),
    collections.abc.Collection: (list, True),
    collections.abc.Iterable: (list, True),
    collections.abc.Set: (set, True),
    collections.abc.MutableSet: (set, True),
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_TYPE_ALIAS: object = getattr(typing, "TypeAliasType", None)  # Python 3.12 and later


def shape_of(annotation: object, *, where: str) -> Shape:
    """The shape that a type annotation declares, with everything nested in it read and checked.

    ``where`` names the field in messages. Raises ConfigurationError for a type that cannot be stored, or whose stored
    values would not say what they were.
    """
    shape = _read(annotation, where, ())
    records_in(shape)  # whose members are read by that
    return shape


def records_in(shape: Shape) -> set[type[object]]:
    """The classes of records whose instances a value of that shape may hold, at any depth."""
    seen: set[type[object]] = set()
    pending: list[Shape] = [shape]
    while pending:
        node = pending.pop()
        if isinstance(node, Record):
            if node.cls not in seen:
                seen.add(node.cls)
                pending.extend(field.shape for field in node.fields)
        else:
            pending.extend(_children(node))
    return seen


def _children(shape: Shape) -> tuple[Shape, ...]:
    if isinstance(shape, Nullable | ListOf):
        return (shape.item,)
    if isinstance(shape, MapOf):
        return (shape.value,)
    if isinstance(shape, TupleOf):
        return shape.items
    return shape.members if isinstance(shape, Union) else ()


@per_class
def _record_fields(cls: type[object]) -> tuple[RecordField, ...]:
    # A default of None makes a member nullable, as the class's author plainly meant.
    return tuple(
        RecordField(
            member.name,
            escape_key(member.name),
            _nullable(_read(member.annotation, f"{cls.__name__}.{member.name}", ()), member.default is None),
            member.required,
        )
        for member in record_class(cls).members
    )


def _nullable(shape: Shape, wanted: bool) -> Shape:
    return Nullable(shape) if wanted and not isinstance(shape, Nullable | Anything) else shape


def _read(annotation: object, where: str, marks: tuple[object, ...]) -> Shape:
    """``marks`` are the ``Annotated`` metadata around this annotation, which reach the scalars directly in it."""
    if annotation is Any or annotation is object:
        return Anything()
    if isinstance(annotation, Shape):  # a member of a stored record
        return annotation
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is Annotated:
        return _read(arguments[0], where, (*marks, *arguments[1:]))
    if origin in (typing.Required, typing.NotRequired, typing.Final) or _is_read_only(origin):
        return _read(arguments[0], where, marks)
    if origin is typing.Union or origin is types.UnionType:
        parts = [_read(part, where, marks) for part in arguments if part is not types.NoneType]
        return _nullable(_one_of(parts, where), types.NoneType in arguments)
    if origin is Literal:
        return _literal(arguments, where)
    if isinstance(annotation, typing.NewType):
        return _read(annotation.__supertype__, where, marks)
    if _TYPE_ALIAS is not None and isinstance(annotation, _TYPE_ALIAS):  # type: ignore[arg-type]
        return _read_alias(annotation, where, marks)
    container = annotation if origin is None else origin
    if container in _MAPPINGS or (
        isinstance(container, collections.abc.Hashable) and container in _CONTAINERS
    ):
        return _container(container, annotation, where, marks)
    return _leaf(annotation, where, marks)


def _container(container: Any, annotation: object, where: str, marks: tuple[object, ...]) -> Shape:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if any(_is_mark(mark, Naive) or _is_mark(mark, Big) for mark in marks):
        raise ConfigurationError(
            f"{where}: Naive() and Big() belong on the items inside, as in list[Annotated[...]]"
        )
    if origin is tuple and arguments[-1:] != (Ellipsis,) and annotation is not getattr(typing, "Tuple"):  # noqa: B009
        return TupleOf(tuple(_item(part, where) for part in arguments))
    if container in _MAPPINGS:
        key, value = arguments or (str, Any)
        return MapOf(_map_key(key, where), _item(value, where))
    kind, sequence = _CONTAINERS[container]
    return ListOf(_item(arguments[0], where) if arguments else Anything(), kind, sequence)


def _is_read_only(origin: object) -> bool:
    return origin is not None and origin is getattr(typing, "ReadOnly", None)  # Python 3.13 and later


def _read_alias(alias: Any, where: str, marks: tuple[object, ...]) -> Shape:
    if alias in marks:
        raise ConfigurationError(
            f"{where}: the type alias {alias} holds itself; use a recursive class, or Any"
        )
    # The alias rides along with the marks so that it is recognised inside itself; it marks nothing.
    return _read(alias.__value__, where, (*marks, alias))


def _item(annotation: object, where: str) -> Shape:
    for mark in getattr(annotation, "__metadata__", ()):
        if isinstance(mark, Index | Searchable | Revision):
            raise ConfigurationError(
                f"{where}: {type(mark).__name__}() belongs on the field itself; it means nothing on the items inside"
            )
    return _read(annotation, where, ())


def _is_mark(mark: object, marker: type[object]) -> bool:
    return mark is marker or isinstance(mark, marker)


def _leaf(annotation: Any, where: str, marks: tuple[object, ...]) -> Shape:
    naive = any(_is_mark(mark, Naive) for mark in marks)
    big = any(_is_mark(mark, Big) for mark in marks)
    if not isinstance(annotation, type):
        raise ConfigurationError(f"{where}: {annotation!r} is not a type that can be stored")
    kind = kind_of_type(annotation)
    if naive and kind is not Kind.DATETIME:
        raise ConfigurationError(f"{where}: Naive() belongs on a datetime")
    if big and kind is not Kind.INT:
        raise ConfigurationError(f"{where}: Big() belongs on an int")
    if kind is not None:
        return Scalar(Kind.BIGINT if big else kind, naive=naive)
    if issubclass(annotation, enum.Enum):
        return _enum(annotation, where)
    return _class(annotation, where)


def _class(annotation: Any, where: str) -> Shape:
    if is_record_class(annotation):
        known = record_class(annotation)
        tag = known.tag
        return Record(annotation, known.extras, None if tag is None else (escape_key(tag[0]), tag[1]))
    raise ConfigurationError(
        f"{where}: {annotation.__name__} cannot be stored; use a scalar, list, tuple, set, dict, Enum, or a nested "
        "dataclass, Struct, model or TypedDict"
    )


def _scalar_of_values(values: Sequence[object], where: str) -> Scalar:
    kinds = {kind_of_type(type(value)) for value in values}
    if kinds == {Kind.INT, Kind.FLOAT}:
        kinds = {Kind.FLOAT}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is None:
        raise ConfigurationError(f"{where}: its values must be of one kind that can be stored")
    naive = kind is Kind.DATETIME and any(getattr(value, "tzinfo", None) is None for value in values)
    return Scalar(kind, naive=naive)


def _enum(cls: type[enum.Enum], where: str) -> Scalar:
    values = [member.value for member in cls]
    scalar = _scalar_of_values(values, f"{where}: {cls.__name__}")
    try:
        for value in values:
            encode_scalar(scalar, value)
    except InvalidEntityError as error:
        raise ConfigurationError(f"{where}: a value of {cls.__name__} cannot be stored: {error}") from error
    return Scalar(scalar.kind, enum=cls, naive=scalar.naive)


def _literal(values: tuple[object, ...], where: str) -> Shape:
    groups: dict[type, list[object]] = {}
    for value in values:
        if value is not None:
            groups.setdefault(type(value), []).append(value)
    parts: list[Shape] = []
    for cls, members in groups.items():
        scalar = _enum(cls, where) if issubclass(cls, enum.Enum) else _scalar_of_values(members, where)
        allowed = tuple(encode_scalar(scalar, member) for member in members)
        parts.append(Scalar(scalar.kind, enum=scalar.enum, naive=scalar.naive, allowed=allowed))
    if not parts:
        raise ConfigurationError(f"{where}: a field that can only be None stores nothing")
    return _nullable(_one_of(parts, where), None in values)


def _map_key(annotation: object, where: str) -> Scalar:
    key = _read(annotation, where, ())
    if not isinstance(key, Scalar):
        raise ConfigurationError(f"{where}: the keys of a dict are scalars")
    return key


def _one_of(parts: Iterable[Shape], where: str) -> Shape:
    members: list[Shape] = []
    nullable = False
    for part in parts:
        nullable = nullable or isinstance(part, Nullable)
        inner = part.item if isinstance(part, Nullable) else part
        for member in inner.members if isinstance(inner, Union) else (inner,):
            _merge(members, member)
    if any(isinstance(member, Anything) for member in members):
        return Anything()
    if len(members) == 1:
        return _nullable(members[0], nullable)
    slots: dict[str, list[Shape]] = {}
    for member in members:
        slots.setdefault(_slot(member), []).append(member)
    tag: str | None = None
    tags: dict[Shape, tuple[CanonicalScalar, ...]] = {}
    for slot, alike in slots.items():
        if len(alike) > 1:
            records = [member for member in alike if isinstance(member, Record)]
            found = _tags(records) if len(records) == len(alike) else None
            if found is None:
                raise ConfigurationError(
                    f"{where}: {_names(alike)} are all stored as a JSON {slot}, so what comes back could be any of "
                    "them; records can be told apart by a field of type Literal, or by msgspec's tag"
                )
            tag, values = found
            tags = dict(zip(records, values, strict=True))
    union = Union(tuple(members), tag, tuple(tags.get(member, ()) for member in members) if tags else ())
    return _nullable(union, nullable)


def _merge(members: list[Shape], member: Shape) -> None:
    """Add a member to those of a union; literals and the plain scalar of their kind become one."""
    if isinstance(member, Scalar) and member.enum is None:
        for position, other in enumerate(members):
            if isinstance(other, Scalar) and (other.kind, other.enum, other.naive) == (
                member.kind,
                None,
                member.naive,
            ):
                both = other.allowed + member.allowed if other.allowed and member.allowed else ()
                members[position] = Scalar(member.kind, naive=member.naive, allowed=both)
                return
    if member not in members:
        members.append(member)


_SLOTS = {
    Kind.INT: "integer",
    Kind.TIMEDELTA: "integer",
    Kind.FLOAT: "number with a point",
    Kind.BOOL: "boolean",
}


def _slot(shape: Shape) -> str:
    """The JSON kind under which a member of a union is stored; ints and floats stay apart in every engine."""
    if isinstance(shape, Scalar):
        return _SLOTS.get(shape.kind, "string")
    return "list" if isinstance(shape, ListOf | TupleOf) else "object"


def _tags(records: Sequence[Record]) -> tuple[str, list[tuple[CanonicalScalar, ...]]] | None:
    """The key that tells the records apart, and its values in each of them."""
    candidates = [_tag_values(record) for record in records]
    for key in candidates[0]:
        values = [candidate[key] for candidate in candidates if key in candidate]
        flat = [value for group in values for value in group]
        if len(values) == len(records) and len(set(flat)) == len(flat):
            return key, values
    return None


def _tag_values(record: Record) -> dict[str, tuple[CanonicalScalar, ...]]:
    found: dict[str, tuple[CanonicalScalar, ...]] = {}
    if record.tag is not None:
        found[record.tag[0]] = (record.tag[1],)
    for member in record_class(record.cls).members:
        annotation: Any = member.annotation
        while typing.get_origin(annotation) in (Annotated, typing.Required):
            annotation = typing.get_args(annotation)[0]
        if typing.get_origin(annotation) is Literal:
            shape = _literal(typing.get_args(annotation), record.cls.__name__)
            if isinstance(shape, Scalar):
                found[escape_key(member.name)] = shape.allowed
    return found


def _names(shapes: Iterable[Shape]) -> str:
    names: list[str] = []
    for shape in shapes:
        if isinstance(shape, Scalar):
            names.append(shape.kind.value if shape.enum is None else shape.enum.__name__)
        else:
            names.append(shape.cls.__name__ if isinstance(shape, Record) else type(shape).__name__)
    return " and ".join(names)
