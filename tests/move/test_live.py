"""A live move: writers go on, also with deletes, until they are told; nothing acknowledged is missing or back."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import pytest

from torematrix.core.storage import BackendMigrator, ConfigurationError, MovedError, Storage
from torematrix.core.storage.testing.faults.engines import engine_of
from torematrix.core.storage.testing.faults.live import Writer, fill, held_by, kill_live_moves, stored_in
from torematrix.core.storage.testing.faults.tally import Tally
from torematrix.core.storage.testing.kit.entities import Plain

DIRECTIONS = [
    ("memory", "sqlite"),
    ("sqlite", "postgresql"),
    ("sqlite", "mongodb"),
    ("postgresql", "sqlite"),
    ("postgresql", "mongodb"),
    ("mongodb", "sqlite"),
    ("mongodb", "postgresql"),
]
WRITERS = 3


@pytest.fixture
def pair(place, opened):
    """Gives URLs of a source with entities and of an empty target, and what opens them: in memory there is one."""

    def make(source, target):
        urls = ["memory://" if source == "memory" else place(source), place(target)]
        shared = opened(urls[0])
        fill(shared)
        return (lambda: shared if source == "memory" else opened(urls[0])), (lambda: opened(urls[1]))

    return make


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_writers_lose_nothing_and_hardly_wait(pair, source, target):
    """Everything acknowledged, on either side, is in the target, and nothing else; the pause is under a second."""
    source, target = pair(source, target)
    writers = [Writer(number, WRITERS, source(), target()) for number in range(WRITERS)]
    mover = BackendMigrator(batch_size=200, live=True)
    origin, destination = source(), target()
    # The writers begin amid the copying: what they do is behind its place, and before it.
    begun = threading.Event()

    def begin(done, total):
        if not begun.is_set():
            begun.set()
            for writer in writers:
                writer.start()
            time.sleep(0.3)

    report = mover.move(origin, destination, ["plains"], progress_callback=begin)
    for writer in writers:
        writer.end()
    assert report.verified
    assert report["cut_over"]
    assert report["failed"] == 0
    assert report["caught_up"] > 0
    assert report["pause_seconds"] < 1
    assert all(writer.written > 20 for writer in writers)
    assert max(writer.pause for writer in writers) < 2
    assert stored_in(target()) == held_by(writers)
    with pytest.raises(MovedError):
        source().repository(Plain, "plains").delete("000000")
    assert source().repository(Plain, "plains").count() == report["total_entities"]


@pytest.mark.parametrize(
    ("source", "target"), [("sqlite", "postgresql"), ("postgresql", "mongodb"), ("mongodb", "sqlite")]
)
def test_a_killed_move_goes_on(source, target):
    """Killed at any moment, the fence's own included, it goes on with --resume; writers notice nothing but the end."""
    tally = Tally()
    with contextlib.closing(engine_of(source)) as one, contextlib.closing(engine_of(target)) as other:
        kill_live_moves(one, other, tally, 4, random.Random(7))
    assert tally.faults == []
    assert tally.counts["kills"] >= 4
    assert tally.counts["acknowledged"] > 100


def test_a_schema_that_changes_on_the_way_ends_the_move(opened, place):
    """Before anything is cut over; the source goes on taking writes."""

    @dataclass
    class More:
        value: int = 0
        more: int = 7
        id: str | None = None

    url = place("sqlite")
    source, target = opened(url), opened("memory://")
    plains = source.repository(Plain, "plains")
    plains.bulk_create([Plain(n, f"{n:06}") for n in range(500)])
    newer = opened(url)

    def change(done, total):
        newer.repository(More, "plains").create(More(1, 2, f"new{done}"))

    with pytest.raises(ConfigurationError, match=r"the schema of 'plains' was changed"):
        BackendMigrator(100, live=True).move(source, target, progress_callback=change)
    assert newer.repository(More, "plains").create(More(1, 2)).more == 2


def test_a_long_transaction_is_waited_for_and_nobody_else_waits_long(opened, place):
    """PostgreSQL's lock is asked for again and again, so that writers pass in between."""
    url = place("postgresql")
    source, target, holding, writing = opened(url), opened("memory://"), opened(url), opened(url)
    source.repository(Plain, "plains").bulk_create([Plain(n, f"{n:06}") for n in range(500)])
    long, short = holding.repository(Plain, "plains"), writing.repository(Plain, "plains")
    holds, longest, told = threading.Event(), [], []

    def hold():
        with holding.transaction():
            long.patch("000001", value=-1)
            holds.set()
            time.sleep(3)

    def write():
        try:
            while True:
                started = time.perf_counter()
                short.patch("000002", value=len(longest))
                longest.append(time.perf_counter() - started)
                time.sleep(0.01)
        except MovedError as error:
            told.append(error)

    threads = [threading.Thread(target=hold), threading.Thread(target=write)]

    def begin(done, total):
        if not holds.is_set():
            for thread in threads:
                thread.start()
            holds.wait()

    report = BackendMigrator(live=True).move(source, target, progress_callback=begin)
    for thread in threads:
        thread.join(60)
    assert report.verified
    assert report["pause_seconds"] < 1
    assert target.repository(Plain, "plains").get("000001").value == -1
    assert target.repository(Plain, "plains").get("000002").value == len(longest) - 1
    assert len(told) == 1
    assert len(longest) > 20
    assert max(longest) < 1.5


def test_by_the_command_line(tmp_path):
    """Moved live, released, and moved again."""
    one, other = str(tmp_path / "one.db"), str(tmp_path / "other.db")
    with Storage.open(f"sqlite:///{one}") as storage:
        storage.repository(Plain, "plains").create(Plain(1, "a"))

    def run(*arguments):
        command = [sys.executable, "-m", "torematrix.core.storage.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    moved = run("move", one, other, "--live")
    assert moved.returncode == 0, moved.stderr
    assert "takes no more writes" in moved.stdout
    with Storage.open(f"sqlite:///{one}") as storage, pytest.raises(MovedError):
        storage.repository(Plain, "plains").create(Plain(2, "b"))
    again = run("move", one, other, "--live", "--resume")
    assert again.returncode == 0, again.stderr
    refused = run("move", one, str(tmp_path / "third.db"), "--live")
    assert refused.returncode == 1
    assert "release" in refused.stderr
    assert run("release", one).returncode == 0
    with Storage.open(f"sqlite:///{one}") as storage:
        storage.repository(Plain, "plains").create(Plain(2, "b"))
    assert run("move", one, other, "--verify-only", "--live").returncode == 2
