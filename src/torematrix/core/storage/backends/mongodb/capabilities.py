"""What MongoDB can do, by the deployment it runs in."""

from __future__ import annotations

from typing import Final

from ...capability import Capabilities, Cell, Feature, Support
from ...query.filters import Operator

__all__ = ["ALONE", "capabilities"]

_NATIVE: Final = Cell(Support.NATIVE)
ALONE: Final = (
    "a standalone MongoDB writes one document at a time; start mongod as a replica set (one server will do)"
)
"""Why a standalone server cannot do what takes a transaction."""
_NO_SNAPSHOT: Final = (
    "a standalone MongoDB has no snapshots: what is written while a stream is read, or between the two readings of a "
    "page with its total, may be in it"
)
_NO_CHANGES: Final = (
    "a standalone MongoDB does not say what is written; start mongod as a replica set (one server will do)"
)
_FEATURES: Final = {
    **dict.fromkeys(Feature, _NATIVE),
    Feature.NESTED_TRANSACTIONS: Cell(
        Support.EMULATED, "a nested scope reads what it is about to change, to be able to undo it"
    ),
    Feature.SERIALIZABLE: Cell(
        Support.REFUSED, "MongoDB's transactions see a snapshot; PostgreSQL and SQLite go further"
    ),
    Feature.AGGREGATES: Cell(
        Support.EMULATED,
        "float and Decimal sums read the values of every entity in the group into the library",
    ),
    Feature.SEARCH: Cell(Support.EMULATED, "an index finds the words, a pipeline scores each match"),
    Feature.SUBSTRING_INDEX: Cell(Support.EMULATED, "an index of trigrams, made by the library"),
    Feature.BACKUP: Cell(Support.REFUSED, "use mongodump, or snapshots of the servers' disks"),
}
_OPERATORS: Final = {
    **{operator.value: _NATIVE for operator in Operator},
    Operator.ILIKE.value: Cell(Support.EMULATED, "folds the text of each document that reaches it"),
}


def capabilities(version: str, *, transactions: bool) -> Capabilities:
    """The table of a deployment."""
    features = dict(_FEATURES)
    if not transactions:
        alone = (Feature.TRANSACTIONS, Feature.NESTED_TRANSACTIONS, Feature.SERIALIZABLE, Feature.BULK_WRITES)
        features.update(dict.fromkeys(alone, Cell(Support.REFUSED, ALONE)))
        features[Feature.LIVE_MOVES] = Cell(Support.REFUSED, _NO_CHANGES)
        features[Feature.STREAM] = Cell(Support.EMULATED, _NO_SNAPSHOT)
    return Capabilities("mongodb", version, features, dict(_OPERATORS))
