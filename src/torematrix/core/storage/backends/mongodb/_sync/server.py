# generated from _async/server.py by tools/generate_twins.py: do not edit
"""One client of a deployment: commands with a deadline, in a session or outside."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import bson
from bson.int64 import Int64
from pymongo import MongoClient, ReadPreference, timeout
from pymongo.errors import (
    AutoReconnect,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from ....errors import StorageError
from ..config import Durability, MongoDBConfig
from ..errors import NO_SNAPSHOT, NO_SUCH_TRANSACTION, RETRYABLE, check_written, duplicate_of, translate
from ..finishing import Cancelling
from ..monitoring import PoolListener
from ..options import (
    RAW,
    READING,
    Reading,
    check_connection,
    client_options,
    journal,
    read_concern,
    refused,
    write_concern,
)

__all__ = ["EVERYTHING", "Finish", "Server"]

R = TypeVar("R")
Reply = dict[str, Any]

_TOO_OLD: Final = 225
"""The server has seen a later number in the session."""

_ATTEMPTS: Final = 8
"""So often a reading begins again whose snapshot is from before an index was made: the next one will not be."""

_KILLS: Final = 3

EVERYTHING: Final = 2**31 - 1
"""A first batch of any size: the server ends it at 16 MB."""


class Finish(Protocol):
    """Brings work to its end although the caller is cancelled (see ``finishing``)."""

    def __call__(self, work: Callable[[], R], interrupt: Callable[[], object] | None) -> R:
        """The work's result; ``interrupt`` makes its end come soon."""
        ...


class Server:
    """A client and one database of it.

    Args:
        config: how it is reached.
        finish: brings work to its end although the caller is cancelled.
        listener: is told of its connections; None where nobody wants to know.

    Attributes:
        config: how it is reached.
        finish: brings work to its end although the caller is cancelled.
        client: PyMongo's client.
        database: PyMongo's database.
        deadline: seconds that an operation may take.
        fast: whether a write counts as done when one server has it.
        transactions: whether the deployment has transactions and snapshots.
        version: the server's version.
    """

    def __init__(self, config: MongoDBConfig, finish: Finish, listener: PoolListener | None = None) -> None:
        self.config = config
        self.finish = finish
        self.deadline = config.operation_timeout
        self._limit = max(1, round(1000 * self.deadline))
        self.transactions = False
        self.version = ""
        self.fast = config.durability is Durability.FAST
        self._concern: dict[str, Any] = read_concern(config).document
        self._journal = journal(config)
        self._writing: deque[_Numbered] = deque()
        check_connection(config)
        options = client_options(config)
        if listener is not None:
            options["event_listeners"] = [listener]
        try:
            self.client: Any = MongoClient(config.connection, connect=False, **options)
        except (PyMongoError, ValueError, TypeError):
            raise refused() from None
        self.database: Any = self.client.get_database(
            config.database,
            codec_options=READING,
            read_preference=ReadPreference.PRIMARY,
            write_concern=write_concern(config),
            read_concern=read_concern(config),
        )

    def connect(self) -> None:
        """Reach the deployment and ask what it is."""
        with timeout(self.config.connect_timeout):
            hello: Reply = self.client.admin.command({"hello": 1})
            self.version = str(self.client.admin.command({"buildInfo": 1})["version"])
        self.transactions = "setName" in hello or hello.get("msg") == "isdbgrid"

    def close(self) -> None:
        """Close every connection."""
        while self._writing:
            self._writing.pop().session.end_session()
        self.client.close()

    def session(self) -> Any:
        """A session of the client's."""
        # A causal one has each write wait until the server has what the one before it gave the session to know.
        return self.client.start_session(causal_consistency=False)

    def end(self, session: Any) -> None:
        """End what the server does for a session, the transaction and the cursors that it has open."""
        identity = session.session_id["id"]
        for _ in range(_KILLS):
            try:
                self.admin({"killSessions": [{"id": identity}]})
            except PyMongoError:
                continue  # each attempt has a deadline of its own
            return

    def admin(self, command: Reply) -> Reply:
        """The reply to a command on the database of administration."""
        with timeout(self.deadline):
            reply: Reply = self.client.admin.command(command)
        return reply

    def command(self, command: Reply, session: Any = None, reading: Reading = READING) -> Reply:
        """The reply to a command."""
        # The limit stands in the command: within PyMongo's own ``timeout`` its pool would not keep to pool_timeout.
        limited = command if "maxTimeMS" in command else {**command, "maxTimeMS": self._limit}
        asked = Cancelling.asked()
        raw = self.database.command(limited, codec_options=RAW, session=session)
        Cancelling.heed(asked)
        return _decoded(raw, reading)

    def slow(self, command: Reply) -> Reply:
        """The reply to a command of maintenance, which takes as long as the data make it."""
        options = {**client_options(self.config), "socketTimeoutMS": None}
        # A client of its own: on the others a connection that is silent for operation_timeout counts as dead.
        with MongoClient(self.config.connection, connect=False, **options) as client:
            raw: Any = client[self.config.database].command(command, codec_options=RAW)
        return _decoded(raw, READING)

    def read(self, command: Reply, session: Any = None, reading: Reading = READING) -> Reply:
        """The reply to a command that reads; once more where the connection was lost."""
        if session is not None and session.in_transaction:
            return self.command(command, session, reading)
        command.setdefault("readConcern", self._concern)
        try:
            return self.command(command, session, reading)
        except (NetworkTimeout, ServerSelectionTimeoutError):
            raise
        except AutoReconnect:
            # A server that restarted has left dead connections behind; PyMongo has dropped them by now.
            return self.command(command, session, reading)

    def write(self, command: Reply, session: Any = None) -> Reply:
        """The reply to a command that writes; outside a transaction, once more where its answer was lost.

        The server knows by its number a command that it has done already, and only repeats the answer. PyMongo does
        the same in its own methods, which take a deadline only for everything, waiting for a connection included.

        Raises:
            PyMongoError: also for what the server says in a reply of success.
        """
        if session is not None:
            return check_written(self.command(command, session))
        try:
            numbered = self._writing.pop()
        except IndexError:
            numbered = _Numbered(self.session())
        # A caller that is cancelled waits for it: it might arrive behind whatever is written next, and undo that.
        return self.finish(partial(self._write_alone, command, numbered), partial(self.end, numbered.session))

    def _write_alone(self, command: Reply, numbered: _Numbered) -> Reply:
        command["writeConcern"] = self._journal
        if not self.transactions:
            try:
                return check_written(self.command(command, numbered.session))
            finally:
                self._writing.append(numbered)  # which is no number here
        numbered.number += 1
        command["txnNumber"] = Int64(numbered.number)
        # A session whose command got no answer is not used again: that command may still be on its way.
        found: Reply | None = None
        try:
            found = self.command(command, numbered.session)
        except (NetworkTimeout, ServerSelectionTimeoutError):
            raise
        except AutoReconnect:
            pass
        except OperationFailure as error:
            if not error.has_error_label(RETRYABLE):
                self._writing.append(numbered)
                raise
        if found is None or RETRYABLE in found.get("errorLabels", ()):
            try:
                found = self.command(command, numbered.session)
            except PyMongoError as error:
                if duplicate_of(error) is not None:
                    raise
                # This attempt may have done nothing; what became of the first one is not known, also where it was done
                # and not confirmed.
                raise AutoReconnect("the answer to a write was lost") from error
        self._writing.append(numbered)
        return check_written(found)

    def outcome_of(self, session: bytes, number: int) -> bool | None:
        """Whether a transaction was committed; None where the server no longer knows. One still open is ended."""
        identity = bson.Binary(session, 4)
        self.admin({"killSessions": [{"id": identity}]})
        # A client of its own: sessions are given back to a client, and this one is somebody else's.
        with MongoClient(self.config.connection, connect=False, **client_options(self.config)) as client:
            own: Any = client.start_session()
            own.session_id["id"] = identity
            commit = {
                "commitTransaction": 1,
                "txnNumber": Int64(number),
                "autocommit": False,
                "writeConcern": self._journal,
            }
            try:
                with timeout(self.deadline):
                    client.admin.command(commit, session=own)
            except OperationFailure as error:
                if error.code == NO_SUCH_TRANSACTION:
                    return False
                if error.code == _TOO_OLD:
                    return None  # the session has had another transaction since
                raise
        return True

    def again(self, read: Callable[[], R], pause: Callable[[float], object]) -> R:
        """The result of reading in a snapshot outside transactions, begun again where the server has none to give."""
        attempts = 0
        while True:
            try:
                return read()
            except OperationFailure as error:
                attempts += 1
                if error.code not in NO_SNAPSHOT or attempts == _ATTEMPTS:
                    raise
            pause(0.005 * 2**attempts)

    def snapshot(self) -> Reply:
        """The read concern of a snapshot that has every write acknowledged by now."""
        if not self.fast:
            return {"level": "snapshot"}
        # The newest snapshot of a majority may be of before; this one is waited for.
        reply = self.command({"ping": 1})
        return {"level": "snapshot", "atClusterTime": reply["operationTime"]}

    def documents(self, command: Reply, session: Any = None, reading: Reading = READING) -> list[Reply]:
        """Every document that a command with a cursor gives."""
        if "find" in command:
            command.setdefault("batchSize", EVERYTHING)
        else:
            command.setdefault("cursor", {"batchSize": EVERYTHING})
        found: list[Reply] = []
        own = self.session() if session is None else None
        try:
            for batch in self.batches(command, session or own, EVERYTHING, reading):
                found = [*found, *batch] if found else batch
        finally:
            if own is not None:
                own.end_session()
        return found

    def batches(
        self, command: Reply, session: Any, batch_size: int, reading: Reading = READING
    ) -> Generator[list[Reply], None, None]:
        """The documents of a command with a cursor, batch by batch; the cursor is closed with the generator."""
        cursor = self.read(command, session, reading)["cursor"]
        with closing(self.following(cursor, session, batch_size, reading)) as batches:
            for batch in batches:
                yield batch

    def following(
        self, cursor: Reply, session: Any, batch_size: int, reading: Reading
    ) -> Generator[list[Reply], None, None]:
        """The batches of a cursor from its first one on; it is closed with the generator."""
        collection = str(cursor["ns"]).partition(".")[2]
        try:
            batch: list[Reply] = cursor["firstBatch"]
            while batch:
                yield batch
                if not cursor["id"]:
                    return
                more = {"getMore": Int64(cursor["id"]), "collection": collection, "batchSize": batch_size}
                # No deadline: the server takes none here. The connection's own limit holds.
                asked = Cancelling.asked()
                raw = self.database.command(more, codec_options=RAW, session=session)
                cursor = _decoded(raw, reading)["cursor"]
                batch = cursor["nextBatch"]
                Cancelling.heed(asked)
        finally:
            self.close_cursor(cursor, session)

    def close_cursor(self, cursor: Reply, session: Any) -> None:
        """Close a cursor of which nobody wants more, if it is open."""
        if cursor["id"]:
            self.finish(partial(self._close_cursor, cursor, session), None)

    def _close_cursor(self, cursor: Reply, session: Any) -> None:
        command = {"killCursors": str(cursor["ns"]).partition(".")[2], "cursors": [Int64(cursor["id"])]}
        try:
            with timeout(self.deadline):
                self.database.command(command, session=session)
        except PyMongoError:
            return  # the server closes what nobody reads

    def failed(self, error: BaseException, operation: str, collection: str | None) -> StorageError:
        """The error of ours for one of PyMongo's, told where it happened."""
        ours = translate(error) or StorageError("MongoDB failed", backend="mongodb")
        ours.operation, ours.collection = operation, collection
        return ours


class _Numbered:
    """A session whose writes are numbered by the library: it is never given back to PyMongo, which counts from 1.

    So the numbers begin higher than any that PyMongo has used in it.
    """

    __slots__ = ("number", "session")

    def __init__(self, session: Any) -> None:
        self.session = session
        self.number = time.time_ns()


def _decoded(raw: Any, reading: Reading) -> Reply:
    """The reply that PyMongo left undecoded."""
    library: Any = bson  # its types name an array of unknown members
    reply: Reply = library.decode(raw.raw, reading)
    return reply
