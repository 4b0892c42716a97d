"""The storages that programs run on: engines, each with the forms and the colours in which it takes its turns."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from ...capability import Capabilities
from ...face._async.storage import AsyncStorage
from ...face._sync.storage import Storage
from ..databases import expanded
from ._async.player import Arguments, AsyncPlayer
from ._sync.player import Player
from .clock import Clock
from .draws import Draws
from .family import COLLECTIONS, FAMILY, PLAIN
from .outcomes import Outcome
from .steps import Program

__all__ = ["REFERENCE", "SQLITE", "Engine", "OpenEngine", "engine_of"]

# The same everywhere, so that the cursors of all engines are the same text.
_OPTIONS: Final[dict[str, Any]] = {"cursor_key": b"the key of every storage of the fuzzer"}
_FAST: Final = {"durability": "fast"}
# Between two programs no loop runs: PyMongo's monitor takes that for a server that does not answer.
_PATIENT: Final = {"connect_timeout": 3600.0}


class Engine(msgspec.Struct, frozen=True):
    """What is compared.

    Attributes:
        name: what reports call it.
        urls: the forms in which its storages are opened, with room for what is new each time. Each program runs on one
            of them, and in one colour, chosen by its number; over many programs all have equal shares.
        single: whether it takes only programs of single-document writes.
        colours: the colours it takes its turns in.
    """

    name: str
    urls: tuple[str, ...]
    single: bool = False
    colours: tuple[str, ...] = ("sync", "async")


REFERENCE: Final = Engine("memory", ("memory://",))
SQLITE: Final = Engine("sqlite", ("sqlite:///{tmp}/fuzz.db", "sqlite:///:memory:"))


def engine_of(name: str, url: str, *, single: bool = False) -> Engine:
    """An engine on a server, each storage in a schema or a database of its own, whatever the URL says of these."""
    parts = urlsplit(url)
    if parts.scheme == "postgresql":
        options = {**dict(parse_qsl(parts.query)), "schema": "fuzz_{unique}"}
        url = urlunsplit(parts._replace(query=urlencode(options, safe="{}")))
    elif parts.scheme.startswith("mongodb"):
        url = urlunsplit(parts._replace(path="/fuzz_{unique}"))
    return Engine(name, (url,), single)


class _Seat:
    """One open storage of an engine, in one colour."""

    def __init__(self, label: str, url: str, clock: Clock, *, plain: bool) -> None:
        self.label = label
        self._url = url
        self._clock = clock
        self._names = PLAIN if plain else tuple(FAMILY)

    def options(self) -> dict[str, Any]:
        """How its storage is opened: fast where that changes no answer, because nothing here outlives the run."""
        if self._url.startswith("mongodb"):
            return {**_OPTIONS, **_PATIENT}
        lasting = self._url.startswith(("sqlite:", "postgresql:")) and ":memory:" not in self._url
        return {**_OPTIONS, **_FAST} if lasting else _OPTIONS

    def play(self, program: Program, arguments: Arguments | None) -> list[Outcome]:
        """What the steps of the program give."""
        raise NotImplementedError

    def arguments(self) -> Arguments:
        """What the calls of the last program were given."""
        raise NotImplementedError

    def capabilities(self) -> Capabilities:
        """What its deployment can do."""
        raise NotImplementedError

    def is_empty(self) -> bool:
        """Whether nothing is stored; False too where that cannot be told any more."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the storage, and remove its database where it had one of its own."""
        raise NotImplementedError


class _BlockingSeat(_Seat):
    def __init__(self, label: str, url: str, clock: Clock, *, plain: bool) -> None:
        super().__init__(label, url, clock, plain=plain)
        _make(url)
        self._storage = Storage.open(url, **self.options())
        repositories = {
            name: self._storage.repository(
                FAMILY[name].entity_class, COLLECTIONS[name], **FAMILY[name].declarations
            )
            for name in self._names
        }
        self._storage.ready()
        self._player = Player(self._storage, repositories, clock)

    def play(self, program: Program, arguments: Arguments | None) -> list[Outcome]:
        return self._player.play(program, arguments)

    def arguments(self) -> Arguments:
        return self._player.resolved()

    def capabilities(self) -> Capabilities:
        return self._storage.capabilities

    def is_empty(self) -> bool:
        return self._player.is_empty()

    def close(self) -> None:
        self._storage.close()
        _remove(self._url)


class _WaitingSeat(_Seat):
    def __init__(self, label: str, url: str, clock: Clock, *, plain: bool) -> None:
        super().__init__(label, url, clock, plain=plain)
        _make(url)
        self._runner = asyncio.Runner()
        self._player = self._runner.run(self._opened())

    async def _opened(self) -> AsyncPlayer:
        storage = await AsyncStorage.open_awaited(self._url, **self.options())
        repositories = {
            name: storage.repository(
                FAMILY[name].entity_class, COLLECTIONS[name], **FAMILY[name].declarations
            )
            for name in self._names
        }
        await storage.ready()
        return AsyncPlayer(storage, repositories, self._clock)

    def play(self, program: Program, arguments: Arguments | None) -> list[Outcome]:
        return self._runner.run(self._player.play(program, arguments))

    def arguments(self) -> Arguments:
        return self._player.resolved()

    def capabilities(self) -> Capabilities:
        return self._player.storage.capabilities

    def is_empty(self) -> bool:
        return self._runner.run(self._player.is_empty())

    def close(self) -> None:
        self._runner.run(self._player.storage.close())
        self._runner.close()
        _remove(self._url)


def _make(url: str) -> None:
    """Make the schema for one storage, where it needs one."""
    if url.startswith("postgresql:"):
        from ..servers.postgresql import create_schema

        create_schema(*_server_and_schema(url))


def _server_and_schema(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    schema = options.pop("schema")
    return urlunsplit(parts._replace(query=urlencode(options))), schema


def _remove(url: str) -> None:
    """Remove the schema or database that was made for one storage."""
    parts = urlsplit(url)
    if parts.scheme == "postgresql":
        from ..servers.postgresql import drop_schema

        drop_schema(*_server_and_schema(url))
    elif parts.scheme.startswith("mongodb"):
        from ..servers.mongodb import drop_database

        drop_database(url, parts.path.strip("/"))


_COLOURS: Final[tuple[tuple[str, type[_Seat]], ...]] = (("sync", _BlockingSeat), ("async", _WaitingSeat))


class OpenEngine:
    """An engine whose storages are opened when a program first needs them."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.name = engine.name
        self._clock = clock
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        self._seats: dict[str, _Seat] = {}
        self._forms = [
            (url, colour, make)
            for url in engine.urls
            for colour, make in _COLOURS
            if colour in engine.colours
        ]

    @property
    def labels(self) -> list[str]:
        """The names of its forms and colours."""
        return [_label(url, colour, self.engine) for url, colour, _ in self._forms]

    def label_for(self, number: int) -> str:
        """The form and the colour that program ``number`` runs in."""
        return self.labels[Draws(f"seat {self.name} {number}").below(len(self._forms))]

    def seat(self, label: str) -> _Seat:
        """The storage of that form and colour, open."""
        seat = self._seats.get(label)
        if seat is None:
            url, _, make = self._forms[self.labels.index(label)]
            new_url = expanded(url, lambda: Path(tempfile.mkdtemp(dir=self._folder)))
            seat = self._seats[label] = make(label, new_url, self._clock, plain=self.engine.single)
        return seat

    def tidy(self, label: str) -> None:
        """See to it that the storage of that form and colour is empty."""
        seat = self._seats.get(label)
        if seat is not None and not seat.is_empty():
            del self._seats[label]
            seat.close()

    def renew(self) -> None:
        """Close its storages; the next programs find new ones."""
        seats, self._seats = self._seats, {}
        for seat in seats.values():
            seat.close()

    def close(self) -> None:
        """Close its storages, and remove what was made for them."""
        self.renew()
        shutil.rmtree(self._folder, ignore_errors=True)


def _label(url: str, colour: str, engine: Engine) -> str:
    form = " memory" if ":memory:" in url and len(engine.urls) > 1 else ""
    return f"{engine.name}{form} {colour}"
