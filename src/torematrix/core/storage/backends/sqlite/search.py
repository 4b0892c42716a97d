"""Full-text search: FTS5 finds the rows, the library's function scores them as they are visited.

``search_index`` keeps the index in step with the rows; what it offers is offered here too, as one port for the driver.

One statement for the number of rows and words, one for each word of the query to count the rows that hold it, one that
visits the matches, one for the rows of the page. Where equal scores do not fit on the page, one more sorts them by id.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Final

import apsw
import msgspec

from ...model.codec import Row
from ...query.conditions import TRUE
from ...query.operations import Ranked, Search, SearchStatistics
from ...query.relevance import average_length, word_factor
from ...query.search import Clause, SearchQuery, Term
from .compile import Parameter, Sql, compile_condition
from .plan import TablePlan
from .quoting import quote_fts, quote_name
from .scoring import Best, visitor
from .search_index import (
    add,
    check,
    create,
    drop,
    is_current,
    is_served,
    rebuild,
    remove,
    replace,
    totals,
    totals_statement,
)

__all__ = [
    "add",
    "check",
    "create",
    "drop",
    "is_current",
    "is_served",
    "match_text",
    "rebuild",
    "remove",
    "replace",
    "run",
    "statements",
]

_factor: Final = functools.lru_cache(maxsize=1_024)(word_factor)  # a logarithm to 34 digits

# No collection, and so no table a filter looks at, can be named so.
_FOUND: Final = quote_name("$found")
_LENGTHS: Final = quote_name("$lengths")

_WIDE: Final = 32
"""So many expressions are added up in one row."""


def run(connection: apsw.Connection, operation: Search) -> Ranked:
    """The page of matches, in the snapshot that the caller has begun."""
    plan: TablePlan = operation.collection.plan
    asked = _Asked(plan, operation)
    statistics = operation.statistics or asked.statistics(connection)
    if operation.query.is_empty:
        return Ranked([], 0 if operation.with_total else None, statistics)
    average = average_length(statistics.length, statistics.documents)
    factors = [_factor(statistics.documents, df, average) for df in statistics.frequencies]
    wanted = None if operation.limit is None else max(1, operation.offset + operation.limit)
    best = Best(wanted, None if operation.after is None else operation.after[0])
    sql = Sql()
    statement = asked.visiting(sql)
    visit = apsw.pyobject(visitor(asked.weights, factors, average, best))
    matched = int(connection.execute(statement, (*sql.parameters, visit)).fetchall()[0][0])
    return Ranked(
        _page(connection, plan, operation, best), matched if operation.with_total else None, statistics
    )


def statements(operation: Search, sql: Sql) -> list[tuple[str, list[Parameter]]]:
    """The statements of a search, each once, with their parameters; NULL where the function that scores is bound."""
    plan: TablePlan = operation.collection.plan
    asked = _Asked(plan, operation)
    sql.emulated.append("relevance is computed by the library, for every match")
    counting: list[tuple[str, list[Parameter]]] = [
        (asked.counting, [text]) for text in asked.word_texts()[:1]
    ]
    visiting = asked.visiting(sql)
    return [
        (totals_statement(asked.index.table), []),
        *counting,
        (visiting, [*sql.parameters, None]),
        (_rows_statement(plan), ["[]"]),
    ]


class _Asked:
    """What a search asks of the tables at hand.

    Attributes:
        weights: of each searched column, by number, its weight.
        counting: the statement that counts the rows of an FTS5 query.
    """

    def __init__(self, plan: TablePlan, operation: Search) -> None:
        if plan.search is None:
            raise TypeError("a search needs a searchable field")
        self.index = index = plan.search
        self.weights = {index.columns[path]: weight for path, weight in operation.fields}
        self.counting = f"SELECT count(*) FROM {index.table} WHERE {index.table} MATCH ?"
        self._plan = plan
        self._operation = operation
        # The filter binds to what follows it alone, so whatever it stands before has parentheses of its own.
        searched = " ".join(f"c{number}" for number in sorted(self.weights))
        self._columns = "" if len(self.weights) == len(index.columns) else f"{{{searched}}} : "

    def word_texts(self) -> list[str]:
        """The FTS5 query of each scored word."""
        return [
            f"{self._columns}({_words((word.token,), word.prefix)})" for word in self._operation.query.words
        ]

    def statistics(self, connection: apsw.Connection) -> SearchStatistics:
        """What the scores depend on, as it is now."""
        documents, words = totals(connection, self.index.table) or (0, [0] * len(self.index.columns))
        length = sum(weight * words[number] for number, weight in self.weights.items())
        counts = [connection.execute(self.counting, (text,)).fetchall()[0][0] for text in self.word_texts()]
        return SearchStatistics(documents, length, tuple(counts))

    def visiting(self, sql: Sql) -> str:
        """The statement that visits the matches and counts them; the function to call is bound last."""
        table, condition = self.index.table, self._operation.condition
        found = sql.bind(f"{self._columns}({match_text(self._operation.query)})")
        lengths = _balanced(
            [f"{weight} * {_LENGTHS}.l{number}" for number, weight in sorted(self.weights.items())]
        )
        test = f"torematrix_visit({_FOUND}.{table}, ?, {lengths})"
        if condition is not TRUE:
            sql.trigram = self._plan.trigram_candidate
            # A subquery beside the function might be run after it; within CASE it cannot.
            rows = f"SELECT 1 FROM {self._plan.table} WHERE seq = {_FOUND}.rowid"
            test = f"CASE WHEN EXISTS ({rows} AND {compile_condition(condition, sql)}) THEN {test} END"
        return (
            f"SELECT count(*) FROM {table} AS {_FOUND} CROSS JOIN {self.index.lengths} AS {_LENGTHS} "
            f"ON {_LENGTHS}.seq = {_FOUND}.rowid WHERE {_FOUND}.{table} MATCH {found} AND {test}"
        )


def match_text(query: SearchQuery) -> str:
    """The FTS5 query that finds what the query does, in which phrase number i is the scored word number i.

    Of an alternative that does not hold, FTS5 does not report the words: so where there are several, every word
    stands in front as well, joined by OR.
    """
    scored = [_words((word.token,), word.prefix) for word in query.words]
    if len(query.alternatives) == 1:
        (only,) = query.alternatives
        return _clause([*scored, *(_term(term) for term in only.required if term.is_phrase)], only)
    words = " OR ".join(scored)
    clauses = [_clause(map(_term, clause.required), clause) for clause in query.alternatives]
    if clauses == scored:
        return words
    alternatives = " OR ".join(f"({clause})" for clause in clauses)
    return f"({words}) AND ({alternatives})"


def _clause(required: Iterable[str], clause: Clause) -> str:
    text = " AND ".join(required)
    return f"({text}) NOT ({' OR '.join(map(_term, clause.excluded))})" if clause.excluded else text


def _term(term: Term) -> str:
    return _words(term.tokens, term.prefix)


def _words(words: Iterable[str], prefix: bool) -> str:
    return quote_fts(words) + ("*" if prefix else "")


def _balanced(parts: Sequence[str]) -> str:
    """The sum of these expressions as a tree: SQLite limits the depth of an expression, and a chain is all depth."""
    if len(parts) <= _WIDE:
        return " + ".join(parts)
    middle = len(parts) // 2
    return f"({_balanced(parts[:middle])}) + ({_balanced(parts[middle:])})"


def _rows_statement(plan: TablePlan) -> str:
    return f"SELECT seq, {plan.select} FROM {plan.table} WHERE seq IN (SELECT value FROM json_each(?))"


def _page(
    connection: apsw.Connection, plan: TablePlan, operation: Search, best: Best
) -> list[tuple[int, Row]]:
    """The rows of the page with their scores, in order."""
    groups = best.groups()
    if operation.after is not None:
        score, behind = operation.after
        groups.insert(0, (score, _by_id(connection, plan, best.level, behind=behind)))
    start = operation.offset
    end = None if operation.limit is None else start + operation.limit
    page: dict[int, int] = {}
    for score, keys in groups:
        first, last = max(0, start), len(keys) if end is None else min(len(keys), end)
        if first < last:
            # Ids have to be known only of a group that is not on the page as a whole.
            is_whole = last - first == len(keys)
            wanted = keys if is_whole else _by_id(connection, plan, keys, limit=last)[first:]
            page.update(dict.fromkeys(wanted, score))
        start -= len(keys)
        end = None if end is None else end - len(keys)
    found = connection.execute(_rows_statement(plan), (_json(page),)).fetchall() if page else []
    rows = zip([page[row[0]] for row in found], plan.rows([row[1:] for row in found]), strict=True)
    return sorted(rows, key=lambda hit: (-hit[0], hit[1][0]))


def _by_id(
    connection: apsw.Connection, plan: TablePlan, keys: Iterable[int], *, limit: int = -1, behind: str = ""
) -> list[int]:
    """These keys in the order of the ids of their rows, the first of them; none of an id up to ``behind``."""
    # The signs keep SQLite from walking all ids in order where a few rows are to be looked up. No id is "".
    chosen = "seq IN (SELECT value FROM json_each(?)) AND +id > ?"
    statement = f"SELECT seq FROM {plan.table} WHERE {chosen} ORDER BY +id LIMIT ?"
    return [row[0] for row in connection.execute(statement, (_json(keys), behind, limit))]


def _json(keys: Iterable[int]) -> str:
    return msgspec.json.encode(list(keys)).decode()
