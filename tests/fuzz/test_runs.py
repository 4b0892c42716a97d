"""Long runs: dealt out to processes, remembered in a file, and gone on with."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from torematrix.core.storage.testing.fuzz.engines import Engine
from torematrix.core.storage.testing.fuzz.runs import CHUNK, Found, State, program_of, run_programs

SQLITE = Engine("sqlite", ("sqlite:///:memory:",), colours=("sync",))
FUZZ = Path(__file__).resolve().parents[2] / "tools" / "fuzz.py"


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Chunks that were finished before one in front of them are not run again, and what they showed is kept."""
    path = tmp_path / "new" / "state.json"
    state = State.read(path, first=1000)
    first, second, third = state.chunks(3 * CHUNK)
    assert (first, third) == (1000, 1000 + 2 * CHUNK)
    state.add(second, {"list: something": 2}, [])
    state.write(path)
    again = State.read(path, first=0)
    assert again.done == 0
    assert again.chunks(3 * CHUNK) == [first, third]
    again.add(first, {"list: something": 1, "count: nothing": 1}, [])
    assert again.done == 2 * CHUNK
    assert again.ahead == []
    assert again.counts == {"list: something": 3, "count: nothing": 1}
    assert again.chunks(2 * CHUNK) == [third, third + CHUNK]


def test_processes_share_the_work() -> None:
    """Every chunk is run once, whatever process takes it."""
    state = State(first=50)
    told: list[int] = []
    run_programs([SQLITE], state, 3 * CHUNK, processes=2, tell=lambda count, found: told.append(count))
    assert told == [CHUNK] * 3
    assert state.done == 3 * CHUNK
    assert state.counts["programs on sqlite sync"] == 3 * CHUNK
    assert state.differences == []
    assert state.seconds > 0


def test_what_differs_is_told_and_kept() -> None:
    """A difference comes back from its process as a program in a file, with what both sides gave."""
    state = State()
    found: list[Found] = []
    run_programs(
        [SQLITE],
        state,
        50 * CHUNK,
        processes=1,
        plant="paging",
        enough=1,
        tell=lambda _, new: found.extend(new),
    )
    first = found[0]
    assert first.engine == "sqlite sync"
    assert json.loads(first.text())["number"] == first.number
    assert program_of(first.text()).steps
    assert first.expected != first.found


def test_a_process_that_fails_says_why() -> None:
    """What breaks a process ends the run with its own traceback."""
    nowhere = Engine("nowhere", ("nothing://",))
    with pytest.raises(RuntimeError, match=r"(?s)program 0: .*unknown backend 'nothing'"):
        run_programs([nowhere], State(), CHUNK, processes=1, tell=lambda *_: None)


def test_the_command(tmp_path: Path) -> None:
    """It runs programs, remembers them, and shows what happened."""
    state = tmp_path / "state.json"
    run = [sys.executable, str(FUZZ), "--engines", "sqlite", "--colours", "sync", "--resume", str(state)]
    ran = subprocess.run([*run, "--programs", "50"], capture_output=True, text=True, check=True, timeout=300)
    assert "50 programs from 0 on" in ran.stdout
    shown = subprocess.run([*run, "--show"], capture_output=True, text=True, check=True, timeout=60)
    assert "list: nothing" in shown.stdout
    assert "operators: " in shown.stdout
