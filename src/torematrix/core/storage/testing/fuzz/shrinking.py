"""Makes a program that shows a difference smaller, as long as it still shows one of the same kind."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from ...model.schema import Schema
from ...query.filters import Expression
from .comparing import Difference
from .family import SCHEMAS
from .questions import simpler
from .steps import Call, Edit, Program, Scope, Step, Streamed

__all__ = ["shrunk"]

_TRIES: Final = 600
"""How often a program is run at most on its way to a smaller one."""


def shrunk(
    difference: Difference, run: Callable[[Program], Difference | None], tries: int = _TRIES
) -> Difference:
    """The difference, shown by a program from which nothing can be taken away any more.

    Args:
        difference: what was found.
        run: runs a program as the one that showed it was run.
        tries: how often it is called at most.
    """
    left = tries
    smaller = True
    while smaller and left > 0:
        smaller = False
        for candidate in _candidates(difference.program):
            if left <= 0:
                break
            left -= 1
            found = run(candidate)
            if found is not None and found.kind == difference.kind:
                difference, smaller = found, True
                break
    return difference


def _candidates(program: Program) -> Iterator[Program]:
    """Programs that are smaller by something, the largest parts first."""
    replace = msgspec.structs.replace
    for steps in _fewer(program.steps):
        yield replace(program, steps=tuple(steps))
    for name, entities in program.held.items():
        for fewer in _fewer(entities):
            yield replace(program, held={**program.held, name: list(fewer)})
    named = {step.subject for step in _flat(program.steps) if not isinstance(step, Scope)}
    for name in program.held:
        if name not in named:
            yield replace(program, held={key: held for key, held in program.held.items() if key != name})
    for steps in _simpler_steps(program.steps):
        yield replace(program, steps=steps)
    for name, entities in program.held.items():
        for at, entity in enumerate(entities):
            for plainer in _plainer(SCHEMAS[name], entity):
                changed = [*entities[:at], plainer, *entities[at + 1 :]]
                yield replace(program, held={**program.held, name: changed})


def _flat(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if not isinstance(step, Call):
            yield from _flat(step.steps)


def _fewer(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The items without a half, a quarter and so on, down to one."""
    size = len(items)
    while size > 0:
        for start in range(len(items) - size, -1, -size):
            yield [*items[:start], *items[start + size :]]
        size //= 2


def _simpler_steps(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    for at, step in enumerate(steps):
        if not isinstance(step, Call):
            yield (*steps[:at], *step.steps, *steps[at + 1 :])  # what happens in it, without it
        for simple in _simpler_step(step):
            yield (*steps[:at], simple, *steps[at + 1 :])


def _simpler_step(step: Step) -> Iterator[Step]:
    replace = msgspec.structs.replace
    if not isinstance(step, Call):
        for fewer in _fewer(step.steps):
            yield replace(step, steps=tuple(fewer))
        for inner in _simpler_steps(step.steps):
            yield replace(step, steps=inner)
    if isinstance(step, Scope):
        if step.undone:
            yield replace(step, undone=False)
        return
    if isinstance(step, Streamed) and step.taken:
        yield replace(step, taken=step.taken - 1)
    for name, value in step.arguments.items():
        for simple in _simpler_value(SCHEMAS[step.subject], name, value):
            yield replace(step, arguments={**step.arguments, name: simple})


def _simpler_value(schema: Schema, name: str, value: Any) -> Iterator[Any]:
    if value is None:
        return
    if isinstance(value, Expression):
        yield None
        yield from simpler(value)
    elif isinstance(value, Edit):
        yield value.entity
        for names in _fewer(value.names):
            yield msgspec.structs.replace(value, names=tuple(names))
        if value.drift:
            yield msgspec.structs.replace(value, drift=0)
        for plainer in _plainer(schema, value.entity):
            yield msgspec.structs.replace(value, entity=plainer)
    elif name in ("sort_by", "group_by", "entities", "entity_ids", "fields"):
        yield from _fewer(value)
        for at, item in enumerate(value) if name == "entities" else ():
            for simple in _simpler_value(schema, "entity", item):
                yield [*value[:at], simple, *value[at + 1 :]]
    elif name == "changes":
        for keys in _fewer(list(value)):
            yield {key: value[key] for key in keys}
    elif name == "moves":
        yield from ("".join(moves) for moves in _fewer(value))
    elif name == "query":
        yield from (" ".join(words) for words in _fewer(value.split(" ")) if words)
    elif name == "entity":
        yield from _plainer(schema, value)


def _plainer(schema: Schema, entity: Any) -> Iterator[Any]:
    """The entity with one value less."""
    if schema.freeform:
        for key in entity:
            if key != "id":
                yield {name: value for name, value in entity.items() if name != key}
        return
    plain = schema.entity_class()
    for field in schema.fields:
        name = field.name
        if name != "id" and getattr(entity, name) != getattr(plain, name):
            changed = copy.copy(entity)
            setattr(changed, name, getattr(plain, name))
            yield changed
