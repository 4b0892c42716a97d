"""Installs, with the system's packages, what the search did not find.

On Debian and its relatives alone, and as root: elsewhere the message of the search says what to install. The package of
PostgreSQL would make a cluster and start it as a service of the machine; that is turned off before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .errors import ServerError
from .finding import Machine, find_mongodb, find_postgresql, packaged_mongod, printed

__all__ = ["install_missing"]

_CLUSTERS: Final = Path("/etc/postgresql-common/createcluster.conf")
_LIMIT: Final = 900.0
"""Seconds for a run of apt-get."""


def install_missing(machine: Machine) -> list[str]:
    """Install what the search does not find, where that is possible; what was installed.

    Raises:
        ServerError: something is missing still, with what to do.
    """
    done: list[str] = []
    try:
        find_postgresql(machine)
    except ServerError:
        if not _can_install():
            raise
        install_postgresql()
        done.append("PostgreSQL")
        find_postgresql(machine)
    try:
        find_mongodb(machine)
    except ServerError:
        # The package's program needs one library that small images lack.
        program = packaged_mongod()
        if program is None or printed(program, "--version") is not None or not _can_install():
            raise
        _apt("libcurl4")
        done.append("libcurl, for MongoDB")
        find_mongodb(machine)
    return done


def _can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_postgresql(clusters: Path = _CLUSTERS) -> None:
    """Install PostgreSQL with its contrib modules, and make and start no cluster of the system."""
    if not clusters.exists():
        _apt("postgresql-common")
        text = clusters.read_text("utf-8") if clusters.exists() else ""
        clusters.parent.mkdir(parents=True, exist_ok=True)
        clusters.write_text(
            f"{text}\n# Written by torematrix-storage's tests.\ncreate_main_cluster = false\n", "utf-8"
        )
    _apt("postgresql", "postgresql-contrib")


def _apt(*packages: str) -> None:
    """Install packages without a question; the lists are fetched when they are absent or too old."""
    install = [
        "install",
        "--yes",
        "--no-install-recommends",
        "-o",
        "Dpkg::Options::=--force-confold",
        *packages,
    ]
    if _apt_get(install) is None:
        return
    failed = _apt_get(["update"]) or _apt_get(install)
    if failed is not None:
        raise ServerError(f"apt-get could not install {', '.join(packages)}:\n{failed}")


def _apt_get(arguments: Sequence[str]) -> str | None:
    """What apt-get printed when it failed, or None."""
    result = subprocess.run(
        ["apt-get", "--quiet", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        timeout=_LIMIT,
        check=False,
    )
    return result.stdout[-2_000:] if result.returncode else None
