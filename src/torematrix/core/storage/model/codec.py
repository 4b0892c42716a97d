"""Entities to rows of canonical values, and back.

A row holds the values of ``schema.columns`` in order and then, when ``schema.has_document``, the document: the other
fields and extras by their percent-escaped keys, as JSON text or as a dict, with sorted keys at every level. Encoding
validates everything before any I/O and never changes the entity; decoding calls the class's own constructor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NoReturn, ParamSpec, TypeAlias, TypeVar

from ..errors import InvalidEntityError, UnsupportedError
from ._checks import DocumentCheck, SizeCheck, check_indexed, check_size
from ._encoders import encoder
from ._entries import EntryCheck
from ._free import FIELD_DEPTH, free_encoder, located, named
from ._freeform import FreeformRows
from ._json import json_text, sorted_value
from ._keys import escape_key, key_segment
from ._readers import compile_reader
from ._records import may_refuse
from ._scalars import Canonical
from ._tree import records_in
from ._writers import compile_writer, field_encoder
from .schema import Field, Schema
from .stored import StoredSchema

__all__ = [
    "Codec",
    "DocumentCheck",
    "EntryCheck",
    "Row",
    "SizeCheck",
    "check_indexed",
    "json_text",
    "sorted_value",
]

P = ParamSpec("P")
T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]


class Codec(Generic[T]):
    """The functions between entities of one class and their rows, made once for a schema.

    ``in_order`` says that the engine gives documents back with sorted keys, as they were stored; else decoding sorts.
    ``check_large`` is called with each row that is not small, and raises InvalidEntityError for one too large for what
    is kept beside it.

    Attributes:
        schema: the schema.
        json_documents: whether the document of a row is JSON text (else a dict, parts of which a decoded entity may
            hold: whoever keeps the row copies it first).
        in_order: whether it comes with sorted keys at every level.
        row_to_create: ``(entity, now, new_id) -> row`` of a new entity: its id made by ``new_id`` when None or "",
            created_at and updated_at ``now`` (canonical text) when None, its revision 1.
        row_to_replace: ``(entity, now) -> row`` of one to be stored in place of another: updated_at ``now``, the
            revision one more than the entity's, created_at as it is, None included.
        may_refuse: whether the class, or one inside it, has a constructor that may refuse values of the declared
            types. The functions that make rows let it, before anything is stored.
        decode: ``row -> entity``. Undeclared keys of the document come back where the class keeps extras and are
            passed over elsewhere; a missing key takes the constructor's default. Errors of the class's own validators
            go through as they are.

    The row functions raise InvalidEntityError, naming the field, for whatever a declaration or the storage does not
    allow, including indexed text above 2,000 bytes, entries of an index above 2,600, and entities above 16,000,000
    bytes of BSON.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        json_documents: bool,
        in_order: bool = True,
        check_large: Callable[[Row], None] | None = None,
    ) -> None:
        self.schema = schema
        self.json_documents = json_documents
        self.in_order = in_order
        self.row_to_create: Callable[[T, str, Callable[[], str]], Row]
        self.row_to_replace: Callable[[T, str], Row]
        self.decode: Callable[[Row], T]
        self._anything = free_encoder(spell=False)
        check_entries = EntryCheck(schema)
        self._check_document = DocumentCheck(schema, check_entries.share)
        self._encoders = {field.name: _value_encoder(field) for field in schema.fields}
        self.may_refuse = not isinstance(schema, StoredSchema) and any(
            may_refuse(cls) for cls in _classes_of(schema)
        )
        rows: Any
        if schema.freeform:
            rows = FreeformRows(
                schema, json_documents=json_documents, in_order=in_order, check_large=check_large
            )
            self.row_to_create = rows.row_to_create
            self.row_to_replace = rows.row_to_replace
            self.decode = rows.decode
            return
        self.decode = compile_reader(schema, json_documents=json_documents, in_order=in_order)
        if isinstance(schema, StoredSchema):
            self.row_to_create = self.row_to_replace = _refuse_write
            return
        check_size = SizeCheck(schema, json_documents=json_documents, check_large=check_large)

        def check_row(row: Row) -> None:
            check_size(row)
            check_entries(row)

        check_document = self._check_document if self._check_document and schema.has_document else None
        self.row_to_create, self.row_to_replace = (
            compile_writer(
                schema,
                replaces=replaces,
                json_documents=json_documents,
                check_row=check_row,
                check_document=check_document,
                share=check_entries.share,
            )
            for replaces in (False, True)
        )
        if self.may_refuse:
            decode = self.decode
            self.row_to_create = self._made_first(self.row_to_create, decode)
            self.row_to_replace = self._made_first(self.row_to_replace, decode)

    def _made_first(self, encode: Callable[P, Row], decode: Callable[[Row], T]) -> Callable[P, Row]:
        """The same function; before anybody stores its row the entity is made of it, as it will be read."""

        def row_of(*arguments: P.args, **options: P.kwargs) -> Row:
            row = encode(*arguments, **options)
            decode(self._apart(row))
            return row

        return row_of

    def _apart(self, row: Row) -> Row:
        """The row, sharing nothing with it that a constructor could change."""
        if self.json_documents or not self.schema.has_document:
            return row
        return (*row[:-1], sorted_value(row[-1]))

    def check_made(self, row: Row) -> None:
        """Make the entity that the row would be read as, which its class may refuse with an error of its own."""
        self.decode(self._apart(row))

    def id_of(self, entity: T) -> str | None:
        """The entity's id in canonical form, or None when it has none yet; InvalidEntityError when it can be none."""
        source: Any = entity
        given: object = source.get("id") if self.schema.freeform else getattr(source, "id", None)
        if given is None or given == "":
            return None
        return str(self._encoders["id"](given))

    def row_to_move(self, entity: T, entity_id: str) -> Row:
        """The row of an entity that was stored elsewhere: its id, times and revision are kept as they are.

        ``entity_id`` is its id where the entity has none. Raises InvalidEntityError as ``row_to_create`` does.
        """
        row = self.row_to_create(entity, "", lambda: entity_id)
        schema = self.schema
        if schema.freeform:
            return row
        values = list(row)
        for at, field in enumerate(schema.columns):
            if field is schema.revision or field is schema.created or field is schema.updated:
                value: object = getattr(entity, field.name)
                if value is None and field is not schema.revision:
                    values[at] = None if field.nullable else values[at]
                    continue
                try:
                    values[at] = self._encoders[field.name](value)
                except InvalidEntityError as error:
                    raise named(located(error, key_segment(field.name))) from None
        return tuple(values)

    def values(self, changes: Mapping[str, object]) -> dict[str, Canonical]:
        """The canonical values of a patch, by stored key, validated against the declared fields.

        Raises InvalidEntityError for a name the class does not declare (unless it keeps extras), for the id,
        created_at and the revision, which a patch does not touch, and for every value that could not be stored.
        """
        if isinstance(self.schema, StoredSchema) and not self.schema.freeform:
            _refuse_write()
        encoded: dict[str, Canonical] = {}
        for name, value in changes.items():
            try:
                key, canonical = self._value(name, value)
            except InvalidEntityError as error:
                raise named(located(error, key_segment(name))) from None
            encoded[key] = canonical
        try:
            self._check_document(encoded)
            check_size(encoded)
        except InvalidEntityError as error:
            raise named(error) from None
        return encoded

    def _value(self, name: str, value: object) -> tuple[str, Canonical]:
        schema = self.schema
        field = schema.by_name.get(name)
        if field is None:
            if not schema.extras:
                raise InvalidEntityError(f"{schema.entity_class.__name__} declares no such field")
            return escape_key(name), self._anything(value, FIELD_DEPTH)
        if field is schema.id or field is schema.created or field is schema.revision:
            raise InvalidEntityError("this field is kept by the storage and cannot be patched")
        if value is None:
            if not field.nullable:
                raise InvalidEntityError("None is not allowed here")
            return field.key, None
        return field.key, self._encoders[name](value)


def _classes_of(schema: Schema) -> set[type[object]]:
    """The class of the entities, and those of the records inside them."""
    found = {schema.entity_class} if schema.record is not None else set[type[object]]()
    return found.union(*(records_in(field.shape) for field in schema.documents))


def _value_encoder(field: Field) -> Callable[[Any], Canonical]:
    return encoder(field.shape) if field.scalar is None else field_encoder(field)


def _refuse_write(*_: object) -> NoReturn:
    raise UnsupportedError(
        "the collection was opened by its stored description, for reading: open it with its entity class to write"
    )
