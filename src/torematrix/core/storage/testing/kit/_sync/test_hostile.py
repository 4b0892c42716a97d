# generated from _async/test_hostile.py by tools/generate_twins.py: do not edit
"""Hostile input in every slot of every question: data, or refused; never a part of a statement, a path or a pattern.

Each attempt has to end as on the reference: with the same answer, or with an error of the same class, which is ours and
holds no value of a row. Nothing may take long, and what the inputs aim at has to be as it was.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from torematrix.core.storage import CursorPagination, F, Feature, InvalidQueryError, SortOrder

from ..._sync.harness import Kit
from ..._sync.probe import Probe
from ...hostile.attempts import reference_outcomes
from ...hostile.questions import (
    gram_attempts,
    key_attempts,
    name_attempts,
    operand_attempts,
    path_attempts,
    search_attempts,
    value_attempts,
    value_key_attempts,
)
from ...hostile.rows import GROUPS, PORTIONS, Grams, Held, value_documents
from ...needs import needs
from ..entities import Plain

DICT: type[dict[str, Any]] = dict


def test_operands_are_data(kit: Kit) -> None:
    """Whatever a text says, as an operand it is found where it stands, and a pattern means what the rules say."""
    with Probe(kit) as probe:
        for group in GROUPS:
            repository = kit.repository(Held)
            probe.fill(repository, [row for portion in group for row in portion.rows])
            for portion in group:
                attempts = operand_attempts(portion)
                expected = reference_outcomes(f"operands {portion.number}", Held, portion.rows, attempts)
                assert probe.differences(repository, attempts, expected) == []


@needs(Feature.SUBSTRING_INDEX)
def test_parts_are_data(kit: Kit) -> None:
    """An index of trigrams finds what the rules say, and reads no text as an expression."""
    with Probe(kit) as probe:
        for group in GROUPS:
            repository = kit.repository(Grams)
            probe.fill(repository, [row for portion in group for row in portion.grams])
            for portion in group:
                attempts = gram_attempts(portion)
                expected = reference_outcomes(f"grams {portion.number}", Grams, portion.grams, attempts)
                assert probe.differences(repository, attempts, expected) == []


def test_values_are_data(kit: Kit) -> None:
    """Dicts that look like operators, objects that pretend, numbers that nothing holds, wherever an argument goes."""
    with Probe(kit) as probe:
        rows = PORTIONS[0].rows
        repository = kit.repository(Held)
        probe.fill(repository, rows)
        attempts = value_attempts()
        expected = reference_outcomes("values", Held, rows, attempts)
        assert probe.differences(repository, attempts, expected) == []


def test_whole_values_are_data(kit: Kit) -> None:
    """What looks like an operator is stored like everything else, and found by what it is."""
    with Probe(kit) as probe:
        documents = value_documents()
        repository = kit.documents()
        probe.fill(repository, documents)
        assert repository.list() == documents
        attempts = value_key_attempts()
        expected = reference_outcomes("whole values", DICT, documents, attempts)
        assert probe.differences(repository, attempts, expected) == []


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "free-form"])
def test_names_are_of_fields(kit: Kit, declared: bool) -> None:
    """A text in place of a field's name names a field, or is refused; so do orders, operators and cursors."""
    with Probe(kit) as probe:
        portion = PORTIONS[0]
        repository: Any = kit.repository(Held) if declared else kit.documents()
        rows: list[Any] = portion.rows if declared else portion.documents
        probe.fill(repository, rows)
        attempts = path_attempts()
        expected = reference_outcomes(f"paths {declared}", Held if declared else DICT, rows, attempts)
        assert probe.differences(repository, attempts, expected) == []


def test_keys_are_data(kit: Kit) -> None:
    """Every text is a key of documents, comes back as it was, and is found by a path that names it."""
    with Probe(kit) as probe:
        for group in GROUPS:
            repository = kit.documents()
            documents = [document for portion in group for document in portion.documents]
            probe.fill(repository, documents)
            assert repository.list() == documents
            for portion in group:
                attempts = key_attempts(portion)
                expected = reference_outcomes(f"keys {portion.number}", DICT, portion.documents, attempts)
                assert probe.differences(repository, attempts, expected) == []


@needs(Feature.AGGREGATES)
def test_names_of_results_are_data(kit: Kit) -> None:
    """An aggregate gives its results under whatever names are asked for."""
    with Probe(kit) as probe:
        rows = PORTIONS[0].rows
        repository = kit.repository(Held)
        probe.fill(repository, rows)
        attempts = name_attempts()
        expected = reference_outcomes("names", Held, rows, attempts)
        assert probe.differences(repository, attempts, expected) == []


@needs(Feature.SEARCH)
def test_searched_text_is_words(kit: Kit) -> None:
    """No text is an expression of the engine's own search; what is found and its score are the reference's."""
    with Probe(kit) as probe:
        rows = [row for portion in PORTIONS for row in portion.rows[::6]]
        repository = kit.repository(Held)
        probe.fill(repository, rows)
        attempts = search_attempts()
        expected = reference_outcomes("searches", Held, rows, attempts)
        assert probe.differences(repository, attempts, expected) == []


# ------------------------------------------------------------------------------------------------------------ cursors


def _forged(cursor: str) -> list[str]:
    """The cursor, changed in every bit of its beginning, cut, lengthened, and written otherwise."""
    sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    forged = [
        sealed[:at] + bytes([sealed[at] ^ 1 << bit]) + sealed[at + 1 :]
        for at in range(min(len(sealed), 40))
        for bit in range(8)
    ]
    forged += [sealed[:end] for end in range(0, len(sealed), 5)]
    forged += [sealed + b"\x00", sealed + sealed, b"\x00" * len(sealed), sealed[16:], sealed[::-1]]
    texts = [base64.urlsafe_b64encode(each).decode().rstrip("=") for each in forged]
    texts += [
        cursor[:-1] + chr(ord(cursor[-1]) ^ 1),
        cursor + "=",
        cursor + "A",
        " " + cursor,
        cursor + "\n",
        cursor.swapcase(),
        cursor[:-1],
        cursor * 2,
    ]
    texts += [cursor + "\x00", "\ufeff" + cursor, cursor.replace(cursor[3], "\uff21"), cursor * 10_000]
    return [text for text in texts if text != cursor]


def test_cursors_cannot_be_forged(kit: Kit) -> None:
    """A cursor that was changed, cut, made up, or made for another question, collection or storage is refused."""
    with Probe(kit) as probe:
        repository = kit.repository(Plain)
        other = kit.repository(Plain)
        probe.fill(repository, [Plain(number, f"{number}") for number in range(5)])
        page = repository.list(sort_by="value", pagination=CursorPagination(limit=2))
        assert page.next is not None
        wrong: list[str] = []
        for text in _forged(page.next):
            for where in ("after", "before"):
                pagination = CursorPagination(**{where: text}, limit=2)
                try:
                    repository.list(sort_by="value", pagination=pagination)
                except InvalidQueryError:
                    continue
                wrong.append(text[:100])
        assert wrong == []
        after = CursorPagination(after=page.next, limit=2)
        assert [entity.value for entity in repository.list(sort_by="value", pagination=after).items] == [2, 3]
        questions: list[dict[str, Any]] = [
            {"sort_by": "id"},
            {"sort_by": "value", "sort_order": SortOrder.DESC},
            {"sort_by": "value", "filters": F("value") >= 0},
            {},
        ]
        for question in questions:
            with pytest.raises(InvalidQueryError):
                repository.list(**question, pagination=after)
        for stranger in (other, kit.fresh().repository(Plain, repository.collection_name)):
            with pytest.raises(InvalidQueryError):
                stranger.list(sort_by="value", pagination=after)
