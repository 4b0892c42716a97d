# generated from _async/restructure.py by tools/generate_twins.py: do not edit
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
from collections.abc import Callable
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
from .server import Server

__all__ = ["restructure"]

_ABSENT: Final = (26, 27)
"""No such collection, no such index."""
_STAGED, _MERGED, _FINISHED = "staging", "merging", "finishing"


def restructure(server: Server, asked: Restructuring, pause: Callable[[float], object]) -> None:
    """Do what is asked, or what remains of it.

    Raises:
        MigrationError: documents cannot be converted, or another restructuring was interrupted and not finished.
        DuplicateError: documents do not meet a unique constraint.
    """
    conversion = Conversion(asked, json_documents=False)
    work = _Work(server, asked, conversion, pause)
    state = last_migration_of(server, asked.collection)
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
        asked.check_stored(stored_schemas(server).get(asked.collection))
    if not phase and asked.keeps_rows:
        work.index_alone()
        return
    if phase in ("", _STAGED):
        work.begin(anew=not phase)
        try:
            work.stage()
        except (MigrationError, DuplicateError):
            work.give_up()
            raise
    if phase in ("", _STAGED, _MERGED):
        work.merge()
    work.finish()


class _Work:
    """One restructuring, part by part."""

    def __init__(
        self,
        server: Server,
        asked: Restructuring,
        conversion: Conversion,
        pause: Callable[[float], object],
    ) -> None:
        self._server = server
        self._asked = asked
        self._name = asked.collection
        self._staging = f"torematrix_new_{asked.collection}"
        self._conversion = conversion
        self._before = CollectionPlan(self._name, conversion.before, asked.before)
        self._after = CollectionPlan(self._name, conversion.after, asked.after)
        self._pause = pause

    def index_alone(self) -> None:
        """Where every document stays as it is: what is new first, since it may be refused."""
        # One of the same name was made for another declaration.
        self._drop_indexes(self._kept() | (set(_by_name(self._before)) - set(_by_name(self._after))))
        for name, definitions in self._after.indexes.items():
            index_existing(self._server, self._after, name, definitions)
        self._drop_indexes(self._kept())
        texts.ensure(self._server, self._after, self._pause)
        put_schema(self._server, self._name, self._asked.after)
        self._asked.tell(1, 1)

    def begin(self, *, anew: bool) -> None:
        """Note that it has begun, unless the collection is moved to another database.

        Raises:
            MigrationError: it is.
        """
        if anew:
            self._check_unmoved()
            self._drop(self._staging)
            self._note(_STAGED)
        try:
            # Again: whoever puts up the fence of a move looks, behind that, for this note.
            self._check_unmoved()
        except MigrationError:
            self._note(DONE, token="")
            raise

    def stage(self) -> None:
        """Refuse writes, and gather the new documents beside the old ones."""
        server, staging = self._server, self._staging
        self._close()
        unique = [definition for name in self._after.unique for definition in self._after.indexes[name]]
        if unique:
            server.command({"createIndexes": staging, "indexes": unique})
        total = server.command({"count": self._name})["n"]
        last = self._last_staged()
        done = 0 if last is None else server.command({"count": staging})["n"]
        while batch := self._documents(self._name, last):
            rows = self._conversion.rows(map(self._before.form.row, batch))
            if not self._conversion.failed and rows:
                self._gather([self._after.document(row) for row in rows])
            last, done = batch[-1][ID], done + len(batch)
            self._asked.tell(done // 2, total)
            self._beat()
        self._conversion.check()

    def _check_unmoved(self) -> None:
        if phase_of(self._server, self._name) in (CLOSING, MOVED_AWAY):
            raise MigrationError(
                f"{self._name!r} {MOVED}; nothing was changed", backend="mongodb", collection=self._name
            )

    def _gather(self, documents: list[dict[str, Any]]) -> None:
        try:
            with timeout(self._server.deadline):
                self._server.database[self._staging].insert_many(documents, ordered=True)
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

    def _last_staged(self) -> str | None:
        command = {"find": self._staging, "sort": {ID: -1}, "limit": 1, "projection": {ID: 1}}
        found = self._server.documents(command)
        return found[0][ID] if found else None

    def _documents(
        self, collection: str, last: str | None, projection: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The next documents by their ids."""
        command: dict[str, Any] = {"find": collection, "sort": {ID: 1}, "limit": BATCH}
        command["filter"] = {} if last is None else {ID: {"$gt": last}}
        if projection is not None:
            command["projection"] = projection
        return self._server.documents(command)

    def give_up(self) -> None:
        """Leave everything as it was; nothing has been changed yet."""
        self._open(self._before)
        self._drop(self._staging)
        self._note(DONE, token="")

    def merge(self) -> None:
        """Let the new documents take the places of the old ones."""
        server = self._server
        self._note(_MERGED)
        # Between the old and the new values there may be some alike.
        self._drop_indexes({name for name in self._kept() if name not in self._unique_names()})
        total = server.command({"count": self._staging})["n"]
        done, last = 0, None
        while batch := self._documents(self._staging, last, {ID: 1}):
            bounds = {"$lte": batch[-1][ID]} if last is None else {"$gt": last, "$lte": batch[-1][ID]}
            into = {"into": self._name, "on": ID, "whenMatched": "replace", "whenNotMatched": "discard"}
            server.command(
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
            self._beat()

    def finish(self) -> None:
        """Make what stands on the documents, and take documents again."""
        self._note(_FINISHED)
        put_schema(self._server, self._name, self._asked.after)
        for name, definitions in self._after.indexes.items():
            index_existing(self._server, self._after, name, definitions)
        self._open(self._after)
        self._drop(self._staging)
        self._note(DONE)

    def _note(self, phase: str, token: str | None = None) -> None:
        value = {"token": self._asked.token if token is None else token, "phase": phase}
        put(self._server, migration_mark(self._name), value)

    def _close(self) -> None:
        """Have the collection take no documents."""
        admit(self._server, self._name, NOTHING)

    def _open(self, plan: CollectionPlan) -> None:
        """Have it take documents again, of this plan, with all that is kept of their texts."""
        put(self._server, f"texts:{self._name}", {"making": self._asked.token})
        texts.ensure(self._server, plan, self._pause)

    def _kept(self) -> set[str]:
        """The names of the indexes that are the same before and after."""
        before, after = _by_name(self._before), _by_name(self._after)
        return {name for name, definition in before.items() if after.get(name) == definition}

    def _unique_names(self) -> set[str]:
        return {name for name, definition in _by_name(self._before).items() if definition.get("unique")}

    def _drop_indexes(self, kept: set[str]) -> None:
        for name in _by_name(self._before):
            if name in kept:
                continue
            try:
                self._server.command({"dropIndexes": self._name, "index": name})
            except OperationFailure as error:
                if error.code not in _ABSENT:
                    raise

    def _drop(self, collection: str) -> None:
        with contextlib.suppress(OperationFailure):
            self._server.command({"drop": collection})

    def _beat(self) -> None:
        if self._asked.beat is not None:
            self._asked.beat()


def _by_name(plan: CollectionPlan) -> dict[str, IndexDefinition]:
    return {str(each["name"]): each for definitions in plan.indexes.values() for each in definitions}
