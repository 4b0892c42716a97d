"""Writers at work while a collection is migrated: what they were told is stored is there, converted once."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from torematrix.core.storage import Migration, MigrationManager, Searchable, Storage, StorageError, Transform

COUNT = 4000
WRITERS = 3


@dataclass
class Thing:
    name: Annotated[str, Searchable()]
    count: int = 0
    id: str | None = None


def added(thing: dict[str, Any]) -> dict[str, Any]:
    return {**thing, "count": thing["count"] + 1_000_000}


class Writer(threading.Thread):
    """Counts, renames, creates and deletes until it is told to stop, and notes what it was told was done."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__()
        self.stopped = threading.Event()
        self.names: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self.deleted: set[str] = set()
        self.refused = self.done = 0
        self.failure: BaseException | None = None
        self._url = url
        self._number = number

    def run(self) -> None:
        try:
            with Storage.open(self._url) as storage:
                self._work(storage.repository(Thing, "things"))
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.failure = error

    def _work(self, repository: Any) -> None:
        at = self._number
        while not self.stopped.is_set():
            at = (at + WRITERS) % COUNT if at < COUNT - WRITERS else self._number
            key = f"{at:05}"
            if key in self.deleted:
                continue
            try:
                if at % 50 == self._number:
                    assert repository.delete(key)
                    self.deleted.add(key)
                else:
                    stored = repository.patch(key, name=f"writer {self.done}")
                    self.names[key] = f"writer {self.done}"
                    self.counts[key] = stored.count
                self.done += 1
            except StorageError:
                self.refused += 1
                self.names.pop(key, None)  # nobody knows of a single write whose answer was lost
                time.sleep(0.01)


@pytest.mark.slow
def test_no_write_is_lost(url: str) -> None:
    with Storage.open(url) as storage:
        repository = storage.repository(Thing, "things")
        things = [Thing(f"thing {at}", at, f"{at:05}") for at in range(COUNT)]
        if "directConnection" in url:
            for thing in things:
                repository.create(thing)
        else:
            repository.bulk_create(things)
        writers = [Writer(url, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        until = time.monotonic() + 60
        while not all(writer.done for writer in writers) and time.monotonic() < until:
            time.sleep(0.05)
        before = [writer.done for writer in writers]
        migrations = [
            Migration("001", "more", [Transform(added)]),
            Migration("002", "more yet", [Transform(added)]),
        ]
        MigrationManager(migrations).migrate(repository)
        time.sleep(1.0)
        for writer in writers:
            writer.stopped.set()
        for writer in writers:
            writer.join()
            assert writer.failure is None, writer.failure
        assert all(done for done in before)
        stored = {thing.id: thing for thing in repository.list()}
        for writer in writers:
            for key, name in writer.names.items():
                if key not in writer.deleted:
                    assert stored[key].name == name
            assert not writer.deleted & set(stored)
        assert all(thing.count == int(key) + 2_000_000 for key, thing in stored.items())
        assert len(stored) == COUNT - sum(len(writer.deleted) for writer in writers)
        assert len(repository.search("thing")) == sum(
            thing.name.startswith("thing") for thing in stored.values()
        )
