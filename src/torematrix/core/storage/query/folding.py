"""Simple case folding, one code point to one code point, from tables pinned in the library.

Two characters are alike when their Unicode case foldings are (CaseFolding.txt, C and S): É = é, ß = ẞ, the three
sigmas, KELVIN SIGN = k. Because no character becomes two, ß is not SS and İ is not i, and an offset in the folded
text is the same offset in the text. The answer does not depend on the version of Python.
"""

from __future__ import annotations

import functools
from typing import Final

from ._unicode_tables import SIMPLE_FOLDS, unpack

__all__ = ["fold_class", "simple_fold"]

_MAX_ENTRIES: Final = 65_536


class _FoldTable(dict[int, int]):
    """What ``str.translate`` reads.

    Code points that fold to themselves are noted as they are met, because a miss is an exception, which costs more
    than the rest of the work; up to a bound, so that no text can make the table large.
    """

    def __missing__(self, code_point: int) -> int:
        if len(self) < _MAX_ENTRIES:
            self[code_point] = code_point
        return code_point


@functools.cache
def _folds() -> _FoldTable:
    pairs = unpack(SIMPLE_FOLDS)
    return _FoldTable(zip(map(ord, pairs[::2]), map(ord, pairs[1::2]), strict=True))


@functools.cache
def _classes() -> dict[str, tuple[str, ...]]:
    pairs = unpack(SIMPLE_FOLDS)
    members: dict[str, list[str]] = {}
    for char, target in zip(pairs[::2], pairs[1::2], strict=True):
        members.setdefault(target, [target]).append(char)
    classes: dict[str, tuple[str, ...]] = {}
    for alike in members.values():
        ordered = tuple(sorted(alike))
        classes.update(dict.fromkeys(ordered, ordered))
    return classes


def simple_fold(text: str) -> str:
    """The text with every character replaced by the one that stands for its class; of the same length."""
    if text.isascii():
        return text.lower()
    return text.translate(_folds())


def fold_class(char: str) -> tuple[str, ...]:
    """Every character that folds like this one, itself included, in code point order."""
    return _classes().get(char, (char,))
