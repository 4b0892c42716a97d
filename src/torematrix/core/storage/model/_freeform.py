"""Rows of free-form entities: plain dicts, whose id is a column and whose every other key lives in the document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..errors import InvalidEntityError
from ._checks import DocumentCheck, SizeCheck, check_indexed
from ._decoders import decode_anything, put_in_order
from ._entries import EntryCheck
from ._free import FIELD_DEPTH, free_encoder, located, named
from ._json import json_document, sorted_json, sorted_value
from ._scalars import check_text
from ._writers import SMALL_BYTES
from .schema import Schema

__all__ = ["FreeformRows"]


class FreeformRows:
    """The row functions of a free-form schema, as those generated for a class."""

    def __init__(
        self,
        schema: Schema,
        *,
        json_documents: bool,
        in_order: bool = True,
        check_large: Callable[[tuple[Any, ...]], None] | None = None,
    ) -> None:
        self._json = json_documents
        self._in_order = in_order
        self._anything = free_encoder(spell=json_documents)
        self._check_entries = EntryCheck(schema)
        self._check_document = DocumentCheck(schema, self._check_entries.share)
        self._check_size = SizeCheck(schema, json_documents=json_documents, check_large=check_large)
        self._encode = sorted_json if json_documents else msgspec.json.Encoder().encode

    def row_to_create(self, entity: dict[str, Any], now: str, new_id: Callable[[], str]) -> tuple[Any, ...]:
        """The row of a new entity, its id filled in when it has none."""
        return self._row(entity, new_id)

    def row_to_replace(self, entity: dict[str, Any], now: str) -> tuple[Any, ...]:
        """The row of an entity to replace; InvalidEntityError when it has no id."""
        return self._row(entity, None)

    def _row(self, entity: dict[str, Any], new_id: Callable[[], str] | None) -> tuple[Any, ...]:
        if not isinstance(entity, dict):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidEntityError(f"expected dict, got {type(entity).__name__}")
        try:
            entity_id = self._id(entity.get("id"), new_id)
            rest = {key: value for key, value in entity.items() if key != "id"}
            document = self._anything(rest, FIELD_DEPTH - 1)
            holds_long = self._check_document(document) or len(entity_id) * 4 > self._check_entries.share
        except InvalidEntityError as error:
            raise named(error) from None
        encoded = self._encode(document)
        row = (entity_id, encoded.decode() if self._json else sorted_value(document))
        if len(encoded) > SMALL_BYTES:
            self._check_size(row)
        if holds_long:
            self._check_entries(row)
        return row

    def _id(self, given: object, new_id: Callable[[], str] | None) -> str:
        if given is None or given == "":
            if new_id is None:
                raise InvalidEntityError(
                    "the entity has no id; only one that was stored can be replaced", path="id"
                )
            return new_id()
        if not isinstance(given, str):
            raise InvalidEntityError(f"expected str, got {type(given).__name__}", path="id")
        try:
            text = check_text(given)
            check_indexed(text)
        except InvalidEntityError as error:
            raise located(error, "id") from None
        return text

    def decode(self, row: tuple[Any, ...]) -> dict[str, Any]:
        """The entity that the row holds."""
        entity_id, document = row
        if not self._json:
            return {"id": entity_id, **decode_anything(document)}
        plain = "%" not in document
        found = json_document(document)
        if not self._in_order:
            put_in_order(found)
        return {"id": entity_id, **(found if plain else decode_anything(found))}
