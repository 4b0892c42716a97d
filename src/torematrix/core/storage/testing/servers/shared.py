"""The servers that all processes of a test run share: each kind is started once, by whoever needs it first.

What was started is written into a file of the home, where the other workers of pytest-xdist read it; a lock makes them
wait for it. So does a failure: it is told to everybody at once instead of being tried by each.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from .errors import ServerError
from .finding import MONGODB, STANDALONE, Address, Machine, find_mongodb, find_postgresql
from .home import Home, locked
from .mongodb import MongoDBServer, check_deployment
from .postgresql import PostgreSQLServer, create_databases

__all__ = ["Kind", "MongoDBAddresses", "PostgreSQLAddresses", "SharedServers"]


class Kind(StrEnum):
    """What a test run may share."""

    POSTGRESQL = "postgresql"
    MONGODB = "mongodb"
    MONGODB_STANDALONE = "mongodb-standalone"


@dataclass(frozen=True)
class PostgreSQLAddresses:
    """A PostgreSQL with the databases of the kit.

    Attributes:
        url: of the database that compares by code point.
        icu_url: of the database with an ICU collation (``de-DE``).
    """

    url: str = field(repr=False)
    icu_url: str = field(repr=False)


@dataclass(frozen=True)
class MongoDBAddresses:
    """Two MongoDBs.

    Attributes:
        url: of the replica set.
        standalone_url: of the server without one.
    """

    url: str = field(repr=False)
    standalone_url: str = field(repr=False)


class SharedServers:
    """The servers of a home, started when they are first asked for."""

    def __init__(self, home: Home, machine: Machine | None = None) -> None:
        self._home = home
        self._machine = machine or Machine()
        self._known: dict[Kind, dict[str, Any]] = {}
        self._starting: dict[Kind, threading.Thread] = {}

    @property
    def folder(self) -> Path:
        """The folder of the home, by which another process joins it."""
        return self._home.folder

    def postgresql(self) -> PostgreSQLAddresses:
        """The PostgreSQL. Raises ``ServerError`` when there is none."""
        urls = self._get(Kind.POSTGRESQL)["urls"]
        return PostgreSQLAddresses(*urls)

    def mongodb(self) -> str:
        """The MongoDB that is a replica set. Raises ``ServerError`` when there is none."""
        return str(self._get(Kind.MONGODB)["urls"][0])

    def mongodb_standalone(self) -> str:
        """The MongoDB that stands alone. Raises ``ServerError`` when there is none."""
        return str(self._get(Kind.MONGODB_STANDALONE)["urls"][0])

    def begin(self, kinds: Iterable[Kind]) -> None:
        """Start all of these side by side, without waiting. What fails is told to who asks for it."""
        for kind in kinds:
            if kind not in self._known and kind not in self._starting:
                self._starting[kind] = threading.Thread(target=self._try, args=(kind,), daemon=True)
                self._starting[kind].start()

    def report(self) -> list[str]:
        """A line for each server that the home knows of: what it is, where it is from, and how long it took."""
        lines: list[str] = []
        for kind in Kind:
            state = self._read(kind)
            if state is not None and "failed" not in state:
                lines.append(
                    f"{kind}: {state['version']}, {state['place']}, ready in {state['seconds']:.1f} s"
                )
        return lines

    def close(self) -> None:
        """End what the home's owner has started; nothing, for who has joined it."""
        for thread in self._starting.values():
            thread.join()
        self._home.close()

    def _get(self, kind: Kind) -> dict[str, Any]:
        if kind in self._starting:
            self._starting.pop(kind).join()
        if kind not in self._known:
            self._known[kind] = self._once(kind)
        state = self._known[kind]
        if "failed" in state:
            raise ServerError(state["failed"])
        return state

    def _try(self, kind: Kind) -> None:
        with contextlib.suppress(Exception):  # Who asks for it tries again, and is told.
            self._once(kind)

    def _once(self, kind: Kind) -> dict[str, Any]:
        with locked(self._home.folder / f"{kind}.once"):
            state = self._read(kind)
            if state is None:
                began = time.monotonic()
                try:
                    state = _STARTERS[kind](self._home, self._machine)
                    state["seconds"] = time.monotonic() - began
                except ServerError as error:
                    state = {"failed": str(error)}
                self._write(kind, state)
        return state

    def _read(self, kind: Kind) -> dict[str, Any] | None:
        try:
            state: dict[str, Any] = json.loads((self._home.folder / f"{kind}.json").read_text("utf-8"))
        except FileNotFoundError:
            return None
        return state

    def _write(self, kind: Kind, state: dict[str, Any]) -> None:
        part = self._home.folder / f"{kind}.part"
        part.touch(mode=0o600)  # URLs may hold passwords.
        part.write_text(json.dumps(state), "utf-8")
        part.replace(self._home.folder / f"{kind}.json")


# ------------------------------------------------------------------------------------------------------------ starting


def _start_postgresql(home: Home, machine: Machine) -> dict[str, Any]:
    found = find_postgresql(machine)
    if isinstance(found, Address):
        return _given(found, create_databases(found.url))
    server = PostgreSQLServer(home, Kind.POSTGRESQL, program=found).start()
    server.let_go()
    return _started(server, create_databases(server.url))


def _start_mongodb(home: Home, machine: Machine) -> dict[str, Any]:
    found = find_mongodb(machine, MONGODB)
    if isinstance(found, Address):
        check_deployment(found.url, found.variable, replica_set=True)
        return _given(found, [found.url])
    server = MongoDBServer(home, Kind.MONGODB, program=found).start()
    server.let_go()
    return _started(server, [server.url])


def _start_standalone(home: Home, machine: Machine) -> dict[str, Any]:
    found = find_mongodb(machine, STANDALONE)
    if isinstance(found, Address):
        check_deployment(found.url, found.variable, replica_set=False)
        return _given(found, [found.url])
    server = MongoDBServer(home, Kind.MONGODB_STANDALONE, replica_set=None, program=found).start()
    server.let_go()
    return _started(server, [server.url])


def _given(address: Address, urls: Iterable[str]) -> dict[str, Any]:
    return {"urls": list(urls), "version": "running", "place": address.variable}


def _started(server: PostgreSQLServer | MongoDBServer, urls: Iterable[str]) -> dict[str, Any]:
    return {"urls": list(urls), "version": server.program.version, "place": server.program.place}


_STARTERS: dict[Kind, Callable[[Home, Machine], dict[str, Any]]] = {
    Kind.POSTGRESQL: _start_postgresql,
    Kind.MONGODB: _start_mongodb,
    Kind.MONGODB_STANDALONE: _start_standalone,
}
