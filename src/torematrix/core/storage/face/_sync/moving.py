# generated from _async/moving.py by tools/generate_twins.py: do not edit
"""``BackendMigrator``: entities from one database to another, whatever their engines, verified."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any, Final, Literal, TypeVar

import msgspec

from ...core._sync.comparing import Comparison
from ...core._sync.moving import Copy, Ledger
from ...core.following import Release
from ...core.moves import BATCH, Checkpoint, Differences, MoveOptions, MoveProgress, MoveReport, Stage, Told
from ...errors import ConfigurationError, InvalidQueryError, StorageError
from ..ahead import Ahead
from ..ids import now_text
from ..migrations import MigrationHistory
from ..retries import retrying
from .contract import Repository
from .legs import Leg, begun, check_target, checked, count_of, leg_of_repositories, leg_of_storages
from .live import LiveMove, check_source
from .migration_work import keep_notes, notes_of
from .repository import own_repository
from .storage import Storage

__all__ = ["BackendMigrator"]

S = TypeVar("S")
T = TypeVar("T")

_LARGEST_BATCH: Final = 100_000
_ATTEMPTS: Final = 6
_DEADLINE: Final = 30.0  # seconds


def _retrying() -> Any:
    return retrying(_ATTEMPTS, _DEADLINE)


class BackendMigrator:
    """Moves entities between databases of any two engines, and proves that they have arrived.

    Ids, timestamps, revisions and values come over exactly. Nothing is written to the source. Each batch is stored in
    one transaction with the checkpoint: a move that was killed is resumed, and nothing is lost or stored twice.

    Args:
        batch_size: how many entities are written at once, at most; fewer where they are large.
        on_error: what becomes of an entity that ``transform_fn`` raises for or the target refuses: "collect" leaves it
            out and names it in the report, "stop" ends the move there.
        resume: go on with an unfinished move of the same source where the target holds one.
        verify: compare both sides at the end.
        dry_run: look at everything and write nothing.
        watcher: told how far it has come, through copying and verifying.
        live: applications go on writing to the source meanwhile. What they write is followed; once both sides are the
            same, the source takes no more writes: who writes there meets MovedError.
    """

    def __init__(
        self,
        batch_size: int = BATCH,
        *,
        on_error: Literal["collect", "stop"] = "collect",
        resume: bool = False,
        verify: bool = True,
        dry_run: bool = False,
        watcher: Told | None = None,
        live: bool = False,
    ) -> None:
        if type(batch_size) is not int or not 1 <= batch_size <= _LARGEST_BATCH:
            raise InvalidQueryError(f"batch_size is an int from 1 to {_LARGEST_BATCH:,}")
        if on_error not in ("collect", "stop"):
            raise InvalidQueryError('on_error is "collect" or "stop"')
        self._options = MoveOptions(
            batch_size, on_error == "stop", resume, verify, dry_run, live and not dry_run
        )
        self._watcher = watcher

    def migrate_data(
        self,
        source_repo: Repository[S],
        target_repo: Repository[T],
        transform_fn: Callable[[S], T | None] | None = None,
        progress_callback: Callable[[int, int], object] | None = None,
    ) -> MoveReport:
        """Move every entity of one repository into another, which is empty.

        Args:
            source_repo: where they are; nothing is written there.
            target_repo: where they go. Without ``transform_fn`` its class declares the same fields with the same types,
                and what only other versions of the class know comes over too.
            transform_fn: makes the entity to store of the stored one, keeping its id; None leaves it out.
            progress_callback: called with how many have been gone through and how many there are, after each batch.

        Returns:
            A mapping with ``total_entities``, ``migrated``, ``failed``, ``errors``, ``duration_seconds`` and more.

        Raises:
            ConfigurationError: the target is not empty, has another schema, or is the source itself.
            UnsupportedError: the target lacks what a move takes: a standalone MongoDB has no transactions.
            ConflictError: another process is moving into the same collection.
            StorageError: an engine failed; the move can be resumed.
        """
        leg = leg_of_repositories(own_repository(source_repo), own_repository(target_repo), transform_fn)
        return self._move([leg], progress_callback)[0]

    def move(
        self,
        source: Storage,
        target: Storage,
        collections: Iterable[str] | None = None,
        progress_callback: Callable[[int, int], object] | None = None,
    ) -> MoveReport:
        """Move collections of one storage into another; the classes of their entities are not needed.

        Args:
            source: where they are; nothing is written there.
            target: where they go, under the same names; these are new or empty.
            collections: their names; None for all.
            progress_callback: as for ``migrate_data``, over all collections.

        Returns:
            The sums, and the report of each collection under ``collections``. It raises as ``migrate_data`` does; all
            collections are looked at before anything is written.
        """
        legs = _legs(source, target, collections)
        return _summed(legs, self._move(legs, progress_callback))

    def verify_data(
        self,
        source_repo: Repository[S],
        target_repo: Repository[T],
        transform_fn: Callable[[S], T | None] | None = None,
    ) -> MoveReport:
        """Compare two repositories as ``migrate_data`` does at its end; nothing is written."""
        leg = leg_of_repositories(own_repository(source_repo), own_repository(target_repo), transform_fn)
        return self._verify([leg])[0]

    def verify(
        self, source: Storage, target: Storage, collections: Iterable[str] | None = None
    ) -> MoveReport:
        """Compare collections of two storages as ``move`` does at its end; nothing is written."""
        legs = _legs(source, target, collections)
        return _summed(legs, self._verify(legs))

    def release(self, source: Storage) -> None:
        """Have a storage that was moved live, or from which such a move was interrupted, take writes as before.

        What was written to the target since is not there. A live move cannot be resumed after this.
        """
        source.engine.open()
        source.engine.follow(Release())

    # ------------------------------------------------------------------------------------------------------ the work

    def _move(self, legs: Sequence[Leg], callback: Callable[[int, int], object] | None) -> list[MoveReport]:
        options = self._options
        ledgers = [Ledger(leg.target) for leg in legs]
        known: dict[str, Checkpoint | None] = {}
        for leg, ledger in zip(legs, ledgers, strict=True):
            if options.is_live:
                check_source(leg)
            known[leg.name] = checked(leg, ledger, resumes=options.resumes, live=options.is_live)
        notes = [_migrations_of(leg) for leg in legs]
        totals = [count_of(leg.source, leg.origin) for leg in legs]
        work = _Work(options, self._watcher, callback, totals)
        if options.is_live and legs:
            work.live = LiveMove(legs, ledgers[0], options, _retrying, work.caught_up)
            work.live.begin(known)
            notes = [_migrations_of(leg) for leg in legs]
        copied: list[MoveReport] = []
        for at, (leg, ledger) in enumerate(zip(legs, ledgers, strict=True)):
            copied.append(work.copy(at, leg, ledger))
            if not options.is_dry:
                keep_notes(leg.target, leg.target_name, notes[at])
        if work.live is not None:
            return work.live.finish(copied, work.verifying)
        if options.verifies and not options.is_dry:
            copied = [work.compare(at, leg, copied[at]) for at, leg in enumerate(legs)]
        return copied

    def _verify(self, legs: Sequence[Leg]) -> list[MoveReport]:
        totals = [count_of(leg.source, leg.origin) for leg in legs]
        work = _Work(self._options, self._watcher, None, totals)
        return [
            work.compare(at, leg, MoveReport(work.values(at, leg, None, 0.0, 0)))
            for at, leg in enumerate(legs)
        ]


class _Work:
    """A run over several collections."""

    def __init__(
        self,
        options: MoveOptions,
        watcher: Told | None,
        callback: Callable[[int, int], object] | None,
        totals: list[int],
    ) -> None:
        self._options = options
        self._watcher = watcher
        self._callback = callback
        self._totals = totals
        self._runner = secrets.token_hex(8)
        self.live: LiveMove | None = None

    def verifying(self, at: int, name: str) -> Callable[[int], None]:
        """What is told how far the comparison of a collection has come."""
        return self._teller(at, name, Stage.VERIFYING)

    def caught_up(self, done: int) -> None:
        """Tell how many writes of others were followed."""
        if self._watcher is not None:
            self._watcher(MoveProgress("", Stage.CATCHING_UP, done, done))

    def _teller(self, at: int, name: str, stage: Stage) -> Callable[[int], None]:
        before, total = sum(self._totals[:at]), sum(self._totals)

        def tell(done: int) -> None:
            come = before + done
            if self._watcher is not None:
                self._watcher(MoveProgress(name, stage, come, max(come, total)))
            if self._callback is not None and stage is Stage.COPYING:
                self._callback(come, max(come, total))

        return tell

    def copy(self, at: int, leg: Leg, ledger: Ledger) -> MoveReport:
        """Copy one collection."""
        options = self._options
        if options.is_dry:
            checkpoint = Checkpoint(id=leg.target_name, origin="", backend="", collection=leg.name, runner="")
            route = leg.dry()
        else:
            token, position = ("", "") if self.live is None else (self.live.token, self.live.position)
            checkpoint = begun(
                leg,
                ledger,
                resumes=options.resumes,
                runner=self._runner,
                now=now_text(),
                live=token,
                followed=position,
            )
            route = leg.route()
        resumed = checkpoint.done
        tell = self._teller(at, leg.name, Stage.COPYING)
        started = perf_counter()
        copy = Copy(route, ledger, checkpoint, options, _retrying, Ahead, now_text, tell)
        try:
            checkpoint = copy.run()
        except StorageError as error:
            done = copy.checkpoint.done
            error.add_note(
                f"{done:,} of {self._totals[at]:,} entities of {leg.name!r} have been gone through, and "
                f"{copy.checkpoint.migrated:,} are in the target: the move can be resumed"
            )
            raise
        if self.live is not None:
            self.live.copied(leg, checkpoint)
        return MoveReport(self.values(at, leg, checkpoint, perf_counter() - started, resumed))

    def values(
        self, at: int, leg: Leg, checkpoint: Checkpoint | None, seconds: float, resumed: int
    ) -> dict[str, Any]:
        """What there is to report of one collection before both sides are compared."""
        done = 0 if checkpoint is None else checkpoint.done
        return {
            "collection": leg.name,
            "target_collection": leg.target_name,
            "total_entities": max(self._totals[at], done),
            "migrated": 0 if checkpoint is None else checkpoint.migrated,
            "skipped": 0 if checkpoint is None else checkpoint.skipped,
            "failed": 0 if checkpoint is None else checkpoint.failed,
            "errors": [] if checkpoint is None else checkpoint.errors,
            "resumed": resumed,
            "duration_seconds": seconds,
            "copy_seconds": seconds,
            "verify_seconds": 0.0,
            "rate": (done - resumed) / max(seconds, 1e-6),
            "dry_run": self._options.is_dry,
            "verified": None,
            "differences": msgspec.structs.asdict(Differences()),
            "checksum": None,
            "caught_up": 0,
            "cut_over": False,
            "pause_seconds": None,
        }

    def compare(self, at: int, leg: Leg, report: MoveReport) -> MoveReport:
        """The report on a collection, both sides being compared."""
        there = leg.target.collections().get(leg.target_name)
        route = msgspec.structs.replace(leg, there=there).as_it_is()
        tell = self.verifying(at, leg.name)
        started = perf_counter()
        comparison = Comparison(route, _retrying, Ahead, self._options.batch_size, tell)
        differences = comparison.run()
        seconds = perf_counter() - started
        return MoveReport(
            {
                **report,
                "duration_seconds": report["copy_seconds"] + seconds,
                "verify_seconds": seconds,
                "verified": differences.total == 0,
                "differences": msgspec.structs.asdict(differences),
                "checksum": comparison.checksum,
            }
        )


def _migrations_of(leg: Leg) -> list[MigrationHistory]:
    """What has made the collection what it is, which is as true of the target; nothing where entities are changed."""
    if leg.transform is not None:
        return []
    notes = notes_of(leg.source, leg.name)
    for note in notes:
        if note.state != "applied":
            raise ConfigurationError(
                f"the migration {note.version} of {leg.name!r} was interrupted: have it complete before the move",
                backend=leg.source.driver.backend,
                collection=leg.name,
            )
    return notes


def _legs(source: Storage, target: Storage, collections: Iterable[str] | None) -> list[Leg]:
    for storage in (source, target):
        if not isinstance(storage, Storage):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError(f"a move is between storages, and {type(storage).__name__} is none")
    if isinstance(collections, str):
        raise ConfigurationError("collections takes a list of names")
    check_target(target.engine)
    known = source.collections()
    names = list(known) if collections is None else list(dict.fromkeys(collections))
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"the source has no collection {name!r}", backend=source.backend, collection=name
            )
    return [leg_of_storages(source.engine, target.engine, name, known[name]) for name in names]


def _summed(legs: Sequence[Leg], reports: Sequence[MoveReport]) -> MoveReport:
    """One report of several."""
    by_name = {leg.name: report for leg, report in zip(legs, reports, strict=True)}

    def total(key: str) -> Any:
        return sum(report[key] for report in reports)

    kinds = ("missing", "extra", "different")
    verified = [report["verified"] for report in reports]
    return MoveReport(
        {
            "collection": "",
            "target_collection": "",
            **{key: total(key) for key in ("total_entities", "migrated", "skipped", "failed", "resumed")},
            "errors": [
                {"collection": name, **each} for name, one in by_name.items() for each in one["errors"]
            ],
            **{key: total(key) for key in ("duration_seconds", "copy_seconds", "verify_seconds")},
            "rate": sum(report["rate"] * report["copy_seconds"] for report in reports)
            / max(total("copy_seconds"), 1e-6),
            "dry_run": any(report["dry_run"] for report in reports),
            "verified": None if None in verified else all(verified),
            "differences": {kind: sum(report["differences"][kind] for report in reports) for kind in kinds},
            "checksum": None,
            "caught_up": max((report["caught_up"] for report in reports), default=0),
            "cut_over": bool(reports) and all(report["cut_over"] for report in reports),
            "pause_seconds": max((report["pause_seconds"] or 0.0 for report in reports), default=None)
            if any(report["cut_over"] for report in reports)
            else None,
            "collections": by_name,
        }
    )
