"""What is written while somebody follows, and the fence behind which nothing is."""

from __future__ import annotations

from typing import Any

import msgspec

from ...core.following import (
    MOVED,
    Changed,
    Changes,
    Fence,
    Follow,
    Followed,
    FollowingStep,
    Forget,
    LiveState,
    Release,
)
from ...errors import MovedError

__all__ = ["Following"]


class Following:
    """The notes of a database in memory."""

    def __init__(self) -> None:
        self._state: LiveState | None = None
        self._pending: LiveState | None = None
        self._notes: dict[int, tuple[str, str]] = {}
        self._last = 0

    def follows(self, collection: str) -> bool:
        """Whether writes to it are noted."""
        return self._state is not None and collection in self._state.collections

    def note(self, collection: str, entity_id: str) -> None:
        """Note a write that has become permanent."""
        self._last += 1
        self._notes[self._last] = (collection, entity_id)

    def check(self, collection: str) -> None:
        """Raise MovedError where it takes no more writes."""
        if self._state is not None and self._state.fenced and collection in self._state.collections:
            raise MovedError(
                f"{collection!r} {MOVED}", backend="memory", operation="write", collection=collection
            )

    def settle(self, *, keeps: bool) -> None:
        """The end of a transaction, or of an operation: a fence put up in it stands, or does not."""
        if self._pending is not None and keeps:
            self._state = self._pending
        self._pending = None

    def do(self, step: FollowingStep) -> Any:
        """One step, as its class says."""
        match step:
            case Follow(token, collections):
                before = self._state
                if before is None or before.token == token:
                    known = () if before is None else before.collections
                    fenced = before is not None and before.fenced
                    self._state = LiveState(token, tuple(dict.fromkeys((*known, *collections))), fenced)
                return Followed(before)
            case Changes():
                return self._changes(step)
            case Forget(numbers):
                for number in numbers:
                    self._notes.pop(number, None)
            case Fence(token, collections):
                self._pending = LiveState(token, collections, fenced=True)
            case Release(only_fence):
                if only_fence and self._state is not None:
                    self._state = msgspec.structs.replace(self._state, fenced=False)
                elif not only_fence:
                    self._state = None
                    self._notes.clear()
        return None

    def _changes(self, step: Changes) -> Changed:
        ids: dict[str, dict[str, None]] = {}
        numbers: list[int] = []
        for number, (collection, entity_id) in self._notes.items():
            if collection in step.collections:
                ids.setdefault(collection, {})[entity_id] = None
                numbers.append(number)
            if len(numbers) == step.limit:
                break
        is_fenced = self._pending is not None or (self._state is not None and self._state.fenced)
        return Changed(
            {name: list(known) for name, known in ids.items()},
            len(numbers),
            tuple(numbers),
            is_last=is_fenced and len(numbers) < step.limit,
        )
