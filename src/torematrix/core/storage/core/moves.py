"""What a move of data between two databases notes, tells and promises; without colour.

A move copies the rows of a collection in the order of their ids. Each batch is written in one transaction with the
checkpoint, a row of the target's own: how far the move has come is always exactly how much of it is there. A move that
was killed goes on behind its checkpoint, and nothing is lost or stored twice.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, TypeAlias, cast

import msgspec

from .._overriding import override
from ..errors import ConfigurationError, DuplicateError, InvalidEntityError, InvalidQueryError, StorageError
from ..model.codec import Row
from ..model.markers import Revision
from ..model.names import bson_size

__all__ = [
    "BATCH",
    "CHECKPOINTS",
    "NAMED",
    "Checkpoint",
    "Differences",
    "Item",
    "MoveOptions",
    "MoveProgress",
    "MoveReport",
    "PageSize",
    "Stage",
    "Told",
    "advanced",
    "is_refusal",
    "reason_of",
]

CHECKPOINTS: Final = "torematrix_moves"
"""The collection of the target that holds the checkpoints, one for each collection that was moved to."""
NAMED: Final = 1_000
"""So many ids of failures, and of each kind of difference, are named; beyond that they are counted."""
BATCH: Final = 5_000
"""So many entities are written together unless another number is asked for."""
_PAGE_BYTES: Final = 16 * 1024 * 1024
_FIRST: Final = 100
_GROWTH: Final = 8
_SAMPLE: Final = 16
_LONGEST_REASON: Final = 300


class Stage(enum.StrEnum):
    """What a move is doing."""

    COPYING = "copying"
    CATCHING_UP = "catching up"
    VERIFYING = "verifying"


class MoveProgress(msgspec.Struct, frozen=True):
    """How far a move has come.

    Attributes:
        collection: the collection at hand, by its name in the source.
        stage: what is done with it.
        done: how many entities of all collections have been gone through in this stage.
        total: how many there are.
    """

    collection: str
    stage: Stage
    done: int
    total: int


Told: TypeAlias = Callable[[MoveProgress], object]


class MoveOptions(msgspec.Struct, frozen=True):
    """How a move goes about it; see ``BackendMigrator``."""

    batch_size: int = BATCH
    stops: bool = False
    resumes: bool = False
    verifies: bool = True
    is_dry: bool = False
    is_live: bool = False


class Checkpoint(msgspec.Struct, kw_only=True):
    """How far the move into a collection has come: stored in the target, changed in the transaction of each batch.

    Attributes:
        id: the collection's name in the target.
        origin: a name for the source database, which says nothing about it but tells it from others.
        backend: the source's engine.
        collection: its collection's name there.
        runner: the process at work, by a random name: of two that move into one collection, one is refused.
        position: the id up to which everything has been gone through, "" at the beginning.
        migrated, skipped, failed: how many entities were stored, left out by ``transform_fn``, and refused.
        errors: the first refused ones, each an id and the reason.
        finished: whether everything was gone through.
        live: names a live move; "" for one whose source stands still.
        followed: of a live move, up to where what others have written is in the target, for engines that note by time.
        deferred: of a live move, the ids that were written to and could not be stored yet, by collection.
    """

    id: str | None
    origin: str
    backend: str
    collection: str
    runner: str
    position: str = ""
    migrated: int = 0
    skipped: int = 0
    failed: int = 0
    errors: list[dict[str, str]] = []
    finished: bool = False
    live: str = ""
    followed: str = ""
    deferred: dict[str, list[str]] = {}
    created_at: str | None = None
    updated_at: str | None = None
    revision: Annotated[int, Revision()] = 0

    @property
    def done(self) -> int:
        """How many entities have been gone through."""
        return self.migrated + self.skipped + self.failed


class Item(msgspec.Struct, frozen=True):
    """One entity on its way: the row to store, None with the reason why it is refused, or None to be left out."""

    id: str
    row: Row | None
    error: Exception | None = None


def advanced(checkpoint: Checkpoint, items: Sequence[Item]) -> Checkpoint:
    """The checkpoint behind these items."""
    failed = [item for item in items if item.error is not None]
    stored = sum(item.row is not None for item in items)
    named = [{"id": item.id, "error": reason_of(item.error)} for item in failed if item.error is not None]
    return msgspec.structs.replace(
        checkpoint,
        position=items[-1].id,
        migrated=checkpoint.migrated + stored,
        failed=checkpoint.failed + len(failed),
        skipped=checkpoint.skipped + len(items) - stored - len(failed),
        errors=[*checkpoint.errors, *named][:NAMED],
    )


def is_refusal(error: Exception) -> bool:
    """Whether an error of a write is about a row in it: without that row the others may be stored."""
    if isinstance(error, ConfigurationError | InvalidQueryError):
        return False
    if isinstance(error, DuplicateError | InvalidEntityError):
        return True
    if isinstance(error, StorageError):
        return type(error) is StorageError and not error.retryable
    # What a client library says of a value that it cannot put into words for its engine.
    return isinstance(error, ValueError | TypeError | OverflowError)


def reason_of(error: Exception) -> str:
    """One line on why an entity was refused."""
    text = " ".join(str(error).split()).removesuffix("; nothing was stored")
    return f"{type(error).__name__}: {text}"[:_LONGEST_REASON]


class PageSize:
    """How many rows to read at once: as many as asked for, as long as they do not take too much memory together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.rows = min(most, _FIRST)

    def learn(self, rows: Sequence[Row]) -> None:
        """Choose the size of the next page by the rows of this one."""
        if rows:
            sample = rows[:: max(1, len(rows) // _SAMPLE)]
            average = sum(map(_size, sample)) // len(sample) + 1
            self.rows = max(1, min(self._most, self.rows * _GROWTH, _PAGE_BYTES // average))


def _size(row: Row) -> int:
    size = 16 * len(row)
    for value in row:
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, dict):
            size += bson_size(cast("dict[str, Any]", value))
    return size


class Differences(msgspec.Struct):
    """In what two collections differ: how many entities, and the ids of the first.

    Attributes:
        missing: entities that the source has and the target has not.
        extra: those that only the target has.
        different: those that are not the same.
        missing_ids, extra_ids, different_ids: the ids of the first of each, in their order.
    """

    missing: int = 0
    extra: int = 0
    different: int = 0
    missing_ids: list[str] = []
    extra_ids: list[str] = []
    different_ids: list[str] = []

    def add(self, kind: str, entity_id: str) -> None:
        """Count one more, and name it if it is one of the first."""
        setattr(self, kind, getattr(self, kind) + 1)
        ids: list[str] = getattr(self, f"{kind}_ids")
        if len(ids) < NAMED:
            ids.append(entity_id)

    @property
    def total(self) -> int:
        """How many differences there are."""
        return self.missing + self.extra + self.different


class MoveReport(Mapping[str, Any]):
    """What a move has done: a mapping, so that ``report["migrated"]`` and ``dict(report)`` work.

    Keys:
        collection, target_collection: the names; of several collections "" both.
        total_entities: how many the source has.
        migrated: how many of them are stored in the target, by this run or by the runs it has resumed.
        skipped: how many ``transform_fn`` has left out.
        failed: how many were refused.
        errors: the first 1,000 of these, each a dict of ``id`` and ``error``.
        resumed: how many had been gone through before this run.
        duration_seconds: how long this run took; ``copy_seconds`` and ``verify_seconds`` are its parts.
        rate: entities copied a second by this run.
        dry_run: whether nothing was written.
        verified: True when both sides were compared and are the same, False when they differ, None when nobody looked.
        differences: how many entities are ``missing``, ``extra`` and ``different``, with ``missing_ids`` and so on.
        checksum: of all entities of the target, in hexadecimal: the same on every engine for the same entities; of a
            live move None.
        caught_up: of a live move, how many writes of others were made to the source and followed.
        cut_over: of a live move, whether the source takes no more writes; not where both sides were found to differ.
        pause_seconds: of a live move, how long writers had to wait.
        collections: of a move of several collections, the report of each, by its name in the source.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    @override
    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @override
    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        told = ("total_entities", "migrated", "skipped", "failed", "verified", "duration_seconds")
        return f"<MoveReport {', '.join(f'{name}={self._values.get(name)!r}' for name in told)}>"

    @property
    def verified(self) -> bool | None:
        """Whether both sides were found to be the same; None when nobody looked."""
        verified: bool | None = self._values["verified"]
        return verified

    @property
    def is_complete(self) -> bool:
        """Whether everything is in the target: nothing failed, and no difference was found."""
        return not self._values["failed"] and self._values["verified"] is not False
