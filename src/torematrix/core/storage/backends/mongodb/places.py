"""Where the values of a collection stand in its documents, and where the library keeps what they compare by.

Most values compare, sort and are unique as MongoDB has it, just where they stand. Two kinds do not:

- A Decimal or a big int is an ordered text, "KEY readable" (see ``model/kinds``), of which the key alone compares by
  value. A declared field holds the readable part, as a person expects it, and ``%k`` its key.
- A place in an undeclared part whose type an index declares. MongoDB looks through lists on the way to it, and would
  sort and make unique what stands in their elements. What stands at the place by our rules is copied to ``%k``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from ...model.kinds import Canonical, order_key
from ...model.schema import Field, Schema
from ...model.shapes import MapOf, Nullable, Record, Shape
from ...query.conditions import Target
from ...query.evaluate import MISSING, value_at
from ...query.paths import Step
from ...query.resolve import resolve
from .names import ID, KEYS, dotted, key_name, stored_key

__all__ = ["Keyed", "Places"]


class Keyed(msgspec.Struct, frozen=True):
    """One place that ``%k`` holds something of.

    Attributes:
        name: its name in ``%k``.
        top: the percent-escaped key of the field at the top of the place.
        of_value: what stands in ``%k``, from the canonical value of that field.
    """

    name: str
    top: str
    of_value: Callable[[Canonical], Canonical]

    @property
    def path(self) -> str:
        """Where it stands in a document."""
        return f"{KEYS}.{self.name}"


_KEY_PATH: Final = "mongodb: key path"
"""By what targets keep it: it follows from them and the schema that they belong to."""


class Places:
    """The places of one collection.

    Attributes:
        keyed: those that ``%k`` holds something of, by their steps.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.keyed: dict[tuple[Step, ...], Keyed] = {}
        for field in schema.columns:
            if _target(schema, field).ordered_text:
                self._keep(_target(schema, field))
        for spec in schema.indexes:
            for path in spec.paths:
                target = resolve(schema, path).target
                if target.column is not None or target.scalar is None or spec.substring:
                    continue
                if target.ordered_text or not self.is_plain(target):
                    self._keep(target)

    def _keep(self, target: Target) -> None:
        steps = target.steps
        self.keyed[steps] = Keyed(key_name(steps), str(steps[0]), _reader(target))

    def is_plain(self, target: Target) -> bool:
        """Whether MongoDB finds at this place what our rules do: no list can stand on the way to it."""
        if target.column is not None:
            return True
        field = next((field for field in self.schema.documents if field.key == target.steps[0]), None)
        if field is None or target.in_element:
            return False
        shape: Shape = field.shape
        for step in target.steps[1:]:
            shape = shape.item if isinstance(shape, Nullable) else shape
            if not isinstance(step, str):
                return False
            if isinstance(shape, MapOf):
                shape = shape.value
            elif isinstance(shape, Record):
                inner = next((part for part in shape.fields if part.key == step), None)
                if inner is None:
                    return False
                shape = inner.shape
            else:
                return False
        return True

    def path(self, target: Target) -> str:
        """The path of a place of keys alone, as filters name it."""
        if target.column is self.schema.id:
            return ID
        first, *rest = map(str, target.steps)
        return dotted([stored_key(first), *rest])

    def key_path(self, target: Target) -> str | None:
        """Where a place sorts and compares, if MongoDB can do that by what stands there."""
        path = target.compiled.get(_KEY_PATH)
        if path is None:
            path = target.compiled[_KEY_PATH] = self._key_path(target) or ""
        return path or None

    def _key_path(self, target: Target) -> str | None:
        keyed = None if target.in_element else self.keyed.get(target.steps)
        if keyed is not None:
            return keyed.path
        plain = target.scalar is not None and not target.ordered_text and self.is_plain(target)
        return self.path(target) if plain else None


def _target(schema: Schema, field: Field) -> Target:
    return resolve(schema, field.name).target


def _reader(target: Target) -> Callable[[Canonical], Canonical]:
    inside = target.steps[1:]

    def read(value: Any) -> Canonical:
        found = value_at(value, inside)
        if found is None or found is MISSING:
            return None
        return order_key(str(found)) if target.ordered_text else found

    return read
