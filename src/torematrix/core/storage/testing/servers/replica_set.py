"""MongoDB for tests: a replica set of several members on this machine, whose primary can be sent away."""

from __future__ import annotations

import contextlib
import functools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Self

from torematrix.core.storage._overriding import override

from .errors import ServerError
from .home import Home
from .mongodb import MongoDBServer
from .process import HOST
from .running import Running

if TYPE_CHECKING:
    from pymongo import MongoClient

__all__ = ["MongoDBReplicaSet"]

_ELECTING: Final = 60.0
_NAME: Final = "rs0"


class MongoDBReplicaSet(Running):
    """A replica set of one's own.

        with MongoDBReplicaSet() as replica_set:
            use(replica_set.url_of("things"))
            replica_set.step_down()

    Attributes:
        members: its servers, of which any may be killed and started again.
    """

    def __init__(self, members: int = 3) -> None:
        """A set that does not run yet."""
        self._count = members

    @functools.cached_property
    def _home(self) -> Home:
        return Home.make()

    @functools.cached_property
    def members(self) -> list[MongoDBServer]:
        """Its servers."""
        return [
            MongoDBServer(self._home, f"member-{number}", replica_set=_NAME, member=True)
            for number in range(self._count)
        ]

    def url_of(self, database: str) -> str:
        """The URL of a database of it, which names every member."""
        hosts = ",".join(f"{HOST}:{member.port}" for member in self.members)
        return f"mongodb://{hosts}/{database}?replicaSet={_NAME}"

    @override
    def start(self) -> Self:
        """Start every member, and wait until one of them is the primary."""
        with ThreadPoolExecutor(self._count) as pool:
            list(pool.map(MongoDBServer.start, self.members))
        with _client(self.members[0]) as client:
            client.admin.command("replSetInitiate", self._configuration())
        self.primary()
        return self

    def _configuration(self) -> dict[str, Any]:
        return {
            "_id": _NAME,
            "members": [
                {"_id": number, "host": f"{HOST}:{member.port}"} for number, member in enumerate(self.members)
            ],
            # On one machine a member that is silent for a second is dead: tests need not wait for ten.
            "settings": {"electionTimeoutMillis": 1_000, "heartbeatIntervalMillis": 300},
        }

    def primary(self, other_than: MongoDBServer | None = None) -> MongoDBServer:
        """The member that takes writes, as soon as there is one. Raises ``ServerError`` when there is none in time."""
        until = time.monotonic() + _ELECTING
        while time.monotonic() < until:
            for member in self.members:
                if member is not other_than and member.running and _is_primary(member):
                    return member
            time.sleep(0.02)
        raise ServerError(f"the replica set has no primary after {_ELECTING:.0f} s")

    def step_down(self) -> MongoDBServer:
        """Have the primary step down, as an administrator would; which one it was."""
        from pymongo.errors import PyMongoError

        old = self.primary()
        with _client(old) as client, contextlib.suppress(PyMongoError):
            client.admin.command({"replSetStepDown": 2, "secondaryCatchUpPeriodSecs": 1, "force": True})
        return old

    @override
    def close(self) -> None:
        """End it and remove its data."""
        self._home.close()
        for member in self.members:
            member.let_go()


def _is_primary(member: MongoDBServer) -> bool:
    from pymongo.errors import PyMongoError

    with contextlib.suppress(PyMongoError), _client(member) as client:
        return bool(client.admin.command("hello").get("isWritablePrimary"))
    return False


def _client(member: MongoDBServer) -> MongoClient[dict[str, Any]]:
    from pymongo import MongoClient

    return MongoClient(
        HOST,
        member.port,
        directConnection=True,
        serverSelectionTimeoutMS=500,
        connectTimeoutMS=2_000,
        socketTimeoutMS=20_000,
    )
