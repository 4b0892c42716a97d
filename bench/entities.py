"""What is stored: the entities, the data made for them, and the changes that are written to it.

Everything follows from a seed, so that each candidate gets the same data in the same order, in a process of its own.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

from torematrix.core.storage import Index, Revision, Searchable

STATUSES: Final = [f"status-{number}" for number in range(10)]
SIZES: Final = 100_000
_START: Final = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
_LABELS: Final = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
_WORDS: Final = 5_000


@dataclass(slots=True)
class Item:
    """Ten fields: the id, two indexed strings, a plain one, a number of each kind, a bool, two times and a list."""

    title: str
    status: Annotated[str, Index()]
    owner: Annotated[str, Index()]
    size: int
    score: float
    active: bool
    tags: list[str]
    id: str | None = None
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None


@dataclass(slots=True)
class GuardedItem(Item):
    """An item that no update loses: it has a revision."""

    revision: Annotated[int, Revision()] = 0


@dataclass(slots=True)
class Article:
    """An entity with two searchable texts of different weights, some 65 words together."""

    title: Annotated[str, Searchable(weight=3)]
    body: Annotated[str, Searchable(weight=1)]
    status: Annotated[str, Index()]
    tags: list[str]
    id: str | None = None
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None


Fields = dict[str, Any]
"""The fields of an entity by name: what every candidate makes an entity of its own kind from."""


def identity(series: int, number: int) -> str:
    """An id in the form of a UUIDv7, as the storages would have made it in that order."""
    return f"01{series:06x}-{number >> 16:04x}-7{number & 0xFFF:03x}-8000-{number:012x}"


def items(count: int, *, seed: int = 0, stored: bool = False) -> Iterator[Fields]:
    """The fields of so many items; those to be stored first have ids and times, so that they are alike everywhere."""
    chance = random.Random(seed)
    for number in range(count):
        created = _START + dt.timedelta(seconds=37 * number, microseconds=chance.randrange(1_000_000))
        yield {
            "title": f"Item number {number} of the {chance.choice(_LABELS)} series",
            "status": STATUSES[number % len(STATUSES)],
            "owner": f"owner-{chance.randrange(500)}",
            "size": chance.randrange(SIZES),
            "score": chance.random() * 1000,
            "active": chance.random() < 0.5,
            "tags": chance.sample(_LABELS, 3),
            "id": identity(0, number) if stored else None,
            "created_at": created if stored else None,
            "updated_at": created if stored else None,
        }


def articles(count: int, *, seed: int = 0, stored: bool = False) -> Iterator[Fields]:
    """The fields of so many articles; their words are as unevenly frequent as those of a language."""
    chance = random.Random(seed + 1)
    vocabulary, weights = _language()

    def text(words: int) -> str:
        return " ".join(chance.choices(vocabulary, cum_weights=weights, k=words))

    for number in range(count):
        created = _START + dt.timedelta(seconds=37 * number, microseconds=chance.randrange(1_000_000))
        yield {
            "title": text(5).capitalize(),
            "body": f"{text(20)}, {text(20)}. {text(20)}!",
            "status": STATUSES[number % len(STATUSES)],
            "tags": chance.sample(_LABELS, 3),
            "id": identity(0, number) if stored else None,
            "created_at": created if stored else None,
            "updated_at": created if stored else None,
        }


@functools.cache
def _language() -> tuple[list[str], list[float]]:
    return [word(rank) for rank in range(_WORDS)], list(
        itertools.accumulate(1 / rank for rank in range(1, _WORDS + 1))
    )


def word(rank: int) -> str:
    """The word of that rank in frequency; the same in every process."""
    syllables = ("ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu")
    return "".join(syllables[int(digit)] for digit in f"{rank * 7919 % 100_000:05d}")


def changed_item(fields: Fields, seed: int) -> Fields:
    """Fields of an item that differ after somebody has edited it: text, number and list, none of them indexed."""
    chance = random.Random(f"{fields['id']} {seed}")
    return {
        "title": f"{fields['title'].split(',')[0]}, edition {chance.randrange(100_000)}",
        "size": chance.randrange(SIZES),
        "tags": chance.sample(_LABELS, 3),
    }


def changed_article(fields: Fields, seed: int) -> Fields:
    """Fields of an article that differ after somebody has edited its text."""
    edited = next(articles(1, seed=hash((seed, int(fields["id"][-12:], 16)))))
    return {"body": edited["body"]}
