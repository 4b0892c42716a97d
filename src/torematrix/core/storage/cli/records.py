"""Records out of files of JSON, JSON lines and CSV, one at a time: a file may be larger than the memory."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, BinaryIO, Final, cast

import msgspec

from ..model.names import MAX_DOCUMENT_BYTES
from .sources import Found, Problem, open_regular, reason_of

__all__ = ["Record", "read_records"]

# As JSON, a document takes at most so much more than as BSON: six characters for one byte of an escaped control.
_LONGEST: Final = MAX_DOCUMENT_BYTES * 2
_CHUNK: Final = 1024 * 1024
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_TRUE: Final = frozenset({"true", "yes", "1"})
_FALSE: Final = frozenset({"false", "no", "0"})


class Record(msgspec.Struct, frozen=True):
    """A record, where it stood, and how far its file has been read.

    Attributes:
        values: its fields.
        position: its number in the file, from 1: of its line in JSON lines, of its row or element elsewhere.
        read: the bytes of the file read so far.
    """

    values: dict[str, Any]
    position: int
    read: int


def read_records(found: Found, types: Mapping[str, str]) -> Iterator[Record | Problem]:
    """The records of a file, and what in it is none. After a problem that leaves nothing to hold on to, it ends.

    Args:
        found: the file; its name says what it holds.
        types: the declared kinds of fields, by path, for the cells of CSV, which are text otherwise.
    """
    suffix = PurePath(found.path).suffix.lower()
    try:
        with open(open_regular(found.path), "rb") as file:  # noqa: PTH123 - a descriptor
            if suffix in (".csv", ".tsv"):
                yield from _csv(file, found.path, "\t" if suffix == ".tsv" else "", types)
            elif suffix in (".jsonl", ".ndjson"):
                yield from _lines(file, found.path)
            else:
                yield from _json(file, found.path)
    except OSError as error:
        yield Problem(found.path, reason_of(error))


def _checked(value: Any, path: str, position: int, read: int) -> Record | Problem:
    if isinstance(value, dict):
        return Record(cast("dict[str, Any]", value), position, read)
    return Problem(path, f"not an object but {_named(value)}", position)


def _named(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return "a list" if isinstance(value, list) else "text" if isinstance(value, str) else "a number"


def _lines(file: BinaryIO, path: str) -> Iterator[Record | Problem]:
    position = 0
    while line := file.readline(_LONGEST + 1):
        position += 1
        if len(line) > _LONGEST:
            while line and not line.endswith(b"\n"):
                line = file.readline(_CHUNK)
            yield Problem(path, "larger than a document may be", position)
            continue
        if position == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            try:
                value = json.loads(line.decode())
            except (ValueError, RecursionError) as error:
                yield Problem(path, _malformed(error), position)
            else:
                yield _checked(value, path, position, file.tell())


def _malformed(error: ValueError | RecursionError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, json.JSONDecodeError):
        return f"malformed JSON: {error.msg} (at character {error.pos + 1:,})"
    return (
        "malformed JSON: nested too deeply"
        if isinstance(error, RecursionError)
        else f"malformed JSON: {error}"
    )


class _Text:
    """The text of a file from a place that moves on, as much of it as was asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self.text = ""
        self.at = 0
        self.ended = False
        self.read = 0
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()

    def more(self) -> bool:
        """Read on, at least doubling what is there; whether there was more."""
        if self.ended:
            return False
        data = self._file.read(max(_CHUNK, len(self.text) - self.at))
        self.read += len(data)
        self.ended = not data
        self.text = self.text[self.at :] + self._decode.decode(data, final=self.ended)
        self.at = 0
        return True

    def peek(self) -> str:
        """The next character that is no space, which is where the text now begins; "" at the end."""
        while True:
            found = _SPACE.match(self.text, self.at)
            self.at = found.end() if found is not None else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""


class _JsonError(Exception):
    """Where the text is no JSON, nothing after it can be told."""


_decode_value = json.JSONDecoder().raw_decode


def _value(text: _Text) -> Any:
    """The JSON value at which the text begins, read to its very end."""
    while True:
        try:
            value, end = _decode_value(text.text, text.at)
        except (ValueError, RecursionError) as error:
            if not isinstance(error, json.JSONDecodeError):
                raise _JsonError(_malformed(error)) from None
            if text.ended or len(text.text) - text.at > _LONGEST:
                unfinished = error.pos >= len(text.text) - 16 or error.msg.startswith("Unterminated string")
                too_large = unfinished and not text.ended
                raise _JsonError(
                    "larger than a document may be" if too_large else _malformed(error)
                ) from None
        else:
            # A number at the end of what was read may go on behind it.
            if end < len(text.text) or text.ended:
                text.at = end
                return value
        text.more()


def _json(file: BinaryIO, path: str) -> Iterator[Record | Problem]:
    """The elements of an array or, where there is none, the values one after the other."""
    text = _Text(file)
    position = 0
    try:
        inside = text.peek() == "["
        if inside:
            text.at += 1
        elif text.peek() == "":
            return
        while True:
            sign = text.peek()
            if inside and sign == "]" and position == 0:
                return
            if sign == "" and not inside:
                return
            position += 1
            value = _value(text)
            yield _checked(value, path, position, text.read)
            if inside:
                sign = text.peek()
                if sign == "]":
                    return
                if sign != ",":
                    raise _JsonError(
                        "malformed JSON: the array is cut short" if not sign else "malformed JSON: no comma"
                    )
                text.at += 1
    except UnicodeDecodeError:
        yield Problem(
            path, "not UTF-8; what came before was imported" if position else "not UTF-8", position or None
        )
    except _JsonError as error:
        before = "; what came before was imported" if position > 1 else ""
        yield Problem(path, f"{error}{before}", position)


def _csv(file: BinaryIO, path: str, delimiter: str, types: Mapping[str, str]) -> Iterator[Record | Problem]:
    csv.field_size_limit(MAX_DOCUMENT_BYTES)
    position = 0
    try:
        with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            first = text.readline(_CHUNK)
            rows = csv.reader(_again(first, text), delimiter=delimiter or _delimiter(first), strict=True)
            names = next(rows, list[str]())
            if problem := _bad_header(names):
                yield Problem(path, problem, 1)
                return
            for row in rows:
                if row:
                    position += 1
                    values = _row(names, row, types)
                    if isinstance(values, str):
                        yield Problem(path, values, rows.line_num)
                    else:
                        yield Record(values, position, file.tell())
    except UnicodeDecodeError:
        yield Problem(path, "not UTF-8; what came before was imported" if position else "not UTF-8")
    except csv.Error as error:
        yield Problem(path, f"malformed CSV: {error}{'; what came before was imported' if position else ''}")


def _row(names: Sequence[str], row: Sequence[str], types: Mapping[str, str]) -> dict[str, Any] | str:
    """The values of a row by column, or why it has none. Cells missing at its end are left out."""
    if len(row) > len(names):
        return f"the row has {len(row)} cells, the header {len(names)}"
    try:
        return {name: _cell(cell, types.get(name)) for name, cell in zip(names, row, strict=False)}
    except ValueError as error:
        return str(error)


def _again(first: str, rest: io.TextIOWrapper) -> Iterator[str]:
    if first:
        yield first
    while line := rest.readline(MAX_DOCUMENT_BYTES):
        yield line


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _bad_header(names: list[str]) -> str | None:
    if not any(names):
        return "the first row names no columns" if names else "empty"
    if "" in names:
        return "a column has no name in the first row"
    twice = next((name for name in names if names.count(name) > 1), None)
    return None if twice is None else f"two columns are named {twice!r}"


def _cell(cell: str, kind: str | None) -> Any:
    """The cell, as the kind declared for its column; an empty one is then null."""
    if kind is None or kind == "str":
        return cell
    if not cell.strip():
        return None
    try:
        if kind == "bool":
            word = cell.strip().lower()
            if word in _TRUE or word in _FALSE:
                return word in _TRUE
            raise ValueError
        return int(cell) if kind == "int" else float(cell)
    except ValueError:
        raise ValueError(f"{cell[:40]!r} is no {kind}") from None
