"""The entity classes that random programs are about: between them every kind, shape and declaration there is.

They are few and never change while a run lasts, so that a collection made once serves thousands of programs.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

import msgspec

from ...model.markers import Index, Revision, Unique
from ...model.schema import Schema
from ..entities import SUBJECTS, Colour, Item, Level, Subject

__all__ = ["COLLECTIONS", "FAMILY", "PLAIN", "SCHEMAS", "Older", "Reading"]


class Reading(msgspec.Struct, kw_only=True):
    """An id that is no text, nothing to search, a compound unique index, and times that the storage fills in."""

    id: UUID | None = None
    station: Annotated[int | None, Index()] = None
    at: dt.datetime | None = None
    value: Annotated[float | None, Index()] = None
    price: Annotated[Decimal | None, Index()] = None
    level: Level | None = None
    colour: Colour | None = None
    raw: Annotated[bytes | None, Index()] = None
    series: tuple[float, ...] = ()
    version: Annotated[int, Revision()] = 0
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None


class Older(msgspec.Struct, kw_only=True):
    """The readings as an older application knows them: it keeps the values that it does not know."""

    id: UUID | None = None
    station: Annotated[int | None, Index()] = None
    at: dt.datetime | None = None
    value: float | None = None
    version: Annotated[int, Revision()] = 0
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None


FAMILY: Final[dict[str, Subject]] = {
    "sample": SUBJECTS["sample"],
    "item": Subject(Item, (Unique("state", "maker.name"), Index("price", "code"))),
    "document": SUBJECTS["document"],
    "reading": Subject(Reading, (Unique("station", "at"), Index("level", "value"))),
    "older": Subject(Older, (Unique("station", "at"),)),
    "plain": Subject(dict, (Index("a", int), Unique("u", str), Index("b.c", float))),
}
"""What programs choose among, by the name that they, and the collections, are known by."""

SCHEMAS: Final[dict[str, Schema]] = {name: subject.schema for name, subject in FAMILY.items()}
"""Their schemas."""

COLLECTIONS: Final = {**{name: name for name in FAMILY}, "older": "reading"}
"""The collection that each is stored in."""

PLAIN: Final = ("reading", "older", "plain")
"""Those of which a write is a write of one document: without anything to search."""
