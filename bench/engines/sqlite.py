"""SQLite: a file for each candidate."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import apsw
from candidates.sqlite import path_of
from durability import FULL, RELAXED

from ._sql import PEERS, versions_of_peers
from .base import FLOOR, OURS, Peer, promised

_TABLES: Final = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'torematrix_meta'"


class Engine:
    """SQLite."""

    name = "sqlite"
    title = "SQLite"
    floors: Final = {"sync": "apsw by hand", "async": "aiosqlite by hand"}
    peers = (
        Peer(FLOOR, "by hand", "sqlite.floor", "sqlite.floor_async"),
        Peer(OURS, "torematrix-storage", "ours", "ours_async"),
        *PEERS,
    )
    targets: Final = promised(single=1.20)
    pace = 1.0
    durability: Final = {
        FULL: "WAL mode with synchronous=FULL, where every commit waits for the disk",
        RELAXED: "WAL mode with synchronous=NORMAL, where checkpoints alone wait for the disk",
    }

    def start(self, folder: Path, url: str | None) -> None:
        if url is not None:
            raise ValueError("SQLite has no server")
        self._folder = folder

    def place(self, colour: str, name: str) -> str:
        own = self._folder / f"{colour}-{name}"
        own.mkdir()
        return f"sqlite:///{own / 'bench.db'}"

    def loaded(self, place: str) -> None:
        self.settle(place, many=True)

    def settle(self, place: str, *, many: bool) -> None:
        """Bring what was written from the log into the database."""
        connection = apsw.Connection(str(path_of(place)))
        connection.pragma("wal_checkpoint(truncate)")
        connection.close()

    def unlike(self, ours: str, floor: str) -> list[str]:
        def tables(place: str) -> set[str]:
            with apsw.Connection(str(path_of(place)), flags=apsw.SQLITE_OPEN_READONLY) as connection:
                return {row[0] for row in connection.execute(_TABLES)}

        differing = sorted(tables(ours) ^ tables(floor))
        return [f"only one of floor and library has: {statement}" for statement in differing]

    def versions(self) -> Iterator[str]:
        yield f"apsw {apsw.apsw_version()} with SQLite {apsw.sqlite_lib_version()}"
        yield f"aiosqlite {version('aiosqlite')} over sqlite3 with SQLite {sqlite3.sqlite_version}"
        yield versions_of_peers()

    def stop(self) -> None:
        """The folder is its maker's."""
