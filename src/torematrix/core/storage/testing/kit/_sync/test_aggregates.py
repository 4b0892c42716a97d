# generated from _async/test_aggregates.py by tools/generate_twins.py: do not edit
"""Counts, sums, averages and extremes: exact, whatever the engine does with its own."""

from __future__ import annotations

import datetime as dt
import enum
import itertools
import math
import statistics
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage import (
    Avg,
    Big,
    Count,
    F,
    Feature,
    Index,
    InvalidEntityError,
    InvalidQueryError,
    Max,
    Min,
    Sum,
)

from ....model.kinds import Kind, Scalar
from ..._sync.harness import Kit
from ...entities import Colour, Sample
from ...needs import needs
from ...strategies import effort, scalars
from ..entities import Note, Plain

pytestmark = needs(Feature.AGGREGATES)


@dataclass
class Sale:
    """Things to add up."""

    shop: str | None = None
    count: int | None = None
    weight: float | None = None
    price: Decimal | None = None
    huge: Annotated[int, Big()] | None = None
    took: dt.timedelta | None = None
    id: str | None = None


def test_an_empty_group(kit: Kit) -> None:
    """Without entities there is one group of nothing: counts are 0, all else None; with keys there is no group."""
    repository = kit.repository(Sale)
    asked: dict[str, Any] = {
        "n": Count(), "m": Count("count"), "s": Sum("count"), "a": Avg("weight"), "l": Min("shop"), "h": Max("price"),
    }  # fmt: skip
    nothing = {"n": 0, "m": 0, "s": None, "a": None, "l": None, "h": None}
    assert repository.aggregate(**asked) == [nothing]
    assert repository.aggregate(group_by="shop", **asked) == []
    repository.create(Sale())
    assert repository.aggregate(**asked) == [{**nothing, "n": 1}]
    assert repository.aggregate(F("count") == 5, **asked) == [nothing]


def test_measures_pass_over_null(kit: Kit) -> None:
    """A measure of a field is that of its values that are not null; Count() counts entities."""
    repository = kit.repository(Sale)
    kit.store(
        repository,
        [Sale("a", 1, 0.5, Decimal("1.10")), Sale("a", None, 1.5), Sale(None, 3, None, Decimal("2.20"))],
    )
    (result,) = repository.aggregate(
        n=Count(), c=Count("count"), s=Sum("count"), a=Avg("count"), w=Sum("weight"), aw=Avg("weight"),
        p=Sum("price"), ap=Avg("price"), low=Min("price"), high=Max("shop"),
    )  # fmt: skip
    assert result == {
        "n": 3, "c": 2, "s": 4, "a": 2.0, "w": 2.0, "aw": 1.0, "p": Decimal("3.30"), "ap": Decimal("1.65"),
        "low": Decimal("1.10"), "high": "a",
    }  # fmt: skip
    assert type(result["s"]) is int
    assert type(result["a"]) is float


def test_groups(kit: Kit) -> None:
    """One result a group, in the order of the keys, null first; keys have their declared types."""
    repository = kit.repository(Sample, indexes=[Index("colour")])
    colours = [Colour.RED, None, Colour.GREEN, Colour.RED]
    kit.store(repository, [
        Sample(number=at, colour=colour, flag=bool(at % 2), day=dt.date(2024, 1, 1))
        for at, colour in enumerate(colours * 3)
    ])  # fmt: skip
    assert repository.aggregate(group_by="colour", n=Count(), s=Sum("number")) == [
        {"colour": None, "n": 3, "s": 15},
        {"colour": Colour.GREEN, "n": 3, "s": 18},
        {"colour": Colour.RED, "n": 6, "s": 33},
    ]
    both = repository.aggregate(F("number") < 4, ["colour", "flag", "day"], n=Count())
    assert both == [
        {"colour": None, "flag": True, "day": dt.date(2024, 1, 1), "n": 1},
        {"colour": Colour.GREEN, "flag": False, "day": dt.date(2024, 1, 1), "n": 1},
        {"colour": Colour.RED, "flag": False, "day": dt.date(2024, 1, 1), "n": 1},
        {"colour": Colour.RED, "flag": True, "day": dt.date(2024, 1, 1), "n": 1},
    ]


def test_equal_decimals_are_one_group(kit: Kit) -> None:
    """1.0 and 1.00 are one group, whose key is the same one on every engine."""
    repository = kit.repository(Sale)
    kit.store(repository, [Sale(price=Decimal(text)) for text in ("1.00", "1.0", "1", "2.50", "2.5")])
    groups = repository.aggregate(group_by="price", n=Count(), low=Min("price"), high=Max("price"))
    assert [(group["price"], group["n"]) for group in groups] == [(Decimal(1), 3), (Decimal("2.5"), 2)]
    assert [str(group["low"]) for group in groups] == [str(group["price"]) for group in groups]


FLOATS: Final = [
    [0.1] * 10, [1e16, 1.0, -1e16], [1e308, 1e308, -1e308], [0.1, 0.2, 0.3], [1e-320, 1e-320], [1e16, 1.0, 1.0],
    [2.0**53, 1.0, 1.0], [-0.0, -0.0], [5e-324] * 3, [1e100, 1.0, -1e100, 1e-100],
]  # fmt: skip


@pytest.mark.parametrize("values", FLOATS, ids=str)
def test_sums_of_floats_are_rounded_once(kit: Kit, values: list[float]) -> None:
    """A sum of floats is ``math.fsum`` of them, in whatever order they are stored."""
    repository = kit.repository(Sale)
    for order in itertools.islice(itertools.permutations(values), 3):
        kit.store(repository, [Sale("x", weight=value) for value in order])
        (result,) = repository.aggregate(s=Sum("weight"), a=Avg("weight"))
        exact = sum(map(Fraction, order))
        assert repr(result["s"]) == repr(float(exact) + 0.0)
        kit.clear(repository)


def test_sums_of_ints_are_exact(kit: Kit) -> None:
    """Sums of ints neither overflow nor become floats; an average is the nearest float to the exact one."""
    repository = kit.repository(Sale)
    values = [2**63 - 1, 2**63 - 1, 2**53 + 1, -5]
    kit.store(repository, [Sale(count=value, huge=value * 10**20) for value in values])
    (result,) = repository.aggregate(
        s=Sum("count"), a=Avg("count"), h=Sum("huge"), low=Min("huge"), high=Max("huge")
    )
    assert result["s"] == sum(values)
    assert type(result["s"]) is int
    assert result["a"] == float(Fraction(sum(values), len(values)))
    assert result["h"] == sum(values) * 10**20
    assert (result["low"], result["high"]) == (-5 * 10**20, (2**63 - 1) * 10**20)


def test_sums_of_decimals_are_exact(kit: Kit) -> None:
    """Sums of Decimals have every digit, whatever the precision of the context; an average has 34."""
    repository = kit.repository(Sale)
    texts = ["0.1", "0.2", "1E+40", "1E-40", "-0.3", "12345678901234567890.123456789"]
    kit.store(repository, [Sale(price=Decimal(text)) for text in texts])
    (result,) = repository.aggregate(s=Sum("price"), a=Avg("price"))
    exact = sum((Fraction(text) for text in map(Decimal, texts)), Fraction(0))
    assert Fraction(result["s"]) == exact
    assert abs(Fraction(result["a"]) - exact / 6) <= exact / 6 / 10**33


def test_sums_of_spans(kit: Kit) -> None:
    """Spans of time add up, and their average is a span."""
    repository = kit.repository(Sale)
    kit.store(repository, [Sale(took=dt.timedelta(microseconds=value)) for value in (1, 2, 86_400_000_000)])
    (result,) = repository.aggregate(s=Sum("took"), a=Avg("took"), low=Min("took"), high=Max("took"))
    assert result["s"] == dt.timedelta(days=1, microseconds=3)
    assert result["a"] == dt.timedelta(microseconds=28_800_000_001)
    assert (result["low"], result["high"]) == (dt.timedelta(microseconds=1), dt.timedelta(days=1))


def test_aggregates_of_random_values(kit: Kit) -> None:
    """Over random values, sums, averages, counts and extremes are those that exact arithmetic gives."""
    repository: Any = kit.run(kit.repository(Sale))
    ints, floats, decimals = (scalars(Scalar(kind)) for kind in (Kind.INT, Kind.FLOAT, Kind.DECIMAL))
    sales = st.builds(
        Sale,
        st.sampled_from([None, "a", "b", "é"]),
        st.none() | ints,
        st.none() | floats.filter(lambda value: abs(value) < 1e300),
        st.none() | decimals.filter(lambda value: abs(value.adjusted()) < 300),
    )

    @effort(0.2)
    @given(st.lists(sales, max_size=12))
    def check(stored: list[Sale]) -> None:
        assert kit.run(_measured(kit, repository, stored))

    check()


def _measured(kit: Kit, repository: Any, sales: list[Sale]) -> bool:
    kit.clear(repository)
    kit.store(repository, sales)
    groups = repository.aggregate(
        group_by="shop",
        n=Count(),
        s=Sum("count"),
        w=Sum("weight"),
        p=Sum("price"),
        low=Min("count"),
        high=Max("weight"),
    )
    shops = sorted({sale.shop for sale in sales}, key=lambda shop: (shop is not None, shop or ""))
    assert [group["shop"] for group in groups] == shops
    for group in groups:
        members = [sale for sale in sales if sale.shop == group["shop"]]
        counts = [sale.count for sale in members if sale.count is not None]
        weights = [sale.weight for sale in members if sale.weight is not None]
        prices = [Fraction(sale.price) for sale in members if sale.price is not None]
        assert group["n"] == len(members)
        assert group["s"] == (sum(counts) if counts else None)
        assert group["w"] == (math.fsum(weights) if weights else None)
        assert (None if group["p"] is None else Fraction(group["p"])) == (sum(prices) if prices else None)
        assert group["low"] == min(counts, default=None)
        assert group["high"] == max(weights, default=None)
    return True


def test_averages_of_many(kit: Kit) -> None:
    """Averages of thousands of values are as exact as those of two."""
    repository = kit.repository(Sale)
    weights = [0.1 * number for number in range(5_000)]
    kit.store(repository, [Sale(weight=weight, count=number) for number, weight in enumerate(weights)])
    (result,) = repository.aggregate(w=Sum("weight"), a=Avg("weight"), c=Avg("count"))
    assert result["w"] == math.fsum(weights)
    assert result["a"] == pytest.approx(statistics.fmean(weights), rel=1e-15)
    assert result["c"] == 2499.5


REFUSED: Final[list[dict[str, Any]]] = [
    {}, {"group_by": "title"}, {"n": "count"}, {"n": Count}, {"n": 5}, {"n": None}, {"s": Sum("nope")},
    {"s": Sum("title")},
    {"s": Sum("done")}, {"s": Avg("day")}, {"s": Sum("tags")}, {"s": Min("meta")}, {"s": Max("meta.x")},
    {"s": Count("tags[*]")},
    {"n": Count(), "group_by": "nope"}, {"n": Count(), "group_by": "tags"}, {"n": Count(), "group_by": "meta.x"},
    {"n": Count(), "group_by": ["title", "title"]}, {"title": Count(), "group_by": "title"}, {"s": Sum("")},
]  # fmt: skip


@pytest.mark.parametrize("asked", REFUSED, ids=lambda given: repr(given)[:40])
def test_what_cannot_be_measured_is_refused(kit: Kit, asked: dict[str, Any]) -> None:
    """Measures of what has none, keys that have no order, and names used twice raise InvalidQueryError."""
    repository = kit.repository(Note)
    with pytest.raises(InvalidQueryError):
        repository.aggregate(**asked)


def test_a_thousand_groups(kit: Kit) -> None:
    """Groups are given whole, however many there are."""
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(number % 1_000) for number in range(3_000)])
    groups = repository.aggregate(group_by="value", n=Count())
    assert groups == [{"value": number, "n": 3} for number in range(1_000)]


class Before(enum.Enum):
    """What there was to choose from."""

    HERE = "here"
    GONE = "gone"


class After(enum.Enum):
    """What is left of it."""

    HERE = "here"


@dataclass
class Chosen:
    """An entity of the class as it was."""

    choice: Before = Before.HERE
    id: str | None = None


@dataclass
class Choosing:
    """An entity of the class as it is."""

    choice: After = After.HERE
    id: str | None = None


def test_values_that_do_not_fit_any_more(kit: Kit) -> None:
    """What is stored and no member of the Enum any more is refused as reads refuse it, without its value."""
    written = kit.repository(Chosen)
    written.create(Chosen(Before.GONE))
    read = kit.repository(Choosing, written.collection_name)
    asked: list[dict[str, Any]] = [
        {"found": Max("choice")},
        {"group_by": "choice", "found": Count()},
    ]
    for question in asked:
        with pytest.raises(InvalidEntityError, match="choice: what is stored does not fit") as caught:
            read.aggregate(**question)
        assert "gone" not in str(caught.value)
