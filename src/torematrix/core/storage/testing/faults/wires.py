"""The two servers' protocols, as far as it takes to tell one request from another.

PostgreSQL (manual, chapter "Frontend/Backend Protocol"): messages of a type, a length and a body, after a first one
without a type. What is executed is named by the first word of its statement, also where it was prepared before. MongoDB
(manual, "MongoDB Wire Protocol"): messages with a header of sixteen bytes; a command is named by the first key of its
document.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, Protocol

__all__ = ["MongoDBWire", "PostgreSQLWire", "Wire"]

_ENCRYPTION: Final = frozenset({80877103, 80877104})
"""Requests for TLS and GSSAPI, after which the first message comes again."""
_OP_MSG: Final = 2013


class Wire(Protocol):
    """One connection's requests."""

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """Whole messages, each with the name of what it asks for, or nothing."""
        ...


class PostgreSQLWire:
    """Requests of a client of PostgreSQL."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begun = False
        self._prepared: dict[bytes, str] = {}

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """As the protocol says; the name is COMMIT, INSERT and so on, in capitals."""
        self._buffer += data
        while True:
            head = 1 if self._begun else 0
            if len(self._buffer) < head + 4:
                return
            (length,) = struct.unpack_from(">i", self._buffer, head)
            if len(self._buffer) < head + length:
                return
            message = bytes(self._buffer[: head + length])
            del self._buffer[: head + length]
            yield self._name(message), message

    def _name(self, message: bytes) -> str:
        if not self._begun:
            (code,) = struct.unpack_from(">i", message, 4)
            self._begun = code not in _ENCRYPTION
            return ""
        kind, body = message[:1], message[5:]
        if kind == b"Q":
            return _verb(body)
        if kind == b"P":
            statement, _, rest = body.partition(b"\0")
            self._prepared[statement] = _verb(rest)
            return ""
        if kind == b"B":
            return self._prepared.get(body.split(b"\0", 2)[1], "")
        return ""


class MongoDBWire:
    """Requests of a client of MongoDB."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """As the protocol says; the name is insert, commitTransaction and so on."""
        self._buffer += data
        while len(self._buffer) >= 4:
            (length,) = struct.unpack_from("<i", self._buffer)
            if len(self._buffer) < length:
                return
            message = bytes(self._buffer[:length])
            del self._buffer[:length]
            yield self._name(message), message

    @staticmethod
    def _name(message: bytes) -> str:
        (code,) = struct.unpack_from("<i", message, 12)
        if code != _OP_MSG or message[20] != 0:
            return ""
        # Behind the flags and the section's kind: the document's length, the type of its first value, its key.
        return message[26:].partition(b"\0")[0].decode("utf-8", "replace")


def _verb(statement: bytes) -> str:
    words = statement.strip(b"\0 \n").split(None, 1)
    return words[0].rstrip(b";\0").decode("utf-8", "replace").upper() if words else ""
