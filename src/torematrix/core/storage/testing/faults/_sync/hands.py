# generated from _async/hands.py by tools/generate_twins.py: do not edit
"""What the stateful model does with a storage: a call, a scope's two ends, a function in a transaction, reading all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ....errors import NotFoundError, StorageError
from ....face._sync.storage import Storage
from ..stateful.calls import BAGS, CARDS, SLIPS, WORD, Call, Card, Slip, State, plain

__all__ = ["Hands"]


class Hands:
    """The model's collections on one storage.

    Args:
        storage: where.

    Attributes:
        storage: the same.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._repositories: dict[str, Any] = {
            CARDS: storage.repository(Card, CARDS),
            SLIPS: storage.repository(Slip, SLIPS, searchable=()),
            BAGS: storage.repository(dict, BAGS, searchable=["text"]),
        }

    def ready(self) -> None:
        """Make the collections."""
        self.storage.ready()

    def perform(self, call: Call) -> Any:
        """What the call gives, as data."""
        method = getattr(self._repositories[call.collection], call.method)
        return plain(method(*call.arguments, **call.named))

    def enter(self) -> Any:
        """A scope, entered."""
        scope = self.storage.transaction()
        scope.__enter__()
        return scope

    def leave(self, scope: Any, error: Exception | None) -> None:
        """Leave a scope, as an exception does where there is one."""
        scope.__exit__(None if error is None else type(error), error, None)

    def together(self, calls: Sequence[Call], *, swallows: bool) -> list[Any]:
        """What the calls give that were made in a transaction by ``run_in_transaction``.

        Args:
            calls: one after the other.
            swallows: whether the function goes on after an error.
        """

        def work() -> list[Any]:
            given: list[Any] = []
            for call in calls:
                try:
                    given.append(self.perform(call))
                except StorageError:
                    if not swallows:
                        raise
            return given

        return self.storage.run_in_transaction(work, attempts=3, deadline=10.0)

    def read(self) -> State:
        """Everything that is stored."""
        state: State = {name: plain(each.list()) for name, each in self._repositories.items()}
        for name in (CARDS, BAGS):
            hits: Any = self._repositories[name].search(WORD, with_hits=True)
            state[f"found {name}"] = [(plain(hit.entity)["id"], hit.score) for hit in hits]
        return state

    def touch(self) -> None:
        """Write, and change nothing."""
        with suppress(NotFoundError):
            self._repositories[SLIPS].patch("nobody", number=1)

    def clear(self, *, singly: bool) -> None:
        """Delete everything, one by one where the storage does not write several at once."""
        for repository in self._repositories.values():
            ids = [str(plain(entity)["id"]) for entity in repository.list()]
            if singly:
                for each in ids:
                    repository.delete(each)
            elif ids:
                repository.bulk_delete(ids)

    def close(self) -> None:
        """Close the storage."""
        self.storage.close()
