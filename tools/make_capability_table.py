#!/usr/bin/env python3
"""Writes the capability table of the documentation from what the backends declare.

    python tools/make_capability_table.py            writes docs/capabilities.md
    python tools/make_capability_table.py --check    fails when the page is not what would be written

What a backend declares is proven by the conformance kit: what is native or emulated has to work, and what is refused
has to be refused before anything is sent.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from torematrix.core.storage import Feature, MemoryConfig, Operator
from torematrix.core.storage.backends.memory.driver import MemoryDriver
from torematrix.core.storage.backends.mongodb.capabilities import capabilities as of_mongodb
from torematrix.core.storage.backends.postgresql.capabilities import capabilities as of_postgresql
from torematrix.core.storage.backends.sqlite.capabilities import capabilities as of_sqlite
from torematrix.core.storage.capability import Capabilities, Cell, Support

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "capabilities.md"
SIGNS: Final = {Support.NATIVE: "yes", Support.EMULATED: "emulated", Support.REFUSED: "refused"}
INTRODUCTION: Final = """\
# What each engine can do

Written by `tools/make_capability_table.py` from what the backends declare. At run time the same table, probed for
the deployment at hand, is `storage.capabilities`.

**yes**: the engine does it, exactly. **emulated**: the library does it, or a part of it, at the cost that the note
names; the answer is the same. **refused**: it raises `UnsupportedError` before anything is sent.
"""


def engines() -> dict[str, Capabilities]:
    """Every engine and deployment, by the heading of its column."""
    return {
        "SQLite": of_sqlite(),
        "PostgreSQL": of_postgresql("", trigrams=True),
        "MongoDB, replica set": of_mongodb("", transactions=True),
        "MongoDB, standalone": of_mongodb("", transactions=False),
        "memory": MemoryDriver(MemoryConfig()).capabilities,
    }


def page() -> str:
    """The whole page."""
    tables = engines()
    notes: dict[str, int] = {}

    def shown(cell: Cell) -> str:
        number = notes.setdefault(cell.note, len(notes) + 1) if cell.note else None
        return SIGNS[cell.support] + (f" [^{number}]" if number else "")

    def table(title: str, rows: dict[str, list[Cell]]) -> Iterator[str]:
        yield f"\n## {title}\n"
        yield f"| | {' | '.join(tables)} |"
        yield "|---|" + "---|" * len(tables)
        for name, cells in rows.items():
            yield f"| {name} | {' | '.join(map(shown, cells))} |"

    features = {str(one): [each.features[one] for each in tables.values()] for one in Feature}
    operators = {f"`{one}`": [each.operators[one.value] for each in tables.values()] for one in Operator}
    without = of_postgresql("", trigrams=False).features[Feature.SUBSTRING_INDEX].note
    lines = [INTRODUCTION.rstrip("\n"), *table("Features", features), *table("Operators", operators)]
    lines += [
        "",
        f"PostgreSQL has a substring index where pg_trgm is there; otherwise it is refused: {without}.",
        "",
    ]
    lines += [f"[^{number}]: {note}" for note, number in notes.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    """The exit code: 1 when ``--check`` finds another page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    text = page()
    if parser.parse_args().check:
        return 0 if PAGE.exists() and PAGE.read_text("utf-8") == text else 1
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
