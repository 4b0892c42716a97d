"""What others write, noted by triggers; and the fence, which is triggers too.

Triggers are part of the file: whoever writes to it, with whatever version of whatever program, fires them, in the
transaction of the write. SQLite lets one write at a time, so who makes them waits for who writes, and the order of the
notes is that of the commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import apsw
import msgspec

from ...core.following import (
    Changes,
    Fence,
    Fenced,
    Follow,
    Followed,
    FollowingStep,
    Forget,
    LiveState,
    Release,
    Reopen,
    changed,
    fenced,
    followed,
    own_state,
)
from .._sql.following import KEY, LOG, SCOPE, state_of, text_of
from .ensure import stored_schemas
from .errors import FENCED
from .quoting import META, quote_name, quote_text

__all__ = ["follow"]

_NOTE: Final = "torematrix_note"
_REFUSE: Final = "torematrix_refuse"
_EVENTS: Final = ("INSERT", "UPDATE", "DELETE")


def follow(connection: apsw.Connection, step: FollowingStep) -> Any:
    """Do a step, within the transaction at hand."""
    match step:
        case Follow(token, collections):
            return _follow(connection, token, collections)
        case Changes():
            state = own_state(_state(connection), step.token)
            rows = connection.execute(
                f"SELECT number, collection, entity FROM {LOG} WHERE collection IN (SELECT value FROM json_each(?)) "
                "ORDER BY number LIMIT ?",
                (_json(step.collections), step.limit),
            ).fetchall()
            return changed(step, rows, state)
        case Forget(token, numbers):
            own_state(_state(connection), token)
            connection.execute(
                f"DELETE FROM {LOG} WHERE number IN (SELECT value FROM json_each(?))", (_json(numbers),)
            )
        case Fence(token, collections):
            before = _state(connection)
            after = fenced(before, token, collections)
            for name in collections:
                for event in _EVENTS:
                    connection.execute(
                        f"CREATE TRIGGER IF NOT EXISTS {_trigger(_REFUSE, event, name)} BEFORE {event} ON "
                        f"{quote_name(name)} BEGIN SELECT RAISE(ABORT, {quote_text(FENCED)}); END"
                    )
            _keep(connection, after)
            return Fenced(after == before, stored_schemas(connection))
        case Release():
            _release(connection)
        case Reopen():
            pass  # a fence that is not done ends with its transaction
    return None


def _follow(connection: apsw.Connection, token: str, collections: Sequence[str]) -> Followed:
    before = _state(connection)
    state = followed(before, token, collections)
    if state is not None:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {LOG} "
            "(number INTEGER PRIMARY KEY, collection TEXT NOT NULL, entity TEXT NOT NULL) STRICT"
        )
        for name in collections:
            for event in _EVENTS:
                row = "OLD" if event == "DELETE" else "NEW"
                connection.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {_trigger(_NOTE, event, name)} AFTER {event} ON {quote_name(name)} "
                    f"BEGIN INSERT INTO {LOG} (collection, entity) VALUES ({quote_text(name)}, {row}.id); END"
                )
        _keep(connection, state)
    return Followed(before)


def _release(connection: apsw.Connection) -> None:
    for (trigger,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' "
        "AND (substr(name, 1, length(?1)) = ?1 OR substr(name, 1, length(?2)) = ?2)",
        (f"{_REFUSE}_", f"{_NOTE}_"),
    ).fetchall():
        connection.execute(f"DROP TRIGGER {quote_name(str(trigger))}")
    connection.execute(f"DROP TABLE IF EXISTS {LOG}")
    connection.execute(f"DELETE FROM {META} WHERE scope = ? AND key = ?", (SCOPE, KEY))


def _trigger(kind: str, event: str, collection: str) -> str:
    return quote_name(f"{kind}_{event.lower()}_{collection}")


def _state(connection: apsw.Connection) -> LiveState | None:
    row = connection.execute(f"SELECT value FROM {META} WHERE scope = ? AND key = ?", (SCOPE, KEY)).fetchone()
    return state_of(None if row is None else str(row[0]))


def _keep(connection: apsw.Connection, state: LiveState) -> None:
    connection.execute(f"INSERT OR REPLACE INTO {META} VALUES (?, ?, ?)", (SCOPE, KEY, text_of(state)))


def _json(values: Sequence[object]) -> str:
    return msgspec.json.encode(values).decode()
