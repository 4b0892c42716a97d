"""Full disks: clients write until the engine refuses, or its server dies; then there is room again.

The disk is a file system in memory, which takes the rights of root to mount. A file on it leaves a few megabytes free,
which a handful of writes fill; without the file there is room again.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from random import Random
from typing import Final, Self

from ..servers.home import Home
from .crowds import limited
from .cuts import Colour
from .engines import Engine, MongoDBEngine, PostgreSQLEngine, SQLiteEngine
from .kills import Stage
from .steps import ACKNOWLEDGED, REFUSED, Ledger, Outcome, read_ledger
from .tally import Tally

__all__ = ["NoDiskError", "SmallDisk", "engine_on", "fill_disks"]

_MEGABYTES: Final = {"sqlite": 16, "postgresql": 160, "mongodb": 480}
"""What the engine itself needs, and some room."""
_FREE: Final = 3_000_000
_REFUSALS: Final = 4
"""So many are seen by each client before there is room again."""
_PATIENCE: Final = 20.0
"""Seconds in which it has to get full."""
_BACK: Final = 20.0
"""Seconds after which writes are taken again, where the server was down."""
_BULK: Final = 200
_SEGMENTS: Final = 8
"""More than PostgreSQL keeps of its log."""
_TOLD: Final = {"StorageError", "UnavailableError", "TransactionError", "CommitUnknown", "ConflictError"}
"""The errors that say so; the others say something of the data."""


class NoDiskError(RuntimeError):
    """No file system may be mounted here."""


class SmallDisk:
    """A file system of so many megabytes, as long as the block lasts.

    Attributes:
        folder: where it is mounted.
    """

    def __init__(self, megabytes: int) -> None:
        self._megabytes = megabytes
        self._place = tempfile.TemporaryDirectory(prefix="torematrix-disk-")
        self.folder = Path(self._place.name)

    def __enter__(self) -> Self:
        options = f"size={self._megabytes}m,mode=755"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            self._place.cleanup()
            raise NoDiskError("a disk that gets full takes the program mount") from error
        if done.returncode:
            self._place.cleanup()
            raise NoDiskError(
                f"a disk that gets full takes the right to mount a tmpfs, as root has it: {done.stderr.strip()}"
            )
        return self

    def __exit__(self, *_: object) -> None:
        # What has ended may take a moment to let go of its files.
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True, capture_output=True)
        self._place.cleanup()

    @property
    def free(self) -> int:
        """Bytes that are free."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def leave(self, size: int) -> None:
        """Take up everything but so many bytes."""
        with self._ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), max(1, self.free - size))

    def clear(self) -> None:
        """Give back what was taken up."""
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@contextlib.contextmanager
def engine_on(disk: SmallDisk, name: str) -> Generator[Engine]:
    """An engine whose data is on a disk."""
    if name == "sqlite":
        with contextlib.closing(SQLiteEngine(disk.folder)) as engine:
            yield engine
        return
    with Home.make(disk.folder) as home:
        if name == "postgresql":
            # Otherwise it would keep all of its log while there is room.
            server: Engine = PostgreSQLEngine(home, min_wal_size="32MB", max_wal_size="64MB")
        else:
            # It writes its files once a second, not once a minute.
            server = MongoDBEngine(home, arguments=("--syncdelay", "1"))
        with contextlib.closing(server):
            yield server


def fill_disks(
    name: str,
    tally: Tally,
    times: int,
    random: Random,
    tell: Callable[[int], object] = lambda _: None,
) -> None:
    """Fill a disk so many times, each with an engine of its own.

    Raises:
        NoDiskError: none may be mounted here.
    """
    with SmallDisk(_MEGABYTES[name]) as disk, engine_on(disk, name) as engine:
        for time in range(times):
            if not tally.faults:
                with tempfile.TemporaryDirectory(prefix="torematrix-ledgers-") as folder:
                    _Filling(engine, disk, Path(folder), tally, random).run(starves=time % 2 == 1)
                tell(1)


class _Filling:
    """One time."""

    def __init__(self, engine: Engine, disk: SmallDisk, folder: Path, tally: Tally, random: Random) -> None:
        self._engine = engine
        self._disk = disk
        self._tally = tally
        self._random = random
        self._stage = Stage(engine, folder)
        self._clients: list[tuple[Colour, Path]] = []

    def run(self, *, starves: bool) -> None:
        """Fill it, make room, and compare; ``starves`` leaves PostgreSQL no room for its log, of which it dies."""
        ledgers: list[Ledger] = []
        try:
            for colour in ("sync", "async"):
                order = self._stage.order(colour, self._random)
                ledgers.append(Ledger(Path(order.ledger)))
                client = Colour(colour, self._limited())
                client.begin(ledgers[-1], order.name, self._random, list(self._stage.opening), _BULK)
                self._clients.append((client, Path(order.ledger)))
            self._disk.leave(_FREE)
            if starves and isinstance(self._engine, PostgreSQLEngine):
                self._starve(self._engine)
            self._fill()
            died = self._make_room()
            for client, path in self._clients:
                self._write_again(client, path, died=died)
        finally:
            self._disk.clear()
            for client, _ in self._clients:
                client.close()
            for ledger in ledgers:
                ledger.close()
        self._engine.rest()
        self._tally.judge(self._stage.check())
        self._tally.add(times=1)
        self._stage.drop()

    def _limited(self) -> str:
        limits = {
            "sqlite": "busy_timeout=5&cache_bytes=65536",
            "postgresql": "pool_timeout=2",
            "mongodb": "operation_timeout=1&connect_timeout=1&pool_timeout=1",
        }
        return limited(self._stage.url, limits[self._engine.name])

    def _starve(self, engine: PostgreSQLEngine) -> None:
        """Use up the log that PostgreSQL has made room for."""
        import psycopg

        self._disk.leave(0)
        with contextlib.suppress(psycopg.Error), psycopg.connect(engine.server.url, autocommit=True) as own:
            for _ in range(_SEGMENTS):
                own.execute("SELECT pg_switch_wal(), pg_current_xact_id()")

    def _fill(self) -> None:
        until = time.monotonic() + _PATIENCE
        refused = 0
        for client, path in self._clients:
            while refused < (_REFUSALS if self._runs() else 1):
                if time.monotonic() > until:
                    self._tally.blame([f"endless: the disk is not full after {_PATIENCE:g} s"])
                    return
                kind = self._random.choice((*client.kinds, *["bulk_create"] * 5))
                client.step(kind)
                refused = sum(outcome.told != ACKNOWLEDGED for outcome in _outcomes(path))
            refused = 0
            for outcome in _outcomes(path):
                if outcome.error:
                    self._tally.add(**{f"told {outcome.error}": 1})
            wrong = {outcome.error for outcome in _outcomes(path) if outcome.error} - _TOLD
            if wrong:
                self._tally.blame([f"wrong: a full disk is told as {', '.join(sorted(wrong))}"])

    def _runs(self) -> bool:
        """Whether there is a server that has not died, or none to die."""
        if isinstance(self._engine, PostgreSQLEngine | MongoDBEngine):
            return self._engine.server.running
        return True

    def _make_room(self) -> bool:
        """Whether the server had died, and was started again."""
        died = not self._runs()
        self._disk.clear()
        if died and isinstance(self._engine, PostgreSQLEngine | MongoDBEngine):
            self._tally.add(died=1)
            self._engine.server.start()
        return died

    def _write_again(self, client: Colour, path: Path, *, died: bool) -> None:
        """The next write is done; where the server was down, or is recovering, as soon as it is there."""
        until = time.monotonic() + _BACK
        while True:
            client.step("create")
            last = _outcomes(path)[-1]
            if last.told == ACKNOWLEDGED:
                return
            recovers = died or (last.told == REFUSED and last.error == "UnavailableError")
            if not recovers or time.monotonic() > until:
                self._tally.blame([f"stuck: with room again, a write is told {last.error}"])
                return


def _outcomes(path: Path) -> list[Outcome]:
    return [entry for entry in read_ledger([path]) if isinstance(entry, Outcome)]
