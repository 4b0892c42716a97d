"""What a driver is asked to make of a collection: another schema, and every row of it made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from ..errors import ConflictError, InvalidEntityError, MigrationError
from ..model.codec import DocumentCheck, EntryCheck, Row, SizeCheck, check_indexed, json_text, sorted_value
from ..model.descriptions import Description
from ..model.steps import Convert
from ..model.stored import StoredSchema, whole_schema
from ..query.rows import document_of, row_of
from ..query.stored_size import stored_size_check
from .options import Progress

__all__ = ["BATCH", "Conversion", "Restructuring"]

BATCH: Final = 1000
"""So many rows are held at a time."""

_MOST: Final = 100
"""So many ids are named of entities that cannot be converted."""


class Restructuring(msgspec.Struct, frozen=True, eq=False):
    """A collection from one schema to another.

    Attributes:
        collection: its name. It exists.
        before: the description that is stored of it.
        after: the one from then on.
        convert: what becomes of every document, in one go from before to after; None where they stay as they are.
        token: names this attempt, also when it is made again after it was interrupted: no other has it.
        progress: told how many rows are done, and how many there are.
        beat: awaited now and then by an engine that takes long and does not do it in one transaction; it raises when
            somebody else has taken over.
    """

    collection: str
    before: Description
    after: Description
    convert: Convert | None
    token: str
    progress: Progress | None = None
    beat: Callable[[], Any] | None = None

    @property
    def keeps_rows(self) -> bool:
        """Whether every row stays as it is, in the columns it has."""
        return self.convert is None and _columns(self.before) == _columns(self.after)

    @property
    def keeps_texts(self) -> bool:
        """Whether what is indexed of texts stays as it is, but for what the engine finds missing."""
        return self.keeps_rows and self.before["searchable"] == self.after["searchable"]

    def schema_before(self) -> StoredSchema:
        """The schema whose rows hold everything there is now."""
        return whole_schema(self.collection, self.before)

    def schema_after(self) -> StoredSchema:
        """The schema whose rows hold everything there will be."""
        return whole_schema(self.collection, self.after)

    def check_stored(self, stored: Mapping[str, Any] | None) -> None:
        """Raise ConflictError where the collection is not of the description any more that this was made for."""
        if stored != self.before:
            raise ConflictError(
                f"the schema of {self.collection!r} has been changed by others meanwhile; try again",
                collection=self.collection,
            )

    def tell(self, done: int, total: int) -> None:
        """Tell how far it is."""
        if self.progress is not None:
            self.progress(done, total)


def _columns(description: Description) -> dict[str, Any]:
    return {name: field for name, field in description["fields"].items() if "column" in field}


class Conversion:
    """Rows before to rows after, and which of them cannot be converted: those are counted, and the first named.

    Args:
        asked: the restructuring.
        json_documents: whether rows carry their document part as JSON text.
    """

    def __init__(self, asked: Restructuring, *, json_documents: bool) -> None:
        self.before, self.after = asked.schema_before(), asked.schema_after()
        self._asked = asked
        self._json = json_documents
        self._check_size = SizeCheck(
            self.after, json_documents=False, check_large=stored_size_check(self.after)
        )
        self._check_entries = EntryCheck(self.after)
        self._check_document = DocumentCheck(self.after)
        self._indexed = [(at, field.name) for at, field in enumerate(self.after.columns) if field.indexed]
        self._refused: list[str] = []
        self._count = 0
        self._reason = ""

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """The new rows, in order, of those that can be converted."""
        made: list[Row] = []
        for row in rows:
            try:
                made.append(self._row(row))
            except InvalidEntityError as error:
                self._count += 1
                self._reason = self._reason or str(error)
                if len(self._refused) < _MOST:
                    self._refused.append(str(row[0]))
        return made

    def _row(self, row: Row) -> Row:
        document = document_of(self.before, row)
        convert = self._asked.convert
        new = row_of(self.after, document if convert is None else convert(document))
        for at, name in self._indexed:
            if isinstance(new[at], str):
                _check_indexed(new[at], name)
        self._check_size(new)
        self._check_entries(new)
        self._check_document(new[-1])
        part = json_text(new[-1]) if self._json else sorted_value(new[-1])
        return (*new[:-1], part)

    @property
    def failed(self) -> bool:
        """Whether some could not be converted, so that nothing need be written."""
        return self._count > 0

    def check(self) -> None:
        """Raise MigrationError, naming the entities, where some could not be converted."""
        if self._count:
            named = ", ".join(map(repr, self._refused[:10])) + (", ..." if self._count > 10 else "")
            what = "entity" if self._count == 1 else "entities"
            raise MigrationError(
                f"{self._count} {what} of {self._asked.collection!r} cannot be converted: {named}; the first: "
                f"{self._reason}; nothing was changed",
                entity_ids=tuple(self._refused),
                collection=self._asked.collection,
            )


def _check_indexed(text: str, name: str) -> None:
    try:
        check_indexed(text)
    except InvalidEntityError as error:
        raise InvalidEntityError(f"{name}: {error}", path=name) from None
