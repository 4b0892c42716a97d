"""Entity classes for random programs: between them they hold every kind and every shape that can be declared."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from ..model.markers import Big, Index, Naive, Revision, Searchable, Unique
from ..model.schema import Schema, schema_of

__all__ = ["SUBJECTS", "Colour", "Item", "Level", "Maker", "Part", "Sample", "Subject", "entity_id_of"]


class Colour(enum.Enum):
    """Text behind names."""

    RED = "red"
    GREEN = "Grün"
    BLUE = "blue"


class Level(enum.IntEnum):
    """Numbers behind names."""

    LOW = -1
    MIDDLE = 0
    HIGH = 2**53 + 1


@dataclass
class Part:
    """Something inside something."""

    name: str
    price: Decimal | None = None
    size: int = 0
    made: dt.date | None = None


@dataclass(kw_only=True)
class Sample:
    """A field of every scalar kind, nullable where that makes a difference, and the common containers."""

    id: str | None = None
    title: Annotated[str, Searchable(weight=3), Index()] = ""
    body: Annotated[str | None, Searchable(), Index(substring=True)] = None
    number: Annotated[int | None, Index()] = None
    count: int = 0
    ratio: Annotated[float | None, Index()] = None
    flag: bool | None = None
    amount: Annotated[Decimal | None, Index()] = None
    huge: Annotated[int, Big()] | None = None
    raw: bytes | None = None
    moment: Annotated[dt.datetime | None, Index()] = None
    local: Annotated[dt.datetime, Naive()] | None = None
    day: dt.date | None = None
    clock: dt.time | None = None
    span: dt.timedelta | None = None
    key: UUID | None = None
    colour: Colour | None = None
    level: Level | None = None
    tags: list[str] = field(default_factory=list)
    ratios: list[float | None] = field(default_factory=list)
    amounts: list[Decimal] = field(default_factory=list)
    marks: set[int] = field(default_factory=set)
    pair: tuple[int, str] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    part: Part | None = None
    parts: list[Part] = field(default_factory=list)
    either: int | str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None


class Maker(msgspec.Struct):
    """A record inside a record."""

    name: str | None = None
    address: dict[str, Any] = {}


class Item(msgspec.Struct, kw_only=True):
    """A guarded revision, unique values, unions, and containers inside containers."""

    id: str | None = None
    code: Annotated[str | None, Unique()] = None
    price: Annotated[Decimal | None, Unique()] = None
    state: Annotated[Literal["new", "used"], Index()] = "new"
    revision: Annotated[int, Revision()] = 0
    maker: Maker | None = None
    makers: dict[str, Maker] = {}
    grid: list[list[int]] = []
    names: dict[int, str] = {}
    words: frozenset[str] = frozenset()
    path: tuple[int, ...] = ()
    value: bool | int | float | str | list[str] | None = None
    anything: Any = None


class Subject(NamedTuple):
    """A class with what is declared beside it, as ``storage.repository`` takes them."""

    entity_class: type[Any]
    indexes: tuple[Index, ...] = ()
    searchable: tuple[str | tuple[str, int], ...] | None = None

    @property
    def schema(self) -> Schema:
        """Its schema."""
        return schema_of(self.entity_class, indexes=self.indexes, searchable=self.searchable)

    @property
    def declarations(self) -> dict[str, Any]:
        """The keyword arguments of ``storage.repository``."""
        return {"indexes": self.indexes, "searchable": self.searchable}


SUBJECTS: Final[dict[str, Subject]] = {
    "sample": Subject(Sample, (Index("colour", "number"), Index("extra.a", int))),
    "item": Subject(Item),
    "document": Subject(
        dict,
        (Index("a", int), Index("b.c", str), Index("f", float), Unique("u", str)),
        (("t", 2), ("b.t", 1)),
    ),
}
"""What random programs choose among, by a name."""


def entity_id_of(entity: Any) -> str:
    """The id of an entity of any class."""
    read: Any = getattr(entity, "get", None) or partial(getattr, entity)
    return str(read("id"))
