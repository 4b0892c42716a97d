# generated from _async/search_index.py by tools/generate_twins.py: do not edit
"""The index behind ``search()`` and the substring indexes, kept in step with the rows.

The statements are made in ``postings`` and ``trigram``; here they run. Every function but ``insert`` and ``fold`` works
within a transaction that its caller has begun.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final

import psycopg

from ....errors import ConfigurationError, UnsupportedError
from ....model.codec import Row
from ..errors import BACKEND
from ..plan import TablePlan
from ..postings import Analyzed, SearchIndex, derived_prefix
from ..quoting import array_text, quote_name
from ..trigram import TrigramIndex
from .connection import Link
from .statements import execute, fetch

__all__ = [
    "add",
    "create",
    "declared_alike",
    "drop",
    "fold",
    "insert",
    "is_current",
    "rebuild",
    "remove",
    "replace",
]

_FEW: Final = 16
"""Up to so many documents go in one statement; more are copied."""
_BATCH: Final = 2_000
"""So many documents are held in memory at a time, and removed by one statement."""
_CHUNK: Final = 1 << 18
"""Characters handed to COPY at a time."""


@contextlib.contextmanager
def declared_alike(plan: TablePlan) -> Generator[None]:
    """Raises ConfigurationError where the tables of this declaration are no longer there."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        failure = ConfigurationError(
            f"what is searchable in {plan.collection!r} has been declared otherwise since it was opened; "
            "declare it alike everywhere, and open the storage again",
            backend=BACKEND,
            collection=plan.collection,
        )
        # The statement has failed, and within a transaction PostgreSQL takes none after that.
        failure.dooms = True
        raise failure from error


# ------------------------------------------------------------------------------------------------------------- writes


def insert(connection: Link, plan: TablePlan, row: Row) -> None:
    """Store one new row and index it, in one statement, which needs no transaction around it.

    Raises:
        ConfigurationError: another class or process has declared what is searchable otherwise meanwhile.
    """
    parameters: list[Any] = list(plan.to_native(row))
    if plan.search is not None:
        parameters += plan.search.new_parameters(plan.search.analyzed(row))
    parameters += [index.folded(row) for index in _trigrams(plan)]
    with declared_alike(plan):
        execute(connection, plan.text("insert indexed", _insert_statement), parameters)


def _insert_statement(plan: TablePlan) -> str:
    parts = [f'"$made" AS ({plan.insert} RETURNING seq)']
    number = plan.width + 1
    if plan.search is not None:
        parts += plan.search.new('"$made"', number)
        number += plan.search.new_width
    for at, index in enumerate(_trigrams(plan)):
        parts.append(index.new(at, '"$made"', number + at))
    return f'WITH {", ".join(parts)} SELECT seq FROM "$made"'


def add(connection: Link, plan: TablePlan, rows: Sequence[tuple[int, Row]]) -> None:
    """Index new rows, given as (seq, row).

    Raises:
        ConfigurationError: another class or process has declared what is searchable otherwise meanwhile.
    """
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        with declared_alike(plan):
            if plan.search is not None:
                documents = [(seq, plan.search.analyzed(row)) for seq, row in batch]
                _add_words(connection, plan.search, documents)
            for index in _trigrams(plan):
                texts = [(seq, text) for seq, row in batch if (text := index.folded(row)) is not None]
                _put_texts(connection, index, texts)


def replace(connection: Link, plan: TablePlan, rows: Sequence[tuple[int, Row, Row]]) -> None:
    """Index anew the rows, given as (seq, stored, new), whose texts have changed.

    Raises:
        ConfigurationError: as for ``add``.
    """
    search = plan.search
    with declared_alike(plan):
        if search is not None:
            changed = [(seq, new) for seq, old, new in rows if not search.is_unchanged(old, new)]
            if not changed and rows:
                # To have nothing to do here means nothing if another declaration has other texts to compare.
                fetch(connection, search.kept)
            for start in range(0, len(changed), _BATCH):
                documents = [(seq, search.analyzed(new)) for seq, new in changed[start : start + _BATCH]]
                if len(documents) <= _FEW:
                    execute(connection, search.change, search.change_parameters(documents))
                else:
                    execute(connection, search.remove, (_integers(seq for seq, _ in documents),))
                    _add_words(connection, search, documents)
        for index in _trigrams(plan):
            _replace_texts(connection, index, rows)


def remove(connection: Link, plan: TablePlan, seqs: Sequence[int]) -> None:
    """Forget deleted rows.

    Raises:
        ConfigurationError: as for ``add``.
    """
    with declared_alike(plan):
        for start in range(0, len(seqs), _BATCH):
            batch = (_integers(seqs[start : start + _BATCH]),)
            for index in plan.text_indexes:
                execute(connection, index.remove, batch)


def _add_words(connection: Link, index: SearchIndex, documents: Sequence[tuple[int, Analyzed]]) -> None:
    if not documents:
        return
    if len(documents) <= _FEW:
        execute(connection, index.put, index.put_parameters(documents))
        return
    _copy(connection, index.copy_texts, index.texts_lines(documents))
    _copy(connection, index.copy_words, index.words_lines(documents))
    execute(connection, index.note, (len(documents), index.lengths(documents)))


def _copy(connection: Link, statement: str, lines: Iterable[str]) -> None:
    # psycopg wants a literal string, against injection; the statement is the index's own.
    with connection.kept.copy(statement) as copy:  # pyright: ignore[reportArgumentType]
        held: list[str] = []
        size = 0
        for line in lines:
            held.append(line)
            size += len(line)
            if size >= _CHUNK:
                copy.write("".join(held))
                held.clear()
                size = 0
        copy.write("".join(held))


def _put_texts(connection: Link, index: TrigramIndex, texts: Sequence[tuple[int, str]]) -> None:
    start = 0
    while start < len(texts):
        end, size = start, 0
        while end < len(texts) and size < _CHUNK:
            size += len(texts[end][1])
            end += 1
        execute(connection, index.put, index.put_parameters(texts[start:end]))
        start = end


def _replace_texts(connection: Link, index: TrigramIndex, rows: Sequence[tuple[int, Row, Row]]) -> None:
    texts: list[tuple[int, str]] = []
    gone: list[int] = []
    for seq, old, new in rows:
        if not index.is_unchanged(old, new):
            text = index.folded(new)
            if text is not None:
                texts.append((seq, text))
            elif index.folded(old) is not None:
                gone.append(seq)
    _put_texts(connection, index, texts)
    if gone:
        execute(connection, index.remove, (_integers(gone),))


def _trigrams(plan: TablePlan) -> list[TrigramIndex]:
    return [index for index in plan.text_indexes if isinstance(index, TrigramIndex)]


def _integers(values: Iterable[int]) -> str:
    return array_text(map(str, values))


def fold(connection: Link, plan: TablePlan) -> None:
    """Make one row of the totals, which writers add to and searches add up; outside any transaction.

    It waits for nobody and nobody waits for it, so it may fail, on a server that is read-only for instance: then the
    rows stay as they were.
    """
    if plan.search is not None:
        plan.search.crowded = False
        try:
            execute(connection, plan.search.fold)
        except psycopg.Error:
            if connection.closed:
                raise


# --------------------------------------------------------------------------------------------------------- the tables


def create(connection: Link, plan: TablePlan) -> None:
    """Make the tables that the collection's searchable texts and substring indexes need, empty.

    Raises:
        UnsupportedError: a substring index is declared, and there is no pg_trgm.
    """
    _make_tables(connection, plan)
    _make_keys(connection, plan)


def _make_tables(connection: Link, plan: TablePlan) -> None:
    for index in plan.text_indexes:
        for statement in index.tables:
            execute(connection, statement)


def _make_keys(connection: Link, plan: TablePlan) -> None:
    if plan.search is not None:
        for statement in plan.search.keys:
            execute(connection, statement)
    if _trigrams(plan):
        place = fetch(
            connection,
            "SELECT nspname FROM pg_extension JOIN pg_namespace AS place ON place.oid = extnamespace "
            "WHERE extname = 'pg_trgm'",
        )
        if not place:
            raise UnsupportedError(
                "a substring index needs the extension pg_trgm; run CREATE EXTENSION pg_trgm in this database",
                backend=BACKEND,
                collection=plan.collection,
            )
        for index in _trigrams(plan):
            for statement in index.keys(place[0][0]):
                execute(connection, statement)


def _present(connection: Link, plan: TablePlan) -> set[str]:
    """The derived tables that are there."""
    rows = fetch(
        connection,
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND starts_with(relname::text, $1) "
        "AND relnamespace = quote_ident(current_schema())::regnamespace",
        (derived_prefix(plan.collection),),
    )
    return {name for (name,) in rows}


def _wanted(plan: TablePlan) -> set[str]:
    names: set[str] = set(() if plan.search is None else plan.search.names)
    return names | {index.name for index in _trigrams(plan)}


def is_current(connection: Link, plan: TablePlan) -> bool:
    """Whether there are exactly the tables that are kept in step from now on.

    One that is not, because the entity class at hand does not declare it, would miss rows when it is declared again.
    """
    return _present(connection, plan) == _wanted(plan)


def drop(connection: Link, plan: TablePlan) -> None:
    """Drop all such tables of the collection, those of an earlier declaration included."""
    for name in sorted(_present(connection, plan)):
        execute(connection, f"DROP TABLE {quote_name(name)}")


def rebuild(connection: Link, plan: TablePlan) -> None:
    """Index every stored row, whatever is indexed now. Nobody writes to the collection meanwhile."""
    if not plan.text_indexes:
        return
    execute(connection, f"LOCK TABLE {plan.table} IN SHARE ROW EXCLUSIVE MODE")
    # Without keys, which are made much faster of what is there than row by row.
    drop(connection, plan)
    _make_tables(connection, plan)
    last = None
    while True:
        behind = "" if last is None else f" WHERE seq > {last}"
        rows = fetch(
            connection, f"SELECT seq, {plan.select} FROM {plan.table}{behind} ORDER BY seq LIMIT {_BATCH}"
        )
        if not rows:
            break
        last = int(rows[-1][0])
        add(connection, plan, [(int(seq), plan.from_native(tuple(row))) for seq, *row in rows])
    _make_keys(connection, plan)
    for name in sorted(_wanted(plan)):
        execute(connection, f"ANALYZE {quote_name(name)}")
