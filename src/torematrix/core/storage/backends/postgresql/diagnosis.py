"""Why a server refused a connection: its SQLSTATE, which libpq knows and keeps to itself.

Where no connection comes about there is no result that would carry a code, only a text in the server's language. So the
attempt is made once more with libpq's own trace of the protocol switched on, and the code is read from the server's
answer there. The trace goes to memory and is gone when this returns: it may hold a password that goes in clear.
"""

from __future__ import annotations

import os
import re
import select
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

from psycopg import pq
from psycopg.conninfo import make_conninfo

__all__ = ["refusal"]

# "B <length> ErrorResponse S "FATAL" V "FATAL" C "28P01" M ...", as libpq writes it.
_CODE: Final = re.compile(rb'\tErrorResponse\t.*? C "([0-9A-Z]{5})"')
_REFUSED: Final = "28P01"


def refusal(options: Mapping[str, Any], deadline: float) -> str | None:
    """The SQLSTATE with which the server refuses these options; None where it cannot be reached, or takes them now.

    Blocks for up to ``deadline`` seconds.
    """
    connection = pq.PGconn.connect_start(make_conninfo("", **options).encode())
    trace = os.memfd_create("torematrix") if hasattr(os, "memfd_create") else -1
    try:
        if trace >= 0 and connection.status != pq.ConnStatus.BAD:
            connection.trace(trace)
        _follow(connection, monotonic() + deadline)
        if connection.status == pq.ConnStatus.OK:
            return None
        if trace >= 0:
            connection.untrace()
            found: list[bytes] = _CODE.findall(os.pread(trace, 1 << 20, 0))
            if found:
                return found[-1].decode()
        # It asked for a password and there is none or, where there is no trace to read, refused the one it got.
        refused = connection.needs_password or (trace < 0 and connection.used_password)
        return _REFUSED if refused else None
    finally:
        connection.finish()
        if trace >= 0:
            os.close(trace)


def _follow(connection: pq.abc.PGconn, until: float) -> None:
    """Let libpq go on with its attempt until it has an outcome or the time is up."""
    state: int = pq.PollingStatus.WRITING
    while state in (pq.PollingStatus.READING, pq.PollingStatus.WRITING):
        left = until - monotonic()
        if left <= 0 or connection.status == pq.ConnStatus.BAD:
            return
        sockets = [connection.socket]
        reading = state == pq.PollingStatus.READING
        ready = select.select(sockets if reading else [], [] if reading else sockets, [], left)
        if any(ready):
            state = connection.connect_poll()
