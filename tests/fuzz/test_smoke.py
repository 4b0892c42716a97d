"""A bounded run of the differential fuzzer on every engine; `make fuzz` goes on for as long as one likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from torematrix.core.storage.testing.fuzz.comparing import Comparison
from torematrix.core.storage.testing.fuzz.engines import SQLITE, Engine, engine_of
from torematrix.core.storage.testing.fuzz.faults import FAULTS, planted
from torematrix.core.storage.testing.fuzz.programs import make_program
from torematrix.core.storage.testing.fuzz.runs import program_of, run_chunk
from torematrix.core.storage.testing.fuzz.shrinking import shrunk
from torematrix.core.storage.testing.fuzz.steps import calls_of
from torematrix.core.storage.testing.servers.shared import MongoDBAddresses, PostgreSQLAddresses

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*.json"))
PROGRAMS = 240
PLANTED = 2_000
"""Programs within which a fault has to be found. It takes a few."""


@pytest.fixture(scope="module")
def engines(postgresql_server: PostgreSQLAddresses, mongodb_server: MongoDBAddresses) -> dict[str, Engine]:
    """Every engine there is, by its name."""
    given = (
        SQLITE,
        engine_of("postgresql", postgresql_server.url),
        engine_of("postgresql_icu", postgresql_server.icu_url),
        engine_of("mongodb", mongodb_server.url),
        engine_of("mongodb_standalone", mongodb_server.standalone_url, single=True),
    )
    return {engine.name: engine for engine in given}


@pytest.fixture(scope="module")
def comparison(engines: dict[str, Engine]) -> Iterator[Comparison]:
    """All of them, open."""
    with Comparison(list(engines.values())) as comparison:
        yield comparison


def test_programs_have_one_outcome(comparison: Comparison) -> None:
    """Random programs give the same results and the same errors at every step, on every engine, in both colours."""
    assert run_chunk(comparison, 0, PROGRAMS) == []
    counts = comparison.counts
    assert [what for what in counts if "(leaked)" in what] == []
    for label in comparison.labels:
        assert counts[f"programs on {label}"] > 0, label


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_once_differed_does_not(comparison: Comparison, path: Path) -> None:
    """A program that an engine once answered differently has one outcome on all, in every form and colour."""
    program = program_of(path.read_text(encoding="utf-8"))
    for label in comparison.labels:
        if program.single or "standalone" not in label:
            assert comparison.run_on(program, label) is None


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_planted_fault_is_found_and_shrunk(engines: dict[str, Engine], name: str) -> None:
    """An engine that gets one thing wrong is caught, by a program that shows little else."""
    with planted(name), Comparison([engines[FAULTS[name].engine]]) as comparison:
        differences = (each for number in range(PLANTED) for each in comparison.run(make_program(number)))
        found = next(differences)
        label = found.label
        smallest = shrunk(found, lambda program: comparison.run_on(program, label), tries=300)
    with Comparison([engines[FAULTS[name].engine]]) as sound:
        assert sound.run_on(smallest.program, label) is None
    assert len(list(calls_of(smallest.program.steps))) <= 3
    assert sum(map(len, smallest.program.held.values())) <= 4
