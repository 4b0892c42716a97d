"""A collection from one schema to another, in steps that go on where they were.

MongoDB changes no schema in a transaction, and a transaction does not hold a whole collection. So:

1. The collection is told to take no documents, by a validator: whoever writes is refused, deletes go on.
2. The new documents are gathered in a collection beside it, with the unique indexes they will have. What cannot be
   converted, and what would not be unique, is found out here, while nothing has changed but that validator.
3. They take the places of the old ones, range by range, by ``$merge``: one that was deleted meanwhile stays so. To do
   a range again changes nothing.
4. Indexes, texts, the description; then the collection takes documents again.

A note in the library's own collection says how far it is. It is written before each part, so that whoever is
interrupted goes on with that part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pymongo import timeout
from pymongo.errors import OperationFailure, PyMongoError

from ....core.following import MOVED
from ....core.restructuring import BATCH, Conversion, Restructuring
from ....errors import DuplicateError, MigrationError
from ..errors import duplicate_of
from ..names import ID
from ..options import journal
from ..plan import CollectionPlan, IndexDefinition
from . import texts
from .ensure import (
    DONE,
    NOTHING,
    admit,
    index_existing,
    last_migration_of,
    migration_mark,
    put,
    put_schema,
    stored_schemas,
)
from .following import CLOSING, MOVED_AWAY, phase_of
from .server import AsyncServer

__all__ = ["restructure"]

_ABSENT: Final = (26, 27)
"""No such collection, no such index."""
_STAGED, _MERGED, _FINISHED = "staging", "merging", "finishing"


async def restructure(
    server: AsyncServer, asked: Restructuring, pause: Callable[[float], Awaitable[object]]
) -> None:
    """Do what is asked, or what remains of it.

    Raises:
        MigrationError: documents cannot be converted, or another restructuring was interrupted and not finished.
        DuplicateError: documents do not meet a unique constraint.
    """
    conversion = Conversion(asked, json_documents=False)
    work = _Work(server, asked, conversion, pause)
    state = await last_migration_of(server, asked.collection)
    phase = state["phase"] if state is not None and state["token"] == asked.token else ""
    if phase == DONE:
        return
    if not phase and state is not None and state["phase"] in (_MERGED, _FINISHED):
        raise MigrationError(
            f"a migration of {asked.collection!r} was interrupted and has to be finished first",
            backend="mongodb",
            collection=asked.collection,
        )
    if not phase:
        asked.check_stored((await stored_schemas(server)).get(asked.collection))
    if not phase and asked.keeps_rows:
        await work.index_alone()
        return
    if phase in ("", _STAGED):
        await work.begin(anew=not phase)
        try:
            await work.stage()
        except (MigrationError, DuplicateError):
            await work.give_up()
            raise
    if phase in ("", _STAGED, _MERGED):
        await work.merge()
    await work.finish()


class _Work:
    """One restructuring, part by part."""

    def __init__(
        self,
        server: AsyncServer,
        asked: Restructuring,
        conversion: Conversion,
        pause: Callable[[float], Awaitable[object]],
    ) -> None:
        self._server = server
        self._asked = asked
        self._name = asked.collection
        self._staging = f"torematrix_new_{asked.collection}"
        self._conversion = conversion
        self._before = CollectionPlan(self._name, conversion.before, asked.before)
        self._after = CollectionPlan(self._name, conversion.after, asked.after)
        self._pause = pause

    async def index_alone(self) -> None:
        """Where every document stays as it is: what is new first, since it may be refused."""
        # One of the same name was made for another declaration.
        await self._drop_indexes(self._kept() | (set(_by_name(self._before)) - set(_by_name(self._after))))
        for name, definitions in self._after.indexes.items():
            await index_existing(self._server, self._after, name, definitions)
        await self._drop_indexes(self._kept())
        await texts.ensure(self._server, self._after, self._pause)
        await put_schema(self._server, self._name, self._asked.after)
        self._asked.tell(1, 1)

    async def begin(self, *, anew: bool) -> None:
        """Note that it has begun, unless the collection is moved to another database.

        Raises:
            MigrationError: it is.
        """
        if anew:
            await self._check_unmoved()
            await self._drop(self._staging)
            await self._note(_STAGED)
        try:
            # Again: whoever puts up the fence of a move looks, behind that, for this note.
            await self._check_unmoved()
        except MigrationError:
            await self._note(DONE, token="")
            raise

    async def stage(self) -> None:
        """Refuse writes, and gather the new documents beside the old ones."""
        server, staging = self._server, self._staging
        await self._close()
        unique = [definition for name in self._after.unique for definition in self._after.indexes[name]]
        if unique:
            await server.command({"createIndexes": staging, "indexes": unique})
        total = (await server.command({"count": self._name}))["n"]
        last = await self._last_staged()
        done = 0 if last is None else (await server.command({"count": staging}))["n"]
        while batch := await self._documents(self._name, last):
            rows = self._conversion.rows(map(self._before.form.row, batch))
            if not self._conversion.failed and rows:
                await self._gather([self._after.document(row) for row in rows])
            last, done = batch[-1][ID], done + len(batch)
            self._asked.tell(done // 2, total)
            await self._beat()
        self._conversion.check()

    async def _check_unmoved(self) -> None:
        if await phase_of(self._server, self._name) in (CLOSING, MOVED_AWAY):
            raise MigrationError(
                f"{self._name!r} {MOVED}; nothing was changed", backend="mongodb", collection=self._name
            )

    async def _gather(self, documents: list[dict[str, Any]]) -> None:
        try:
            with timeout(self._server.deadline):
                await self._server.database[self._staging].insert_many(documents, ordered=True)
        except PyMongoError as error:
            found = duplicate_of(error)
            if found is None:
                raise
            raise DuplicateError(
                f"converted entities of {self._name!r} would share the same {self._after.refused(found[0])}, which is "
                "unique; nothing was changed",
                backend="mongodb",
                collection=self._name,
            ) from error

    async def _last_staged(self) -> str | None:
        command = {"find": self._staging, "sort": {ID: -1}, "limit": 1, "projection": {ID: 1}}
        found = await self._server.documents(command)
        return found[0][ID] if found else None

    async def _documents(
        self, collection: str, last: str | None, projection: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The next documents by their ids."""
        command: dict[str, Any] = {"find": collection, "sort": {ID: 1}, "limit": BATCH}
        command["filter"] = {} if last is None else {ID: {"$gt": last}}
        if projection is not None:
            command["projection"] = projection
        return await self._server.documents(command)

    async def give_up(self) -> None:
        """Leave everything as it was; nothing has been changed yet."""
        await self._open(self._before)
        await self._drop(self._staging)
        await self._note(DONE, token="")

    async def merge(self) -> None:
        """Let the new documents take the places of the old ones."""
        server = self._server
        await self._note(_MERGED)
        # Between the old and the new values there may be some alike.
        await self._drop_indexes({name for name in self._kept() if name not in self._unique_names()})
        total = (await server.command({"count": self._staging}))["n"]
        done, last = 0, None
        while batch := await self._documents(self._staging, last, {ID: 1}):
            bounds = {"$lte": batch[-1][ID]} if last is None else {"$gt": last, "$lte": batch[-1][ID]}
            into = {"into": self._name, "on": ID, "whenMatched": "replace", "whenNotMatched": "discard"}
            await server.command(
                {
                    "aggregate": self._staging,
                    "pipeline": [{"$match": {ID: bounds}}, {"$merge": into}],
                    "cursor": {},
                    "bypassDocumentValidation": True,
                    "writeConcern": journal(server.config),
                }
            )
            last, done = batch[-1][ID], done + len(batch)
            self._asked.tell((total + done) // 2, total)
            await self._beat()

    async def finish(self) -> None:
        """Make what stands on the documents, and take documents again."""
        await self._note(_FINISHED)
        await put_schema(self._server, self._name, self._asked.after)
        for name, definitions in self._after.indexes.items():
            await index_existing(self._server, self._after, name, definitions)
        await self._open(self._after)
        await self._drop(self._staging)
        await self._note(DONE)

    async def _note(self, phase: str, token: str | None = None) -> None:
        value = {"token": self._asked.token if token is None else token, "phase": phase}
        await put(self._server, migration_mark(self._name), value)

    async def _close(self) -> None:
        """Have the collection take no documents."""
        await admit(self._server, self._name, NOTHING)

    async def _open(self, plan: CollectionPlan) -> None:
        """Have it take documents again, of this plan, with all that is kept of their texts."""
        await put(self._server, f"texts:{self._name}", {"making": self._asked.token})
        await texts.ensure(self._server, plan, self._pause)

    def _kept(self) -> set[str]:
        """The names of the indexes that are the same before and after."""
        before, after = _by_name(self._before), _by_name(self._after)
        return {name for name, definition in before.items() if after.get(name) == definition}

    def _unique_names(self) -> set[str]:
        return {name for name, definition in _by_name(self._before).items() if definition.get("unique")}

    async def _drop_indexes(self, kept: set[str]) -> None:
        for name in _by_name(self._before):
            if name in kept:
                continue
            try:
                await self._server.command({"dropIndexes": self._name, "index": name})
            except OperationFailure as error:
                if error.code not in _ABSENT:
                    raise

    async def _drop(self, collection: str) -> None:
        with contextlib.suppress(OperationFailure):
            await self._server.command({"drop": collection})

    async def _beat(self) -> None:
        if self._asked.beat is not None:
            await self._asked.beat()


def _by_name(plan: CollectionPlan) -> dict[str, IndexDefinition]:
    return {str(each["name"]): each for definitions in plan.indexes.values() for each in definitions}
