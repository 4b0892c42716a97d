"""Conditions: every operator of a field gives one, and they combine."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import assert_type

from torematrix.core.storage import F, Operator, QueryFilter
from torematrix.core.storage.query.filters import Expression


def comparisons() -> None:
    field = F("field")
    assert_type(field == 1, QueryFilter)
    assert_type(field != "x", QueryFilter)
    assert_type(field > Decimal("1.5"), QueryFilter)
    assert_type(field >= dt.date(2024, 1, 31), QueryFilter)
    assert_type(field < 2.5, QueryFilter)
    assert_type(field <= 3, QueryFilter)
    assert_type(field.between(1, 3), QueryFilter)
    assert_type(field.in_({1, 2}), QueryFilter)
    assert_type(field.not_in(["x"]), QueryFilter)


def texts() -> None:
    field = F("field")
    assert_type(field.like("a%"), QueryFilter)
    assert_type(field.ilike("a%"), QueryFilter)
    assert_type(field.starts_with("a"), QueryFilter)
    assert_type(field.ends_with("a"), QueryFilter)
    assert_type(field.contains("a"), QueryFilter)
    assert_type(field.matches("a+"), QueryFilter)
    assert_type(field.is_null(), QueryFilter)
    assert_type(field.exists(False), QueryFilter)


def combinations() -> None:
    either = assert_type((F("a") == 1) | (F("b") == 2), Expression)
    assert_type(either & QueryFilter("c", Operator.GT, 3), Expression)
    assert_type(~either, Expression)
    assert_type(QueryFilter("a", "is_null").value, object)


def main() -> None:
    comparisons()
    texts()
    combinations()
