"""The manager of migrations: carries them out on an open storage, each once, and notes it in the same database."""

from __future__ import annotations

import contextlib
import inspect
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any, Final

import msgspec

from ...capability import Feature, Support
from ...core._async.engine import AsyncEngine
from ...core._async.port import AsyncSession
from ...core.options import Progress, TransactionOptions
from ...errors import (
    ConfigurationError,
    ConflictError,
    DuplicateError,
    MigrationError,
    StorageError,
    UnavailableError,
)
from ...model.descriptions import Description
from ...model.names import MIGRATIONS
from ...model.schema import schema_of
from ...query.filters import F
from ..awaiting import not_awaitable
from ..discovery import discovered, write_new
from ..drift import Drift, drift_of
from ..ids import now
from ..migrations import (
    DOWN,
    UP,
    Direction,
    Migration,
    MigrationHistory,
    MigrationPlan,
    MigrationStatus,
    Part,
    PlannedMigration,
    check_registered,
    chosen,
    history_id,
    overrides,
    parts_of,
    statuses,
    told,
)
from ..retries import retrying
from .repository import AsyncStorageRepository

__all__ = ["AsyncMigrationManager"]

_ATTEMPTS: Final = 1_000_000
"""Time is what ends the attempts."""


class AsyncMigrationManager:
    """Carries out migrations on the collections of open storages, and takes them back.

    What was applied is noted in the same database, in the collection ``torematrix_migrations``; where the engine has
    schema changes in transactions, in the same one. Of several processes that migrate at the same time one does it,
    and the others wait and find it done.

    Args:
        migrations: the migrations, in any order.
        patience: seconds to wait for another process that migrates, then UnavailableError.
        lease: seconds after which a process that migrates and shows no sign of life is taken for dead, on engines where
            its end does not show by itself (MongoDB). It is counted by the clock of whoever waits.
    """

    def __init__(
        self, migrations: Iterable[Migration] = (), *, patience: float = 600.0, lease: float = 60.0
    ) -> None:
        self._migrations: tuple[Migration, ...] = ()
        self._patience = patience
        self._lease = lease
        for migration in migrations:
            self._add(migration)
        self._migrations = check_registered(self._migrations)

    @property
    def migrations(self) -> tuple[Migration, ...]:
        """The registered migrations, in the order of their versions."""
        return check_registered(self._migrations)

    def register_migration(self, migration: Migration | type[Migration]) -> None:
        """Add a migration, or a class of one that is made without arguments.

        Raises:
            ConfigurationError: its version is not text of digits, or is there already.
        """
        self._add(migration)

    def _add(self, migration: Migration | type[Migration]) -> None:
        made = migration() if isinstance(migration, type) else migration
        if not isinstance(made, Migration):  # pyright: ignore[reportUnnecessaryIsInstance] - who knows what was given
            raise ConfigurationError("what is registered is a Migration")
        number = history_id("", made.version)
        if any(history_id("", known.version) == number for known in self._migrations):
            raise ConfigurationError(f"two migrations have the version {made.version}")
        self._migrations = (*self._migrations, made)

    def discover(self, place: str | Path | ModuleType) -> tuple[Migration, ...]:
        """Register every migration of a package, or of the Python files of a folder; those that were found.

        Args:
            place: a folder, a package, or the name of one.

        Raises:
            ConfigurationError: there is no such place, or a migration in it is not acceptable.
        """
        found = discovered(place)
        for migration in found:
            self.register_migration(migration)
        return found

    async def migrate(
        self,
        repository: AsyncStorageRepository[Any],
        target_version: str | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[MigrationHistory]:
        """Carry out what is pending on the repository's collection, up to a version; what was applied by this call.

        The repository's class may be the one that the collection will be of: the collection is not looked at through it
        before it is.

        Args:
            repository: of an open storage, or of one that is opened by its first use.
            target_version: the last one to carry out; None for all.
            progress: told how many entities of a migration are done, and how many there are.

        Raises:
            MigrationError: what was applied is not what is registered, or entities cannot be converted.
            ConfigurationError: a step does not apply to the collection.
            DuplicateError: entities do not meet a new unique constraint.
            UnavailableError: another process has been migrating for all of ``patience``.
        """
        return await self._run(repository, UP, target_version, progress)

    async def rollback(
        self,
        repository: AsyncStorageRepository[Any],
        target_version: str | None = None,
        *,
        progress: Progress | None = None,
    ) -> list[MigrationHistory]:
        """Take back what was applied after a version, the last first; what was taken back by this call.

        Args:
            repository: as for ``migrate``.
            target_version: the one to go back to, which stays applied; "000" for none; None to take back the last.
            progress: as for ``migrate``.

        Raises:
            MigrationError, ConfigurationError: as for ``migrate``; also where there is no way back.
            UnavailableError: as for ``migrate``.
        """
        return await self._run(repository, DOWN, target_version, progress)

    async def stamp(
        self, repository: AsyncStorageRepository[Any], target_version: str | None = None
    ) -> list[MigrationHistory]:
        """Note migrations up to a version as applied without carrying them out: the collection is as they leave it."""
        work = AsyncWork(repository, self.migrations, UP, target_version, None, stamps=True)
        return await self._carry_out(work)

    async def history(self, repository: AsyncStorageRepository[Any]) -> list[MigrationHistory]:
        """What is noted of the repository's collection, in the order of the versions."""
        return await AsyncWork(repository, self.migrations, UP, None, None).records()

    async def status(self, repository: AsyncStorageRepository[Any]) -> list[MigrationStatus]:
        """Where every migration stands on the repository's collection."""
        return statuses(self.migrations, await self.history(repository))

    async def plan(
        self,
        repository: AsyncStorageRepository[Any],
        target_version: str | None = None,
        *,
        direction: Direction = UP,
    ) -> MigrationPlan:
        """What ``migrate`` (or, with "down", ``rollback``) would do; nothing is changed.

        Raises:
            MigrationError, ConfigurationError, UnsupportedError: as it would, where that shows without the entities.
        """
        work = AsyncWork(repository, self.migrations, direction, target_version, None)
        return await work.plan()

    def new(self, folder: str | Path, description: str, *, source: str | None = None) -> Path:
        """Write the file of a new migration, numbered after the last one registered; its path.

        Args:
            folder: where it is written.
            description: what it is for; the file is named after it.
            source: the lines of its steps, as ``diff`` gives them; None for an example.
        """
        last = self.migrations[-1].version if self._migrations else None
        return write_new(Path(folder), last, description, source)

    async def diff(self, repository: AsyncStorageRepository[Any]) -> Drift:
        """How the class of the repository differs from what its collection is made for, and the steps to get there."""
        await repository.engine.open()
        described = (await repository.engine.driver.collections()).get(repository.collection_name)
        return drift_of(repository.collection_name, repository.collection.schema, described)

    async def _run(
        self,
        repository: AsyncStorageRepository[Any],
        direction: Direction,
        target: str | None,
        progress: Progress | None,
    ) -> list[MigrationHistory]:
        work = AsyncWork(repository, self.migrations, direction, target, progress)
        await work.plan()  # whatever shows without the entities is refused before anything is changed
        return await self._carry_out(work)

    async def _carry_out(self, work: AsyncWork) -> list[MigrationHistory]:
        done: list[MigrationHistory] = []
        if not await work.remaining():
            return done
        await work.prepare()
        if work.at_once:
            while (pending := await work.remaining()) is not None and pending:
                record = await self._at_once(work, pending[0])
                if record is not None:
                    done.append(record)
            return done
        lease = AsyncLease(work, self._lease)
        async for attempt in retrying(_ATTEMPTS, self._patience):
            with attempt:
                await lease.take()
        try:
            while pending := await work.remaining():
                done.append(await work.in_parts(pending[0], lease))
        finally:
            await lease.give_back()
        return done

    async def _at_once(self, work: AsyncWork, expected: Migration) -> MigrationHistory | None:
        async for attempt in retrying(_ATTEMPTS, self._patience):
            with attempt:
                return await work.in_transaction(expected)
        raise StorageError("the migration was never attempted")


class AsyncWork:
    """One call of the manager: a collection, and which way it is to go.

    Attributes:
        engine: what the collection is on.
        at_once: whether the engine changes schemas in transactions.
    """

    def __init__(
        self,
        repository: AsyncStorageRepository[Any],
        migrations: tuple[Migration, ...],
        direction: Direction,
        target: str | None,
        progress: Progress | None,
        *,
        stamps: bool = False,
    ) -> None:
        self.engine: AsyncEngine = repository.engine
        self.collection = repository.collection_name
        self._repository = repository
        self._migrations = migrations
        self._direction = direction
        self._target = target
        self._progress = progress
        self._stamps = stamps
        own = self.engine.collection(MIGRATIONS, schema_of(MigrationHistory, searchable=()))
        self._own = own
        self.ledger: AsyncStorageRepository[MigrationHistory] = AsyncStorageRepository(self.engine, own)

    @property
    def at_once(self) -> bool:
        """Whether the engine changes schemas in transactions."""
        return bool(self.engine.driver.restructures_at_once)

    async def prepare(self) -> None:
        """Make the collection of notes, and the note that is the lock."""
        await self.engine.open()
        await self.engine.prepare(self._own)
        identity = history_id(self.collection, MigrationHistory.lock)
        if await self.ledger.get(identity) is None:
            try:
                await self.ledger.create(
                    MigrationHistory(id=identity, collection=self.collection, state=MigrationHistory.lock)
                )
            except DuplicateError:
                return  # another process was first

    async def records(self) -> list[MigrationHistory]:
        """What is noted of the collection."""
        if self._own.plan is None:
            await self.engine.open()
            if MIGRATIONS not in await self.engine.driver.collections():
                return []
            await self.engine.prepare(self._own)
        notes = await self.ledger.list(F("collection") == self.collection)
        return sorted((note for note in notes if note.version), key=lambda note: int(note.version))

    async def remaining(self) -> list[Migration]:
        """The migrations that are to be carried out."""
        return self._chosen(await self.records())

    def _chosen(self, records: list[MigrationHistory]) -> list[Migration]:
        return chosen(self.collection, self._migrations, records, self._direction, self._target)

    async def _described(self) -> Description | None:
        return (await self.engine.driver.collections()).get(self.collection)

    async def plan(self) -> MigrationPlan:
        """What would be done."""
        records = await self.records()
        by_version = {int(record.version): record for record in records}
        described = await self._described()
        planned: list[PlannedMigration] = []
        for migration in self._chosen(records):
            record = by_version.get(int(migration.version))
            if record is None or record.state not in ("applying", "reverting"):
                _, described = self._parts(migration, described, record)
            planned.append(
                PlannedMigration(
                    migration.version,
                    migration.description,
                    self._direction,
                    told(migration, self._direction),
                )
            )
        return MigrationPlan(self.collection, tuple(planned))

    def _parts(
        self, migration: Migration, described: Description | None, record: MigrationHistory | None
    ) -> tuple[list[Part], Description | None]:
        backend = self.engine.driver.backend
        return parts_of(migration, self._direction, backend, self.collection, described, record)

    # ------------------------------------------------------------------------------------------------- in a transaction

    async def in_transaction(self, expected: Migration) -> MigrationHistory | None:
        """Carry out the next migration, all of it or nothing; None where another process did."""
        code = self._has_code(expected)
        if code:
            await self._prepare_class()
        began = monotonic()
        described = await self._described()
        options = TransactionOptions(restructures=not code)
        async with self.engine.transaction(options, unprepared=True) as scope:
            lock = await self.ledger.get(history_id(self.collection, MigrationHistory.lock))
            if lock is None:
                raise MigrationError("the note that is the lock is gone", collection=self.collection)
            await self.ledger.update(lock)  # whoever else is here waits, and finds it changed
            records = await self.records()
            pending = self._chosen(records)
            if not pending or pending[0].version != expected.version:
                return None
            noted = next((record for record in records if record.version == expected.version), None)
            if not self._stamps:
                parts, _ = self._parts(expected, described, noted)
                for part in parts:
                    await self._perform(expected, part, scope.root().session, uuid.uuid4().hex)
            record = await self._note(
                expected, None if self._stamps else described, noted, monotonic() - began
            )
        self.engine.forget(self.collection)
        return record

    async def _prepare_class(self) -> None:
        """Have the collection be of the class that code works with; where it cannot be, say so."""
        if self._repository.collection.plan is None:
            await self.engine.prepare(self._repository.collection)

    def _has_code(self, migration: Migration) -> bool:
        return not self._stamps and overrides(migration, self._direction)

    async def _note(
        self,
        migration: Migration,
        described: Description | None,
        noted: MigrationHistory | None,
        seconds: float,
    ) -> MigrationHistory:
        identity = history_id(self.collection, migration.version)
        if self._direction == DOWN:
            await self.ledger.delete(identity)
            return noted if noted is not None else self._fresh(migration, described)
        record = self._fresh(migration, described)
        record.applied_at, record.seconds = now(), seconds
        return await self.ledger.create(record)

    def _fresh(self, migration: Migration, described: Description | None) -> MigrationHistory:
        return MigrationHistory(
            id=history_id(self.collection, migration.version),
            collection=self.collection,
            version=migration.version,
            description=migration.description,
            checksum=migration.checksum,
            before=described,
        )

    async def _perform(
        self,
        migration: Migration,
        part: Part,
        session: AsyncSession | None,
        token: str,
        beat: Callable[[], Any] | None = None,
    ) -> None:
        asked = part.asked(self.collection, token, progress=self._progress, beat=beat)
        if asked is not None:
            try:
                await self.engine.driver.restructure(asked, session)
            except MigrationError as error:
                error.version = error.version or migration.version
                raise
        elif part.is_code:
            method = migration.up if self._direction == UP else migration.down
            await _called(method, self._repository)
        else:
            await self._tell(part, session)

    async def _tell(self, part: Part, session: AsyncSession | None) -> None:
        """Give the engine statements of its own."""
        driver = self.engine.driver
        handle: Any = driver.native(session)
        given = part.statements
        try:
            if callable(given):
                await _called(given, handle)
                return
            for statement in [given] if isinstance(given, str) else given or ():
                await _called(handle.execute, statement)
        except StorageError:
            raise
        except Exception as error:
            ours = driver.translate(error)
            if ours is None:
                raise
            raise MigrationError(
                "the engine refused a statement of the migration",
                backend=driver.backend,
                collection=self.collection,
            ) from error

    # --------------------------------------------------------------------------------------------------------- in parts

    async def in_parts(self, migration: Migration, lease: AsyncLease) -> MigrationHistory:
        """Carry out the next migration part by part, noting each that is done; one that was interrupted goes on."""
        began = monotonic()
        if self._stamps:
            return await self._note(migration, None, None, 0.0)
        note, parts = await self._begun(migration)
        for at in range(note.parts, len(parts)):
            try:
                note = await self._part(migration, parts[at], note, lease)
            except Exception as error:
                await self._stopped(migration, parts, note, error)
                raise
        self.engine.forget(self.collection)
        if self._direction == DOWN:
            await self.ledger.delete(history_id(self.collection, migration.version))
            return note
        note.state, note.applied_at, note.seconds, note.start = "applied", now(), monotonic() - began, None
        return await self.ledger.update(note)

    async def _begun(self, migration: Migration) -> tuple[MigrationHistory, list[Part]]:
        """The note of this attempt, and its parts; of one that was interrupted, those that it had."""
        note = await self.ledger.get(history_id(self.collection, migration.version))
        if note is not None and note.state == self._doing:
            # What it began with says what remains: by now the collection may be of another description.
            return note, self._parts(migration, note.start, note)[0]
        described = await self._described()
        parts, _ = self._parts(migration, described, note)
        fresh = note is None
        if note is None:
            note = self._fresh(migration, described)
        note.state, note.run, note.parts, note.start = self._doing, uuid.uuid4().hex, 0, described
        return await (self.ledger.create(note) if fresh else self.ledger.update(note)), parts

    @property
    def _doing(self) -> str:
        return "applying" if self._direction == UP else "reverting"

    async def _part(
        self, migration: Migration, part: Part, note: MigrationHistory, lease: AsyncLease
    ) -> MigrationHistory:
        token = f"{note.run}:{note.parts}"
        if part.is_code:
            await self._prepare_class()
            if self._has_transactions:
                async with self.engine.transaction(TransactionOptions(), unprepared=True):
                    await self._perform(migration, part, None, token)
                    return await self._noted(note)
        await self._perform(migration, part, None, token, lease.beat)
        self.engine.forget(self.collection)
        return await self._noted(note)

    @property
    def _has_transactions(self) -> bool:
        return self.engine.driver.capabilities.features[Feature.TRANSACTIONS].support is not Support.REFUSED

    async def _noted(self, note: MigrationHistory) -> MigrationHistory:
        return await self.ledger.update(msgspec.structs.replace(note, parts=note.parts + 1))

    async def _stopped(
        self, migration: Migration, parts: list[Part], note: MigrationHistory, error: Exception
    ) -> None:
        """Note nothing where nothing has been changed; otherwise say what remains."""
        part = parts[note.parts]
        refused = isinstance(error, (MigrationError, DuplicateError)) and part.before is not None
        if note.parts == 0 and (refused or (part.is_code and self._has_transactions)):
            if self._direction == UP:
                await self.ledger.delete(history_id(self.collection, migration.version))
            else:
                note.state, note.start = "applied", None
                await self.ledger.update(note)
            return
        if isinstance(error, StorageError):
            what = "migrating" if self._direction == UP else "rolling back"
            raise MigrationError(
                f"{what} {self.collection!r} stopped in part {note.parts + 1} of {len(parts)} of the migration "
                f"{migration.version}; what was done is kept, and doing it again goes on there: {error}",
                version=migration.version,
                backend=self.engine.driver.backend,
                collection=self.collection,
                retryable=error.retryable,
            ) from error


class AsyncLease:
    """The right to migrate a collection, for as long as whoever has it shows signs of life.

    Nobody compares clocks: who waits sees whether the note changes, by its own clock.
    """

    def __init__(self, work: AsyncWork, seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._owner = uuid.uuid4().hex
        self._note: MigrationHistory | None = None
        self._beaten = 0.0
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    async def take(self) -> None:
        """Take it; UnavailableError, to be tried again, while somebody else has it."""
        work = self._work
        note = await work.ledger.get(history_id(work.collection, MigrationHistory.lock))
        if note is None:
            raise MigrationError("the note that is the lock is gone", collection=work.collection)
        if note.run:
            seen = (note.run, note.beat)
            if seen != self._seen:
                self._seen, self._since = seen, monotonic()
            if monotonic() - self._since < self._seconds:
                raise UnavailableError(
                    f"another process is migrating {work.collection!r}; try again when it has finished",
                    backend=work.engine.driver.backend,
                    operation="migrate",
                    collection=work.collection,
                )
        note.run = self._owner
        self._note = await work.ledger.update(note)  # a ConflictError where somebody else was quicker
        self._beaten = monotonic()

    async def beat(self) -> None:
        """Show a sign of life, where the last one is a while ago.

        Raises:
            MigrationError: another process took this one for dead, and goes on in its place.
        """
        if self._note is None or monotonic() - self._beaten < self._seconds / 4:
            return
        try:
            self._note = await self._work.ledger.update(self._note)
        except ConflictError as error:
            self._note = None
            raise MigrationError(
                f"another process has taken over migrating {self._work.collection!r}",
                collection=self._work.collection,
            ) from error
        self._beaten = monotonic()

    async def give_back(self) -> None:
        """Let the next process take it at once; one that was taken over is not given back."""
        if self._note is not None:
            note, self._note = self._note, None
            note.run = ""
            with contextlib.suppress(StorageError):
                await self._work.ledger.update(note)


async def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function gives, or what it promises."""
    result = function(*arguments)
    # [sync-skip-start]
    if inspect.isawaitable(result):
        return await result
    # [sync-skip-end]
    return not_awaitable(result)
