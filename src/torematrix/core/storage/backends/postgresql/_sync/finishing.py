# generated from _async/finishing.py by tools/generate_twins.py: do not edit
"""Work that ends before a cancellation is heard."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["finished"]

R = TypeVar("R")


def finished(work: R) -> R:
    """The work's result; where the caller is cancelled meanwhile, the work ends before CancelledError is raised."""
    waiting = work

    return waiting
