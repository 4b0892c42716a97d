"""The benchmarks compare like with like, and keep doing so as the library changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.slow


def check(engine: str, folder: Path, *options: str) -> None:
    """Every candidate gives the same answers, and the floor's tables and indexes are the library's."""
    command = [sys.executable, str(PROJECT / "bench/run.py"), "--check", "--size", "500", "--engine", engine]
    done = subprocess.run(
        [*command, "--folder", str(folder / "data"), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_raced_against_on_sqlite(tmp_path: Path) -> None:
    """What is raced against is correct, and stores in the form that the library stores in."""
    check("sqlite", tmp_path)


def test_what_is_raced_against_on_postgresql(tmp_path: Path, postgresql_server: Any) -> None:
    """The same on PostgreSQL."""
    check("postgresql", tmp_path, "--postgresql-url", postgresql_server.url)


def test_what_is_raced_against_on_mongodb(tmp_path: Path, mongodb_server: Any) -> None:
    """The same on MongoDB."""
    check("mongodb", tmp_path, "--mongodb-url", mongodb_server.url)
