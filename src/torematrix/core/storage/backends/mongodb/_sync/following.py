# generated from _async/following.py by tools/generate_twins.py: do not edit
"""What others write, by the server's change streams; and the fence, a validator that no document passes.

The server refuses what is inserted and updated behind the fence, whoever does it, and making the validator waits for
every transaction that has written. It does not look at deletes: of these the library takes care itself (see
``leases``). What ends the notes is a mark, written when the fence stands: whoever has read it has read all before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

from bson import json_util
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo.errors import OperationFailure

from ....core.following import (
    Changed,
    Changes,
    Fence,
    Follow,
    Followed,
    FollowingStep,
    Forget,
    LiveState,
    Release,
    followed,
)
from ....errors import ConfigurationError
from ..finishing import Cancelling
from ..names import ID, META
from ..options import READING
from .ensure import NOTHING, admit, forget, held, put
from .server import Server

__all__ = ["CLOSING", "LEASE", "MOVED_AWAY", "OPEN", "follow", "phase_of"]

OPEN: Final = "open"
"""The phase in which writes are noted."""
CLOSING: Final = "closing"
"""The phase in which collections are being closed, and what was written before is being caught up."""
MOVED_AWAY: Final = "moved"
"""The phase behind all others."""
LEASE: Final = 1.0
"""So many seconds a program relies on what it knows of moves."""

_KEY: Final = "live"
_MARK: Final = "live-mark"
_MARK_WANTED: Final = "live-mark-wanted"
_VALIDATORS: Final = "live-validators"
"""Holds what the collections took before the fence."""
_HISTORY_LOST: Final = frozenset({280, 286})
_WAIT: Final = 50
"""So many milliseconds the server waits for a change before it says that there is none."""

_WRITES: Final = ["insert", "update", "replace", "delete"]

_Stored = dict[str, Any]


def follow(server: Server, step: FollowingStep, pause: Callable[[float], object]) -> Any:
    """Do a step. Each may be done again."""
    match step:
        case Follow(token, collections):
            return _follow(server, token, collections, pause)
        case Changes():
            return _changes(server, step)
        case Forget():
            return None
        case Fence(token, collections, done, patience):
            if done:
                _keep(server, LiveState(token, collections, fenced=True), MOVED_AWAY)
            else:
                _close(server, token, collections, patience)
        case Release(only_fence):
            _release(server, only_fence=only_fence)
    return None


def phase_of(server: Server, collection: str) -> str | None:
    """How far a live move of the collection has come; None where there is none."""
    found: _Stored = held(server, [_KEY]).get(_KEY, {})
    phase: str | None = found.get("phase") if collection in found.get("collections", ()) else None
    return phase


def _state(server: Server) -> LiveState | None:
    found = held(server, [_KEY]).get(_KEY)
    if found is None:
        return None
    return LiveState(found["token"], tuple(found["collections"]), found["phase"] == MOVED_AWAY)


def _keep(server: Server, state: LiveState, phase: str) -> None:
    put(server, _KEY, {"token": state.token, "collections": list(state.collections), "phase": phase})


def _follow(
    server: Server,
    token: str,
    collections: Sequence[str],
    pause: Callable[[float], object],
) -> Followed:
    before = _state(server)
    state = followed(before, token, collections)
    if state is None:
        return Followed(before)
    if state != before and not state.fenced:
        _keep(server, state, OPEN)
        pause(LEASE * 1.1)  # then every program knows
    now: Timestamp = server.command({"ping": 1})["operationTime"]
    # What is older than the place where the notes begin is there for whoever reads from now on.
    server.command({"find": META, "limit": 1, "readConcern": {"level": "majority", "afterClusterTime": now}})
    return Followed(before, json_util.dumps({"at": now}))


def _changes(server: Server, step: Changes) -> Changed:
    place = json_util.loads(step.position)
    begin = {"resumeAfter": place["behind"]} if "behind" in place else {"startAtOperationTime": place["at"]}
    mark = held(server, [_MARK_WANTED]).get(_MARK_WANTED, "")
    wanted = {
        "$or": [
            {"ns.coll": {"$in": list(step.collections)}, "operationType": {"$in": _WRITES}},
            {"ns.coll": META, "documentKey._id": _MARK, "fullDocument.value": mark},
        ]
    }
    command: _Stored = {
        "aggregate": 1,
        "pipeline": [
            {"$changeStream": begin},
            {"$match": wanted},
            {"$project": {"ns.coll": 1, "documentKey._id": 1}},
        ],
        "cursor": {"batchSize": step.limit},
        "readConcern": {"level": "majority"},
    }
    session = server.session()
    try:
        return _read(server, command, session, step.limit)
    except OperationFailure as error:
        if error.code in _HISTORY_LOST:
            raise ConfigurationError(
                "the server no longer has all changes since the move began (its oplog is too small): release the "
                "source, and move from the beginning",
                backend="mongodb",
            ) from error
        raise
    finally:
        session.end_session()


def _read(server: Server, command: _Stored, session: Any, limit: int) -> Changed:
    ids: dict[str, dict[str, None]] = {}
    count = 0
    is_last = False
    cursor = server.command(command, session)["cursor"]
    batch: list[_Stored] = cursor["firstBatch"]
    try:
        while True:
            for change in batch:
                is_last = is_last or change["ns"]["coll"] == META
                if change["ns"]["coll"] != META:
                    ids.setdefault(change["ns"]["coll"], {})[change["documentKey"][ID]] = None
                    count += 1
            behind = cursor["postBatchResumeToken"]
            if is_last or count:
                break  # what comes meanwhile is for the next time: others may write without end
            more = {
                "getMore": Int64(cursor["id"]),
                "collection": "$cmd.aggregate",
                "batchSize": limit,
                "maxTimeMS": _WAIT,
            }
            asked = Cancelling.asked()
            cursor = server.database.command(more, codec_options=READING, session=session)["cursor"]
            Cancelling.heed(asked)
            batch = cursor["nextBatch"]
            if not batch:
                behind = cursor["postBatchResumeToken"]
                break
    finally:
        server.close_cursor({**cursor, "ns": ".$cmd.aggregate"}, session)
    return Changed(
        {name: list(known) for name, known in ids.items()},
        count,
        position=json_util.dumps({"behind": behind}),
        is_last=is_last,
    )


def _close(server: Server, token: str, collections: Sequence[str], patience: float) -> None:
    known: _Stored = json_util.loads(held(server, [_VALIDATORS]).get(_VALIDATORS, "{}"))
    for name in collections:
        if name not in known:
            known[name] = _validator(server, name)
    put(server, _VALIDATORS, json_util.dumps(known))
    _keep(server, LiveState(token, tuple(collections)), CLOSING)
    for name in collections:
        admit(server, name, NOTHING, patience)
    # Another one each time: a fence that was taken down again has left its mark in the stream.
    mark = secrets.token_hex(8)
    put(server, _MARK_WANTED, mark)
    put(server, _MARK, mark)


def _validator(server: Server, name: str) -> _Stored:
    found = server.command({"listCollections": 1, "filter": {"name": {"$eq": name}}})
    batch: list[_Stored] = found["cursor"]["firstBatch"]
    validator: _Stored = batch[0]["options"].get("validator", {}) if batch else {}
    return validator


def _release(server: Server, *, only_fence: bool) -> None:
    state = _state(server)
    if state is None:
        return
    known: _Stored = json_util.loads(held(server, [_VALIDATORS]).get(_VALIDATORS, "{}"))
    for name, validator in known.items():
        admit(server, name, validator)
    _keep(server, state, OPEN)
    forget(server, [_VALIDATORS] if only_fence else [_KEY, _VALIDATORS, _MARK, _MARK_WANTED])
