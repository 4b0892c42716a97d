"""Power cuts: a client writes to SQLite on a disk whose power fails at random moments, and what is left is opened."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from ...errors import StorageError
from ...face._sync.storage import Storage
from ._sync.lanes import Books, Lane
from .checker import Fault, Verdict, check
from .power import Disk
from .steps import Entry, Ledger, read_ledger
from .tally import Tally

__all__ = ["cut_power"]

_ACCOUNTS: Final = 4
_TOGETHER: Final = 50
"""So many cuts are made in the life of one database."""


def cut_power(
    tally: Tally,
    cuts: int,
    random: Random,
    tell: Callable[[int], object] = lambda _: None,
    durability: str = "durable",
    *,
    honest: bool = True,
) -> None:
    """Cut the power so many times, at a random write, sync or moment in between.

    Args:
        tally: what is added to.
        cuts: how many times.
        random: when, and what is lost.
        tell: is told of each time.
        durability: of the database.
        honest: whether the disk does what it is told.
    """
    left = cuts
    while left > 0 and not tally.faults:
        with tempfile.TemporaryDirectory(prefix="torematrix-power-") as folder:
            life = _Life(Path(folder), random, durability, honest=honest)
            for cut in life.cuts(min(left, _TOGETHER)):
                left -= 1
                verdict = cut.check(life.opening)
                tally.add(cuts=1)
                tally.judge(verdict)
                tell(1)


class _Cut:
    """What was told, and what is on the disk."""

    def __init__(self, entries: list[Entry], folder: Path) -> None:
        self._entries = entries
        self._folder = folder

    def check(self, opening: dict[str, int]) -> Verdict:
        """Open what is left, examine it, and compare it with what was told."""
        try:
            with Storage.open(f"sqlite:///{self._folder}/power.db") as storage:
                damage = storage.check()
                stored = Books(storage).stored()
        except StorageError as error:
            return Verdict([Fault("corrupt", f"{type(error).__name__}: {error}")])
        finally:
            shutil.rmtree(self._folder)
        verdict = check(self._entries, stored, opening)
        if damage:
            return Verdict([*verdict.faults, *(Fault("corrupt", line) for line in damage)])
        return verdict


class _Life:
    """A database that is written to while images of its disk are taken."""

    def __init__(self, folder: Path, random: Random, durability: str, *, honest: bool) -> None:
        self._folder = folder
        self._random = random
        self._url = f"sqlite:///{folder}/power.db?durability={durability}&cache_bytes=262144"
        self._honest = honest
        self.opening: dict[str, int] = {}

    def cuts(self, count: int) -> list[_Cut]:
        """So many images, taken at random operations of the disk."""
        path = self._folder / "ledger"
        ledger = Ledger(path)
        cuts: list[_Cut] = []
        with Disk(honest=self._honest) as disk, Storage.open(self._url) as storage:
            books = Books(storage)
            self.opening = books.set_up(_ACCOUNTS)
            lane = Lane(books, ledger, "p", Random(self._random.randrange(2**40)), list(self.opening))
            hook = _Hook(disk, self._random, lambda: self._take(disk, path, cuts))
            with hook:
                # The WAL begins anew every thousand pages: now and then, not only then, as it would in a long life.
                while len(cuts) < count:
                    lane.run(_times(self._random.randrange(1, 12)))
                    if self._random.random() < 0.1:
                        storage.vacuum()
        ledger.close()
        return cuts[:count]

    def _take(self, disk: Disk, path: Path, cuts: list[_Cut]) -> None:
        folder = self._folder / f"cut-{len(cuts)}"
        # What was acknowledged before this moment has to be there; what is acknowledged later is not yet in the ledger.
        entries = read_ledger([path])
        disk.cut(self._random, folder)
        cuts.append(_Cut(entries, folder))


class _Hook:
    """Calls back after some operations of a disk, from the thread that does them."""

    def __init__(self, disk: Disk, random: Random, call: Callable[[], None]) -> None:
        self._disk = disk
        self._random = random
        self._call = call
        self._next = 0

    def __enter__(self) -> None:
        self._draw()
        self._disk.listener = self._done

    def __exit__(self, *_: object) -> None:
        self._disk.listener = None

    def _draw(self) -> None:
        self._next = self._disk.operations + self._random.choice((1, 2, 3, 5, 8, 20, 60))

    def _done(self) -> None:
        if self._disk.operations >= self._next and threading.current_thread() is threading.main_thread():
            self._call()
            self._draw()


def _times(count: int) -> Callable[[], bool]:
    left = iter(range(count))
    return lambda: next(left, None) is not None
