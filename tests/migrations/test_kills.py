"""Whoever is killed while it migrates, whenever that is: migrating again gives what one undisturbed run gives."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from torematrix.core.storage import Storage, UnavailableError

from . import worker

KILLS = 12


def started(url: str, kill: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(worker.__file__)), url, str(kill)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> list[str]:
    """The versions that it applied."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.split()


@pytest.mark.slow
def test_killed_by_its_own_progress(url: str) -> None:
    """At every place that progress shows: while entities are read, and while they are replaced."""
    worker.filled(url)
    for kill in (1, 2, 3, 4, 5, 6, 7, 5, 3):
        process = started(url, kill)
        process.communicate(timeout=120)
        assert process.returncode in (0, -signal.SIGKILL)
    finished(started(url))
    worker.check(url)


@pytest.mark.slow
def test_killed_at_any_time(url: str) -> None:
    """Again and again after a random time; others go on where it was."""
    worker.filled(url)
    chance = random.Random(7)
    killed = 0
    while killed < KILLS:
        process = started(url)
        time.sleep(0.4 + chance.random() * 1.2)
        process.kill()
        process.communicate(timeout=60)
        killed += 1
    finished(started(url))
    worker.check(url)


@pytest.mark.slow
def test_several_processes_at_once(url: str) -> None:
    """Each migration is applied by one of them, and each of them ends well."""
    worker.filled(url)
    processes = [started(url) for _ in range(4)]
    applied = sorted(version for process in processes for version in finished(process))
    assert applied == ["001", "002", "003"]
    worker.check(url)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["mongodb", "mongodb-standalone"])
def test_what_is_said_of_one_that_was_interrupted(place, engine: str) -> None:
    """On MongoDB the collection is not opened half-way, and the state says so; who had it open cannot write."""
    url = place(engine)
    worker.filled(url)
    with Storage.open(url) as storage:
        before = storage.repository(worker.Before, worker.NAME)
        assert before.count() == worker.COUNT
        started(url, 5).communicate(timeout=120)
        with Storage.open(url) as other:
            manager = worker.manager()
            repository = other.repository(worker.Last, worker.NAME)
            assert manager.status(repository)[0].state == "applying"
            with pytest.raises(UnavailableError, match="migrating again goes on"):
                repository.count()
        with pytest.raises(Exception, match="is being migrated"):
            before.patch("00001", name="lost?")
        assert before.delete("00002")
    finished(started(url))
    with Storage.open(url) as storage:
        after = storage.repository(worker.Last, worker.NAME)
        assert after.count() == worker.COUNT - 1
        assert after.get("00002") is None
        assert after.get("00001").name == "thing 1 more"
