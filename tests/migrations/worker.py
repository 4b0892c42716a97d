"""One process that migrates: its end may come at any time.

``python worker.py URL KILL``: migrates, and kills itself when progress has been told KILL times (0: never). What was
applied by it is printed, a version a line.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from typing import Annotated, Any

from torematrix.core.storage import (
    AddField,
    AddUnique,
    ConvertField,
    Migration,
    MigrationManager,
    Searchable,
    Storage,
    Transform,
    Unique,
)

NAME = "things"
COUNT = 2500


@dataclass
class Before:
    name: Annotated[str, Searchable()]
    count: Annotated[int, Unique()]
    id: str | None = None


@dataclass
class After:
    name: Annotated[str, Searchable()]
    count: Annotated[str, Unique()]
    length: int
    id: str | None = None


def added(thing: dict[str, Any]) -> dict[str, Any]:
    """What cannot be done twice without being seen."""
    return {**thing, "count": thing["count"] + 1, "name": thing["name"] + " more"}


def length(thing: dict[str, Any]) -> int:
    return len(thing["name"])


MIGRATIONS = (
    Migration("001", "one more", [Transform(added)]),
    Migration(
        "002", "as text", [ConvertField("count", str, str, int), AddField("length", int, function=length)]
    ),
    Migration("003", "names are unique", [AddUnique("name")]),
)


@dataclass
class Last:
    name: Annotated[str, Searchable(), Unique()]
    count: Annotated[str, Unique()]
    length: int
    id: str | None = None


def manager(**options: Any) -> MigrationManager:
    return MigrationManager(MIGRATIONS, lease=1.0, **options)


def filled(url: str) -> None:
    """The collection, as it was before."""
    with Storage.open(url) as storage:
        repository = storage.repository(Before, NAME)
        things = [Before(f"thing {at}", at, f"{at:05}") for at in range(COUNT)]
        if "directConnection" in url:
            for thing in things:
                repository.create(thing)
        else:
            repository.bulk_create(things)


def check(url: str) -> None:
    """Everything is there, converted once, and can be searched and written to."""
    with Storage.open(url) as storage:
        repository = storage.repository(Last, NAME)
        things = repository.list(sort_by="id")
        assert [(thing.id, thing.name, thing.count, thing.length) for thing in things] == [
            (f"{at:05}", f"thing {at} more", str(at + 1), len(f"thing {at} more")) for at in range(COUNT)
        ]
        assert [thing.id for thing in repository.search("77")] == ["00077"]
        assert len(repository.search("more")) == COUNT
        assert [each.state for each in manager().status(repository)] == ["applied"] * 3
        assert repository.patch("00000", name="thing 0 more!").name == "thing 0 more!"
        repository.patch("00000", name="thing 0 more")
        assert set(storage.collections()) == {NAME}


def main(url: str, kill: int) -> None:
    told = 0

    def progress(done: int, total: int) -> None:
        nonlocal told
        told += 1
        if told == kill:
            os.kill(os.getpid(), signal.SIGKILL)

    with Storage.open(url) as storage:
        for record in manager().migrate(storage.repository(Last, NAME), "003", progress=progress):
            sys.stdout.write(f"{record.version}\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
