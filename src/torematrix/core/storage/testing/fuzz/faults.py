"""Faults to plant in an engine, one for each thing that engines get wrong, to see that the fuzzer finds them.

Each is what somebody could have written who did not know the rule. It is planted in one engine's own code, inside the
process of the fuzzer, and taken out again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Final

import msgspec

from ...model.kinds import Kind

__all__ = ["FAULTS", "Fault", "planted"]

_BACKENDS: Final = "torematrix.core.storage.backends"


class Fault(msgspec.Struct, frozen=True):
    """One fault.

    Attributes:
        engine: the name of the engine it is planted in.
        where: what is replaced, as a module below ``backends`` and a dotted name in it.
        wrong: makes the wrong one of the right one.
    """

    engine: str
    where: str
    wrong: Callable[[Any], Any]


def _without_ties(find_statement: Any) -> Any:
    """Entities that sort alike come as they are stored, so pages depend on who stored them first."""

    def wrong(operation: Any, *rest: Any) -> Any:
        sort = operation.sort
        return find_statement(
            msgspec.structs.replace(operation, sort=sort[:-1] if len(sort) > 1 else sort), *rest
        )

    return wrong


def _without_weights(visitor: Any) -> Any:
    """A word in the title counts as much as one in the body."""

    def wrong(weights: dict[int, int], *rest: Any) -> Any:
        return visitor(dict.fromkeys(weights, 1), *rest)

    return wrong


def _engines_own_sum(sums: Any) -> Any:
    """Floats are added by the engine, which rounds on the way."""

    def wrong(self: Any, target: Any, sql: Any) -> list[str]:
        if target.scalar.kind is Kind.FLOAT:
            return [f"sum({self.value(target)})"]
        columns: list[str] = sums(self, target, sql)
        return columns

    return wrong


FAULTS: Final[dict[str, Fault]] = {
    "paging": Fault("sqlite", "sqlite.driver:find_statement", _without_ties),
    "search": Fault("sqlite", "sqlite.search:visitor", _without_weights),
    "numbers": Fault("sqlite", "sqlite.aggregate:_SQLiteMeasuring.sums", _engines_own_sum),
}
"""The faults there are, by what they are about."""


@contextlib.contextmanager
def planted(name: str) -> Iterator[None]:
    """An engine with that fault, as long as the block lasts."""
    fault = FAULTS[name]
    module, _, path = fault.where.partition(":")
    *above, last = path.split(".")
    holder: Any = import_module(f"{_BACKENDS}.{module}")
    for step in above:
        holder = getattr(holder, step)
    right = getattr(holder, last)
    setattr(holder, last, fault.wrong(right))
    try:
        yield
    finally:
        setattr(holder, last, right)
