"""What a client set out to do and what it was told: the entries of a ledger, which outlives the client.

An entry is a line of JSON. A step is written down before its call is made, its outcome after the call has come back;
what a client that was killed leaves is a step without an outcome.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

__all__ = [
    "ACKNOWLEDGED",
    "REFUSED",
    "UNKNOWN",
    "Entry",
    "Ledger",
    "Outcome",
    "Put",
    "Step",
    "Transfer",
    "read_ledger",
]

ACKNOWLEDGED: Final = "acknowledged"
"""The call returned."""
REFUSED: Final = "refused"
"""The call raised an error that says that nothing was stored."""
UNKNOWN: Final = "unknown"
"""The call raised an error that says that the outcome is not known."""


class Put(msgspec.Struct, frozen=True, array_like=True):
    """A record as a step leaves it."""

    collection: str
    id: str
    version: int
    size: int

    @property
    def key(self) -> tuple[str, str]:
        """What names the record."""
        return self.collection, self.id


class Transfer(msgspec.Struct, frozen=True, array_like=True):
    """Cents that go from one account to another; the receipt is one of the step's records."""

    giver: str
    taker: str
    cents: int


class Step(msgspec.Struct, frozen=True, tag="step"):
    """One call, or one transaction, of a client: it happens whole or not at all.

    Attributes:
        lane: who does one step after the other; the records of a lane are its own.
        number: which step of the lane.
        kind: what is called.
        puts: the records that are there afterwards.
        gone: the records that are not.
        transfer: what it moves.
    """

    lane: str
    number: int
    kind: str
    puts: list[Put] = []
    gone: list[tuple[str, str]] = []
    transfer: Transfer | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What names the step."""
        return self.lane, self.number


class Outcome(msgspec.Struct, frozen=True, tag="outcome"):
    """What the client was told of a step.

    Attributes:
        told: acknowledged, refused or unknown.
        error: the class of the error.
        token: what an unknown outcome can be asked by later.
    """

    lane: str
    number: int
    told: str
    error: str = ""
    token: str = ""


Entry: TypeAlias = Step | Outcome
_decoder: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Step | Outcome)
_encoder: Final = msgspec.json.Encoder()


class Ledger:
    """A file to which entries are appended, each in one call of the system: a kill leaves whole lines.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, entry: Entry) -> None:
        """Add an entry. It is with the system when this returns, whatever becomes of the process."""
        os.write(self._file, _encoder.encode(entry) + b"\n")

    def close(self) -> None:
        """Write nothing more."""
        os.close(self._file)


def read_ledger(paths: Iterable[Path]) -> list[Entry]:
    """The entries of ledgers, in the order in which each was written."""
    return [
        _decoder.decode(line)
        for path in paths
        if path.exists()
        for line in path.read_bytes().split(b"\n")
        if line
    ]
