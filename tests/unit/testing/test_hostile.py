"""The corpus of hostile inputs is what it says, and the reference's own answers to it are right."""

from __future__ import annotations

import json
import re

import pytest

from torematrix.core.storage import CursorPagination, InvalidQueryError, Pagination
from torematrix.core.storage.testing.hostile import ORIGINS, TEXTS, VALUES
from torematrix.core.storage.testing.hostile.attempts import is_leak, reference_outcomes
from torematrix.core.storage.testing.hostile.changes import first_texts, id_attempts
from torematrix.core.storage.testing.hostile.questions import (
    key_attempts,
    operand_attempts,
    value_attempts,
    value_key_attempts,
)
from torematrix.core.storage.testing.hostile.rows import PORTIONS, Held, Portion, value_documents
from torematrix.core.storage.testing.hostile.values import CONTAINERS, NUMBERS


def test_the_corpus_is_large_and_told_from_where_it_is() -> None:
    """At least 300 inputs, each once, each under what was published or the language whose rule it uses."""
    assert len(TEXTS) + len(VALUES) >= 700
    assert len({origin.id for origin in ORIGINS}) == len(ORIGINS)
    published = [
        origin for origin in ORIGINS if re.fullmatch(r"CVE-\d{4}-\d{4,7}|GHSA(-[0-9a-z]{4}){3}", origin.id)
    ]
    assert len(published) >= 50
    assert all(len(origin.about) > 20 and len(origin.texts) >= 3 for origin in published)
    assert sum(len(origin.texts) for origin in published) >= 200
    assert len(first_texts()) > 100
    assert sum(len(portion.texts) for portion in PORTIONS) == len(TEXTS)


@pytest.mark.parametrize("portion", PORTIONS, ids=lambda portion: f"{portion.number:02}")
def test_a_text_is_found_where_it_stands_and_nowhere_else(portion: Portion) -> None:
    """By how the rows are made, not by what the evaluator says."""
    attempts = operand_attempts(portion)
    outcomes = reference_outcomes(f"operands {portion.number}", Held, portion.rows, attempts)
    found = {attempt.label: outcome for attempt, outcome in zip(attempts, outcomes, strict=True)}
    equal = [attempt for attempt in attempts if attempt.label.endswith(", equal")]
    assert not any(map(is_leak, outcomes))
    for text, attempt in zip(portion.texts, equal, strict=True):
        if text not in portion.kept:
            assert found[attempt.label] == "refused: InvalidQueryError"
        elif text not in ("", "x"):
            assert json.loads(found[attempt.label]) == sorted(portion.holders(text))
    keys = key_attempts(portion)
    outcomes = reference_outcomes(f"keys {portion.number}", dict, portion.documents, keys)
    for attempt, outcome in zip(keys, outcomes, strict=True):
        assert len(json.loads(outcome)) == 1, attempt.label


def test_what_looks_like_an_operator_is_found_as_a_value() -> None:
    """Each dict, list and number is found in the documents that hold the same, and only there."""
    documents, attempts = value_documents(), value_key_attempts()
    outcomes = reference_outcomes("whole values", dict, documents, attempts)
    values = [*CONTAINERS, *NUMBERS]

    def same(left: object, right: object) -> bool:
        numbers = (int, float)
        if isinstance(left, numbers) and isinstance(right, numbers):
            return left == right and isinstance(left, bool) == isinstance(right, bool)
        return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)

    for value, outcome in zip(values, outcomes, strict=True):
        expected = [
            document["id"] for document, other in zip(documents, values, strict=True) if same(value, other)
        ]
        assert json.loads(outcome) == expected


def test_no_argument_makes_the_reference_fail() -> None:
    """Every outcome is an answer or an error of ours."""
    for label, cls, rows, attempts in (
        ("values", Held, PORTIONS[0].rows, value_attempts()),
        ("ids", dict, [], id_attempts()),
    ):
        outcomes = reference_outcomes(label, cls, rows, attempts)
        wrong = [
            attempt.label for attempt, outcome in zip(attempts, outcomes, strict=True) if is_leak(outcome)
        ]
        assert wrong == []


@pytest.mark.parametrize("value", [*VALUES, *TEXTS[:40]], ids=lambda value: type(value).__name__)
def test_pages_have_numbers(value: object) -> None:
    """A page, its size and a limit are ints in range, and nothing that behaves like one."""
    for make in (
        lambda: Pagination(page=value),  # type: ignore[arg-type]
        lambda: Pagination(per_page=value),  # type: ignore[arg-type]
        lambda: CursorPagination(limit=value),  # type: ignore[arg-type]
    ):
        if type(value) is int and 1 <= value < 2**63:
            continue
        if type(value) is int and value == 0:
            continue
        with pytest.raises(InvalidQueryError):
            make()
    if value is not None and not isinstance(value, str):
        for name in ("after", "before"):
            with pytest.raises(InvalidQueryError):
                CursorPagination(**{name: value})  # type: ignore[arg-type]
