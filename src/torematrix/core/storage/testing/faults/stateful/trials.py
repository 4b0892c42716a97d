"""One program: the backend and the reference side by side, and what has to hold between them.

The reference takes each step first, within a transaction of its own, so that both the state before and the state after
are known when the backend answers. What the backend has told decides which of the two may be found; the reference then
goes where the backend is. Within a transaction of the backend's a mishap dooms it, and the reference waits for its end.

What is wrong is told as

wrong    a result or an error that the reference does not give, and no mishap explains
lost     what was acknowledged is not there
stray    what was refused, rolled back or never committed is there
torn     neither the state before nor the one after is there, but something in between
stuck    the next call does not work
untrue   an outcome that was asked for later is not what is stored
leaked   an error that is none of the library's own
deaf     a task that was cancelled goes on as if nobody had
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from functools import partial
from typing import Any, Final

import msgspec

from ....errors import CommitUnknown, ConflictError, StorageError, TransactionError, UnavailableError
from ....face._sync.storage import Storage
from ...fuzz.clock import StillClock
from .._sync.hands import Hands
from ..tally import Tally
from .calls import Ask, Call, State, call_of, opening_calls
from .labs import Answer, Lab, Work
from .mishaps import Failing, Mishap, name_of

__all__ = ["DEPTH", "DifferenceError", "Trial"]

DEPTH: Final = 4
"""Scopes in scopes, at most."""


_ENOUGH: Final = 2
"""So many calls are tried in a doomed transaction."""


class DifferenceError(AssertionError):
    """Something is not as it has to be."""


class _GivenUpError(Exception):
    """Leaves a scope so that it is rolled back."""


class _Scope(msgspec.Struct, frozen=True):
    """One that is open on both sides; ``before`` is what was stored when it began."""

    backend: Any
    reference: Any
    before: State


class Trial:
    """Takes steps on both sides, and compares.

    Args:
        lab: the backend; nothing is stored there.
        clock: by which both sides go, or updates could not be compared.
        tally: what is added to.

    Attributes:
        steps: what was done so far, to be shown.
        only: the collection that all writes are about; None where each says so itself.
    """

    def __init__(self, lab: Lab, clock: StillClock, tally: Tally) -> None:
        self.steps: list[str] = []
        self.only: str | None = None
        self._lab = lab
        self._clock = clock
        self._tally = tally
        self._reference = _Apart(Hands(Storage.open("memory://")))
        self._reference.ready()
        clock.tick()
        for call in opening_calls():
            self._reference.perform(call)
            lab.do(partial(_performed, call=call))
        self._scopes: list[_Scope] = []
        self._state = self._reference.read()
        self._same("lost", lab.observed(), self._state, "of what a program begins with")
        self._doomed = False
        self._shaken = False
        self._full = False
        self._refused = 0
        self._where = ""

    @property
    def depth(self) -> int:
        """How many scopes are open."""
        return len(self._scopes)

    # Steps -----------------------------------------------------------------------------------------------------

    def write(self, ask: Ask, mishap: Mishap | None = None) -> None:
        """One write, in the innermost scope where there is one."""
        if self._is_over():
            return
        self._clock.tick()
        call = call_of(self._kept_to(ask), self._state)
        self._note("write", call, mishap)
        if not self._scopes:
            self._alone(lambda: self._reference.perform(call), lambda hands: hands.perform(call), mishap)
            return
        expected = None if self._doomed else _answer_of(lambda: self._reference.perform(call))
        self._follow(expected, self._do(lambda hands: hands.perform(call), mishap))

    def look(self, mishap: Mishap | None = None) -> None:
        """Read everything; within a transaction others see what was there before it."""
        if self._is_over():
            return
        self._note("look", mishap)
        got = self._do(lambda hands: hands.read(), mishap)
        if self._scopes:
            self._follow(None if self._doomed else Answer(self._state), got)
            if self._lab.storage is not None:
                self._same("stray", self._lab.observed(), self._scopes[0].before, "others see")
            return
        if got.error is None:
            self._same("wrong", got.value, self._state, "what is read")
        elif not self._excused(got):
            raise self._difference("wrong", f"reading gives {_shown(got)}")
        self._settle(got, [self._state])

    def begin(self, mishap: Mishap | None = None) -> None:
        """Enter a scope; the innermost is left where there are enough."""
        if len(self._scopes) == DEPTH:
            self.leave(mishap, gives_up=False)
            return
        if not self._lab.groups:
            return
        self._note("begin", mishap)
        got = self._do(lambda hands: hands.enter(), mishap)
        if self._doomed:
            self._is_refused(got)
        elif got.error is None:
            self._scopes.append(_Scope(got.value, self._reference.enter(), self._state))
        elif not self._excused(got):
            raise self._difference("wrong", f"beginning gives {_shown(got)}")
        elif self._scopes:
            self._doomed = True
        else:
            self._settle(got, [self._state])

    def leave(self, mishap: Mishap | None = None, *, gives_up: bool) -> None:
        """Leave the innermost scope, by an exception of the application or normally; one is entered where none is."""
        if not self._scopes:
            self.begin(mishap)
            return
        self._note("give up" if gives_up else "leave", mishap)
        scope = self._scopes.pop()
        error = _GivenUpError() if gives_up else None
        got = self._do(lambda hands: hands.leave(scope.backend, error), mishap)
        if self._scopes:
            self._left_inner(scope, error, got)
        else:
            self._left_outer(scope, error, got)

    def transact(self, asked: Sequence[Ask], mishap: Mishap | None = None, *, swallows: bool) -> None:
        """Several writes by ``run_in_transaction``; within a scope, where that would be another scope, one by one."""
        if not self._lab.groups:
            return
        if self._scopes:
            for ask in asked:
                self.write(ask)
            return
        self._clock.tick()
        asked = [self._kept_to(ask) for ask in asked]
        self._note("transact", asked, mishap, "swallowing errors" if swallows else "")
        calls: list[Call] = []
        self._alone(
            lambda: self._referred(asked, calls, swallows=swallows),
            lambda hands: hands.together(calls, swallows=swallows),
            mishap,
        )

    def end(self) -> None:
        """Give up what is open, and compare once more."""
        while self._scopes:
            self.leave(gives_up=True)
        self.look()
        self._reference.close()

    def _is_over(self) -> bool:
        """Whether enough was tried in a doomed transaction: then its innermost scope is left instead."""
        if not self._doomed or self._refused < _ENOUGH:
            return False
        self.leave(gives_up=False)
        return True

    # Within a transaction --------------------------------------------------------------------------------------

    def _follow(self, expected: Answer | None, got: Answer) -> bool:
        """Go on from an answer in a transaction, none being expected in a doomed one; whether it can still commit."""
        if expected is None:
            self._is_refused(got)
        elif _are_same(expected, got):
            if got.error is None:
                self._state = self._reference.read()
            elif isinstance(got.error, StorageError) and got.error.dooms:
                self._tally.add(doomed=1)
                self._doomed = True
        elif self._excused(got):
            self._doomed = True
        else:
            raise self._difference("wrong", f"the reference gives {_shown(expected)}, and not {_shown(got)}")
        return not self._doomed

    def _is_refused(self, got: Answer) -> None:
        """A doomed transaction takes nothing more."""
        self._refused += 1
        if not isinstance(got.error, TransactionError):
            raise self._difference("wrong", f"in a doomed transaction there is {_shown(got)}")

    def _left_inner(self, scope: _Scope, error: Exception | None, got: Answer) -> None:
        if self._doomed:
            if error is None:
                self._is_refused(got)
            elif got.error is not None:
                raise self._difference("wrong", f"an exception leaves the scope as {_shown(got)}")
            _answer_of(lambda: self._reference.leave(scope.reference, error or _GivenUpError()))
            return
        if not self._follow(_answer_of(lambda: self._reference.leave(scope.reference, error)), got):
            return
        self._tally.add(**{"inner given up" if error else "inner kept": 1})
        if error is not None:
            self._same("stray", self._state, scope.before, "the reference has, behind an inner scope,")
        self.look()

    # Outside ---------------------------------------------------------------------------------------------------

    def _alone(self, referred: Callable[[], Any], work: Work, mishap: Mishap | None) -> None:
        """What happens by itself: whole, or not at all."""
        before = self._state
        scope = self._reference.enter()
        expected = _answer_of(referred)
        after = before if expected.error is not None else self._reference.read()
        got = self._do(work, mishap)
        if _are_same(expected, got):
            allowed = [after]
        elif not self._excused(got):
            raise self._difference("wrong", f"the reference gives {_shown(expected)}, and not {_shown(got)}")
        else:
            allowed = [before, after] if _is_open(got) else [before]
        self._settle(got, allowed, scope, keeps=expected.error is None and allowed[-1] is after)

    def _left_outer(self, scope: _Scope, error: Exception | None, got: Answer) -> None:
        allowed = [scope.before]
        if error is not None:
            # An exception of the application propagates, whatever becomes of the rollback.
            if got.error is not None and not (got.is_cancelled and got.met):
                raise self._difference("wrong", f"an exception leaves the transaction as {_shown(got)}")
        elif self._doomed:
            if not (isinstance(got.error, TransactionError) or self._excused(got)):
                raise self._difference("stray", f"a doomed transaction ends with {_shown(got)}")
        elif got.error is None:
            allowed = [self._state]
            self._tally.add(committed=1)
        elif not self._excused(got):
            raise self._difference("wrong", f"a commit gives {_shown(got)}")
        elif _is_open(got):
            allowed = [scope.before, self._state]
        self._settle(got, allowed, scope.reference, keeps=allowed[-1] is not scope.before)

    def _settle(self, got: Answer, allowed: list[State], scope: Any = None, *, keeps: bool = False) -> None:
        """See which of the states is there, have the reference go there, and see that the next call works.

        Args:
            got: what was told.
            allowed: the states that may be found by that.
            scope: the reference's transaction; None where none is open.
            keeps: whether it holds the last of them, rather than what is to be undone.
        """
        lab = self._lab
        lab.calm()
        seen = lab.observed()
        if seen not in allowed:
            kind = "torn" if len(allowed) > 1 else "lost" if got.error is None else "stray"
            raise self._difference(kind, f"{_shown(got)} was told, and {_unlike(seen, allowed[-1])}")
        happened = seen == allowed[-1]
        if len(allowed) > 1 and allowed[0] != allowed[1]:
            self._tally.add(**{"kept" if happened else "dropped": 1})
            self._ask_later(got, happened=happened)
        if scope is not None:
            error = None if keeps and happened else _GivenUpError()
            _answer_of(lambda: self._reference.leave(scope, error))
        self._state = seen
        self._same("wrong", self._reference.read(), seen, "the reference has")
        self._doomed = self._shaken = self._full = False
        self._refused = 0
        following = lab.do(lambda hands: hands.read())
        if following.error is not None:
            raise self._difference("stuck", f"behind {_shown(got)} the next call gives {_shown(following)}")
        self._same("stuck", following.value, seen, "the next call reads")
        if got.met or got.error is not None:
            following = lab.do(lambda hands: hands.touch())
            if following.error is not None:
                raise self._difference(
                    "stuck", f"behind {_shown(got)} the next write gives {_shown(following)}"
                )
        self._tally.add(compared=1)

    def _ask_later(self, got: Answer, *, happened: bool) -> None:
        """What is told of an outcome that was not known has to be true."""
        token = getattr(got.error, "token", None)
        if token is None or self._lab.storage is None:
            return
        told = self._lab.storage.commit_outcome(token)
        self._tally.add(asked_later=1)
        if told is not None and told != happened:
            raise self._difference("untrue", f"the transaction is said to have happened: {told}")

    def _note(self, step: str, *what: object) -> None:
        end = step in ("leave", "give up") and self.depth == 1
        self._where = f"{step}{' the outermost' if end else ' within' if self._scopes else ''}"
        told = " ".join([step, *(f"{each!s:.1000}" for each in what if each)])
        self.steps.append("  " * self.depth + told)

    def _kept_to(self, ask: Ask) -> Ask:
        return ask if self.only is None else msgspec.structs.replace(ask, collection=self.only)

    # Both sides ------------------------------------------------------------------------------------------------

    def _do(self, work: Work, mishap: Mishap | None) -> Answer:
        try:
            got = self._lab.do(work, mishap)
        except Exception as error:
            raise self._difference("leaked", f"{type(error).__name__}: {error}") from error
        self._tally.add(calls=1)
        if got.error is not None or got.met:
            self.steps[-1] += f" -> {_shown(got)}"
        if mishap is not None and got.met:
            self._shaken = True
            self._full = self._full or (isinstance(mishap, Failing) and mishap.what == "full")
            self._tally.add(mishaps=1, **{f"{name_of(mishap)}: {self._where}": 1})
        if got.deaf:
            raise self._difference("deaf", f"it was cancelled, and gave {_shown(got)}")
        if isinstance(got.error, CommitUnknown):
            self._tally.add(unknown=1)
        return got

    def _referred(self, asked: Sequence[Ask], calls: list[Call], *, swallows: bool) -> list[Any]:
        """What the reference gives for these writes, each made for what the ones before have left."""
        state = self._state
        given: list[Any] = []
        doomed: StorageError | None = None
        for ask in asked:
            calls.append(call_of(ask, state))
            try:
                given.append(self._reference.perform(calls[-1]))
            except StorageError as error:
                if not swallows:
                    raise
                doomed = doomed or (error if error.dooms else None)
            state = state if doomed else self._reference.read()
        if doomed is not None:
            raise TransactionError("it would be rolled back") from doomed
        return given

    def _excused(self, got: Answer) -> bool:
        """Whether a mishap explains the error: it is told as one, not as something that the data would say."""
        if not self._shaken:
            return False
        if got.is_cancelled:
            return True
        error = got.error
        if isinstance(error, ConflictError):
            return error.retryable and error.entity_id is None
        if self._full and type(error) is StorageError:
            return error.retryable
        return isinstance(error, UnavailableError | TransactionError)

    def _same(self, kind: str, seen: State, wanted: State, what: str) -> None:
        if seen != wanted:
            raise self._difference(kind, f"{what} {_unlike(seen, wanted)}")

    def _difference(self, kind: str, what: str) -> DifferenceError:
        return DifferenceError(f"{kind}: {self._lab.name}: {what}")


class _Apart:
    """Hands in a context of their own: scopes of two storages that are left crosswise would hold each other."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._context = Context()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._context.run, getattr(self._hands, name))


def _performed(hands: Any, call: Call) -> Any:
    return hands.perform(call)


def _is_open(got: Answer) -> bool:
    """Whether what was told leaves open what has happened."""
    return got.is_cancelled or isinstance(got.error, CommitUnknown)


def _answer_of(work: Callable[[], Any]) -> Answer:
    try:
        return Answer(work())
    except StorageError as error:
        return Answer(error=error)


def _are_same(expected: Answer, got: Answer) -> bool:
    """Whether two answers are: equal results, or errors of one class."""
    return expected.value == got.value and type(expected.error) is type(got.error)


def _shown(got: Answer) -> str:
    error = got.error
    if error is None:
        return f"{got.value!r:.300}"
    if isinstance(error, asyncio.CancelledError | TimeoutError):
        return "a cancellation"
    cause = "" if error.__cause__ is None else f", from {type(error.__cause__).__name__}: {error.__cause__}"
    return f"{type(error).__name__} ({error}{cause})"


def _unlike(seen: State, wanted: State) -> str:
    """What is there and what should be, as far as they differ."""
    parts = [
        f"{name}: {seen[name]!r:.600} instead of {wanted[name]!r:.600}"
        for name in wanted
        if seen[name] != wanted[name]
    ]
    return "; ".join(parts)
