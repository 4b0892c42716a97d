"""Care of a PostgreSQL database: whether it answers, what it holds, and giving space back."""

from __future__ import annotations

from typing import Any, Final

from ..quoting import quote_name
from .connection import AsyncLink
from .ensure import stored_schemas
from .statements import execute, fetch

__all__ = ["health", "statistics", "vacuum"]

_HEALTH: Final = """
SELECT current_setting('server_version'), pg_is_in_recovery(), current_setting('synchronous_commit'),
       current_setting('transaction_read_only')
"""
_SIZES: Final = """
SELECT c.relname, c.reltuples::bigint, pg_total_relation_size(c.oid),
       ARRAY(SELECT i.relname::text FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
             WHERE x.indrelid = c.oid ORDER BY i.relname)::text[]
FROM pg_class AS c
WHERE c.relnamespace = quote_ident(current_schema())::regnamespace AND c.relkind = 'r'
"""


async def health(link: AsyncLink) -> dict[str, Any]:
    """A round trip; the server's version, and how it keeps what is written."""
    version, standby, commit, read_only = (await fetch(link, _HEALTH))[0]
    return {
        "ok": True,
        "version": str(version),
        "standby": bool(standby),
        "synchronous_commit": str(commit),
        "read_only": read_only == "on",
    }


def _owner(table: str, names: list[str]) -> str | None:
    """The collection that a table belongs to; one derived from a collection's has a $ behind its name."""
    base = table.partition("$")[0]
    return base if base in names else None


async def statistics(link: AsyncLink) -> dict[str, Any]:
    """Sizes in bytes and counts, for the database and for each collection.

    ``rows`` are counted; ``bytes`` are those of a collection's tables and indexes together.
    """
    names = list(await stored_schemas(link))
    found: dict[str, dict[str, Any]] = {name: {"rows": 0, "bytes": 0, "indexes": []} for name in names}
    for table, _, size, indexes in await fetch(link, _SIZES):
        owner = _owner(table, names)
        if owner is not None:
            found[owner]["bytes"] += int(size)
            found[owner]["indexes"] += indexes
    for name in names:
        found[name]["rows"] = int((await fetch(link, f"SELECT count(*) FROM {quote_name(name)}"))[0][0])
    size = (await fetch(link, "SELECT pg_database_size(current_database())"))[0][0]
    return {"bytes": int(size), "collections": found}


async def _tables(link: AsyncLink) -> list[str]:
    names = list(await stored_schemas(link))
    return [table for table, *_ in await fetch(link, _SIZES) if _owner(table, names) is not None]


async def vacuum(link: AsyncLink, *, full: bool) -> dict[str, Any]:
    """Free the space of what was deleted, and let the planner look again; sizes in bytes before and after.

    By default the space is kept for what comes, while others read and write. A full one writes every table anew,
    tightly packed, and holds up everybody meanwhile.
    """
    tables = await _tables(link)
    before = await _size(link, tables)
    limit, link.limit = link.limit, None
    try:
        await execute(link, "SELECT set_config('statement_timeout', '0', false)")
        for table in tables:
            await execute(link, f"VACUUM ({'FULL, ' if full else ''}ANALYZE) {quote_name(table)}")
    finally:
        link.limit = limit
        # The settings of the session are no longer what they should be.
        await link.close()
    return {"full": full, "bytes_before": before, "tables": len(tables)}


async def _size(link: AsyncLink, tables: list[str]) -> int:
    total = 0
    for table in tables:
        total += int(
            (await fetch(link, "SELECT pg_total_relation_size($1::regclass)", (quote_name(table),)))[0][0]
        )
    return total
