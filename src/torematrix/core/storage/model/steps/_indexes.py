"""Steps on indexes, unique constraints and what ``search()`` looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ConfigurationError
from ..descriptions import Description, with_index, with_searchable, without_index, without_searchable
from ..markers import Index, Unique, check_weight
from ._base import Change, Step

__all__ = ["AddIndex", "AddSearchable", "AddUnique", "DropIndex", "DropSearchable", "DropUnique"]


@dataclass(frozen=True, init=False)
class _OnPaths(Step):
    paths: tuple[Any, ...]
    name: str | None
    substring: bool

    def __init__(self, *paths: Any, name: str | None = None, substring: bool = False) -> None:
        # Checks them as it does in a class.
        marker = Index(*paths, name=name, substring=substring)
        if not marker.paths:
            raise ConfigurationError(f"{type(self).__name__} names the paths it is about")
        object.__setattr__(self, "paths", paths)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "substring", substring)

    @property
    def _marker(self) -> Index:
        if isinstance(self, AddUnique | DropUnique):
            return Unique(*self.paths, name=self.name)
        return Index(*self.paths, name=self.name, substring=self.substring)

    def _covers(self, index: Mapping[str, Any]) -> bool:
        marker = self._marker
        return (
            tuple(index["paths"]) == marker.paths
            and index["unique"] == marker.unique
            and index["substring"] == marker.substring
            and self.name in (None, index["name"])
        )

    def _called(self) -> str:
        kind = (
            "unique constraint" if self._marker.unique else "substring index" if self.substring else "index"
        )
        return f"{kind} on {', '.join(self._marker.paths)}"

    def _added(self, collection: str, before: Description) -> Change:
        return Change(with_index(collection, before, self._marker))

    def _dropped(self, collection: str, before: Description) -> Change:
        return Change(without_index(collection, before, self._covers, self._called()))

    def _restored(self, earlier: Description, now: Description) -> Change:
        names = {index["name"] for index in now["indexes"]}
        lost = [index for index in earlier["indexes"] if self._covers(index) and index["name"] not in names]
        return Change({**now, "indexes": [*now["indexes"], *lost]})


class AddIndex(_OnPaths):
    """A new index; one that is there already is left as it is.

    ``AddIndex("status", "created_at")``; ``AddIndex("meta.year", int)``; ``substring=True`` makes one of trigrams.
    """

    def forward(self, collection: str, before: Description) -> Change:
        return self._added(collection, before)

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        if any(self._covers(index) for index in earlier["indexes"]):
            return Change(now)
        return self._dropped(collection, now)

    def told(self) -> str:
        return f"add the {self._called()}"


class DropIndex(_OnPaths):
    """An index is no more."""

    def forward(self, collection: str, before: Description) -> Change:
        return self._dropped(collection, before)

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        return self._restored(earlier, now)

    def told(self) -> str:
        return f"drop the {self._called()}"


class AddUnique(AddIndex):
    """No two entities hold the same value, or combination of values, from then on; DuplicateError where two do."""

    def __init__(self, *paths: Any, name: str | None = None) -> None:
        super().__init__(*paths, name=name)


class DropUnique(DropIndex):
    """A unique constraint is no more."""

    def __init__(self, *paths: Any, name: str | None = None) -> None:
        super().__init__(*paths, name=name)


@dataclass(frozen=True)
class AddSearchable(Step):
    """A text that ``search()`` looks at from then on.

    Attributes:
        path: the text.
        weight: how many times its words count.
    """

    path: str
    weight: int = 1

    def forward(self, collection: str, before: Description) -> Change:
        return Change(with_searchable(collection, before, self.path, check_weight(self.weight)))

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        return Change({**now, "searchable": _others(now, self.path) + _own(earlier, self.path)})

    def told(self) -> str:
        return f"make {self.path!r} searchable"


@dataclass(frozen=True)
class DropSearchable(Step):
    """A text that ``search()`` looks at no more.

    Attributes:
        path: the text.
    """

    path: str

    def forward(self, collection: str, before: Description) -> Change:
        return Change(without_searchable(collection, before, self.path))

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        return Change({**now, "searchable": _others(now, self.path) + _own(earlier, self.path)})

    def told(self) -> str:
        return f"make {self.path!r} searchable no more"


def _own(description: Description, path: str) -> list[Any]:
    return [entry for entry in description["searchable"] if entry[0] == path]


def _others(description: Description, path: str) -> list[Any]:
    return [entry for entry in description["searchable"] if entry[0] != path]
