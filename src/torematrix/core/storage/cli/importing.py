"""The import itself: files and records into collections, in batches of bounded size, each whole or not at all.

What has been stored is found again by its id: of a document derived from its path, of a record its own ``id`` or
derived from the path of its file and its position in it. A derived id does not hold the content: a changed file is the
same document, updated. So an import that was interrupted, or is repeated, passes over what is there and unchanged. A
file counts as unchanged when its size and time of change are those of the document; ``checksum`` compares the content.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from ..errors import ConfigurationError, DuplicateError, InvalidEntityError
from ..face._sync.repository import StorageRepository
from ..face._sync.storage import Storage
from ..model.markers import Index
from ..model.schema import schema_of
from ..query.aggregates import Count
from ..query.filters import F
from .opening import stored_indexes
from .outcome import CommandError, ExitCode
from .records import Record, read_records
from .sources import Found, Problem, Walk
from .texts import NAMESPACE, Document, document_id, modified_at, read_document
from .values import plain

__all__ = ["Importer", "Observer", "Report", "Target", "documents_in", "records_in"]

_BATCH_BYTES: Final = 2 * 1024 * 1024
_BATCH_DOCUMENTS: Final = 500
_BATCH_RECORDS: Final = 2_000
_PROBLEMS_KEPT: Final = 1_000
_sorted_json = msgspec.json.Encoder(order="sorted").encode


class Report(msgspec.Struct):
    """What an import has done.

    Attributes:
        created, updated, unchanged: documents and records, by what became of them.
        skipped: how many could not be imported; ``problems`` are the first of them.
        passed_over: files left out on purpose.
        files: how many were read or found unchanged.
        bytes: of these files.
        seconds: how long it took.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    passed_over: int = 0
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    problems: list[Problem] = []

    @property
    def items(self) -> int:
        """Documents and records that are stored now."""
        return self.created + self.updated + self.unchanged


class Observer(Protocol):
    """Who is told how an import goes on."""

    def advanced(self, report: Report) -> None:
        """Something was done; the report is the importer's own, and changes."""
        ...

    def met(self, problem: Problem) -> None:
        """Something was skipped."""
        ...


Records: TypeAlias = tuple[StorageRepository[dict[str, Any]], dict[str, str]]


class Target(msgspec.Struct, frozen=True):
    """Where things go, and how.

    Attributes:
        documents: makes the repository of documents, when the first one comes.
        records: makes that of records, with the declared kinds of their fields, by path.
        id_field: the field whose value is a record's id.
        checksum: whether to read files that seem unchanged.
    """

    documents: Callable[[], StorageRepository[Document]]
    records: Callable[[], Records]
    id_field: str = "id"
    checksum: bool = False


def documents_in(storage: Storage, name: str) -> StorageRepository[Document]:
    """The repository of documents of that name; CommandError where something else has the name."""
    stored = storage.collections().get(name)
    expected = schema_of(Document).describe()
    if stored is not None and (stored["freeform"] or stored["fields"] != expected["fields"]):
        what = "records" if stored["freeform"] else "entities of another program"
        raise CommandError(
            f"the collection {name!r} holds {what}, so no files can go there: name another with --collection",
            ExitCode.USAGE,
        )
    return storage.repository(Document, name)


def records_in(
    storage: Storage,
    name: str,
    indexes: Sequence[Index] = (),
    searchable: Sequence[str | tuple[str, int]] = (),
) -> Records:
    """The repository of records of that name, with these declarations and those it has already; the kinds declared."""
    stored = storage.collections().get(name)
    found: dict[str, int] = {}
    known: list[Index] = []
    if stored is not None:
        if not stored["freeform"]:
            raise CommandError(
                f"the collection {name!r} holds entities with declared fields, so no records can go there: name "
                "another with --collection",
                ExitCode.USAGE,
            )
        known = stored_indexes(stored)
        found = {str(path): int(weight) for path, weight in stored["searchable"]}
    found.update(entry if isinstance(entry, tuple) else (entry, 1) for entry in searchable)
    declared = {(index.paths, index.unique, index.substring) for index in indexes}
    kept = [index for index in known if (index.paths, index.unique, index.substring) not in declared]
    try:
        repository = storage.repository(dict, name, indexes=[*kept, *indexes], searchable=list(found.items()))
    except ConfigurationError as error:
        raise CommandError(f"--index, --searchable: {error}", ExitCode.USAGE) from error
    return repository, {
        index.paths[0]: index.type.__name__ for index in [*kept, *indexes] if index.type is not None
    }


class Importer:
    """One import; ``run`` does it, ``report`` says at any time how far it has come.

    Args:
        storage: the open database.
        target: where things go.
        observer: who is told.
    """

    def __init__(self, storage: Storage, target: Target, observer: Observer) -> None:
        self.report = Report()
        self._storage = storage
        self._target = target
        self._observer = observer
        self._documents: StorageRepository[Document] | None = None
        self._records: Records | None = None

    def run(self, walk: Walk) -> Report:
        """Import what the walk finds. A KeyboardInterrupt undoes the batch at hand and no other."""
        started = time.perf_counter()
        batch: list[Found] = []
        weight = 0
        try:
            for found in walk:
                if isinstance(found, Problem):
                    self._met(found)
                elif found.is_data:
                    self._read_records(found)
                else:
                    batch.append(found)
                    weight += found.size
                    if weight >= _BATCH_BYTES or len(batch) >= _BATCH_DOCUMENTS:
                        self._store_documents(batch)
                        batch, weight = [], 0
                self.report.passed_over = walk.passed_over
                self.report.seconds = time.perf_counter() - started
            self._store_documents(batch)
        finally:
            self.report.passed_over = walk.passed_over
            self.report.seconds = time.perf_counter() - started
        return self.report

    def _met(self, problem: Problem) -> None:
        self.report.skipped += 1
        if len(self.report.problems) < _PROBLEMS_KEPT:
            self.report.problems.append(problem)
        self._observer.met(problem)

    # ------------------------------------------------------------------------------------------------ documents
    def _store_documents(self, batch: Sequence[Found]) -> None:
        if not batch:
            return
        if self._documents is None:
            self._documents = self._target.documents()
        files = {document_id(found.path): found for found in batch}
        known = self._known(list(files))
        new: list[Document] = []
        changed: list[Document] = []
        for key, found in files.items():
            state = known.get(key)
            if (
                state is not None
                and not self._target.checksum
                and state[:2] == (found.size, modified_at(found.modified))
            ):
                self.report.unchanged += 1
                continue
            document = read_document(found)
            if isinstance(document, Problem):
                self._met(document)
            elif state is None:
                new.append(document)
            elif state == (document.size, document.modified, document.digest):
                self.report.unchanged += 1
            else:
                changed.append(document)
        paths = {found: files[found].path for found in files}
        self._store(self._documents, new, changed, lambda document: (paths[document.id or ""], None))
        self.report.files += len(batch)
        self.report.bytes += sum(found.size for found in batch)
        self._observer.advanced(self.report)

    def _known(self, ids: list[str]) -> dict[str, tuple[Any, Any, Any]]:
        """The size, time and digest of the documents with these ids. Grouped, so that no content is read for them."""
        assert self._documents is not None
        columns = ["id", "size", "modified", "digest"]
        groups = self._documents.aggregate(F("id").in_(ids), columns, found=Count())
        return {group["id"]: (group["size"], group["modified"], group["digest"]) for group in groups}

    # -------------------------------------------------------------------------------------------------- records
    def _read_records(self, found: Found) -> None:
        if self._records is None:
            self._records = self._target.records()
        repository, types = self._records
        batch: dict[str, tuple[dict[str, Any], int]] = {}
        read = stored = 0
        for record in read_records(found, types):
            if isinstance(record, Problem):
                self._met(record)
                continue
            entity = self._entity(found, record)
            if isinstance(entity, Problem):
                self._met(entity)
                continue
            full = len(batch) >= _BATCH_RECORDS or record.read - stored >= _BATCH_BYTES
            if full or entity["id"] in batch:  # of two records with one id the later one stands
                self._store_records(repository, found, batch)
                batch = {}
                self._advanced(record.read - read)
                read = stored = record.read
            batch[entity["id"]] = (entity, record.position)
        self._store_records(repository, found, batch)
        self.report.files += 1
        self._advanced(found.size - read)

    def _advanced(self, read: int) -> None:
        self.report.bytes += read
        self._observer.advanced(self.report)

    def _entity(self, found: Found, record: Record) -> dict[str, Any] | Problem:
        field = self._target.id_field
        given = record.values.get(field)
        if field != "id" and record.values.get("id") not in (None, "", given):
            return Problem(found.path, f"has a field 'id' beside {field!r}, and one id only", record.position)
        if given is None or given == "":
            place = f"{os.fsencode(found.path).hex()}#{record.position}"
            return {**record.values, "id": str(uuid.uuid5(NAMESPACE, place))}
        if isinstance(given, bool) or not isinstance(given, str | int):
            return Problem(found.path, f"its {field!r} is neither text nor an int", record.position)
        return {**record.values, "id": str(given)}

    def _store_records(
        self,
        repository: StorageRepository[dict[str, Any]],
        found: Found,
        batch: dict[str, tuple[dict[str, Any], int]],
    ) -> None:
        if not batch:
            return
        known = {entity["id"]: entity for entity in repository.get_many(list(batch))}
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        for key, (entity, _) in batch.items():
            if key not in known:
                new.append(entity)
            elif _is_same(known[key], entity):
                self.report.unchanged += 1
            else:
                changed.append(entity)
        self._store(repository, new, changed, lambda entity: (found.path, batch[entity["id"]][1]))

    # -------------------------------------------------------------------------------------------------- writing
    def _store(
        self,
        repository: StorageRepository[Any],
        new: list[Any],
        changed: list[Any],
        place: Callable[[Any], tuple[str, int | None]],
    ) -> None:
        """Store one batch in one transaction; what cannot be stored is told of, and the rest stored without it."""
        if not new and not changed:
            return

        def write() -> None:
            repository.bulk_create(new)
            for entity in changed:
                repository.upsert(entity)

        try:
            repository.ready()
            self._storage.run_in_transaction(write)
        except InvalidEntityError as error:
            self._store_apart(repository, new, changed, place, error)
        except DuplicateError as error:
            # Somebody else stores the same things at the same time, or a field is declared unique.
            if new and len(new) + len(changed) > 1:
                self._store_apart(repository, new, changed, place, error)
            elif new:
                self._store(repository, [], new, place)
            else:
                self._met(Problem(*_at(place(changed[0]), str(error))))
        else:
            self.report.created += len(new)
            self.report.updated += len(changed)

    def _store_apart(
        self,
        repository: StorageRepository[Any],
        new: list[Any],
        changed: list[Any],
        place: Callable[[Any], tuple[str, int | None]],
        error: InvalidEntityError | DuplicateError,
    ) -> None:
        """Store both halves by themselves, until what is at fault stands alone."""
        if len(new) + len(changed) == 1:
            self._met(Problem(*_at(place((new or changed)[0]), _reason(error))))
            return
        for half in _halves(new):
            self._store(repository, half, [], place)
        for half in _halves(changed):
            self._store(repository, [], half, place)


def _halves(items: list[Any]) -> Iterable[list[Any]]:
    middle = len(items) // 2
    return [half for half in (items[:middle], items[middle:]) if half]


def _at(place: tuple[str, int | None], reason: str) -> tuple[str, str, int | None]:
    return place[0], reason, place[1]


def _reason(error: InvalidEntityError | DuplicateError) -> str:
    """The reason without what the message says of the call that failed."""
    text = str(error).removeprefix("entity 1 of 1: ")
    return text.removesuffix("; nothing was stored")


def _is_same(stored: dict[str, Any], given: dict[str, Any]) -> bool:
    return _sorted_json(plain(stored)) == _sorted_json(plain(given))
