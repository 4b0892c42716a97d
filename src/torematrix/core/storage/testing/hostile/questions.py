"""Every hostile input in every slot of a question: filters, sorts, pages, groups, measures, searches, explanations."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Final

from ...query.aggregates import Avg, Count, Max, Min, Sum
from ...query.filters import CursorPagination, F, Operator, Pagination, QueryFilter, SortOrder
from ...query.paths import format_path
from . import TEXTS
from .attempts import Attempt
from .rows import PORTIONS, Portion, short
from .values import CONTAINERS, NUMBERS, VALUES

__all__ = [
    "gram_attempts",
    "key_attempts",
    "name_attempts",
    "operand_attempts",
    "path_attempts",
    "search_attempts",
    "value_attempts",
    "value_key_attempts",
]

_WILDCARDS: Final = frozenset("%_\\")
_LONGEST_PATH: Final = 1_500


@functools.cache
def operand_attempts(portion: Portion) -> list[Attempt]:
    """Texts as operands of declared fields."""
    return [attempt for text in portion.texts for attempt in _operands(text, portion.window)]


def _operands(text: str, window: QueryFilter) -> Iterator[Attempt]:
    about = f"operand {short(text)}"
    equal = (
        (F("text") == text)
        | (F("status").in_([text, "nothing"]) & ~(F("status") != text))
        | F("tags").contains(text)
        | (F("extra.value") == text)
    )
    yield Attempt(f"{about}, equal", "list", (window & equal,))
    within = (
        (F("text").starts_with(text) & F("text").ends_with(text))
        | F("status").between(text, f"{text}!")
        | (F("tags[*]") == text)
        | (F("extra") == {"value": text, "key": {text: 1}})
        | ((F("extra.value") >= text) & (F("extra.value") <= text))
        | F("text").contains(text)
    )
    like = F("text").like(text) | F("status").ilike(text)
    if _WILDCARDS.isdisjoint(text):  # as a pattern it is no more than itself
        yield Attempt(f"{about}, within", "list", (window & (within | like),))
    else:
        yield Attempt(f"{about}, within", "list", (window & within,))
        yield Attempt(f"{about}, like", "list", (window & like,))
    yield Attempt(f"{about}, regex", "list", (window & F("text").matches(text),))


@functools.cache
def gram_attempts(portion: Portion) -> list[Attempt]:
    """Texts as parts of what an index of trigrams finds."""
    attempts: list[Attempt] = []
    for text in portion.texts:
        within = F("text").contains(text) | F("text").ends_with(text)
        like = F("text").like(f"%{text}%") | F("text").ilike(f"{text}%")
        conditions = [within | like] if _WILDCARDS.isdisjoint(text) else [within, like]
        attempts += [Attempt(f"part {short(text)}", "list", (portion.window & each,)) for each in conditions]
    return attempts


@functools.cache
def value_attempts() -> list[Attempt]:
    """What is no text, as the operand of every operator, and in place of every other argument."""
    attempts: list[Attempt] = []
    for number, value in enumerate(VALUES):
        about = f"value {number} {type(value).__name__!a}"
        for operator in Operator:
            for path in ("text", "number", "tags", "extra", "extra.value"):
                condition = QueryFilter(path, operator.value, value)
                attempts.append(Attempt(f"{about}, {operator.value} at {path}", "count", (condition,)))
        attempts += [
            Attempt(f"{about}, filters", "count", (value,)),
            Attempt(f"{about}, filters in a list", "count", ([value],)),
            Attempt(f"{about}, filter in a list", "count", ([F("number") == 1, value],)),
            Attempt(f"{about}, field", "count", (QueryFilter(value, "eq", 1),)),
            Attempt(f"{about}, operator", "count", (QueryFilter("text", value, 1),)),
            Attempt(f"{about}, list of in", "count", (QueryFilter("text", "in", [value, "a"]),)),
            Attempt(f"{about}, sort", "list", (None, value)),
            Attempt(f"{about}, sort in a list", "list", (None, [value])),
            Attempt(f"{about}, sort order", "list", (None, "number", value)),
            Attempt(f"{about}, direction", "list", (None, [("number", value)])),
            Attempt(f"{about}, id", "get", (value,)),
            Attempt(f"{about}, existing id", "exists", (value,)),
            Attempt(f"{about}, ids", "get_many", ([value],)),
            Attempt(f"{about}, explained id", "explain", ("get",), {"entity_id": value}),
            Attempt(f"{about}, explained", "explain", (value,)),
            Attempt(f"{about}, group", "aggregate", (None, value), {"n": Count()}),
            Attempt(f"{about}, measure", "aggregate", (None,), {"n": value}),
            Attempt(f"{about}, measured", "aggregate", (None,), {"n": Max(value)}),
            Attempt(f"{about}, pagination", "list", (), {"pagination": value}),
            Attempt(f"{about}, batch size", "stream", (), {"batch_size": value, "filters": F("number") == 1}),
            Attempt(f"{about}, found one", "find_one", (value,)),
        ]
    return attempts


@functools.cache
def path_attempts() -> list[Attempt]:
    """Texts as names of fields, for filters, sorts, groups, measures, and searched fields."""
    attempts: list[Attempt] = []
    for text in TEXTS:
        about = f"path {short(text)}"
        condition = F(text).exists() | (F(text) == 1) | ~F(text).is_null() | F(text).contains("x")
        attempts.append(Attempt(f"{about}, filter", "list", (condition,)))
        attempts += [Attempt(f"{about}, sort", "list", (None, path)) for path in (text, f"-{text}")]
        order = [("id", SortOrder.ASC), (text, SortOrder.DESC)]
        attempts += [
            Attempt(f"{about}, sorts", "list", (None, order)),
            Attempt(f"{about}, stream", "stream", (None, text)),
            Attempt(f"{about}, page", "list", (None, text), {"pagination": CursorPagination(limit=1)}),
            Attempt(f"{about}, group", "aggregate", (None, text), {"n": Count()}),
            Attempt(f"{about}, groups", "aggregate", (None, ["id", text]), {"n": Count()}),
            *(
                Attempt(f"{about}, {measure.__name__}", "aggregate", (), {"n": measure(text)})
                for measure in (Sum, Avg, Min, Max)
            ),
            Attempt(f"{about}, searched field", "search", ("x", [text])),
            Attempt(f"{about}, operator", "count", (QueryFilter("id", text, "x"),)),
            Attempt(f"{about}, order", "list", (None, "id", text)),
            Attempt(f"{about}, explained", "explain", (text,)),
            Attempt(f"{about}, explained with", "explain", ("list",), {text: 1}),
            Attempt(f"{about}, cursor", "list", (), {"pagination": CursorPagination(after=text)}),
            Attempt(f"{about}, cursor back", "list", (), {"pagination": CursorPagination(before=text)}),
        ]
    return attempts


@functools.cache
def key_attempts(portion: Portion) -> list[Attempt]:
    """Texts as keys of documents, written as paths name them: each finds its own documents, and no others."""
    attempts: list[Attempt] = []
    for number, text in enumerate(portion.kept):
        if len(format_path((text,))) > _LONGEST_PATH:
            continue
        top, inner = F(format_path((portion.key(text),))), F(format_path(("below", text, text)))
        element = F(format_path(("below", "list", 1, text, 0)))
        condition = portion.window & ((top == number) | (inner == text) | (element == text)) & top.exists()
        attempts.append(Attempt(f"key {short(text)}", "list", (condition,)))
    return attempts


@functools.cache
def value_key_attempts() -> list[Attempt]:
    """Dicts and lists that look like operators, found by what they are: each in the rows that hold it."""
    return [
        Attempt(
            f"whole value {ascii(value)[:60]}",
            "list",
            ((F("value") == value) & F("in").contains(value) & (F("in[1].deep") == value),),
        )
        for value in (*CONTAINERS, *NUMBERS)
    ]


@functools.cache
def name_attempts() -> list[Attempt]:
    """Texts as names of results."""
    attempts = [
        Attempt(
            f"results {portion.number}",
            "aggregate",
            (F("number") < 5, "status"),
            {text: Max("number") for text in portion.texts},
            True,
        )
        for portion in PORTIONS
    ]
    attempts.append(Attempt("result self", "aggregate", (), {"self": Count()}, True))
    return attempts


@functools.cache
def search_attempts() -> list[Attempt]:
    """Texts as words to look for."""
    named = {"pagination": Pagination(1, 3), "with_hits": True}
    return [Attempt(f"search {short(text)}", "search", (text, ["text"]), named) for text in TEXTS]
