"""Long runs: numbers dealt out to processes, what came of them added up, and a file that remembers it.

A run goes on from where its file says the last one stopped, so hours add up, whatever ends them.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import multiprocessing
import os
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from .comparing import Comparison, Difference
from .engines import Engine
from .notation import program_from_json, program_to_json, shown
from .outcomes import Failure
from .programs import make_program
from .shrinking import shrunk
from .steps import Program

__all__ = ["CHUNK", "Found", "State", "described", "program_of", "run_chunk", "run_programs"]

CHUNK: Final = 50
"""How many programs a process takes at a time."""
_RENEWED: Final = 2_000
"""After how many programs a process begins with new storages: engines slow down where much was deleted."""
_SHRUNK: Final = 3
"""How many differences of one kind a process shrinks; more would tell nothing new."""
_SILENCE: Final = 240.0
"""Seconds after which a process that says nothing is taken for hung."""


class Found(msgspec.Struct, frozen=True):
    """A difference, as it is kept.

    Attributes:
        engine: the engine, with its form and colour.
        number: the program that showed it first.
        place, kind: the step of the shrunk program.
        expected, found: what the reference and the engine gave, as text.
        program: the shrunk program, as JSON; "" where it was not shrunk, because others of its kind were.
    """

    engine: str
    number: int
    place: str
    kind: str
    expected: str
    found: str
    program: str = ""

    def text(self) -> str:
        """It as a regression test keeps it."""
        kept = {name: getattr(self, name) for name in self.__struct_fields__ if name != "program"}
        return json.dumps({**kept, "program": json.loads(self.program)}, indent=1) + "\n"


def program_of(text: str) -> Program:
    """The program of a difference that was kept so."""
    return program_from_json(json.dumps(json.loads(text)["program"]))


def described(difference: Difference, number: int, *, whole: bool) -> Found:
    """The difference as it is kept."""
    return Found(
        difference.label,
        number,
        difference.place,
        difference.kind,
        shown(difference.expected)[:2000],
        shown(difference.found)[:2000],
        program_to_json(difference.program) if whole else "",
    )


class State(msgspec.Struct):
    """How far a run has come.

    Attributes:
        first: the number it began with.
        done: how many programs from there on have all been run.
        ahead: chunks that were finished before one in front of them.
        seconds: how long that took.
        counts: what happened, by what it was.
        differences: what differed.
    """

    first: int = 0
    done: int = 0
    ahead: list[int] = []
    seconds: float = 0.0
    counts: dict[str, int] = {}
    differences: list[Found] = []

    @classmethod
    def read(cls, path: Path | None, first: int) -> Self:
        """What an earlier run left in the file, or a new state."""
        if path is None or not path.exists():
            return cls(first=first)
        return msgspec.json.decode(path.read_bytes(), type=cls)

    def write(self, path: Path | None) -> None:
        """Keep it in the file, whole or not at all."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1))
            part.replace(path)

    def chunks(self, programs: int) -> list[int]:
        """The first numbers of the chunks that are still to be run, of so many more programs."""
        start = self.first + self.done
        ahead = set(self.ahead)
        return [number for number in range(start, start + programs, CHUNK) if number not in ahead]

    def add(self, chunk: int, counts: dict[str, int], found: Sequence[Found]) -> None:
        """Note what came of a chunk."""
        self.counts = dict(Counter(self.counts) + Counter(counts))
        self.differences.extend(found)
        ahead = {*self.ahead, chunk}
        while self.first + self.done in ahead:
            ahead.remove(self.first + self.done)
            self.done += CHUNK
        self.ahead = sorted(ahead)


# ------------------------------------------------------------------------------------------------------- one process


class Chunks:
    """Runs chunks of programs, one after the other, on storages that stay open in between."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison
        self._kinds: Counter[tuple[str, ...]] = Counter()
        self._since_new = 0

    def run(self, first: int, count: int, tell: Callable[[int], None]) -> list[Found]:
        """Run so many programs from that number on; what differed."""
        comparison = self._comparison
        comparison.counts.clear()
        found: list[Found] = []
        for number in range(first, first + count):
            tell(number)
            found += [self._kept(difference, tell) for difference in comparison.run(make_program(number))]
        self._since_new += count
        if self._since_new >= _RENEWED:
            comparison.renew()
            self._since_new = 0
        return found

    def _kept(self, difference: Difference, tell: Callable[[int], None]) -> Found:
        number = difference.program.number
        kind = (
            difference.label.split(" ")[0],
            difference.kind,
            _kind(difference.expected),
            _kind(difference.found),
        )
        self._kinds[kind] += 1
        if self._kinds[kind] > _SHRUNK:
            return described(difference, number, whole=False)
        again = self._comparison.again(difference)
        if again is None:
            # Only after the programs before it: what these left behind is the fault.
            return described(difference, number, whole=True)

        def run(program: Program) -> Difference | None:
            tell(number)
            return self._comparison.run_on(program, difference.label)

        return described(shrunk(again, run), number, whole=True)


def _kind(value: Any) -> str:
    return value.name if isinstance(value, Failure) else type(value).__name__


def run_chunk(comparison: Comparison, first: int, count: int) -> list[Found]:
    """Run so many programs from that number on in this process; what differed, shrunk."""
    return Chunks(comparison).run(first, count, lambda _: None)


def _work(channel: Connection, engines: Sequence[Engine], plant: str | None) -> None:
    """A process: takes the first numbers of chunks until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    with contextlib.ExitStack() as stack:
        if plant is not None:
            from .faults import planted

            stack.enter_context(planted(plant))
        comparison = stack.enter_context(Comparison(engines))
        chunks = Chunks(comparison)
        # What is imported by now stays: looked through less often, it takes a tenth less of the processor.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

        def tell(number: int) -> None:
            channel.send(("at", number))

        try:
            while (first := channel.recv()) is not None:
                found = chunks.run(first, CHUNK, tell)
                channel.send(("done", first, dict(comparison.counts), found))
        except (EOFError, BrokenPipeError):
            # Who started it was killed, and the servers with it: nobody answers what would be closed.
            os._exit(1)
        except Exception:  # noqa: BLE001 - told to who started the process
            channel.send(("failed", traceback.format_exc()))


# ------------------------------------------------------------------------------------------------------ all of them


class _Process:
    """A process at work, seen from outside."""

    def __init__(self, engines: Sequence[Engine], plant: str | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.channel, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, engines, plant))
        self.process.start()
        theirs.close()
        self.number = -1
        self.heard = time.monotonic()

    def end(self) -> None:
        """Let it finish; at the latest in a minute."""
        with contextlib.suppress(OSError):
            self.channel.send(None)
        self.process.join(60)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()
        self.channel.close()

    def check(self) -> None:
        """Raise RuntimeError when nothing was heard of it for too long, once it has said where it hangs."""
        if time.monotonic() - self.heard > _SILENCE and self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGUSR1)
            time.sleep(1)
            raise RuntimeError(f"program {self.number} does not end; where it hangs is printed above")


def run_programs(
    engines: Sequence[Engine],
    state: State,
    programs: int,
    *,
    processes: int,
    plant: str | None = None,
    enough: int = 20,
    tell: Callable[[int, Sequence[Found]], None],
) -> None:
    """Run programs in several processes, and note in the state what comes of them.

    Args:
        engines: what is compared with the reference.
        state: how far the run has come; it goes on from there.
        programs: how many more to run, in whole chunks.
        processes: how many processes.
        plant: the name of a fault to plant in an engine.
        enough: no further chunks are begun once there are so many differences.
        tell: called with the number of programs of each chunk that is done, and what differed in it.
    """
    pending = state.chunks(programs)[::-1]
    workers = [_Process(engines, plant) for _ in range(min(processes, len(pending)))]
    started, before = time.monotonic(), state.seconds
    known = len(state.differences)
    try:
        for worker in workers:
            worker.channel.send(pending.pop())
        busy = {worker.channel: worker for worker in workers}
        while busy:
            for ready in wait(list(busy), timeout=5):
                worker = busy[ready]  # type: ignore[index]  # wait gives back what it was given
                worker.heard = time.monotonic()
                message = _received(worker)
                if message[0] == "at":
                    worker.number = message[1]
                    continue
                if message[0] == "failed":
                    raise RuntimeError(f"program {worker.number}: {message[1]}")
                _, first, counts, found = message
                state.add(first, counts, found)
                state.seconds = before + time.monotonic() - started
                tell(CHUNK, found)
                if pending and len(state.differences) - known < enough:
                    worker.channel.send(pending.pop())
                else:
                    del busy[worker.channel]
            for worker in busy.values():
                worker.check()
    finally:
        for worker in workers:
            worker.end()


def _received(worker: _Process) -> Any:
    try:
        return worker.channel.recv()
    except EOFError:
        raise RuntimeError(f"the process that ran program {worker.number} is gone") from None
