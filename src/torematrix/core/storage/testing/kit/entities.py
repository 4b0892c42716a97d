"""The entities of the behaviours: small ones, each for a purpose."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

from ...model.markers import Index, Revision, Searchable, Unique

__all__ = ["Account", "Article", "Note", "Plain", "Stamped", "Tagged"]


@dataclass
class Plain:
    """Nothing but an id and a value."""

    value: int = 0
    id: str | None = None


@dataclass
class Note:
    """A bit of everything that lists are filtered and sorted by."""

    title: str = ""
    id: str | None = None
    rank: Annotated[int | None, Index()] = None
    score: float | None = None
    price: Annotated[Decimal | None, Index()] = None
    done: bool | None = None
    day: dt.date | None = None
    tags: list[str] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass
class Stamped:
    """Everything that the storage fills in."""

    name: str = ""
    id: str | None = None
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    revision: Annotated[int, Revision()] = 0


@dataclass
class Tagged:
    """The times as text, and no revision."""

    name: str = ""
    id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


@dataclass
class Account:
    """Unique values, guarded."""

    email: Annotated[str | None, Unique()] = None
    balance: int = 0
    number: Annotated[Decimal | None, Unique()] = None
    id: str | None = None
    revision: Annotated[int, Revision()] = 0


@dataclass
class Article:
    """Text to search in."""

    title: Annotated[str, Searchable(weight=3)] = ""
    body: Annotated[str, Searchable()] = ""
    note: str = ""
    year: int | None = None
    id: str | None = None
