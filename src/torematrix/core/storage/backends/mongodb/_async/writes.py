"""Writing rows, each operation in as few round trips as it needs, and what is said when one is refused."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from pymongo.errors import DocumentTooLarge, PyMongoError

from ....capability import Feature
from ....errors import CommitUnknown, NotFoundError, StorageError, UnavailableError, UnsupportedError
from ....model.codec import Row
from ....query.operations import Insert, Patch, Remove, Replace, Upsert
from ..capabilities import ALONE
from ..documents import Document
from ..errors import duplicate_of, is_transient
from ..messages import messages
from ..names import ID, OWN, WORDS
from ..plan import CollectionPlan
from .leases import AsyncLeases
from .server import AsyncFinish, AsyncServer
from .session import AsyncMongoSession
from .totals import AsyncSums

__all__ = ["AsyncWriter"]

R = TypeVar("R")

_BACKEND: Final = "mongodb"
_ROUNDS: Final = 5
"""So often an upsert starts again because others created and deleted its entity meanwhile."""


class AsyncWriter:
    """The writes of one open database."""

    def __init__(
        self,
        server: AsyncServer,
        finish: AsyncFinish,
        pause: Callable[[float], Awaitable[object]],
        sums: AsyncSums,
        leases: AsyncLeases,
    ) -> None:
        self._leases = leases
        self._server = server
        self._sums = sums
        self._finish = finish
        self._pause = pause

    # Transactions of the driver's own --------------------------------------------------------------------------

    async def together(
        self, session: AsyncMongoSession | None, work: Callable[[AsyncMongoSession], Awaitable[R]]
    ) -> R:
        """The result of work that happens whole or not at all: in the given transaction, or in one of its own.

        One of its own is begun again when MongoDB says that it may succeed then.
        """
        if session is not None:
            return await work(session)
        if not self._server.transactions:
            raise UnsupportedError(
                f"{_BACKEND} has no {Feature.BULK_WRITES.value}: {ALONE}", backend=_BACKEND
            )
        until = time.monotonic() + self._server.deadline
        attempt = 0
        guesses = True
        while True:
            own = AsyncMongoSession(self._server, self._finish, self._sums)
            own.guesses = guesses
            try:
                await own.begin()
                result = await self._finish(partial(work, own), own.interrupt)
                await own.commit()
            except CommitUnknown:
                raise  # it may have happened: it is not begun again
            except DocumentTooLarge:
                await own.rollback()
                if not guesses:
                    raise
                guesses = False  # nothing of that message was sent
                continue
            except (PyMongoError, StorageError) as error:
                await own.rollback()
                cause = error.__cause__ if isinstance(error, StorageError) else error
                if cause is None or not is_transient(cause) or time.monotonic() > until:
                    raise
            except BaseException:
                await own.rollback()
                raise
            else:
                return result
            attempt += 1
            await self._pause(random.uniform(0, min(0.5, 0.005 * 2**attempt)))  # noqa: S311 - jitter

    async def _remember(
        self,
        plan: CollectionPlan,
        ids: Iterable[str],
        session: AsyncMongoSession | None,
        *,
        new: bool = False,
    ) -> None:
        """Have the session note what is there now, if it may have to be put back."""
        if session is None or not session.has_marks:
            return
        held: dict[str, Document | None] = dict.fromkeys(ids)
        if not new:
            command = {"find": plan.collection, "filter": {ID: {"$in": list(held)}}}
            for document in await self._server.documents(command, session.session):
                held[document[ID]] = document
        session.remember(plan.collection, held)

    # Inserting -------------------------------------------------------------------------------------------------

    async def insert(self, operation: Insert, session: AsyncMongoSession | None) -> None:
        """Store new rows, all or none."""
        plan: CollectionPlan = operation.collection.plan
        rows = operation.rows
        if len(rows) == 1:
            await self._insert_single(plan, rows[0], session)
        else:
            await self.together(session, lambda own: self._insert_many(plan, rows, own))

    def _counts(self, plan: CollectionPlan) -> bool:
        """Whether writing a document changes sums in another one, and so takes a transaction."""
        return plan.texts is not None and plan.texts.search is not None and self._server.transactions

    async def _insert_single(self, plan: CollectionPlan, row: Row, session: AsyncMongoSession | None) -> None:
        if session is None and self._counts(plan):
            await self.together(None, lambda own: self._insert_one(plan, row, own))
        else:
            await self._insert_one(plan, row, session)

    async def _insert_one(self, plan: CollectionPlan, row: Row, session: AsyncMongoSession | None) -> None:
        await self._remember(plan, [str(row[0])], session, new=True)
        document = plan.document(row)
        try:
            command = {"insert": plan.collection, "documents": [document]}
            await self._server.write(command, _given(session))
        except PyMongoError as error:
            duplicate = duplicate_of(error)
            if duplicate is None:
                raise
            raise plan.rules.duplicate_insert(plan.refused(duplicate[0]), 1, [row], _BACKEND) from error
        if session is not None:
            session.adds(plan.texts, document)

    async def _insert_many(
        self, plan: CollectionPlan, rows: Sequence[Row], session: AsyncMongoSession
    ) -> None:
        await self._remember(plan, [str(row[0]) for row in rows], session, new=True)
        documents = list(map(plan.document, rows))
        done = 0
        try:
            for part in messages(documents, session.guesses):
                await self._server.write({"insert": plan.collection, "documents": part}, session.session)
                done += len(part)
        except PyMongoError as error:
            duplicate = duplicate_of(error)
            if duplicate is None:
                raise
            pattern, at = duplicate
            raise plan.rules.duplicate_insert(plan.refused(pattern), done + at + 1, rows, _BACKEND) from error
        for document in documents:
            session.adds(plan.texts, document)

    # Replacing -------------------------------------------------------------------------------------------------

    async def replace(self, operation: Replace, session: AsyncMongoSession | None) -> list[Row]:
        """Replace stored rows, all or none; the rows as stored."""
        plan: CollectionPlan = operation.collection.plan
        rows = operation.rows
        if len(rows) == 1:
            stored = await self._replace_one(plan, rows[0], session)
            if stored is None:
                raise await self._missed(plan, rows[0], session)
            return [stored]
        return await self.together(session, lambda own: self._replace_many(plan, rows, own))

    async def _replace_one(
        self, plan: CollectionPlan, row: Row, session: AsyncMongoSession | None
    ) -> Row | None:
        """The row as stored, or None where there is none with this id, and this revision, to replace."""
        if plan.texts is not None:
            return await self._rewrite(plan, str(row[0]), lambda old: plan.rules.replaced(old, row), session)
        await self._remember(plan, [str(row[0])], session)
        own = _given(session)
        document = plan.form.document(row)
        wanted = plan.guard(row)
        created, at = plan.created, plan.rules.created_at
        change: Any = document if plan.schema.extras else {"$set": plan.form.assignments(document)}
        try:
            if created is None or at is None:
                return row if await self._update(plan, wanted, change, own) else None
            # Who has read the entity gives the time at which it was created; then a plain update does. Of what gives
            # back what was there the server keeps a copy, in case the command comes twice.
            if row[at] is not None:
                same = {**wanted, created: {"$eq": row[at]}}
                if await self._update(plan, same, change, own):
                    return row
            if plan.schema.extras:
                change = [
                    {"$replaceWith": {"$mergeObjects": [{"$literal": document}, {created: f"${created}"}]}}
                ]
            else:
                del change["$set"][created]
            command = {"findAndModify": plan.collection, "query": wanted, "update": change}
            found = await self._server.write({**command, "fields": {created: 1}}, own)
        except PyMongoError as error:
            raise self._refused_update(plan, error) from error
        held: Document | None = found["value"]
        return None if held is None else (*row[:at], held.get(created), *row[at + 1 :])

    async def _update(self, plan: CollectionPlan, wanted: Document, change: Any, session: Any) -> bool:
        """Whether there was a document to be changed; PyMongo's errors."""
        command = {"update": plan.collection, "updates": [{"q": wanted, "u": change}]}
        return bool((await self._server.write(command, session))["n"])

    def _refused_update(self, plan: CollectionPlan, error: PyMongoError) -> BaseException:
        return error if duplicate_of(error) is None else plan.rules.duplicate_update(_BACKEND)

    async def _missed(
        self, plan: CollectionPlan, row: Row, session: AsyncMongoSession | None
    ) -> StorageError:
        """Why an update found nothing: no such id, or another revision."""
        identity = str(row[0])
        stored = await self._revision_of(plan, identity, session)
        at = plan.rules.revision_at
        if stored is None or at is None:
            return plan.rules.not_found(identity, "update")
        return plan.rules.conflict(identity, expected=int(row[at]) - 1, stored=stored)

    async def _revision_of(
        self, plan: CollectionPlan, identity: str, session: AsyncMongoSession | None
    ) -> int | None:
        if plan.revision is None:
            return None
        found = await self._server.read(
            {
                "find": plan.collection,
                "filter": {ID: identity},
                "projection": {plan.revision: 1},
                "limit": 1,
                "singleBatch": True,
            },
            _given(session),
        )
        batch = found["cursor"]["firstBatch"]
        return int(batch[0][plan.revision]) if batch else None

    async def _replace_many(
        self, plan: CollectionPlan, rows: Sequence[Row], session: AsyncMongoSession
    ) -> list[Row]:
        ids = [str(row[0]) for row in rows]
        command: Document = {"find": plan.collection, "filter": {ID: {"$in": ids}}}
        if plan.rewriting and not session.has_marks:
            command["projection"] = plan.rewriting
        held = {document[ID]: document for document in await self._server.documents(command, session.session)}
        results: list[Row] = []
        updates: list[Any] = []
        for identity in ids:
            if identity not in held:
                raise plan.rules.not_found(identity, "update")
        for identity, row in zip(ids, rows, strict=True):
            old = plan.form.row(held[identity])
            plan.rules.check_revision(old, row)
            new = plan.rules.replaced(old, row)
            results.append(new)
            kept, held_now = self._kept(plan, old, new)
            updates.append({"q": plan.guard(row), "u": self._change(plan, new, kept, held[identity])})
            if held_now is not None:
                session.adds(plan.texts, held[identity], -1)
                session.adds(plan.texts, held_now)
        if session.has_marks:
            # In the order of the updates: undone the last one first, each unique value is free when it is put back.
            session.remember(plan.collection, {identity: held[identity] for identity in ids})
        await self._update_many(plan, updates, session)
        return results

    @staticmethod
    def _kept(plan: CollectionPlan, old: Row, new: Row) -> tuple[Document, Document | None]:
        """What of its texts to set where a row takes the place of another; as a document, where words are in it."""
        kept = {} if plan.texts is None else plan.texts.changes(old, new)
        return kept, kept if WORDS in kept else None

    @staticmethod
    def _change(plan: CollectionPlan, new: Row, kept: Document, held: Document) -> Any:
        """The update that puts a row in the place of a stored document."""
        document = plan.form.document(new)
        sets = {**plan.form.assignments(document), **kept}
        if not plan.schema.extras:
            return {"$set": sets}
        gone = [key for key in held if key not in document and key not in OWN]
        return {"$set": sets, "$unset": dict.fromkeys(gone, "")} if gone else {"$set": sets}

    async def _rewrite(
        self,
        plan: CollectionPlan,
        identity: str,
        renew: Callable[[Row], Row],
        session: AsyncMongoSession | None,
        sets: Document | None = None,
        held: Document | None = None,
    ) -> Row | None:
        """Put a row that is made from the stored one in its place, and what is kept of its texts; None without one.

        Outside a transaction the document is written only if its texts are still what they were when it was read.

        Args:
            plan: of the collection.
            identity: the id.
            renew: makes the row.
            session: the transaction, if there is one.
            sets: what alone of the row is to be set; None for all of it.
            held: the document as it was read before the transaction, to be written if its texts are still the same.
        """
        for _ in range(_ROUNDS):
            is_fresh = held is None and session is not None  # then nobody else can have written it
            if held is None:
                held = await self._held(plan, identity, session)
                if held is None:
                    return None
            old = plan.form.row(held)
            new = renew(old)
            plan.rules.check_revision(old, new)
            kept, words = self._kept(plan, old, new)
            if words is not None and session is None and self._counts(plan):
                read = held if plan.texts is not None and plan.texts.are_short(held) else None
                again = partial(self._rewrite, plan, identity, renew, sets=sets, held=read)
                return await self.together(None, again)
            if session is not None and session.has_marks:
                session.remember(plan.collection, {identity: held})
            wanted = plan.guard(new)
            if not is_fresh and plan.texts is not None:
                wanted = {**wanted, **plan.texts.unchanged(held)}
            try:
                if sets is None:
                    change = self._change(plan, new, kept, held)
                    stored = new if await self._update(plan, wanted, change, _given(session)) else None
                else:  # others may be writing the other fields
                    change = {"$set": {**sets, **kept, **plan.revised(new)}}
                    found = await self._patched(plan, wanted, change, session)
                    stored = None if found is None else plan.form.row(found)
            except PyMongoError as error:
                raise self._refused_update(plan, error) from error
            if stored is not None:
                if session is not None and words is not None:
                    session.adds(plan.texts, held, -1)
                    session.adds(plan.texts, words)
                return stored
            held = None
        raise StorageError("others write the entity again and again; try again", retryable=True)

    async def _held(
        self, plan: CollectionPlan, identity: str, session: AsyncMongoSession | None
    ) -> Document | None:
        """The document that is about to be replaced."""
        command: Document = {"find": plan.collection, "filter": {ID: identity}, "limit": 1}
        if session is None or not session.has_marks:
            command["projection"] = plan.rewriting
        found = await self._server.documents(command, _given(session))
        return found[0] if found else None

    async def _update_many(
        self, plan: CollectionPlan, updates: list[Any], session: AsyncMongoSession
    ) -> None:
        try:
            for part in messages(updates, session.guesses):
                await self._server.write({"update": plan.collection, "updates": part}, session.session)
        except PyMongoError as error:
            raise self._refused_update(plan, error) from error

    # Both ------------------------------------------------------------------------------------------------------

    async def upsert(self, operation: Upsert, session: AsyncMongoSession | None) -> Row:
        """Store a row, or replace the one of the same id; the row as stored."""
        plan: CollectionPlan = operation.collection.plan
        for _ in range(_ROUNDS):
            stored = await self._replace_one(plan, operation.replacing, session)
            if stored is not None:
                return stored
            missed = await self._missed(plan, operation.replacing, session)
            if not isinstance(missed, NotFoundError):
                raise missed
            try:
                await self._insert_single(plan, operation.inserted, session)
            except StorageError as error:
                refused = duplicate_of(error.__cause__) if error.__cause__ is not None else None
                if session is not None or refused is None or list(refused[0]) != [ID]:
                    raise
                continue  # somebody else has just created it
            return operation.inserted
        raise StorageError("others create and delete the entity again and again; try again", retryable=True)

    async def patch(self, operation: Patch, session: AsyncMongoSession | None) -> Row:
        """Replace some values of a stored row; the row as stored."""
        plan: CollectionPlan = operation.collection.plan
        values = {**{field.key: value for field, value in operation.changes}, **operation.extras}
        sets = plan.form.changes(values)
        if plan.texts is not None and plan.texts.touches(values):
            row = await self._rewrite(
                plan, operation.id, lambda old: plan.rules.patched(old, operation), session, sets
            )
            if row is None:
                raise plan.rules.not_found(operation.id, "patch")
            return row
        await self._remember(plan, [operation.id], session)
        wanted: Document = {ID: operation.id}
        update: Document = {"$set": sets} if sets else {}
        if plan.revision is not None:
            if operation.expected is None:
                update["$inc"] = {plan.revision: 1}
            else:
                wanted[plan.revision] = {"$eq": operation.expected}
                sets[plan.revision] = operation.expected + 1
        try:
            found = await self._patched(plan, wanted, update, session)
        except PyMongoError as error:
            raise self._refused_update(plan, error) from error
        if found is not None:
            return plan.form.row(found)
        stored = await self._revision_of(plan, operation.id, session)
        if stored is None or operation.expected is None:
            raise plan.rules.not_found(operation.id, "patch")
        raise plan.rules.conflict(operation.id, expected=operation.expected, stored=stored)

    async def _patched(
        self, plan: CollectionPlan, wanted: Document, update: Document, session: AsyncMongoSession | None
    ) -> Document | None:
        if not update:
            command: Document = {"find": plan.collection, "filter": wanted, "limit": 1, "singleBatch": True}
            if plan.projection:
                command["projection"] = plan.projection
            unchanged = (await self._server.read(command, _given(session)))["cursor"]["firstBatch"]
            return unchanged[0] if unchanged else None
        command = {"findAndModify": plan.collection, "query": wanted, "update": update, "new": True}
        if plan.projection:
            command["fields"] = plan.projection
        found: Document | None = (await self._server.write(command, _given(session)))["value"]
        return found

    # Deleting --------------------------------------------------------------------------------------------------

    async def remove(self, operation: Remove, session: AsyncMongoSession | None) -> int:
        """Delete these ids; how many existed."""
        plan: CollectionPlan = operation.collection.plan
        ids = operation.ids
        moving = await self._leases.is_moving(plan.collection, waits=session is None)
        if len(ids) > 1 or (session is None and (moving or self._counts(plan))):
            return await self.together(session, lambda own: self._remove(plan, ids, own))
        done = await self._remove(plan, ids, session)
        if session is None and self._leases.must_ask(plan.collection):
            try:
                await self._leases.check(plan.collection)
            except UnavailableError as error:
                raise CommitUnknown.of_write(
                    backend=_BACKEND, operation="delete", collection=plan.collection
                ) from error
        return done

    async def _remove(
        self, plan: CollectionPlan, ids: Sequence[str], session: AsyncMongoSession | None
    ) -> int:
        await self._remember(plan, ids, session)
        own = _given(session)
        if session is not None and self._counts(plan):
            lengths = {
                "find": plan.collection,
                "filter": {ID: {"$in": list(ids)}},
                "projection": {f"{WORDS}.l": 1},
            }
            for document in await self._server.documents(lengths, own):
                session.adds(plan.texts, document, -1)
        delete: Document = {"q": {ID: ids[0] if len(ids) == 1 else {"$in": list(ids)}}, "limit": 0}
        if len(ids) == 1:
            delete["limit"] = 1
        done = await self._server.write({"delete": plan.collection, "deletes": [delete]}, own)
        if session is not None and self._leases.must_ask(plan.collection):
            await self._leases.check(plan.collection)
        return int(done["n"])


def _given(session: AsyncMongoSession | None) -> Any:
    return None if session is None else session.session
