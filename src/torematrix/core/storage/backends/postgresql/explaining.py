"""What an operation would send, and what PostgreSQL's plan for it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ...query.operations import (
    Aggregate,
    Count,
    Fetch,
    FetchMany,
    Find,
    Insert,
    Operation,
    Patch,
    Remove,
    Replace,
    Scan,
    Upsert,
)
from .._sql.compile import Parameter
from .aggregate import aggregate_statement
from .compile import Sql
from .plan import TablePlan
from .rewriting import (
    patch_statement,
    replace_many_statement,
    replace_statement,
    replaced_values,
    upsert_statement,
)
from .statements import count_statement, find_statement, scan_statement

__all__ = ["SMALL_PAGES", "lines", "looks_for_rows", "scans_of", "statements_of", "would_be_served"]

SMALL_PAGES: Final = 64
"""A table of fewer pages is read whole, whatever indexes it has."""

_INDEXED: Final = ("Index Scan", "Index Only Scan", "Bitmap Heap Scan")


def statements_of(
    operation: Operation | Scan, plan: TablePlan, sql: Sql
) -> list[tuple[str, list[Parameter]]]:
    """The statements of an operation other than a search, with parameters that they can be planned for."""
    # Any id: of a null one the planner knows that it is no row's, and plans nothing.
    nothing: list[Parameter] = ["", *[None] * (plan.width - 1)]
    match operation:
        case Fetch():
            return [(plan.get, [operation.id])]
        case FetchMany():
            return [(plan.get_many, ["{}"])]
        case Find():
            statements = [find_statement(operation, plan, sql)]
            if operation.with_total:
                statements.append(
                    count_statement(Count(operation.collection, operation.condition), plan, Sql())
                )
            return statements
        case Scan():
            return [scan_statement(operation, plan, sql)]
        case Count():
            return [count_statement(operation, plan, sql)]
        case Aggregate():
            return [aggregate_statement(operation, plan, sql)]
        case Insert(_, rows):
            return [(plan.insert, nothing)] if len(rows) < 2 else [(plan.copy, [])]
        case Upsert():
            replaced = replaced_values(plan, tuple(nothing))
            return [(upsert_statement(plan), [*nothing, *replaced[1:]])]
        case Replace(_, rows):
            if len(rows) < 2:
                return [(replace_statement(plan), list(replaced_values(plan, tuple(nothing))))]
            return [(replace_many_statement(plan), ["{}"] * plan.width)]
        case Patch():
            columns = [
                plan.rules.at[field.name] for field, _ in operation.changes if field.scalar is not None
            ]
            document = bool(operation.extras) or len(columns) < len(operation.changes)
            statement = patch_statement(plan, columns, document=document, guarded=False)
            return [(statement, [*[None] * (len(columns) + document), ""])]
        case Remove():
            return [(plan.delete, [""])]
        case _:
            raise TypeError("a search is explained elsewhere")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def looks_for_rows(statement: str) -> bool:
    """Whether a statement has something to find; one that counts every row has not."""
    return not statement.startswith("COPY") and (
        " WHERE " in statement or not statement.startswith("SELECT count(*)")
    )


def scans_of(plans: Iterable[dict[str, Any]], table: str) -> list[bool]:
    """For each time that a plan looks for rows of this table, whether by an index."""
    plans = list(plans)
    # What an insert would collide with is looked up in an index, which is no scan.
    arbiters = [True for plan in plans for node in _nodes(plan) if node.get("Conflict Arbiter Indexes")]
    return arbiters + [node["Node Type"] in _INDEXED for node in _table_scans(plans, table)]


def _table_scans(plans: Iterable[dict[str, Any]], table: str) -> Iterator[dict[str, Any]]:
    for plan in plans:
        for node in _nodes(plan):
            if node.get("Relation Name") == table and "Scan" in node["Node Type"]:
                yield node


def would_be_served(plan: dict[str, Any], table: str) -> bool:
    """Whether an index finds the rows, or gives their order, in a plan that was made to avoid reading all of them."""
    is_sorted = any("Sort" in node["Node Type"] for node in _nodes(plan))
    for node in _table_scans([plan], table):
        found = any("Index Cond" in below for below in _nodes(node))
        ordered = "Sort Key" not in node and not is_sorted and plan["Node Type"] != "Aggregate"
        if node["Node Type"] not in _INDEXED or not (found or ordered):
            return False
    return True


def lines(plan: dict[str, Any], depth: int = 0) -> Iterator[str]:
    """A plan as text, each step below the one that it feeds; no values of rows are part of it."""
    node = plan["Node Type"]
    name = plan.get("Index Name") or plan.get("Relation Name")
    yield f"{'  ' * depth}{node}{f' on {name}' if name else ''}"
    for below in plan.get("Plans", ()):
        yield from lines(below, depth + 1)
