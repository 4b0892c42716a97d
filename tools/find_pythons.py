#!/usr/bin/env python3
"""Lists the Python interpreters of this machine that the test suite can run on, one a minor version.

Looks on PATH, in pyenv's versions, in /usr/bin, /usr/local/bin and below /opt, for CPython 3.11 to 3.15; each one is
started, so a shim that leads nowhere is not listed. Of several builds of one minor version the newest is
taken. Pre-releases and free-threaded builds are left out: the locked packages have no wheels for them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

MINORS = range(11, 16)

_PROBE = """
import json, sys, sysconfig
print(json.dumps({
    "version": sys.version_info[:3], "executable": sys.executable, "name": sys.implementation.name,
    "final": sys.version_info.releaselevel == "final",
    "gil": not sysconfig.get_config_var("Py_GIL_DISABLED"),
}))
"""


class Interpreter(NamedTuple):
    """A Python that runs: its version and where it is."""

    version: tuple[int, int, int]
    executable: str

    @property
    def minor(self) -> str:
        """The version without its last part, such as ``3.12``."""
        return f"{self.version[0]}.{self.version[1]}"


def candidates(path: str, home: Path, root: Path = Path("/")) -> Iterator[Path]:
    """Every file that may be such an interpreter, in the order of preference."""
    names = [f"python3.{minor}" for minor in MINORS]
    folders = [Path(folder) for folder in path.split(os.pathsep) if folder]
    folders += sorted((home / ".pyenv" / "versions").glob("*/bin"))
    folders += [root / "usr" / "bin", root / "usr" / "local" / "bin"]
    for pattern in ("bin", "*/bin", "*/*/bin"):
        folders += sorted((root / "opt").glob(pattern))
    seen: set[Path] = set()
    for folder in folders:
        for name in names:
            file = folder / name
            if file not in seen and os.access(file, os.X_OK) and file.is_file():
                seen.add(file)
                yield file


def probe(file: Path) -> Interpreter | None:
    """The interpreter behind ``file``, or None when it does not run or cannot serve."""
    try:
        done = subprocess.run(
            [file, "-I", "-c", _PROBE], capture_output=True, text=True, timeout=30, check=True
        )
        facts = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    major, minor, micro = facts["version"]
    serves = facts["name"] == "cpython" and facts["final"] and facts["gil"] and major == 3 and minor in MINORS
    return Interpreter((major, minor, micro), facts["executable"]) if serves else None


def newest_of_each_minor(found: Iterable[Interpreter]) -> list[Interpreter]:
    """One interpreter a minor version, oldest minor first; of equal versions the one found first."""
    best: dict[str, Interpreter] = {}
    for interpreter in found:
        held = best.get(interpreter.minor)
        if held is None or interpreter.version > held.version:
            best[interpreter.minor] = interpreter
    return sorted(best.values())


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minors", action="store_true", help="print versions (3.12) instead of paths")
    parser.add_argument(
        "--only", metavar="3.X", help="print this minor version alone; exit 1 when it is missing"
    )
    parser.add_argument(
        "--others", action="store_true", help="leave out the minor version that runs this program"
    )
    options = parser.parse_args(argv)

    files = candidates(os.environ.get("PATH", ""), Path.home())
    found = newest_of_each_minor(one for one in map(probe, files) if one is not None)
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if options.others:
        found = [one for one in found if one.minor != running]
    if options.only:
        found = [one for one in found if one.minor == options.only]
    for one in found:
        print(one.minor if options.minors else one.executable)
    return 1 if options.only and not found else 0


if __name__ == "__main__":
    sys.exit(main())
