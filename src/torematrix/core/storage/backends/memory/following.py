"""What is written while somebody follows, and the fence behind which nothing is."""

from __future__ import annotations

from itertools import islice
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
    changed,
    followed,
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
                self._state = followed(before, token, collections) or before
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
        found = ((number, *note) for number, note in self._notes.items() if note[0] in step.collections)
        is_fenced = self._pending is not None or (self._state is not None and self._state.fenced)
        return changed(list(islice(found, step.limit)), step.limit, is_fenced=is_fenced)
