"""A live move: writers go on, also with deletes, until they are told; nothing acknowledged is missing or back."""

from __future__ import annotations

import random
import threading
import time

import pytest

from torematrix.core.storage import (
    BackendMigrator,
    MovedError,
)
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
def pair(place, opened):
    """Gives URLs of a source with entities and of an empty target, and what opens them: in memory there is one."""

    def make(source, target):
        urls = ["memory://" if source == "memory" else place(source), place(target)]
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
