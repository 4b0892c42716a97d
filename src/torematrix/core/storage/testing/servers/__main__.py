"""Starts the test servers for a developer, or makes sure that they can be started.

Run by hand, the servers outlive single runs of the tests: paste the printed lines into another terminal, and pytest
uses them.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Callable
from types import FrameType

from .errors import ServerError
from .finding import MONGODB, POSTGRESQL, STANDALONE, Address, Machine, find_mongodb, find_postgresql
from .home import Home
from .installing import install_missing
from .shared import Kind, SharedServers

_COMMAND = "python -m torematrix.core.storage.testing.servers"


def main(arguments: list[str] | None = None, wait: Callable[[], None] | None = None) -> int:
    """The exit status of the command. ``wait`` returns when the servers are to be ended."""
    parser = argparse.ArgumentParser(prog=_COMMAND, description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="say where the servers come from, and start nothing"
    )
    parser.add_argument(
        "--install",
        action="store_true",
        help="with apt-get, install what is missing before anything else (as root)",
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.install:
            for what in install_missing(Machine()):
                _say(f"installed {what}")
        if chosen.check:
            _check(Machine())
        elif not chosen.install:
            _run(wait or _wait)
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _say("")
    return 0


def _check(machine: Machine) -> None:
    found = {
        "PostgreSQL": find_postgresql(machine),
        "MongoDB": find_mongodb(machine),
        "MongoDB (standalone)": find_mongodb(machine, STANDALONE),
    }
    for what, server in found.items():
        where = server.variable if isinstance(server, Address) else f"{server.version}, {server.place}"
        _say(f"{what}: {where}")


def _run(wait: Callable[[], None]) -> None:
    with Home.make() as home:
        servers = SharedServers(home)
        servers.begin(Kind)
        postgresql = servers.postgresql()
        mongodb, standalone = servers.mongodb(), servers.mongodb_standalone()
        for line in servers.report():
            _say(line)
        _say("")
        _say(f"# PostgreSQL with an ICU collation: {postgresql.icu_url}")
        for name, url in ((POSTGRESQL, postgresql.url), (MONGODB, mongodb), (STANDALONE, standalone)):
            _say(f"export {name}={shlex.quote(url)}")
        _say("")
        _say("Ctrl-C ends them.")
        wait()


def _wait() -> None:
    while True:
        signal.pause()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
