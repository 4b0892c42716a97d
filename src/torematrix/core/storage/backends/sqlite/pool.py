"""The connections of one SQLite database: one that writes, one reader a thread, spare readers for what lasts longer.

Writes take the one writing connection under a lock and begin IMMEDIATE, so that reading and then writing in one
transaction never fails half-way for want of the lock. Readers see the last commit and wait for nobody. A database in
memory has a single connection, on which everybody takes turns.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import apsw

from ...core.observing import Connections, Waits
from ...errors import StorageError, UnavailableError
from .config import SQLiteConfig
from .connection import connect

__all__ = ["SQLitePool", "roll_back"]

_pools: Final[weakref.WeakSet[SQLitePool]] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_pools):
        pool.forked = True


os.register_at_fork(after_in_child=_after_fork)


def roll_back(connection: apsw.Connection) -> None:
    """Leave no transaction open. SQLite itself has ended it already after some errors, such as a full disk.

    A connection that was closed meanwhile has none.
    """
    with contextlib.suppress(apsw.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


class SQLitePool:
    """Connections, for any number of threads; apsw's errors pass through.

    Attributes:
        waits: who is told how long the writing connection was waited for; readers wait for nobody.
    """

    def __init__(self, config: SQLiteConfig) -> None:
        self.config = config
        self.forked = False
        self.closed = False
        self._writer: apsw.Connection | None = None
        self._write_lock = threading.Lock()
        self._local = threading.local()
        self._all: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._spare: list[apsw.Connection] = []
        self.waits: Waits | None = None
        _pools.add(self)

    @property
    def is_open(self) -> bool:
        """Whether there is a database behind it."""
        return self._writer is not None

    def start(self, writer: apsw.Connection) -> None:
        """Take the connection that writes."""
        self._all.add(writer)
        self._writer = writer

    def close(self) -> None:
        """Interrupt what runs, roll back what is open, close everything."""
        self.closed = True
        if self.forked:
            return  # the connections belong to the parent process
        locked = self._write_lock.acquire(timeout=self.config.busy_timeout)
        try:
            self._spare.clear()
            # The writer last: who closes last moves the WAL into the file, unless it may not write or was interrupted.
            for connection in sorted(self._all, key=lambda connection: connection is self._writer):
                if connection is not self._writer or not locked:
                    connection.interrupt()
                connection.close(force=True)
            self._writer = None
        finally:
            if locked:
                self._write_lock.release()

    def _connect(self) -> apsw.Connection:
        self.check_usable()
        connection = connect(self.config, writer=False)
        self._all.add(connection)
        return connection

    def check_usable(self) -> None:
        """Raise StorageError where the connections are closed, or belong to a process this one was forked from."""
        if self.forked:
            raise StorageError(
                "the storage was opened before this process was forked; open it again in the child",
                backend="sqlite",
            )
        if self.closed or self._writer is None:
            raise StorageError("the storage is closed", backend="sqlite")

    def reader(self) -> apsw.Cursor:
        """A cursor of the calling thread's reading connection, kept because a new one costs as much as a short read.

        What it executes is read to its end at once: an open statement would hold its snapshot.
        """
        try:
            cursor: apsw.Cursor = self._local.cursor
        except AttributeError:
            cursor = self._local.cursor = self._connect().cursor()
        if self.forked or self.closed:
            self.check_usable()
        return cursor

    def take_reader(self) -> apsw.Connection:
        """A reading connection for a transaction or a stream, to be given back."""
        self.check_usable()
        try:
            return self._spare.pop()
        except IndexError:
            return self._connect()

    def take_writer(self) -> apsw.Connection:
        """The writing connection, to be given back; UnavailableError when it is not free in time."""
        if self.waits is None:
            return self._take_writer()
        with self.waits.waiting("writer"):
            return self._take_writer()

    def _take_writer(self) -> apsw.Connection:
        self.check_usable()
        if not self._write_lock.acquire(timeout=self.config.busy_timeout):
            raise UnavailableError(
                f"another transaction has been writing for more than {self.config.busy_timeout} seconds; try again",
                backend="sqlite",
            )
        writer = self._writer
        if writer is None or self.closed:
            self._write_lock.release()
            raise StorageError("the storage is closed", backend="sqlite")
        return writer

    def connections(self) -> tuple[Connections, ...]:
        """Whether the writing connection is in use; who reads has a connection of his own."""
        if self._writer is None:
            return ()
        used = int(self._write_lock.locked())
        return (Connections("writer", used, 1 - used),)

    def give_back(self, connection: apsw.Connection, *, writes: bool) -> None:
        """Return what ``take_writer`` or a reading session took."""
        if writes:
            self._write_lock.release()
        elif not self.closed:
            self._spare.append(connection)

    def reading(self, given: apsw.Connection | None) -> AbstractContextManager[apsw.Connection]:
        """A connection on which several reads see one state."""
        if given is not None:
            return nullcontext(given)
        return _Writing(self) if self.config.is_memory else _Reading(self)

    def writing(self, given: apsw.Connection | None) -> AbstractContextManager[apsw.Connection]:
        """The writing connection within a transaction: the one given, or one that commits at the end."""
        return _Writing(self) if given is None else nullcontext(given)


# Written out as classes, because what a generator makes of a function takes three times as long to enter and leave.


class _Reading(AbstractContextManager[apsw.Connection]):
    """A snapshot on the calling thread's reading connection."""

    __slots__ = ("_cursor", "_pool")

    def __init__(self, pool: SQLitePool) -> None:
        self._pool = pool

    def __enter__(self) -> apsw.Connection:
        self._cursor = self._pool.reader()
        self._cursor.execute("BEGIN")
        return self._cursor.connection

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        roll_back(self._cursor.connection)


class _Writing(AbstractContextManager[apsw.Connection]):
    """A transaction of the one connection that writes; whatever happens, it ends and the connection is given back."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: SQLitePool) -> None:
        self._pool = pool

    def __enter__(self) -> apsw.Connection:
        self._connection = connection = self._pool.take_writer()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._end()
            raise
        return connection

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        try:
            if error is None:
                self._connection.execute("COMMIT")
        finally:
            self._end()

    def _end(self) -> None:
        try:
            roll_back(self._connection)
        finally:
            self._pool.give_back(self._connection, writes=True)
