"""A collection from one schema to another, in place, within the transaction at hand.

The table stays the same one: what was granted on it stays, and so does what stands on columns that stay. One that
changes is moved aside under a name that no field can have, a new one takes its place, every row is made anew from the
old columns by an UPDATE, and what was moved aside is dropped. Nothing empties or rewrites the table: a transaction that
began before still sees the rows of then.
"""

from __future__ import annotations

import psycopg

from ....core.restructuring import BATCH, Conversion, Restructuring
from ....errors import MigrationError
from ..._sql.moving_aside import changed_columns
from ..errors import BACKEND
from ..plan import TablePlan, index_name
from ..quoting import quote_name
from ..rewriting import set_rows_statement
from . import search
from .connection import AsyncLink
from .ensure import (
    column_with_default,
    columns_present,
    create_index,
    remember_schema,
    sequence_definition,
    stored_schemas,
    undisturbed,
)
from .statements import execute, fetch

__all__ = ["restructure"]


async def restructure(link: AsyncLink, asked: Restructuring) -> None:
    """Do what is asked.

    Raises:
        MigrationError: rows cannot be converted, or something else in the database stands on a column.
        DuplicateError: rows do not meet a unique constraint.
    """
    conversion = Conversion(asked, json_documents=True)
    before = TablePlan(asked.collection, conversion.before)
    after = TablePlan(asked.collection, conversion.after)
    async with undisturbed(link):
        # At once as strongly as it will be needed: a lock made stronger later waits for readers who wait for it.
        await execute(link, f"LOCK TABLE {before.table} IN ACCESS EXCLUSIVE MODE")
        asked.check_stored((await stored_schemas(link)).get(asked.collection))
        await _restructure(link, before, after, conversion, asked)


async def _restructure(
    link: AsyncLink, before: TablePlan, after: TablePlan, conversion: Conversion, asked: Restructuring
) -> None:
    rewrites = not asked.keeps_rows
    for spec in before.schema.indexes:
        if rewrites or spec not in after.schema.indexes:
            for second in (False, True):
                name = quote_name(index_name(asked.collection, spec, second=second))
                await execute(link, f"DROP INDEX IF EXISTS {name}")
    if rewrites:
        await _rewrite(link, before, after, conversion, asked)
    if after.has_seq and "seq" not in await columns_present(link, after):
        await execute(link, f"ALTER TABLE {after.table} ADD COLUMN {sequence_definition(after)}")
    for spec in after.schema.indexes:
        if not spec.substring and (rewrites or spec not in before.schema.indexes):
            await create_index(link, after, spec)
    if not asked.keeps_texts or not await search.is_current(link, after):
        await search.drop(link, after)
        await search.create(link, after)
        await search.rebuild(link, after)
    await remember_schema(link, after, asked.after)


async def _rewrite(
    link: AsyncLink, before: TablePlan, after: TablePlan, conversion: Conversion, asked: Restructuring
) -> None:
    aside, added = changed_columns(before.schema, after.schema, column_with_default)
    for column, moved in aside.items():
        renaming = f"RENAME COLUMN {quote_name(column)} TO {quote_name(moved)}"
        await execute(link, f"ALTER TABLE {before.table} {renaming}")
    if added:
        adding = ", ".join(f"ADD COLUMN {definition}" for definition in added)
        await execute(link, f"ALTER TABLE {before.table} {adding}")
    names = ", ".join(quote_name(aside.get(name, name)) for name in before.names)
    await _convert(link, f"SELECT {names} FROM {before.table}", before, after, conversion, asked)
    for column, moved in aside.items():
        await _drop(link, before, column, moved)


async def _drop(link: AsyncLink, plan: TablePlan, column: str, moved: str) -> None:
    try:
        await execute(link, f"ALTER TABLE {plan.table} DROP COLUMN {quote_name(moved)}")
    except psycopg.errors.DependentObjectsStillExist as error:
        raise MigrationError(
            f"the column {column!r} of {plan.collection!r} cannot be changed: a view or something else that this "
            "library did not make stands on it; drop that first",
            backend=BACKEND,
            collection=plan.collection,
        ) from error


async def _convert(
    link: AsyncLink,
    select: str,
    before: TablePlan,
    after: TablePlan,
    conversion: Conversion,
    asked: Restructuring,
) -> None:
    total = int((await fetch(link, f"SELECT count(*) FROM {before.table}"))[0][0])
    update = set_rows_statement(after)
    done, last = 0, ""
    while batch := before.rows(
        await fetch(link, f"{select} WHERE id > $1 ORDER BY id LIMIT {BATCH}", (last,))
    ):
        rows = conversion.rows(batch)
        if not conversion.failed:
            await execute(link, update, after.columns_of(rows))
        done, last = done + len(batch), batch[-1][0]
        asked.tell(done, total)
    conversion.check()
