"""Calls of repository methods as data, what comes of them as text to compare, and the reference's answers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from ...backends.memory.config import MemoryConfig
from ...core.options import Explanation
from ...errors import StorageError
from ...face._sync.storage import Storage
from ...model.markers import Index
from ...query.filters import CursorPage, PaginatedResult, SearchHit

__all__ = ["SECRET", "Attempt", "is_leak", "outcome_of_error", "outcome_of_result", "reference_outcomes"]

SECRET: Final = "s3cret-of-a-row"  # noqa: S105 - a value like any other
"""A value that is stored in rows; no error may hold it."""


class Attempt(msgspec.Struct, frozen=True):
    """One call of a method.

    Attributes:
        label: what is tried, for the report.
        method: the method's name.
        arguments: its arguments by position.
        named: its arguments by name.
        whole: whether entities are compared as a whole; by their ids otherwise.
    """

    label: str
    method: str
    arguments: tuple[Any, ...] = ()
    named: dict[str, Any] = {}
    whole: bool = False


def outcome_of_result(result: object, *, whole: bool) -> str:
    """What came back, as JSON: numbers of different kinds are different, the order of keys is not."""
    return json.dumps(_plain(result, whole), sort_keys=True)


def _plain(value: object, whole: bool) -> Any:
    found: Any = value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        entity = dataclasses.asdict(value)
        return entity if whole else entity["id"]
    if isinstance(value, PaginatedResult):
        return {"items": _plain(found.items, whole), "total": found.total}
    if isinstance(value, CursorPage):
        # The text of a cursor is signed with a key of the database's own.
        more = [found.next is not None, found.previous is not None]
        return {"items": _plain(found.items, whole), "more": more}
    if isinstance(value, SearchHit):
        return [_plain(found.entity, whole), found.score, found.snippets]
    if isinstance(value, Explanation):
        return value.operation
    if isinstance(value, dict):
        return found if whole or "id" not in found else found["id"]
    if isinstance(value, (list, tuple)):
        return [_plain(item, whole) for item in found]
    return value


def outcome_of_error(error: Exception) -> str:
    """How it was refused: the class of an error of ours, or what is wrong with the error."""
    name = type(error).__name__
    if not isinstance(error, StorageError):
        return f"leaked {type(error).__module__}.{name}: {str(error)[:300]}"
    if SECRET in str(error) or SECRET in repr(error):
        return f"leaked a value: {str(error)[:300]}"
    return f"refused: {name}"


def is_leak(outcome: str) -> bool:
    """Whether an outcome is wrong whatever the reference says."""
    return outcome.startswith("leaked")


_known: dict[str, list[str]] = {}


def reference_outcomes(
    label: str,
    entity_class: type[Any],
    rows: Iterable[Any],
    attempts: Sequence[Attempt],
    *,
    indexes: Sequence[Index] = (),
    searchable: Sequence[str] | None = None,
) -> list[str]:
    """What comes of each attempt, in order, on the in-memory reference; asked once in a process for each label."""
    known = _known.get(label)
    if known is None:
        with Storage(MemoryConfig()) as storage:
            repository: Any = storage.repository(
                entity_class, "reference", indexes=indexes, searchable=searchable
            )
            repository.bulk_create(rows)
            known = _known[label] = [_attempted(repository, attempt) for attempt in attempts]
    return known


def _attempted(repository: Any, attempt: Attempt) -> str:
    try:
        result = getattr(repository, attempt.method)(*attempt.arguments, **attempt.named)
        return outcome_of_result(list(result) if attempt.method == "stream" else result, whole=attempt.whole)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is judged
        return outcome_of_error(error)
