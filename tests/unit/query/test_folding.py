"""Simple case folding: the named examples, the classes, and independence from this Python's Unicode data."""

import hashlib
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.query._unicode_tables import SIMPLE_FOLDS, UNICODE_VERSION, unpack
from torematrix.core.storage.query.folding import fold_class, simple_fold

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("É", "é"),
        ("ß", "ẞ"),
        ("\u212a", "k"),
        ("K", "k"),
        ("ς", "Σ"),
        ("\u03c3", "Σ"),
        ("\u017f", "S"),
        ("ᾀ", "ᾈ"),
        ("Ж", "ж"),
    ],
)
def test_alike(one, other):
    """Characters whose case foldings are equal are alike."""
    assert simple_fold(one) == simple_fold(other)
    assert fold_class(one) == fold_class(other)
    assert {one, other} <= set(fold_class(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ß", "SS"),
        ("ß", "s"),
        ("İ", "i"),
        ("İ", "I"),
        ("\u0131", "i"),
        ("\u0131", "I"),
        ("é", "e"),
        ("ﬀ", "f"),
    ],
)
def test_not_alike(one, other):
    """No folding changes the length, removes an accent or confuses the Turkish letters."""
    assert simple_fold(one) != simple_fold(other)


def test_every_class_is_what_folds_alike():
    """``fold_class`` is exactly the set of code points with the same ``simple_fold``."""
    classes: dict[str, list[str]] = {}
    for code_point in range(sys.maxunicode + 1):
        char = chr(code_point)
        folded = simple_fold(char)
        assert len(folded) == 1
        assert simple_fold(folded) == folded
        classes.setdefault(folded, []).append(char)
    for members in classes.values():
        if len(members) > 1 or members[0] < "\u0400":
            for char in members:
                assert fold_class(char) == tuple(members)


@given(st.text(), st.text())
def test_offsets_are_kept(left, right):
    """Folding works character by character and never changes a length."""
    assert simple_fold(left + right) == simple_fold(left) + simple_fold(right)
    assert len(simple_fold(left)) == len(left)
    assert simple_fold(simple_fold(left)) == simple_fold(left)


def test_pinned():
    """The table is the one this version of the library was released with, on every Python."""
    assert hashlib.sha256(unpack(SIMPLE_FOLDS).encode()).hexdigest()[:16] == "5d87e16ef52add41"


if unicodedata.unidata_version == UNICODE_VERSION:  # a Python of another Unicode version cannot make them

    def test_tables_are_what_the_tool_writes():
        """The stored tables are what the tool makes of the Unicode version they name."""
        subprocess.run([sys.executable, ROOT / "tools/make_unicode_tables.py", "--check"], check=True)
