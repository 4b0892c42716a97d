"""What an engine, in the deployment at hand, can do: natively, by emulation, or not at all.

Capabilities are probed when a storage is opened. What is refused raises ``UnsupportedError`` before the engine is
touched; what is emulated says what it costs.
"""

from __future__ import annotations

import enum

import msgspec

from .errors import UnsupportedError

__all__ = ["Capabilities", "Cell", "Feature", "Support"]


class Support(enum.StrEnum):
    """How far an engine follows."""

    NATIVE = "native"
    EMULATED = "emulated"
    REFUSED = "refused"


class Feature(enum.StrEnum):
    """What an engine may or may not do, beside the operators."""

    TRANSACTIONS = "transactions"
    NESTED_TRANSACTIONS = "nested transactions"
    SERIALIZABLE = "serializable isolation"
    BULK_WRITES = "bulk writes"
    AGGREGATES = "aggregates"
    STREAM = "stream"
    SEARCH = "full-text search"
    SUBSTRING_INDEX = "substring index"
    LIVE_MOVES = "live moves"
    BACKUP = "backup"
    CHECK = "integrity check"
    VACUUM = "vacuum"


class Cell(msgspec.Struct, frozen=True):
    """One entry of the table: how far, and what is worth knowing about it."""

    support: Support
    note: str = ""


class Capabilities(msgspec.Struct, frozen=True):
    """The table of one open storage.

    Attributes:
        backend: the engine's name.
        version: its version, as it reports it.
        features: every Feature.
        operators: every filter operator by name.
    """

    backend: str
    version: str
    features: dict[Feature, Cell]
    operators: dict[str, Cell]

    def require(self, feature: Feature, *, operation: str) -> None:
        """Raise UnsupportedError unless the engine has this feature."""
        cell = self.features[feature]
        if cell.support is Support.REFUSED:
            raise UnsupportedError(
                f"{self.backend} has no {feature.value}" + (f": {cell.note}" if cell.note else ""),
                backend=self.backend,
                operation=operation,
            )
