"""What is written while somebody follows, and the fence behind which nothing is."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from ...core.following import (
    MOVED,
    Changed,
    Changes,
    Fence,
    Fenced,
    Follow,
    Followed,
    FollowingStep,
    Forget,
    LiveState,
    Release,
    Reopen,
    changed,
    fenced,
    followed,
    own_state,
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
        if self._state is not None and collection in self._state.fenced:
            raise MovedError(
                f"{collection!r} {MOVED}", backend="memory", operation="write", collection=collection
            )

    def settle(self, *, keeps: bool) -> None:
        """The end of a transaction, or of an operation: a fence put up in it stands, or does not."""
        if self._pending is not None and keeps:
            self._state = self._pending
        self._pending = None

    def do(self, step: FollowingStep, described: Mapping[str, Any]) -> Any:
        """One step, as its class says; ``described`` are the schemas of what is stored."""
        match step:
            case Follow(token, collections):
                before = self._state
                self._state = followed(before, token, collections) or before
                return Followed(before)
            case Changes():
                return self._changes(step)
            case Forget(token, numbers):
                own_state(self._state, token)
                for number in numbers:
                    self._notes.pop(number, None)
            case Fence(token, collections):
                self._pending = fenced(self._state, token, collections)
                return Fenced(self._pending == self._state, described)
            case Release():
                self._state = None
                self._notes.clear()
            case Reopen():
                pass  # a fence that is not done ends with its transaction
        return None

    def _changes(self, step: Changes) -> Changed:
        found = ((number, *note) for number, note in self._notes.items() if note[0] in step.collections)
        return changed(step, list(islice(found, step.limit)), self._pending or self._state)
