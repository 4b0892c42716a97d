"""The one error of the harness of test servers."""

from __future__ import annotations

__all__ = ["ServerError"]


class ServerError(Exception):
    """A test server could not be found, started or prepared. The message says what was tried and what to do."""
