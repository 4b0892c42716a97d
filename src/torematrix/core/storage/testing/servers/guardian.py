"""The process between a test server and whoever started it: it sees to it that no server outlives its owner.

A test run may end in ways in which no line of its own is executed any more: killed, out of memory, a closed terminal.
So the server is not its child. A guardian starts it, and watches a named pipe that the owner of the servers holds
open for writing: the operating system closes it however the owner ends, the guardian reads the end of the pipe, ends
the server and removes its data. On Linux the kernel in turn ends the server when the guardian itself is killed. While
it lives, a guardian holds a lock on a file, by which others see that something is still running.

This file is a program: ``python guardian.py ORDER``, where the order is a JSON object. It detaches itself at once,
imports nothing of the library, and speaks lines of text:

    it writes                                        it takes
    ``started PID``, or ``failed REASON``            ``stop``: end the server in an orderly way, keep the data
    ``exited CODE``, then it ends                    ``kill``: end it as a crash would, keep the data

The end of its input means nothing: whoever started a server may leave before its owner does.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
from types import FrameType
from typing import Final, TypedDict

__all__ = ["Action", "Order", "main"]

Action = int | list[str]
"""How a server is ended: by a signal to its process, or by a command."""

_GRACE: Final = 20.0
"""Seconds after which a server that was asked to end is killed."""

_PR_SET_PDEATHSIG: Final = 1


class Order(TypedDict):
    """What a guardian is told.

    Attributes:
        command: the server's program and its arguments.
        user: the account to run it as, or None for the present one.
        environment: all variables it gets.
        log: the file that takes what it prints.
        owner: the named pipe whose end means that the owner is gone.
        lock: the file that is locked as long as the guardian lives.
        remove: the folder to remove when the owner is gone; the one around it too, by the last guardian there.
        stop: ends it in an orderly way.
        kill: ends it as a crash would.
        end: ends it at once when the owner is gone; nothing but its data may be lost.
    """

    command: list[str]
    user: str | None
    environment: dict[str, str]
    log: str
    owner: str
    lock: str
    remove: str
    stop: Action
    kill: Action
    end: Action


def _detach() -> None:
    """Go on in a process that is nobody's child and hears no signal of a terminal."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _die_with_parent() -> None:
    """In the server, before its program is loaded: be killed when the guardian is (a thing only Linux knows).

    The number of open files is raised as far as allowed: MongoDB holds two for each collection.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # Whoever started the server may be gone.
        os.write(1, f"{line}\n".encode())


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Without a handler of ours the signal would be passed over, and wake nobody."""


class _Guardian:
    """A running server and the three things that are watched: its end, the owner's pipe, and commands."""

    def __init__(self, order: Order, owner: int, process: subprocess.Popen[bytes]) -> None:
        self._order = order
        self._process = process
        self._owner = owner
        self._selector = selectors.DefaultSelector()
        # A child that ends wakes the selector through a pipe: no polling.
        self._awake, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._awake, False)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, _wake)
        for watched in (0, owner, self._awake):
            self._selector.register(watched, selectors.EVENT_READ)

    def watch(self) -> bool:
        """Wait for the server to end; whether that was because its owner did."""
        while self._process.poll() is None:
            for key, _ in self._selector.select():
                # Nothing but wake-ups is ever long, so that what is read at once is all there is.
                text = self._read(key.fd)
                if key.fd == self._owner and text == b"":
                    self._end(self._order["end"])
                    return True
                if key.fd == 0:
                    self._obey(text)
        return False

    @staticmethod
    def _read(source: int) -> bytes:
        try:
            return os.read(source, 4096)
        except BlockingIOError:
            return b"-"

    def _obey(self, text: bytes) -> None:
        if text == b"":
            self._selector.unregister(0)
        for word in text.decode().split():
            self._end(self._order["stop"] if word == "stop" else self._order["kill"])

    def _end(self, action: Action) -> None:
        self._act(action)
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _act(self, action: Action) -> None:
        if isinstance(action, int):
            self._process.send_signal(action)
            return
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                action,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_GRACE,
                check=False,
            )


def _start(order: Order) -> subprocess.Popen[bytes]:
    user = order["user"]
    with open(order["log"], "ab") as log:  # noqa: PTH123 - without pathlib a guardian is there in half the time
        return subprocess.Popen(
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=order["environment"],
            cwd="/",
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - there is one thread here
            user=user,
            group=None if user is None else _group_of(user),
            extra_groups=None if user is None else [],
        )


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def main(order: Order) -> None:
    """Run a server until it ends, is told to, or its owner is gone."""
    _detach()
    lock = os.open(order["lock"], os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    # Not blocking: without an owner the open would wait for one; so it reads an end, which is the truth.
    owner = os.open(order["owner"], os.O_RDONLY | os.O_NONBLOCK)
    try:
        process = _start(order)
    except (OSError, KeyError, subprocess.SubprocessError) as error:
        _say(f"failed {type(error).__name__}: {error}")
        return
    _say(f"started {process.pid}")
    if _Guardian(order, owner, process).watch():
        shutil.rmtree(order["remove"], ignore_errors=True)
        _leave(order["lock"])
    _say(f"exited {process.returncode}")


def _leave(lock: str) -> None:
    """Remove the folder of all servers, when its owner was killed and no other guardian is there to do it.

    An owner that lives is waiting for the locks of the guardians, and then removes the folder.
    """
    home = os.path.dirname(lock)  # noqa: PTH120
    with contextlib.suppress(OSError):
        owner = os.open(f"{home}/owner.lock", os.O_RDWR)
        fcntl.flock(owner, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.unlink(lock)  # noqa: PTH108
        if not any(name.endswith(".lock") and name != "owner.lock" for name in os.listdir(home)):  # noqa: PTH208
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
