"""What a PostgreSQL server can do: everything, some of it with the library's help, some with an extension."""

from __future__ import annotations

from typing import Final

from ...capability import Capabilities, Cell, Feature, Support
from ...query.filters import Operator

__all__ = ["UNKNOWN", "capabilities"]

_NATIVE: Final = Cell(Support.NATIVE)
_FEATURES: Final = {
    **dict.fromkeys(Feature, _NATIVE),
    Feature.AGGREGATES: Cell(Support.EMULATED, "float sums are added up by the library, from 8 bytes a row"),
    Feature.SEARCH: Cell(Support.EMULATED, "the library cuts the words, the server finds and scores them"),
    Feature.BACKUP: Cell(Support.REFUSED, "use pg_dump or pg_basebackup"),
    Feature.CHECK: Cell(Support.REFUSED, "use pg_amcheck"),
}
_NO_TRIGRAMS: Final = Cell(
    Support.REFUSED, "the extension pg_trgm is not installed; run CREATE EXTENSION pg_trgm in this database"
)


def capabilities(version: str, *, trigrams: bool) -> Capabilities:
    """The table of a server of that version, with or without the extension pg_trgm."""
    features = {**_FEATURES} if trigrams else {**_FEATURES, Feature.SUBSTRING_INDEX: _NO_TRIGRAMS}
    operators = {operator.value: _NATIVE for operator in Operator}
    return Capabilities("postgresql", version, features, operators)


UNKNOWN: Final = capabilities("", trigrams=True)
"""Before a storage is open."""
