"""The same condition, of what MongoDB has, nested no deeper than it accepts.

Filters nest up to 100 deep; MongoDB's filters stop at about that, guards included. A condition that is too deep is
taken apart at a part X in its middle: it is the same as (X and the rest where X is true) or (not X and the rest where X
is false), and each of the three is about half as deep.
"""

from __future__ import annotations

from ...query.conditions import (
    FALSE,
    TRUE,
    All,
    Behind,
    Condition,
    Either,
    Not,
    all_of,
    any_of,
    negated,
)

__all__ = ["shallow"]


def shallow(condition: Condition, depth: int) -> Condition:
    """The condition with at most about ``depth`` levels of and, or and not."""
    if _depth(condition) <= depth:
        return condition
    condition = _flat(condition)
    deep = _depth(condition)
    if deep <= depth:
        return condition
    part = _descend(condition, deep // 2)
    true, false = (_flat(_replaced(condition, part, value)) for value in (TRUE, FALSE))
    inner = shallow(part, depth - 2)
    return any_of(
        [
            all_of([inner, shallow(true, depth - 2)]),
            all_of([negated(inner), shallow(false, depth - 2)]),
        ]
    )


def _items(condition: Condition) -> tuple[Condition, ...]:
    if isinstance(condition, (All, Either)):
        return condition.items
    return (condition.item,) if isinstance(condition, Not) else ()


def _flat(condition: Condition) -> Condition:
    """The same with no and inside an and, no or inside an or."""
    if isinstance(condition, Not):
        return negated(_flat(condition.item))
    if isinstance(condition, Behind):
        return _flat(condition.spelled_out())
    if not isinstance(condition, (All, Either)):
        return condition
    kind = type(condition)
    items: list[Condition] = []
    for item in map(_flat, condition.items):
        items.extend(item.items if isinstance(item, kind) else (item,))
    return all_of(items) if kind is All else any_of(items)


def _depth(condition: Condition) -> int:
    if isinstance(condition, Behind):
        return 2 * len(condition.targets) + 1  # spelled out
    return 1 + max(map(_depth, _items(condition)), default=0)


def _descend(condition: Condition, levels: int) -> Condition:
    """The part so many levels down where the condition is deepest."""
    for _ in range(levels):
        condition = max(_items(condition), key=_depth)
    return condition


def _replaced(condition: Condition, part: Condition, value: Condition) -> Condition:
    if condition is part:
        return value
    if isinstance(condition, Not):
        return negated(_replaced(condition.item, part, value))
    if isinstance(condition, All):
        return all_of([_replaced(item, part, value) for item in condition.items])
    if isinstance(condition, Either):
        return any_of([_replaced(item, part, value) for item in condition.items])
    return condition
