# generated from _async/test_migrations.py by tools/generate_twins.py: do not edit
"""Migrations: the same steps give the same entities on every engine, forwards and back."""

from __future__ import annotations

from dataclasses import field
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

import pytest

from torematrix.core.storage import (
    AddField,
    AddIndex,
    AddSearchable,
    AddUnique,
    Big,
    ConfigurationError,
    ConvertField,
    DropField,
    DropIndex,
    DropSearchable,
    DropUnique,
    DuplicateError,
    F,
    Index,
    MigrationError,
    MigrationManager,
    RawStep,
    RenameField,
    Revision,
    Searchable,
    SortOrder,
    Step,
    Transform,
    Unique,
)

from ..._sync.harness import Kit
from ..._sync.things import FIRST, a_migration, made, seen, stored

# What is done, the class afterwards, the field to look at, and its values by the ids a, b and c.
CHANGES: Final[dict[str, tuple[tuple[Step, ...], Any, str, tuple[Any, ...] | None]]] = {
    "add a number": ((AddField("more", int, 7),), made(("more", int)), "more", (7, 7, 7)),
    "add a text that is searched": (
        (AddField("more", str, "a cat"), AddSearchable("more", 2)),
        made(("more", Annotated[str, Searchable(weight=2)])),
        "more",
        ("a cat", "a cat", "a cat"),
    ),
    "add what may be None": (
        (AddField("more", date | None),),
        made(("more", date | None)),
        "more",
        (None,) * 3,
    ),
    "add a list": ((AddField("more", list[int], [1, 2]),), made(("more", list[int])), "more", ([1, 2],) * 3),
    "add a big number": (
        (AddField("more", Annotated[int, Big()], 2**70),),
        made(("more", Annotated[int, Big()])),
        "more",
        (2**70,) * 3,
    ),
    "add what is computed": (
        (AddField("more", str, function=lambda thing: thing["name"].upper() + str(len(thing["tags"]))),),
        made(("more", str)),
        "more",
        ("THING A2", "THING B0", "THING C1"),
    ),
    "add what is computed, of exact numbers": (
        (AddField("more", Decimal, function=lambda thing: Decimal(thing["count"] or 0) / 4),),
        made(("more", Decimal)),
        "more",
        (Decimal("0.25"), Decimal(0), Decimal("-0.75")),
    ),
    "rename a column": (
        (RenameField("count", "number"),),
        made(("number", int | None, None), without=("count",)),
        "number",
        (1, None, -3),
    ),
    "rename a searched text": (
        (RenameField("name", "title"),),
        made(("title", Annotated[str, Searchable()], ""), without=("name",)),
        "title",
        ("thing a", "thing b", "thing c"),
    ),
    "rename a list": (
        (RenameField("tags", "labels"),),
        made(("labels", list[str], field(default_factory=list[str])), without=("tags",)),
        "labels",
        (["x", "y"], [], ["z"]),
    ),
    "rename to another case": (
        (RenameField("count", "COUNT"),),
        made(("COUNT", int | None, None), without=("count",)),
        "COUNT",
        (1, None, -3),
    ),
    "rename in a circle": (
        (RenameField("count", "aside"), RenameField("version", "count"), RenameField("aside", "version")),
        made(("count", Annotated[int, Revision()], 0), ("version", int | None, None)),
        "version",
        (1, None, -3),
    ),
    "convert a number to text": (
        (ConvertField("count", str | None, str, int),),
        made(("count", str | None, None)),
        "count",
        ("1", None, "-3"),
    ),
    "convert away from None": (
        (ConvertField("count", int, lambda count: count or 0, lambda count: count or None),),
        made(("count", int)),
        "count",
        (1, 0, -3),
    ),
    "convert to an exact number": (
        (ConvertField("count", Decimal | None, Decimal, int),),
        made(("count", Decimal | None, None)),
        "count",
        (Decimal(1), None, Decimal(-3)),
    ),
    "convert to a list": (
        (
            ConvertField(
                "count", list[int], lambda n: [] if n is None else [n], lambda n: n[0] if n else None
            ),
        ),
        made(("count", list[int])),
        "count",
        ([1], [], [-3]),
    ),
    "convert a list to a text": (
        (ConvertField("tags", str, "/".join, lambda text: text.split("/") if text else []),),
        made(("tags", str)),
        "tags",
        ("x/y", "", "z"),
    ),
    "convert to bytes": (
        (ConvertField("name", bytes, lambda text: text.encode(), lambda data: data.decode()),),
        made(("name", bytes)),
        "name",
        (b"thing a", b"thing b", b"thing c"),
    ),
    "only allow None": ((ConvertField("name", str | None),), made(("name", str | None, None)), "name", None),
    "add an index": (
        (AddIndex("count", "name"), AddIndex("name", substring=True)),
        made(),
        "count",
        (1, None, -3),
    ),
    "a unique constraint": ((AddUnique("name"),), made(("name", Annotated[str, Unique()], "")), "name", None),
    "a unique constraint that comes and goes": (
        (AddUnique("name"), DropUnique("name"), AddIndex("name", name="by_name"), DropIndex("name")),
        made(),
        "name",
        None,
    ),
    "search nothing": ((DropSearchable("name"),), made(("name", str, "")), "name", None),
    "transform": (
        (
            Transform(
                lambda thing: {
                    **thing,
                    "name": thing["name"][::-1],
                    "tags": sorted(thing["tags"], reverse=True),
                },
                lambda thing: {**thing, "name": thing["name"][::-1], "tags": sorted(thing["tags"])},
            ),
        ),
        made(),
        "name",
        ("a gniht", "b gniht", "c gniht"),
    ),
    "several that build on each other": (
        (
            AddField("more", int, 1),
            RenameField("more", "most"),
            ConvertField("most", str, str, int),
            Transform(
                lambda thing: {**thing, "most": thing["most"] + thing["id"]},
                lambda thing: {**thing, "most": thing["most"][:-1]},
            ),
        ),
        made(("most", str)),
        "most",
        ("1a", "1b", "1c"),
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_steps_there_and_back(kit: Kit, case: str) -> None:
    """The new class reads, filters, sorts, searches and writes; taken back, everything is what it was, exactly."""
    steps, newer, name, values = CHANGES[case]
    old = stored(kit)
    before = seen(old)
    repository: Any = kit.storage.repository(newer, old.collection_name)
    manager = MigrationManager([a_migration(*steps)])
    done = manager.migrate(repository, target_version="001")
    assert [(each.version, each.state) for each in done] == [("001", "applied")]
    after = seen(repository)
    expected = dict(zip("abc", values, strict=True)) if values else {key: before[key][name] for key in before}
    assert {key: after[key][name] for key in after} == expected
    for key, entity in after.items():
        assert type(entity[name]) is type(expected[key])
        untouched = set(before[key]) & set(entity) - {"name", "tags", name, "version", "count"}
        assert {other: entity[other] for other in untouched} == {
            other: before[key][other] for other in untouched
        }
    if not isinstance(expected["a"], list):
        assert repository.count(F(name) == expected["a"]) == list(expected.values()).count(expected["a"])
        found = repository.list(sort_by=name, sort_order=SortOrder.DESC)
        assert [getattr(entity, name) for entity in found].count(None) == [*expected.values()].count(None)
    text = next((each for each in ("name", "title") if isinstance(after["a"].get(each), str)), None)
    if text is not None and case != "search nothing":
        word = after["a"][text].split()[0 if case == "transform" else 1]
        assert {entity.id for entity in repository.search(word, [text])} == {"a"}
    repository.create(newer(**{**after["a"], "id": "d", name: _other(expected["a"])}))
    assert repository.get("d").id == "d"
    repository.delete("d")
    repository.update(repository.get("a"))

    gone = manager.rollback(repository, target_version="000")
    assert [each.version for each in gone] == ["001"]
    back: Any = kit.storage.repository(FIRST, old.collection_name)
    again = seen(back)
    for key in before:
        if key == "a":
            again[key].update({name: before[key][name] for name in ("updated_at", "version")})
        assert again[key] == before[key]
    assert {entity.id for entity in back.search("b")} == {"b"}
    assert manager.history(back) == []


def _other(value: Any) -> Any:
    """Another value of the same kind."""
    return value + "x" if isinstance(value, str) else value


def test_what_is_dropped_is_gone(kit: Kit) -> None:
    """A dropped field takes its indexes along; taken back, it has its default, or the value that the step gives."""
    needed = made(("more", Annotated[str, Index()]), ("count", Annotated[int | None, Unique()], None))
    repository: Any = kit.repository(needed)
    kit.store(repository, [needed(id=key, name=key, count=at, more=key) for at, key in enumerate("abc")])
    fewer = made(without=("count", "tags"))
    target: Any = kit.storage.repository(fewer, repository.collection_name)
    manager = MigrationManager(
        [a_migration(DropField("more", value="?"), DropField("count"), DropField("tags"))]
    )
    manager.migrate(target)
    assert kit.storage.collections()[target.collection_name]["fields"].keys() == {
        "name", "version", "created_at", "updated_at", "id",
    }  # fmt: skip
    assert [entity.name for entity in target.list(sort_by="name")] == ["a", "b", "c"]
    assert [entity.id for entity in target.search("b")] == ["b"]
    target.create(fewer(id="d", name="d"))
    manager.rollback(target)
    again: Any = kit.storage.repository(needed, repository.collection_name)
    assert {(entity.more, entity.count, tuple(entity.tags)) for entity in again.list()} == {("?", None, ())}
    again.patch("a", count=5)
    with pytest.raises(DuplicateError):
        again.patch("b", count=5)


def test_a_way_back_that_is_not_there(kit: Kit) -> None:
    """What cannot be taken back says so before anything changes."""
    old = stored(kit, made(("more", int, 0)))
    steps: dict[str, Step] = {
        "001": DropField("name"),
        "002": ConvertField("count", str | None, str),
        "003": Transform(lambda thing: thing),
        "004": RawStep(sqlite=(), postgresql=(), mongodb=(), memory=()),
    }
    manager = MigrationManager([a_migration(step, version=version) for version, step in steps.items()])
    assert len(manager.migrate(old)) == 4
    for version in ("004", "003", "002"):
        with pytest.raises(ConfigurationError, match="no way back"):
            manager.rollback(old)
        assert [each.state for each in manager.status(old)] == ["applied"] * 4
        del version
    with pytest.raises(ConfigurationError, match="no way back"):
        manager.rollback(old, target_version="000")


def test_extras_stay(kit: Kit) -> None:
    """What no class declares is kept exactly, at any depth, and can be declared by a migration."""
    pydantic = pytest.importorskip("pydantic")
    loose: Any = pydantic.create_model(
        "Thing", __config__={"extra": "allow"}, id=(str | None, None), name=(str, "")
    )
    repository: Any = kit.repository(loose)
    extra: dict[str, Any] = {"a.b": [1, {"$x": None}], "": 1.0, "%": "\x7f", "big": 1e300}
    repository.create(loose(id="a", name="n", more=extra, number="12"))
    repository.create(loose(id="b", name="m"))
    newer: Any = pydantic.create_model(
        "Thing",
        __config__={"extra": "allow"},
        id=(str | None, None),
        title=(str, ""),
        number=(int | None, None),
    )
    target: Any = kit.storage.repository(newer, repository.collection_name)
    manager = MigrationManager(
        [a_migration(RenameField("name", "title"), ConvertField("number", int | None, int))]
    )
    manager.migrate(target)
    first, second = target.get("a"), target.get("b")
    assert (first.title, first.number, first.more) == ("n", 12, extra)
    assert (second.title, second.number) == ("m", None)
    assert target.count(F("number") == 12) == 1
    with pytest.raises(ConfigurationError, match="no way back"):
        manager.rollback(target)


def test_free_form_documents(kit: Kit) -> None:
    """Fields of free-form documents are added, renamed, converted and dropped, and a class can take them over."""
    documents = stored(kit, dict)
    manager = MigrationManager(
        [
            a_migration(
                AddField("more", bool, True), RenameField("name", "title"), ConvertField("count", str, str)
            ),
            a_migration(DropField("more"), AddIndex("count", str), version="002"),
            a_migration(
                Transform(
                    lambda thing: {**thing, "count": int(thing["count"])},
                    lambda thing: {**thing, "count": str(thing["count"])},
                    to=made(("title", str), without=("name",)),
                ),
                version="003",
            ),
        ]
    )
    manager.migrate(documents, "001")
    assert documents.get("a") == {"id": "a", "title": "thing a", "count": "1", "more": True}
    manager.migrate(documents, "002")
    assert documents.count(F("count") == "1") == 3
    manager.migrate(documents)
    target: Any = kit.storage.repository(made(("title", str), without=("name",)), documents.collection_name)
    assert [(entity.title, entity.count) for entity in target.list(sort_by="title")] == [
        (f"thing {key}", 1) for key in "abc"
    ]
    manager.rollback(target, "002")
    again: Any = kit.storage.repository(dict, documents.collection_name)
    assert again.get("a")["title"] == "thing a"


def test_a_collection_that_does_not_exist(kit: Kit) -> None:
    """There is nothing to convert: what is noted is that it is done, and the class makes the collection."""
    newer = made(("more", int))
    repository: Any = kit.storage.repository(newer, kit.name())
    manager = MigrationManager([a_migration(AddField("more", int, 1))])
    assert len(manager.migrate(repository)) == 1
    assert manager.migrate(repository) == []
    repository.create(newer(more=3))
    assert repository.count() == 1
    with pytest.raises(MigrationError, match="without being carried out"):
        manager.rollback(repository)
