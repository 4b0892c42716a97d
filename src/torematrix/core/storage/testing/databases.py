"""The databases that the kit runs on, from URLs that may leave room for what has to be new each time."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote

# The harness of servers is imported when one is needed: it asks for a system that has named pipes.
if TYPE_CHECKING:
    from .servers.shared import SharedServers

__all__ = ["DEFAULT_URLS", "Databases", "expanded", "labels", "server_of"]

DEFAULT_URLS = ("memory://", "sqlite:///{tmp}/kit.db", "sqlite:///:memory:")
"""What is tested when nothing is asked for: everything that comes with the library."""

_SERVERS: Final = {
    "postgresql": "postgresql",
    "postgresql_icu": "postgresql",
    "mongodb": "mongodb",
    "mongodb_standalone": "mongodb-standalone",
}
_ON_SERVER: Final = re.compile(r"\{(?P<place>" + "|".join(_SERVERS) + r")\}(?:\?(?P<options>.*))?")


def server_of(url: str) -> str | None:
    """The kind of test server that a URL asks for (``servers.shared.Kind``), or None."""
    match = _ON_SERVER.fullmatch(url)
    return _SERVERS[match["place"]] if match else None


def expanded(url: str, new_folder: Callable[[], Path]) -> str:
    """The URL of a database that was not there before, where the given one says how.

    ``{tmp}`` stands for a new folder, ``{unique}`` for letters and digits that were not used before. A URL with neither
    names one database for all tests; each of them uses collections of its own.
    """
    if "{tmp}" in url:
        url = url.replace("{tmp}", quote(str(new_folder())))
    return url.replace("{unique}", secrets.token_hex(6))


class Databases:
    """New databases from one URL, which are dropped together.

    Beside what ``expanded`` knows, the URL may be ``{postgresql}``, ``{postgresql_icu}``, ``{mongodb}`` or
    ``{mongodb_standalone}``, with options behind it (``{mongodb}?durability=fast``): a new schema or database on a
    server of the harness, which is started when it does not run yet.
    """

    def __init__(
        self, url: str, new_folder: Callable[[], Path], servers: Callable[[], SharedServers]
    ) -> None:
        self._url = url
        self._new_folder = new_folder
        self._servers = servers
        self._drops: list[Callable[[], None]] = []

    def new_url(self) -> str:
        """The URL of a database that was not there before, where the given one says how."""
        match = _ON_SERVER.fullmatch(self._url)
        if match is None:
            return expanded(self._url, self._new_folder)
        from .servers.urls import with_options

        name = f"kit_{secrets.token_hex(6)}"
        place = match["place"]
        url = self._in_postgresql(place, name) if "postgresql" in place else self._in_mongodb(place, name)
        return with_options(url, match["options"] or "")

    def _in_postgresql(self, place: str, schema: str) -> str:
        from .servers.postgresql import create_schema, drop_schema
        from .servers.urls import with_options

        addresses = self._servers().postgresql()
        url = addresses.icu_url if place == "postgresql_icu" else addresses.url
        create_schema(url, schema)
        self._drops.append(lambda: drop_schema(url, schema))
        return with_options(url, f"schema={schema}")

    def _in_mongodb(self, place: str, database: str) -> str:
        from .servers.mongodb import drop_database
        from .servers.urls import with_database

        servers = self._servers()
        url = servers.mongodb() if place == "mongodb" else servers.mongodb_standalone()
        self._drops.append(lambda: drop_database(url, database))
        return with_database(url, database)

    def drop(self) -> None:
        """Drop what was made on servers: thousands of tables or collections would slow them down."""
        while self._drops:
            self._drops.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()


def labels(urls: Sequence[str]) -> list[str]:
    """A name for each URL, to be shown in the names of tests: nothing of it is a secret."""
    seen: dict[str, int] = {}
    result: list[str] = []
    for url in urls:
        match = _ON_SERVER.fullmatch(url)
        if match:
            label = match["place"].replace("_", "-")
        else:
            label = url.partition(":")[0] + ("-memory" if ":memory:" in url else "")
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label}-{seen[label]}")
    return result
