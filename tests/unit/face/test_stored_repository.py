"""Collections opened by their stored description give what their class gives, as dicts, and are left as they were."""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest

from torematrix.core.storage import (
    AsyncStorage,
    ConfigurationError,
    CursorPagination,
    F,
    Index,
    InvalidQueryError,
    Naive,
    Revision,
    Searchable,
    SortOrder,
    Storage,
    Unique,
    UnsupportedError,
)
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.model.stored import stored_schema


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Node:
    name: str
    price: Decimal = Decimal(0)
    children: list[Node] = field(default_factory=list)


class Cat(msgspec.Struct, tag="cat"):
    born: dt.date
    weight: Decimal


class Dog(msgspec.Struct, tag="dog"):
    born: dt.date
    weight: str


@dataclass
class Contact:
    kind: Literal["a", "b"]
    by_day: dict[dt.date, list[UUID]] = field(default_factory=dict)


@dataclass
class Everything:
    title: Annotated[str, Searchable(3)]
    code: Annotated[str, Unique()]
    colour: Annotated[Colour, Index()] = Colour.RED
    price: Decimal = Decimal("1.50")
    seen: Annotated[dt.datetime | None, Naive()] = None
    raw: bytes = b"\x00\xff"
    took: dt.timedelta = dt.timedelta(seconds=3)
    pair: tuple[int, str] = (1, "x")
    labels: set[str] = field(default_factory=set)
    tree: Node | None = None
    pet: Cat | Dog | None = None
    contact: Contact | None = None
    either: int | list[dt.date] = 5
    meta: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    created_at: dt.datetime | None = None
    revision: Annotated[int, Revision()] = 0


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    id: str | None = None
    n: int = 0


URLS = pytest.mark.parametrize("kind", ["memory", "sqlite"])
DAY = dt.date(2024, 2, 29)
KEY = UUID(int=7)


def url_of(kind: str, tmp_path: Path) -> str:
    return "memory://" if kind == "memory" else f"sqlite:///{tmp_path}/x.db"


def filled(storage: Storage) -> None:
    things = storage.repository(
        Everything, "things", indexes=[Index("meta.year", int), Index("code", "price")]
    )
    things.bulk_create(
        [
            Everything(
                title=f"Café number {number}",
                code=f"c{number}",
                price=Decimal(number) / 4,
                seen=dt.datetime(2024, 1, 1, number),  # noqa: DTZ001 - the field is naive
                labels={"b", "a"},
                tree=Node("top", children=[Node("in.ner", Decimal("2.50"))]),
                pet=Cat(DAY, Decimal("4.0")) if number % 2 else Dog(DAY, "heavy"),
                contact=Contact("a", {DAY: [KEY]}),
                either=[DAY] if number else 5,
                meta={"year": 2000 + number, "a.b": number},
            )
            for number in range(6)
        ]
    )


@URLS
def test_values_come_as_they_were_declared(kind: str, tmp_path: Path) -> None:
    """Decimals, dates and the rest are Python values at every depth, and nothing that is stored is left out."""
    with Storage.open(url_of(kind, tmp_path)) as storage:
        filled(storage)
        found = storage.stored_repository("things").list(sort_by=[("price", SortOrder.DESC)])[0]
    assert found["price"] == Decimal("1.25")
    assert found["colour"] == "red"
    assert found["seen"] == dt.datetime(2024, 1, 1, 5)  # noqa: DTZ001 - the field is naive
    assert found["raw"] == b"\x00\xff"
    assert found["took"] == dt.timedelta(seconds=3)
    assert found["pair"] == (1, "x")
    assert found["labels"] == {"a", "b"}
    assert found["tree"]["children"] == [{"name": "in.ner", "price": Decimal("2.50"), "children": []}]
    # Cats and dogs share the day; the tag and the member they differ in come as they are stored.
    assert found["pet"]["born"] == DAY
    assert found["pet"]["type"] == "cat"
    assert "weight" in found["pet"]
    assert found["contact"] == {"kind": "a", "by_day": {DAY: [KEY]}}
    assert found["either"] == [DAY]
    assert found["meta"] == {"year": 2005, "a.b": 5}
    assert found["created_at"].tzinfo is not None
    assert list(found)[:2] == ["title", "code"]


@URLS
def test_questions_are_answered_alike(kind: str, tmp_path: Path) -> None:
    """Filters take text for typed values, typed paths sort, pages and searches work as with the class."""
    with Storage.open(url_of(kind, tmp_path)) as storage:
        filled(storage)
        things = storage.repository(
            Everything, "things", indexes=[Index("meta.year", int), Index("code", "price")]
        )
        stored = storage.stored_repository("things")
        for filters in (
            F("price") >= "0.5",
            F("colour") == "red",
            F("pet.born") == "2024-02-29",
            F("seen") > "2024-01-01T03:00",
            F("tree.children[*].price") == "2.5",
            F("pet.type") == "dog",
        ):
            counted = stored.count(filters)
            assert counted > 0
            if filters.field != "pet.type":
                assert counted == things.count(filters)
        assert [item["meta"]["year"] for item in stored.list(sort_by="meta.year")] == list(range(2000, 2006))
        with pytest.raises(InvalidQueryError, match="declares no field 'nothing'"):
            stored.count(F("nothing") == 1)
        page = stored.list(sort_by="price", pagination=CursorPagination(limit=4))
        rest = stored.list(sort_by="price", pagination=CursorPagination(after=page.next, limit=4))
        assert [item["code"] for item in [*page.items, *rest.items]] == [f"c{number}" for number in range(6)]
        assert [hit.snippets for hit in stored.search("cafe 3", with_hits=True)] == [
            {"title": "**Café** number **3**"}
        ]


@URLS
def test_opening_changes_nothing(kind: str, tmp_path: Path) -> None:
    """The description, unique constraints included, is the same afterwards; the class still opens the collection."""
    with Storage.open(url_of(kind, tmp_path)) as storage:
        filled(storage)
        before = storage.collections()
        stored = storage.stored_repository("things")
        assert stored.count() == 6
        assert storage.collections() == before
        assert stored.delete(stored.list()[0]["id"])
        entity = stored.list()[0]
        for write in (stored.create, stored.update, stored.upsert):
            with pytest.raises(UnsupportedError, match="entity class"):
                write(entity)
        with pytest.raises(UnsupportedError, match="entity class"):
            stored.patch(entity["id"], title="x")
        assert stored.count() == 5


def test_a_read_only_database_is_opened(tmp_path: Path) -> None:
    """Nothing is written to a database that is only looked at."""
    with Storage.open(f"sqlite:///{tmp_path}/x.db") as storage:
        filled(storage)
    with Storage.open(f"sqlite:///{tmp_path}/x.db", read_only=True) as storage:
        assert storage.stored_repository("things").count(F("code") == "c1") == 1


@URLS
def test_free_form_collections_are_written_too(kind: str, tmp_path: Path) -> None:
    """A free-form collection keeps its declared paths, and refuses there what it refused before."""
    with Storage.open(url_of(kind, tmp_path)) as storage:
        notes = storage.repository(dict, "notes", searchable=["text"], indexes=[Index("year", int)])
        notes.create({"id": "1", "text": "tea", "year": 2000, "a.b": [1, {"": None}]})
        stored = storage.stored_repository("notes")
        assert stored.list(sort_by="year") == [
            {"id": "1", "text": "tea", "year": 2000, "a.b": [1, {"": None}]}
        ]
        assert stored.create({"text": "tea", "year": 1999})["id"]
        assert len(stored.search("tea")) == 2
        with pytest.raises(ValueError, match="year"):
            stored.create({"year": "1999"})


@URLS
def test_undeclared_values_of_models_come_along(kind: str, tmp_path: Path) -> None:
    """What a model with extra values holds beside its fields is part of the dict, and can be asked for."""
    with Storage.open(url_of(kind, tmp_path)) as storage:
        storage.repository(Open, "opens").create(Open(n=1, more={"x": [1]}))  # type: ignore[call-arg]
        stored = storage.stored_repository("opens")
        [found] = stored.list(F("more.x[*]") == 1)
        assert found == {"id": found["id"], "n": 1, "more": {"x": [1]}}


def test_both_colours(tmp_path: Path) -> None:
    """The asynchronous storage opens the same collection."""
    with Storage.open(f"sqlite:///{tmp_path}/x.db") as storage:
        filled(storage)

    async def counted() -> int:
        async with AsyncStorage.open(f"sqlite:///{tmp_path}/x.db") as storage:
            return await (await storage.stored_repository("things")).count()

    assert asyncio.run(counted()) == 6


def test_what_is_not_there_is_refused() -> None:
    """A collection that does not exist is not made, and a description of another making is not guessed at."""
    with Storage.open("memory://") as storage:
        with pytest.raises(ConfigurationError, match="no such collection"):
            storage.stored_repository("things")
        assert storage.collections() == {}
    with pytest.raises(ConfigurationError, match="upgrade"):
        stored_schema("things", {"fields": {"id": {"shape": "quaternion"}}})


@dataclass
class Branch:
    name: str
    twigs: list[Branch] = field(default_factory=list)


@dataclass
class Twig:
    name: str
    twigs: list[Twig] = field(default_factory=list)


def test_a_recursive_class_may_be_renamed() -> None:
    """A class that holds itself is described without its name, which is no part of what is stored."""
    first, second = (
        msgspec.defstruct("Tree", [("inner", inner), ("id", str | None, None)]) for inner in (Branch, Twig)
    )
    assert schema_of(first).describe() == schema_of(second).describe()
