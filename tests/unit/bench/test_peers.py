"""Who takes part in the benchmark can be chosen, and nobody is left out in silence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.slow


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """The benchmark's end."""
    command = [sys.executable, str(PROJECT / "bench/run.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def said(program: str) -> Any:
    """What a program prints that has the benchmark's modules."""
    command = [sys.executable, "-c", f"import json, sys; sys.path.insert(0, 'bench'); {program}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_peers_are_chosen_by_name(tmp_path: Path) -> None:
    """Those alone, beside the floor and the library."""
    folder = ("--folder", str(tmp_path / "data"))
    done = run(
        "--engine", "sqlite", "--check", "--size", "200", "--peers", "core", "--colour", "sync", *folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not installed" not in done.stdout


def test_a_name_that_nobody_has_is_refused_with_those_there_are() -> None:
    """A slip of the pen is no measurement without peers."""
    done = run("--engine", "sqlite", "--check", "--peers", "core,corr")
    assert done.returncode == 2
    assert "nobody is called corr; there are alchemy, core" in done.stderr


@pytest.mark.parametrize("options", [("--peers", "core"), ("--without-peers",), ("--durability", "relaxed")])
def test_the_page_shows_everybody_at_the_default(options: tuple[str, ...]) -> None:
    """What shows a part, or another setting, does not replace its figures."""
    done = run("--engine", "sqlite", "--page", *options)
    assert done.returncode == 2
    assert "the page shows" in done.stderr


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mongodb"])
def test_who_is_not_installed_takes_no_part_and_is_named(engine: str) -> None:
    """Whatever is installed here, those asked for are either taking part or left out."""
    found = said(
        f"import driver, engines; engine = engines.engine({engine!r}); "
        "options = driver.options_of(['--check', '--engine', engine.name]); "
        "print(json.dumps([[peer.name for peer in peers] for peers in "
        "(engine.peers, driver.taking_part(engine, options), driver.left_out(engine, options))]))"
    )
    everybody, present, absent = found
    assert present[:2] == ["floor", "ours"]
    assert sorted(present + absent) == sorted(everybody)
    assert len(set(everybody)) == len(everybody)


def test_a_missing_package_is_found_out() -> None:
    """One that no environment has."""
    missing = said(
        "from engines.base import Peer; "
        "print(json.dumps([Peer('a', 'A', 'a', package='no_such_package').is_missing, Peer('b', 'B', 'b').is_missing]))"
    )
    assert missing == [True, False]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mongodb"])
def test_every_peer_has_its_modules_and_its_mark(engine: str) -> None:
    """A peer is written before it is named, and the plot can tell all of them apart."""
    modules, others, marks = said(
        f"import engines, page; peers = engines.engine({engine!r}).peers; "
        "modules = [name for peer in peers for name in (peer.sync, peer.asynchronous) if name]; "
        "print(json.dumps([modules, len(peers) - 2, len(page._MARKS)]))"
    )
    assert all((PROJECT / "bench/candidates" / f"{name.replace('.', '/')}.py").is_file() for name in modules)
    assert others <= marks


def test_relaxed_candidates_answer_alike(tmp_path: Path) -> None:
    """The faster setting changes what a power cut leaves, and no answer."""
    folder = ("--folder", str(tmp_path / "data"))
    durability = ("--without-peers", "--durability", "relaxed")
    done = run("--engine", "sqlite", "--check", "--size", "200", *durability, *folder)
    assert done.returncode == 0, done.stdout + done.stderr
