# generated from _async/moving.py by tools/generate_twins.py: do not edit
"""The copying of one collection from one engine to another, batch by batch, each with its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from ...errors import CommitUnknown, ConflictError, DuplicateError, NotFoundError
from ...model.codec import Row
from ...model.schema import schema_of
from ...query.conditions import Compare, Comparison, Condition, all_of
from ...query.operations import Collection, Fetch, Find, Found, Insert, Remove, Replace, SortKey
from ...query.resolve import resolve
from ..moves import CHECKPOINTS, Checkpoint, Item, MoveOptions, PageSize, advanced, is_refusal
from ..options import TransactionOptions
from .engine import Engine

__all__ = ["Beside", "Copy", "Ledger", "Pages", "Retrying", "Route", "taken_over"]

Beside: TypeAlias = Callable[[Callable[[], Any]], Any]
"""What runs a function beside its caller: a context manager with ``begin()`` and, for the result, ``take()``."""
Retrying: TypeAlias = Callable[[], Any]
"""Attempts to iterate over, each a context manager that swallows a passing failure until the last."""


class Route(msgspec.Struct, frozen=True):
    """From where to where a collection is moved, and what becomes of its rows on the way.

    Attributes:
        source, target: the databases.
        origin, destination: the collection in each.
        convert: the target's row for one of the source's; None to leave it out. It raises what stands against it.
        foreign: whether that calls functions of the application, which may care who calls them.
    """

    source: Engine
    target: Engine
    origin: Collection
    destination: Collection
    convert: Callable[[Row], Row | None]
    foreign: bool = False


class Pages:
    """The rows of a collection in the order of their ids, page by page.

    Each page is a read of its own, so that no snapshot, cursor or connection is held while its rows are written
    elsewhere, and a lost connection costs one page.

    Args:
        engine: the database.
        collection: the collection.
        retrying: how to try again.
        most: how many rows a page has at most.
        position: the id behind which to begin, "" for the beginning.
    """

    def __init__(
        self,
        engine: Engine,
        collection: Collection,
        retrying: Retrying,
        most: int,
        position: str = "",
    ) -> None:
        self.position = position
        self._engine = engine
        self._collection = collection
        self._retrying = retrying
        self._size = PageSize(most)
        self._id = resolve(collection.schema, collection.schema.id.name).target
        self._sort = (SortKey(self._id, descending=False),)

    def _behind(self, until: str | None) -> Condition:
        conditions: list[Condition] = []
        if self.position:
            conditions.append(Compare(self._id, Comparison.GT, self.position))
        if until is not None:
            conditions.append(Compare(self._id, Comparison.LE, until))
        return all_of(conditions)

    def read(self, until: str | None = None, at_least: int = 1) -> tuple[list[Row], bool]:
        """The next rows, of ids up to ``until``, and whether there may be more of these.

        ``at_least`` is how many are asked for at the least.
        """
        asked = max(self._size.rows, at_least)
        find = Find(self._collection, self._behind(until), self._sort, asked, 0, with_total=False)
        rows: list[Row] = []
        for attempt in self._retrying():
            with attempt:
                found: Found = self._engine.run(find)
                rows = found.rows
        self._size.learn(rows)
        if rows:
            self.position = str(rows[-1][0])
        return rows, len(rows) == asked


class Ledger:
    """The checkpoints in a target, one for each of its collections that was moved to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.collection = engine.own_collection(CHECKPOINTS, schema_of(Checkpoint, searchable=()))
        self._codec = self.collection.codec

    def is_there(self) -> bool:
        """Whether the database has any checkpoints; nothing is made."""
        self._engine.open()
        return CHECKPOINTS in self._engine.driver.collections()

    def read(self, name: str) -> Checkpoint | None:
        """The checkpoint of a collection, None where it was never moved to."""
        row = self._engine.run(Fetch(self.collection, name))
        return None if row is None else self._codec.decode(row)

    def begin(self, known: Checkpoint | None, checkpoint: Checkpoint, now: str) -> Checkpoint:
        """Store a new checkpoint in place of the one that is known to be there; the checkpoint as stored.

        Raises:
            ConflictError: by now there is another one.
        """
        row = self._codec.row_to_create(checkpoint, now, lambda: "")
        try:
            with self._engine.transaction(TransactionOptions()):
                if known is not None:
                    self.store(known, now)
                    self._engine.run(Remove(self.collection, (str(known.id),)))
                self._engine.run(Insert(self.collection, (row,)))
        except (ConflictError, DuplicateError, NotFoundError) as error:
            raise taken_over(str(checkpoint.id)) from error
        stored: Checkpoint = self._codec.decode(row)
        return stored

    def take(self, known: Checkpoint, runner: str, now: str) -> Checkpoint:
        """Make a checkpoint this runner's; it raises as ``begin`` does.

        In a transaction, so that MongoDB says at once, and does not wait, where that of a killed move still stands.
        """
        try:
            with self._engine.transaction(TransactionOptions()):
                return self.store(msgspec.structs.replace(known, runner=runner), now)
        except (ConflictError, NotFoundError) as error:
            raise taken_over(str(known.id)) from error

    def store(self, checkpoint: Checkpoint, now: str) -> Checkpoint:
        """Put a checkpoint in the place of the one it was made from; the checkpoint as stored.

        Raises:
            ConflictError: somebody else has stored one meanwhile.
        """
        rows = self._engine.run(Replace(self.collection, (self._codec.row_to_replace(checkpoint, now),)))
        stored: Checkpoint = self._codec.decode(rows[0])
        return stored

    def remove(self, name: str) -> None:
        """Forget a collection."""
        self._engine.run(Remove(self.collection, (name,)))


class Copy:
    """The copying of one collection, from its checkpoint on.

    Args:
        route: from where to where.
        ledger: the target's checkpoints.
        checkpoint: how far it has come, as stored.
        options: how to go about it.
        retrying: how to try again.
        beside: how to read a page while another one is stored.
        now: the time, as canonical text.
        tell: told how many entities have been gone through.
    """

    def __init__(
        self,
        route: Route,
        ledger: Ledger,
        checkpoint: Checkpoint,
        options: MoveOptions,
        retrying: Retrying,
        beside: Beside,
        now: Callable[[], str],
        tell: Callable[[int], object],
    ) -> None:
        self.checkpoint = checkpoint
        self._route = route
        self._ledger = ledger
        self._options = options
        self._retrying = retrying
        self._beside = beside
        self._now = now
        self._tell = tell

    def run(self) -> Checkpoint:
        """Copy what is left, a page being read while the one before it is stored; the last checkpoint."""
        route, options = self._route, self._options
        pages = Pages(
            route.source, route.origin, self._retrying, options.batch_size, self.checkpoint.position
        )
        if self.checkpoint.finished:
            return self.checkpoint

        def ahead() -> Sequence[Row | Item]:
            rows, _ = pages.read()
            return rows if route.foreign else self._items(rows)

        with self._beside(ahead) as reading:
            reading.begin()
            while page := reading.take():
                reading.begin()
                self._store(self._items(page))
                self._tell(self.checkpoint.done)
        if not options.is_dry:
            self._write([], msgspec.structs.replace(self.checkpoint, finished=True))
        return self.checkpoint

    def _items(self, page: Sequence[Row | Item]) -> list[Item]:
        return [row if isinstance(row, Item) else self._item(row) for row in page]

    def _item(self, row: Row) -> Item:
        try:
            return Item(str(row[0]), self._route.convert(row))
        except Exception as error:  # noqa: BLE001 - whatever transform_fn raises is about this entity
            return Item(str(row[0]), None, error)

    def _store(self, items: Sequence[Item]) -> None:
        """Store these, without those that are refused; or up to the first of them, if that is to stop the move."""
        if self._options.stops:
            refused = next((at for at, item in enumerate(items) if item.error is not None), None)
            if refused is not None:
                self._store_sound(items[:refused])
                _stop(items[refused])
        self._store_sound(items)

    def _store_sound(self, items: Sequence[Item]) -> None:
        if not items:
            return
        try:
            self._write(items, advanced(self.checkpoint, items))
        except Exception as error:
            if not is_refusal(error) or all(item.row is None for item in items):
                raise
            if len(items) > 1:
                # Halves, until what is refused stands alone.
                middle = len(items) // 2
                self._store_sound(items[:middle])
                self._store_sound(items[middle:])
                return
            refused = Item(items[0].id, None, error)
            if self._options.stops:
                _stop(refused)
            self._write([refused], advanced(self.checkpoint, [refused]))

    def _write(self, items: Sequence[Item], checkpoint: Checkpoint) -> None:
        """Write the rows of these, and the checkpoint behind them, together."""
        if self._options.is_dry:
            self.checkpoint = checkpoint
            return
        rows = tuple(item.row for item in items if item.row is not None)
        for attempt in self._retrying():
            with attempt:
                if attempt.num > 1:
                    stored = self._stored_meanwhile(checkpoint)
                    if stored is not None:
                        self.checkpoint = stored
                        return
                self.checkpoint = self._write_once(rows, checkpoint)

    def _write_once(self, rows: tuple[Row, ...], checkpoint: Checkpoint) -> Checkpoint:
        target = self._route.target
        try:
            with target.transaction(TransactionOptions()):
                # First, so that of two moves into one collection the later one finds out before it writes a row.
                stored = self._ledger.store(checkpoint, self._now())
                if rows:
                    target.run(Insert(self._route.destination, rows))
        except CommitUnknown as error:
            error.retryable = True  # the checkpoint will tell
            raise
        except NotFoundError as error:
            raise taken_over(self._route.destination.name) from error
        return stored

    def _stored_meanwhile(self, checkpoint: Checkpoint) -> Checkpoint | None:
        """The checkpoint as stored, where an attempt that seemed to fail has succeeded; None where it has not."""
        stored = self._ledger.read(str(checkpoint.id))
        if stored is None or stored.runner != checkpoint.runner:
            raise taken_over(self._route.destination.name)
        return stored if stored.revision > checkpoint.revision else None


def _stop(item: Item) -> None:
    error = item.error
    assert error is not None
    error.add_note(
        f"the move has stopped at the entity {item.id!r}; everything before it is in the target, and the move can be "
        "resumed"
    )
    raise error


def taken_over(name: str) -> ConflictError:
    """The error for a move that finds another process moving into the same collection."""
    return ConflictError(
        f"another process is moving into {name!r} at the same time: this one has stopped",
        collection=name,
        operation="move",
        retryable=False,
    )
