"""The mark of a behaviour that an engine may refuse."""

from __future__ import annotations

import pytest

from ..capability import Feature
from ..query.filters import Operator

__all__ = ["needs"]


def needs(*cells: Feature | Operator) -> pytest.MarkDecorator:
    """The test uses these; where the storage refuses one, the test has to end in UnsupportedError."""
    return pytest.mark.storage_needs(*cells)
