"""Every candidate must give the same answers on the same data before anything is timed.

Who lacks an operation is not asked about it. What differs by its nature is replaced by what must be true of it: ids
and times become the fact that they are there.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import random
from collections.abc import Callable
from typing import Any

from entities import STATUSES, Article, Fields, Item, changed_item, identity, items, word
from operations import OPERATIONS, Stage

_ITEM = [field.name for field in dataclasses.fields(Item)]
_ARTICLE = [field.name for field in dataclasses.fields(Article)]
_UPDATED = frozenset({"updated_at"})
_FILLED = frozenset({"id", "created_at", "updated_at"})


def _plain(entity: Any, *, without: frozenset[str] = frozenset()) -> dict[str, Any] | None:
    if entity is None:
        return None
    names = _ARTICLE if hasattr(entity, "body") else _ITEM
    return {name: getattr(entity, name) for name in names if name not in without}


def _raises(call: Callable[..., Any], *arguments: Any) -> bool:
    try:
        call(*arguments)
    except Exception:  # noqa: BLE001 - every candidate has errors of its own
        return True
    return False


def answers(stage: Stage) -> dict[str, Any]:
    """What a candidate answers, by question; the data is afterwards what it was, save for edited items."""
    found: dict[str, Any] = {}
    _reads(stage, found)
    _writes(stage, found)
    _bulk(stage, found)
    if stage.store("articles") is not None:
        _search(stage, found)
    return found


def _reads(stage: Stage, found: dict[str, Any]) -> None:
    call, store = stage.call, stage.store("items")
    ids = [fields["id"] for fields in random.Random(1).sample(stage.items, 5)]
    found["get"] = [_plain(call(store.get, entity_id)) for entity_id in (*ids, identity(9, 9))]
    found["list"] = [_plain(item) for item in call(store.list, STATUSES[3])]
    found["list nothing"] = call(store.list, "no such status")
    pages = [call(store.page, (STATUSES[3], number)) for number in (1, 2, len(stage.items) // 500 + 1)]
    found["page"] = [([_plain(item) for item in page], total) for page, total in pages]
    found["count, indexed"] = call(store.count_indexed, STATUSES[7])
    found["count, scanned"] = [call(store.count_scanned, size) for size in (0, 50_000, 99_000)]
    if hasattr(store, "cursor_page"):
        _cursors(stage, found)
    if hasattr(store, "drain"):
        count, last = call(store.drain)
        found["stream"] = count, _plain(last)


def _cursors(stage: Stage, found: dict[str, Any]) -> None:
    call, store = stage.call, stage.store("items")
    cursor, walked = None, []
    for limit in (10, len(stage.items) // 2, 7):
        page, cursor = call(store.cursor_page, cursor, limit)
        walked.append([_plain(item) for item in page])
    found["cursor"] = walked
    found["last page by cursor"] = call(store.cursor_page, None, len(stage.items))[1]


def _writes(stage: Stage, found: dict[str, Any]) -> None:
    call, store = stage.call, stage.store("items")
    begun = dt.datetime.now(dt.UTC)
    created = call(store.create, store.entity(next(items(1, seed=5))))
    found["create"] = _plain(created, without=_FILLED)
    found["filled in"] = (
        len(created.id) == 36 and created.id[14] == "7",
        begun <= created.created_at <= dt.datetime.now(dt.UTC),
        created.created_at - created.updated_at < dt.timedelta(milliseconds=1),
    )
    found["created and read"] = _plain(created) == _plain(call(store.get, created.id))
    taken = store.entity({**next(items(1)), "id": created.id})
    found["an id twice"] = _raises(call, store.create, taken)
    fields = {**next(items(1, seed=5)), "id": created.id}
    updated = call(store.update, store.edited(fields, changed_item(stage.items[0], 1)))
    found["update"] = _plain(updated, without=_FILLED)
    found["kept and set"] = (
        updated.created_at == created.created_at,
        begun <= updated.updated_at <= dt.datetime.now(dt.UTC),
    )
    found["updated and read"] = _plain(updated) == _plain(call(store.get, created.id))
    if hasattr(store, "three"):
        _together(stage, found, fields)
    found["delete"] = [call(store.delete, created.id), call(store.delete, created.id)]
    found["deleted"] = call(store.get, created.id)
    found["update of nothing"] = _raises(call, store.update, store.edited(fields, {"size": 1}))


def _together(stage: Stage, found: dict[str, Any], fields: Fields) -> None:
    """Three writes in a transaction, of which one edits the item of these fields."""
    call, store = stage.call, stage.store("items")
    before = _number(stage)
    in_one = (store.entity(next(items(1, seed=8))), store.edited(fields, changed_item(stage.items[0], 3)))
    together = call(store.three, in_one)
    found["three writes"] = _plain(together, without=_FILLED), _number(stage) - before
    found["three written and read"] = _plain(together) == _plain(call(store.get, fields["id"]))
    nothing = {**fields, "id": identity(9, 8)}
    found["three writes, one refused"] = (
        _raises(
            call, store.three, (store.entity(next(items(1, seed=9))), store.edited(nothing, {"size": 1}))
        ),
        _number(stage) - before,
    )


def _number(stage: Stage) -> int:
    """How many items there are: each has a size."""
    number: int = stage.call(stage.store("items").count_scanned, 0)
    return number


def _bulk(stage: Stage, found: dict[str, Any]) -> None:
    call, store = stage.call, stage.store("items")
    created = stage.added("items", [store.entity(fields) for fields in items(100, seed=6)])
    found["bulk create"] = [_plain(item, without=_FILLED) for item in created]
    ids = [item.id for item in created]
    found["bulk created and read"] = [_plain(item) == _plain(call(store.get, item.id)) for item in created]
    again = [store.entity(fields) for fields in items(5, seed=7)]
    again[3].id = ids[0]
    if hasattr(store, "bulk_create"):
        found["one of many refused"] = _raises(call, store.bulk_create, again), _number(stage)
    call(store.delete_many, ids)
    if hasattr(store, "bulk_update"):
        _bulk_update(stage, found)


def _bulk_update(stage: Stage, found: dict[str, Any]) -> None:
    call, store = stage.call, stage.store("items")
    given = stage.items[:50]
    updated = call(store.bulk_update, [store.edited(each, changed_item(each, 2)) for each in given])
    found["bulk update"] = [_plain(item, without=_UPDATED) for item in updated]
    found["bulk updated and read"] = [_plain(item) == _plain(call(store.get, item.id)) for item in updated]


def _search(stage: Stage, found: dict[str, Any]) -> None:
    call, store = stage.call, stage.store("articles")
    queries = next(operation for operation in OPERATIONS if operation.name == "search")
    asked = queries.arguments(stage, random.Random(2), 20)
    # How many there are, for relevance is each engine's own; RANKED are compared one by one.
    found["search"] = [len(call(store.search, query)) for query in asked]
    found["ranked"] = [[_plain(article) for article in call(store.search, query)] for query in asked]
    fields = {
        "title": "Quixotic",
        "body": f"{word(1)} one",
        "status": STATUSES[0],
        "tags": [],
        "id": None,
        "created_at": None,
        "updated_at": None,
    }
    created = call(store.create, store.entity(fields))
    changed = {"body": "zymurgy two"}
    seen = [len(call(store.search, query)) for query in ("quixotic", f"quixotic {word(1)}", "zymurgy")]
    updated = call(store.update, store.edited({**fields, "id": created.id}, changed))
    seen += [len(call(store.search, query)) for query in ("quixotic", f"quixotic {word(1)}", "zymurgy")]
    call(store.delete_many, [created.id])
    found["searchable writes"] = [
        *seen,
        len(call(store.search, "quixotic")),
        _plain(updated, without=_FILLED),
    ]


OWN_RELEVANCE = frozenset({"ranked"})
"""The questions that those answer in their own way who have a relevance of their own."""


def differences(expected: dict[str, Any], given: dict[str, Any], *, own_relevance: bool) -> list[str]:
    """The questions that two candidates answer differently, of those that both were asked."""
    skipped = OWN_RELEVANCE if own_relevance else frozenset[str]()
    common = expected.keys() & given.keys() - skipped
    return sorted(name for name in common if expected[name] != given[name])
