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
from .connection import AsyncLink
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


async def follow(link: AsyncLink, step: FollowingStep) -> Any:
    """Do a step, within the transaction at hand."""
    match step:
        case Follow(token, collections):
            return await _follow(link, token, collections)
        case Changes():
            state = own_state(await _state(link), step.token)
            rows = await fetch(
                link,
                f"SELECT number, collection, entity FROM {LOG} WHERE collection = ANY ($1::text[]) "
                "ORDER BY number LIMIT $2",
                (list(step.collections), step.limit),
            )
            return changed(step, rows, state)
        case Forget(token, numbers):
            own_state(await _state(link), token)
            await execute(link, f"DELETE FROM {LOG} WHERE number = ANY ($1::bigint[])", (list(numbers),))
        case Fence(token, collections):
            return await _fence(link, token, collections, step.patience)
        case Release():
            await _release(link)
        case Reopen():
            pass  # a fence that is not done ends with its transaction
    return None


async def _fence(link: AsyncLink, token: str, collections: Sequence[str], patience: float) -> Fenced:
    await _take_turn(link, patience)
    await _lock(link, collections)
    before = own_state(await _state(link), token)
    after = fenced(before, token, collections)
    await _trigger(link, _REFUSE, [name for name in collections if name not in before.fenced])
    await _keep(link, after)
    return Fenced(after == before, await stored_schemas(link))


async def _follow(link: AsyncLink, token: str, collections: Sequence[str]) -> Followed:
    await _take_turn(link, _PATIENCE)
    before = await _state(link)
    state = followed(before, token, collections)
    if state is None:
        return Followed(before)
    missing = [name for name in collections if before is None or name not in before.collections]
    if missing:
        await _lock(link, missing)
        schema = str((await fetch(link, "SELECT current_schema()"))[0][0])
        log = qualified(schema, LOG)
        await execute(
            link,
            f"CREATE TABLE IF NOT EXISTS {log} (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
            'collection text COLLATE "C" NOT NULL, entity text COLLATE "C" NOT NULL)',
        )
        # As the owner of the log, since who may write entities need not be allowed to write there.
        await _function(
            link,
            _NOTE,
            f"IF TG_OP = 'DELETE' THEN INSERT INTO {log} (collection, entity) VALUES (TG_TABLE_NAME, OLD.id); "
            f"ELSE INSERT INTO {log} (collection, entity) VALUES (TG_TABLE_NAME, NEW.id); END IF; RETURN NULL;",
            "SECURITY DEFINER SET search_path = pg_catalog, pg_temp",
        )
        await _function(
            link,
            _REFUSE,
            f"RAISE EXCEPTION USING ERRCODE = {quote_text(FENCED)}, MESSAGE = 'torematrix: moved'; RETURN NULL;",
        )
        await _trigger(link, _NOTE, missing)
    await _keep(link, state)
    return Followed(before)


async def _take_turn(link: AsyncLink, patience: float | None = None) -> None:
    """Wait for others who change what is kept of moves; not longer than that for this lock and for later ones."""
    if patience is not None:
        await execute(link, f"SET LOCAL lock_timeout = {max(1, round(patience * 1000))}")
    await execute(link, "SELECT pg_advisory_xact_lock($1)", (str(_LOCK),))


async def _lock(link: AsyncLink, collections: Sequence[str]) -> None:
    """Wait until nobody is writing; who comes later waits for the end of this transaction."""
    tables = ", ".join(map(quote_name, collections))
    await execute(link, f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")


async def _function(link: AsyncLink, name: str, body: str, options: str = "") -> None:
    await execute(
        link,
        f"CREATE OR REPLACE FUNCTION {quote_name(name)}() RETURNS trigger LANGUAGE plpgsql {options} "
        f"AS {quote_text(f'BEGIN {body} END')}",
    )


async def _trigger(link: AsyncLink, function: str, collections: Sequence[str]) -> None:
    name = quote_name(function)
    for collection in collections:
        await execute(
            link,
            f"CREATE TRIGGER {name} {_TRIGGERS[function]} INSERT OR UPDATE OR DELETE ON {quote_name(collection)} "
            f"FOR EACH ROW EXECUTE FUNCTION {name}()",
        )


async def _release(link: AsyncLink) -> None:
    await _take_turn(link)
    state = await _state(link)
    if state is None:
        return
    for collection in state.collections:
        for kind in _TRIGGERS:
            await execute(link, f"DROP TRIGGER IF EXISTS {quote_name(kind)} ON {quote_name(collection)}")
    for kind in _TRIGGERS:
        await execute(link, f"DROP FUNCTION IF EXISTS {quote_name(kind)}()")
    await execute(link, f"DROP TABLE IF EXISTS {quote_name(LOG)}")
    await execute(link, f"DELETE FROM {_TABLE} WHERE scope = $1 AND key = $2", (SCOPE, KEY))


async def _state(link: AsyncLink) -> LiveState | None:
    rows = await fetch(link, f"SELECT value FROM {_TABLE} WHERE scope = $1 AND key = $2", (SCOPE, KEY))
    return state_of(str(rows[0][0]) if rows else None)


async def _keep(link: AsyncLink, state: LiveState) -> None:
    await execute(
        link,
        f"INSERT INTO {_TABLE} VALUES ($1, $2, $3) ON CONFLICT (scope, key) DO UPDATE SET value = excluded.value",
        (SCOPE, KEY, text_of(state)),
    )
