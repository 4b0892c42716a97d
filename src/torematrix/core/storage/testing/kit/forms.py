"""Classes of every form, and what cannot be one."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec

from ...model.markers import Index, Revision, Unique

__all__ = ["FORMS", "UNSTORABLE", "Ordinary", "Size"]


@dataclass
class Ordinary:
    """A dataclass as most are."""

    name: str
    count: int = 0
    tags: list[str] = field(default_factory=list)
    id: str | None = None


@dataclass(slots=True)
class Slotted:
    """A dataclass without a dict."""

    name: str
    count: int = 0
    tags: list[str] = field(default_factory=list)
    id: str | None = None


@dataclass(frozen=True)
class Frozen:
    """A dataclass that cannot be changed."""

    name: str
    count: int = 0
    tags: tuple[str, ...] = ()
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strict:
    """A dataclass that is all of it."""

    id: str | None = None
    name: str
    count: int = 0
    tags: frozenset[str] = frozenset()


@dataclass
class Derived(Ordinary):
    """A dataclass with a base class."""

    extra: float | None = None


class Structure(msgspec.Struct, kw_only=True):
    """A msgspec Struct."""

    id: str | None = None
    name: str
    count: int = 0
    tags: list[str] = []


class FrozenStructure(msgspec.Struct, frozen=True, rename="camel"):
    """A msgspec Struct that cannot be changed, and is renamed for JSON."""

    name: str
    item_count: int = 0
    id: str | None = None


class Size(enum.Enum):
    """Numbers behind names."""

    SMALL = 1
    LARGE = 2


@dataclass
class WithoutId:
    """Nothing to find it by."""

    name: str = ""


@dataclass
class NumberedId:
    """An id that the storage cannot fill."""

    id: int = 0


@dataclass
class AlikeNames:
    """Names that engines would merge."""

    id: str | None = None
    name: str = ""
    Name: str = ""


@dataclass
class LongName:
    """A name that engines would cut."""

    id: str | None = None
    a_name_that_is_longer_than_the_forty_eight_bytes_it_may_have: str = ""


@dataclass
class Unstorable:
    """A type that cannot be stored."""

    id: str | None = None
    value: complex = 0j


@dataclass
class Ambiguous:
    """A union whose stored values could be either."""

    id: str | None = None
    value: dt.date | str = ""


@dataclass
class UniqueList:
    """A list that is to be unique."""

    id: str | None = None
    tags: Annotated[list[str], Unique()] = field(default_factory=list)


@dataclass
class IndexedDict:
    """A dict that is to be indexed."""

    id: str | None = None
    meta: Annotated[dict[str, Any], Index()] = field(default_factory=dict)


@dataclass
class TwoRevisions:
    """Two revisions."""

    id: str | None = None
    first: Annotated[int, Revision()] = 0
    second: Annotated[int, Revision()] = 0


FORMS: Final[list[tuple[type[Any], Callable[[str], Any]]]] = [
    (Ordinary, lambda name: Ordinary(name, 1, ["a"])),
    (Slotted, lambda name: Slotted(name, 1, ["a"])),
    (Frozen, lambda name: Frozen(name, 1, ("a", "b"))),
    (Strict, lambda name: Strict(name=name, count=1, tags=frozenset({"b", "a"}))),
    (Derived, lambda name: Derived(name, 1, ["a"], extra=0.5)),
    (Structure, lambda name: Structure(name=name, count=1, tags=["a"])),
    (FrozenStructure, lambda name: FrozenStructure(name, 1)),
]
"""Each form of class, with what makes an entity of it."""

UNSTORABLE: Final[tuple[Any, ...]] = (
    *(
        WithoutId,
        NumberedId,
        AlikeNames,
        LongName,
        Unstorable,
        Ambiguous,
        UniqueList,
        IndexedDict,
        TwoRevisions,
    ),
    *(int, str, list, object, None, "Note"),
)
"""What is no class of entities."""
