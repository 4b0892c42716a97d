"""Rows as documents, and documents as rows.

A document is what somebody who looks at the database expects: ``_id``, and each field under its own key, null where it
is None. Every declared field is always there, so that null and missing never differ in a sort. Dicts inside are stored
with sorted keys, at every level, because MongoDB calls two dicts equal only where their keys come in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, TypeAlias

from bson.int64 import Int64

from ...model.codec import Row, sorted_value
from ...model.kinds import Canonical, Kind, family, order_key
from ...model.schema import Schema
from ...model.shapes import ListOf, Nullable, Scalar, Shape, escape_key
from ...model.source import Source
from .names import ID, KEYS, OWN, key_name, stored_key, unstored_key
from .options import READING, READING_ROWS, Reading
from .places import Places

__all__ = ["Document", "DocumentForm", "defaults_of", "readable"]

Document: TypeAlias = dict[str, Any]


def readable(text: Canonical) -> Canonical:
    """The part of an ordered text that a person reads."""
    return None if text is None else str(text).partition(" ")[2]


class DocumentForm:
    """The two functions between the rows of a schema and the documents of its collection.

    Attributes:
        keys: the stored keys of the columns, in the order of a row, ``_id`` first.
        row: the row of a document.
        rows: the rows of documents.
        reading: how PyMongo decodes the documents of which rows are made.
        document: the document of a row.
    """

    def __init__(self, schema: Schema, places: Places) -> None:
        self._schema = schema
        self._places = places
        self.keys = (ID, *(stored_key(field.key) for field in schema.columns[1:]))
        self._ordered = tuple(
            (at, key, places.keyed[field.key,].name)
            for at, (key, field) in enumerate(zip(self.keys, schema.columns, strict=True))
            if (field.key,) in places.keyed
        )
        # A field that an older version of the class left out reads as what it would have been given.
        self._absent = tuple(
            field.default if field.has_default and not field.nullable else None for field in schema.columns
        )
        self._plain: Callable[[Document], Row] = itemgetter(*self.keys) if len(self.keys) > 1 else _id_alone
        self._fields = tuple((field.key, stored_key(field.key)) for field in schema.documents)
        self._taken = OWN.union(self.keys)
        self.row: Callable[[Document], Row] = self._columns
        if schema.has_document:
            self.row = self._row_with_extras if schema.extras else self._row
        self.rows: Callable[[list[Document]], list[Row]] = lambda documents: list(map(self.row, documents))
        self.reading: Reading = READING
        if not self._ordered and not schema.extras:
            self._generate(self.row)

    def _generate(self, slow: Callable[[Document], Row]) -> None:
        """Write out how documents are read that hold every key; the others go the slow way."""
        schema = self._schema
        source = Source(f"rows of {schema.entity_class.__qualname__}")
        plain = all(_is_text(field.shape) for field in schema.documents)
        if plain:
            self.reading = READING_ROWS
        parts: list[str] = []
        for key, field in zip(self.keys, schema.columns, strict=True):
            part = f"document[{source.bind('key', key)}]"
            if plain and field.scalar is not None and field.scalar.kind in (Kind.INT, Kind.TIMEDELTA):
                # Adding nothing makes a long a plain int.
                part = f"v + 0 if (v := {part}) is not None else None"
            parts.append(part)
        if schema.has_document:
            fields = [
                f"{source.bind('field', key)}: document[{source.bind('key', stored)}]"
                for key, stored in self._fields
            ]
            parts.append(f"{{{', '.join(fields)}}}")
        row = f"({', '.join(parts)},)"

        def with_plain_ints(document: Document) -> Row:
            return slow(
                {key: value + 0 if isinstance(value, Int64) else value for key, value in document.items()}
            )

        other = source.bind("slow", with_plain_ints if plain else slow)
        source.add(0, "def row(document):")
        source.add(1, "try:", f"    return {row}", "except KeyError:", f"    return {other}(document)")
        source.add(0, "def rows(documents):")
        source.add(1, "try:", f"    return [{row} for document in documents]")
        source.add(1, "except KeyError:", f"    return list(map({other}, documents))")
        source.add(0, "both = row, rows")
        self.row, self.rows = source.compile("both")

    def _columns(self, document: Document) -> Row:
        try:
            values: Row = self._plain(document)
        except KeyError:
            values = tuple(
                document.get(key, absent) for key, absent in zip(self.keys, self._absent, strict=True)
            )
        if not self._ordered:
            return values
        joined = list(values)
        held: Document = document.get(KEYS, {})
        for at, _, name in self._ordered:
            key = held.get(name)
            if joined[at] is not None and key is not None:
                joined[at] = f"{key} {joined[at]}"
        return tuple(joined)

    def _row(self, document: Document) -> Row:
        part = {key: document[stored] for key, stored in self._fields if stored in document}
        return (*self._columns(document), part)

    def _row_with_extras(self, document: Document) -> Row:
        taken = self._taken
        part = {unstored_key(key): value for key, value in document.items() if key not in taken}
        return (*self._columns(document), part)

    def document(self, row: Row) -> Document:
        """The document that stores a row."""
        document = dict(zip(self.keys, row, strict=False))
        if self._schema.has_document:
            part = row[-1]
            if ID in part:
                part = {stored_key(key): value for key, value in part.items()}
            document.update(part)
        for _, key, _ in self._ordered:
            document[key] = readable(document[key])
        if self._places.keyed:
            document[KEYS] = self.keys_of(row)
        return document

    def keys_of(self, row: Row) -> dict[str, Canonical]:
        """What ``%k`` holds for a row."""
        schema = self._schema
        by_top: dict[str, Canonical] = dict(row[-1]) if schema.has_document else {}
        for field, value in zip(schema.columns, row, strict=False):
            by_top[field.key] = value
        return {keyed.name: keyed.of_value(by_top.get(keyed.top)) for keyed in self._places.keyed.values()}

    def assignments(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """A document as what ``$set`` takes: all but the id, and the members of ``%k`` one by one.

        What another version of the class keeps beside them stays as it is.
        """
        sets = {key: value for key, value in document.items() if key not in (ID, KEYS)}
        for name, value in document.get(KEYS, {}).items():
            sets[f"{KEYS}.{name}"] = value
        return sets

    def changes(self, values: Mapping[str, Canonical]) -> dict[str, Any]:
        """What ``$set`` takes to replace these fields, given by their percent-escaped keys."""
        sets: dict[str, Any] = {stored_key(key): sorted_value(value) for key, value in values.items()}
        for _, key, _ in self._ordered:
            if key in sets:
                sets[key] = readable(sets[key])
        for keyed in self._places.keyed.values():
            if keyed.top in values:
                sets[keyed.path] = keyed.of_value(values[keyed.top])
        return sets


def defaults_of(description: Mapping[str, Any], schema: Schema) -> Document:
    """What new documents hold of scalar fields that the class at hand does not know and another version does.

    An engine with columns has such defaults in its tables.
    """
    held: Document = {}
    keys: Document = {}
    fields: Mapping[str, Any] = description["fields"]
    for name, field in fields.items():
        if name in schema.by_name or "column" not in field or "default" not in field:
            continue
        key, value = stored_key(escape_key(name)), field["default"]
        if field["shape"] in (Kind.DECIMAL.value, Kind.BIGINT.value):
            keys[key_name([escape_key(name)])] = None if value is None else order_key(value)
            value = readable(value)
        held[key] = value
    return {**held, KEYS: keys} if keys else held


def _is_text(shape: Shape) -> bool:
    """Whether there is nothing but text in what has this shape, and so no int."""
    if isinstance(shape, Nullable | ListOf):
        return _is_text(shape.item)
    return isinstance(shape, Scalar) and family(shape.kind) == "string"


def _id_alone(document: Document) -> Row:
    return (document[ID],)
