"""A server as a process that can be started, stopped, restarted and killed, by way of its guardian."""

from __future__ import annotations

import contextlib
import json
import os
import random
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from . import guardian
from .errors import ServerError
from .home import Home

__all__ = ["HOST", "Launch", "ServerProcess", "free_port", "listens", "wait_until"]

HOST: Final = "127.0.0.1"
"""Where all of them listen, and nowhere else."""

# Outside the range from which Linux and macOS take ports for outgoing connections: a port that is free for a moment,
# while its server restarts, is not taken by somebody's client.
_PORTS: Final = range(15_000, 30_000)

_ANSWER: Final = 60.0
"""Seconds to wait for a guardian's answer; ending a server takes the longest."""


@dataclass(frozen=True)
class Launch:
    """How a server is started and ended.

    Attributes:
        command: the program and its arguments.
        user: the account to run it as, or None for the present one.
        variables: environment variables it gets beside the path, the home and the locale.
        stop: ends it in an orderly way.
        kill: ends it as a crash would.
        end: ends it at once, together with what it started; its data is not needed any more.
    """

    command: Sequence[str]
    stop: guardian.Action
    kill: guardian.Action
    end: guardian.Action
    user: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict[str, str])


class ServerProcess:
    """One server in a home. It may be started and ended any number of times; the data stays."""

    def __init__(self, home: Home, name: str) -> None:
        self.folder = home.folder / name
        self.log = home.folder / f"{name}.log"
        self._home = home
        self._name = name
        self._guardian: subprocess.Popen[bytes] | None = None
        self._pid = 0

    @property
    def pid(self) -> int:
        """The server's process. Raises ``ServerError`` when it does not run."""
        if not self.running:
            raise ServerError(f"{self._name} does not run")
        return self._pid

    @property
    def running(self) -> bool:
        """Whether it runs, as far as this process has started it."""
        if self._guardian is not None and self._heard("exited", 0.0) is not None:
            self.let_go()
        return self._guardian is not None

    def start(self, launch: Launch) -> None:
        """Start it; it may need a while yet until it answers."""
        if self.running:
            raise ServerError(f"{self._name} runs already")
        order: guardian.Order = {
            "command": list(launch.command),
            "user": launch.user,
            "environment": _environment(launch.variables),
            "log": str(self.log),
            "owner": str(self._home.pipe),
            "lock": str(self._home.lock_of(self._name)),
            "remove": str(self.folder),
            "stop": launch.stop,
            "kill": launch.kill,
            "end": launch.end,
        }
        with self.log.open("ab") as log:
            self._guardian = subprocess.Popen(
                [sys.executable, "-I", guardian.__file__, json.dumps(order)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # So that what was not read yet is what can be waited for.
            )
        self._guardian.wait()  # It goes on in a process of its own.
        answer = self._heard("started", _ANSWER)
        if answer is None:
            self.let_go()
            raise ServerError(f"{self._name} could not be started.{self.last_words()}")
        self._pid = int(answer)

    def stop(self) -> None:
        """End it in an orderly way; nothing when it does not run."""
        self._order("stop")

    def kill(self) -> None:
        """End it as a crash would; nothing when it does not run."""
        self._order("kill")

    def let_go(self) -> None:
        """Leave it to its owner: it goes on, and cannot be ended from here any more."""
        if self._guardian is not None:
            for stream in (self._guardian.stdin, self._guardian.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            self._guardian = None

    def last_words(self) -> str:
        """The end of its log, as a part of a message."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text("utf-8", "replace").splitlines()[-15:]
            return f" The end of its log {self.log}:\n" + "\n".join(lines)
        return ""

    def _order(self, word: str) -> None:
        if not self.running or self._guardian is None or self._guardian.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            self._guardian.stdin.write(f"{word}\n".encode())
        if self._heard("exited", _ANSWER) is None:
            raise ServerError(f"{self._name} did not end.{self.last_words()}")
        self.let_go()

    def _heard(self, word: str, seconds: float) -> str | None:
        """What stands behind a word of the guardian; None when it does not say it in time.

        Its end without a word (it was killed) counts as ``exited``.
        """
        output = self._guardian.stdout if self._guardian else None
        if output is None:
            return None
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            if not selector.select(seconds):
                return None
        said, _, rest = output.readline().decode().strip().partition(" ")
        if said == word:
            return rest
        return "" if said == "" and word == "exited" else None


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "TZ", "TMPDIR", "DOCKER_HOST")
        if name in os.environ
    }
    return {**kept, "LC_ALL": "C", **variables}


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            # As servers do: the remains of closed connections are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port
    raise ServerError("found no free port")


def listens(port: int) -> bool:
    """Whether something takes connections on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5):
        return True
    return False


def wait_until(ready: Callable[[], bool], process: ServerProcess, seconds: float, what: str) -> None:
    """Ask again and again until it is so. Raises ``ServerError`` when the server ends or the time does."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not process.running:
            raise ServerError(f"{what} ended while it started.{process.last_words()}")
        if time.monotonic() > deadline:
            raise ServerError(f"{what} did not answer within {seconds:.0f} s.{process.last_words()}")
        time.sleep(0.02)
