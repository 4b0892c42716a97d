"""How values cross between psycopg and the library: numbers and booleans as Python's, everything else as text."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.abc import AdaptContext
from psycopg.adapt import AdaptersMap
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import TextLoader

__all__ = ["ADAPTERS"]


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
