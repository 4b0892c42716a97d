"""Tokens that name a transaction whose outcome is not known, to ask for it later.

A transaction is a session and a number in it. MongoDB keeps for half an hour what became of it (in
``config.transactions``, see ``TransactionRecordMinimumLifetimeMinutes``): a commit that is sent again is answered
truly. Afterwards the answer would be that there is no such transaction, so a token is good for less than that.
"""

from __future__ import annotations

import time
from typing import Any, Final, NamedTuple

from ...errors import InvalidQueryError

__all__ = ["Token", "read_token", "token_of"]

_PREFIX: Final = "mongodb"
_GOOD: Final = 25 * 60
"""Seconds."""


class Token(NamedTuple):
    """A transaction: the session's id, the number in it, and whether the server can still be asked."""

    session: bytes
    number: int
    good: bool


def token_of(session: Any) -> str:
    """The token of a session's present transaction."""
    # PyMongo tells the number of a transaction to nobody else.
    number = session._server_session.transaction_id  # noqa: SLF001
    return f"{_PREFIX}:{bytes(session.session_id['id']).hex()}:{int(number)}:{int(time.time())}"


def read_token(token: str) -> Token:
    """What a token says. Raises InvalidQueryError where it is none."""
    try:
        prefix, session, number, moment = token.split(":")
        if prefix != _PREFIX or len(identity := bytes.fromhex(session)) != 16:
            raise ValueError
        return Token(identity, int(number), time.time() - int(moment) < _GOOD)
    except ValueError:
        raise InvalidQueryError("this is no token of a CommitUnknown of MongoDB", backend="mongodb") from None
