"""What a step of a migration is: a change of the description, and what it makes of each stored document."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from ...errors import ConfigurationError
from ..descriptions import Description
from ..plain import Document

__all__ = ["Change", "Convert", "Step", "no_way_back"]

Convert: TypeAlias = Callable[[Document], Document]
"""Makes the new document of an old one, which it may take apart; InvalidEntityError where there is none."""


class Change(msgspec.Struct, frozen=True):
    """What a step comes to.

    Attributes:
        after: the description from then on.
        convert: what becomes of every document; None where they stay as they are.
    """

    after: Description
    convert: Convert | None = None


class Step:
    """One declared change of a collection, the same on every engine: a frozen value.

    A step knows nothing of engines: it says what becomes of the description and of a document, forwards and, where
    there is a way, backwards.
    """

    def forward(self, collection: str, before: Description) -> Change:
        """The change, given the description of the collection as it is.

        Raises:
            ConfigurationError: it does not apply to such a collection.
        """
        raise NotImplementedError

    def backward(self, collection: str, earlier: Description, now: Description) -> Change:
        """The change that takes it back, given the description from before the step and the one as it is now.

        Raises:
            ConfigurationError: there is no way back, or not from here.
        """
        raise NotImplementedError

    def told(self) -> str:
        """What it does, in a few words."""
        raise NotImplementedError


def no_way_back(collection: str, told: str, remedy: str) -> ConfigurationError:
    """The error for a step that cannot be taken back."""
    return ConfigurationError(f"there is no way back from: {told}; {remedy}", collection=collection)
