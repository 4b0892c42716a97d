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
    while smaller:
        smaller = False
        for candidates in _PASSES:
            again = True
            while again:
                again = False
                for candidate in candidates(difference.program):
                    if left <= 0:
                        return difference
                    left -= 1
                    found = run(candidate)
                    if found is not None and found.kind == difference.kind:
                        difference, smaller, again = found, True, True
                        break
    return difference


def _fewer_steps(program: Program) -> Iterator[Program]:
    for steps in _fewer(program.steps):
        yield msgspec.structs.replace(program, steps=tuple(steps))


def _fewer_entities(program: Program) -> Iterator[Program]:
    named = {step.subject for step in _flat(program.steps) if not isinstance(step, Scope)}
    for name, entities in program.held.items():
        if name not in named:
            held = {key: others for key, others in program.held.items() if key != name}
            yield msgspec.structs.replace(program, held=held)
        for fewer in _fewer(entities):
            yield msgspec.structs.replace(program, held={**program.held, name: list(fewer)})


def _plainer_steps(program: Program) -> Iterator[Program]:
    for steps in _simpler_steps(program.steps):
        yield msgspec.structs.replace(program, steps=steps)


def _plainer_entities(program: Program) -> Iterator[Program]:
    for name, entities in program.held.items():
        for at, entity in enumerate(entities):
            for plainer in _plainer(SCHEMAS[name], entity):
                changed = [*entities[:at], plainer, *entities[at + 1 :]]
                yield msgspec.structs.replace(program, held={**program.held, name: changed})


_PASSES: Final = (_fewer_steps, _fewer_entities, _plainer_steps, _plainer_entities)
"""What is tried, the largest parts first; each as often as it helps, and all again until nothing does."""


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
    """The entity with fewer of its values."""
    if schema.freeform:
        for kept in _fewer([key for key in entity if key != "id"]):
            yield {name: value for name, value in entity.items() if name == "id" or name in kept}
        return
    plain = schema.entity_class()
    names = [field.name for field in schema.fields if field.name != "id"]
    changed = [name for name in names if getattr(entity, name) != getattr(plain, name)]
    for kept in _fewer(changed):
        simple = copy.copy(entity)
        for name in changed:
            if name not in kept:
                setattr(simple, name, getattr(plain, name))
        yield simple
