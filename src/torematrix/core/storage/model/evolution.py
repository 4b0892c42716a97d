"""From the schema a collection was made for to the one it is opened with: what may change by itself, what may not.

Additive changes apply themselves: a field that allows None or has a constant default, an index, a searchable field.
Everything else could lose or reinterpret data and is refused, with the migration to write named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from ..errors import ConfigurationError
from ._indexes import IndexSpec
from .schema import Field, Schema

__all__ = ["Evolution", "evolve"]


class Evolution(msgspec.Struct, frozen=True):
    """What has to be done for a collection to serve a schema.

    Attributes:
        created: whether the collection is new.
        columns: scalar fields whose columns are to be added.
        documents: document fields whose default existing rows are to be given.
        indexes: indexes to make.
        search_changed: whether the search index is to be made anew.
        description: the schema to store: the given one, joined with the fields that only the stored one knows.
    """

    created: bool
    columns: tuple[Field, ...]
    documents: tuple[Field, ...]
    indexes: tuple[IndexSpec, ...]
    search_changed: bool
    description: dict[str, Any]

    @property
    def is_empty(self) -> bool:
        """Whether everything is in place."""
        return not (self.created or self.columns or self.documents or self.indexes or self.search_changed)

    def leaves(self, stored: Mapping[str, Any]) -> bool:
        """Whether everything is in place, and described as it would be, but for the order of indexes."""
        return self.is_empty and _unordered(self.description) == _unordered(stored)


def _unordered(description: Mapping[str, Any]) -> dict[str, Any]:
    return {**description, "indexes": {index["name"]: index for index in description["indexes"]}}


def evolve(collection: str, stored: Mapping[str, Any] | None, schema: Schema) -> Evolution:
    """What is to be done, given the stored description (None for a new collection).

    Raises:
        ConfigurationError: the change needs a migration; it says which.
    """
    declared: dict[str, Any] = schema.describe()
    if stored is None:
        return Evolution(
            True, schema.columns, schema.documents, schema.indexes, bool(schema.searchable), declared
        )
    if stored["freeform"] != declared["freeform"]:
        raise _refused(
            collection, "it changes between free-form documents and declared fields", "convert the documents"
        )
    known: dict[str, Any] = stored["fields"]
    columns: list[Field] = []
    documents: list[Field] = []
    for field in schema.fields:
        before = known.get(field.name)
        if before is None:
            _check_added(collection, field, stored.get("gone", ()))
            (documents if field.scalar is None else columns).append(field)
        else:
            _check_kept(collection, field, before, declared["fields"][field.name])
    _check_dropped(collection, known, schema)
    _check_revision(collection, stored, declared)
    before_indexes = {index["name"]: index for index in stored["indexes"]}
    _check_unique_kept(collection, before_indexes, declared)
    added = tuple(spec for spec in schema.indexes if before_indexes.get(spec.name) != spec.describe())
    kept_indexes = [
        index for name, index in before_indexes.items() if name not in {spec.name for spec in schema.indexes}
    ]
    description = {
        **declared,
        "extras": stored["extras"] or declared["extras"],
        "fields": {**known, **declared["fields"]},
        "indexes": [*declared["indexes"], *kept_indexes],
        **({"gone": stored["gone"]} if "gone" in stored else {}),
    }
    return Evolution(
        False,
        tuple(columns),
        tuple(documents),
        added,
        stored["searchable"] != declared["searchable"],
        description,
    )


def _check_added(collection: str, field: Field, gone: Collection[str]) -> None:
    if field.name in gone:
        raise _refused(
            collection,
            f"a migration has dropped or renamed the field {field.name!r}, and this class is from before it",
            f"add the field {field.name!r}, if it is to come back",
        )
    if not field.nullable and not field.has_default:
        raise _refused(
            collection,
            f"the field {field.name!r} is new, and existing entities have no value for it",
            f"add the field {field.name!r} with a value for them, or declare it with None or a constant as default",
        )


def _check_kept(collection: str, field: Field, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if before["shape"] != now["shape"] or before.get("column") != now.get("column"):
        raise _refused(
            collection,
            f"the field {field.name!r} was declared with another type",
            f"convert the field {field.name!r}",
        )
    if before["nullable"] and not now["nullable"]:
        raise _refused(
            collection,
            f"the field {field.name!r} no longer allows None, and existing entities may hold it",
            f"fill the field {field.name!r} where it is None",
        )


def _check_dropped(collection: str, known: Mapping[str, Any], schema: Schema) -> None:
    for name, before in known.items():
        if name not in schema.by_name and not before["nullable"] and "default" not in before:
            raise _refused(
                collection,
                f"the field {name!r} is no longer declared, and entities without a value for it could not be read "
                "where it still is",
                f"drop the field {name!r}",
            )


def _check_revision(collection: str, stored: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    if stored["revision"] is not None and stored["revision"] != declared["revision"]:
        raise _refused(
            collection,
            f"the revision field {stored['revision']!r} is no longer the revision, so updates would not be guarded",
            "drop or rename the revision field",
        )


def _check_unique_kept(collection: str, before: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    names = {index["name"] for index in declared["indexes"]}
    for name, index in before.items():
        if index["unique"] and name not in names:
            paths = ", ".join(index["paths"])
            raise _refused(
                collection,
                f"the unique constraint on {paths} is no longer declared",
                f"drop the unique constraint on {paths}",
            )


def _refused(collection: str, reason: str, migration: str) -> ConfigurationError:
    return ConfigurationError(
        f"the collection {collection!r} was made for another schema: {reason}; write a migration: {migration}",
        collection=collection,
    )
