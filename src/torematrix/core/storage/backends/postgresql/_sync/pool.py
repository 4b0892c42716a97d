# generated from _async/pool.py by tools/generate_twins.py: do not edit
"""The connections of one storage: psycopg's pool, with a stack in front that a call passes in a microsecond.

psycopg_pool makes the connections, limits and ages them, and queues who has to wait. Taking one from it and giving it
back costs a tenth of a read by key, so a connection that was taken stays on a stack here between two calls, and goes
back to the pool behind after some seconds, or at once when somebody waits there. What lies on the stack may have been
closed by the server meanwhile: the socket says so before it is used, without a round trip.

A server that cannot be reached is tried again until ``pool_timeout`` has passed; one that refuses (the password, the
database) is an error at once.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import deque
from functools import partial
from time import monotonic
from typing import Final

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from ....core.observing import Connections, Waits
from ....errors import StorageError, UnavailableError
from ..adapters import ADAPTERS
from ..config import PostgreSQLConfig
from ..diagnosis import refusal
from ..errors import BACKEND, of_state
from ..waiting import Waiting
from .connection import Link

__all__ = ["Pool"]

# What its pool meets comes to callers as errors: without logging set up it need not be on the terminal as well.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())

_FORKED: Final = "in the process that was forked"
_pools: Final[weakref.WeakSet[Pool]] = weakref.WeakSet()

_LEASE: Final = 5.0
"""After so many seconds a connection passes through the pool behind, which ends old and superfluous ones."""
_FIRST: Final = 0.3
"""Seconds after which it is looked whether the server refuses connections, rather than that all are in use."""
_AGAIN: Final = 1.0
"""Seconds between two looks, while it does."""


class Pool:
    """All connections of one storage.

    Args:
        config: how they are made, and how many.
        waits: who is told how long one was waited for; None where nobody wants to know.
    """

    def __init__(self, config: PostgreSQLConfig, waits: Waits | None = None) -> None:
        self._config = config
        self._waits = waits
        self._made: list[weakref.ref[Link]] = []
        self._idle: deque[Link] = deque()
        self._dead: list[Link] = []
        self._lent: set[Link] = set()
        self._waiting = 0
        self._counting = threading.Lock()
        self._behind: ConnectionPool[Link] | None = None
        self._failed: psycopg.Error | None = None
        self.timeout = config.pool_timeout
        self.closed = False
        self._home: object = self  # until it is open, no place is the right one
        _pools.add(self)

    @property
    def is_open(self) -> bool:
        """Whether connections can be taken."""
        return self._behind is not None and not self.closed

    def open(self) -> None:
        """Begin to make connections; errors come when one is taken."""
        config = self._config
        self._home = Waiting.here()
        self._behind = ConnectionPool(
            connection_class=Link,
            kwargs={
                **config.connection_options(),
                "autocommit": True,
                "context": ADAPTERS,
                "notice": self._notice,
            },
            min_size=config.min_pool_size,
            max_size=config.pool_size,
            timeout=config.pool_timeout,
            configure=self._configure,
            reconnect_timeout=0,  # who waits asks again, which makes the pool try again
            open=False,
            name="torematrix",
        )
        self._behind.open()

    def close(self) -> None:
        """Close every connection that is not in use, and no longer give any away."""
        self.closed = True
        behind, self._behind = self._behind, None
        if self._home is _FORKED:
            return  # The connections are those of the process that opened them.
        for link in list(self._lent):
            link.close()  # the server rolls back
        while self._idle:
            self._idle.pop().close()
        if behind is not None:
            behind.close()

    def _notice(self, error: psycopg.Error) -> None:
        self._failed = error

    def _configure(self, link: Link) -> None:
        link.set_up(self._config)
        self._failed = None
        with self._counting:
            self._made = [*(ref for ref in self._made if _is_open(ref)), weakref.ref(link)]

    def connections(self) -> tuple[Connections, ...]:
        """How many there are now."""
        behind = self._behind
        if behind is None:
            return ()
        idle = len(self._idle) + behind.get_stats()["pool_available"]
        return (Connections("", max(0, sum(map(_is_open, self._made)) - idle), idle),)

    # ------------------------------------------------------------------------------------------------ taking, giving

    def ready(self) -> Link | None:
        """A connection that is at hand, or None: then ``take`` waits for one, as always where waits are told."""
        return self._at_hand() if self._waits is None else None

    def _at_hand(self) -> Link | None:
        if self._home is not Waiting.here():
            raise self._elsewhere()
        try:
            while True:
                link = self._idle.pop()
                if link.is_sound():
                    return link
                self._broken(link)
        except IndexError:
            return None

    def _broken(self, link: Link) -> None:
        """Leave a connection that the server has closed to the pool behind, when next somebody waits for it."""
        link.pgconn.finish()
        self._dead.append(link)

    def take(self) -> Link:
        """A connection, as soon as there is one.

        Raises:
            UnavailableError: there was none within ``pool_timeout``.
            PermissionDeniedError, ConfigurationError: the server refuses to be connected to.
        """
        if self._waits is None:
            return self._take()
        with self._waits.waiting():
            return self._take()

    def _take(self) -> Link:
        link = self._at_hand()
        if link is not None:
            return link
        behind = self._behind
        if behind is None:
            raise StorageError(
                "the storage is closed" if self.closed else "the storage is not open", backend=BACKEND
            )
        while self._dead:
            Waiting.finished(behind.putconn, self._dead.pop())
        with self._counting:
            self._waiting += 1
        try:
            # Somebody may have laid one down before it could be seen that one is waited for.
            link = self._at_hand()
            if link is None:
                link = self._from(behind)
                link.since = monotonic()
        finally:
            with self._counting:
                self._waiting -= 1
        return link

    def keep(self, link: Link) -> bool:
        """Lay a connection down for the next call. False where that is not enough: then ``give_back`` does the rest."""
        if not link.is_idle or self.closed or monotonic() - link.since > _LEASE:
            return False
        self._idle.append(link)
        if not self._waiting:
            return True
        # Whoever waits does so at the pool behind.
        try:
            self._idle.remove(link)
        except ValueError:
            return True  # and has it by now
        return False

    def give_back(self, link: Link) -> None:
        """Hand a connection to the pool behind, which rolls back, closes or replaces it where need be."""
        Waiting.finished(self._return, link)

    def _return(self, link: Link) -> None:
        behind = self._behind
        if behind is None:
            link.close()
        else:
            behind.putconn(link)

    def lend(self, link: Link) -> None:
        """Note that a transaction holds the connection, which closing the storage ends."""
        self._lent.add(link)

    def lent_back(self, link: Link) -> None:
        """Note that it does no longer."""
        self._lent.discard(link)

    def _from(self, behind: ConnectionPool[Link]) -> Link:
        timeout = self._config.pool_timeout
        until = monotonic() + timeout
        pause = _FIRST
        while True:
            left = until - monotonic()
            try:
                link = behind.getconn(max(0.001, min(left, pause)))
                if link.is_sound():
                    return link
                link.pgconn.finish()
                Waiting.finished(behind.putconn, link)  # which makes another one for it
                continue
            except PoolClosed:
                raise StorageError("the storage is closed", backend=BACKEND) from None
            except PoolTimeout:
                failed = self._failed
            if failed is not None:
                state = self._state()
                if state is not None and not of_state(state).retryable:
                    raise of_state(state) from failed
            if until - monotonic() <= 0:
                raise self._unavailable(failed) from failed
            # As long as connections come about, only somebody who gives one back can help.
            pause = timeout if failed is None else _AGAIN

    def _state(self) -> str | None:
        """The SQLSTATE with which the server refuses connections."""
        options, limit = self._config.connection_options(), self._config.connect_timeout
        return Waiting.apart(partial(refusal, options, limit))

    def _unavailable(self, failed: psycopg.Error | None) -> UnavailableError:
        config = self._config
        if failed is not None:
            message = f"the server could not be connected to within {config.pool_timeout:g} seconds"
        else:
            message = (
                f"all {config.pool_size} connections of the pool were in use for {config.pool_timeout:g} seconds; "
                "raise pool_size, or hold transactions and streams open for less long"
            )
        return UnavailableError(message, backend=BACKEND)

    def _elsewhere(self) -> StorageError:
        if self._home is self:
            message = "the storage is not open"
        elif self._home is _FORKED:
            message = "the storage was opened before this process was forked; open it in the child"
        else:
            message = "the storage was opened in another event loop; open one in each"
        return StorageError(message, backend=BACKEND)

    def was_forked(self) -> None:
        """Use no connection any more: two processes that speak on one would garble each other's words."""
        if self._home is not self:
            self._home = _FORKED


def _is_open(link: weakref.ref[Link]) -> bool:
    there = link()
    return there is not None and not there.closed


def _forget_all() -> None:
    for pool in list(_pools):
        pool.was_forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
