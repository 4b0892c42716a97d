"""What is measured: each operation, the arguments its calls take, and how far above the floor it may lie."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from entities import SIZES, STATUSES, Fields, articles, changed_article, changed_item, items, word

SIZE: Final = 10_000


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

    def added(self, name: str, entities: list[Any]) -> list[Any]:
        """Entities that are stored without being measured."""
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
        kind: what the engine's promises call it; "" where nothing is promised.
        store: whose method it is.
        writes: whether the database differs afterwards.
        created: what is to be deleted again after a turn: "one" entity a call, "many", or nothing.
        tasks: how many tasks share the calls; more than one only where there are tasks.
    """

    name: str
    title: str
    method: str
    calls: int
    turns: int
    arguments: Arguments
    kind: str
    store: str = "items"
    writes: bool = False
    created: str = ""
    tasks: int = 1

    def calls_at(self, pace: float) -> int:
        """How many calls make a turn on an engine that goes so much slower than the quickest."""
        return max(min(self.calls, self.least), round(self.calls * pace))

    @property
    def least(self) -> int:
        """Below this a turn would measure its first call."""
        return 4 * self.tasks

    @property
    def is_large(self) -> bool:
        """Whether a turn writes more than a few rows."""
        return self.method.startswith(("bulk_", "many_"))


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


def _edited_of(store: str) -> Arguments:
    def edited_items(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
        edited, seed = stage.store(store).edited, chance.getrandbits(32)
        return [edited(fields, changed_item(fields, seed)) for fields in chance.sample(stage.items, calls)]

    return edited_items


_edited = _edited_of("items")


def _edited_by(number: int) -> Arguments:
    def edited_items(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
        return [_edited(stage, chance, number) for _ in range(calls)]

    return edited_items


def _edited_together(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    return [_edited(stage, chance, len(stage.items) // 10) for _ in range(calls)]


def _new_and_edited(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    return list(zip(_new(stage, chance, calls), _edited(stage, chance, calls), strict=True))


def _created(stage: Stage, chance: random.Random, calls: int) -> list[Any]:
    return [entity.id for entity in stage.added("items", _new(stage, chance, calls))]


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
    Operation("get", "get by id", "get", 1000, 5, _ids, "single"),
    Operation("get-8", "get by id, 8 tasks at once", "get", 1000, 5, _ids, "single", tasks=8),
    Operation("get-50", "get by id, 50 tasks at once", "get", 1000, 5, _ids, "single", tasks=50),
    Operation("create", "create", "create", 8, 6, _new, "single", writes=True, created="one"),
    Operation("update", "update", "update", 8, 6, _edited, "single", writes=True),
    Operation("delete", "delete", "delete", 8, 6, _created, "single", writes=True),
    Operation("three", "three writes in a transaction", "three", 8, 4, _new_and_edited, "", writes=True),
    Operation("list", "list 1,000 of 10,000, filtered and sorted", "list", 4, 4, _statuses, "many"),
    Operation("page", "page of 50, with the total of 1,000", "page", 20, 4, _pages, "many"),
    Operation("cursor", "page of 50 by cursor, deep in 10,000", "cursor_page", 40, 4, _deep, "many"),
    Operation("count", "count, indexed", "count_indexed", 300, 4, _statuses, "many"),
    Operation("scan", "count, with an unindexed condition", "count_scanned", 20, 4, _sizes, "many"),
    Operation("stream", "stream 10,000", "drain", 1, 2, _nothing, "many"),
    Operation(
        *("bulk-create", "bulk create 10,000", "bulk_create", 1, 1, _new_together, "many"),
        writes=True,
        created="many",
    ),
    Operation("bulk-update", "bulk update 1,000", "bulk_update", 1, 4, _edited_together, "many", writes=True),
    Operation(
        *("search", "search 20 of 10,000, by relevance", "search", 10, 4, _queries, "many"), store="articles"
    ),
    Operation(
        *("search-create", "create, searchable", "create", 8, 6, _new_articles, "single"),
        store="articles",
        writes=True,
        created="one",
    ),
    Operation(
        *("search-update", "update, searchable", "update", 8, 6, _edited_articles, "single"),
        store="articles",
        writes=True,
    ),
    Operation(
        *(
            "search-bulk",
            "bulk create 1,000, searchable",
            "bulk_create",
            1,
            2,
            _new_articles_together,
            "many",
        ),
        store="articles",
        writes=True,
        created="many",
    ),
)

GUARANTEES: Final = (
    Operation(
        *("guarded", "update, guarded by a revision", "update", 8, 6, _edited_of("guarded"), ""),
        store="guarded",
        writes=True,
    ),
    Operation(
        "together-1", "one update in a transaction", "many_together", 8, 6, _edited_by(1), "", writes=True
    ),
    Operation(
        "together-100",
        "100 updates in a transaction",
        "many_together",
        1,
        4,
        _edited_by(100),
        "",
        writes=True,
    ),
    Operation(
        "nested-100", "the same in 10 inner scopes", "many_nested", 1, 4, _edited_by(100), "", writes=True
    ),
    Operation(
        "unnumbered", "BEGIN that takes its snapshot", "many_unnumbered", 8, 6, _edited_by(1), "", writes=True
    ),
    Operation("numbered", "the same with its number", "many_numbered", 8, 6, _edited_by(1), "", writes=True),
)
"""What only ``guarantees.py`` measures."""
