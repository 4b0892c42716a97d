"""How values cross between psycopg and the library: numbers and booleans as Python's, everything else as text."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.abc import AdaptContext
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import TextLoader

from ..._overriding import override

__all__ = ["ADAPTERS", "adapt_copy"]


class _Adapters(AdaptContext):
    """The context that connections are made with."""

    def __init__(self) -> None:
        self._map = AdaptersMap(psycopg.adapters)
        # A document goes to the codec as the text it is, and canonical bytes are hexadecimal text.
        for name in ("jsonb", "json", "bytea"):
            self._map.register_loader(name, TextLoader)
        # psycopg declares an int by its size, which would make one statement several prepared ones.
        self._map.register_dumper(int, Int8Dumper)

    @property
    def adapters(self) -> AdaptersMap:
        return self._map

    @property
    def connection(self) -> None:
        return None


ADAPTERS: Final = _Adapters()


class _Document(Dumper):
    """The text of a document as a binary COPY takes it: behind the version of jsonb's format."""

    format = Format.BINARY
    oid = psycopg.adapters.types["jsonb"].oid

    @override
    def dump(self, obj: str) -> bytes:
        return b"\x01" + obj.encode()


class _Hexadecimal(Dumper):
    """Canonical bytes as a binary COPY takes them."""

    format = Format.BINARY
    oid = psycopg.adapters.types["bytea"].oid

    @override
    def dump(self, obj: str) -> bytes:
        return bytes.fromhex(obj)


def adapt_copy(cursor: AdaptContext) -> None:
    """Make a cursor write canonical rows into a binary COPY.

    Not the connection: that is its users' own as well.
    """
    cursor.adapters.register_dumper(None, _Document)
    cursor.adapters.register_dumper(None, _Hexadecimal)
