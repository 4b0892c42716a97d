# generated from _async/test_crud.py by tools/generate_twins.py: do not edit
"""One entity at a time: created, read, changed and deleted."""

from __future__ import annotations

import pytest

from torematrix.core.storage import DuplicateError, InvalidEntityError, NotFoundError

from ..._sync.harness import Kit
from ..entities import Note, Plain


def test_what_is_created_is_there(kit: Kit) -> None:
    """``create`` gives what ``get`` gives, and an id that was not there before."""
    repository = kit.repository(Note)
    created = repository.create(Note("first", tags=["a"], meta={"b": [1, None]}))
    assert created.id
    assert repository.get(created.id) == created
    assert repository.exists(created.id)
    assert repository.count() == 1


def test_an_unknown_id_finds_nothing(kit: Kit) -> None:
    """``get`` gives None, ``exists`` and ``delete`` False, for an id that no entity has."""
    repository = kit.repository(Plain)
    assert repository.get("nobody") is None
    assert not repository.exists("nobody")
    assert not repository.delete("nobody")


def test_an_update_of_nobody_is_refused(kit: Kit) -> None:
    """``update`` and ``patch`` of an unknown id raise NotFoundError."""
    repository = kit.repository(Plain)
    with pytest.raises(NotFoundError):
        repository.update(Plain(1, "nobody"))
    with pytest.raises(NotFoundError):
        repository.patch("nobody", value=1)
    assert repository.count() == 0


def test_an_id_is_there_once(kit: Kit) -> None:
    """A second entity of the same id raises DuplicateError, and the first stays as it was."""
    repository = kit.repository(Plain)
    repository.create(Plain(1, "a"))
    with pytest.raises(DuplicateError):
        repository.create(Plain(2, "a"))
    assert repository.get("a") == Plain(1, "a")


def test_an_update_needs_an_id(kit: Kit) -> None:
    """``update`` of an entity without id raises InvalidEntityError."""
    repository = kit.repository(Plain)
    for entity_id in (None, ""):
        with pytest.raises(InvalidEntityError):
            repository.update(Plain(1, entity_id))
