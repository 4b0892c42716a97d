"""MongoDB: a database for each candidate, all on one replica set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import pymongo
from durability import FULL, RELAXED

from torematrix.core.storage.testing.servers.home import Home
from torematrix.core.storage.testing.servers.mongodb import MongoDBServer

from .base import FLOOR, OURS, Peer, promised, versions

Document = dict[str, Any]


_CACHE: Final = 2.0
"""Gigabytes: in half of one the documents of a bulk create, beside those of the other candidates, find no room."""


class Engine:
    """MongoDB."""

    name = "mongodb"
    title = "MongoDB"
    floors: Final = {"sync": "PyMongo by hand", "async": "PyMongo by hand"}
    peers = (
        Peer(FLOOR, "by hand", "mongodb.floor", "mongodb.floor_async"),
        Peer(OURS, "torematrix-storage", "ours", "ours_async"),
        Peer("helpers", "PyMongo's helpers", "mongodb.helpers", "mongodb.helpers_async"),
        Peer("beanie", "Beanie", asynchronous="mongodb.beanie_odm", package="beanie"),
        Peer("mongoengine", "MongoEngine", "mongodb.mongoengine_odm", package="mongoengine"),
    )
    targets: Final = promised(single=1.10)
    pace = 0.2
    durability: Final = {
        FULL: "write concern majority with its journal, where every write waits for the disk",
        RELAXED: "write concern 1 without its journal, where no write waits for the disk",
    }

    def __init__(self) -> None:
        self._home: Home | None = None
        self._made: list[str] = []

    def start(self, folder: Path, url: str | None) -> None:
        if url is None:
            self._home = Home.make(folder)
            url = MongoDBServer(self._home, cache=_CACHE).start().url
        self._url = url
        self._admin: pymongo.MongoClient[Document] = pymongo.MongoClient(url)
        if self._home is not None:
            # A test server acknowledges what a majority has in memory; here a write has to be in the journal.
            configuration = self._admin.admin.command("replSetGetConfig")["config"]
            configuration["writeConcernMajorityJournalDefault"] = True
            configuration["version"] += 1
            self._admin.admin.command("replSetReconfig", configuration)

    def place(self, colour: str, name: str) -> str:
        database = f"torematrix_bench_{colour}_{name}"
        self._admin.drop_database(database)
        self._made.append(database)
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{database}"))

    def loaded(self, place: str) -> None:
        self.settle(place, many=True)

    def settle(self, place: str, *, many: bool) -> None:
        """Write a checkpoint after many writes, so that none begins by itself during somebody's turn."""
        if many:
            self._admin.admin.command("fsync")

    def unlike(self, ours: str, floor: str) -> list[str]:
        library, hand = self._form(ours), self._form(floor)
        only_ours = [f"only the library has: {line}" for line in sorted(library - hand)]
        return only_ours + [f"only the floor has: {line}" for line in sorted(hand - library)]

    def _form(self, place: str) -> set[str]:
        database = self._admin[urlsplit(place).path.strip("/")]
        found: set[str] = set()
        for collection in database.list_collections():
            name = collection["name"]
            if name.startswith(("torematrix", "system.")):
                continue
            found.add(f"{name}: {collection['type']} {collection['options']}")
            found.update(
                f"{name}: {key} {sorted(index.items())}"
                for key, index in database[name].index_information().items()
            )
            keys = {tuple(document) for document in database[name].aggregate([{"$sample": {"size": 20}}])}
            found.update(f"{name}: a document has {sorted(each)}" for each in keys)
        return found

    def versions(self) -> Iterator[str]:
        options = self._admin.admin.command("getCmdLineOpts")["parsed"]
        cache = options.get("storage", {}).get("wiredTiger", {}).get("engineConfig", {}).get("cacheSizeGB")
        configuration = self._admin.admin.command("replSetGetConfig")["config"]
        members = len(configuration["members"])
        yield (
            f"MongoDB {self._admin.server_info()['version']}, a replica set of {members}, cache {cache} GB, "
            f"majority writes journalled: {configuration.get('writeConcernMajorityJournalDefault')}"
        )
        yield versions("PyMongo", "Beanie", "MongoEngine", "msgspec")

    def stop(self) -> None:
        if hasattr(self, "_admin"):
            for database in self._made:
                self._admin.drop_database(database)
            self._admin.close()
        if self._home is not None:
            self._home.close()
