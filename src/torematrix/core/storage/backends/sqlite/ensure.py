"""The library's own table, and the tables of collections: made, compared with the declared schema, extended."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

import apsw
import msgspec

from ...errors import ConfigurationError, DuplicateError
from ...model.codec import json_text
from ...model.evolution import Evolution, evolve
from ...model.kinds import Canonical
from ...model.schema import Field, IndexSpec, Schema
from ...query.operations import Collection
from ...query.text import ANALYZER_VERSION
from . import search, search_index
from .config import SQLiteConfig
from .errors import is_duplicate
from .plan import META, TablePlan, column_type, index_statement
from .quoting import json_path, quote_name, quote_text

__all__ = [
    "FORMAT",
    "check",
    "column_definition",
    "create_index",
    "cursor_key",
    "ensure",
    "is_in_place",
    "prepare",
    "remember_schema",
    "stored_schemas",
]

FORMAT: Final = 1
"""The version of the layout in which this library stores; a database of a newer one is refused."""


def prepare(connection: apsw.Connection, config: SQLiteConfig) -> None:
    """Make the library's own table where it is missing, and check what wrote it.

    Raises:
        ConfigurationError: the file is not UTF-8, or was written by a newer version of this library.
    """
    if connection.pragma("encoding") != "UTF-8":
        raise ConfigurationError(
            "the database is not UTF-8: its strings would sort otherwise", backend="sqlite"
        )
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (META,)).fetchone() is not None
    if not known and not config.read_only:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {META} "
                "(scope TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (scope, key)) "
                "STRICT, WITHOUT ROWID"
            )
            connection.execute(f"INSERT OR IGNORE INTO {META} VALUES ('', 'format', ?)", (str(FORMAT),))
            connection.execute(
                f"INSERT OR IGNORE INTO {META} VALUES ('', 'cursor_key', ?)", (secrets.token_hex(32),)
            )
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    elif not known:
        raise ConfigurationError("the file is not a database of this library", backend="sqlite")
    found = connection.execute(f"SELECT value FROM {META} WHERE scope = '' AND key = 'format'").fetchone()
    if found is None or not str(found[0]).isdigit() or int(found[0]) > FORMAT:
        raise ConfigurationError(
            "the database was written by a newer version of this library; upgrade torematrix-storage",
            backend="sqlite",
        )


def cursor_key(connection: apsw.Connection) -> bytes:
    """The secret of this database that signs cursors."""
    row = connection.execute(f"SELECT value FROM {META} WHERE scope = '' AND key = 'cursor_key'").fetchone()
    return bytes.fromhex(str(row[0])) if row is not None else secrets.token_bytes(32)


def stored_schemas(connection: apsw.Connection) -> dict[str, dict[str, Any]]:
    """The schema of every collection here, by name."""
    rows = connection.execute(f"SELECT key, value FROM {META} WHERE scope = 'collection' ORDER BY key")
    return {name: msgspec.json.decode(value) for name, value in rows}


def _evolution(connection: apsw.Connection, collection: Collection) -> Evolution:
    name = collection.name
    for other in connection.execute(
        f"SELECT key FROM {META} WHERE scope = 'collection' AND lower(key) = lower(?)", (name,)
    ):
        if other[0] != name:
            raise ConfigurationError(
                f"the collections {other[0]!r} and {name!r} differ only in case; SQLite would merge them",
                backend="sqlite",
            )
    found = connection.execute(
        f"SELECT value FROM {META} WHERE scope = 'collection' AND key = ?", (name,)
    ).fetchone()
    return evolve(name, None if found is None else msgspec.json.decode(found[0]), collection.schema)


def check(connection: apsw.Connection, collection: Collection) -> None:
    """Refuse a collection that a read-only database does not have in this form."""
    plan = TablePlan(collection.name, collection.schema)
    in_form = _evolution(connection, collection).is_empty and search.is_served(connection, plan)
    if not in_form or _is_outdated(connection, plan):
        raise ConfigurationError(
            f"the collection {collection.name!r} is not there in this form, and the database is open read-only",
            backend="sqlite",
            collection=collection.name,
        )


def _is_outdated(connection: apsw.Connection, plan: TablePlan) -> bool:
    """Whether what is indexed of texts was made with other Unicode tables or other rules."""
    if not plan.text_indexes:
        return False
    found = connection.execute(
        f"SELECT value FROM {META} WHERE scope = 'analyzer' AND key = ?", (plan.collection,)
    ).fetchone()
    return found is None or found[0] != ANALYZER_VERSION


def is_in_place(connection: apsw.Connection, collection: Collection) -> bool:
    """Whether there is nothing to do, so that opening a collection need not wait for somebody who writes."""
    plan = TablePlan(collection.name, collection.schema)
    return (
        _evolution(connection, collection).is_empty
        and not _is_outdated(connection, plan)
        and search.is_current(connection, plan)
    )


def ensure(connection: apsw.Connection, collection: Collection) -> None:
    """Create or extend the collection within the transaction at hand.

    Raises:
        ConfigurationError: the change needs a migration, or a name is taken.
        DuplicateError: existing entities do not meet a new unique constraint.
    """
    evolution = _evolution(connection, collection)
    name, schema = collection.name, collection.schema
    plan = TablePlan(name, schema)
    stale = _is_outdated(connection, plan) or not search.is_current(connection, plan)
    if evolution.is_empty and not stale:
        return
    if evolution.created:
        _create(connection, plan)
    else:
        _extend(connection, plan, evolution)
    for spec in evolution.indexes:
        if not spec.substring:
            create_index(connection, name, schema, spec)
    if evolution.search_changed or stale or any(spec.substring for spec in evolution.indexes):
        search.drop(connection, plan)
        search.create(connection, plan)
        if not evolution.created:
            search.rebuild(connection, plan)
    remember_schema(connection, plan, evolution.description)


def remember_schema(connection: apsw.Connection, plan: TablePlan, description: Mapping[str, Any]) -> None:
    """Store the description of a collection, and by which rules its texts are indexed."""
    name = plan.collection
    _remember(connection, "collection", name, msgspec.json.encode(description).decode())
    _remember(connection, "analyzer", name, ANALYZER_VERSION)
    _remember(connection, "text", name, search_index.signature(plan))


def _remember(connection: apsw.Connection, scope: str, key: str, value: str) -> None:
    connection.execute(f"INSERT OR REPLACE INTO {META} VALUES (?, ?, ?)", (scope, key, value))


def _create(connection: apsw.Connection, plan: TablePlan) -> None:
    taken = connection.execute(
        "SELECT type FROM sqlite_schema WHERE lower(name) = lower(?)", (plan.collection,)
    ).fetchone()
    if taken is not None:
        raise ConfigurationError(
            f"the database has a {taken[0]} named {plan.collection!r} that this library did not make",
            backend="sqlite",
            collection=plan.collection,
        )
    columns = ["seq INTEGER PRIMARY KEY", "id TEXT NOT NULL UNIQUE"]
    columns += [column_definition(field) for field in plan.schema.columns[1:]]
    # Every table has a document, for what a later version of the entity keeps there.
    columns.append("data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data))")
    connection.execute(f"CREATE TABLE {plan.table} ({', '.join(columns)}) STRICT")


def column_definition(field: Field) -> str:
    """The name, the type and the default of a column."""
    if field.scalar is None:
        raise TypeError("a column is a declared scalar")
    text = f"{quote_name(field.column)} {column_type(field.scalar)}"
    if field.has_default and field.default is not None:
        text += f" DEFAULT {_literal(field.default, column_type(field.scalar))}"
    return text


def _literal(value: Canonical, kind: str) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (int, float)):
        return f"({value!r})"
    return f"x'{value}'" if kind == "BLOB" else quote_text(str(value))


def _extend(connection: apsw.Connection, plan: TablePlan, evolution: Evolution) -> None:
    present = {row[1] for row in connection.execute(f"PRAGMA table_info({plan.table})")}
    for field in (*evolution.columns, *evolution.documents):
        path = json_path((field.key,))
        held = connection.execute(
            f"SELECT 1 FROM {plan.table} WHERE json_type(data, {path}) IS NOT NULL LIMIT 1"
        ).fetchone()
        if held is not None:
            raise ConfigurationError(
                f"the field {field.name!r} of {plan.collection!r} is new, and existing entities hold something under "
                f"that name already; write a migration: convert the field {field.name!r}",
                backend="sqlite",
                collection=plan.collection,
            )
    for field in evolution.columns:
        if field.column not in present:
            connection.execute(f"ALTER TABLE {plan.table} ADD COLUMN {column_definition(field)}")
    for field in evolution.documents:
        default = json_text(field.default)
        connection.execute(
            f"UPDATE {plan.table} SET data = json_set(data, {json_path((field.key,))}, json(?))", (default,)
        )


def create_index(connection: apsw.Connection, collection: str, schema: Schema, spec: IndexSpec) -> None:
    """Make a b-tree index; DuplicateError where rows do not meet a unique one."""
    try:
        connection.execute(index_statement(collection, schema, spec))
    except apsw.ConstraintError as error:
        if not is_duplicate(error):
            raise
        raise DuplicateError(
            f"existing entities of {collection!r} share values of {', '.join(spec.paths)}, which is to be unique now; "
            "the schema was left as it was",
            backend="sqlite",
            collection=collection,
        ) from error
