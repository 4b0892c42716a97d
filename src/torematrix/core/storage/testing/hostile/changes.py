"""Every hostile input in every slot of a write: ids, keys, values, and the names of what is to be changed."""

from __future__ import annotations

import functools
from typing import Any, cast

from ...query.filters import F
from . import ORIGINS, TEXTS
from .attempts import Attempt
from .rows import PORTIONS, Portion, is_kept, short
from .values import CONTAINERS, VALUES

__all__ = [
    "bulk_attempts",
    "declared_patch_attempts",
    "first_texts",
    "id_attempts",
    "patch_attempts",
    "value_patch_attempts",
]


@functools.cache
def id_attempts() -> list[Attempt]:
    """Texts as ids: created, read, replaced, changed, deleted."""
    attempts: list[Attempt] = []
    for text in TEXTS:
        about = f"id {short(text)}"
        if text:  # without one it gets an id of its own
            attempts.append(Attempt(f"{about}, created", "create", ({"id": text, "n": 1},), whole=True))
        attempts += [
            Attempt(f"{about}, read", "get", (text,), whole=True),
            Attempt(f"{about}, filtered", "count", (F("id") == text,)),
        ]
        if not is_kept(text):
            attempts.append(Attempt(f"{about}, explained", "explain", ("get",), {"entity_id": text}))
    attempts += [
        Attempt("all ids", "get_many", (TEXTS,), whole=True),
        Attempt("ids counted", "count", (F("id").in_([text for text in TEXTS if is_kept(text)]),)),
        Attempt("ids twice", "create", ({"id": TEXTS[0]},)),
    ]
    for number, text in enumerate(TEXTS):
        about = f"id {short(text)}"
        if number % 3 == 0:
            attempts.append(Attempt(f"{about}, deleted", "delete", (text,)))
        elif number % 3 == 1:
            attempts.append(Attempt(f"{about}, changed", "patch", (text,), {"n": number}, True))
        elif text:
            attempts.append(Attempt(f"{about}, upserted", "upsert", ({"id": text, "n": number},), whole=True))
    attempts.append(Attempt("what is left", "list", (), whole=True))
    return attempts


@functools.cache
def bulk_attempts(portion: Portion) -> list[Attempt]:
    """Texts as ids of several at once."""
    wanted = [*portion.texts[::2], portion.id(0), portion.id(3)]
    return [
        Attempt("created", "bulk_create", ([{"id": text, "n": 1} for text in portion.kept if text][:20],)),
        Attempt("gone", "bulk_delete", (wanted,)),
        Attempt("gone already", "bulk_delete", (wanted,)),
        Attempt("what is left", "list", (), whole=True),
    ]


@functools.cache
def patch_attempts(portion: Portion) -> list[Attempt]:
    """Texts as keys of changes: all that can be kept at once, the others one by one."""
    changed = portion.id(0)
    changes = {text: {text: text} for text in portion.kept if text != "id"}
    attempts = [
        Attempt(f"changes {portion.number}", "patch", (changed,), changes, True),
        Attempt(f"changed {portion.number}", "list", (portion.window,), whole=True),
    ]
    refused = [text for text in portion.texts if text not in portion.kept]
    attempts += [Attempt(f"change {short(text)}", "patch", (changed,), {text: 1}) for text in refused]
    return attempts


@functools.cache
def value_patch_attempts() -> list[Attempt]:
    """What looks like an operator as the new value of a key, and as the document that replaces another."""
    attempts: list[Attempt] = []
    for number, value in enumerate(CONTAINERS):
        about, key = f"{ascii(value)[:60]}", f"value-{number:03}"
        attempts.append(Attempt(f"change to {about}", "patch", (key,), {"value": value, "$set": value}, True))
        if isinstance(value, dict) and "id" not in value:
            replacing = {"id": key, **cast("dict[str, Any]", value)}
            attempts.append(Attempt(f"replace by {about}", "update", (replacing,), whole=True))
    attempts.append(Attempt("what is left", "list", (), whole=True))
    return attempts


@functools.cache
def declared_patch_attempts() -> list[Attempt]:
    """Texts as names of declared fields to change, and what is no text in every field."""
    attempts = [
        Attempt(f"field {short(text)}", "patch", (PORTIONS[0].id(0),), {text: 1})
        for text in TEXTS
        if text != "id"
    ]
    attempts += [
        Attempt(f"{name} to {number}", "patch", (PORTIONS[0].id(0),), {name: value}, True)
        for number, value in enumerate(VALUES)
        for name in ("text", "number", "tags", "extra")
    ]
    return attempts


def first_texts() -> list[str]:
    """Some of the texts, from every origin, for what costs more than a question."""
    found: dict[str, None] = {}
    for origin in ORIGINS:
        usable = [text for text in origin.texts if is_kept(text) and 0 < len(text) < 100]
        found.update(dict.fromkeys(usable[:2]))
    return list(found)
