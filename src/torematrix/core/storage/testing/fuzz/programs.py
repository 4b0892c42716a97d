"""Whole programs: writes, reads, pages, searches, aggregates and transactions, on two storages side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields
from random import Random
from typing import Any, Final, cast

import msgspec

from ...face._sync.repository import StorageRepository
from ...face._sync.storage import Storage
from ...query.filters import CursorPagination, Pagination
from .filters import DifferenceError, outcome
from .questions import aggregates, filter_of, search_text, sort_of
from .values import POOLS, WORDS, Sample, sample, text

__all__ = ["ProgramFuzz"]

_IDS: Final = tuple(f"p{at}" for at in range(24))


class _UndoneError(Exception):
    """Leaves a transaction so that it is rolled back."""


class ProgramFuzz:
    """Two storages on which the same programs run; what each step gives must be equal.

    Args:
        reference: the storage whose answers are right.
        subject: the storage under test.
        steps: how many steps a program has.
    """

    def __init__(self, reference: Storage, subject: Storage, steps: int = 40) -> None:
        self._storages = (reference, subject)
        self._steps = steps

    def run(self, seed: int) -> None:
        """Run program ``seed``.

        Raises:
            DifferenceError: at the first step whose outcomes differ, with the fewest steps before it.
        """
        differs = self._first_difference(seed, frozenset())
        if differs is None:
            return
        skipped: frozenset[int] = frozenset(range(differs + 1, self._steps))
        for at in range(differs):
            fewer = skipped | {at}
            if self._first_difference(seed, fewer) == differs:
                skipped = fewer
        kept = [at for at in range(differs + 1) if at not in skipped]
        raise DifferenceError(self._report(seed, kept))

    def _repositories(self, seed: int, attempt: int) -> list[StorageRepository[Sample]]:
        name = f"prog_{seed}_{attempt}"
        return [storage.repository(Sample, name) for storage in self._storages]

    _attempts = 0

    def _first_difference(self, seed: int, skipped: frozenset[int]) -> int | None:
        self._attempts += 1
        repositories = self._repositories(seed, self._attempts)
        for at in range(self._steps):
            if at in skipped:
                continue
            right, wrong = (self._outcome(seed, at, index, repositories[index]) for index in (0, 1))
            if right != wrong:
                return at
        return None

    def _outcome(self, seed: int, at: int, index: int, repository: StorageRepository[Sample]) -> object:
        # A generator of its own for each step and side: a step is the same whatever came before it.
        random = Random(f"program {seed} {at}")
        storage = self._storages[index]
        return outcome(lambda: _plain(_step(random, storage, repository, depth=2)))

    def _report(self, seed: int, kept: list[int]) -> str:
        self._attempts += 1
        repositories = self._repositories(seed, self._attempts)
        lines = [f"program {seed}, steps {kept}"]
        for at in kept:
            right, wrong = (self._outcome(seed, at, index, repositories[index]) for index in (0, 1))
            name = _choose(Random(f"program {seed} {at}")).__name__
            lines.append(
                f"{at} {name}: {right!r:.400}"
                + ("" if right == wrong else f"\n   but the subject: {wrong!r:.400}")
            )
        return "\n".join(lines)


def _plain(value: Any) -> object:
    """The value as something that compares: entities by their fields, pages by what they hold."""
    if isinstance(value, Sample):
        return {item.name: repr(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, msgspec.Struct):
        # Cursors are signed with each database's own key: that there is one is what compares.
        plain = {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        return {
            name: (item is not None if name in ("next", "previous") else item) for name, item in plain.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in cast("dict[str, Any]", value).items()}
    return repr(value)


def _step(random: Random, storage: Storage, repository: StorageRepository[Sample], depth: int) -> object:
    action = _choose(random)
    if action is _transaction:
        return _transaction(random, storage, repository, depth) if depth else None
    return action(random, repository)


def _entity(random: Random, repository: StorageRepository[Sample]) -> Sample:
    """A new entity or, more often, a stored one with some values changed and sometimes a stale revision."""
    key = random.choice(_IDS)
    fresh = sample(random, key)
    stored = repository.get(key)
    if stored is None or random.random() < 0.2:
        return fresh
    changed = copy.deepcopy(stored)
    for name in random.sample(tuple(POOLS), 4):
        setattr(changed, name, getattr(fresh, name))
    changed.meta, changed.tags = fresh.meta, fresh.tags
    if random.random() < 0.1:
        changed.revision += random.choice((-1, 1, 5))
    return changed


def _create(random: Random, repository: StorageRepository[Sample]) -> object:
    return repository.create(sample(random, random.choice(_IDS)))


def _update(random: Random, repository: StorageRepository[Sample]) -> object:
    return repository.update(_entity(random, repository))


def _upsert(random: Random, repository: StorageRepository[Sample]) -> object:
    return repository.upsert(_entity(random, repository))


def _patch(random: Random, repository: StorageRepository[Sample]) -> object:
    fresh = sample(random, "unused")
    names = random.sample((*POOLS, "meta", "tags", "nested", "anything"), random.randint(1, 3))
    changes: dict[str, Any] = {name: getattr(fresh, name) for name in names}
    if random.random() < 0.2:
        changes["revision"] = random.randint(0, 3)
    return repository.patch(random.choice(_IDS), **changes)


def _delete(random: Random, repository: StorageRepository[Sample]) -> object:
    return repository.delete(random.choice((*_IDS, "", "nope", "\x00")))


def _bulk_create(random: Random, repository: StorageRepository[Sample]) -> object:
    return repository.bulk_create([sample(random, random.choice(_IDS)) for _ in range(random.randint(0, 4))])


def _bulk_update(random: Random, repository: StorageRepository[Sample]) -> object:
    return repository.bulk_update([_entity(random, repository) for _ in range(random.randint(0, 3))])


def _bulk_delete(random: Random, repository: StorageRepository[Sample]) -> object:
    return repository.bulk_delete(random.choices((*_IDS, "nope"), k=random.randint(0, 4)))


def _get(random: Random, repository: StorageRepository[Sample]) -> object:
    keys = random.choices((*_IDS, "", "nope"), k=3)
    return [repository.get(keys[0]), repository.exists(keys[1]), repository.get_many(keys)]


def _list(random: Random, repository: StorageRepository[Sample]) -> object:
    condition, sort = filter_of(random, free=False), sort_of(random, free=False)
    return [
        repository.list(condition, sort_by=sort),
        repository.count(condition),
        repository.find_one(condition, sort_by=sort),
    ]


def _pages(random: Random, repository: StorageRepository[Sample]) -> object:
    condition, sort = filter_of(random, free=False, depth=1), sort_of(random, free=False)
    size = random.randint(1, 7)
    page = repository.list(condition, sort_by=sort, pagination=Pagination(random.randint(1, 3), size))
    return [page, _walk(repository, condition, sort, size)]


def _walk(repository: StorageRepository[Sample], condition: Any, sort: Any, size: int) -> list[object]:
    """There along the cursors, and back."""
    there: list[object] = []
    page = repository.list(condition, sort_by=sort, pagination=CursorPagination(limit=size))
    there.append(page)
    while page.next is not None:
        page = repository.list(
            condition, sort_by=sort, pagination=CursorPagination(after=page.next, limit=size)
        )
        there.append(page)
    while page.previous is not None:
        page = repository.list(
            condition, sort_by=sort, pagination=CursorPagination(before=page.previous, limit=size)
        )
        there.append(page)
    return there


def _search(random: Random, repository: StorageRepository[Sample]) -> object:
    query = search_text(random) if random.random() < 0.7 else random.choice(WORDS)
    names = random.choice((None, ["title"], ["body"]))
    condition = filter_of(random, free=False, depth=1) if random.random() < 0.3 else None
    hits = repository.search(query, names, filters=condition, with_hits=True)
    page = repository.search(query, names, pagination=Pagination(random.randint(1, 2), 3), filters=condition)
    pages: list[object] = []
    after: str | None = None
    while True:
        part = repository.search(
            query, names, pagination=CursorPagination(after=after, limit=2), filters=condition
        )
        pages.append(part)
        after = part.next
        if after is None:
            return [hits, page, pages]


def _aggregate(random: Random, repository: StorageRepository[Sample]) -> object:
    condition = filter_of(random, free=False, depth=1) if random.random() < 0.5 else None
    return repository.aggregate(condition, **aggregates(random))


def _stream(random: Random, repository: StorageRepository[Sample]) -> object:
    return [
        item.id
        for item in repository.stream(sort_by=sort_of(random, free=False), batch_size=random.randint(1, 5))
    ]


def _speak(random: Random, repository: StorageRepository[Sample]) -> object:
    return repository.patch(random.choice(_IDS), title=text(random), body=text(random))


def _transaction(
    random: Random, storage: Storage, repository: StorageRepository[Sample], depth: int
) -> object:
    results: list[object] = []
    try:
        with storage.transaction(read_only=random.random() < 0.1):
            results.extend(
                outcome(lambda: _plain(_step(random, storage, repository, depth - 1)))
                for _ in range(random.randint(0, 4))
            )
            if random.random() < 0.3:
                raise _UndoneError
    except _UndoneError:
        results.append("undone")
    return results


_ACTIONS: Final[tuple[Callable[..., object], ...]] = (
    _create, _create, _create, _update, _update, _upsert, _upsert, _patch, _speak, _speak, _delete, _bulk_create,
    _bulk_create, _bulk_update, _bulk_delete, _get, _list, _list, _pages, _search, _search, _aggregate, _stream,
    _transaction, _transaction,
)  # fmt: skip


def _choose(random: Random) -> Callable[..., object]:
    return random.choice(_ACTIONS)
