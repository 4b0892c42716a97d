"""What the measurement has to know of an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

FLOOR: Final = "floor"
OURS: Final = "ours"


@dataclass(frozen=True)
class Peer:
    """Somebody who takes part, in one colour or in both.

    Attributes:
        name: what it is called in the figures; the one called "floor" is what all others are divided by.
        label: what the tables call it.
        sync: the module of its synchronous candidate, below ``candidates``; "" when it has none.
        asynchronous: the module of its asynchronous one.
        ranks_alone: whether its search has a relevance of its own, so that only its number of hits is compared.
        package: what it imports that only the benchmark's own environment has; "" where every environment has it.
    """

    name: str
    label: str
    sync: str = ""
    asynchronous: str = ""
    ranks_alone: bool = False
    package: str = ""

    def module(self, colour: str) -> str:
        """The module of the candidate in that colour, or "" for none."""
        return self.sync if colour == "sync" else self.asynchronous

    @property
    def is_missing(self) -> bool:
        """Whether it cannot take part here."""
        return bool(self.package) and find_spec(self.package) is None


def versions(*names: str) -> str:
    """These distributions with their versions, as far as they are installed."""
    return ", ".join(_versions(names))


def _versions(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def promised(*, single: float) -> dict[str, dict[str, float]]:
    """What an engine promises, where a synchronous operation on one entity may take so many times the floor's time."""
    return {"sync": {"single": single, "many": 1.10}, "async": {"single": 1.20, "many": 1.15}}


class Engine(Protocol):
    """One engine.

    Attributes:
        name: what ``--engine`` takes.
        title: what the page says.
        floors: what the floor is called, by colour.
        peers: who takes part, the floor first and the library second.
        targets: the promised ratio by colour and kind of operation (see ``operations``).
        pace: how many of an operation's calls make a turn here, as a part of those that SQLite gets.
        durability: what an acknowledged write has survived, in words, by what ``--durability`` takes.
    """

    name: str
    title: str
    floors: Mapping[str, str]
    peers: Sequence[Peer]
    targets: Mapping[str, Mapping[str, float]]
    pace: float
    durability: Mapping[str, str]

    def start(self, folder: Path, url: str | None) -> None:
        """Be ready to make databases: in this folder, or on the server at this URL."""
        ...

    def place(self, colour: str, name: str) -> str:
        """The URL of a new, empty database for one candidate."""
        ...

    def loaded(self, place: str) -> None:
        """Everything is in the database now: do what its administrator would."""
        ...

    def settle(self, place: str, *, many: bool) -> None:
        """Tidy up after writes, so that every turn begins alike; many is whether they were more than a few."""
        ...

    def unlike(self, ours: str, floor: str) -> list[str]:
        """Where the tables and indexes of the floor are not those of the library, in words."""
        ...

    def versions(self) -> Iterator[str]:
        """What took part, line by line."""
        ...

    def stop(self) -> None:
        """Remove the databases, and stop what was started."""
        ...
