"""MongoDB for tests: a server of one's own, as a replica set of one member or alone."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from torematrix.core.storage._overriding import override

from .docker import DockerMongoDB
from .errors import ServerError
from .finding import Address, Machine, find_mongodb
from .home import Home
from .process import HOST, ServerProcess, free_port, listens, wait_until
from .programs import USER, InstalledMongoDB
from .running import Running

if TYPE_CHECKING:
    import pymongo

__all__ = ["MongoDBServer", "check_deployment", "drop_database"]

_STARTING: Final = 120.0


class MongoDBServer(Running):
    """A MongoDB of one's own, to be stopped, restarted and killed at will.

        with MongoDBServer(parameters={"enableTestCommands": "1"}) as server:
            use(server.url)
            server.restart()

    It listens on a port that stays the same over restarts, and asks for a password only when one is given. It ends,
    and its data is removed, with ``close`` or with the process.
    """

    def __init__(
        self,
        home: Home | None = None,
        name: str = "mongodb",
        *,
        replica_set: str | None = "rs0",
        password: str | None = None,
        parameters: dict[str, str] | None = None,
        arguments: Sequence[str] = (),
        cache: float = 0.5,
        program: InstalledMongoDB | DockerMongoDB | None = None,
        member: bool = False,
    ) -> None:
        """A server that does not run yet.

        Args:
            home: where it lives, if that is shared with others.
            name: tells servers in one home apart.
            replica_set: the name of the set of which it is the only member; None for a standalone server.
            password: of the user ``torematrix``, who may do everything; with one, the server asks for it.
            parameters: server parameters, such as ``enableTestCommands``.
            arguments: further ones for the program.
            cache: gigabytes of memory for its data; a transaction has to fit into a part of it.
            program: which MongoDB, instead of the one that is found.
            member: whether the set has other members too and is made by somebody else; ready is when it answers.
        """
        self._given_program = program
        self._given_home = home
        self._name = name
        self._set = replica_set
        self._password = password
        self._parameters = {
            "shutdownTimeoutMillisForSignaledShutdown": "0",
            "diagnosticDataCollectionEnabled": "false",  # Nobody will read it.
            "transactionLifetimeLimitSeconds": "30",  # Those of killed clients are in the way for less than 60.
            "minSnapshotHistoryWindowInSeconds": "30",  # What was deleted is walked through for less than 300.
            **(parameters or {}),
        }
        self._arguments = ["--wiredTigerCacheSizeGB", str(cache), *arguments]
        self._member = member
        self._prepared = False

    @functools.cached_property
    def program(self) -> InstalledMongoDB | DockerMongoDB:
        """Which MongoDB it is."""
        return self._given_program or _own_program()

    @functools.cached_property
    def port(self) -> int:
        """Where it listens, also before it is started and while it is stopped."""
        return free_port()

    @functools.cached_property
    def _home(self) -> Home:
        return self._given_home or Home.make()

    @functools.cached_property
    def _process(self) -> ServerProcess:
        return ServerProcess(self._home, self._name)

    @property
    def url(self) -> str:
        """The URL of the server with the database ``test``, and with the password."""
        return self.url_of("test")

    def url_of(self, database: str) -> str:
        """The URL with another database."""
        options = [f"replicaSet={self._set}"] if self._set else ["directConnection=true"]
        secret = ""
        if self._password is not None:
            secret = f"{USER}:{quote(self._password, safe='')}@"
            options.append("authSource=admin")
        return f"mongodb://{secret}{HOST}:{self.port}/{database}?{'&'.join(options)}"

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process.running

    @override
    def start(self) -> Self:
        """Start it, and wait until it answers and takes writes."""
        keyed = self._set is not None and self._password is not None
        if not self._prepared:
            self.program.prepare(self._process.folder, keyed)
        arguments = [part for item in self._parameters.items() for part in ("--setParameter", "=".join(item))]
        if self._set:
            arguments += ["--replSet", self._set]
        if self._password is not None and not keyed:
            arguments.append("--auth")
        arguments += self._arguments
        self._process.start(
            self.program.launch(self._process.folder, self.port, arguments, keyed, not self._prepared)
        )
        # A client that is refused looks again half a second later: too long for a server that tests restart.
        wait_until(lambda: listens(self.port), self._process, _STARTING, "MongoDB")
        # Before there is a user, MongoDB lets one make the first one from the machine itself.
        with self._client(self._prepared) as client:
            wait_until(lambda: _hello(client) is not None, self._process, _STARTING, "MongoDB")
            if self._member:
                self._prepared = True
                return self
            if self._set and not self._prepared:
                client.admin.command("replSetInitiate", self._configuration())
            wait_until(lambda: _is_writable(client), self._process, _STARTING, "MongoDB (as a primary)")
            if self._password is not None and not self._prepared:
                client.admin.command("createUser", USER, pwd=self._password, roles=["root"])
        self._prepared = True
        return self

    def _configuration(self) -> dict[str, Any]:
        return {
            "_id": self._set,
            "members": [{"_id": 0, "host": f"{HOST}:{self.port}"}],
            # A majority that has the data in memory is enough for a test: a third of the time of each write.
            "writeConcernMajorityJournalDefault": False,
        }

    def stop(self) -> None:
        """Shut it down as an administrator would; the data stays."""
        self._process.stop()

    def kill(self) -> None:
        """End it without a warning, as a crash would; the data stays."""
        self._process.kill()

    def restart(self) -> None:
        """Shut it down and start it again."""
        self.stop()
        self.start()

    @override
    def close(self) -> None:
        """End it and remove its data. A server in a shared home ends with that."""
        if self._given_home is None:
            self._home.close()
        self._process.let_go()

    def let_go(self) -> None:
        """Leave it to the owner of its home."""
        self._process.let_go()

    def _client(self, known: bool) -> pymongo.MongoClient[dict[str, Any]]:
        """Straight to this server, whatever it thinks of its replica set, and as its user once there is one."""
        account: dict[str, Any] = {}
        if known and self._password is not None:
            account = {"username": USER, "password": self._password, "authSource": "admin"}
        client: pymongo.MongoClient[dict[str, Any]] = _pymongo().MongoClient(
            HOST,
            self.port,
            directConnection=True,
            serverSelectionTimeoutMS=2_000,  # It is asked again and again.
            connectTimeoutMS=5_000,
            socketTimeoutMS=60_000,
            **account,
        )
        return client


def _own_program() -> InstalledMongoDB | DockerMongoDB:
    """What is installed here: a server that tests may stop is never the one that a variable names."""
    variables = {
        name: value for name, value in Machine().variables.items() if not name.startswith("TOREMATRIX_TEST_")
    }
    found = find_mongodb(Machine(variables))
    assert not isinstance(found, Address)
    return found


def _hello(client: pymongo.MongoClient[dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return client.admin.command("hello")
    except _pymongo().errors.PyMongoError:
        return None


def _is_writable(client: pymongo.MongoClient[dict[str, Any]]) -> bool:
    return bool((_hello(client) or {}).get("isWritablePrimary"))


def check_deployment(url: str, variable: str, replica_set: bool) -> None:
    """Raises ``ServerError`` unless a running server answers and is what its variable says."""
    errors = _pymongo().errors
    try:
        with _pymongo().MongoClient(url, serverSelectionTimeoutMS=20_000) as client:
            hello = client.admin.command("hello")
    except errors.PyMongoError as error:
        raise ServerError(f"The server that {variable} names does not answer: {error}") from error
    if bool(hello.get("setName")) != replica_set:
        kind = "a member of a replica set" if replica_set else "a standalone server"
        raise ServerError(f"The server that {variable} names is not {kind}.")


def drop_database(url: str, database: str) -> None:
    """Drop a database and everything in it."""
    with _pymongo().MongoClient(url, serverSelectionTimeoutMS=20_000) as client:
        client.drop_database(database)


def _pymongo() -> Any:
    try:
        import pymongo
    except ImportError as error:
        raise ServerError(
            "Tests on MongoDB need pymongo: pip install 'torematrix-storage[mongodb]'"
        ) from error
    return pymongo
