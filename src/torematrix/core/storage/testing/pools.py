"""Values that engines disagree about, by kind: what random values are mostly drawn from, so that they meet."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from ..model.kinds import INT64_MAX, INT64_MIN, Kind

__all__ = ["KEYS", "NAIVE", "PIECES", "POOLS", "REGEXES", "WORDS"]

_TEXTS: Final = (
    *("", "a", "b", "A", "aB", "ab", "abc", "b%", "a_b", "a%b", "%", "_", "\\", "a\\", "'", '"', "''", "a'b", "*", "?"),
    *("[a]", "^", "-1", "0", "1", "1.0", "01", "1e1", "true", "null", "[]", "{}", "[1]", '"a"', "$gt", "$a", "a.b"),
    *(" ", " a", "a ", "\t", "\n", "a\nb", "a\n", "\r\n", "\x01", "\x1f", "\x7f", "\x80", "\xa0", "\u2028", "\ufeff"),
    # Normal forms, case without a one-to-one partner, and the order in which UTF-16 and code points disagree.
    *("é", "É", "e\u0301", "ß", "ẞ", "ss", "SS", "İ", "i", "I", "ı", "\u212a", "k", "K", "ſ", "s", "ς", "σ", "Σ", "ﬁ"),
    *("\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0001f600", "\U0010ffff", "東京", "العربية", "๛", "a\u200db"),
    *("2024-01-01", "2024-01-01T00:00:00.000000+00:00", "1900-01-01", "x" * 300, "ab" * 130, "é" * 130),
    *("aa", "ABC", "e", "[", 'a"b', '{"a":1}', "the cat sat", "Café au lait", "foo-bar", "日本語", "ไทย"),
)  # fmt: skip
_INTS: Final = (
    *(0, 1, -1, 2, 3, 5, 10, 255, 10**15, 2**31 - 1, 2**31, -(2**31) - 1),
    *(2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1),
    *(2**62, 2**63 - 1024, INT64_MAX - 1, INT64_MAX, INT64_MIN, INT64_MIN + 1),
)  # fmt: skip
_FLOATS: Final = (
    *(
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        0.1,
        0.2,
        0.3,
        0.1 + 0.2,
        1.5,
        -2.5,
        10.0,
        1e-7,
        1e15,
        1e16,
        1e17,
        1e22,
        123456789.125,
    ),
    *(9007199254740991.0, 9007199254740992.0, 9007199254740994.0, 9.223372036854775e18, 2.0**63, -(2.0**63)),
    *(5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 1e300),
)
_DECIMALS: Final = tuple(
    map(
        Decimal,
        (
            *(
                "0",
                "-0",
                "0.0",
                "0E+3",
                "1",
                "1.0",
                "1.00",
                "-1",
                "-1.0",
                "2",
                "10",
                "1E+1",
                "1E+2",
                "100",
                "0.1",
                "0.10",
            ),
            *(
                "-0.1",
                "9.99",
                "99.9",
                "1E-30",
                "-1E-30",
                "1.5",
                "123456789012345678901.5",
                "9007199254740993",
            ),
            *("9007199254740992.5", "-12345678901234567890123456789012345678.9", "1E+100", "-1E+100"),
            *("1.000000000000000000001", "1E+400", "-1E-400"),
        ),
    )
)
_UTC: Final = dt.UTC
_MOMENTS: Final = (
    dt.datetime(2024, 1, 1, tzinfo=_UTC),
    dt.datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=_UTC),
    dt.datetime(2024, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    dt.datetime(2023, 12, 31, 23, 59, 59, 999_999, tzinfo=_UTC),
    dt.datetime(2024, 6, 1, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=-9, minutes=-30))),
    dt.datetime(1, 1, 1, tzinfo=_UTC),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=_UTC),
    dt.datetime(1970, 1, 1, tzinfo=_UTC),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=_UTC),
)
NAIVE: Final = tuple(moment.replace(tzinfo=None) for moment in _MOMENTS)

POOLS: Final[dict[Kind, tuple[Any, ...]]] = {
    Kind.STR: _TEXTS,
    Kind.INT: _INTS,
    Kind.FLOAT: _FLOATS,
    Kind.BOOL: (False, True),
    Kind.DECIMAL: _DECIMALS,
    Kind.BIGINT: (*_INTS, 2**63, 2**64, 2**64 + 1, -(2**64), -(2**70), 10**19, 10**40, -(10**40), 10**40 + 1),
    Kind.BYTES: (b"", b"\x00", b"a", b"ab", b"\xff", b"\x00\xff", b"\x7f\x80", b"x" * 300),
    Kind.DATETIME: _MOMENTS,
    Kind.DATE: (dt.date(1, 1, 1), dt.date(1970, 1, 1), dt.date(2024, 1, 1), dt.date(2024, 2, 29), dt.date.max),
    Kind.TIME: (dt.time(0), dt.time(0, 0, 0, 1), dt.time(12, 30), dt.time(23, 59, 59, 999_999)),
    Kind.TIMEDELTA: (
        dt.timedelta(0),
        dt.timedelta(microseconds=1),
        dt.timedelta(microseconds=-1),
        dt.timedelta(days=1),
        dt.timedelta(days=-1, microseconds=1),
        dt.timedelta(microseconds=2**53 + 1),
        dt.timedelta(microseconds=INT64_MAX),
        dt.timedelta(microseconds=INT64_MIN),
    ),
    Kind.UUID: (UUID(int=0), UUID(int=1), UUID("00000000-0000-7000-8000-00000000000a"), UUID(int=2**128 - 1)),
}  # fmt: skip

KEYS: Final = (
    *(
        "a",
        "b",
        "c",
        "a",
        "b",
        "c",
        "a",
        "b",
        "c",
        "t",
        "A",
        "",
        "a.b",
        "$a",
        "$",
        "%",
        "%41",
        "%2E",
        "[0]",
        "0",
        "x y",
    ),
    *('"', 'q"q', "\\", "'", "\x01", "\x7f", "é", "e\u0301", "\U0001f600", "id", "data", "*", "[*]", "\n"),
)
"""Keys of dicts; the plain ones are there more than once, so that paths often lead somewhere."""

PIECES: Final = (
    "%",
    "_",
    "a",
    "b",
    "A",
    "é",
    "É",
    "ß",
    "s",
    "\\%",
    "\\_",
    "\\\\",
    "\n",
    "\U0001f600",
    "1",
    ".",
    "K",
)
"""What LIKE patterns are put together from."""

REGEXES: Final = (
    *(
        "a",
        "^a",
        "a$",
        "^a$",
        "^$",
        "",
        "b",
        "[ab]",
        "[^a]",
        ".",
        "^.$",
        "^..$",
        "a|b",
        "a*",
        "^a+$",
        "(a|b)c?",
        "a{2}",
    ),
    *(
        r"\d",
        r"\w",
        r"\s",
        r"\D",
        r"^\W+$",
        r"\bab?",
        r"\Bb",
        r"\.",
        r"a\.b",
        r"[\d.]+",
        r"^-?\d+$",
        r"\x41",
        r"\u00e9",
    ),
    *(
        "(?i)AB",
        "(?i)é",
        "(?i)ß",
        "(?i)k",
        "(?s)a.b",
        "(?is)A.B",
        r"\A[a-z]+\Z",
        "[0-9]{4}-[0-9]{2}",
        "é",
        "%",
        "'",
    ),
)
"""Patterns of the portable subset."""

WORDS: Final = (
    *(
        "alpha",
        "beta",
        "gamma",
        "delta",
        "alphabet",
        "Café",
        "cafe",
        "CAFÉ",
        "über",
        "naïve",
        "the",
        "run",
        "running",
    ),
    *(
        "東京",
        "user@example.com",
        "foo-bar",
        "foo",
        "bar",
        "c++",
        "x1",
        "1984",
        "3.14",
        "don't",
        "ﬁne",
        "\U0001f600",
        "ß",
        "straße",
        "日本",
        "cat",
        "dog",
    ),
)
"""Words of texts and of queries."""
