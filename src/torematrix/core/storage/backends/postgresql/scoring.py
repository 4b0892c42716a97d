"""The statements of a search: the numbers that relevance needs, and the page of matches with their scores.

A search is two statements in one snapshot. The first counts documents, their lengths, and in how many each word stands.
From these the library computes the factor of each word, and the second statement finds, scores and orders with them, in
bigint as ``query.relevance`` has it.

What finds and scores is one of three forms, all of the same meaning:

*   ``_joined``: a few words that are all required are joined, the rarest first. A word that is many times as frequent
    as that one is looked up for each candidate, because what is known here of frequencies is exact, and the planner's
    own numbers may be old.
*   ``_merged``: a few words of which any suffices are merged (FULL JOIN of two ordered index scans).
*   ``_grouped``: everything else. The statement is the same whatever is asked, and the words, alternatives, phrases and
    exclusions are arrays, so that a query of 1,000 words is no larger a statement than one of ten.

Only ids of equal scores at the end of the page are compared, so rows are looked up by the page, not by the match.
Phrases are tested last, on the words of the document in order.

Nothing of the query is part of a statement: words, patterns and factors are bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...query.conditions import TRUE
from ...query.operations import Search, SearchStatistics
from ...query.relevance import MAX_WEIGHTED_TF
from ...query.search import Clause, Term, Word
from .._sql.compile import following
from .compile import Sql
from .quoting import array_text

if TYPE_CHECKING:
    from .plan import TablePlan
    from .postings import SearchIndex

__all__ = ["Asked", "Weighing"]

_FEW: Final = 8
"""Up to so many words, and so many exclusions, are joined one by one."""
_MERGED: Final = 3
"""Up to so many words are merged; of more, grouping is faster."""
_OFTEN: Final = 10
"""A word so many times as frequent as the rarest is looked up for each candidate."""
_ABOVE: Final = "\U0010ffff" * 64
"""Above every word: one has at most 255 bytes."""

# No collection, and so no table a filter looks at, can be named so.
_HIT: Final = '"$hit"'
_HITS: Final = '"$hits"'
_FOUND: Final = '"$found"'
_HELD: Final = '"$held"'


class Weighing:
    """What the words of a search weigh.

    Attributes:
        factors: of each scored word its factor A.
        average: the average weighted length.
        frequencies: of each scored word in how many documents it stands.
    """

    def __init__(self, factors: Sequence[int], average: int, statistics: SearchStatistics) -> None:
        self.factors = factors
        self.average = average
        self.frequencies = statistics.frequencies


class Asked:
    """What a search asks of the tables at hand.

    Attributes:
        operation: the search.
        index: the tables.
    """

    def __init__(self, plan: TablePlan, operation: Search) -> None:
        if plan.search is None:
            raise TypeError("a search needs a searchable field")
        self.index: SearchIndex = plan.search
        self._plan = plan
        self.operation = operation
        self._weights = {self.index.numbers[path]: weight for path, weight in operation.fields}
        self._whole = tuple(sorted(self._weights.items())) == tuple(enumerate(self.index.weights))
        if not (self._whole or self.index.by_field):
            raise TypeError("a field is searched with the weight it is declared with")
        self._sql = Sql()

    # ----------------------------------------------------------------------------------------------------- statistics

    def counting(self) -> tuple[str, list[Any]]:
        """The statement that reads the statistics: rows of totals, documents, length, frequencies."""
        index, words = self.index, self.operation.query.words
        prefixes = [word.token for word in words if word.prefix]
        terms = array_text([word.token for word in words if not word.prefix])
        length = " + ".join(f"{weight} * lengths[{number + 1}]" for number, weight in self._weights.items())
        present = "" if self._whole else f" AND {self._occurrences('held')} > 0"
        plain = (
            f"SELECT (SELECT count(*) FROM {index.words} AS held WHERE held.term = asked.term{present}) "
            "FROM unnest($1::text[]) WITH ORDINALITY AS asked (term, at) ORDER BY at"
        )
        begun = (
            f"SELECT (SELECT count(*) FROM (SELECT DISTINCT seq FROM {index.words} AS held "
            f"WHERE held.term >= asked.low AND held.term < asked.high{present}) AS each) "
            "FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS asked (low, high, at) ORDER BY at"
        )
        parameters: list[Any] = [terms]
        counts = f"ARRAY({plain})"
        if prefixes:
            counts += f", ARRAY({begun})"
            parameters += [array_text(prefixes), array_text(map(_end, prefixes))]
        return (
            f"SELECT count(*), sum(documents)::bigint, sum({length})::bigint, {counts} FROM {index.totals}",
            parameters,
        )

    def statistics(self, row: Sequence[Any]) -> SearchStatistics:
        """What such a row says."""
        _, documents, length, *counts = row
        plain, begun = (iter(part) for part in (counts if len(counts) > 1 else (*counts, ())))
        frequencies = tuple(int(next(begun if word.prefix else plain)) for word in self.operation.query.words)
        return SearchStatistics(int(documents), int(length), frequencies)

    # ---------------------------------------------------------------------------------------------------- occurrences

    def _occurrences(self, row: str) -> str:
        """How often the searched fields hold a word, by weight, where these are not all."""
        counts = [
            f"{weight} * (256 * get_byte({row}.counts, {2 * number}) + get_byte({row}.counts, {2 * number + 1}))"
            for number, weight in self._weights.items()
        ]
        return f"({' + '.join(counts)})"

    def _entries(self, test: str) -> str:
        """The rows of words for which the test holds, with weight and length, in parentheses."""
        words = self.index.words
        if self._whole:
            return f"(SELECT seq, weight, length FROM {words} AS held WHERE {test})"
        occurrences = self._occurrences("held")
        lengths = " + ".join(
            f"{weight}::bigint * text.lengths[{number + 1}]" for number, weight in self._weights.items()
        )
        return (
            f"(SELECT held.seq, LEAST({occurrences}, {MAX_WEIGHTED_TF}) AS weight, {lengths} AS length "
            f"FROM {words} AS held JOIN {self.index.texts} AS text ON text.seq = held.seq "
            f"WHERE {test} AND {occurrences} > 0)"
        )

    def _prefixed(self, low: str, high: str, also: str = "") -> str:
        """As ``_entries``, of the words from low to below high taken as one."""
        entries = self._entries(f"held.term >= {low} AND held.term < {high}{also}")
        return (
            f"(SELECT seq, LEAST(sum(weight), {MAX_WEIGHTED_TF})::bigint AS weight, min(length) AS length "
            f"FROM {entries} AS each GROUP BY seq)"
        )

    def _source(self, word: Word) -> str:
        bind = self._sql.bind
        if word.prefix:
            return self._prefixed(bind(word.token), bind(_end(word.token)))
        return self._entries(f"held.term = {bind(word.token)}")

    # --------------------------------------------------------------------------------------------------------- scores

    def _average(self, average: int) -> tuple[str, str]:
        """Ten and three times the average, bound."""
        return f"{self._sql.bind(10 * average)}::bigint", f"{self._sql.bind(3 * average)}::bigint"

    @staticmethod
    def _score(factor: str, row: str, average: tuple[str, str]) -> str:
        ten, three = average
        return f"({factor} * {row}.weight / ({ten} * {row}.weight + {three} + 9::bigint * {row}.length))"

    # ----------------------------------------------------------------------------------------------------------- page

    def page(self, weighing: Weighing, sql: Sql) -> tuple[str, list[Any]]:
        """The statement that finds the page: rows of score and row or, with the total in front, at least one."""
        self._sql = sql
        sql.trigram = self._plan.trigram_candidate
        operation = self.operation
        clauses = operation.query.alternatives
        words = operation.query.words
        one = clauses[0]
        if len(clauses) == 1 and len(words) <= _FEW and len(one.excluded) <= _FEW:
            steps = self._joined(one, weighing)
        elif self._any_suffices() and len(words) <= _MERGED and self._whole and operation.condition is TRUE:
            steps = self._merged(weighing)
        else:
            steps = self._grouped(weighing)
        return f"WITH {', '.join(steps)} {self._rows()}", list(sql.parameters)

    def _rows(self) -> str:
        operation, plan, bind = self.operation, self._plan, self._sql.bind
        after = operation.after
        behind = "" if after is None else f"{_HIT}.score < {bind(after[0])}::bigint"
        tests: list[str] = []
        if operation.limit is not None:
            # So many hits behind the edge have at least this score: what scores less is not on the page.
            last = f"SELECT score FROM {_HITS} AS {_HIT}{' WHERE ' if behind else ''}{behind} ORDER BY score DESC"
            skipped = max(0, operation.offset + operation.limit - 1)
            tests.append(f"{_HIT}.score >= COALESCE(({last} OFFSET {bind(skipped)} LIMIT 1), 0)")
        if after is not None:
            # Beside the exact test, so that the rows of higher scores are not looked up to learn their ids.
            tests += [
                f"{_HIT}.score <= {bind(after[0])}::bigint",
                f"({behind} OR found.id > {bind(after[1])})",
            ]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        # OFFSET 0 keeps the planner from reading all rows to join them.
        found = f"SELECT {plan.select} FROM {plan.table} WHERE seq = {_HIT}.seq OFFSET 0"
        page = (
            f'SELECT {_HIT}.score AS "$score", found.* FROM {_HITS} AS {_HIT} CROSS JOIN LATERAL ({found}) AS found'
            f"{where} ORDER BY {_HIT}.score DESC, found.id"
        )
        if operation.limit is not None:
            page += f" LIMIT {bind(operation.limit)}"
        if operation.offset:
            page += f" OFFSET {bind(operation.offset)}"
        if not operation.with_total:
            return page
        return (
            f"SELECT every.total, page.* FROM (SELECT count(*) AS total FROM {_HITS}) AS every "
            f'LEFT JOIN LATERAL ({page}) AS page ON TRUE ORDER BY page."$score" DESC, page.id'
        )

    def _any_suffices(self) -> bool:
        """Whether each alternative is one word, so that whatever holds a word of the query matches."""
        return all(
            len(clause.required) == 1 and not clause.required[0].is_phrase and not clause.excluded
            for clause in self.operation.query.alternatives
        )

    def _filter(self, seq: str) -> list[str]:
        """The condition as a test of a row's number."""
        condition = self.operation.condition
        if condition is TRUE:
            return []
        # In a query of its own, where no name means anything but a column of the collection.
        test = self._sql.condition(condition)
        return [f"{seq} IN (SELECT seq FROM {self._plan.table} WHERE {test})"]

    def _stands(self, patterns: Iterable[str]) -> str:
        """The test that one field of a text holds one of these patterns."""
        if self._whole:
            places = ["text.tokens"]
        else:
            places = [rf"split_part(text.tokens, E'\n', {number + 1})" for number in self._weights]
        tests = [f"strpos({place}, {pattern}) > 0" for pattern in patterns for place in places]
        return f"({' OR '.join(tests)})"

    # --------------------------------------------------------------------------------------------- all of a few words

    def _joined(self, clause: Clause, weighing: Weighing) -> list[str]:
        bind = self._sql.bind
        words = sorted(
            zip(self.operation.query.words, weighing.factors, weighing.frequencies, strict=True),
            key=lambda each: each[2],
        )
        average = self._average(weighing.average)
        least = words[0][2]
        sources: list[str] = []
        scores: list[str] = []
        for number, (word, factor, frequency) in enumerate(words):
            row = f"w{number}"
            if not number:
                sources.append(f"{self._source(word)} AS {row}")
            elif frequency > _OFTEN * least and not word.prefix:
                entries = self._entries(f"held.term = {bind(word.token)} AND held.seq = w0.seq")
                sources.append(f"CROSS JOIN LATERAL (SELECT * FROM {entries} AS each OFFSET 0) AS {row}")
            else:
                sources.append(f"JOIN {self._source(word)} AS {row} ON {row}.seq = w0.seq")
            scores.append(self._score(f"{bind(factor)}::bigint", row, average))
        tests = [*self._filter("w0.seq"), *self._without(clause.excluded)]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        found = f"SELECT w0.seq, {' + '.join(scores)} AS score FROM {' '.join(sources)}{where}"
        late = [self._stands([bind(_pattern(term))]) for term in clause.required if term.is_phrase]
        late += [f"NOT {self._stands([bind(_pattern(term))])}" for term in clause.excluded if term.is_phrase]
        if not late:
            return [f"{_HITS} AS MATERIALIZED ({found})"]
        # In a query for each candidate: the planner thinks that looking into texts is cheap, and would begin there.
        test = f"(SELECT {' AND '.join(late)} FROM {self.index.texts} AS text WHERE text.seq = found.seq)"
        return [
            f"{_FOUND} AS MATERIALIZED ({found})",
            f"{_HITS} AS MATERIALIZED (SELECT seq, score FROM {_FOUND} AS found WHERE {test})",
        ]

    def _without(self, excluded: Sequence[Term]) -> list[str]:
        """The tests that none of these words stands in a document."""
        present = "" if self._whole else f" AND {self._occurrences('held')} > 0"
        tests: list[str] = []
        for term in excluded:
            if not term.is_phrase:
                low = self._sql.bind(term.tokens[0])
                match = f"held.term = {low}"
                if term.prefix:
                    match = f"held.term >= {low} AND held.term < {self._sql.bind(_end(term.tokens[0]))}"
                held = (
                    f"SELECT 1 FROM {self.index.words} AS held WHERE {match} AND held.seq = w0.seq{present}"
                )
                tests.append(f"NOT EXISTS ({held})")
        return tests

    # --------------------------------------------------------------------------------------------- any of a few words

    def _merged(self, weighing: Weighing) -> list[str]:
        average = self._average(weighing.average)
        source, seq = "", ""
        scores: list[str] = []
        for number, (word, factor) in enumerate(
            zip(self.operation.query.words, weighing.factors, strict=True)
        ):
            row = f"w{number}"
            entries = f"{self._source(word)} AS {row}"
            source = f"{source} FULL JOIN {entries} ON {row}.seq = {seq}" if source else entries
            seq = f"COALESCE({', '.join(f'w{other}.seq' for other in range(number + 1))})"
            score = self._score(f"{self._sql.bind(factor)}::bigint", row, average)
            scores.append(f"COALESCE({score}, 0)")
        return [f"{_HITS} AS MATERIALIZED (SELECT {seq} AS seq, {' + '.join(scores)} AS score FROM {source})"]

    # ------------------------------------------------------------------------------------------------------- all else

    def _grouped(self, weighing: Weighing) -> list[str]:
        words = list(enumerate(zip(self.operation.query.words, weighing.factors, strict=True)))
        average = self._average(weighing.average)
        filtered = "".join(f" AND {test}" for test in self._filter("held.seq"))
        # A word adds less than 2**31 to a score; to add up bigints would take numeric.
        score = f"{self._score('asked.factor', 'each', average)}::integer"
        parts: list[str] = []
        if plain := [(at, word.token, factor) for at, (word, factor) in words if not word.prefix]:
            entries = self._entries(f"held.term = asked.term{filtered}")
            asked = self._table("asked", plain, word="integer", term="text", factor="bigint")
            parts.append(
                f"SELECT asked.word, each.seq, {score} AS score FROM {asked} CROSS JOIN LATERAL {entries} AS each"
            )
        if begun := [
            (at, word.token, _end(word.token), factor) for at, (word, factor) in words if word.prefix
        ]:
            entries = self._prefixed("asked.low", "asked.high", filtered)
            asked = self._table("asked", begun, word="integer", low="text", high="text", factor="bigint")
            parts.append(
                f"SELECT asked.word, each.seq, {score} AS score FROM {asked} CROSS JOIN LATERAL "
                f"(SELECT * FROM {entries} AS one OFFSET 0) AS each"
            )
        found, summed = " UNION ALL ".join(parts), "SELECT seq, sum(score) AS score"
        if self._any_suffices():
            return [f"{_HITS} AS MATERIALIZED ({summed} FROM ({found}) AS found GROUP BY seq)"]
        return [
            f"{_FOUND} AS MATERIALIZED ({found})",
            f"{_HELD} AS MATERIALIZED ({self._held()})",
            f"{_HITS} AS MATERIALIZED ({summed} FROM {_FOUND} WHERE seq IN (SELECT seq FROM {_HELD}) GROUP BY seq)",
        ]

    def _held(self) -> str:
        """The documents for which an alternative holds."""
        numbers = {word: at for at, word in enumerate(self.operation.query.words)}
        members: list[tuple[int, int, int]] = []
        phrases: list[tuple[int, str]] = []
        terms: list[tuple[int, str]] = []
        patterns: list[tuple[int, str]] = []
        for at, clause in enumerate(self.operation.query.alternatives):
            required = {numbers[word] for term in clause.required for word in term.words}
            members += [(at, word, len(required)) for word in sorted(required)]
            phrases += [(at, _pattern(term)) for term in clause.required if term.is_phrase]
            for term in clause.excluded:
                if term.is_phrase or term.prefix:
                    patterns.append((at, _pattern(term)))
                else:
                    terms.append((at, term.tokens[0]))
        member = self._table("member", members, clause="integer", word="integer", needed="integer")
        held = (
            f"SELECT member.clause, found.seq FROM {_FOUND} AS found JOIN {member} ON member.word = found.word "
            "GROUP BY member.clause, member.needed, found.seq HAVING count(*) = member.needed"
        )
        tests: list[str] = []
        if terms:
            asked = self._table("asked", terms, clause="integer", term="text")
            present = "" if self._whole else f" AND {self._occurrences('held')} > 0"
            tests.append(
                f"NOT EXISTS (SELECT 1 FROM {asked} JOIN {self.index.words} AS held ON held.term = asked.term "
                f"WHERE asked.clause = one.clause AND held.seq = one.seq{present})"
            )
        for listed, wanted in ((phrases, "NOT "), (patterns, "")):
            if listed:
                asked = self._table("asked", listed, clause="integer", pattern="text")
                text = f"SELECT tokens FROM {self.index.texts} AS text WHERE text.seq = one.seq OFFSET 0"
                tests.append(
                    f"NOT EXISTS (SELECT 1 FROM {asked} CROSS JOIN LATERAL ({text}) AS text "
                    f"WHERE asked.clause = one.clause AND {wanted}{self._stands(['asked.pattern'])})"
                )
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        return f"SELECT DISTINCT one.seq FROM ({held}) AS one{where}"

    def _table(self, name: str, rows: Sequence[tuple[int | str, ...]], **columns: str) -> str:
        """These rows as a FROM item, bound as one array for each column."""
        arrays = [
            f"{self._sql.bind(array_text(map(str, column)))}::{kind}[]"
            for column, kind in zip(zip(*rows, strict=True), columns.values(), strict=True)
        ]
        return f"unnest({', '.join(arrays)}) AS {name} ({', '.join(columns)})"


def _end(prefix: str) -> str:
    """A text above all words with this prefix, and above no others."""
    return following(prefix) or _ABOVE


def _pattern(term: Term) -> str:
    """What the words of a field, each between spaces, hold where the term stands in it."""
    return f" {' '.join(term.tokens)}{'' if term.prefix else ' '}"
