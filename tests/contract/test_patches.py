"""Patches of one entity at the same time: each changes its own fields and no others, indexed texts among them."""

import asyncio
from dataclasses import dataclass, field, make_dataclass
from typing import Annotated

import pytest

from torematrix.core.storage import AsyncStorage, Index, Searchable

FLAGS = [f"flag{number}" for number in range(60)]


@dataclass
class Found:
    text: Annotated[str, Searchable()]
    id: str | None = None


@dataclass
class Contained:
    text: Annotated[str, Index(substring=True)]
    id: str | None = None


@pytest.mark.asyncio
@pytest.mark.parametrize("base", [Found, Contained])
@pytest.mark.parametrize(
    "url",
    ["sqlite:///{tmp}/patched.db", "{postgresql}", "{mongodb}", "{mongodb_standalone}"],
    ids=["sqlite", "postgresql", "mongodb", "standalone"],
)
async def test_patches_of_other_fields_are_kept(new_database, url, base):
    flags = [(name, bool, field(default=False)) for name in FLAGS]
    entity_class = make_dataclass("Patched", flags, bases=(base,))
    async with AsyncStorage.open(new_database(url)) as storage:
        repository = storage.repository(entity_class, "patched")
        await repository.create(entity_class("begin", id="a"))

        async def flag():
            for name in FLAGS:
                assert getattr(await repository.patch("a", **{name: True}), name)

        async def write():
            for number in range(len(FLAGS)):
                assert (
                    await repository.patch("a", text=f"words {number} more")
                ).text == f"words {number} more"

        await asyncio.gather(flag(), write())
        stored = await repository.get("a")
        assert [name for name in FLAGS if not getattr(stored, name)] == []
        assert stored.text == f"words {len(FLAGS) - 1} more"
