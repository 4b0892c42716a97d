"""A live move: writers go on, also with deletes, until they are told; nothing acknowledged is missing or back."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import pytest

from torematrix.core.storage import BackendMigrator, ConfigurationError, MovedError, Storage
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
COUNT = 3_000
WRITERS = 3


class Writer(threading.Thread):
    """Writes to ids of its own, notes what was acknowledged, and goes over to the target when it is told to."""

    def __init__(self, number, source, target):
        super().__init__(daemon=True)
        self.number = number
        self.random = random.Random(number)
        self.here, self.there = (storage.repository(Plain, "plains") for storage in (source, target))
        self.held = {f"{n:06}": n for n in range(number, COUNT, WRITERS)}
        self.stopping = threading.Event()
        self.written = 0
        self.last_here = self.first_there = 0.0
        self.failure = None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.write(self.here)
                self.last_here = time.perf_counter()
                time.sleep(0.001)  # in memory they would be faster than any database
        except MovedError:
            self.go_over()
        except Exception as error:  # noqa: BLE001 - told by ``end``
            self.failure = error

    def go_over(self):
        self.write(self.there)
        self.first_there = time.perf_counter()
        for _ in range(20):
            self.write(self.there)

    def write(self, repository):
        kind = self.random.choice(("create", "update", "patch", "delete", "bulk"))
        some = self.random.choice(list(self.held))
        value = self.random.randrange(10**9)
        if kind == "create":
            created = f"w{self.number}-{self.written:06}"
            repository.create(Plain(value, created))
            self.held[created] = value
        elif kind == "update":
            repository.update(Plain(value, some))
            self.held[some] = value
        elif kind == "patch":
            repository.patch(some, value=value)
            self.held[some] = value
        elif kind == "delete":
            assert repository.delete(some)
            del self.held[some]
        else:
            those = self.random.sample(list(self.held), 5)
            repository.bulk_update([Plain(value, each) for each in those])
            self.held.update(dict.fromkeys(those, value))
        self.written += 1

    def end(self):
        self.stopping.set()
        self.join(60)
        assert not self.is_alive()
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def urls():
    """Those of the source and of the target."""
    return []


@pytest.fixture
def pair(place, opened, urls):
    """Gives URLs of a source with entities and of an empty target, and what opens them: in memory there is one."""

    def make(source, target):
        urls[:] = ["memory://" if source == "memory" else place(source), place(target)]
        shared = opened(urls[0])
        shared.repository(Plain, "plains").bulk_create([Plain(n, f"{n:06}") for n in range(COUNT)])
        return (lambda: shared if source == "memory" else opened(urls[0])), (lambda: opened(urls[1]))

    return make


def stored(storage):
    return {entity.id: entity.value for entity in storage.repository(Plain, "plains").stream()}


def at_work(source, target):
    return [Writer(number, source(), target()) for number in range(WRITERS)]


@pytest.mark.parametrize(("source", "target"), DIRECTIONS)
def test_writers_lose_nothing_and_hardly_wait(pair, source, target):
    """Everything acknowledged, on either side, is in the target, and nothing else; the pause is under a second."""
    source, target = pair(source, target)
    writers = at_work(source, target)
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
        writer.join(60)
    for writer in writers:
        writer.end()
    assert report.verified
    assert report["cut_over"]
    assert report["failed"] == 0
    assert report["caught_up"] > 0
    assert report["pause_seconds"] < 1
    assert all(writer.written > 20 for writer in writers)
    assert max(writer.first_there - writer.last_here for writer in writers) < 2
    held = {}
    for writer in writers:
        held.update(writer.held)
    assert stored(target()) == held
    with pytest.raises(MovedError):
        source().repository(Plain, "plains").delete("000000")
    assert source().repository(Plain, "plains").count() == report["total_entities"]


@pytest.mark.parametrize(
    ("source", "target"), [("sqlite", "postgresql"), ("postgresql", "mongodb"), ("mongodb", "sqlite")]
)
def test_a_killed_move_goes_on(pair, urls, source, target):
    """Killed at any moment, the fence's own included, it goes on with --resume; writers notice nothing but the end."""
    source, target = pair(source, target)
    writers = at_work(source, target)
    command = [sys.executable, "-m", "torematrix.core.storage.cli", "move", *urls]
    command += ["-c", "plains", "--live", "--resume", "--batch-size", "100", "--json"]
    for writer in writers:
        writer.start()
    chance = random.Random(7)
    codes = []
    for _ in range(4):
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(chance.uniform(0.8, 3.0))
        running.kill()
        running.communicate()
        codes.append(running.returncode)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert (report["verified"], report["cut_over"], report["failed"]) == (True, True, 0)
    for writer in writers:
        writer.join(60)
        writer.end()
    held = {}
    for writer in writers:
        held.update(writer.held)
    assert stored(target()) == held
    assert codes.count(-signal.SIGKILL) > 1


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
