r"""Regular expressions with one meaning: a subset of Python's ``re`` in ASCII mode, translated for every engine.

A pattern is searched for, as by ``re.search(pattern, text, re.ASCII)``. What it may hold:

- characters, and escapes ``\n \r \t \f \v \a \xhh \uhhhh \Uhhhhhhhh`` or of any punctuation;
- ``.`` (anything but ``\n``; anything at all with the flag s), classes ``[a-z] [^a-z]`` and
  ``\d \w \s \D \W \S``, ASCII all of them;
- groups ``(...) (?:...) (?P<name>...)`` up to ``MAX_NESTING`` deep, and alternatives ``|``;
- ``* + ? {m} {m,} {,n} {m,n}``, greedy or lazy, with counts up to 255 that multiply to 1,000 at most where they nest;
- ``^`` and ``\A``, ``\Z``, ``\b``, ``\B``, and ``$`` where nothing comes after it;
- the flags i and s, as an argument or in front: ``(?i) (?s) (?is)``.

Everything else is refused with InvalidQueryError, on every engine: lookaround, backreferences, atomic groups and
possessive repeats, conditionals, comments, other flags, what takes a backtracking engine too long (``_regex_safety``
has the rule), and patterns above 30,000 bytes in UTF-8 or in translation.

Three meanings are the library's own. The flag i compares by the pinned simple case folding, so that (unlike
``re.ASCII``) ``é`` finds ``É``; it touches characters and ranges, not ``\w`` and its kin. ``\B`` is the
complement of ``\b``, on an empty text too (as in Python 3.14). And whatever a group matched is not kept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import msgspec

from ..errors import ConfigurationError, InvalidQueryError
from ._regex_parser import MAX_NESTING, MAX_REPEAT, parse
from ._regex_render import ARE, PCRE, RE2, holds, render, varies
from ._regex_rewrite import for_backtracking, simplify
from ._regex_safety import MAX_REACH, MINIMUM_REACH, check_loops, check_tails, reach
from ._regex_size import check_size
from ._regex_tree import Anchors
from .patterns import MAX_PATTERN_BYTES, check_query_text

__all__ = ["MAX_NESTING", "MAX_REACH", "MAX_REPEAT", "MINIMUM_REACH", "Regex", "parse_regex", "regex_matcher"]

# RE2's own limit is made for untrusted patterns of one search engine; patterns are bounded here by their size.
_RE2_MEMORY: Final = 64 << 20


class Regex(msgspec.Struct, frozen=True):
    """A regular expression that every engine understands alike.

    ``pattern`` and ``flags`` (of ``"i"`` and ``"s"``, inline ones included) are what was asked for; ``re2``, ``pcre``
    and ``are`` are its translations for RE2, for MongoDB and for PostgreSQL, each to be searched for without options.
    ``are`` begins with nothing that PostgreSQL would read as a directive.

    ``pcre_reach`` is the length of text, in characters, up to which MongoDB's PCRE provably decides (``MAX_REACH``:
    any text). Beyond it a ``$regex`` may quietly find nothing, where ``$regexMatch`` raises.
    """

    pattern: str
    flags: str
    re2: str
    pcre: str
    are: str
    pcre_reach: int


@functools.lru_cache(maxsize=256)
def parse_regex(pattern: str, flags: str = "") -> Regex:
    """The pattern, translated. Raises InvalidQueryError for what is not in the subset, naming it and its position."""
    check_query_text(pattern, "the regular expression")
    if len(pattern.encode()) > MAX_PATTERN_BYTES:
        raise InvalidQueryError(f"the regular expression is longer than {MAX_PATTERN_BYTES:,} bytes of UTF-8")
    if not set(flags) <= {"i", "s"}:
        raise InvalidQueryError(
            "regular expression: the flags are i (ignore case) and s (. matches newlines)"
        )
    raw, fold, dot_all = parse(pattern, fold="i" in flags, dot_all="s" in flags)
    check_size(raw)
    check_tails(raw)
    check_loops(raw)
    tree = simplify(raw)
    backtracking = for_backtracking(tree)
    limit = reach(backtracking)
    if not limit:
        raise InvalidQueryError(
            "regular expression: too many of its repeats compete for the same characters, which can take a very long"
            " time; make them exclude each other, or split the condition in two"
        )
    re2 = render(tree, RE2)
    if holds(tree, Anchors.INNER):
        # RE2 starts a search at any byte, and within a character \B is true: make it start between characters.
        re2 = rf"\A(?s:.)*?(?:{re2})"
    regex = Regex(
        pattern=pattern,
        flags="i" * fold + "s" * dot_all,
        re2=re2,
        # PCRE makes repeats possessive by itself, wrongly in front of ``(?:...)?+``: b*(?:ab)?+b is not found in "bb".
        pcre="(*NO_AUTO_POSSESS)" * varies(backtracking) + render(backtracking, PCRE),
        are=render(tree, ARE),
        pcre_reach=limit,
    )
    if max(len(source.encode()) for source in (regex.re2, regex.pcre, regex.are)) > MAX_PATTERN_BYTES:
        raise InvalidQueryError(
            f"the regular expression is longer than {MAX_PATTERN_BYTES:,} bytes once its classes, and with the flag i"
            " its letters, are written out"
        )
    return regex


@functools.lru_cache(maxsize=256)
def regex_matcher(regex: Regex) -> Callable[[str], bool]:
    """A function that tells whether the expression is found in a text, in time linear in the text."""
    try:
        import re2
    except ImportError as missing:
        raise ConfigurationError("regular expressions need the package google-re2: install it") from missing
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _RE2_MEMORY
    search = re2.compile(regex.re2, options).search

    def found(text: str) -> bool:
        return (
            search(text.encode()) is not None
        )  # of a str, it would also work out where in the str the match is

    return found
