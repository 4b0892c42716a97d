"""A disk whose power can be cut: a VFS of SQLite that knows what has been synced, and what may be lost.

Everything passes through to real files, so SQLite works as ever, in WAL mode and with several connections. Beside them
the disk keeps, for each file, an image of what would be there for certain if the power failed now, and the writes
since the last sync. At a cut a random part of those has reached the disk: each write whole, not at all, or torn into
sectors, in any order, and a torn sector may hold garbage. What was synced is there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final, Self

import apsw

__all__ = ["Disk", "Image"]

_SECTOR: Final = 512

_Change = tuple[int, bytes | None]
"""An offset and what is written there; or a length, and None, for a file that is cut to it."""


class Image:
    """One file: what is on the disk, and what is on its way there."""

    def __init__(self) -> None:
        self.synced = bytearray()
        self.pending: list[_Change] = []
        self.exists = False

    def copy(self) -> Image:
        """As it is now."""
        other = Image()
        other.synced, other.pending, other.exists = bytearray(self.synced), list(self.pending), self.exists
        return other

    def sync(self) -> None:
        """Everything that was written is there for certain."""
        for change in self.pending:
            _apply(self.synced, change)
        self.pending.clear()
        self.exists = True

    def after_a_cut(self, random: Random) -> bytes | None:
        """What may be found in the file afterwards; None where there may be no file."""
        if not self.exists and random.random() < 0.3:
            return None
        left = bytearray(self.synced)
        # Sometimes nothing of it has arrived, sometimes all of it, mostly some.
        share = random.choice((0.0, 0.3, 0.7, 0.95, 1.0))
        for change in self.pending:
            if random.random() < share:
                _apply(left, change)
            elif change[1] is not None and random.random() < 0.5:
                _tear(left, change[0], change[1], random)
        return bytes(left)


def _apply(content: bytearray, change: _Change) -> None:
    at, data = change
    if data is None:
        del content[at:]
        return
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


def _tear(content: bytearray, at: int, data: bytes, random: Random) -> None:
    """Write some sectors of it; one may hold what nobody wrote."""
    for start in range(0, len(data), _SECTOR):
        piece = data[start : start + _SECTOR]
        drawn = random.random()
        if drawn < 0.45:
            _apply(content, (at + start, piece))
        elif drawn < 0.5:
            _apply(content, (at + start, random.randbytes(len(piece))))


class Disk:
    """What all connections of this process write to, while it is installed.

    Args:
        honest: whether a sync is one; a disk that only says so is a fault that must be noticed.

    Attributes:
        operations: how many writes, syncs and the like there have been.
        listener: is called after each of them.
    """

    def __init__(self, *, honest: bool = True) -> None:
        self.operations = 0
        self.listener: Callable[[], None] | None = None
        self._honest = honest
        self._images: dict[str, Image] = {}
        self._lock = threading.Lock()
        self._vfs: _VFS | None = None

    def __enter__(self) -> Self:
        self._vfs = _VFS(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._vfs is not None:
            self._vfs.unregister()
            self._vfs = None

    # What the VFS tells -----------------------------------------------------------------------------------------

    def wrote(self, path: str, at: int, data: bytes) -> None:
        """Note a write."""
        with self._lock:
            self.operations += 1
            self._images.setdefault(path, Image()).pending.append((at, data))
        self._tell()

    def truncated(self, path: str, length: int) -> None:
        """Note that a file was cut."""
        with self._lock:
            self.operations += 1
            self._images.setdefault(path, Image()).pending.append((length, None))
        self._tell()

    def synced(self, path: str) -> None:
        """Note a sync."""
        with self._lock:
            self.operations += 1
            if self._honest:
                self._images.setdefault(path, Image()).sync()
        self._tell()

    def deleted(self, path: str) -> None:
        """Note that a file is gone. SQLite deletes those that it does not need any more."""
        with self._lock:
            self.operations += 1
            self._images.pop(path, None)
        self._tell()

    def _tell(self) -> None:
        if self.listener is not None:
            self.listener()

    # The cut ----------------------------------------------------------------------------------------------------

    def cut(self, random: Random, folder: Path) -> None:
        """Put into a folder what may be found on the disk if the power fails at this very moment."""
        with self._lock:
            images = {path: image.copy() for path, image in self._images.items()}
        folder.mkdir()
        for path, image in images.items():
            content = image.after_a_cut(random)
            if content is not None:
                (folder / Path(path).name).write_bytes(content)


class _VFS(apsw.VFS):
    """SQLite's own, with somebody who listens."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        # The last one that was registered as the default is used by whoever asks for none.
        super().__init__("torematrix-power", "unix", makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802 - SQLite's name
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._disk.deleted(filename)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._path: str | None = name if name is None or isinstance(name, str) else name.filename()
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        if self._path is not None:
            self._disk.wrote(self._path, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        if self._path is not None:
            self._disk.truncated(self._path, newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        if self._path is not None:
            self._disk.synced(self._path)
