"""The portable regular expressions: their language against Python's own ``re``, and everything that they refuse."""

import re
import sys
import time
from itertools import product

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from torematrix.core.storage.errors import ConfigurationError, InvalidQueryError
from torematrix.core.storage.query._regex_parser import _LAST_CASED
from torematrix.core.storage.query.folding import fold_class
from torematrix.core.storage.query.regex import (
    MAX_NESTING,
    MAX_REACH,
    MAX_REPEAT,
    MINIMUM_REACH,
    Regex,
    parse_regex,
    regex_matcher,
)

# Few letters, so that patterns match often: case with two and three members, word and other characters, what Python
# and the engines call space, newlines, and characters of two, three and four bytes.
LETTERS = "abAkK\u212as\u017féÉ1_ -.\n\r\x0b\x1c\x85\u2028,é\u4e00😀𝒳"
TEXTS = st.text(alphabet=LETTERS, max_size=10)
_ESCAPES = {"\n": r"\n", "\r": r"\r", "\x0b": r"\v", "\x1c": r"\x1c", "\x85": r"\u0085", "😀": r"\U0001f600"}


class Sample(msgspec.Struct, frozen=True):
    """A pattern, what Python should be asked instead, and a text that it may match."""

    pattern: str
    oracle: str
    text: str


def in_class(char):
    return f"\\U{ord(char):08x}"


@st.composite
def literals(draw, fold):
    char = draw(st.sampled_from(LETTERS))
    written = draw(st.sampled_from([re.escape(char), _ESCAPES.get(char, re.escape(char))]))
    alike = fold_class(char) if fold else (char,)
    return Sample(written, "[" + "".join(map(in_class, alike)) + "]", draw(st.sampled_from(alike)))


@st.composite
def classes(draw, fold):
    members, asked = [], []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["one", "one", "range", "category"]))
        if kind == "category":
            category = draw(st.sampled_from([r"\d", r"\w", r"\s", r"\D", r"\W", r"\S"]))
            members.append(category)
            asked.append(category)
        elif kind == "one":
            char = draw(st.sampled_from(LETTERS))
            members.append(re.escape(char))
            asked.extend(map(in_class, fold_class(char) if fold else char))
        else:
            low, high = sorted((draw(st.sampled_from(LETTERS)), draw(st.sampled_from(LETTERS))))
            members.append(f"{re.escape(low)}-{re.escape(high)}")
            asked.append(f"{in_class(low)}-{in_class(high)}")
            if fold:
                # Only what the texts can hold needs to be asked for.
                asked.extend(in_class(x) for x in LETTERS for y in fold_class(x) if low <= y <= high)
    hat = draw(st.sampled_from(["", "", "^"]))
    return Sample(f"[{hat}{''.join(members)}]", f"[{hat}{''.join(asked)}]", draw(st.sampled_from(LETTERS)))


@st.composite
def atoms(draw, fold, depth):
    kind = draw(st.sampled_from(["literal"] * 5 + ["class"] * 3 + ["dot", "category", "anchor", "group", "group"]))
    if kind == "literal":
        return draw(literals(fold)), True
    if kind == "class":
        return draw(classes(fold)), True
    if kind == "dot":
        return Sample(".", ".", draw(st.sampled_from(LETTERS))), True
    if kind == "category":
        written = draw(st.sampled_from([r"\d", r"\w", r"\s", r"\D", r"\W", r"\S"]))
        return Sample(written, written, draw(st.sampled_from(LETTERS))), True
    if kind == "anchor" or depth == 0:
        written = draw(st.sampled_from([r"\b", r"\b", r"\B", r"\B", "^", "$", r"\A", r"\Z"]))
        # Python below 3.14 finds no \B in an empty text.
        return Sample(written, r"(?!\b)" if written == r"\B" else written, ""), False
    inner = draw(alternations(fold, depth - 1))
    opening = draw(st.sampled_from(["(", "(?:"]))
    return Sample(f"{opening}{inner.pattern})", f"(?:{inner.oracle})", inner.text), True


@st.composite
def items(draw, fold, depth):
    atom, repeatable = draw(atoms(fold, depth))
    quantifiers = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{,2}", "{2,}", "{0}", "{1,2}?"]
    if not repeatable or draw(st.integers(0, 2)):
        return atom
    quantifier = draw(st.sampled_from(quantifiers))
    count = 2 if quantifier.startswith("{2") else draw(st.integers(0, 2))
    return Sample(atom.pattern + quantifier, atom.oracle + quantifier, atom.text * count)


def joined(parts, between=""):
    return Sample(
        between.join(part.pattern for part in parts),
        between.join(part.oracle for part in parts),
        "".join(part.text for part in parts),
    )


@st.composite
def alternations(draw, fold, depth):
    options = [
        joined(draw(st.lists(items(fold, depth), min_size=0 if depth < 2 else 1, max_size=4)))
        for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3])))
    ]
    return msgspec.structs.replace(joined(options, "|"), text=draw(st.sampled_from(options)).text)


@st.composite
def questions(draw):
    """A sample, its flags, and texts to look in."""
    flags = draw(st.sampled_from(["", "i", "s", "is"]))
    sample = draw(alternations("i" in flags, 2))
    if flags and draw(st.booleans()):
        sample, flags = msgspec.structs.replace(sample, pattern=f"(?{flags}){sample.pattern}"), ""
        asked = re.DOTALL if "s" in sample.pattern[: sample.pattern.index(")")] else 0
    else:
        asked = re.DOTALL if "s" in flags else 0
    texts = [sample.text, sample.text + "\n", draw(TEXTS) + sample.text + draw(TEXTS), "", *draw(st.lists(TEXTS))]
    return sample, flags, re.compile(sample.oracle, re.ASCII | asked), texts


@given(questions())
@settings(max_examples=settings.default.max_examples * 4)
def test_a_pattern_is_found_where_python_finds_it(question):
    """The same texts as ``re.search`` in ASCII mode, case by the pinned folding."""
    sample, flags, oracle, texts = question
    try:
        regex = parse_regex(sample.pattern, flags)
    except InvalidQueryError as refusal:
        event("refused: " + str(refusal).partition(",")[0])
        return
    event("accepted")
    found = regex_matcher(regex)
    assert [found(text) for text in texts] == [oracle.search(text) is not None for text in texts]
