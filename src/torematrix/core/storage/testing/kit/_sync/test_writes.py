# generated from _async/test_writes.py by tools/generate_twins.py: do not edit
"""What the storage fills in and guards, and what every write gives back."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from torematrix.core.storage import ConflictError, DuplicateError, InvalidEntityError, NotFoundError

from ..._sync.harness import Kit
from ..entities import Account, Note, Plain, Stamped, Tagged


def _since(before: dt.datetime, moment: dt.datetime | None) -> bool:
    """Whether the moment is aware, in UTC, and between then and now."""
    return moment is not None and moment.tzinfo == dt.UTC and before <= moment <= dt.datetime.now(dt.UTC)


def test_ids_are_filled_in_order(kit: Kit) -> None:
    """An id that is None or "" becomes a UUIDv7 as text; ids made one after the other sort in that order."""
    repository = kit.repository(Plain)
    made = [repository.create(Plain(number, "")).id for number in range(20)]
    made += [entity.id for entity in kit.store(repository, [Plain(number) for number in range(200)])]
    ids = [str(made_id) for made_id in made]
    assert ids == sorted(set(ids))
    for text in ids:
        assert UUID(text).version == 7
        assert str(UUID(text)) == text


def test_times_are_filled_in(kit: Kit) -> None:
    """``created_at`` and ``updated_at`` become the same moment, aware and in UTC, where they are None."""
    repository = kit.repository(Stamped)
    before = dt.datetime.now(dt.UTC)
    created = repository.create(Stamped("a"))
    assert _since(before, created.created_at)
    assert created.updated_at == created.created_at
    assert repository.get(str(created.id)) == created


def test_times_given_are_kept(kit: Kit) -> None:
    """``create`` keeps the times that it is given, as instants."""
    repository = kit.repository(Stamped)
    moment = dt.datetime(2001, 2, 3, 4, 5, 6, 7, tzinfo=dt.timezone(dt.timedelta(hours=5)))
    created = repository.create(Stamped("a", created_at=moment, updated_at=moment))
    assert created.created_at == moment
    assert created.updated_at == moment
    assert created.created_at is not None
    assert created.created_at.utcoffset() == dt.timedelta(0)


def test_times_declared_as_text_are_canonical(kit: Kit) -> None:
    """Where the times are declared str they are ISO text with six digits of microseconds and +00:00."""
    repository = kit.repository(Tagged)
    before = dt.datetime.now(dt.UTC)
    created = repository.create(Tagged("a"))
    for text in (created.created_at, created.updated_at):
        assert text is not None
        assert len(text) == len("2024-01-01T00:00:00.000000+00:00")
        assert _since(before, dt.datetime.fromisoformat(text))
    updated = repository.update(created)
    assert updated.created_at == created.created_at
    assert str(updated.updated_at) > str(created.updated_at)


def test_an_update_keeps_the_stored_creation(kit: Kit) -> None:
    """``update`` keeps the stored ``created_at``, whatever the entity holds, and sets ``updated_at``."""
    repository = kit.repository(Stamped)
    created = repository.create(Stamped("a"))
    for given in (None, dt.datetime(1999, 1, 1, tzinfo=dt.UTC), created.created_at):
        stored = repository.get(str(created.id))
        assert stored is not None
        before = dt.datetime.now(dt.UTC)
        changed = Stamped("b", stored.id, given, given, stored.revision)
        updated = repository.update(changed)
        assert updated.created_at == created.created_at
        assert _since(before, updated.updated_at)
        assert repository.get(str(created.id)) == updated


def test_revisions_count(kit: Kit) -> None:
    """A declared revision is 1 after ``create``, whatever was given, and one more after each write."""
    repository = kit.repository(Stamped)
    entity = repository.create(Stamped("a", revision=77))
    assert entity.revision == 1
    entity = repository.update(entity)
    assert entity.revision == 2
    entity = repository.patch(str(entity.id), name="b")
    assert entity.revision == 3
    entity = repository.upsert(entity)
    assert entity.revision == 4
    entity = repository.bulk_update([entity])[0] if kit.writes_together else repository.update(entity)
    assert entity.revision == 5
    assert repository.get(str(entity.id)) == entity


def test_a_stale_revision_is_a_conflict(kit: Kit) -> None:
    """A write of an entity that has moved on raises ConflictError, which says so, and changes nothing."""
    repository = kit.repository(Stamped)
    first = repository.create(Stamped("a"))
    second = repository.update(Stamped("b", first.id, revision=first.revision))
    attempts = (
        lambda: repository.update(first),
        lambda: repository.upsert(first),
        *((lambda: repository.bulk_update([first]),) if kit.writes_together else ()),
        lambda: repository.patch(str(first.id), name="c", revision=first.revision),
        lambda: repository.update(Stamped("d", first.id, revision=9)),
    )
    for attempt in attempts:
        with pytest.raises(ConflictError) as caught:
            attempt()
        assert caught.value.retryable
        assert caught.value.entity_id == first.id
        assert caught.value.stored == 2
    assert repository.get(str(first.id)) == second


def test_without_a_revision_the_last_write_wins(kit: Kit) -> None:
    """An entity that declares no revision is not guarded."""
    repository = kit.repository(Note)
    created = repository.create(Note("a"))
    repository.update(Note("b", created.id))
    assert repository.update(created).title == "a"


def test_a_patch_replaces_what_it_names(kit: Kit) -> None:
    """``patch`` replaces top-level values, whole, and leaves the others as they are."""
    repository = kit.repository(Note)
    created = repository.create(
        Note("a", rank=1, price=Decimal("1.50"), tags=["x"], meta={"b": {"c": 1}, "d": 2})
    )
    patched = repository.patch(str(created.id), title="b", price=None, meta={"b": {"e": 1}})
    assert patched == Note("b", created.id, rank=1, tags=["x"], meta={"b": {"e": 1}})
    assert repository.get(str(created.id)) == patched
    assert repository.patch(str(created.id)) == patched


def test_a_patch_sets_the_time(kit: Kit) -> None:
    """``patch`` sets ``updated_at`` unless it is named."""
    repository = kit.repository(Stamped)
    created = repository.create(Stamped("a", updated_at=dt.datetime(2000, 1, 1, tzinfo=dt.UTC)))
    before = dt.datetime.now(dt.UTC)
    assert _since(before, repository.patch(str(created.id), name="b").updated_at)
    moment = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    assert repository.patch(str(created.id), updated_at=moment).updated_at == moment


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
def test_a_patch_is_validated(kit: Kit, changes: dict[str, Any]) -> None:
    """``patch`` of what the storage keeps, of an unknown field, or to a value of another type changes nothing."""
    repository = kit.repository(Stamped)
    created = repository.create(Stamped("a"))
    with pytest.raises(InvalidEntityError):
        repository.patch(str(created.id), **changes)
    assert repository.get(str(created.id)) == created


def test_an_upsert_creates_or_updates(kit: Kit) -> None:
    """``upsert`` stores an entity under its id, be it new or known; without id it creates."""
    repository = kit.repository(Stamped)
    created = repository.upsert(Stamped("a", "x"))
    assert (created.name, created.revision) == ("a", 1)
    updated = repository.upsert(Stamped("b", "x", revision=1))
    assert (updated.name, updated.revision, updated.created_at) == ("b", 2, created.created_at)
    assert repository.get("x") == updated
    other = repository.upsert(Stamped("c"))
    assert other.id not in (None, "", "x")
    assert repository.count() == 2


def test_an_upsert_conflicts_on_the_id_alone(kit: Kit) -> None:
    """``upsert`` of a new id with another entity's unique value raises DuplicateError and replaces nobody."""
    repository = kit.repository(Account)
    first = repository.create(Account("a@x", 1))
    for entity_id in ("other", None):
        with pytest.raises(DuplicateError):
            repository.upsert(Account("a@x", 2, id=entity_id))
    assert repository.list() == [first]


def test_unique_values_are_there_once(kit: Kit) -> None:
    """No write gives two entities the same unique value; None is no value."""
    repository = kit.repository(Account)
    first, second = kit.store(repository, [Account("a@x"), Account("b@x")])
    kit.store(repository, [Account(None), Account(None)])
    taken = Account("a@x", id=second.id, revision=1)
    attempts: list[Callable[[], object]] = [
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
            attempt()
    assert repository.count() == 4
    assert repository.get(str(second.id)) == second
    assert repository.update(first).email == "a@x"
    assert repository.create(Account("A@x")).email == "A@x"


def test_unique_decimals_are_compared_by_value(kit: Kit) -> None:
    """1.0 and 1.00 are the same unique value, though each would come back as it was written."""
    repository = kit.repository(Account)
    created = repository.create(Account(number=Decimal("1.0")))
    assert str(created.number) == "1.0"
    for same in ("1", "1.00", "10E-1"):
        with pytest.raises(DuplicateError):
            repository.create(Account(number=Decimal(same)))
    repository.create(Account(number=Decimal("1.01")))
    rewritten = repository.patch(str(created.id), number=Decimal("1.000"))
    assert str(rewritten.number) == "1.000"


def test_a_unique_value_can_change_hands(kit: Kit) -> None:
    """A unique value that was given up, or whose holder was deleted, is free again."""
    repository = kit.repository(Account)
    first = repository.create(Account("a@x"))
    repository.patch(str(first.id), email="b@x")
    second = repository.create(Account("a@x"))
    repository.delete(str(second.id))
    assert repository.create(Account("a@x")).email == "a@x"


@dataclass
class Older:
    """An entity as an older program knows it."""

    title: str = ""
    id: str | None = None


def test_a_write_keeps_what_its_class_does_not_know(kit: Kit) -> None:
    """``update`` and ``patch`` by a class with fewer fields keep the values of the others."""
    whole = kit.repository(Note)
    part = kit.repository(Older, whole.collection_name)
    created = whole.create(Note("a", rank=3, price=Decimal("1.10"), tags=["x"], meta={"k": [1]}))
    assert part.get(str(created.id)) == Older("a", created.id)
    part.update(Older("b", created.id))
    if kit.writes_together:
        part.bulk_update([Older("c", created.id)])
    part.upsert(Older("d", created.id))
    part.patch(str(created.id), title="e")
    assert whole.get(str(created.id)) == Note(
        "e", created.id, 3, None, Decimal("1.10"), tags=["x"], meta={"k": [1]}
    )


def test_every_write_gives_what_get_gives(kit: Kit) -> None:
    """What a write returns equals what is read afterwards, down to the types of the values."""
    repository = kit.repository(Note)
    given = Note(
        "a", score=3, price=Decimal("1.50"), day=dt.date(2024, 1, 1), meta={"z": 1, "a": {"b": -0.0}}
    )
    created = repository.create(given)
    stored = repository.get(str(created.id))
    assert stored == created
    assert repr(stored) == repr(created)
    assert type(created.score) is float
    for write in (repository.update, repository.upsert):
        written = write(created)
        assert repr(written) == repr(repository.get(str(created.id)))
    patched = repository.patch(str(created.id), score=4, meta={"b": {"z": 1, "a": 2}})
    assert repr(patched) == repr(repository.get(str(created.id)))
    if kit.writes_together:
        for written in (
            repository.bulk_create([given])[0],
            repository.bulk_update([created])[0],
        ):
            assert repr(written) == repr(repository.get(str(written.id)))


@dataclass
class Deep:
    """Values that a careless storage would share with the caller."""

    id: str | None = None
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    rows: list[list[int]] = field(default_factory=list)


def test_no_write_changes_its_input(kit: Kit) -> None:
    """Entities given to a write are as they were, nested values too, and ids are not put into them."""
    repository = kit.repository(Deep)
    given = Deep(meta={"a": [1, {"b": None}], "z": -0.0}, rows=[[1], []])
    before = copy.deepcopy(given)
    created = repository.create(given)
    assert given == before
    kit.store(repository, [given, given])
    assert given == before
    held = copy.deepcopy(created)
    repository.update(created)
    repository.upsert(created)
    if kit.writes_together:
        repository.bulk_update([created])
    assert created == held
    changes = {"meta": {"x": [1]}}
    repository.patch(str(created.id), **changes)
    assert changes == {"meta": {"x": [1]}}


def test_what_is_stored_is_nobodys(kit: Kit) -> None:
    """Changing an entity after it was written, or after it was read, changes nothing that is stored."""
    repository = kit.repository(Deep)
    given = Deep("x", meta={"a": [1]}, rows=[[1]])
    created = repository.create(given)
    pristine = copy.deepcopy(created)
    for entity in (given, created, repository.get("x"), repository.list()[0]):
        assert entity is not None
        entity.meta["a"].append(2)
        entity.meta["b"] = 1
        entity.rows[0].append(2)
        assert repository.get("x") == pristine


def test_a_refused_write_stores_nothing(kit: Kit) -> None:
    """A write that raises leaves everything as it was, whatever the reason."""
    repository = kit.repository(Account)
    first = repository.create(Account("a@x", 1))
    broken: Any = "many"
    with pytest.raises(InvalidEntityError):
        repository.create(Account("b@x", broken))
    with pytest.raises(InvalidEntityError):
        repository.update(Account("b@x", broken, id=first.id, revision=1))
    with pytest.raises(NotFoundError):
        repository.update(Account("b@x", 2, id="nobody", revision=1))
    assert repository.list() == [first]


@pytest.mark.parametrize(
    "entity", [None, 5, "text", {"id": "x"}, [], Plain(1), object()], ids=lambda given: type(given).__name__
)
def test_an_entity_is_of_its_class(kit: Kit, entity: Any) -> None:
    """Anything but an entity of the repository's class raises InvalidEntityError."""
    repository = kit.repository(Stamped)
    for write in (repository.create, repository.update, repository.upsert):
        with pytest.raises(InvalidEntityError):
            write(entity)
    for bulk in (repository.bulk_create, repository.bulk_update) if kit.writes_together else ():
        with pytest.raises(InvalidEntityError):
            bulk([entity])
    assert repository.count() == 0
