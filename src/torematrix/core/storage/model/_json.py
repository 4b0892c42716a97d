"""Canonical values as JSON text: keys sorted at every level, UTF-8 as itself, and every float visibly a float."""

from __future__ import annotations

import re
from functools import partial

import msgspec

from ._scalars import Canonical

__all__ = ["json_bytes", "json_document", "json_text", "sorted_json", "sorted_value", "spelled"]

# JSON with sorted keys of a value in which every float has gone through ``spelled`` already.
sorted_json = msgspec.json.Encoder(order="sorted").encode
# The same canonical value, with sorted keys in every dict; it shares nothing with the one given.
sorted_value = partial(msgspec.to_builtins, order="sorted")
# The canonical value of a JSON text.
json_document = msgspec.json.Decoder().decode
# A positive exponent of two digits or more; text that looks like one costs a slower pass and changes nothing.
_EXPONENT = re.compile(rb"[0-9]e[1-9]")
_LARGE = 1e16  # where the shortest text of a float begins to have an exponent


def json_bytes(value: Canonical) -> bytes:
    """The JSON text of a canonical value, in UTF-8.

    A float of 1e16 or more is written in full with ``.0``: PostgreSQL's jsonb reads 1e16 as an int, and gives it back
    as one.
    """
    encoded = sorted_json(value)
    return sorted_json(_all_spelled(value)) if _EXPONENT.search(encoded) else encoded


def json_text(value: Canonical) -> str:
    """The same as str."""
    return json_bytes(value).decode()


def spelled(number: float) -> float | msgspec.Raw:
    """The float, or its JSON text where the shortest one would have an exponent."""
    return msgspec.Raw(f"{int(number)}.0".encode()) if abs(number) >= _LARGE else number


def _all_spelled(value: Canonical) -> object:
    if isinstance(value, float):
        return spelled(value)
    if isinstance(value, list):
        return [_all_spelled(item) for item in value]
    if isinstance(value, dict):
        return {key: _all_spelled(item) for key, item in value.items()}
    return value
