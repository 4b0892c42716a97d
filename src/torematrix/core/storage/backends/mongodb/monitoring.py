"""What PyMongo tells of its pools: how long a connection was waited for, and how many there are."""

from __future__ import annotations

from typing import Any

from pymongo.monitoring import ConnectionCheckOutFailedReason, ConnectionPoolListener

from ..._overriding import override
from ...core.observing import Connections, Waits

__all__ = ["PoolListener"]


class PoolListener(ConnectionPoolListener):
    """Listens to all pools of a client: there is one for each member of a replica set that it speaks to.

    PyMongo measures each check-out itself, and tells of it in the task or thread that asked. Its monitors have pools
    of which it does not tell.

    Args:
        waits: who is told of waits.
    """

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._open: set[tuple[Any, int]] = set()
        self._used: set[tuple[Any, int]] = set()

    def connections(self) -> tuple[Connections, ...]:
        """How many there are now."""
        used = len(self._used)
        return (Connections("", used, max(0, len(self._open) - used)),)

    @override
    def connection_ready(self, event: Any) -> None:
        self._open.add((event.address, event.connection_id))

    @override
    def connection_closed(self, event: Any) -> None:
        self._open.discard((event.address, event.connection_id))

    @override
    def connection_checked_out(self, event: Any) -> None:
        self._used.add((event.address, event.connection_id))
        self._waits.waited(event.duration)

    @override
    def connection_checked_in(self, event: Any) -> None:
        self._used.discard((event.address, event.connection_id))

    @override
    def connection_check_out_failed(self, event: Any) -> None:
        exhausted = event.reason == ConnectionCheckOutFailedReason.TIMEOUT
        self._waits.waited(event.duration, obtained=False, exhausted=exhausted)

    @override
    def connection_created(self, event: Any) -> None:
        """Nothing: it is not open yet."""

    @override
    def connection_check_out_started(self, event: Any) -> None:
        """Nothing: the end says how long it took."""

    @override
    def pool_created(self, event: Any) -> None:
        """Nothing."""

    @override
    def pool_ready(self, event: Any) -> None:
        """Nothing."""

    @override
    def pool_cleared(self, event: Any) -> None:
        """Nothing: each connection is told of when it is closed."""

    @override
    def pool_closed(self, event: Any) -> None:
        """Nothing."""
