"""Kills of moves: a process that moves entities gets SIGKILL, another one resumes, again and again.

Run as a program this module is the process that moves: it writes a byte when the first batch is stored.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any, Final

from ...core._sync.moving import Ledger
from ...core.options import Progress
from ...face._async.moving import AsyncBackendMigrator
from ...face._async.storage import AsyncStorage
from ...face._sync.moving import BackendMigrator
from ...face._sync.storage import Storage
from .engines import Engine
from .entities import Paper, text_of
from .tally import Tally

__all__ = ["fill", "kill_moves"]

_ENTITIES: Final = 1_500
_BATCH: Final = 10
_NAME: Final = "moved"
_EARLY: Final = 0.1
"""So often a process is killed before it is known to have stored a batch."""
_STARTING: Final = 1.5  # seconds in which a process may have got so far
_LONGEST: Final = 0.5  # seconds of copying before a kill, at most
_ENDS: Final = 120.0


def fill(url: str) -> None:
    """Store what is to be moved: papers of some length, whose words are searched."""
    with Storage.open(url) as storage:
        papers = [
            Paper(f"lane{number % 7}", number, text_of(f"{number:05}", number, 100), f"{number:05}")
            for number in range(_ENTITIES)
        ]
        storage.repository(Paper, _NAME).bulk_create(papers)


def kill_moves(
    source: Engine,
    target: Engine,
    tally: Tally,
    kills: int,
    random: Random,
    tell: Callable[[int], object] = lambda _: None,
) -> None:
    """Kill so many moves from one engine to another, blocking and waiting ones; each goes on until it is complete.

    A kill counts where it hit a process that was at work. After each the target holds exactly as many entities as its
    checkpoint says, and at the end exactly those of the source: the faults are what is lost, added or changed.
    """
    origin = source.new_database()
    try:
        fill(origin)
        left = kills
        while left > 0:
            destination = target.new_database()
            killed = _move(origin, destination, target, tally, random)
            tally.add(kills=killed, moves=1)
            left -= killed
            tell(killed)
            if tally.faults:
                return
            target.drop(destination)
    finally:
        source.drop(origin)


def _move(origin: str, destination: str, target: Engine, tally: Tally, random: Random) -> int:
    """One move, killed until it is complete; how often."""
    killed = 0
    while True:
        colour = random.choice(("sync", "async"))
        command = [sys.executable, "-m", __name__, colour, origin, destination]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - this module
        assert process.stdout is not None
        if random.random() < _EARLY:
            time.sleep(random.uniform(0, _STARTING))
        else:
            process.stdout.read(1)
            time.sleep(random.uniform(0, _LONGEST))
        process.kill()
        process.stdout.close()
        code = process.wait(_ENDS)
        target.rest()
        if code == 0:
            break
        if code > 0:
            tally.blame([f"a move ended with exit code {code}"])
            return killed
        killed += 1
        tally.blame(_out_of_step(destination))
    tally.blame(_wrong(origin, destination))
    return killed


def _out_of_step(url: str) -> list[str]:
    """Where the entities and the checkpoint do not go together."""
    with Storage.open(url) as storage:
        if _NAME not in storage.collections():
            return []
        checkpoint = Ledger(storage.engine).read(_NAME)
        migrated = 0 if checkpoint is None else checkpoint.migrated
        stored = storage.repository(Paper, _NAME).count()
    return [] if stored == migrated else [f"{stored} entities are stored, and the checkpoint says {migrated}"]


def _wrong(origin: str, destination: str) -> list[str]:
    """What is not as it should be at the end; found by reading everything, and by the verification too."""
    with Storage.open(origin) as source, Storage.open(destination) as target:
        expected, found = source.repository(Paper, _NAME).list(), target.repository(Paper, _NAME).list()
        report = BackendMigrator().verify(source, target, [_NAME])
    faults = (
        []
        if found == expected
        else [f"{len(found)} entities are there in place of {len(expected)}, or others"]
    )
    if report.verified is not True:
        faults.append(f"verification: {report['differences']}")
    return faults


# ------------------------------------------------------------------------------------------------------- the process
def _teller() -> Progress:
    def tell(*_: int) -> None:
        sys.stdout.write(".")
        sys.stdout.flush()

    return tell


def _run(origin: str, destination: str) -> None:
    with Storage.open(origin) as source, Storage.open(destination) as target:
        BackendMigrator(_BATCH, resume=True, verify=False).move(source, target, [_NAME], _teller())


async def _run_waiting(origin: str, destination: str) -> None:
    async with AsyncStorage.open(origin) as source, AsyncStorage.open(destination) as target:
        await AsyncBackendMigrator(_BATCH, resume=True, verify=False).move(source, target, [_NAME], _teller())


def _main(arguments: list[Any]) -> None:
    colour, origin, destination = arguments
    if colour == "sync":
        _run(origin, destination)
    else:
        asyncio.run(_run_waiting(origin, destination))


if __name__ == "__main__":
    _main(sys.argv[1:])
