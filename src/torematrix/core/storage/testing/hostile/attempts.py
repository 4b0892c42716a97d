"""Calls of repository methods as data, what comes of them as text to compare, and the reference's answers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

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
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
        return value if whole else value["id"]
    match value:
        case PaginatedResult(items=items, total=total):
            return {"items": _plain(cast("object", items), whole), "total": total}
        case CursorPage(items=items, next=after, previous=before):
            # The text of a cursor is signed with a key of the database's own.
            return {
                "items": _plain(cast("object", items), whole),
                "more": [after is not None, before is not None],
            }
        case SearchHit(entity=entity, score=score, snippets=snippets):
            return [_plain(cast("object", entity), whole), score, snippets]
        case Explanation(operation=operation):
            return operation
        case dict():
            entity = cast("dict[str, Any]", value)
            return entity if whole or "id" not in entity else entity["id"]
        case list() | tuple():
            return [_plain(item, whole) for item in cast("Sequence[object]", value)]
        case _:
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
