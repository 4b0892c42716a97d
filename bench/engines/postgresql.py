"""PostgreSQL: a database for each candidate, all on one server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from durability import FULL, RELAXED, is_relaxed
from psycopg import sql

from torematrix.core.storage.testing.servers.home import Home
from torematrix.core.storage.testing.servers.postgresql import PostgreSQLServer

from ._sql import PEERS, versions_of_peers
from .base import FLOOR, OURS, Peer, promised

_SETTINGS: Final = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    # What works in the background would meet one candidate and not another: it is done between the turns.
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "8GB",
}
_COLUMNS: Final = """
    SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
        pg_get_expr(d.adbin, d.adrelid), n.collname
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation n ON n.oid = a.attcollation
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'torematrix%'"""
_INDEXES: Final = (
    "SELECT tablename, indexdef FROM pg_indexes "
    "WHERE schemaname = 'public' AND tablename NOT LIKE 'torematrix%'"
)
_CONSTRAINTS: Final = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'torematrix%'"""
_STORAGE: Final = (
    "SELECT relname, reloptions FROM pg_class WHERE relkind IN ('r', 'i') AND reloptions IS NOT NULL "
    "AND relnamespace = 'public'::regnamespace AND relname NOT LIKE 'torematrix%'"
)


class Engine:
    """PostgreSQL."""

    name = "postgresql"
    title = "PostgreSQL"
    floors: Final = {"sync": "psycopg by hand", "async": "psycopg by hand"}
    peers = (
        Peer(FLOOR, "by hand", "postgresql.floor", "postgresql.floor_async"),
        Peer(OURS, "torematrix-storage", "ours", "ours_async"),
        Peer("bare", "psycopg, no pool", "postgresql.bare"),
        Peer("asyncpg", "asyncpg by hand", asynchronous="postgresql.asyncpg_floor"),
        *PEERS,
    )
    targets: Final = promised(single=1.10)
    pace = 0.3
    durability: Final = {
        FULL: "fsync=on and synchronous_commit=on, where every commit waits for the disk",
        RELAXED: "fsync=on and synchronous_commit=off, where no commit waits for the disk",
    }

    def __init__(self) -> None:
        self._home: Home | None = None
        self._made: list[str] = []

    def start(self, folder: Path, url: str | None) -> None:
        if url is None:
            if os.geteuid() == 0 and not all(
                each.stat().st_mode & 0o001 for each in (folder, *folder.parents)
            ):
                raise ValueError(
                    f"give a --folder that PostgreSQL's account may pass through to, unlike {folder}"
                )
            self._home = Home.make(folder)
            url = PostgreSQLServer(self._home, settings=_SETTINGS).start().url
        self._url = url
        self._admin = psycopg.connect(url, autocommit=True)

    def place(self, colour: str, name: str) -> str:
        database = f"torematrix_bench_{colour}_{name}"
        self._admin.execute(_named("DROP DATABASE IF EXISTS {} WITH (FORCE)", database))
        self._admin.execute(_named("CREATE DATABASE {}", database))
        self._made.append(database)
        if is_relaxed():
            self._admin.execute(_named("ALTER DATABASE {} SET synchronous_commit = off", database))
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{database}"))

    def loaded(self, place: str) -> None:
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")

    def settle(self, place: str, *, many: bool) -> None:
        """Free what was deleted or replaced; after a few rows it is not worth the new plans that follow it."""
        if many:
            with psycopg.connect(place, autocommit=True) as connection:
                connection.execute("VACUUM")

    def unlike(self, ours: str, floor: str) -> list[str]:
        def form(place: str) -> set[str]:
            with psycopg.connect(place) as connection:
                queries = (_COLUMNS, _INDEXES, _CONSTRAINTS, _STORAGE)
                return {str(row) for query in queries for row in connection.execute(query)}

        library, hand = form(ours), form(floor)
        only_ours = [f"only the library has: {line}" for line in sorted(library - hand)]
        return only_ours + [f"only the floor has: {line}" for line in sorted(hand - library)]

    def versions(self) -> Iterator[str]:
        yield f"PostgreSQL {self._shown('server_version')}, shared_buffers {self._shown('shared_buffers')}"
        yield (
            f"fsync {self._shown('fsync')}, synchronous_commit {self._shown('synchronous_commit')}, "
            f"autovacuum {self._shown('autovacuum')}"
        )
        yield f"psycopg {version('psycopg')} with libpq {psycopg.pq.version()}, psycopg_pool {version('psycopg-pool')}"
        yield f"asyncpg {version('asyncpg')}, {versions_of_peers()}"

    def _shown(self, setting: str) -> Any:
        row = self._admin.execute("SELECT current_setting(%s)", (setting,)).fetchone()
        return row[0] if row else None

    def stop(self) -> None:
        if hasattr(self, "_admin"):
            for database in self._made:
                self._admin.execute(_named("DROP DATABASE IF EXISTS {} WITH (FORCE)", database))
            self._admin.close()
        if self._home is not None:
            self._home.close()


def _named(text: str, name: str) -> sql.Composed:
    return sql.SQL(text).format(sql.Identifier(name))
