"""The schema of a collection whose entity class is not at hand, made again from its stored description.

Entities then are dicts of the Python values that were declared. What a description leaves out is read for what it is
stored as: an Enum as its value, and of a union of several classes the members that they share. Nothing that is stored
is left out: what a description does not name comes along as it is.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from ..errors import ConfigurationError
from ._indexes import IndexSpec
from ._keys import escape_key, unescape_key
from ._records import Member, RecordClass, StoredRecord
from ._scalars import Kind, Scalar
from ._tree import Anything, ListOf, MapOf, Nullable, Record, Shape, TupleOf, Union
from .schema import Field, Schema, finished

__all__ = ["StoredSchema", "described_index", "stored_schema", "whole_schema"]

_CONTAINERS: Final[dict[str, type[object]]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}
_NAIVE: Final = "naive-"
_Around: TypeAlias = tuple[type[object], ...]


class StoredSchema(Schema):
    """A schema that describes itself as it was described, so that opening it changes nothing."""

    __slots__ = ("_description",)

    def __init__(self, description: Mapping[str, Any], *args: Any) -> None:
        super().__init__(*args)
        self._description = dict(description)

    def describe(self) -> dict[str, Any]:
        """The description it was made from."""
        return self._description


def stored_schema(collection: str, description: Mapping[str, Any]) -> StoredSchema:
    """The schema that a collection's description stands for.

    Raises:
        ConfigurationError: it is not a description that this version wrote.
    """
    try:
        return _schema(collection, description)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the stored description of {collection!r} is not one this version can read; upgrade torematrix-storage",
            collection=collection,
        ) from error


def whole_schema(collection: str, description: Mapping[str, Any]) -> StoredSchema:
    """The same, with rows that hold everything there is of an entity, what no class declares included."""
    return stored_schema(collection, {**description, "extras": True})


def _schema(collection: str, description: Mapping[str, Any]) -> StoredSchema:
    freeform = bool(description["freeform"])
    specs = tuple(described_index(index, typed=freeform) for index in description["indexes"])
    weights = tuple((str(path), int(weight)) for path, weight in description["searchable"])
    # Messages name it as they name an entity class.
    cls: type[object] = type(collection, (dict,), {})
    described: dict[str, dict[str, Any]] = description["fields"]
    fields = tuple(finished(_field(name, field), specs, dict(weights)) for name, field in described.items())
    record = None
    if not freeform:
        members = tuple(Member(name, None, parameter=name, required=False) for name in described)
        record = RecordClass(dict, members, extras=bool(description["extras"]))
    revision = next((field for field in fields if field.name == description["revision"]), None)
    return StoredSchema(description, cls, record, fields, revision, specs, weights)


def _field(name: str, described: Mapping[str, Any]) -> Field:
    shape = _shape(described["shape"], ())
    return Field(
        name=name,
        key=escape_key(name),
        shape=shape,
        nullable=bool(described["nullable"]),
        scalar=shape if isinstance(shape, Scalar) else None,
        column=described.get("column", ""),
        has_default="default" in described,
        default=described.get("default"),
    )


def described_index(described: Mapping[str, Any], *, typed: bool) -> IndexSpec:
    """The index that a description stands for; ``typed`` says that it gives types to places in free-form documents."""
    kinds = tuple(None if kind is None else _scalar(kind) for kind in described["kinds"])
    paths = tuple(described["paths"])
    typed = typed and any(kinds)  # nothing but an index gives a type to a place in a free-form document
    return IndexSpec(described["name"], paths, kinds, described["unique"], described["substring"], typed)


def _scalar(described: str) -> Scalar:
    return Scalar(Kind(described.removeprefix(_NAIVE)), naive=described.startswith(_NAIVE))


def _shape(described: Any, around: _Around) -> Shape:
    """The shape described; ``around`` are the classes that hold it, outermost first."""
    if isinstance(described, str):
        return Anything() if described == "any" else _scalar(described)
    if "values" in described:
        return MapOf(_scalar(described["keys"]), _shape(described["values"], around))
    kind: str
    inner: Any
    [(kind, inner)] = described.items()
    if kind == "nullable":
        return Nullable(_shape(inner, around))
    if kind == "items":
        return TupleOf(tuple(_shape(item, around) for item in inner))
    if kind == "union":
        return _union(inner, around)
    if kind == "record":
        return _record([inner], around)
    if kind == "again":
        return Record(around[-int(inner)], extras=True)
    return ListOf(_shape(inner, around), _CONTAINERS[kind])


def _union(members: list[Any], around: _Around) -> Shape:
    records: list[dict[str, Any]] = [
        member["record"] for member in members if isinstance(member, dict) and "record" in member
    ]
    shapes = [
        _shape(member, around) for member in members if not (isinstance(member, dict) and "record" in member)
    ]
    if records:
        shapes.append(_record(records, around))
    return shapes[0] if len(shapes) == 1 else Union(tuple(shapes))


def _record(alternatives: Sequence[Mapping[str, Any]], around: _Around) -> Record:
    """A record of what the alternatives have in common; a member they describe differently is read as it is stored."""

    class Described(StoredRecord):
        pass

    found: dict[str, list[Shape]] = collections.defaultdict(list)
    for alternative in alternatives:
        for key, inner in alternative.items():
            shape = _shape(inner, (*around, Described))
            if shape not in found[key]:
                found[key].append(shape)
    members = [
        Member(name, shapes[0] if len(shapes) == 1 else Anything(), parameter=name, required=False)
        for name, shapes in ((unescape_key(key), shapes) for key, shapes in found.items())
    ]
    Described.record = RecordClass(dict, tuple(members), extras=True, mapping=True)
    return Record(Described, extras=True)
