"""Names that are the same on every engine, and the sizes that every engine can hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import ConfigurationError
from ._scalars import Canonical

__all__ = [
    "MAX_DEPTH",
    "MAX_DOCUMENT_BYTES",
    "MAX_ENTRY_BYTES",
    "MAX_ID_BYTES",
    "MAX_INDEXED_BYTES",
    "MAX_NAME_BYTES",
    "bson_size",
    "check_collection",
    "check_distinct",
    "check_field_name",
    "column_name",
    "is_own",
]

MAX_NAME_BYTES = 48  # PostgreSQL cuts names at 63 bytes; the rest is for what the library appends
MAX_ID_BYTES = 2_000
MAX_INDEXED_BYTES = 2_000  # PostgreSQL refuses index entries above about 2,700 bytes
MAX_ENTRY_BYTES = 2_600  # of all texts in one entry of an index, for the same reason
MAX_DOCUMENT_BYTES = (
    16_000_000  # MongoDB's limit is 16 MiB; the library keeps its own keys below the difference
)
MAX_DEPTH = 100

_COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OWN_PREFIX = "torematrix_"
_RESERVED_PREFIXES = (_OWN_PREFIX, "sqlite_", "pg_", "system")
# SQLite's table-valued functions, which a table of the same name would hide.
_RESERVED_NAMES = frozenset({"json_each", "json_tree", "jsonb_each", "jsonb_tree"})
# The library's own columns, SQLite's names for the row id, and PostgreSQL's system columns.
_RESERVED_COLUMNS = frozenset(
    {"data", "seq", "rowid", "oid", "_rowid_", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
)


def is_own(name: str) -> bool:
    """Whether a collection is the library's own, which applications neither see nor name."""
    return name.lower().startswith(_OWN_PREFIX)


def check_collection(name: object) -> str:
    """The name as a plain str; ConfigurationError unless it can be a collection's on every engine.

    A member of a text Enum, or of another class made from str, may say that its text is something else.
    """
    if not isinstance(name, str) or not _COLLECTION.fullmatch(name):
        raise ConfigurationError(
            "a collection's name is ASCII letters, digits and underscores, and does not start with a digit"
        )
    if len(name) > MAX_NAME_BYTES:
        raise ConfigurationError(
            f"a collection's name has at most {MAX_NAME_BYTES} bytes; this one has {len(name)}"
        )
    if name.lower().startswith(_RESERVED_PREFIXES) or name.lower() in _RESERVED_NAMES:
        raise ConfigurationError(
            f"{name!r}: names that start with {', '.join(_RESERVED_PREFIXES)} are reserved"
        )
    return str.__str__(name)


def check_field_name(name: str) -> None:
    """Raise ConfigurationError when the name of a declared field is longer than every engine keeps."""
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ConfigurationError(f"the field name {name!r} is longer than {MAX_NAME_BYTES} bytes")


def check_distinct(names: Iterable[str]) -> None:
    """Raise ConfigurationError, naming both, when two names differ in nothing but case."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise ConfigurationError(
                f"the names {other!r} and {name!r} differ only in case, which some engines ignore"
            )


def column_name(field_name: str) -> str:
    """The column of a declared field: its own name, with one underscore more where that would be a reserved name.

    A reserved name followed by underscores gets one more as well, so that no two fields share a column.
    """
    lowered = field_name.lower()
    bare = lowered
    while True:
        if bare in _RESERVED_COLUMNS:
            return field_name + "_"
        if not bare.endswith("_"):
            return field_name
        bare = bare[:-1]


def bson_size(document: dict[str, Canonical]) -> int:
    """How many bytes the canonical document takes as BSON (bsonspec.org, version 1.1), exactly."""
    size = 5
    for key, value in document.items():
        size += 2 + (len(key) if key.isascii() else len(key.encode())) + _value_size(value)
    return size


def _value_size(value: Canonical) -> int:
    if value is None:
        return 0
    if isinstance(value, bool):
        return 1
    if isinstance(value, str):
        return 5 + (len(value) if value.isascii() else len(value.encode()))
    if isinstance(value, int):
        return 4 if -(2**31) <= value < 2**31 else 8
    if isinstance(value, float):
        return 8
    if isinstance(value, dict):
        return bson_size(value)
    return 5 + sum(map(_value_size, value)) + 2 * len(value) + _index_digits(len(value))


def _index_digits(count: int) -> int:
    """How many digits the numbers 0 to count - 1 have together: the keys of a BSON array."""
    digits, total, first = 1, 0, 0
    while first < count:
        last = min(count, 10**digits)
        total += (last - first) * digits
        first, digits = last, digits + 1
    return total
