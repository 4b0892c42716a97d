"""What the stateful model does with a storage: a call, a scope's two ends, a function in a transaction, reading all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ....errors import NotFoundError, StorageError
from ....face._async.storage import AsyncStorage
from ..stateful.calls import BAGS, CARDS, SLIPS, WORD, Call, Card, Slip, State, plain

__all__ = ["AsyncHands"]


class AsyncHands:
    """The model's collections on one storage.

    Args:
        storage: where.

    Attributes:
        storage: the same.
    """

    def __init__(self, storage: AsyncStorage) -> None:
        self.storage = storage
        self._repositories: dict[str, Any] = {
            CARDS: storage.repository(Card, CARDS),
            SLIPS: storage.repository(Slip, SLIPS, searchable=()),
            BAGS: storage.repository(dict, BAGS, searchable=["text"]),
        }

    async def ready(self) -> None:
        """Make the collections."""
        await self.storage.ready()

    async def perform(self, call: Call) -> Any:
        """What the call gives, as data."""
        method = getattr(self._repositories[call.collection], call.method)
        return plain(await method(*call.arguments, **call.named))

    async def enter(self) -> Any:
        """A scope, entered."""
        scope = self.storage.transaction()
        await scope.__aenter__()
        return scope

    async def leave(self, scope: Any, error: Exception | None) -> None:
        """Leave a scope, as an exception does where there is one."""
        await scope.__aexit__(None if error is None else type(error), error, None)

    async def together(self, calls: Sequence[Call], *, swallows: bool) -> list[Any]:
        """What the calls give that were made in a transaction by ``run_in_transaction``.

        Args:
            calls: one after the other.
            swallows: whether the function goes on after an error.
        """

        async def work() -> list[Any]:
            given: list[Any] = []
            for call in calls:
                try:
                    given.append(await self.perform(call))
                except StorageError:
                    if not swallows:
                        raise
            return given

        return await self.storage.run_in_transaction(work, attempts=3, deadline=10.0)

    async def read(self) -> State:
        """Everything that is stored."""
        state: State = {name: plain(await each.list()) for name, each in self._repositories.items()}
        for name in (CARDS, BAGS):
            hits: Any = await self._repositories[name].search(WORD, with_hits=True)
            state[f"found {name}"] = [(plain(hit.entity)["id"], hit.score) for hit in hits]
        return state

    async def touch(self) -> None:
        """Write, and change nothing."""
        with suppress(NotFoundError):
            await self._repositories[SLIPS].patch("nobody", number=1)

    async def clear(self, *, singly: bool) -> None:
        """Delete everything, one by one where the storage does not write several at once."""
        for repository in self._repositories.values():
            ids = [str(plain(entity)["id"]) for entity in await repository.list()]
            if singly:
                for each in ids:
                    await repository.delete(each)
            elif ids:
                await repository.bulk_delete(ids)

    async def close(self) -> None:
        """Close the storage."""
        await self.storage.close()
