# generated from _async/connection.py by tools/generate_twins.py: do not edit
"""One connection: how it is made, and what every session of this library is set to."""

from __future__ import annotations

from typing import Any

from psycopg import Connection, RawCursor, pq

__all__ = ["Link"]


class Link(Connection[tuple[Any, ...]]):
    """A connection with a cursor of its own, because making one costs a sixth of a read by key.

    Attributes:
        kept: that cursor. Its placeholders are ``$1``, ``$2`` and so on.
        since: when it was taken from the pool behind, in seconds of a clock that only goes forward.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.kept: RawCursor[tuple[Any, ...]] = RawCursor(self)
        self.since = 0.0

    def forget(self) -> None:
        """Let go of a large result, which the cursor would hold until its next statement."""
        self.kept = RawCursor(self)

    @property
    def is_idle(self) -> bool:
        """Whether it is alive, as far as anybody knows, and in no transaction."""
        return self.pgconn.transaction_status == pq.TransactionStatus.IDLE
