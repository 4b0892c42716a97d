"""The articles and their words, as the library keeps them: documents, and the commands that search.

The words of an article stand in its document, under ``%w``; ``torematrix_totals`` holds small documents to be added up.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from typing import Any, Final

from entities import Article

from torematrix.core.storage.backends.mongodb.texts import TextIndexes
from torematrix.core.storage.face.ids import new_id
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.query.relevance import average_length, word_factor
from torematrix.core.storage.query.text import tokens

from ._form import SNAPSHOT, Document, moment_of, text_of

# A digest of the declaration and of the analyzer's version, which is the library's to make.
_GENERATION: Final = TextIndexes("articles", schema_of(Article)).generation
_HIDDEN: Final = ["%w", "%g"]
_PARTS: Final = {"_id": {"$gt": "articles:", "$lt": "articles;"}, "g": _GENERATION}
GATHERED: Final = 64
"""So many documents of totals are made one."""
GATE: Final = {"_id": "articles:"}


def creations() -> list[Document]:
    """The commands that make the collection and its indexes."""
    keys: list[tuple[str, Document]] = [
        (f"ix_{name}", {name: 1, "_id": 1}) for name in ("status", "created_at", "updated_at")
    ]
    indexes = [{"name": name, "key": key} for name, key in (*keys, ("%w", {"%w.t": 1}))]
    validated = {"validationLevel": "strict", "validationAction": "error"}
    return [
        {"create": "articles", "validator": {"%g": {"$eq": _GENERATION}}, **validated},
        {"createIndexes": "articles", "indexes": indexes},
        {"insert": "torematrix_totals", "documents": [{**GATE, "u": uuid.uuid4().hex}]},
    ]


def words_of(title: str, body: str) -> Document:
    """What stands under ``%w``."""
    first, second = tokens(title), tokens(body)
    counts = dict(Counter(second))
    for term, count in Counter(first).items():
        counts[term] = min(counts.get(term, 0) + 3 * count, 1023)
    return {
        "d": 3 * len(first) + len(second),
        "l": [len(first), len(second)],
        "c": counts,
        "t": list(counts),
        "p0": f" {'  '.join(first)} " if first else "",
        "p1": f" {'  '.join(second)} " if second else "",
    }


def new_document(article: Article, now: str) -> Document:
    """The document of an article to be created: what it has none of is filled."""
    created, updated = article.created_at, article.updated_at
    return {
        "_id": article.id or new_id(),
        "title": article.title,
        "body": article.body,
        "status": article.status,
        "created_at": now if created is None else text_of(created),
        "updated_at": now if updated is None else text_of(updated),
        "tags": article.tags,
        "%g": _GENERATION,
        "%w": words_of(article.title, article.body),
    }


def replace(article: Article, now: str, words: Document) -> Document:
    """What gives back when the document was created and how long its texts were, or nothing if there is none."""
    changes = {
        "title": article.title,
        "body": article.body,
        "status": article.status,
        "updated_at": now,
        "tags": article.tags,
        "%w": words,
    }
    return {
        "findAndModify": "articles",
        "query": {"_id": article.id},
        "update": {"$set": changes},
        "fields": {"created_at": 1, "%w.l": 1},
    }


def lengths_of(ids: list[str]) -> Document:
    query = {"_id": {"$in": ids}}
    return {"find": "articles", "filter": query, "projection": {"%w.l": 1}, "batchSize": len(ids) + 1}


def delete_many(ids: list[str]) -> Document:
    return {"delete": "articles", "deletes": [{"q": {"_id": {"$in": ids}}, "limit": 0}]}


def part(documents: int, first: int, second: int) -> Document:
    """The command that adds to the totals."""
    made = {"_id": f"articles:{uuid.uuid4().hex}", "g": _GENERATION, "n": documents, "l": [first, second]}
    return {"insert": "torematrix_totals", "documents": [made]}


def parts() -> Document:
    return {"find": "torematrix_totals", "filter": _PARTS, "batchSize": 10_000}


def folded(found: list[Document]) -> list[Document]:
    """The commands that put one document in the place of these."""
    gate = {"q": GATE, "u": {"$set": {"u": uuid.uuid4().hex}}}
    gone = {"q": {"_id": {"$in": [each["_id"] for each in found]}}, "limit": 0}
    sums = (sum(each["n"] for each in found), *(sum(each["l"][at] for each in found) for at in (0, 1)))
    return [
        {"update": "torematrix_totals", "updates": [gate]},
        {"delete": "torematrix_totals", "deletes": [gone]},
        part(*sums),
    ]


def statistics(words: list[str]) -> Document:
    """The command that counts articles, their lengths, and in how many of them each word stands."""
    weighted = {"$add": [{"$multiply": [3, {"$arrayElemAt": ["$l", 0]}]}, {"$arrayElemAt": ["$l", 1]}]}
    counts = [
        {"$unionWith": {"coll": "articles", "pipeline": [{"$match": {"%w.t": word}}, _counted(number)]}}
        for number, word in enumerate(words)
    ]
    sums = {"$group": {"_id": -1, "n": {"$sum": "$n"}, "length": {"$sum": weighted}}}
    return {
        "aggregate": "torematrix_totals",
        "pipeline": [{"$match": _PARTS}, sums, *counts],
        "cursor": {"batchSize": 1000},
        "readConcern": SNAPSHOT.document,
    }


def _counted(number: int) -> Document:
    return {"$group": {"_id": number, "n": {"$sum": 1}}}


def page(answer: Document, words: list[str]) -> Document | None:
    """The command that finds the 20 best articles which hold all the words, at the moment of the statistics."""
    cursor = answer["cursor"]
    found = {each["_id"]: each for each in cursor["firstBatch"]}
    if len(found) <= len(words):
        return None  # one of the words stands nowhere
    documents = found[-1]["n"]
    average = average_length(found[-1]["length"], documents)
    ordered = sorted((found[number]["n"], word) for number, word in enumerate(words))
    match = {"%w.t": ordered[0][1]} | {f"%w.c.{word}": {"$exists": True} for _, word in ordered[1:]}
    scores: list[Any] = []
    for frequency, word in ordered:
        count = f"$%w.c.{word}"
        below = {"$add": [{"$multiply": [10 * average, count]}, "$$base"]}
        above = {"$multiply": [word_factor(documents, frequency, average), count]}
        scores.append({"$trunc": {"$divide": [above, below]}})
    base = {"$add": [3 * average, {"$multiply": [9, "$%w.d"]}]}
    score = {"$let": {"vars": {"base": base}, "in": {"$add": scores} if len(scores) > 1 else scores[0]}}
    return {
        "aggregate": "articles",
        "pipeline": [
            {"$match": match},
            {"$set": {"%s": score}},
            {"$sort": {"%s": -1, "_id": 1}},
            {"$limit": 20},
            {"$unset": [*_HIDDEN, "%s"]},
        ],
        "cursor": {"batchSize": 21},
        "readConcern": SNAPSHOT.document | {key: cursor[key] for key in ("atClusterTime",) if key in cursor},
    }


def created(article: Article, document: Document, moment: dt.datetime) -> Article:
    """The article as it is stored now."""
    times = article.created_at or moment, article.updated_at or moment
    tags = list(article.tags)
    return Article(article.title, article.body, article.status, tags, document["_id"], *times)


def updated(article: Article, created_at: str, moment: dt.datetime) -> Article:
    """The article as it is stored after an update."""
    times = moment_of(created_at), moment
    return Article(article.title, article.body, article.status, list(article.tags), article.id, *times)


def article_of(document: Document) -> Article:
    """The article of a document, whose list it takes over."""
    return Article(
        document["title"],
        document["body"],
        document["status"],
        document["tags"],
        document["_id"],
        moment_of(document["created_at"]),
        moment_of(document["updated_at"]),
    )
