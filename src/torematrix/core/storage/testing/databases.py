"""The databases that the kit runs on, from URLs that may leave room for what has to be new each time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

__all__ = ["DEFAULT_URLS", "expanded", "labels"]

DEFAULT_URLS = ("memory://", "sqlite:///{tmp}/kit.db", "sqlite:///:memory:")
"""What is tested when nothing is asked for: everything that comes with the library."""


def expanded(url: str, new_folder: Callable[[], Path]) -> str:
    """The URL of a database that was not there before, where the given one says how.

    ``{tmp}`` stands for a new folder, ``{unique}`` for letters and digits that were not used before. A URL with neither
    names one database for all tests; each of them uses collections of its own.
    """
    if "{tmp}" in url:
        url = url.replace("{tmp}", quote(str(new_folder())))
    return url.replace("{unique}", secrets.token_hex(6))


def labels(urls: Sequence[str]) -> list[str]:
    """A name for each URL, to be shown in the names of tests: nothing of it is a secret."""
    seen: dict[str, int] = {}
    result: list[str] = []
    for url in urls:
        label = url.partition(":")[0] + ("-memory" if ":memory:" in url else "")
        seen[label] = seen.get(label, 0) + 1
        result.append(label if seen[label] == 1 else f"{label}-{seen[label]}")
    return result
