"""Choices that accompany a call, without colour."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

__all__ = ["Explanation", "Isolation", "Progress", "TransactionOptions"]

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


class Isolation(enum.StrEnum):
    """What a transaction sees of others."""

    SNAPSHOT = "snapshot"
    SERIALIZABLE = "serializable"


class TransactionOptions(msgspec.Struct, frozen=True):
    """How a transaction is begun.

    Attributes:
        read_only: whether it refuses writes.
        isolation: what it sees of others.
        restructures: whether it changes a schema: then it sees what others had committed when it locked them out, not
            what they had when it began.
    """

    read_only: bool = False
    isolation: Isolation = Isolation.SNAPSHOT
    restructures: bool = False


class Explanation(msgspec.Struct, frozen=True):
    """What an operation would send to the engine, and how the engine would go about it.

    Attributes:
        backend: the engine's name.
        operation: the operation's name.
        statements: the statements, in order, with placeholders for values.
        plan: the engine's own words on how it would run them.
        uses_index: whether an index finds the rows; None where the engine was not asked.
        emulated: what the library does itself, and what it costs.
    """

    backend: str
    operation: str
    statements: tuple[str, ...]
    plan: tuple[str, ...] = ()
    uses_index: bool | None = None
    emulated: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return msgspec.structs.asdict(self)
