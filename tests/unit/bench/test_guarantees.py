"""What the guarantees cost is measured between two that do the same: each pair stores the same, given the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.slow


def run(engine: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The command's end, with a few entities."""
    command = [sys.executable, str(PROJECT / "bench/guarantees.py"), "--engine", engine, "--size", "200"]
    place = ["--folder", str(folder / "data")]
    return subprocess.run([*command, *place, *options], capture_output=True, text=True, check=False)


def check(engine: str, folder: Path, *options: str) -> None:
    """Both sides of every guarantee have stored what the turn was given."""
    done = run(engine, folder, "--check", *options)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_compared_on_sqlite(tmp_path: Path) -> None:
    """With and without a guarantee the same is stored."""
    check("sqlite", tmp_path)


def test_what_is_compared_on_postgresql(tmp_path: Path, postgresql_server: Any) -> None:
    """The same on PostgreSQL."""
    check("postgresql", tmp_path, "--postgresql-url", postgresql_server.url)


def test_what_is_compared_on_mongodb(tmp_path: Path, mongodb_server: Any) -> None:
    """The same on MongoDB."""
    check("mongodb", tmp_path, "--mongodb-url", mongodb_server.url)


def test_a_round_measures_every_guarantee(tmp_path: Path) -> None:
    """Two times for each; where folders are in memory nothing is measured, and it says why."""
    figures = tmp_path / "figures.json"
    done = run("sqlite", tmp_path, "--rounds", "1", "--json", str(figures))
    if "is in memory" in done.stderr:
        assert done.returncode == 2
        return
    assert done.returncode == 0, done.stdout + done.stderr
    measured = json.loads(figures.read_text())["sqlite"]
    assert len(measured) == 10
    assert all(taken > 0 for rounds in measured.values() for each in rounds for taken in each.values())
