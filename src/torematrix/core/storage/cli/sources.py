"""Which files there are to import: folders walked without end or loop, whatever is in them.

Nothing is collected: files are given as they are found, and what is held is the folders still to be looked into.
"""

from __future__ import annotations

import enum
import errno
import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Final

import msgspec

__all__ = ["Found", "Mode", "Problem", "Walk", "is_data", "open_regular", "reason_of"]

DATA_SUFFIXES: Final = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv"})
_VCS: Final = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", "_darcs", ".fslckout", "CVS", "RCS", "SCCS"})
# Passed over in folders without a word: nobody expects them among documents. Named by themselves, they are tried.
_BINARY_FORMATS: Final = """
    .7z .a .apk .avi .avif .bin .bmp .br .bz2 .cab .class .cur .dat .db .db-journal .db-shm .db-wal .deb .dex .dll
    .dmg .doc .docx .dylib .ear .egg .elc .eot .epub .exe .flac .gif .gz .h5 .icns .ico .iso .jar .jpeg .jpg .jks .ko
    .lib .lz4 .lzma .m4a .m4v .mkv .mo .mov .mp3 .mp4 .mpeg .mpg .msi .npy .npz .o .obj .odp .ods .odt .ogg .onnx .opus
    .otf .parquet .pdb .pdf .pickle .pkl .png .ppt .pptx .psd .pyc .pyd .pyo .rar .rlib .rpm .snap .so .sqlite .sqlite3
    .swf .tar .tgz .tif .tiff .ttc .ttf .war .wasm .wav .webm .webp .whl .woff .woff2 .xls .xlsx .xz .zip .zst
"""
_BINARY_SUFFIXES: Final = frozenset(_BINARY_FORMATS.split())
_OPEN_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY")
)


class Mode(enum.StrEnum):
    """What data files (JSON, JSONL, CSV) are taken for."""

    AUTO = "auto"
    FILES = "files"
    RECORDS = "records"


class Found(msgspec.Struct, frozen=True):
    """A file to import.

    Attributes:
        path: its absolute path; symbolic links in it are resolved.
        size: its bytes.
        modified: when it was changed, in nanoseconds since 1970.
        is_data: whether it is read record by record.
    """

    path: str
    size: int
    modified: int
    is_data: bool


class Problem(msgspec.Struct, frozen=True):
    """Something that was not imported: where, and why not."""

    path: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}{'' if self.line is None else f':{self.line}'}: {self.reason}"


def is_data(path: str) -> bool:
    """Whether the file is one of records, by its name."""
    return PurePath(path).suffix.lower() in DATA_SUFFIXES


def reason_of(error: OSError) -> str:
    """The system's error in words, without the path."""
    return f"cannot be read: {error.strerror or type(error).__name__}"


def open_regular(path: str) -> int:
    """A descriptor of a regular file; whatever else has taken its place is refused rather than waited for."""
    descriptor = os.open(path, _OPEN_FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", path)
    return descriptor


class Walk:
    """The files below these paths, each time it is iterated over; ``passed_over`` counts those left out on purpose.

    Left out in folders: hidden files and folders (unless ``hidden``), those of version control, symbolic links (unless
    ``follow``: then every folder is entered once, so that no loop is endless), sockets, pipes and devices, names of
    binary formats, what ``exclude`` matches and, where there is an ``include``, what that does not match. A pattern
    with a slash is matched with the path from the folder given, another one with the name.

    Args:
        paths: files and folders; a file named here is not left out for its name.
        mode: what data files are taken for.
        include: patterns of the files wanted.
        exclude: patterns of files and folders not wanted.
        hidden: whether to take hidden ones.
        follow: whether to follow symbolic links inside folders.
        without: files never to import: the database's own.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        mode: Mode = Mode.AUTO,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        hidden: bool = False,
        follow: bool = False,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.passed_over = 0
        self._paths = list(paths)
        self._mode = mode
        self._includes = [_matcher(pattern) for pattern in include]
        self._excludes = [_matcher(pattern) for pattern in exclude]
        self._hidden = hidden
        self._follow = follow
        self._without = without

    def __iter__(self) -> Iterator[Found | Problem]:
        self.passed_over = 0
        for path in self._paths:
            real = os.path.realpath(path)
            try:
                status = os.stat(real)  # noqa: PTH116 - one call for a path that may be any bytes
            except OSError as error:
                yield Problem(path, reason_of(error))
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self._folder(real)
            elif stat.S_ISREG(status.st_mode):
                yield self._found(real, status)
            else:
                yield Problem(path, "not a regular file")

    def _found(self, path: str, status: os.stat_result) -> Found:
        data = self._mode is not Mode.FILES and (self._mode is Mode.RECORDS or is_data(path))
        return Found(path, status.st_size, status.st_mtime_ns, data)

    def _folder(self, root: str) -> Iterator[Found | Problem]:
        pending = [root]
        entered: set[tuple[int, int]] = set()
        while pending:
            folder = pending.pop()
            try:
                if self._follow and not self._is_new(folder, entered):
                    continue
                with os.scandir(folder) as entries:
                    for entry in entries:
                        relative = os.path.relpath(entry.path, root)
                        if self._is_left_out(entry.name, relative):
                            self.passed_over += 1
                            continue
                        if entry.is_dir(follow_symlinks=self._follow):
                            pending.append(entry.path)
                            continue
                        found = self._file(entry, relative)
                        if found is not None:
                            yield found
                        else:
                            self.passed_over += 1
            except OSError as error:
                yield Problem(folder, reason_of(error))

    def _is_new(self, folder: str, entered: set[tuple[int, int]]) -> bool:
        status = os.stat(folder)  # noqa: PTH116 - one call for a path that may be any bytes
        identity = status.st_dev, status.st_ino
        if identity in entered:
            return False
        entered.add(identity)
        return True

    def _is_left_out(self, name: str, relative: str) -> bool:
        if name in _VCS or (name.startswith(".") and not self._hidden):
            return True
        return any(matches(name, relative) for matches in self._excludes)

    def _file(self, entry: os.DirEntry[str], relative: str) -> Found | Problem | None:
        """The file, or None where it is not wanted."""
        name = entry.name
        if self._includes and not any(matches(name, relative) for matches in self._includes):
            return None
        if PurePath(name).suffix.lower() in _BINARY_SUFFIXES and not self._includes:
            return None
        if self._mode is Mode.RECORDS and not is_data(name):
            return None
        try:
            if not entry.is_file(follow_symlinks=self._follow):
                return None
            path = os.path.realpath(entry.path) if self._follow else entry.path
            if path in self._without:
                return None
            return self._found(path, entry.stat(follow_symlinks=self._follow))
        except OSError as error:
            return Problem(entry.path, reason_of(error))


def _matcher(pattern: str) -> Callable[[str, str], bool]:
    matches = re.compile(fnmatch.translate(pattern.strip("/"))).match
    if "/" in pattern.strip("/"):
        return lambda name, relative: matches(Path(relative).as_posix()) is not None
    return lambda name, relative: matches(name) is not None
