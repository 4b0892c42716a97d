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
    MAX_REACH,
    MINIMUM_REACH,
    Regex,
    parse_regex,
    regex_matcher,
)

# Few letters, so that patterns match often: case with two and three members, word and other characters, what Python
# and the engines call space, newlines, and characters of two, three and four bytes.
LETTERS = "abAkK\u212as\u017féÉ1_ -.\n\r\x0b\x1c\x85\u2028,é\u4e00😀\U0001d4b3"
# The same and what is alike: a class without regard to case is asked for member by member.
ALIKE = sorted({alike for char in LETTERS for alike in fold_class(char)})
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
                asked.extend(in_class(x) for x in ALIKE for y in fold_class(x) if low <= y <= high)
    hat = draw(st.sampled_from(["", "", "^"]))
    return Sample(f"[{hat}{''.join(members)}]", f"[{hat}{''.join(asked)}]", draw(st.sampled_from(LETTERS)))


@st.composite
def atoms(draw, fold, depth):
    kind = draw(
        st.sampled_from(["literal"] * 5 + ["class"] * 3 + ["dot", "category", "anchor", "group", "group"])
    )
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
    texts = [
        sample.text,
        sample.text + "\n",
        draw(TEXTS) + sample.text + draw(TEXTS),
        "",
        *draw(st.lists(TEXTS)),
    ]
    return sample, flags, re.compile(sample.oracle, re.ASCII | asked), texts


def as_python(translation):
    """PCRE's and PostgreSQL's languages are near enough to Python's, which has atomic groups and possessive repeats."""
    translation = translation.removeprefix("(*NO_AUTO_POSSESS)")
    written = re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: in_class(chr(int(found[1], 16))), translation)
    # Not within an escaped backslash: the texts hold none, so the patterns do not either.
    return re.compile(written.replace(r"\z", r"\Z").replace(r"\B", r"(?!\b)"), re.ASCII | re.DOTALL)


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
    expected = [oracle.search(text) is not None for text in texts]
    assert [found(text) for text in texts] == expected
    for translation in (regex.pcre, regex.are):
        like_python = as_python(translation)
        assert [like_python.search(text) is not None for text in texts] == expected


def test_a_pattern_may_be_long():
    """30,000 bytes, where the engines bear what they become."""
    assert regex_matcher(parse_regex("ab" * 15_000))("ab" * 15_000)
    assert not regex_matcher(parse_regex("é" * 15_000))("é" * 14_999)
    assert regex_matcher(parse_regex("|".join(f"w{i}z" for i in range(4_000))))("-w3999z-")
    with pytest.raises(InvalidQueryError, match="written out"):
        parse_regex("{" * 30_000)  # each becomes two bytes


def test_flags_are_the_same_inside_and_outside():
    for inside, outside in product(["", "(?i)", "(?s)", "(?is)", "(?si)", "(?i)(?s)"], ["", "i", "s", "si"]):
        regex = parse_regex(f"{inside}a.b", outside)
        assert regex.flags == "".join(sorted(set(inside + outside) & {"i", "s"}))
        assert regex_matcher(regex)("A.B") == ("i" in regex.flags)
        assert regex_matcher(regex)("a\nb") == ("s" in regex.flags)


ABC = ["".join(letters) for length in range(5) for letters in product("abc", repeat=length)]


@st.composite
def exclusive(draw, depth=1):
    """Options that begin differently, of which one may be empty: what is made possessive and atomic for PCRE."""
    options = []
    for letter in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True)):
        nested = (
            st.tuples(exclusive(depth - 1), st.sampled_from(["", "?", "*", "{,2}"])).map("".join)
            if depth
            else st.just("")
        )
        tails = st.lists(
            st.one_of(st.sampled_from(["a", "b", "c", "[ab]", "a?", "b*", r"\b", r"\B"]), nested), max_size=2
        )
        options.append(letter + "".join(draw(tails)))
    options.extend(draw(st.sampled_from([[], [], [""], [r"\b"], [r"\B"]])))
    return "(?:" + "|".join(draw(st.permutations(options))) + ")"


@given(
    st.sampled_from(["", "^", "c", "[bc]"]),
    st.lists(
        st.tuples(
            exclusive(),
            st.sampled_from(["?", "*", "+", "{,2}", "{1,2}"]),
            st.sampled_from(["", "a", "b", "c", "a*", "c?", "[^a]", ".*"]),
        ).map("".join),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["", "$", "a", "b", r"\b"]),
)
@settings(max_examples=settings.default.max_examples * 4)
def test_the_marks_for_backtracking_change_no_answer(start, middle, end):
    """Possessive repeats, atomic groups and what else spares PCRE work find what RE2 and Python find."""
    pattern = start + "".join(middle) + end
    try:
        regex = parse_regex(pattern)
    except InvalidQueryError:
        return
    event("marked" if re.search(r"[*+?}]\+|\(\?>", regex.pcre) else "not marked")
    oracle, pcre, re2 = as_python(pattern), as_python(regex.pcre), regex_matcher(regex)
    for text in ABC:
        assert re2(text) == (oracle.search(text) is not None) == (pcre.search(text) is not None)


def test_what_pcre_gets_wrong_is_kept_from_it():
    """It makes ``b*`` possessive in front of ``(?:ab)?+``, and prefers an empty alternative that comes first."""
    assert parse_regex("^b*(?:ab)?b+$").pcre.startswith("(*NO_AUTO_POSSESS)")
    assert parse_regex("b(|a{2})?b").pcre.endswith("b(?:a{2}|)?+b")
    assert parse_regex("^abc").pcre == r"\Aabc"  # from which MongoDB can tell the range of an index


def found(pattern, text, flags=""):
    return regex_matcher(parse_regex(pattern, flags))(text)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("é", "É", "e"),
        ("straße", "STRASSE".replace("SS", "ẞ"), "STRASSE"),
        ("k", "\u212a", "x"),
        ("[a-z]", "\u212a", "İ"),
        ("[^k]", "x", "\u212a"),
        ("\u03c3", "ς", "s"),
        (r"\w", "k", "\u212a"),  # a category is what it is; case is for characters
        (r"[\w]", "k", "\u017f"),
        (r"\W", "\u212a", "k"),
        ("\U00010400", "\U00010428", "\U00010429"),
    ],
)
def test_ignoring_case_is_simple_folding(pattern, yes, no):
    """The pinned tables, on every engine; never one character to two."""
    assert found(pattern, yes, "i")
    assert not found(pattern, no, "i")


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (r"\s", " \t\n\r\f\v"),
        (r"\d", "0123456789"),
        (r"\w", "azAZ09_"),
    ],
)
def test_categories_are_ascii(pattern, texts):
    for text in texts:
        assert found(pattern, text)
        assert not found(pattern.upper(), text)
    for text in "\x1c\x85\xa0\u2028\u0660é":
        assert not found(pattern, text)
        assert found(pattern.upper(), text)


def test_the_end_is_as_in_python():
    """``$`` also before a last newline; ``\\Z`` at the end alone."""
    for pattern, yes, no in [
        ("a$", ["a", "a\n", "b\na\n"], ["a\n\n", "a\nb", "a\r\n"]),
        (r"a\Z", ["a"], ["a\n"]),
        ("^$", ["", "\n"], ["\n\n", "a"]),
        ("(?:^|,)x(?:,|$)", ["x", "a,x,b", "a,x\n"], ["ax", "x\n\n"]),
        ("a(?:b|$)?", ["a", "ab", "ac"], ["b"]),
        ("\\n$", ["\n", "a\n\n"], ["a"]),
        (r"\s*$", ["", "a", "\n\n\n", "x \n"], []),
        (r"x\s*$", ["x", "x\n\n", "x \n"], ["x\n."]),
    ]:
        for text in yes:
            assert found(pattern, text), (pattern, text)
        for text in no:
            assert not found(pattern, text), (pattern, text)


def test_the_complement_of_a_boundary_stands_between_characters():
    """Never within one, where RE2 would see it; and in an empty text, as in Python 3.14."""
    for text, expected in [
        ("", True),
        ("é", True),
        ("aéa", False),
        ("😀a", True),
        ("ab", True),
        ("a", False),
    ]:
        assert found(r"\B", text) == expected
        assert found(r"\B(?:\B|x?)", text) == expected


def test_braces_are_literal_where_they_count_nothing():
    for pattern, text in [
        ("a{", "a{"),
        ("{}", "{}"),
        ("a{,b}", "a{,b}"),
        ("x{a}", "x{a}"),
        ("a{1,2,3}", "a{1,2,3}"),
    ]:
        assert found(f"^{pattern}$", text)
    assert found("^a{,2}$", "aa")
    assert not found("^a{,2}$", "aaa")
    assert found("^a{,}$", "aaa")
    assert found("^[]a]+[^]]}$", "]a]b}")


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    st.booleans(),
)
def test_an_escaped_text_finds_itself(text, fold):
    """``re.escape`` is enough to search for any text."""
    regex = parse_regex(re.escape(text), "i" if fold else "")
    assert regex_matcher(regex)(f"<{text}>")
    if not fold:
        assert as_python_literal(regex.are) == text


def as_python_literal(source):
    unescaped = re.sub(r"\\(?:u(.{4})|U(.{8}))", lambda m: chr(int(m[1] or m[2], 16)), source)
    return re.sub(r"\\(.)", r"\1", unescaped, flags=re.DOTALL)


@given(st.text(alphabet="ab*+?{}()[]|^$\\.,-1:i<>P=!dwsbBAZx0é\n", max_size=14))
@settings(max_examples=settings.default.max_examples * 10)
def test_any_text_is_read_as_python_reads_it_or_refused(pattern):
    """No pattern raises anything but InvalidQueryError, and none is accepted that Python refuses."""
    try:
        regex = parse_regex(pattern)
    except InvalidQueryError:
        return
    oracle = re.compile(pattern, re.ASCII | (re.DOTALL if "s" in regex.flags else 0))
    if "i" not in regex.flags and r"\B" not in pattern:
        for text in ("", "a", "ab1 ", "ba\n", "*+?{}()[]|^$\\.", "aab,-b\n\n", "é<a>é", "P=x0!", "ddwwss"):
            assert regex_matcher(regex)(text) == (oracle.search(text) is not None)


@pytest.mark.parametrize(
    ("pattern", "reach"),
    [
        (r".*a.*", MAX_REACH),
        (r"a.*b.*c.*d", MAX_REACH),
        (r"\w+@\w+\.\w+", MAX_REACH),
        (r"^[a-z]+(?:-[a-z]+)*$", 10_000),
        (r"^(?:ab)*$", 100_000),
        (r"foo.*bar.*baz", 10_000),
        (r"^\d{4}-\d\d-\d\d$", MAX_REACH),
        (r'"(?:[^"\\]|\\.)*"', 10_000),
        (r"^\w*a[a-f]*b\w*c$", MINIMUM_REACH),
        (r"^.*foo[a-z]*bar.*baz$", MINIMUM_REACH),
        (r"^[a-m]*b[h-z]*k[a-m]*!", MINIMUM_REACH),
        (r"^(\w+\.)*\w+@(\w+\.)+\w+$", MINIMUM_REACH),
        (r"^(\w+\.)*\w+@(\w+/)*\w+:(\w+\.)+\w+$", MINIMUM_REACH),
        (r"\b(?:error|warning|fatal)\b.*\bdisk\b", 10_000),
        (r"(?i)^(?:mr|mrs|dr)\.? +[a-z' -]+$", 10_000),
        (r"https?://[^\s/]+(?:/[^\s?#]*)?(?:\?\S*)?$", MINIMUM_REACH),
    ],
)
def test_what_people_write_is_accepted(pattern, reach):
    """And PCRE decides it on texts of at least this length."""
    assert parse_regex(pattern).pcre_reach >= reach


def test_time_is_linear_in_the_text():
    """A megabyte in well under a second, where a backtracking engine takes hours."""
    text = "a" * 1_000_000
    started = time.perf_counter()
    assert not found(r"^\w*a[a-f]*b\w*c$", text)
    assert not found(r"a.*b", text)
    assert not found(r"x(?:a{1,20}b){20}", text)
    assert time.perf_counter() - started < 5


def test_compiled_expressions_are_kept():
    first, second = parse_regex("a+b", "i"), parse_regex("a+b", "i")
    assert first is second
    assert regex_matcher(first) is regex_matcher(second)
    assert first == Regex("a+b", "i", "[Aa][Bb]", "[Aa][Bb]", "[Aa][Bb]", MAX_REACH)
    assert hash(first) == hash(second)


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "re2", None)
    with pytest.raises(ConfigurationError, match="google-re2"):
        regex_matcher(parse_regex("a pattern that no other test uses"))


def test_case_ends_where_the_parser_thinks():
    """The table of characters with case is complete."""
    assert all(len(fold_class(chr(code))) == 1 for code in range(_LAST_CASED + 1, sys.maxunicode + 1))
