"""The library's own collection, and the collections of entities: made, compared with the declared schema, extended.

Everything here happens outside transactions, in steps that may be repeated: whoever is interrupted, or starts at the
same moment as somebody else, finds the rest still to be done. The description of a collection is written last.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from pymongo import timeout
from pymongo.errors import OperationFailure, PyMongoError

from ....errors import ConfigurationError, DuplicateError
from ....model.evolution import Evolution, evolve
from ....model.schema import Field
from ....query.operations import Collection
from ..errors import duplicate_of
from ..names import ID, META, stored_key
from ..options import journal
from ..plan import CollectionPlan, IndexDefinition
from .server import AsyncServer

__all__ = [
    "DONE",
    "FORMAT",
    "NOTHING",
    "admit",
    "ensure",
    "exchange",
    "forget",
    "held",
    "index_existing",
    "last_migration_of",
    "migration_mark",
    "migration_of",
    "prepare",
    "put",
    "put_schema",
    "stored_schemas",
]

FORMAT: Final = 1
"""The version of the layout in which this library stores; a database of a newer one is refused."""

NOTHING: Final = {ID: {"$exists": False}}
"""The validator that no document passes: every one has an id."""

DONE: Final = "done"
"""The phase of a migration that is over."""

_EXISTS: Final = 48
_COLLECTION: Final = "collection:"


async def prepare(server: AsyncServer) -> bytes:
    """Make the library's own collection where it is missing, and check what wrote it; the secret that signs cursors.

    Raises:
        ConfigurationError: the database was written by a newer version of this library.
    """
    known = await held(server, [":format", ":cursor_key"])
    if len(known) < 2:
        await _create(server, META)
        await _put_once(server, ":format", FORMAT)
        await _put_once(server, ":cursor_key", secrets.token_hex(32))
        known = await held(server, [":format", ":cursor_key"])
    layout = known.get(":format")
    if not isinstance(layout, int) or layout > FORMAT:
        raise ConfigurationError(
            "the database was written by a newer version of this library; upgrade torematrix-storage",
            backend="mongodb",
        )
    return bytes.fromhex(known[":cursor_key"])


async def held(server: AsyncServer, keys: list[str]) -> dict[str, Any]:
    """What the library's own collection holds under these keys, those that are there."""
    command = {"find": META, "filter": {ID: {"$in": keys}}}
    return {document[ID]: document["value"] for document in await server.documents(command)}


async def _put_once(server: AsyncServer, key: str, value: Any) -> None:
    with timeout(server.deadline):
        try:
            await server.database[META].update_one(
                {ID: {"$eq": key}}, {"$setOnInsert": {"value": value}}, upsert=True
            )
        except PyMongoError as error:
            if duplicate_of(error) is None:
                raise


async def put(server: AsyncServer, key: str, value: Any) -> None:
    """Have the library's own collection hold this under a key."""
    with timeout(server.deadline):
        await server.database[META].replace_one({ID: {"$eq": key}}, {"value": value}, upsert=True)


async def exchange(server: AsyncServer, key: str, old: Any, new: Any) -> bool:
    """Put this in the place of what was read under a key, None for nothing; False where that is not there any more."""
    with timeout(server.deadline):
        try:
            done = await server.database[META].replace_one(
                {ID: {"$eq": key}, "value": {"$eq": old}}, {"value": new}, upsert=old is None
            )
        except PyMongoError as error:
            if duplicate_of(error) is None:
                raise
            return False
    return bool(done.matched_count) or done.upserted_id is not None


async def admit(
    server: AsyncServer, collection: str, validator: Mapping[str, Any], patience: float | None = None
) -> None:
    """Have a collection take only documents that pass the validator, once all who are writing have ended."""
    command: dict[str, Any] = {
        "collMod": collection,
        "validator": validator,
        "validationLevel": "strict",
        "validationAction": "error",
        "writeConcern": {"w": "majority"},
    }
    if patience is not None:
        command["maxTimeMS"] = max(1, round(patience * 1000))
    await server.command(command)


def migration_mark(collection: str) -> str:
    """Under which key is noted how far a collection is on its way from one schema to another."""
    return f"migrating:{collection}"


async def last_migration_of(server: AsyncServer, collection: str) -> dict[str, Any] | None:
    """How far a collection has come on its way from one schema to another, the end of that included."""
    mark = migration_mark(collection)
    found: dict[str, Any] | None = (await held(server, [mark])).get(mark)
    return found


async def migration_of(server: AsyncServer, collection: str) -> dict[str, Any] | None:
    """How far a collection is on its way from one schema to another, by somebody at work or interrupted."""
    found = await last_migration_of(server, collection)
    return None if found is None or found["phase"] == DONE else found


async def put_schema(server: AsyncServer, name: str, description: Mapping[str, Any]) -> None:
    """Store the description of a collection."""
    await put(server, _COLLECTION + name, description)


async def stored_schemas(server: AsyncServer) -> dict[str, dict[str, Any]]:
    """The schema of every collection here, by name."""
    command = {"find": META, "filter": {ID: {"$gte": _COLLECTION, "$lt": "collection;"}}, "sort": {ID: 1}}
    return {
        document[ID].removeprefix(_COLLECTION): document["value"]
        for document in await server.documents(command)
    }


async def _create(server: AsyncServer, name: str) -> None:
    try:
        await server.command({"create": name})
    except OperationFailure as error:
        if error.code != _EXISTS:
            raise


async def ensure(server: AsyncServer, collection: Collection) -> CollectionPlan:
    """Create or extend the collection; how it is used from now on.

    Raises:
        ConfigurationError: the change needs a migration, or a name is taken.
        DuplicateError: existing entities do not meet a new unique constraint.
    """
    plan: CollectionPlan | None = None
    while plan is None:
        plan = await _ensure(server, collection)
    return plan


async def _ensure(server: AsyncServer, collection: Collection) -> CollectionPlan | None:
    """The same; None when somebody else has changed the collection meanwhile, so that it is to be looked at anew."""
    name, schema = collection.name, collection.schema
    stored = await stored_schemas(server)
    for other in stored:
        if other != name and other.lower() == name.lower():
            raise ConfigurationError(
                f"the collections {other!r} and {name!r} differ only in case; some engines would merge them",
                backend="mongodb",
                collection=name,
            )
    evolution = evolve(name, stored.get(name), schema)
    plan = CollectionPlan(name, schema, evolution.description)
    if evolution.created:
        await _make(server, name)
    await _check_collation(server, name)
    if evolution.is_empty:
        return plan
    if not evolution.created and not await _extend(server, plan, evolution, stored[name]):
        return None
    wanted = {spec.name: plan.indexes[spec.name] for spec in evolution.indexes if not spec.substring}
    if evolution.created:
        definitions = [definition for each in wanted.values() for definition in each]
        if definitions:
            await server.command({"createIndexes": name, "indexes": definitions})
    else:
        for index, definitions in wanted.items():
            await index_existing(server, plan, index, definitions)
    if not await exchange(server, _COLLECTION + name, stored.get(name), evolution.description):
        return None  # somebody else has added something too
    await forget(server, list(_marks(name, evolution)))
    return plan


async def _make(server: AsyncServer, name: str) -> None:
    """Make the collection, unless this library has begun to make it before."""
    mark = f"making:{name}"
    begun = await held(server, [mark])
    found = await server.command({"listCollections": 1, "filter": {"name": name}})
    batch = found["cursor"]["firstBatch"]
    if batch and not begun:
        raise ConfigurationError(
            f"the database has a {batch[0]['type']} named {name!r} that this library did not make",
            backend="mongodb",
            collection=name,
        )
    await put(server, mark, 1)
    await _create(server, name)


async def _check_collation(server: AsyncServer, name: str) -> None:
    """Refuse a collection, as another program may have made it in the place of ours, that calls other texts equal.

    Its indexes would be of that collation too, so asking every question in the simple one would find nothing by them.
    """
    found = await server.command({"listCollections": 1, "filter": {"name": {"$eq": name}}})
    for each in found["cursor"]["firstBatch"]:
        if "collation" in each["options"]:
            raise ConfigurationError(
                f"{name!r} was made with a collation, by which texts compare otherwise than here: move its documents "
                "into a collection without one",
                backend="mongodb",
                collection=name,
            )


def _marks(collection: str, evolution: Evolution) -> dict[str, Field]:
    """The new fields, by the key under which it stands that this library is about to give documents one."""
    added = (*evolution.columns, *evolution.documents)
    return {f"adding:{collection}:{field.key}": field for field in added}


async def _extend(
    server: AsyncServer, plan: CollectionPlan, evolution: Evolution, stored: dict[str, Any]
) -> bool:
    """Give existing documents the new fields; False where somebody else has changed the collection since it was read.

    Whoever does the same at the same moment writes the fields already: what stands there is left as it is.
    """
    marks = _marks(plan.collection, evolution)
    if not marks:
        return True
    begun = await held(server, list(marks))
    new = [field for mark, field in marks.items() if mark not in begun]
    keys = [stored_key(field.key) for field in new]
    found = keys and await server.documents(
        {"find": plan.collection, "filter": {"$or": [{key: {"$exists": True}} for key in keys]}, "limit": 1}
    )
    if found:
        if (await stored_schemas(server)).get(plan.collection) != stored or len(
            await held(server, list(marks))
        ) > len(begun):
            return False
        names = ", ".join(repr(field.name) for field in new)
        raise ConfigurationError(
            f"{names} of {plan.collection!r} is new, and existing entities hold something under that name already; "
            f"write a migration: convert the field {names}",
            backend="mongodb",
            collection=plan.collection,
        )
    updates: list[dict[str, Any]] = []
    for mark, field in marks.items():
        await put(server, mark, 1)
        value = field.default if field.has_default else None
        sets = plan.form.changes({field.key: value})
        updates.append({"q": {stored_key(field.key): {"$exists": False}}, "u": {"$set": sets}, "multi": True})
    await server.slow({"update": plan.collection, "updates": updates, "writeConcern": journal(server.config)})
    return True


async def forget(server: AsyncServer, keys: list[str]) -> None:
    """Have the library's own collection hold nothing under these keys."""
    if keys:
        deletes = [{"q": {ID: {"$in": keys}}, "limit": 0}]
        await server.slow({"delete": META, "deletes": deletes, "writeConcern": journal(server.config)})


async def index_existing(
    server: AsyncServer, plan: CollectionPlan, name: str, definitions: list[IndexDefinition]
) -> None:
    """Make an index on what is there; DuplicateError where documents do not meet a unique one."""
    if not definitions:
        return
    try:
        await server.slow({"createIndexes": plan.collection, "indexes": definitions})
    except PyMongoError as error:
        if duplicate_of(error) is None:
            raise
        paths = ", ".join(plan.unique[name].paths)
        raise DuplicateError(
            f"existing entities of {plan.collection!r} share values of {paths}, which is to be unique now; "
            "the schema was left as it was",
            backend="mongodb",
            collection=plan.collection,
        ) from error
