"""Which documents a query finds, and the portable integer relevance."""

import decimal
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.query.relevance import (
    average_length,
    collect_statistics,
    matches,
    rank,
    scorer,
    weighted_length,
    weighted_tf,
    word_factor,
    word_score,
)
from torematrix.core.storage.query.search import Word, parse_search

WORDS = st.sampled_from(["a", "b", "ab", "abc", "abd", "c"])
TOKENS = st.lists(WORDS, max_size=8)
DOCUMENT = st.fixed_dictionaries({}, optional={"title": TOKENS, "body": TOKENS, "other": TOKENS})
DOCUMENTS = st.dictionaries(st.text("xyz", min_size=1, max_size=2), DOCUMENT, max_size=8)
QUERY = st.lists(
    st.sampled_from(
        ["a", "b", "abc", "ab*", "abd*", "c*", '"a b"', '"a ab"*', "a-b-c", "-c", '-"b a"', "-ab*", "OR"]
    ),
    max_size=6,
).map(" ".join)
WEIGHTS = st.dictionaries(st.sampled_from(["title", "body"]), st.integers(1, 1000), min_size=1)


def find(text, fields=("title", "body"), **document):
    return matches(parse_search(text), {name: value.split() for name, value in document.items()}, fields)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("new", True),
        ("new york", True),
        ('"new york"', True),
        ('"york new"', False),
        ("york big", True),
        ('"york big"', False),  # the end of one field and the start of another
        ("yo*", True),
        ("yor yo*", False),
        ('"new yo"*', True),
        ('"new new york"', True),
        ('"new new new"', False),
        ("new -apple", False),
        ("new -pear", True),
        ('new -"apple new"', True),
        ("new -app*", False),
        ("pear OR york", True),
        ("pear OR york -new", False),
        ("-pear", False),
        ("", False),
        ("hidden", False),
    ],
)
def test_matches(text, found):
    """Words, phrases within one field, prefixes, exclusions and alternatives, in the searched fields alone."""
    assert find(text, title="new new york", body="big apple", notes="hidden") is found


@given(QUERY, DOCUMENT)
def test_matches_as_plain_text(text, document):
    """A phrase is found exactly where its words are in a field's text, spaces around them."""
    fields = ("title", "body")
    texts = [f" {' '.join(document.get(field, ()))} " for field in fields]

    def found(term):
        needle = f" {' '.join(term.tokens)}" + ("" if term.prefix else " ")
        return any(needle in text for text in texts)

    parsed = parse_search(text)
    expected = any(
        all(map(found, clause.required)) and not any(map(found, clause.excluded))
        for clause in parsed.alternatives
    )
    assert matches(parsed, document, fields) == expected


def test_average_length():
    """Half is rounded up; empty collections and empty texts count as one, and a hundred thousand is the most."""
    assert average_length(0, 0) == 1
    assert average_length(0, 10) == 1
    assert average_length(5, 2) == 3
    assert average_length(7, 3) == 2
    assert average_length(8, 3) == 3
    assert average_length(10**12, 3) == 100_000


@given(st.integers(0, 10**9), st.data())
def test_word_factor(documents, data):
    """The factor is the formula's, never negative, and independent of the caller's decimal context."""
    df = data.draw(st.integers(0, documents))
    factor = word_factor(documents, df, 7)
    expected = 65536 * 2.2 * math.log1p((documents - df + 0.5) / (df + 0.5))
    assert factor % 70 == 0
    assert abs(factor // 70 - expected) < 0.51 + expected * 1e-9
    with decimal.localcontext(decimal.Context(prec=3, rounding=decimal.ROUND_UP)):
        assert word_factor(documents, df, 7) == factor


def test_known_values():
    """Scores worked out apart from this code."""
    # N = 3, S = 12: avg = 4. df = 1: ln(8/3) = 0.98082925..., times 144179.2 is 141415.18.
    assert word_factor(3, 1, 4) == 141_415 * 40
    # w = 2, dl = 5: 5656600 * 2 // (80 + 12 + 45)
    assert word_score(141_415 * 40, 4, 2, 5) == 82_578
    assert word_score(141_415 * 40, 4, 0, 5) == 0
    assert word_score(141_415 * 40, 4, 5000, 5) == word_score(141_415 * 40, 4, 1023, 5)


def test_fits_64_bits():
    """The largest product of the formula stays within a signed 64-bit integer."""
    assert word_factor(2**62, 0, 100_000) * 1023 < 2**63


def test_weighted_tf():
    """Occurrences are weighted by field and summed, over the tokens of a prefix too, up to a bound."""
    document = {"title": ["ab", "a", "abc"], "body": ["ab"] * 3, "other": ["ab"]}
    weights = {"title": 5, "body": 2, "absent": 7}
    assert weighted_tf(Word("ab"), document, weights) == 5 + 6
    assert weighted_tf(Word("ab", prefix=True), document, weights) == 10 + 6
    assert weighted_tf(Word("b"), document, weights) == 0
    assert weighted_tf(Word("ab"), document, {"body": 1000}) == 1023
    assert weighted_length(document, weights) == 15 + 6


@given(QUERY, DOCUMENTS, WEIGHTS)
def test_rank(text, documents, weights):
    """Ranking is the formula over every document, in exactly the stated order."""
    parsed = parse_search(text)
    everything = len(documents), sum(weighted_length(tokens, weights) for tokens in documents.values())
    average = average_length(everything[1], everything[0])
    expected = []
    for key, tokens in documents.items():
        if not matches(parsed, tokens, list(weights)):
            continue
        score = 0
        for word in parsed.words:
            df = sum(weighted_tf(word, other, weights) > 0 for other in documents.values())
            w, dl = weighted_tf(word, tokens, weights), weighted_length(tokens, weights)
            a = word_factor(everything[0], df, average)
            score += (a * w) // (10 * average * w + 3 * average + 9 * dl) if w else 0
        expected.append((key, score))
    assert rank(parsed, documents, weights) == sorted(expected, key=lambda hit: (-hit[1], hit[0]))


def test_rank_by_hand():
    """Rarer words, more occurrences and shorter texts rank higher; documents without text count in N."""
    documents = {
        "d": {"body": ["rare", "common"]},
        "c": {"body": ["common", "common"]},
        "b": {"body": ["common", "filler"]},
        "a": {"body": ["common", "filler"]},
        "long": {"body": ["common"] + ["filler"] * 20},
        "none": {},
    }
    ranked = rank(parse_search("common OR rare"), documents, {"body": 1})
    assert [key for key, _ in ranked] == ["d", "c", "a", "b", "long"]
    assert ranked[2][1] == ranked[3][1]
    statistics = collect_statistics(parse_search("common OR rare"), documents.values(), {"body": 1})
    assert (statistics.documents, statistics.length, statistics.frequencies) == (6, 29, (5, 1))


@given(QUERY, DOCUMENTS, WEIGHTS)
def test_statistics_score_a_later_page_alike(text, documents, weights):
    """With the statistics of the first page, scores are those of the first page."""
    parsed = parse_search(text)
    score = scorer(parsed, collect_statistics(parsed, documents.values(), weights), weights)
    for key, value in rank(parsed, documents, weights):
        assert score(documents[key]) == value
