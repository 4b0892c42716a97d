r"""Which patterns a backtracking engine can be trusted with, and on texts of what length.

SQLite and memory match with RE2, PostgreSQL with automata: linear, whatever the pattern. MongoDB matches with PCRE,
which backtracks, and which says "no match" when it has tried too often. So a pattern is refused on every engine when

1. an unbounded repeat has a body that can match nothing, or whose iterations can be read in two ways: an alternative,
   a repeat or the next iteration may begin with the same character (``(a+)+``, ``(a|ab)*``, ``(\w+\s?)*``). These
   take a number of steps exponential in the length of the text. The test looks one character ahead, which is more
   than is needed: ``(?:foo|fob)*`` is refused too, and ``(?:fo[ob])*`` is not;
2. PCRE may need more steps than it is allowed, after ``for_backtracking``, for a text of ``MINIMUM_REACH`` characters.

By the second rule, repeats that compete for the same characters multiply. One is linear in the text, two are quadratic
(PCRE decides on some 200 to 400 characters) and accepted unless each try is long in itself, three are cubic and
refused; counted repeats have as many ways as they have counts. Few patterns have even two, because most repeats do
not compete: ``\w+@\w+`` and ``.*a.*b.*c`` read every character once (see ``_regex_rewrite``). Two compete in
``^.*foo[a-z]*bar.*baz$``.

``reach`` is the length up to which PCRE surely decides; a bound, checked against MongoDB 6.0 with long hostile texts.
A longer text may exceed what PCRE is allowed even for ``^(?:ab)*a``, and then ``$regex`` quietly says "no match":
there MongoDB's backend has to use ``$regexMatch``, which raises, or to decide the text itself. MongoDB builds PCRE
and, since 6.1, PCRE2 with the same limits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import msgspec

from ..errors import InvalidQueryError
from ._regex_tree import (
    NOTHING,
    Alt,
    Anchor,
    Anchors,
    Atomic,
    Chars,
    CharSet,
    Node,
    Repeat,
    Seq,
    first,
    nullable,
    overlap,
    shortest,
    union,
)

__all__ = [
    "MAX_REACH",
    "MINIMUM_REACH",
    "check_loops",
    "check_tails",
    "deterministic",
    "is_open",
    "reach",
    "refusal",
]

MINIMUM_REACH: Final = 128
"""A pattern that PCRE might not decide on a text of this many characters is refused everywhere."""

MAX_REACH: Final = 1 << 24
"""More characters than any document has."""

# A little less than what every MongoDB builds its PCRE with: 200,000 calls from one start, 4,000 within each other.
_MAX_STEPS: Final = 190_000
_MAX_DEPTH: Final = 3_900

_HUGE: Final = 1e15


def refusal(what: str, at: int) -> InvalidQueryError:
    """The error for a pattern that holds this at that offset."""
    return InvalidQueryError(f"regular expression: {what}, at position {at}")


def check_tails(tree: Node) -> None:
    """Refuses ``$`` where something may come after it: RE2 has no lookahead, and its translation takes the newline."""
    _check_tails(tree, last=True)


def _check_tails(node: Node, *, last: bool) -> None:
    match node:
        case Anchor(Anchors.TAIL, at) if not last:
            raise refusal("a $ that is not at the end of the pattern, or of an alternative that ends it", at)
        case Seq(items):
            for index, item in enumerate(items, 1):
                _check_tails(item, last=last and index == len(items))
        case Alt(options):
            for option in options:
                _check_tails(option, last=last)
        case Repeat(body, _, high):
            _check_tails(body, last=last and high == 1)
        case _:
            pass


def check_loops(node: Node) -> None:
    """Refuses the unbounded repeats of rule 1, the innermost first."""
    match node:
        case Seq(parts) | Alt(parts):
            for part in parts:
                check_loops(part)
        case Repeat(body, _, None, at=at):
            if nullable(body) or not deterministic(body, first(body)):
                check_loops(body)  # what is wrong inside is told first; what is right here is right inside
                if nullable(body):
                    raise refusal("an unbounded repeat of something that can match nothing", at)
                raise refusal(
                    "an unbounded repeat that can be read in two ways, which can take exponential time", at
                )
        case Repeat(body):
            check_loops(body)
        case _:
            pass


def deterministic(node: Node, after: CharSet) -> bool:
    """Whether, with ``after`` what may come next, the next character always decides how to go on."""
    match node:
        case Seq(items):
            for item in reversed(items):
                if not deterministic(item, after):
                    return False
                after = union(first(item), after) if nullable(item) else first(item)
            return True
        case Alt(options):
            others = after if any(map(nullable, options)) else NOTHING
            return (
                sum(map(nullable, options)) <= 1
                and _disjoint([*map(first, options), others])
                and all(deterministic(option, after) for option in options)
            )
        case Repeat(body, low, high):
            begins = first(body)
            if nullable(body) or (low != high and overlap(begins, after)):
                return False
            return deterministic(body, after if high == 1 else union(begins, after))
        case Atomic(body):
            return deterministic(body, after)
        case _:
            return True


def _disjoint(sets: list[CharSet]) -> bool:
    ranges = sorted(item for chars in sets for item in chars)
    return all(before[1] < after[0] for before, after in itertools.pairwise(ranges))


def is_open(node: Node) -> bool:
    """Whether the node can match in more than one way from one start."""
    match node:
        case Seq(items):
            return any(map(is_open, items))
        case Alt(options):
            return not _is_exclusive(options) or any(map(is_open, options))
        case Repeat(body, low, high, _, possessive):
            return not possessive and (low != high or is_open(body))
        case _:
            return False


def _is_exclusive(options: tuple[Node, ...]) -> bool:
    """Whether the next character leaves one option at most."""
    return not any(map(nullable, options)) and _disjoint([first(option) for option in options])


class _Cost(msgspec.Struct, frozen=True):
    """What a node may take from one start, at most: the ways to match, the calls, and those within each other."""

    ways: float = 1
    steps: float = 0
    depth: float = 0


_CostOf = Callable[[int], _Cost]


def reach(tree: Node) -> int:
    """The length of text, in characters, up to which PCRE surely decides; 0 where that is below ``MINIMUM_REACH``."""
    cost = _cost(tree)

    def bears(length: int) -> bool:
        found = cost(length)
        return found.steps <= _MAX_STEPS and found.depth <= _MAX_DEPTH

    if bears(MAX_REACH):
        return MAX_REACH
    if not bears(MINIMUM_REACH):
        return 0
    least, most = MINIMUM_REACH, MAX_REACH
    while most - least > 1:
        middle = (least + most) // 2
        if bears(middle):
            least = middle
        else:
            most = middle
    return least


_FREE: Final = _Cost()


def _cost(node: Node) -> _CostOf:
    """The cost of the node for a text of any length; what does not depend on the length is found out once."""
    match node:
        case Anchor(Anchors.TAIL):
            return _constant(_Cost(steps=3, depth=3))
        case Seq(items):
            return _seq_cost([_cost(item) for item in items if not isinstance(item, Chars)])
        case Alt(options):
            return _alt_cost(list(map(_cost, options)), exclusive=_is_exclusive(options))
        case Atomic(body):
            inside = _cost(body)

            def atomic(length: int) -> _Cost:
                once = inside(length)
                return _Cost(1, once.steps + 1, once.depth + 1)

            return atomic
        case Repeat(Chars(), low, high):
            if low == high:
                return _constant(_FREE)
            if node.possessive:
                return _constant(_Cost(1, 1, 1))

            def run(length: int) -> _Cost:
                ways = min(length, length if high is None else high - low) + 1
                return _Cost(ways, ways, 1)

            return run
        case Repeat():
            return _repeat_cost(node)
        case _:
            return _constant(_FREE)


def _constant(cost: _Cost) -> _CostOf:
    return lambda _: cost


def _seq_cost(costs: list[_CostOf]) -> _CostOf:
    def total(length: int) -> _Cost:
        ways, steps, depth = 1.0, 0.0, 0.0
        for cost in costs:
            item = cost(length)
            steps = min(steps + ways * item.steps, _HUGE)
            ways = min(ways * item.ways, _HUGE)
            depth += item.depth
        return _Cost(ways, steps, depth)

    return total


def _alt_cost(costs: list[_CostOf], *, exclusive: bool) -> _CostOf:
    def total(length: int) -> _Cost:
        options = [cost(length) for cost in costs]
        ways = (max if exclusive else sum)(option.ways for option in options)
        steps = sum(option.steps + 1 for option in options)
        return _Cost(min(ways, _HUGE), steps, 1 + max(option.depth for option in options))

    return total


def _repeat_cost(node: Repeat) -> _CostOf:
    """The cost of repeating a group."""
    body, low, high = node.body, node.low, node.high
    inside, least, parts = _cost(body), shortest(body), _parts(body)
    unwinds = node.possessive and high is None
    one_reading = deterministic(body, first(body))

    def total(length: int) -> _Cost:
        once = inside(length)
        most = length // least + 1 if least else length + 1
        if high is not None:
            most = min(most, high)
        depth = 3 + once.depth + low * (2 + once.depth) if unwinds else most * (2 + once.depth)
        if one_reading:
            # Every character is read by one part of the body, and between two characters each part is tried once.
            steps = min(most * (2 + once.steps), (length + most) * (1 + parts)) + 2
            ways = once.ways * (1 if node.possessive else max(most - low, 0) + 1)
            return _Cost(min(ways, _HUGE), min(steps, _HUGE), depth)
        ways, steps, paths = 0.0, 2.0, 1.0
        for count in range(most + 1):
            ways += paths if count >= low else 0
            steps += paths * (2 + once.steps) if count < most else 0
            paths *= once.ways
            if steps > _HUGE or ways > _HUGE:
                break
        return _Cost(min(ways, _HUGE), min(steps, _HUGE), depth)

    return total


def _parts(node: Node) -> int:
    """The number of places in the node where an engine notes where to go back to, one for the node itself."""
    match node:
        case Seq(items):
            return 1 + sum(_parts(item) for item in items if not isinstance(item, Chars | Anchor))
        case Alt(options):
            return 1 + sum(map(_parts, options))
        case Repeat(body) | Atomic(body):
            return 2 + _parts(body)
        case _:
            return 1
