"""Writing rows: the statements of an insert and a replacement, and what is said when they are refused.

Each function works within a transaction that its caller has begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from ...errors import DuplicateError
from ...model.codec import Row
from . import search
from .errors import is_duplicate
from .plan import TablePlan

__all__ = ["duplicate_error", "insert_rows", "replace_rows"]


def duplicate_error(
    connection: apsw.Connection, plan: TablePlan, rows: Sequence[Row], taken: int
) -> DuplicateError:
    """The error for the row, counted from 1, that was there already."""
    what = duplicated(connection, plan, rows[taken - 1])
    return plan.rules.duplicate_insert(what, taken, rows, "sqlite")


def insert_rows(connection: apsw.Connection, plan: TablePlan, rows: Sequence[Row]) -> None:
    """Insert these rows, and what makes them findable, within the transaction at hand."""
    native = [plan.to_native(row) for row in rows] if plan.native else rows
    before = connection.total_changes()
    try:
        if not plan.text_indexes:
            connection.executemany(plan.insert, native)
            return
        first = (
            int(connection.execute(f"SELECT coalesce(max(seq), 0) FROM {plan.table}").fetchall()[0][0]) + 1
        )
        connection.executemany(plan.insert_at, ((first + at, *row) for at, row in enumerate(native)))
    except apsw.ConstraintError as error:
        if is_duplicate(error):
            # As many rows as were stored stand before the one that was refused.
            raise duplicate_error(connection, plan, rows, connection.total_changes() - before + 1) from error
        raise
    search.add(connection, plan, [(first + at, row) for at, row in enumerate(rows)])


def replace_rows(
    connection: apsw.Connection, plan: TablePlan, pairs: Sequence[tuple[int, Row, Row]]
) -> list[Row]:
    """Replace rows, given as (seq, stored, new), within the transaction at hand; the rows as stored.

    Only columns that differ are set: an index is not touched for a value that stays.
    """
    rules = plan.rules
    results: list[Row] = []
    updates: list[tuple[tuple[int, ...], tuple[Any, ...]]] = []
    texts: list[tuple[int, Row, Row]] = []
    for seq, old, given in pairs:
        rules.check_revision(old, given)
        new = rules.replaced(old, given)
        results.append(new)
        changed = rules.changed(old, new)
        if changed:
            native = plan.to_native(new)
            updates.append((changed, (*[native[at] for at in changed], seq)))
            if plan.text_indexes:
                texts.append((seq, old, new))
    at = 0
    try:
        while at < len(updates):
            changed = updates[at][0]
            end = at
            while end < len(updates) and updates[end][0] == changed:
                end += 1
            if end - at == 1:
                connection.execute(plan.update(changed), updates[at][1])
            else:
                connection.executemany(plan.update(changed), [values for _, values in updates[at:end]])
            at = end
    except apsw.ConstraintError as error:
        if not is_duplicate(error):
            raise
        raise plan.rules.duplicate_update("sqlite") from error
    search.replace(connection, plan, texts)
    return results


def duplicated(connection: apsw.Connection, plan: TablePlan, row: Row) -> str:
    """What of this row another entity has already: "id", or the fields of a unique index."""
    if connection.execute(f"SELECT 1 FROM {plan.table} WHERE id = ?", (row[0],)).fetchone() is not None:
        return "id"
    if len(plan.unique) == 1:
        return " and ".join(plan.unique[0].paths)
    for spec in plan.unique:
        columns = [
            (target, expression) for target, expression in plan.unique_expressions(spec) if target.column
        ]
        if len(columns) != len(spec.paths):
            continue
        tests = " AND ".join(f"{expression} = ?" for _, expression in columns)
        native = plan.to_native(row)
        values = [
            native[plan.rules.at[target.column.name]] for target, _ in columns if target.column is not None
        ]
        if connection.execute(f"SELECT 1 FROM {plan.table} WHERE {tests}", values).fetchone() is not None:
            return " and ".join(spec.paths)
    return "value of a unique field"
