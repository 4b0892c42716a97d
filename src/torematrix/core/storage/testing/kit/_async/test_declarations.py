"""What cannot be declared, and what an index declares."""

from __future__ import annotations

from typing import Any

import pytest

from torematrix.core.storage import (
    ConfigurationError,
    DuplicateError,
    Index,
    InvalidEntityError,
    InvalidQueryError,
    QueryFilter,
    Unique,
)

from ..._async.harness import AsyncKit
from ..forms import UNSTORABLE, Ordinary


@pytest.mark.parametrize(
    "entity_class",
    UNSTORABLE,
    ids=lambda given: getattr(given, "__name__", str(given)),
)
async def test_what_cannot_be_stored_is_refused_as_a_class(kit: AsyncKit, entity_class: Any) -> None:
    """A class that cannot be stored faithfully raises ConfigurationError before anything is stored."""
    with pytest.raises(ConfigurationError):
        kit.storage.repository(entity_class, kit.name())


async def test_declared_paths_are_checked(kit: AsyncKit) -> None:
    """Indexes and searchable paths that lead nowhere, or to what cannot be indexed, raise ConfigurationError."""
    for index in (Index("nothing"), Index("tags"), Index("name.inner"), Index(), Unique("tags")):
        with pytest.raises(ConfigurationError):
            kit.storage.repository(Ordinary, kit.name(), indexes=[index])
    for paths in (["nothing"], ["count"], ["tags"], ["name", "name"]):
        with pytest.raises(ConfigurationError):
            kit.storage.repository(Ordinary, kit.name(), searchable=paths)


async def test_indexes_named_as_an_engine_names_its_own(kit: AsyncKit) -> None:
    """An index may have any name, whatever the library or the engine calls what belongs to the collection."""
    names = ("id", "seq", "data", "words", "texts", "primary")
    repository = await kit.documents(
        indexes=[Index(f"a{number}", int, name=name) for number, name in enumerate(names)],
        searchable=["title"],
    )
    await kit.store(repository, [{"id": "1", "a0": 1, "title": "one"}, {"id": "2", "a0": 2, "title": "two"}])
    assert [entity["id"] for entity in await repository.list(sort_by="a0")] == ["1", "2"]
    with pytest.raises(DuplicateError):
        await repository.create({"id": "1"})


async def test_a_typed_path_takes_its_type(kit: AsyncKit) -> None:
    """``Index("meta.year", int)`` lets a path be sorted and filtered as declared, and refuses other kinds there."""
    repository = await kit.documents(indexes=[Index("meta.year", int), Unique("code", str)])
    await kit.store(
        repository, [{"id": str(year), "meta": {"year": year}} for year in (3, 1, 2)] + [{"id": "none"}]
    )
    assert [entity["id"] for entity in await repository.list(sort_by="meta.year")] == ["none", "1", "2", "3"]
    assert await repository.count([QueryFilter("meta.year", "gt", 1.5)]) == 2
    with pytest.raises(InvalidQueryError):
        await repository.count([QueryFilter("meta.year", "gt", "1")])
    others: tuple[Any, ...] = ("1", 1.5, True, [1], {})
    for value in others:
        with pytest.raises(InvalidEntityError):
            await repository.create({"meta": {"year": value}})
        with pytest.raises(InvalidEntityError):
            await repository.patch("1", meta={"year": value})
    assert await repository.count() == 4
