"""What an operation would send, and SQLite's plan for it."""

from __future__ import annotations

import apsw

from ...core.options import Explanation
from ...query.conditions import TRUE
from ...query.operations import (
    Aggregate,
    Count,
    Fetch,
    FetchMany,
    Find,
    Insert,
    Operation,
    Remove,
    Scan,
    Search,
    name_of,
)
from . import search
from .aggregate import aggregate_statement
from .compile import Parameter, Sql
from .plan import TablePlan
from .statements import count_statement, find_statement, scan_statement

__all__ = ["explain"]


def explain(connection: apsw.Connection, operation: Operation | Scan) -> Explanation:
    """The statements of an operation and the plan of the ones that look for rows."""
    plan: TablePlan = operation.collection.plan
    sql = Sql()
    statements = _statements(operation, plan, sql)
    steps: list[str] = []
    for text, parameters in statements:
        steps.extend(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", parameters))
    looks = [step for step in steps if step.startswith(("SCAN", "SEARCH")) and "VIRTUAL TABLE" not in step]
    table = plan.collection
    own = [step for step in looks if step.split()[1:2] == [table]] or looks
    # An index that is walked from end to end gives an order; where there is a condition it has not found the rows.
    ordered = getattr(operation, "condition", TRUE) == TRUE
    return Explanation(
        backend="sqlite",
        operation=name_of(operation),
        statements=tuple(text for text, _ in statements),
        plan=tuple(steps),
        uses_index=all(step.startswith("SEARCH") or (ordered and "USING" in step) for step in own)
        if own
        else None,
        emulated=tuple(dict.fromkeys(sql.emulated)),
    )


def _statements(operation: Operation | Scan, plan: TablePlan, sql: Sql) -> list[tuple[str, list[Parameter]]]:
    match operation:
        case Fetch():
            return [(plan.get, [operation.id])]
        case FetchMany():
            return [(plan.get_many, ["[]"])]
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
        case Search():
            return search.statements(operation, sql)
        case Insert():
            return [(plan.insert, [None] * plan.width)]
        case Remove():
            return [(plan.delete, [None])]
        case _:
            return [(plan.get_for_update, [None])]
