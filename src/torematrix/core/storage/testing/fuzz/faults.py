"""Faults to plant in an engine, one for each thing that engines get wrong, to see that the fuzzer finds them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

__all__ = ["FAULTS", "Fault", "planted"]


class Fault(msgspec.Struct, frozen=True):
    """One fault.

    Attributes:
        engine: the name of the engine it is planted in.
        plant: plants it, and gives what takes it out again.
    """

    engine: str
    plant: Callable[[], contextlib.AbstractContextManager[Any]]


FAULTS: Final[dict[str, Fault]] = {}
"""The faults there are, by what they are about."""


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """An engine with that fault, as long as the block lasts."""
    with FAULTS[name].plant():
        yield
