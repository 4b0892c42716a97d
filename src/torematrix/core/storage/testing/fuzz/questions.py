"""Random questions: filters, sorts, searches and aggregates over ``Sample`` and over free-form documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, Final, cast

import msgspec

from ...query.aggregates import Avg, Count, Max, Min, Sum
from ...query.filters import AllOf, AnyOf, Expression, Negation, QueryFilter, SortOrder
from .values import DECIMALS, FLOATS, INTS, KEYS, POOLS, STRINGS, WORDS, json_value

__all__ = ["aggregates", "filter_of", "search_text", "simpler", "sort_of"]

_ORDER: Final = ("gt", "gte", "lt", "lte")
_ANY: Final = ("eq", "ne", "in", "not_in", "is_null")
_TEXT: Final = ("like", "ilike", "starts_with", "ends_with", "contains", "regex")
_STRINGS: Final = ("title", "body", "label")
_PATTERNS: Final = (
    "a", "^a", "a$", "^$", "", ".", "[ab]+", "(?i)É", "(?s)a.b", r"\d", r"\w+", r"\s", "a|b", "(ab)*c", "x{2,5}",
    "[^a]", r"\bcat\b", "(?i)k", "^.{3}$", r"\\", "日", "[a-c]{2}", r"\.", "(?i)ß",
)  # fmt: skip
SORTED: Final = (*POOLS, "id", "nested.city", "nested.zip", "revision")
FREE_SORTED: Final = ("id",)


def filter_of(random: Random, *, free: bool, depth: int = 3) -> Expression:
    """A random filter that every backend accepts."""
    shape = random.random()
    if depth > 0 and shape < 0.35:
        parts = [filter_of(random, free=free, depth=depth - 1) for _ in range(random.randint(0, 3))]
        return (AllOf if random.random() < 0.5 else AnyOf)(parts)
    if depth > 0 and shape < 0.5:
        return Negation(filter_of(random, free=free, depth=depth - 1))
    if free:
        return _loose(random, _path(random))
    return _typed(random)


def _typed(random: Random) -> QueryFilter:
    place = random.random()
    if place < 0.5:
        name = random.choice(tuple(POOLS))
        return _scalar(random, name, POOLS[name], strings=name in _STRINGS)
    if place < 0.6:
        return _list(random)
    if place < 0.68:
        path, pool = random.choice(
            (
                ("nested.city", STRINGS),
                ("nested.zip", INTS),
                ("nested.parts[0]", INTS),
                ("nested.parts[*]", INTS),
            )
        )
        return _scalar(random, path, pool, strings=path == "nested.city")
    if place < 0.72:
        return _either(random)
    root = random.choice(("meta", "anything"))
    return _loose(random, root + (_path(random, inner=True) if random.random() < 0.85 else ""))


def _scalar(random: Random, path: str, pool: Sequence[Any], *, strings: bool) -> QueryFilter:
    operators = (*_ANY, *_ORDER, "between", *(_TEXT if strings else ()))
    operator = random.choice(operators)
    numeric = pool is INTS or pool is FLOATS

    def operand() -> Any:
        return random.choice((*INTS, *FLOATS)) if numeric and random.random() < 0.5 else random.choice(pool)

    if operator == "is_null":
        return QueryFilter(path, operator, random.random() < 0.5)
    if operator in ("in", "not_in"):
        members = [
            operand() if random.random() < 0.9 else None for _ in range(random.choice((0, 1, 2, 3, 12)))
        ]
        return QueryFilter(path, operator, members)
    if operator == "between":
        return QueryFilter(path, operator, (operand(), operand()))
    if operator in _TEXT:
        return QueryFilter(path, operator, _text_operand(random, operator))
    if operator in ("eq", "ne") and random.random() < 0.1:
        return QueryFilter(path, operator, None)
    return QueryFilter(path, operator, operand())


def _text_operand(random: Random, operator: str) -> str:
    if operator == "regex":
        return random.choice(_PATTERNS)
    if operator in ("like", "ilike"):
        pieces = (
            "%",
            "_",
            "a",
            "b",
            "é",
            "É",
            "K",
            "\\%",
            "\\_",
            "\\\\",
            "\n",
            "*",
            "?",
            "[",
            random.choice(STRINGS).replace("\\", ""),
        )
        return "".join(random.choice(pieces) for _ in range(random.randint(0, 5)))
    return random.choice(STRINGS)


def _list(random: Random) -> QueryFilter:
    name, pool = random.choice((("tags", STRINGS), ("numbers", (*INTS, *FLOATS)), ("prices", DECIMALS)))
    shape = random.random()
    if shape < 0.4:
        return QueryFilter(name, "contains", random.choice(pool))
    if shape < 0.7:
        return _scalar(random, name + random.choice(("[0]", "[1]", "[*]")), pool, strings=name == "tags")
    if name == "prices" or shape < 0.8:
        return QueryFilter(name, "is_null", random.random() < 0.5)
    return QueryFilter(
        name, random.choice(("eq", "ne")), [random.choice(pool) for _ in range(random.randint(0, 2))]
    )


def _either(random: Random) -> QueryFilter:
    operator = random.choice(("eq", "ne", "gt", "lte", "contains", "starts_with", "is_null", "in"))
    if operator == "is_null":
        return QueryFilter("either", operator, True)
    if operator == "in":
        return QueryFilter("either", operator, [1, "a", None, [1], 2**53])
    if operator == "starts_with":
        return QueryFilter("either", operator, random.choice(STRINGS))
    if operator == "contains":
        return QueryFilter("either", operator, random.choice((1, 2, "a", "")))
    operands: tuple[Any, ...] = (
        (*INTS, *STRINGS) if operator in ("gt", "lte") else (*INTS, *STRINGS, [1], [1, 2], [])
    )
    return QueryFilter("either", operator, random.choice(operands))


def _path(random: Random, *, inner: bool = False) -> str:
    parts: list[str] = []
    for at in range(random.randint(1, 3)):
        key = random.choice(KEYS)
        if at + inner and random.random() < 0.35:
            parts.append(random.choice(("[0]", "[1]", "[*]")))
        elif key.isalnum() and random.random() < 0.8:
            parts.append(("." if at or inner else "") + key)
        else:
            parts.append(f"[{msgspec.json.encode(key).decode()}]")
    return "".join(parts)


def _loose(random: Random, path: str) -> QueryFilter:
    """A predicate on an undeclared place: any operator, any JSON operand it takes."""
    operator = random.choice((*_ANY, *_ORDER, "between", "exists", *_TEXT))
    if operator in ("is_null", "exists"):
        return QueryFilter(path, operator, random.random() < 0.5)
    if operator in ("in", "not_in"):
        return QueryFilter(
            path, operator, [json_value(random, 2) for _ in range(random.choice((0, 1, 2, 4, 12)))]
        )
    if operator in _TEXT and operator != "contains":
        return QueryFilter(path, operator, _text_operand(random, operator))
    if operator in (*_ORDER, "between"):

        def bound() -> Any:
            return random.choice((*INTS, *FLOATS, *STRINGS, True, False))

        return QueryFilter(path, operator, (bound(), bound()) if operator == "between" else bound())
    return QueryFilter(path, operator, json_value(random, 2))


def sort_of(random: Random, *, free: bool) -> list[tuple[str, SortOrder]]:
    """A random sort by zero to three keys."""
    names = FREE_SORTED if free else SORTED
    keys = random.sample(names, min(len(names), random.randint(0, 3)))
    return [(key, random.choice(tuple(SortOrder))) for key in keys]


def search_text(random: Random) -> str:
    """What somebody might type."""
    pieces = [
        *WORDS,
        '"',
        "OR",
        "-",
        "*",
        "AND",
        "ca*",
        "-dog",
        '"the cat"',
        "zzz",
        "c*",
        "",
        "'",
        "NEAR",
        "(",
        "^",
    ]
    glue = random.choice((" ", " ", " ", ""))
    return glue.join(random.choice(pieces) for _ in range(random.randint(0, 5)))


def aggregates(random: Random) -> dict[str, Any]:
    """Measures and a grouping."""
    numbers = ("number", "count", "amount", "huge", "span", "ratio")
    asked: dict[str, Any] = {"all_": Count(), "some": Count(random.choice(tuple(POOLS)))}
    name = random.choice(numbers)
    if name != "ratio":  # sums of the largest floats go beyond the largest float, which is refused
        asked["sum_"], asked["avg_"] = Sum(name), Avg(name)
    other = random.choice(tuple(POOLS))
    asked["min_"], asked["max_"] = Min(other), Max(other)
    if random.random() < 0.7:
        asked["group_by"] = random.sample(("flag", "colour", "label", "amount", "day"), random.randint(1, 2))
    return asked


def simpler(item: Expression) -> list[Expression]:
    """Expressions one step simpler than this one."""
    if isinstance(item, Negation):
        return [item.item, *map(Negation, simpler(item.item))]
    if isinstance(item, (AllOf, AnyOf)):
        parts = list(item.items)
        whole = type(item)
        without = [whole(parts[:at] + parts[at + 1 :]) for at in range(len(parts))]
        inner = [
            whole([*parts[:at], small, *parts[at + 1 :]])
            for at, part in enumerate(parts)
            for small in simpler(part)
        ]
        return [*parts, *without, *inner]
    if isinstance(item, QueryFilter) and isinstance(item.value, list) and item.operator in ("in", "not_in"):
        values = list(cast("Iterable[Any]", item.value))
        return [
            QueryFilter(item.field, item.operator, values[:at] + values[at + 1 :])
            for at in range(len(values))
        ]
    return []
