"""What the model stores, and the writes that it tries, as data."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias, cast

import msgspec
from hypothesis import strategies as st

from ....model.markers import Index, Revision, Searchable, Unique

__all__ = [
    "BAGS",
    "CARDS",
    "SLIPS",
    "WORD",
    "Ask",
    "Bag",
    "Call",
    "Card",
    "Slip",
    "State",
    "asks",
    "call_of",
    "opening_calls",
    "plain",
]

CARDS: Final = "cards"
SLIPS: Final = "slips"
BAGS: Final = "bags"

WORD: Final = "cat"
"""What a search looks for; some of the texts hold it."""

State: TypeAlias = dict[str, Any]
"""Everything that is stored: the entities of each collection, and what a search finds with which score."""


@dataclass
class Card:
    """Guarded, searched, with a unique value and the times of its changes: a write changes more than one thing."""

    title: Annotated[str, Searchable(2)]
    code: Annotated[str | None, Unique()] = None
    number: Annotated[int, Index()] = 0
    id: str = ""
    revision: Annotated[int, Revision()] = 0
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None


@dataclass
class Slip:
    """The plainest entity that can be refused: one value of it is unique."""

    number: int
    label: Annotated[str | None, Unique()] = None
    id: str = ""


Bag: TypeAlias = dict[str, Any]
"""A free-form document, whose keys come and go; one of them is searched."""


class Row(msgspec.Struct, frozen=True):
    """One entity of a write, for whichever collection.

    Attributes:
        id: of the entity.
        text, code, number: its values.
        drift: is added to the stored revision.
        is_read: whether the entity comes with the times that are stored, as one does that was read before.
    """

    id: str
    text: str
    code: str | None
    number: int
    drift: int
    is_read: bool


class Ask(msgspec.Struct, frozen=True):
    """A write, before it is known what is stored.

    Attributes:
        method: of a repository, or ``shift``.
        collection: where.
        rows: what about.
    """

    method: str
    collection: str
    rows: tuple[Row, ...]


class Call(msgspec.Struct, frozen=True):
    """A write as it is made, on both sides."""

    collection: str
    method: str
    arguments: tuple[Any, ...]
    named: dict[str, Any] = {}


_IDS: Final = ("a", "b", "c", "d")
_TEXTS: Final = ("", "dog", "cat", "cat cat dog", "the cat " * 40, "x" * 3_000)
_CODES: Final = (None, None, None, *"klmnopqrstuvwxyz")
_SINGLE: Final = ("create", "upsert", "upsert", "update", "update", "patch", "patch", "delete", "delete")
_BULK: Final = ("bulk_create", "bulk_update", "bulk_update", "bulk_delete", "bulk_delete", "shift", "shift")
"""``shift`` is a bulk_update in which each entity takes the unique value of the one before it."""

_ROWS: Final = st.builds(
    Row,
    st.sampled_from(_IDS),
    st.sampled_from(_TEXTS),
    st.sampled_from(_CODES),
    st.integers(0, 3),
    st.sampled_from((*(0,) * 14, -1, 1)),
    st.booleans(),
)
_COLLECTIONS: Final = st.sampled_from((CARDS, CARDS, SLIPS, BAGS))


def opening_calls() -> list[Call]:
    """What is stored at the beginning of a program, so that from its first step on there is something to change."""
    rows = [Row(each, "cat", code, 0, 0, is_read=False) for each, code in zip("abc", "klm", strict=True)]
    return [Call(name, "create", (_entity(name, row, {}),)) for name in (CARDS, SLIPS, BAGS) for row in rows]


def asks(*, bulk: bool = True) -> st.SearchStrategy[Ask]:
    """Writes, with few ids and few unique values: they meet each other all the time."""
    single = st.builds(Ask, st.sampled_from(_SINGLE), _COLLECTIONS, st.tuples(_ROWS))
    if not bulk:
        return single
    several = st.lists(_ROWS, min_size=1, max_size=5, unique_by=lambda row: row.id).map(tuple)
    return single | st.builds(Ask, st.sampled_from(_BULK), _COLLECTIONS, several)


def call_of(ask: Ask, state: State) -> Call:
    """The write, where this is what is stored."""
    held = {entity["id"]: entity for entity in state[ask.collection]}
    rows = ask.rows
    first = rows[0]
    match ask.method:
        case "delete":
            return Call(ask.collection, "delete", (first.id,))
        case "bulk_delete":
            return Call(ask.collection, "bulk_delete", ([row.id for row in rows],))
        case "patch":
            return Call(ask.collection, "patch", (first.id,), _changes(ask.collection, first, held))
        case "create" | "upsert" | "update":
            return Call(ask.collection, ask.method, (_entity(ask.collection, first, held),))
        case "shift":
            return Call(ask.collection, "bulk_update", (_shifted(ask, held),))
        case method:
            entities = [_entity(ask.collection, row, held) for row in rows]
            return Call(ask.collection, method, (entities,))


def _entity(collection: str, row: Row, held: dict[str, Any]) -> Any:
    stored = held.get(row.id)
    if collection == SLIPS:
        return Slip(row.number, row.code, row.id)
    if collection == BAGS:
        bag = {"id": row.id, "text": row.text, f"key{row.number}": row.number}
        return bag if row.code is None else {**bag, "code": row.code}
    if stored is None:
        return Card(row.text, row.code, row.number, row.id)
    times = (stored["created_at"], stored["updated_at"]) if row.is_read else (None, None)
    return Card(row.text, row.code, row.number, row.id, stored["revision"] + row.drift, *times)


def _shifted(ask: Ask, held: dict[str, Any]) -> list[Any]:
    """Those of the entities that are stored; the first has a value of its own, which makes room for the next."""
    unique = "label" if ask.collection == SLIPS else "code"
    entities: list[Any] = []
    code: str | None = f"{unique} {ask.rows[0].number}"
    for row in ask.rows:
        if row.id in held:
            shifted = msgspec.structs.replace(row, code=code, drift=0)
            entities.append(_entity(ask.collection, shifted, held))
            code = held[row.id].get(unique)
    # Nothing at all would be no call either.
    return entities or [_entity(ask.collection, ask.rows[0], held)]


def _changes(collection: str, row: Row, held: dict[str, Any]) -> dict[str, Any]:
    """Some of the values, or a searched one, or a guarded change."""
    if collection == SLIPS:
        return {"number": row.number, "label": row.code} if row.is_read else {"number": row.number}
    if collection == BAGS:
        return {"text": row.text} if row.is_read else {f"key{row.number}": row.code}
    changes: dict[str, Any] = {"number": row.number, "code": row.code}
    if row.is_read:
        changes = {"title": row.text}
        if row.id in held:
            changes["revision"] = held[row.id]["revision"] + row.drift
    return changes


def plain(result: Any) -> Any:
    """A result, or an entity, as data that can be compared and kept."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return dict(vars(result))
    if isinstance(result, list):
        several = cast("list[Any]", result)  # type: ignore[redundant-cast]  # pyright knows no item
        return [plain(each) for each in several]
    return result
