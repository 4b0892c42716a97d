# generated from _async/admin.py by tools/generate_twins.py: do not edit
"""Care of a PostgreSQL database: whether it answers, what it holds, and giving space back."""

from __future__ import annotations

from typing import Any, Final

from ..quoting import quote_name
from .connection import Link
from .ensure import stored_schemas
from .statements import execute, fetch

__all__ = ["health", "statistics", "vacuum"]

_COUNTED: Final = 64 * 1024 * 1024
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


def health(link: Link) -> dict[str, Any]:
    """A round trip; the server's version, and how it keeps what is written."""
    version, standby, commit, read_only = fetch(link, _HEALTH)[0]
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


def statistics(link: Link) -> dict[str, Any]:
    """Sizes in bytes and counts, for the database and for each collection.

    ``bytes`` are those of a collection's tables and indexes together. ``rows`` are counted, or for a table of more than
    64 MB what the server estimates; ``estimated`` says which.
    """
    names = list(stored_schemas(link))
    found: dict[str, dict[str, Any]] = {name: {"bytes": 0, "indexes": []} for name in names}
    for table, estimate, size, indexes in fetch(link, _SIZES):
        owner = _owner(table, names)
        if owner is None:
            continue
        found[owner]["bytes"] += int(size)
        found[owner]["indexes"] += indexes
        if table == owner:
            found[owner]["rows"] = max(0, int(estimate))
            found[owner]["estimated"] = int(size) > _COUNTED
    for name in names:
        if not found[name].setdefault("estimated", False):
            counted = fetch(link, f"SELECT count(*) FROM {quote_name(name)}")
            found[name]["rows"] = int(counted[0][0])
    size = fetch(link, "SELECT pg_database_size(current_database())")[0][0]
    return {"bytes": int(size), "collections": found}


def _tables(link: Link) -> dict[str, int]:
    """The library's tables, and the bytes of each with its indexes."""
    names = list(stored_schemas(link))
    return {table: int(size) for table, _, size, _ in fetch(link, _SIZES) if _owner(table, names) is not None}


def vacuum(link: Link, *, full: bool) -> dict[str, Any]:
    """Free the space of what was deleted, and let the planner look again; sizes in bytes before and after.

    By default the space is kept for what comes, while others read and write. A full one writes every table anew,
    tightly packed, and holds up everybody meanwhile.
    """
    before = _tables(link)
    link.limit = None
    try:
        execute(link, "SELECT set_config('statement_timeout', '0', false)")
        for table in before:
            execute(link, f"VACUUM ({'FULL, ' if full else ''}ANALYZE) {quote_name(table)}")
        after = _tables(link)
    finally:
        link.close()  # its settings are no longer what they should be
    return {
        "full": full,
        "bytes_before": sum(before.values()),
        "bytes_after": sum(after.values()),
        "tables": len(after),
    }
