"""A collection from one schema to another, in place, within the transaction at hand.

Columns that stay are not touched. One that changes is moved aside under a name that no field can have, a new one takes
its place, every row is made anew from the old columns, and what was moved aside is dropped. Indexes come last.
"""

from __future__ import annotations

import sys
from typing import Final

import apsw

from ...core.restructuring import BATCH, Conversion, Restructuring
from ...errors import MigrationError
from .._sql.moving_aside import changed_columns
from . import search
from .ensure import column_definition, create_index, remember_schema, stored_schemas
from .plan import TablePlan, index_name
from .quoting import quote_name

__all__ = ["restructure"]

_ERROR: Final = 1
"""SQLITE_ERROR: what was asked for cannot be done."""


def restructure(connection: apsw.Connection, asked: Restructuring) -> None:
    """Do what is asked.

    Raises:
        MigrationError: rows cannot be converted, or something else in the database stands on a column.
        DuplicateError: rows do not meet a unique constraint.
    """
    asked.check_stored(stored_schemas(connection).get(asked.collection))
    conversion = Conversion(asked, json_documents=True)
    before = TablePlan(asked.collection, conversion.before)
    after = TablePlan(asked.collection, conversion.after)
    rewrites = not asked.keeps_rows
    for spec in before.schema.indexes:
        if rewrites or spec not in after.schema.indexes:
            connection.execute(f"DROP INDEX IF EXISTS {quote_name(index_name(asked.collection, spec))}")
    if rewrites:
        _rewrite(connection, before, after, conversion, asked)
    for spec in after.schema.indexes:
        if not spec.substring:
            create_index(connection, asked.collection, after.schema, spec)
    if not asked.keeps_texts or not search.is_current(connection, after):
        search.drop(connection, after)
        search.create(connection, after)
        search.rebuild(connection, after)
    remember_schema(connection, after, asked.after)


def _rewrite(
    connection: apsw.Connection,
    before: TablePlan,
    after: TablePlan,
    conversion: Conversion,
    asked: Restructuring,
) -> None:
    table = before.table
    aside, added = changed_columns(before.schema, after.schema, column_definition)
    for column, moved in aside.items():
        _alter(connection, before, f"RENAME COLUMN {quote_name(column)} TO {quote_name(moved)}", column)
    for definition in added:
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {definition}")
    names = ", ".join(quote_name(aside.get(name, name)) for name in before.names)
    _convert(connection, f"SELECT seq, {names} FROM {table}", before, after, conversion, asked)
    for column, moved in aside.items():
        _alter(connection, before, f"DROP COLUMN {quote_name(moved)}", column)


def _alter(connection: apsw.Connection, plan: TablePlan, change: str, column: str) -> None:
    try:
        connection.execute(f"ALTER TABLE {plan.table} {change}")
    except apsw.Error as error:
        if error.result & 0xFF != _ERROR:
            raise
        raise MigrationError(
            f"the column {column!r} of {plan.collection!r} cannot be changed: a view, a trigger or an index that this "
            "library did not make stands on it; drop that first",
            backend="sqlite",
            collection=plan.collection,
        ) from error


def _convert(
    connection: apsw.Connection,
    select: str,
    before: TablePlan,
    after: TablePlan,
    conversion: Conversion,
    asked: Restructuring,
) -> None:
    total = int(connection.execute(f"SELECT count(*) FROM {before.table}").fetchall()[0][0])
    update = after.update(range(1, after.width))
    done, last = 0, -sys.maxsize - 1
    while batch := connection.execute(
        f"{select} WHERE seq > ? ORDER BY seq LIMIT {BATCH}", (last,)
    ).fetchall():
        rows = conversion.rows(before.from_native(row[1:]) for row in batch)
        if not conversion.failed:
            natives = map(after.to_native, rows)
            connection.executemany(
                update, ((*native[1:], row[0]) for native, row in zip(natives, batch, strict=True))
            )
        done, last = done + len(batch), batch[-1][0]
        asked.tell(done, total)
    conversion.check()
