"""Entities as JSON, as cells of a table, and as text that is safe to show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ..model.kinds import INT64_MAX, INT64_MIN
from ..query.paths import Wildcard, parse_path

__all__ = ["cell_text", "json_line", "plain", "value_at", "visible"]

# What could move the cursor, recolour the screen or reverse the reading order; and bytes of names that are no text.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_C1_BYTES = re.compile(rb"\xc2([\x80-\x9f])|\x7f")
# Seen as type[Any], they leave a checked value what it is to the type checkers: Any.
_MAPPING: type[Any] = dict
_LISTS: tuple[type[Any], ...] = (list, tuple)
_SETS: tuple[type[Any], ...] = (set, frozenset)
_encode = msgspec.json.Encoder().encode
_LINES = "\n\t"


def visible(text: str, *, lines: bool = False) -> str:
    """The text with everything a terminal would act on shown as an escape; with ``lines``, line ends and tabs stay."""

    def shown(found: re.Match[str]) -> str:
        character = found[0]
        if character in _LINES:
            return character if lines else " "
        if character == "\r":
            return ""
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as os.fsdecode gives it
            return f"\\x{code - 0xDC00:02x}"
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

    return _HIDDEN.sub(shown, text)


def plain(value: Any) -> Any:
    """The value in forms that JSON writes alike every time: sets sorted, keys as text, ints of any size."""
    if _is_big(value):
        return msgspec.Raw(str(value).encode())
    if isinstance(value, _MAPPING):
        return {key if isinstance(key, str) else _key(key): plain(item) for key, item in value.items()}
    if isinstance(value, _SETS):
        return sorted(map(plain, value), key=_encode)
    if isinstance(value, _LISTS):
        return list(map(plain, value))
    return value


def _is_big(value: Any) -> bool:
    return type(value) is int and not INT64_MIN <= value <= INT64_MAX  # pyright: ignore[reportUnknownArgumentType]


def _key(key: Any) -> str:
    return _encode(key).decode().strip('"')


def json_line(value: Any) -> bytes:
    """The value as JSON on one line, without the line's end; no control character reaches a terminal."""
    return _C1_BYTES.sub(lambda found: f"\\u{found[0][-1]:04x}".encode(), _encode(plain(value)))


def cell_text(value: Any) -> str:
    """The value as one cell: text as it is, null as nothing, lists and dicts as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    encoded = _encode(plain(value)).decode()
    return (
        encoded[1:-1]
        if encoded.startswith('"') and not isinstance(value, (_MAPPING, *_LISTS, *_SETS))
        else encoded
    )


def value_at(entity: Mapping[str, Any], path: str) -> Any:
    """What stands at a path of the entity; None where nothing does."""
    found: Any = entity
    for step in parse_path(path):
        if isinstance(step, Wildcard):
            return found if isinstance(found, _LISTS) else None
        if isinstance(step, str) != isinstance(found, _MAPPING):
            return None
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return None
    return found
