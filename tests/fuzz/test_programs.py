"""Programs are what their numbers say, everywhere; and they can be written down, read again, and made smaller."""

from __future__ import annotations

import hashlib

import pytest

from torematrix.core.storage import F
from torematrix.core.storage.query.filters import AllOf, Negation, QueryFilter
from torematrix.core.storage.testing.fuzz.draws import Draws
from torematrix.core.storage.testing.fuzz.family import SCHEMAS
from torematrix.core.storage.testing.fuzz.notation import program_from_json, program_to_json
from torematrix.core.storage.testing.fuzz.outcomes import same
from torematrix.core.storage.testing.fuzz.programs import make_program
from torematrix.core.storage.testing.fuzz.questions import Questions, simpler
from torematrix.core.storage.testing.fuzz.values import Palette

# Of programs 0 to 199. It changes with the generator, and with nothing else: no version of Python, no machine.
DIGEST = "b616c7a339988c35"


def test_a_number_is_a_program() -> None:
    """Programs are the same in every process and every version of Python."""
    text = "".join(program_to_json(make_program(number)) for number in range(200))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == DIGEST


def test_programs_are_read_as_they_were_written() -> None:
    """What is kept in a file is the program, to the last digit of its values."""
    for number in range(200):
        program = make_program(number)
        assert same(program_from_json(program_to_json(program)), program)


def test_simpler_filters_are_smaller() -> None:
    """Every simpler filter is one step smaller, so shrinking ends."""
    leaf = QueryFilter("number", "eq", 1)
    assert simpler(Negation(leaf)) == [leaf]
    assert AllOf([leaf]) in simpler(AllOf([leaf, leaf]))
    questions = Questions(Palette(Draws("simpler")), SCHEMAS["sample"], [])
    for _ in range(200):
        item = questions.filter()
        assert all(len(repr(small)) < len(repr(item)) for small in simpler(item))


@pytest.mark.parametrize(
    ("left", "right"),
    [(1, 1.0), (1, True), (0.0, -0.0), ([1], (1,)), ({"a": 1}, {"a": 1.0}), ({1: 2}, {True: 2}), ("a", b"a")],
)
def test_what_is_equal_to_python_alone_differs(left: object, right: object) -> None:
    """Results of two engines are the same only where their types are the same too."""
    assert not same(left, right)
    assert same(left, left)
    assert same([F("a") == 1], [F("a") == 1])
