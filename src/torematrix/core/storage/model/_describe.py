"""Shapes as plain data, for comparison with what a database was made for."""

from __future__ import annotations

from ._scalars import Canonical, Scalar
from ._tree import Anything, ListOf, MapOf, Nullable, Shape, TupleOf, Union

__all__ = ["describe_shape"]


def describe_shape(shape: Shape, *, _open: tuple[type, ...] = ()) -> Canonical:
    """The shape as stable JSON data, for comparison with what a database was made for.

    Enum classes and allowed values are left out: they may change without a change in what is stored.
    """
    if isinstance(shape, Scalar):
        return f"naive-{shape.kind.value}" if shape.naive else shape.kind.value
    if isinstance(shape, Anything):
        return "any"
    if isinstance(shape, Nullable):
        return {"nullable": describe_shape(shape.item, _open=_open)}
    if isinstance(shape, ListOf):
        return {shape.container.__name__: describe_shape(shape.item, _open=_open)}
    if isinstance(shape, TupleOf):
        return {"items": [describe_shape(item, _open=_open) for item in shape.items]}
    if isinstance(shape, MapOf):
        return {"keys": describe_shape(shape.key), "values": describe_shape(shape.value, _open=_open)}
    if isinstance(shape, Union):
        return {"union": [describe_shape(member, _open=_open) for member in shape.members]}
    if shape.cls in _open:
        return {"again": len(_open) - _open.index(shape.cls)}  # so many classes up; a name may change
    inner = (*_open, shape.cls)
    return {"record": {field.key: describe_shape(field.shape, _open=inner) for field in shape.fields}}
