"""Every order is total: by the keys asked for, nulls lowest, then by id."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest

from torematrix.core.storage import F, Index, InvalidQueryError, SortOrder

from ..._async.harness import AsyncKit
from ...entities import SUBJECTS, Colour, Level, Sample
from ...examples import SORTS, TYPED, SortExample, Typed
from ..entities import Note, Plain

ASC, DESC = SortOrder.ASC, SortOrder.DESC
# Of each kind values from the lowest to the highest; those in one tuple are equal.
RISING: Final[dict[str, list[tuple[Any, ...]]]] = {
    "title": [("",), ("A",), ("B",), ("a",), ("e\u0301",), ("é",), ("\uffff",), ("\U00010000",)],
    "number": [(-(2**63),), (-1,), (0,), (2**53,), (2**53 + 1,), (2**63 - 1,)],
    "ratio": [(-1.5,), (-5e-324,), (0.0, -0.0), (5e-324,), (0.1,), (2.0**53,), (1.7976931348623157e308,)],
    "flag": [(False,), (True,)],
    "amount": [
        (Decimal("-1E+30"),),
        (Decimal("-1.5"),),
        (Decimal(0), Decimal("0.00")),
        (Decimal("0.1"), Decimal("0.10")),
        (Decimal(1), Decimal("1.0"), Decimal("1.00")),
        (Decimal("9.99"),),
        (Decimal(10), Decimal("1E+1")),
        (Decimal("1E+30"),),
    ],
    "huge": [(-(10**40),), (-1,), (0,), (9,), (10,), (10**19,), (10**40,)],
    "raw": [(b"",), (b"\x00",), (b"\x00\xff",), (b"a",), (b"ab",), (b"b",), (b"\xff",)],
    "moment": [
        (dt.datetime(1, 1, 1, tzinfo=dt.UTC),),
        (
            dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
            dt.datetime(2024, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        ),
        (dt.datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC),),
    ],
    "day": [(dt.date(1, 1, 1),), (dt.date(999, 1, 1),), (dt.date(2024, 2, 29),), (dt.date.max,)],
    "clock": [(dt.time(0),), (dt.time(0, 0, 0, 1),), (dt.time(9),), (dt.time(10),)],
    "span": [
        (dt.timedelta(days=-1),),
        (dt.timedelta(0),),
        (dt.timedelta(microseconds=1),),
        (dt.timedelta(days=9),),
    ],
    "key": [(UUID(int=0),), (UUID(int=9),), (UUID(int=10),), (UUID(int=2**127),)],
    "colour": [(Colour.GREEN,), (Colour.BLUE,), (Colour.RED,)],
    "level": [(Level.LOW,), (Level.MIDDLE,), (Level.HIGH,)],
}


@pytest.mark.parametrize("field", RISING)
@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "plain"])
async def test_values_of_every_kind_sort(kit: AsyncKit, field: str, indexed: bool) -> None:
    """Values sort in the order of their kind, nulls first ascending and last descending, equals by id."""
    repository = await kit.repository(Sample, indexes=[Index(field)] if indexed else [])
    groups: list[tuple[Any, ...]] = RISING[field] if field == "title" else [(None, None), *RISING[field]]
    expected: list[list[str]] = []
    entities: list[Sample] = []
    for group in groups:
        expected.append([f"{len(entities) + at:02}" for at in range(len(group))])
        for value in group:
            given: dict[str, Any] = {field: value}
            entities.append(Sample(id=f"{len(entities):02}", **given))
    await kit.store(repository, entities[::-1])
    rising = [entity_id for group in expected for entity_id in group]
    assert [entity.id for entity in await repository.list(sort_by=field)] == rising
    assert [entity.id for entity in await repository.list(sort_by=field, sort_order=DESC)] == rising[::-1]
    # id keeps its own direction where it is asked for
    mixed = [entity_id for group in expected[::-1] for entity_id in group]
    assert [entity.id for entity in await repository.list(sort_by=[(field, DESC), ("id", ASC)])] == mixed


@pytest.mark.parametrize("example", SORTS, ids=lambda example: str(example.sort_by))
async def test_the_rules_of_sorting(kit: AsyncKit, example: SortExample) -> None:
    """Null and missing come first ascending and last descending, at declared fields and at paths inside them."""
    repository = await kit.repository(Typed)
    await kit.store(repository, TYPED)
    found = await repository.list(example.filters, sort_by=example.sort_by)
    assert [entity.id for entity in found] == example.order.split()


async def test_every_mixture_of_directions(kit: AsyncKit) -> None:
    """Each key has a direction of its own; what it leaves equal, the next decides, at last the id."""
    repository = await kit.repository(Note)
    values: list[tuple[Any, ...]] = list(itertools.product([None, 1, 2], [None, 0.5], [None, True]))
    entities = [
        Note(id=f"{at:02}", rank=rank, score=score, done=done)
        for at, (rank, score, done) in enumerate(values * 2)
    ]
    await kit.store(repository, entities)

    def place(name: str) -> Callable[[Note], tuple[bool, Any]]:
        return lambda entity: (getattr(entity, name) is not None, getattr(entity, name) or 0)

    for names in itertools.permutations(["rank", "score", "done"]):
        for directions in itertools.product([ASC, DESC], repeat=3):
            expected = sorted(entities, key=lambda entity: str(entity.id), reverse=directions[-1] is DESC)
            for name, direction in reversed(list(zip(names, directions, strict=True))):
                expected.sort(key=place(name), reverse=direction is DESC)
            found = await repository.list(sort_by=list(zip(names, directions, strict=True)))
            assert [entity.id for entity in found] == [entity.id for entity in expected]


async def test_without_a_key_the_id_decides(kit: AsyncKit) -> None:
    """Lists, pages and streams are in the order of their ids unless they are asked otherwise."""
    repository = await kit.repository(Plain)
    ids = ["b", "a", "B", "10", "9", "é", "\U00010000", "\uffff"]
    await kit.store(repository, [Plain(0, entity_id) for entity_id in ids])
    assert [entity.id for entity in await repository.list()] == sorted(ids)
    assert [entity.id for entity in await repository.list(sort_order=DESC)] == sorted(ids, reverse=True)
    assert [entity.id async for entity in repository.stream()] == sorted(ids)
    assert [entity.id async for entity in repository] == sorted(ids)


async def test_the_default_direction_is_for_keys_without_one(kit: AsyncKit) -> None:
    """``sort_order`` is the direction of every key that comes without its own."""
    repository = await kit.repository(Note)
    await kit.store(repository, [Note(str(number % 2), f"{number}", rank=number // 2) for number in range(6)])
    both = await repository.list(sort_by=["title", "rank"], sort_order=DESC)
    assert [entity.id for entity in both] == ["5", "3", "1", "4", "2", "0"]
    mixed = await repository.list(sort_by=["title", ("rank", ASC)], sort_order=DESC)
    assert [entity.id for entity in mixed] == ["1", "3", "5", "0", "2", "4"]


async def test_declared_paths_sort(kit: AsyncKit) -> None:
    """Scalars inside records and typed paths inside documents sort as fields do."""
    subject = SUBJECTS["sample"]
    repository = await kit.repository(Sample, indexes=subject.indexes)
    await kit.store(
        repository,
        [Sample(id=str(number), extra={"a": number % 3} if number % 4 else {}) for number in range(8)],
    )
    found = await repository.list(sort_by=[("extra.a", DESC), ("id", ASC)])
    assert [entity.id for entity in found] == ["2", "5", "1", "7", "3", "6", "0", "4"]
    assert [entity.id for entity in await repository.list(F("extra.a") == 0, sort_by="extra.a")] == ["3", "6"]


REFUSED: Final[tuple[Any, ...]] = (
    *(
        "nope",
        "tags",
        "extra",
        "extra.b",
        "counts",
        "parts[*].size",
        "pair",
        "either",
        "",
        "number desc",
        "-number",
    ),
    *(
        5,
        [None],
        [["number"]],
        [("number", "up")],
        [("number", None)],
        [("number", "asc", "x")],
        [5],
        b"number",
    ),
    *(
        {"number": 1},
        {"number"},
        ["number", "number"],
        ["number", ("number", "desc")],
        "number; --",
        '"number"',
        "Number",
    ),
)


@pytest.mark.parametrize("sort_by", REFUSED, ids=lambda given: repr(given)[:24])
async def test_what_has_no_order_is_refused(kit: AsyncKit, sort_by: Any) -> None:
    """Sorting by lists, dicts, unions and undeclared places raises InvalidQueryError, and so does what is no sort."""
    repository = await kit.repository(Sample)
    with pytest.raises(InvalidQueryError):
        await repository.list(sort_by=sort_by)
    with pytest.raises(InvalidQueryError):
        await repository.find_one(sort_by=sort_by)


async def test_a_direction_is_one_of_two(kit: AsyncKit) -> None:
    """Directions are SortOrder values or their text; anything else raises InvalidQueryError."""
    repository = await kit.repository(Plain)
    wrong: tuple[Any, ...] = ("up", "", None, True, "ASC; --", 1)
    for order in wrong:
        with pytest.raises(InvalidQueryError):
            await repository.list(sort_order=order)
