"""What the tests of the contract share."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest


@pytest.fixture
def told() -> Callable[[BaseException], str]:
    """Gives all that a log of an error would show: its text, and those of its causes."""

    def shown(error: BaseException) -> str:
        return "".join(traceback.format_exception(error, limit=0)) + repr(error)

    return shown
