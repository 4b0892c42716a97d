"""The engines that are measured, each with its candidates, its databases and what is promised on it."""

from __future__ import annotations

import importlib
from typing import Final

from .base import Engine

NAMES: Final = ("sqlite", "postgresql", "mongodb")


def engine(name: str) -> Engine:
    """The engine of that name; its client library is imported only now."""
    made: Engine = importlib.import_module(f"engines.{name}").Engine()
    return made
