"""Ids and times that the storage fills in: UUIDs of version 7 (RFC 9562, section 5.7), and UTC now."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime
from random import Random

from ..model._times import utc_text

__all__ = ["new_id", "now", "now_text"]

_COUNT_BITS = 48
_STEP_BITS = 24


class _Clock:
    """The last id's millisecond and random part, from which the next one is counted.

    Within a millisecond the last 48 bits grow by a random step (the RFC's "monotonic random"); they start with their
    top bit clear, so there is room for millions of ids. When they run over, or the system's clock steps back, the ids
    run ahead of the clock instead of repeating.
    """

    __slots__ = ("count", "end", "lock", "millisecond", "prefix", "random")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.random = Random(os.urandom(32)).getrandbits  # noqa: S311 - ids are unique, not secret
        self.millisecond = 0
        self.end = 0  # when the millisecond is over, in nanoseconds
        self.count = 0
        self.prefix = ""

    def next(self) -> str:
        with self.lock:
            moment = time.time_ns()
            count = self.count + 1 + self.random(_STEP_BITS)
            if moment >= self.end or count >> _COUNT_BITS:
                count = self._turn(moment // 1_000_000)
            self.count = count
            prefix = self.prefix
        return prefix + count.to_bytes(_COUNT_BITS // 8, "big").hex()

    def _turn(self, millisecond: int) -> int:
        """Begin another millisecond: its text, with the version, the variant and 26 fixed random bits."""
        self.millisecond = millisecond = max(millisecond, self.millisecond + 1)
        self.end = (millisecond + 1) * 1_000_000
        stamp = f"{millisecond:012x}"
        fixed = f"7{self.random(12):03x}-{0x8000 | self.random(14):04x}"
        self.prefix = f"{stamp[:8]}-{stamp[8:]}-{fixed}-"
        return self.random(_COUNT_BITS - 1)


_clock = _Clock()


def _start_again() -> None:
    global _clock  # noqa: PLW0603 - a forked process must not count on from the parent's state, nor take its lock
    _clock = _Clock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_again)


def new_id() -> str:
    """A new UUIDv7 as text, greater than every one this process has made before; safe in any thread."""
    return _clock.next()


def now() -> datetime:
    """The time, as an aware datetime in UTC."""
    return datetime.now(UTC)


def now_text() -> str:
    """The time in the canonical form of an aware datetime."""
    return utc_text(datetime.now(UTC))
