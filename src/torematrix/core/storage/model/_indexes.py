"""Declared indexes: the paths they name, followed into the entity's types, and a name for each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from ..errors import ConfigurationError
from ._describe import describe_shape
from ._keys import escape_key, split_path
from ._scalars import Canonical, Kind, Scalar, kind_of_type
from ._tree import Anything, MapOf, Nullable, Record, Shape
from .markers import Index
from .names import MAX_NAME_BYTES

__all__ = ["IndexSpec", "agreed", "index_spec", "reach", "spec_of"]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPED_KINDS = (Kind.STR, Kind.INT, Kind.FLOAT, Kind.BOOL)


class _HasShape(Protocol):
    @property
    def shape(self) -> Shape: ...


class IndexSpec(msgspec.Struct, frozen=True):
    """An index to be made.

    Attributes:
        name: unique among the indexes of its entity and made from nothing but its own declaration.
        paths: the paths, outermost sort key first.
        scalars: the declared kind at each path; None where nothing is declared.
        unique: whether no two entities may hold the same values.
        substring: whether it is a trigram index.
        typed: whether the kind comes from the index itself, so that other kinds at its path are refused on write.
    """

    name: str
    paths: tuple[str, ...]
    scalars: tuple[Scalar | None, ...]
    unique: bool = False
    substring: bool = False
    typed: bool = False

    def describe(self) -> dict[str, Canonical]:
        """The index as stable JSON data."""
        return {
            "name": self.name,
            "paths": list(self.paths),
            "kinds": [None if scalar is None else describe_shape(scalar) for scalar in self.scalars],
            "unique": self.unique,
            "substring": self.substring,
        }


def index_spec(
    cls: type[object],
    index: Index,
    fields: Mapping[str, _HasShape],
    extras: bool,
    *,
    field: str | None = None,
) -> IndexSpec:
    """The index that a marker declares; ``field`` is the field it annotates.

    Raises ConfigurationError for a path that leads nowhere, or to what cannot be indexed.
    """
    if (field is None) == (not index.paths):
        reason = "in indexes=[...] names its paths" if field is None else "in Annotated names no path"
        raise ConfigurationError(f"{cls.__name__}: an index {reason}")
    paths = index.paths if field is None else (field,)
    scalars = tuple(_scalar(cls, index, path, fields, extras) for path in paths)
    return spec_of(
        paths,
        scalars,
        unique=index.unique,
        substring=index.substring,
        name=index.name,
        typed=index.type is not None and reach(cls, paths[0], fields, extras) is None,
    )


def spec_of(
    paths: tuple[str, ...],
    scalars: tuple[Scalar | None, ...],
    *,
    unique: bool = False,
    substring: bool = False,
    typed: bool = False,
    name: str | None = None,
) -> IndexSpec:
    """The index over these paths, named after them where no name is given."""
    if name is None:
        name = _name(paths, scalars, unique=unique, substring=substring)
    elif not _IDENTIFIER.fullmatch(name) or len(name) > MAX_NAME_BYTES:
        raise ConfigurationError(
            f"an index's name is ASCII letters, digits and underscores, at most {MAX_NAME_BYTES} of them: {name!r}"
        )
    else:
        name = str.__str__(name)
    return IndexSpec(name, paths, scalars, unique, substring, typed)


def agreed(cls: type[object], specs: Sequence[IndexSpec]) -> tuple[IndexSpec, ...]:
    """The indexes of one entity, each path typed in all of them as it is in one.

    Raises ConfigurationError when two share a name, or type one path differently.
    """
    names: set[str] = set()
    typed: dict[str, Scalar | None] = {}
    for spec in specs:
        if spec.name.casefold() in names:
            raise ConfigurationError(f"{cls.__name__}: two indexes are named {spec.name!r}")
        names.add(spec.name.casefold())
        if spec.typed and typed.setdefault(spec.paths[0], spec.scalars[0]) != spec.scalars[0]:
            raise ConfigurationError(
                f"{cls.__name__}.{spec.paths[0]}: two indexes declare different types for it"
            )
    return tuple(
        msgspec.structs.replace(
            spec,
            scalars=tuple(
                typed.get(path) if scalar is None else scalar
                for path, scalar in zip(spec.paths, spec.scalars, strict=True)
            ),
        )
        for spec in specs
    )


def _scalar(
    cls: type[object], index: Index, path: str, fields: Mapping[str, _HasShape], extras: bool
) -> Scalar | None:
    where = f"{cls.__name__}.{path}"
    reached = reach(cls, path, fields, extras)
    declared = None
    if index.type is not None:
        kind = kind_of_type(index.type)
        if kind is None or kind not in _TYPED_KINDS:
            raise ConfigurationError(
                f"{where}: an undeclared path holds str, int, float or bool, so it is typed as one"
            )
        declared = Scalar(kind)
    if reached is None:
        if declared is None and index.unique:
            raise ConfigurationError(
                f'{where}: a unique path needs a declared type, as in Unique("{path}", str)'
            )
        if declared is not None and index.substring and declared.kind is not Kind.STR:
            raise ConfigurationError(f"{where}: a substring index covers text")
        return declared
    if not isinstance(reached, Scalar):
        raise ConfigurationError(f"{where}: only scalars can be indexed, and this is none")
    if declared is not None and declared.kind is not reached.kind:
        raise ConfigurationError(f"{where} is declared {reached.kind.value}, not {declared.kind.value}")
    if index.substring and reached.kind is not Kind.STR:
        raise ConfigurationError(f"{where}: a substring index covers text")
    return reached


def reach(cls: type[object], path: str, fields: Mapping[str, _HasShape], extras: bool) -> Shape | None:
    """The shape at a path of keys, without Nullable; None where nothing is declared, and anything may stand.

    ``fields`` are the entity's fields by stored key. Raises ConfigurationError for a path that can hold nothing.
    """
    first, *rest = split_path(path)
    field = fields.get(escape_key(first))
    if field is None:
        if extras:
            return None
        raise ConfigurationError(f"{cls.__name__} declares no field {first!r}, which the path {path!r} names")
    shape = _unwrapped(field.shape)
    for key in rest:
        if isinstance(shape, Anything):
            return None
        if isinstance(shape, MapOf):
            shape = _unwrapped(shape.value)
        elif isinstance(shape, Record):
            inner = next((part for part in shape.fields if part.key == escape_key(key)), None)
            if inner is None and shape.extras:
                return None
            if inner is None:
                raise ConfigurationError(f"{cls.__name__}.{path}: {shape.cls.__name__} declares no {key!r}")
            shape = _unwrapped(inner.shape)
        else:
            raise ConfigurationError(f"{cls.__name__}.{path}: no key {key!r} can be found inside this type")
    return None if isinstance(shape, Anything) else shape


def _unwrapped(shape: Shape) -> Shape:
    return shape.item if isinstance(shape, Nullable) else shape


def _name(
    paths: tuple[str, ...], scalars: tuple[Scalar | None, ...], *, unique: bool, substring: bool
) -> str:
    prefix = "ux_" if unique else "sx_" if substring else "ix_"
    if len(paths) == 1 and _IDENTIFIER.fullmatch(paths[0]):
        return prefix + paths[0]
    kinds = [None if scalar is None else scalar.kind.value for scalar in scalars]
    digest = hashlib.sha256(repr((paths, kinds)).encode()).hexdigest()[:10]
    readable = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(paths)).strip("_")[:24]
    return f"{prefix}{readable}_{digest}"
