"""PostgreSQL for tests: a server of one's own, and the databases that the kit needs on any server."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from torematrix.core.storage._overriding import override

from .docker import DockerPostgreSQL
from .errors import ServerError
from .finding import Address, Machine, find_postgresql
from .home import Home
from .process import HOST, ServerProcess, free_port, wait_until
from .programs import USER, InstalledPostgreSQL
from .running import Running
from .urls import with_database, without_password

if TYPE_CHECKING:
    import psycopg

__all__ = [
    "C_DATABASE",
    "ICU_DATABASE",
    "PostgreSQLServer",
    "create_databases",
    "create_schema",
    "drop_schema",
]

C_DATABASE: Final = "torematrix_test_c"
"""The database in which strings compare by code point."""

ICU_DATABASE: Final = "torematrix_test_icu"
"""The database whose own order of strings is that of a language."""

_STARTING: Final = 120.0
_AGAIN: Final = 10.0
"""Seconds during which a server that was killed is started again, while its last processes go away."""


class PostgreSQLServer(Running):
    """A PostgreSQL of one's own, to be stopped, restarted and killed at will. Its superuser is ``torematrix``.

        with PostgreSQLServer(password="...", settings={"statement_timeout": "1000"}) as server:
            use(server.url)
            server.restart()

    It listens on a port that stays the same over restarts, and asks for a password only when one is given. It ends,
    and its data is removed, with ``close`` or with the process.
    """

    def __init__(
        self,
        home: Home | None = None,
        name: str = "postgresql",
        *,
        password: str | None = None,
        settings: Mapping[str, str] | None = None,
        hba: Sequence[str] = (),
        program: InstalledPostgreSQL | DockerPostgreSQL | None = None,
    ) -> None:
        """A server that does not run yet.

        Args:
            home: where it lives, if that is shared with others.
            name: tells servers in one home apart.
            password: of the superuser; asked for by SCRAM-SHA-256.
            settings: of postgresql.conf.
            hba: lines of pg_hba.conf, instead of the usual ones.
            program: which PostgreSQL, instead of the one that is found.
        """
        self._given_program = program
        self._given_home = home
        self._name = name
        self._password = password
        self._settings = dict(settings or {})
        self._hba = list(hba)
        self._prepared = False

    @functools.cached_property
    def program(self) -> InstalledPostgreSQL | DockerPostgreSQL:
        """Which PostgreSQL it is."""
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
        """The URL of the database ``postgres``, with the password."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """The URL of another database of it."""
        secret = "" if self._password is None else f":{quote(self._password, safe='')}"
        return f"postgresql://{USER}{secret}@{HOST}:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The server's main process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process.running

    @override
    def start(self) -> Self:
        """Start it, and wait until it answers."""
        if not self._prepared:
            self.program.prepare(self._process.folder, self._password, self._hba)
        deadline = time.monotonic() + (_AGAIN if self._prepared else 0.0)
        while True:
            launch = self.program.launch(self._process.folder, self.port, self._settings, not self._prepared)
            self._process.start(launch)
            try:
                wait_until(self._answers, self._process, _STARTING, "PostgreSQL")
            except ServerError:
                # The memory of a killed server is in use until its last process has noticed.
                if self._process.running or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                break
        self._prepared = True
        return self

    def stop(self) -> None:
        """Shut it down as an administrator would: open sessions are ended, the data stays."""
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

    def _answers(self) -> bool:
        try:
            connect(self.url, seconds=5).close()
        except _psycopg().OperationalError:
            return False
        return True


def _own_program() -> InstalledPostgreSQL | DockerPostgreSQL:
    """What is installed here: a server that tests may stop is never the one that a variable names."""
    variables = {
        name: value for name, value in Machine().variables.items() if not name.startswith("TOREMATRIX_TEST_")
    }
    found = find_postgresql(Machine(variables))
    assert not isinstance(found, Address)
    return found


# ---------------------------------------------------------------------------------------------- databases and schemas


def create_databases(url: str) -> tuple[str, str]:
    """The URLs of the two databases of the kit on a server, which are made when they are not there.

    Raises ``ServerError`` when the server cannot have them, or has others under their names.
    """
    with _connected(url) as connection:
        version = connection.info.server_version
        if version < 150_000:
            raise ServerError(
                f"The PostgreSQL for tests has to be version 15 or later, so that a database can have an ICU "
                f"collation; this is {version // 10_000}."
            )
        _create(
            connection,
            C_DATABASE,
            ("LOCALE_PROVIDER libc LOCALE 'C.UTF-8'", "LOCALE_PROVIDER libc LOCALE 'C'"),
        )
        _create(connection, ICU_DATABASE, ("LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'",))
        _check(connection)
    urls = (with_database(url, C_DATABASE), with_database(url, ICU_DATABASE))
    for each in urls:
        with _connected(each) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    return urls


def _create(connection: psycopg.Connection[Any], name: str, forms: Sequence[str]) -> None:
    psycopg = _psycopg()
    errors: list[str] = []
    for form in forms:
        try:
            # A constant of this module; CREATE DATABASE takes no parameters.
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {form}".encode())
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return  # Another run was faster.
        except psycopg.errors.InsufficientPrivilege as error:
            raise ServerError(
                f"The PostgreSQL for tests has no database {name}, and this role may not create one: give it CREATEDB, "
                "or see docs/guides/test-servers.md for the statements."
            ) from error
        except psycopg.Error as error:
            errors.append(str(error).strip())
        else:
            return
    raise ServerError(
        f"The database {name} could not be made on the PostgreSQL for tests: {'; '.join(errors)}"
    )


def _check(connection: psycopg.Connection[Any]) -> None:
    """The databases are what their names say, whoever made them."""
    rows = connection.execute(
        "SELECT datname, pg_encoding_to_char(encoding), datlocprovider::text, datcollate FROM pg_database "
        "WHERE datname = ANY(%s)",
        [[C_DATABASE, ICU_DATABASE]],
    ).fetchall()
    for name, encoding, provider, collation in rows:
        right = (
            provider == "i"
            if name == ICU_DATABASE
            else provider != "i" and collation in {"C", "C.UTF-8", "C.utf8"}
        )
        if encoding != "UTF8" or not right:
            raise ServerError(f"The database {name} of the PostgreSQL for tests was made otherwise: drop it.")


def create_schema(url: str, schema: str) -> None:
    """Make a schema; the name is the harness's own."""
    with _connected(url) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"'.encode())


def drop_schema(url: str, schema: str) -> None:
    """Drop a schema and everything in it. Fails when a session still holds a lock in it: some test left it open."""
    with _connected(url) as connection:
        connection.execute("SET lock_timeout = '20s'")
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


@contextlib.contextmanager
def _connected(url: str) -> Generator[psycopg.Connection[Any]]:
    psycopg = _psycopg()
    try:
        connection = connect(url, seconds=20)
    except psycopg.Error as error:
        raise ServerError(
            f"The PostgreSQL for tests at {without_password(url)} does not take a connection: {error}"
        ) from error
    try:
        yield connection
    finally:
        connection.close()


def connect(url: str, seconds: int) -> psycopg.Connection[Any]:
    """A connection that commits each statement."""
    connection: psycopg.Connection[Any] = _psycopg().connect(url, autocommit=True, connect_timeout=seconds)
    return connection


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise ServerError(
            "Tests on PostgreSQL need psycopg: pip install 'torematrix-storage[postgresql]'"
        ) from error
    return psycopg
