"""Tests of strings, as expressions: the server answers what the library's matchers do."""

import random

import pytest
from pymongo import MongoClient

from torematrix.core.storage.backends.mongodb.patterns import contains, ends_with, like
from torematrix.core.storage.query._unicode_tables import SIMPLE_FOLDS, unpack
from torematrix.core.storage.query.folding import fold_class, simple_fold
from torematrix.core.storage.query.patterns import like_matcher, parse_like
from torematrix.core.storage.query.regex import parse_regex, regex_matcher

PIECES = [
    "a",
    "b",
    "ab",
    "A",
    "é",
    "É",
    "ß",
    "ẞ",
    "k",
    "\u212a",
    "s",
    "\u017f",
    "\n",
    "\U0001f600",
    "e\u0301",
    "$",
    "\\E",
    ".",
]
PATTERN_PIECES = [*PIECES, "%", "%", "%", "_", "_", r"\%", r"\_", r"\\"]


@pytest.fixture(scope="module")
def database(mongodb_server):
    with MongoClient(mongodb_server.url) as client:
        yield client["patterns"]


def answers(database, texts, expressions):
    """What each of the expressions gives for each of the texts, which stand in the field t."""
    project = {f"r{at}": expression for at, expression in enumerate(expressions)}
    documents = [{"t": {"$literal": text}} for text in texts]
    found = database.aggregate([{"$documents": documents}, {"$project": project}])
    return [[row[f"r{at}"] for at in range(len(expressions))] for row in found]


def quoted(text):
    return "".join(f"\\{char}" if char in r"\%_" else char for char in text)


def random_texts(chance, count):
    return ["".join(chance.choices(PIECES, k=chance.randrange(7))) for _ in range(count)]


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_patterns(database, fold, seed):
    """like and ilike, on random patterns and texts that often fit."""
    chance = random.Random(seed)
    texts = random_texts(chance, 60)
    patterns = ["".join(chance.choices(PATTERN_PIECES, k=chance.randrange(8))) for _ in range(100)]
    patterns += [quoted(text[:1]) + "%" + quoted(text[1:]) for text in texts[:20]]
    parsed = [parse_like(pattern) for pattern in patterns]
    given = answers(database, texts, [like("$t", pattern, fold=fold) for pattern in parsed])
    wrong = [
        (text, pattern)
        for text, row in zip(texts, given, strict=True)
        for pattern, tree, found in zip(patterns, parsed, row, strict=True)
        if found != like_matcher(tree, fold=fold)(text)
    ]
    assert wrong == []


def test_every_character_that_folds(database):
    """ilike takes each character for every one that folds alike, and for no other with the same lower case."""
    folding = unpack(SIMPLE_FOLDS)[::2]
    for start in range(0, len(folding), 100):
        chars = folding[start : start + 100]
        # Each with the whole of its class, and with what Python makes of it.
        texts = sorted({other for char in chars for other in (*fold_class(char), char.lower(), char.upper())})
        for shape in ("{}", "%{}", "_{}"):
            patterns = [parse_like(shape.format(quoted(char))) for char in chars]
            subjects = [f"x{text}" if shape == "_{}" else text for text in texts]
            given = answers(database, subjects, [like("$t", pattern, fold=True) for pattern in patterns])
            for text, row in zip(subjects, given, strict=True):
                assert row == [like_matcher(pattern, fold=True)(text) for pattern in patterns], text


def test_lower_case_is_that_of_ascii_alone(database):
    """What the folding stands on: $toLower leaves every character beyond ASCII as it is."""
    chars = [chr(code) for code in range(1, 0x3000) if not 0xD800 <= code < 0xE000] + [
        "\ufb01",
        "\U00010400",
        "\u1e9e",
    ]
    given = answers(database, chars, [{"$toLower": "$t"}])
    assert [row[0] for row in given] == [char.lower() if char.isascii() else char for char in chars]
    assert simple_fold("\u1e9e") == "ß"


@pytest.mark.parametrize("seed", range(2))
def test_literal_texts(database, seed):
    """contains and ends_with, also where a byte sequence begins inside a character."""
    chance = random.Random(seed)
    texts = random_texts(chance, 60)
    wanted = ["".join(chance.choices(PIECES, k=chance.randrange(1, 4))) for _ in range(60)]
    found = answers(database, texts, [contains("$t", text) for text in wanted])
    assert found == [[want in text for want in wanted] for text in texts]
    found = answers(database, texts, [ends_with("$t", text) for text in wanted])
    assert found == [[text.endswith(want) for want in wanted] for text in texts]


REGEXES = [
    *(
        "a",
        "^a",
        "a$",
        "^$",
        "",
        "[ab]+",
        "[^a]",
        ".",
        "^.$",
        "(?s).",
        "a|b",
        "(?i)k",
        "(?i)\u017f",
        "(?i)é",
        "(?i)ß",
    ),
    *(
        r"\bab?",
        r"\Bb",
        r"\.",
        r"^\W+$",
        r"\A[a-z]+\Z",
        r"^(?:ab)*$",
        r"a{2}",
        r"\$",
        r"\\E",
        "é",
        r"\n$",
        r"[^\n]\Z",
    ),
]


@pytest.mark.parametrize("seed", range(2))
def test_regular_expressions(database, seed):
    """$regexMatch with the library's translation finds what RE2 does."""
    texts = random_texts(random.Random(seed), 80)
    parsed = [parse_regex(pattern) for pattern in REGEXES]
    expressions = [{"$regexMatch": {"input": "$t", "regex": {"$literal": each.pcre}}} for each in parsed]
    given = answers(database, texts, expressions)
    for text, row in zip(texts, given, strict=True):
        assert row == [regex_matcher(each)(text) for each in parsed], text


def test_patterns_at_their_limits(database):
    """The longest pattern, thousands of segments, and a text of a megabyte."""
    text = "ab" * 500_000 + "é"
    for pattern in (
        "%" + "ab%" * 5_000 + "é",
        "a" + "%" * 3,
        "%b_",
        "%" + "ab" * 10_000 + "%",
        "a%b%é",
        "%_" * 2_000,
    ):
        tree = parse_like(pattern)
        for fold in (False, True):
            [[found]] = answers(database, [text], [like("$t", tree, fold=fold)])
            assert found == like_matcher(tree, fold=fold)(text), pattern[:20]
