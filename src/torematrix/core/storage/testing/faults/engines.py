"""The engines that faults are brought upon: each gives new databases, and can be asked to come to rest."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from ..servers.home import Home
from ..servers.mongodb import MongoDBServer, drop_database
from ..servers.postgresql import PostgreSQLServer, create_schema, drop_schema
from ..servers.replica_set import MongoDBReplicaSet
from ..servers.urls import with_options

__all__ = [
    "Engine",
    "MongoDBEngine",
    "PostgreSQLEngine",
    "ReplicaSetEngine",
    "SQLiteEngine",
    "StandaloneEngine",
    "end_sessions",
    "engine_of",
]

_REST: Final = 30.0
"""Seconds in which what a dead client has left has to come to its end."""


class Engine(Protocol):
    """An engine.

    Attributes:
        name: of the backend.
    """

    name: str

    def new_database(self) -> str:
        """The URL of a new database."""
        ...

    def drop(self, url: str) -> None:
        """Remove it."""
        ...

    def rest(self) -> None:
        """Wait until nothing goes on any more that a client has begun which is dead by now."""
        ...

    def close(self) -> None:
        """End what was started for it."""
        ...


class SQLiteEngine:
    """Files. What a process did ends with it.

    Args:
        place: the folder in which they are; None for the system's own for what is temporary.
    """

    name = "sqlite"

    def __init__(self, place: Path | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="torematrix-faults-", dir=place))

    def new_database(self) -> str:
        """As the protocol says."""
        folder = self._folder / secrets.token_hex(6)
        folder.mkdir()
        # Processes that write all the time may have to wait for their turn for a while.
        return f"sqlite:///{folder}/faults.db?busy_timeout=60"

    def drop(self, url: str) -> None:
        """As the protocol says."""
        shutil.rmtree(self.file(url).parent, ignore_errors=True)

    @staticmethod
    def file(url: str) -> Path:
        """The file of a database."""
        return Path(url.removeprefix("sqlite:///").partition("?")[0])

    def rest(self) -> None:
        """As the protocol says."""

    def close(self) -> None:
        """As the protocol says."""
        shutil.rmtree(self._folder, ignore_errors=True)


class PostgreSQLEngine:
    """A PostgreSQL of its own, which can be killed and started again.

    Args:
        home: where it lives; None for a home of its own.
        settings: of the server.

    Attributes:
        server: it.
    """

    name = "postgresql"

    def __init__(self, home: Home | None = None, **settings: str) -> None:
        self.server = PostgreSQLServer(home, settings=settings).start()

    def new_database(self) -> str:
        """As the protocol says."""
        schema = f"faults_{secrets.token_hex(6)}"
        create_schema(self.server.url, schema)
        return with_options(self.server.url, f"schema={schema}")

    def drop(self, url: str) -> None:
        """As the protocol says."""
        drop_schema(self.server.url, url.rpartition("schema=")[2].partition("&")[0])

    def rest(self) -> None:
        """As the protocol says: the sessions of dead clients end with the statement that they are at."""
        import psycopg

        with psycopg.connect(self.server.url, autocommit=True) as connection:
            until = time.monotonic() + _REST
            while time.monotonic() < until:
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                    "AND pid <> pg_backend_pid()"
                ).fetchone()
                if row == (0,):
                    return
                time.sleep(0.005)
        raise TimeoutError(f"sessions of dead clients are there after {_REST:g} s")

    def close(self) -> None:
        """As the protocol says."""
        self.server.close()


class MongoDBEngine:
    """A MongoDB of its own, which can be killed and started again.

    Args:
        home: where it lives; None for a home of its own.
        arguments: further ones for the program.
        parameters: of the server.

    Attributes:
        server: it.
    """

    name = "mongodb"

    def __init__(self, home: Home | None = None, arguments: Sequence[str] = (), **parameters: str) -> None:
        self.server = MongoDBServer(home, parameters=parameters, arguments=arguments).start()

    def new_database(self) -> str:
        """As the protocol says."""
        return self.server.url_of(f"faults_{secrets.token_hex(6)}")

    def drop(self, url: str) -> None:
        """As the protocol says."""
        drop_database(url, url.rpartition("/")[2].partition("?")[0])

    def rest(self) -> None:
        """As the protocol says: what dead clients have begun is rolled back at once, not after a minute."""
        end_sessions(self.server.url)

    def close(self) -> None:
        """As the protocol says."""
        self.server.close()


class StandaloneEngine(MongoDBEngine):
    """A MongoDB that is no replica set: it writes one document at a time."""

    def __init__(self) -> None:
        self.server = MongoDBServer(replica_set=None).start()


class ReplicaSetEngine:
    """A replica set of three members, which can lose its primary.

    Attributes:
        replica_set: it.
    """

    name = "mongodb"

    def __init__(self) -> None:
        self.replica_set = MongoDBReplicaSet().start()

    def new_database(self) -> str:
        """As the protocol says."""
        return self.replica_set.url_of(f"faults_{secrets.token_hex(6)}")

    def drop(self, url: str) -> None:
        """As the protocol says."""
        drop_database(url, url.rpartition("/")[2].partition("?")[0])

    def rest(self) -> None:
        """As the protocol says."""
        self.replica_set.primary()
        end_sessions(self.replica_set.url_of("admin"))

    def close(self) -> None:
        """As the protocol says."""
        self.replica_set.close()


def end_sessions(url: str) -> None:
    """End every transaction that is open on the primary, and wait for the commands that run."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=30_000) as client:
        until = time.monotonic() + _REST
        while time.monotonic() < until:
            with contextlib.suppress(PyMongoError):
                client.admin.command({"killAllSessions": []})
                pipeline: list[dict[str, Any]] = [
                    {"$currentOp": {"allUsers": True, "idleSessions": False}},
                    {
                        "$match": {
                            "appName": "torematrix-storage",
                            "active": True,
                            "command.hello": {"$exists": False},
                        }
                    },
                ]
                if not list(client.admin.aggregate(pipeline)):
                    return
            time.sleep(0.01)
    raise TimeoutError(f"commands of dead clients run after {_REST:g} s")


def engine_of(name: str) -> Engine:
    """A new engine by the name of its backend; its server is started."""
    if name == "sqlite":
        return SQLiteEngine()
    if name == "mongodb_standalone":
        return StandaloneEngine()
    return PostgreSQLEngine() if name == "postgresql" else MongoDBEngine()
