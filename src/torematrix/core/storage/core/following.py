"""What a driver is asked for when a database is followed while others write to it: a live move does.

``Follow`` has every later write noted, whoever makes it; ``Changes`` reads the notes; ``Forget`` drops those that have
been dealt with; ``Fence`` has the collections take no more writes, and ``Reopen`` takes back one that was not done;
``Release`` ends all of it.

Each says by its token which move it is of. Once the source is released, or another move has begun, what is left of an
earlier one finds out, and does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from ..errors import ConfigurationError

__all__ = [
    "MOVED",
    "Changed",
    "Changes",
    "Fence",
    "Fenced",
    "Follow",
    "Followed",
    "FollowingStep",
    "Forget",
    "LiveState",
    "Release",
    "Reopen",
    "changed",
    "fenced",
    "followed",
    "own_state",
]

MOVED: Final = "has been moved to another database, and takes no more writes: write there"
"""What is said, behind the name of a collection, to whoever writes to it behind the fence."""


class LiveState(msgspec.Struct, frozen=True):
    """What a database keeps about being followed.

    Attributes:
        token: names the move.
        collections: those that are followed.
        fenced: those of them that take no more writes.
    """

    token: str
    collections: tuple[str, ...] = ()
    fenced: tuple[str, ...] = ()


class Follow(msgspec.Struct, frozen=True):
    """Note every write to these collections from now on. Asked again with the same token it changes nothing.

    What had begun before has ended when this returns: it is read by who reads afterwards.

    Attributes:
        token: names the move.
        collections: their names.
    """

    token: str
    collections: tuple[str, ...]


class Followed(msgspec.Struct, frozen=True):
    """The answer to Follow.

    Attributes:
        before: what had been kept already; None where nobody was followed. With another token nothing was done.
        position: where the notes begin, for engines that keep them by time; "" elsewhere. The text of an earlier place
            is smaller.
    """

    before: LiveState | None
    position: str = ""


class Changes(msgspec.Struct, frozen=True):
    """Read notes, the oldest first.

    Attributes:
        token: names the move.
        collections: of which collections.
        position: behind which place, for engines that keep them by time.
        limit: about so many.
    """

    token: str
    collections: tuple[str, ...]
    position: str = ""
    limit: int = 1000


class Changed(msgspec.Struct, frozen=True):
    """Some notes.

    Attributes:
        ids: the collections with the ids of what was written or deleted there, each once.
        count: how many notes stand for them.
        numbers: what Forget has to be told.
        position: the place behind these, for engines that keep them by time.
        is_last: whether nothing can come behind these: the collections are fenced, and all that went before is read.
    """

    ids: dict[str, list[str]]
    count: int
    numbers: tuple[int, ...] = ()
    position: str = ""
    is_last: bool = False


class Forget(msgspec.Struct, frozen=True):
    """Drop notes.

    Attributes:
        token: names the move.
        numbers: which.
    """

    token: str
    numbers: tuple[int, ...]


class Fence(msgspec.Struct, frozen=True):
    """Have the collections take no more writes.

    Where this is part of a transaction, writers wait until that ends, and are refused once it is committed; with a
    rollback they go on. Elsewhere they are refused when it is ``done``, wait until then, and go on with Reopen.

    Attributes:
        token: names the move.
        collections: their names.
        mover: names who puts it up: of two that go on with the same move at once, one is told.
        done: whether everything has been dealt with, so that writers may be told.
        patience: seconds to wait for those that are writing.
    """

    token: str
    collections: tuple[str, ...]
    mover: str = ""
    done: bool = False
    patience: float = 0.3


class Fenced(msgspec.Struct, frozen=True):
    """The answer to Fence.

    Attributes:
        stood: whether the fence had been put up, and done, before.
        described: the schemas of everything that is stored, as they are behind it.
    """

    stood: bool
    described: Mapping[str, Any]


class Reopen(msgspec.Struct, frozen=True):
    """Take back what this mover has fenced and not done, where that is no part of a transaction.

    Attributes:
        token: names the move.
        mover: as for Fence.
    """

    token: str
    mover: str


class Release(msgspec.Struct, frozen=True):
    """Note nothing more, and have everything take writes again."""


FollowingStep: TypeAlias = Follow | Changes | Forget | Fence | Reopen | Release


def followed(before: LiveState | None, token: str, collections: Sequence[str]) -> LiveState | None:
    """The state once these are followed too; None where somebody else follows."""
    if before is None:
        return LiveState(token, tuple(collections))
    if before.token != token:
        return None
    known = tuple(dict.fromkeys((*before.collections, *collections)))
    return LiveState(token, known, before.fenced)


def own_state(state: LiveState | None, token: str) -> LiveState:
    """The state, if it is of this move.

    Raises:
        ConfigurationError: by now nobody is followed, or somebody else follows.
    """
    if state is None or state.token != token:
        raise ConfigurationError(
            "the source was released while it was moved, or another live move of it has begun: empty the target and "
            "move again"
        )
    return state


def fenced(state: LiveState | None, token: str, collections: Sequence[str]) -> LiveState:
    """The state once these take no more writes; it raises as ``own_state`` does."""
    state = own_state(state, token)
    return msgspec.structs.replace(state, fenced=tuple(dict.fromkeys((*state.fenced, *collections))))


def changed(step: Changes, rows: Sequence[Sequence[object]], state: LiveState | None) -> Changed:
    """The answer to Changes, from notes of a number, a collection and an id; it raises as ``own_state`` does."""
    is_fenced = set(step.collections) <= set(own_state(state, step.token).fenced)
    ids: dict[str, dict[str, None]] = {}
    for _, collection, entity_id in rows:
        ids.setdefault(str(collection), {})[str(entity_id)] = None
    numbers = tuple(int(str(row[0])) for row in rows)
    return Changed(
        {name: list(known) for name, known in ids.items()},
        len(rows),
        numbers,
        is_last=is_fenced and len(rows) < step.limit,
    )
