"""Extracts and marks: what is marked, where an extract is taken, and what happens at the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.errors import InvalidQueryError
from torematrix.core.storage.query.relevance import matches
from torematrix.core.storage.query.search import parse_search
from torematrix.core.storage.query.snippets import highlight, matched_spans
from torematrix.core.storage.query.text import token_spans, tokens


def marked(text, query, **options):
    return highlight(text, parse_search(query), before="[", after="]", **options)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("The Café is open.", "cafe", "The [Café] is open."),
        ("The Cafe\u0301!", "café", "The [Cafe\u0301]!"),
        ("one two three", "three one", "[one] two [three]"),
        ("prefixes and premises", "pre*", "[prefixes] and [premises]"),
        ("new york, new deal", '"new york"', "[new york], new deal"),
        ("new york, new deal", '"new york" new', "[new york], [new] deal"),
        ("a b a b c", '"a b" "b a"', "[a b a b] c"),
        ("mail user@example.com now", "user@example.com", "mail [user@example.com] now"),
        ("foo-bars foo-base", "foo-ba*", "[foo-bars] [foo-base]"),
        ("漢字と漢", "漢字", "[漢字]と漢"),
        ("漢字と漢", "漢 字", "[漢字]と[漢]"),
        ("น้ำ", "น้ำ", "[น้ำ]"),
        ("yes no", "yes -no OR maybe", "[yes] no"),
        ("yes \U0001f44d\U0001f3fd", "\U0001f44d", "yes [\U0001f44d\U0001f3fd]"),
        ("  spaced \n out  ", "out", "spaced \n [out]"),
        ("x" * 300, "x" * 300, "[" + "x" * 300 + "]"),
        ("nothing here", "else", None),
        ("new", '"new york"', None),
        ("york", '"new york"', None),
        ("anything", "", None),
        ("anything", "-anything", None),
        ("", "x", None),
    ],
)
def test_marks(text, query, expected):
    """Words, prefixes and whole phrases are marked as written; exclusions are not."""
    assert marked(text, query) == expected


def test_default_signs():
    """Without options, marks are two asterisks."""
    assert highlight("a word here", parse_search("word")) == "a **word** here"


def numbered(count):
    return " ".join(f"w{i}" for i in range(count))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("w0", "[w0] w1 w2 w3 w4…"),
        ("w1", "w0 [w1] w2 w3 w4…"),
        ("w50", "…w48 w49 [w50] w51 w52…"),
        ("w99", "…w95 w96 w97 w98 [w99]"),
        ("w10 w50 w52", "…w49 [w50] w51 [w52] w53…"),
        ("w10 w90", "…w8 w9 [w10] w11 w12…"),
        ('"w20 w21 w22 w23 w24 w25 w26"', "…[w20 w21 w22 w23 w24]…"),
    ],
)
def test_windows(query, expected):
    """An extract shows as many terms as it can, the first time they stand together, with words around them."""
    assert marked(numbered(100), query, words=5) == expected


def test_better_place_later():
    """A later place that shows more terms is better than an earlier one that shows fewer."""
    text = "alpha " + numbered(50) + " alpha beta " + numbered(50)
    assert marked(text, "alpha beta", words=4) == "…w49 [alpha] [beta] w0…"


def test_never_long():
    """However much stands between two words, an extract stays short."""
    result = marked("start " + "-" * 1_000_000 + " found " + "=" * 1_000_000, "found", words=4)
    assert "[found]" in result
    assert len(result) < 300
    result = marked("x" * 30_000, "x" * 30_000, words=1)
    assert result.startswith("[xxx")
    assert len(result) < 80


@pytest.mark.parametrize("words", [0, -1])
def test_no_words(words):
    """An extract of nothing is refused."""
    with pytest.raises(InvalidQueryError):
        marked("a", "a", words=words)


TEXTS = st.lists(
    st.sampled_from(["a", "b", "c", "abc", "é", "漢", "か", " ", " ", "-", "\n", "e\u0301", "\U0001f44d"]),
    max_size=40,
).map("".join)
QUERIES = st.lists(
    st.sampled_from(["a", "b", "ab*", '"a b"', '"b c a"', "e", "漢か", "-c", "OR", '"a a"*', "\U0001f44d"]),
    max_size=5,
).map(" ".join)


@given(TEXTS, QUERIES, st.integers(1, 8))
def test_extracts_are_marked_text(text, query, words):
    """Without its signs an extract is part of the text, of no more words than asked for, and shows a match."""
    parsed = parse_search(query)
    spans = matched_spans(text, parsed)
    result = highlight(text, parsed, before="\ue000", after="\ue001", words=words)
    assert (result is None) == (not spans)
    if result is None:
        return
    plain = result.replace("\ue000", "").replace("\ue001", "").strip("…")
    assert plain in text
    assert len(tokens(plain)) <= words
    assert result.count("\ue000") == result.count("\ue001") >= 1
    assert "\ue000\ue001" not in result
    assert "\ue001\ue000" not in result
    if len(tokens(text)) <= words:
        assert plain == text.strip()
        assert result.count("\ue000") == len(spans)


@given(TEXTS, QUERIES)
def test_marks_are_what_matches(text, query):
    """A text that matches has a marked place, and marks stand apart from one another, in order."""
    parsed = parse_search(query)
    spans = matched_spans(text, parsed)
    if matches(parsed, {"text": tokens(text)}, ["text"]):
        assert spans
    previous = -1
    starts = {start for _, start, _ in token_spans(text)}
    for start, end in spans:
        assert previous < start < end
        assert start in starts
        previous = end


def test_reads_no_further_than_needed():
    """One place that shows everything ends the reading, so that long texts cost little."""
    text = "found " + "word " * 2_000_000
    assert highlight(text, parse_search("found"), words=3) == "**found** word word…"
