"""What an entity takes with all that is kept beside it for searching, so that one limit holds on every engine.

MongoDB keeps the words and the trigrams of a document inside it, and has a limit for the whole. Other engines keep them
elsewhere and could hold more; they refuse the same entities nevertheless. The sizes are those of MongoDB's form, or a
little above them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..errors import InvalidEntityError
from ..model.codec import Row
from ..model.names import MAX_DOCUMENT_BYTES, bson_size
from ..model.schema import Schema
from .folding import simple_fold
from .resolve import resolve
from .rows import document_of, text_reader
from .text import tokens
from .trigrams import TRIGRAM

__all__ = ["stored_size_check"]

_FIXED: Final = 300  # names, numbers and empty containers of the words as a whole
_FIELD: Final = 30  # the same of a searchable field
_DISTINCT: Final = 19  # of a distinct token, beside its text twice: once with its count, once for the index
_EACH: Final = 2  # of every token, beside its text: what stands between it and the next
_TRIGRAM: Final = 11  # of a distinct trigram
_MOST_TRIGRAMS: Final = 1 << 16  # they are kept as numbers of sixteen bits


def stored_size_check(schema: Schema) -> Callable[[Row], None] | None:
    """A function that raises InvalidEntityError for a row too large with its words; None where nothing is searched."""

    def readers(paths: Sequence[str]) -> list[Callable[[Row], str]]:
        return [text_reader(schema, resolve(schema, path).target) for path in paths]

    searched = readers([path for path, _ in schema.searchable])
    covered = readers([path for spec in schema.indexes if spec.substring for path in spec.paths])
    if not searched and not covered:
        return None

    def check(row: Row) -> None:
        size = bson_size(document_of(schema, row))
        kept = _words_size([read(row) for read in searched]) if searched else 0
        kept += sum(_trigrams_size(read(row)) for read in covered)
        if size + kept > MAX_DOCUMENT_BYTES:
            raise InvalidEntityError(
                f"the entity takes {size:,} bytes as BSON, and what is kept of its texts for searching {kept:,} more; "
                f"at most {MAX_DOCUMENT_BYTES:,} together are stored"
            )

    return check


def _words_size(texts: Sequence[str]) -> int:
    distinct: set[str] = set()
    size = _FIXED + _FIELD * len(texts)
    for text in texts:
        words = tokens(text)
        distinct.update(words)
        size += _bytes("".join(words)) + _EACH * len(words)
    return size + 2 * _bytes("".join(distinct)) + _DISTINCT * len(distinct)


def _trigrams_size(text: str) -> int:
    folded = simple_fold(text)
    distinct = {folded[at : at + TRIGRAM] for at in range(len(folded) - TRIGRAM + 1)}
    return _TRIGRAM * min(len(distinct), _MOST_TRIGRAMS) + _FIELD


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
