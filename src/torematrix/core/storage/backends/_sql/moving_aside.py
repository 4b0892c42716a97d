"""Which columns of a table change when its collection goes from one schema to another, and which stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...model.schema import Field, Schema

__all__ = ["changed_columns"]

_ASIDE: Final = "$old"
"""Ends the name of a column that is moved aside; no column of a field can end so."""


def changed_columns(
    before: Schema, after: Schema, definition: Callable[[Field], str]
) -> tuple[dict[str, str], list[str]]:
    """The columns to move aside, each with its name from then on, and the definitions of those to add.

    A column stays that is defined alike before and after.
    """
    definitions = {field.column: definition(field) for field in after.columns[1:]}
    aside = {
        field.column: field.column + _ASIDE
        for field in before.columns[1:]
        if definitions.get(field.column) != definition(field)
    }
    kept = {field.column for field in before.columns} - set(aside)
    return aside, [text for column, text in definitions.items() if column not in kept]
