"""Stored descriptions of schemas as values: what a change of a field, an index or a search makes of one.

No function changes the description it is given. Indexes and searchable paths follow the fields they stand on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any, TypeAlias

from ..errors import ConfigurationError
from ._describe import describe_shape
from ._indexes import IndexSpec, index_spec, reach, spec_of
from ._keys import join_path, key_segment, split_path
from ._scalars import Kind, Scalar
from ._tree import Shape
from .markers import Index
from .stored import described_index, whole_schema

__all__ = [
    "Description",
    "check_changeable",
    "field_of",
    "fitted",
    "renamed",
    "replaced",
    "with_field",
    "with_index",
    "with_searchable",
    "without_field",
    "without_index",
    "without_searchable",
]

Description: TypeAlias = dict[str, Any]
"""A schema as ``Schema.describe`` gives it."""


def check_changeable(collection: str, name: str) -> None:
    """Raise ConfigurationError for the id, by which an entity is known."""
    if name == "id":
        raise ConfigurationError(
            "the id of an entity cannot be changed by a migration", collection=collection
        )


def field_of(collection: str, description: Description, name: str) -> dict[str, Any]:
    """What is described of a field; ConfigurationError where there is none of that name."""
    check_changeable(collection, name)
    found: dict[str, Any] | None = description["fields"].get(name)
    if found is None:
        known = ", ".join(sorted(description["fields"]))
        raise ConfigurationError(
            f"{collection!r} has no field {name!r}; its fields are {known}", collection=collection
        )
    return found


def with_field(description: Description, name: str, described: Mapping[str, Any]) -> Description:
    """The description with that field, in the place of the one of its name or behind the others."""
    return _with_gone({**description, "fields": {**description["fields"], name: dict(described)}})


def without_field(description: Description, name: str) -> Description:
    """The description without a field, and without the indexes and the search that look at it."""
    without = {
        **description,
        "fields": {key: value for key, value in description["fields"].items() if key != name},
        "indexes": [
            index
            for index in description["indexes"]
            if not any(_top(path) == name for path in index["paths"])
        ],
        "searchable": [entry for entry in description["searchable"] if _top(entry[0]) != name],
        "revision": None if description["revision"] == name else description["revision"],
    }
    return _with_gone(without, name)


def renamed(description: Description, name: str, new: str) -> Description:
    """The description with a field, and what stands on it, under another name."""

    def moved(path: str) -> str:
        first, *rest = split_path(path)
        return path if first != name else reduce(join_path, map(key_segment, rest), key_segment(new))

    indexes: list[dict[str, Any]] = []
    for index in description["indexes"]:
        paths = [moved(path) for path in index["paths"]]
        indexes.append(index if paths == index["paths"] else _named_anew(index, {**index, "paths": paths}))
    moved_all = {
        **description,
        "fields": {new if key == name else key: value for key, value in description["fields"].items()},
        "indexes": indexes,
        "searchable": [[moved(path), weight] for path, weight in description["searchable"]],
        "revision": new if description["revision"] == name else description["revision"],
    }
    return moved_all if description["freeform"] else _with_gone(moved_all, name)


def fitted(collection: str, description: Description, names: Iterable[str]) -> Description:
    """The description, what stands on these fields being of the kinds that they are declared of now.

    Raises:
        ConfigurationError: an index stands on what cannot be indexed any more.
    """
    changed = set(names)
    schema = whole_schema(collection, description)
    by_key = {field.key: field for field in schema.fields}

    def reached(path: str) -> Shape | None:
        return reach(schema.entity_class, path, by_key, True)

    def kind(path: str, before: Any) -> Any:
        if _top(path) not in changed:
            return before
        shape = reached(path)
        if shape is not None and not isinstance(shape, Scalar):
            raise ConfigurationError(
                f"an index of {collection!r} covers {path}, which is to hold what cannot be indexed; "
                f"drop the index first: DropIndex({path!r})",
                collection=collection,
            )
        return None if shape is None else describe_shape(shape)

    indexes: list[dict[str, Any]] = []
    for index in description["indexes"]:
        kinds = [kind(path, before) for path, before in zip(index["paths"], index["kinds"], strict=True)]
        if index["substring"] and kinds != index["kinds"] and kinds != ["str"]:
            continue  # it covers text, and there is none any more
        indexes.append(index if kinds == index["kinds"] else _named_anew(index, {**index, "kinds": kinds}))
    searchable = [
        entry
        for entry in description["searchable"]
        if _top(entry[0]) not in changed or reached(entry[0]) in (Scalar(Kind.STR), None)
    ]
    return {**description, "indexes": indexes, "searchable": searchable}


def with_index(collection: str, description: Description, marker: Index) -> Description:
    """The description with one more index; the same where it is there already.

    Raises:
        ConfigurationError: a path leads nowhere, or another index has that name or is on the same.
    """
    schema = whole_schema(collection, description)
    extras = bool(description["freeform"] or description["extras"])
    spec = index_spec(schema.entity_class, marker, {field.key: field for field in schema.fields}, extras)
    found = spec.describe()
    for index in description["indexes"]:
        if index == found:
            return description
        covers = all(index[part] == found[part] for part in ("paths", "unique", "substring"))
        if index["name"] == found["name"] or covers:
            raise ConfigurationError(
                f"{collection!r} has another index named {index['name']!r}"
                + (" on the same" if covers else ""),
                collection=collection,
            )
    return {**description, "indexes": [*description["indexes"], found]}


def without_index(
    collection: str, description: Description, wanted: Callable[[Mapping[str, Any]], bool], called: str
) -> Description:
    """The description without the indexes that are wanted gone; ConfigurationError where there is none."""
    kept = [index for index in description["indexes"] if not wanted(index)]
    if len(kept) == len(description["indexes"]):
        raise ConfigurationError(f"{collection!r} has no {called}", collection=collection)
    return {**description, "indexes": kept}


def with_searchable(collection: str, description: Description, path: str, weight: int) -> Description:
    """The description with a path that ``search()`` looks at."""
    schema = whole_schema(collection, description)
    extras = bool(description["freeform"] or description["extras"])
    shape = reach(schema.entity_class, path, {field.key: field for field in schema.fields}, extras)
    if shape is not None and describe_shape(shape) != "str":
        raise ConfigurationError(f"{path!r} of {collection!r} is no text to search", collection=collection)
    kept = [entry for entry in description["searchable"] if entry[0] != path]
    return {**description, "searchable": [*kept, [path, weight]]}


def without_searchable(collection: str, description: Description, path: str) -> Description:
    """The description without a path that ``search()`` looks at."""
    kept = [entry for entry in description["searchable"] if entry[0] != path]
    if len(kept) == len(description["searchable"]):
        raise ConfigurationError(f"{path!r} of {collection!r} is not searchable", collection=collection)
    return {**description, "searchable": kept}


def replaced(before: Description, after: Description) -> Description:
    """The description ``after`` as the one that follows ``before``."""
    return _with_gone({**after, "gone": before.get("gone", [])}, *before["fields"])


def _with_gone(description: Description, *names: str) -> Description:
    """The description with a note of the fields that a migration took away, so that no class brings them back."""
    gone = sorted({*description.get("gone", ()), *names} - set(description["fields"]))
    kept = {key: value for key, value in description.items() if key != "gone"}
    return {**kept, "gone": gone} if gone else kept


def _top(path: str) -> str:
    """The field that a path begins with."""
    return split_path(path)[0]


def _named_anew(before: Mapping[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The changed index, named after its paths where it was so before."""
    if before["name"] != _own_name(described_index(before, typed=False)):
        return after
    return {**after, "name": _own_name(described_index(after, typed=False))}


def _own_name(spec: IndexSpec) -> str:
    return spec_of(spec.paths, spec.scalars, unique=spec.unique, substring=spec.substring).name
