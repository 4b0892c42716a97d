"""Writing rows: the statements of an insert, a replacement, a patch, and what is said when they are refused.

Each function works within a transaction that its caller has begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from ...errors import ConflictError, DuplicateError
from ...model.codec import Row, json_text
from ...query.operations import Patch
from . import search
from .errors import is_duplicate
from .plan import TablePlan, raw_members

__all__ = ["check_revision", "duplicate_error", "insert_rows", "patched", "replace_rows"]


def duplicate_error(
    connection: apsw.Connection, plan: TablePlan, rows: Sequence[Row], taken: int
) -> DuplicateError:
    """The error for the row, counted from 1, that was there already."""
    where = f" (entity {taken} of {len(rows)})" if len(rows) > 1 else ""
    what = duplicated(connection, plan, rows[taken - 1])
    return DuplicateError(
        f"another entity of {plan.collection!r} has the same {what}{where}; nothing was stored",
        backend="sqlite",
        operation="create",
        collection=plan.collection,
    )


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
    results: list[Row] = []
    updates: list[tuple[tuple[int, ...], tuple[Any, ...]]] = []
    texts: list[tuple[int, Row, Row]] = []
    for seq, old, given in pairs:
        check_revision(plan, old, given)
        new = plan.replaced(old, given)
        results.append(new)
        changed = plan.changed(old, new)
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
        raise DuplicateError(
            f"an update would give two entities of {plan.collection!r} the same value of a unique field; "
            "nothing was changed",
            backend="sqlite",
            operation="update",
            collection=plan.collection,
        ) from error
    search.replace(connection, plan, texts)
    return results


def check_revision(plan: TablePlan, old: Row, new: Row) -> None:
    """Refuse a row that was read before the stored one was written."""
    at = plan.revision_at
    if at is None:
        return
    stored, expected = int(old[at]), int(new[at]) - 1
    if stored != expected:
        raise ConflictError(
            f"the entity {new[0]!r} of {plan.collection!r} is at revision {stored}, not {expected}; "
            "nothing was changed",
            entity_id=str(new[0]),
            expected=expected,
            stored=stored,
            operation="update",
        )


def patched(plan: TablePlan, old: Row, operation: Patch) -> Row:
    """The row that a patch makes of the stored one."""
    values = list(old)
    document = dict(operation.extras)
    for field, value in operation.changes:
        if field.scalar is not None:
            values[plan.at[field.name]] = value
        else:
            document[field.key] = value
    if document:
        stored = raw_members(str(old[-1]))
        changed = {key: msgspec.Raw(json_text(value).encode()) for key, value in document.items()}
        values[-1] = msgspec.json.encode({**stored, **changed}, order="sorted").decode()
    if plan.revision_at is not None:
        stored_revision = int(old[plan.revision_at])
        base = stored_revision if operation.expected is None else operation.expected
        values[plan.revision_at] = base + 1
    return tuple(values)


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
        values = [native[plan.at[target.column.name]] for target, _ in columns if target.column is not None]
        if connection.execute(f"SELECT 1 FROM {plan.table} WHERE {tests}", values).fetchone() is not None:
            return " and ".join(spec.paths)
    return "value of a unique field"
