"""Rows and canonical documents: the two forms in which the same entity crosses the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..model.codec import Row
from ..model.kinds import Canonical, Kind, order_key
from ..model.schema import Schema
from .conditions import Target
from .evaluate import MISSING, Document, value_at

__all__ = ["document_of", "place_reader", "row_of", "text_reader"]


def document_part(schema: Schema, row: Row) -> Document:
    """The part of the row that is not columns, whichever form the codec gave it."""
    if not schema.has_document:
        return {}
    part = row[len(schema.columns)]
    if isinstance(part, (str, bytes)):
        return msgspec.json.decode(part, type=dict[str, Any])
    return dict(part)


def document_of(schema: Schema, row: Row) -> Document:
    """The canonical document of a row: its columns and its document part together, by stored key."""
    document = document_part(schema, row)
    for field, value in zip(schema.columns, row, strict=False):
        document[field.key] = value
    return document


def row_of(schema: Schema, document: Document) -> Row:
    """The row of a canonical document, its document part as a dict; ``document_of`` undoes it."""
    keys = [field.key for field in schema.columns]
    columns = tuple(document.get(key) for key in keys)
    if not schema.has_document:
        return columns
    taken = set(keys)
    return (*columns, {key: value for key, value in document.items() if key not in taken})


def place_reader(schema: Schema, target: Target) -> Callable[[Row], Canonical]:
    """The function that reads a target's value, as it sorts and compares, from a row; None where null or missing."""
    if target.column is not None:
        at = schema.columns.index(target.column)
        scalar = target.scalar
        if scalar is not None and scalar.kind is Kind.BOOL:
            # A driver may give a bool as 0 or 1, as the codec allows.
            return lambda row: None if row[at] is None else bool(row[at])
        if not target.ordered_text:
            return lambda row: row[at]
        return lambda row: None if row[at] is None else order_key(str(row[at]))

    def read(row: Row) -> Canonical:
        value = value_at(document_part(schema, row), target.steps)
        if value is None or value is MISSING:
            return None
        return order_key(str(value)) if target.ordered_text else value

    return read


def text_reader(schema: Schema, target: Target) -> Callable[[Row], str]:
    """The function that reads a target's text from a row; "" where there is none."""
    read = place_reader(schema, target)

    def text(row: Row) -> str:
        value = read(row)
        return value if isinstance(value, str) else ""

    return text
