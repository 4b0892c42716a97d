"""Compares what is stored with what was told: the part that must be right, and so does nothing else.

Nothing here talks to a database. A fault is one of

lost        a record whose step was acknowledged is not stored, or in an older version
torn        some records of a step are as it leaves them and others are not
duplicate   a record is stored twice
stray       something is stored that no step stored, or one that was refused, rolled back or never made
wrong       a record's content is not what was written
sum         the balance of an account is not what the receipts say, or money came out of nothing
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from .steps import ACKNOWLEDGED, REFUSED, Entry, Outcome, Put, Step

__all__ = ["FAULTS", "Fault", "Found", "Stored", "Verdict", "check"]

FAULTS: Final = ("lost", "torn", "duplicate", "stray", "wrong", "sum")


class Found(msgspec.Struct, frozen=True):
    """A record as it is stored; ``sound`` says whether its text is the one that belongs to it."""

    put: Put
    sound: bool = True


class Stored(msgspec.Struct, frozen=True):
    """Everything that is stored."""

    records: Sequence[Found]
    balances: Sequence[tuple[str, int]]


class Fault(msgspec.Struct, frozen=True):
    """One thing that must not be."""

    kind: str
    what: str


class Verdict(msgspec.Struct, frozen=True):
    """What came of the comparison.

    Attributes:
        faults: what is wrong.
        acknowledged: steps that were.
        writes: records that these wrote or removed.
        refused: steps of which an error said that they stored nothing.
        kept: steps without a known outcome that are stored.
        dropped: those that are not.
    """

    faults: Sequence[Fault]
    acknowledged: int = 0
    writes: int = 0
    refused: int = 0
    kept: Sequence[tuple[str, int]] = ()
    dropped: Sequence[tuple[str, int]] = ()


def check(entries: Iterable[Entry], stored: Stored, opening: dict[str, int]) -> Verdict:
    """What is wrong with what is stored.

    Args:
        entries: the ledgers. A lane leaves records alone that a step of unknown outcome was about.
        stored: what is there now.
        opening: the balance of each account at the beginning.
    """
    steps, told = _read(entries)
    faults: list[Fault] = []
    found: dict[tuple[str, str], Put] = {}
    for each, times in Counter(one.put.key for one in stored.records).items():
        if times > 1:
            faults.append(Fault("duplicate", f"{_name(each)} is stored {times} times"))
    for one in stored.records:
        found[one.put.key] = one.put
        if not one.sound:
            faults.append(Fault("wrong", f"the text of {_name(one.put.key)} is not its own"))
    expected: dict[tuple[str, str], Put] = {}
    owner: dict[tuple[str, str], Step] = {}
    happened: list[Step] = []
    kept: list[tuple[str, int]] = []
    dropped: list[tuple[str, int]] = []
    acknowledged = writes = refused = 0
    for step in steps:
        outcome = told[step.key].told if step.key in told else None
        if outcome == REFUSED:
            refused += 1
            continue
        if outcome == ACKNOWLEDGED:
            acknowledged += 1
            writes += len(step.puts) + len(step.gone) + (2 if step.transfer else 0)
        else:
            whole = _happened(step, expected, found)
            if whole is None:
                faults.append(Fault("torn", f"{_title(step)}, whose outcome is not known, is stored in part"))
            (kept if whole or whole is None else dropped).append(step.key)
            if whole is False:
                continue
        happened.append(step)
        _apply(step, expected, owner)
    faults += _missing(expected, owner, found)
    faults += [
        Fault("stray", f"{_name(key)} is stored, and should not be{_history(key, steps, told)}")
        for key in found
        if key not in expected
    ]
    faults += _sums(happened, stored.balances, opening)
    return Verdict(faults, acknowledged, writes, refused, kept, dropped)


def _read(entries: Iterable[Entry]) -> tuple[list[Step], dict[tuple[str, int], Outcome]]:
    steps: list[Step] = []
    told: dict[tuple[str, int], Outcome] = {}
    for entry in entries:
        if isinstance(entry, Outcome):
            told[entry.lane, entry.number] = entry
        else:
            steps.append(entry)
    return steps, told


def _history(key: tuple[str, str], steps: Sequence[Step], told: dict[tuple[str, int], Outcome]) -> str:
    """What was told of the steps that were about a record."""
    about = [step for step in steps if key in {put.key for put in step.puts} or key in step.gone]
    outcomes = [(step.kind, told.get(step.key)) for step in about]
    return "".join(
        f"; {kind} {'without an outcome' if outcome is None else f'{outcome.told} {outcome.error}'.strip()}"
        for kind, outcome in outcomes
    )


def _apply(step: Step, expected: dict[tuple[str, str], Put], owner: dict[tuple[str, str], Step]) -> None:
    for put in step.puts:
        expected[put.key] = put
        owner[put.key] = step
    for key in step.gone:
        expected.pop(key, None)


def _happened(
    step: Step, expected: dict[tuple[str, str], Put], found: dict[tuple[str, str], Put]
) -> bool | None:
    """Whether a step is stored whole (True) or not at all (False); None where it is torn."""
    after: dict[tuple[str, str], Put | None] = {put.key: put for put in step.puts}
    after.update(dict.fromkeys(step.gone))
    actual = {key: found.get(key) for key in after}
    if actual == after:
        return True
    return False if actual == {key: expected.get(key) for key in after} else None


def _missing(
    expected: dict[tuple[str, str], Put],
    owner: dict[tuple[str, str], Step],
    found: dict[tuple[str, str], Put],
) -> list[Fault]:
    faults: list[Fault] = []
    there: Counter[tuple[str, int]] = Counter()
    lacking: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for key, put in expected.items():
        step = owner[key]
        if found.get(key) == put:
            there[step.key] += 1
            continue
        lacking.setdefault(step.key, []).append(key)
        held = found.get(key)
        faults.append(
            Fault(
                "lost",
                f"{_name(key)} of {_title(step)} "
                + (
                    "is not stored"
                    if held is None
                    else f"is stored in version {held.version}, not {put.version}"
                ),
            )
        )
    for each, keys in lacking.items():
        if there[each]:
            faults.append(Fault("torn", f"{_title(owner[keys[0]])} is stored but for {len(keys)} records"))
    return faults


def _sums(
    happened: Sequence[Step], balances: Sequence[tuple[str, int]], opening: dict[str, int]
) -> list[Fault]:
    faults: list[Fault] = []
    right = dict(opening)
    for step in happened:
        if step.transfer is not None:
            right[step.transfer.giver] -= step.transfer.cents
            right[step.transfer.taker] += step.transfer.cents
    for account, times in Counter(name for name, _ in balances).items():
        if times > 1:
            faults.append(Fault("duplicate", f"account {account} is stored {times} times"))
    held = dict(balances)
    for account, cents in right.items():
        if held.get(account) != cents:
            faults.append(Fault("sum", f"account {account} holds {held.get(account)} cents, not {cents}"))
    if sum(held.values()) != sum(opening.values()):
        faults.append(
            Fault("sum", f"all accounts hold {sum(held.values())} cents, not {sum(opening.values())}")
        )
    return faults


def _name(key: tuple[str, str]) -> str:
    return f"{key[1]} in {key[0]}"


def _title(step: Step) -> str:
    return f"step {step.number} of lane {step.lane} ({step.kind})"
