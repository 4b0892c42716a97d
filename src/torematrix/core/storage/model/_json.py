"""Canonical values as JSON text: keys sorted at every level, UTF-8 as itself, and every float visibly a float."""

from __future__ import annotations

import re

import msgspec

from torematrix.core.storage.model._scalars import Canonical

__all__ = ["json_bytes", "json_text"]

_encode = msgspec.json.Encoder(order="sorted").encode
# A positive exponent of two digits or more; text that looks like one costs a slower pass and changes nothing.
_EXPONENT = re.compile(rb"[0-9]e[1-9]")


def json_bytes(value: Canonical) -> bytes:
    """The JSON text of a canonical value, in UTF-8.

    A float of 1e16 or more is written in full with ``.0``: PostgreSQL's jsonb reads 1e16 as an int, and gives it back as
    one.
    """
    encoded = _encode(value)
    return _encode(_spelled(value)) if _EXPONENT.search(encoded) else encoded


def json_text(value: Canonical) -> str:
    """The same as str."""
    return json_bytes(value).decode()


def _spelled(value: object) -> object:
    if isinstance(value, float) and abs(value) >= 1e15:
        return msgspec.Raw(f"{int(value)}.0".encode())
    if isinstance(value, list):
        return [_spelled(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value
