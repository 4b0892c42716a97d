"""As the floor, but with one connection and no pool, which no program with threads could ship: what the pool costs."""

from __future__ import annotations

from . import floor
from .floor import Connection, Pool


class One:
    """The connection, in the form of a pool."""

    def __init__(self, place: str) -> None:
        self._connection = Connection.connect(place, autocommit=True)
        floor.prepare(self._connection)

    def getconn(self) -> Connection:
        return self._connection

    def putconn(self, connection: Connection) -> None:
        """It is there to stay."""

    def close(self) -> None:
        self._connection.close()


class Candidate(floor.Candidate):
    """Everything by hand, on one connection."""

    def make_pool(self, place: str) -> Pool:
        return One(place)
