"""Backups by themselves: a thread that makes one whenever it is due and keeps the newest few."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import re
import threading
import weakref
from pathlib import Path
from typing import Final

from ...errors import ConfigurationError, StorageError, UnavailableError
from .backup import MANIFEST_SUFFIX, Database, backup, manifest_path, verify_backup
from .files import check_stopped, file_errors, is_temporary

__all__ = ["BackupSchedule"]

_STAMP: Final = "%Y%m%dT%H%M%S.%fZ"
_PATTERN: Final = r"\d{8}T\d{6}\.\d{6}Z"
_LONGEST_WAIT: Final = (
    60.0  # seconds, after which the clock is read again: it may have been set, the machine asleep
)
_ABANDONED: Final = dt.timedelta(days=1)  # since an unfinished file last grew; whoever wrote it is gone


class BackupSchedule:
    """Automatic backups of one database into ``backup_folder``.

    A backup is due ``backup_interval`` seconds after the newest one there, so that a restart neither skips nor repeats
    one, and processes that share the database share the schedule. Only files are counted and removed whose names were
    made here: they hold a digest of the database's path, so databases of one name share a folder without harm.

    Attributes:
        last_backup: the newest backup this schedule made, or None.
        last_error: why the last attempt failed; None when it did not.
    """

    def __init__(self, driver: Database, *, start: bool = True) -> None:
        config = driver.config
        if config.backup_folder is None:
            raise ConfigurationError("there is no backup_folder for automatic backups", backend="sqlite")
        self.last_backup: Path | None = None
        self.last_error: Exception | None = None
        self._driver = driver
        self._folder = Path(config.backup_folder)
        self._interval = dt.timedelta(seconds=config.backup_interval)
        database = Path(os.path.realpath(config.database_path))
        digest = hashlib.sha256(os.fsencode(database)).hexdigest()[:8]
        self._prefix = f"{database.stem[:40]}-{digest}-"
        self._own = re.compile(re.escape(self._prefix) + f"({_PATTERN})" + re.escape(".db"), re.ASCII)
        self._sound: set[tuple[str, int, int]] = (
            set()
        )  # backups that were verified: (name, bytes, time of change)
        self._stopping = threading.Event()
        self._process = os.getpid()
        self._thread: threading.Thread | None = None
        if start:
            # Held weakly: a storage that nobody closed can still be collected, which ends the thread.
            stopping = self._stopping
            held = weakref.ref(self, lambda _: stopping.set())
            self._thread = threading.Thread(
                target=_work, args=(held, stopping), name="torematrix-backups", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End the thread; a backup under way is given up and leaves no file."""
        if os.getpid() != self._process:
            return  # the thread, and maybe a lock it held, stayed in the parent
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def run_due(self, now: dt.datetime) -> Path | None:
        """Make a backup if one is due at this (aware) time, and remove those beyond ``backup_keep``; its path, or None.

        Raises:
            StorageError: it failed, which ``last_error`` keeps. The next one is due at once.
        """
        if os.getpid() != self._process:
            raise StorageError(
                "the storage was opened before this process was forked; open it again in the child"
            )
        try:
            return self._run_due(now.astimezone(dt.UTC))
        except Exception as error:
            if not self._stopping.is_set():
                self.last_error = error
            raise

    def seconds_left(self, now: dt.datetime) -> float:
        """How long until the next backup is due, 0 when it is."""
        newest = max((stamp for stamp, _ in self._existing(now)), default=None)
        return 0.0 if newest is None else max(0.0, (newest + self._interval - now).total_seconds())

    def _run_due(self, now: dt.datetime) -> Path | None:
        with file_errors("backup", self._folder / "*"):
            if self.seconds_left(now) > 0:
                return None
            if self._driver.config.create_folder:
                self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._prefix}{now.strftime(_STAMP)}.db"
        backup(self._driver, path, stopped=self._stopping.is_set)
        self.last_backup, self.last_error = path, None
        with file_errors("backup", path):
            self._sound.add(_identity(path))
            self._remove_old(now)
            self._remove_abandoned(now)
        return path

    def turn(self) -> float:
        """Do what is due now; the seconds to wait before the next look. Never raises: the thread goes on."""
        try:
            self.run_due(dt.datetime.now(dt.UTC))
            left = self.seconds_left(dt.datetime.now(dt.UTC))
        except Exception as error:  # noqa: BLE001  # last_error is where it is told
            if not self._stopping.is_set():
                self.last_error = error
            left = self._interval.total_seconds()
        return min(left, _LONGEST_WAIT)

    def _existing(self, now: dt.datetime) -> list[tuple[dt.datetime, Path]]:
        """The backups, newest first. One from the future is neither counted nor removed: a clock was wrong once."""
        found: list[tuple[dt.datetime, Path]] = []
        with contextlib.suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if match := self._own.fullmatch(path.name):
                    with contextlib.suppress(ValueError):
                        stamp = dt.datetime.strptime(match[1], _STAMP).replace(tzinfo=dt.UTC)
                        if stamp <= now:
                            found.append((stamp, path))
        return sorted(found, reverse=True)

    def _remove_old(self, now: dt.datetime) -> None:
        """Keep the newest sound ones, and whatever is newer than the oldest of these."""
        existing = self._existing(now)
        keep = self._driver.config.backup_keep
        if len(existing) <= keep:
            return
        sound = 0
        for _, path in existing:
            if sound == keep:
                path.unlink(missing_ok=True)
                manifest_path(path).unlink(missing_ok=True)
            elif self._is_sound(path):
                sound += 1

    def _is_sound(self, path: Path) -> bool:
        check_stopped(self._stopping.is_set)
        try:
            identity = _identity(path)
            if identity not in self._sound:
                verify_backup(path, stopped=self._stopping.is_set)
                self._sound.add(identity)
        except UnavailableError:
            raise
        except (StorageError, FileNotFoundError):
            return False
        return True

    def _remove_abandoned(self, now: dt.datetime) -> None:
        """Remove what a process left that ended in the middle: unfinished files, and manifests without their backup."""
        before = (now - _ABANDONED).timestamp()
        for path in list(self._folder.iterdir()):
            if not (is_temporary(path) or self._is_lone_manifest(path)):
                continue
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def _is_lone_manifest(self, path: Path) -> bool:
        backed_up = path.with_name(path.name.removesuffix(MANIFEST_SUFFIX))
        own = path.name.endswith(MANIFEST_SUFFIX) and self._own.fullmatch(backed_up.name) is not None
        return own and not backed_up.exists()


def _identity(path: Path) -> tuple[str, int, int]:
    """What changes when a file does."""
    status = path.stat()
    return path.name, status.st_size, status.st_mtime_ns


def _work(schedule: weakref.ref[BackupSchedule], stopping: threading.Event) -> None:
    wait = 0.0
    while not stopping.wait(wait):
        held = schedule()
        if held is None:
            return
        wait = held.turn()
        del held
