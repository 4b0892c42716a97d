"""The work of an operation is counted alike each time, and more of it is noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.slow


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The command's end, for two operations on SQLite."""
    command = [sys.executable, str(PROJECT / "bench/work.py"), "--engine", "sqlite", "--only", "get,count"]
    places = ["--folder", str(folder / "data"), "--file", str(folder / "work.json")]
    return subprocess.run([*command, *places, *options], capture_output=True, text=True, check=False)


def test_what_has_become_dearer_is_named(tmp_path: Path) -> None:
    """The same code gives the same figures; where the record has a lower one, the command says so and fails."""
    assert run(tmp_path, "--record").returncode == 0
    same = run(tmp_path)
    assert same.returncode == 0, same.stderr
    assert "dearer" not in same.stderr
    file = tmp_path / "work.json"
    record = json.loads(file.read_text())
    assert len(record["figures"]) == 4
    assert all(counts["library"] > 100 for counts in record["figures"].values())
    record["figures"]["sqlite sync get"]["library"] = int(
        record["figures"]["sqlite sync get"]["library"] * 0.95
    )
    file.write_text(json.dumps(record))
    dearer = run(tmp_path)
    assert dearer.returncode == 1
    assert "sqlite sync get has become dearer" in dearer.stderr
    assert "async get has become" not in dearer.stderr
