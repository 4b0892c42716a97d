"""What the workload stores: records in two collections, one of them searchable, and accounts with receipts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from ...model.markers import Index, Revision, Searchable

__all__ = [
    "ACCOUNTS",
    "BULK",
    "LEFTS",
    "OPENING",
    "RECEIPTS",
    "RIGHTS",
    "WORD",
    "Account",
    "Paper",
    "Record",
    "text_of",
]

LEFTS: Final = "lefts"
RIGHTS: Final = "rights"
RECEIPTS: Final = "receipts"
ACCOUNTS: Final = "accounts"

OPENING: Final = 1_000_000
"""Cents on each account at the beginning."""
WORD: Final = "paper"
"""What a search finds every paper by."""
BULK: Final = 11
"""The most records that a bulk write makes, where nothing else is said."""


@dataclass
class Record:
    """A record whose text follows from its id, its version and its length, so that any damage shows."""

    lane: Annotated[str, Index()]
    version: int
    text: str
    id: str = ""


@dataclass
class Paper:
    """The same with a text that is searched, whose index has to be stored along with it or not at all."""

    lane: Annotated[str, Index()]
    version: int
    text: Annotated[str, Searchable()]
    id: str = ""


@dataclass
class Account:
    """Cents that transfers move, guarded against lost updates."""

    cents: int
    id: str = ""
    revision: Annotated[int, Revision()] = 0


def text_of(identity: str, version: int, size: int) -> str:
    """The text that belongs to a record of this id and version: so many characters, beginning with a word."""
    piece = f"{WORD} {identity} {version} "
    return (piece * (size // len(piece) + 1))[:size]
