# generated from _async/migrating.py by tools/generate_twins.py: do not edit
"""The manager of migrations: carries them out on an open storage, each once, and notes it in the same database."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from ...core.options import Progress
from ...errors import (
    ConfigurationError,
    StorageError,
)
from ..discovery import discovered, write_new
from ..drift import Drift, drift_of
from ..migrations import (
    DOWN,
    UP,
    Direction,
    Migration,
    MigrationHistory,
    MigrationPlan,
    MigrationStatus,
    check_registered,
    history_id,
    statuses,
)
from ..retries import retrying
from .lease import Lease
from .migration_work import MigrationWork
from .repository import StorageRepository, own_repository

__all__ = ["MigrationManager"]

_ATTEMPTS: Final = 1_000_000
"""Time is what ends the attempts."""


class MigrationManager:
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
        if not isinstance(migrations, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigurationError("a manager takes a list of migrations")
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
        _ = made.checksum  # of the source as it is now, which may be edited while this process runs
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

    def migrate(
        self,
        repository: StorageRepository[Any],
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
        return self._run(repository, UP, target_version, progress)

    def rollback(
        self,
        repository: StorageRepository[Any],
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
        return self._run(repository, DOWN, target_version, progress)

    def stamp(
        self, repository: StorageRepository[Any], target_version: str | None = None
    ) -> list[MigrationHistory]:
        """Note migrations up to a version as applied without carrying them out: the collection is as they leave it."""
        work = MigrationWork(repository, self.migrations, UP, target_version, None, stamps=True)
        return self._carry_out(work)

    def history(self, repository: StorageRepository[Any]) -> list[MigrationHistory]:
        """What is noted of the repository's collection, in the order of the versions."""
        return MigrationWork(repository, self.migrations, UP, None, None).records()

    def status(self, repository: StorageRepository[Any]) -> list[MigrationStatus]:
        """Where every migration stands on the repository's collection."""
        return statuses(self.migrations, self.history(repository))

    def plan(
        self,
        repository: StorageRepository[Any],
        target_version: str | None = None,
        *,
        direction: Direction = UP,
    ) -> MigrationPlan:
        """What ``migrate`` (or, with "down", ``rollback``) would do; nothing is changed.

        Raises:
            MigrationError, ConfigurationError, UnsupportedError: as it would, where that shows without the entities.
        """
        work = MigrationWork(repository, self.migrations, direction, target_version, None)
        return work.plan()

    def new(self, folder: str | Path, description: str, *, drift: Drift | None = None) -> Path:
        """Write the file of a new migration, numbered after the last one registered; its path.

        Args:
            folder: where it is written.
            description: what it is for; the file is named after it.
            drift: what ``diff`` found, whose steps it takes; None for an example.

        Raises:
            ConfigurationError: the description names nothing, or the file is there already.
        """
        last = self.migrations[-1].version if self._migrations else None
        return write_new(Path(folder), last, description, drift)

    def diff(self, repository: StorageRepository[Any]) -> Drift:
        """How the class of the repository differs from what its collection is made for, and the steps to get there."""
        own_repository(repository).engine.open()
        described = repository.engine.driver.collections().get(repository.collection_name)
        return drift_of(repository.collection_name, repository.collection.schema, described)

    def _run(
        self,
        repository: StorageRepository[Any],
        direction: Direction,
        target: str | None,
        progress: Progress | None,
    ) -> list[MigrationHistory]:
        work = MigrationWork(repository, self.migrations, direction, target, progress)
        work.plan()  # whatever shows without the entities is refused before anything is changed
        return self._carry_out(work)

    def _carry_out(self, work: MigrationWork) -> list[MigrationHistory]:
        done: list[MigrationHistory] = []
        if not work.remaining():
            return done
        work.prepare()
        try:
            (self._one_by_one if work.at_once else self._in_turn)(work, done)
        finally:
            work.renew()
        return done

    def _one_by_one(self, work: MigrationWork, done: list[MigrationHistory]) -> None:
        while pending := work.remaining():
            record = self._at_once(work, pending[0])
            if record is not None:
                done.append(record)

    def _in_turn(self, work: MigrationWork, done: list[MigrationHistory]) -> None:
        lease = Lease(work, self._lease)
        for attempt in retrying(_ATTEMPTS, self._patience):
            with attempt:
                lease.take()
        try:
            while pending := work.remaining():
                done.append(work.in_parts(pending[0], lease.beat))
        finally:
            lease.give_back()

    def _at_once(self, work: MigrationWork, expected: Migration) -> MigrationHistory | None:
        for attempt in retrying(_ATTEMPTS, self._patience):
            with attempt:
                return work.in_transaction(expected)
        raise StorageError("the migration was never attempted")
