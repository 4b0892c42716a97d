"""The benchmarks compare like with like, and keep doing so as the library changes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_every_candidate_gives_the_same_answers_from_the_same_tables(tmp_path: Path) -> None:
    """What is raced against is correct, and stores in the form that the library stores in."""
    command = [
        sys.executable,
        str(PROJECT / "bench/run.py"),
        "--engine",
        "sqlite",
        "--check",
        "--size",
        "500",
    ]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path / "data")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
