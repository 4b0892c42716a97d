# generated from _async/moment.py by tools/generate_twins.py: do not edit
"""Several commands that read at one moment.

Within a transaction they do. Outside, the first one takes a snapshot, and the others are told its time. A standalone
server has no such moments: there each command reads when it comes.
"""

from __future__ import annotations

from typing import Any

from ..documents import Document
from .server import EVERYTHING, Server

__all__ = ["Moment"]

Command = dict[str, Any]


class Moment:
    """A moment at which is read, that of the first command.

    Args:
        server: what is read.
        session: PyMongo's session of a transaction, or None.
    """

    def __init__(self, server: Server, session: Any) -> None:
        self._server = server
        self._session = session
        self._concern: dict[str, Any] | None = None
        if session is None and server.transactions:
            self._concern = {"level": "snapshot"}

    def few(self, command: Command) -> list[Document]:
        """Documents that fit into one reply."""
        command = {**command, "cursor": {"batchSize": EVERYTHING}}
        if self._concern is not None:
            command["readConcern"] = self._concern
        cursor = self._server.read(command, self._session)["cursor"]
        if self._concern is not None:
            self._concern = {"level": "snapshot", "atClusterTime": cursor["atClusterTime"]}
        documents: list[Document] = cursor["firstBatch"]
        return documents

    def all(self, command: Command) -> list[Document]:
        """Any number of documents; not for the first command."""
        if self._concern is not None:
            command = {**command, "readConcern": self._concern}
        return self._server.documents(command, self._session)
