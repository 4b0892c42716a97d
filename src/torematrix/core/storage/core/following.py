"""What a driver is asked for when a database is followed while others write to it: a live move does.

``Follow`` has every later write noted, whoever makes it; ``Changes`` reads the notes; ``Forget`` drops those that have
been dealt with; ``Fence`` has the collections take no more writes; ``Release`` ends all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

__all__ = [
    "MOVED",
    "Changed",
    "Changes",
    "Fence",
    "Follow",
    "Followed",
    "FollowingStep",
    "Forget",
    "LiveState",
    "Release",
    "changed",
    "followed",
]

MOVED: Final = "has been moved to another database, and takes no more writes: write there"
"""What is said, behind the name of a collection, to whoever writes to it behind the fence."""


class LiveState(msgspec.Struct, frozen=True):
    """What a database keeps about being followed.

    Attributes:
        token: names the move.
        collections: those that are followed.
        fenced: whether they take no more writes.
    """

    token: str
    collections: tuple[str, ...] = ()
    fenced: bool = False


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
        position: where the notes begin, for engines that keep them by time; "" elsewhere.
    """

    before: LiveState | None
    position: str = ""


class Changes(msgspec.Struct, frozen=True):
    """Read notes, the oldest first.

    Attributes:
        collections: of which collections.
        position: behind which place, for engines that keep them by time.
        limit: about so many.
    """

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
        numbers: which.
    """

    numbers: tuple[int, ...]


class Fence(msgspec.Struct, frozen=True):
    """Have the collections take no more writes.

    Where this is part of a transaction, writers wait until that ends, and are refused once it is committed; with a
    rollback they go on. Elsewhere they are refused when it is ``done``, wait until then, and go on with Release.

    Attributes:
        token: names the move.
        collections: their names.
        done: whether everything has been dealt with, so that writers may be told.
        patience: seconds to wait for those that are writing.
    """

    token: str
    collections: tuple[str, ...]
    done: bool = False
    patience: float = 0.3


class Release(msgspec.Struct, frozen=True):
    """Note nothing more, and have everything take writes again.

    Attributes:
        only_fence: whether writes are still noted.
    """

    only_fence: bool = False


FollowingStep: TypeAlias = Follow | Changes | Forget | Fence | Release


def followed(before: LiveState | None, token: str, collections: Sequence[str]) -> LiveState | None:
    """The state once these are followed too; None where somebody else follows."""
    if before is None:
        return LiveState(token, tuple(collections))
    if before.token != token:
        return None
    known = tuple(dict.fromkeys((*before.collections, *collections)))
    return LiveState(token, known, before.fenced)


def changed(rows: Sequence[Sequence[object]], limit: int, *, is_fenced: bool) -> Changed:
    """The answer to Changes, from notes of a number, a collection and an id."""
    ids: dict[str, dict[str, None]] = {}
    for _, collection, entity_id in rows:
        ids.setdefault(str(collection), {})[str(entity_id)] = None
    numbers = tuple(int(str(row[0])) for row in rows)
    return Changed(
        {name: list(known) for name, known in ids.items()},
        len(rows),
        numbers,
        is_last=is_fenced and len(rows) < limit,
    )
