"""The words of a document, as they are stored beside it, and the sums that relevance needs of all of them.

They stand in the document itself, under ``%w``, so that one write keeps both in step:

    {"d": 170,                         the weighted length, over all searchable fields
     "l": [4, 158],                    the number of tokens of each field
     "c": {"cat": 7, "dog": 1},        of each distinct token the weighted count, at most 1,023
     "t": ["cat", "dog"],              the distinct tokens, which the index is on
     "p0": " a  cat ", "p1": "..."}    the tokens of each field in order, for phrases, prefixes and single fields

The counts are the members of an object because the server finds a member without making a value of every other one: on
half a million matches that takes 0.5 us each, where two arrays side by side take 6. In ``p0`` two spaces stand between
tokens, so that what is looked for, a token between spaces, never overlaps with the next one.

A token holds letters, digits and what is beyond ASCII, as ``query.text`` says: neither a dot nor a dollar sign, which
would mean something in a key, nor anything that means something in a regular expression.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ...model.codec import Row
from ...model.schema import Schema
from ...query.relevance import MAX_WEIGHTED_TF
from ...query.resolve import resolve
from ...query.rows import text_reader
from ...query.text import tokens
from .names import WORDS

__all__ = ["NOTHING", "SearchIndex", "Totals", "count_key", "field_text", "phrase_text"]

_PLAIN: Final = re.compile(r"[^\x00-\x2f\x3a-\x60\x7b-\x7f]+")  # [0-9a-z] and all above ASCII


def count_key(token: str) -> str:
    """The path, below a document, of the weighted count of a token."""
    if _PLAIN.fullmatch(token) is None:
        raise ValueError("the analyzer gave a token that is no key")  # never, while its promise above holds
    return f"{WORDS}.c.{token}"


def phrase_text(words: Sequence[str], *, prefix: bool) -> str:
    """What the text of a field holds exactly where it holds these tokens in a row, the last as a prefix or whole."""
    return " " + "  ".join(words) + ("" if prefix else " ")


def field_text(words: Sequence[str]) -> str:
    """The tokens of a field as one text."""
    return phrase_text(words, prefix=False) if words else ""


class Totals(msgspec.Struct, frozen=True):
    """How many documents there are, or were added, and how many tokens they have in each searchable field."""

    documents: int
    lengths: tuple[int, ...]

    def plus(self, other: Totals, times: int = 1) -> Totals:
        """The sum of both, the other taken so many times."""
        if not self.lengths:
            return Totals(
                self.documents + times * other.documents, tuple(times * each for each in other.lengths)
            )
        if not other.lengths:
            return Totals(self.documents + times * other.documents, self.lengths)
        lengths = zip(self.lengths, other.lengths, strict=True)
        return Totals(
            self.documents + times * other.documents, tuple(mine + times * more for mine, more in lengths)
        )

    @property
    def is_nothing(self) -> bool:
        """Whether they change no sum."""
        return not self.documents and not any(self.lengths)


NOTHING: Final = Totals(0, ())


class SearchIndex:
    """What makes the words of one collection.

    Attributes:
        collection: its name.
        numbers: the number of each searchable path, in the order of ``schema.searchable``.
        definitions: the indexes, as ``createIndexes`` takes them.
    """

    def __init__(self, collection: str, schema: Schema) -> None:
        self.collection = collection
        self.numbers = {path: number for number, (path, _) in enumerate(schema.searchable)}
        self.weights = tuple(weight for _, weight in schema.searchable)
        self.definitions: list[dict[str, Any]] = [{"name": WORDS, "key": {f"{WORDS}.t": 1}}]
        self._readers = [text_reader(schema, resolve(schema, path).target) for path, _ in schema.searchable]

    def stored(self, row: Row) -> dict[str, Any]:
        """What a document holds under ``%w``."""
        lengths: list[int] = []
        counts: dict[str, int] = {}
        texts: dict[str, str] = {}
        for number, (read, weight) in enumerate(zip(self._readers, self.weights, strict=True)):
            words = tokens(read(row))
            lengths.append(len(words))
            texts[f"p{number}"] = field_text(words)
            for token, count in Counter(words).items():
                counts[token] = counts.get(token, 0) + weight * count
        length = sum(weight * count for weight, count in zip(self.weights, lengths, strict=True))
        return {
            "d": length,
            "l": lengths,
            "c": {token: min(count, MAX_WEIGHTED_TF) for token, count in counts.items()},
            "t": list(counts),
            **texts,
        }

    def differ(self, old: Row, new: Row) -> bool:
        """Whether a searchable text is not what it was."""
        return any(read(old) != read(new) for read in self._readers)

    def totals(self, document: dict[str, Any]) -> Totals:
        """What a stored document, or at least its ``%w.l``, adds to the sums."""
        return Totals(1, tuple(map(int, document[WORDS]["l"])))
