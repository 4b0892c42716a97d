"""Having a target hold what others write to the source while it is copied, and after."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, Final, TypeVar

import msgspec

from ...errors import CommitUnknown, NotFoundError, UnavailableError
from ...model.codec import Row
from ...model.crossing import canonical_bytes
from ...query.operations import FetchMany, Insert, Remove
from ..following import Changed, Changes, Fence, Fenced, Follow, Followed, Forget, Reopen
from ..moves import Checkpoint, Differences, Item, PageSize, is_refusal, reason_of
from ..options import TransactionOptions
from .comparing import expected_of
from .moving import AsyncLedger, AsyncRetrying, Route, taken_over

__all__ = ["AsyncFollower"]

R = TypeVar("R")

_NOTES: Final = 10_000
"""So many notes are read at once: of few ids, where these are written to again and again."""
_CALM: Final = 200
"""So few notes and doubts are left to a pause, or what takes so many seconds."""
_SHORT: Final = 0.25
_ROUNDS: Final = 200


class AsyncFollower:
    """The writes of others to a source, brought to the target one batch of ids after the other.

    Nothing is made of what a write did: each id that was written or deleted is looked up in the source, and the target
    is made to hold the same, or nothing. So neither the order nor the number of the notes matters, a batch that is done
    twice does no harm, and what was deleted does not come back.

    Attributes:
        checkpoint: the one of the first collection, which is stored with each batch.
        count: how many notes have been followed.
        doubtful: since ``doubts``, the ids by collection of which nobody has seen that both sides hold the same.
        refused: why something could not be stored in the target, by collection and id.

    Args:
        routes: from where to where, by the collection's name in the source.
        ledger: the target's checkpoints.
        retrying: how to try again.
        now: the time, as canonical text.
        tell: told how many notes have been followed.
        most: how many entities are read at once at most.
    """

    def __init__(
        self,
        routes: Mapping[str, Route],
        ledger: AsyncLedger,
        retrying: AsyncRetrying,
        now: Callable[[], str],
        tell: Callable[[int], object],
        most: int,
    ) -> None:
        self.checkpoint = Checkpoint(id="", origin="", backend="", collection="", runner="")
        self.count = 0
        self.doubtful: dict[str, dict[str, None]] = {}
        self.refused: dict[tuple[str, str], str] = {}
        self.doubts = False
        self._routes = routes
        self._ledger = ledger
        self._retrying = retrying
        self._now = now
        self._tell = tell
        self._most = most
        self._waiting = False
        self._token = ""
        self._mover = secrets.token_hex(8)
        first = next(iter(routes.values()))
        self._source, self._target = first.source, first.target
        self._names = tuple(routes)

    async def begin(self, token: str) -> Followed:
        """Have every write from now on be noted."""
        self._token = token
        followed: Followed = await self._trying(lambda: self._source.follow(Follow(token, self._names)))
        return followed

    async def drain(self) -> None:
        """Follow until there is little left."""
        for _ in range(_ROUNDS):
            started = perf_counter()
            if (await self._round()).count < _CALM or perf_counter() - started < _SHORT:
                return

    async def settle(self) -> None:
        """Follow, and look at what is in doubt, until there is little left of either."""
        for _ in range(_ROUNDS):
            started = perf_counter()
            count = (await self._round()).count
            before = self._doubts()
            await self._compare(None)
            is_short = perf_counter() - started < _SHORT
            if is_short or (count < _CALM and (self._doubts() < _CALM or self._doubts() >= before)):
                return

    def _doubts(self) -> int:
        return sum(map(len, self.doubtful.values()))

    async def finish(self, longest: float) -> dict[str, Differences]:
        """Behind the fence: follow all that is left, and look at all that is in doubt; what differs, by collection.

        Raises:
            UnavailableError: there is more than can be done in ``longest`` seconds.
        """
        started = perf_counter()
        self._waiting = True
        try:
            await self._reread()
            while not (await self._round()).is_last:
                if perf_counter() - started > longest:
                    raise UnavailableError(
                        "others write more than can be followed while they wait; try when there is less to do",
                        operation="move",
                    )
            await self._store_deferred()
            differences: dict[str, Differences] = {}
            await self._compare(differences)
        finally:
            self._waiting = False
        return differences

    async def fence(self) -> Fenced:
        """Have the source take no more writes."""
        fenced: Fenced = await self._source.follow(Fence(self._token, self._names, self._mover))
        return fenced

    async def fence_done(self) -> None:
        """Have those told who wait at the fence, where it is no part of a transaction."""
        await self._source.follow(Fence(self._token, self._names, self._mover, done=True))

    async def unfence(self) -> None:
        """Have it take writes again there, unless the fence is done, and note them."""
        await self._source.follow(Reopen(self._token, self._mover))

    async def keep_place(self, checkpoint: Checkpoint) -> None:
        """Note with another collection, too, how far all are followed: it may be moved on its own next."""
        name = str(checkpoint.id)

        async def store() -> None:
            stored = await self._ledger.read(name)
            if stored is None or stored.runner != checkpoint.runner:
                raise taken_over(name)
            stored.followed = self.checkpoint.followed
            await self._ledger.store(stored, self._now())

        if checkpoint.followed != self.checkpoint.followed:
            await self._trying(store)

    async def retry(self) -> None:
        """Store again what the target has refused so far: by now it may not be."""
        for name in self._names:
            refused = dict.fromkeys(each for known, each in self.refused if known == name)
            size = PageSize(self._most)
            for part in _parts([*refused], size):
                for item in await self._store(name, await self._items(name, part, size)):
                    self._judge(name, item)

    # ------------------------------------------------------------------------------------------------------ the work

    async def _trying(self, work: Callable[[], Awaitable[R]]) -> R:
        """The result of work, tried again unless others are waiting for it."""
        if self._waiting:
            return await work()
        results: list[R] = []
        async for attempt in self._retrying():
            with attempt:
                if attempt.num > 1 and self.checkpoint.id:
                    await self._reread()
                results.append(await work())
        return results[-1]

    async def _round(self) -> Changed:
        """Follow the next notes."""
        asked = Changes(self._token, self._names, self.checkpoint.followed, _NOTES)
        changed: Changed = await self._trying(lambda: self._source.follow(asked))
        for name, ids in changed.ids.items():
            await self._follow(name, ids)
        self.checkpoint.followed = changed.position
        if changed.count:
            if changed.position:
                await self._trying(self._store_checkpoint)
            self.count += changed.count
            self._tell(self.count)
        if changed.numbers:
            await self._trying(lambda: self._source.follow(Forget(self._token, changed.numbers)))
        return changed

    async def _follow(self, name: str, ids: Sequence[str]) -> None:
        if self.doubts:
            self.doubtful.setdefault(name, {}).update(dict.fromkeys(ids))
        size = PageSize(self._most)
        refused: list[Item] = []
        for part in _parts(ids, size):
            refused += await self._store(name, await self._items(name, part, size))
        if refused:
            deferred = self.checkpoint.deferred
            deferred[name] = list(dict.fromkeys([*deferred.get(name, ()), *(item.id for item in refused)]))
            await self._trying(self._store_checkpoint)

    async def _items(self, name: str, ids: tuple[str, ...], size: PageSize) -> list[Item]:
        """What the source holds of these, as the target is to hold it."""
        route = self._routes[name]
        rows: list[Row] = await self._trying(lambda: route.source.run(FetchMany(route.origin, ids)))
        size.learn(rows)
        found = {str(row[0]): row for row in rows}
        return [_item(route, entity_id, found.get(entity_id)) for entity_id in ids]

    async def _store(self, name: str, items: Sequence[Item]) -> list[Item]:
        """Have the target hold these, but for those that it refuses: these, with the reason."""
        try:
            await self._trying(lambda: self._store_once(name, items))
        except Exception as error:
            if not is_refusal(error):
                raise
            if len(items) == 1:
                return [Item(items[0].id, None, error)]
            middle = len(items) // 2
            refused = await self._store(name, items[:middle])
            return refused + await self._store(name, items[middle:])
        return []

    async def _store_once(self, name: str, items: Sequence[Item]) -> None:
        destination = self._routes[name].destination
        rows = tuple(item.row for item in items if item.row is not None)
        try:
            async with self._target.transaction(TransactionOptions()):
                stored = await self._ledger.store(self.checkpoint, self._now())
                await self._target.run(Remove(destination, tuple(item.id for item in items)))
                if rows:
                    await self._target.run(Insert(destination, rows))
        except CommitUnknown as error:
            error.retryable = True  # to do it again does no harm
            raise
        except NotFoundError as error:
            raise taken_over(destination.name) from error
        self.checkpoint = stored
        for item in items:
            self._judge(name, item)

    async def _store_checkpoint(self) -> None:
        try:
            self.checkpoint = await self._ledger.store(self.checkpoint, self._now())
        except CommitUnknown as error:
            error.retryable = True
            raise
        except NotFoundError as error:
            raise taken_over(str(self.checkpoint.id)) from error

    async def _reread(self) -> None:
        """Find out which checkpoint is stored, after an attempt to store one has failed or seemed to."""
        stored = await self._ledger.read(str(self.checkpoint.id))
        if stored is None or stored.runner != self.checkpoint.runner:
            raise taken_over(str(self.checkpoint.id))
        self.checkpoint.revision = stored.revision

    async def _store_deferred(self) -> None:
        """Store what had to wait for others: first nothing of it is there, so that nothing of it is in the way."""
        before = dict(self.checkpoint.deferred)
        for name in self._names:
            ids = self.checkpoint.deferred.get(name)
            if not ids:
                continue
            items: list[Item] = []
            size = PageSize(self._most)
            for part in _parts(ids, size):
                items += await self._items(name, part, size)
            await self._store_once(name, [msgspec.structs.replace(item, row=None) for item in items])
            refused = await self._store(name, items)
            for item in refused:
                self._judge(name, item)
            if self.doubts:
                self.doubtful.setdefault(name, {}).update(dict.fromkeys(ids))
            # What is refused still is tried again when the move is resumed.
            self.checkpoint.deferred[name] = [item.id for item in refused]
        deferred = {name: ids for name, ids in self.checkpoint.deferred.items() if ids}
        if deferred != before:
            self.checkpoint.deferred = deferred
            await self._store_checkpoint()

    def _judge(self, name: str, item: Item) -> None:
        """Note why it is not in the target, or that nothing stands against it any more."""
        if item.error is None:
            self.refused.pop((name, item.id), None)
        else:
            self.refused[name, item.id] = reason_of(item.error)

    async def _compare(self, differences: dict[str, Differences] | None) -> None:
        """Look at what is in doubt; what is found to be the same is so no more."""
        for name, doubtful in self.doubtful.items():
            route = self._routes[name]
            as_bytes = canonical_bytes(route.destination.codec)
            ids = list(doubtful)
            size = PageSize(self._most)
            for part in _parts(ids, size):
                here: list[Row] = await self._run(route.source.run, FetchMany(route.origin, part))
                there: list[Row] = await self._run(route.target.run, FetchMany(route.destination, part))
                size.learn(here)
                wanted = {str(row[0]): expected_of(route, as_bytes, row) for row in here}
                stored = {str(row[0]): as_bytes(row) for row in there}
                for entity_id in part:
                    one, other = wanted.get(entity_id), stored.get(entity_id)
                    if one == other:
                        del doubtful[entity_id]
                    elif differences is not None:
                        kind = "missing" if other is None else "extra" if one is None else "different"
                        differences.setdefault(name, Differences()).add(kind, entity_id)

    async def _run(self, run: Callable[[Any], Awaitable[Any]], operation: FetchMany) -> list[Row]:
        rows: list[Row] = await self._trying(lambda: run(operation))
        return rows


def _item(route: Route, entity_id: str, row: Row | None) -> Item:
    if row is None:
        return Item(entity_id, None)
    try:
        return Item(entity_id, route.convert(row))
    except Exception as error:  # noqa: BLE001 - whatever transform_fn raises is about this entity
        return Item(entity_id, None, error)


def _parts(ids: Sequence[str], size: PageSize) -> Iterator[tuple[str, ...]]:
    """These in parts, each of the size that is right by then."""
    done = 0
    while done < len(ids):
        part = tuple(ids[done : done + size.rows])
        done += len(part)
        yield part
