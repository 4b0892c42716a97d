"""The candidates on SQLite."""

from __future__ import annotations

from pathlib import Path


def path_of(place: str) -> Path:
    """The file that the URL of a place names."""
    return Path(place.removeprefix("sqlite:///"))
