"""The machine and the versions that figures belong to."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

__all__ = ["described", "mount_of"]


def described(folder: Path, load: float) -> Iterator[str]:
    """What is worth knowing of the machine, line by line; ``load`` is that before the run."""
    yield f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
    yield f"load before the run, of all cores together: {load:.1f}"
    yield f"databases on {_file_system(folder)}"
    yield f"CPython {platform.python_version()}, torematrix-storage {version('torematrix-storage')}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def mount_of(folder: Path) -> tuple[str, str] | None:
    """The mount point that holds a folder and the kind of its file system, where the system says so."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return None
    holding = [(point, kind) for point, kind in mounts if folder.is_relative_to(point)]
    return max(holding, key=lambda mount: len(mount[0]), default=None)


def _file_system(folder: Path) -> str:
    mount = mount_of(folder)
    return "a disk" if mount is None else mount[1]
