"""Rows from one engine to another: the same entity, as the codec of each takes it.

Columns hold the same canonical values everywhere, except that an engine may give a bool as 0 or 1. Documents are JSON
text on some engines and dicts on others, with or without sorted keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, TypeAlias

import msgspec

from ._checks import DocumentCheck, SizeCheck, check_indexed
from ._entries import EntryCheck
from ._json import json_bytes, json_document, json_text, sorted_value
from ._scalars import Canonical, Kind
from .codec import Codec, Row
from .schema import Field, Schema

__all__ = ["canonical_bytes", "checksum", "row_check", "row_crossing"]

_Convert: TypeAlias = Callable[[Any], Any]
_Columns: TypeAlias = Callable[[Row], Row]


def row_crossing(source: Codec[Any], target: Codec[Any]) -> Callable[[Row], Row]:
    """A function from a row of one engine to the row of the same entity on another; no entity is made.

    The target's schema declares at least the fields of the source's; a field that it alone declares gets its default.
    """
    columns = _columns(source.schema, target.schema)
    document = _document(source, target)
    added = {
        field.key: field.default
        for field in target.schema.documents
        if field.name not in source.schema.by_name
    }
    if not target.schema.has_document:
        return columns or _as_it_is
    if not source.schema.has_document:
        fixed: Any = json_text(added) if target.json_documents else added
        given = columns or _as_it_is
        return lambda row: (*given(row), fixed)
    if added:
        document = _with_added(added, source, target)
    if columns is None and document is None:
        return _as_it_is
    take, convert = columns or _without_last, document or _same
    return lambda row: (*take(row), convert(row[-1]))


def _as_it_is(row: Row) -> Row:
    return row


def _without_last(row: Row) -> Row:
    return row[:-1]


def _same(document: Any) -> Any:
    return document


def _columns(source: Schema, target: Schema) -> _Columns | None:
    """What gives the columns of a row; None where they are those of the row as it comes."""
    at = {field.name: place for place, field in enumerate(source.columns)}
    places = [at.get(field.name) for field in target.columns]
    bools = [place for place, field in enumerate(target.columns) if _is_bool(field)]
    if not bools and places == list(range(len(source.columns))):
        return None
    defaults = [field.default if field.has_default else None for field in target.columns]
    known = [place for place in places if place is not None]
    pick = itemgetter(*known) if len(known) == len(places) > 1 else None

    def columns(row: Row) -> Row:
        if pick is not None:
            values = list(pick(row))
        else:
            values = [
                default if place is None else row[place]
                for place, default in zip(places, defaults, strict=True)
            ]
        for place in bools:
            value = values[place]
            values[place] = value if value is None else bool(value)
        return tuple(values)

    return columns


def _is_bool(field: Field) -> bool:
    return field.scalar is not None and field.scalar.kind is Kind.BOOL


def _document(source: Codec[Any], target: Codec[Any]) -> _Convert | None:
    """What makes the target's form of a document; None where that is the form it comes in."""
    if source.json_documents and target.json_documents:
        # An engine that orders keys by itself takes them in any order.
        return None if source.in_order or not target.in_order else lambda text: json_text(json_document(text))
    if source.json_documents:
        return json_document if source.in_order else lambda text: sorted_value(json_document(text))
    return json_text if target.json_documents else None


def _with_added(added: dict[str, Canonical], source: Codec[Any], target: Codec[Any]) -> _Convert:
    def convert(document: Any) -> Any:
        held = json_document(document) if source.json_documents else document
        whole = {**added, **held}
        return json_text(whole) if target.json_documents else sorted_value(whole)

    return convert


def canonical_bytes(codec: Codec[Any]) -> Callable[[Row], bytes]:
    """A function from a row to bytes that are the same for the same entity on every engine, and for no other."""
    bools = tuple(place for place, field in enumerate(codec.schema.columns) if _is_bool(field))
    as_text = codec.json_documents and codec.schema.has_document

    def encode(row: Row) -> bytes:
        values: list[Any] = list(row)
        for place in bools:
            values[place] = values[place] if values[place] is None else bool(values[place])
        try:
            if as_text:
                values[-1] = json_document(values[-1])
            return json_bytes(values)
        except (msgspec.DecodeError, ValueError, OverflowError):
            # No value of this library, but somebody's who has written around it: the same as long as it is spelled so.
            return repr(row).encode(errors="surrogatepass")

    return encode


def checksum(rows: Iterable[bytes]) -> bytes:
    """The checksum, of 16 bytes, of rows in this order: BLAKE2b over each row's length and bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for row in rows:
        digest.update(len(row).to_bytes(8, "big"))
        digest.update(row)
    return digest.digest()


def row_check(codec: Codec[Any], check_large: Callable[[Row], None] | None) -> Callable[[Row], None]:
    """A function that refuses a row which a write through this codec would have refused, with InvalidEntityError.

    For rows that were written under other declarations: what these add in indexes and in limits is looked at, the
    declared types are not.
    """
    schema = codec.schema
    check_size = SizeCheck(schema, json_documents=codec.json_documents, check_large=check_large)
    check_entries = EntryCheck(schema)
    check_document = DocumentCheck(schema, check_entries.share)
    indexed = [place for place, field in enumerate(schema.columns) if field.indexed]

    def check(row: Row) -> None:
        for place in indexed:
            if isinstance(row[place], str):
                check_indexed(row[place])
        if check_document:
            check_document(json_document(row[-1]) if codec.json_documents else row[-1])
        check_size(row)
        check_entries(row)

    return check
