"""The part of the pytest plug-in that gives tests real servers; see ``servers``.

One process owns them: the one that runs the tests, or the controller of pytest-xdist, whose workers are told where they
are. The first who needs one starts it; they end with their owner, however that ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from .databases import Databases, server_of

# Imported when a server is needed: pytest loads plug-ins whatever it runs, and on systems that have no named pipes.
if TYPE_CHECKING:
    from .servers.shared import MongoDBAddresses, PostgreSQLAddresses, SharedServers

__all__ = ["mongodb_server", "new_database", "postgresql_server", "servers_of"]

_SERVERS: Final = pytest.StashKey["SharedServers"]()
_INPUT: Final = "torematrix_servers"
_FIXTURES: Final = {
    "postgresql_server": ("postgresql",),
    "mongodb_server": ("mongodb", "mongodb-standalone"),
}


def servers_of(config: pytest.Config) -> SharedServers:
    """The servers of this run. Raises ``ServerError`` where none can be started; nothing is started yet."""
    servers = config.stash.get(_SERVERS, None)
    if servers is None:
        from .servers.home import Home
        from .servers.shared import SharedServers

        told: dict[str, str] = getattr(config, "workerinput", {})
        servers = SharedServers(Home(Path(told[_INPUT])) if _INPUT in told else Home.make())
        config.stash[_SERVERS] = servers
    return servers


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the servers of the run are."""
    from .servers.errors import ServerError

    try:
        node.workerinput[_INPUT] = str(servers_of(node.config).folder)
    except (ImportError, ServerError):
        return  # A worker that needs a server will say what is missing.


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start what the selected tests need, side by side, while the first of them run."""
    if session.config.option.collectonly:
        return
    needed = {kind for item in session.items for kind in _needs(item)}
    if needed:
        from .servers.errors import ServerError
        from .servers.shared import Kind

        try:
            servers_of(session.config).begin(kind for kind in Kind if kind in needed)
        except (ImportError, ServerError):
            return  # The first test that needs one says what is missing.


def _needs(item: pytest.Item) -> Iterator[str]:
    for name in getattr(item, "fixturenames", ()):
        yield from _FIXTURES.get(name, ())
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    url = parameters.get("storage_url")
    kind = server_of(url) if isinstance(url, str) else None
    if kind is not None:
        yield kind


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which servers the tests ran on."""
    servers = terminalreporter.config.stash.get(_SERVERS, None)
    for line in servers.report() if servers is not None else ():
        terminalreporter.write_line(f"test server {line}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the servers of the run, if it was this process that owned them."""
    servers = config.stash.get(_SERVERS, None)
    if servers is not None:
        servers.close()


# ----------------------------------------------------------------------------------------------------------- fixtures


@pytest.fixture(scope="session")
def postgresql_server(pytestconfig: pytest.Config) -> PostgreSQLAddresses:
    """A PostgreSQL shared by the whole run: ``url`` of its C database, ``icu_url`` of its ICU one."""
    return servers_of(pytestconfig).postgresql()


@pytest.fixture(scope="session")
def mongodb_server(pytestconfig: pytest.Config) -> MongoDBAddresses:
    """Two MongoDBs shared by the whole run: ``url`` of the replica set, ``standalone_url`` of the other."""
    from .servers.shared import MongoDBAddresses

    servers = servers_of(pytestconfig)
    return MongoDBAddresses(servers.mongodb(), servers.mongodb_standalone())


@pytest.fixture
def new_database(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Gives the URLs of new databases, for example for ``{postgresql_icu}``; they are dropped after the test."""
    made: list[Databases] = []

    def new_url(url: str) -> str:
        made.append(
            Databases(url, lambda: tmp_path_factory.mktemp("storage"), lambda: servers_of(pytestconfig))
        )
        return made[-1].new_url()

    yield new_url
    for databases in made:
        databases.drop()
