# generated from _async/explain.py by tools/generate_twins.py: do not edit
"""What MongoDB says of how it would run an operation."""

from __future__ import annotations

from typing import Any

from ....core.options import Explanation
from ....query.operations import Operation, Scan, Search, name_of
from .. import explaining
from ..compile import Compiler
from ..plan import CollectionPlan
from . import search
from .server import Server
from .totals import TOTALS

__all__ = ["explain"]


def explain(server: Server, operation: Operation | Scan, compiler: Compiler) -> Explanation:
    """The commands that the operation would send, and the server's plan for those that it explains."""
    plan: CollectionPlan = operation.collection.plan
    if isinstance(operation, Search):
        commands = search.statements(server, operation, compiler.filter)
    else:
        commands = explaining.statements(operation, plan, compiler)
    stages: list[dict[str, Any]] = []
    for command in commands:
        if "insert" in command or command.get("find") == TOTALS:
            continue
        # MongoDB does not explain within a transaction; the plan is the same outside.
        asked: dict[str, Any] = {**command, "cursor": {}} if "aggregate" in command else command
        reply = server.command({"explain": asked, "verbosity": "queryPlanner"})
        stages += explaining.plan_of(reply)
    return Explanation(
        backend="mongodb",
        operation=name_of(operation),
        statements=tuple(map(explaining.shown, commands)),
        plan=tuple(explaining.lines(stages)),
        uses_index=explaining.finds_by_index(stages, operation),
        emulated=tuple(dict.fromkeys(compiler.emulated)),
    )
