# generated from _async/ensure.py by tools/generate_twins.py: do not edit
"""The library's own table, and the tables of collections: made, compared with the declared schema, extended.

DDL is transactional here, and two processes that start at once take turns at one advisory lock.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Generator, Mapping
from typing import Any, Final

import msgspec
import psycopg

from ....errors import ConfigurationError, DuplicateError, PermissionDeniedError
from ....model.codec import json_text
from ....model.evolution import Evolution, evolve
from ....model.kinds import Canonical
from ....model.schema import Field, IndexSpec
from ....query.text import ANALYZER_VERSION
from ..config import PostgreSQLConfig
from ..errors import BACKEND, is_duplicate
from ..plan import META, TablePlan, column_definition, index_name, index_statements, primary_key
from ..quoting import cut_name, quote_name, quote_text
from . import search
from .connection import Link
from .statements import execute, fetch

__all__ = [
    "FORMAT",
    "OLDEST_SERVER",
    "Server",
    "column_with_default",
    "columns_present",
    "create_index",
    "ensure",
    "is_in_place",
    "prepare",
    "remember_schema",
    "sequence_definition",
    "stored_schemas",
    "undisturbed",
]

FORMAT: Final = 1
"""The version of the layout in which this library stores; a database of a newer one is refused."""
OLDEST_SERVER: Final = 130_000
"""Older ones lack functions that are used here, and get no more fixes."""

_LOCK: Final = 0x746F7265_6D617472  # "torematr"
_TABLE: Final = quote_name(META)
_NAMED: Final = """
SELECT relname FROM pg_class
WHERE relnamespace = quote_ident(current_schema())::regnamespace AND lower(relname) = lower($1)
"""


class Server(msgspec.Struct, frozen=True):
    """What was found when the storage was opened.

    Attributes:
        version: as the server gives it.
        trigrams: whether it has the extension pg_trgm.
        cursor_key: the secret of this database that signs cursors.
    """

    version: str
    trigrams: bool
    cursor_key: bytes


_PROBE: Final = """
SELECT current_setting('server_version'), current_setting('server_version_num')::int,
       current_setting('server_encoding'), EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'),
       EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1), to_regclass($2) IS NOT NULL
"""


def prepare(link: Link, config: PostgreSQLConfig) -> Server:
    """Look at the server, make the library's own table where it is missing, and check what wrote it.

    Raises:
        ConfigurationError: the database is not UTF-8, the server too old, or the database was written by a newer
            version of this library.
    """
    own = f"{quote_name(config.schema)}.{_TABLE}"
    version, number, encoding, trigrams, has_schema, has_table = (fetch(link, _PROBE, (config.schema, own)))[
        0
    ]
    if encoding != "UTF8":
        raise ConfigurationError(
            f"the database is encoded in {encoding}; create one with ENCODING 'UTF8', which holds every text",
            backend=BACKEND,
        )
    if number < OLDEST_SERVER:
        raise ConfigurationError(
            f"the server is PostgreSQL {version}; at least {OLDEST_SERVER // 10_000} is needed",
            backend=BACKEND,
        )
    if not has_table:
        _make_own(link, config.schema, make_schema=not has_schema)
    rows = dict(fetch(link, f"SELECT key, value FROM {_TABLE} WHERE scope = ''"))
    stored_format = rows.get("format", "")
    if not stored_format.isdigit() or int(stored_format) > FORMAT:
        raise ConfigurationError(
            "the database was written by a newer version of this library; upgrade torematrix-storage",
            backend=BACKEND,
        )
    return Server(
        str(version), bool(trigrams), bytes.fromhex(rows.get("cursor_key", "")) or secrets.token_bytes(32)
    )


def _make_own(link: Link, schema: str, *, make_schema: bool) -> None:
    execute(link, "BEGIN")
    try:
        _take_turn(link)
        if make_schema:
            execute(link, f"CREATE SCHEMA IF NOT EXISTS {quote_name(schema)}")
        execute(
            link,
            f'CREATE TABLE IF NOT EXISTS {_TABLE} (scope text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, '
            "value text NOT NULL, PRIMARY KEY (scope, key))",
        )
        execute(
            link,
            f"INSERT INTO {_TABLE} VALUES ('', 'format', $1), ('', 'cursor_key', $2) ON CONFLICT DO NOTHING",
            (str(FORMAT), secrets.token_hex(32)),
        )
        execute(link, "COMMIT")
    except psycopg.errors.InsufficientPrivilege as error:
        raise PermissionDeniedError(
            f"the role may not create tables in the schema {schema!r}, nor the schema; grant it CREATE there",
            backend=BACKEND,
        ) from error
    finally:
        if not link.is_idle and not link.closed:
            execute(link, "ROLLBACK")


def _take_turn(link: Link) -> None:
    """Wait for others who change the schema; until the transaction ends they wait for this one."""
    execute(link, "SELECT pg_advisory_xact_lock($1)", (str(_LOCK),))


def stored_schemas(link: Link) -> dict[str, dict[str, Any]]:
    """The schema of every collection here, by name."""
    rows = fetch(link, f"SELECT key, value FROM {_TABLE} WHERE scope = 'collection' ORDER BY key")
    return {name: msgspec.json.decode(value) for name, value in rows}


def _evolution(link: Link, plan: TablePlan) -> tuple[Evolution, bool]:
    """What is to be done, and whether what is indexed of texts was made by other rules."""
    name = plan.collection
    rows = fetch(
        link,
        f"SELECT scope, key, value FROM {_TABLE} WHERE scope IN ('collection', 'analyzer') AND lower(key) = lower($1)",
        (name,),
    )
    for scope, key, _ in rows:
        if scope == "collection" and key != name:
            raise ConfigurationError(
                f"the collections {key!r} and {name!r} differ only in case; some engines would merge them",
                backend=BACKEND,
            )
    found = {scope: value for scope, key, value in rows if key == name}
    stored = found.get("collection")
    outdated = bool(plan.text_indexes) and found.get("analyzer") != ANALYZER_VERSION
    return evolve(name, None if stored is None else msgspec.json.decode(stored), plan.schema), outdated


def is_in_place(link: Link, plan: TablePlan) -> bool:
    """Whether there is nothing to do, so that opening a collection need not wait for somebody who changes one."""
    evolution, outdated = _evolution(link, plan)
    return evolution.is_empty and not outdated and search.is_current(link, plan)


def ensure(link: Link, plan: TablePlan) -> None:
    """Create or extend the collection within the transaction at hand.

    Raises:
        ConfigurationError: the change needs a migration, or a name is taken.
        DuplicateError: existing entities do not meet a new unique constraint.
    """
    with undisturbed(link):
        _ensure(link, plan)


@contextlib.contextmanager
def undisturbed(link: Link) -> Generator[None, None, None]:
    """What changes a schema in a transaction: one at a time, for as long as it takes."""
    _take_turn(link)
    # Making an index reads every row; the lock in front keeps others from starting the same.
    execute(link, "SET LOCAL statement_timeout = 0")
    limit, link.limit = link.limit, None
    try:
        yield
    finally:
        link.limit = limit


def _ensure(link: Link, plan: TablePlan) -> None:
    evolution, outdated = _evolution(link, plan)
    stale = outdated or not search.is_current(link, plan)
    if evolution.is_empty and not stale:
        return
    if evolution.created:
        _create(link, plan)
    else:
        _extend(link, plan, evolution)
    for spec in evolution.indexes:
        if not spec.substring:
            create_index(link, plan, spec)
    if evolution.search_changed or stale or any(spec.substring for spec in evolution.indexes):
        search.drop(link, plan)
        search.create(link, plan)
        if not evolution.created:
            search.rebuild(link, plan)
    remember_schema(link, plan, evolution.description)


def remember_schema(link: Link, plan: TablePlan, description: Mapping[str, Any]) -> None:
    """Store the description of a collection, and by which rules its texts are indexed."""
    _remember(link, "collection", plan.collection, msgspec.json.encode(description).decode())
    _remember(link, "analyzer", plan.collection, ANALYZER_VERSION)


def _remember(link: Link, scope: str, key: str, value: str) -> None:
    execute(
        link,
        f"INSERT INTO {_TABLE} VALUES ($1, $2, $3) ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value",
        (scope, key, value),
    )


def _create(link: Link, plan: TablePlan) -> None:
    taken = fetch(link, _NAMED, (plan.collection,))
    if taken:
        raise ConfigurationError(
            f"the database has something named {taken[0][0]!r} that this library did not make",
            backend=BACKEND,
            collection=plan.collection,
        )
    key = quote_name(primary_key(plan.collection))
    columns = [f'id text COLLATE "C" CONSTRAINT {key} PRIMARY KEY']
    columns += [column_with_default(field) for field in plan.schema.columns[1:]]
    # Every table has a document, for what a later version of the entity keeps there.
    columns.append("data jsonb NOT NULL DEFAULT '{}'")
    if plan.has_seq:
        columns.append(sequence_definition(plan))
    execute(link, f"CREATE TABLE {plan.table} ({', '.join(columns)})")


def sequence_definition(plan: TablePlan) -> str:
    """The column of the number that the rows of other tables refer to.

    What belongs to it has names that no collection can have.
    """
    numbers, key = (quote_name(cut_name(f"{plan.collection}$$seq{suffix}")) for suffix in ("$numbers", ""))
    identity = f"GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME {numbers})"
    return f"seq bigint {identity} CONSTRAINT {key} UNIQUE"


def column_with_default(field: Field) -> str:
    """The name, the type and the default of a column."""
    text = column_definition(field)
    if field.has_default and field.default is not None:
        text += f" DEFAULT {_literal(field.default, binary=' bytea' in text)}"
    return text


def _literal(value: Canonical, *, binary: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"'{value!r}'"
    return f"'\\x{value}'" if binary else quote_text(str(value))


def columns_present(link: Link, plan: TablePlan) -> set[str]:
    """The names of the columns that the table has."""
    rows = fetch(
        link,
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped",
        (plan.table,),
    )
    return {row[0] for row in rows}


def _extend(link: Link, plan: TablePlan, evolution: Evolution) -> None:
    present = columns_present(link, plan)
    for field in (*evolution.columns, *evolution.documents):
        held = fetch(link, f"SELECT 1 FROM {plan.table} WHERE data ? $1 LIMIT 1", (field.key,))
        if held:
            raise ConfigurationError(
                f"the field {field.name!r} of {plan.collection!r} is new, and existing entities hold something under "
                f"that name already; write a migration: convert the field {field.name!r}",
                backend=BACKEND,
                collection=plan.collection,
            )
    additions = [column_with_default(field) for field in evolution.columns if field.column not in present]
    if plan.has_seq and "seq" not in present:
        additions.append(sequence_definition(plan))
    if additions:
        adding = ", ".join(f"ADD COLUMN {column}" for column in additions)
        execute(link, f"ALTER TABLE {plan.table} {adding}")
    if evolution.documents:
        defaults = {field.key: field.default for field in evolution.documents}
        execute(link, f"UPDATE {plan.table} SET data = data || $1::jsonb", (json_text(defaults),))


def create_index(link: Link, plan: TablePlan, spec: IndexSpec) -> None:
    """Make a b-tree index; DuplicateError where rows do not meet a unique one."""
    for second in (False, True):
        # One of the same name was made for another declaration.
        execute(link, f"DROP INDEX IF EXISTS {quote_name(index_name(plan.collection, spec, second=second))}")
    try:
        for statement in index_statements(plan.collection, plan.schema, spec).values():
            execute(link, statement)
    except psycopg.Error as error:
        if not is_duplicate(error):
            raise
        raise DuplicateError(
            f"existing entities of {plan.collection!r} share values of {', '.join(spec.paths)}, which is to be unique "
            "now; the schema was left as it was",
            backend=BACKEND,
            collection=plan.collection,
        ) from error
