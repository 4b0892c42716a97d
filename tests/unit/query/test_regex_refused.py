"""What the portable regular expressions refuse, by name and position, and how soon."""

import re
import time
from contextlib import suppress

import pytest

from torematrix.core.storage.errors import InvalidQueryError
from torematrix.core.storage.query.regex import MAX_NESTING, MAX_REPEAT, parse_regex, regex_matcher

REFUSED = {
    "lookahead": [r"a(?=b)", r"a(?!b)"],
    "lookbehind": [r"(?<=a)b", r"(?<!a)b"],
    "backreference": [r"(a)\1", r"(?P<x>a)(?P=x)", r"a\0", r"[\1]"],
    "an atomic group": [r"(?>a)b"],
    "possessive": [r"a*+b", r"a++", r"a?+", r"a{1,2}+"],
    "conditional": [r"(a)?(?(1)b|c)"],
    "comment": [r"a(?#no)b"],
    "inline flag other than": [r"(?m)^a", r"(?x) a", r"(?a)a", r"(?u)a", r"(?L)a", r"(?im)a"],
    "flags inside": [r"a(?i)b", r"(?i:a)b", r"(?-i:a)", r"((?i)a)"],
    "an extension": [r"(?P>x)", r"(?+a)", r"(?", r"(?:a)(?"],
    "group name": [r"(?P<1a>b)", r"(?P<>b)", r"(?P<a b>c)", r"(?P<a", "(?P<é>b)", r"(?P<a>b)(?P<a>c)"],
    "the escape": [
        r"\z",
        r"\N{DIGIT ONE}",
        r"\p{L}",
        r"\Q",
        r"\G",
        r"\K",
        r"\R",
        r"[\B]",
        r"[\A]",
        r"[\Z]",
        r"\cA",
        r"\e",
    ],
    "hexadecimal digits": [r"\x1", r"\u123", r"\U0001f60", r"[\xg1]", r"\x+1", r"\u 123"],
    "above U+10FFFF": [r"\U00110000"],
    "no text holds": [r"\x00", r"a\ud800", r"\udfff"],
    "no character is in": [r"[^\s\S]", r"[\x00]", r"[\ud800-\udfff]", r"[^\x00-\U0010ffff]"],
    "an escape that does not end": ["a\\"],
    "a class that does not end": ["[", "[a", "[]", "[^]", "[a\\", "[a-", "[]-a"],
    "write \\[": ["[[a]]", "[[:alpha:]]"],
    "in a class": ["[a--b]", "[a&&b]", "[a~~b]", "[a||b]", "[ab--]"],
    "no order": [r"[b-a]", r"[\d-z]", r"[a-\w]", r"[\s-\w]"],
    "not closed": ["(", "(a", "(?:a|b", "((a)"],
    "closes nothing": [")", "a)", "(a))"],
    "nothing to repeat": ["*", "+a", "?", "a|*", "(*a)", "{2}", "(?:{1,2})", "^*", r"\b+", "$?", r"a|\Z{2}"],
    "a repeat of a repeat": ["a**", "a*?*", "a{2}{3}", "a+*"],
    "least is above its most": ["a{3,2}"],
    f"a repeat above {MAX_REPEAT}": [
        "a{256}",
        "a{0,256}",
        "a{256,}",
        "a{99999999999999999999}",
        "a{" + "9" * 5000 + "}",
    ],
    "multiply": ["(?:a{100}b){11}", "((a{10}b){10}c){11}"],
    "a $ that is not at the end": [
        "$a",
        "a$b",
        "(a$)b",
        "(?:a$|b)c",
        "a$$",
        r"a$\Z",
        "(?:a$){2}",
        "(?:b|a$)+",
        r"a$\b",
    ],
    "can match nothing": [
        "(?:a*)*",
        "(?:a?)+",
        "(a|)*",
        r"(?:\b)*",
        "(?:^)*",
        "()*",
        "(?:a*b*){2,}",
        "((a*)*b)*",
    ],
    "exponential": [
        "(a+)+$",
        "(a*b?a)*",
        "(a|a)*",
        "(a|ab)*",
        "([a-z]+)*",
        r"(\w+\s?)+$",
        r"(.*,)*x",
        "(a{1,2})*",
        "(a|b|ab)*c",
        "(?:x+x+)+y",
        "((a+b?)+c)*",
        r"(?:\d+|\w)+",
        "(?:a|[^b])*",
        r"(?:.|\n|x)*",
        "(a+a)*",
        r"(\d{1,3},?)*",
    ],
    "compete": [
        r"^[a-m]*b[h-z]*k[a-m]*c[h-z]*!x$",
        r"x(?:[^b]{1,10}b?){1,20}y",
        r"x(?:a|ab|b){50}y",
        "x(?:a?b?a?){50}y",
    ],
    "optional items in a row": ["x" + "".join(f"{chr(0x4E00 + i)}?" for i in range(300)) + "y"],
    r"\b and \B": [r"\b" * 11, r"(?:\b[a-z]?\B[,.]?){12}", r"(?:\b){20}"],
    "too large": [
        "[ab]" * 3000,
        "(?:[ab]x){200}" * 20,
        "[" + "".join(chr(0x4E00 + 2 * i) for i in range(2000)) + "]{100}",
    ],
    "nested more than": ["(" * (MAX_NESTING + 1) + ")" * (MAX_NESTING + 1), "(" * 30_000],
}


@pytest.mark.parametrize(("reason", "pattern"), [(r, p) for r, patterns in REFUSED.items() for p in patterns])
def test_what_is_outside_the_subset_is_refused_by_name(reason, pattern):
    """An InvalidQueryError that says what the pattern holds and does not repeat it."""
    with pytest.raises(InvalidQueryError, match=re.escape(reason)) as refused:
        parse_regex(pattern)
    assert len(pattern) < 9 or pattern not in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "position"),
    [("ab(?=c)", 2), (r"ab\z", 2), ("ab)", 2), ("ab(", 2), ("[b-a]", 1), ("ab**", 3), ("x(?:a*)*", 7), ("((a+)+b)*", 5),
     ("a$b", 1), ("a[[b]", 2), (r"é\x0", 1), ("a{300}", 1)],
)  # fmt: skip
def test_a_refusal_tells_the_position(pattern, position):
    with pytest.raises(InvalidQueryError, match=rf"at position {position}\b"):
        parse_regex(pattern)


@pytest.mark.parametrize("pattern", ["a\x00b", "a\ud800", "x" * 30_001, "é" * 15_001])
def test_what_no_engine_takes_is_refused(pattern):
    """NUL, lone surrogates and more than 30,000 bytes of UTF-8."""
    with pytest.raises(InvalidQueryError):
        parse_regex(pattern)


@pytest.mark.parametrize("flags", ["m", "ii m", "x", "I", "i,s"])
def test_other_flags_are_refused(flags):
    with pytest.raises(InvalidQueryError, match="flags"):
        parse_regex("a", flags)


@pytest.mark.parametrize(
    "pattern",
    [
        "x" + "(?:" * 49 + "".join(f"{chr(0x4E00 + i)}?" for i in range(6000)) + ")?" * 49,
        "x" + "(?:" * 49 + "ab" * 14_000 + ")*" * 49,
        "(?:" * 49 + "a" * 29_000 + ")+" * 49,
        "[\\x01-\\xff]" * 2_700,
        "(?i)" + r"[\x01-\uffff]" * 2_000,
        "(" * 15_000,
        "()" * 15_000,
        "|" * 30_000,
        "{1" * 15_000,
        r"\ba" * 9_000,
        "[a-z]{1,9}" * 3_000,
        "a?b*" * 7_000,
    ],
)
def test_a_hostile_pattern_is_answered_soon(pattern):
    """Accepted or refused, whatever 30,000 bytes hold."""
    started = time.perf_counter()
    with suppress(InvalidQueryError):
        regex_matcher(parse_regex(pattern))("ab" * 100)
    assert time.perf_counter() - started < 5
