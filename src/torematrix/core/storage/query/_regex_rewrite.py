r"""Rewrites a tree into one that is found in the same texts, and costs an engine less.

``simplify`` uses two facts. Only whether a match exists matters, so what may be absent at either edge of the pattern
can go: ``.*a.*`` is found where ``a`` is, ``x+y`` where ``xy`` is. And ``x*`` beside ``y*`` adds nothing when every x
is a y, so ``\w+.*`` is ``\w.*``.

``for_backtracking`` marks what a backtracking engine need not try twice. Three rules, each exact:

- *Possessive*: a repeat whose body cannot begin with what may come next, and whose iterations can be read in one way
  only, never succeeds by giving something back.
- *Gap*: in ``x*Fy*`` with F of one length, the leftmost F is as good as any later one when every character of x and F
  is a y: what stands between the two can be read by ``y*``. So ``(?>x*?F)y*``; and at the end of the pattern always.
- *Separator*: when F is one character that nothing before it (back to where the lengths began to vary) can match, a
  match of F can stand in one place only, so how it was reached is of no interest: ``(?>...F)``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._regex_safety import deterministic, is_open
from ._regex_tree import (
    ALL,
    EMPTY,
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
    alt,
    char_set,
    characters,
    complement,
    first,
    nullable,
    overlap,
    seq,
    subset,
    union,
)

__all__ = ["for_backtracking", "simplify"]

# A repeat count above this has no translation for PostgreSQL, so two repeats are not merged beyond it.
_MAX_REPEAT = 255


def simplify(tree: Node) -> Node:
    """A tree that is found in exactly the same texts."""
    return _trimmed(_trimmed(_reduced(tree), left=True), left=False)


def _reduced(node: Node) -> Node:
    match node:
        case Seq(items):
            return _merged(seq(map(_reduced, items)))
        case Alt(options):
            return _alternatives(alt(map(_reduced, options)))
        case Repeat(body, low, high):
            return _repeated(_reduced(body), low, high)
        case _:
            return node


def _repeated(body: Node, low: int, high: int | None) -> Node:
    if high == 0 or body == EMPTY:
        return EMPTY
    if low == high == 1:
        return body
    if isinstance(body, Anchor):
        return body if low else EMPTY
    if isinstance(body, Repeat) and (body.low, body.high) == (0, 1):
        return Repeat(body.body, 0, high)
    if isinstance(body, Repeat) and (low, high) == (0, 1) and body.low <= 1:
        return Repeat(body.body, 0, body.high)
    return Repeat(body, low, high)


def _alternatives(node: Node) -> Node:
    """The alternatives, with those of one character made one set, and none twice."""
    if not isinstance(node, Alt):
        return node
    ranges: list[tuple[int, int]] = []
    others: dict[Node, None] = {}
    for option in node.options:
        if isinstance(option, Chars):
            ranges.extend(option.chars)
        else:
            others[option] = None
    if ranges:
        others[Chars(char_set(ranges))] = None
    return alt(others)


def _merged(node: Node) -> Node:
    """The sequence without what a neighbouring repeat of characters can read as well."""
    if not isinstance(node, Seq):
        return node
    merged: list[Node] = []
    for item in node.items:
        current = item
        while merged and (pair := _pair(merged[-1], current)) is not None:
            merged.pop()
            *kept, current = pair
            if kept:
                merged.extend(kept)
                break
        merged.append(current)
    return seq(merged)


def _pair(left: Node, right: Node) -> Sequence[Node] | None:
    """What two neighbours can be replaced by; None where nothing is gained."""
    if not (isinstance(left, Repeat) or isinstance(right, Repeat)):
        return None
    a, b = _run(left), _run(right)
    if a is None or b is None:
        return None
    (a_chars, a_low, a_high), (b_chars, b_low, b_high) = a, b
    if a_chars == b_chars:
        low = a_low + b_low
        high = None if a_high is None or b_high is None else a_high + b_high
        if max(low, high or 0) <= _MAX_REPEAT:
            return (Repeat(Chars(a_chars), low, high),)
    if b_high is None and a_high != a_low and subset(a_chars, b_chars):
        return (*_times(a_chars, a_low), right)
    if a_high is None and b_high != b_low and subset(b_chars, a_chars):
        # What must stay goes in front where it can, so that a next repeat meets the unbounded one.
        return (left, *_times(b_chars, b_low))
    return None


def _run(node: Node) -> tuple[CharSet, int, int | None] | None:
    """A repeat of one set of characters, as the set and its counts."""
    match node:
        case Chars(chars):
            return chars, 1, 1
        case Repeat(Chars(chars), low, high):
            return chars, low, high
        case _:
            return None


def _times(chars: CharSet, count: int) -> Sequence[Node]:
    if count <= 1:
        return (Chars(chars),) * count
    return (Repeat(Chars(chars), count, count),)


def _trimmed(node: Node, *, left: bool) -> Node:
    """The node without what a search does not need at this edge of the pattern."""
    match node:
        case _ if nullable(node, anchors=False):
            return EMPTY
        case Seq(items):
            rest = list(items)
            edge = 0 if left else -1
            while nullable(rest[edge], anchors=False):
                rest.pop(edge)
            rest[edge] = _trimmed(rest[edge], left=left)
            return seq(rest)
        case Alt(options):
            return alt(_trimmed(option, left=left) for option in options)
        case Repeat(body, low):
            return _trimmed(body, left=left) if low == 1 else Repeat(body, low, low)
        case _:
            return node


def for_backtracking(tree: Node) -> Node:
    """The tree with its repeats marked for an engine that backtracks."""
    return _marked(tree, NOTHING, last=True)


def _marked(node: Node, after: CharSet, *, last: bool) -> Node:
    """The node marked; ``after`` is what may come next, ``last`` that nothing does."""
    match node:
        case Seq(items):
            marked: list[Node] = []
            for index in range(len(items) - 1, -1, -1):
                marked.append(_marked(items[index], after, last=last and index == len(items) - 1))
                after = _coming(items[index], after)
            return seq(_separated(_gapped(marked[::-1], last=last)))
        case Alt(options):
            # What can match nothing comes last: tried first it would always do, and a possessive repeat would keep it.
            return Alt(tuple(_marked(option, after, last=last) for option in sorted(options, key=nullable)))
        case Repeat(body, low, high):
            again = after if high == 1 else union(_coming(body, after), after)
            possessive = (
                low != high
                and not overlap(_coming(body, NOTHING), after)
                and deterministic(body, after if high == 1 else union(first(body), after))
            )
            return Repeat(_marked(body, again, last=False), low, high, possessive=possessive)
        case _:
            return node


def _coming(node: Node, after: CharSet) -> CharSet:
    """The characters that may stand where the node begins; where it asks for a place, whatever may stand there."""
    match node:
        case Chars(chars):
            return chars
        case Anchor(Anchors.END | Anchors.TAIL):
            # Who reads on from such a place reads the last newline, and stands at the end: again such a place.
            return NOTHING
        case Anchor():
            return ALL
        case Seq(items):
            for item in reversed(items):
                after = _coming(item, after)
            return after
        case Alt(options):
            return char_set([item for option in options for item in _coming(option, after)])
        case Repeat(body, low):
            coming = _coming(body, after)
            return coming if low else union(coming, after)
        case Atomic(body):
            return _coming(body, after)


def _gapped(items: Sequence[Node], *, last: bool) -> list[Node]:
    """The items with the rule of gaps applied."""
    result: list[Node] = []
    index = 0
    while index < len(items):
        item = items[index]
        segment: list[Node] = [item]
        index += 1
        gap = _run(item) if isinstance(item, Repeat) and item.high is None and not item.possessive else None
        if gap is not None:
            end = index
            while end < len(items) and _length(items[end]) is not None:
                end += 1
            target = items[index:end]
            if target and (_reads(items[end], gap[0], target) if end < len(items) else last):
                segment, index = _segment(gap[0], gap[1], target), end
        result.extend(segment)
    return result


def _length(node: Node) -> int | None:
    """The number of characters of every match of the node, or None where it varies."""
    match node:
        case Chars():
            return 1
        case Anchor():
            return 0
        case Seq(items):
            lengths = [_length(item) for item in items]
            return None if None in lengths else sum(length or 0 for length in lengths)
        case Alt(options):
            lengths = [_length(option) for option in options]
            return lengths[0] if len(set(lengths)) == 1 else None
        case Repeat(body, low, high):
            length = _length(body)
            return None if length is None or low != high else low * length
        case Atomic(body):
            return _length(body)


def _reads(node: Node, gap: CharSet, target: Sequence[Node]) -> bool:
    """Whether an unbounded repeat can read everything that the gap and its target can."""
    run = _run(node)
    if run is None or run[2] is not None:
        return False
    return subset(gap, run[0]) and all(subset(characters(item), run[0]) for item in target)


def _segment(gap: CharSet, low: int, target: Sequence[Node]) -> list[Node]:
    """The gap up to its leftmost target, from where nothing is tried again."""
    head, *rest = target
    if not rest and isinstance(head, Chars):
        between = _without(gap, head.chars)
        run = (Repeat(Chars(between), 0, None, possessive=True),) if between else ()
        return [*_times(gap, low), *run, head]
    return [Atomic(seq([Repeat(Chars(gap), low, None, lazy=True), *target]))]


def _without(a: CharSet, b: CharSet) -> CharSet:
    return complement(union(complement(a), b))


def _separated(items: Sequence[Node]) -> list[Node]:
    """The items with the rule of separators applied."""
    result: list[Node] = []
    began: int | None = None
    seen: CharSet = NOTHING
    for item in items:
        run = _run(item)
        if began is not None and run is not None and run[1] and not overlap(run[0], seen):
            segment = seq([*result[began:], Chars(run[0])])
            del result[began:]
            result.append(Atomic(segment))
            began = None
            if isinstance(item, Repeat):
                result.extend(_rest(item))
            continue
        if began is None and is_open(item):
            began, seen = len(result), NOTHING
        if began is not None:
            seen = union(seen, characters(item))
        result.append(item)
    return result


def _rest(repeat: Repeat) -> Sequence[Node]:
    """What remains of a repeat after its first time."""
    high = None if repeat.high is None else repeat.high - 1
    if high == 0:
        return ()
    return (Repeat(repeat.body, repeat.low - 1, high, possessive=repeat.possessive),)
