"""Chains of ten random steps give the same entities on every engine as on the reference, forwards and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from torematrix.core.storage import (
    AddField,
    AddIndex,
    AddSearchable,
    Big,
    ConvertField,
    DropField,
    DropIndex,
    DropSearchable,
    Migration,
    MigrationManager,
    RenameField,
    Step,
    Storage,
    Transform,
)

LENGTH = 10
WORDS = ("", "a", "Ä b", "b a a", "x\u0301 1", "a'b\"c", "%s {0} $1")


@dataclass
class Thing:
    name: str
    count: int | None = None
    ratio: float = 0.0
    tags: list[str] = field(default_factory=list)
    day: date | None = None
    id: str | None = None


TYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "text": (str, WORDS),
    "number": (int | None, (None, 0, -1, 2**63 - 1)),
    "ratio": (float, (0.0, -1.5, 1e300)),
    "flag": (bool, (False, True)),
    "exact": (Decimal | None, (None, Decimal("1.50"), Decimal("-0.1"))),
    "big": (Annotated[int, Big()], (0, 2**80, -(2**80))),
    "day": (date | None, (None, date(1, 1, 1), date(2024, 2, 29))),
    "data": (bytes, (b"", b"\x00\xff")),
    "list": (list[str], ([], ["b", "a"])),
    "dict": (dict[str, Any], ({}, {"k.1": [1, None], "$": {"b": 2.0}})),
}


def as_text(value: Any) -> str:
    return repr(sorted(value.items())) if isinstance(value, dict) else str(value)


def length(value: Any) -> int:
    return len(as_text(value))


def exact(value: Any) -> Decimal:
    return Decimal(length(value)) / 4


def in_list(value: Any) -> list[str]:
    return [as_text(value)]


def in_dict(value: Any) -> dict[str, Any]:
    return {"was": as_text(value)}


CONVERSIONS: dict[str, Any] = {
    "text": as_text, "number": length, "ratio": lambda value: length(value) / 8, "flag": bool, "exact": exact,
    "big": lambda value: 2**70 + length(value), "data": lambda value: as_text(value).encode(), "list": in_list,
    "dict": in_dict,
}  # fmt: skip


class Chain:
    """Draws steps that apply one after the other, by what is known of the fields meanwhile."""

    def __init__(self, draw: Any) -> None:
        self.fields = {"name": "text", "count": "number", "ratio": "ratio", "tags": "list", "day": "day"}
        self.indexed: set[str] = set()
        self.searched = {"name"}
        self._draw = draw
        self._number = 0

    def step(self) -> Step:
        makes = [self._add, self._add_computed, self._transform]
        if self.fields:
            makes += [self._rename, self._convert, self._convert, self._drop]
        if self._indexable():
            makes.append(self._index)
        if self.indexed:
            makes.append(self._unindex)
        if self._texts() - self.searched:
            makes.append(self._search)
        if self.searched:
            makes.append(self._unsearch)
        return self._draw(st.sampled_from(makes))()

    def _fresh(self) -> str:
        self._number += 1
        return self._draw(st.sampled_from(["f{}", "F_{}", "größe{}", "data{}", "_id{}"])).format(self._number)

    def _one(self, names: Any) -> str:
        return self._draw(st.sampled_from(sorted(names)))

    def _texts(self) -> set[str]:
        return {name for name, kind in self.fields.items() if kind == "text"}

    def _indexable(self) -> set[str]:
        return {name for name, kind in self.fields.items() if kind not in ("list", "dict")} - self.indexed

    def _add(self) -> Step:
        name, kind = self._fresh(), self._one(TYPES)
        self.fields[name] = kind
        return AddField(name, TYPES[kind][0], self._draw(st.sampled_from(TYPES[kind][1])))

    def _add_computed(self) -> Step:
        name, kind = self._fresh(), self._one(CONVERSIONS)
        self.fields[name] = kind
        convert = CONVERSIONS[kind]
        return AddField(name, TYPES[kind][0], function=lambda thing: convert(sorted(thing)))

    def _rename(self) -> Step:
        name, new = self._one(self.fields), self._fresh()
        self.fields[new] = self.fields.pop(name)
        for known in (self.indexed, self.searched):
            if name in known:
                known.remove(name)
                known.add(new)
        return RenameField(name, new)

    def _convert(self) -> Step:
        name, kind = self._one(self.fields), self._one(CONVERSIONS)
        if name in self.indexed and kind in ("list", "dict"):
            kind = "text"
        back = CONVERSIONS.get(self.fields[name], lambda value: None)
        self.fields[name] = kind
        if kind != "text":
            self.searched.discard(name)
        return ConvertField(name, TYPES[kind][0], CONVERSIONS[kind], back)

    def _drop(self) -> Step:
        name = self._one(self.fields)
        value = TYPES[self.fields.pop(name)][1][-1]
        self.indexed.discard(name)
        self.searched.discard(name)
        return DropField(name, value)

    def _index(self) -> Step:
        name = self._one(self._indexable())
        self.indexed.add(name)
        return AddIndex(name)

    def _unindex(self) -> Step:
        name = self._one(self.indexed)
        self.indexed.remove(name)
        return DropIndex(name)

    def _search(self) -> Step:
        name = self._one(self._texts() - self.searched)
        self.searched.add(name)
        return AddSearchable(name, 2)

    def _unsearch(self) -> Step:
        name = self._one(self.searched)
        self.searched.remove(name)
        return DropSearchable(name)

    def _transform(self) -> Step:
        texts = sorted(self._texts())

        def turned(thing: dict[str, Any]) -> dict[str, Any]:
            return {**thing, **{name: thing[name][::-1] for name in texts}}

        return Transform(turned, turned)


@st.composite
def chains(draw: Any) -> tuple[list[Thing], list[list[Step]], set[str]]:
    things = [
        Thing(
            draw(st.sampled_from(WORDS)), draw(st.sampled_from(TYPES["number"][1])),
            draw(st.sampled_from(TYPES["ratio"][1])),
            draw(st.lists(st.sampled_from(WORDS), max_size=2)), draw(st.sampled_from(TYPES["day"][1])), id=f"{at:03}",
        )
        for at in range(draw(st.integers(0, 4)))
    ]  # fmt: skip
    chain = Chain(draw)
    steps = [chain.step() for _ in range(LENGTH)]
    cuts = sorted(draw(st.sets(st.integers(1, LENGTH - 1), max_size=3)))
    parts = [steps[a:b] for a, b in zip([0, *cuts], [*cuts, LENGTH], strict=True)]
    return things, parts, chain.indexed


def seen(storage: Storage, name: str) -> Any:
    """Everything that can be told of a collection: its schema, entities, orders and what a search finds."""
    repository = storage.stored_repository(name)
    description = storage.collections()[name]
    entities = [sorted(entity.items()) for entity in repository.list(sort_by="id")]
    orders = {
        key: [entity["id"] for entity in repository.list(sort_by=key)]
        for key, described in description["fields"].items()
        if "column" in described
    }
    found = [entity["id"] for entity in repository.search("a")] if description["searchable"] else []
    return description, repr(entities), orders, found


def played(storage: Storage, name: str, things: list[Thing], parts: list[list[Step]]) -> list[Any]:
    """What is seen after the chain, and after all of it is taken back."""
    repository = storage.repository(Thing, name, searchable=["name"])
    for thing in things:
        repository.create(thing)
    repository.ready()
    manager = MigrationManager(Migration(f"{at:03}", "", steps) for at, steps in enumerate(parts, 1))
    done = manager.migrate(repository)
    assert len(done) == len(parts)
    there = seen(storage, name)
    manager.rollback(repository, "000")
    return [there, seen(storage, name)]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql", "mongodb", "mongodb-standalone"])
def test_chains(place, engine: str) -> None:
    url = place(engine)
    number = 0

    @settings(
        max_examples=max(5, settings().max_examples // 10),
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take an hour
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(chains())
    def run(chain: Any) -> None:
        nonlocal number
        number += 1
        things, parts, _ = chain
        with Storage.open("memory://") as reference, Storage.open(url) as storage:
            expected = played(reference, "things", things, parts)
            assert played(storage, f"things_{number}", things, parts) == expected

    run()
