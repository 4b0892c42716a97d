"""A move while applications go on writing to the source: followed, verified, and cut over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

import msgspec

from ...capability import Feature
from ...core._async.comparing import AsyncComparison
from ...core._async.following import AsyncFollower
from ...core._async.moving import AsyncLedger
from ...core.moves import NAMED, Checkpoint, Differences, MoveOptions, MoveReport
from ...core.options import TransactionOptions
from ...errors import ConfigurationError
from ..ahead import AsyncAhead
from ..ids import now_text
from ..retries import retrying
from .legs import AsyncLeg, count_of, origin_of
from .migration_work import notes_of

__all__ = ["AsyncLiveMove", "check_source"]

_LONGEST: Final = 0.8
"""So many seconds writers wait at most for what is left to be done."""
_ATTEMPTS: Final = 40
_DEADLINE: Final = 120.0


async def check_source(leg: AsyncLeg) -> None:
    """Raise UnsupportedError unless the writes of others to the source can be followed."""
    await leg.source.require(Feature.LIVE_MOVES, "move")


class _DifferError(Exception):
    """Both sides differ behind the fence, so that it does not stay."""


class AsyncLiveMove:
    """What a live move does around the copying of each collection.

    Attributes:
        token: names the move, by its target.
        position: where the notes begin, for engines that keep them by time.

    Args:
        legs: the collections, all of one source and one target.
        ledger: the target's checkpoints.
        options: how to go about it.
        patient: how to try again.
        tell: told how many writes of others were followed.
    """

    def __init__(
        self,
        legs: Sequence[AsyncLeg],
        ledger: AsyncLedger,
        options: MoveOptions,
        patient: Callable[[], Any],
        tell: Callable[[int], object],
    ) -> None:
        self.token = ""
        self.position = ""
        self._legs = legs
        self._ledger = ledger
        self._options = options
        self._patient = patient
        self._tell = tell
        self._source, self._target = legs[0].source, legs[0].target
        self._follower: AsyncFollower | None = None
        self._checkpoints: dict[str, Checkpoint] = {}
        self._described: dict[str, Any] = {}
        self._is_over = False

    @property
    def follower(self) -> AsyncFollower:
        """What follows, once it has begun."""
        assert self._follower is not None
        return self._follower

    async def begin(self, known: Mapping[str, Checkpoint | None]) -> None:
        """Have every write from now on be noted.

        Args:
            known: the checkpoints to resume, by the name of the collection in the source; None to begin anew.

        Raises:
            ConfigurationError: another live move of the source has begun, or this one was not noted all the while.
        """
        self._described = await self._descriptions()
        routes = {leg.name: await leg.route() for leg in self._legs}
        follower = AsyncFollower(
            routes, self._ledger, self._patient, now_text, self._tell, self._options.batch_size
        )
        self.token = await origin_of(self._target)
        followed = await follower.begin(self.token)
        before = followed.before
        if before is not None and before.token != self.token:
            raise ConfigurationError(
                "another live move of this source, to another target, has begun: complete it, or release the source",
                backend=self._source.driver.backend,
            )
        for name, checkpoint in known.items():
            if checkpoint is not None and (before is None or name not in before.collections):
                raise ConfigurationError(
                    f"what others have written to {name!r} since the move was interrupted was not noted, since the "
                    "source was released: empty the target's collection and move from the beginning",
                    backend=self._source.driver.backend,
                    collection=name,
                )
        # A fence that stands was put up when both sides were the same; by now the target is being written to.
        self._is_over = before is not None and all(
            name in before.fenced and checkpoint is not None and checkpoint.finished
            for name, checkpoint in known.items()
        )
        self.position = followed.position
        self._follower = follower

    def copied(self, leg: AsyncLeg, checkpoint: Checkpoint) -> None:
        """Note that a collection has been copied."""
        self._checkpoints[leg.name] = checkpoint

    async def _descriptions(self, stored: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The schema of each collection, as it is stored or was seen to be, and which migrations are noted of it."""
        found = await self._source.driver.collections() if stored is None else stored
        described: dict[str, Any] = {}
        for leg in self._legs:
            notes = await notes_of(self._source, leg.name, stored)
            made_by = [(note.version, note.state, note.checksum) for note in notes]
            described[leg.name] = (found.get(leg.name), made_by)
        return described

    async def finish(
        self, reports: Sequence[MoveReport], teller: Callable[[int, str], Callable[[int], None]]
    ) -> list[MoveReport]:
        """Catch up, compare both sides and cut over; the reports on the collections.

        Args:
            reports: those on the copying.
            teller: gives what is told how far the comparison of a collection has come.
        """
        follower = self.follower
        # The one that has come least far: a run over other collections has not followed these.
        first, *others = sorted(self._checkpoints.values(), key=lambda each: each.followed)
        for other in others:
            for name, ids in other.deferred.items():
                first.deferred[name] = list(dict.fromkeys([*first.deferred.get(name, ()), *ids]))
        follower.checkpoint = first
        for name, checkpoint in self._checkpoints.items():
            follower.refused.update({(name, each["id"]): each["error"] for each in checkpoint.errors})
        if self._is_over:
            return [
                await self._report(leg, report, Differences(), 0.0, 0.0)
                for leg, report in zip(self._legs, reports, strict=True)
            ]
        await follower.drain()
        for other in others:
            await follower.keep_place(other)
        await follower.retry()
        seconds: list[float] = []
        follower.doubts = self._options.verifies
        for at, leg in enumerate(self._legs):
            started = perf_counter()
            if self._options.verifies:
                await self._compare(leg, teller(at, leg.name))
            seconds.append(perf_counter() - started)
        differences, pause = await self._cut_over()
        return [
            await self._report(leg, report, differences.get(leg.name, Differences()), pause, seconds[at])
            for at, (leg, report) in enumerate(zip(self._legs, reports, strict=True))
        ]

    async def _compare(self, leg: AsyncLeg, tell: Callable[[int], None]) -> None:
        there = (await leg.target.collections()).get(leg.target_name)
        route = await msgspec.structs.replace(leg, there=there).as_it_is()
        doubtful = self.follower.doubtful.setdefault(leg.name, {})
        comparison = AsyncComparison(
            *(route, self._patient, AsyncAhead, self._options.batch_size, tell),
            lambda found: doubtful.update({found: None}),
        )
        await comparison.run()

    async def _cut_over(self) -> tuple[dict[str, Differences], float | None]:
        """What differs, and how long writers had to wait; None for that where the source stays as it is."""
        differences: dict[str, Differences] = {}
        pause: float | None = None
        async for attempt in retrying(_ATTEMPTS, _DEADLINE):
            with attempt:
                await self.follower.settle()
                self._check_described(await self._descriptions())
                differences.clear()
                pause = await self._fence(differences)
        return differences, pause

    async def _fence(self, differences: dict[str, Differences]) -> float | None:
        follower, source = self.follower, self._source
        started = perf_counter()
        try:
            if source.driver.fences_at_once:
                # Writers wait for the end of this transaction, and find the fence, or nothing.
                async with source.transaction(TransactionOptions(restructures=True)):
                    await self._behind_the_fence(differences)
            else:
                try:
                    await self._behind_the_fence(differences)
                    await follower.fence_done()
                except BaseException:
                    await follower.unfence()
                    raise
        except _DifferError:
            return None
        return perf_counter() - started

    async def _behind_the_fence(self, differences: dict[str, Differences]) -> None:
        fenced = await self.follower.fence()
        self._check_described(await self._descriptions(fenced.described))
        differences.update(await self.follower.finish(_LONGEST))
        if any(found.total for found in differences.values()):
            raise _DifferError

    def _check_described(self, now: Mapping[str, Any]) -> None:
        """Raise ConfigurationError where the source's collections are not those any more that the move began with."""
        for leg in self._legs:
            if now[leg.name] != self._described[leg.name]:
                raise ConfigurationError(
                    f"the schema of {leg.name!r} was changed, or it was migrated, while it was moved: release the "
                    "source, empty the target and move again",
                    backend=self._source.driver.backend,
                    collection=leg.name,
                )

    async def _report(
        self,
        leg: AsyncLeg,
        report: MoveReport,
        differences: Differences,
        pause: float | None,
        seconds: float,
    ) -> MoveReport:
        named = {each["id"] for each in self._checkpoints[leg.name].errors}
        refused = {key[1]: reason for key, reason in self.follower.refused.items() if key[0] == leg.name}
        failed = report["failed"] - len(named - set(refused)) + len(set(refused) - named)
        total = report["total_entities"] if pause is None else await count_of(leg.source, leg.origin)
        return MoveReport(
            {
                **report,
                "total_entities": total,
                "migrated": max(0, total - failed - report["skipped"]),
                "failed": failed,
                "errors": [{"id": each, "error": reason} for each, reason in refused.items()][:NAMED],
                "duration_seconds": report["copy_seconds"] + seconds,
                "verify_seconds": seconds,
                "verified": (differences.total == 0) if self._options.verifies else None,
                "differences": msgspec.structs.asdict(differences),
                "caught_up": self.follower.count,
                "cut_over": pause is not None,
                "pause_seconds": pause,
            }
        )
