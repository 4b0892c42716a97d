"""Write query/_unicode_tables.py: the Unicode data behind text search and case folding, pinned.

    python3.13 tools/make_unicode_tables.py            write the module
    python3.13 tools/make_unicode_tables.py --check    fail unless the module holds what would be written

Stored tokens and stored folds must mean the same to every reader, and Python's own Unicode data changes
with its version. So the tables are made once, from the one Unicode version named below, and the library
reads nothing else. A changed table is a changed analyzer: raise RULES, so that collections indexed before
are recognised.

What the tables say, and why:

Search fold of a code point: NFKD, marks stripped, casefold, repeated until nothing changes.

*   Stripped: enclosing marks; marks with a non-zero combining class (accents, Arabic and Hebrew points,
    nukta, virama, Thai and Lao tones); format characters (joiners, soft hyphen, bidi controls; ZERO WIDTH
    SPACE separates words); variation selectors and fillers; emoji skin tones. A stripped character never
    ends a word.
*   Kept, because they spell: marks of combining class 0 (the vowel signs of the Indic scripts: without them
    Hindi words would shrink to consonants, and only those vowels that happen to be nonspacing would go),
    the vowels that have a class of their own (Thai, Lao, Telugu, Tibetan), and the kana voicing marks
    (stripped, "papa" would be "haha"). Kept marks stay in the order written.

What a code point of the folded text is in word segmentation:

*   W, part of a word: letters, decimal digits, letter numbers, kept marks, and the numbers that only
    decompose into such (superscripts). Letters and digits join, as do Hangul and the letters next to it.
*   S, a word by itself: ideographs, Hiragana, the letters of the scripts written without spaces, emoji.
*   K, katakana: runs together, but not with anything else.
*   M, a mark of an S or K script: belongs to the word before it.
*   everything else separates words, U+02BB and U+02BC too: they are typed as apostrophes, which separate.
    An unassigned code point separates, unless it is reserved for an ideograph or an emoji.

A symbol that decomposes into several letters or into digits (TM, SQUARE KM, CIRCLED ONE, fractions) stands
apart from its neighbours: a name followed by the trade mark sign is still found by the name. A circled or
squared single letter joins like the letter, and so do superscript and subscript digits (CO2, x2).

Simple case folding: two code points are alike when their full case foldings are, which is CaseFolding.txt's
C and S mappings. Dotted and dotless i stay what they are, and sharp s is not two letters.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import sys
import unicodedata
import zlib
from pathlib import Path

UNICODE_VERSION = "15.1.0"
RULES = 1
TABLES_VERSION = f"{UNICODE_VERSION}/{RULES}"
TARGET = Path(__file__).parents[1] / "src/torematrix/core/storage/query/_unicode_tables.py"

SURROGATES = range(0xD800, 0xE000)
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic, so not in the table
# Combining classes that do not say "accent": 0, kana voicing, and vowels with a class of their own.
SPELLING_CLASSES = {0, 8, 84, 91, 103, 118, 129, 130, 132}
# Default-ignorable, yet not format characters (Cf): fillers, Khmer inherent vowels, selectors.
IGNORABLE = {
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0),
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
    *range(0x1F3FB, 0x1F400),  # emoji modifiers (skin tones)
}
ZERO_WIDTH_SPACE = 0x200B
APOSTROPHES = {0x02BB, 0x02BC}
IDEOGRAPHS = (
    "CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "CJK RADICAL", "KANGXI RADICAL",
    "HANGZHOU NUMERAL", "IDEOGRAPHIC", "VERTICAL IDEOGRAPHIC", "TANGUT", "NUSHU", "KHITAN",
    "OLD CHINESE ITERATION",
)  # fmt: skip
SPACELESS = (
    "HIRAGANA", "HENTAIGANA", "THAI", "LAO", "KHMER", "MYANMAR", "TAI LE", "NEW TAI LUE", "TAI THAM",
    "TAI VIET", "AHOM", "BALINESE", "JAVANESE",
)  # fmt: skip
VOICING = {0x3099, 0x309A}
# Planes 2 and 3 are reserved for ideographs: those that are not assigned yet are treated as such.
RESERVED_IDEOGRAPHS = (range(0x20000, 0x2FFFE), range(0x30000, 0x3FFFE))
# Extended_Pictographic of emoji-data.txt, reserved code points included, so that emoji to come are tokens
# already; and the letters flags are made of.
EMOJI = [
    (0x00A9, 0x00A9), (0x00AE, 0x00AE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122),
    (0x2139, 0x2139), (0x2194, 0x2199), (0x21A9, 0x21AA), (0x231A, 0x231B), (0x2328, 0x2328),
    (0x2388, 0x2388), (0x23CF, 0x23CF), (0x23E9, 0x23F3), (0x23F8, 0x23FA), (0x24C2, 0x24C2),
    (0x25AA, 0x25AB), (0x25B6, 0x25B6), (0x25C0, 0x25C0), (0x25FB, 0x25FE), (0x2600, 0x2605),
    (0x2607, 0x2612), (0x2614, 0x2685), (0x2690, 0x2705), (0x2708, 0x2712), (0x2714, 0x2714),
    (0x2716, 0x2716), (0x271D, 0x271D), (0x2721, 0x2721), (0x2728, 0x2728), (0x2733, 0x2734),
    (0x2744, 0x2744), (0x2747, 0x2747), (0x274C, 0x274C), (0x274E, 0x274E), (0x2753, 0x2755),
    (0x2757, 0x2757), (0x2763, 0x2767), (0x2795, 0x2797), (0x27A1, 0x27A1), (0x27B0, 0x27B0),
    (0x27BF, 0x27BF), (0x2934, 0x2935), (0x2B05, 0x2B07), (0x2B1B, 0x2B1C), (0x2B50, 0x2B50),
    (0x2B55, 0x2B55), (0x3030, 0x3030), (0x303D, 0x303D), (0x3297, 0x3297), (0x3299, 0x3299),
    (0x1F000, 0x1F0FF), (0x1F10D, 0x1F10F), (0x1F12F, 0x1F12F), (0x1F16C, 0x1F171), (0x1F17E, 0x1F17F),
    (0x1F18E, 0x1F18E), (0x1F191, 0x1F19A), (0x1F1AD, 0x1F1FF), (0x1F201, 0x1F20F), (0x1F21A, 0x1F21A),
    (0x1F22F, 0x1F22F), (0x1F232, 0x1F23A), (0x1F23C, 0x1F23F), (0x1F249, 0x1F3FA), (0x1F400, 0x1F53D),
    (0x1F546, 0x1F64F), (0x1F680, 0x1F6FF), (0x1F774, 0x1F77F), (0x1F7D5, 0x1F7FF), (0x1F80C, 0x1F80F),
    (0x1F848, 0x1F84F), (0x1F85A, 0x1F85F), (0x1F888, 0x1F88F), (0x1F8AE, 0x1F8FF), (0x1F90C, 0x1F93A),
    (0x1F93C, 0x1F945), (0x1F947, 0x1FAFF), (0x1FC00, 0x1FFFD),
]  # fmt: skip
EMOJI_SET = {cp for first, last in EMOJI for cp in range(first, last + 1)}

HEADER = '''\
"""Unicode {unicode} data for search and case folding, written by tools/make_unicode_tables.py."""

from __future__ import annotations

import base64
import zlib
from typing import Final

__all__ = ["SEARCH_CLASSES", "SEARCH_FOLDS", "SIMPLE_FOLDS", "TABLES_VERSION", "UNICODE_VERSION", "unpack"]

UNICODE_VERSION: Final = "{unicode}"
TABLES_VERSION: Final = "{version}"


def unpack(packed: str) -> str:
    """The text of a table; decoded where it is used first, so that importing this module costs nothing."""
    return zlib.decompress(base64.b85decode(packed)).decode()


'''
COMMENTS = {
    "SEARCH_FOLDS": "Records ended by U+0000: a code point, then its fold; a space in it separates words.",
    "SEARCH_CLASSES": "For each range its class, then its first code point in hexadecimal.",
    "SIMPLE_FOLDS": "Pairs: a code point, then the code point that stands for it.",
}


def is_stripped(char: str) -> bool:
    cp = ord(char)
    category = unicodedata.category(char)
    if category == "Cf":
        return cp != ZERO_WIDTH_SPACE
    if cp in IGNORABLE or category == "Me":
        return True
    return category in {"Mn", "Mc"} and unicodedata.combining(char) not in SPELLING_CLASSES


def fold(char: str) -> str:
    text = char
    while True:
        kept = "".join(c for c in unicodedata.normalize("NFKD", text) if not is_stripped(c))
        folded = kept.casefold()
        if folded == text:
            return text
        text = folded


def class_of(char: str) -> str:
    """The segmentation class of a code point that is its own fold: W, S, K, M, or N for a separator."""
    cp = ord(char)
    if cp in VOICING:
        return "M"
    if cp in EMOJI_SET or any(cp in reserved for reserved in RESERVED_IDEOGRAPHS):
        return "S"
    category = unicodedata.category(char)
    name = unicodedata.name(char, "")
    if name.startswith(("CJK RADICAL", "KANGXI RADICAL")):
        return "S"
    if category == "Nd" or cp in APOSTROPHES:
        return "W" if category == "Nd" else "N"
    if category in {"Mn", "Mc"}:
        return "M" if name.startswith(SPACELESS) else "W"
    if category[0] != "L" and category != "Nl":
        return "N"
    if name.startswith("KATAKANA"):
        return "K"
    return "S" if name.startswith(IDEOGRAPHS + SPACELESS) else "W"


def stands_apart(char: str, folded: str) -> bool:
    category = unicodedata.category(char)
    if category[0] in "LM" or category in {"Nd", "Nl"}:
        return False
    if category == "No":
        return not unicodedata.decomposition(char).startswith(("<super>", "<sub>"))
    return len(folded) != 1 or class_of(folded) != "W"


def search_tables() -> tuple[dict[int, str], dict[int, str]]:
    folds: dict[int, str] = {}
    classes: dict[int, str] = {}
    for cp in range(sys.maxunicode + 1):
        char = chr(cp)
        if cp in SURROGATES:
            classes[cp] = "N"
            continue
        folded = fold(char)
        if folded == char:
            classes[cp] = class_of(char)
        elif cp in HANGUL:
            classes[cp] = "W"  # not read: what it decomposes into is
        else:
            folds[cp] = "".join(c if class_of(c) != "N" else " " for c in folded)
            if folded and stands_apart(char, folded):
                folds[cp] = f" {folds[cp].strip()} "
            classes[cp] = "N"
    return folds, classes


def simple_folds() -> dict[int, int]:
    alike: dict[str, list[int]] = {}
    for cp in range(sys.maxunicode + 1):
        if cp not in SURROGATES:
            alike.setdefault(chr(cp).casefold(), []).append(cp)
    folds: dict[int, int] = {}
    for folded, members in alike.items():
        # Where the class has no one-character folding (sharp s), its lowest code point stands for it.
        target = ord(folded) if len(folded) == 1 else members[0]
        folds.update({cp: target for cp in members if cp != target})
    return folds


def make_tables() -> dict[str, str]:
    folds, classes = search_tables()
    ranges: list[str] = []
    previous = ""
    for cp in sorted(classes):
        if classes[cp] != previous:
            previous = classes[cp]
            ranges.append(f"{previous}{cp:x}")
    return {
        "SEARCH_FOLDS": "".join(f"{chr(cp)}{folded}\0" for cp, folded in sorted(folds.items()) if cp),
        "SEARCH_CLASSES": " ".join(ranges),
        "SIMPLE_FOLDS": "".join(chr(cp) + chr(target) for cp, target in sorted(simple_folds().items())),
    }


def render(tables: dict[str, str]) -> str:
    parts = [HEADER.format(unicode=UNICODE_VERSION, version=TABLES_VERSION)]
    for name, text in tables.items():
        packed = base64.b85encode(zlib.compress(text.encode(), 9)).decode()
        lines = [packed[i : i + 100] for i in range(0, len(packed), 100)]
        body = "\n".join(f'    "{line}"' for line in lines)
        parts.append(f"# {COMMENTS[name]}\n{name}: Final = (\n{body}\n)\n")
    return parts[0] + "\n".join(parts[1:])


def stored_tables() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("stored", TARGET)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tables = {name: module.unpack(getattr(module, name)) for name in COMMENTS}
    return tables if module.TABLES_VERSION == TABLES_VERSION else {}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when the module is out of date"
    )
    arguments = parser.parse_args()
    if unicodedata.unidata_version != UNICODE_VERSION:
        print(
            f"This Python knows Unicode {unicodedata.unidata_version}; the tables are of {UNICODE_VERSION}."
        )
        return 2
    tables = make_tables()
    if arguments.check:
        if stored_tables() == tables:
            return 0
        print(f"{TARGET.name} is out of date: run tools/make_unicode_tables.py")
        return 1
    TARGET.write_text(render(tables), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
