"""Steps on whole entities: a function from old to new, and an engine's own statements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ...errors import ConfigurationError, InvalidEntityError
from ..descriptions import Description, replaced
from ..plain import Document, PlainForm, called
from ..schema import schema_of
from ..stored import whole_schema
from ._base import Change, Convert, Step, no_way_back

__all__ = ["RawStep", "Statements", "Transform"]

_Function: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Transform(Step):
    """Every entity made anew by a function: from a dict of Python values to one.

    The dict holds every field by its name, and what entities hold beside them; the id stays what it is, and so do the
    timestamps and the revision unless the function changes them.

    Attributes:
        function: makes the new entity of the old one, which it may change and return.
        inverse: makes the old one of the new one, for the way back.
        to: the class that declares the entities from then on; None where the declaration stays.
    """

    function: _Function
    inverse: _Function | None = None
    to: type[Any] | None = None

    def forward(self, collection: str, before: Description) -> Change:
        after = before if self.to is None else replaced(before, dict(schema_of(self.to).describe()))
        return Change(after, _transforming(collection, before, after, self.function))

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        if self.inverse is None:
            raise no_way_back(collection, self.told(), "give the step an `inverse`")
        after = now if self.to is None else replaced(now, earlier)
        return Change(after, _transforming(collection, now, after, self.inverse))

    def told(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return "transform every entity" + ("" if name == "<lambda>" else f" by {name}")


def _transforming(collection: str, before: Description, after: Description, function: _Function) -> Convert:
    reading = PlainForm(whole_schema(collection, before), extras=True)
    writing = PlainForm(whole_schema(collection, after), extras=bool(after["extras"] or after["freeform"]))
    undeclared = set(before["fields"])

    def convert(document: Document) -> Document:
        old = reading.plain(document)
        known = {name for name in old if name not in undeclared}
        key = document["id"]
        new: Any = called(function, dict(old))
        if not isinstance(new, dict):
            raise InvalidEntityError(f"the function gave {type(new).__name__}, not a dict")
        made = writing.document({"id": old["id"], **new}, known)
        if made["id"] != key:
            raise InvalidEntityError("id: a migration does not change it", path="id")
        return made

    return convert


Statements: TypeAlias = str | Sequence[str] | Callable[[Any], Any] | None
"""What an engine is given: statements, or a function that is called with the engine's own handle."""


@dataclass(frozen=True)
class RawStep(Step):
    """What one engine is told in its own words, and others in theirs; the description of the collection stays.

    An engine for which nothing is given refuses the migration before anything changes; ``()`` says that there is
    nothing to do. On SQL engines statements run in the migration's transaction; a function gets the handle that
    ``repository.native`` is in a transaction. On MongoDB it gets PyMongo's database, outside any transaction, and may
    run again when it was interrupted.

    Attributes:
        sqlite, postgresql, mongodb, memory: for each engine.
        other: for engines by another name.
        inverse: the step that takes it back.
    """

    sqlite: Statements = None
    postgresql: Statements = None
    mongodb: Statements = None
    memory: Statements = None
    other: tuple[tuple[str, Statements], ...] = ()
    inverse: RawStep | None = None

    def on(self, backend: str) -> Statements:
        """What is given for an engine, None where nothing is."""
        given: Statements = (
            getattr(self, backend, None) if backend in _ENGINES else dict(self.other).get(backend)
        )
        if backend == "mongodb" and given is not None and not callable(given) and len(given):
            raise ConfigurationError("a raw step for MongoDB is a function of the database, not text")
        return given

    def forward(self, collection: str, before: Description) -> Change:
        return Change(before)

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        if self.inverse is None:
            raise no_way_back(collection, self.told(), "give the step an `inverse`")
        return Change(now)

    def told(self) -> str:
        return "run the engine's own statements"


_ENGINES = frozenset({"sqlite", "postgresql", "mongodb", "memory"})
