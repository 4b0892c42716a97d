"""The query language of full-text search: whatever a user types means something, and no form of it is an error.

*   Words are all required. The analyzer cuts them as it cuts texts; a word that it splits is a phrase
    (``foo-bar`` finds foo followed by bar), and one in which it finds nothing (``++``) is as if absent.
*   ``"new york"`` is a phrase. A quote opens one only where a term may start (``5" screen`` holds none), and one
    that is never closed runs to the end.
*   ``prefix*`` finds the words that begin so. In ``foo-ba*`` and ``"foo ba"*`` it is the last word of the phrase
    that is a prefix. A prefix below two characters is that word only, and so is one that does not end in a word
    (``c++*``).
*   ``-word`` and ``-"a phrase"`` exclude. Exactly one hyphen does: ``--verbose`` is the word verbose.
*   ``OR`` in capitals, between terms, separates alternatives; it binds looser than the rest. Where a side is empty
    it is as if absent. ``AND`` is a word like any other.
*   Exclusions alone find nothing, also in an alternative.

What bounds the work of a query is its size alone: 30,000 bytes, and 1,000 words, each counted as often as it is given.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from ..errors import InvalidQueryError
from .patterns import MAX_PATTERN_BYTES, check_query_text
from .text import is_hashed, token_spans

__all__ = ["MAX_WORDS", "MIN_PREFIX", "Clause", "SearchQuery", "Term", "Word", "parse_search"]

MIN_PREFIX: Final = 2
"""The length in characters, of the folded word, from which a prefix is one."""


MAX_WORDS: Final = 1_000
"""The words of all terms together, exclusions and the same word in another term included: engines look for each of them
in every text that may match."""


class Word(msgspec.Struct, frozen=True, order=True):
    """A word that is scored: a token, or with ``prefix`` all tokens that begin so, taken as one."""

    token: str
    prefix: bool = False

    def matches(self, token: str) -> bool:
        """Whether this token is the word, or one of its words."""
        return token.startswith(self.token) if self.prefix else token == self.token


class Term(msgspec.Struct, frozen=True):
    """One token, or the tokens of a phrase in order; with ``prefix`` the last is the beginning of a token."""

    tokens: tuple[str, ...]
    prefix: bool = False

    @property
    def is_phrase(self) -> bool:
        """Whether tokens must follow one another."""
        return len(self.tokens) > 1

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of the term, one for each token."""
        return (*map(Word, self.tokens[:-1]), Word(self.tokens[-1], self.prefix))


class Clause(msgspec.Struct, frozen=True):
    """Terms that must all be found, at least one, and terms of which none may be found; each given once."""

    required: tuple[Term, ...]
    excluded: tuple[Term, ...] = ()


class SearchQuery(msgspec.Struct, frozen=True):
    """Alternatives of which one must hold; without any, nothing is found."""

    alternatives: tuple[Clause, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the query finds nothing, whatever is stored."""
        return not self.alternatives

    @property
    def words(self) -> tuple[Word, ...]:
        """The words that are scored, each once, in the order of the query: those of every required term."""
        return tuple(
            dict.fromkeys(
                word for clause in self.alternatives for term in clause.required for word in term.words
            )
        )


# White space as Unicode has it, spelled out because what a Python calls so depends on its version.
_SPACE: Final = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_TERM: Final = re.compile(
    rf'(?P<minus>-(?=[^-{_SPACE}]))?(?:"(?P<phrase>[^"]*)(?:"(?P<star>\*)?|\Z)|(?P<word>[^{_SPACE}]+))'
)


def parse_search(text: str) -> SearchQuery:
    """What the text asks for.

    Raises:
        InvalidQueryError: it holds NUL or a lone surrogate, which no value holds, is above 30,000 bytes of UTF-8, or
            has more than 1,000 words. Nothing else is an error.
    """
    if len(check_query_text(text, "the search text").encode()) > MAX_PATTERN_BYTES:
        raise InvalidQueryError(f"the search text is longer than {MAX_PATTERN_BYTES:,} bytes of UTF-8")
    alternatives: dict[Clause, None] = {}
    required: dict[Term, None] = {}
    excluded: dict[Term, None] = {}

    def end_clause() -> None:
        if required:
            alternatives[Clause(tuple(required), tuple(excluded))] = None
        required.clear()
        excluded.clear()

    for found in _TERM.finditer(text):
        if found[0] == "OR":
            end_clause()
            continue
        phrase, word = found["phrase"], found["word"]
        term = (
            _term(word.rstrip("*"), starred=word.endswith("*"))
            if word
            else _term(phrase, starred=bool(found["star"]))
        )
        if term is not None:
            (excluded if found["minus"] else required)[term] = None
    end_clause()
    words = sum(len(term.tokens) for clause in alternatives for term in (*clause.required, *clause.excluded))
    if words > MAX_WORDS:
        raise InvalidQueryError(f"the search text has {words:,} words; a search takes at most {MAX_WORDS:,}")
    return SearchQuery(tuple(alternatives))


def _term(text: str, *, starred: bool) -> Term | None:
    spans = list(token_spans(text))
    if not spans:
        return None
    last, _, end = spans[-1]
    prefix = starred and end == len(text) and len(last) >= MIN_PREFIX and not is_hashed(last)
    return Term(tuple(token for token, _, _ in spans), prefix)
