# generated from _async/test_schema_changes.py by tools/generate_twins.py: do not edit
"""Changed classes: what is additive applies itself, everything else is refused and names the migration to write."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from decimal import Decimal
from typing import Annotated, Any, Final

import pytest

from torematrix.core.storage import (
    Big,
    ConfigurationError,
    DuplicateError,
    F,
    Feature,
    Index,
    Revision,
    Searchable,
    Support,
    Unique,
)

from ..._sync.harness import Kit
from ..entities import Plain

BASE: Final[list[Any]] = [
    ("name", Annotated[str, Searchable()], ""),
    ("count", int | None, None),
    ("tags", list[str], field(default_factory=list[str])),
]


def made(*fields: Any, without: str = "") -> Any:
    """A class with an id, the base fields, and these in addition or in their place."""
    names = {given[0] for given in fields} | {without}
    kept = [given for given in BASE if given[0] not in names]
    return make_dataclass("Thing", [*kept, *fields, ("id", str | None, None)], kw_only=True)


FIRST: Final[Any] = made()


def _stored(kit: Kit, entity_class: Any = FIRST, **declarations: Any) -> Any:
    """A collection of that class, with three entities."""
    repository: Any = kit.repository(entity_class, **declarations)
    kit.store(repository, [entity_class(name=name, id=name) for name in ("a", "b", "c")])
    return repository


ADDED: Final[list[tuple[Any, Any]]] = [
    (("extra", str | None, None), None),
    (("extra", str, "x"), "x"),
    (("extra", int, 7), 7),
    (("extra", float, 0.5), 0.5),
    (("extra", bool, True), True),
    (("extra", Decimal, Decimal("1.50")), Decimal("1.50")),
    (("extra", Annotated[int, Big()], 2**70), 2**70),
    (("extra", bytes, b"\x00"), b"\x00"),
    (("extra", list[int], field(default_factory=list[int])), []),
    (("extra", dict[str, Any], field(default_factory=dict[str, Any])), {}),
    (("extra", tuple[int, int] | None, None), None),
    (("extra", Annotated[int, Index()], 1), 1),
]


@pytest.mark.parametrize(("added", "default"), ADDED, ids=[str(case[0][1])[:30] for case in ADDED])
def test_a_field_with_a_default_is_added(kit: Kit, added: Any, default: Any) -> None:
    """Existing entities take the default at once: read, filtered, sorted and counted as if they had held it."""
    old = _stored(kit)
    newer = made(added)
    repository: Any = kit.repository(newer, old.collection_name)
    for entity in repository.list():
        assert entity.extra == default
        assert type(entity.extra) is type(default)
    repository.create(newer(name="d", id="d"))
    assert repository.count(F("extra") == default) == 4
    assert repository.count(F("extra") != default) == 0
    updated = repository.patch("a", name="changed")
    assert updated.extra == default
    assert len(old.list()) == 4
    assert old.update(FIRST(name="older", id="b")).name == "older"
    assert repository.get("b").extra == default
    old.create(FIRST(name="by the old", id="e"))
    assert repository.get("e").extra == default
    if not isinstance(default, (list, dict)):
        assert repository.count(F("extra") == default) == 5


def test_an_index_is_added_and_dropped(kit: Kit) -> None:
    """Indexes, compound ones too, come and go without a migration."""
    old = _stored(kit)
    for indexes in (
        [Index("name")],
        [Index("count", "name")],
        [Index("name", substring=True)],
        [Index("name"), Index("count")],
        [],
    ):
        repository: Any = kit.repository(made(), old.collection_name, indexes=indexes)
        assert [entity.name for entity in repository.list(F("name").contains("b"), "name")] == ["b"]
        assert repository.count(F("name") == "a") == 1


def test_a_searchable_field_is_added(kit: Kit) -> None:
    """Existing entities are found by the words of a field that becomes searchable."""
    old = _stored(kit, made(("name", Annotated[str, Searchable()], ""), ("text", str, "a cat")))
    assert old.search("cat") == []
    newer = made(
        ("name", Annotated[str, Searchable()], ""), ("text", Annotated[str, Searchable(weight=2)], "a cat")
    )
    repository: Any = kit.repository(newer, old.collection_name)
    assert {entity.id for entity in repository.search("cat")} == {"a", "b", "c"}
    assert [entity.id for entity in repository.search("b")] == ["b"]


def test_classes_that_search_differently(kit: Kit) -> None:
    """A class that searches fewer fields goes on writing beside one that searches more, or is told to give way."""
    old = _stored(kit)
    newer = made(("text", Annotated[str, Searchable()], "a cat"))
    repository: Any = kit.repository(newer, old.collection_name)
    assert len(repository.search("cat")) == 3
    try:
        old.update(FIRST(name="changed", id="a"))
        old.create(FIRST(name="new", id="d"))
    except ConfigurationError:
        assert len(repository.search("cat")) == 3
    else:
        assert {entity.id for entity in repository.search("cat")} == {"a", "b", "c", "d"}
        assert [entity.id for entity in repository.search("changed")] == ["a"]
        assert [entity.id for entity in repository.search("new")] == ["d"]


def test_unique_is_added_where_it_holds(kit: Kit) -> None:
    """A unique constraint is added where the stored values meet it; where they do not, nothing is changed."""
    old = _stored(kit)
    unique = made(("name", Annotated[str, Unique()], ""))
    repository: Any = kit.repository(unique, old.collection_name)
    with pytest.raises(DuplicateError):
        repository.create(unique(name="a"))
    same = _stored(kit)
    same.create(FIRST(name="a", id="d"))
    with pytest.raises((ConfigurationError, DuplicateError)):
        kit.repository(unique, same.collection_name)
    assert len(same.list()) == 4
    same.create(FIRST(name="a"))


REFUSED: Final[list[tuple[str, Any, Any]]] = [
    ("a new field without a default", FIRST, made(("extra", int))),
    (
        "a new field with a default made anew",
        FIRST,
        made(("extra", list[int], field(default_factory=lambda: [1]))),
    ),
    ("another type", FIRST, made(("count", str | None, None))),
    ("another type of items", FIRST, made(("tags", list[int], field(default_factory=list[int])))),
    ("a list in place of a scalar", FIRST, made(("name", list[str], field(default_factory=list[str])))),
    ("big in place of plain", FIRST, made(("count", Annotated[int | None, Big()], None))),
    ("no longer nullable", FIRST, made(("count", int, 0))),
    ("a field dropped that has no default", made(("needed", int)), FIRST),
    ("no longer unique", made(("name", Annotated[str, Unique()], "")), FIRST),
    ("no revision any more", made(("version", Annotated[int, Revision()], 0)), made(("version", int, 0))),
    ("declared in place of free-form", dict, FIRST),
    ("free-form in place of declared", FIRST, dict),
]


@pytest.mark.parametrize(
    ("reason", "before", "after"), REFUSED, ids=lambda given: given if isinstance(given, str) else ""
)
def test_what_could_lose_data_is_refused(kit: Kit, reason: str, before: Any, after: Any) -> None:
    """The new class raises ConfigurationError, which names the collection; the old one goes on working."""
    del reason
    repository: Any = kit.repository(before)
    name = repository.collection_name
    with pytest.raises(ConfigurationError, match=name):
        kit.repository(after, name)
    with pytest.raises(ConfigurationError):
        kit.storage.repository(after, name).count()
    assert repository.count() == 0


def test_a_refused_class_harms_nobody(kit: Kit) -> None:
    """After a refusal everything stored is there, and others are written to as before, in transactions too."""
    old = _stored(kit)
    with pytest.raises(ConfigurationError):
        kit.storage.repository(made(("count", str | None, None)), old.collection_name).list()
    assert [entity.id for entity in old.list()] == ["a", "b", "c"]
    other = kit.repository(Plain)
    other.create(Plain(1))
    if kit.storage.capabilities.features[Feature.TRANSACTIONS].support is not Support.REFUSED:
        with kit.storage.transaction():
            other.create(Plain(2))
    assert other.find_one() is not None


def test_a_name_that_extras_hold_is_refused(kit: Kit) -> None:
    """A field cannot be added under a name which stored entities use already for something undeclared."""
    pydantic = pytest.importorskip("pydantic")
    loose: Any = pydantic.create_model(
        "Thing", __config__={"extra": "allow"}, id=(str | None, None), name=(str, "")
    )
    strict: Any = pydantic.create_model(
        "Thing", __config__={"extra": "allow"}, id=(str | None, None), name=(str, ""), extra=(int, 0)
    )
    repository: Any = kit.repository(loose)
    repository.create(loose(id="a", extra="something"))
    with pytest.raises(ConfigurationError):
        kit.repository(strict, repository.collection_name)
    assert repository.get("a").extra == "something"
    repository.delete("a")
    assert (kit.repository(strict, repository.collection_name)).collection_name == repository.collection_name


def test_the_collections_there_are(kit: Kit) -> None:
    """``collections`` names each collection with its schema as plain data."""
    repository = _stored(kit)
    described = kit.storage.collections()[repository.collection_name]
    assert set(described["fields"]) == {"name", "count", "tags", "id"}
