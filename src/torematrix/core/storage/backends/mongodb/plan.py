"""What is prepared once for a collection: how its rows cross, where its values stand, the indexes it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...model.codec import Row
from ...model.kinds import family
from ...model.schema import Field, IndexSpec, Schema
from ...query.conditions import Target
from ...query.operations import SortKey
from ...query.replacing import RowRules
from ...query.resolve import resolve
from .documents import Document, DocumentForm, defaults_of
from .names import GENERATION, ID, KEYS, TRIGRAMS, WORDS, stored_key
from .places import Places
from .texts import text_indexes

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
        description: what is stored of the schemas of all versions of the class.
        defaults: what new documents hold of fields that only another version of the class knows.
        texts: the indexes of its texts, None where none is declared.
        projection: what a reader leaves out.
        rewriting: what is left out by who reads a document to replace it.
        created, revision: the stored keys of these fields, None where they are not declared.
        indexes: the definitions of its indexes, except those that the words need, by the name of the declared one.
        unique: the declared unique indexes, by the name of the one that enforces each.
    """

    def __init__(self, collection: str, schema: Schema, description: Mapping[str, Any] | None = None) -> None:
        self.collection = collection
        self.schema = schema
        self.places = Places(schema)
        self.form = DocumentForm(schema, self.places)
        self.rules = RowRules(collection, schema, json_documents=False)
        self.defaults: Document = {}
        self.description: Mapping[str, Any] = {}
        if description is not None:
            self.know(description)
        self.texts = text_indexes(collection, schema)
        hidden = () if self.texts is None else self.texts.hidden
        self.projection = dict.fromkeys(hidden, 0)
        # Of the words, what is needed to replace them.
        kept = {
            f"{WORDS}.{key}": 0 for key in ("c", "t", *(f"p{at}" for at in range(len(schema.searchable))))
        }
        self.rewriting = {TRIGRAMS: 0, GENERATION: 0, **kept} if hidden else {}
        self.created = _stored(schema.created)
        self.revision = _stored(schema.revision)
        self.unique = {spec.name: spec for spec in schema.indexes if spec.unique}
        self._totals = self._total_orders()
        self.indexes: dict[str, list[IndexDefinition]] = {
            spec.name: self._definitions(spec) for spec in schema.indexes if not spec.substring
        }

    def know(self, description: Mapping[str, Any]) -> None:
        """Learn what other versions of the class declare, from what is stored of all of them."""
        self.description = description
        self.defaults = defaults_of(description, self.schema)

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

    def document(self, row: Row) -> Document:
        """The document that stores a new row."""
        document = self.form.document(row)
        if self.texts is not None:
            document.update(self.texts.stored(row))
        if self.defaults:
            keys = {**self.defaults.get(KEYS, {}), **document.get(KEYS, {})}
            document = {**self.defaults, **document}
            if keys:
                document[KEYS] = keys
        return document

    def guard(self, row: Row) -> Document:
        """The filter that selects the document a row may replace: of its id and, where declared, its last revision."""
        wanted: Document = {ID: row[0]}
        at = self.rules.revision_at
        if at is not None and self.revision is not None:
            wanted[self.revision] = {"$eq": row[at] - 1}
        return wanted

    def revised(self, row: Row) -> Document:
        """What ``$set`` takes to store the row's revision; nothing where none is declared."""
        at = self.rules.revision_at
        return {} if at is None or self.revision is None else {self.revision: row[at]}

    def rows(self, documents: list[Document]) -> list[Row]:
        """The rows of documents."""
        return self.form.rows(documents)

    def refused(self, pattern: Mapping[str, Any]) -> str:
        """What the index with this key keeps unique: "id", or the fields."""
        key = list(pattern)
        if key == [ID]:
            return "id"
        for name, spec in self.unique.items():
            if any(list(index["key"]) == key for index in self.indexes[name]):
                return " and ".join(spec.paths)
        return "value of a unique field"

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


def _stored(field: Field | None) -> str | None:
    return None if field is None else stored_key(field.key)


def _family(target: Target) -> str:
    scalar = target.scalar
    # A unique path has a declared type. The key of an exact number is text.
    return "string" if scalar is None or target.ordered_text else family(scalar.kind)
