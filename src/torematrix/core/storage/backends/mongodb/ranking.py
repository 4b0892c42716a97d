"""A search as aggregation pipelines: which documents match, what each scores, and the statistics that takes.

Documents are looked up in the index by one word of each alternative, the rarest of those that must be there. Everything
else is asked of the documents so found, in forms that no index serves: left to choose, the server would try every word.

Scores come out exact although the server divides in doubles. Numerator and denominator are integers, and their sum is
below 2**53; then the double nearest to the quotient never reaches an integer n that the quotient itself does not. For
that would take a distance to it below n * 2**-53, and the distance is at least 1 / denominator, with n * denominator at
most the sum of both. See ``query.relevance`` for the bounds: a factor is below 10**13, a count at most 1,023.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from bson.regex import Regex

from ...query.conditions import TRUE, Condition
from ...query.operations import Search, SearchStatistics
from ...query.relevance import MAX_WEIGHTED_TF, average_length, word_factor
from ...query.search import Clause, Term, Word
from .names import ID, WORDS
from .words import SearchIndex, count_key, phrase_text

__all__ = ["SCORE", "Ranking"]

Filter: TypeAlias = dict[str, Any]
Stage: TypeAlias = dict[str, Any]

SCORE: Final = "%s"
"""Where a document found has its score."""

_factor: Final = functools.lru_cache(maxsize=1_024)(word_factor)  # a logarithm to 34 digits
_TOKENS: Final = f"{WORDS}.t"


class Ranking:
    """One search of one collection.

    Args:
        index: what made the words that are searched.
        operation: what is asked.
        compiled: makes a filter of a condition.
    """

    def __init__(
        self, index: SearchIndex, operation: Search, compiled: Callable[[Condition], Filter]
    ) -> None:
        self.operation = operation
        self.query = operation.query
        self.words = operation.query.words
        self._compiled = compiled
        self.weights = {index.numbers[path]: weight for path, weight in operation.fields}
        # Counts are kept for all fields together, so a search of some of them looks into their texts.
        self._everywhere = len(self.weights) == len(index.numbers)

    # Statistics ------------------------------------------------------------------------------------------------

    def counting(self, number: int) -> list[Stage]:
        """The stages that count the documents with a scored word, the word of that number."""
        word = self.words[number]
        return [
            {"$match": {"$and": [_looked_up([word]), *self._tests(word)]}},
            {"$count": "n"},
        ]

    def kept(self) -> list[Stage]:
        """The stages that add up what is kept of the sums: N, S, and of how many parts they were made."""
        parts = {"n": {"$sum": "$n"}, "length": {"$sum": self._weighted("l")}, "parts": {"$sum": 1}}
        return [{"$group": {"_id": None, **parts}}]

    def added_up(self) -> list[Stage]:
        """The stages that make N and S from all documents."""
        # The condition has an index serve it that holds all that is asked for; it holds everywhere.
        stages: list[Stage] = [{"$match": {f"{WORDS}.d": {"$gte": 0}}}] if self._everywhere else []
        return [*stages, {"$group": {"_id": None, "n": {"$sum": 1}, "length": {"$sum": self._length()}}}]

    def weighted_length(self, lengths: Sequence[int]) -> int:
        """The weighted length of these lengths of all fields, if there are any."""
        return sum(weight * lengths[number] for number, weight in self.weights.items()) if lengths else 0

    def _length(self) -> Any:
        return f"${WORDS}.d" if self._everywhere else self._weighted(f"{WORDS}.l")

    def _weighted(self, path: str) -> Any:
        return _sum(
            {"$multiply": [weight, {"$arrayElemAt": [f"${path}", number]}]}
            for number, weight in sorted(self.weights.items())
        )

    # Matching --------------------------------------------------------------------------------------------------

    def looked_up(self, statistics: SearchStatistics) -> int:
        """How many documents the index gives to be asked whether they match, at most."""
        frequencies = self._frequencies(statistics)
        return sum(frequencies[_rarest(clause, frequencies)] for clause in self.query.alternatives)

    def _frequencies(self, statistics: SearchStatistics) -> dict[Word, int]:
        return dict(zip(self.words, statistics.frequencies, strict=True))

    def matching(self, statistics: SearchStatistics) -> Filter:
        """The filter that documents pass which the query and the condition find."""
        query = self.query
        frequencies = self._frequencies(statistics)
        driving = [_rarest(clause, frequencies) for clause in query.alternatives]
        alternatives = [
            self._clause(clause, known=word if len(driving) == 1 else None)
            for clause, word in zip(query.alternatives, driving, strict=True)
        ]
        tests: list[Filter] = [_looked_up(driving)]
        if len(alternatives) == 1:
            tests += alternatives[0]
        elif not self._everywhere or any(not _is_word(clause) for clause in query.alternatives):
            tests.append({"$or": [_all(tests) for tests in alternatives]})
        if self.operation.condition is not TRUE:
            tests.append(self._compiled(self.operation.condition))
        return _all(tests)

    def _clause(self, clause: Clause, known: Word | None) -> list[Filter]:
        """The tests of an alternative; not of the word that is known to be there."""
        tests: list[Filter] = []
        for word in dict.fromkeys(
            word for term in clause.required if not term.is_phrase for word in term.words
        ):
            tests += self._tests(word, known=word == known)
        for term in clause.required:
            if term.is_phrase:
                # That the words are there at all is asked first: it takes a fraction of the time.
                tests += [
                    test
                    for word in dict.fromkeys(term.words)
                    if self._everywhere and not word.prefix
                    for test in self._tests(word, known=word == known)
                ]
                tests.append(self._phrase(term))
        for term in clause.excluded:
            if term.is_phrase:
                tests.append({"$nor": [self._phrase(term)]})
            else:
                tests.append({"$nor": [_all(self._tests(*term.words, known=False))]})
        return tests

    def _tests(self, word: Word, *, known: bool = True) -> list[Filter]:
        """That the word stands in a searched field; where it is known to stand in some field there may be no test."""
        if not self._everywhere:
            return [self._held(phrase_text((word.token,), prefix=word.prefix))]
        if known:
            return []
        if word.prefix:
            return [self._held(phrase_text((word.token,), prefix=True))]
        return [{count_key(word.token): {"$exists": True}}]

    def _phrase(self, term: Term) -> Filter:
        return self._held(phrase_text(term.tokens, prefix=term.prefix))

    def _held(self, text: str) -> Filter:
        """That the text of a searched field holds this."""
        tests = [
            {"$gte": [{"$indexOfBytes": [_field(number), {"$literal": text}]}, 0]}
            for number in sorted(self.weights)
        ]
        return {"$expr": tests[0] if len(tests) == 1 else {"$or": tests}}

    # Scoring ---------------------------------------------------------------------------------------------------

    def score(self, statistics: SearchStatistics) -> Any:
        """The expression of a document's score."""
        average = average_length(statistics.length, statistics.documents)
        query = self.query
        # Where there is one alternative, whatever matches has all the words.
        certain = len(query.alternatives) == 1
        scores = [
            self._word_score(word, certain, _factor(statistics.documents, df, average), average)
            for word, df in zip(self.words, statistics.frequencies, strict=True)
        ]
        base = {"$add": [3 * average, {"$multiply": [9, self._length()]}]}
        return {"$let": {"vars": {"base": base}, "in": _sum(scores)}}

    def _word_score(self, word: Word, certain: bool, factor: int, average: int) -> Any:
        quotient = {
            "$divide": [
                {"$multiply": [factor, "$$w"]},
                {"$add": [{"$multiply": [10 * average, "$$w"]}, "$$base"]},
            ]
        }
        return {"$let": {"vars": {"w": self._count(word, certain)}, "in": {"$floor": quotient}}}

    def _count(self, word: Word, certain: bool) -> Any:
        """How often a document holds the word, weighted, at most 1,023."""
        if self._everywhere and not word.prefix:
            count = f"${count_key(word.token)}"
            return count if certain else {"$ifNull": [count, 0]}
        separator = {"$literal": phrase_text((word.token,), prefix=word.prefix)}
        counts = (
            {"$multiply": [weight, {"$subtract": [{"$size": {"$split": [_field(number), separator]}}, 1]}]}
            for number, weight in sorted(self.weights.items())
        )
        return {"$min": [MAX_WEIGHTED_TF, _sum(counts)]}

    # Pages -----------------------------------------------------------------------------------------------------

    def page(self, statistics: SearchStatistics, hidden: Iterable[str]) -> list[Stage]:
        """The stages that give the documents of the page in order, each with its score."""
        scored = {"$set": {SCORE: self.score(statistics)}}
        return [*self._ordered(statistics, scored), {"$unset": list(hidden)}]

    def ids(self, statistics: SearchStatistics) -> list[Stage]:
        """The same, but of the documents the ids alone: where there are many matches that takes a fifth less."""
        return self._ordered(statistics, {"$project": {SCORE: self.score(statistics)}})

    def _ordered(self, statistics: SearchStatistics, scored: Stage) -> list[Stage]:
        operation = self.operation
        stages: list[Stage] = [{"$match": self.matching(statistics)}, scored]
        if operation.after is not None:
            score, identity = operation.after
            behind = {SCORE: {"$eq": score}, ID: {"$gt": identity}}
            stages.append({"$match": {"$or": [{SCORE: {"$lt": score}}, behind]}})
        stages.append({"$sort": {SCORE: -1, ID: 1}})
        if operation.offset:
            stages.append({"$skip": operation.offset})
        if operation.limit is not None:
            stages.append({"$limit": operation.limit})
        return stages

    def best(self, statistics: SearchStatistics, wanted: int) -> list[Stage]:
        """The stages that give one document: how many match, and the ids and scores of so many of the best."""
        output = {ID: f"${ID}", SCORE: f"${SCORE}"}
        best = {"$topN": {"n": wanted, "sortBy": {SCORE: -1, ID: 1}, "output": output}}
        return [
            {"$match": self.matching(statistics)},
            {"$project": {SCORE: self.score(statistics)}},
            {"$group": {"_id": None, "n": {"$sum": 1}, "best": best}},
        ]

    def total(self, statistics: SearchStatistics) -> list[Stage]:
        """The stages that count the matches."""
        return [{"$match": self.matching(statistics)}, {"$count": "n"}]


def _looked_up(words: Iterable[Word]) -> Filter:
    """What the index looks up: documents with one of the words."""
    # A token means nothing to a regular expression but itself, and one that begins so is looked up as a range.
    wanted: list[Any] = [
        Regex(f"^{word.token}") if word.prefix else word.token for word in dict.fromkeys(words)
    ]
    return {_TOKENS: {"$in": wanted}} if len(wanted) > 1 else {_TOKENS: wanted[0]}


def _rarest(clause: Clause, frequencies: Mapping[Word, int]) -> Word:
    words = (word for term in clause.required for word in term.words)
    return min(words, key=frequencies.__getitem__)


def _is_word(clause: Clause) -> bool:
    """Whether an alternative asks for one word and nothing else."""
    return len(clause.required) == 1 and not clause.required[0].is_phrase and not clause.excluded


def _field(number: int) -> str:
    return f"${WORDS}.p{number}"


def _all(tests: Sequence[Filter]) -> Filter:
    return tests[0] if len(tests) == 1 else {"$and": list(tests)}


def _sum(parts: Iterable[Any]) -> Any:
    added = list(parts)
    return added[0] if len(added) == 1 else {"$add": added}
