"""Filters that cannot be meant: refused before the engine is asked, on every engine with the same error."""

from __future__ import annotations

from typing import Any, Final

import pytest

from torematrix.core.storage import F, InvalidQueryError, QueryFilter, StorageError

from ..._async.harness import AsyncKit
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
async def test_what_cannot_be_meant_is_refused(kit: AsyncKit, reason: str) -> None:
    """The filter raises InvalidQueryError: on an empty collection, under NOT, and beside what decides already."""
    repository = await kit.repository(Sample)
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
                await repository.list(filters)
            except InvalidQueryError as error:
                retryable = error.retryable
            else:
                retryable = True
            if retryable:
                accepted.append(ascii(case)[:100])
    assert accepted == []


async def test_every_way_to_ask_refuses_alike(kit: AsyncKit) -> None:
    """``count``, ``find_one``, ``search``, ``stream``, ``aggregate`` and ``explain`` check filters as ``list`` does."""
    repository = await kit.repository(Sample)
    condition = QueryFilter("number", "eq", "text")
    with pytest.raises(InvalidQueryError):
        await repository.count(condition)
    with pytest.raises(InvalidQueryError):
        await repository.find_one(condition)
    with pytest.raises(InvalidQueryError):
        await repository.search("x", filters=condition)
    with pytest.raises(InvalidQueryError):
        await repository.search("", filters=condition)
    with pytest.raises(InvalidQueryError):
        await repository.explain("count", filters=condition)
    with pytest.raises(InvalidQueryError):
        async for _ in repository.stream(condition):
            pass


@pytest.mark.parametrize("filters", NO_FILTERS, ids=lambda given: repr(given)[:20])
async def test_filters_are_conditions(kit: AsyncKit, filters: Any) -> None:
    """Anything but QueryFilter values, expressions of them and lists of those raises InvalidQueryError."""
    repository = await kit.repository(Plain)
    with pytest.raises(InvalidQueryError):
        await repository.list(filters)
    with pytest.raises(InvalidQueryError):
        await repository.count(filters)


async def test_a_refusal_shows_no_value(kit: AsyncKit) -> None:
    """A refusal names the field and not the value, which may be a secret."""
    repository = await kit.repository(Sample)
    for field in ("number", "key", "colour", "moment", "amount"):
        with pytest.raises(StorageError) as caught:
            await repository.list([QueryFilter(field, "eq", "s3cret")])
        assert field in str(caught.value)
        assert "s3cret" not in str(caught.value)
