"""What is looked at before a collection is moved, and the way its rows take."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from ...capability import Feature
from ...core._async.engine import AsyncEngine
from ...core._async.moving import AsyncLedger, Route
from ...core.moves import CHECKPOINTS, Checkpoint
from ...errors import ConfigurationError, InvalidEntityError, Where
from ...model.codec import Row
from ...model.crossing import row_check, row_crossing
from ...model.evolution import evolve
from ...model.stored import stored_schema
from ...query.conditions import TRUE
from ...query.operations import Collection, Count, Fetch
from ...query.stored_size import stored_size_check
from ..retries import retrying
from .repository import AsyncStorageRepository

__all__ = [
    "AsyncLeg",
    "Transform",
    "begun",
    "check_target",
    "checked",
    "count_of",
    "leg_of_repositories",
    "leg_of_storages",
    "origin_of",
]

Transform: TypeAlias = Callable[[Any], Any]
_Description: TypeAlias = dict[str, Any]
_ATTEMPTS: Final = 1_000
_HELD: Final = 120.0
"""Seconds: mongod keeps the transaction of a move that was killed, and so its checkpoint, for 60, and a sweep."""


class AsyncLeg(msgspec.Struct, frozen=True):
    """One collection to be moved: looked at, and nothing written yet.

    Attributes:
        name, target_name: of the collection on each side.
        source, target: the databases.
        origin: the source's collection.
        there: the description of what the target has under that name; None where it has nothing.
        wanted: the description that the target's collection is to have.
        repository: the target's repository, where one was given.
        reader: the source's repository, where entities go through a function.
        transform: that function.
    """

    name: str
    target_name: str
    source: AsyncEngine
    target: AsyncEngine
    origin: Collection
    there: _Description | None
    wanted: _Description
    repository: AsyncStorageRepository[Any] | None = None
    reader: AsyncStorageRepository[Any] | None = None
    transform: Transform | None = None

    async def route(self) -> Route:
        """The way of its rows, the target's collection being made or extended where that is to do."""
        repository, target = self.repository, self.target
        if self.transform is not None and self.reader is not None and repository is not None:
            await target.ensure(repository.collection)
            convert = _transforming(self.transform, self.reader.collection, repository.collection)
            return Route(self.source, target, self.origin, repository.collection, convert, foreign=True)
        if repository is not None:
            await target.ensure(repository.collection)
        there = (await target.collections()).get(self.target_name)
        # What only other versions of the class know is added to what the class has made.
        return await self._along(self.wanted if there is None else _joined(self.wanted, there))

    async def as_it_is(self) -> Route:
        """The way of its rows to what the target has, which is not changed.

        Raises:
            ConfigurationError: the target has no such collection, or one of another form.
        """
        if self.transform is not None or self.there is None:
            if self.there is None:
                raise ConfigurationError(
                    f"the target has no collection {self.target_name!r}",
                    backend=self.target.driver.backend,
                    collection=self.target_name,
                )
            return await self.route()
        lacking = [name for name in self.wanted["fields"] if name not in self.there["fields"]]
        if lacking:
            raise ConfigurationError(
                f"the target's collection {self.target_name!r} has no field {lacking[0]!r}",
                backend=self.target.driver.backend,
                collection=self.target_name,
            )
        return await self._along(self.there)

    async def dry(self) -> Route:
        """The way of its rows as far as it goes without a target's collection."""
        if self.transform is not None and self.reader is not None and self.repository is not None:
            convert = _transforming(self.transform, self.reader.collection, self.repository.collection)
            return Route(
                self.source, self.target, self.origin, self.repository.collection, convert, foreign=True
            )
        return self._way(self.wanted)

    async def _along(self, description: _Description) -> Route:
        route = self._way(description)
        await self.target.ensure(route.destination)
        return route

    def _way(self, description: _Description) -> Route:
        destination = self.target.collection(self.target_name, _stored(self.target_name, description))
        cross = row_crossing(self.origin.codec, destination.codec)
        source = self.origin.schema.describe()
        if all(description[key] == source[key] for key in ("indexes", "searchable")):
            return Route(self.source, self.target, self.origin, destination, cross)
        check = row_check(destination.codec, stored_size_check(destination.schema))

        def checked(row: Row) -> Row:
            crossed = cross(row)
            check(crossed)
            return crossed

        return Route(self.source, self.target, self.origin, destination, checked)


def _stored(name: str, description: _Description) -> Any:
    return stored_schema(name, description)


def _transforming(
    transform: Transform, origin: Collection, destination: Collection
) -> Callable[[Row], Row | None]:
    decode, encode = origin.codec.decode, destination.codec.row_to_move

    def convert(row: Row) -> Row | None:
        entity = transform(decode(row))
        if entity is None:
            return None
        moved = encode(entity, str(row[0]))
        if moved[0] != row[0]:
            raise InvalidEntityError("transform_fn has changed the id; a move keeps it", path="id")
        return moved

    return convert


async def check_target(target: AsyncEngine) -> None:
    """Raise UnsupportedError unless a batch and its checkpoint can be stored there together."""
    await target.require(Feature.TRANSACTIONS, "move")
    await target.require(Feature.BULK_WRITES, "move")


async def leg_of_repositories(
    source: AsyncStorageRepository[Any], target: AsyncStorageRepository[Any], transform: Transform | None
) -> AsyncLeg:
    """The leg from one repository to another.

    Raises:
        ConfigurationError: they are the same collection, or the target's schema is another.
        UnsupportedError: the target lacks what a move takes.
    """
    origin, destination = source.collection, target.collection
    await check_target(target.engine)
    if source.engine is target.engine and origin.name == destination.name:
        raise _same(destination.name, target.engine)
    await source.engine.ensure(origin)
    description = (await source.engine.collections())[origin.name]
    leg = await _leg(source.engine, origin.name, description, target.engine, destination.name)
    if transform is None:
        if leg.there is not None:
            _check_fields(leg, leg.there)
        # What the target's class makes of it is asked before anything is written.
        evolve(destination.name, leg.wanted, destination.schema)
        return msgspec.structs.replace(leg, repository=target)
    return msgspec.structs.replace(
        leg, origin=origin, repository=target, reader=source, transform=transform, wanted=leg.there or {}
    )


async def leg_of_storages(
    source: AsyncEngine, target: AsyncEngine, name: str, description: _Description
) -> AsyncLeg:
    """The leg of one collection from a storage to another; it raises as ``leg_of_repositories`` does."""
    if source is target:
        raise _same(name, target)
    leg = await _leg(source, name, description, target, name)
    if leg.there is not None:
        _check_fields(leg, leg.there)
        evolve(name, leg.there, _stored(name, leg.wanted))
    return leg


async def _leg(
    source: AsyncEngine, name: str, description: _Description, target: AsyncEngine, target_name: str
) -> AsyncLeg:
    if any(index["substring"] for index in description["indexes"]):
        await target.require(Feature.SUBSTRING_INDEX, "move")
    origin = source.collection(name, _stored(name, description))
    await source.ensure(origin)
    there = (await target.collections()).get(target_name)
    wanted = description if there is None else _joined(description, there)
    return AsyncLeg(name, target_name, source, target, origin, there, wanted)


def _joined(source: _Description, there: _Description) -> _Description:
    """The target's description, with the fields that only the source has."""
    return {
        **there,
        "extras": source["extras"] or there["extras"],
        "revision": there["revision"] or source["revision"],
        "fields": {**source["fields"], **there["fields"]},
    }


def _check_fields(leg: AsyncLeg, there: _Description) -> None:
    """Raise ConfigurationError where a field of the target could not hold the source's values."""
    source = leg.origin.schema.describe()
    if source["freeform"] != there["freeform"]:
        raise _other(leg, "one side holds free-form documents, the other declared fields")
    if (
        source["revision"] != there["revision"]
        and source["revision"] is not None
        and there["revision"] is not None
    ):
        raise _other(leg, "the revision is another field")
    fields: Any = source["fields"]
    for name, field in fields.items():
        other: Mapping[str, Any] | None = there["fields"].get(name)
        if other is None:
            continue
        if field["shape"] != other["shape"] or field.get("column") != other.get("column"):
            raise _other(leg, f"the field {name!r} has another type there")
        if field["nullable"] and not other["nullable"]:
            raise _other(leg, f"the field {name!r} does not allow None there")


def _other(leg: AsyncLeg, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"the target's collection {leg.target_name!r} was made for another schema: {reason}; drop it, move into "
        "another collection, or give a transform_fn",
        backend=leg.target.driver.backend,
        collection=leg.target_name,
    )


def _same(name: str, target: AsyncEngine) -> ConfigurationError:
    return ConfigurationError(
        f"source and target are the same database: {name!r} would be moved onto itself",
        backend=target.driver.backend,
        collection=name,
    )


async def count_of(engine: AsyncEngine, collection: Collection) -> int:
    """How many entities a collection has."""
    counted: int = await engine.run(Count(collection, TRUE))
    return counted


async def origin_of(engine: AsyncEngine) -> str:
    """A name for a database that tells nothing about it, and is the same wherever and however it is reached."""
    key = await engine.cursor_key()
    return f"{engine.driver.backend}:{hashlib.sha256(b'torematrix move:' + key).hexdigest()[:32]}"


async def begun(
    leg: AsyncLeg,
    ledger: AsyncLedger,
    *,
    resumes: bool,
    runner: str,
    now: str,
    live: str = "",
    followed: str = "",
) -> Checkpoint:
    """The checkpoint to go on from, stored as this runner's; ``live`` and ``followed`` are what a new one says.

    Raises:
        ConfigurationError: the target is not empty and nothing of this move is in it, another move is unfinished there,
            or both sides turn out to be the same collection.
    """
    stored = None
    async for attempt in retrying(_ATTEMPTS, _HELD):
        with attempt:
            known = await checked(leg, ledger, resumes=resumes, live=bool(live))
            if known is not None:
                stored = await ledger.take(known, runner, now)
            else:
                checkpoint = Checkpoint(
                    id=leg.target_name,
                    origin=await origin_of(leg.source),
                    backend=leg.source.driver.backend,
                    collection=leg.name,
                    runner=runner,
                    live=live,
                    followed=followed,
                )
                stored = await ledger.begin(await ledger.read(leg.target_name), checkpoint, now)
    assert stored is not None
    # The one sure sign: what was written there is found here.
    seen = await _runner_in(leg.source, leg.target_name)
    if seen == runner and (leg.repository is None or leg.name == leg.target_name):
        await ledger.remove(leg.target_name)
        raise _same(leg.name, leg.target)
    return stored


async def _runner_in(engine: AsyncEngine, name: str) -> str | None:
    """Who moves into that collection of a database, by its checkpoint, which is read as it is stored."""
    description = (await engine.driver.collections()).get(CHECKPOINTS)
    if description is None:
        return None
    collection = engine.own_collection(CHECKPOINTS, _stored(CHECKPOINTS, description))
    row = await engine.run(Fetch(collection, name))
    return None if row is None else str(collection.codec.decode(row)["runner"])


async def checked(
    leg: AsyncLeg, ledger: AsyncLedger, *, resumes: bool, live: bool = False
) -> Checkpoint | None:
    """The checkpoint to resume; None for a move from the beginning. It raises as ``begun`` does, and writes nothing."""
    where: Where = {"backend": leg.target.driver.backend, "collection": leg.target_name}
    stored = 0
    if leg.there is not None:
        stored = await count_of(
            leg.target, leg.target.collection(leg.target_name, _stored(leg.target_name, leg.there))
        )
    known = await ledger.read(leg.target_name) if await ledger.is_there() else None
    if known is None or (known.finished and not resumes):
        if stored:
            if leg.name == leg.target_name and await origin_of(leg.source) == await origin_of(leg.target):
                raise _same(leg.name, leg.target)
            raise ConfigurationError(
                f"the target's collection {leg.target_name!r} is not empty: it holds {stored:,} entities; move into "
                "an empty one",
                **where,
            )
        return None
    if known.origin != await origin_of(leg.source) or known.collection != leg.name:
        if not stored:
            return None
        raise ConfigurationError(
            f"the target's collection {leg.target_name!r} holds a part of another move, from {known.collection!r} of "
            f"another {known.backend} database, begun at {known.created_at}: resume that one, or empty the collection",
            **where,
        )
    if resumes:
        if bool(known.live) != live:
            kind, how = ("live", "with --live") if known.live else ("plain", "without --live")
            raise ConfigurationError(
                f"the target's collection {leg.target_name!r} holds a part of a {kind} move: resume it {how}",
                **where,
            )
        return known
    if not stored and not known.migrated:
        return None
    raise ConfigurationError(
        f"the target's collection {leg.target_name!r} holds an unfinished move of the same source, begun at "
        f"{known.created_at}, which has come to {known.done:,} entities: resume it, or empty the collection",
        **where,
    )
