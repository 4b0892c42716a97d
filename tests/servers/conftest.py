"""What tests of the harness ask of the machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def processes_of() -> Callable[[Path], list[str]]:
    """Gives the commands of all processes that have to do with a folder of servers: guardians, servers, children."""
    return _processes_of


def _processes_of(folder: Path) -> list[str]:
    found: list[str] = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        command = " ".join(process.info["cmdline"] or ())
        if str(folder) in command or str(folder) in (process.info["cwd"] or ""):
            found.append(command)
    return found


@pytest.fixture
def eventually() -> Callable[..., bool]:
    """Tells whether something becomes true in time."""
    return _eventually


def _eventually(true: Callable[[], object], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
