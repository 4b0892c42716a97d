"""One entity at a time: created, read, changed and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import pytest

from torematrix.core.storage import (
    ConfigurationError,
    DuplicateError,
    InvalidEntityError,
    NotFoundError,
    SortOrder,
)

from ..._async.harness import AsyncKit
from ..entities import Note, Plain

AWKWARD_IDS: Final = (
    *(
        " ",
        "a b",
        "a'b",
        'a"b',
        "a\\b",
        "a%b",
        "a_b",
        "../x",
        "a/b",
        "a.b",
        "$a",
        "0",
        "-1",
        "null",
        "é",
        "e\u0301",
    ),
    *(
        "\U0001f600",
        "\uffff",
        "\n",
        "A",
        "a",
        "x" * 2_000,
        "é" * 1_000,
        "'; DROP TABLE t; --",
        "\x01",
        "\ufeff",
    ),
)
IMPOSSIBLE_IDS: Final[tuple[Any, ...]] = (
    *("", None, "\0", "a\0b", "\ud800", "x" * 2_001, "y" * 100_000, 5, b"a", ["a"], object()),
)
BAD_NAMES: Final[tuple[Any, ...]] = (
    *(
        "",
        "1a",
        "a b",
        "a-b",
        "a.b",
        'a"b',
        "a;b",
        "é",
        "a" * 49,
        "sqlite_x",
        "pg_x",
        "system",
        "torematrix_x",
        "a\0",
        5,
    ),
)


async def test_what_is_created_is_there(kit: AsyncKit) -> None:
    """``create`` gives what ``get`` gives, and an id that was not there before."""
    repository = await kit.repository(Note)
    created = await repository.create(Note("first", tags=["a"], meta={"b": [1, None]}))
    assert created.id
    assert await repository.get(created.id) == created
    assert await repository.exists(created.id)
    assert await repository.count() == 1


async def test_an_unknown_id_finds_nothing(kit: AsyncKit) -> None:
    """``get`` gives None, ``exists`` and ``delete`` False, for an id that no entity has."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "a"))
    assert await repository.get("nobody") is None
    assert not await repository.exists("nobody")
    assert not await repository.delete("nobody")
    assert await repository.count() == 1


@pytest.mark.parametrize("entity_id", IMPOSSIBLE_IDS, ids=lambda given: ascii(given)[:12])
async def test_an_id_that_cannot_exist_finds_nothing(kit: AsyncKit, entity_id: Any) -> None:
    """Reads and deletes by an id that no entity can have find nothing, and raise nothing."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "5"))
    assert await repository.get(entity_id) is None
    assert not await repository.exists(entity_id)
    assert not await repository.delete(entity_id)
    assert await repository.get_many([entity_id, "5"]) == [Plain(1, "5")]
    assert not kit.writes_together or await repository.bulk_delete([entity_id]) == 0
    assert await repository.count() == 1


async def test_ids_are_any_text(kit: AsyncKit) -> None:
    """Ids are told apart code point by code point, whatever text they are, and sort so."""
    repository = await kit.repository(Plain)
    for number, entity_id in enumerate(AWKWARD_IDS):
        created = await repository.create(Plain(number, entity_id))
        assert created == Plain(number, entity_id)
    for number, entity_id in enumerate(AWKWARD_IDS):
        assert await repository.get(entity_id) == Plain(number, entity_id)
    assert [entity.id for entity in await repository.list()] == sorted(AWKWARD_IDS)
    for entity_id in AWKWARD_IDS:
        assert await repository.delete(entity_id)
    assert await repository.count() == 0


@dataclass
class Keyed:
    """An entity whose id is a UUID."""

    value: int = 0
    id: UUID | None = None


async def test_an_id_may_be_a_uuid(kit: AsyncKit) -> None:
    """A UUID id is filled in as one, and found by the UUID or by its text in any form."""
    repository = await kit.repository(Keyed)
    created = await repository.create(Keyed(1))
    assert isinstance(created.id, UUID)
    forms: tuple[Any, ...] = (created.id, str(created.id), str(created.id).upper(), created.id.hex)
    for form in forms:
        assert await repository.get(form) == created
        assert await repository.get_many([form]) == [created]
        assert await repository.exists(form)
    assert await repository.get("not a uuid") is None
    assert await repository.patch(str(created.id), value=2) == Keyed(2, created.id)
    assert await repository.delete(created.id.hex)


async def test_an_id_is_there_once(kit: AsyncKit) -> None:
    """A second entity of the same id raises DuplicateError, and the first stays as it was."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "a"))
    with pytest.raises(DuplicateError) as caught:
        await repository.create(Plain(2, "a"))
    assert await repository.get("a") == Plain(1, "a")
    assert caught.value.collection == repository.collection_name
    assert not caught.value.retryable


async def test_an_update_replaces_everything(kit: AsyncKit) -> None:
    """``update`` stores every field of the entity, those left at their default too."""
    repository = await kit.repository(Note)
    created = await repository.create(Note("first", rank=1, tags=["a"], meta={"b": 1}))
    updated = await repository.update(Note("second", id=created.id))
    assert updated == Note("second", id=created.id)
    assert await repository.list() == [updated]


async def test_an_update_of_nobody_is_refused(kit: AsyncKit) -> None:
    """``update`` and ``patch`` of an unknown id raise NotFoundError."""
    repository = await kit.repository(Plain)
    with pytest.raises(NotFoundError):
        await repository.update(Plain(1, "nobody"))
    with pytest.raises(NotFoundError):
        await repository.patch("nobody", value=1)
    assert await repository.count() == 0


async def test_an_update_needs_an_id(kit: AsyncKit) -> None:
    """``update`` of an entity without id raises InvalidEntityError."""
    repository = await kit.repository(Plain)
    for entity_id in (None, ""):
        with pytest.raises(InvalidEntityError):
            await repository.update(Plain(1, entity_id))


async def test_what_is_deleted_is_gone(kit: AsyncKit) -> None:
    """``delete`` removes one entity, once; its id may then be used again."""
    repository = await kit.repository(Plain)
    await kit.store(repository, [Plain(1, "a"), Plain(2, "b")])
    assert await repository.delete("a")
    assert not await repository.delete("a")
    assert await repository.get("a") is None
    assert await repository.list() == [Plain(2, "b")]
    assert await repository.create(Plain(3, "a")) == Plain(3, "a")


async def test_many_are_read_in_the_order_asked_for(kit: AsyncKit) -> None:
    """``get_many`` gives those that exist, in the order of the ids, each once."""
    repository = await kit.repository(Plain)
    await kit.store(repository, [Plain(number, str(number)) for number in range(20)])
    found = await repository.get_many(["7", "nobody", "3", "7", "", "19", "3"])
    assert [entity.id for entity in found] == ["7", "3", "19"]
    assert await repository.get_many([]) == []
    assert await repository.get_many(iter(["1"])) == [Plain(1, "1")]


async def test_thousands_are_read_at_once(kit: AsyncKit) -> None:
    """``get_many`` and ``bulk_delete`` take more ids than an engine takes parameters."""
    repository = await kit.repository(Plain)
    await kit.store(repository, [Plain(number, f"{number:06}") for number in range(100)])
    ids = [f"{number:06}" for number in range(70_000)]
    assert len(await repository.get_many(ids)) == 100
    assert not kit.writes_together or await repository.bulk_delete(ids) == 100


async def test_the_first_that_matches(kit: AsyncKit) -> None:
    """``find_one`` gives the first entity in the order asked for, None where nothing matches."""
    repository = await kit.repository(Plain)
    assert await repository.find_one() is None
    await kit.store(repository, [Plain(3, "a"), Plain(1, "b"), Plain(2, "c")])
    assert await repository.find_one() == Plain(3, "a")
    assert await repository.find_one(sort_by="value") == Plain(1, "b")
    assert await repository.find_one([], "value", SortOrder.DESC) == Plain(3, "a")


async def test_collections_are_apart(kit: AsyncKit) -> None:
    """Two collections of one storage share nothing but the storage."""
    first, second = await kit.repository(Plain), await kit.repository(Plain)
    await first.create(Plain(1, "a"))
    assert await second.get("a") is None
    assert await second.create(Plain(2, "a")) == Plain(2, "a")
    assert await first.delete("a")
    assert await second.count() == 1


async def test_two_repositories_of_one_collection_see_the_same(kit: AsyncKit) -> None:
    """A repository holds nothing of its own: what one writes, another of the same collection reads."""
    first = await kit.repository(Plain)
    second = await kit.repository(Plain, first.collection_name)
    await first.create(Plain(1, "a"))
    assert await second.get("a") == Plain(1, "a")
    await second.update(Plain(2, "a"))
    assert await first.get("a") == Plain(2, "a")


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda given: ascii(given)[:12])
async def test_a_collections_name_is_plain(kit: AsyncKit, name: Any) -> None:
    """Names that some engine could not keep, or that could be taken for something else, raise ConfigurationError."""
    with pytest.raises(ConfigurationError):
        kit.storage.repository(Plain, name)


async def test_names_that_differ_in_case_are_refused(kit: AsyncKit) -> None:
    """Collections whose names differ in nothing but case raise ConfigurationError: some engines would merge them."""
    name = kit.name()
    await kit.repository(Plain, name)
    with pytest.raises(ConfigurationError):
        await kit.repository(Plain, name.upper())


@dataclass
class Awkward:
    """Fields that are called what engines call something else."""

    order: str = ""
    group: int = 0
    data: str | None = None
    rowid: int | None = None
    oid: str = ""
    seq: int = 0
    _id: str = ""
    select: bool = False
    index: float = 0.0
    données: str = ""  # noqa: PLC2401 - Python allows it, so must a storage
    id: str | None = None


async def test_words_of_sql_are_names_like_others(kit: AsyncKit) -> None:
    """Fields may be called whatever Python allows, words of query languages and the library's own columns among it."""
    repository = await kit.repository(Awkward)
    entity = Awkward("a", 1, "b", 2, "c", 3, "d", select=True, index=0.5, données="é", id="x")
    assert await repository.create(entity) == entity
    assert await repository.get("x") == entity
    for name in ("order", "group", "data", "rowid", "oid", "seq", "_id", "select", "index", "données"):
        assert [found.id for found in await repository.list(sort_by=name)] == ["x"]
    entity.data, entity.rowid = "changed", 3
    assert await repository.patch("x", data="changed", rowid=3) == entity
