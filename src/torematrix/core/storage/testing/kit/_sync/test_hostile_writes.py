# generated from _async/test_hostile_writes.py by tools/generate_twins.py: do not edit
"""Hostile input in every slot of every write, and in names that are given once: collections, indexes, fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from torematrix.core.storage import (
    ConfigurationError,
    DuplicateError,
    F,
    Feature,
    Index,
    InvalidEntityError,
    InvalidQueryError,
    Max,
    SortOrder,
    Sum,
    Unique,
)

from ....query.paths import format_path
from ..._sync.harness import Kit
from ..._sync.probe import Probe
from ...hostile import TEXTS, VALUES
from ...hostile.attempts import SECRET, reference_outcomes
from ...hostile.changes import (
    bulk_attempts,
    declared_patch_attempts,
    first_texts,
    id_attempts,
    patch_attempts,
    value_patch_attempts,
)
from ...hostile.rows import PORTIONS, Held, is_kept, value_documents
from ...needs import needs

DICT: type[dict[str, Any]] = dict


def test_texts_come_back(kit: Kit) -> None:
    """What can be kept is kept to the character, in every place; what cannot be is refused by every write."""
    with Probe(kit) as probe:
        repository = kit.repository(Held)
        rows = [row for portion in PORTIONS for row in portion.rows]
        probe.fill(repository, rows)
        assert repository.list() == rows
        kept = rows[0]
        for text in [text for text in TEXTS if not is_kept(text)]:
            places: list[dict[str, Any]] = [
                {"text": text},
                {"status": text},
                {"tags": [text]},
                {"extra": {"a": text}},
                {"extra": {text: 1}},
                {"extra": {"a": [{text: 1}]}},
            ]
            for place in places:
                for write in (repository.create, repository.upsert, repository.update):
                    with pytest.raises(InvalidEntityError):
                        write(Held(id=kept.id, **place))
                if probe.has_bulk_writes:
                    with pytest.raises(InvalidEntityError):
                        repository.bulk_create([Held(), Held(**place)])
        assert repository.list() == rows


def test_ids_are_data(kit: Kit) -> None:
    """Every text that can be an id is one; nothing is found, changed or deleted by another."""
    with Probe(kit) as probe:
        attempts = id_attempts()
        expected = reference_outcomes("ids", DICT, [], attempts)
        assert probe.differences(kit.documents(), attempts, expected) == []


@needs(Feature.BULK_WRITES)
def test_ids_of_many_are_data(kit: Kit) -> None:
    """Of many ids those that exist are deleted, and no others."""
    with Probe(kit) as probe:
        for portion in PORTIONS[::4]:
            repository = kit.documents()
            repository.bulk_create(portion.documents)
            attempts = bulk_attempts(portion)
            expected = reference_outcomes(f"many {portion.number}", DICT, portion.documents, attempts)
            assert probe.differences(repository, attempts, expected) == []


def test_keys_of_changes_are_data(kit: Kit) -> None:
    """A change names keys at the top of a document, whatever it looks like, and touches no other document."""
    with Probe(kit) as probe:
        repository = kit.documents()
        probe.fill(repository, [document for portion in PORTIONS for document in portion.documents])
        for portion in PORTIONS:
            attempts = patch_attempts(portion)
            expected = reference_outcomes(f"changes {portion.number}", DICT, portion.documents, attempts)
            assert probe.differences(repository, attempts, expected) == []


def test_changed_values_are_data(kit: Kit) -> None:
    """What looks like an update operator or a replacement is a value."""
    with Probe(kit) as probe:
        documents, attempts = value_documents(), value_patch_attempts()
        repository = kit.documents()
        probe.fill(repository, documents)
        expected = reference_outcomes("changed values", DICT, documents, attempts)
        assert probe.differences(repository, attempts, expected) == []


def test_declared_fields_are_all_there_are(kit: Kit) -> None:
    """Where fields are declared no other name is changed, and no field takes what it was not declared to hold."""
    with Probe(kit) as probe:
        rows, attempts = PORTIONS[0].rows, declared_patch_attempts()
        repository = kit.repository(Held)
        probe.fill(repository, rows)
        expected = reference_outcomes("declared changes", Held, rows, attempts)
        assert probe.differences(repository, attempts, expected) == []


def test_entities_of_other_kinds_are_refused(kit: Kit) -> None:
    """What is no entity of the class is refused by every write, whatever it pretends to be."""
    with Probe(kit) as probe:
        repository: Any = kit.repository(Held)
        many = [repository.bulk_create, repository.bulk_update] if probe.has_bulk_writes else []
        for value in (*VALUES, *TEXTS[:50]):
            calls: list[tuple[Any, Any]] = [
                *((write, value) for write in (repository.create, repository.update, repository.upsert)),
                *((write, [value]) for write in many),
            ]
            for write, argument in calls:
                with pytest.raises((InvalidEntityError, InvalidQueryError)):
                    write(argument)
        assert repository.count() == 0


# ----------------------------------------------------------------------------------------------- names that are given


def test_names_of_collections(kit: Kit) -> None:
    """A collection's name is letters, digits and underscores; a word of SQL among them is a name like others."""
    with Probe(kit):
        storage = kit.fresh()
        before = set(kit.storage.collections())
        names: set[str] = set()
        for text in TEXTS:
            try:
                repository = storage.repository(DICT, text)
            except ConfigurationError:
                with pytest.raises(ConfigurationError):
                    storage.stored_repository(text)
                continue
            names.add(text)
            repository.create({"id": f"of {text}"})
            assert repository.get(f"of {text}") == {"id": f"of {text}"}
        assert {"data", "rowid", "true", "constructor", "undefined"} <= names
        assert names <= set(storage.collections())
        assert before <= set(kit.storage.collections())
        for value in VALUES:
            wrong: Any = value
            if isinstance(wrong, str) and wrong[:].isidentifier():  # a text that says that it is another
                assert type(storage.repository(DICT, wrong).collection_name) is str
            elif wrong is not None:
                with pytest.raises(ConfigurationError):
                    storage.repository(DICT, wrong)


def test_paths_of_indexes_are_data(kit: Kit) -> None:
    """Any key may have an index, be unique and be sorted by."""
    with Probe(kit):
        texts = first_texts()
        assert len(texts) > 100
        for start in range(0, len(texts), 20):
            some = texts[start : start + 20]
            paths = [format_path(("below", text)) for text in some]
            indexes = [Index(path, str) for path in paths[1:]]
            repository = kit.documents(indexes=[Unique(paths[0], str), *indexes])
            below = {text: f"{number}" for number, text in enumerate(some)}
            repository.create({"id": "a", "below": below, "secret": SECRET})
            repository.create({"id": "b", "below": {text: f"{text}!" for text in some}})
            for number, path in enumerate(paths):
                assert [found["id"] for found in repository.list(F(path) == f"{number}")] == ["a"]
                condition = F(path).in_([f"{number}", f"{some[number]}!"])
                order: list[Any] = [(path, SortOrder.DESC), "id"]
                found = [document["id"] for document in repository.list(condition, order)]
                assert sorted(found) == ["a", "b"]
            with pytest.raises(DuplicateError) as caught:
                repository.create({"id": "c", "below": {some[0]: "0"}, "secret": SECRET})
            assert SECRET not in str(caught.value)


@needs(Feature.SEARCH)
def test_searchable_paths_are_data(kit: Kit) -> None:
    """Search looks at the keys that it was told to look at, whatever they are called."""
    with Probe(kit):
        texts = first_texts()
        for start in range(0, len(texts), 30):
            some = texts[start : start + 30]
            paths = [format_path(("below", text)) for text in some]
            repository = kit.documents(searchable=paths)
            repository.create(
                {"id": "a", "below": {text: f"word{number}" for number, text in enumerate(some)}}
            )
            for number, path in enumerate(paths):
                assert len(repository.search(f"word{number}")) == 1
                assert len(repository.search(f"word{number}", [path])) == 1
            assert repository.search("word1", [paths[0]]) == []


def test_names_of_indexes_are_identifiers(kit: Kit) -> None:
    """A name that is given to an index is one, or is refused."""
    with Probe(kit):
        for text in TEXTS:
            if not text.isidentifier() or not text.isascii() or len(text) > 48:
                with pytest.raises(ConfigurationError):
                    kit.storage.repository(DICT, kit.name(), indexes=[Index("a", str, name=text)])
        for value in VALUES:
            wrong: Any = value
            if wrong is not None and not isinstance(wrong, str):
                with pytest.raises(ConfigurationError):
                    kit.storage.repository(DICT, kit.name(), indexes=[Index("a", str, name=wrong)])


def test_isolations_are_named(kit: Kit) -> None:
    """An isolation is one of those there are; the name of none becomes a part of a statement."""
    with Probe(kit):
        for value in (*TEXTS, *VALUES):
            wrong: Any = value
            with pytest.raises(InvalidQueryError):
                kit.storage.transaction(isolation=wrong)


@dataclass
class Reserved:
    """Fields whose names mean something to an engine, or to this library."""

    select: int = 1
    order: Annotated[str, Index()] = "order"
    group: str = "group"
    data: dict[str, Any] = field(default_factory=dict)
    seq: int = 2
    rowid: Annotated[int, Index()] = 3
    oid: int = 4
    ctid: str = "ctid"
    xmin: int = 5
    tableoid: int = 6
    _id: str = "not the id"
    user: Annotated[str, Unique()] = "user"
    table: str = "table"
    current_date: str = "never"
    constructor: str = "constructor"
    toString: str = "toString"  # noqa: N815 - a name of JavaScript's
    __proto__: str = "proto"
    key: str = "key"
    value: str = "value"
    count: int = 7
    sum: int = 8
    null: str = "null"
    true: bool = False
    ſ: str = "a long s, which some fold to s"  # noqa: PLC2401 - that is the point
    ß: str = "a sharp s"  # noqa: PLC2401
    日本: str = "Japan"  # noqa: PLC2401
    id: str | None = None


def test_fields_may_have_any_name(kit: Kit) -> None:
    """Names of columns, words of SQL, names of JavaScript and letters of all scripts are names of fields."""
    with Probe(kit):
        repository = kit.repository(Reserved)
        made = repository.create(Reserved(id="a"))
        other = repository.create(Reserved(user="other", id="b", select=9, rowid=10))
        assert repository.list() == [made, other]
        for name in Reserved.__dataclass_fields__:
            value = getattr(made, name)
            path = format_path((name,))
            if isinstance(value, dict) or name == "id":
                continue
            assert made in repository.list(F(path) == value, sort_by=path)
            assert repository.patch("b", **{name: value if name != "user" else "third"}) is not None
        assert repository.list(F("rowid") == 3) == [made, repository.get("b")]
        groups = repository.aggregate(group_by=["order", "true"], sum=Sum("count"), null=Max("rowid"))
        assert groups == [{"order": "order", "true": False, "sum": 14, "null": 3}]
