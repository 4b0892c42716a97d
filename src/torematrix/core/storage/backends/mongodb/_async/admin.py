"""Care of a MongoDB database: whether it answers, whether it is sound, what it holds, and giving space back."""

from __future__ import annotations

from typing import Any

from bson.min_key import MinKey

from ..names import ID, META
from .ensure import stored_schemas
from .server import AsyncServer
from .totals import TOTALS

__all__ = ["check", "health", "statistics", "vacuum"]


async def health(server: AsyncServer) -> dict[str, Any]:
    """A round trip; the server's version, and what kind of deployment it is part of."""
    hello = await server.admin({"hello": 1})
    kind = "replica set" if "setName" in hello else "sharded cluster" if server.transactions else "standalone"
    return {
        "ok": True,
        "version": server.version,
        "deployment": kind,
        "servers": len(hello.get("hosts", [])) or 1,
        "durability": server.config.durability.value,
        "read_only": not hello.get("isWritablePrimary", True) or bool(hello.get("readOnly")),
    }


async def check(server: AsyncServer) -> list[str]:
    """What MongoDB finds wrong with the collections and their indexes.

    It looks at what the last checkpoint has written, while others read and write.
    """
    problems: list[str] = []
    for name in (META, TOTALS, *await stored_schemas(server)):
        if not await _exists(server, name):
            if name != TOTALS:
                problems.append(f"the collection {name!r} is missing")
            continue
        # What the server says of a fault may hold values; how many there are says enough to act upon.
        found = await server.slow({"validate": name, "background": True})
        faults = len(found.get("errors", [])) + len(found.get("corruptRecords", []))
        if not found["valid"] or faults:
            problems.append(
                f"the collection {name!r} is damaged ({faults} faults); see the server's validate command"
            )
    return problems


async def _exists(server: AsyncServer, name: str) -> bool:
    found = await server.command({"listCollections": 1, "filter": {"name": {"$eq": name}}, "nameOnly": True})
    return bool(found["cursor"]["firstBatch"])


async def statistics(server: AsyncServer) -> dict[str, Any]:
    """Sizes in bytes and counts, for the database and for each collection.

    ``rows`` are counted; ``bytes`` are those of a collection and its indexes on the disk of one server.
    """
    collections: dict[str, dict[str, Any]] = {}
    for name in await stored_schemas(server):
        sizes = await server.command({"collStats": name})
        counted = await server.read({"count": name, "query": {ID: {"$gte": MinKey()}}})
        collections[name] = {
            "rows": int(counted["n"]),
            "bytes": _bytes(sizes),
            "indexes": sorted(map(str, sizes.get("indexSizes", {}))),
        }
    whole = await server.command({"dbStats": 1})
    return {"bytes": int(whole["storageSize"] + whole["indexSize"]), "collections": collections}


def _bytes(sizes: dict[str, Any]) -> int:
    return int(sizes.get("storageSize", 0) + sizes.get("totalIndexSize", 0))


async def vacuum(server: AsyncServer, *, full: bool) -> dict[str, Any]:
    """Give the space of what was deleted back to the file system; sizes in bytes before and after.

    The server keeps that space for what comes, and needs no care. A full vacuum has it compact every collection, while
    others read and write; it happens on the server that is asked, the primary, and not on the others.
    """
    names = list(await stored_schemas(server))
    before = await _total(server, names)
    for name in names if full else ():
        await server.slow({"compact": name, "force": True})
    return {"full": full, "bytes_before": before, "bytes_after": await _total(server, names)}


async def _total(server: AsyncServer, names: list[str]) -> int:
    return sum([_bytes(await server.command({"collStats": name})) for name in names])
