"""Opening one connection, the same way every time: hardened, in WAL, as durable as configured."""

from __future__ import annotations

from pathlib import Path

import apsw

from ...errors import ConfigurationError, PermissionDeniedError
from .config import Durability, SQLiteConfig
from .functions import register

__all__ = ["OLDEST_SQLITE", "connect", "prepare_folder"]

OLDEST_SQLITE = 3_051_003
"""Below, a checkpoint that meets a reset of the WAL may damage the database (fixed in SQLite 3.51.3)."""

_STATEMENTS_KEPT = 200


def prepare_folder(config: SQLiteConfig) -> None:
    """Make the folder of the database file where that is wanted; say early what would fail later."""
    if apsw.sqlite_lib_version().split(".") and apsw.SQLITE_VERSION_NUMBER < OLDEST_SQLITE:
        raise ConfigurationError(
            f"this apsw brings SQLite {apsw.sqlite_lib_version()}, which can damage a database in WAL mode; "
            "install apsw 3.51.3.0 or later",
            backend="sqlite",
        )
    if config.is_memory:
        return
    path = Path(config.database_path)
    if path.is_dir():
        raise ConfigurationError("database_path names a folder; it has to name a file", backend="sqlite")
    if config.read_only:
        if not path.exists():
            raise ConfigurationError("there is no such database file to open read-only", backend="sqlite")
        return
    if not path.parent.exists() and config.create_folder:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except PermissionError as error:
            raise PermissionDeniedError(
                "the folder of the database file cannot be created", backend="sqlite"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                "the folder of the database file cannot be created", backend="sqlite"
            ) from error


def connect(config: SQLiteConfig, *, writer: bool) -> apsw.Connection:
    """A new connection; apsw's errors pass through.

    Args:
        config: how the database is opened.
        writer: whether it may write. The first writer creates the file.
    """
    may_write = writer and not config.read_only
    flags = apsw.SQLITE_OPEN_NOMUTEX
    if config.is_memory:
        flags |= apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_MEMORY
    elif config.read_only:
        flags |= apsw.SQLITE_OPEN_READONLY
    else:
        # A reader of a WAL database writes to its shared memory; query_only keeps it from writing anything else.
        flags |= apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if writer else 0)
    connection = apsw.Connection(config.database_path, flags=flags, statementcachesize=_STATEMENTS_KEPT)
    try:
        _set_up(connection, config, may_write)
    except BaseException:
        connection.close(force=True)
        raise
    return connection


def _set_up(connection: apsw.Connection, config: SQLiteConfig, may_write: bool) -> None:
    connection.set_busy_timeout(int(config.busy_timeout * 1000))
    connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    # By triggers a live move learns what is written (see ``following``); the schema is not trusted to call anything.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
    # A damaged page is noticed before something is written to it. Whoever only reads cannot spread the damage, and pays
    # an eighth of the time of a get for it where the pages come from the disk.
    connection.pragma("cell_size_check", may_write)
    connection.pragma("cache_size", -(config.cache_bytes // 1024))
    connection.pragma("temp_store", "memory")
    if may_write and not config.is_memory:
        if connection.pragma("page_count") == 0:
            connection.pragma("auto_vacuum", "incremental")  # only possible while the file is empty
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full" if config.durability is Durability.DURABLE else "normal")
    if not may_write:
        connection.pragma("query_only", True)
    register(connection)
