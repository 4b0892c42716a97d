"""Filter programs: a collection of adversarial entities, and random filters and sorts over it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, cast

from ...face._sync.repository import StorageRepository
from ...face._sync.storage import Storage
from ...query.filters import Expression, SortOrder
from .questions import filter_of, simpler, sort_of
from .values import KEYS, Sample, json_value, sample

__all__ = ["DifferenceError", "FilterFuzz"]


class DifferenceError(Exception):
    """Two backends gave different answers; the message holds what is needed to see it again."""


class FilterFuzz:
    """Two storages with the same entities, to be asked the same things.

    Args:
        reference: the storage whose answers are right.
        subject: the storage under test.
        seed: what everything is drawn from.
        entities: how many entities each collection holds.
    """

    def __init__(self, reference: Storage, subject: Storage, seed: int, entities: int) -> None:
        random = Random(f"entities {seed}")
        self._seed = seed
        name = f"fuzz_{seed}"
        samples = [sample(random, f"s{at:04}") for at in range(entities)]
        frees: list[dict[str, Any]] = [
            {
                "id": f"d{at:04}",
                **{key: json_value(random) for key in random.sample(KEYS, random.randint(0, 6))},
            }
            for at in range(entities)
        ]
        self._pairs: list[tuple[StorageRepository[Any], StorageRepository[Any]]] = []
        held: tuple[tuple[type[Any], list[Any], str], ...] = (
            (Sample, samples, "typed"),
            (dict, frees, "free"),
        )
        for cls, entities_held, suffix in held:
            right: StorageRepository[Any] = reference.repository(cls, f"{name}_{suffix}")
            tested: StorageRepository[Any] = subject.repository(cls, f"{name}_{suffix}")
            for repository in (right, tested):
                repository.bulk_create(entities_held)
            self._pairs.append((right, tested))

    def run(self, number: int) -> None:
        """Ask question ``number``; raises DifferenceError where the answers differ."""
        random = Random(f"question {self._seed} {number}")
        free = random.random() < 0.4
        expression = filter_of(random, free=free)
        sort = sort_of(random, free=free)
        if self._same(free, expression, sort):
            return
        expression = self._shrunk(free, expression, sort)
        smallest_sort = sort if self._same(free, expression, []) else []
        raise DifferenceError(self._report(number, free, expression, smallest_sort))

    def _same(self, free: bool, expression: Expression, sort: list[tuple[str, SortOrder]]) -> bool:
        reference, subject = self._pairs[free]
        return _answer(reference, expression, sort) == _answer(subject, expression, sort)

    def _shrunk(self, free: bool, expression: Expression, sort: list[tuple[str, SortOrder]]) -> Expression:
        shrinking = True
        while shrinking:
            shrinking = False
            for candidate in simpler(expression):
                if not self._same(free, candidate, sort):
                    expression, shrinking = candidate, True
                    break
        return expression

    def _report(
        self, number: int, free: bool, expression: Expression, sort: list[tuple[str, SortOrder]]
    ) -> str:
        reference, subject = self._pairs[free]
        right, wrong = _answer(reference, expression, sort), _answer(subject, expression, sort)
        lines = [f"seed {self._seed}, question {number}: {expression!r} sorted by {sort!r}"]
        if isinstance(right, list) and isinstance(wrong, list):
            for key in sorted(set(right) ^ set(wrong))[:3]:
                where = "found by the reference alone" if key in right else "found by the subject alone"
                lines.append(f"{where}: {reference.get(key)!r}")
            if set(right) == set(wrong):
                lines.append(f"the order differs: {right[:12]} and {wrong[:12]}")
        else:
            lines.append(f"the reference gives {right!r:.300}, the subject {wrong!r:.300}")
        return "\n".join(lines)


def _answer(
    repository: StorageRepository[Any], expression: Expression, sort: list[tuple[str, SortOrder]]
) -> list[str] | str:
    def ids() -> list[str]:
        found = repository.list(expression, sort_by=sort)
        return [item["id"] if isinstance(item, dict) else item.id for item in found]

    answer = outcome(ids)
    return cast("list[str] | str", answer)


def outcome(act: Callable[[], object]) -> object:
    """What the call gives, or the class of what it raises."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001  # whatever it is, both must raise the same
        return f"raises {type(error).__name__}"
