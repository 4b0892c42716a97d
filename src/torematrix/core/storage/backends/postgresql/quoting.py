"""The only place where text becomes part of an SQL statement: names, literals, and arrays as text.

Everything else that a user gives is bound as a parameter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, cast

from ...query.paths import Step, Wildcard

__all__ = ["META", "array_text", "cut_name", "json_key", "qualified", "quote_name", "quote_text"]

META: Final = "torematrix_meta"
"""The library's own table: (scope, key, value), all text."""

_NAME_BYTES: Final = 63
"""PostgreSQL cuts longer names, silently, so that two may become one."""
_DIGEST: Final = 12


def quote_name(name: str) -> str:
    """An SQL identifier, as it is: nothing is folded, nothing cut.

    Raises:
        ValueError: it holds NUL, or is longer than PostgreSQL keeps.
    """
    if "\x00" in name or len(name.encode()) > _NAME_BYTES:
        raise ValueError("an identifier holds no NUL and has at most 63 bytes")
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """The quoted name of something in a schema."""
    return f"{quote_name(schema)}.{quote_name(name)}"


def cut_name(name: str) -> str:
    """The name, or where it is too long its beginning and a digest of the whole, so that no two long names meet."""
    encoded = name.encode()
    if len(encoded) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:_DIGEST]
    kept = encoded[: _NAME_BYTES - _DIGEST - 1].decode(errors="ignore")
    return f"{kept}${digest}"


def quote_text(text: str) -> str:
    """An SQL string literal, for JSON keys, which an index only serves as literals."""
    if "\x00" in text:
        raise ValueError("a literal holds no NUL")
    quoted = "'" + text.replace("'", "''") + "'"
    # A backslash is itself only while standard_conforming_strings is on; with E it is always said.
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def json_key(step: Step) -> str:
    """What follows ``->`` for a stored key."""
    if isinstance(step, Wildcard):
        raise TypeError("a wildcard is not part of a path")
    return quote_text(str(step))


def array_text(values: Iterable[str | None]) -> str:
    """The text of an array of these values, each as PostgreSQL reads it.

    Written here in a few passes over one string: psycopg adapts a long list value by value, six times as slowly.
    """
    listed = list(values)
    if not listed:
        return "{}"
    if None in listed:
        return "{" + ",".join(["NULL" if value is None else _element(value) for value in listed]) + "}"
    # No stored text holds NUL, so it may stand for the border between two.
    whole = "\x00".join(cast("list[str]", listed))
    if whole.count("\x00") != len(listed) - 1:
        raise ValueError("a value holds no NUL")
    return '{"' + whole.replace("\\", "\\\\").replace('"', '\\"').replace("\x00", '","') + '"}'


def _element(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a value holds no NUL")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
