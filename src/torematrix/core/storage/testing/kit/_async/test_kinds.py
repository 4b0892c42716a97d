"""Values of every kind come back exactly as they went in, of the same type."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import make_dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import pytest

from torematrix.core.storage import Big, Naive

from ....model.kinds import Kind
from ..._async.harness import AsyncKit
from ...entities import SUBJECTS, Colour, Item, Level, Maker, Part, Sample
from ...pools import NAIVE, POOLS
from ..forms import Ordinary, Size

EXTREMES: Final[list[tuple[Any, Sequence[Any]]]] = [
    (str, (*POOLS[Kind.STR], "x" * 100_000)),
    (int, POOLS[Kind.INT]),
    (Annotated[int, Big()], (*POOLS[Kind.BIGINT], 10**100)),
    (float, POOLS[Kind.FLOAT]),
    (bool, POOLS[Kind.BOOL]),
    (Decimal, POOLS[Kind.DECIMAL]),
    (bytes, (*POOLS[Kind.BYTES], bytes(range(256)))),
    (dt.datetime, POOLS[Kind.DATETIME]),
    (Annotated[dt.datetime, Naive()], NAIVE),
    (dt.date, POOLS[Kind.DATE]),
    (dt.time, POOLS[Kind.TIME]),
    (dt.timedelta, POOLS[Kind.TIMEDELTA]),
    (UUID, POOLS[Kind.UUID]),
    (Size, tuple(Size)),
    (Literal["a", 1], ("a", 1)),
    (list[int], ([], [1, 1])),
    (set[str], (set[str](), {"a", "b"})),
    (dict[str, Decimal], ({}, {"a.b": Decimal("1.0"), "$": Decimal(-1)})),
    (dict[dt.date, int], ({dt.date(2024, 1, 1): 1},)),
    (dict[UUID, str], ({UUID(int=1): "x"},)),
    (tuple[int, str, bool | None], ((1, "a", None), (2, "", True))),
    (Ordinary, (Ordinary("x", 1, ["y"], "z"),)),
    (list[Ordinary], ([], [Ordinary("x"), Ordinary("y")])),
    (dict[str, Any], ({}, {"a": [1, 1.5, {"b": None}]})),
]
ALIKE: Final[list[tuple[Any, Any]]] = [
    *(
        (1, 1.0),
        (1, True),
        (0, False),
        (0.0, False),
        ("1", 1),
        ([], {}),
        (None, "null"),
        ("", None),
        ([1], [1.0]),
    ),
    *(("é", "e\u0301"), ("a", "a "), ([None], []), ({"a": None}, {})),
]


async def test_every_kind_at_once(kit: AsyncKit) -> None:
    """A field of every kind, filled and empty, comes back equal."""
    subject = SUBJECTS["sample"]
    repository = await kit.repository(Sample, indexes=subject.indexes)
    full = Sample(
        title="Ünï", body="\n", number=2**63 - 1, count=-(2**63), ratio=0.1, flag=True, amount=Decimal("1.500"),
        huge=10**40, raw=b"\x00\xff", moment=dt.datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=dt.UTC),
        local=dt.datetime(1, 1, 1), day=dt.date(9999, 12, 31), clock=dt.time(0, 0, 0, 1),  # noqa: DTZ001 - declared naive
        span=dt.timedelta(days=-1, microseconds=1), key=UUID(int=5), colour=Colour.GREEN, level=Level.HIGH,
        tags=["b", "a", "b"], ratios=[1.0, None, -0.5], amounts=[Decimal("1.0"), Decimal("1.00")], marks={3, 1, 2},
        pair=(1, "x"), counts={"a.b": 1, "": 2}, part=Part("p", Decimal("0.10"), 3, dt.date(2024, 1, 1)),
        parts=[Part("q")], either="1", extra={"a": 1, "b": [None, {"c": 1.5}]},
    )  # fmt: skip
    for entity in (full, Sample()):
        created = await repository.create(entity)
        found = await repository.get(str(created.id))
        assert found == created
        assert repr(found) == repr(created)
        entity.id, entity.created_at, entity.updated_at = created.id, created.created_at, created.updated_at
        assert created == entity
        assert str(created.amount) == str(entity.amount)
        assert [str(amount) for amount in created.amounts] == [str(amount) for amount in entity.amounts]


async def test_every_shape_at_once(kit: AsyncKit) -> None:
    """Containers inside containers, unions and nested Structs come back equal and of their declared types."""
    repository = await kit.repository(Item)
    given = Item(
        code="x",
        price=Decimal("1E+2"),
        state="used",
        maker=Maker("m", {"street": {"no": 1}}),
        makers={"a.b": Maker(None), "": Maker("n")},
        grid=[[1, 2], [], [3]],
        names={1: "one", -5: "minus five"},
        words=frozenset({"b", "a"}),
        path=(3, 1, 2),
        value=["x"],
        anything={"k": [1.0, 1, True, None]},
    )
    created = await repository.create(given)
    found = await repository.get(str(created.id))
    assert found == created
    assert repr(found) == repr(created)
    assert created.path == (3, 1, 2)
    assert created.names == {1: "one", -5: "minus five"}
    values: tuple[Any, ...] = (True, 1, 1.0, "1", ["1"], None)
    for value in values:
        patched = await repository.patch(str(created.id), value=value)
        assert repr(patched.value) == repr(value)


@pytest.mark.parametrize(("annotation", "values"), EXTREMES, ids=[str(pair[0])[:40] for pair in EXTREMES])
async def test_extremes_come_back(kit: AsyncKit, annotation: Any, values: Sequence[Any]) -> None:
    """The extremes of each kind come back exactly, from a field of their own and from a list."""
    fields: list[Any] = [
        ("many", list[annotation]),
        ("value", annotation | None, None),
        ("id", str | None, None),
    ]
    holder: Any = make_dataclass("Holder", fields)
    repository: Any = await kit.repository(holder)
    for value in [*values, None]:
        created = await repository.create(holder([] if value is None else [value, value], value))
        found = await repository.get(created.id)
        assert found == created
        assert found.value == value
        assert type(found.value) is type(value)
        assert found.many == ([] if value is None else [value, value])
        if isinstance(value, Decimal) and value:
            assert str(found.value) == str(value)
            assert str(found.many[0]) == str(value)


async def test_instants_come_back_in_utc(kit: AsyncKit) -> None:
    """An aware datetime is an instant: it comes back equal, and in UTC."""
    repository = await kit.repository(Sample)
    moment = dt.datetime(2024, 6, 1, 1, 30, 0, 5, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45)))
    created = await repository.create(Sample(moment=moment))
    assert created.moment == moment
    assert created.moment is not None
    assert created.moment.utcoffset() == dt.timedelta(0)
    assert created.moment.isoformat() == "2024-05-31T19:45:00.000005+00:00"


async def test_minus_zero_is_zero(kit: AsyncKit) -> None:
    """-0.0 becomes 0.0, wherever it stands."""
    repository = await kit.documents()
    created = await repository.create({"a": -0.0, "b": [-0.0]})
    assert repr(created["a"]) == "0.0"
    assert repr(created["b"]) == "[0.0]"
    declared = await kit.repository(Sample)
    assert repr((await declared.create(Sample(ratio=-0.0))).ratio) == "0.0"


@pytest.mark.parametrize(("first", "second"), ALIKE, ids=repr)
async def test_kinds_are_kept_apart(kit: AsyncKit, first: Any, second: Any) -> None:
    """Values that look alike come back as what they were."""
    repository = await kit.documents()
    given = [{"id": "1", "v": first, "w": [first]}, {"id": "2", "v": second, "w": [second]}]
    assert repr(await kit.store(repository, given)) == repr(given)
    assert repr(await repository.list()) == repr(given)
