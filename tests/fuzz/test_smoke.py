"""A bounded run of the differential fuzzer; `make fuzz` goes on for as long as one likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from torematrix.core.storage.testing.fuzz.comparing import Comparison
from torematrix.core.storage.testing.fuzz.engines import SQLITE, Engine
from torematrix.core.storage.testing.fuzz.runs import program_of, run_chunk

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*.json"))
PROGRAMS = 300


@pytest.fixture(scope="module")
def engines() -> list[Engine]:
    """Every engine there is."""
    return [SQLITE]


@pytest.fixture
def comparison(engines: list[Engine]) -> Iterator[Comparison]:
    with Comparison(engines) as comparison:
        yield comparison


def test_programs_have_one_outcome(comparison: Comparison) -> None:
    """Random programs give the same results and the same errors at every step, on every engine."""
    assert run_chunk(comparison, 0, PROGRAMS) == []
    leaked = [what for what in comparison.counts if "(leaked)" in what]
    assert leaked == []


def test_what_once_differed_does_not(comparison: Comparison) -> None:
    """Programs that an engine once answered differently have one outcome on all, in every form and colour."""
    for path in REGRESSIONS:
        program = program_of(path.read_text(encoding="utf-8"))
        for label in comparison.labels:
            if program.single or "standalone" not in label:
                assert comparison.run_on(program, label) is None, path.name
