"""What SQLite can do: everything, some of it with the library's help."""

from __future__ import annotations

from typing import Final

import apsw

from ...capability import Capabilities, Cell, Feature, Support
from ...query.filters import Operator

__all__ = ["capabilities"]

_NATIVE: Final = Cell(Support.NATIVE)
_FEATURES: Final = {
    **dict.fromkeys(Feature, _NATIVE),
    Feature.AGGREGATES: Cell(
        Support.EMULATED, "float and Decimal sums read every row of the group in the library"
    ),
    Feature.SEARCH: Cell(Support.EMULATED, "FTS5 finds, the library scores each match"),
}
_OPERATORS: Final = {
    **{operator.value: _NATIVE for operator in Operator},
    Operator.ILIKE.value: Cell(Support.EMULATED, "about a microsecond a row that reaches it"),
    Operator.REGEX.value: Cell(
        Support.EMULATED, "about a microsecond a row that reaches it, linear in the text"
    ),
    Operator.EQ.value: Cell(
        Support.NATIVE, "whole lists and dicts: decided by the library where the text is alike"
    ),
}


def capabilities() -> Capabilities:
    """The table of the SQLite that apsw brings."""
    return Capabilities("sqlite", apsw.sqlite_lib_version(), dict(_FEATURES), dict(_OPERATORS))
