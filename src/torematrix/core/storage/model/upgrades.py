"""Two versions of an entity class at work on one collection: what the later one declares about the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import ConfigurationError

__all__ = ["UPGRADED_FROM", "Upgrade"]

UPGRADED_FROM: Final = "upgraded_from"
"""The stored field that says which older values the new ones were made from."""

Values = dict[str, Any]


@dataclass(frozen=True, init=False)
class Upgrade:
    """Fields of an entity class that take the place of fields of the version before, while both are in use.

    The collection holds both. Who has the new class writes both, the old values by ``down``; a record that was last
    written by the old class is read with the new values made by ``up``.

    Attributes:
        fields: the names of the new fields.
        old: the fields they replace, each a name and its type as the version before declares it.
        up: makes the new values, by name, of the old ones.
        down: makes the old values, by name, of the new ones.
    """

    fields: tuple[str, ...]
    old: tuple[tuple[str, Any], ...]
    up: Callable[[Values], Mapping[str, Any]]
    down: Callable[[Values], Mapping[str, Any]]

    def __init__(
        self,
        fields: Iterable[str],
        old: Mapping[str, Any],
        *,
        up: Callable[[Values], Mapping[str, Any]],
        down: Callable[[Values], Mapping[str, Any]],
    ) -> None:
        """Say which fields take the place of which.

        Args:
            fields: of the new class.
            old: the replaced fields of the old class, with their types and markers: ``{"name": str}``.
            up: a function of a dict of the old values; it does nothing else.
            down: a function of a dict of the new values, likewise.

        Raises:
            ConfigurationError: there are no names, or a name stands on both sides or twice.
        """
        names = (fields,) if isinstance(fields, str) else tuple(fields)
        if not names or not old:
            raise ConfigurationError("an upgrade names the new fields and the old ones")
        if len({*names, *old}) != len(names) + len(old) or UPGRADED_FROM in {*names, *old}:
            raise ConfigurationError("the fields of an upgrade have different names")
        fill = object.__setattr__
        fill(self, "fields", names)
        fill(self, "old", tuple(old.items()))
        fill(self, "up", up)
        fill(self, "down", down)
