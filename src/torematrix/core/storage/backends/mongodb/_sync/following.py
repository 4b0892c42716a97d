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
    Fenced,
    Follow,
    Followed,
    FollowingStep,
    Forget,
    LiveState,
    Release,
    Reopen,
    fenced,
    followed,
    own_state,
)
from ....errors import ConfigurationError, ConflictError, UnavailableError
from ..finishing import Cancelling
from ..names import ID, META
from ..options import READING
from .ensure import NOTHING, admit, exchange, forget, held, migration_of, put, stored_schemas
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
_VALIDATORS: Final = "live-validators"
"""Holds what the collections took before the fence."""
_HISTORY_LOST: Final = frozenset({280, 286})
_WAIT: Final = 50
"""So many milliseconds the server waits for a change before it says that there is none."""

_WRITES: Final = ["insert", "update", "replace", "delete"]

_Stored = dict[str, Any]
"""What is kept of moves: of which one (``token``), which ``collections`` are followed, of which of them every program
knows that by now (``known``), which are ``fenced``, the last ``mark``, and while a fence is being put up ``closing``:
which collections, and by whom."""


def follow(server: Server, step: FollowingStep, pause: Callable[[float], object]) -> Any:
    """Do a step. Each may be done again."""
    match step:
        case Follow(token, collections):
            return _follow(server, token, collections, pause)
        case Changes():
            return _changes(server, step)
        case Forget():
            return None
        case Fence():
            return _done(server, step) if step.done else _close(server, step)
        case Reopen():
            _take_back(server, lambda kept: _closes(kept, step))
        case Release():
            _release(server)
    return None


def phase_of(server: Server, collection: str) -> str | None:
    """How far a live move of the collection has come; None where there is none."""
    found = held(server, [_KEY]).get(_KEY)
    if found is None or collection not in found["collections"]:
        return None
    if collection in found["fenced"]:
        return MOVED_AWAY
    return CLOSING if collection in found["closing"].get("collections", ()) else OPEN


def _state(kept: _Stored | None) -> LiveState | None:
    return (
        None if kept is None else LiveState(kept["token"], tuple(kept["collections"]), tuple(kept["fenced"]))
    )


def _own(kept: _Stored | None, token: str) -> _Stored:
    """What is kept, if it is of this move."""
    own_state(_state(kept), token)
    assert kept is not None
    return kept


def _change(server: Server, made: Callable[[_Stored | None], _Stored | None]) -> _Stored | None:
    """Put in the place of what is kept what is made of it, whoever else does the same; what was kept before."""
    while True:
        before: _Stored | None = held(server, [_KEY]).get(_KEY)
        after = made(before)
        if after == before or exchange(server, _KEY, before, after):
            return before


def _follow(
    server: Server,
    token: str,
    collections: Sequence[str],
    pause: Callable[[float], object],
) -> Followed:
    def announced(kept: _Stored | None) -> _Stored | None:
        state = followed(_state(kept), token, collections)
        if state is None:
            return kept
        return {
            "token": token,
            "collections": list(state.collections),
            "known": [] if kept is None else kept["known"],
            "fenced": list(state.fenced),
            "mark": "" if kept is None else kept["mark"],
            "closing": {} if kept is None else kept["closing"],
        }

    kept = _change(server, announced)
    before = _state(kept)
    if before is not None and before.token != token:
        return Followed(before)
    # Who was putting up a fence was killed, or finds out that it is not to be.
    _take_back(server, lambda _: True)
    if kept is None or not set(collections) <= set(kept["known"]):
        pause(LEASE * 1.1)  # then every program knows
        _change(server, lambda now: _with_known(_own(now, token), collections))
    now: Timestamp = server.command({"ping": 1})["operationTime"]
    # What is older than the place where the notes begin is there for whoever reads from now on.
    server.command({"find": META, "limit": 1, "readConcern": {"level": "majority", "afterClusterTime": now}})
    return Followed(before, _position({"at": now}))


def _with_known(kept: _Stored, collections: Sequence[str]) -> _Stored:
    return {**kept, "known": list(dict.fromkeys((*kept["known"], *collections)))}


def _position(place: _Stored) -> str:
    """A place in the stream as text; earlier ones come first."""
    at: Timestamp | None = place.get("at")
    # What a token of the server's says begins with the time too, in this form.
    order = str(place["behind"]["_data"]) if at is None else f"82{at.time:08X}{at.inc:08X}"
    return f"{order} {json_util.dumps(place)}"


def _changes(server: Server, step: Changes) -> Changed:
    place = json_util.loads(step.position.partition(" ")[2])
    begin = {"resumeAfter": place["behind"]} if "behind" in place else {"startAtOperationTime": place["at"]}
    kept = _own(held(server, [_KEY]).get(_KEY), step.token)
    wanted = {
        "$or": [
            {"ns.coll": {"$in": list(step.collections)}, "operationType": {"$in": _WRITES}},
            {"ns.coll": META, "documentKey._id": _MARK, "fullDocument.value": kept["mark"]},
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
        position=_position({"behind": behind}),
        is_last=is_last,
    )


def _close(server: Server, step: Fence) -> Fenced:
    """Have the collections take no documents; who writes waits until it is known what becomes of the move."""
    # Another one each time: a fence that was taken down again has left its mark in the stream.
    mark = secrets.token_hex(8)

    def closing(kept: _Stored | None) -> _Stored:
        kept = _own(kept, step.token)
        if set(step.collections) <= set(kept["fenced"]):
            return {**kept, "mark": mark}
        if kept["closing"] and not _closes(kept, step):
            raise _interfered(step)
        return {**kept, "mark": mark, "closing": {"mover": step.mover, "collections": list(step.collections)}}

    kept = _own(_change(server, closing), step.token)
    stood = set(step.collections) <= set(kept["fenced"])
    if not stood:
        _shut(server, step)
    put(server, _MARK, mark)
    return Fenced(stood, stored_schemas(server))


def _shut(server: Server, step: Fence) -> None:
    known = _validators(server)
    for name in step.collections:
        validator = _validator(server, name)
        if validator != NOTHING:
            known[name] = validator
        if name not in known or migration_of(server, name) is not None:
            raise UnavailableError(
                f"{name!r} is being migrated: it is moved when that is done",
                backend="mongodb",
                operation="move",
                collection=name,
            )
    put(server, _VALIDATORS, json_util.dumps(known))
    for name in step.collections:
        admit(server, name, NOTHING, step.patience)
    if not _closes(held(server, [_KEY]).get(_KEY), step):
        _admit_again(server, step.collections)
        raise _interfered(step)


def _closes(kept: _Stored | None, step: Fence | Reopen) -> bool:
    """Whether it is this mover who puts up a fence."""
    return kept is not None and kept["token"] == step.token and kept["closing"].get("mover") == step.mover


def _done(server: Server, step: Fence) -> None:
    def moved(kept: _Stored | None) -> _Stored:
        state = fenced(_state(kept), step.token, step.collections)
        kept = _own(kept, step.token)
        if state == _state(kept):
            return kept  # the answer was lost
        if not _closes(kept, step):
            raise _interfered(step)
        return {**kept, "fenced": list(state.fenced), "closing": {}}

    _change(server, moved)


def _interfered(step: Fence) -> ConflictError:
    return ConflictError(
        "another process begins or ends a live move of the same source at the same time; try again",
        backend="mongodb",
        operation="move",
        collection=step.collections[0],
    )


def _validators(server: Server) -> _Stored:
    """What the collections took before a fence."""
    known: _Stored = json_util.loads(held(server, [_VALIDATORS]).get(_VALIDATORS, "{}"))
    return known


def _validator(server: Server, name: str) -> _Stored:
    found = server.command({"listCollections": 1, "filter": {"name": {"$eq": name}}})
    batch: list[_Stored] = found["cursor"]["firstBatch"]
    validator: _Stored = batch[0]["options"].get("validator", {}) if batch else {}
    return validator


def _admit_again(server: Server, collections: Sequence[str]) -> None:
    known = _validators(server)
    for name in collections:
        # Where one is being migrated, that is what keeps documents out.
        is_shut = name in known and _validator(server, name) == NOTHING
        if is_shut and migration_of(server, name) is None:
            admit(server, name, known[name])


def _take_back(server: Server, is_meant: Callable[[_Stored], bool]) -> None:
    """Have collections take documents again that are being closed, if these are meant."""
    name = secrets.token_hex(8)

    def taken(kept: _Stored | None) -> _Stored | None:
        if kept is None or not kept["closing"] or not is_meant(kept):
            return kept
        return {**kept, "closing": {**kept["closing"], "mover": name}}

    # Under another name first: from then on whoever was at it cannot have it done.
    kept = _change(server, taken)
    if kept is not None and kept["closing"] and is_meant(kept):
        _admit_again(server, kept["closing"]["collections"])
        _change(
            server,
            lambda now: {**now, "closing": {}} if now and now["closing"].get("mover") == name else now,
        )


def _release(server: Server) -> None:
    kept = held(server, [_KEY]).get(_KEY)
    if kept is not None:
        _admit_again(server, [*kept["fenced"], *kept["closing"].get("collections", ())])
        forget(server, [_KEY, _VALIDATORS, _MARK])
