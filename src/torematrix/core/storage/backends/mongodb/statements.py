"""The commands of reading operations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from bson.min_key import MinKey

from ...query.operations import Count, Find, Scan
from .compile import Compiler
from .names import ID
from .plan import CollectionPlan

__all__ = ["count_command", "count_pipeline", "find_command", "page_command", "scan_command"]

Command = dict[str, Any]

_ALL: Final[Command] = {ID: {"$gte": MinKey()}}


def find_command(operation: Find, plan: CollectionPlan, compiler: Compiler) -> Command:
    """A page of documents, or all of them."""
    return _documents(operation, plan, compiler, operation.limit, operation.offset)


def page_command(operation: Find, plan: CollectionPlan, compiler: Compiler) -> Command:
    """A page of documents and, behind the last one, a document with the number ``n`` of all that match.

    Nothing matches where that one is missing. What reads both is one command, and so one snapshot can be asked for.
    """
    matching = compiler.filter(operation.condition)
    sort = plan.sort(operation.sort)
    if sort is None:
        stages = _sorted_by_expressions(
            operation, plan, compiler, matching, operation.limit, operation.offset
        )
    else:
        stages = [{"$match": matching}] if matching else []
        stages.append({"$sort": sort})
        stages += _cut(operation.limit, operation.offset, plan.projection)
    counted = [{"$match": matching or _ALL}, {"$count": "n"}]
    stages.append({"$unionWith": {"coll": plan.collection, "pipeline": counted}})
    return _aggregate(plan, stages)


def scan_command(operation: Scan, plan: CollectionPlan, compiler: Compiler) -> Command:
    """All documents, to be read bit by bit."""
    command = _documents(operation, plan, compiler, None, 0)
    if "find" in command:
        command["batchSize"] = operation.batch_size
    else:
        command["cursor"] = {"batchSize": operation.batch_size}
    return command


def _documents(
    operation: Find | Scan, plan: CollectionPlan, compiler: Compiler, limit: int | None, offset: int
) -> Command:
    matching = compiler.filter(operation.condition)
    sort = plan.sort(operation.sort)
    if sort is None:
        stages = _sorted_by_expressions(operation, plan, compiler, matching, limit, offset)
        return _aggregate(plan, stages)
    command: Command = {"find": plan.collection, "filter": matching, "sort": sort}
    if plan.projection:
        command["projection"] = plan.projection
    if offset:
        command["skip"] = offset
    if limit is not None:
        command["limit"] = limit
    command["allowDiskUse"] = True
    return command


def _aggregate(plan: CollectionPlan, stages: list[Command]) -> Command:
    return {"aggregate": plan.collection, "pipeline": stages, "allowDiskUse": True}


def _cut(limit: int | None, offset: int, without: Iterable[str]) -> list[Command]:
    """The stages that take a part of sorted documents, and leave these keys out of it."""
    stages: list[Command] = []
    if offset:
        stages.append({"$skip": offset})
    if limit is not None:
        stages.append({"$limit": limit})
    keys = [*without]
    if keys:
        stages.append({"$unset": keys})
    return stages


def _sorted_by_expressions(
    operation: Find | Scan,
    plan: CollectionPlan,
    compiler: Compiler,
    matching: Command,
    limit: int | None,
    offset: int,
) -> list[Command]:
    """The stages where a key has to be computed: the key of an exact number inside a document, for instance."""
    computed: dict[str, Any] = {}
    sort: dict[str, int] = {}
    for at, key in enumerate(operation.sort):
        path = plan.places.key_path(key.target)
        if path is None:
            path = f"%s{at}"
            computed[path] = compiler.sort_value(key.target)
        sort[path] = -1 if key.descending else 1
    return [
        {"$match": matching},
        {"$set": computed},
        {"$sort": sort},
        *_cut(limit, offset, (*computed, *plan.projection)),
    ]


def count_command(operation: Count, plan: CollectionPlan, compiler: Compiler) -> Command:
    """How many documents there are; outside transactions, where alone MongoDB allows it."""
    # Without a query the server answers from its statistics, which may be wrong after a crash.
    matching = compiler.filter(operation.condition) or _ALL
    return {"count": plan.collection, "query": matching}


def count_pipeline(operation: Count, plan: CollectionPlan, compiler: Compiler) -> Command:
    """The same within a transaction or a snapshot."""
    matching = compiler.filter(operation.condition) or _ALL
    return {
        "aggregate": plan.collection,
        "pipeline": [{"$match": matching}, {"$count": "n"}],
        "cursor": {},
    }
