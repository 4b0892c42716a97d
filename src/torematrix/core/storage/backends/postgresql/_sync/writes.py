# generated from _async/writes.py by tools/generate_twins.py: do not edit
"""Writing rows, and what is said when they are refused.

Functions that run several statements work within a transaction that their caller has begun.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Sequence
from typing import Final

import psycopg
from psycopg import RawCursor

from ....errors import DuplicateError, StorageError, UnavailableError
from ....model.codec import Row, json_text
from ....model.kinds import Canonical
from ....query.operations import Patch, Upsert
from .. import rewriting
from ..adapters import adapt_copy
from ..errors import BACKEND, constraint_of, is_duplicate
from ..plan import TablePlan
from ..quoting import array_text
from ..waiting import Waiting
from . import search
from .connection import Link
from .statements import execute, fetch

__all__ = [
    "insert",
    "insert_many",
    "patch",
    "patch_row",
    "remove",
    "remove_indexed",
    "replace",
    "replace_many",
    "takes_the_row",
    "upsert",
    "upsert_indexed",
]

_MARK: Final = "torematrix_write"


@contextlib.contextmanager
def _undone_alone(link: Link) -> Generator[None, None, None]:
    """Within a session: what fails in here is undone, and what went before stays as it was.

    Outside one there is nothing before, and whoever began the transaction, if there is one, rolls it back. Nor is it
    needed where every refusal comes before the first write: what fails after that dooms the transaction.
    """
    if not link.in_session:
        yield
        return
    execute(link, f"SAVEPOINT {_MARK}")
    try:
        yield
    except BaseException:
        Waiting.finished(_undo, link)
        raise
    execute(link, f"RELEASE {_MARK}")


def _undo(link: Link) -> None:
    with contextlib.suppress(psycopg.Error):  # a connection that is gone has undone everything
        execute(link, f"ROLLBACK TO {_MARK}; RELEASE {_MARK}")


# ------------------------------------------------------------------------------------------------------------ creating


def insert(link: Link, plan: TablePlan, row: Row) -> None:
    """Store one new row, and index its texts."""
    try:
        if plan.text_indexes:
            search.insert(link, plan, row)
        else:
            execute(link, plan.insert, plan.to_native(row))
    except psycopg.Error as error:
        if not is_duplicate(error):
            raise
        raise _duplicate(plan, error, (row,)) from error


def _duplicate(plan: TablePlan, error: psycopg.Error, rows: Sequence[Row]) -> DuplicateError:
    return plan.rules.duplicate_insert(plan.what_is_taken(constraint_of(error)), 1, rows, BACKEND)


def insert_many(link: Link, plan: TablePlan, rows: Sequence[Row]) -> None:
    """Store new rows, all or none, and index their texts."""
    if not rows:
        return
    try:
        with _undone_alone(link):
            if not plan.text_indexes:
                _copy(link, plan.copy, plan.types, rows)
                return
            seqs = _new_seqs(link, plan, len(rows))
            numbered = ((seq, *row) for seq, row in zip(seqs, rows, strict=True))
            _copy(link, plan.copy_at, ["bigint", *plan.types], numbered)
            search.add(link, plan, list(zip(seqs, rows, strict=True)))
    except psycopg.Error as error:
        if not is_duplicate(error):
            raise
        if not link.in_session and not link.is_idle:
            execute(link, "ROLLBACK")  # so that it can be asked which
        raise _first_duplicate(link, plan, rows, error) from error


def _new_seqs(link: Link, plan: TablePlan, count: int) -> list[int]:
    """Numbers that no row has had."""
    statement = "SELECT nextval(pg_get_serial_sequence($1, 'seq')) FROM generate_series(1, $2)"
    return [row[0] for row in fetch(link, statement, (plan.table, str(count)))]


def _copy(link: Link, statement: str, types: Sequence[str], rows: Iterable[Row]) -> None:
    cursor = RawCursor(link)
    adapt_copy(cursor)
    with cursor.copy(statement) as copy:  # pyright: ignore[reportArgumentType] - made from the plan
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _first_duplicate(
    link: Link, plan: TablePlan, rows: Sequence[Row], error: psycopg.Error
) -> DuplicateError:
    """The error that names the first of these rows which was there already, as if they had come one by one."""
    if len(rows) > 1 and (link.is_idle or link.is_in_transaction):
        found = fetch(link, rewriting.taken_statement(plan), plan.columns_of(rows))
        if found:
            ordinal, index = found[0]
            return plan.rules.duplicate_insert(plan.what_is_taken(index), int(ordinal), rows, BACKEND)
    # Another transaction has stored it meanwhile, or will have.
    return _duplicate(plan, error, rows[:1])


# ----------------------------------------------------------------------------------------------------------- replacing


def replace(link: Link, plan: TablePlan, row: Row) -> Row:
    """Replace one row of a collection without text indexes; the row as stored."""
    statement = plan.text("replace", rewriting.replace_statement)
    with _refusing_duplicates(plan):
        found = fetch(link, statement, rewriting.replaced_values(plan, plan.to_native(row)))
    if not found:
        raise _not_replaced(link, plan, [row], "update")
    return rewriting.as_stored(plan, row, *found[0])


@contextlib.contextmanager
def _refusing_duplicates(plan: TablePlan) -> Generator[None]:
    try:
        yield
    except psycopg.Error as error:
        if not is_duplicate(error):
            raise
        raise plan.rules.duplicate_update(BACKEND) from error


def _not_replaced(link: Link, plan: TablePlan, rows: Sequence[Row], operation: str) -> StorageError:
    """Why these rows were not all replaced: one is not there, or has moved on."""
    return _refusal(link, plan, rows, operation) or UnavailableError(
        f"another program has changed the same entities of {plan.collection!r} meanwhile; try again",
        backend=BACKEND,
        operation=operation,
        collection=plan.collection,
    )


def _refusal(
    link: Link, plan: TablePlan, rows: Sequence[Row], operation: str, lock: str = ""
) -> StorageError | None:
    """The error for the first of these rows that is not there or else has moved on; None where there is none."""
    rules = plan.rules
    at = rules.revision_at
    revision = "NULL" if at is None else plan.quoted[at]
    statement = f"SELECT id, {revision} FROM {plan.table} WHERE id = ANY ($1::text[]){lock}"
    stored = dict(fetch(link, statement, (array_text([row[0] for row in rows]),)))
    for row in rows:
        if row[0] not in stored:
            return rules.not_found(str(row[0]), operation)
    for row in rows:
        if at is not None and stored[row[0]] != row[at] - 1:
            return rules.conflict(str(row[0]), expected=row[at] - 1, stored=stored[row[0]])
    return None


def replace_many(link: Link, plan: TablePlan, rows: Sequence[Row]) -> list[Row]:
    """Replace rows, all or none; the rows as stored."""
    if not rows:
        return []
    if plan.text_indexes:
        return _replace_indexed(link, plan, rows)
    with _undone_alone(link):
        arrays = plan.columns_of(rows)
        if plan.unique:
            # Before a unique value can be refused: every row is there, and is what it was.
            refusal = _refusal(link, plan, rows, "update", " ORDER BY id FOR NO KEY UPDATE")
            if refusal is not None:
                raise refusal
            if _clash(link, plan, arrays):
                return [replace(link, plan, row) for row in rows]
        with _refusing_duplicates(plan):
            found = fetch(link, plan.text("replace many", rewriting.replace_many_statement), arrays)
        returned = {given_back[0]: given_back for given_back in found}
        if len(found) < len(rows):
            # Those that were replaced are at their new revision by now.
            raise _not_replaced(link, plan, [row for row in rows if row[0] not in returned], "update")
        return rewriting.all_as_stored(plan, rows, returned)


def _clash(link: Link, plan: TablePlan, arrays: Sequence[str]) -> bool:
    """Whether these rows have to be stored one by one, in the caller's order, because uniqueness depends on it."""
    if not plan.unique:
        return False
    found = fetch(link, plan.text("clash", rewriting.clash_statement), arrays)
    return bool(found[0][0])


def _locked(link: Link, plan: TablePlan, ids: Sequence[str]) -> dict[str, tuple[int, Row]]:
    """The rows of these ids with their seq, 0 where they have none; nobody else can change them for now."""
    seq = "seq" if plan.has_seq else "0"
    # In the order of their ids, so that two who lock the same rows do not wait for each other.
    wanted = f"{plan.table} WHERE id = ANY ($1::text[])"
    statement = f"SELECT {seq}, {plan.select} FROM {wanted} ORDER BY id FOR NO KEY UPDATE"
    found = fetch(link, statement, (array_text(ids),))
    return {row[1]: (row[0], plan.from_native(row[1:])) for row in found}


def _replace_indexed(link: Link, plan: TablePlan, rows: Sequence[Row]) -> list[Row]:
    """The same where texts are indexed, which takes the rows as they were."""
    rules = plan.rules
    stored = _locked(link, plan, [row[0] for row in rows])
    pairs: list[tuple[int, Row, Row]] = []
    for row in rows:
        found = stored.get(row[0])
        if found is None:
            raise rules.not_found(str(row[0]), "update")
        pairs.append((found[0], found[1], row))
    for _, old, row in pairs:
        rules.check_revision(old, row)
    replaced = [(seq, old, rules.replaced(old, row)) for seq, old, row in pairs]
    _store(link, plan, replaced)
    return [new for _, _, new in replaced]


def _store(link: Link, plan: TablePlan, pairs: Sequence[tuple[int, Row, Row]]) -> None:
    """Store whole rows in place of locked ones, given as (seq, old, new), and index their texts."""
    with _refusing_duplicates(plan):
        arrays = plan.columns_of([new for _, _, new in pairs]) if len(pairs) > 1 else []
        if arrays and not _clash(link, plan, arrays):
            execute(link, plan.text("set rows", rewriting.set_rows_statement), arrays)
        else:
            _store_one_by_one(link, plan, pairs)
    if plan.text_indexes:
        search.replace(link, plan, pairs)


def _store_one_by_one(link: Link, plan: TablePlan, pairs: Sequence[tuple[int, Row, Row]]) -> None:
    for _, old, new in pairs:
        changed = plan.rules.changed(old, new)
        if changed:
            native = plan.to_native(new)
            statement = rewriting.set_row_statement(plan, changed)
            execute(link, statement, (*[native[at] for at in changed], native[0]))


# ------------------------------------------------------------------------------------------------ upserts and patches


def upsert(link: Link, plan: TablePlan, operation: Upsert) -> Row:
    """Store a row, or replace the one of the same id, where no texts are indexed; the row as stored."""
    statement = plan.text("upsert", rewriting.upsert_statement)
    replacing = rewriting.replaced_values(plan, plan.to_native(operation.replacing))
    values = (*plan.to_native(operation.inserted), *replacing[1:])
    try:
        if plan.unique:
            with _undone_alone(link):
                found = fetch(link, statement, values)
        else:
            found = fetch(link, statement, values)
    except psycopg.Error as error:
        if not is_duplicate(error):
            raise
        if fetch(link, plan.get, (operation.inserted[0],)):
            raise plan.rules.duplicate_update(BACKEND) from error
        raise _duplicate(plan, error, (operation.inserted,)) from error
    if not found:
        raise _not_replaced(link, plan, [operation.replacing], "upsert")
    inserted, created, document = found[0]
    if inserted:
        return operation.inserted
    return rewriting.as_stored(plan, operation.replacing, created, document)


def upsert_indexed(link: Link, plan: TablePlan, operation: Upsert) -> Row:
    """The same where texts are indexed."""
    entity_id = operation.inserted[0]
    if entity_id not in _locked(link, plan, [entity_id]):
        statement = (
            f"INSERT INTO {plan.table} ({plan.select}) VALUES ({plan.marks}) "
            "ON CONFLICT (id) DO NOTHING RETURNING seq"
        )
        try:
            found = fetch(link, statement, plan.to_native(operation.inserted))
        except psycopg.Error as error:
            if not is_duplicate(error):
                raise
            raise _duplicate(plan, error, (operation.inserted,)) from error
        if found:
            search.add(link, plan, [(found[0][0], operation.inserted)])
            return operation.inserted
        # Another transaction was first, and has committed by now.
    return _replace_indexed(link, plan, [operation.replacing])[0]


def takes_the_row(plan: TablePlan, operation: Patch) -> bool:
    """Whether a patch has to see the row it changes: texts are indexed, or it may make an index entry too large."""
    check = plan.rules.check_entries
    if plan.text_indexes or not check:
        return bool(plan.text_indexes)
    small = check.share // 4  # bytes of a character
    return any(
        len(value) > small if isinstance(value, str) else check.in_document and field.scalar is None
        for field, value in operation.changes
    ) or (check.in_document and bool(operation.extras))


def patch(link: Link, plan: TablePlan, operation: Patch) -> Row:
    """Change values of one row where no texts are indexed; the row as stored."""
    columns: list[int] = []
    values: list[str | None] = []
    document: dict[str, Canonical] = dict(operation.extras)
    for field, value in operation.changes:
        if field.scalar is None:
            document[field.key] = value
        else:
            at = plan.rules.at[field.name]
            columns.append(at)
            values.append(plan.native_value(at, value))
    if document:
        values.append(json_text(document))
    values.append(operation.id)
    expected = operation.expected
    guarded = expected is not None and plan.rules.revision_at is not None
    if guarded:
        values.append(str(expected))
    statement = rewriting.patch_statement(plan, columns, document=bool(document), guarded=guarded)
    with _refusing_duplicates(plan):
        found = fetch(link, statement, values)
    if found:
        return plan.from_native(found[0])
    raise _not_patched(link, plan, operation)


def _not_patched(link: Link, plan: TablePlan, operation: Patch) -> StorageError:
    rows = fetch(link, plan.get, (operation.id,))
    at, expected = plan.rules.revision_at, operation.expected
    if rows and at is not None and expected is not None:
        return plan.rules.conflict(operation.id, expected=expected, stored=int(rows[0][at]))
    return plan.rules.not_found(operation.id, "patch")


def patch_row(link: Link, plan: TablePlan, operation: Patch) -> Row:
    """The same where the row has to be seen."""
    found = _locked(link, plan, [operation.id]).get(operation.id)
    if found is None:
        raise plan.rules.not_found(operation.id, "patch")
    seq, old = found
    new = plan.rules.patched(old, operation)
    plan.rules.check_revision(old, new)
    new = plan.rules.replaced(old, new)
    _store(link, plan, [(seq, old, new)])
    return new


# ------------------------------------------------------------------------------------------------------------ removing


def remove(link: Link, plan: TablePlan, ids: Sequence[str]) -> int:
    """Delete rows where no texts are indexed; how many there were."""
    if len(ids) == 1:
        return execute(link, plan.delete, (ids[0],)).rowcount
    return execute(link, plan.delete_many, (array_text(ids),)).rowcount


def remove_indexed(link: Link, plan: TablePlan, ids: Sequence[str]) -> int:
    """The same where texts are indexed."""
    gone = fetch(link, f"{plan.delete_many} RETURNING seq", (array_text(ids),))
    search.remove(link, plan, [row[0] for row in gone])
    return len(gone)
