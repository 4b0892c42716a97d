"""Live moves beside writers: what was acknowledged on either side is in the target, and nothing else is.

Run as a program this module is the process that moves.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any, Final

from ...errors import MovedError
from ...face._sync.moving import BackendMigrator
from ...face._sync.storage import Storage
from ..kit.entities import Plain
from .engines import Engine
from .tally import Tally

__all__ = ["COUNT", "NAME", "Writer", "fill", "held_by", "kill_live_moves", "stored_in"]

NAME: Final = "plains"
COUNT: Final = 3_000
"""So many entities are moved."""
_WRITERS: Final = 3
_BATCH: Final = 50
_AFTERWARDS: Final = 20
"""So many writes each writer makes to the target."""
_REST: Final = 0.001  # seconds: a writer to memory would be faster than any database
_LONGEST: Final = 2.0  # seconds until a kill, at most; fewer once a move was done sooner
_STARTING: Final = 0.4
_MOST: Final = 8
"""So often one move is killed: then it may end."""
_ENDS: Final = 120.0


def fill(storage: Storage) -> None:
    """Store what is to be moved."""
    storage.repository(Plain, NAME).bulk_create([Plain(number, f"{number:06}") for number in range(COUNT)])


class Writer(threading.Thread):
    """Writes to ids of its own, notes what was acknowledged, and goes over to the target when it is told to.

    Attributes:
        held: what has to be stored, by id.
        written: how many writes were acknowledged.
        pause: seconds between the last acknowledgement in the source and the first in the target.
        longest: seconds that the slowest write to the source took.

    Args:
        number: of ``writers``.
        writers: how many there are.
        source, target: the storages.
    """

    def __init__(self, number: int, writers: int, source: Storage, target: Storage) -> None:
        super().__init__(daemon=True)
        self.held = {f"{each:06}": each for each in range(number, COUNT, writers)}
        self.written = 0
        self.pause = self.longest = 0.0
        self._number = number
        self._random = Random(number)
        self._here, self._there = source.repository(Plain, NAME), target.repository(Plain, NAME)
        self._stopping = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Write until stopped or told."""
        last = time.perf_counter()
        try:
            while not self._stopping.is_set():
                started = time.perf_counter()
                self._write(self._here)
                last = time.perf_counter()
                self.longest = max(self.longest, last - started)
                time.sleep(_REST)
        except MovedError:
            self._go_over(last)
        except Exception as error:  # noqa: BLE001 - told by ``end``
            self._failure = error

    def _go_over(self, last: float) -> None:
        try:
            self._write(self._there)
            self.pause = time.perf_counter() - last
            for _ in range(_AFTERWARDS):
                self._write(self._there)
        except Exception as error:  # noqa: BLE001 - told by ``end``
            self._failure = error

    def _write(self, repository: Any) -> None:
        kind = self._random.choice(("create", "update", "patch", "delete", "bulk"))
        some = self._random.choice(list(self.held))
        value = self._random.randrange(10**9)
        if kind == "create":
            created = f"w{self._number}-{self.written:06}"
            repository.create(Plain(value, created))
            self.held[created] = value
        elif kind == "update":
            repository.update(Plain(value, some))
            self.held[some] = value
        elif kind == "patch":
            repository.patch(some, value=value)
            self.held[some] = value
        elif kind == "delete":
            if not repository.delete(some):
                raise AssertionError(f"{some!r} was gone before it was deleted")
            del self.held[some]
        else:
            those = self._random.sample(list(self.held), 5)
            repository.bulk_update([Plain(value, each) for each in those])
            self.held.update(dict.fromkeys(those, value))
        self.written += 1

    def end(self) -> None:
        """Wait for it, stop it where nobody has told it anything, and raise what it has met."""
        self.join(_ENDS)
        self._stopping.set()
        self.join(_ENDS)
        if self._failure is not None:
            raise self._failure
        if self.is_alive() or not self.pause:
            raise AssertionError("a writer was never told that its collection has been moved")


def held_by(writers: list[Writer]) -> dict[str, int]:
    """What has to be stored, by id."""
    held: dict[str, int] = {}
    for writer in writers:
        held.update(writer.held)
    return held


def stored_in(storage: Storage) -> dict[str, int]:
    """What is stored, by id."""
    return {str(entity.id): entity.value for entity in storage.repository(Plain, NAME).stream()}


def kill_live_moves(
    source: Engine,
    target: Engine,
    tally: Tally,
    kills: int,
    random: Random,
    tell: Callable[[int], object] = lambda _: None,
) -> None:
    """Kill so many live moves from one engine to another, each beside writers, until each has cut over.

    At the end the target holds exactly what the writers were acknowledged: the faults are what is lost, back or other.
    """
    left, longest = kills, _LONGEST
    while left > 0:
        origin, destination = source.new_database(), target.new_database()
        try:
            killed = _move(origin, destination, tally, random, longest)
        finally:
            source.rest()
            target.rest()
            source.drop(origin)
            target.drop(destination)
        tally.add(kills=killed, moves=1)
        left -= killed
        if not killed:  # it was done sooner: the next is killed earlier
            longest /= 2
        tell(killed)
        if tally.faults:
            return


def _move(origin: str, destination: str, tally: Tally, random: Random, longest: float) -> int:
    with Storage.open(origin) as storage:
        fill(storage)
    opened = [(Storage.open(origin), Storage.open(destination)) for _ in range(_WRITERS)]
    writers = [Writer(number, _WRITERS, *pair) for number, pair in enumerate(opened)]
    killed = 0
    try:
        for writer in writers:
            writer.start()
        code = -1
        report: dict[str, Any] = {}
        while code < 0:
            seconds = _STARTING + random.uniform(0, longest) if killed < _MOST else _ENDS
            code, report = _killed_or_done(origin, destination, seconds)
            killed += code < 0
        if code or not (report["verified"] and report["cut_over"]):
            tally.blame([f"a live move ended with exit code {code}: {report}"])
            return killed
        for writer in writers:
            writer.end()
        with Storage.open(destination) as storage:
            tally.blame(_wrong(held_by(writers), stored_in(storage)))
        tally.add(acknowledged=sum(writer.written for writer in writers))
        tally.seconds.append(max(writer.pause for writer in writers))
    except AssertionError as error:
        tally.blame([str(error)])
    finally:
        for pair in opened:
            for storage in pair:
                storage.close()
    return killed


def _killed_or_done(origin: str, destination: str, longest: float) -> tuple[int, dict[str, Any]]:
    """The exit code of one process that moves, negative when it was killed, and what it has reported."""
    process = subprocess.Popen(  # noqa: S603 - this module
        [sys.executable, "-m", __name__, origin, destination], stdout=subprocess.PIPE
    )
    try:
        told, _ = process.communicate(timeout=longest)
    except subprocess.TimeoutExpired:
        process.kill()
        told, _ = process.communicate(timeout=_ENDS)
    return process.returncode, json.loads(told) if told else {}


def _wrong(expected: dict[str, int], found: dict[str, int]) -> list[str]:
    faults = [f"{each} was acknowledged and is lost" for each in expected.keys() - found.keys()]
    faults += [f"{each} was deleted and is back" for each in found.keys() - expected.keys()]
    return faults + [
        f"{each} is stored otherwise than it was acknowledged last"
        for each in expected.keys() & found.keys()
        if expected[each] != found[each]
    ]


def _main(origin: str, destination: str) -> None:
    with Storage.open(origin) as source, Storage.open(destination) as target:
        report = BackendMigrator(_BATCH, live=True, resume=True).move(source, target, [NAME])
    told = {name: report[name] for name in ("verified", "cut_over", "pause_seconds", "caught_up", "failed")}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    _main(*sys.argv[1:])
