"""The checker, on ledgers and stores made by hand: it accepts what is right, and finds each fault that is planted."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.testing.faults.checker import FAULTS, Found, Stored, check
from torematrix.core.storage.testing.faults.entities import text_of
from torematrix.core.storage.testing.faults.steps import Outcome, Put, Step, Transfer, read_ledger

OPENING = {"a": 100, "b": 100}


def put(name, version=1, collection="lefts"):
    return Put(collection, name, version, 20)


def story():
    """A group, a change, a transfer, a delete, one refused step, and two without an outcome: one stored, one not."""
    steps = [
        Step("l", 0, "transaction", [put("x"), put("y"), put("z", collection="rights")]),
        Step("l", 1, "update", [put("x", 2)]),
        Step("l", 2, "transfer", [put("r", collection="receipts")], [], Transfer("a", "b", 30)),
        Step("l", 3, "create", [put("gone")]),
        Step("l", 4, "delete", [], [put("gone").key]),
        Step("l", 5, "create", [put("refused")]),
        Step("l", 6, "bulk_create", [put("k1"), put("k2")]),
        Step("m", 0, "bulk_update", [put("n1"), put("n2")]),
    ]
    outcomes = [Outcome("l", number, "acknowledged") for number in range(5)]
    outcomes += [Outcome("l", 5, "refused", "ConflictError"), Outcome("l", 6, "unknown", "CommitUnknown")]
    records = [put("x", 2), put("y"), put("z", collection="rights"), put("r", collection="receipts")]
    records += [put("k1"), put("k2")]
    return [*steps, *outcomes], [Found(each) for each in records], [("a", 70), ("b", 130)]


def kinds(entries, records, balances):
    return sorted({fault.kind for fault in check(entries, Stored(records, balances), OPENING).faults})


def test_what_is_right():
    """Nothing is found where nothing is wrong, and what had no outcome has one now."""
    entries, records, balances = story()
    verdict = check(entries, Stored(records, balances), OPENING)
    assert verdict.faults == []
    assert (verdict.acknowledged, verdict.writes, verdict.refused) == (5, 9, 1)
    assert (verdict.kept, verdict.dropped) == ([("l", 6)], [("m", 0)])


def without(records, name):
    return [each for each in records if each.put.id != name]


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        pytest.param(lambda e, r, b: (e, without(without(r, "r"), "r"), b), ["lost"], id="a lost receipt"),
        pytest.param(lambda e, r, b: (e, without(r, "y"), b), ["lost", "torn"], id="half a group"),
        pytest.param(
            lambda e, r, b: (e, without(r, "k1"), b), ["lost", "torn"], id="half of what has no outcome"
        ),
        pytest.param(
            lambda e, r, b: (e, [Found(put("x")), *without(r, "x")], b), ["lost"], id="an older version"
        ),
        pytest.param(lambda e, r, b: (e, [*r, r[0]], b), ["duplicate"], id="a record twice"),
        pytest.param(lambda e, r, b: (e, r, [*b, b[0]]), ["duplicate"], id="an account twice"),
        pytest.param(lambda e, r, b: (e, [*r, Found(put("ghost"))], b), ["stray"], id="a ghost"),
        pytest.param(lambda e, r, b: (e, [*r, Found(put("refused"))], b), ["stray"], id="what was refused"),
        pytest.param(lambda e, r, b: (e, [*r, Found(put("gone"))], b), ["stray"], id="what was deleted"),
        pytest.param(
            lambda e, r, b: (e, [Found(put("x", 2), sound=False), *r[1:]], b), ["wrong"], id="another text"
        ),
        pytest.param(lambda e, r, b: (e, r, [("a", 71), ("b", 130)]), ["sum"], id="money out of nothing"),
        pytest.param(
            lambda e, r, b: (e, r, [("a", 100), ("b", 100)]), ["sum"], id="a transfer without effect"
        ),
        pytest.param(lambda e, r, b: (e, r, [("a", 40), ("b", 160)]), ["sum"], id="a transfer twice"),
        pytest.param(lambda e, r, b: (e, r, b[:1]), ["sum"], id="a lost account"),
    ],
)
def test_planted_faults(plant, expected):
    assert kinds(*plant(*story())) == expected


def test_every_kind_is_planted():
    marks = test_planted_faults.pytestmark
    planted = {
        kind
        for mark in marks
        if mark.name == "parametrize"
        for case in mark.args[1]
        for kind in case.values[1]
    }
    assert planted == set(FAULTS)


@given(st.data())
def test_losing_any_acknowledged_record_is_found(data):
    """Whatever is written, and whichever record is taken away or set back."""
    count = data.draw(st.integers(1, 6))
    groups = [data.draw(st.integers(1, 4)) for _ in range(count)]
    entries, records = [], []
    for number, size in enumerate(groups):
        puts = [put(f"{number}-{part}", data.draw(st.integers(1, 3))) for part in range(size)]
        entries += [Step("l", number, "bulk_create", puts), Outcome("l", number, "acknowledged")]
        records += [Found(each) for each in puts]
    balances = list(OPENING.items())
    assert kinds(entries, records, balances) == []
    at = data.draw(st.integers(0, len(records) - 1))
    taken = records[:at] + records[at + 1 :]
    assert "lost" in kinds(entries, taken, balances)
    changed = msgspec.structs.replace(records[at].put, version=9)
    assert "lost" in kinds(entries, [*taken, Found(changed)], balances)


def test_a_ledger_outlives_its_writer(tmp_path):
    """What was written before SIGKILL is there, line by line."""
    path = tmp_path / "ledger"
    program = (
        "import os, signal, sys; from pathlib import Path;"
        "from torematrix.core.storage.testing.faults.steps import *;"
        "ledger = Ledger(Path(sys.argv[1]));"
        "ledger.write(Step('l', 0, 'create', [Put('lefts', 'é', 1, 20)]));"
        "ledger.write(Outcome('l', 0, 'acknowledged'));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", program, path], check=False).returncode == -9
    assert read_ledger([path, tmp_path / "absent"]) == [
        Step("l", 0, "create", [Put("lefts", "é", 1, 20)]),
        Outcome("l", 0, "acknowledged"),
    ]


def test_a_text_belongs_to_its_record():
    assert text_of("a", 1, 300) != text_of("b", 1, 300)
    assert text_of("a", 1, 300) != text_of("a", 2, 300)
    assert len(text_of("a", 1, 20)) == 20
