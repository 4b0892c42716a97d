"""The only place where text becomes part of an SQL statement, a JSON path or an FTS5 expression.

Everything else that a user gives is bound as a parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ...query.paths import Step, Wildcard

__all__ = ["META", "json_path", "quote_fts", "quote_name", "quote_text"]

META: Final = "torematrix_meta"
"""The library's own table: (scope, key, value), all text."""


def quote_name(name: str) -> str:
    """An SQL identifier."""
    if "\x00" in name:
        raise ValueError("an identifier holds no NUL")
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """An SQL string literal, for JSON paths, which an index only serves as literals."""
    if "\x00" in text:
        raise ValueError("a literal holds no NUL")
    return "'" + text.replace("'", "''") + "'"


def json_path(steps: Sequence[Step]) -> str:
    """The JSON path to these stored keys and indexes, as an SQL literal."""
    parts = ["$"]
    for step in steps:
        if isinstance(step, Wildcard):
            raise TypeError("a wildcard is not part of a path")
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif '"' in step or "\\" in step:
            # Stored keys are percent-escaped, so neither can stand in one; SQLite has no way to write them.
            raise ValueError("a stored key holds neither quotes nor backslashes")
        else:
            parts.append(f'."{step}"')
    return quote_text("".join(parts))


def quote_fts(words: Iterable[str]) -> str:
    """An FTS5 phrase of these words, taken literally."""
    return '"' + " ".join(word.replace('"', '""') for word in words) + '"'
