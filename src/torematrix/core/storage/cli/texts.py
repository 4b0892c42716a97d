"""Files of text as documents."""

from __future__ import annotations

import codecs
import datetime as dt
import hashlib
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Final

from ..model.markers import Index, Searchable
from ..model.names import MAX_DOCUMENT_BYTES
from .sources import Found, Problem, open_regular, reason_of

__all__ = ["NAMESPACE", "Document", "document_id", "modified_at", "read_document"]

NAMESPACE: Final = uuid.UUID("6f9b2f0e-6c1b-5c8a-9d53-9a2d0f5f4f11")
"""What the ids of imported things are derived from, with version 5 of RFC 9562: the same file has the same id."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LONGEST_TITLE: Final = 200
_KINDS: Final = {
    "asciidoc": ".adoc .asciidoc",
    "c": ".c .h",
    "c++": ".cc .cpp .cxx .hh .hpp .hxx",
    "c#": ".cs",
    "config": ".cfg .conf .ini .properties .toml",
    "css": ".css .less .scss",
    "csv": ".csv .tsv",
    "go": ".go",
    "html": ".htm .html .xhtml",
    "java": ".java",
    "javascript": ".cjs .js .jsx .mjs",
    "json": ".json .jsonl .ndjson",
    "kotlin": ".kt .kts",
    "lisp": ".clj .el .lisp .scm",
    "lua": ".lua",
    "markdown": ".markdown .md .mdx",
    "perl": ".pl .pm",
    "php": ".php",
    "python": ".py .pyi .pyx",
    "r": ".r",
    "rst": ".rst",
    "ruby": ".rb",
    "rust": ".rs",
    "shell": ".bash .fish .ps1 .sh .zsh",
    "sql": ".sql",
    "swift": ".swift",
    "tex": ".bib .tex",
    "typescript": ".ts .tsx",
    "xml": ".svg .xml .xsd .xsl",
    "yaml": ".yaml .yml",
}
_KIND_OF: Final = {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()}
# The first heading of each format, within the beginning of the text.
_BEGINNING: Final = 8192
_HEADINGS: Final = {
    "markdown": re.compile(r"^\#{1,6}[ \t]+(.+?)[ \t]*\#*[ \t]*$", re.MULTILINE),
    "asciidoc": re.compile(r"^=[ \t]+(.+)$", re.MULTILINE),
    "rst": re.compile(r"^(?![=\-~^\"'`#*+:.\s])(.+)\n[=\-~^\"'`#*+:.]{3,}[ \t]*$", re.MULTILINE),
    "html": re.compile(r"<title[^>]*>\s*([^<]+)", re.IGNORECASE),
    "tex": re.compile(r"\\title\{([^{}]+)\}"),
}


@dataclass(slots=True)
class Document:
    """A file of text.

    Attributes:
        path: its absolute path.
        title: its first heading where its format has one, else its name.
        kind: its format: "markdown", "python", "text" ...
        content: its text.
        size: its bytes.
        lines: its lines.
        modified: when it was changed; None for a time outside the years 1 to 9999.
        digest: the SHA-256 of its bytes.
    """

    path: Annotated[str, Index()]
    title: Annotated[str, Searchable(4)]
    kind: Annotated[str, Index()]
    content: Annotated[str, Searchable()]
    size: int
    lines: int
    modified: dt.datetime | None
    digest: str
    id: str | None = None
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None


def document_id(path: str) -> str:
    """The id of the document that a file is: derived from its path, so that importing it again finds it."""
    return str(uuid.uuid5(NAMESPACE, os.fsencode(path).hex()))


def modified_at(nanoseconds: int) -> dt.datetime | None:
    """The time, to the microsecond; None where datetime cannot hold it."""
    try:
        return _EPOCH + dt.timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return None


def read_document(found: Found) -> Document | Problem:
    """The file as a document, or why it is none."""
    try:
        with open(open_regular(found.path), "rb") as file:  # noqa: PTH123 - a descriptor
            data = file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        return Problem(found.path, reason_of(error))
    if len(data) > MAX_DOCUMENT_BYTES:
        return Problem(found.path, f"larger than a document may be ({MAX_DOCUMENT_BYTES:,} bytes)")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Problem(found.path, "UTF-16 or UTF-32, not UTF-8")
    if b"\0" in data:
        return Problem(found.path, "binary, not text")
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Problem(found.path, f"not UTF-8 (at byte {error.start:,})")
    path = PurePath(found.path)
    kind = _KIND_OF.get(path.suffix.lower(), "text")
    return Document(
        path=found.path,
        title=_title(content, kind) or path.name,
        kind=kind,
        content=content,
        size=len(data),
        lines=content.count("\n") + (not content.endswith("\n") and bool(content)),
        modified=modified_at(found.modified),
        digest=hashlib.sha256(data).hexdigest(),
        id=document_id(found.path),
    )


def _title(content: str, kind: str) -> str:
    heading = _HEADINGS.get(kind)
    found = None if heading is None else heading.search(content[:_BEGINNING])
    return " ".join(found[1].split())[:_LONGEST_TITLE] if found is not None else ""
