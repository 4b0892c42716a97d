"""How a declared class differs from what its collection is made for, and the steps from one to the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..model.schema import Schema

__all__ = ["Drift", "drift_of"]


class Drift(msgspec.Struct, frozen=True):
    """The difference between a class and its collection.

    Attributes:
        collection: its name.
        lines: what differs, in words; empty where nothing does.
        source: the steps that take the collection to the class, as Python: what takes a decision is marked TODO.
        imports: what the source needs beside the steps.
        needs_migration: whether the class could not use the collection as it is.
    """

    collection: str
    lines: tuple[str, ...] = ()
    source: str = ""
    imports: tuple[str, ...] = ()
    needs_migration: bool = False

    def __bool__(self) -> bool:
        return bool(self.lines)

    def __str__(self) -> str:
        if not self.lines:
            return f"{self.collection}: no difference"
        return "\n".join([f"{self.collection}:", *(f"  {line}" for line in self.lines)])


def drift_of(collection: str, schema: Schema, stored: Mapping[str, Any] | None) -> Drift:
    """The difference, given what is stored of the collection, None where it does not exist."""
    del schema, stored, evolve, ConfigurationError
    return Drift(collection)
