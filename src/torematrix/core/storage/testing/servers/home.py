"""The folder in which test servers live, and the life of its owner, on which theirs depends.

    torematrix-servers-USER-RANDOM/
        owner          a named pipe, held open for writing by the owner; its end is the end of all servers here
        owner.lock     locked by the owner
        NAME.lock      locked by the guardian of a server while that runs
        NAME/          the data and the log of a server

A folder whose locks are all free is nobody's: it is what a killed run has left, and is removed by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final, Self

from .errors import ServerError

__all__ = ["Home", "locked"]

_PREFIX: Final = f"torematrix-servers-{os.getuid() if hasattr(os, 'getuid') else 'none'}-"
_YOUNG: Final = 60.0
"""Seconds during which a folder is left alone: its owner may not have come to lock it."""

_END: Final = 30.0
"""Seconds that servers are given to end after their owner let go of them."""


class Home:
    """A folder of test servers. Made by its owner, joined by others (the workers of pytest-xdist).

    Attributes:
        folder: where it is.
    """

    def __init__(self, folder: Path, held: tuple[int, ...] = ()) -> None:
        self.folder = folder
        self._held = held

    @classmethod
    def make(cls, parent: Path | None = None) -> Home:
        """A new one, owned by this process: what runs in it ends with ``close`` or with the process."""
        if not hasattr(os, "mkfifo"):
            raise ServerError(
                "Test servers are started on Linux and macOS alone: give their URLs by environment variables, see "
                "docs/guides/test-servers.md."
            )
        place = parent or _place()
        sweep(place)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        # Servers may run under another account, which has to pass through here.
        folder.chmod(0o711)
        lock = os.open(folder / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.mkfifo(folder / "owner", 0o600)
        # For reading too, since otherwise the open would wait for a reader.
        pipe = os.open(folder / "owner", os.O_RDWR | os.O_NONBLOCK)
        return cls(folder, (pipe, lock))

    @property
    def pipe(self) -> Path:
        """The named pipe that the guardians watch."""
        return self.folder / "owner"

    def lock_of(self, name: str) -> Path:
        """The file that the guardian of a server locks."""
        return self.folder / f"{name}.lock"

    def close(self) -> None:
        """End every server in it, wait until they are gone, and remove the folder. Nothing, for who has joined.

        An interruption waits for that too: it takes a moment, and people press Ctrl-C twice.
        """
        if not self._held:
            return
        pipe, lock = self._held
        self._held = ()
        os.close(pipe)
        deadline = time.monotonic() + _END
        interrupted: KeyboardInterrupt | None = None
        while not _all_free(self._locks()) and time.monotonic() < deadline:
            try:
                time.sleep(0.01)
            except KeyboardInterrupt as error:
                interrupted = error
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(lock)
        if interrupted is not None:
            raise interrupted

    def _locks(self) -> list[Path]:
        return [path for path in self.folder.glob("*.lock") if path.name != "owner.lock"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sweep(parent: Path | None = None) -> list[Path]:
    """Remove the folders that killed runs of this user left behind; which they were."""
    removed: list[Path] = []
    for folder in (parent or _place()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _YOUNG and _all_free(list(folder.glob("*.lock"))):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder)
    return removed


@contextlib.contextmanager
def locked(path: Path) -> Generator[None]:
    """Be the only process of the machine in a part of the code."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _all_free(paths: list[Path]) -> bool:
    return all(_is_free(path) for path in paths)


def _is_free(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(handle)


def _place() -> Path:
    """Where temporary folders go, if every account may pass through; otherwise the system's own place for them."""
    place = Path(tempfile.gettempdir()).resolve()
    passable = all(folder.stat().st_mode & 0o001 for folder in (place, *place.parents))
    return place if passable or os.geteuid() != 0 else Path("/tmp")  # noqa: S108 - the folders in it are mkdtemp's
