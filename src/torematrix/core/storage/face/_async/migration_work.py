"""One call of the manager of migrations: what is noted of a collection, and carrying out the next migration."""

from __future__ import annotations

import contextlib
import inspect
import uuid
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final

import msgspec

from ...capability import Feature, Support
from ...core._async.engine import AsyncEngine
from ...core._async.port import AsyncSession
from ...core.options import Progress, TransactionOptions
from ...errors import ConfigurationError, DuplicateError, MigrationError, StorageError, UnavailableError
from ...model.descriptions import Description
from ...model.schema import schema_of
from ...query.filters import F
from ..awaiting import not_awaitable
from ..ids import now
from ..migrations import (
    DOWN,
    UP,
    Direction,
    Migration,
    MigrationHistory,
    MigrationPlan,
    Part,
    PlannedMigration,
    chosen,
    history_id,
    overrides,
    parts_of,
    told,
)
from .repository import AsyncStorageRepository, own_repository

__all__ = ["AsyncMigrationWork", "keep_notes", "notes_of"]

MIGRATIONS: Final = "torematrix_migrations"
"""The collection of notes."""


def _ledger(engine: AsyncEngine) -> AsyncStorageRepository[MigrationHistory]:
    own = engine.own_collection(MIGRATIONS, schema_of(MigrationHistory, searchable=()))
    return AsyncStorageRepository(engine, own)


async def notes_of(
    engine: AsyncEngine, collection: str, stored: Mapping[str, Any] | None = None
) -> list[MigrationHistory]:
    """What is noted of the migrations of a collection, in their order.

    Args:
        engine: the database.
        collection: the collection's name.
        stored: what is known to be stored there, in a transaction that others wait for.

    Raises:
        UnavailableError: in such a transaction, the notes were begun a moment ago.
    """
    ledger = _ledger(engine)
    if ledger.collection.plan is None and stored is not None:
        if MIGRATIONS in stored:
            raise UnavailableError("others have just begun to migrate; try again", operation="migrate")
        return []
    if ledger.collection.plan is None:  # in a transaction, whose writes others wait for, it has one
        await engine.open()
        if MIGRATIONS not in await engine.driver.collections():
            return []
        await engine.ensure(ledger.collection)
    notes = await ledger.list(F("collection") == collection)
    return sorted((note for note in notes if note.version), key=lambda note: int(note.version))


async def keep_notes(engine: AsyncEngine, collection: str, notes: list[MigrationHistory]) -> None:
    """Note the same of a collection that holds the same entities; what is noted there already stays."""
    ledger = _ledger(engine)
    for note in notes:
        identity = history_id(collection, note.version)
        with contextlib.suppress(DuplicateError):
            await ledger.create(msgspec.structs.replace(note, id=identity, collection=collection))


class AsyncMigrationWork:
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
        self.engine: AsyncEngine = own_repository(repository).engine
        self.collection = repository.collection_name
        self._repository = repository
        self._migrations = migrations
        self._direction: Direction = direction
        self._target = target
        self._progress = progress
        self._stamps = stamps
        self.ledger = _ledger(self.engine)
        self._own = self.ledger.collection

    @property
    def at_once(self) -> bool:
        """Whether the engine changes schemas in transactions."""
        return bool(self.engine.driver.restructures_at_once)

    async def prepare(self) -> None:
        """Make the collection of notes, and the note that is the lock."""
        await self.engine.open()
        await self.engine.ensure(self._own)
        identity = history_id(self.collection, MigrationHistory.lock)
        if await self.ledger.get(identity) is None:
            try:
                await self.ledger.create(
                    MigrationHistory(id=identity, collection=self.collection, state=MigrationHistory.lock)
                )
            except DuplicateError:
                return  # another process was first

    async def renew(self) -> None:
        """Have the collection ready for the classes that fit it now, and for the repository's, if it can be."""
        if self._direction == UP:
            with contextlib.suppress(ConfigurationError, DuplicateError, UnavailableError):
                await self._prepare_class()
        await self.engine.renew(self.collection)

    async def records(self) -> list[MigrationHistory]:
        """What is noted of the collection."""
        return await notes_of(self.engine, self.collection)

    async def remaining(self) -> list[Migration]:
        """The migrations that are to be carried out."""
        return self._chosen(await self.records())

    def _chosen(self, records: list[MigrationHistory]) -> list[Migration]:
        if self._target is None and self._direction == DOWN:
            # The last one alone: what is the last changes while it is taken back.
            applied = [record.version for record in records if record.state != "applying"]
            self._target = applied[-2] if len(applied) > 1 else "0"
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
        await self.engine.ensure(self._repository.collection)

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

    async def in_parts(self, migration: Migration, beat: Callable[[], Any]) -> MigrationHistory:
        """Carry out the next migration part by part, noting each that is done; one that was interrupted goes on."""
        began = monotonic()
        if self._stamps:
            return await self._note(migration, None, None, 0.0)
        note, parts = await self._begun(migration)
        for at in range(note.parts, len(parts)):
            try:
                note = await self._part(migration, parts[at], note, beat)
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
        self, migration: Migration, part: Part, note: MigrationHistory, beat: Callable[[], Any]
    ) -> MigrationHistory:
        token = f"{note.run}:{note.parts}"
        if part.is_code:
            await self._prepare_class()
            if self._has_transactions:
                async with self.engine.transaction(TransactionOptions(), unprepared=True):
                    await self._perform(migration, part, None, token)
                    return await self._noted(note)
        await self._perform(migration, part, None, token, beat)
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


async def _called(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function gives, or what it promises."""
    result = function(*arguments)
    # [sync-skip-start]
    if inspect.isawaitable(result):
        return await result
    # [sync-skip-end]
    return not_awaitable(result)
