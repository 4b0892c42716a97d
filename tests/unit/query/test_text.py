# ruff: noqa: RUF001  # letters of other scripts are what is tested
"""The analyzer: what is a word, the alphabet of tokens, and where in the text they stand."""

import hashlib
import re
import sys
import unicodedata

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torematrix.core.storage.query.text import (
    ANALYZER_VERSION,
    MAX_TOKEN_BYTES,
    is_hashed,
    token_spans,
    tokens,
)

ALPHABET = re.compile("[0-9a-z\x80-\U0010ffff]+")
# Characters of every rule, close together: letters, marks kept and stripped, kana, ideographs, Thai, Hangul, emoji.
MIXED = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("aB1 _-.'\x08\x1e\x1f\u0301\u0345\u3099\u309aかがカガ漢\uff76\uff9eー한กิ่ำ"),
        st.sampled_from(
            "\u2122\u00b2\u2460\u338f\u00bd\u0149\u200b\u200d\u00ad\ufe0f\U0001f44d\U0001f3fd\u093f\u094d"
        ),
        st.sampled_from("ßİ\u017f\u212aﬁ\u0e33\u1039\u17d2\u02bc’\ufdfa\ud800"),
    ),
    max_size=40,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" .,;-_'", []),
        ("The quick, brown FOX", "the quick brown fox"),
        ("Café CAFE\u0301 cafe", "cafe cafe cafe"),
        ("user@example.com", "user example com"),
        ("foo_bar don't it’s M\u02bcata 3.14 a-b", "foo bar don t it s m ata 3 14 a b"),
        ("abc123 4x4 x² CO₂ ½", "abc123 4x4 x2 co2 1 2"),
        ("Straße STRASSE ſ ﬁn", "strasse strasse s fin"),
        ("İstanbul", "istanbul"),
        ("ΣΑΣ σας", "σασ σασ"),
        ("Foo\u2122 5\u338f \u2460one \u2163", "foo tm 5 kg 1 one iv"),
        ("soft\u00adhyphen a\u200bb", "softhyphen a b"),
        ("漢字1号", "漢 字 1 号"),
        ("ひらがな", "ひ ら か\u3099 な"),
        ("か\u3099 が", "か\u3099 か\u3099"),
        ("カタカナ Tシャツ ｶﾞ", "カタカナ t シャツ カ\u3099"),
        ("漢カ漢", "漢 カ 漢"),
        ("กินข้าว ๒๕๖๗", "กิ น ข า ว ๒๕๖๗"),
        ("भारत में", "भारत में"),
        ("\u0643\u0650\u062a\u0627\u0628", "\u0643\u062a\u0627\u0628"),
        ("\U0001f44d\U0001f3fd\u2764\ufe0f!", "\U0001f44d \u2764"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468 \U0001f469"),
        ("ok\U0001f600ok", "ok \U0001f600 ok"),
        ("1\ufe0f\u20e3", "1"),
    ],
)
def test_words(text, expected):
    """The words of the documented examples."""
    assert tokens(text) == (expected.split() if isinstance(expected, str) else expected)


def test_hangul_is_alike_composed_and_decomposed():
    """Every syllable gives what its canonical decomposition gives, and runs together."""
    for first in range(0xAC00, 0xD7A4, 588):
        text = "".join(map(chr, range(first, min(first + 20, 0xD7A4))))
        assert (
            tokens(text) == tokens(unicodedata.normalize("NFD", text)) == [unicodedata.normalize("NFD", text)]
        )


@given(MIXED)
@example("\u0e19\u0e49\u0e33")
def test_alphabet(text):
    """Every token is made of a-z, 0-9 and code points from U+0080 alone, and is not empty."""
    for token in tokens(text):
        assert ALPHABET.fullmatch(token)
        assert len(token.encode(errors="surrogatepass")) <= MAX_TOKEN_BYTES


def every_code_point():
    for first in range(0, sys.maxunicode + 1, 4096):
        yield tokens("a ".join(map(chr, range(first, first + 4096))))


def test_alphabet_of_every_code_point():
    """No code point leads out of the alphabet."""
    for found in every_code_point():
        for token in found:
            assert ALPHABET.fullmatch(token), ascii(token)


def test_pinned():
    """What every code point becomes is what this version of the analyzer says, on every Python."""
    digest = hashlib.sha256(ANALYZER_VERSION.encode())
    for found in every_code_point():
        digest.update(" ".join(found).encode())
    assert digest.hexdigest()[:16] == "a022ec5801f21fe6"


def test_fts5_takes_tokens_verbatim():
    """FTS5's ascii tokenizer finds exactly the tokens of the analyzer, whatever they are made of."""
    database = apsw.Connection(":memory:")
    database.execute("CREATE VIRTUAL TABLE t USING fts5(words, tokenize = 'ascii')")
    database.execute("CREATE VIRTUAL TABLE v USING fts5vocab(t, row)")
    stored = set()
    for found in every_code_point():
        database.execute("INSERT INTO t VALUES (?)", (" ".join(found),))
        stored.update(found)
    assert {term for (term,) in database.execute("SELECT term FROM v")} == stored
    database.close()


@given(MIXED)
@example("\u0e19\u0e49\u0e33")
@example("\u3314x\u0301")
def test_spans_agree_with_tokens(text):
    """``token_spans`` gives the same tokens, in places that never run backwards."""
    spans = list(token_spans(text))
    assert [token for token, _, _ in spans] == tokens(text)
    starts = [start for _, start, _ in spans]
    assert starts == sorted(starts)
    for _, start, end in spans:
        assert 0 <= start < end <= len(text)


@given(MIXED)
def test_a_token_is_found_by_what_was_written(text):
    """Analyzing the text of a token's place gives that token again."""
    for token, start, end in token_spans(text):
        assert token in tokens(text[start:end])


@given(MIXED)
def test_tokens_are_stable(text):
    """Analyzing tokens gives the same tokens (those that are hashed apart)."""
    found = [token for token in tokens(text) if not is_hashed(token)]
    assert tokens(" ".join(found)) == found


@given(MIXED, MIXED)
def test_a_space_separates(left, right):
    """Words never run across white space."""
    assert tokens(left + " " + right) == tokens(left) + tokens(right)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_normal_forms_are_alike(text):
    """Canonically equivalent texts, and compatibility forms, have the same words."""
    by_itself = tokens(text)
    assert tokens(unicodedata.normalize("NFC", text)) == by_itself
    assert tokens(unicodedata.normalize("NFD", text)) == by_itself


def test_span_covers_accents():
    """A span ends after the accents, selectors and skin tones that were stripped."""
    text = "x cafe\u0301 \U0001f44d\U0001f3fd!"
    assert [text[start:end] for _, start, end in token_spans(text)] == [
        "x",
        "cafe\u0301",
        "\U0001f44d\U0001f3fd",
    ]


@pytest.mark.parametrize("word", ["a" * 255, "é" * 127, "к" * 127])
def test_longest_word(word):
    """Two hundred and fifty-five bytes are kept as they are."""
    (token,) = tokens(word)
    assert not is_hashed(token)


@pytest.mark.parametrize("word", ["a" * 256, "к" * 128, "x" * 1_000_000, "한" * 60])
def test_longer_words_are_hashed(word):
    """A longer word is replaced by a token in the alphabet that no text has, and is still found by itself."""
    ((token, start, end),) = token_spans(word)
    assert tokens(f"{word}, {word}b") == [token, *tokens(word + "b")]
    assert (start, end) == (0, len(word))
    assert is_hashed(token)
    assert ALPHABET.fullmatch(token)
    assert tokens(token) != [token]
    assert len(tokens(word + "b")) == 1
    assert tokens(word + "b") != [token]
