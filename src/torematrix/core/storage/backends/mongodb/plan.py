"""What is prepared once for a collection: how its rows cross, where its values stand, the indexes it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...model.kinds import Kind, family
from ...model.schema import IndexSpec, Schema
from ...query.conditions import Target
from ...query.operations import SortKey
from ...query.replacing import RowRules
from ...query.resolve import resolve
from .documents import DocumentForm
from .names import ID
from .places import Places

__all__ = ["CollectionPlan", "IndexDefinition"]

IndexDefinition = dict[str, Any]
"""An index as ``createIndexes`` takes it."""

_LEAST: Final[dict[str, str | float | bool]] = {"string": "", "number": float("-inf"), "bool": False}
"""The smallest value of each family: MongoDB compares within one alone, so this selects the family's values."""


class CollectionPlan:
    """The prepared form of one collection.

    Attributes:
        collection: its name, which is that of the collection in the database.
        schema: the schema of the class at hand.
        places: where its values stand.
        form: the functions between rows and documents.
        rules: what is stored when a row replaces another.
        defaults: what new documents hold of fields that only another version of the class knows.
        indexes: the definitions of its indexes, except those that the words need, by the name of the declared one.
        unique: the declared unique indexes, by the name of the one that enforces each.
    """

    def __init__(self, collection: str, schema: Schema, defaults: Mapping[str, Any] | None = None) -> None:
        self.collection = collection
        self.schema = schema
        self.places = Places(schema)
        self.form = DocumentForm(schema, self.places)
        self.rules = RowRules(collection, schema, json_documents=False)
        self.defaults = dict(defaults or {})
        self.unique = {spec.name: spec for spec in schema.indexes if spec.unique}
        self._totals = self._total_orders()
        self.indexes: dict[str, list[IndexDefinition]] = {
            spec.name: self._definitions(spec) for spec in schema.indexes if not spec.substring
        }

    def _total_orders(self) -> frozenset[tuple[str, ...]]:
        """The paths of unique indexes that hold every document, by which an order is total without the id."""
        return frozenset(
            tuple(self._index_path(path) for path in spec.paths)
            for spec in self.unique.values()
            if not any(resolve(self.schema, path).target.nullable for path in spec.paths)
        )

    def _index_path(self, path: str) -> str:
        target = resolve(self.schema, path).target
        return self.places.key_path(target) or self.places.path(target)

    def _definitions(self, spec: IndexSpec) -> list[IndexDefinition]:
        paths = [self._index_path(path) for path in spec.paths]
        if paths[0] == ID:
            return []  # the id's own index has everything that comes after it
        ordered = {"name": spec.name, "key": dict.fromkeys([*paths, ID], 1)}
        if not spec.unique:
            return [ordered]
        unique: IndexDefinition = {"name": spec.name, "key": dict.fromkeys(paths, 1), "unique": True}
        if tuple(paths) in self._totals:
            return [unique]
        # Null may stand more than once, so the unique index leaves it out; what looks for null, and every order, needs
        # an index that does not.
        unique["partialFilterExpression"] = {
            path: {"$gte": _LEAST[_family(resolve(self.schema, name).target)]}
            for path, name in zip(paths, spec.paths, strict=True)
        }
        return [unique, {**ordered, "name": f"{spec.name}%all"}]

    def sort(self, keys: tuple[SortKey, ...]) -> dict[str, int] | None:
        """The order as MongoDB takes it, None where a key has to be computed first."""
        sort: dict[str, int] = {}
        for key in keys:
            path = self.places.key_path(key.target)
            if path is None:
                return None
            sort[path] = -1 if key.descending else 1
            if tuple(sort) in self._totals:
                break  # nothing after it changes the order, and the index ends here
        return sort


def _family(target: Target) -> str:
    scalar = target.scalar
    # A unique path has a declared type. The key of an exact number is text.
    return "string" if scalar is None or target.ordered_text else family(scalar.kind)


