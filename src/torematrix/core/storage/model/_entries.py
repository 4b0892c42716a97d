"""How much text one entry of an index may hold, on every engine.

PostgreSQL keeps an entry within a third of a page, 2,704 bytes, and compresses what it can, so that only some texts
would be refused there. The limit is counted before that, and kept everywhere.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ..errors import InvalidEntityError
from ._indexes import IndexSpec
from ._json import json_document
from ._keys import escape_key, split_path
from ._ordered import order_key
from ._scalars import Kind
from .names import MAX_ENTRY_BYTES, MAX_INDEXED_BYTES
from .schema import Schema

__all__ = ["EntryCheck"]

_LONG = (Kind.STR, Kind.BYTES, Kind.DECIMAL, Kind.BIGINT)
_ORDERED = (Kind.DECIMAL, Kind.BIGINT)
_SHORT_BYTES = 36  # of the longest text of fixed length, a UUID


class _Part(msgspec.Struct, frozen=True):
    """One member of an entry: a column by its place in the row, or keys into the document."""

    column: int | None
    keys: tuple[str, ...]
    is_long: bool
    is_ordered: bool


class EntryCheck:
    """Refuses a row of which some index entry, the id included, would hold too much text.

    Attributes:
        share: a text of at most so many bytes can be no part of such an entry, whatever the others are.
        in_document: whether a part of such an entry may stand in the document.
    """

    def __init__(self, schema: Schema) -> None:
        self._places = {field.name: at for at, field in enumerate(schema.columns)}
        self._document = len(schema.columns) if schema.has_document else None
        entries = [(spec.paths, self._parts(spec)) for spec in schema.indexes if not spec.substring]
        self._entries: list[tuple[tuple[str, ...], list[_Part]]] = []
        self.share = MAX_INDEXED_BYTES
        for paths, parts in entries:
            long = sum(part.is_long for part in parts)
            rest = MAX_ENTRY_BYTES - _SHORT_BYTES * (len(parts) - long)
            if long * MAX_INDEXED_BYTES > rest:
                self._entries.append((paths, parts))
                self.share = min(self.share, rest // long)
        self.in_document = any(part.column is None for _, parts in self._entries for part in parts)

    def _parts(self, spec: IndexSpec) -> list[_Part]:
        parts: list[_Part] = []
        for path, scalar in zip(spec.paths, spec.scalars, strict=True):
            is_long = scalar is None or scalar.kind in _LONG
            is_ordered = scalar is not None and scalar.kind in _ORDERED
            keys = tuple(map(escape_key, split_path(path)))
            parts.append(_Part(self._places.get(path), keys, is_long, is_ordered))
        if not spec.unique:
            parts.append(_Part(0, (), is_long=True, is_ordered=False))  # the id, by which ties are broken
        return parts

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __call__(self, row: tuple[Any, ...]) -> None:
        """Raise InvalidEntityError, naming the index, when one of the row's entries is too large."""
        if not self._entries:
            return
        document: Any = None
        if self._document is not None:
            document = row[self._document]
            if isinstance(document, (str, bytes)):
                document = json_document(document)
        for paths, parts in self._entries:
            size = sum(_size(part, row, document) for part in parts)
            if size > MAX_ENTRY_BYTES:
                raise InvalidEntityError(
                    f"the index on {', '.join(paths)} would hold {size:,} bytes of text for this entity, the id "
                    f"included; at most {MAX_ENTRY_BYTES:,} are stored",
                    path=paths[0],
                )


def _size(part: _Part, row: tuple[Any, ...], document: Any) -> int:
    value = row[part.column] if part.column is not None else _at(document, part.keys)
    if not isinstance(value, str):
        return 0
    return len((order_key(value) if part.is_ordered else value).encode())


def _at(document: Any, keys: tuple[str, ...]) -> Any:
    found = document
    for key in keys:
        if not isinstance(found, dict):
            return None
        found = cast("dict[str, Any]", found).get(key)
    return found
