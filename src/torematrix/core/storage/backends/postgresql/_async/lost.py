"""What became of a write whose answer was lost with the connection: the server is asked by another one.

A transaction is asked for by its number (``pg_xact_status``). One that is still open, because the server has not
noticed or never got the COMMIT, is ended first: its session is the one that holds its number, so no other is hit.

A server that crashes gives numbers again that had not reached its disk, and then "committed" is said of somebody else's
transaction. A crash also resets the statistics, so the time of that says whether a number can be trusted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

import msgspec
import psycopg

from ....errors import CommitUnknown, InvalidQueryError, UnavailableError
from ....model.codec import Row
from ..errors import BACKEND, translate
from ..waiting import AsyncWaiting
from .pool import AsyncPool
from .statements import fetch

__all__ = ["NUMBER", "are_same", "notes_of", "number_of", "outcome_of", "settle"]

_ASK_AGAIN: Final = 0.1
_PATIENCE: Final = 0.5
"""Seconds after which a transaction that goes on without us is ended."""
_TOKEN: Final = f"{BACKEND}:"

NUMBER: Final = "pg_current_xact_id()::text || '@' || extract(epoch FROM now())::text"
"""What names the present transaction: its number, and when it began by the server's clock."""
_STATUS: Final = """
SELECT pg_xact_status($1::xid8),
       coalesce((SELECT stats_reset FROM pg_stat_wal) < to_timestamp($2::float8), false)
"""
_END: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid = $1::xid8::xid"


async def settle(pool: AsyncPool, number: str, error: psycopg.Error) -> None:
    """Return if the transaction of this number was committed.

    Raises:
        UnavailableError: it was not.
        CommitUnknown: nobody could be asked within ``pool_timeout``.
    """
    committed = await outcome_of(pool, number)
    if committed is None:
        raise CommitUnknown(
            "the connection was lost while the transaction was being committed, and the server could not be asked "
            "whether it was: ask later with storage.commit_outcome(error.token), or look before doing it again",
            token=f"{_TOKEN}{number}",
            backend=BACKEND,
            operation="transaction",
        ) from error
    if not committed:
        ours = translate(error) or UnavailableError("the connection was lost", backend=BACKEND)
        ours.operation = "transaction"
        raise ours from error


async def outcome_of(pool: AsyncPool, number: str) -> bool | None:
    """Whether the transaction of this number was committed; None where it cannot be found out."""
    xid, _, since = number.partition("@")
    began = monotonic()
    while monotonic() - began < pool.timeout:
        try:
            link = pool.ready() or await pool.take()
            try:
                status, trusted = (await fetch(link, _STATUS, (xid, since)))[0]
                if status == "in progress" and trusted and monotonic() - began > _PATIENCE:
                    await fetch(link, _END, (xid,))
            finally:
                if not pool.keep(link):
                    await pool.give_back(link)
        except psycopg.errors.InvalidParameterValue:
            return False  # it is still to come: the server has crashed, and forgotten it
        except psycopg.Error:
            pass
        except UnavailableError:
            return None
        else:
            if status is None:
                return None  # too long ago
            if status != "aborted" and not trusted:
                return None  # perhaps somebody else's, who has the number now
            if status != "in progress":
                return bool(status == "committed")
        await AsyncWaiting.sleep(_ASK_AGAIN)
    return None


def number_of(token: str) -> str:
    """The number of the transaction that a token names."""
    number = token.removeprefix(_TOKEN)
    if number == token or not re.fullmatch(r"[0-9]{1,20}@[0-9]{1,12}(\.[0-9]{1,6})?", number):
        raise InvalidQueryError("this is no token of a CommitUnknown of PostgreSQL", backend=BACKEND)
    return number


def notes_of(error: BaseException) -> Sequence[str]:
    """What was noted on an error on its way."""
    return getattr(error, "__notes__", ())


def are_same(rows: Sequence[Row], stored: Sequence[Row]) -> bool:
    """Whether what is stored are these rows, in any order; documents are equal whatever the order of their keys."""
    if len(rows) != len(stored):
        return False
    held = {row[0]: row for row in stored}
    return all(
        row[0] in held and all(_is_same(*pair) for pair in zip(row, held[row[0]], strict=True))
        for row in rows
    )


def _is_same(value: Any, stored: Any) -> bool:
    if value == stored:
        return True
    if not (isinstance(value, str) and isinstance(stored, str)):
        return False
    try:
        return bool(msgspec.json.decode(value) == msgspec.json.decode(stored))
    except msgspec.DecodeError:
        return False
