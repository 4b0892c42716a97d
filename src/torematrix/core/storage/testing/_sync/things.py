# generated from _async/things.py by tools/generate_twins.py: do not edit
"""The entities that migrations are tried on, and what is seen of them."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from torematrix.core.storage import (
    Migration,
    Revision,
    Searchable,
    Step,
)

from .harness import Kit

__all__ = ["BASE", "FIRST", "a_migration", "made", "seen", "stored"]

BASE: Final[list[Any]] = [
    ("name", Annotated[str, Searchable()], ""),
    ("count", int | None, None),
    ("tags", list[str], field(default_factory=list[str])),
    ("version", Annotated[int, Revision()], 0),
    ("created_at", datetime | None, None),
    ("updated_at", datetime | None, None),
]


def made(*fields: Any, without: tuple[str, ...] = ()) -> Any:
    """A class with an id, the base fields, and these in addition or in their place."""
    names = {given[0] for given in fields} | set(without)
    kept = [given for given in BASE if given[0] not in names]
    return make_dataclass("Thing", [*kept, *fields, ("id", str | None, None)], kw_only=True)


FIRST: Final[Any] = made()


def a_migration(*steps: Step, version: str = "001") -> Migration:
    return Migration(version, "what it is for", steps)


def stored(kit: Kit, entity_class: Any = FIRST, **declarations: Any) -> Any:
    """A collection of that class, with three entities, one of them at its second revision."""
    repository: Any = kit.repository(entity_class, **declarations)
    if entity_class is dict:
        kit.store(repository, [{"id": key, "name": f"thing {key}", "count": 1} for key in "abc"])
        return repository
    given: list[dict[str, Any]] = [
        {"name": "thing a", "count": 1, "tags": ["x", "y"]},
        {"name": "thing b", "count": None},
        {"name": "thing c", "count": -3, "tags": ["z"]},
    ]
    names = set(entity_class.__dataclass_fields__)
    entities = [
        entity_class(id=key, **{name: value for name, value in values.items() if name in names})
        for key, values in zip("abc", given, strict=True)
    ]
    kept = kit.store(repository, entities)
    if "version" in names:
        repository.update(kept[1])
    return repository


def _values(entity: Any) -> dict[str, Any]:
    values: dict[str, Any] = entity.__dict__
    return values


def seen(repository: Any) -> dict[str, Any]:
    """Every entity by its id, as a dict."""
    return {entity.id: dict(_values(entity)) for entity in repository.list()}
