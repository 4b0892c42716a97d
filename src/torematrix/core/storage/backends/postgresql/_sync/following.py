# generated from _async/following.py by tools/generate_twins.py: do not edit
"""What others write, noted by triggers; and the fence, which is triggers too.

Triggers fire for whoever writes, with whatever version of whatever program, in the transaction of the write. The lock
that making one takes waits for everybody who is writing: from then on every write is noted. The notes are read by their
presence, not by their numbers, since a transaction that began early may commit late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ....core.following import (
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
from ..._sql.following import KEY, LOG, SCOPE, state_of, text_of
from ..errors import FENCED
from ..plan import META
from ..quoting import qualified, quote_name, quote_text
from .connection import Link
from .ensure import stored_schemas
from .statements import execute, fetch

__all__ = ["follow"]

_TABLE: Final = quote_name(META)
_NOTE: Final = "torematrix_note"
_REFUSE: Final = "torematrix_refuse"
_TRIGGERS: Final = {_NOTE: "AFTER", _REFUSE: "BEFORE"}
_PATIENCE: Final = 0.3
_LOCK: Final = 0x746F72656C697665
"""Of all that move from a database, one at a time changes what is kept of it."""


def follow(link: Link, step: FollowingStep) -> Any:
    """Do a step, within the transaction at hand."""
    match step:
        case Follow(token, collections):
            return _follow(link, token, collections)
        case Changes():
            state = own_state(_state(link), step.token)
            rows = fetch(
                link,
                f"SELECT number, collection, entity FROM {LOG} WHERE collection = ANY ($1::text[]) "
                "ORDER BY number LIMIT $2",
                (list(step.collections), step.limit),
            )
            return changed(step, rows, state)
        case Forget(token, numbers):
            own_state(_state(link), token)
            execute(link, f"DELETE FROM {LOG} WHERE number = ANY ($1::bigint[])", (list(numbers),))
        case Fence(token, collections):
            return _fence(link, token, collections, step.patience)
        case Release():
            _release(link)
        case Reopen():
            pass  # a fence that is not done ends with its transaction
    return None


def _fence(link: Link, token: str, collections: Sequence[str], patience: float) -> Fenced:
    _take_turn(link, patience)
    _lock(link, collections)
    before = own_state(_state(link), token)
    after = fenced(before, token, collections)
    _trigger(link, _REFUSE, [name for name in collections if name not in before.fenced])
    _keep(link, after)
    return Fenced(after == before, stored_schemas(link))


def _follow(link: Link, token: str, collections: Sequence[str]) -> Followed:
    _take_turn(link, _PATIENCE)
    before = _state(link)
    state = followed(before, token, collections)
    if state is None:
        return Followed(before)
    missing = [name for name in collections if before is None or name not in before.collections]
    if missing:
        _lock(link, missing)
        schema = str(fetch(link, "SELECT current_schema()")[0][0])
        log = qualified(schema, LOG)
        execute(
            link,
            f"CREATE TABLE IF NOT EXISTS {log} (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
            'collection text COLLATE "C" NOT NULL, entity text COLLATE "C" NOT NULL)',
        )
        # As the owner of the log, since who may write entities need not be allowed to write there.
        _function(
            link,
            _NOTE,
            f"IF TG_OP = 'DELETE' THEN INSERT INTO {log} (collection, entity) VALUES (TG_TABLE_NAME, OLD.id); "
            f"ELSE INSERT INTO {log} (collection, entity) VALUES (TG_TABLE_NAME, NEW.id); END IF; RETURN NULL;",
            "SECURITY DEFINER SET search_path = pg_catalog, pg_temp",
        )
        _function(
            link,
            _REFUSE,
            f"RAISE EXCEPTION USING ERRCODE = {quote_text(FENCED)}, MESSAGE = 'torematrix: moved'; RETURN NULL;",
        )
        _trigger(link, _NOTE, missing)
    _keep(link, state)
    return Followed(before)


def _take_turn(link: Link, patience: float | None = None) -> None:
    """Wait for others who change what is kept of moves; not longer than that for this lock and for later ones."""
    if patience is not None:
        execute(link, f"SET LOCAL lock_timeout = {max(1, round(patience * 1000))}")
    execute(link, "SELECT pg_advisory_xact_lock($1)", (str(_LOCK),))


def _lock(link: Link, collections: Sequence[str]) -> None:
    """Wait until nobody is writing; who comes later waits for the end of this transaction."""
    tables = ", ".join(map(quote_name, collections))
    execute(link, f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")


def _function(link: Link, name: str, body: str, options: str = "") -> None:
    execute(
        link,
        f"CREATE OR REPLACE FUNCTION {quote_name(name)}() RETURNS trigger LANGUAGE plpgsql {options} "
        f"AS {quote_text(f'BEGIN {body} END')}",
    )


def _trigger(link: Link, function: str, collections: Sequence[str]) -> None:
    name = quote_name(function)
    for collection in collections:
        execute(
            link,
            f"CREATE TRIGGER {name} {_TRIGGERS[function]} INSERT OR UPDATE OR DELETE ON {quote_name(collection)} "
            f"FOR EACH ROW EXECUTE FUNCTION {name}()",
        )


def _release(link: Link) -> None:
    _take_turn(link)
    state = _state(link)
    if state is None:
        return
    for collection in state.collections:
        for kind in _TRIGGERS:
            execute(link, f"DROP TRIGGER IF EXISTS {quote_name(kind)} ON {quote_name(collection)}")
    for kind in _TRIGGERS:
        execute(link, f"DROP FUNCTION IF EXISTS {quote_name(kind)}()")
    execute(link, f"DROP TABLE IF EXISTS {quote_name(LOG)}")
    execute(link, f"DELETE FROM {_TABLE} WHERE scope = $1 AND key = $2", (SCOPE, KEY))


def _state(link: Link) -> LiveState | None:
    rows = fetch(link, f"SELECT value FROM {_TABLE} WHERE scope = $1 AND key = $2", (SCOPE, KEY))
    return state_of(str(rows[0][0]) if rows else None)


def _keep(link: Link, state: LiveState) -> None:
    execute(
        link,
        f"INSERT INTO {_TABLE} VALUES ($1, $2, $3) ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value",
        (SCOPE, KEY, text_of(state)),
    )
