"""The form in which the hand-written candidates store: the documents and indexes the library makes, and the commands.

Commands are given to the server as they are, without PyMongo's helpers, where that was measured to be quicker and
promises no less.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import durability
import msgspec
from entities import Item
from pymongo import WriteConcern
from pymongo.client_session import TransactionOptions
from pymongo.read_concern import ReadConcern

from torematrix.core.storage.face.ids import new_id

Document = dict[str, Any]

ITEM_INDEXES: Final = ("status", "owner", "created_at", "updated_at")
_RELAXED: Final = durability.is_relaxed()
# Who does not wait for a majority reads what the server itself has, or would miss what was acknowledged before.
READING: Final = ReadConcern("local" if _RELAXED else "majority")
WRITING: Final = WriteConcern(1, j=False) if _RELAXED else WriteConcern("majority")
READ: Final = READING.document
WRITE: Final = WRITING.document
CLIENT: Final[Document] = {"readConcernLevel": READING.level, "w": WRITING.document["w"]} | (
    {"journal": False} if _RELAXED else {}
)
"""The same as a client takes them."""
SNAPSHOT: Final = ReadConcern("local" if _RELAXED else "snapshot")
"""For what is read by one command in several places."""
TIME: Final = {"created_at": 1}
"""The projection to when a document was created."""
TRANSACTION: Final = TransactionOptions(SNAPSHOT, WRITING)
# Larger batches than the server's 101 documents save round trips; these are some 300 KB.
BATCH: Final = 1000
_WHOLE: Final = 100_000

encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder(tuple[str, str]).decode
moment_of: Final = dt.datetime.fromisoformat
"""A time, from how it is stored."""


def text_of(moment: dt.datetime) -> str:
    """A time as it is stored."""
    return moment.isoformat("T", "microseconds")


def now() -> tuple[dt.datetime, str]:
    """The time, and as it is stored."""
    moment = dt.datetime.now(dt.UTC)
    return moment, text_of(moment)


def indexes() -> Document:
    """The command that makes the indexes."""
    made = [{"name": f"ix_{name}", "key": {name: 1, "_id": 1}} for name in ITEM_INDEXES]
    return {"createIndexes": "items", "indexes": made}


def get(entity_id: str) -> Document:
    return {
        "find": "items",
        "filter": {"_id": entity_id},
        "limit": 1,
        "singleBatch": True,
        "readConcern": READ,
    }


def insert(document: Document) -> Document:
    return {"insert": "items", "documents": [document]}


def replace(item: Item, now: str) -> Document:
    """What gives back when the document was created, or nothing if there is none."""
    return {
        "findAndModify": "items",
        "query": {"_id": item.id},
        "update": {"$set": changes(item, now)},
        "fields": {"created_at": 1},
    }


def replace_many(items: list[Item], now: str) -> Document:
    return {
        "update": "items",
        "updates": [{"q": {"_id": item.id}, "u": {"$set": changes(item, now)}} for item in items],
        "ordered": True,
    }


def created_times(ids: list[str | None]) -> Document:
    query = {"_id": {"$in": ids}}
    return {"find": "items", "filter": query, "projection": {"created_at": 1}, "batchSize": len(ids) + 1}


def delete(entity_id: str) -> Document:
    return {"delete": "items", "deletes": [{"q": {"_id": entity_id}, "limit": 1}]}


def delete_many(ids: list[str]) -> Document:
    return {"delete": "items", "deletes": [{"q": {"_id": {"$in": ids}}, "limit": 0}]}


def count(query: Document) -> Document:
    return {"count": "items", "query": query, "readConcern": READ}


def _sorted(query: Document, first: str, **options: Any) -> Document:
    """A query for documents in order, whose answer is one batch."""
    order = {first: 1, "_id": 1}
    return {"find": "items", "filter": query, "sort": order, "readConcern": READ, **options}


def listed(status: str) -> Document:
    return _sorted({"status": status}, "size", batchSize=_WHOLE)


def page(status: str, number: int) -> Document:
    """The documents of a page and, behind them, how many there are in all."""
    match = {"$match": {"status": status}}
    counted = {"coll": "items", "pipeline": [match, {"$count": "n"}]}
    return {
        "aggregate": "items",
        "pipeline": [
            match,
            {"$sort": {"size": 1, "_id": 1}},
            {"$skip": 50 * (number - 1)},
            {"$limit": 50},
            {"$unionWith": counted},
        ],
        "cursor": {"batchSize": 52},
        "readConcern": SNAPSHOT.document,
    }


def cursor_page(after: str | None, limit: int) -> Document:
    query: Document = {}
    if after is not None:
        created, entity_id = decode(after)
        query = {
            "$or": [{"created_at": {"$gt": created}}, {"created_at": created, "_id": {"$gt": entity_id}}]
        }
    return _sorted(query, "created_at", limit=limit + 1, batchSize=limit + 1, singleBatch=True)


def cut(documents: list[Document], limit: int) -> tuple[list[Item], str | None]:
    """The items of a page and where the next one begins, from one document more than the page has."""
    following = None
    if len(documents) > limit:
        documents = documents[:limit]
        last = documents[-1]
        following = encode((last["created_at"], last["_id"])).decode()
    return [item_of(document) for document in documents], following


def new_document(item: Item, now: str) -> Document:
    """The document of an item to be created: what it has none of is filled."""
    created, updated = item.created_at, item.updated_at
    return {
        "_id": item.id or new_id(),
        "title": item.title,
        "status": item.status,
        "owner": item.owner,
        "size": item.size,
        "score": item.score,
        "active": item.active,
        "created_at": now if created is None else text_of(created),
        "updated_at": now if updated is None else text_of(updated),
        "tags": item.tags,
    }


def changes(item: Item, now: str) -> Document:
    """What an update sets."""
    return {
        "title": item.title,
        "status": item.status,
        "owner": item.owner,
        "size": item.size,
        "score": item.score,
        "active": item.active,
        "updated_at": now,
        "tags": item.tags,
    }


def created(item: Item, document: Document, moment: dt.datetime) -> Item:
    """The item as it is stored now: another object, which shares nothing with the one given."""
    return _stored(item, document["_id"], item.created_at or moment, item.updated_at or moment)


def updated(item: Item, created_at: dt.datetime, moment: dt.datetime) -> Item:
    """The item as it is stored after an update, likewise."""
    return _stored(item, item.id, created_at, moment)


def _stored(item: Item, entity_id: str | None, created_at: dt.datetime, updated_at: dt.datetime) -> Item:
    return Item(
        item.title,
        item.status,
        item.owner,
        item.size,
        item.score,
        item.active,
        list(item.tags),
        entity_id,
        created_at,
        updated_at,
    )


def item_of(document: Document) -> Item:
    """The item of a document, whose list it takes over."""
    return Item(
        document["title"],
        document["status"],
        document["owner"],
        document["size"],
        document["score"],
        document["active"],
        document["tags"],
        document["_id"],
        moment_of(document["created_at"]),
        moment_of(document["updated_at"]),
    )


class Refused(Exception):  # noqa: N818 - as drivers name them
    """The server has not written what it was asked to."""


def checked(answer: Document) -> Document:
    """The answer of a command that writes, which may be an answer and hold errors all the same."""
    if "writeErrors" in answer or "writeConcernError" in answer:
        raise Refused(answer.get("writeErrors") or answer["writeConcernError"])
    return answer


def batch(answer: Document) -> list[Document]:
    """The first documents of a cursor."""
    return answer["cursor"]["firstBatch"]  # type: ignore[no-any-return]
