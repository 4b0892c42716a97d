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
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from ....core.observing import Connections, Waits
from ....errors import StorageError, UnavailableError
from ..adapters import ADAPTERS
from ..config import PostgreSQLConfig
from ..diagnosis import refusal
from ..errors import BACKEND, of_state
from ..waiting import AsyncWaiting
from .connection import AsyncLink

__all__ = ["AsyncPool"]

# What its pool meets comes to callers as errors: without logging set up it need not be on the terminal as well.
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())

_FORKED: Final = "in the process that was forked"
_pools: Final[weakref.WeakSet[AsyncPool]] = weakref.WeakSet()

_LEASE: Final = 5.0
"""After so many seconds a connection passes through the pool behind, which ends old and superfluous ones."""
_FIRST: Final = 0.3
"""Seconds after which it is looked whether the server refuses connections, rather than that all are in use."""
_AGAIN: Final = 1.0
"""Seconds between two looks, while it does."""


class AsyncPool:
    """All connections of one storage.

    Args:
        config: how they are made, and how many.
        waits: who is told how long one was waited for; None where nobody wants to know.
    """

    def __init__(self, config: PostgreSQLConfig, waits: Waits | None = None) -> None:
        self._config = config
        self._waits = waits
        self._made: list[weakref.ref[AsyncLink]] = []
        self._idle: deque[AsyncLink] = deque()
        self._dead: list[AsyncLink] = []
        self._lent: set[AsyncLink] = set()
        self._waiting = 0
        self._counting = threading.Lock()
        self._behind: AsyncConnectionPool[AsyncLink] | None = None
        self._failed: psycopg.Error | None = None
        self.timeout = config.pool_timeout
        self.closed = False
        self._home: object = self  # until it is open, no place is the right one
        _pools.add(self)

    @property
    def is_open(self) -> bool:
        """Whether connections can be taken."""
        return self._behind is not None and not self.closed

    async def open(self) -> None:
        """Begin to make connections; errors come when one is taken."""
        config = self._config
        self._home = AsyncWaiting.here()
        self._behind = AsyncConnectionPool(
            connection_class=AsyncLink,
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
        await self._behind.open()

    async def close(self) -> None:
        """Close every connection that is not in use, and no longer give any away."""
        self.closed = True
        behind, self._behind = self._behind, None
        if self._home is _FORKED:
            return  # The connections are those of the process that opened them.
        for link in list(self._lent):
            await link.close()  # the server rolls back
        while self._idle:
            await self._idle.pop().close()
        if behind is not None:
            await behind.close()

    def _notice(self, error: psycopg.Error) -> None:
        self._failed = error

    async def _configure(self, link: AsyncLink) -> None:
        await link.set_up(self._config)
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

    def ready(self) -> AsyncLink | None:
        """A connection that is at hand, or None: then ``take`` waits for one, as always where waits are told."""
        return self._at_hand() if self._waits is None else None

    def _at_hand(self) -> AsyncLink | None:
        if self._home is not AsyncWaiting.here():
            raise self._elsewhere()
        try:
            while True:
                link = self._idle.pop()
                if link.is_sound():
                    return link
                self._broken(link)
        except IndexError:
            return None

    def _broken(self, link: AsyncLink) -> None:
        """Leave a connection that the server has closed to the pool behind, when next somebody waits for it."""
        link.pgconn.finish()
        self._dead.append(link)

    async def take(self) -> AsyncLink:
        """A connection, as soon as there is one.

        Raises:
            UnavailableError: there was none within ``pool_timeout``.
            PermissionDeniedError, ConfigurationError: the server refuses to be connected to.
        """
        if self._waits is None:
            return await self._take()
        with self._waits.waiting():
            return await self._take()

    async def _take(self) -> AsyncLink:
        link = self._at_hand()
        if link is not None:
            return link
        behind = self._behind
        if behind is None:
            raise StorageError(
                "the storage is closed" if self.closed else "the storage is not open", backend=BACKEND
            )
        while self._dead:
            await AsyncWaiting.finished(behind.putconn, self._dead.pop())
        with self._counting:
            self._waiting += 1
        try:
            # Somebody may have laid one down before it could be seen that one is waited for.
            link = self._at_hand()
            if link is None:
                link = await self._from(behind)
                link.since = monotonic()
        finally:
            with self._counting:
                self._waiting -= 1
        return link

    def keep(self, link: AsyncLink) -> bool:
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

    async def give_back(self, link: AsyncLink) -> None:
        """Hand a connection to the pool behind, which rolls back, closes or replaces it where need be."""
        await AsyncWaiting.finished(self._return, link)

    async def _return(self, link: AsyncLink) -> None:
        behind = self._behind
        if behind is None:
            await link.close()
        else:
            await behind.putconn(link)

    def lend(self, link: AsyncLink) -> None:
        """Note that a transaction holds the connection, which closing the storage ends."""
        self._lent.add(link)

    def lent_back(self, link: AsyncLink) -> None:
        """Note that it does no longer."""
        self._lent.discard(link)

    async def _from(self, behind: AsyncConnectionPool[AsyncLink]) -> AsyncLink:
        timeout = self._config.pool_timeout
        until = monotonic() + timeout
        pause = _FIRST
        while True:
            left = until - monotonic()
            try:
                link = await behind.getconn(max(0.001, min(left, pause)))
                if link.is_sound():
                    return link
                link.pgconn.finish()
                await AsyncWaiting.finished(behind.putconn, link)  # which makes another one for it
                continue
            except PoolClosed:
                raise StorageError("the storage is closed", backend=BACKEND) from None
            except PoolTimeout:
                failed = self._failed
            if failed is not None:
                state = await self._state()
                if state is not None and not of_state(state).retryable:
                    raise of_state(state) from failed
            if until - monotonic() <= 0:
                raise self._unavailable(failed) from failed
            # As long as connections come about, only somebody who gives one back can help.
            pause = timeout if failed is None else _AGAIN

    async def _state(self) -> str | None:
        """The SQLSTATE with which the server refuses connections."""
        options, limit = self._config.connection_options(), self._config.connect_timeout
        return await AsyncWaiting.apart(partial(refusal, options, limit))

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


def _is_open(link: weakref.ref[AsyncLink]) -> bool:
    there = link()
    return there is not None and not there.closed


def _forget_all() -> None:
    for pool in list(_pools):
        pool.was_forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
