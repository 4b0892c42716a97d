"""A disk that fails when it is told to: a VFS of SQLite, and the work of SQLite itself, which can be interrupted.

full     a write finds no space
write    a write fails
sync     a sync fails
read     a read fails
cut      a file cannot be cut to a length
interrupt  the statement that runs is interrupted, as by ``sqlite3_interrupt``
"""

from __future__ import annotations

import threading
import weakref
from typing import Any, Final, Self

import apsw

__all__ = ["TROUBLES", "FailingDisk"]

_CODES: Final = {
    "full": apsw.SQLITE_FULL,
    "write": apsw.SQLITE_IOERR_WRITE,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "read": apsw.SQLITE_IOERR_READ,
    "cut": apsw.SQLITE_IOERR_TRUNCATE,
}
TROUBLES: Final = (*_CODES, "interrupt")
_STEPS: Final = 10
"""So many steps of SQLite's machine make an opportunity to interrupt it."""


class FailingDisk:
    """What all connections of this process that are opened meanwhile read from and write to.

    Attributes:
        met: how often it has failed since it was told to.
    """

    def __init__(self) -> None:
        self.met = 0
        self._what = ""
        self._after = 0
        self._lasting = False
        self._lock = threading.Lock()
        self._vfs: _VFS | None = None

    def __enter__(self) -> Self:
        self._vfs = _VFS(self)
        apsw.connection_hooks.append(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        apsw.connection_hooks.remove(self._watch)
        if self._vfs is not None:
            self._vfs.unregister()
            self._vfs = None

    def arm(self, what: str, after: int, *, lasting: bool) -> None:
        """Fail at what is asked for, when it has been done so often; once, or until it is disarmed."""
        with self._lock:
            self.met, self._what, self._after, self._lasting = 0, what, after, lasting

    def disarm(self) -> None:
        """Work again."""
        with self._lock:
            self._what = ""

    def fails(self, what: str) -> bool:
        """Whether this time it does."""
        with self._lock:
            if what != self._what:
                return False
            if self._after:
                self._after -= 1
                return False
            self.met += 1
            if not self._lasting:
                self._what = ""
            return True

    def check(self, *whats: str) -> None:
        """Raise what SQLite is told where it fails."""
        for what in whats:
            if self.fails(what):
                raise apsw.exception_for(_CODES[what])

    def _watch(self, connection: apsw.Connection) -> None:
        watched = weakref.ref(connection)

        def interrupt() -> bool:
            there = watched()
            if there is not None and self.fails("interrupt"):
                there.interrupt()
            # Saying so here would be told of statements too that have come to their end, and committed.
            return False

        connection.set_progress_handler(interrupt, _STEPS)


class _VFS(apsw.VFS):
    """SQLite's own, which asks first."""

    def __init__(self, disk: FailingDisk) -> None:
        self._disk = disk
        super().__init__("torematrix-failing", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802 - SQLite's name
        return _File(self._disk, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("unix", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._disk.check("read")
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.check("full", "write")
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.check("cut")
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.check("sync")
        super().xSync(flags)
