"""What is checked about a row as a whole: its size, and what stands at the indexed paths of its document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..errors import InvalidEntityError
from ._json import json_document
from ._keys import escape_key, split_path
from ._scalars import Kind
from .names import MAX_DOCUMENT_BYTES, MAX_INDEXED_BYTES, bson_size
from .schema import Schema

__all__ = ["DocumentCheck", "SizeCheck", "check_indexed", "check_size"]


def check_indexed(text: str) -> None:
    """Raise InvalidEntityError for text that is too long to be indexed on every engine."""
    if len(text) > MAX_INDEXED_BYTES or len(text.encode()) > MAX_INDEXED_BYTES:
        raise InvalidEntityError(f"indexed text and ids have at most {MAX_INDEXED_BYTES:,} bytes in UTF-8")


def check_size(document: dict[str, Any]) -> None:
    """Raise InvalidEntityError for a canonical document that is larger than every engine can hold."""
    size = bson_size(document)
    if size > MAX_DOCUMENT_BYTES:
        raise InvalidEntityError(
            f"the entity takes {size:,} bytes as BSON; at most {MAX_DOCUMENT_BYTES:,} are stored"
        )


class SizeCheck:
    """Refuses a row whose entity, as one BSON document, is larger than every engine can hold.

    ``check_large`` is asked about what passes, and refuses what is too large for another reason.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        json_documents: bool,
        check_large: Callable[[tuple[Any, ...]], None] | None = None,
    ) -> None:
        self._keys = [field.key for field in schema.columns]
        self._has_document = schema.has_document
        self._json = json_documents
        self._check_large = check_large

    def __call__(self, row: tuple[Any, ...]) -> None:
        document: dict[str, Any] = dict(zip(self._keys, row, strict=False))
        if self._has_document:
            document.update(json_document(row[-1]) if self._json else row[-1])
        check_size(document)
        if self._check_large is not None:
            self._check_large(row)


class _IndexedPath(msgspec.Struct, frozen=True):
    path: str
    keys: tuple[str, ...]
    kind: Kind | None  # what an undeclared path may hold; None where anything may stand
    limited: bool  # whether an index that limits the length of text covers it


# A float may be given to an int's neighbour: 3 is a number at a path typed float; 3.0 is none at one typed int.
_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STR: (str,),
    Kind.INT: (int,),
    Kind.FLOAT: (float, int, msgspec.Raw),
    Kind.BOOL: (bool,),
}


class DocumentCheck:
    """Refuses a document with text too long for an index, or a kind it does not allow, at an indexed path.

    Says of a document that it accepts whether it holds a text there of more than ``share`` bytes, so that the entries
    of the indexes have to be looked at as wholes.
    """

    def __init__(self, schema: Schema, share: int = MAX_INDEXED_BYTES) -> None:
        self._share = share // 4  # bytes of a character
        inside = {field.name for field in schema.columns}
        found: dict[str, _IndexedPath] = {}
        for index in schema.indexes:
            for path, scalar in zip(index.paths, index.scalars, strict=True):
                if path in inside:
                    continue
                kind = scalar.kind if index.typed and scalar is not None else None
                known = found.get(path)
                if known is not None:
                    kind = kind or known.kind
                limited = not index.substring or (known is not None and known.limited)
                found[path] = _IndexedPath(path, tuple(map(escape_key, split_path(path))), kind, limited)
        self._paths = tuple(found.values())

    def __bool__(self) -> bool:
        return bool(self._paths)

    def __call__(self, document: dict[str, Any]) -> bool:
        holds_long = False
        for indexed in self._paths:
            value = _at(document, indexed.keys)
            if value is None:
                continue
            if indexed.kind is not None and type(value) not in _TYPES[indexed.kind]:
                # A large float is its own JSON text by now.
                found: str = "float" if isinstance(value, msgspec.Raw) else type(value).__name__
                raise InvalidEntityError(
                    f"the index declares {indexed.kind.value} here, and this is {found}", path=indexed.path
                )
            if indexed.limited and isinstance(value, str):
                try:
                    check_indexed(value)
                except InvalidEntityError as error:
                    raise InvalidEntityError(str(error), path=indexed.path) from None
                holds_long = holds_long or len(value) > self._share
        return holds_long


def _at(document: dict[str, Any], keys: tuple[str, ...]) -> Any:
    """What stands at the keys, one inside the other; None where nothing does."""
    found: Any = document
    for key in keys:
        try:
            found = found[key]
        except (KeyError, TypeError, IndexError):
            return None
    return found
