# generated from _async/totals.py by tools/generate_twins.py: do not edit
"""How many documents a searchable collection has and how long they are, without a document that every writer changes.

A transaction that changes these sums inserts what it adds to them, as a small document of its own: inserts never
conflict, whoever reads a snapshot adds up what is in it, and a transaction that is rolled back takes its part along.
Now and then what has gathered is folded into one document; who folds conflicts with another who does, not with writers.

A standalone server writes one document at a time. There nothing is kept, and a search adds up the lengths in an index.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from pymongo import timeout
from pymongo.errors import PyMongoError

from ..errors import is_transient
from ..names import ID
from ..options import transaction_concern, write_concern
from ..texts import TextIndexes
from ..words import NOTHING, Totals
from .server import Server

__all__ = [
    "GATHERED",
    "TOTALS",
    "Sums",
    "gate_of",
    "new_gate",
    "parts_of",
    "selecting",
    "stored_part",
]

TOTALS: Final = "torematrix_totals"
"""The library's own collection of sums."""

GATHERED: Final = 64
"""So many documents of sums are worth folding: adding them up takes about as long as a round trip."""

_MOST: Final = 10_000
"""So many are folded at once, so that the transaction stays short."""


def gate_of(collection: str) -> str:
    """The id of the document that whoever replaces parts of a collection's sums changes, so that one at a time does."""
    return f"{collection}:"


def new_gate() -> dict[str, Any]:
    """What it holds from then on."""
    return {"u": uuid.uuid4().hex}


def parts_of(collection: str) -> dict[str, Any]:
    """The filter of all that is kept here for a collection."""
    # No name of a collection holds a colon, and a semicolon comes after it.
    return {ID: {"$gte": f"{collection}:", "$lt": f"{collection};"}}


def selecting(texts: TextIndexes) -> dict[str, Any]:
    """The filter of the parts of a collection's sums that belong to what is declared now."""
    return {**parts_of(texts.collection), "g": {"$eq": texts.generation}}


def stored_part(texts: TextIndexes, totals: Totals) -> dict[str, Any]:
    """A part of the sums."""
    identity = f"{texts.collection}:{uuid.uuid4().hex}"
    return {ID: identity, "g": texts.generation, "n": totals.documents, "l": list(totals.lengths)}


class Sums:
    """Keeps the sums of the searchable collections of one database.

    Attributes:
        server: what holds them.
        pause: waits for so many seconds.
    """

    def __init__(self, server: Server, pause: Callable[[float], object]) -> None:
        self.server = server
        self.pause = pause
        self._noted: dict[TextIndexes, int] = {}

    def found(self, texts: TextIndexes, documents: int) -> None:
        """Note that somebody had to add up so many documents."""
        if documents > 4 * GATHERED:
            self._noted[texts] = documents

    def note(self, session: Any, changes: Mapping[TextIndexes, Totals]) -> None:
        """Store what a transaction adds to the sums, within it, as the last thing it does."""
        changed = {texts: totals for texts, totals in changes.items() if not totals.is_nothing}
        if not changed:
            return
        documents = [stored_part(texts, totals) for texts, totals in changed.items()]
        self.server.write({"insert": TOTALS, "documents": documents}, session)
        for texts in changed:
            self._noted[texts] = self._noted.get(texts, 0) + 1

    def tend(self) -> None:
        """Fold what has gathered by now, outside any transaction; what cannot be folded is left for another time."""
        due = [texts for texts, noted in self._noted.items() if noted >= GATHERED]
        for texts in due:
            del self._noted[texts]
            with contextlib.suppress(PyMongoError):
                self.fold(texts)

    def fold(self, texts: TextIndexes) -> bool:
        """Make one document of those that have gathered; whether that was done, and not by somebody else."""
        server = self.server
        with server.session() as session:
            session.start_transaction(
                read_concern=transaction_concern(server.config), write_concern=write_concern(server.config)
            )
            try:
                done = self._fold(session, texts)
                with timeout(server.deadline):
                    session.commit_transaction()
            except PyMongoError as error:
                if is_transient(error):
                    return False
                raise
        return done

    def _fold(self, session: Any, texts: TextIndexes) -> bool:
        command = {"find": TOTALS, "filter": selecting(texts), "limit": _MOST}
        found = self.server.documents(command, session)
        if len(found) < 2:
            return False
        totals = NOTHING
        for each in found:
            totals = totals.plus(Totals(each["n"], tuple(each["l"])))
        gate = {"q": {ID: {"$eq": gate_of(texts.collection)}}, "u": {"$set": new_gate()}, "upsert": True}
        gone = {"q": {ID: {"$in": [each[ID] for each in found]}}, "limit": 0}
        commands: tuple[dict[str, Any], ...] = (
            {"update": TOTALS, "updates": [gate]},
            {"delete": TOTALS, "deletes": [gone]},
            {"insert": TOTALS, "documents": [stored_part(texts, totals)]},
        )
        for command in commands:
            self.server.write(command, session)
        return True
