"""Runs a program on the reference and on every engine, and finds the first step on which one gives something else."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, Self, cast

import msgspec

from ...capability import Capabilities, Feature, Support
from ...query.filters import AllOf, AnyOf, CursorPage, Negation, PaginatedResult, QueryFilter, parse_operator
from ._async.player import Arguments
from .clock import Clock
from .engines import REFERENCE, Engine, OpenEngine
from .outcomes import Failure, Outcome, same
from .steps import Call, Program, Scope, Step, calls_of

__all__ = ["Comparison", "Difference"]


class Difference(msgspec.Struct, frozen=True):
    """The first step that an engine and the reference do not agree on.

    Attributes:
        program: the program.
        label: the engine, with its form and colour.
        place, kind: the step.
        expected: what the reference gives.
        found: what the engine gives.
    """

    program: Program
    label: str
    place: str
    kind: str
    expected: Any
    found: Any


_NOTHING: Final = "nothing"
_REFUSED: Final = "UnsupportedError"
_NEEDS: Final = {
    "search": Feature.SEARCH,
    "search_walk": Feature.SEARCH,
    "aggregate": Feature.AGGREGATES,
    "bulk_create": Feature.BULK_WRITES,
    "bulk_update": Feature.BULK_WRITES,
    "bulk_delete": Feature.BULK_WRITES,
    "stream": Feature.STREAM,
}
_READS: Final = frozenset(
    (
        *(
            "get",
            "exists",
            "get_many",
            "list",
            "find_one",
            "count",
            "walk",
            "search",
            "search_walk",
            "aggregate",
        ),
        "stream",
    )
)


class Comparison:
    """The reference and the engines, side by side.

    Args:
        engines: what is compared with the reference.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._clock = Clock()
        self._reference = OpenEngine(REFERENCE, self._clock)
        self._engines = [OpenEngine(engine, self._clock) for engine in engines]
        self.counts: Counter[str] = Counter()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._clock.installed())
        for engine in (self._reference, *self._engines):
            self._stack.callback(engine.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def labels(self) -> list[str]:
        """Every form and colour of every engine."""
        return [label for engine in self._engines for label in engine.labels]

    def run(self, program: Program) -> list[Difference]:
        """Run the program on the reference and on each engine, in the form and colour that its number chooses."""
        expected, arguments = self._expected(program)
        self._count(program, expected)
        differences: list[Difference] = []
        for engine in self._engines:
            if engine.engine.single and not program.single:
                continue
            label = engine.label_for(program.number)
            self.counts[f"programs on {label}"] += 1
            difference = self._difference(engine, label, program, expected, arguments)
            if difference is not None:
                differences.append(difference)
        return differences

    def run_on(self, program: Program, label: str) -> Difference | None:
        """Run the program on the reference and on one engine in that form and colour."""
        engine = self._labelled(label)
        expected, arguments = self._expected(program)
        return self._difference(engine, label, program, expected, arguments)

    def again(self, difference: Difference) -> Difference | None:
        """Run a program once more, on a new storage."""
        self._labelled(difference.label).renew()
        return self.run_on(difference.program, difference.label)

    def renew(self) -> None:
        """Let every storage begin anew."""
        for engine in (self._reference, *self._engines):
            engine.renew()

    def _labelled(self, label: str) -> OpenEngine:
        for engine in self._engines:
            if label in engine.labels:
                return engine
        raise ValueError(f"there is no engine {label}")

    def _expected(self, program: Program) -> tuple[list[Outcome], Arguments]:
        seat = self._reference.seat(self._reference.label_for(program.number))
        return seat.play(program, None), seat.arguments()

    def _difference(
        self,
        engine: OpenEngine,
        label: str,
        program: Program,
        expected: list[Outcome],
        arguments: Arguments,
    ) -> Difference | None:
        seat = engine.seat(label)
        found = seat.play(program, arguments)
        difference = self._compare(program, label, seat.capabilities(), expected, found)
        if difference is not None:
            engine.tidy(label)
        return difference

    def _compare(
        self,
        program: Program,
        label: str,
        capabilities: Capabilities,
        expected: list[Outcome],
        found: list[Outcome],
    ) -> Difference | None:
        for at, right in enumerate(expected):
            given = found[at] if at < len(found) else Outcome(right.place, right.kind, _NOTHING)
            if right.place == given.place and right.kind == given.kind and same(right.value, given.value):
                continue
            if isinstance(given.value, Failure) and given.value.name == _REFUSED:
                refused = _declared(program, given, capabilities)
                if refused:
                    self.counts[f"refused, as declared, on {label}: {refused}"] += 1
                    if given.kind in _READS and given.place == right.place:
                        continue
                    return None  # what comes after depends on what was not written
            return Difference(program, label, given.place, f"{right.kind}", right.value, given.value)
        if len(found) > len(expected):
            more = found[len(expected)]
            return Difference(program, label, more.place, more.kind, _NOTHING, more.value)
        return None

    def _count(self, program: Program, outcomes: list[Outcome]) -> None:
        counts = self.counts
        for outcome in outcomes:
            if outcome.place[0].isdigit():
                nested = outcome.kind == "transaction" and "." in outcome.place
                counts[f"{'nested ' * nested}{outcome.kind}: {_sort_of(outcome.value)}"] += 1
        for step in calls_of(program.steps):
            for operator in _operators(step):
                counts[f"operators: {operator}"] += 1


def _sort_of(value: Any) -> str:
    """What kind of result this is, for the report."""
    if isinstance(value, Failure):
        return f"raises {'(leaked) ' * value.leaked}{value.name}"
    if isinstance(value, (PaginatedResult, CursorPage)):
        return "something" if cast("PaginatedResult[Any]", value).items else "nothing"
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and isinstance(value[0], CursorPage):
        return _sort_of(value[0])
    return "something" if value else "nothing"


def _declared(program: Program, outcome: Outcome, capabilities: Capabilities) -> str:
    """The feature or operator of this step that is declared to be refused; "" where there is none."""
    step = _step_at(program.steps, outcome.place)
    for feature in _features(step, outcome.kind):
        if capabilities.features[feature].support is Support.REFUSED:
            return feature.value
    for operator in _operators(step):
        if capabilities.operators[operator].support is Support.REFUSED:
            return operator
    return ""


def _features(step: Step | None, kind: str) -> Iterator[Feature]:
    if isinstance(step, Scope):
        yield Feature.TRANSACTIONS
        if step.isolation == "serializable":
            yield Feature.SERIALIZABLE
        if "." in kind:
            yield Feature.NESTED_TRANSACTIONS
    elif kind in _NEEDS:
        yield _NEEDS[kind]


def _operators(step: Step | None) -> Iterator[str]:
    if step is None or isinstance(step, Scope):
        return
    filters = step.arguments.get("filters")
    pending: list[Any] = [] if filters is None else [filters]
    while pending:
        item = pending.pop()
        if isinstance(item, QueryFilter):
            with contextlib.suppress(ValueError):
                yield parse_operator(item.operator).value
        elif isinstance(item, Negation):
            pending.append(item.item)
        elif isinstance(item, (AllOf, AnyOf)):
            pending.extend(item.items)


def _step_at(steps: Sequence[Step], place: str) -> Step | None:
    if not place[0].isdigit():
        return None
    step: Step | None = None
    for number in map(int, place.split(".")):
        step = steps[number]
        steps = () if isinstance(step, Call) else step.steps
    return step
