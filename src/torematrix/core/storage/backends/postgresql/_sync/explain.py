# generated from _async/explain.py by tools/generate_twins.py: do not edit
"""What an operation would send, and PostgreSQL's plan for it."""

from __future__ import annotations

from typing import Any

import msgspec

from ....core.options import Explanation
from ....query.operations import Operation, Scan, Search
from ..compile import Sql
from ..errors import BACKEND
from ..explaining import lines, scans_of, statements_of
from ..plan import TablePlan
from . import search
from .connection import Link
from .statements import fetch

__all__ = ["explain"]


def explain(link: Link, operation: Operation | Scan) -> Explanation:
    """The statements of an operation, and the plans of those that can be planned."""
    plan: TablePlan = operation.collection.plan
    sql = Sql()
    if isinstance(operation, Search):
        statements = search.statements(operation, sql)
    else:
        statements = statements_of(operation, plan, sql)
    plans: list[dict[str, Any]] = []
    for text, parameters in statements:
        if not text.startswith("COPY"):
            rows = fetch(link, f"EXPLAIN (FORMAT JSON) {text}", parameters)
            plans.append(msgspec.json.decode(rows[0][0])[0]["Plan"])
    scans = scans_of(plans, plan.collection)
    return Explanation(
        backend=BACKEND,
        operation=type(operation).__name__.lower(),
        statements=tuple(text for text, _ in statements),
        plan=tuple(line for each in plans for line in lines(each)),
        uses_index=all(scans) if scans else None,
        emulated=tuple(dict.fromkeys(sql.emulated)),
    )
