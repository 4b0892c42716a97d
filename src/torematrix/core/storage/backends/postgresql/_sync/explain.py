# generated from _async/explain.py by tools/generate_twins.py: do not edit
"""What an operation would send, and PostgreSQL's plan for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import psycopg

from ....core.options import Explanation
from ....query.operations import Find, Operation, Scan, Search, name_of
from ..compile import Sql
from ..errors import BACKEND
from ..explaining import SMALL_PAGES, lines, looks_for_rows, scans_of, statements_of, would_be_served
from ..plan import TablePlan
from ..statements import page_statement
from ..waiting import Waiting
from . import search
from .connection import Link
from .statements import execute, fetch

__all__ = ["explain"]

_SETTING: Final = "SELECT set_config('enable_seqscan', $1, false)"


def explain(link: Link, operation: Operation | Scan) -> Explanation:
    """The statements of an operation, and the plans of those that can be planned.

    Of a small table PostgreSQL reads all rows whatever indexes there are. Whether one would serve is then told by the
    plan that it would have if reading all rows were dear; the plan given is the real one in any case.
    """
    plan: TablePlan = operation.collection.plan
    sql = Sql()
    if isinstance(operation, Search):
        sent = statements = search.statements(operation, sql)
    else:
        sent = statements = statements_of(operation, plan, sql)
        if isinstance(operation, Find) and operation.with_total and operation.limit:
            sent = [page_statement(operation, plan)]  # those two in one; each has a plan of its own
    asked = [(text, parameters) for text, parameters in statements if not text.startswith("COPY")]
    plans = [_plan(link, text, parameters) for text, parameters in asked]
    finding = [at for at, (text, _) in enumerate(asked) if looks_for_rows(text)]
    scans = scans_of([plans[at] for at in finding], plan.collection)
    uses_index = all(scans) if scans else None
    if uses_index is False and _is_small(link, plan):
        uses_index = _would_be_served(link, plan, [asked[at] for at in finding])
    return Explanation(
        backend=BACKEND,
        operation=name_of(operation),
        statements=tuple(text for text, _ in sent),
        plan=tuple(line for each in plans for line in lines(each)),
        uses_index=uses_index,
        emulated=tuple(dict.fromkeys(sql.emulated)),
    )


def _plan(link: Link, text: str, parameters: Sequence[Any]) -> dict[str, Any]:
    rows = fetch(link, f"EXPLAIN (FORMAT JSON) {text}", parameters)
    plan: dict[str, Any] = msgspec.json.decode(rows[0][0])[0]["Plan"]
    return plan


def _is_small(link: Link, plan: TablePlan) -> bool:
    statement = "SELECT pg_relation_size($1::regclass) / current_setting('block_size')::int"
    return int(fetch(link, statement, (plan.table,))[0][0]) < SMALL_PAGES


def _would_be_served(link: Link, plan: TablePlan, asked: Sequence[tuple[str, Sequence[Any]]]) -> bool:
    execute(link, _SETTING, ("off",))
    try:
        plans = [_plan(link, text, parameters) for text, parameters in asked]
    finally:
        Waiting.finished(_allow_again, link)
    return all(would_be_served(each, plan.collection) for each in plans)


def _allow_again(link: Link) -> None:
    try:
        execute(link, _SETTING, ("on",))
    except psycopg.Error:
        link.close()
