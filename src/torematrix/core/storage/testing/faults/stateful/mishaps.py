"""What may befall a backend while it makes a call, as data."""

from __future__ import annotations

from typing import Final, TypeAlias, TypeVar

import msgspec
from hypothesis import strategies as st

from ..suspensions import WAYS
from .disks import TROUBLES

__all__ = [
    "Cancelled",
    "Failing",
    "Held",
    "Mishap",
    "Severed",
    "cancelled",
    "failing",
    "name_of",
    "severed",
    "weighted",
]

T = TypeVar("T")


class Severed(msgspec.Struct, frozen=True):
    """The connection is cut at a request.

    Attributes:
        place: as in ``proxy``; or ``idle``: every connection is cut while nothing is asked.
        after: so many requests are passed on before.
        times: so many are met.
        gone: for so many seconds afterwards the server cannot be reached.
    """

    place: str
    after: int = 0
    times: int = 1
    gone: float = 0.0


class Failing(msgspec.Struct, frozen=True):
    """The disk fails, as ``disks`` says."""

    what: str
    after: int
    lasting: bool


class Held(msgspec.Struct, frozen=True):
    """Another connection has the database locked for longer than anybody waits."""


class Cancelled(msgspec.Struct, frozen=True):
    """The task is cancelled as it waits, as ``suspensions`` says."""

    at: int
    way: str


Mishap: TypeAlias = Severed | Failing | Held | Cancelled

_SOON: Final = st.sampled_from((0, 0, 0, 1))
_FEW: Final = st.sampled_from((0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 6))


def weighted(*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """One of several, each as often as its number says; ``one_of`` takes each once."""
    drawn = [choice for weight, choice in choices for _ in range(weight)]
    return st.sampled_from(range(len(drawn))).flatmap(drawn.__getitem__)


def severed(*, soon: bool, slow: bool) -> st.SearchStrategy[Mishap | None]:
    """Cuts of connections.

    Args:
        soon: whether they come at the first request or the second.
        slow: whether some are frozen or gone for long, which takes seconds each time.
    """
    few = _SOON if soon else _FEW
    places = st.sampled_from(("before", "after", "race"))
    quick = st.builds(
        Severed,
        places,
        few,
        st.sampled_from((1, 1, 1, 1, 2, 3)),
        st.sampled_from((*(0.0,) * 7, 0.05)),
    )
    idle = st.just(Severed("idle"))
    if not slow:
        return weighted((5, quick), (1, idle))
    gone = st.builds(Severed, places, few, st.just(1), st.just(4.0))
    frozen = st.builds(Severed, st.sampled_from(("freeze", "frozen")), few)
    return weighted((25, quick), (3, idle), (1, gone), (1, frozen))


def failing(*, soon: bool) -> st.SearchStrategy[Mishap | None]:
    """Failures of a disk, soon or later, and locks."""
    kinds = st.builds(Failing, st.sampled_from(TROUBLES), _SOON if soon else _FEW, st.booleans())
    return weighted((30, kinds), (1, st.just(Held())))


def cancelled(*, soon: bool) -> st.SearchStrategy[Mishap | None]:
    """Cancellations, soon or later."""
    return st.builds(Cancelled, _SOON if soon else _FEW, st.sampled_from(WAYS))


def name_of(mishap: Mishap) -> str:
    """Its kind, to be counted by."""
    match mishap:
        case Severed(place=place, gone=gone):
            return f"{place}, gone" if gone else place
        case Failing(what=what):
            return what
        case Cancelled(way=way):
            return f"cancelled {way}"
        case Held():
            return "held"
