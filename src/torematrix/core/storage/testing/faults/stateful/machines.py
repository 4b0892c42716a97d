"""The rules of the model, and running it: programs of random steps, on one lab after the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from torematrix.core.storage._overriding import override

from ....errors import StorageError
from ...fuzz.clock import StillClock
from ..tally import Tally
from .calls import BAGS, CARDS, SLIPS, Ask, asks
from .labs import Lab
from .mishaps import Mishap, weighted
from .trials import DifferenceError, Trial

__all__ = ["CHUNK", "machine_of", "run_model"]

CHUNK: Final = 50
"""So many programs come from one seed."""
_STEPS: Final = 25
_QUIET: Final[Sequence[HealthCheck]] = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
)
"""What a server that is cut off makes of a program is no sign of a bad one."""

Machine = type[RuleBasedStateMachine]


def machine_of(
    lab: Lab, clock: StillClock, tally: Tally, found: list[str], *, mishaps: bool = True
) -> Machine:
    """The model on a lab, as Hypothesis runs it.

    What a rule draws never depends on how the backend has fared: where a step makes no sense it is none. So a program
    is the same each time, although connections that race with a cut are not.

    Args:
        lab: where.
        clock: by which the two sides go.
        tally: what is added to.
        found: gets each difference that is seen, with the steps before it.
        mishaps: whether there are any.
    """
    nothing: st.SearchStrategy[Mishap | None] = st.none()
    some = lab.mishaps() if mishaps else nothing
    befalls = weighted((1, nothing), (3, some))
    rarely = weighted((4, nothing), (1, some))
    # A commit is one request.
    at_the_end = weighted((1, nothing), (3, lab.mishaps(soon=True) if mishaps else nothing))

    class Model(RuleBasedStateMachine):
        """One program."""

        def __init__(self) -> None:
            super().__init__()
            try:
                lab.fresh()
            except StorageError as error:
                found.append(f"stuck: {lab.name}: what is stored cannot be deleted: {error!r}")
                raise DifferenceError(found[-1]) from error
            tally.add(**{"programs" if mishaps else "quiet programs": 1})
            self._trial = Trial(lab, clock, tally)
            self._failed = False

        def _step(self, step: Callable[..., None], *arguments: Any, **named: Any) -> None:
            try:
                step(*arguments, **named)
            except DifferenceError as error:
                self._failed = True
                found.append("\n".join([str(error), *self._trial.steps]))
                raise
            except BaseException:
                self._failed = True
                raise

        @initialize(name=st.sampled_from((None, CARDS, SLIPS, BAGS)))
        def keep_to(self, name: str | None) -> None:
            """Have all writes of the program meet in one collection, or none of them more than others."""
            self._trial.only = name

        @rule(ask=asks(bulk=lab.groups), mishap=rarely)
        def write(self, ask: Ask, mishap: Mishap | None) -> None:
            self._step(self._trial.write, ask, mishap)

        @rule(ask=asks(bulk=lab.groups))
        def write_quietly(self, ask: Ask) -> None:
            self._step(self._trial.write, ask)

        @rule(mishap=rarely)
        def begin(self, mishap: Mishap | None) -> None:
            self._step(self._trial.begin, mishap)

        @rule(ask=asks(bulk=lab.groups))
        def write_more(self, ask: Ask) -> None:
            self._step(self._trial.write, ask)

        @rule(
            gives_up=st.sampled_from((False, False, True)),
            ends=st.booleans(),
            mishap=at_the_end,
            inner=rarely,
        )
        def leave(self, gives_up: bool, ends: bool, mishap: Mishap | None, inner: Mishap | None) -> None:
            """Leave the innermost scope, or one after the other until the outermost has been left."""
            while ends and self._trial.depth > 1:
                self._step(self._trial.leave, inner, gives_up=False)
                inner = None
            self._step(self._trial.leave, mishap if self._trial.depth == 1 else inner, gives_up=gives_up)

        @rule(
            asked=st.lists(asks(bulk=lab.groups), min_size=1, max_size=4),
            swallows=st.booleans(),
            mishap=befalls,
        )
        def transact(self, asked: list[Ask], swallows: bool, mishap: Mishap | None) -> None:
            self._step(self._trial.transact, asked, mishap, swallows=swallows)

        @rule(mishap=some)
        def look(self, mishap: Mishap | None) -> None:
            self._step(self._trial.look, mishap)

        @override
        def teardown(self) -> None:
            # Hypothesis ends some programs in the middle, by an exception, and takes no other one then.
            is_broken_off = sys.exc_info()[0] is not None
            try:
                if not self._failed:
                    self._step(self._trial.end)
            except DifferenceError:
                if not is_broken_off:
                    raise
            finally:
                if self._failed:
                    lab.spoil()

    return Model


def run_model(
    lab: Lab,
    tally: Tally,
    programs: int,
    first: int,
    tell: Callable[[int], object] = lambda _: None,
    *,
    mishaps: bool = True,
    shrinks: bool = True,
) -> None:
    """Run so many programs on a lab; a difference is a fault, told with the steps that lead to it.

    Args:
        lab: where.
        tally: what is added to.
        programs: how many.
        first: a seed; those of the chunks follow from it.
        tell: is told of each chunk.
        mishaps: whether something befalls it; without, there are many more programs in the same time.
        shrinks: whether what leads to a difference is made smaller.
    """
    left = programs
    phases = (Phase.generate, Phase.shrink) if shrinks else (Phase.generate,)
    with StillClock().installed() as clock:
        while left > 0 and not tally.faults:
            count = min(left, CHUNK)
            found: list[str] = []
            machine = seed(first + programs - left)(machine_of(lab, clock, tally, found, mishaps=mishaps))
            try:
                run_state_machine_as_test(machine, settings=_settings(count, phases))
            except DifferenceError as error:
                tally.blame(["\n".join([str(error), *getattr(error, "__notes__", ())])])
            except Flaky:
                tally.blame(found[:1])  # it did not show again; the first time nothing was left out
            left -= count
            tell(count)


def _settings(programs: int, phases: Sequence[Phase]) -> settings:
    return settings(
        max_examples=programs,
        stateful_step_count=_STEPS,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=_QUIET,
        report_multiple_bugs=False,
        print_blob=False,
    )
