"""Where a hostile input is from."""

from __future__ import annotations

import msgspec

__all__ = ["CANARY", "Origin"]

CANARY = "hostile_canary"
"""The collection at which the inputs aim. Nothing may ever happen to it."""


class Origin(msgspec.Struct, frozen=True):
    """A published weakness, or a rule of an engine's language, and inputs that would use it.

    Attributes:
        id: the number under which it was published, or the name of the language whose rule it is.
        about: what went wrong there, or what the rule is, in one line.
        texts: inputs that are text: put wherever a caller may put text.
    """

    id: str
    about: str
    texts: tuple[str, ...]
