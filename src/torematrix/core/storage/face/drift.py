"""How a declared class differs from what its collection is made for, and the steps from one to the other."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

from ..errors import ConfigurationError
from ..model.evolution import evolve
from ..model.markers import Big, Naive
from ..model.schema import Schema

__all__ = ["Drift", "drift_of"]

_PLAIN: Final = (str, int, float, bool, bytes, type(None))
_EMPTY: Final[dict[object, str]] = {
    list: "[]",
    dict: "{}",
    tuple: "()",
    set: "set()",
    frozenset: "frozenset()",
}
_HERE: Final = "torematrix.core.storage"


class Drift(msgspec.Struct, frozen=True):
    """The difference between a class and its collection.

    Attributes:
        collection: its name.
        lines: what differs, in words; empty where nothing does.
        source: the steps that take the collection to the class, a line of Python each; what is for a person to decide
            is marked ``TODO``.
        imports: the lines of Python that the source needs beside the names of this library.
        needs_migration: whether the class cannot use the collection as it is. Where it can, the rest applies itself
            when the class is first used, but for what is no longer declared, which stays.
    """

    collection: str
    lines: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    needs_migration: bool = False

    def __bool__(self) -> bool:
        return bool(self.lines)

    def __str__(self) -> str:
        if not self.lines:
            return f"{self.collection}: no difference"
        return "\n".join([f"{self.collection}:", *(f"  {line}" for line in self.lines)])


def drift_of(collection: str, schema: Schema, stored: Mapping[str, Any] | None) -> Drift:
    """The difference, given what is stored of the collection, None where it does not exist."""
    if stored is None:
        return Drift(collection, ("there is no such collection; the class makes it when it is first used",))
    try:
        evolve(collection, stored, schema)
        needed = False
    except ConfigurationError:
        needed = True
    comparing = _Comparing(schema, stored)
    pairs = list(comparing.pairs())
    return Drift(
        collection,
        tuple(line for line, _ in pairs),
        tuple(source for _, source in pairs if source),
        tuple(sorted(comparing.imports)),
        needed,
    )


class _Comparing:
    """Finds what differs, each in words and as a step."""

    def __init__(self, schema: Schema, stored: Mapping[str, Any]) -> None:
        self._schema = schema
        self._stored = stored
        self._declared: dict[str, Any] = dict(schema.describe())
        members = () if schema.record is None else schema.record.members
        self._members = {member.name: member for member in members}
        self.imports: set[str] = set()
        known: dict[str, Any] = stored["fields"]
        declared: dict[str, Any] = self._declared["fields"]
        self._new = [name for name in declared if name not in known]
        self._gone = [name for name in known if name not in declared]
        self._renamed = dict(self._renames())

    def _renames(self) -> Iterator[tuple[str, str]]:
        """Fields that may have been renamed: one new and one gone of the same type, and no others of it."""
        known, declared = self._stored["fields"], self._declared["fields"]
        for old in self._gone:
            alike = [name for name in self._new if declared[name]["shape"] == known[old]["shape"]]
            others = [name for name in self._gone if known[name]["shape"] == known[old]["shape"]]
            if len(alike) == len(others) == 1:
                yield old, alike[0]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The differences, in the order in which their steps are to be carried out."""
        if self._stored["freeform"] != self._declared["freeform"]:
            name = self._named(self._schema.entity_class)
            yield (
                "it changes between free-form documents and declared fields",
                f"Transform(lambda entity: entity, to={name}),  # TODO: make the new entity of the old one",
            )
            return
        yield from self._dropped_indexes()
        for old, new in self._renamed.items():
            yield (
                f"the field {new!r} is new, and {old!r} of the same type is no longer declared",
                f"RenameField({_quoted(old)}, {_quoted(new)}),  # TODO: or drop the one and add the other",
            )
        yield from self._converted()
        for name in self._new:
            if name not in self._renamed.values():
                yield f"the field {name!r} is new", self._adding(name)
        for name in self._gone:
            if name not in self._renamed:
                yield f"the field {name!r} is no longer declared", self._dropping(name)
        yield from self._added_indexes()
        yield from self._searched()
        before, after = self._stored["revision"], self._declared["revision"]
        if before != after and self._renamed.get(before) != after and before in self._declared["fields"]:
            yield f"the revision was {before!r} and is to be {after!r}", ""

    def _adding(self, name: str) -> str:
        member = self._members[name]
        text = self._type(member.annotation)
        described = self._declared["fields"][name]
        if member.factory in _EMPTY or get_origin(member.factory) in _EMPTY:
            factory = get_origin(member.factory) or member.factory
            return f"AddField({_quoted(name)}, {text}, {_EMPTY[factory]}),"
        if member.default is None or (described["nullable"] and "default" not in described):
            return f"AddField({_quoted(name)}, {text}),"
        if type(member.default) in _PLAIN:
            return f"AddField({_quoted(name)}, {text}, {_literal(member.default)}),"
        return f"AddField({_quoted(name)}, {text}, function=lambda entity: ...),  # TODO: its value"

    def _dropping(self, name: str) -> str:
        described = self._stored["fields"][name]
        if described["nullable"] or "default" in described:
            return f"DropField({_quoted(name)}),"
        return f"DropField({_quoted(name)}),  # TODO: give it a `value` if there is to be a way back"

    def _converted(self) -> Iterator[tuple[str, str]]:
        for name, now in self._declared["fields"].items():
            before = self._stored["fields"].get(name)
            if before is None or name == "id":
                continue
            text = self._type(self._members[name].annotation)
            if before["shape"] != now["shape"]:
                yield (
                    f"the field {name!r} is of another type",
                    f"ConvertField({_quoted(name)}, {text}, lambda value: ..., lambda value: ...),  # TODO",
                )
            elif before["nullable"] and not now["nullable"]:
                yield (
                    f"the field {name!r} no longer allows None",
                    f"ConvertField({_quoted(name)}, {text}, lambda value: ...),  # TODO: the value in place of None",
                )
            elif now["nullable"] and not before["nullable"]:
                yield f"the field {name!r} allows None now", f"ConvertField({_quoted(name)}, {text}),"

    def _dropped_indexes(self) -> Iterator[tuple[str, str]]:
        declared = {index["name"] for index in self._declared["indexes"]}
        for index in self._stored["indexes"]:
            tops = {str(path).partition(".")[0] for path in index["paths"]}
            if index["name"] in declared or tops & set(self._gone):
                continue
            paths = ", ".join(map(_quoted, index["paths"]))
            kind = "unique constraint" if index["unique"] else "index"
            step = "DropUnique" if index["unique"] else "DropIndex"
            further = ", substring=True" if index["substring"] else ""
            yield f"the {kind} on {paths} is no longer declared", f"{step}({paths}{further}),"

    def _added_indexes(self) -> Iterator[tuple[str, str]]:
        stored = {
            index["name"]: index
            for index in self._stored["indexes"]
            if not set(self._renamed) & {str(path).partition(".")[0] for path in index["paths"]}
        }
        moved = set(self._renamed.values())
        for spec in self._schema.indexes:
            tops = {path.partition(".")[0] for path in spec.paths}
            if spec.describe() == stored.get(spec.name) or (tops & moved and not spec.unique):
                continue
            paths = ", ".join(map(_quoted, spec.paths))
            if spec.typed and spec.scalars[0] is not None:
                paths += f", {spec.scalars[0].kind.value}"
            kind = "unique constraint" if spec.unique else "index"
            step = "AddUnique" if spec.unique else "AddIndex"
            further = ", substring=True" if spec.substring else ""
            yield f"the {kind} on {paths} is new", f"{step}({paths}{further}),"

    def _searched(self) -> Iterator[tuple[str, str]]:
        before = {path: weight for path, weight in self._stored["searchable"] if path not in self._renamed}
        after = dict(self._schema.searchable)
        for path, weight in after.items():
            if before.get(path) != weight and path not in self._renamed.values():
                further = "" if weight == 1 else f", {weight}"
                yield f"{path!r} is to be searchable", f"AddSearchable({_quoted(path)}{further}),"
        for path in before:
            if path not in after and path not in self._gone:
                yield f"{path!r} is no longer searchable", f"DropSearchable({_quoted(path)}),"

    # --------------------------------------------------------------------------------------------------------- types

    def _type(self, annotation: Any) -> str:
        """The annotation as Python; what it takes to read it is noted."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if annotation is None or annotation is type(None):
            return "None"
        if annotation is Any:
            self.imports.add("from typing import Any")
            return "Any"
        if origin is Annotated:
            inner, *marks = arguments
            kept = [mark for mark in marks if mark in (Big, Naive) or isinstance(mark, (Big, Naive))]
            if not kept:
                return self._type(inner)
            self.imports.add("from typing import Annotated")
            names = [mark.__name__ if isinstance(mark, type) else type(mark).__name__ for mark in kept]
            self.imports.update(f"from {_HERE} import {name}" for name in names)
            return f"Annotated[{', '.join([self._type(inner), *(f'{name}()' for name in names)])}]"
        if origin in (types.UnionType, typing.Union):
            return " | ".join(map(self._type, arguments))
        if origin is Literal:
            self.imports.add("from typing import Literal")
            return f"Literal[{', '.join(map(repr, arguments))}]"
        if origin is not None:
            inner = ", ".join("..." if argument is ... else self._type(argument) for argument in arguments)
            return f"{self._named(origin)}[{inner}]"
        return self._named(annotation)

    def _named(self, cls: Any) -> str:
        name = str(getattr(cls, "__qualname__", cls)).rpartition("<locals>.")[2]
        module = str(getattr(cls, "__module__", "builtins"))
        if module != "builtins":
            self.imports.add(f"from {module} import {name.partition('.')[0]}")
        return name


def _literal(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
