# generated from _async/texts.py by tools/generate_twins.py: do not edit
"""What a collection's texts need, made when it is opened: indexes, words and trigrams of what is there already, sums.

Everything happens outside transactions, in steps that may be repeated, also by several at once. First of all the
collection is told to take documents of the present declaration alone: from then on whoever has opened it under another
one is refused, and whatever is still of another one waits to be made anew by us. The note that all is done comes last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pymongo import UpdateOne, timeout
from pymongo.errors import OperationFailure, PyMongoError

from ....core.following import MOVED
from ....errors import MovedError, UnavailableError
from ..errors import NO_SNAPSHOT, duplicate_of, is_transient
from ..names import GENERATION, ID, META, TRIGRAMS, WORDS
from ..options import transaction_concern, write_concern
from ..plan import CollectionPlan
from ..texts import TextIndexes
from ..words import Totals
from .ensure import NOTHING as CLOSED
from .ensure import admit
from .following import CLOSING, MOVED_AWAY, phase_of
from .server import Server
from .totals import TOTALS, gate_of, new_gate, parts_of, stored_part

__all__ = ["ensure"]

_ROUNDS: Final = 10
_BATCH: Final = 200
_ABSENT: Final = (26, 27)
"""No such collection, no such index."""


def ensure(server: Server, plan: CollectionPlan, pause: Callable[[float], object]) -> None:
    """Have the texts of a collection indexed as its class declares it, whatever was before."""
    texts, key = plan.texts, f"texts:{plan.collection}"
    known = server.documents({"find": META, "filter": {ID: {"$eq": key}}, "limit": 1})
    stored: dict[str, Any] = known[0]["value"] if known else {}
    wanted = {} if texts is None else {"generation": texts.generation, "sums": _keeps_sums(server, texts)}
    if stored == wanted:
        return
    _check_unmoved(server, plan.collection)
    admit(server, plan.collection, {} if texts is None else {GENERATION: {"$eq": texts.generation}})
    try:
        _check_unmoved(server, plan.collection)
    except MovedError:
        admit(server, plan.collection, CLOSED)  # it has been fenced in between
        raise
    _drop_indexes(server, plan, keep=[] if texts is None else [*_definitions(server, texts)])
    if texts is None:
        _forget(server, plan.collection)
    else:
        definitions = [*_definitions(server, texts).values()]
        # By a majority, or a snapshot taken at once might be of before.
        server.command(
            {"createIndexes": plan.collection, "indexes": definitions, "writeConcern": {"w": "majority"}}
        )
        if stored.get("generation") != texts.generation:
            _rebuild(server, plan, texts)
        if wanted["sums"]:
            _add_up(server, texts, pause)
        else:
            with timeout(server.deadline):
                server.database[TOTALS].delete_many(parts_of(plan.collection))
    with timeout(server.deadline):
        server.database[META].replace_one({ID: {"$eq": key}}, {"value": wanted}, upsert=True)


def _check_unmoved(server: Server, collection: str) -> None:
    if phase_of(server, collection) in (CLOSING, MOVED_AWAY):
        raise MovedError(
            f"{collection!r} {MOVED}", backend="mongodb", operation="ensure", collection=collection
        )


def _keeps_sums(server: Server, texts: TextIndexes) -> bool:
    return server.transactions and texts.search is not None


def _definitions(server: Server, texts: TextIndexes) -> dict[str, dict[str, Any]]:
    """The indexes by name; one of the lengths where they are added up by every search."""
    definitions = {str(each["name"]): each for each in texts.definitions}
    if texts.search is not None and not server.transactions:
        definitions[f"{WORDS}.d"] = {"name": f"{WORDS}.d", "key": {f"{WORDS}.d": 1}}
    return definitions


def _drop_indexes(server: Server, plan: CollectionPlan, keep: list[str]) -> None:
    """Drop the indexes of texts that are not declared any more."""
    # A collection has 64 at most, which a first batch holds.
    found = server.command({"listIndexes": plan.collection, "cursor": {"batchSize": 100}})
    for name in [str(index["name"]) for index in found["cursor"]["firstBatch"]]:
        if name.startswith((WORDS, TRIGRAMS)) and name not in keep:
            try:
                server.command({"dropIndexes": plan.collection, "index": name})
            except OperationFailure as error:
                if error.code not in _ABSENT:
                    raise


def _forget(server: Server, collection: str) -> None:
    """Take away what was kept of texts when nothing is declared any more."""
    kept = {GENERATION: "", WORDS: "", TRIGRAMS: ""}
    with timeout(server.deadline):
        server.database[collection].update_many({GENERATION: {"$exists": True}}, {"$unset": kept})
    with timeout(server.deadline):
        server.database[TOTALS].delete_many(parts_of(collection))


def _rebuild(server: Server, plan: CollectionPlan, texts: TextIndexes) -> None:
    """Make anew what is kept of the texts of every document that has it of another declaration, or not at all."""
    outdated = {GENERATION: {"$ne": texts.generation}}
    dropped = dict.fromkeys({WORDS, TRIGRAMS}.difference(texts.hidden), "")
    command = {"find": plan.collection, "filter": outdated, "projection": dict.fromkeys((WORDS, TRIGRAMS), 0)}
    session = server.session()
    try:
        for batch in server.batches(command, session, _BATCH):
            updates: list[Any] = []
            for document in batch:
                update: dict[str, Any] = {"$set": texts.stored(plan.form.row(document))}
                if dropped:
                    update["$unset"] = dropped
                # By now it may be deleted, or made anew by somebody else.
                updates.append(UpdateOne({ID: {"$eq": document[ID]}, **outdated}, update))
            with timeout(server.deadline):
                server.database[plan.collection].bulk_write(updates, ordered=False)
    finally:
        session.end_session()


def _add_up(server: Server, texts: TextIndexes, pause: Callable[[float], object]) -> None:
    """Make the sums anew, from all documents.

    They are added up in a snapshot, which may take long. What takes their place does not: the parts that the snapshot
    had are replaced by what was added up, and those that came since stay.
    """
    for attempt in range(_ROUNDS):
        pause(0.02 * attempt)
        try:
            if _added_up(server, texts):
                return
        except OperationFailure as error:
            if error.code not in NO_SNAPSHOT:
                raise
    raise UnavailableError(
        f"the sums of {texts.collection!r} are being made by others; open it again",
        backend="mongodb",
        collection=texts.collection,
    )


def _added_up(server: Server, texts: TextIndexes) -> bool:
    """Try it once; False where others have changed the parts meanwhile."""
    search = texts.search
    if search is None:
        return True
    lengths = {
        f"l{number}": {"$sum": {"$arrayElemAt": [f"${WORDS}.l", number]}}
        for number in range(len(search.weights))
    }
    command = {
        "aggregate": texts.collection,
        "pipeline": [{"$group": {"_id": None, "n": {"$sum": 1}, **lengths}}],
        "cursor": {},
        "readConcern": server.snapshot(),
    }
    cursor = server.command(command)["cursor"]
    moment = {"level": "snapshot", "atClusterTime": cursor["atClusterTime"]}
    found: dict[str, Any] = cursor["firstBatch"][0] if cursor["firstBatch"] else {}
    totals = Totals(found.get("n", 0), tuple(found.get(name, 0) for name in lengths))
    parts = server.documents({"find": TOTALS, "filter": parts_of(texts.collection), "readConcern": moment})
    gate = gate_of(texts.collection)
    known = next((part for part in parts if part[ID] == gate), None)
    sums = server.database[TOTALS]
    with server.session() as session:
        session.start_transaction(
            read_concern=transaction_concern(server.config), write_concern=write_concern(server.config)
        )
        try:
            with timeout(server.deadline):
                if known is None:
                    sums.insert_one({ID: gate, **new_gate()}, session=session)
                else:
                    unchanged = {ID: {"$eq": gate}, "u": {"$eq": known["u"]}}
                    done = sums.update_one(unchanged, {"$set": new_gate()}, session=session)
                    if not done.matched_count:
                        return False
                replaced = [part[ID] for part in parts if part[ID] != gate]
                sums.delete_many({ID: {"$in": replaced}}, session=session)
                sums.insert_one(stored_part(texts, totals), session=session)
                session.commit_transaction()
        except PyMongoError as error:
            if is_transient(error) or duplicate_of(error) is not None:
                return False
            raise
    return True
