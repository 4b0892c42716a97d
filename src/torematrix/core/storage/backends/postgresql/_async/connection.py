"""One connection: how it is made, and what every session of this library is set to."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any, Final, Self

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, pq
from psycopg.abc import PQGen

from ...._overriding import override
from ..config import Durability, PostgreSQLConfig
from ..quoting import quote_name

__all__ = ["AsyncLink"]

_INTERVAL: Final = 0.1
"""How often, in seconds, psycopg looks whether it has been interrupted while it waits."""
_GRACE: Final = 5.0
"""So many seconds after the server should have ended a statement itself, it is taken for gone."""

_SETTINGS: Final = """
SELECT set_config('TimeZone', 'UTC', false),
       set_config('search_path', $1 || coalesce((
           SELECT ', ' || quote_ident(n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
           WHERE e.extname = 'pg_trgm' AND n.nspname NOT IN ($2, 'pg_catalog')), ''), false),
       set_config('statement_timeout', $3, false),
       set_config('lock_timeout', $4, false),
       set_config('synchronous_commit', $5, false),
       set_config('extra_float_digits', '1', false),
       set_config('jit', 'off', false),
       set_config('bytea_output', 'hex', false),
       set_config('standard_conforming_strings', 'on', false),
       set_config('default_transaction_isolation', 'read committed', false)
"""


class AsyncLink(AsyncConnection[tuple[Any, ...]]):
    """A connection with a cursor of its own, because making one costs a sixth of a read by key.

    Attributes:
        kept: that cursor. Its placeholders are ``$1``, ``$2`` and so on.
        since: when it was taken from the pool behind, in seconds of a clock that only goes forward.
        in_session: whether a session holds it, whose transaction goes on after a statement has failed.
        limit: seconds after which a server that does not answer is taken for gone; None for no limit.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.kept: AsyncRawCursor[tuple[Any, ...]] = AsyncRawCursor(self)
        self.since = 0.0
        self.in_session = False
        self.limit: float | None = None
        self._names = 0
        self._poll: Callable[[int], object] | None = None

    @classmethod
    @override
    async def connect(  # type: ignore[override]  # the further argument is the pool's own
        cls, conninfo: str = "", *, notice: Callable[[psycopg.Error], None] | None = None, **options: Any
    ) -> Self:
        """A new connection; ``notice`` is told when none came about."""
        try:
            return await super().connect(conninfo, **options)
        except psycopg.Error as error:
            if notice is not None:
                notice(error)
            raise

    async def set_up(self, config: PostgreSQLConfig) -> None:
        """Make the session what this library needs, in one round trip."""
        schema = config.schema
        self.forget()  # the cursor of the beginning does not know yet how values are to be read
        await self.kept.execute(
            _SETTINGS,
            (
                quote_name(schema),
                schema,
                str(round(config.statement_timeout * 1000)),
                str(round(config.lock_timeout * 1000)),
                "on" if config.durability is Durability.DURABLE else "off",
            ),
        )
        if config.statement_timeout:
            self.limit = config.statement_timeout + _GRACE
        if hasattr(select, "poll"):
            poller = select.poll()
            poller.register(self.pgconn.socket, select.POLLIN)
            self._poll = poller.poll

    @override
    async def wait(self, gen: PQGen[Any], interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        return await super().wait(gen, interval, self.limit if timeout is None else timeout)

    def forget(self) -> None:
        """Let go of a large result, which the cursor would hold until its next statement."""
        self.kept = AsyncRawCursor(self)

    @property
    def is_idle(self) -> bool:
        """Whether it is alive, as far as anybody knows, and in no transaction."""
        return self.pgconn.transaction_status == pq.TransactionStatus.IDLE

    @property
    def is_in_transaction(self) -> bool:
        """Whether it is in a transaction in which no statement has failed."""
        return self.pgconn.transaction_status == pq.TransactionStatus.INTRANS

    def new_name(self) -> str:
        """A name for a cursor that no other one on this connection has."""
        self._names += 1
        return f"torematrix_{self._names}"

    def is_sound(self) -> bool:
        """Whether the server has not hung up meanwhile; no round trip.

        A server that ends a session says so first. Nobody else speaks to an idle session unasked, but for changed
        settings of the server's: those may as well be met by a new one.
        """
        waits = self._poll(0) if self._poll is not None else select.select([self.pgconn.socket], [], [], 0)[0]
        return not waits and self.is_idle
