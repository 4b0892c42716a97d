"""Several processes, or interrupted ones, that extend one collection: nobody is refused, and nothing is overwritten."""

import asyncio
from dataclasses import dataclass, field, make_dataclass

import pytest
from pymongo import MongoClient

from torematrix.core.storage import ConfigurationError, Storage
from torematrix.core.storage.face._async.storage import AsyncStorage


@dataclass
class Base:
    kept: str
    id: str | None = None


def extended(*names):
    return make_dataclass("Extended", [(name, int, field(default=7)) for name in names], bases=(Base,))


@pytest.mark.asyncio
async def test_fields_added_at_the_same_moment(new_database):
    url = new_database("{mongodb}")
    async with AsyncStorage.open(url) as storage:
        await storage.repository(Base, "made").bulk_create([Base("x", str(number)) for number in range(50)])

    async def add(*names):
        async with AsyncStorage.open(url) as storage:
            repository = storage.repository(extended(*names), "made")
            name = names[0]
            await repository.patch(f"{len(names)}", **{name: 8})
            return repository.entity_class

    for attempt in range(5):
        names = [f"a{attempt}", f"b{attempt}", f"c{attempt}"]
        await asyncio.gather(*(add(name) for name in names), *(add(*names) for _ in range(3)))
        async with AsyncStorage.open(url) as storage:
            found = await storage.repository(extended(*names), "made").list()
            changed = {each.id: [getattr(each, name) for name in names] for each in found}
            assert changed.pop("1") == [8, 8, 8], (
                "what is written meanwhile is not overwritten by the default"
            )
            assert changed.pop("3") == [8, 7, 7]
            assert set(map(tuple, changed.values())) == {(7, 7, 7)}


def test_an_extension_that_was_interrupted(new_database):
    """A process that died after it gave documents the field, and before the description said so."""
    url = new_database("{mongodb}")
    with Storage.open(url) as storage:
        storage.repository(Base, "made").create(Base("x", "1"))
    with MongoClient(url) as client:
        database = client.get_default_database()
        database["torematrix_meta"].insert_one({"_id": "adding:made:a", "value": 1})
        database["made"].update_many({}, {"$set": {"a": 9}})
    with Storage.open(url) as storage:
        assert storage.repository(extended("a"), "made").get("1").a == 9


def test_what_was_there_before_is_not_taken_for_the_field(new_database):
    url = new_database("{mongodb}")
    with Storage.open(url) as storage:
        storage.repository(Base, "made").create(Base("x", "1"))
    with MongoClient(url) as client:
        client.get_default_database()["made"].update_many({}, {"$set": {"a": 9}})
    with (
        Storage.open(url) as storage,
        pytest.raises(ConfigurationError, match="hold something under that name"),
    ):
        storage.repository(extended("a"), "made").get("1")
