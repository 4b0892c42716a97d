"""The index behind ``search()``: what stands in its tables, and the statements that keep them in step with the rows.

Three tables belong to a collection with searchable texts.

*   ``words`` has a row for each document and each word in it: how often, by weight, and how long the document is. Its
    primary key is a covering index, so that a search reads the index alone. ``counts`` has the occurrences by field,
    two bytes each, for searches of some of the fields.
*   ``texts`` has a row for each document: its lengths by field, and its words in order, for phrases.
*   ``totals`` holds the number of documents and the sums of their lengths as rows to be added up. Every write adds one,
    so that no two writers ever wait for one another; ``fold`` makes one of those there are.

The names of the tables end in a digest of what is declared and of the analyzer. A collection that is declared in
another way has other tables, and whoever writes by an outdated declaration finds none, rather than missing rows.

Everything here is pure: the statements run in ``_async/search.py``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ...model.codec import Row
from ...model.schema import Schema
from ...query.relevance import MAX_WEIGHTED_TF
from ...query.resolve import resolve
from ...query.rows import text_reader
from ...query.text import ANALYZER_VERSION, tokens
from .quoting import array_text, cut_name, quote_name

__all__ = ["FORMAT", "Analyzed", "SearchIndex", "derived_name", "derived_prefix"]

FORMAT: Final = 1
"""Changes whenever the tables hold something else for the same declaration."""

_MARK: Final = "$$"
"""Stands in the name of every table that belongs to a collection, and in no other name: indexes have one dollar."""

_NARROW_WEIGHT: Final = 90
"""Up to this weight the length of any document fits four bytes: 16,000,000 bytes hold less than 22 million words."""


def derived_prefix(collection: str) -> str:
    """What the names of a collection's derived tables begin with, however long they are."""
    return collection + _MARK


def derived_name(collection: str, *parts: str, declared: object) -> str:
    """The name of a table that belongs to a collection's, another one for every other declaration."""
    encoded = msgspec.json.encode([FORMAT, ANALYZER_VERSION, declared])
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return cut_name(derived_prefix(collection) + "$".join((*parts, digest)))


_FEW: Final = 64


class Analyzed(msgspec.Struct, frozen=True):
    """The words of a document.

    Attributes:
        seq: the number of its row.
        lengths: how many words each field has.
        text: the words in order, each between spaces, and each field on a line of its own.
        entries: the rows of ``words`` by word, as COPY takes them: what follows the word on its line.
    """

    seq: int
    lengths: tuple[int, ...]
    text: str
    entries: dict[str, str]


class _Tails(dict[int, str]):
    """Ends of lines by how often one field holds the word, and no other one does. Made once: most words are such."""

    def __init__(self, index: SearchIndex, number: int) -> None:
        super().__init__()
        self._index = index
        self._number = number

    def __missing__(self, count: int) -> str:
        counts = [0] * len(self._index.weights)
        counts[self._number] = count
        tail = self._index.tail(counts)
        if count <= _FEW:
            self[count] = tail
        return tail


class SearchIndex:
    """The tables of one collection's words.

    Attributes:
        words, texts, totals: the quoted names of the tables.
        names: the same, not quoted.
        numbers: the number of each searchable path, from 0.
        weights: their weights, in that order.
        by_field: whether occurrences are kept by field: where there are several.
        crowded: whether a search has found so many rows in ``totals`` that they should be folded.
        tables: the statements that make the tables.
        keys: the statements that make the key of ``words``, which a bulk load is faster without.
    """

    def __init__(self, collection: str, schema: Schema) -> None:
        paths = [path for path, _ in schema.searchable]
        self.numbers = {path: number for number, path in enumerate(paths)}
        self.weights = tuple(weight for _, weight in schema.searchable)
        self.by_field = len(paths) > 1
        self.crowded = False
        self._tails = [_Tails(self, number) for number in range(len(paths))]
        self._readers = [text_reader(schema, resolve(schema, path).target) for path in paths]
        self.names = tuple(
            derived_name(collection, part, declared=schema.searchable)
            for part in ("words", "texts", "totals")
        )
        self.words, self.texts, self.totals = map(quote_name, self.names)
        wide = "integer" if max(self.weights) <= _NARROW_WEIGHT else "bigint"
        counts = ", counts bytea NOT NULL" if self.by_field else ""
        kept = "weight, length" + (", counts" if self.by_field else "")
        self.tables = (
            (
                f"CREATE TABLE {self.words} (seq bigint NOT NULL, length {wide} NOT NULL, weight smallint NOT NULL, "
                f'term text COLLATE "C" NOT NULL{counts})'
            ),
            # A phrase is looked for in many texts, and packed ones have to be unpacked each time: so only those that
            # would not fit a page are.
            (
                f"CREATE TABLE {self.texts} (seq bigint PRIMARY KEY, lengths integer[] NOT NULL, "
                'tokens text COLLATE "C" NOT NULL) WITH (toast_tuple_target = 8160)'
            ),
            f"CREATE TABLE {self.totals} (documents bigint NOT NULL, lengths bigint[] NOT NULL)",
            # Of a table without any visible row, a transaction knows that it is younger than itself.
            f"INSERT INTO {self.totals} VALUES (0, '{self._zeros()}')",
        )
        self.keys = (
            f"ALTER TABLE {self.words} ADD PRIMARY KEY (term, seq) INCLUDE ({kept})",
            # Which words are frequent is what plans depend on.
            f"ALTER TABLE {self.words} ALTER COLUMN term SET STATISTICS 500",
        )
        columns = "term, seq, length, weight" + (", counts" if self.by_field else "")
        self.copy_words = f"COPY {self.words} ({columns}) FROM STDIN"
        self.copy_texts = f"COPY {self.texts} (seq, lengths, tokens) FROM STDIN"
        self.note = f"INSERT INTO {self.totals} VALUES ($1::bigint, $2::bigint[])"
        self.kept = f"SELECT 1 FROM {self.totals} LIMIT 1"
        self.put = self._put(columns, wide)
        self.remove = self._remove()
        self.fold = self._fold()

    def _zeros(self) -> str:
        return "{" + ",".join("0" for _ in self.weights) + "}"

    def _put(self, columns: str, wide: str) -> str:
        """Everything of a few documents, in one round trip."""
        types = ["text", "bigint", wide, "smallint"] + (["bytea"] if self.by_field else [])
        arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, 6))
        return (
            f'WITH "$texts" AS (INSERT INTO {self.texts} (seq, lengths, tokens) SELECT seq, lengths::integer[], tokens '
            "FROM unnest($1::bigint[], $2::text[], $3::text[]) AS given (seq, lengths, tokens)), "
            f'"$totals" AS (INSERT INTO {self.totals} VALUES ($4::bigint, $5::bigint[])) '
            f"INSERT INTO {self.words} ({columns}) SELECT * FROM unnest({arrays})"
        )

    def _remove(self) -> str:
        """Everything of these documents, whose words are read from where they stand in order."""
        sums = ", ".join(f"-sum(lengths[{number}])" for number in range(1, len(self.weights) + 1))
        return (
            f'WITH "$gone" AS (DELETE FROM {self.texts} WHERE seq = ANY ($1::bigint[]) '
            "RETURNING seq, lengths, tokens), "
            f'"$words" AS (DELETE FROM {self.words} AS held USING (SELECT DISTINCT seq, term FROM "$gone" CROSS JOIN '
            r"LATERAL unnest(string_to_array(translate(tokens, E'\n', ''), ' ')) AS each (term)) AS gone "
            "WHERE held.term = gone.term AND held.seq = gone.seq) "
            f'INSERT INTO {self.totals} SELECT -count(*), ARRAY[{sums}]::bigint[] FROM "$gone" HAVING count(*) > 0'
        )

    def _fold(self) -> str:
        """One row of totals in place of those that nobody else is folding. Writers only ever add rows."""
        return (
            f'WITH "$gone" AS (DELETE FROM {self.totals} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {self.totals} '
            "FOR UPDATE SKIP LOCKED)) RETURNING documents, lengths) "
            f'INSERT INTO {self.totals} SELECT sum(documents), ARRAY(SELECT sum(value) FROM "$gone" CROSS JOIN LATERAL '
            "unnest(lengths) WITH ORDINALITY AS each (value, at) GROUP BY at ORDER BY at) "
            'FROM "$gone" HAVING count(*) > 0'
        )

    # ------------------------------------------------------------------------------------------------------ documents

    def is_unchanged(self, old: Row, new: Row) -> bool:
        """Whether the searchable texts of two rows are the same."""
        return all(read(old) == read(new) for read in self._readers)

    def analyzed(self, seq: int, row: Row) -> Analyzed:
        """The words of a row."""
        fields = [tokens(read(row)) for read in self._readers]
        lengths = tuple(map(len, fields))
        length = sum(weight * count for weight, count in zip(self.weights, lengths, strict=True))
        text = "\n".join([f" {' '.join(words)} " for words in fields])
        return Analyzed(seq, lengths, text, self._entries(f"{seq}\t{length}\t", fields))

    def _entries(self, head: str, fields: list[list[str]]) -> dict[str, str]:
        counted = [Counter(words) for words in fields]
        entries: dict[str, str] = {}
        several: set[str] = set()
        for number, counts in enumerate(counted):
            several.update(entries.keys() & counts.keys())
            tails = self._tails[number]
            for word, count in counts.items():
                entries[word] = head + tails[count]
        for word in several:
            entries[word] = head + self.tail([counts.get(word, 0) for counts in counted])
        return entries

    def tail(self, counts: Sequence[int]) -> str:
        """What ends the line of a word that the fields hold so often."""
        bounded = [min(count, MAX_WEIGHTED_TF) for count in counts]
        weight = sum(weight * count for weight, count in zip(self.weights, bounded, strict=True))
        by_field = "\t\\\\x" + "".join([f"{count:04x}" for count in bounded]) if self.by_field else ""
        return f"{min(weight, MAX_WEIGHTED_TF)}{by_field}\n"

    # -------------------------------------------------------------------------------------------------------- loading

    def lengths(self, documents: Sequence[Analyzed]) -> str:
        """The sum of the lengths of these documents, by field, as an array."""
        return _integers([sum(column) for column in zip(*(each.lengths for each in documents), strict=True)])

    def put_parameters(self, documents: Sequence[Analyzed]) -> list[str | int]:
        """What ``put`` is given."""
        entries = [
            (word, *rest[:-1].replace("\\\\", "\\").split("\t"))
            for each in documents
            for word, rest in each.entries.items()
        ]
        width = 5 if self.by_field else 4
        columns = list(zip(*entries, strict=True)) if entries else [()] * width
        return [
            _integers(each.seq for each in documents),
            array_text([_integers(each.lengths) for each in documents]),
            array_text([each.text for each in documents]),
            len(documents),
            self.lengths(documents),
            *map(array_text, columns),
        ]

    def words_lines(self, documents: Sequence[Analyzed]) -> Iterable[str]:
        """The rows of ``words`` for COPY, in the order of its key, in which they are stored fastest."""
        lines: dict[str, list[str]] = {}
        for each in documents:
            for word, rest in each.entries.items():
                lines.setdefault(word, []).append(rest)
        for word in sorted(lines):
            head = word + "\t"
            yield head + head.join(lines[word])

    def texts_lines(self, documents: Iterable[Analyzed]) -> Iterable[str]:
        """The rows of ``texts`` for COPY. No word holds what COPY would take for something else."""
        for each in documents:
            text = each.text.replace("\n", "\\n")
            yield f"{each.seq}\t{_integers(each.lengths)}\t{text}\n"


def _integers(values: Iterable[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
