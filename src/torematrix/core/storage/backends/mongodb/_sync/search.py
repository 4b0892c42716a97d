# generated from _async/search.py by tools/generate_twins.py: do not edit
"""Full-text search: a command for the statistics, and one for the page; with a total, one more for its documents.

All of them read at one moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ....model.codec import Row
from ....query.conditions import Condition
from ....query.operations import Ranked, Search, SearchStatistics
from ..documents import Document
from ..names import ID
from ..plan import CollectionPlan
from ..ranking import SCORE, Ranking
from ..texts import TextIndexes
from ..words import NOTHING, SearchIndex, Totals
from .moment import Moment
from .server import Server
from .totals import TOTALS, Sums, selecting

__all__ = ["run", "statements"]

Command = dict[str, Any]
Compiled = Callable[[Condition], dict[str, Any]]

_COUNTS: Final = 50
"""So many words are counted by one command."""

_KEPT: Final = 1_000
"""So many ids and scores fit into one reply, and so many documents are looked up by their ids."""

_FEW: Final = 250
"""So many matches are scored as whole documents: less than a round trip is saved by leaving the texts behind."""


def run(
    sums: Sums, moment: Moment, operation: Search, compiled: Compiled, pending: Totals = NOTHING
) -> Ranked:
    """The page of matches.

    Args:
        sums: the sums that relevance needs, and the server.
        moment: when everything is read.
        operation: what is asked.
        compiled: makes a filter of a condition.
        pending: what the transaction at hand adds to the sums, and has not stored yet.
    """
    plan: CollectionPlan = operation.collection.plan
    ranking = Ranking(_search_index(plan), operation, compiled)
    statistics = operation.statistics or _statistics(sums, moment, plan, ranking, pending)
    if operation.query.is_empty:
        return Ranked([], 0 if operation.with_total else None, statistics)
    limit, wanted = operation.limit, operation.offset + (operation.limit or 0)
    counted = operation.with_total
    if limit is not None and 0 < wanted <= _KEPT and ranking.looked_up(statistics) > _FEW:
        if counted and operation.after is None:
            found = moment.few(_command(plan, ranking.best(statistics, wanted)))
            best: list[Any] = found[0]["best"] if found else []
            total = int(found[0]["n"]) if found else 0
            return Ranked(_rows(moment, plan, best[operation.offset :]), total, statistics)
        best = moment.few(_command(plan, ranking.ids(statistics)))
        rows = _rows(moment, plan, best)
    elif limit == 0:
        rows = []
    else:
        documents = moment.all(_command(plan, ranking.page(statistics, plan.projection)))
        # What a row holds of a document without a schema is all that is in it.
        rows = [(int(document.pop(SCORE)), plan.form.row(document)) for document in documents]
        if (
            operation.after is None
            and (limit is None or len(rows) < limit)
            and (rows or not operation.offset)
        ):
            # The page ends where the matches do.
            return Ranked(rows, operation.offset + len(rows) if counted else None, statistics)
    if not counted:
        return Ranked(rows, None, statistics)
    found = moment.few(_command(plan, ranking.total(statistics)))
    return Ranked(rows, int(found[0]["n"]) if found else 0, statistics)


def _rows(moment: Moment, plan: CollectionPlan, best: list[Document]) -> list[tuple[int, Row]]:
    """The rows of documents whose ids and scores are known."""
    if not best:
        return []
    command: Command = {"find": plan.collection, "filter": {ID: {"$in": [each[ID] for each in best]}}}
    if plan.projection:
        command["projection"] = plan.projection
    held = {document[ID]: document for document in moment.all(command)}
    # Without snapshots, one of them may be gone by now.
    return [(int(each[SCORE]), plan.form.row(held[each[ID]])) for each in best if each[ID] in held]


def _statistics(
    sums: Sums, moment: Moment, plan: CollectionPlan, ranking: Ranking, pending: Totals
) -> SearchStatistics:
    """What the scores depend on, as it is now."""
    first, *others = _statistics_commands(plan, ranking, kept=sums.server.transactions)
    found = moment.few(first)
    if not found and sums.server.transactions:
        # Nobody but the library writes there; should the sums be gone, they are in the documents.
        found = moment.few(_statistics_commands(plan, ranking, kept=False)[0])
    documents, length = 0, 0
    if found:
        documents, length = int(found[0]["n"]), int(found[0]["length"])
        sums.found(_texts(plan), found[0].get("parts", 0))
    counted: Document = found[0] if found else {}
    for command in others:
        for each in moment.few(command):
            counted |= each
    counts = (counted.get(f"w{number}") for number in range(len(ranking.words)))
    return SearchStatistics(
        documents + pending.documents,
        length + ranking.weighted_length(pending.lengths),
        tuple(int(count[0]["n"]) if count else 0 for count in counts),
    )


def _statistics_commands(plan: CollectionPlan, ranking: Ranking, *, kept: bool) -> list[Command]:
    """The commands for the sums and the counts of words, each of which gives one document, or none of no documents.

    The first one gives ``n`` and ``length``, where the sums are kept ``parts`` too; word number 3 is counted in ``w3``.
    """
    if kept:
        sums = {"aggregate": TOTALS, "pipeline": [{"$match": selecting(_texts(plan))}, *ranking.kept()]}
    else:
        sums = {"aggregate": plan.collection, "pipeline": ranking.added_up()}
    commands: list[Command] = [sums]
    for number in range(len(ranking.words)):
        if number and not number % _COUNTS:
            one = [{"$limit": 1}, {"$project": {ID: 1}}]
            commands.append({"aggregate": plan.collection, "pipeline": one})
        # $unionWith would say it better, and is refused in transactions.
        counting = {"from": plan.collection, "pipeline": ranking.counting(number), "as": f"w{number}"}
        commands[-1]["pipeline"].append({"$lookup": counting})
    return commands


def statements(server: Server, operation: Search, compiled: Compiled) -> list[Command]:
    """The commands of a search, the last of them the one that visits the matches."""
    plan: CollectionPlan = operation.collection.plan
    ranking = Ranking(_search_index(plan), operation, compiled)
    frequencies = (1,) * len(operation.query.words)
    statistics = operation.statistics or SearchStatistics(1, 1, frequencies)
    commands = _statistics_commands(plan, ranking, kept=server.transactions)
    if operation.query.is_empty:
        return commands
    return [*commands, _command(plan, ranking.page(statistics, plan.projection))]


def _command(plan: CollectionPlan, stages: list[dict[str, Any]]) -> Command:
    return {"aggregate": plan.collection, "pipeline": stages, "allowDiskUse": True}


def _texts(plan: CollectionPlan) -> TextIndexes:
    if plan.texts is None:
        raise TypeError("a search needs a searchable field")
    return plan.texts


def _search_index(plan: CollectionPlan) -> SearchIndex:
    search = _texts(plan).search
    if search is None:
        raise TypeError("a search needs a searchable field")
    return search
