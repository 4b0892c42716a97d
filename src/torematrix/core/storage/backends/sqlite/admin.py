"""Care of a SQLite database: giving space back, examining it, measuring it. Backups stand in modules of their own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from typing import Any, Final

import apsw

from ...errors import PermissionDeniedError
from .backup import Database, backup, verify_backup
from .config import Durability, SQLiteConfig
from .connection import connect
from .inspection import check, collections, count_rows
from .restore import restore
from .search_index import derived_name

__all__ = ["Database", "backup", "check", "health", "restore", "statistics", "vacuum", "verify_backup"]

_PAGES: Final = 1000  # moved in one transaction; writers get their turn in between
_AUTO_VACUUM: Final = {0: "none", 1: "full", 2: "incremental"}


def vacuum(driver: Database, *, full: bool) -> dict[str, Any]:
    """Give free pages back to the file system; the sizes in bytes, and the free pages, before and after.

    By default free pages at hand are cut off, in short transactions between which others write. A full one writes the
    whole database anew, tightly packed: it needs twice the space for a while, holds up every write, and is the only way
    to shrink a file whose ``auto_vacuum`` is not "incremental" (it makes it so). Readers that stay active keep the file
    from shrinking until they end: then ``bytes_after`` does not show it yet.

    Raises:
        PermissionDeniedError: the database was opened read-only.
        UnavailableError: others did not stop writing within ``busy_timeout``.
    """
    config = driver.config
    if config.read_only:
        raise PermissionDeniedError(
            "the database was opened read-only; open it for writing to vacuum it",
            backend="sqlite",
            operation="vacuum",
        )
    before = _Size(driver)
    if full:
        _vacuum_full(driver)
    else:
        _vacuum_free(driver, before.free_pages)
    _checkpoint(driver)
    after = _Size(driver)
    return {
        "full": full,
        "auto_vacuum": after.auto_vacuum,
        "bytes_before": before.size,
        "bytes_after": after.size,
        "free_pages_before": before.free_pages,
        "free_pages_after": after.free_pages,
    }


class _Size:
    """What is compared before and after."""

    def __init__(self, driver: Database) -> None:
        connection = driver.pool.take_writer()
        try:
            self.free_pages = int(connection.pragma("freelist_count"))
            self.auto_vacuum = _AUTO_VACUUM[int(connection.pragma("auto_vacuum"))]
            self.size = sum(_sizes(connection, driver.config))
        finally:
            driver.pool.give_back(connection, writes=True)


def _sizes(connection: apsw.Connection, config: SQLiteConfig) -> tuple[int, int]:
    """The bytes of the database and of its WAL."""
    if config.is_memory:
        return int(connection.pragma("page_count")) * int(connection.pragma("page_size")), 0
    return _file_size(config.database_path), _file_size(config.database_path + "-wal")


def _file_size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116  # the path is a text of SQLite's, with a suffix
    except FileNotFoundError:
        return 0


def _vacuum_free(driver: Database, pages: int) -> None:
    # As many rounds as there were pages to free at the start: what others free meanwhile is for the next time.
    for _ in range(0, pages, _PAGES):
        connection = driver.pool.take_writer()
        try:
            connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        finally:
            driver.pool.give_back(connection, writes=True)


def _vacuum_full(driver: Database) -> None:
    connection = driver.pool.take_writer()
    try:
        if driver.config.is_memory:
            connection.execute("VACUUM")
            return
        # A connection of its own, since temporary data is kept in memory on the others, and this is a whole database.
        with contextlib.closing(connect(driver.config, writer=True)) as own:
            own.pragma("temp_store", "file")
            own.pragma("auto_vacuum", "incremental")
            own.execute("VACUUM")
    finally:
        driver.pool.give_back(connection, writes=True)


def _checkpoint(driver: Database) -> None:
    """Move the WAL into the file, which only then shrinks."""
    if driver.config.is_memory:
        return
    connection = driver.pool.take_writer()
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        driver.pool.give_back(connection, writes=True)


def statistics(connection: apsw.Connection, config: SQLiteConfig) -> dict[str, Any]:
    """Sizes in bytes and counts, for the database and for each collection. Every page is read to tell them apart.

    ``bytes`` of a collection are those of its table, its indexes and its search index together, None where this SQLite
    has no ``dbstat`` to measure them with.
    """
    size, wal = _sizes(connection, config)
    names = list(collections(connection))
    measured = _measure(connection, names)
    return {
        "bytes": size,
        "wal_bytes": wal,
        "page_size": int(connection.pragma("page_size")),
        "page_count": int(connection.pragma("page_count")),
        "free_pages": int(connection.pragma("freelist_count")),
        "collections": {
            name: {
                "rows": count_rows(connection, name),
                "bytes": None if measured is None else measured[name],
                "indexes": _indexes(connection, name),
            }
            for name in names
        },
    }


def _indexes(connection: apsw.Connection, collection: str) -> list[str]:
    found = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? ORDER BY name", (collection,)
    )
    return [str(name) for (name,) in found]


def _measure(connection: apsw.Connection, names: Collection[str]) -> dict[str, int] | None:
    """The bytes of each collection's tables and indexes."""
    if "ENABLE_DBSTAT_VTAB" not in apsw.compile_options:
        return None
    owners = _owners(connection, names)
    measured = dict.fromkeys(names, 0)
    # With its second argument dbstat gives one row for each table and index, not one for each page.
    for name, size in connection.execute("SELECT name, pgsize FROM dbstat('main', 1)"):
        owner = owners.get(name)
        if owner is not None:
            measured[owner] += int(size)
    return measured


def _owners(connection: apsw.Connection, names: Collection[str]) -> dict[str, str]:
    """The collection that each table and index belongs to, by name."""
    owners: dict[str, str] = {}
    for name, table in connection.execute("SELECT name, tbl_name FROM sqlite_schema WHERE rootpage > 0"):
        for collection in names:
            if table == collection or table.startswith(derived_name(collection, "")):
                owners[name] = collection
    return owners


def health(connection: apsw.Connection, config: SQLiteConfig) -> dict[str, Any]:
    """A read of the database; SQLite's version, and how it keeps what is written."""
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    # Asked of the settings, for a reader's own connection does not write and says nothing of how writes are kept.
    synchronous = "full" if config.durability is Durability.DURABLE else "normal"
    return {
        "ok": True,
        "version": apsw.sqlite_lib_version(),
        "journal_mode": str(connection.pragma("journal_mode")),
        "synchronous": "off" if config.is_memory else synchronous,
        "read_only": config.read_only,
    }
