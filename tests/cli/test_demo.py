"""The demo runs on any folder of text, and says so where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "tools" / "demo.py"


def demo(corpus: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, DEMO, "--corpus", corpus, "--folder", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")


def test_the_demo_imports_lists_pages_and_searches(corpus: Path, tmp_path: Path) -> None:
    """Twice in the same place, with what it did and how fast."""
    for _ in range(2):
        done = demo(corpus, tmp_path / "demo")
        assert done.returncode == 0, done.stderr
        for word in (
            "5 documents",
            "documents/s",
            "each once and in order",
            "found",
            "sound",
            "torematrix-storage list",
        ):
            assert word in done.stdout
    assert (tmp_path / "demo" / "corpus.db").exists()


def test_the_demo_says_what_is_missing(tmp_path: Path) -> None:
    """A folder that is not there, and one without text."""
    assert "CORPUS" in demo(tmp_path / "nowhere", tmp_path / "demo").stderr
    (tmp_path / "empty").mkdir()
    assert "no text files" in demo(tmp_path / "empty", tmp_path / "demo").stderr
