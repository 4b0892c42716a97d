"""A bounded run of the differential fuzzer; `make fuzz` goes on for as long as one likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from torematrix.core.storage import QueryFilter, Storage
from torematrix.core.storage.query.filters import AllOf, Negation
from torematrix.core.storage.testing.fuzz.filters import DifferenceError, FilterFuzz
from torematrix.core.storage.testing.fuzz.programs import ProgramFuzz
from torematrix.core.storage.testing.fuzz.questions import filter_of, simpler


@pytest.fixture(params=["sqlite:///{folder}/fuzz.db", "sqlite:///:memory:"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Storage, Storage]]:
    url = request.param.replace("{folder}", str(tmp_path))
    with Storage.open("memory://") as reference, Storage.open(url, durability="fast") as subject:
        yield reference, subject


@pytest.mark.parametrize("seed", range(3))
def test_questions_have_one_answer(pair: tuple[Storage, Storage], seed: int) -> None:
    """Random filters and sorts give the same entities, in the same order, on the engine and on the reference."""
    fuzz = FilterFuzz(*pair, seed=seed, entities=200)
    for number in range(250):
        fuzz.run(number)


def test_programs_have_one_outcome(pair: tuple[Storage, Storage]) -> None:
    """Random programs give the same results and the same errors at every step."""
    fuzz = ProgramFuzz(*pair)
    for seed in range(60):
        fuzz.run(seed)


def test_a_difference_is_found_and_shrunk(
    pair: tuple[Storage, Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend that answers one operator wrongly is caught, and the report names a small filter with that operator."""
    from torematrix.core.storage.backends.sqlite import compile as compiled

    def wrong(value: str, test: object, text: str, sql: compiled.Sql) -> str:
        return f"instr({value}, {sql.bind(text)}) > 1"

    monkeypatch.setattr(compiled, "_text_test", wrong)
    fuzz = FilterFuzz(*pair, seed=0, entities=200)

    def ask() -> None:
        for number in range(500):
            fuzz.run(number)

    with pytest.raises(DifferenceError) as caught:
        ask()
    assert "AllOf" not in str(caught.value).splitlines()[0]


def test_shrinking_makes_filters_smaller() -> None:
    """Every simpler filter is one step smaller, so shrinking ends."""
    leaf = QueryFilter("number", "eq", 1)
    assert simpler(Negation(leaf)) == [leaf]
    assert AllOf([leaf]) in simpler(AllOf([leaf, leaf]))
    random = Random(3)
    for _ in range(200):
        item = filter_of(random, free=False)
        assert all(len(repr(small)) < len(repr(item)) for small in simpler(item))
