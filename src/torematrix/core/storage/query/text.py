"""The analyzer of full-text search: one text, one list of words, on every engine and every Python.

A text is folded (NFKD, marks stripped, casefold) and cut into words by rules in the manner of Unicode's word
boundaries (UAX 29), from tables pinned in the library; ``tools/make_unicode_tables.py`` states each rule of the
tables. There are no stop words and no stemming. What comes out:

*   Letters, digits and the marks that spell vowels run together: ``abc123``, and "cafe" for Café. Everything else
    in ASCII separates, underscore, apostrophe, dot and hyphen included: ``user@example.com`` is user, example, com.
*   Ideographs, Hiragana and the letters of scripts written without spaces (Thai, Lao, Khmer, Myanmar and a few more)
    are a word each, with the vowel signs that belong to them: a word of such a script is found as a phrase.
*   Katakana runs together, and apart from what surrounds it. Hangul runs together, as conjoining letters, so that
    composed and decomposed Hangul are alike.
*   An emoji is a word, whatever its skin tone or presentation. A sequence (family, flag) is a phrase of its parts.
*   Joiners, soft hyphens and bidi controls are as if absent.

A token consists of ``[0-9a-z]`` and code points from U+0080 alone, so that a tokenizer which treats only ASCII
punctuation as a separator, and only ASCII letters as having case, passes it verbatim.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import re
from collections.abc import Iterator
from typing import Final

from ._unicode_tables import SEARCH_CLASSES, SEARCH_FOLDS, TABLES_VERSION, unpack

__all__ = ["ANALYZER_VERSION", "MAX_TOKEN_BYTES", "is_hashed", "token_spans", "tokens"]

ANALYZER_VERSION: Final = f"1+{TABLES_VERSION}"
"""Changes whenever any text may give other tokens; collections store it, and compare it."""

MAX_TOKEN_BYTES: Final = 255

# A folded text holds the characters of words and these, none of which is in any word.
_SEPARATOR: Final = " "
_AFTER_SINGLE: Final = "\x1f"  # ends a word of one character; it began with a separator
_AROUND_KATAKANA: Final = "\x1e"  # before and after each katakana: a doubled one stands within a run
_BEFORE_MARK: Final = "\x08"  # before a mark that belongs to the single or katakana character it follows

# [0-9a-z] and all from U+0080 on: said by what it is not, a class is compiled in a hundredth of the time.
_WORD: Final = r"[^\x00-\x2f\x3a-\x60\x7b-\x7f]"
_TOKEN: Final = re.compile(
    rf"(?:\x1e{_WORD}\x1e(?:\x08{_WORD})*)+"  # katakana
    rf"|{_WORD}\x1f(?:\x08{_WORD})*"  # one character with its marks
    rf"|(?:\x08?{_WORD})+"
)
_MARKERS: Final = dict.fromkeys(map(ord, (_AFTER_SINGLE, _AROUND_KATAKANA, _BEFORE_MARK)))

# Not a word character, so that no text has a token like it.
_HASH_MARK: Final = "\u00b6"

_ASCII: Final = bytes(
    byte if byte >= 0x80 or chr(byte).isalnum() else 0x20 for byte in bytes(range(256)).lower()
)
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]+")
# What can hold a token: anything else in ASCII separates, whatever stands around it.
_CHUNK: Final = re.compile(r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")

_MAX_ENTRIES: Final = 65_536
_HANGUL_FIRST, _HANGUL_LAST = 0xAC00, 0xD7A3


class _Classes:
    """The segmentation class of a folded code point: W, S, K, M, or N for a separator."""

    def __init__(self) -> None:
        ranges = unpack(SEARCH_CLASSES).split(" ")
        self._letters = [item[0] for item in ranges]
        self._starts = [int(item[1:], 16) for item in ranges]

    def __getitem__(self, code_point: int) -> str:
        return self._letters[bisect.bisect_right(self._starts, code_point) - 1]


_MARKED: Final = {
    "W": "{}",
    "S": f"{_SEPARATOR}{{}}{_AFTER_SINGLE}",
    "K": f"{_AROUND_KATAKANA}{{}}{_AROUND_KATAKANA}",
    "M": f"{_BEFORE_MARK}{{}}",
    "N": _SEPARATOR,
}


class _SearchFold(dict[int, str]):
    """What ``str.translate`` reads: for a code point its fold, in which markers show where words begin and end.

    Filled as code points are met, up to a bound, so that no text can make it large.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folds = {ord(record[0]): record[1:] for record in unpack(SEARCH_FOLDS).split("\0") if record}
        self._classes = _Classes()

    def __missing__(self, code_point: int) -> str:
        folded = self._folds.get(code_point)
        if folded is None:
            if _HANGUL_FIRST <= code_point <= _HANGUL_LAST:
                folded = _decompose_hangul(code_point - _HANGUL_FIRST)
            else:
                folded = chr(code_point)
        marked = "".join(_MARKED[self._classes[ord(char)]].format(char) for char in folded)
        if len(self) < _MAX_ENTRIES:
            self[code_point] = marked
        return marked


def _decompose_hangul(index: int) -> str:
    """The conjoining letters of a syllable (the Unicode Standard, section 3.12)."""
    leading, rest = divmod(index, 588)
    vowel, trailing = divmod(rest, 28)
    return chr(0x1100 + leading) + chr(0x1161 + vowel) + (chr(0x11A7 + trailing) if trailing else "")


@functools.cache
def _search_fold() -> _SearchFold:
    return _SearchFold()


def tokens(text: str) -> list[str]:
    """The words of the text, in order, as they are stored and searched."""
    encoded = text.encode(errors="surrogatepass")
    folded = encoded.translate(_ASCII).decode(errors="surrogatepass")
    if len(encoded) != len(text):
        table = _search_fold()
        if len(encoded) - len(text) > len(text) >> 3:
            folded = folded.translate(table)
        else:
            # Mostly ASCII: only the runs that are not need the slow way.
            folded = _NOT_ASCII.sub(lambda run: run[0].translate(table), folded)
        if _BEFORE_MARK in folded:
            return _all_bounded(list(map(_unmarked, _TOKEN.finditer(folded))))
        folded = folded.replace(_AROUND_KATAKANA * 2, "")
    return _all_bounded(folded.split())


def _all_bounded(words: list[str]) -> list[str]:
    if max(map(len, words), default=0) <= MAX_TOKEN_BYTES // 4:
        return words
    return [_bounded(word) for word in words]


def _bounded(word: str) -> str:
    if len(word) <= MAX_TOKEN_BYTES // 4:
        return word
    encoded = word.encode()
    if len(encoded) <= MAX_TOKEN_BYTES:
        return word
    return _HASH_MARK + hashlib.sha256(encoded).hexdigest()[:32]


def _unmarked(found: re.Match[str]) -> str:
    return found[0].translate(_MARKERS)


def is_hashed(token: str) -> bool:
    """Whether the token stands for a word above 255 bytes, of which no prefix is known."""
    return token.startswith(_HASH_MARK)


def token_spans(text: str) -> Iterator[tuple[str, int, int]]:
    """The tokens, each with where in the text it stands: ``text[start:end]`` is what was written.

    Tokens that come from one character (a square of several katakana, Thai SARA AM) each have it in their span.
    """
    for chunk in _CHUNK.finditer(text):
        written, offset = chunk[0], chunk.start()
        if written.isascii():
            yield _bounded(written.lower()), offset, chunk.end()
        else:
            for token, start, end in _spans_of_chunk(written):
                yield token, start + offset, end + offset


def _spans_of_chunk(text: str) -> list[tuple[str, int, int]]:
    table = _search_fold()
    pieces: list[str] = []
    origins: list[int] = []  # of each folded character, the offset of what it comes from
    ends: list[
        int
    ] = []  # where each character ends, with the stripped ones (accents, selectors) that follow it
    for index, char in enumerate(text):
        folded = char.lower() if char <= "\x7f" else table[ord(char)]
        pieces.append(folded)
        origins.extend([index] * len(folded))
        ends.append(index + 1)
    for index in range(len(text) - 2, -1, -1):
        if not pieces[index + 1]:
            ends[index] = ends[index + 1]
    return [
        (_bounded(_unmarked(found)), origins[found.start()], ends[origins[found.end() - 1]])
        for found in _TOKEN.finditer("".join(pieces))
    ]
