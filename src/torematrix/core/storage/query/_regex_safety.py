r"""Which patterns a backtracking engine can be trusted with, and on texts of what length.

SQLite and memory match with RE2, PostgreSQL with automata: linear, whatever the pattern. MongoDB matches with PCRE,
which backtracks, and which says "no match" when it has tried too often. So a pattern is refused on every engine when

1. an unbounded repeat has a body that can match nothing, or whose iterations can be read in two ways: an alternative,
   a repeat or the next iteration may begin with the same character (``(a+)+``, ``(a|ab)*``, ``(\w+\s?)*``). These
   take a number of steps exponential in the length of the text. The test looks one character ahead, which is more
   than is needed: ``(?:foo|fob)*`` is refused too, and ``(?:fo[ob])*`` is not;
2. what remains after ``for_backtracking`` may take more than PCRE is allowed on a text of ``MINIMUM_REACH`` characters.

By the second rule, repeats that compete for the same characters multiply. One of them is linear in the text, two are
quadratic (316 characters and more), three cubic: refused. Few patterns have as many as two, because most repeats do
not compete: ``\w+@\w+`` and ``.*a.*b.*c`` cost one pass each (see ``_regex_rewrite``). What does compete is, for
instance, ``^\w*a[a-f]*b\w*c``.

``reach`` is the length up to which PCRE provably answers. Beyond it MongoDB may give up, so its backend has
to make that an error (``$regexMatch`` raises where ``$regex`` says nothing) or decide such a text itself.
"""

from __future__ import annotations

import itertools
from typing import Final

import msgspec

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

__all__ = ["MAX_REACH", "MINIMUM_REACH", "check_unbounded", "deterministic", "is_open", "reach"]

MINIMUM_REACH: Final = 256
"""A pattern that PCRE might not decide on a text of this many characters is refused everywhere."""

MAX_REACH: Final = 1 << 24
"""More characters than any document has."""

# Half of what MongoDB's PCRE is built with: 200,000 calls and 4,000 of them within each other, from one start.
_MAX_STEPS: Final = 100_000
_MAX_DEPTH: Final = 2_000

_HUGE: Final = 1e15


def check_unbounded(body: Node) -> str | None:
    """Why the body cannot be repeated without bound; None where it can."""
    if nullable(body):
        return "of something that can match nothing"
    if not deterministic(body, first(body)):
        return "whose iterations can be read in more than one way, which can take exponential time"
    return None


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


def reach(tree: Node) -> int:
    """The length of text, in characters, up to which PCRE surely decides; 0 where that is below ``MINIMUM_REACH``."""
    if _bears(tree, MAX_REACH):
        return MAX_REACH
    if not _bears(tree, MINIMUM_REACH):
        return 0
    least, most = MINIMUM_REACH, MAX_REACH
    while most - least > 1:
        middle = (least + most) // 2
        if _bears(tree, middle):
            least = middle
        else:
            most = middle
    return least


def _bears(tree: Node, length: int) -> bool:
    cost = _cost(tree, length)
    return cost.steps <= _MAX_STEPS and cost.depth <= _MAX_DEPTH


def _cost(node: Node, length: int) -> _Cost:
    match node:
        case Chars():
            return _Cost()
        case Anchor(kind):
            return _Cost(steps=3, depth=3) if kind is Anchors.TAIL else _Cost()
        case Seq(items):
            ways, steps, depth = 1.0, 0.0, 0.0
            for item in items:
                cost = _cost(item, length)
                steps = min(steps + ways * cost.steps, _HUGE)
                ways = min(ways * cost.ways, _HUGE)
                depth += cost.depth
            return _Cost(ways, steps, depth)
        case Alt(options):
            costs = [_cost(option, length) for option in options]
            each = [cost.ways for cost in costs]
            return _Cost(
                max(each) if _is_exclusive(options) else min(sum(each), _HUGE),
                sum(cost.steps + 1 for cost in costs),
                1 + max(cost.depth for cost in costs),
            )
        case Atomic(body):
            cost = _cost(body, length)
            return _Cost(1, cost.steps + 1, cost.depth + 1)
        case Repeat(Chars(), low, high):
            if low == high:
                return _Cost()
            ways = 1 if node.possessive else min(length, length if high is None else high - low) + 1
            return _Cost(ways, ways, 1)
        case Repeat():
            return _repeat_cost(node, length)


def _repeat_cost(node: Repeat, length: int) -> _Cost:
    """The cost of repeating a group."""
    once = _cost(node.body, length)
    least = shortest(node.body)
    most = length // least + 1 if least else length + 1
    if node.high is not None:
        most = min(most, node.high)
    unwinds = node.possessive and node.high is None
    depth = 3 + once.depth + node.low * (2 + once.depth) if unwinds else most * (2 + once.depth)
    if deterministic(node.body, first(node.body)):
        # Every character is read by one part of the body at most, and between two characters each part is tried once.
        steps = min(most * (1 + once.steps), (length + most) * _parts(node.body))
        ways = once.ways * (1 if node.possessive else max(most - node.low, 0) + 1)
        return _Cost(min(ways, _HUGE), min(steps, _HUGE), depth)
    ways = steps = 0.0
    paths = 1.0
    for count in range(most + 1):
        if count >= node.low:
            ways += paths
        if count < most:
            steps += paths * (1 + once.steps)
        paths *= once.ways
        if steps > _HUGE or ways > _HUGE:
            break
    return _Cost(min(ways, _HUGE), min(steps, _HUGE), depth)


def _parts(node: Node) -> int:
    """The number of places in the node where an engine notes where to go back to, one for the node itself."""
    match node:
        case Seq(items):
            return 1 + sum(_parts(item) for item in items if not isinstance(item, Chars | Anchor))
        case Alt(options):
            return 1 + sum(map(_parts, options))
        case Repeat(body) | Atomic(body):
            return 1 + _parts(body)
        case _:
            return 1
