"""One collection as dicts: canonical documents by id, with the checks a database makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ...errors import ConflictError, DuplicateError, NotFoundError
from ...model.codec import Row, json_text
from ...model.kinds import Canonical, order_key
from ...model.schema import IndexSpec, Schema
from ...model.shapes import escape_key
from ...query.conditions import Target
from ...query.evaluate import MISSING, Document, kind_of, value_at
from ...query.operations import Patch
from ...query.relevance import FieldTokens
from ...query.replacing import PatchCheck
from ...query.resolve import resolve
from ...query.rows import document_of, row_of
from ...query.text import tokens

__all__ = ["Table", "TableView"]


class TableView:
    """A collection as one class of entities sees it: the same documents, under that class's schema."""

    def __init__(self, table: Table, schema: Schema) -> None:
        self.table = table
        self.schema = schema
        self._known = frozenset(field.key for field in schema.fields)
        self._unique = [(spec, _targets(schema, spec)) for spec in schema.indexes if spec.unique]
        self._check_patched = PatchCheck(schema, json_documents=False)
        self._tokens: dict[str, tuple[Document, FieldTokens]] = {}
        self._searchable = [(path, resolve(schema, path).target) for path, _ in schema.searchable]

    def row(self, document: Document) -> Row:
        """The row of a stored document."""
        row = row_of(self.schema, document)
        if not self.schema.has_document:
            return row
        return (*row[:-1], json_text(row[-1]))

    def insert(self, rows: Sequence[Row]) -> None:
        """Store new rows one after the other; the caller undoes all when one fails."""
        defaults = self.table.column_defaults()
        for at, row in enumerate(rows, 1):
            document = {**defaults, **document_of(self.schema, row)}
            where = f" (entity {at} of {len(rows)})" if len(rows) > 1 else ""
            if row[0] in self.table.documents:
                raise self._duplicate("id", where)
            self._check_unique(document, where, "create")
            self.table.put(str(row[0]), document)

    def replace(self, rows: Sequence[Row]) -> list[Row]:
        """Replace stored rows; every one is looked up, and its revision checked, before the first is written."""
        stored = [self._stored(str(row[0]), "update") for row in rows]
        documents = [document_of(self.schema, row) for row in rows]
        created = self.schema.created
        for old, document in zip(stored, documents, strict=True):
            if created is not None:
                document[created.key] = old.get(created.key)
            self._check_revision(old, document)
        results: list[Row] = []
        for old, document in zip(stored, documents, strict=True):
            if not self.schema.extras:
                unknown = {key: value for key, value in old.items() if key not in self._known}
                document = {**unknown, **document}  # noqa: PLW2901 - with what the class does not know
            self._check_unique(document, "", "update")
            self.table.put(str(document[self.schema.id.key]), document)
            results.append(self.row(document))
        return results

    def patch(self, operation: Patch) -> Row:
        """Replace some values of a stored row."""
        old = self._stored(operation.id, "patch")
        changes = {**operation.extras, **{field.key: value for field, value in operation.changes}}
        # A copy: the caller may go on changing what it gave.
        document = {**old, **msgspec.json.decode(msgspec.json.encode(changes), type=dict[str, Any])}
        revision = self.schema.revision
        if revision is not None:
            base = _revision(old[revision.key]) if operation.expected is None else operation.expected
            document[revision.key] = base + 1
            self._check_revision(old, document)
        self._check_patched(row_of(self.schema, document), operation)
        self._check_unique(document, "", "update")
        self.table.put(operation.id, document)
        return self.row(document)

    def _stored(self, key: str, operation: str) -> Document:
        document = self.table.documents.get(key)
        if document is None:
            raise NotFoundError(
                f"no entity of {self.table.name!r} has the id {key!r}; nothing was changed",
                operation=operation,
            )
        return document

    def _check_revision(self, old: Document, new: Document) -> None:
        revision = self.schema.revision
        if revision is None:
            return
        stored, expected = _revision(old[revision.key]), _revision(new[revision.key]) - 1
        if stored != expected:
            entity_id = str(new[self.schema.id.key])
            raise ConflictError(
                f"the entity {entity_id!r} of {self.table.name!r} is at revision {stored}, not {expected}; "
                "nothing was changed",
                entity_id=entity_id,
                expected=expected,
                stored=stored,
                operation="update",
            )

    def _check_unique(self, document: Document, where: str, operation: str) -> None:
        for spec, targets in self._unique:
            values = _unique_values(document, targets)
            holder = self.table.holder(spec, targets, values) if values is not None else None
            if holder is not None and holder != document[self.schema.id.key]:
                raise self._duplicate(" and ".join(spec.paths), where, operation)

    def _duplicate(self, what: str, where: str, operation: str = "create") -> DuplicateError:
        return DuplicateError(
            f"another entity of {self.table.name!r} has the same {what}{where}; nothing was stored",
            backend="memory",
            operation=operation,
            collection=self.table.name,
        )

    def check_existing(self) -> None:
        """Refuse unique constraints that the stored documents do not meet."""
        for document in self.table.documents.values():
            self._check_unique(document, "", "create")

    def tokens(self, document: Document) -> FieldTokens:
        """The searchable words of a document by field."""
        key = str(document[self.schema.id.key])
        known = self._tokens.get(key)
        if known is None or known[0] is not document:
            known = self._tokens[key] = (document, self._analysed(document))
        return known[1]

    def _analysed(self, document: Document) -> FieldTokens:
        texts = ((path, value_at(document, target.steps)) for path, target in self._searchable)
        return {path: tokens(text) if isinstance(text, str) else [] for path, text in texts}


class Table:
    """The documents of a collection by id.

    A write replaces a document and never changes one in place, so whoever took a reference to it keeps what they saw.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.description: dict[str, Any] | None = None
        self.documents: dict[str, Document] = {}
        self._undo: list[tuple[str, Document | None]] = []
        self._described: list[tuple[int, dict[str, Any] | None]] = []
        self._holders: dict[str, dict[tuple[object, ...], str]] = {}

    def column_defaults(self) -> dict[str, Any]:
        """What new documents hold of scalar fields that the class at hand does not know, and a newer one does."""
        fields: dict[str, Any] = (self.description or {}).get("fields", {})
        return {
            escape_key(name): field["default"]
            for name, field in fields.items()
            if "column" in field and "default" in field
        }

    def describe(self, description: dict[str, Any]) -> None:
        """Be of another schema from now on; undone with the writes."""
        self._described.append((len(self._undo), self.description))
        self.description = description
        self._holders.clear()

    def put(self, key: str, document: Document) -> None:
        """Store a document under its id."""
        self._undo.append((key, self.documents.get(key)))
        self.documents[key] = document
        self._holders.clear()

    def remove(self, keys: Iterable[str]) -> int:
        """Remove these documents; how many there were."""
        count = 0
        for key in keys:
            old = self.documents.pop(key, None)
            if old is not None:
                self._undo.append((key, old))
                count += 1
        if count:
            self._holders.clear()
        return count

    def mark(self) -> int:
        """The present state, for ``undo_to``."""
        return len(self._undo)

    def undo_to(self, mark: int) -> None:
        """Take back every write since the mark."""
        while len(self._undo) > mark:
            key, old = self._undo.pop()
            if old is None:
                self.documents.pop(key, None)
            else:
                self.documents[key] = old
        while self._described and self._described[-1][0] >= mark:
            self.description = self._described.pop()[1]
        self._holders.clear()

    def written(self) -> set[str]:
        """The ids of what was written and could still be undone."""
        return {key for key, _ in self._undo}

    def keep(self) -> None:
        """Forget how to undo what was written."""
        self._undo.clear()
        self._described.clear()

    def holder(self, spec: IndexSpec, targets: Sequence[Target], values: tuple[object, ...]) -> str | None:
        """The id of a document that has these values at a unique index."""
        known = self._holders.get(spec.name)
        if known is None:
            known = self._holders[spec.name] = {}
            for key, document in self.documents.items():
                held = _unique_values(document, targets)
                if held is not None:
                    known[held] = key
        return known.get(values)


def _revision(value: Canonical) -> int:
    return int(str(value))


def _targets(schema: Schema, spec: IndexSpec) -> tuple[Target, ...]:
    return tuple(resolve(schema, path).target for path in spec.paths)


def _unique_values(document: Document, targets: Sequence[Target]) -> tuple[object, ...] | None:
    """What a unique index holds of a document; None where it holds nothing, because a value is null."""
    values: list[object] = []
    for target in targets:
        value = value_at(document, target.steps)
        if value is None or value is MISSING:
            return None
        if target.ordered_text:
            value = order_key(str(value))
        values.append((kind_of(value), value))
    return tuple(values)
