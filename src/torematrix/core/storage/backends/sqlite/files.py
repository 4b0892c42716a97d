"""Files that appear whole or not at all: temporary names beside the target, data on the disk before its name."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import quote

import apsw

from ...errors import ConfigurationError, PermissionDeniedError, StorageError, UnavailableError
from .errors import translate

__all__ = [
    "SIDE_FILES",
    "Stopped",
    "check_stopped",
    "create_beside",
    "discard",
    "file_digest",
    "file_errors",
    "file_uri",
    "is_temporary",
    "publish",
    "sync_file",
    "sync_folder",
]

Stopped: TypeAlias = Callable[[], bool]
"""Asked now and then in long work: whether to give up."""

SIDE_FILES: Final = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, and would apply to whatever stands under the database's name."""

_TEMPORARY: Final = re.compile(r"\.torematrix-[0-9a-f]{16}\.tmp", re.ASCII)

_CHUNK: Final = 1024 * 1024
_MISSING: Final = (errno.ENOENT, errno.ENOTDIR)
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def file_errors(operation: str, path: Path) -> Generator[None]:
    """Raise as ours what the file system or SQLite says while ``path`` is written or read."""
    try:
        yield
    except StorageError as error:
        error.backend = error.backend or "sqlite"
        error.operation = error.operation or operation
        raise
    except (OSError, apsw.Error) as error:
        ours = _file_error(error, path)
        ours.backend, ours.operation = "sqlite", operation
        raise ours from error


def _file_error(error: OSError | apsw.Error, path: Path) -> StorageError:
    if isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno in _FULL):
        return StorageError(
            f"the disk is too full for {str(path)!r}, and nothing was left there; free some space or choose another "
            "folder, then try again",
            retryable=True,
        )
    if isinstance(error, apsw.Error):
        return translate(error) or StorageError(f"SQLite failed over {str(path)!r}")
    if isinstance(error, FileExistsError):
        return _exists(path)
    if error.errno in _MISSING:
        return ConfigurationError(
            f"the folder of {str(path)!r} does not exist, or is no folder; make it first"
        )
    if error.errno in _FORBIDDEN:
        return PermissionDeniedError(
            f"the file system does not allow {str(path)!r}; choose a folder that may be written to"
        )
    return StorageError(f"{str(path)!r}: {error.strerror or type(error).__name__}")


def _exists(path: Path) -> StorageError:
    return StorageError(
        f"{str(path)!r} exists already, and is left as it is; choose another name, or remove it first"
    )


def check_stopped(stopped: Stopped | None) -> None:
    """UnavailableError when the work was called off."""
    if stopped is not None and stopped():
        raise UnavailableError("the work was stopped before it was done; nothing was left behind")


def file_uri(path: Path, **options: str) -> str:
    """The file as SQLite's URI, whatever characters or bytes are in its name."""
    text = "&".join(f"{name}={value}" for name, value in options.items())
    return f"file:{quote(os.fsencode(path.absolute()))}" + (f"?{text}" if text else "")


def create_beside(target: Path) -> Path:
    """A new empty file in the folder of ``target``, for this user alone until its mode is set."""
    temporary = target.parent / f".torematrix-{secrets.token_hex(8)}.tmp"
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    return temporary


def is_temporary(path: Path) -> bool:
    """Whether ``create_beside`` gave the file its name."""
    return _TEMPORARY.fullmatch(path.name) is not None


def discard(path: Path) -> None:
    """Remove a file, and what SQLite kept beside it, as far as that is possible."""
    for name in ("", *SIDE_FILES):
        with contextlib.suppress(OSError):
            path.with_name(path.name + name).unlink()


def sync_file(path: Path) -> None:
    """Wait until the content is on the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system has a way to ask for that."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def publish(temporary: Path, target: Path) -> None:
    """Give a finished file its name; FileExistsError when the name is taken, even at the last moment."""
    try:
        # A rename would replace what somebody else has put there meanwhile; a link never does.
        target.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "exists", str(target)) from None
        temporary.rename(target)
    else:
        temporary.unlink()


def file_digest(path: Path, stopped: Stopped | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            check_stopped(stopped)
    return digest.hexdigest()
