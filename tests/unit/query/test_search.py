"""The query language: what each form means, and that no text is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.errors import InvalidQueryError
from torematrix.core.storage.query.search import Clause, SearchQuery, Term, Word, parse_search

# The language's own signs close together, words, and anything else.
TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.lists(
        st.sampled_from(
            [
                '"',
                "-",
                "*",
                " ",
                "OR",
                " OR ",
                "AND",
                "foo",
                "ba",
                "c",
                "+",
                "漢字",
                "\u3000",
                "'",
                "(",
                ":",
                "\n",
            ]
        )
    ).map("".join),
)


def term(text, prefix=False):
    return Term(tuple(text.split()), prefix)


def query(*alternatives):
    return SearchQuery(tuple(alternatives))


def clause(*required, without=()):
    return Clause(
        tuple(t if isinstance(t, Term) else term(t) for t in required),
        tuple(t if isinstance(t, Term) else term(t) for t in without),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", query()),
        ("  \n\u3000", query()),
        ("++ * ' \" -", query()),
        ("Café", query(clause("cafe"))),
        ("one two  three", query(clause("one", "two", "three"))),
        ("one\u3000two\u00a0three", query(clause("one", "two", "three"))),
        ("one two one ONE", query(clause("one", "two"))),
        ('"new york" city', query(clause("new york", "city"))),
        ('"city"', query(clause("city"))),
        ('"new york', query(clause("new york"))),
        ('"x', query(clause("x"))),
        ('""', query()),
        ('"new york"city', query(clause("new york", "city"))),
        ('5" screen', query(clause("5", "screen"))),
        ("foo-bar", query(clause("foo bar"))),
        ("user@example.com", query(clause("user example com"))),
        ("漢字", query(clause("漢 字"))),
        ("c++", query(clause("c"))),
        ("AND", query(clause("and"))),
        ("one AND two", query(clause("one", "and", "two"))),
        ("pre*", query(clause(term("pre", prefix=True)))),
        ("pre**", query(clause(term("pre", prefix=True)))),
        ("p*", query(clause("p"))),
        ("pr*", query(clause(term("pr", prefix=True)))),
        ("c++* foo-*", query(clause("c", "foo"))),
        ("*foo fo*o", query(clause("foo", "fo o"))),
        ("foo-ba*", query(clause(term("foo ba", prefix=True)))),
        ("foo-b*", query(clause("foo b"))),
        ('"foo ba"*', query(clause(term("foo ba", prefix=True)))),
        ('"foo ba*"', query(clause("foo ba"))),
        ("漢*", query(clause("漢"))),
        ("x" * 300 + "*", query(clause(Term(parse_search("x" * 300).alternatives[0].required[0].tokens)))),
        ("-foo", query()),
        ("-5", query()),
        ('-"a b" -c', query()),
        ("foo -bar", query(clause("foo", without=["bar"]))),
        ('foo -"a b" -ba* -bar -bar', query(clause("foo", without=["a b", term("ba", prefix=True), "bar"]))),
        ("foo -foo", query(clause("foo", without=["foo"]))),
        ("foo -++", query(clause("foo"))),
        ("--verbose", query(clause("verbose"))),
        ("foo - bar", query(clause("foo", "bar"))),
        ("one OR two", query(clause("one"), clause("two"))),
        ("a b OR c -d OR e", query(clause("a", "b"), clause("c", without=["d"]), clause("e"))),
        ("one or two", query(clause("one", "or", "two"))),
        ('one "OR" two', query(clause("one", "or", "two"))),
        ("one -OR two", query(clause("one", "two", without=["or"]))),
        ("OR", query()),
        ("OR OR one OR OR", query(clause("one"))),
        ("one OR -two", query(clause("one"))),
        ("one OR one", query(clause("one"))),
        ("ORacle FOR", query(clause("oracle", "for"))),
    ],
)
def test_meaning(text, expected):
    """Each form of the language means what its documentation says."""
    assert parse_search(text) == expected


@given(TEXTS)
def test_never_an_error(text):
    """Any storable text is a query, made of distinct terms, of which every alternative requires one."""
    parsed = parse_search(text)
    assert parsed.is_empty == (not parsed.words)
    for alternative in parsed.alternatives:
        assert alternative.required
        for terms in (alternative.required, alternative.excluded):
            assert len(set(terms)) == len(terms)
            for item in terms:
                assert all(item.tokens)
                assert not item.prefix or len(item.tokens[-1]) >= 2


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "a \udfff"])
def test_refused(text):
    """What no value can hold is refused."""
    with pytest.raises(InvalidQueryError):
        parse_search(text)


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("é" * 15_000, "x"),
        ("a " * 15_000, " "),
        (" ".join(f"w{n}" for n in range(1000)), " x"),
        (" OR ".join(f"w{n}" for n in range(1000)), " OR x"),
        (" OR ".join(f"a w{n}" for n in range(500)), " OR a"),
        ("a " + " ".join(f"-w{n}" for n in range(999)), " -x"),
        ('"' + "a " * 1000, "a"),
        ("漢" * 1000, "漢"),
    ],
)
def test_bounded(text, more):
    """A query is bounded by its bytes and by its words, however they are arranged."""
    assert parse_search(text).words
    with pytest.raises(InvalidQueryError, match=r"30,000 bytes|1,001 words"):
        parse_search(text + more)


def test_scored_words():
    """Each word of a required term scores once, in the order of the query; exclusions do not score."""
    parsed = parse_search('b "a b" -c ca* OR a ca d-e* "d ee"* c')
    assert parsed.words == (
        *map(Word, "ba"),
        Word("ca", prefix=True),
        *map(Word, ["ca", "d", "e"]),
        Word("ee", prefix=True),
        Word("c"),
    )
    assert parse_search("-x").words == ()
