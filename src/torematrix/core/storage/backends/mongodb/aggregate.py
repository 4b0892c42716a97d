"""Aggregates: one pipeline, whose groups the server makes where it does so exactly, and the library where it does not.

The server counts, finds smallest and largest values, and sums ints as decimals of 34 digits, which no sum of longs
exceeds. Sums of floats are those of ``math.fsum``, and sums of decimals and big ints have any number of digits: for
those the pipeline gives the values, document by document, and the library puts them together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ...model.kinds import CanonicalScalar, Kind
from ...query.aggregates import accumulate
from ...query.conditions import Target
from ...query.operations import Aggregate, AggregateFunction, Group, Measure, Partial
from .compile import Compiler
from .names import reference
from .patterns import Expression
from .plan import CollectionPlan

__all__ = ["aggregate_command", "groups_of", "is_streamed", "put_together"]

_STREAMED: Final = (Kind.FLOAT, Kind.DECIMAL, Kind.BIGINT)
_SUMS: Final = (AggregateFunction.SUM, AggregateFunction.AVG)


def is_streamed(operation: Aggregate) -> bool:
    """Whether the library puts the groups together."""
    return any(
        measure.function in _SUMS and _kind(measure.target) in _STREAMED for measure in operation.measures
    )


def _kind(target: Target | None) -> Kind | None:
    return None if target is None or target.scalar is None else target.scalar.kind


def aggregate_command(operation: Aggregate, plan: CollectionPlan, compiler: Compiler) -> dict[str, Any]:
    """The command, which gives a document for each group or, where they are streamed, for each entity."""
    stages: list[dict[str, Any]] = []
    matching = compiler.filter(operation.condition)
    if matching:
        stages.append({"$match": matching})
    if is_streamed(operation):
        compiler.emulated.append(
            "sums and averages of floats and exact numbers are computed by the library, value by value"
        )
        values = {f"v{at}": _whole(measure.target, plan, compiler) for at, measure in _fields(operation)}
        keys = {f"k{at}": _whole(target, plan, compiler) for at, target in enumerate(operation.group)}
        stages.append({"$project": {"_id": 0, **keys, **values} if keys or values else {"_id": 1}})
    else:
        stages += _group(operation, plan, compiler)
    return {"aggregate": plan.collection, "pipeline": stages, "allowDiskUse": True}


def _fields(operation: Aggregate) -> Iterable[tuple[int, Measure]]:
    return ((at, measure) for at, measure in enumerate(operation.measures) if measure.target is not None)


def _group(operation: Aggregate, plan: CollectionPlan, compiler: Compiler) -> list[dict[str, Any]]:
    group: dict[str, Any] = {
        "_id": {f"k{at}": _key(target, plan, compiler) for at, target in enumerate(operation.group)} or None
    }
    for at, target in enumerate(operation.group):
        if target.ordered_text:
            # Of equal values with different digits (1.0, 1.00) the smallest text stands for the group.
            group[f"k{at}"] = {"$min": _whole(target, plan, compiler)}
    for at, measure in enumerate(operation.measures):
        group.update(_measure(at, measure, plan, compiler))
    sort = {f"_id.k{at}": 1 for at in range(len(operation.group))}
    return [{"$group": group}, *([{"$sort": sort}] if sort else [])]


def _key(target: Target, plan: CollectionPlan, compiler: Compiler) -> Expression:
    path = plan.places.key_path(target)
    value = reference(path) if path is not None else compiler.sort_value(target)
    return {"$ifNull": [value, None]}


def _whole(target: Target | None, plan: CollectionPlan, compiler: Compiler) -> Expression:
    """The canonical value at a place, null where there is none."""
    if target is None:
        raise TypeError("a count of entities has no place")
    if target.column is not None and target.ordered_text:
        key = plan.places.key_path(target)
        return {"$concat": [f"${key}", " ", reference(plan.places.path(target))]}
    path = plan.places.key_path(target)
    value = reference(path) if path is not None and not target.ordered_text else compiler.value(target)
    return {"$ifNull": [value, None]}


def _measure(at: int, measure: Measure, plan: CollectionPlan, compiler: Compiler) -> dict[str, Expression]:
    if measure.target is None:
        return {f"v{at}": {"$sum": 1}}
    value = _whole(measure.target, plan, compiler)
    count = {"$sum": {"$cond": [{"$eq": [value, None]}, 0, 1]}}
    match measure.function:
        case AggregateFunction.COUNT:
            return {f"v{at}": count}
        case AggregateFunction.MIN:
            return {f"v{at}": {"$min": value}}
        case AggregateFunction.MAX:
            return {f"v{at}": {"$max": value}}
        case _:
            return {f"v{at}": {"$sum": {"$toDecimal": value}}, f"c{at}": count}


def groups_of(operation: Aggregate, documents: list[dict[str, Any]]) -> list[Group]:
    """The groups that the server computed."""
    if not documents and not operation.group:
        return [((), tuple(accumulate(measure, ()) for measure in operation.measures))]
    groups: list[Group] = []
    for document in documents:
        keys = tuple(
            document[f"k{at}"] if target.ordered_text else document["_id"][f"k{at}"]
            for at, target in enumerate(operation.group)
        )
        values = tuple(_partial(at, measure, document) for at, measure in enumerate(operation.measures))
        groups.append((keys, values))
    return groups


def _partial(at: int, measure: Measure, document: dict[str, Any]) -> Partial:
    value = document[f"v{at}"]
    if measure.function not in _SUMS:
        found: Partial = value
        return found
    count: int = document[f"c{at}"]
    return (int(value.to_decimal()) if count else None, count)


def put_together(operation: Aggregate, documents: Iterable[dict[str, Any]]) -> list[Group]:
    """The groups of entities that were given one by one."""
    group, measures = operation.group, operation.measures
    found: dict[tuple[Any, ...], tuple[tuple[CanonicalScalar | None, ...], list[list[Any]] | None]] = {}
    for document in documents:
        keys = tuple(document[f"k{at}"] for at in range(len(group)))
        place = tuple(map(_place, group, keys))
        known = found.get(place, (keys, None))
        # Of equal values with different digits (1.0, 1.00) the smallest text stands for the group.
        smallest = tuple(map(_smaller, known[0], keys))
        known = found[place] = (smallest, known[1] or [[] for _ in measures])
        for at, values in enumerate(known[1] or ()):
            values.append(document.get(f"v{at}"))
    if not group:
        found.setdefault((), ((), [[] for _ in measures]))
    return [
        (keys, tuple(map(accumulate, measures, values or ())))
        for _, (keys, values) in sorted(found.items(), key=lambda item: item[0])
    ]


def _smaller(value: Any, other: Any) -> Any:
    return value if value is None or value <= other else other


def _place(target: Target, value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, None)
    return (1, str(value).partition(" ")[0] if target.ordered_text else value)
