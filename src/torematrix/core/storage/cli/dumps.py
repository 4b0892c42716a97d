"""Exact exports: every entity as it is stored, with the schema, so that an import makes the same collection again.

A file of JSON lines begins with a line that holds the schema; each further line is the canonical document of an entity,
with sorted keys (see docs/semantics.md for how each kind is written). A Parquet file has the schema in its metadata, a
column for each declared scalar, and a column ``data`` with the JSON of everything else.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from ..core._sync.engine import Engine
from ..core.options import TransactionOptions
from ..errors import DuplicateError, InvalidEntityError
from ..face._sync.storage import Storage
from ..model.codec import Codec, Row, json_text
from ..model.crossing import canonical_bytes, row_check, row_crossing
from ..model.kinds import INT64_MAX, INT64_MIN, Kind, decode_scalar, encode_scalar
from ..model.schema import Field, Schema
from ..model.stored import stored_schema
from ..query.operations import Collection, FetchMany, Insert, Scan
from ..query.rows import document_of, row_of
from ..query.stored_size import stored_size_check
from .importing import Report
from .outcome import CommandError, ExitCode
from .sources import Problem

__all__ = ["is_parquet", "load", "write_exact_jsonl", "write_parquet"]

_FORMAT: Final = 1
_KEY: Final = "torematrix"
_GROUP: Final = 10_000  # rows of a group of a Parquet file
_BATCH: Final = 1_000
_PROBLEMS_KEPT: Final = 1_000
_NUMBERS: Final = {Kind.INT: "int64", Kind.TIMEDELTA: "int64", Kind.FLOAT: "float64", Kind.BOOL: "bool_"}
_PLAIN: Final = {Kind.INT: int, Kind.TIMEDELTA: int, Kind.FLOAT: float, Kind.BOOL: bool}


class _Header(msgspec.Struct):
    """What stands before the entities: the version of the form, and the collection they are of."""

    torematrix: int
    collection: str
    schema: dict[str, Any]


def is_parquet(path: str) -> bool:
    """Whether a file is Parquet, by its name."""
    return path.lower().endswith(".parquet")


def _neutral(schema: Schema) -> Codec[Any]:
    """Rows as no engine in particular has them: bools as bools, documents as dicts with sorted keys."""
    return Codec(schema, json_documents=False)


def _header(collection: Collection) -> bytes:
    return msgspec.json.encode(_Header(_FORMAT, collection.name, collection.schema.describe()))


def _rows(engine: Engine, scan: Scan) -> Iterator[Row]:
    cross = row_crossing(scan.collection.codec, _neutral(scan.collection.schema))
    for batch in engine.stream(scan):
        yield from map(cross, batch)


# ------------------------------------------------------------------------------------------------------------ writing
def write_exact_jsonl(file: BinaryIO, engine: Engine, scan: Scan) -> int:
    """Write what the scan finds; how many entities that were."""
    schema = scan.collection.schema
    file.write(_header(scan.collection) + b"\n")
    written = 0
    for row in _rows(engine, scan):
        file.write(json_text(document_of(schema, row)).encode() + b"\n")
        written += 1
    return written


def write_parquet(file: BinaryIO, engine: Engine, scan: Scan) -> int:
    """The same as Parquet."""
    arrow, parquet = _arrow()
    schema = scan.collection.schema
    fields = [arrow.field(field.column, _type(arrow, field)) for field in schema.columns]
    if schema.has_document:
        fields.append(arrow.field("data", arrow.string()))
    form = arrow.schema(fields, metadata={_KEY: _header(scan.collection)})
    written = 0
    rows = _rows(engine, scan)
    with parquet.ParquetWriter(file, form) as writer:
        while group := list(itertools.islice(rows, _GROUP)):
            columns = [list(column) for column in zip(*group, strict=True)]
            if schema.has_document:
                columns[-1] = list(map(json_text, columns[-1]))
            arrays = [arrow.array(column, field.type) for column, field in zip(columns, form, strict=True)]
            writer.write_batch(arrow.record_batch(arrays, schema=form))
            written += len(group)
    return written


def _type(arrow: Any, field: Field) -> Any:
    kind = None if field.scalar is None else field.scalar.kind
    return getattr(arrow, _NUMBERS.get(kind, "string") if kind is not None else "string")()


def _arrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise CommandError("Parquet takes pyarrow: pip install 'torematrix-storage[parquet]'") from error


# ------------------------------------------------------------------------------------------------------------ reading
def load(storage: Storage, path: str, collection: str | None, report: Report) -> None:
    """Store what an exact export holds, as it was; ``collection`` is where, None for where it came from.

    What is there already and the same is passed over, so that an import which was interrupted can be repeated.
    """
    if is_parquet(path):
        header, rows = _from_parquet(path)
    else:
        header, rows = _from_jsonl(path)
    name = collection or header.collection
    there = storage.collections().get(name)
    if there is not None and (
        there["fields"] != header.schema["fields"] or there["freeform"] != header.schema["freeform"]
    ):
        raise CommandError(
            f"the collection {name!r} has another schema than {path!r}: name another with --collection"
        )
    schema = stored_schema(name, header.schema)
    engine = storage.engine
    target = engine.collection(name, schema if there is None else stored_schema(name, there))
    engine.ensure(target)
    neutral = _neutral(schema)
    loader = _Loader(engine, target, row_crossing(neutral, target.codec), path, report)
    checked = _checked(schema, rows(neutral), path, loader.met)
    while batch := list(itertools.islice(checked, _BATCH)):
        loader.store(batch)
    report.files += 1
    report.bytes += Path(path).stat().st_size


def _head(encoded: bytes | None, path: str) -> _Header:
    try:
        header = msgspec.json.decode(encoded or b"", type=_Header)
    except msgspec.DecodeError as error:
        raise CommandError(
            f"{path!r} is no exact export: import it without --exact", ExitCode.USAGE
        ) from error
    if header.torematrix > _FORMAT:
        raise CommandError(f"{path!r} was written by a newer version: upgrade torematrix-storage")
    return header


_Numbered = Iterator[tuple[int, Row | Exception]]
_Rows = Callable[[Codec[Any]], _Numbered]


def _from_jsonl(path: str) -> tuple[_Header, _Rows]:
    with Path(path).open("rb") as file:
        header = _head(file.readline(), path)

    def rows(codec: Codec[Any]) -> _Numbered:
        with Path(path).open("rb") as file:
            file.readline()
            for number, line in enumerate(file, 2):
                try:
                    yield number, row_of(codec.schema, msgspec.json.decode(line, type=dict[str, Any]))
                except msgspec.DecodeError as error:
                    yield number, error

    return header, rows


def _from_parquet(path: str) -> tuple[_Header, _Rows]:
    arrow, parquet = _arrow()
    try:
        opened = parquet.ParquetFile(path)
    except arrow.ArrowInvalid as error:
        raise CommandError(f"{path!r} is no Parquet file", ExitCode.USAGE) from error
    metadata: dict[bytes, bytes] = opened.schema_arrow.metadata or {}
    header = _head(metadata.get(_KEY.encode()), path)

    def rows(codec: Codec[Any]) -> _Numbered:
        names = [field.column for field in codec.schema.columns]
        names += ["data"] if codec.schema.has_document else []
        number = 0
        for batch in opened.iter_batches(_BATCH, columns=names):
            found = batch.to_pydict()
            for row in zip(*(found[name] for name in names), strict=True):
                number += 1
                try:
                    document = (
                        (msgspec.json.decode(row[-1], type=dict[str, Any]),)
                        if codec.schema.has_document
                        else ()
                    )
                    yield number, (*row[: len(codec.schema.columns)], *document)
                except (msgspec.DecodeError, TypeError) as error:
                    yield number, error

    return header, rows


def _checked(
    schema: Schema, rows: _Numbered, path: str, met: Callable[[Problem], None]
) -> Iterator[tuple[int, Row]]:
    """The rows that could have been stored; the others are told of."""
    check = row_check(_neutral(schema), stored_size_check(schema))
    for number, row in rows:
        try:
            if isinstance(row, Exception):
                raise InvalidEntityError("malformed")
            for field, value in zip(schema.columns, row, strict=False):
                _check_value(field, value, is_id=field is schema.id)
            check(row)
        except InvalidEntityError as error:
            met(Problem(path, str(error), number))
        else:
            yield number, row


def _check_value(field: Field, value: Any, *, is_id: bool) -> None:
    """Raise InvalidEntityError for what is no canonical value of a column: a file may have been edited."""
    scalar = field.scalar
    if scalar is None or (value is None and field.nullable and not is_id):
        return
    good = False
    if type(value) is _PLAIN.get(scalar.kind, str):
        good = not isinstance(value, int) or INT64_MIN <= value <= INT64_MAX
    if good and isinstance(value, str):
        try:
            good = encode_scalar(scalar, decode_scalar(scalar, value)) == value
        except (InvalidEntityError, ValueError, ArithmeticError, IndexError):
            good = False
    if not good:
        raise InvalidEntityError(
            f"{field.name}: no {scalar.kind.value} as an exact export writes it", path=field.name
        )


class _Loader:
    """Stores batches of one file."""

    def __init__(
        self, engine: Engine, target: Collection, cross: Callable[[Row], Row], path: str, report: Report
    ) -> None:
        self._engine = engine
        self._target = target
        self._cross = cross
        self._bytes = canonical_bytes(target.codec)
        self._path = path
        self._report = report

    def met(self, problem: Problem) -> None:
        """Note what is skipped."""
        self._report.skipped += 1
        if len(self._report.problems) < _PROBLEMS_KEPT:
            self._report.problems.append(problem)

    def store(self, batch: Iterable[tuple[int, Row]]) -> None:
        """Store those that are not there yet."""
        rows = [(number, self._cross(row)) for number, row in batch]
        known = self._engine.run(FetchMany(self._target, tuple(str(row[0]) for _, row in rows)))
        stored = {row[0]: self._bytes(row) for row in known}
        new: list[tuple[int, Row]] = []
        for number, row in rows:
            if row[0] not in stored:
                new.append((number, row))
            elif stored[row[0]] == self._bytes(row):
                self._report.unchanged += 1
            else:
                self.met(Problem(self._path, "another entity with the same id is stored", number))
        self._insert(new)

    def _insert(self, rows: list[tuple[int, Row]]) -> None:
        if not rows:
            return
        try:
            with self._engine.transaction(TransactionOptions()):
                self._engine.run(Insert(self._target, tuple(row for _, row in rows)))
        except (DuplicateError, InvalidEntityError) as error:
            if len(rows) == 1:
                self.met(Problem(self._path, str(error).removesuffix("; nothing was stored"), rows[0][0]))
                return
            middle = len(rows) // 2
            self._insert(rows[:middle])
            self._insert(rows[middle:])
        else:
            self._report.created += len(rows)
