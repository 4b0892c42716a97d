"""Rows that hold an entity as two versions of its class have it, and entities of the later version from either.

A row has the new values, the old ones, and a mark: a digest of the old values that the new ones go with. Whoever has
the old class knows of neither the new values nor the mark, and changes the old ones alone. Then the mark does not fit
any more, and the new values are made anew of the old ones: what the old version has written is never passed over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from .._overriding import override
from ..errors import InvalidEntityError
from ..model.codec import Codec, EntryCheck, Row, SizeCheck, json_text, sorted_value
from ..model.kinds import Canonical, Kind
from ..model.plain import called, plain_value, stored_value
from ..model.schema import Field, Schema, class_schema
from ..model.upgrades import UPGRADED_FROM, Upgrade
from ..query.rows import document_of, row_of

__all__ = ["UpgradingCodec"]

T = TypeVar("T")
Document = dict[str, Any]


class UpgradingCodec(Codec[T]):
    """The codec of a class with an upgrade.

    Attributes:
        stored: the schema of the rows; ``schema`` is that of the class.
    """

    def __init__(
        self,
        stored: Schema,
        upgrade: Upgrade,
        *,
        json_documents: bool,
        in_order: bool = True,
        check_large: Callable[[Row], None] | None = None,
    ) -> None:
        own = class_schema(stored)
        super().__init__(own, json_documents=json_documents, in_order=in_order)
        self.stored = stored
        self._upgrade = upgrade
        self._new = _Side([own.by_name[name] for name in upgrade.fields])
        self._old = _Side([stored.by_name[name] for name, _ in upgrade.old])
        self._width = len(own.columns)
        self._mark_at = stored.columns.index(stored.by_name[UPGRADED_FROM])
        self._check_size = SizeCheck(stored, json_documents=json_documents, check_large=check_large)
        self._check_entries = EntryCheck(stored)
        create, replace, self._decode_own = self.row_to_create, self.row_to_replace, self.decode
        self.row_to_create = lambda entity, now, new_id: self._joined(create(entity, now, new_id))
        self.row_to_replace = lambda entity, now: self._joined(replace(entity, now))
        self.decode = self._decode

    def _joined(self, row: Row) -> Row:
        """The row to store for a row of the class."""
        document = document_of(self.schema, row)
        document.update(self._with_mark(self._older(self._new.of(document))))
        stored = self._row(self.stored, document)
        self._check_size(stored)
        self._check_entries(stored)
        return stored

    def _decode(self, row: Row) -> T:
        made = self.remade(row)
        if made is None:
            end = row[len(self.stored.columns) :] if self.schema.has_document else ()
            return self._decode_own((*row[: self._width], *end))
        document = document_of(self.stored, row)
        document.update(made)
        kept = {field.key: document[field.key] for field in self.schema.fields if field.key in document}
        return self._decode_own(self._row(self.schema, kept))

    def remade(self, row: Row) -> Document | None:
        """The new values and the mark of a row that the version before has written, by key; None for any other row.

        Raises:
            InvalidEntityError: ``up`` raised, or gave something else than it should.
        """
        old = self._old.of(document_of(self.stored, row))
        mark = _mark(old)
        if row[self._mark_at] == mark:
            return None
        given = called(self._upgrade.up, self._old.plain(old))
        return {**self._new.canonical(given, "up"), UPGRADED_FROM: mark}

    def _older(self, new: Document) -> Document:
        return self._old.canonical(called(self._upgrade.down, self._new.plain(new)), "down")

    @staticmethod
    def _with_mark(old: Document) -> Document:
        return {**old, UPGRADED_FROM: _mark(old)}

    def _row(self, schema: Schema, document: Document) -> Row:
        row = row_of(schema, document)
        if not schema.has_document:
            return row
        part = row[-1]
        return (*row[:-1], json_text(part) if self.json_documents else sorted_value(part))

    @override
    def values(self, changes: Mapping[str, object]) -> dict[str, Canonical]:
        given = [name for name in self._upgrade.fields if name in changes]
        if given and len(given) < len(self._upgrade.fields):
            missing = next(name for name in self._upgrade.fields if name not in changes)
            raise InvalidEntityError(
                f"{', '.join(self._upgrade.fields)} are set together while the version before is in use",
                path=missing,
            )
        encoded = super().values(changes)
        if given:
            encoded.update(self._with_mark(self._older(self._new.of(encoded))))
        return encoded


class _Side:
    """The fields of one version."""

    def __init__(self, fields: list[Field]) -> None:
        self._fields = fields
        self._read = {field.key: plain_value(field) for field in fields}
        self._write = {field.name: (field, stored_value(field)) for field in fields}

    def of(self, document: Mapping[str, Any]) -> Document:
        """Their canonical values in a document, as they are spelled there by every engine."""
        return {field.key: _spelled(field, document.get(field.key)) for field in self._fields}

    def plain(self, values: Document) -> dict[str, Any]:
        """The same as Python values by name."""
        return {field.name: self._read[field.key](values[field.key]) for field in self._fields}

    def canonical(self, given: object, function: str) -> Document:
        """The canonical values of what a function gave."""
        values = dict(cast("Mapping[object, Any]", given)) if isinstance(given, Mapping) else {}
        if set(values) != set(self._write):
            raise InvalidEntityError(f"{function} of the upgrade gives a dict of {', '.join(self._write)}")
        return {field.key: write(values[name]) for name, (field, write) in self._write.items()}


def _spelled(field: Field, value: Any) -> Any:
    if value is None or field.scalar is None:
        return value
    if field.scalar.kind is Kind.BOOL:
        return value == 1
    return value + 0.0 if field.scalar.kind is Kind.FLOAT else value


def _mark(old: Document) -> str:
    return hashlib.blake2b(json_text(old).encode(), digest_size=12).hexdigest()
