# generated from _async/server.py by tools/generate_twins.py: do not edit
"""One client of a deployment: commands with a deadline, in a session or outside."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import bson
from bson.int64 import Int64
from pymongo import MongoClient, ReadPreference, timeout
from pymongo.errors import AutoReconnect, NetworkTimeout, PyMongoError
from pymongo.read_concern import ReadConcern

from ....errors import StorageError
from ..config import MongoDBConfig
from ..errors import translate
from ..options import RAW, READING, check_connection, client_options, refused, write_concern

__all__ = ["Server"]

Reply = dict[str, Any]

_EVERYTHING: Final = 2**31 - 1
"""A first batch of any size: the server ends it at 16 MB."""


class Server:
    """A client and one database of it.

    Attributes:
        config: how it is reached.
        client: PyMongo's client.
        database: PyMongo's database.
        deadline: seconds that an operation may take.
        transactions: whether the deployment has transactions and snapshots.
        version: the server's version.
    """

    def __init__(self, config: MongoDBConfig) -> None:
        self.config = config
        self.deadline = config.operation_timeout
        self._limit = max(1, round(1000 * self.deadline))
        self.transactions = False
        self.version = ""
        self._concern: dict[str, Any] = {"level": "majority"}
        check_connection(config)
        try:
            self.client: Any = MongoClient(config.connection, connect=False, **client_options(config))
        except (PyMongoError, ValueError, TypeError):
            raise refused() from None
        self.database: Any = self.client.get_database(
            config.database,
            codec_options=READING,
            read_preference=ReadPreference.PRIMARY,
            write_concern=write_concern(config),
            read_concern=ReadConcern("majority"),
        )

    def connect(self) -> None:
        """Reach the deployment and ask what it is."""
        with timeout(self.config.connect_timeout):
            hello: Reply = self.client.admin.command({"hello": 1})
            self.version = str(self.client.admin.command({"buildInfo": 1})["version"])
        self.transactions = "setName" in hello or hello.get("msg") == "isdbgrid"

    def close(self) -> None:
        """Close every connection."""
        self.client.close()

    def admin(self, command: Reply) -> Reply:
        """The reply to a command on the database of administration."""
        with timeout(self.deadline):
            reply: Reply = self.client.admin.command(command)
        return reply

    def command(self, command: Reply, session: Any = None) -> Reply:
        """The reply to a command."""
        # The limit stands in the command: within PyMongo's own ``timeout`` its pool would not keep to pool_timeout.
        limited = {**command, "maxTimeMS": self._limit}
        raw = self.database.command(limited, codec_options=RAW, session=session)
        return _decoded(raw)

    def slow(self, command: Reply) -> Reply:
        """The reply to a command of maintenance, which takes as long as the data make it."""
        options = {**client_options(self.config), "socketTimeoutMS": None}
        # A client of its own: on the others a connection that is silent for operation_timeout counts as dead.
        with MongoClient(self.config.connection, connect=False, **options) as client:
            raw: Any = client[self.config.database].command(command, codec_options=RAW)
        return _decoded(raw)

    def read(self, command: Reply, session: Any = None) -> Reply:
        """The reply to a command that reads; once more where the connection was lost."""
        if session is not None and session.in_transaction:
            return self.command(command, session)
        command.setdefault("readConcern", self._concern)
        try:
            return self.command(dict(command), session)
        except NetworkTimeout:
            raise
        except AutoReconnect:
            # A server that restarted has left dead connections behind; PyMongo has dropped them by now.
            return self.command(command, session)

    def documents(self, command: Reply, session: Any = None) -> list[Reply]:
        """Every document that a command with a cursor gives."""
        if "find" in command:
            command.setdefault("batchSize", _EVERYTHING)
        else:
            command.setdefault("cursor", {"batchSize": _EVERYTHING})
        found: list[Reply] = []
        own = self.client.start_session() if session is None else None
        try:
            for batch in self.batches(command, session or own, _EVERYTHING):
                found = [*found, *batch] if found else batch
        finally:
            if own is not None:
                own.end_session()
        return found

    def batches(self, command: Reply, session: Any, batch_size: int) -> Generator[list[Reply], None, None]:
        """The documents of a command with a cursor, batch by batch; the cursor is closed with the generator."""
        cursor = self.read(command, session)["cursor"]
        collection = str(cursor["ns"]).partition(".")[2]
        identity: int = cursor["id"]
        try:
            batch: list[Reply] = cursor["firstBatch"]
            while batch:
                yield batch
                if not identity:
                    return
                more = {"getMore": Int64(identity), "collection": collection, "batchSize": batch_size}
                # No deadline: the server takes none here. The connection's own limit holds.
                raw = self.database.command(more, codec_options=RAW, session=session)
                cursor = _decoded(raw)["cursor"]
                identity, batch = cursor["id"], cursor["nextBatch"]
        finally:
            if identity:
                self._close_cursor(identity, collection, session)

    def _close_cursor(self, identity: int, collection: str, session: Any) -> None:
        try:
            with timeout(self.deadline):
                self.database.command(
                    {"killCursors": collection, "cursors": [Int64(identity)]}, session=session
                )
        except PyMongoError:
            return  # the server closes what nobody reads

    def failed(self, error: BaseException, operation: str, collection: str | None) -> StorageError:
        """The error of ours for one of PyMongo's, told where it happened."""
        ours = translate(error) or StorageError("MongoDB failed", backend="mongodb")
        ours.operation, ours.collection = operation, collection
        return ours


def _decoded(raw: Any) -> Reply:
    """The reply that PyMongo left undecoded."""
    library: Any = bson  # its types name an array of unknown members
    reply: Reply = library.decode(raw.raw, READING)
    return reply
