"""Programs as data: what is stored first, and the steps that follow.

A program says everything itself, so it can be run again on any engine, made smaller, and kept in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

__all__ = ["Call", "Edit", "Program", "Scope", "Step", "Streamed", "calls_of"]


class Edit(msgspec.Struct, frozen=True):
    """An entity as an application has it that read it, changed it and writes it back.

    What is written is the stored entity of the same id, with these of its values replaced; where none is stored, the
    entity as it is.

    Attributes:
        entity: has the id and the new values.
        names: the values to take from it; of a dict, those it does not hold are removed.
        drift: is added to the revision, so that it is not the one that was read.
    """

    entity: Any
    names: tuple[str, ...]
    drift: int = 0


class Call(msgspec.Struct, frozen=True):
    """One method of a repository.

    Attributes:
        subject: the name, in the family, of the entities it is about.
        method: a method's name, or ``walk`` and ``search_walk``: pages by cursors, one after the other.
        arguments: by name. Entities may be ``Edit`` values.
    """

    subject: str
    method: str
    arguments: dict[str, Any]


class Scope(msgspec.Struct, frozen=True):
    """A transaction, or a scope nested in one.

    Attributes:
        steps: what happens in it.
        undone: whether it is left by an exception of the application.
        swallows: whether errors of its steps are caught in it, rather than leaving it.
        read_only, isolation: as for ``transaction``.
    """

    steps: tuple[Step, ...]
    undone: bool = False
    swallows: bool = True
    read_only: bool = False
    isolation: str = "snapshot"


class Streamed(msgspec.Struct, frozen=True):
    """A stream, with steps after so many of its entities.

    Attributes:
        subject: the name, in the family, of the entities it gives.
        arguments: those of ``stream``.
        taken: how many entities are read before the steps.
        steps: what happens while the stream is open.
        drained: whether the rest is read afterwards, rather than the stream closed.
    """

    subject: str
    arguments: dict[str, Any]
    taken: int = 0
    steps: tuple[Step, ...] = ()
    drained: bool = True


Step: TypeAlias = Call | Scope | Streamed


class Program(msgspec.Struct, frozen=True):
    """One program.

    Attributes:
        number: the seed it was made from.
        held: what is stored at its start, by subject.
        steps: what then happens.
        single: whether every write is a write of one document, as a standalone MongoDB needs it.
    """

    number: int
    held: dict[str, list[Any]]
    steps: tuple[Step, ...]
    single: bool = False


def calls_of(steps: Sequence[Step]) -> Iterator[Step]:
    """All steps, those inside others too."""
    for step in steps:
        yield step
        if not isinstance(step, Call):
            yield from calls_of(step.steps)
