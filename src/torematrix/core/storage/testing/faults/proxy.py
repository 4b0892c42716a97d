"""A proxy between a client and a server that cuts, delays or freezes a connection at the request it is told to.

Where, exactly:

before      the request does not reach the server, and the connection is cut on both sides
after       the server has answered the request; the answer does not reach the client, and the connection is cut
race        the request is handed to the server, and the connection is cut at once: either may win
freeze      the request does not reach the server, and nothing else passes either; nobody is told
frozen      the server has answered, and nothing passes any more; nobody is told
delay       the request is held back for a while
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection
from typing import Final, Self

from .wires import Wire

__all__ = ["PLACES", "Cut", "Proxy"]

PLACES: Final = ("before", "after", "race", "freeze", "frozen", "delay")
_PIECE: Final = 65_536
_OWN: Final = frozenset({"hello", "ismaster", "isMaster", "endSessions"})
"""What a client of MongoDB asks by itself."""


class Cut:
    """What to do with a connection, and where.

    Args:
        place: see the module.
        names: of the requests that it is about; none for any that a caller makes.
        times: how many of them are met.
        seconds: how long a request is held back.
        gone: for so many seconds after the first one the server cannot be reached.
        after: so many of the requests are passed on before.

    Attributes:
        met: how many requests have been.
    """

    def __init__(
        self,
        place: str,
        names: Collection[str],
        *,
        times: int = 1,
        seconds: float = 0.2,
        gone: float = 0.0,
        after: int = 0,
    ) -> None:
        self.place = place
        self.names = frozenset(names)
        self.seconds = seconds
        self.gone = gone
        self.met = 0
        self._left = times
        self._after = after
        self._lock = threading.Lock()

    def meets(self, name: str) -> bool:
        """Whether it is about this request; each that it is about is counted."""
        with self._lock:
            if not (name in self.names if self.names else name not in _OWN) or not self._left:
                return False
            if self._after:
                self._after -= 1
                return False
            self._left -= 1
            self.met += 1
            return True


class Proxy:
    """Listens on a port of its own, and passes everything on, but for what a cut says.

    Args:
        port: of the server, on this machine.
        wire: makes what understands a connection's requests.

    Attributes:
        port: where it listens.
        ended: the ports, as the server sees them, of connections that have ended.
    """

    def __init__(self, port: int, wire: Callable[[], Wire]) -> None:
        self._server = ("127.0.0.1", port)
        self._wire = wire
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._cut: Cut | None = None
        self._pairs: set[_Pair] = set()
        self.ended: set[int] = set()
        self._gone_until = 0.0
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, cut: Cut) -> None:
        """Do this to the next requests that it is about."""
        self._cut = cut

    def disarm(self) -> None:
        """Pass everything on from now on, and end what is frozen, or about to be cut."""
        self._cut = None
        self._gone_until = 0.0
        for pair in list(self._pairs):
            if pair.is_met:
                pair.end()

    def cut_for(self, name: str, there: _Pair) -> Cut | None:
        """What to do at a request on a connection."""
        cut = self._cut
        if not name or cut is None or not cut.meets(name):
            return None
        if cut.gone:
            self.vanish(cut.gone)
            for pair in list(self._pairs):
                if pair is not there:
                    pair.end()
        return cut

    def vanish(self, seconds: float) -> None:
        """Take no connection for a while."""
        self._gone_until = time.monotonic() + seconds

    def cut_all(self) -> None:
        """Cut every connection there is."""
        for pair in list(self._pairs):
            pair.end()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if time.monotonic() < self._gone_until or self._closed:
                _reset(client)
                continue
            try:
                server = socket.create_connection(self._server, timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = _Pair(self, client, server, self._wire())
            self.ended.discard(pair.port)
            self._pairs.add(pair)
            pair.start()

    def forget(self, pair: _Pair) -> None:
        """Note that a connection has ended."""
        self._pairs.discard(pair)
        self.ended.add(pair.port)

    def is_gone(self) -> bool:
        """Whether the server cannot be reached just now."""
        return time.monotonic() < self._gone_until

    def close(self) -> None:
        """End everything."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Pair:
    """One connection: two sockets, and a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket, wire: Wire) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._wire = wire
        self._at: Cut | None = None
        self.is_frozen = False
        self.port: int = server.getsockname()[1]
        self._ended = threading.Event()

    def start(self) -> None:
        """Pass on."""
        threading.Thread(target=self._requests, daemon=True).start()
        threading.Thread(target=self._answers, daemon=True).start()

    @property
    def is_met(self) -> bool:
        """Whether it is frozen, or is cut with the next answer."""
        return self.is_frozen or self._at is not None

    def end(self) -> None:
        """Cut it on both sides."""
        self._ended.set()
        self._proxy.forget(self)
        for each in (self._client, self._server):
            _reset(each)

    def _requests(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(_PIECE):
                if self.is_frozen:
                    continue
                if not self._pass_on(data):
                    return
        if not self.is_frozen:
            self.end()

    def _pass_on(self, data: bytes) -> bool:
        """Hand requests to the server; False when the connection was cut."""
        for name, message in self._wire.feed(data):
            if self.is_frozen:
                continue
            cut = self._proxy.cut_for(name, self)
            if cut is None:
                self._server.sendall(message)
                continue
            if cut.place == "before":
                self.end()
                return False
            if cut.place == "freeze":
                self.is_frozen = True
                continue
            if cut.place == "delay":
                time.sleep(cut.seconds)
            else:
                self._at = cut
            self._server.sendall(message)
        if self._at is not None and self._at.place == "race":
            self.end()
            return False
        return True

    def _answers(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(_PIECE):
                if self._at is not None and self._at.place == "after":
                    break
                if self._at is not None and self._at.place == "frozen":
                    self.is_frozen = True
                if not self.is_frozen:
                    self._client.sendall(data)
        if not self.is_frozen:
            self.end()


def _reset(each: socket.socket) -> None:
    """Close at once: what was not sent yet is forgotten, and the other side is told with RST."""
    with contextlib.suppress(OSError):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it
    with contextlib.suppress(OSError):
        each.close()
