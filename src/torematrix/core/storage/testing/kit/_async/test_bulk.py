"""Many entities at once: all of them or none, and the one that stopped them is named."""

from __future__ import annotations

from typing import Any

import pytest

from torematrix.core.storage import (
    ConflictError,
    DuplicateError,
    Feature,
    InvalidEntityError,
    InvalidQueryError,
    NotFoundError,
)

from ..._async.harness import AsyncKit
from ...needs import needs
from ..entities import Account, Plain, Stamped

pytestmark = needs(Feature.BULK_WRITES)


async def test_many_are_created_in_order(kit: AsyncKit) -> None:
    """``bulk_create`` gives the entities as stored, in the order given, their ids filled."""
    repository = await kit.repository(Stamped)
    given = [Stamped(f"n{number}", "fixed" if number == 500 else None) for number in range(1_000)]
    created = await repository.bulk_create(given)
    assert [entity.name for entity in created] == [entity.name for entity in given]
    assert created[500].id == "fixed"
    assert len({entity.id for entity in created}) == 1_000
    assert {entity.revision for entity in created} == {1}
    assert len({entity.created_at for entity in created}) == 1
    assert await repository.list(sort_by="name") == sorted(created, key=lambda entity: entity.name)


async def test_many_are_updated_in_order(kit: AsyncKit) -> None:
    """``bulk_update`` gives the entities as stored, in the order given, not in that of their ids."""
    repository = await kit.repository(Stamped)
    created = await repository.bulk_create([Stamped(f"n{number}") for number in range(300)])
    changed = [Stamped(f"m{at}", entity.id, revision=1) for at, entity in enumerate(reversed(created))]
    updated = await repository.bulk_update(changed)
    assert [(entity.id, entity.name, entity.revision) for entity in updated] == [
        (entity.id, entity.name, 2) for entity in changed
    ]
    assert [entity.created_at for entity in updated] == [entity.created_at for entity in reversed(created)]
    assert await repository.get_many([str(entity.id) for entity in updated]) == updated


async def test_many_are_deleted(kit: AsyncKit) -> None:
    """``bulk_delete`` gives how many there were, counting each id once."""
    repository = await kit.repository(Plain)
    await repository.bulk_create([Plain(number, str(number)) for number in range(10)])
    assert await repository.bulk_delete(["1", "2", "nobody", "2", ""]) == 2
    assert await repository.count() == 8


async def test_nothing_is_done_with_nothing(kit: AsyncKit) -> None:
    """Empty bulk operations give empty results."""
    repository = await kit.repository(Plain)
    assert await repository.bulk_create([]) == []
    assert await repository.bulk_update([]) == []
    assert await repository.bulk_delete([]) == 0


async def test_any_iterable_will_do(kit: AsyncKit) -> None:
    """Bulk operations take iterators, tuples and sets of ids."""
    repository = await kit.repository(Plain)
    created = await repository.bulk_create(Plain(number, str(number)) for number in range(3))
    assert await repository.bulk_update(iter(created)) == created
    assert await repository.bulk_update(tuple(created)) == created
    assert await repository.bulk_delete({"0", "1"}) == 2
    assert await repository.bulk_delete(entity for entity in ["2"]) == 1


@pytest.mark.parametrize("given", [None, 5, "text", b"bytes", {"id": "a"}], ids=repr)
async def test_a_single_thing_is_not_many(kit: AsyncKit, given: Any) -> None:
    """A text, a mapping or anything else that is no list is refused, rather than taken apart."""
    repository = await kit.repository(Plain)
    with pytest.raises(InvalidEntityError):
        await repository.bulk_create(given)
    with pytest.raises(InvalidEntityError):
        await repository.bulk_update(given)
    with pytest.raises(InvalidQueryError):
        await repository.bulk_delete(given)
    with pytest.raises(InvalidQueryError):
        await repository.get_many(given)


async def test_an_invalid_entity_stops_all(kit: AsyncKit) -> None:
    """One invalid entity among many stores none, and the error says which it is and where in it."""
    repository = await kit.repository(Plain)
    broken: Any = "x"
    for at in (0, 3, 9):
        given = [Plain(broken if number == at else number) for number in range(10)]
        with pytest.raises(InvalidEntityError, match=f"entity {at + 1} of 10") as caught:
            await repository.bulk_create(given)
        assert caught.value.path == "value"
    assert await repository.count() == 0
    created = await repository.bulk_create([Plain(number) for number in range(3)])
    with pytest.raises(InvalidEntityError, match="entity 3 of 3"):
        await repository.bulk_update(
            [Plain(9, created[0].id), Plain(9, created[1].id), Plain(broken, created[2].id)]
        )
    with pytest.raises(InvalidEntityError, match="entity 2 of 2"):
        await repository.bulk_update([Plain(9, created[0].id), Plain(9)])
    assert await repository.get_many([str(entity.id) for entity in created]) == created


async def test_a_duplicate_stops_all(kit: AsyncKit) -> None:
    """An id that is there already, or twice among those given, stores none."""
    repository = await kit.repository(Plain)
    first = await repository.create(Plain(0, "x"))
    for ids in (["a", "b", "x", "c"], ["x", "a"], ["a", "b", "a"]):
        with pytest.raises(DuplicateError):
            await repository.bulk_create([Plain(1, entity_id) for entity_id in ids])
    assert await repository.list() == [first]


async def test_a_duplicate_value_stops_all(kit: AsyncKit) -> None:
    """A unique value that is there already, or twice among those given, stores none."""
    repository = await kit.repository(Account)
    created = await repository.bulk_create([Account(f"{number}@x") for number in range(5)])
    with pytest.raises(DuplicateError):
        await repository.bulk_create([Account("7@x"), Account("3@x")])
    changed = [Account("new@x", id=entity.id, revision=1) for entity in created[:2]]
    with pytest.raises(DuplicateError):
        await repository.bulk_update(changed)
    assert await repository.list(sort_by="email") == created


async def test_an_unknown_entity_stops_all(kit: AsyncKit) -> None:
    """``bulk_update`` with an id that no entity has changes none, and the error names the id."""
    repository = await kit.repository(Plain)
    created = await repository.bulk_create([Plain(number, str(number)) for number in range(5)])
    given = [Plain(9, "0"), Plain(9, "nobody"), Plain(9, "1")]
    with pytest.raises(NotFoundError, match="nobody"):
        await repository.bulk_update(given)
    assert await repository.list() == created


async def test_a_stale_entity_stops_all(kit: AsyncKit) -> None:
    """``bulk_update`` with one stale entity changes none, and the error names it."""
    repository = await kit.repository(Stamped)
    created = await repository.bulk_create([Stamped(f"n{number}", str(number)) for number in range(5)])
    newer = await repository.patch("3", name="newer")
    with pytest.raises(ConflictError) as caught:
        await repository.bulk_update([Stamped("changed", entity.id, revision=1) for entity in created])
    assert (caught.value.entity_id, caught.value.expected, caught.value.stored) == ("3", 1, 2)
    assert await repository.list(sort_by="id") == [*created[:3], newer, created[4]]


async def test_an_entity_is_updated_once(kit: AsyncKit) -> None:
    """``bulk_update`` with the same id twice changes none, and the error names it."""
    repository = await kit.repository(Plain)
    created = await repository.bulk_create([Plain(number, str(number)) for number in range(3)])
    with pytest.raises(InvalidEntityError, match="'1'"):
        await repository.bulk_update([Plain(7, "1"), Plain(7, "2"), Plain(8, "1")])
    assert await repository.list() == created


async def test_unique_values_can_be_exchanged(kit: AsyncKit) -> None:
    """``bulk_update`` is judged by its result or refused: it never leaves two entities with one unique value."""
    repository = await kit.repository(Account)
    first, second = await repository.bulk_create([Account("a@x"), Account("b@x")])
    exchanged = [Account("b@x", id=first.id, revision=1), Account("a@x", id=second.id, revision=1)]
    try:
        await repository.bulk_update(exchanged)
    except DuplicateError:
        assert await repository.get_many([str(first.id), str(second.id)]) == [first, second]
    else:
        stored = await repository.get_many([str(first.id), str(second.id)])
        assert [entity.email for entity in stored] == ["b@x", "a@x"]


async def test_ten_thousand_at_once(kit: AsyncKit) -> None:
    """Bulk operations take more entities than an engine takes parameters."""
    repository = await kit.repository(Plain)
    created = await repository.bulk_create([Plain(number) for number in range(10_000)])
    updated = await repository.bulk_update([Plain(entity.value + 1, entity.id) for entity in created])
    assert [entity.value for entity in updated] == list(range(1, 10_001))
    assert await repository.bulk_delete([str(entity.id) for entity in created]) == 10_000
