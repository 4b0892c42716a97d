"""One entity at a time: created, read, changed and deleted."""

from __future__ import annotations

import pytest

from torematrix.core.storage import DuplicateError, InvalidEntityError, NotFoundError

from ..._async.harness import AsyncKit
from ..entities import Note, Plain


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
    assert await repository.get("nobody") is None
    assert not await repository.exists("nobody")
    assert not await repository.delete("nobody")


async def test_an_update_of_nobody_is_refused(kit: AsyncKit) -> None:
    """``update`` and ``patch`` of an unknown id raise NotFoundError."""
    repository = await kit.repository(Plain)
    with pytest.raises(NotFoundError):
        await repository.update(Plain(1, "nobody"))
    with pytest.raises(NotFoundError):
        await repository.patch("nobody", value=1)
    assert await repository.count() == 0


async def test_an_id_is_there_once(kit: AsyncKit) -> None:
    """A second entity of the same id raises DuplicateError, and the first stays as it was."""
    repository = await kit.repository(Plain)
    await repository.create(Plain(1, "a"))
    with pytest.raises(DuplicateError):
        await repository.create(Plain(2, "a"))
    assert await repository.get("a") == Plain(1, "a")


async def test_an_update_needs_an_id(kit: AsyncKit) -> None:
    """``update`` of an entity without id raises InvalidEntityError."""
    repository = await kit.repository(Plain)
    for entity_id in (None, ""):
        with pytest.raises(InvalidEntityError):
            await repository.update(Plain(1, entity_id))
