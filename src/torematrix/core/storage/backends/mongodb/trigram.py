"""Substring indexes: an array of the trigrams of a text says which documents may hold one, the exact rule then decides.

Trigrams are those of the text under simple case folding, so that one index serves ``ilike`` too. Each is stored as a
number of sixteen bits: against the three characters themselves this writes in two thirds of the time, and where two
trigrams share a number the exact rule sees a document more.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from ...model.codec import Row
from ...model.schema import IndexSpec, Schema
from ...query.conditions import Condition
from ...query.folding import simple_fold
from ...query.paths import Step
from ...query.resolve import resolve
from ...query.rows import text_reader
from ...query.trigrams import TRIGRAM, spread_trigrams, wanted_literals
from .names import TRIGRAMS

__all__ = ["TrigramIndex"]

_MOST: Final = 4
"""So many trigrams of a text are asked for. The server looks up one of them, and tries each to see which is rarest."""


class TrigramIndex:
    """One substring index.

    Attributes:
        name: its name, unique in its collection.
        path: where in a document the trigrams stand.
        steps: the place it covers.
        declared: what it holds, in short.
        definitions: the index, as ``createIndexes`` takes it.
    """

    def __init__(self, schema: Schema, spec: IndexSpec) -> None:
        (covered,) = spec.paths
        target = resolve(schema, covered).target
        self.name = spec.name
        self.path = f"{TRIGRAMS}.{spec.name}"
        self.steps: tuple[Step, ...] = target.steps
        self.declared = [spec.name, covered]
        self.definitions: list[dict[str, Any]] = [{"name": self.path, "key": {self.path: 1}}]
        self._read = text_reader(schema, target)

    def stored(self, row: Row) -> list[int]:
        """The trigrams of a row's text."""
        text = simple_fold(self._read(row))
        return sorted({_number(text[at : at + TRIGRAM]) for at in range(len(text) - TRIGRAM + 1)})

    def differ(self, old: Row, new: Row) -> bool:
        """Whether the text is not what it was."""
        return self._read(old) != self._read(new)

    def candidate(self, condition: Condition) -> dict[str, Any] | None:
        """A filter that every document passes for which the condition holds; None where it asks for too little text."""
        wanted = sorted(set(map(_number, spread_trigrams(wanted_literals(condition), _MOST))))
        return {self.path: {"$all": wanted}} if wanted else None


def _number(trigram: str) -> int:
    return zlib.crc32(trigram.encode()) & 0xFFFF
