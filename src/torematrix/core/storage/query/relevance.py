"""What a search finds and in which order: the definition every engine's answer is compared with.

Relevance is BM25 (k1 = 1.2, b = 0.75) in integers, so that no engine can round it in its own way. For a scored
word of the query and a document, over the searched fields alone:

    w   = sum over the fields of weight * occurrences, at most 1,023
    dl  = sum over the fields of weight * number of tokens
    S   = sum of dl over all documents, N = number of all documents, df = number of documents with the word
    avg = max(1, S / N rounded half up), at most 100,000
    A   = round(65536 * 2.2 * ln(1 + (N - df + 1/2) / (df + 1/2))) * 10 * avg
    t   = (A * w) // (10 * avg * w + 3 * avg + 9 * dl)

The score is the sum of t; order is score descending, then id. With these bounds no product leaves 64 bits.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Final

from .operations import SearchStatistics
from .search import Clause, SearchQuery, Term, Word

__all__ = [
    "MAX_AVERAGE",
    "MAX_WEIGHTED_TF",
    "FieldTokens",
    "average_length",
    "collect_statistics",
    "matches",
    "rank",
    "scorer",
    "weighted_length",
    "weighted_tf",
    "word_factor",
    "word_score",
]

FieldTokens = Mapping[str, Sequence[str]]
"""The tokens of a document by field, in the order of the text."""

MAX_WEIGHTED_TF: Final = 1_023
MAX_AVERAGE: Final = 100_000

# A context of its own: the caller's changes nothing. Decimal's ln is correctly rounded on every platform.
_CONTEXT: Final = decimal.Context(prec=34, rounding=decimal.ROUND_HALF_EVEN, traps=[])
_SCALE: Final = Decimal("144179.2")  # 65536 * 2.2


def average_length(total_length: int, documents: int) -> int:
    """The average weighted length, from the sum S of the lengths and the number N of documents."""
    if documents <= 0:
        return 1
    return min(MAX_AVERAGE, max(1, (2 * total_length + documents) // (2 * documents)))


def word_factor(documents: int, df: int, average: int) -> int:
    """The factor A of a word that ``df`` of the documents hold."""
    # 1 + (N - df + 1/2) / (df + 1/2) is (2N + 2) / (2df + 1).
    ratio = _CONTEXT.divide(Decimal(2 * documents + 2), Decimal(2 * min(df, documents) + 1))
    idf = _CONTEXT.multiply(_SCALE, _CONTEXT.ln(ratio))
    return int(idf.to_integral_value(decimal.ROUND_HALF_EVEN, _CONTEXT)) * 10 * average


def word_score(factor: int, average: int, weighted_tf: int, length: int) -> int:
    """What a word adds to the score of a document that holds it ``weighted_tf`` times in ``length``."""
    w = min(weighted_tf, MAX_WEIGHTED_TF)
    return factor * w // (10 * average * w + 3 * average + 9 * length) if w else 0


def weighted_length(tokens: FieldTokens, weights: Mapping[str, int]) -> int:
    """The length dl of a document over the weighted fields."""
    return sum(weight * len(tokens.get(field, ())) for field, weight in weights.items())


def weighted_tf(word: Word, tokens: FieldTokens, weights: Mapping[str, int]) -> int:
    """How often a document holds the word, w, over the weighted fields."""
    occurrences = sum(weight * _count(word, tokens.get(field, ())) for field, weight in weights.items())
    return min(occurrences, MAX_WEIGHTED_TF)


def _count(word: Word, tokens: Sequence[str]) -> int:
    return sum(map(word.matches, tokens)) if word.prefix else tokens.count(word.token)


def matches(query: SearchQuery, tokens: FieldTokens, fields: Sequence[str]) -> bool:
    """Whether the query finds a document with these tokens, looking at these fields alone."""
    searched = [tokens.get(field, ()) for field in fields]
    return any(_clause_holds(clause, searched) for clause in query.alternatives)


def _clause_holds(clause: Clause, searched: Sequence[Sequence[str]]) -> bool:
    def found(term: Term) -> bool:
        return any(_occurs(term, tokens) for tokens in searched)

    return all(map(found, clause.required)) and not any(map(found, clause.excluded))


def _occurs(term: Term, tokens: Sequence[str]) -> bool:
    """Whether the term stands in one field; the tokens of a phrase follow one another."""
    if not term.is_phrase:
        (word,) = term.words
        return any(map(word.matches, tokens)) if word.prefix else word.token in tokens
    first, *rest = term.words
    return any(
        token == first.token and all(word.matches(tokens[start + i]) for i, word in enumerate(rest, 1))
        for start, token in enumerate(tokens[: max(0, len(tokens) - len(rest))])
    )


def collect_statistics(
    query: SearchQuery, documents: Collection[FieldTokens], weights: Mapping[str, int]
) -> SearchStatistics:
    """What the scores of the query depend on: all the documents, those without any text included."""
    frequencies = tuple(
        sum(any(_count(word, tokens.get(field, ())) for field in weights) for tokens in documents)
        for word in query.words
    )
    length = sum(weighted_length(tokens, weights) for tokens in documents)
    return SearchStatistics(len(documents), length, frequencies)


def scorer(
    query: SearchQuery, statistics: SearchStatistics, weights: Mapping[str, int]
) -> Callable[[FieldTokens], int]:
    """The score of a document for the query; that it matches is not asked."""
    average = average_length(statistics.length, statistics.documents)
    factors = [
        (word, word_factor(statistics.documents, df, average))
        for word, df in zip(query.words, statistics.frequencies, strict=True)
    ]

    def score(tokens: FieldTokens) -> int:
        length = weighted_length(tokens, weights)
        return sum(
            word_score(factor, average, weighted_tf(word, tokens, weights), length)
            for word, factor in factors
        )

    return score


def rank(
    query: SearchQuery, documents: Mapping[str, FieldTokens], weights: Mapping[str, int]
) -> list[tuple[str, int]]:
    """The ids that match in the weighted fields with their scores, the highest first, equals by id."""
    fields = tuple(weights)
    score = scorer(query, collect_statistics(query, documents.values(), weights), weights)
    hits = [(key, score(tokens)) for key, tokens in documents.items() if matches(query, tokens, fields)]
    return sorted(hits, key=lambda hit: (-hit[1], hit[0]))
