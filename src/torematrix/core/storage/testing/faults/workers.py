"""Clients as processes that can be killed: made by a process that has loaded everything and opened nothing.

A client is there within milliseconds, because it is forked from a nursery that has imported the library and the
engine's client already. The nursery is this module run as a program; it takes lines of JSON and answers with lines:

    ``{"start": ORDER}``    a new client; the answer is its process
    ``{"join": PID}``       wait for its end; the answer is how it ended
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from ...face._async.storage import AsyncStorage
from ...face._sync.storage import Storage
from ._async.lanes import AsyncBooks, AsyncLane
from ._sync.lanes import Books, Lane
from .entities import BULK
from .steps import Ledger

__all__ = ["Client", "Nursery", "Order"]

_PR_SET_PDEATHSIG: Final = 1
_CLOCK_STEPS: Final = (-86_400.0, -3_600.0, -1.0, 60.0, 3_600.0, 30 * 86_400.0)


class Order(msgspec.Struct, frozen=True):
    """What a client is to do.

    Attributes:
        url: of the database.
        colour: sync, with a thread a lane, or async, with a task a lane.
        name: of its lanes, used by no other client of the database ever.
        lanes: how many.
        ledger: the file it writes down into.
        seed: of what it chooses.
        accounts: how many there are.
        seconds: after which it ends by itself.
        clock: whether the clock it sees jumps forth and back by up to a month.
        bulk: the most records that a bulk write makes.
    """

    url: str
    colour: str
    name: str
    lanes: int
    ledger: str
    seed: int
    accounts: int
    seconds: float = 60.0
    clock: bool = False
    bulk: int = BULK


class Client:
    """A client that runs.

    Attributes:
        pid: its process.
        order: what it does.
    """

    def __init__(self, nursery: Nursery, pid: int, order: Order) -> None:
        self.pid = pid
        self.order = order
        self._nursery = nursery
        self._status: int | None = None

    def wrote(self) -> int:
        """How many bytes its ledger has."""
        with contextlib.suppress(FileNotFoundError):
            return Path(self.order.ledger).stat().st_size
        return 0

    def wait_until_it_writes(self, seconds: float = 20.0) -> None:
        """Wait for its first steps. Raises ``TimeoutError`` when there are none."""
        until = time.monotonic() + seconds
        while not self.wrote():
            if time.monotonic() > until:
                raise TimeoutError(f"a client of {self.order.name} has not begun within {seconds:g} s")
            time.sleep(0.002)

    def kill(self) -> None:
        """Send SIGKILL."""
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def join(self) -> int:
        """How it ended: 0 by itself, -9 killed."""
        if self._status is None:
            self._status = self._nursery.join(self.pid)
        return self._status


class Nursery:
    """Makes clients. They end with it, and it ends with the process that has made it.

    Args:
        backend: the engine that they use.
    """

    def __init__(self, backend: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - Python itself
            [sys.executable, "-m", __spec__.name, backend],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def start(self, order: Order) -> Client:
        """A new client."""
        return Client(self, int(self._ask({"start": msgspec.to_builtins(order)})), order)

    def join(self, pid: int) -> int:
        """Wait for the end of a client; its exit code, negative for a signal."""
        return int(self._ask({"join": pid}))

    def _ask(self, question: dict[str, Any]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End it, and every client of it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# ------------------------------------------------------------------------------------------------------- the nursery


def _serve() -> None:
    # What a client would import when it opens a storage.
    importlib.import_module(f"torematrix.core.storage.backends.{sys.argv[1]}.make")
    for line in sys.stdin:
        question = json.loads(line)
        if "join" in question:
            _, status = os.waitpid(question["join"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if not answer:
                _be_client(msgspec.convert(question["start"], Order))
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _be_client(order: Order) -> None:
    """Work, in a process that was forked, and end it."""
    code = 1
    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.close(0)
        os.dup2(2, 1)  # What the nursery answers is not mixed with anything.
        _keep_quiet()
        with _jumping(order.clock, order.seed):
            _run(order)
        code = 0
    except BaseException:  # noqa: BLE001 - it is told on the error output, and the process ends in any case
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _keep_quiet() -> None:
    """Transactions that are tried again are nothing to be told of here."""
    import stamina.instrumentation

    stamina.instrumentation.set_on_retry_hooks([])


def _run(order: Order) -> None:
    until = time.monotonic() + order.seconds
    ledger = Ledger(Path(order.ledger))
    names = [f"account-{number}" for number in range(order.accounts)]
    lanes = [(f"{order.name}.{number}", Random(order.seed * 1000 + number)) for number in range(order.lanes)]

    def goes_on() -> bool:
        return time.monotonic() < until

    if order.colour == "async":
        asyncio.run(_run_tasks(order, ledger, lanes, names, goes_on))
    else:
        _run_threads(order, ledger, lanes, names, goes_on)


async def _run_tasks(
    order: Order,
    ledger: Ledger,
    lanes: list[tuple[str, Random]],
    names: list[str],
    goes_on: Callable[[], bool],
) -> None:
    async with AsyncStorage.open(order.url) as storage:
        books = AsyncBooks(storage)
        await storage.ready()
        await asyncio.gather(
            *(
                AsyncLane(books, ledger, name, random, names, order.bulk).run(goes_on)
                for name, random in lanes
            )
        )


def _run_threads(
    order: Order,
    ledger: Ledger,
    lanes: list[tuple[str, Random]],
    names: list[str],
    goes_on: Callable[[], bool],
) -> None:
    with Storage.open(order.url) as storage:
        books = Books(storage)
        storage.ready()
        threads = [
            threading.Thread(target=Lane(books, ledger, name, random, names, order.bulk).run, args=(goes_on,))
            for name, random in lanes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def _jumping(wanted: bool, seed: int) -> Any:
    """Let the clock of this process jump at random, many times a second. Its monotonic clock goes on."""
    if not wanted:
        yield
        return
    random = Random(seed)
    real_time, real_ns = time.time, time.time_ns
    shift = [0.0]

    def jump() -> None:
        while True:
            time.sleep(random.uniform(0.0, 0.05))
            shift[0] = random.choice(_CLOCK_STEPS)

    time.time = lambda: real_time() + shift[0]
    time.time_ns = lambda: real_ns() + int(shift[0] * 1e9)
    threading.Thread(target=jump, daemon=True).start()
    yield


if __name__ == "__main__":
    _serve()
