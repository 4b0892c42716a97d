"""What is measured: each operation, the arguments its calls take, and how far above the floor it may lie."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from entities import SIZES, STATUSES, Fields, articles, changed_article, changed_item, items, word

SIZE: Final = 10_000
BOTH: Final = ("sync", "async")
SYNC: Final = ("sync",)
ASYNC: Final = ("async",)


class Stage(Protocol):
    """A candidate with its data, as the arguments of calls are made from it."""

    items: list[Fields]
    articles: list[Fields]

    def store(self, name: str) -> Any:
        """The candidate's items or articles."""
        ...

    def call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """The result of a method of either colour."""
        ...


Arguments = Callable[[Stage, random.Random, int], list[Any]]


@dataclass(frozen=True)
class Operation:
    """One row of the table.

    Attributes:
        name: what ``--only`` takes.
        title: what the table says.
        method: the candidate's method, which every call gives one argument.
        calls: how many calls make one turn: few, because a disk and a shared processor change their pace all the time.
        turns: how many turns a round has.
        arguments: makes the arguments of a turn, from the same chance for every candidate.
        target: the ratio to the floor that the library promises to stay below; None where it promises none.
        store: whose method it is.
        writes: whether the files differ afterwards.
        created: what is to be deleted again after a turn: "one" entity a call, "many", or nothing.
        tasks: how many tasks share the calls.
        colours: where it is measured.
    """

    name: str
    title: str
    method: str
    calls: int
    turns: int
    arguments: Arguments
    target: float | None
    store: str = "items"
    writes: bool = False
    created: str = ""
    tasks: int = 1
    colours: tuple[str, ...] = BOTH


def _ids(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    return [fields["id"] for fields in chance.choices(stage.items, k=calls)]


def _new(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    entity = stage.store("items").entity
    return [entity(fields) for fields in items(calls, seed=chance.getrandbits(32))]


def _new_together(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    entity = stage.store("items").entity
    return [
        [entity(fields) for fields in items(len(stage.items), seed=chance.getrandbits(32))]
        for _ in range(calls)
    ]


def _edited(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    edited, seed = stage.store("items").edited, chance.getrandbits(32)
    return [edited(fields, changed_item(fields, seed)) for fields in chance.sample(stage.items, calls)]


def _edited_together(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    return [_edited(stage, chance, len(stage.items) // 10) for _ in range(calls)]


def _created(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    create = stage.store("items").bulk_create
    return [entity.id for entity in stage.call(create, _new(stage, chance, calls))]


def _statuses(_: Stage, chance: random.Random, calls: int) -> list[Any]:
    return chance.choices(STATUSES, k=calls)


def _pages(_: Stage, chance: random.Random, calls: int) -> list[Any]:
    return [(chance.choice(STATUSES), chance.randint(1, 10)) for _call in range(calls)]


def _sizes(_: Stage, chance: random.Random, calls: int) -> list[Any]:
    return [chance.randrange(SIZES) for _call in range(calls)]


def _deep(stage: Stage, _: random.Random, calls: int) -> list[Any]:
    page = stage.store("items").cursor_page
    deep = [stage.call(page, None, len(stage.items) * tenths // 10)[1] for tenths in (8, 9)]
    return [deep[number % 2] for number in range(calls)]


def _nothing(_: Stage, __: random.Random, calls: int) -> list[Any]:
    return [None] * calls


def _queries(_: Stage, chance: random.Random, calls: int) -> list[Any]:
    """One or two words, of those that stand in one article of a hundred up to those that stand in most."""
    return [
        " ".join(word(int(1.5 ** chance.uniform(2, 14))) for _word in range(1 + number % 2))
        for number in range(calls)
    ]


def _new_articles(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    entity = stage.store("articles").entity
    return [entity(fields) for fields in articles(calls, seed=chance.getrandbits(32))]


def _new_articles_together(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    return [_new_articles(stage, chance, len(stage.articles) // 10) for _ in range(calls)]


def _edited_articles(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    edited, seed = stage.store("articles").edited, chance.getrandbits(32)
    chosen = chance.sample(stage.articles, calls)
    return [edited(fields, changed_article(fields, seed)) for fields in chosen]


OPERATIONS: Final = (
    Operation("get", "get by id", "get", 1000, 5, _ids, 1.25),
    Operation("get-50", "get by id, 50 tasks at once", "get", 1000, 5, _ids, 1.0, tasks=50, colours=ASYNC),
    Operation("create", "create", "create", 8, 6, _new, 1.25, writes=True, created="one"),
    Operation("update", "update", "update", 8, 6, _edited, 1.25, writes=True),
    Operation("delete", "delete", "delete", 8, 6, _created, 1.25, writes=True),
    Operation("list", "list 1,000 of 10,000, filtered and sorted", "list", 4, 4, _statuses, 1.15),
    Operation("page", "page of 50, with the total of 1,000", "page", 20, 4, _pages, 1.15),
    Operation("cursor", "page of 50 by cursor, deep in 10,000", "cursor_page", 40, 4, _deep, None),
    Operation("count", "count, indexed", "count_indexed", 300, 4, _statuses, 1.15),
    Operation("scan", "count, with an unindexed condition", "count_scanned", 20, 4, _sizes, 1.15),
    Operation("stream", "stream 10,000", "drain", 1, 2, _nothing, None),
    Operation(
        *("bulk-create", "bulk create 10,000", "bulk_create", 1, 1, _new_together, 1.15),
        writes=True,
        created="many",
    ),
    Operation("bulk-update", "bulk update 1,000", "bulk_update", 1, 4, _edited_together, 1.15, writes=True),
    Operation(
        *("search", "search 20 of 10,000, by relevance", "search", 10, 4, _queries, 1.15),
        store="articles",
        colours=SYNC,
    ),
    Operation(
        *("search-create", "create, searchable", "create", 8, 6, _new_articles, 1.25),
        store="articles",
        writes=True,
        created="one",
        colours=SYNC,
    ),
    Operation(
        *("search-update", "update, searchable", "update", 8, 6, _edited_articles, 1.25),
        store="articles",
        writes=True,
        colours=SYNC,
    ),
    Operation(
        *("search-bulk", "bulk create 1,000, searchable", "bulk_create", 1, 2, _new_articles_together, 1.15),
        store="articles",
        writes=True,
        created="many",
        colours=SYNC,
    ),
)
