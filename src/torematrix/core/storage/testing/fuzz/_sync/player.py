# generated from _async/player.py by tools/generate_twins.py: do not edit
"""Runs programs on one open storage, step by step, and tells what each step gave."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, TypeAlias, cast

from ....core.options import Isolation
from ....errors import StorageError
from ....face._sync.repository import StorageRepository
from ....face._sync.storage import Storage
from ....query.filters import CursorPage, CursorPagination
from ..clock import Clock
from ..family import SCHEMAS
from ..outcomes import Failure, Outcome, failure_of
from ..steps import Call, Edit, Program, Scope, Step, Streamed
from ..values import member

__all__ = ["Player"]

Arguments: TypeAlias = dict[str, dict[str, Any]]
"""What each call was given, by the place of its step: what an ``Edit`` came to when the reference ran."""


class _UndoneError(Exception):
    """Leaves a transaction so that it is rolled back."""


class _LeftError(Exception):
    """An error that an engine raised, on its way out of the scopes that do not catch it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure


class Player:
    """Runs programs on an open storage.

    Args:
        storage: the storage.
        repositories: its repositories, by the names that programs know them by.
        clock: starts again with each program.
    """

    def __init__(
        self,
        storage: Storage,
        repositories: Mapping[str, StorageRepository[Any]],
        clock: Clock,
    ) -> None:
        self.storage = storage
        self._repositories = repositories
        self._clock = clock
        self._outcomes: list[Outcome] = []
        self._arguments: Arguments = {}
        self._resolving = False

    def play(self, program: Program, arguments: Arguments | None = None) -> list[Outcome]:
        """What each step of the program gives; at its end everything that is stored is listed, and deleted.

        Args:
            program: the program.
            arguments: what the calls are given, as ``resolved`` tells it after the reference has run the program. None
                for the reference, which finds out.
        """
        self._clock.restart()
        outcomes: list[Outcome] = []
        self._outcomes = outcomes
        self._resolving = arguments is None
        self._arguments = {} if arguments is None else arguments
        for subject, entities in program.held.items():
            self._hold(subject, entities, singly=program.single)
        self._all(program.steps, "", swallows=True)
        self._end(program)
        return outcomes

    def resolved(self) -> Arguments:
        """What each call of the last program was given."""
        return self._arguments

    def is_empty(self) -> bool:
        """Whether nothing is stored; False too where that cannot be told."""
        try:
            for repository in self._repositories.values():
                if repository.count():
                    return False
        except Exception:  # noqa: BLE001 - whatever it is, the storage is not to be used any more
            return False
        return True

    def _hold(self, subject: str, entities: Sequence[Any], *, singly: bool) -> None:
        repository = self._repositories[subject]
        parts = [[entity] for entity in entities] if singly else [list(entities)]
        for part in parts:
            method = "create" if singly else "bulk_create"
            arguments: dict[str, Any] = {"entity": part[0]} if singly else {"entities": part}
            self._call(repository, f"held {subject}", method, arguments)

    def _end(self, program: Program) -> None:
        """List everything that is stored, then delete it."""
        left: dict[str, list[str]] = {}
        for subject in program.held:
            found = self._call(self._repositories[subject], f"left {subject}", "list", {})
            if not isinstance(found, Failure):
                left[subject] = [str(member(item, "id")) for item in found]
        for subject, ids in left.items():
            repository = self._repositories[subject]
            if program.single:
                for entity_id in ids:
                    self._call(repository, f"cleared {subject}", "delete", {"entity_id": entity_id})
            elif ids:
                self._call(repository, f"cleared {subject}", "bulk_delete", {"entity_ids": ids})

    def _all(self, steps: Sequence[Step], place: str, *, swallows: bool) -> None:
        for number, step in enumerate(steps):
            self._step(step, f"{place}{number}", swallows=swallows)

    def _step(self, step: Step, place: str, *, swallows: bool) -> None:
        try:
            if isinstance(step, Call):
                self._one(step, place)
            elif isinstance(step, Scope):
                self._scope(step, place)
            else:
                self._streamed(step, place)
        except _LeftError:
            if not swallows:
                raise

    def _failed(self, place: str, kind: str, error: Exception) -> Failure:
        failure = failure_of(error, self.storage.backend)
        self._outcomes.append(Outcome(place, kind, failure))
        return failure

    # ----------------------------------------------------------------------------------------------------- calls

    def _one(self, step: Call, place: str) -> None:
        repository = self._repositories[step.subject]
        arguments = self._given(step, place)
        if arguments is None:
            self._outcomes.append(Outcome(place, step.method, "the reference did not come here"))
            return
        result = self._call(repository, place, step.method, arguments)
        if isinstance(result, Failure):
            raise _LeftError(result)

    def _call(
        self, repository: StorageRepository[Any], place: str, method: str, arguments: dict[str, Any]
    ) -> Any:
        try:
            match method:
                case "walk":
                    result: Any = self._walk(repository, **arguments)
                case "search_walk":
                    result = self._search_walk(repository, **arguments)
                case "patch":
                    result = repository.patch(arguments["entity_id"], **arguments["changes"])
                case _:
                    result = getattr(repository, method)(**arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, every engine must raise the same
            return self._failed(place, method, error)
        self._outcomes.append(Outcome(place, method, result))
        return result

    def _given(self, step: Call, place: str) -> dict[str, Any] | None:
        if not self._resolving:
            return self._arguments.get(place)
        given = dict(step.arguments)
        for name in ("entity", "entities"):
            if name in given:
                given[name] = self._entities(step.subject, given[name])
        self._arguments[place] = given
        return given

    def _entities(self, subject: str, value: Any) -> Any:
        if isinstance(value, list):
            items = cast("list[Any]", value)  # type: ignore[redundant-cast]  # pyright knows no item
            return [self._entities(subject, item) for item in items]
        return self._edited(subject, value) if isinstance(value, Edit) else value

    def _edited(self, subject: str, edit: Edit) -> Any:
        repository, schema = self._repositories[subject], SCHEMAS[subject]
        given = edit.entity
        entity_id = given.get("id") if schema.freeform else given.id
        try:
            stored = None if entity_id is None else repository.get(entity_id)
        except StorageError:  # the transaction can take nothing more
            stored = None
        if stored is None:
            return given
        if schema.freeform:
            changed = {name: value for name, value in stored.items() if name not in edit.names}
            return {**changed, **{name: given[name] for name in edit.names if name in given}}
        changed = copy.copy(stored)
        for name in edit.names:
            setattr(changed, name, getattr(given, name))
        if schema.revision is not None and edit.drift:
            revision = schema.revision.name
            setattr(changed, revision, getattr(changed, revision) + edit.drift)
        return changed

    def _walk(
        self,
        repository: StorageRepository[Any],
        filters: Any,
        sort_by: Any,
        limit: int,
        moves: str,
    ) -> list[Any]:
        """Pages by cursors: ``n`` goes to the next, ``p`` to the previous one, ``x`` misuses a cursor."""
        page: CursorPage[Any] = repository.list(filters, sort_by, pagination=CursorPagination(limit=limit))
        pages: list[Any] = [page]
        for move in moves:
            cursor = page.previous if move == "p" else page.next
            if cursor is None:
                continue
            if move == "x":
                misused = CursorPagination(after=cursor[:-2], limit=limit)
                repository.list(filters, sort_by, pagination=misused)
            there = CursorPagination(
                after=cursor if move == "n" else None, before=cursor if move == "p" else None, limit=limit
            )
            page = repository.list(filters, sort_by, pagination=there)
            pages.append(page)
        return pages

    def _search_walk(
        self,
        repository: StorageRepository[Any],
        query: str,
        fields: Any,
        filters: Any,
        limit: int,
        pages: int,
    ) -> list[Any]:
        found: list[Any] = []
        after: str | None = None
        for _ in range(pages):
            page: CursorPage[Any] = repository.search(
                query, fields, pagination=CursorPagination(after=after, limit=limit), filters=filters
            )
            found.append(page)
            after = page.next
            if after is None:
                break
        return found

    # -------------------------------------------------------------------------------------- scopes and streams

    def _scope(self, step: Scope, place: str) -> None:
        result: object = "kept"
        try:
            isolation = Isolation(step.isolation)
            with self.storage.transaction(read_only=step.read_only, isolation=isolation):
                self._all(step.steps, f"{place}.", swallows=step.swallows)
                if step.undone:
                    raise _UndoneError
        except _UndoneError:
            result = "undone"
        except _LeftError as left:
            self._outcomes.append(Outcome(place, "transaction", "left by an error"))
            raise _LeftError(left.failure) from None
        except Exception as error:  # noqa: BLE001 - whatever it is, every engine must raise the same
            raise _LeftError(self._failed(place, "transaction", error)) from None
        self._outcomes.append(Outcome(place, "transaction", result))

    def _streamed(self, step: Streamed, place: str) -> None:
        repository = self._repositories[step.subject]
        found: list[Any] = []
        try:
            with closing(repository.stream(**step.arguments)) as stream:
                if step.steps:
                    self._take(stream, found, step.taken)
                    self._all(step.steps, f"{place}.", swallows=True)
                if step.drained:
                    self._take(stream, found, None)
        except Exception as error:  # noqa: BLE001 - whatever it is, every engine must raise the same
            raise _LeftError(self._failed(place, "stream", error)) from None
        self._outcomes.append(Outcome(place, "stream", found))

    def _take(self, stream: Any, found: list[Any], count: int | None) -> None:
        if count == 0:
            return
        for item in stream:
            found.append(item)
            if len(found) == count:
                return
