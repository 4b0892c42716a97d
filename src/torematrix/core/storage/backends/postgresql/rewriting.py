"""The statements that change rows, as text: each does in one round trip what ``RowRules`` says of one row.

The new document holds every declared key, so ``data || new`` keeps exactly the keys that the class does not know. What
comes back is only what the caller cannot know: created_at, and the document where it holds more than was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...model.codec import Row
from ...model.schema import IndexSpec
from ...query.resolve import resolve
from .compile import key_expressions
from .plan import TablePlan
from .quoting import quote_text

__all__ = [
    "all_as_stored",
    "as_stored",
    "clash_statement",
    "patch_statement",
    "replace_many_statement",
    "replace_statement",
    "replaced_values",
    "set_row_statement",
    "set_rows_statement",
    "taken_statement",
    "upsert_statement",
]


def _kept_places(plan: TablePlan) -> set[int]:
    """The places in a row that a replacement leaves alone: the id and created_at."""
    return {0} if plan.rules.created_at is None else {0, plan.rules.created_at}


def replaced_values(plan: TablePlan, native: Row) -> Row:
    """What a replacement binds of a row: everything but created_at, which it has no use for."""
    at = plan.rules.created_at
    return native if at is None else (*native[:at], *native[at + 1 :])


def _assignments(plan: TablePlan, values: Sequence[str]) -> str:
    """The SET list that replaces a row by these expressions, one for each place."""
    kept = _kept_places(plan)
    sets: list[str] = []
    for at, (column, value) in enumerate(zip(plan.quoted, values, strict=True)):
        if at in kept:
            continue
        is_document = plan.schema.has_document and at == plan.width - 1
        merged = f"{plan.table}.data || {value}" if is_document and plan.keeps_unknown else value
        sets.append(f"{column} = {merged}")
    return ", ".join(sets) or f"id = {plan.table}.id"


def _given_back(plan: TablePlan, document: str) -> str:
    """What RETURNING gives: created_at, and the document where it is not the one that was given."""
    at = plan.rules.created_at
    created = "NULL" if at is None else f"{plan.table}.{plan.quoted[at]}"
    stored = f"NULLIF({plan.table}.data, {document})" if plan.keeps_unknown else "NULL"
    return f"{created}, {stored}"


def as_stored(plan: TablePlan, given: Row, created: Any, document: Any) -> Row:
    """The row as stored, from the one given and what came back."""
    at = plan.rules.created_at
    if at is None and document is None:
        return given
    values = list(given)
    if at is not None:
        values[at] = created
    if document is not None:
        values[-1] = document
    return tuple(values)


def all_as_stored(plan: TablePlan, given: Sequence[Row], returned: Mapping[str, Row]) -> list[Row]:
    """The same for many, from what came back by id: (id, created_at, document)."""
    if plan.rules.created_at is None and not plan.keeps_unknown:
        return list(given)
    return [as_stored(plan, row, *returned[row[0]][1:]) for row in given]


def _placeholders(plan: TablePlan, first: int = 1, without: int | None = None) -> list[str]:
    """A placeholder for each place of a row but one; of the document with its type, which not every use implies."""
    numbers = iter(range(first, first + plan.width))
    marks = ["" if at == without else f"${next(numbers)}" for at in range(plan.width)]
    if plan.schema.has_document:
        marks[-1] += "::jsonb"
    return marks


def _revision_guard(plan: TablePlan, values: Sequence[str]) -> str:
    """What follows WHERE so that only the row of the revision before is changed."""
    at = plan.rules.revision_at
    return "" if at is None else f"{plan.table}.{plan.quoted[at]} = {values[at]}::bigint - 1"


def replace_statement(plan: TablePlan) -> str:
    """Replaces the row of the same id, of the revision before; ``replaced_values`` are bound in order."""
    marks = _placeholders(plan, without=plan.rules.created_at)
    guard = _revision_guard(plan, marks)
    return (
        f"UPDATE {plan.table} SET {_assignments(plan, marks)} WHERE id = $1{f' AND {guard}' if guard else ''} "
        f"RETURNING {_given_back(plan, marks[-1])}"
    )


def upsert_statement(plan: TablePlan) -> str:
    """Inserts one row or, where its id is taken, replaces that by another.

    The values of the first are bound, then those of ``replaced_values`` of the second without its id.
    """
    inserted = _placeholders(plan)
    # The id is the first place in both, and is bound once.
    replacing = ["$1", *_placeholders(plan, plan.width, plan.rules.created_at)[1:]]
    guard = _revision_guard(plan, replacing)
    return (
        f"INSERT INTO {plan.table} ({plan.select}) VALUES ({', '.join(inserted)}) "
        f"ON CONFLICT (id) DO UPDATE SET {_assignments(plan, replacing)}{f' WHERE {guard}' if guard else ''} "
        # A row that was just inserted has been locked or deleted by nobody.
        f"RETURNING {plan.table}.xmax = 0, {_given_back(plan, replacing[-1])}"
    )


def set_row_statement(plan: TablePlan, changed: Sequence[int]) -> str:
    """Sets these places of the row whose id is bound last."""
    sets = ", ".join(f"{plan.quoted[at]} = ${number}" for number, at in enumerate(changed, 1))
    return f"UPDATE {plan.table} SET {sets} WHERE id = ${len(changed) + 1}"


def set_rows_statement(plan: TablePlan) -> str:
    """Sets everything but the id of rows that are bound as one array for each column."""
    sets = ", ".join(f"{column} = given.{column}" for column in plan.quoted[1:]) or "id = given.id"
    return f"UPDATE {plan.table} SET {sets} FROM {_given_rows(plan)} WHERE {plan.table}.id = given.id"


def patch_statement(plan: TablePlan, columns: Sequence[int], *, document: bool, guarded: bool) -> str:
    """Sets these columns, merges a document and counts the revision; the id is bound last, the expected revision after.

    The values are bound in the order of ``columns``, then the document.
    """
    sets = [f"{plan.quoted[at]} = ${number}" for number, at in enumerate(columns, 1)]
    bound = len(columns)
    if document:
        bound += 1
        sets.append(f"data = data || ${bound}::jsonb")
    revision = plan.rules.revision_at
    if revision is not None:
        sets.append(f"{plan.quoted[revision]} = {plan.quoted[revision]} + 1")
    where = f"id = ${bound + 1}"
    if guarded and revision is not None:
        where += f" AND {plan.quoted[revision]} = ${bound + 2}"
    return f"UPDATE {plan.table} SET {', '.join(sets) or 'id = id'} WHERE {where} RETURNING {plan.select}"


def _given_rows(plan: TablePlan, *, numbered: bool = False) -> str:
    """The FROM item of rows that are bound as one array for each column."""
    arrays = ", ".join(f"${number}::{kind}" for number, kind in enumerate(plan.arrays, 1))
    names = plan.select + (", ordinal" if numbered else "")
    return f"unnest({arrays}){' WITH ORDINALITY' if numbered else ''} AS given({names})"


def replace_many_statement(plan: TablePlan) -> str:
    """Replaces the rows of these ids, of the revisions before; what comes back starts with the id."""
    values = [f"given.{column}" for column in plan.quoted]
    guard = _revision_guard(plan, values)
    return (
        f"UPDATE {plan.table} SET {_assignments(plan, values)} FROM {_given_rows(plan)} "
        f"WHERE {plan.table}.id = given.id{f' AND {guard}' if guard else ''} "
        f"RETURNING {plan.table}.id, {_given_back(plan, values[-1])}"
    )


def _keys(plan: TablePlan, spec: IndexSpec) -> list[str]:
    """The expressions that a unique index stands on."""
    return [key_expressions(resolve(plan.schema, path).target)[0] for path in spec.paths]


def _named(keys: Iterable[str]) -> str:
    return ", ".join(f"{key} AS k{number}" for number, key in enumerate(keys))


def clash_statement(plan: TablePlan) -> str:
    """Whether a row given takes a unique value that another row given has now, so that their order matters."""
    cases: list[str] = []
    for _, spec in plan.unique.values():
        keys = _keys(plan, spec)
        same = " AND ".join(f"one.k{number} = other.k{number}" for number in range(len(keys)))
        cases.append(
            f"EXISTS (SELECT 1 FROM (SELECT id, {_named(keys)} FROM rows) AS one JOIN "
            f"(SELECT id, {_named(keys)} FROM {plan.table} WHERE id = ANY ($1::text[])) AS other "
            f"ON {same} AND one.id <> other.id)"
        )
    return f"WITH rows AS (SELECT * FROM {_given_rows(plan)}) SELECT {' OR '.join(cases)}"


def taken_statement(plan: TablePlan) -> str:
    """The first of these rows, counted from 1, that cannot be inserted after those before it, and by which index."""
    checks = [_taken(plan, plan.id_index, ["id"])]
    checks += [_taken(plan, name, _keys(plan, spec)) for name, (_, spec) in plan.unique.items()]
    return (
        f"WITH rows AS (SELECT * FROM {_given_rows(plan, numbered=True)}) "
        f"SELECT ordinal, taken FROM ({' UNION ALL '.join(checks)}) AS found ORDER BY ordinal, rank LIMIT 1"
    )


def _taken(plan: TablePlan, index: str, keys: Sequence[str]) -> str:
    names = [f"k{number}" for number in range(len(keys))]
    same = " AND ".join(f"({key}) = given.{name}" for key, name in zip(keys, names, strict=True))
    present = " AND ".join(f"given.{name} IS NOT NULL" for name in names)
    return (
        f"SELECT ordinal, {quote_text(index)} AS taken, {int(index != plan.id_index)} AS rank FROM ("
        f"SELECT ordinal, {_named(keys)}, row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY ordinal) AS again "
        f"FROM rows) AS given WHERE {present} AND (again > 1 OR EXISTS (SELECT 1 FROM {plan.table} WHERE {same}))"
    )
