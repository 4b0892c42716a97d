"""Faults to plant in an engine, one for each thing that engines get wrong, to see that the fuzzer finds them.

Each is what somebody could have written who did not know the rule. It is planted in one engine's own code, inside the
process of the fuzzer, and taken out again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from importlib import import_module
from typing import Any, Final

import msgspec

from ...model.kinds import Kind
from ...model.schema import forget_schemas
from ...query.conditions import Matches, Not

__all__ = ["FAULTS", "Fault", "planted"]

_BACKENDS: Final = "torematrix.core.storage.backends"


class Fault(msgspec.Struct, frozen=True):
    """One fault.

    Attributes:
        engine: the name of the engine it is planted in.
        where: what is replaced, each as a module below ``backends`` and a dotted name in it.
        wrong: makes the wrong one of the right one.
    """

    engine: str
    where: tuple[str, ...]
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


def _nulls_lost(condition: Any) -> Any:
    """NOT of what is unknown is unknown, so null and missing are found by neither a test nor its complement."""

    def wrong(self: Any, item: Any, row: str = "") -> str:
        text: str = condition(self, item, row)
        return f"NOT {text.removesuffix(' IS NOT TRUE')}" if isinstance(item, Not) else text

    return wrong


def _in_the_databases_order(text_expression: Any) -> Any:
    """Strings inside documents compare as in the language of the database."""

    def wrong(*place: Any) -> str:
        return str(text_expression(*place)).removesuffix(' COLLATE "C"')

    return wrong


def _through_lists(guarded: Any) -> Any:
    """A list is as good as what it holds."""

    def wrong(self: Any, target: Any, test: Any, **rest: Any) -> Any:
        if all(isinstance(step, str) for step in target.steps):
            return {self._places.path(target): test}
        return guarded(self, target, test, **rest)

    return wrong


def _line_by_line(text_expression: Any) -> Any:
    """The ends of lines are nothing special: the anchors stand at them, and a dot is one."""

    def wrong(condition: Any, value: Any) -> Any:
        expression = text_expression(condition, value)
        if isinstance(condition, Matches):
            regex = expression["$regexMatch"]["regex"]
            for exact, of_lines in ((r"\A", "(?m:^)"), (r"(?=\n?\z)", "(?m:$)"), (r"[^\x{a}]", "(?s:.)")):
                regex["$literal"] = regex["$literal"].replace(exact, of_lines)
        return expression

    return wrong


FAULTS: Final[dict[str, Fault]] = {
    "null-logic": Fault("postgresql", ("postgresql.compile:Sql.condition",), _nulls_lost),
    "kinds": Fault("mongodb", ("mongodb.compile:Compiler._guarded",), _through_lists),
    "collation": Fault("postgresql_icu", ("postgresql.compile:text_expression",), _in_the_databases_order),
    "paging": Fault("sqlite", ("sqlite.driver:find_statement",), _without_ties),
    "search": Fault("sqlite", ("sqlite.search:visitor",), _without_weights),
    "regex": Fault(
        "mongodb", ("mongodb.compile:text_expression", "mongodb.expressions:text_expression"), _line_by_line
    ),
    "numbers": Fault("sqlite", ("sqlite.aggregate:_SQLiteMeasuring.sums",), _engines_own_sum),
}
"""The faults there are, by what they are about."""


@contextlib.contextmanager
def planted(name: str) -> Generator[None]:
    """An engine with that fault, as long as the block lasts."""
    fault = FAULTS[name]
    with contextlib.ExitStack() as stack:
        # What engines have made of a place is kept with its schema.
        stack.callback(forget_schemas)
        for where in fault.where:
            stack.callback(_replace(where, fault.wrong))
        forget_schemas()
        yield


def _replace(where: str, wrong: Callable[[Any], Any]) -> Callable[[], None]:
    """Put the wrong one in the place of the right one; what undoes it."""
    module, _, path = where.partition(":")
    *above, last = path.split(".")
    holder: Any = import_module(f"{_BACKENDS}.{module}")
    for step in above:
        holder = getattr(holder, step)
    inherited = last not in vars(holder)
    right = getattr(holder, last)
    setattr(holder, last, wrong(right))

    def undo() -> None:
        if inherited:
            delattr(holder, last)
        else:
            setattr(holder, last, right)

    return undo
