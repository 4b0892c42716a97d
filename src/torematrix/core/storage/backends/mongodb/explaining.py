"""What an operation would send, values left out, and what the server's plan says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

import msgspec

from ...query.conditions import TRUE
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
from .aggregate import aggregate_command
from .compile import Compiler
from .names import ID
from .plan import CollectionPlan
from .statements import count_command, find_command, page_command, scan_command

__all__ = ["finds_by_index", "plan_of", "shown", "statements"]

Command = dict[str, Any]

_EVERYTHING: Final = ("[MinKey, MaxKey]",)
_PLACEHOLDER: Final = "?"


def statements(operation: Operation | Scan, plan: CollectionPlan, compiler: Compiler) -> list[Command]:
    """The commands of an operation."""
    match operation:
        case Fetch():
            return [{"find": plan.collection, "filter": {ID: operation.id}, "limit": 1, "singleBatch": True}]
        case FetchMany():
            return [{"find": plan.collection, "filter": {ID: {"$in": list(operation.ids)}}}]
        case Find():
            command = page_command if operation.with_total and operation.limit != 0 else find_command
            return [command(operation, plan, compiler)]
        case Scan():
            return [scan_command(operation, plan, compiler)]
        case Count():
            return [count_command(operation, plan, compiler)]
        case Aggregate():
            return [{**aggregate_command(operation, plan, compiler), "cursor": {}}]
        case Insert():
            return [{"insert": plan.collection, "documents": ["?"]}]
        case Remove():
            return [{"delete": plan.collection, "deletes": [{"q": {ID: ""}, "limit": 1}]}]
        case Replace() | Patch() | Upsert():
            return [{"update": plan.collection, "updates": [{"q": {ID: ""}, "u": {"$set": {ID: ""}}}]}]
        case _:
            return []


def shown(command: Command) -> str:
    """The command as text, a question mark for each value."""
    parts = {key: _part(key, value) if at else value for at, (key, value) in enumerate(command.items())}
    return msgspec.json.encode(parts).decode()


def _part(key: str, value: Any) -> Any:
    if key in {"filter", "query", "q"}:
        return _filter(value)
    if key == "pipeline":
        return [{name: _stage(name, body) for name, body in stage.items()} for stage in value]
    if key in {"deletes", "updates"}:
        return [{name: _part(name, item) for name, item in each.items()} for each in value]
    return _PLACEHOLDER if key in {"limit", "skip", "documents", "u"} else value


def _stage(name: str, body: Any) -> Any:
    if name == "$match":
        return _filter(body)
    if name in {"$sort", "$unset", "$count"}:
        return body
    if name in {"$unionWith", "$lookup"}:
        return {key: _part(key, item) for key, item in body.items()}
    return _expression(body)


def _filter(matching: Any) -> Any:
    """A filter: where a value may stand, a question mark does."""
    shape: dict[str, Any] = {}
    for key, value in matching.items():
        if key in {"$and", "$or", "$nor"}:
            shape[key] = [_filter(item) for item in value]
        elif key == "$expr":
            shape[key] = _expression(value)
        elif key in {"$not", "$elemMatch"} or not key.startswith("$"):
            shape[key] = _filter(value) if isinstance(value, dict) else _PLACEHOLDER
        else:
            shape[key] = value if key in {"$type", "$exists"} else _PLACEHOLDER
    return shape


def _expression(value: Any) -> Any:
    """An expression: values come as literals, and a text that begins with a dollar sign is a reference."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if "$literal" in members:
            return _PLACEHOLDER
        return {key: item if key == "as" else _expression(item) for key, item in members.items()}
    if isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - of anything
        return [_expression(item) for item in items]
    return value


def plan_of(explained: Command) -> list[Command]:
    """The stages of the plan that was chosen, those that read last."""
    found: list[Command] = []

    def walk(node: Any) -> None:
        if isinstance(node, list):
            members: list[Any] = node  # pyright: ignore[reportUnknownVariableType] - of anything
            for item in members:
                walk(item)
        if not isinstance(node, dict):
            return
        stage = cast("dict[str, Any]", node)
        if "stage" in stage:
            found.append(stage)
        for key in (
            "queryPlan",
            "inputStage",
            "inputStages",
            "thenStage",
            "elseStage",
            "shards",
            "winningPlan",
        ):
            walk(stage.get(key))
        for key in ("queryPlanner", "$cursor"):
            walk(stage.get(key))
        walk(stage.get("stages") if "stages" in stage and "slots" not in stage else None)

    walk(explained)
    return found


def described(stage: Command) -> str:
    """One stage in a line."""
    index = stage.get("indexName")
    return str(stage["stage"]) + (f" {index}" if index else "")


def finds_by_index(stages: list[Command], operation: Operation | Scan) -> bool | None:
    """Whether indexes find the documents; None where the server was not asked.

    An index that is walked from end to end gives an order; where there is a condition it has found nothing.
    """
    if not stages:
        return None
    conditional = getattr(operation, "condition", TRUE) != TRUE
    return not any(_looks_at_all(stage, conditional=conditional) for stage in stages)


def _looks_at_all(stage: Command, *, conditional: bool) -> bool:
    if stage["stage"] == "COLLSCAN":
        return True
    bounds = stage.get("indexBounds")
    if not conditional or not isinstance(bounds, dict) or stage["stage"] != "IXSCAN":
        return False
    first: Any = next(iter(cast("dict[str, Any]", bounds).values()), ())
    return tuple(first) == _EVERYTHING


def lines(stages: list[Command]) -> Iterator[str]:
    """The stages as text."""
    return map(described, stages)
