"""The command line as its users run it: in this process through typer's runner, or as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from torematrix.core.storage.cli.app import app


class Result:
    """What a command printed, and its exit code."""

    def __init__(self, code: int, out: bytes, err: str) -> None:
        self.code = code
        self.out = out.decode()
        self.err = err

    @property
    def json(self) -> Any:
        """The one JSON value that is everything on stdout."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """What was said on stderr: one line, the program's."""
        assert self.err.startswith("torematrix-storage: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert "internal error" not in self.err
        return self.err.removeprefix("torematrix-storage: ").strip()


Run = Callable[..., Result]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where the database of a test is; nothing is there yet."""
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
def run(url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on the database of the test."""
    monkeypatch.setenv("TOREMATRIX_STORAGE_URL", url)
    monkeypatch.setenv("COLUMNS", "200")

    def run_command(*arguments: object) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Result(result.exit_code, result.stdout_bytes, result.stderr)

    return run_command


@pytest.fixture
def process(url: str) -> Callable[..., subprocess.Popen[bytes]]:
    """Starts the program as a process of its own."""
    environment = {**os.environ, "TOREMATRIX_STORAGE_URL": url, "PYTHONWARNINGS": "error"}

    def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "torematrix.core.storage.cli", *map(str, arguments)]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        # Where the tests run in the background Ctrl-C is ignored, and what they start would ignore it too.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(command, env=environment, **streams)
        finally:
            signal.signal(signal.SIGINT, before)

    return start


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A small folder of files as people have them."""
    root = tmp_path / "corpus"
    for name, text in {
        "tea.md": "# On tea\n\nGreen tea is *not* black tea.\n",
        "coffee.txt": "Coffee is drunk in the morning.\nSome say in the evening too.\n",
        "src/brew.py": '"""Brewing."""\n\n\ndef brew(leaves: int) -> str:\n    return "tea" * leaves\n',
        "src/deep/empty.rst": "",
        "guide.rst": "Brewing guide\n=============\n\nBoil the water first; café owners know.\n",
        ".hidden.md": "# Hidden\n",
        ".git/config": "[core]\n",
        "image.png": "no image",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Records, one on each line."""
    path = tmp_path / "people.jsonl"
    records = [
        {
            "id": "ada",
            "name": "Ada",
            "born": 1815,
            "tags": ["maths", "poetry"],
            "about": "Wrote notes on an engine.",
        },
        {
            "id": "alan",
            "name": "Alan",
            "born": 1912,
            "tags": ["maths"],
            "about": "Asked whether machines think.",
        },
        {
            "id": "grace",
            "name": "Grace",
            "born": 1906,
            "tags": [],
            "about": "Found a moth in an engine.",
            "x.y": None,
        },
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path
