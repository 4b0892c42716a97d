# generated from _async/test_filters_refused.py by tools/generate_twins.py: do not edit
"""Filters that cannot be meant: refused before the engine is asked, on every engine with the same error."""

from __future__ import annotations

from typing import Any, Final

import pytest

from torematrix.core.storage import F, InvalidQueryError, QueryFilter, StorageError

from ..._sync.harness import Kit
from ...entities import Sample
from ..entities import Plain
from ..refused import REFUSED_FILTERS

NO_FILTERS: Final[tuple[Any, ...]] = (
    *(
        "value eq 1",
        b"x",
        5,
        {"value": 1},
        [None],
        ["value"],
        [[F("value") == 1]],
        [("value", "eq", 1)],
        F("value"),
    ),
)


@pytest.mark.parametrize("reason", REFUSED_FILTERS)
def test_what_cannot_be_meant_is_refused(kit: Kit, reason: str) -> None:
    """The filter raises InvalidQueryError: on an empty collection, under NOT, and beside what decides already."""
    repository = kit.repository(Sample)
    accepted: list[str] = []
    for case in REFUSED_FILTERS[reason]:
        condition = QueryFilter(*case)
        ways: list[Any] = [
            condition,
            [condition],
            ~condition,
            (F("number") == 1) | condition,
            [F("id").in_([]), condition],
        ]
        for filters in ways:
            try:
                repository.list(filters)
            except InvalidQueryError as error:
                retryable = error.retryable
            else:
                retryable = True
            if retryable:
                accepted.append(ascii(case)[:100])
    assert accepted == []


def test_every_way_to_ask_refuses_alike(kit: Kit) -> None:
    """``count``, ``find_one``, ``search``, ``stream``, ``aggregate`` and ``explain`` check filters as ``list`` does."""
    repository = kit.repository(Sample)
    condition = QueryFilter("number", "eq", "text")
    with pytest.raises(InvalidQueryError):
        repository.count(condition)
    with pytest.raises(InvalidQueryError):
        repository.find_one(condition)
    with pytest.raises(InvalidQueryError):
        repository.search("x", filters=condition)
    with pytest.raises(InvalidQueryError):
        repository.search("", filters=condition)
    with pytest.raises(InvalidQueryError):
        repository.explain("count", filters=condition)
    with pytest.raises(InvalidQueryError):
        for _ in repository.stream(condition):
            pass


@pytest.mark.parametrize("filters", NO_FILTERS, ids=lambda given: repr(given)[:20])
def test_filters_are_conditions(kit: Kit, filters: Any) -> None:
    """Anything but QueryFilter values, expressions of them and lists of those raises InvalidQueryError."""
    repository = kit.repository(Plain)
    with pytest.raises(InvalidQueryError):
        repository.list(filters)
    with pytest.raises(InvalidQueryError):
        repository.count(filters)


def test_a_refusal_shows_no_value(kit: Kit) -> None:
    """A refusal names the field and not the value, which may be a secret."""
    repository = kit.repository(Sample)
    for field in ("number", "key", "colour", "moment", "amount"):
        with pytest.raises(StorageError) as caught:
            repository.list([QueryFilter(field, "eq", "s3cret")])
        assert field in str(caught.value)
        assert "s3cret" not in str(caught.value)
