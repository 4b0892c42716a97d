"""Canonical documents as dicts of Python values, and back: what the functions of migrations see."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any

from ..errors import ConfigurationError, InvalidEntityError
from ._decoders import decode_anything, decoder
from ._encoders import encoder
from ._free import FIELD_DEPTH, free_encoder, located, named
from ._keys import escape_key, key_segment, unescape_key
from ._scalars import Canonical
from .schema import Field, Schema

__all__ = ["Document", "PlainForm", "called", "plain_value", "stored_value"]

Document = dict[str, Canonical]
"""An entity by the stored keys of its fields, in canonical values."""


def plain_value(field: Field | None) -> Callable[[Any], Any]:
    """The function from a field's canonical value to its Python value; ``None`` for what no class declares."""
    decode = decode_anything if field is None else decoder(field.shape)

    def read(value: Any) -> Any:
        return value if value is None or decode is None else decode(value)

    return read


def stored_value(field: Field) -> Callable[[Any], Canonical]:
    """The function from a field's Python value to its canonical one.

    It raises InvalidEntityError, naming the field and no value, for what the declaration does not allow.
    """
    encode = encoder(field.shape)

    def write(value: Any) -> Canonical:
        if value is None:
            if not field.nullable:
                raise InvalidEntityError(f"{field.name}: None is not allowed here", path=field.name)
            return None
        try:
            return encode(value)
        except InvalidEntityError as error:
            raise named(located(error, key_segment(field.name))) from None

    return write


class PlainForm:
    """The two functions between the documents of a schema and dicts of Python values, by the names of the fields."""

    def __init__(self, schema: Schema, *, extras: bool) -> None:
        self._extras = extras
        self._readers = {field.key: (field.name, plain_value(field)) for field in schema.fields}
        self._writers = {field.name: (field, stored_value(field)) for field in schema.fields}
        self._read_extra = plain_value(None)
        self._anything = free_encoder(spell=False)

    def plain(self, document: Document) -> dict[str, Any]:
        """The document as Python values; what no class declares is among them."""
        values: dict[str, Any] = {}
        for key, value in document.items():
            known = self._readers.get(key)
            if known is None:
                values[unescape_key(key)] = self._read_extra(value)
            else:
                values[known[0]] = known[1](value)
        return values

    def document(self, values: dict[str, Any], known: Collection[str] = ()) -> Document:
        """The document of Python values; ``known`` names what may be there although nothing declares it.

        Raises:
            InvalidEntityError: a value is not what is declared, or nothing declares it.
        """
        document: Document = {}
        for name, value in values.items():
            writer = self._writers.get(name)
            if writer is not None:
                document[writer[0].key] = writer[1](value)
            elif self._extras or name in known:
                try:
                    document[escape_key(name)] = self._anything(value, FIELD_DEPTH)
                except InvalidEntityError as error:
                    raise named(located(error, key_segment(name))) from None
            else:
                raise InvalidEntityError(f"{name}: no such field is declared", path=name)
        for field, _ in self._writers.values():
            if field.key not in document and field.scalar is not None:
                document[field.key] = absent(field)
        return document


def absent(field: Field) -> Canonical:
    """What an entity holds of a column that it was given no value for; InvalidEntityError where it needs one."""
    if field.has_default:
        return field.default
    if not field.nullable:
        raise InvalidEntityError(f"{field.name}: there is no value for it", path=field.name)
    return None


def called(function: Callable[[Any], Any], value: Any, name: str | None = None) -> Any:
    """The function's result; its exceptions become InvalidEntityError, without what they say, which may be values."""
    try:
        result = function(value)
    except InvalidEntityError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the value is not converted
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        line = "" if trace is None else f" in line {trace.tb_lineno} of {trace.tb_frame.f_code.co_name}"
        told = f"the function raised {type(error).__name__}{line}"
        raise InvalidEntityError(told if name is None else f"{name}: {told}", path=name) from None
    if inspect.iscoroutine(result):
        result.close()
        raise ConfigurationError("the function is called for every entity, and cannot be `async`")
    return result
