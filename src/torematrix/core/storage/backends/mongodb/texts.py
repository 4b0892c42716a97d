"""What the library keeps of the texts of a document beside it: its words for ``search()``, trigrams for substrings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import bson
import msgspec

from ...model.codec import Row
from ...model.schema import Schema
from ...query.conditions import Condition, Target
from ...query.resolve import resolve
from ...query.text import ANALYZER_VERSION
from .names import GENERATION, TRIGRAMS, WORDS, stored_key
from .trigram import TrigramIndex
from .words import SearchIndex, Totals

__all__ = ["TextIndexes", "text_indexes"]

_LAYOUT: Final = 1
"""Changes whenever the same text would be kept in another form."""
_SHORT: Final = 100_000
"""Bytes of texts that may be sent once more, to save reading them again."""


class TextIndexes:
    """The text indexes of one collection.

    A document also holds ``%g``, what is declared here in short, and the collection takes documents with that alone. So
    whoever has opened it under another declaration is refused when they write, and misses nothing silently.

    Attributes:
        search: the index of its words, None where nothing is searchable.
        trigrams: the substring indexes.
        generation: what ``%g`` holds.
        hidden: the keys that documents have for this, which readers leave out.
        definitions: the indexes, as ``createIndexes`` takes them.
    """

    def __init__(self, collection: str, schema: Schema) -> None:
        self.collection = collection
        self.search = SearchIndex(collection, schema) if schema.searchable else None
        self.trigrams = tuple(TrigramIndex(schema, spec) for spec in schema.indexes if spec.substring)
        declared = [_LAYOUT, ANALYZER_VERSION, schema.searchable, [each.declared for each in self.trigrams]]
        self.generation = hashlib.sha256(msgspec.json.encode(declared)).hexdigest()[:16]
        self.definitions: list[dict[str, Any]] = [
            *(self.search.definitions if self.search is not None else ()),
            *(definition for each in self.trigrams for definition in each.definitions),
        ]
        keys = (WORDS if self.search is not None else "", TRIGRAMS if self.trigrams else "", GENERATION)
        self.hidden = tuple(filter(None, keys))
        paths = [path for path, _ in schema.searchable]
        paths += [path for spec in schema.indexes if spec.substring for path in spec.paths]
        self._tops = frozenset(str(resolve(schema, path).target.steps[0]) for path in paths)

    def stored(self, row: Row) -> dict[str, Any]:
        """What the document of a row holds for the indexes, by its key."""
        held: dict[str, Any] = {GENERATION: self.generation}
        if self.search is not None:
            held[WORDS] = self.search.stored(row)
        if self.trigrams:
            held[TRIGRAMS] = {each.name: each.stored(row) for each in self.trigrams}
        return held

    def changes(self, old: Row, new: Row) -> dict[str, Any]:
        """What of that to set where one row takes the place of another; nothing where every text is what it was."""
        words = self.search is not None and self.search.differ(old, new)
        changed = [each for each in self.trigrams if each.differ(old, new)]
        held: dict[str, Any] = {}
        if self.search is not None and words:
            held[WORDS] = self.search.stored(new)
        for each in changed:
            held[f"{TRIGRAMS}.{each.name}"] = each.stored(new)
        return {GENERATION: self.generation, **held} if held else held

    def touches(self, keys: Iterable[str]) -> bool:
        """Whether replacing the fields of these percent-escaped keys may change a text."""
        return not self._tops.isdisjoint(keys)

    def unchanged(self, held: dict[str, Any]) -> dict[str, Any]:
        """A filter of documents whose texts are what they are in this one: its fields as they are stored."""
        same = [
            {"$eq": [{"$ifNull": [f"${key}", None]}, {"$literal": held.get(key)}]}
            for key in map(stored_key, sorted(self._tops))
        ]
        return {"$expr": {"$and": same}}

    def are_short(self, held: dict[str, Any]) -> bool:
        """Whether a filter with all the texts of this document is little to send."""
        texts = {key: held.get(key) for key in map(stored_key, self._tops)}
        return len(bson.encode(texts)) <= _SHORT

    def totals(self, document: dict[str, Any]) -> Totals | None:
        """What a stored document, or at least its ``%w.l``, adds to the sums; None where nothing is searchable."""
        return None if self.search is None else self.search.totals(document)

    def candidate(self, target: Target, condition: Condition) -> dict[str, Any] | None:
        """A filter that every document passes for which the condition holds; None where no index knows one."""
        if target.in_element:
            return None
        for each in self.trigrams:
            if each.steps == target.steps:
                return each.candidate(condition)
        return None


def text_indexes(collection: str, schema: Schema) -> TextIndexes | None:
    """The text indexes of a collection, None where it declares none."""
    if schema.searchable or any(spec.substring for spec in schema.indexes):
        return TextIndexes(collection, schema)
    return None
