"""Which interpreters the suite is run on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.fixture
def pythons(tool):
    return tool("find_pythons")


def _executable(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_candidates_come_from_path_pyenv_usr_and_opt(pythons, tmp_path: Path) -> None:
    expected = [
        _executable(tmp_path / "first" / "python3.12"),
        _executable(tmp_path / "home" / ".pyenv" / "versions" / "3.13.0" / "bin" / "python3.13"),
        _executable(tmp_path / "usr" / "bin" / "python3.11"),
        _executable(tmp_path / "opt" / "python" / "bin" / "python3.14"),
    ]
    _executable(tmp_path / "first" / "python3.9")
    (tmp_path / "first" / "python3.15").write_text("not executable")
    path = f"{tmp_path / 'first'}::{tmp_path / 'nowhere'}"
    assert list(pythons.candidates(path, tmp_path / "home", tmp_path)) == expected


def test_an_interpreter_that_runs_is_described(pythons) -> None:
    found = pythons.probe(Path(sys.executable))
    assert found == (sys.version_info[:3], sys.executable)
    assert found.minor == f"3.{sys.version_info[1]}"


@pytest.mark.parametrize("text", ["exit 127", "echo nonsense", "kill -9 $$"])
def test_a_shim_that_leads_nowhere_is_left_out(pythons, tmp_path: Path, text: str) -> None:
    assert pythons.probe(_executable(tmp_path / "python3.12", text)) is None


@pytest.mark.parametrize(
    ("change", "serves"),
    [
        ({}, True),
        ({"final": False}, False),
        ({"gil": False}, False),
        ({"name": "pypy"}, False),
        ({"version": [3, 10, 1]}, False),
    ],
)
def test_only_finished_builds_with_wheels_serve(pythons, tmp_path: Path, change: dict, serves: bool) -> None:
    """Pre-releases, free-threaded builds, other implementations and older versions have no locked wheels."""
    facts = {
        "version": [3, 12, 1],
        "executable": "/x/python3.12",
        "name": "cpython",
        "final": True,
        "gil": True,
    }
    import json

    file = _executable(tmp_path / "python3.12", f"echo '{json.dumps({**facts, **change})}'")
    assert (pythons.probe(file) is not None) is serves


def test_the_newest_of_each_minor_is_taken(pythons) -> None:
    one = pythons.Interpreter
    found = [one((3, 12, 1), "/a"), one((3, 11, 9), "/b"), one((3, 12, 4), "/c"), one((3, 12, 4), "/d")]
    assert [each.executable for each in pythons.newest_of_each_minor(found)] == ["/b", "/c"]


def test_the_command_leaves_out_the_minor_that_runs_it(pythons, capsys: pytest.CaptureFixture[str]) -> None:
    running = f"3.{sys.version_info[1]}"
    assert pythons.main(["--others", "--minors"]) == 0
    assert running not in capsys.readouterr().out.split()
    assert pythons.main(["--only", "3.99"]) == 1
