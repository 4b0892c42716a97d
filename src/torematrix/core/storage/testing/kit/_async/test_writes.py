"""What the storage fills in and guards, and what every write gives back."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from torematrix.core.storage import ConflictError, DuplicateError, InvalidEntityError, NotFoundError

from ..._async.harness import AsyncKit
from ..entities import Account, Note, Plain, Stamped, Tagged


def _since(before: dt.datetime, moment: dt.datetime | None) -> bool:
    """Whether the moment is aware, in UTC, and between then and now."""
    return moment is not None and moment.tzinfo == dt.UTC and before <= moment <= dt.datetime.now(dt.UTC)


async def test_ids_are_filled_in_order(kit: AsyncKit) -> None:
    """An id that is None or "" becomes a UUIDv7 as text; ids made one after the other sort in that order."""
    repository = await kit.repository(Plain)
    made = [(await repository.create(Plain(number, ""))).id for number in range(20)]
    made += [entity.id for entity in await kit.store(repository, [Plain(number) for number in range(200)])]
    ids = [str(made_id) for made_id in made]
    assert ids == sorted(set(ids))
    for text in ids:
        assert UUID(text).version == 7
        assert str(UUID(text)) == text


async def test_times_are_filled_in(kit: AsyncKit) -> None:
    """``created_at`` and ``updated_at`` become the same moment, aware and in UTC, where they are None."""
    repository = await kit.repository(Stamped)
    before = dt.datetime.now(dt.UTC)
    created = await repository.create(Stamped("a"))
    assert _since(before, created.created_at)
    assert created.updated_at == created.created_at
    assert await repository.get(str(created.id)) == created


async def test_times_given_are_kept(kit: AsyncKit) -> None:
    """``create`` keeps the times that it is given, as instants."""
    repository = await kit.repository(Stamped)
    moment = dt.datetime(2001, 2, 3, 4, 5, 6, 7, tzinfo=dt.timezone(dt.timedelta(hours=5)))
    created = await repository.create(Stamped("a", created_at=moment, updated_at=moment))
    assert created.created_at == moment
    assert created.updated_at == moment
    assert created.created_at is not None
    assert created.created_at.utcoffset() == dt.timedelta(0)


async def test_times_declared_as_text_are_canonical(kit: AsyncKit) -> None:
    """Where the times are declared str they are ISO text with six digits of microseconds and +00:00."""
    repository = await kit.repository(Tagged)
    before = dt.datetime.now(dt.UTC)
    created = await repository.create(Tagged("a"))
    for text in (created.created_at, created.updated_at):
        assert text is not None
        assert len(text) == len("2024-01-01T00:00:00.000000+00:00")
        assert _since(before, dt.datetime.fromisoformat(text))
    updated = await repository.update(created)
    assert updated.created_at == created.created_at
    assert str(updated.updated_at) > str(created.updated_at)


async def test_an_update_keeps_the_stored_creation(kit: AsyncKit) -> None:
    """``update`` keeps the stored ``created_at``, whatever the entity holds, and sets ``updated_at``."""
    repository = await kit.repository(Stamped)
    created = await repository.create(Stamped("a"))
    for given in (None, dt.datetime(1999, 1, 1, tzinfo=dt.UTC), created.created_at):
        stored = await repository.get(str(created.id))
        assert stored is not None
        before = dt.datetime.now(dt.UTC)
        changed = Stamped("b", stored.id, given, given, stored.revision)
        updated = await repository.update(changed)
        assert updated.created_at == created.created_at
        assert _since(before, updated.updated_at)
        assert await repository.get(str(created.id)) == updated


async def test_revisions_count(kit: AsyncKit) -> None:
    """A declared revision is 1 after ``create``, whatever was given, and one more after each write."""
    repository = await kit.repository(Stamped)
    entity = await repository.create(Stamped("a", revision=77))
    assert entity.revision == 1
    entity = await repository.update(entity)
    assert entity.revision == 2
    entity = await repository.patch(str(entity.id), name="b")
    assert entity.revision == 3
    entity = await repository.upsert(entity)
    assert entity.revision == 4
    entity = (
        (await repository.bulk_update([entity]))[0]
        if kit.writes_together
        else await repository.update(entity)
    )
    assert entity.revision == 5
    assert await repository.get(str(entity.id)) == entity


async def test_a_stale_revision_is_a_conflict(kit: AsyncKit) -> None:
    """A write of an entity that has moved on raises ConflictError, which says so, and changes nothing."""
    repository = await kit.repository(Stamped)
    first = await repository.create(Stamped("a"))
    second = await repository.update(Stamped("b", first.id, revision=first.revision))
    attempts = (
        lambda: repository.update(first),
        lambda: repository.upsert(first),
        *((lambda: repository.bulk_update([first]),) if kit.writes_together else ()),
        lambda: repository.patch(str(first.id), name="c", revision=first.revision),
        lambda: repository.update(Stamped("d", first.id, revision=9)),
    )
    for attempt in attempts:
        with pytest.raises(ConflictError) as caught:
            await attempt()
        assert caught.value.retryable
        assert caught.value.entity_id == first.id
        assert caught.value.stored == 2
    assert await repository.get(str(first.id)) == second


async def test_without_a_revision_the_last_write_wins(kit: AsyncKit) -> None:
    """An entity that declares no revision is not guarded."""
    repository = await kit.repository(Note)
    created = await repository.create(Note("a"))
    await repository.update(Note("b", created.id))
    assert (await repository.update(created)).title == "a"


async def test_a_patch_replaces_what_it_names(kit: AsyncKit) -> None:
    """``patch`` replaces top-level values, whole, and leaves the others as they are."""
    repository = await kit.repository(Note)
    created = await repository.create(
        Note("a", rank=1, price=Decimal("1.50"), tags=["x"], meta={"b": {"c": 1}, "d": 2})
    )
    patched = await repository.patch(str(created.id), title="b", price=None, meta={"b": {"e": 1}})
    assert patched == Note("b", created.id, rank=1, tags=["x"], meta={"b": {"e": 1}})
    assert await repository.get(str(created.id)) == patched
    assert await repository.patch(str(created.id)) == patched


async def test_a_patch_sets_the_time(kit: AsyncKit) -> None:
    """``patch`` sets ``updated_at`` unless it is named."""
    repository = await kit.repository(Stamped)
    created = await repository.create(Stamped("a", updated_at=dt.datetime(2000, 1, 1, tzinfo=dt.UTC)))
    before = dt.datetime.now(dt.UTC)
    assert _since(before, (await repository.patch(str(created.id), name="b")).updated_at)
    moment = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    assert (await repository.patch(str(created.id), updated_at=moment)).updated_at == moment


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "b"},
        {"created_at": dt.datetime(2000, 1, 1, tzinfo=dt.UTC)},
        {"nothing": 1},
        {"name": 5},
        {"name": None},
        {"name": "a\0"},
        {"revision": "1"},
    ],
    ids=repr,
)
async def test_a_patch_is_validated(kit: AsyncKit, changes: dict[str, Any]) -> None:
    """``patch`` of what the storage keeps, of an unknown field, or to a value of another type changes nothing."""
    repository = await kit.repository(Stamped)
    created = await repository.create(Stamped("a"))
    with pytest.raises(InvalidEntityError):
        await repository.patch(str(created.id), **changes)
    assert await repository.get(str(created.id)) == created


async def test_an_upsert_creates_or_updates(kit: AsyncKit) -> None:
    """``upsert`` stores an entity under its id, be it new or known; without id it creates."""
    repository = await kit.repository(Stamped)
    created = await repository.upsert(Stamped("a", "x"))
    assert (created.name, created.revision) == ("a", 1)
    updated = await repository.upsert(Stamped("b", "x", revision=1))
    assert (updated.name, updated.revision, updated.created_at) == ("b", 2, created.created_at)
    assert await repository.get("x") == updated
    other = await repository.upsert(Stamped("c"))
    assert other.id not in (None, "", "x")
    assert await repository.count() == 2


async def test_an_upsert_conflicts_on_the_id_alone(kit: AsyncKit) -> None:
    """``upsert`` of a new id with another entity's unique value raises DuplicateError and replaces nobody."""
    repository = await kit.repository(Account)
    first = await repository.create(Account("a@x", 1))
    for entity_id in ("other", None):
        with pytest.raises(DuplicateError):
            await repository.upsert(Account("a@x", 2, id=entity_id))
    assert await repository.list() == [first]


async def test_unique_values_are_there_once(kit: AsyncKit) -> None:
    """No write gives two entities the same unique value; None is no value."""
    repository = await kit.repository(Account)
    first, second = await kit.store(repository, [Account("a@x"), Account("b@x")])
    await kit.store(repository, [Account(None), Account(None)])
    taken = Account("a@x", id=second.id, revision=1)
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: repository.create(Account("a@x")),
        lambda: repository.update(taken),
        lambda: repository.upsert(taken),
        lambda: repository.patch(str(second.id), email="a@x"),
    ]
    if kit.writes_together:
        attempts += [
            lambda: repository.bulk_create([Account("c@x"), Account("a@x")]),
            lambda: repository.bulk_create([Account("c@x"), Account("c@x")]),
            lambda: repository.bulk_update([taken]),
        ]
    for attempt in attempts:
        with pytest.raises(DuplicateError):
            await attempt()
    assert await repository.count() == 4
    assert await repository.get(str(second.id)) == second
    assert (await repository.update(first)).email == "a@x"
    assert (await repository.create(Account("A@x"))).email == "A@x"


async def test_unique_decimals_are_compared_by_value(kit: AsyncKit) -> None:
    """1.0 and 1.00 are the same unique value, though each would come back as it was written."""
    repository = await kit.repository(Account)
    created = await repository.create(Account(number=Decimal("1.0")))
    assert str(created.number) == "1.0"
    for same in ("1", "1.00", "10E-1"):
        with pytest.raises(DuplicateError):
            await repository.create(Account(number=Decimal(same)))
    await repository.create(Account(number=Decimal("1.01")))
    rewritten = await repository.patch(str(created.id), number=Decimal("1.000"))
    assert str(rewritten.number) == "1.000"


async def test_a_unique_value_can_change_hands(kit: AsyncKit) -> None:
    """A unique value that was given up, or whose holder was deleted, is free again."""
    repository = await kit.repository(Account)
    first = await repository.create(Account("a@x"))
    await repository.patch(str(first.id), email="b@x")
    second = await repository.create(Account("a@x"))
    await repository.delete(str(second.id))
    assert (await repository.create(Account("a@x"))).email == "a@x"


@dataclass
class Older:
    """An entity as an older program knows it."""

    title: str = ""
    id: str | None = None


async def test_a_write_keeps_what_its_class_does_not_know(kit: AsyncKit) -> None:
    """``update`` and ``patch`` by a class with fewer fields keep the values of the others."""
    whole = await kit.repository(Note)
    part = await kit.repository(Older, whole.collection_name)
    created = await whole.create(Note("a", rank=3, price=Decimal("1.10"), tags=["x"], meta={"k": [1]}))
    assert await part.get(str(created.id)) == Older("a", created.id)
    await part.update(Older("b", created.id))
    if kit.writes_together:
        await part.bulk_update([Older("c", created.id)])
    await part.upsert(Older("d", created.id))
    await part.patch(str(created.id), title="e")
    assert await whole.get(str(created.id)) == Note(
        "e", created.id, 3, None, Decimal("1.10"), tags=["x"], meta={"k": [1]}
    )


async def test_every_write_gives_what_get_gives(kit: AsyncKit) -> None:
    """What a write returns equals what is read afterwards, down to the types of the values."""
    repository = await kit.repository(Note)
    given = Note(
        "a", score=3, price=Decimal("1.50"), day=dt.date(2024, 1, 1), meta={"z": 1, "a": {"b": -0.0}}
    )
    created = await repository.create(given)
    stored = await repository.get(str(created.id))
    assert stored == created
    assert repr(stored) == repr(created)
    assert type(created.score) is float
    for write in (repository.update, repository.upsert):
        written = await write(created)
        assert repr(written) == repr(await repository.get(str(created.id)))
    patched = await repository.patch(str(created.id), score=4, meta={"b": {"z": 1, "a": 2}})
    assert repr(patched) == repr(await repository.get(str(created.id)))
    if kit.writes_together:
        for written in (
            (await repository.bulk_create([given]))[0],
            (await repository.bulk_update([created]))[0],
        ):
            assert repr(written) == repr(await repository.get(str(written.id)))


@dataclass
class Deep:
    """Values that a careless storage would share with the caller."""

    id: str | None = None
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    rows: list[list[int]] = field(default_factory=list)


async def test_no_write_changes_its_input(kit: AsyncKit) -> None:
    """Entities given to a write are as they were, nested values too, and ids are not put into them."""
    repository = await kit.repository(Deep)
    given = Deep(meta={"a": [1, {"b": None}], "z": -0.0}, rows=[[1], []])
    before = copy.deepcopy(given)
    created = await repository.create(given)
    assert given == before
    await kit.store(repository, [given, given])
    assert given == before
    held = copy.deepcopy(created)
    await repository.update(created)
    await repository.upsert(created)
    if kit.writes_together:
        await repository.bulk_update([created])
    assert created == held
    changes = {"meta": {"x": [1]}}
    await repository.patch(str(created.id), **changes)
    assert changes == {"meta": {"x": [1]}}


async def test_what_is_stored_is_nobodys(kit: AsyncKit) -> None:
    """Changing an entity after it was written, or after it was read, changes nothing that is stored."""
    repository = await kit.repository(Deep)
    given = Deep("x", meta={"a": [1]}, rows=[[1]])
    created = await repository.create(given)
    pristine = copy.deepcopy(created)
    for entity in (given, created, await repository.get("x"), (await repository.list())[0]):
        assert entity is not None
        entity.meta["a"].append(2)
        entity.meta["b"] = 1
        entity.rows[0].append(2)
        assert await repository.get("x") == pristine


async def test_a_refused_write_stores_nothing(kit: AsyncKit) -> None:
    """A write that raises leaves everything as it was, whatever the reason."""
    repository = await kit.repository(Account)
    first = await repository.create(Account("a@x", 1))
    broken: Any = "many"
    with pytest.raises(InvalidEntityError):
        await repository.create(Account("b@x", broken))
    with pytest.raises(InvalidEntityError):
        await repository.update(Account("b@x", broken, id=first.id, revision=1))
    with pytest.raises(NotFoundError):
        await repository.update(Account("b@x", 2, id="nobody", revision=1))
    assert await repository.list() == [first]


@pytest.mark.parametrize(
    "entity", [None, 5, "text", {"id": "x"}, [], Plain(1), object()], ids=lambda given: type(given).__name__
)
async def test_an_entity_is_of_its_class(kit: AsyncKit, entity: Any) -> None:
    """Anything but an entity of the repository's class raises InvalidEntityError."""
    repository = await kit.repository(Stamped)
    for write in (repository.create, repository.update, repository.upsert):
        with pytest.raises(InvalidEntityError):
            await write(entity)
    for bulk in (repository.bulk_create, repository.bulk_update) if kit.writes_together else ():
        with pytest.raises(InvalidEntityError):
            await bulk([entity])
    assert await repository.count() == 0
