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

__all__ = ["FORMAT", "Analyzed", "Held", "SearchIndex", "derived_name", "derived_prefix"]

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


_KNOWN: Final = 64


class Held(msgspec.Struct, frozen=True):
    """How often a document holds a word: by weight, by field in hexadecimal, and what that ends a line of COPY with."""

    weight: str
    counts: str
    tail: str


class Analyzed(msgspec.Struct, frozen=True):
    """The words of a document.

    Attributes:
        lengths: how many words each field has.
        length: their sum by weight.
        text: the words in order, each between spaces, and each field on a line of its own.
        words: how often each word is held.
    """

    lengths: tuple[int, ...]
    length: int
    text: str
    words: dict[str, Held]


class _InOneField(dict[int, Held]):
    """What is held by how often one field holds a word that no other one does. Made once: most words are such."""

    def __init__(self, index: SearchIndex, number: int) -> None:
        super().__init__()
        self._index = index
        self._number = number

    def __missing__(self, count: int) -> Held:
        counts = [0] * len(self._index.weights)
        counts[self._number] = count
        held = self._index.held(counts)
        if count <= _KNOWN:
            self[count] = held
        return held


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
        self._in_one_field = [_InOneField(self, number) for number in range(len(paths))]
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
        self._columns = "term, seq, length, weight" + (", counts" if self.by_field else "")
        self._wide = wide
        self.copy_words = f"COPY {self.words} ({self._columns}) FROM STDIN"
        self.copy_texts = f"COPY {self.texts} (seq, lengths, tokens) FROM STDIN"
        self.note = f"INSERT INTO {self.totals} VALUES ($1::bigint, $2::bigint[])"
        self.kept = f"SELECT 1 FROM {self.totals} LIMIT 1"
        self.put = self._put()
        self.change = self._change()
        self.remove = self._remove()
        self.fold = self._fold()

    def _zeros(self) -> str:
        return "{" + ",".join("0" for _ in self.weights) + "}"

    def _words_given(self, first: int, *, of_one: bool = False) -> str:
        """The rows of words that are bound as one array for each column, from that number on."""
        types = ["text"] + ([] if of_one else ["bigint", self._wide]) + ["smallint"]
        types += ["text"] if self.by_field else []
        names = (
            ["term"]
            + ([] if of_one else ["seq", "length"])
            + ["weight"]
            + (["counts"] if self.by_field else [])
        )
        arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, first))
        return f"unnest({arrays}) AS given ({', '.join(names)})"

    @property
    def _counts(self) -> str:
        return ", decode(given.counts, 'hex')" if self.by_field else ""

    def new(self, made: str, first: int) -> list[str]:
        """What stores everything of one document whose ``seq`` the query ``made`` gives, as parts of a WITH.

        Bound from ``first`` on: what ``new_parameters`` gives.
        """
        lengths, text, length = (f"${first + at}" for at in range(3))
        given = self._words_given(first + 3, of_one=True)
        parts = {
            "$texts": f"INSERT INTO {self.texts} (seq, lengths, tokens) "
            f"SELECT seq, {lengths}::integer[], {text}::text FROM {made}",
            "$totals": f"INSERT INTO {self.totals} VALUES (1, {lengths}::bigint[])",
            "$words": f"INSERT INTO {self.words} ({self._columns}) SELECT given.term, made.seq, "
            f"{length}::{self._wide}, given.weight{self._counts} FROM {made} AS made CROSS JOIN {given}",
        }
        return [f'"{name}" AS ({part})' for name, part in parts.items()]

    def _put(self) -> str:
        """Stores everything of a few documents, in one round trip."""
        return (
            f'WITH "$texts" AS (INSERT INTO {self.texts} (seq, lengths, tokens) '
            "SELECT seq, lengths::integer[], tokens FROM unnest($1::bigint[], $2::text[], $3::text[]) "
            "AS given (seq, lengths, tokens)), "
            f'"$totals" AS (INSERT INTO {self.totals} VALUES ($4::bigint, $5::bigint[])) '
            f"INSERT INTO {self.words} ({self._columns}) SELECT given.term, given.seq, given.length, "
            f"given.weight{self._counts} FROM {self._words_given(6)}"
        )

    def _change(self) -> str:
        """Stores everything of a few documents in place of what there was. Words held as before are left alone.

        Bound as for ``put``, but for the number of documents, which stays.
        """
        kept = ["length", "weight", *(["counts"] if self.by_field else [])]
        more = ", ".join(
            f"($4::bigint[])[{number}] - sum(lengths[{number}])" for number in range(1, len(self.weights) + 1)
        )
        return (
            f'WITH "$given" AS MATERIALIZED (SELECT * FROM {self._words_given(5)}), '
            f'"$old" AS MATERIALIZED (SELECT seq, lengths, tokens FROM {self.texts} WHERE seq = ANY ($1::bigint[])), '
            f'"$texts" AS (UPDATE {self.texts} AS text SET lengths = given.lengths::integer[], tokens = given.tokens '
            "FROM unnest($1::bigint[], $2::text[], $3::text[]) AS given (seq, lengths, tokens) "
            "WHERE text.seq = given.seq), "
            f'"$totals" AS (INSERT INTO {self.totals} SELECT 0, ARRAY[{more}]::bigint[] FROM "$old" '
            "HAVING count(*) > 0), "
            f'"$gone" AS (DELETE FROM {self.words} AS held USING ({_each_word("$old")}) AS past '
            "WHERE held.term = past.term AND held.seq = past.seq AND NOT EXISTS "
            '(SELECT 1 FROM "$given" AS given WHERE given.term = past.term AND given.seq = past.seq)) '
            f"INSERT INTO {self.words} AS held ({self._columns}) SELECT given.term, given.seq, given.length, "
            f'given.weight{self._counts} FROM "$given" AS given ON CONFLICT (term, seq) DO UPDATE SET '
            f"{', '.join(f'{name} = EXCLUDED.{name}' for name in kept)} "
            f"WHERE ({', '.join(f'held.{name}' for name in kept)}) "
            f"IS DISTINCT FROM ({', '.join(f'EXCLUDED.{name}' for name in kept)})"
        )

    def _remove(self) -> str:
        """Removes everything of these documents, whose words are read from where they stand in order."""
        sums = ", ".join(f"-sum(lengths[{number}])" for number in range(1, len(self.weights) + 1))
        return (
            f'WITH "$gone" AS (DELETE FROM {self.texts} WHERE seq = ANY ($1::bigint[]) '
            "RETURNING seq, lengths, tokens), "
            f'"$words" AS (DELETE FROM {self.words} AS held USING ({_each_word("$gone")}) AS past '
            "WHERE held.term = past.term AND held.seq = past.seq) "
            f'INSERT INTO {self.totals} SELECT -count(*), ARRAY[{sums}]::bigint[] FROM "$gone" HAVING count(*) > 0'
        )

    def _fold(self) -> str:
        """One row of totals in place of those that nobody else is folding. Writers only ever add rows."""
        return (
            f'WITH "$gone" AS (DELETE FROM {self.totals} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {self.totals} '
            "FOR UPDATE SKIP LOCKED)) RETURNING documents, lengths) "
            f'INSERT INTO {self.totals} SELECT sum(documents), ARRAY(SELECT sum(value) FROM "$gone" CROSS JOIN '
            "LATERAL unnest(lengths) WITH ORDINALITY AS each (value, at) GROUP BY at ORDER BY at) "
            'FROM "$gone" HAVING count(*) > 0'
        )

    # ------------------------------------------------------------------------------------------------------ documents

    def is_unchanged(self, old: Row, new: Row) -> bool:
        """Whether the searchable texts of two rows are the same."""
        return all(read(old) == read(new) for read in self._readers)

    def analyzed(self, row: Row) -> Analyzed:
        """The words of a row."""
        fields = [tokens(read(row)) for read in self._readers]
        lengths = tuple(map(len, fields))
        length = sum(weight * count for weight, count in zip(self.weights, lengths, strict=True))
        text = "\n".join([f" {' '.join(words)} " for words in fields])
        counted = [Counter(words) for words in fields]
        held: dict[str, Held] = {}
        in_several: set[str] = set()
        for in_one, counts in zip(self._in_one_field, counted, strict=True):
            if held:
                in_several.update(held.keys() & counts.keys())
            for word, count in counts.items():
                held[word] = in_one[count]
        for word in in_several:
            held[word] = self.held([counts.get(word, 0) for counts in counted])
        return Analyzed(lengths, length, text, held)

    def held(self, counts: Sequence[int]) -> Held:
        """What is held of a word that the fields hold so often."""
        bounded = [min(count, MAX_WEIGHTED_TF) for count in counts]
        weight = sum(weight * count for weight, count in zip(self.weights, bounded, strict=True))
        shown = str(min(weight, MAX_WEIGHTED_TF))
        if not self.by_field:
            return Held(shown, "", f"{shown}\n")
        by_field = "".join([f"{count:04x}" for count in bounded])
        return Held(shown, by_field, f"{shown}\t\\\\x{by_field}\n")

    # -------------------------------------------------------------------------------------------------------- loading

    def lengths(self, documents: Sequence[tuple[int, Analyzed]]) -> str:
        """The sum of the lengths of these documents, by field, as an array."""
        return _integers(
            [sum(column) for column in zip(*(each.lengths for _, each in documents), strict=True)]
        )

    @property
    def new_width(self) -> int:
        """How many parameters that are."""
        return 6 if self.by_field else 5

    def new_parameters(self, document: Analyzed) -> list[str | int]:
        """What the parts of ``new`` are given."""
        return [_integers(document.lengths), document.text, document.length, *self._arrays([document])]

    def change_parameters(self, documents: Sequence[tuple[int, Analyzed]]) -> list[str | int]:
        """What ``change`` is given, for documents by seq."""
        analyzed = [each for _, each in documents]
        terms, *rest = self._arrays(analyzed)
        return [
            _integers(seq for seq, _ in documents),
            array_text([_integers(each.lengths) for each in analyzed]),
            array_text([each.text for each in analyzed]),
            self.lengths(documents),
            terms,
            _integers(seq for seq, each in documents for _ in each.words),
            _integers(each.length for each in analyzed for _ in each.words),
            *rest,
        ]

    def put_parameters(self, documents: Sequence[tuple[int, Analyzed]]) -> list[str | int]:
        """What ``put`` is given, for documents by seq."""
        parameters = self.change_parameters(documents)
        parameters.insert(3, len(documents))
        return parameters

    def _arrays(self, documents: Iterable[Analyzed]) -> list[str]:
        """All words, how much each weighs and, where there are several fields, its occurrences, each as an array."""
        words = [item for each in documents for item in each.words.items()]
        arrays = [array_text([word for word, _ in words]), _integers(held.weight for _, held in words)]
        return [*arrays, array_text([held.counts for _, held in words])] if self.by_field else arrays

    def words_lines(self, documents: Sequence[tuple[int, Analyzed]]) -> Iterable[str]:
        """The rows of ``words`` for COPY, in the order of its key, in which they are stored fastest."""
        lines: dict[str, list[str]] = {}
        for seq, each in documents:
            middle = f"{seq}\t{each.length}\t"
            for word, held in each.words.items():
                lines.setdefault(word, []).append(middle + held.tail)
        for word in sorted(lines):
            head = word + "\t"
            yield head + head.join(lines[word])

    def texts_lines(self, documents: Iterable[tuple[int, Analyzed]]) -> Iterable[str]:
        """The rows of ``texts`` for COPY. No word holds what COPY would take for something else."""
        for seq, each in documents:
            text = each.text.replace("\n", "\\n")
            yield f"{seq}\t{_integers(each.lengths)}\t{text}\n"


def _each_word(texts: str) -> str:
    """The query of every word, with its seq, of the rows that a part of a WITH gives."""
    return (
        f'SELECT DISTINCT seq, term FROM "{texts}" CROSS JOIN LATERAL '
        r"unnest(string_to_array(translate(tokens, E'\n', ''), ' ')) AS each (term)"
    )


def _integers(values: Iterable[int | str]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
