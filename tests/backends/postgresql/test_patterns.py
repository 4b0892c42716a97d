"""Patterns on PostgreSQL against the library's own matchers: like, ilike, and regular expressions in its language.

``TOREMATRIX_PATTERN_ROUNDS`` makes the random comparison longer, ``TOREMATRIX_PATTERN_SEED`` begin elsewhere.
"""

import contextlib
import os
import random

import psycopg
import pytest

from torematrix.core.storage.backends.postgresql.compile import Sql
from torematrix.core.storage.errors import InvalidQueryError
from torematrix.core.storage.model.kinds import Kind
from torematrix.core.storage.query.folding import fold_class
from torematrix.core.storage.query.patterns import like_matcher, parse_like
from torematrix.core.storage.query.regex import parse_regex, regex_matcher
from torematrix.core.storage.testing.pools import PIECES, POOLS, REGEXES

ROUNDS = int(os.environ.get("TOREMATRIX_PATTERN_ROUNDS", "6"))
SEED = int(os.environ.get("TOREMATRIX_PATTERN_SEED", "1"))

# Letters with several cases, one case, none; what newlines, words and escapes are about; what is beyond 16 bits.
LETTERS = (
    "abAB01_ -.\n\té\u00c9ßẞ\u017fsSkK\u212aİiI\u0131Σ\u03c3ς"
    "\U0001f600\U00010400\U00010428x\u01c4\u01c5\u01c6%\\*"
)


class Texts:
    """A table of texts, and which of them a test holds for."""

    def __init__(self, url):
        self.connection = psycopg.connect(
            url.partition("?")[0], autocommit=True, cursor_factory=psycopg.RawCursor
        )
        self.connection.execute('CREATE TEMPORARY TABLE texts (n int, s text COLLATE "C")')
        self.texts = []

    def close(self):
        self.connection.close()

    def fill(self, texts):
        self.texts = sorted(set(texts))
        self.connection.execute("TRUNCATE texts")
        with self.connection.cursor().copy("COPY texts FROM STDIN") as copy:
            for row in enumerate(self.texts):
                copy.write_row(row)

    def where(self, test, parameters):
        rows = self.connection.execute(f"SELECT n FROM texts WHERE {test}", parameters)
        return {self.texts[n] for (n,) in rows}

    def regex(self, regex):
        sql = Sql()
        return self.where(sql.matches("s", regex), sql.parameters)

    def like(self, pattern, *, fold):
        sql = Sql()
        return self.where(sql.like("s", pattern, fold), sql.parameters)

    def expected(self, matcher):
        return {text for text in self.texts if matcher(text)}


@pytest.fixture(params=["{postgresql}", "{postgresql_icu}"], ids=["c", "icu"])
def texts(request, new_database):
    """The same questions where strings compare by code point and where they do not."""
    with contextlib.closing(Texts(new_database(request.param))) as found:
        found.fill(POOLS[Kind.STR])
        yield found


@pytest.fixture
def seed():
    return random.Random(SEED)


def random_texts(seed):
    made = ("".join(seed.choice(LETTERS) for _ in range(seed.randrange(9))) for _ in range(60))
    return [*made, *seed.sample(POOLS[Kind.STR], 20)]


def random_atom(seed, depth):
    kind = seed.random()
    if kind < 0.45:
        return seed.choice([*"abAéßsKİΣ1_ -", "\U00010400", r"\.", r"\n", r"\*"])
    if kind < 0.6:
        ranges = ["[A-\u017f]", r"[\U00010000-\U0010ffff]", "[^é-\u017f]"]
        classes = ["[ab]", "[^a]", "[a-zé]", r"[^\W\d]", r"[\d.]", r"[^\n]"]
        return seed.choice([".", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", *classes, *ranges])
    if kind < 0.7:
        return seed.choice([r"\b", r"\B", "^", r"\A", r"\Z"])
    return f"(?:{random_pattern(seed, depth + 1)})" if depth < 2 else "a"


def random_piece(seed, depth):
    atom = random_atom(seed, depth)
    if atom in (r"\b", r"\B", "^", r"\A", r"\Z"):
        return atom
    return atom + seed.choice(["", "", "", "", "*", "+", "?", "{2}", "{0,2}", "{1,3}", "*?", "+?"])


def random_pattern(seed, depth=0):
    return "|".join(
        "".join(random_piece(seed, depth) for _ in range(seed.randrange(4)))
        for _ in range(seed.choice([1, 1, 1, 2, 3]))
    )


def test_regular_expressions(texts, seed):
    """Random patterns are found in exactly the texts in which the library's engine finds them."""
    asked = 0
    for _ in range(ROUNDS):
        texts.fill(random_texts(seed))
        for _ in range(80):
            written = random_pattern(seed) + seed.choice(["", "", "$"])
            try:
                regex = parse_regex(written, seed.choice(["", "i", "s", "is"]))
            except InvalidQueryError:
                continue
            asked += 1
            assert texts.regex(regex) == texts.expected(regex_matcher(regex)), regex
    assert asked > ROUNDS * 30


@pytest.mark.parametrize("pattern", REGEXES)
def test_the_kits_regular_expressions(texts, pattern):
    """So are the patterns that the fuzzer asks."""
    regex = parse_regex(pattern)
    assert texts.regex(regex) == texts.expected(regex_matcher(regex))


def test_like_and_ilike(texts, seed):
    """Random patterns match exactly the texts that they match in the library, with and without case."""
    pieces = [*PIECES, "%", "%", "_", "k", "Σ", "\u017f", "\u01c5", "*", "(", "[", "\\\\"]
    for _ in range(ROUNDS):
        texts.fill(random_texts(seed))
        for _ in range(80):
            try:
                pattern = parse_like("".join(seed.choice(pieces) for _ in range(seed.randrange(6))))
            except InvalidQueryError:
                continue
            for fold in (False, True):
                assert texts.like(pattern, fold=fold) == texts.expected(like_matcher(pattern, fold=fold)), (
                    pattern
                )


@pytest.mark.parametrize("length", [199, 200, 201, 3_000, 29_000])
def test_long_patterns_without_case(texts, length):
    """A long pattern is matched another way, and the answer is the same."""
    letters = "aéßkΣ\u01c5\U00010400.%"[:8]
    pattern = "".join(letters[number % len(letters)] for number in range(length // 2))
    alike = "".join(fold_class(letter)[-1] for letter in pattern)
    texts.fill([pattern, alike, alike + "x", "x" + alike, pattern[:-1], ""])
    for written in (pattern, f"%{pattern}", f"{pattern}%", f"%{pattern}%", pattern[:-1] + "_"):
        parsed = parse_like(written)
        for fold in (False, True):
            assert texts.like(parsed, fold=fold) == texts.expected(like_matcher(parsed, fold=fold))


def test_every_folding(texts):
    """Every character that has another case is found by each of them, and by no other."""
    characters = [chr(code) for code in (*range(1, 0xD800), *range(0xE000, 0x20000))]
    cased = [character for character in characters if len(fold_class(character)) > 1]
    texts.fill(cased)
    for character in cased[::7]:
        pattern = parse_like("\\" + character)
        assert texts.like(pattern, fold=True) == set(fold_class(character))


@pytest.mark.parametrize(
    "pattern", ["_" * 1_000 + "%", "%a" + "_" * 200 + "b%", "%" + "%".join("abcdefghij" * 20) + "%"]
)
def test_what_takes_other_engines_long(texts, pattern):
    """Patterns that backtracking engines choke on are answered soon."""
    texts.connection.execute("SET statement_timeout = '20s'")
    texts.fill(["ab" * 2_000, "a" * 5_000, "abcdefghij" * 300])
    parsed = parse_like(pattern)
    for fold in (False, True):
        assert texts.like(parsed, fold=fold) == texts.expected(like_matcher(parsed, fold=fold))
