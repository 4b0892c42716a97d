"""Substring indexes: pg_trgm says which rows may hold a text, the exact rule then decides.

One table for each index, with the text under the library's own simple case folding and a GIN index of its trigrams
(``gin_trgm_ops``), so that it serves ``ilike`` too. The test is ``folded LIKE '%literal%'``, for some of the literal
text that every match holds.

That no match is missed has to hold in every database. pg_trgm folds case itself before it cuts, by the locale at hand
and on newer servers by context (a sigma at the end of a word becomes another letter). What the library has folded holds
no letter that this changes, save some that all locales change alike, one by one; ``_`` stands for those in a pattern.
Texts without three letters or digits in a row have no trigrams to ask for, and are not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ...model.codec import Row
from ...model.schema import IndexSpec, Schema
from ...query.conditions import Condition, Like, Target, TextTest
from ...query.folding import simple_fold
from ...query.paths import Step
from ...query.patterns import longest_literals
from ...query.resolve import resolve
from ...query.rows import text_reader
from .compile import Sql
from .postings import derived_name
from .quoting import array_text, quote_name

__all__ = ["TrigramIndex", "trigram_candidate"]

_LENGTH: Final = 3

_MOST: Final = 3
"""So many pieces of literal text are asked for; each further one costs more than it sorts out."""
_LONGEST: Final = 40
"""So long each may be. PostgreSQL's LIKE is quadratic in long literals, and each trigram is a list to be read."""

_WORD: Final = re.compile(r"[^\W_]{3}")
_ANY: Final = "\x00"  # stands for any character; no text holds it
_PATTERN: Final = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_", _ANY: "_"})


class TrigramIndex:
    """The table of one substring index.

    Attributes:
        name: the name of the table.
        table: the same, quoted.
        steps: the place it covers.
        tables: the statement that makes the table.
        put: stores folded texts, whatever was there.
        remove: forgets rows.
    """

    def __init__(self, collection: str, schema: Schema, spec: IndexSpec) -> None:
        (path,) = spec.paths
        target = resolve(schema, path).target
        self.steps: tuple[Step, ...] = target.steps
        self._read = text_reader(schema, target)
        self.name = derived_name(collection, "text", spec.name, declared=path)
        self.table = quote_name(self.name)
        self.tables = (
            (
                f'CREATE TABLE {self.table} (seq bigint PRIMARY KEY, folded text COLLATE "C" NOT NULL) '
                "WITH (toast_tuple_target = 8160)"
            ),
        )
        self.put = (
            f"INSERT INTO {self.table} (seq, folded) SELECT * FROM unnest($1::bigint[], $2::text[]) "
            "ON CONFLICT (seq) DO UPDATE SET folded = EXCLUDED.folded"
        )
        self.remove = f"DELETE FROM {self.table} WHERE seq = ANY ($1::bigint[])"

    def keys(self, trigrams: str) -> tuple[str, ...]:
        """The statement that makes the index of trigrams; ``trigrams`` is the schema that pg_trgm is in."""
        operators = f"{quote_name(trigrams)}.gin_trgm_ops"
        return (f"CREATE INDEX ON {self.table} USING gin (folded {operators})",)

    def new(self, number: int, made: str, first: int) -> str:
        """What stores the text of one document whose ``seq`` the query ``made`` gives, as a part of a WITH.

        Bound as ``first``: its folded text, None where it takes no place.
        """
        return (
            f'"$text{number}" AS (INSERT INTO {self.table} (seq, folded) SELECT seq, ${first}::text FROM {made} '
            f"WHERE ${first}::text IS NOT NULL)"
        )

    def folded(self, row: Row) -> str | None:
        """The text that is indexed of a row. One without a trigram is never asked for, and takes no place."""
        text = self._read(row)
        return simple_fold(text) if len(text) >= _LENGTH else None

    def is_unchanged(self, old: Row, new: Row) -> bool:
        """Whether the text of two rows is the same."""
        return self._read(old) == self._read(new)

    @staticmethod
    def put_parameters(texts: Sequence[tuple[int, str]]) -> list[str]:
        """What ``put`` is given, for texts by seq."""
        return ["{" + ",".join([str(seq) for seq, _ in texts]) + "}", array_text([text for _, text in texts])]


def trigram_candidate(
    indexes: Iterable[TrigramIndex], sql: Sql, target: Target, condition: Condition
) -> str | None:
    """A test that every row passes for which the condition holds; None where no index knows one."""
    if target.in_element:
        return None
    index = next((index for index in indexes if index.steps == target.steps), None)
    if index is None:
        return None
    match condition:
        case TextTest(_, _, text):
            literals: tuple[str, ...] = (text,)
        case Like(_, pattern, _):
            literals = longest_literals(pattern)
        case _:
            return None
    pieces = _pieces(literals)
    if not pieces:
        return None
    tests = " AND ".join([f"folded LIKE {sql.bind(f'%{piece}%')}" for piece in pieces])
    return f"seq IN (SELECT seq FROM {index.table} WHERE {tests})"


def _pieces(literals: Iterable[str]) -> list[str]:
    """Parts of LIKE patterns that every text with these literals matches once it is folded, each with a trigram."""
    pieces: list[str] = []
    for literal in literals:
        folded = "".join([char if char.lower() == char else _ANY for char in simple_fold(literal)])
        found = _WORD.search(folded)
        if found is not None:
            # From where the trigrams begin, as far as is needed to tell texts apart.
            pieces.append(folded[found.start() : found.start() + _LONGEST].translate(_PATTERN))
            if len(pieces) == _MOST:
                break
    return pieces
