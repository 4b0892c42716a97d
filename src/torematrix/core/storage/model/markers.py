"""What an application writes beside a field's type, in ``typing.Annotated``, or in ``indexes=[...]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..errors import ConfigurationError

__all__ = ["Big", "Index", "Naive", "Revision", "Searchable", "Unique"]

MAX_WEIGHT = 1000


# Named apart: inside the class, ``type`` is one of its own attributes.
_PathOrType: TypeAlias = str | type[object]


@dataclass(frozen=True, init=False)
class Index:
    """An index on the field it annotates, or on the paths it names.

    ``Annotated[str, Index()]`` indexes one field. ``Index("status", "created_at")`` in ``indexes=[...]`` is a compound
    index, ``Index("meta.year", int)`` declares the kind of an undeclared path, and ``substring=True`` asks for a
    trigram index, which serves ``contains``, ``like`` and ``ilike``.

    Attributes:
        paths: the paths, outermost sort key first; empty inside ``Annotated``.
        type: the Python type of a typed path, else None.
        name: the name given to the index, or None for one made from its paths.
        substring: whether this is a trigram index.
        unique: whether no two entities may hold the same value; null is not a value.
    """

    paths: tuple[str, ...]
    type: type[object] | None
    name: str | None
    substring: bool
    unique: bool

    def __init__(self, *paths: _PathOrType, name: str | None = None, substring: bool = False) -> None:
        self._fill(paths, name, substring=substring, unique=False)

    def _fill(
        self, paths: tuple[_PathOrType, ...], name: str | None, *, substring: bool, unique: bool
    ) -> None:
        names = tuple(path for path in paths if isinstance(path, str))
        types = [path for path in paths if not isinstance(path, str)]
        if types and (len(names) != 1 or len(types) != 1 or paths[0] != names[0]):
            raise ConfigurationError('a typed path is declared by itself, as in Index("meta.year", int)')
        if name is not None and not isinstance(name, str):
            raise ConfigurationError("an index's name is text")
        if types and types[0].__hash__ is None:
            raise ConfigurationError("a typed path is declared with a type")
        if len(set(names)) != len(names):
            raise ConfigurationError("an index names the same path twice")
        if substring and len(names) > 1:
            raise ConfigurationError("a substring index covers one path")
        fill = object.__setattr__
        fill(self, "paths", names)
        fill(self, "type", types[0] if types else None)
        fill(self, "name", name)
        fill(self, "substring", substring)
        fill(self, "unique", unique)


@dataclass(frozen=True, init=False)
class Unique(Index):
    """No two entities hold the same value, or the same combination of these paths; null is not a value."""

    def __init__(self, *paths: _PathOrType, name: str | None = None) -> None:
        self._fill(paths, name, substring=False, unique=True)


@dataclass(frozen=True)
class Searchable:
    """The field's words are found by ``search()``, and count ``weight`` times (1 to 1,000) in its relevance."""

    weight: int = 1

    def __post_init__(self) -> None:
        check_weight(self.weight)


@dataclass(frozen=True)
class Revision:
    """The int field counts the entity's versions, and guards it against lost updates."""


@dataclass(frozen=True)
class Naive:
    """The datetime field holds datetimes without an offset."""


@dataclass(frozen=True)
class Big:
    """The int field holds ints of any size, where a plain one holds 64 bits."""


def check_weight(weight: object) -> int:
    """The weight itself when it is an int from 1 to 1,000; ConfigurationError otherwise."""
    if type(weight) is not int or not 1 <= weight <= MAX_WEIGHT:
        raise ConfigurationError(f"a search weight is an int from 1 to {MAX_WEIGHT}")
    return weight
