"""Keys of stored dicts, and the paths by which messages and indexes name a place."""

from __future__ import annotations

import json
import re

from ..errors import ConfigurationError
from ._scalars import check_text

__all__ = ["escape_key", "join_path", "key_segment", "split_path", "unescape_key"]

# SQLite's paths cannot name a key with a quote or a backslash, MongoDB's updates one with a dot or a leading dollar.
_SPECIAL = re.compile(r'[%."\\\x00-\x1f\x7f]')
_ESCAPED = re.compile(r"%([0-9A-F]{2})")
_PLAIN_SEGMENT = re.compile(r'[^.\[\]"\\\x00-\x1f\x7f]+')
_SEGMENT = re.compile(
    r'(?:(?P<plain>[^.\[\]"]+)|\[(?P<quoted>"(?:[^"\\]|\\.)*")\])(?:\.(?=.)|(?=\[)|$)', re.DOTALL
)


def escape_key(key: str) -> str:
    r"""The key as it is stored: ``%``, ``.``, ``"``, ``\\``, controls and a leading ``$`` in percent form; "" as ``%``.

    Raises InvalidEntityError for NUL and lone surrogates.
    """
    key = check_text(key)
    if not key:
        return "%"
    if _SPECIAL.search(key):
        key = _SPECIAL.sub(lambda found: f"%{ord(found[0]):02X}", key)
    return "%24" + key[1:] if key[0] == "$" else key


def unescape_key(key: str) -> str:
    """The key that ``escape_key`` turned into this one."""
    if "%" not in key:
        return key
    if key == "%":
        return ""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), key)


def key_segment(key: str) -> str:
    """One key as a path writes it: itself, or ``["..."]`` when it holds what a path gives a meaning to."""
    return key if _PLAIN_SEGMENT.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False)}]"


def join_path(head: str, tail: str | None) -> str:
    """The path of ``tail`` inside ``head``."""
    if not tail:
        return head
    return head + tail if tail[0] == "[" else f"{head}.{tail}"


def split_path(path: str) -> tuple[str, ...]:
    """The keys of a declared path, outermost first: ``meta.year``, ``meta["a.b"]``.

    Raises ConfigurationError for text that is no such path, and for list positions, which an index cannot follow.
    """
    keys: list[str] = []
    position = 0
    while position < len(path):
        found = _SEGMENT.match(path, position)
        if found is None:
            raise ConfigurationError(f'{path!r} is not a path of keys such as meta.year or meta["a.b"]')
        quoted = found["quoted"]
        try:
            keys.append(found["plain"] if quoted is None else json.loads(quoted))
        except ValueError:
            raise ConfigurationError(f"{path!r}: the quoted key is not a JSON string") from None
        position = found.end()
    if not keys:
        raise ConfigurationError("a path names at least one key")
    return tuple(keys)
