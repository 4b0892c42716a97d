"""Values at undeclared positions: the six JSON kinds, exactly, so that what goes in is what comes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from ..errors import InvalidEntityError
from ._json import spelled
from ._keys import escape_key, join_path, key_segment
from ._scalars import INT64_MAX, INT64_MIN, check_text
from .names import MAX_DEPTH

__all__ = ["FIELD_DEPTH", "Encode", "check_depth", "encode_extras", "free_encoder", "located", "named"]

Encode: TypeAlias = Callable[[Any, int], Any]

FIELD_DEPTH = 2  # the document that holds a field's value is level 1


def check_depth(depth: int) -> None:
    """Raise InvalidEntityError for a dict or list below the deepest level that is stored."""
    if depth > MAX_DEPTH:
        raise InvalidEntityError(f"the data are nested deeper than {MAX_DEPTH} levels, or contain themselves")


def located(error: InvalidEntityError, segment: str) -> InvalidEntityError:
    """The same error, its path now starting at the given segment."""
    error.path = join_path(segment, error.path)
    return error


def named(error: InvalidEntityError) -> InvalidEntityError:
    """The same error, its message beginning with its path."""
    if error.path is None:
        return error
    return InvalidEntityError(f"{error.path}: {error}", path=error.path)


def free_encoder(*, spell: bool) -> Encode:
    """A function from an undeclared value and its depth to the canonical form.

    With ``spell``, floats are made ready for ``sorted_json``, which cannot write the largest ones as they are stored.
    """

    def encode(value: Any, depth: int) -> Any:
        kind = type(value)  # pyright: ignore[reportUnknownVariableType] - it is compared with types, no more
        if kind is str:
            return value if value.isascii() and "\0" not in value else check_text(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            if INT64_MIN <= value <= INT64_MAX:
                return value
            raise InvalidEntityError("an int outside 64 bits can be stored only in a field declared Big()")
        if kind is float:
            if math.isfinite(value):
                return spelled(value + 0.0) if spell else value + 0.0
            raise InvalidEntityError("nan and infinity cannot be stored")
        if kind is list:
            check_depth(depth)
            return encode_list(value, depth + 1)
        if kind is dict:
            check_depth(depth)
            return encode_dict(value, depth + 1)
        raise InvalidEntityError(
            f"an undeclared position holds None, bool, int, float, str, list or dict, not {kind.__name__}; declare it"
        )

    def encode_list(items: list[Any], depth: int) -> list[Any]:
        encoded: list[Any] = []
        try:
            for item in items:
                encoded.append(encode(item, depth))  # noqa: PERF401 - how far it came names the item that fails
        except InvalidEntityError as error:
            raise located(error, f"[{len(encoded)}]") from None
        return encoded

    def encode_dict(items: dict[Any, Any], depth: int) -> dict[str, Any]:
        encoded: dict[str, Any] = {}
        for key, item in items.items():
            if type(key) is not str:
                raise InvalidEntityError(f"the keys of an undeclared dict are str, not {type(key).__name__}")
            # An identifier holds nothing that is escaped.
            stored = key if key.isidentifier() else escape_key(key)
            try:
                encoded[stored] = encode(item, depth)
            except InvalidEntityError as error:
                raise located(error, key_segment(key)) from None
        return encoded

    return encode


def encode_extras(entity: Any, depth: int, declared: Collection[str], anything: Encode) -> dict[str, Any]:
    """The undeclared attributes that a pydantic model was given, by their stored keys."""
    found = getattr(entity, "__pydantic_extra__", None)
    if not found:
        return {}
    extras: dict[str, Any] = anything(dict(found), depth)
    for key in extras:
        # An alias leaves a field's own name free for an extra value, but there is one key for both.
        if key in declared:
            raise InvalidEntityError("an extra value has the name of a declared field", path=key)
    return extras
