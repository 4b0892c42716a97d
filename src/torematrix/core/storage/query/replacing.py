"""What is stored when a row takes the place of another, and what is said when it may not: the same on every engine.

Pure functions of rows. A driver reads the stored row, asks here for the one to store, and writes it; or has its engine
do the same in one statement, and asks here only for the error when nothing was written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from operator import ne
from typing import Any, Final

import msgspec

from ..errors import ConflictError, DuplicateError, NotFoundError
from ..model.codec import EntryCheck, Row, SizeCheck, json_text
from ..model.kinds import Canonical
from ..model.names import bson_size
from ..model.schema import Schema
from .operations import Patch
from .stored_size import stored_size_check

__all__ = ["PatchCheck", "RowRules", "raw_members"]

_NOT_SMALL: Final = 50_000
"""What a patch sets may have this size in bytes before the whole row is measured."""

raw_members: Final[Callable[[str | bytes], dict[str, msgspec.Raw]]] = msgspec.json.Decoder(
    dict[str, msgspec.Raw]
).decode
"""The members of a document by their keys, each as the JSON text it has."""


class PatchCheck:
    """Refuses, with InvalidEntityError, what a patch has made of a row: its values may not fit beside the others."""

    def __init__(self, schema: Schema, *, json_documents: bool) -> None:
        self.check_entries = EntryCheck(schema)
        self._check_size = SizeCheck(
            schema, json_documents=json_documents, check_large=stored_size_check(schema)
        )

    def __call__(self, row: Row, operation: Patch) -> None:
        """Look at the entries of indexes, and at the size where the patch sets much."""
        self.check_entries(row)
        given = {field.key: value for field, value in operation.changes}
        if bson_size({**operation.extras, **given}) > _NOT_SMALL:
            self._check_size(row)


class RowRules:
    """The rules of one collection.

    Attributes:
        at: where in a row each column stands, by the field's name.
        created_at, revision_at: where these stand, None where they are not declared.
        document_keys: the stored keys of the declared fields that live in the document.
        check_entries: refuses a row that an index could not hold, with InvalidEntityError.
    """

    def __init__(self, collection: str, schema: Schema, *, json_documents: bool) -> None:
        self.collection = collection
        self.schema = schema
        self.at = {field.name: at for at, field in enumerate(schema.columns)}
        self.created_at = self.at[schema.created.name] if schema.created is not None else None
        self.revision_at = self.at[schema.revision.name] if schema.revision is not None else None
        self.document_keys = frozenset(field.key for field in schema.documents)
        self._check_patched = PatchCheck(schema, json_documents=json_documents)
        self.check_entries = self._check_patched.check_entries
        self._places = range(len(schema.columns) + schema.has_document)
        self._keeps_unknown = schema.has_document and not schema.extras
        self._with_unknown = self._text_with_unknown if json_documents else self._dict_with_unknown
        self._merged = _merged_texts if json_documents else _merged_dicts

    def replaced(self, old: Row, new: Row) -> Row:
        """The row to store when ``new`` replaces ``old``: created_at kept, unknown document keys kept."""
        values = list(new)
        if self.created_at is not None:
            values[self.created_at] = old[self.created_at]
        if self._keeps_unknown:
            stored, given = old[-1], new[-1]
            if stored != given:
                values[-1] = self._with_unknown(stored, given)
        return tuple(values)

    def _text_with_unknown(self, stored: str, given: str) -> str:
        before = raw_members(stored)
        if self.document_keys.issuperset(before):
            return given
        unknown = {key: value for key, value in before.items() if key not in self.document_keys}
        return msgspec.json.encode({**raw_members(given), **unknown}, order="sorted").decode()

    def _dict_with_unknown(self, stored: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        if self.document_keys.issuperset(stored):
            return given
        return {**given, **{key: value for key, value in stored.items() if key not in self.document_keys}}

    def changed(self, old: Row, new: Row) -> tuple[int, ...]:
        """The places in which two rows differ."""
        return tuple(compress(self._places, map(ne, old, new)))

    def patched(self, old: Row, operation: Patch) -> Row:
        """The row that a patch makes of the stored one; its revision is still to be checked."""
        values = list(old)
        document: dict[str, Canonical] = dict(operation.extras)
        for field, value in operation.changes:
            if field.scalar is not None:
                values[self.at[field.name]] = value
            else:
                document[field.key] = value
        if document:
            values[-1] = self._merged(old[-1], document)
        if self.revision_at is not None:
            base = int(old[self.revision_at]) if operation.expected is None else operation.expected
            values[self.revision_at] = base + 1
        row = tuple(values)
        self._check_patched(row, operation)
        return row

    def check_revision(self, old: Row, new: Row) -> None:
        """Raise ConflictError for a row that was read before the stored one was written."""
        at = self.revision_at
        if at is not None and int(old[at]) != int(new[at]) - 1:
            raise self.conflict(str(new[0]), expected=int(new[at]) - 1, stored=int(old[at]))

    def conflict(self, entity_id: str, *, expected: int, stored: int) -> ConflictError:
        """The error for an entity that has moved on since it was read."""
        return ConflictError(
            f"the entity {entity_id!r} of {self.collection!r} is at revision {stored}, not {expected}; "
            "nothing was changed",
            entity_id=entity_id,
            expected=expected,
            stored=stored,
            operation="update",
            collection=self.collection,
        )

    def not_found(self, entity_id: str, operation: str) -> NotFoundError:
        """The error for an entity that is not there."""
        return NotFoundError(
            f"no entity of {self.collection!r} has the id {entity_id!r}; nothing was changed",
            operation=operation,
            collection=self.collection,
        )

    def duplicate_insert(self, what: str, taken: int, rows: Sequence[Row], backend: str) -> DuplicateError:
        """The error for the row, counted from 1, that was there already; ``what`` is "id" or the unique fields."""
        where = f" (entity {taken} of {len(rows)})" if len(rows) > 1 else ""
        return DuplicateError(
            f"another entity of {self.collection!r} has the same {what}{where}; nothing was stored",
            backend=backend,
            operation="create",
            collection=self.collection,
        )

    def duplicate_update(self, backend: str) -> DuplicateError:
        """The error for an update that would make a unique value stand twice."""
        return DuplicateError(
            f"an update would give two entities of {self.collection!r} the same value of a unique field; "
            "nothing was changed",
            backend=backend,
            operation="update",
            collection=self.collection,
        )


def _merged_texts(stored: str, changes: dict[str, Canonical]) -> str:
    changed = {key: msgspec.Raw(json_text(value).encode()) for key, value in changes.items()}
    return msgspec.json.encode({**raw_members(stored), **changed}, order="sorted").decode()


def _merged_dicts(stored: dict[str, Any], changes: dict[str, Canonical]) -> dict[str, Any]:
    return {**stored, **changes}
