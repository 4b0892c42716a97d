"""The order of a list or a page, and what is kept with it, because most questions come back with the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Self

from ..model.codec import Row
from ..model.schema import Schema
from .operations import SortKey
from .rows import place_reader

__all__ = ["Order"]


class Order(tuple[SortKey, ...]):  # noqa: SLOT001 - what is kept with it is kept in its __dict__
    """Sort keys that end with the id, for the rows of one schema.

    Attributes:
        compiled: what engines have made of it, each under a key of its own.
        fingerprints: what tells the question for everything in this order from others, by collection.
    """

    schema: Schema
    compiled: dict[object, str]
    fingerprints: dict[str, bytes]

    def __new__(cls, keys: Iterable[SortKey], schema: Schema) -> Self:
        """The order of these keys."""
        order = super().__new__(cls, keys)
        order.schema = schema
        order.compiled = {}
        order.fingerprints = {}
        return order

    @cached_property
    def backwards(self) -> Order:
        """The same, from its end to its beginning."""
        return Order((SortKey(key.target, not key.descending) for key in self), self.schema)

    @cached_property
    def place(self) -> Callable[[Row], tuple[Any, ...]]:
        """The function that gives a row's place in it: the value of each key, None where it is null or missing."""
        readers = [place_reader(self.schema, key.target) for key in self]
        return lambda row: tuple([read(row) for read in readers])

    @cached_property
    def plain(self) -> list[tuple[str, bool]]:
        """Its paths and directions, which tell it from every other order."""
        return [(key.target.text, key.descending) for key in self]
