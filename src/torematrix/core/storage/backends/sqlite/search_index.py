"""The index behind ``search()``: the words of each row in FTS5, and the lengths that relevance needs beside them.

FTS5 keeps no text (``content=''``) and cuts at spaces the words that the library's own analyzer has cut. Lengths stand
in a table of their own because asking FTS5 for them takes half the time of a search. Both hang on ``seq``.

Every function works within a transaction that its caller has begun, and keeps the index in step with the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import apsw
import msgspec

from ...errors import ConfigurationError
from ...model.codec import Row
from ...model.schema import Schema
from ...query.resolve import resolve
from ...query.rows import text_reader
from ...query.text import tokens
from .quoting import META, quote_name

if TYPE_CHECKING:
    from .plan import TablePlan

__all__ = [
    "SearchIndex",
    "add",
    "check",
    "create",
    "derived_name",
    "drop",
    "is_current",
    "is_served",
    "rebuild",
    "remove",
    "replace",
    "totals",
    "totals_statement",
]

_MARK: Final = "$"
"""Stands in the name of every table derived from a collection's, and in no collection's name."""


def derived_name(collection: str, *parts: str) -> str:
    """The name of a table that belongs to a collection's, which no collection and no other such table can have."""
    return _MARK.join((collection, *parts))


class SearchIndex:
    """The tables of one collection's words.

    Attributes:
        table: the quoted name of the FTS5 table, whose columns are c0, c1, ... in the order of ``schema.searchable``.
        lengths: the quoted name of the table of field lengths, with the columns seq, l0, l1, ...
        columns: the number of the column of each searchable path.
        definitions: the statement that makes each table, by its name.
    """

    def __init__(self, collection: str, schema: Schema) -> None:
        paths = [path for path, _ in schema.searchable]
        self.columns = {path: number for number, path in enumerate(paths)}
        self._readers = [text_reader(schema, resolve(schema, path).target) for path in paths]
        name, lengths = derived_name(collection, "search"), derived_name(collection, "lengths")
        self.table, self.lengths = quote_name(name), quote_name(lengths)
        words = [f"c{number}" for number in range(len(paths))]
        counts = [f"l{number}" for number in range(len(paths))]
        # The analyzer's words hold letters and digits of lower case and what is beyond ASCII: all that this tokenizer
        # takes as it is.
        options = "content='', contentless_delete=1, tokenize='ascii', detail=full"
        self.definitions = {
            name: f"CREATE VIRTUAL TABLE {self.table} USING fts5({', '.join(words)}, {options})",
            lengths: f"CREATE TABLE {self.lengths}(seq INTEGER PRIMARY KEY, "
            f"{', '.join(f'{count} INTEGER NOT NULL' for count in counts)}) STRICT",
        }
        marks = ", ?" * len(paths)
        self._insert_lengths = f"INSERT INTO {self.lengths}(seq, {', '.join(counts)}) VALUES (?{marks})"
        self._insert_words = f"INSERT INTO {self.table}(rowid, {', '.join(words)}) VALUES (?{marks})"
        self._update_lengths = (
            f"UPDATE {self.lengths} SET {', '.join(f'{count} = ?' for count in counts)} WHERE seq = ?"
        )
        # FTS5 refuses to update some columns of a table without content.
        self._update_words = (
            f"UPDATE {self.table} SET {', '.join(f'{word} = ?' for word in words)} WHERE rowid = ?"
        )

    def add(self, connection: apsw.Connection, seq: int, row: Row) -> None:
        """Index a row that is not there yet."""
        lengths, words = self._analyzed([read(row) for read in self._readers])
        # First, because a primary key refuses what it has. FTS5 takes it, and is wrong for good from then on.
        connection.execute(self._insert_lengths, (seq, *lengths))
        connection.execute(self._insert_words, (seq, *words))

    def replace(self, connection: apsw.Connection, seq: int, old: Row, new: Row) -> None:
        """Index a row anew, unless its texts are what they were."""
        texts = [read(new) for read in self._readers]
        if all(read(old) == text for read, text in zip(self._readers, texts, strict=True)):
            return
        lengths, words = self._analyzed(texts)
        connection.execute(self._update_lengths, (*lengths, seq))
        connection.execute(self._update_words, (*words, seq))

    def remove(self, connection: apsw.Connection, seqs: Sequence[int]) -> None:
        """Forget rows."""
        keys = [(seq,) for seq in seqs]
        connection.executemany(f"DELETE FROM {self.lengths} WHERE seq = ?", keys)
        connection.executemany(f"DELETE FROM {self.table} WHERE rowid = ?", keys)

    def clear(self, connection: apsw.Connection) -> None:
        """Forget every row."""
        connection.execute(f"DELETE FROM {self.lengths}")
        connection.execute(f"INSERT INTO {self.table}({self.table}) VALUES ('delete-all')")

    @staticmethod
    def _analyzed(texts: list[str]) -> tuple[list[int], list[str]]:
        words = [tokens(text) for text in texts]
        return [len(each) for each in words], [" ".join(each) for each in words]


def create(connection: apsw.Connection, plan: TablePlan) -> None:
    """Make the tables that the collection's searchable texts and substring indexes need, empty."""
    for statement in _definitions(plan).values():
        connection.execute(statement)


def drop(connection: apsw.Connection, plan: TablePlan) -> None:
    """Drop all such tables of the collection, those of an earlier declaration included."""
    for name in _present(connection, plan):
        connection.execute(f"DROP TABLE {quote_name(name)}")


def is_current(connection: apsw.Connection, plan: TablePlan) -> bool:
    """Whether there are exactly the tables that are kept in step from now on.

    One that is not, because the entity class at hand does not declare it, would miss rows when it is declared again.
    """
    return _present(connection, plan) == _definitions(plan)


def is_served(connection: apsw.Connection, plan: TablePlan) -> bool:
    """Whether there is every table that searches and filters look at, whatever else there is."""
    return _definitions(plan).items() <= _present(connection, plan).items()


def rebuild(connection: apsw.Connection, plan: TablePlan) -> None:
    """Index every stored row, whatever is indexed now."""
    for index in plan.text_indexes:
        index.clear(connection)
    for seq, *row in connection.execute(f"SELECT seq, {plan.select} FROM {plan.table}"):
        for index in plan.text_indexes:
            index.add(connection, seq, tuple(row))


def signature(plan: TablePlan) -> str:
    """What the tables of texts hold, as text: another class's view of the collection may ask for something else."""
    if not plan.text_signature:
        parts = [sorted(_definitions(plan).items()), plan.schema.searchable]
        plan.text_signature = msgspec.json.encode(parts).decode()
    return plan.text_signature


def _check_kept(connection: apsw.Connection, plan: TablePlan) -> None:
    """Refuse to write where another class or process has declared otherwise meanwhile: rows would be missed."""
    query = f"SELECT value FROM {META} WHERE scope = 'text' AND key = ?"
    found = connection.execute(query, (plan.collection,)).fetchone()
    if found is None or found[0] != signature(plan):
        raise ConfigurationError(
            f"what is searchable in {plan.collection!r} has been declared otherwise since it was opened; "
            "declare it alike everywhere, and open the storage again",
            backend="sqlite",
            collection=plan.collection,
        )


def add(connection: apsw.Connection, plan: TablePlan, rows: Iterable[tuple[int, Row]]) -> None:
    """Index new rows, given as (seq, row)."""
    if plan.text_indexes:
        _check_kept(connection, plan)
        for seq, row in rows:
            for index in plan.text_indexes:
                index.add(connection, seq, row)


def replace(connection: apsw.Connection, plan: TablePlan, rows: Iterable[tuple[int, Row, Row]]) -> None:
    """Index anew the rows, given as (seq, stored, new), whose texts have changed."""
    if plan.text_indexes:
        _check_kept(connection, plan)
        for seq, old, new in rows:
            for index in plan.text_indexes:
                index.replace(connection, seq, old, new)


def remove(connection: apsw.Connection, plan: TablePlan, seqs: Sequence[int]) -> None:
    """Forget deleted rows."""
    if plan.text_indexes:
        _check_kept(connection, plan)
    for index in plan.text_indexes:
        index.remove(connection, seqs)


def totals(connection: apsw.Connection, table: str) -> tuple[int, list[int]] | None:
    """How many rows an FTS5 table has, and how many words in each column, as it has counted; None while it is empty."""
    found = connection.execute(totals_statement(table)).fetchone()
    if found is None:
        return None
    rows, *words = msgspec.json.decode(found[0], type=list[int])
    return rows, words


def totals_statement(table: str) -> str:
    """What ``totals`` asks: FTS5 answers while it stands on a row, whichever it is."""
    return f"SELECT torematrix_totals({table}) FROM {table} LIMIT 1"


def check(connection: apsw.Connection, collection: str) -> list[str]:
    """What in a collection's search index is not in step with its rows, in words; nothing where it has none.

    FTS5 keeps no text, so neither this nor SQLite's own check knows whether the words are those of the documents.
    """
    names = derived_name(collection, "search"), derived_name(collection, "lengths")
    there = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name IN (?, ?)", names).fetchall()[
        0
    ][0]
    if not there:
        return []
    if there < len(names):
        return [f"collection {collection!r}: a table of the search index is not there"]
    words, lengths = map(quote_name, names)
    columns = [quote_name(row[1]) for row in connection.execute(f"PRAGMA table_info({lengths})")][1:]
    sums = ", ".join(f"coalesce(sum({column}), 0)" for column in columns)
    rows, *summed = connection.execute(f"SELECT count(*), {sums} FROM {lengths}").fetchall()[0]
    problems: list[str] = []
    if (totals(connection, words) or (0, [0] * len(columns))) != (rows, summed):
        problems.append("the lengths of its texts are not what was counted")
    stored = f"SELECT seq FROM {quote_name(collection)}"
    for keys in (f"SELECT seq FROM {lengths}", f"SELECT rowid FROM {words}"):
        for more, less, what in ((stored, keys, "missing"), (keys, stored, "of no entity")):
            found = connection.execute(f"SELECT count(*) FROM ({more} EXCEPT {less})").fetchall()[0][0]
            if found:
                problems.append(f"{found} rows are {what}")
    return [f"collection {collection!r}: the search index: {text}" for text in dict.fromkeys(problems)]


def _definitions(plan: TablePlan) -> dict[str, str]:
    return {name: statement for index in plan.text_indexes for name, statement in index.definitions.items()}


def _present(connection: apsw.Connection, plan: TablePlan) -> dict[str, str]:
    """The derived tables that are there, with their statements; not those that FTS5 keeps for itself."""
    prefix = derived_name(plan.collection, "")
    found = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, ?) = ?",
        (len(prefix), prefix),
    ).fetchall()
    lengths = derived_name(plan.collection, "lengths")
    return {name: sql for name, sql in found if name == lengths or sql.startswith("CREATE VIRTUAL TABLE")}
