"""LIKE patterns against a naive oracle and against SQLite's own GLOB."""

import re
import time

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.errors import InvalidQueryError
from torematrix.core.storage.query.folding import simple_fold
from torematrix.core.storage.query.patterns import (
    LikePattern,
    like_matcher,
    literal_prefix,
    longest_literals,
    parse_like,
    to_glob,
)

# Few letters, so that patterns match often; the wildcards of other languages, newlines and astral characters.
ALPHABET = "abAB%_\\*?[]^-.é\u00c9\n\r\U0001d4b3😀ßẞK\u212a"
TEXTS = st.text(alphabet=ALPHABET, max_size=12)
PATTERNS = st.lists(
    st.one_of(
        st.sampled_from(["%", "_", "%", "_", "a", "b", "ab"]),
        st.sampled_from(ALPHABET).map(lambda c: "\\" + c),
        st.sampled_from([c for c in ALPHABET if c != "\\"]),
    ),
    max_size=10,
).map("".join)


def oracle(pattern, text):
    parts, characters = [], iter(pattern)
    for character in characters:
        if character == "%":
            parts.append(".*")
        elif character == "_":
            parts.append(".")
        else:
            parts.append(re.escape(next(characters) if character == "\\" else character))
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


@given(PATTERNS, TEXTS)
def test_matches_as_the_oracle(pattern, text):
    """A pattern means what the plain reading of it as a regular expression means."""
    assert like_matcher(parse_like(pattern), fold=False)(text) == oracle(pattern, text)


@given(PATTERNS, TEXTS)
def test_folded_as_the_oracle(pattern, text):
    """``fold`` compares both sides under simple folding and changes nothing else."""
    assert like_matcher(parse_like(pattern), fold=True)(text) == oracle(
        simple_fold(pattern), simple_fold(text)
    )


@given(
    st.lists(st.sampled_from(["a", "_", "b"]), min_size=1, max_size=6).map("".join),
    st.text("ab", max_size=300),
)
def test_repetitive_texts(segment, text):
    """Segments that almost fit everywhere are found where they are, by either way of looking."""
    pattern = f"%{segment}%"
    assert like_matcher(parse_like(pattern), fold=False)(text) == oracle(pattern, text)


@pytest.fixture(scope="module")
def database():
    connection = apsw.Connection(":memory:")
    yield connection
    connection.close()


@given(PATTERNS, TEXTS)
def test_glob_agrees(database, pattern, text):
    """SQLite's GLOB gives the same answer for the translated pattern."""
    parsed = parse_like(pattern)
    ((answer,),) = database.execute("SELECT ? GLOB ?", (text, to_glob(parsed)))
    assert bool(answer) == like_matcher(parsed, fold=False)(text)


@given(PATTERNS, TEXTS)
def test_prefix_and_literals_are_necessary(pattern, text):
    """What filters candidates never loses a match."""
    parsed = parse_like(pattern)
    literals = longest_literals(parsed)
    assert list(map(len, literals)) == sorted(map(len, literals), reverse=True)
    if like_matcher(parsed, fold=False)(text):
        assert text.startswith(literal_prefix(parsed))
        assert all(literal in text for literal in literals)


@pytest.mark.parametrize(
    ("pattern", "parsed"),
    [
        ("", LikePattern((), True, True)),
        ("%", LikePattern((), False, False)),
        ("%%", LikePattern((), False, False)),
        ("abc", LikePattern((("abc",),), True, True)),
        ("a%", LikePattern((("a",),), True, False)),
        ("%a", LikePattern((("a",),), False, True)),
        ("a__b%\\%c", LikePattern((("a", 2, "b"), ("%c",)), True, True)),
        ("a\\%", LikePattern((("a%",),), True, True)),
        ("\\%a", LikePattern((("%a",),), True, True)),
        ("\\a\\\\", LikePattern((("a\\",),), True, True)),
        ("_%", LikePattern(((1,),), True, False)),
    ],
)
def test_parsed_form(pattern, parsed):
    """The parsed form keeps wildcards apart from literals."""
    assert parse_like(pattern) == parsed


@pytest.mark.parametrize(
    "pattern", ["\\", "abc\\", "a\\\\\\", "a\0b", "a\ud800", "a" * 30_001, "é" * 15_001, "%" * 30_001]
)
def test_refused(pattern):
    """A pattern that cannot mean anything, or is too long, is refused."""
    with pytest.raises(InvalidQueryError):
        parse_like(pattern)


@pytest.mark.parametrize("pattern", ["a" * 30_000, "é" * 15_000, "%_" * 15_000])
def test_longest_accepted(pattern):
    """Thirty thousand bytes are accepted."""
    like_matcher(parse_like(pattern), fold=True)("a" * 40_000)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%a" * 10_000 + "b", "a" * 200_000),
        ("%" + "a_" * 5_000 + "b%", "a" * 200_000),
        ("%a_" * 5_000 + "%b%", "a" * 200_000),
        ("%" + "_" * 20_000 + "b%", "a" * 200_000),
        ("%" + "a_a_b_" * 300 + "%" + "a_" * 1_000 + "c%", "a_a_b_" * 30_000),
        ("%ab_" * 5_000, "abb" * 60_000),
    ],
)
def test_linear(pattern, text):
    """Repetitive patterns on long repetitive texts stay fast: nothing backtracks."""
    matches = like_matcher(parse_like(pattern), fold=False)
    start = time.process_time()
    matches(text)
    assert time.process_time() - start < 2
