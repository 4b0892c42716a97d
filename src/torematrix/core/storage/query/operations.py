"""Operations: what a repository asks of an engine, frozen and portable.

Every public method becomes one of these values, passes through the layers and reaches a driver. Nothing else does.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args

import msgspec

from ..model.codec import Codec, Row
from ..model.kinds import Canonical, CanonicalScalar
from ..model.schema import Field, Schema
from .conditions import Condition, Target

if TYPE_CHECKING:
    from .search import SearchQuery

__all__ = [
    "Aggregate",
    "AggregateFunction",
    "Collection",
    "Count",
    "Fetch",
    "FetchMany",
    "Find",
    "Found",
    "Group",
    "Insert",
    "Measure",
    "Operation",
    "Partial",
    "Patch",
    "Ranked",
    "Remove",
    "Replace",
    "Scan",
    "Search",
    "SearchStatistics",
    "SortKey",
    "Total",
    "Upsert",
    "name_of",
]


class Collection:
    """A named set of entities of one class, as the core and a driver share it.

    ``plan`` belongs to the driver: what it has prepared for this collection, None until it has been ensured.
    """

    __slots__ = ("codec", "name", "plan", "schema")

    def __init__(self, name: str, schema: Schema, codec: Codec[Any]) -> None:
        self.name = name
        self.schema = schema
        self.codec = codec
        self.plan: Any = None

    def __repr__(self) -> str:
        return f"Collection({self.name!r})"


class SortKey(msgspec.Struct, frozen=True):
    """One key of a total order."""

    target: Target
    descending: bool


class Fetch(msgspec.Struct, frozen=True, eq=False):
    """The row of one id: Row or None."""

    collection: Collection
    id: str


class FetchMany(msgspec.Struct, frozen=True, eq=False):
    """The rows of these ids, those that exist, in no particular order: list of Row."""

    collection: Collection
    ids: tuple[str, ...]


class Insert(msgspec.Struct, frozen=True, eq=False):
    """Store new rows, all or none. Gives nothing. DuplicateError names what was there already."""

    collection: Collection
    rows: tuple[Row, ...]


class Upsert(msgspec.Struct, frozen=True, eq=False):
    """Store a row, or replace the one of the same id: the Row as stored.

    ``inserted`` is the row to store where the id is new, ``replacing`` the one where it exists; with a declared
    revision a stale one is ConflictError.
    """

    collection: Collection
    inserted: Row
    replacing: Row


class Replace(msgspec.Struct, frozen=True, eq=False):
    """Replace rows that exist, all or none: list of Row as stored, in the order given.

    The stored created_at is kept, and so are columns and document keys the schema does not know. Where a revision is
    declared each row carries the new one, and the stored one must be one less. NotFoundError, ConflictError.
    """

    collection: Collection
    rows: tuple[Row, ...]


class Patch(msgspec.Struct, frozen=True, eq=False):
    """Replace top-level values of one row: the Row as stored. NotFoundError, ConflictError, DuplicateError.

    ``changes`` maps fields to canonical values, updated_at included. The revision, where declared, goes up by one;
    ``expected`` is the one it must have, or None for any.
    """

    collection: Collection
    id: str
    changes: tuple[tuple[Field, Canonical], ...]
    extras: Mapping[str, Canonical]
    expected: int | None


class Remove(msgspec.Struct, frozen=True, eq=False):
    """Delete these ids: how many existed."""

    collection: Collection
    ids: tuple[str, ...]


class Find(msgspec.Struct, frozen=True, eq=False):
    """The rows for which the condition holds, in that order (always total, ending in id): Found.

    ``limit`` None means all. With ``with_total`` the number of all matches is read in the same snapshot.
    """

    collection: Collection
    condition: Condition
    sort: tuple[SortKey, ...]
    limit: int | None
    offset: int
    with_total: bool


class Found(msgspec.Struct, frozen=True, eq=False):
    """Rows, and how many match in all where that was asked for."""

    rows: list[Row]
    total: int | None


class Scan(msgspec.Struct, frozen=True, eq=False):
    """As Find without limit, in batches of at most ``batch_size`` rows, from one snapshot, in bounded memory."""

    collection: Collection
    condition: Condition
    sort: tuple[SortKey, ...]
    batch_size: int


class Count(msgspec.Struct, frozen=True, eq=False):
    """How many rows there are for which the condition holds: int."""

    collection: Collection
    condition: Condition


class Search(msgspec.Struct, frozen=True, eq=False):
    """The rows that match the query in these weighted fields and the condition, by relevance: Ranked.

    The order is score descending, id ascending; ``after`` is the (score, id) to continue behind. Statistics and rows
    are read in one snapshot; ``statistics`` are those of the first page, so that later pages score alike whatever is
    written meanwhile.
    """

    collection: Collection
    query: SearchQuery
    fields: tuple[tuple[str, int], ...]
    condition: Condition
    limit: int | None
    offset: int
    with_total: bool
    after: tuple[int, str] | None = None
    statistics: SearchStatistics | None = None


class SearchStatistics(msgspec.Struct, frozen=True):
    """What relevance is computed from.

    Attributes:
        documents: how many there are.
        length: the sum of their weighted lengths.
        frequencies: for each of the query's words, in its order, in how many documents it stands.
    """

    documents: int
    length: int
    frequencies: tuple[int, ...]


class Ranked(msgspec.Struct, frozen=True, eq=False):
    """Scored rows, the statistics that scored them, and how many match in all where that was asked for."""

    rows: list[tuple[int, Row]]
    total: int | None
    statistics: SearchStatistics


class AggregateFunction(enum.StrEnum):
    """What is computed over a group."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


class Measure(msgspec.Struct, frozen=True):
    """One value of a group; ``target`` is None for the count of all its entities."""

    function: AggregateFunction
    target: Target | None


class Aggregate(msgspec.Struct, frozen=True, eq=False):
    """One Group for each, in the order of its keys: list of Group."""

    collection: Collection
    condition: Condition
    group: tuple[Target, ...]
    measures: tuple[Measure, ...]


Total: TypeAlias = int | float | Decimal
"""An exact sum."""
Partial: TypeAlias = CanonicalScalar | tuple[Total | None, int] | None
"""What ``aggregates.finish`` takes: a count, a smallest or largest value, or a total and of how many values."""
Group: TypeAlias = tuple[tuple[CanonicalScalar | None, ...], tuple[Partial, ...]]
"""The keys of a group, and a partial result for each measure."""

Operation: TypeAlias = (
    Fetch | FetchMany | Insert | Upsert | Replace | Patch | Remove | Find | Count | Search | Aggregate
)


_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NAMES: Final = {each: _WORD.sub("_", each.__name__).lower() for each in (*get_args(Operation), Scan)}


def name_of(operation: Operation | Scan) -> str:
    """The operation's name, as errors, plans and observers have it: ``fetch_many`` of FetchMany."""
    return _NAMES[type(operation)]
