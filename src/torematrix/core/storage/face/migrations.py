"""Migrations as values: what one is, what is noted of it, and which are to be carried out; no I/O."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

import msgspec

from ..core.restructuring import Restructuring
from ..errors import ConfigurationError, MigrationError, UnsupportedError
from ..model.descriptions import Description
from ..model.markers import Revision
from ..model.steps import Change, Convert, RawStep, Statements, Step
from .checksums import checksum_of

__all__ = [
    "DOWN",
    "UP",
    "Direction",
    "Migration",
    "MigrationHistory",
    "MigrationPlan",
    "MigrationStatus",
    "Part",
    "PlannedMigration",
    "check_registered",
    "chosen",
    "history_id",
    "number_of",
    "overrides",
    "parts_of",
    "statuses",
    "told",
]

_VERSION: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_DATED: Final = 8
"""Versions of so many digits are dates, or times, and may leave numbers out."""

Direction: TypeAlias = Literal["up", "down"]
UP: Final = "up"
DOWN: Final = "down"


def number_of(version: object) -> int:
    """The number of a version such as "001"; ConfigurationError for any other text."""
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ConfigurationError('a version is text of 1 to 18 digits, such as "001"')
    return int(version)


class Migration:
    """One change of a collection, and how it is taken back.

    Either ``steps`` say what is done, the same on every engine, and how they are taken back follows; or ``up`` and
    ``down`` are overridden with code that works with the repository it is given. The class is made into a migration by
    its attributes, or an object by arguments: ``Migration("001", "pages are counted", [AddField("pages", int, 0)])``.

    Attributes:
        version: text of digits, such as "001"; they are carried out in the order of their numbers.
        description: what it is for, in a few words.
        steps: what is done, in order.
    """

    version: str = ""
    description: str = ""
    steps: Sequence[Step] = ()

    def __init__(
        self, version: str | None = None, description: str | None = None, steps: Iterable[Step] | None = None
    ) -> None:
        if version is not None:
            self.version = version
        if description is not None:
            self.description = description
        if steps is not None:
            self.steps = tuple(steps)

    def up(self, repository: Any) -> Any:
        """Carry it out, with the repository that was given to the manager; may be ``async`` where the manager is.

        Where the engine has transactions it runs in one, together with the note that it was applied.
        """
        raise NotImplementedError("the steps are carried out by the manager")

    def down(self, repository: Any) -> Any:
        """Take it back, likewise."""
        raise NotImplementedError("the steps are taken back by the manager")

    @functools.cached_property
    def checksum(self) -> str:
        """What says whether it is still the migration that was applied: of the steps and the code, in hexadecimal."""
        code = [type(self).up, type(self).down]
        return checksum_of(
            [*self.steps, *(each for each in code if each not in (Migration.up, Migration.down))]
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.version}: {self.description}>"


class MigrationHistory(msgspec.Struct, kw_only=True):
    """What is noted of a migration in the database it was applied to.

    Attributes:
        id: of the note.
        collection: the collection that was migrated.
        version, description, checksum: the migration's.
        state: "applied", or "applying" and "reverting" where it was interrupted on an engine that works in steps.
        applied_at: when it was done.
        seconds: how long it took.
        parts: how many parts of it are done, where it was interrupted.
        run: what names this attempt.
        before: the description of the collection's schema before it; None where there was no collection.
        start: the one that the present attempt began with.
        beat: counts the changes of the note.
    """

    id: str | None = None
    collection: str
    version: str = ""
    description: str = ""
    checksum: str = ""
    state: str = "applied"
    applied_at: datetime | None = None
    seconds: float = 0.0
    parts: int = 0
    run: str = ""
    before: dict[str, Any] | None = None
    start: dict[str, Any] | None = None
    beat: Annotated[int, Revision()] = 0

    lock: ClassVar[str] = "lock"


def history_id(collection: str, version: str) -> str:
    """The id of the note of a migration, or of the collection's lock."""
    return f"{collection}:{version if version == MigrationHistory.lock else number_of(version)}"


class MigrationStatus(msgspec.Struct, frozen=True):
    """Where one migration stands.

    Attributes:
        version, description: the migration's.
        state: "pending", "applied", "applying" or "reverting" where it was interrupted, "changed" where another
            checksum was applied, "unknown" where it was applied and is not registered.
        applied_at: when it was applied, None otherwise.
    """

    version: str
    description: str
    state: str
    applied_at: datetime | None = None


class PlannedMigration(msgspec.Struct, frozen=True):
    """One migration as it would be carried out.

    Attributes:
        version, description: the migration's.
        direction: "up" or "down".
        what: what would be done, in order.
    """

    version: str
    description: str
    direction: Direction
    what: tuple[str, ...]


class MigrationPlan(msgspec.Struct, frozen=True):
    """What would be done to a collection; nothing has been.

    Attributes:
        collection: its name.
        migrations: in the order in which they would be carried out.
    """

    collection: str
    migrations: tuple[PlannedMigration, ...]

    def __bool__(self) -> bool:
        return bool(self.migrations)

    def __str__(self) -> str:
        if not self.migrations:
            return f"{self.collection}: nothing to do"
        lines = [f"{self.collection}:"]
        for each in self.migrations:
            lines.append(f"  {each.direction} {each.version} {each.description}".rstrip())
            lines += [f"    {told}" for told in each.what]
        return "\n".join(lines)


class Part(msgspec.Struct, frozen=True):
    """What is done in one go of a migration: a restructuring, an engine's own statements, or code.

    Attributes:
        before, after: the descriptions, for a restructuring.
        convert: what becomes of every document.
        statements: what the engine is told.
        is_code: whether ``up`` or ``down`` is called.
    """

    before: Description | None = None
    after: Description | None = None
    convert: Convert | None = None
    statements: Statements = None
    is_code: bool = False

    def asked(self, collection: str, token: str, **how: Any) -> Restructuring | None:
        """The restructuring it is, None for another part."""
        if self.before is None or self.after is None:
            return None
        return Restructuring(collection, self.before, self.after, self.convert, token, **how)


def check_registered(migrations: Iterable[Migration]) -> tuple[Migration, ...]:
    """The migrations in the order of their numbers.

    Raises:
        ConfigurationError: two have the same number, one is left out, or a version is not one.
    """
    ordered = sorted(migrations, key=lambda migration: number_of(migration.version))
    for before, after in itertools.pairwise(ordered):
        first, second = number_of(before.version), number_of(after.version)
        if first == second:
            raise ConfigurationError(f"two migrations have the version {after.version}")
        if second != first + 1 and min(len(before.version), len(after.version)) < _DATED:
            raise ConfigurationError(
                f"a migration is missing between {before.version} and {after.version}; versions of {_DATED} digits and "
                "more, such as dates, may leave numbers out"
            )
    return tuple(ordered)


def chosen(
    collection: str,
    registered: Sequence[Migration],
    records: Sequence[MigrationHistory],
    direction: Direction,
    target: str | None,
) -> list[Migration]:
    """The migrations to carry out, in order, one that was interrupted first.

    Raises:
        MigrationError: what was applied is not what is registered, or there is no way to the target.
    """
    by_number = {number_of(migration.version): migration for migration in registered}
    ordered = sorted(records, key=lambda record: number_of(record.version))
    for record in ordered:
        _check_known(collection, record, by_number.get(number_of(record.version)))
    applied = [record for record in ordered if record.state != "applying"]
    for migration, record in zip(registered, applied, strict=False):
        if number_of(migration.version) != number_of(record.version):
            raise MigrationError(
                f"the migration {migration.version} was left out: {collection!r} is at {applied[-1].version} without "
                "it",
                version=migration.version,
                collection=collection,
            )
    interrupted = next((record for record in ordered if record.state != "applied"), None)
    at = _place(collection, registered, target, direction)
    if direction == UP:
        if interrupted is not None and interrupted.state == "reverting":
            raise _unfinished(collection, interrupted, "rolling back")
        return list(registered[len(applied) : at])
    if interrupted is not None and interrupted.state == "applying":
        raise _unfinished(collection, interrupted, "migrating")
    return list(reversed(registered[at : len(applied)]))


def _place(collection: str, registered: Sequence[Migration], target: str | None, direction: Direction) -> int:
    """How many of the migrations there are up to the target."""
    if target is None:
        return len(registered)
    number = number_of(target)
    numbers = [number_of(migration.version) for migration in registered]
    if number in numbers:
        return numbers.index(number) + 1
    if number == 0 and direction == DOWN:
        return 0
    raise MigrationError(f"there is no migration {target}", version=target, collection=collection)


def _check_known(collection: str, record: MigrationHistory, migration: Migration | None) -> None:
    if migration is None:
        raise MigrationError(
            f"the migration {record.version} was applied to {collection!r} and is not known here; register it, or run "
            "what knows it",
            version=record.version,
            collection=collection,
        )
    if record.checksum != migration.checksum:
        raise MigrationError(
            f"the migration {record.version} is not the one that was applied to {collection!r}: it has been changed "
            "since; restore it, and write another one for what is to change",
            version=record.version,
            collection=collection,
        )


def _unfinished(collection: str, record: MigrationHistory, what: str) -> MigrationError:
    return MigrationError(
        f"{what} {collection!r} was interrupted in {record.version}, of which {record.parts} parts are done; finish "
        "that first",
        version=record.version,
        collection=collection,
    )


def statuses(registered: Sequence[Migration], records: Sequence[MigrationHistory]) -> list[MigrationStatus]:
    """Where every migration stands, those that are registered and those that were applied."""
    by_number = {number_of(record.version): record for record in records}
    found: dict[int, MigrationStatus] = {}
    for migration in registered:
        record = by_number.get(number_of(migration.version))
        state = "pending" if record is None else record.state
        if record is not None and record.checksum != migration.checksum:
            state = "changed"
        at = None if record is None else record.applied_at
        found[number_of(migration.version)] = MigrationStatus(
            migration.version, migration.description, state, at
        )
    for number, record in by_number.items():
        if number not in found:
            found[number] = MigrationStatus(record.version, record.description, "unknown", record.applied_at)
    return [found[number] for number in sorted(found)]


def overrides(migration: Migration, direction: Direction) -> bool:
    """Whether the direction is code of the migration's own, rather than its steps."""
    return getattr(type(migration), direction) is not getattr(Migration, direction)


def parts_of(
    migration: Migration,
    direction: Direction,
    backend: str,
    collection: str,
    now: Description | None,
    record: MigrationHistory | None,
) -> tuple[list[Part], Description | None]:
    """What is done of a migration, in order, and the description afterwards.

    Args:
        migration: the migration.
        direction: which way.
        backend: the engine's name.
        collection: the collection's name.
        now: its description, None where it does not exist: then there is nothing to convert.
        record: what was noted when it was applied, for the way back.

    Raises:
        ConfigurationError: a step does not apply, or cannot be taken back.
        MigrationError: there is no way back.
        UnsupportedError: a step is not for this engine.
    """
    if overrides(migration, direction):
        return [Part(is_code=True)], now
    if direction == DOWN and overrides(migration, UP):
        raise MigrationError(
            f"the migration {migration.version} has no `down`, so there is no way back from it",
            version=migration.version,
            collection=collection,
        )
    raws = [step for step in migration.steps if isinstance(step, RawStep)]
    if now is None:
        return [_raw(step, backend, direction, migration) for step in _in_order(raws, direction)], None
    steps: list[tuple[Step, Description | None]] = [(step, None) for step in migration.steps]
    if direction == DOWN:
        steps = _with_earlier(migration, collection, record)
    parts: list[Part] = []
    pending: list[Change] = []
    start = now
    for step, earlier in steps:
        change = step.forward(collection, now) if earlier is None else step.backward(collection, earlier, now)
        if isinstance(step, RawStep):
            _flush(parts, pending, start)
            parts.append(_raw(step, backend, direction, migration))
            start = now
        else:
            pending.append(change)
            now = change.after
    _flush(parts, pending, start)
    return parts, now


def _in_order(steps: list[RawStep], direction: Direction) -> list[RawStep]:
    return steps if direction == UP else steps[::-1]


def _with_earlier(
    migration: Migration, collection: str, record: MigrationHistory | None
) -> list[tuple[Step, Description | None]]:
    """The steps, last first, each with the description from before it."""
    earlier = None if record is None else record.before
    if earlier is None:
        raise MigrationError(
            f"the migration {migration.version} was noted as applied to {collection!r} without being carried out, so "
            "there is no way back from it",
            version=migration.version,
            collection=collection,
        )
    pairs: list[tuple[Step, Description | None]] = []
    for step in migration.steps:
        pairs.append((step, earlier))
        earlier = step.forward(collection, earlier).after
    return pairs[::-1]


def _flush(parts: list[Part], pending: list[Change], before: Description) -> None:
    """Make one part of the changes that have gathered: every document is made anew once, whatever their number."""
    if not pending:
        return
    converts = [change.convert for change in pending if change.convert is not None]
    after = pending[-1].after
    pending.clear()
    if converts or after != before:
        parts.append(Part(before=before, after=after, convert=_composed(converts) if converts else None))


def _composed(converts: Sequence[Convert]) -> Convert:
    def convert(document: Any) -> Any:
        for each in converts:
            document = each(document)
        return document

    return convert


def _raw(step: RawStep, backend: str, direction: Direction, migration: Migration) -> Part:
    taken = step if direction == UP else step.inverse
    given = None if taken is None else taken.on(backend)
    if given is None:
        raise UnsupportedError(
            f"the migration {migration.version} has a raw step that says nothing for {backend}; give it `{backend}=`, "
            "with () where there is nothing to do",
            backend=backend,
            operation="migrate",
        )
    return Part(statements=given)


def told(migration: Migration, direction: Direction) -> tuple[str, ...]:
    """What would be done of a migration, in words."""
    if overrides(migration, direction):
        return (f"run its own `{direction}`",)
    steps = migration.steps if direction == UP else migration.steps[::-1]
    return tuple(("" if direction == UP else "take back: ") + step.told() for step in steps)
