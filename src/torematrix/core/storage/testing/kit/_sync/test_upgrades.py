# generated from _async/test_upgrades.py by tools/generate_twins.py: do not edit
"""Two versions of an entity class at work on one collection: what either writes, the other reads."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from torematrix.core.storage import (
    ConfigurationError,
    F,
    Feature,
    Index,
    InvalidEntityError,
    InvalidQueryError,
    Revision,
    Searchable,
    Unique,
    Upgrade,
)

from ..._sync.harness import Kit
from ...needs import needs


@dataclass
class Before:
    """A person of the first version."""

    name: str
    weights: list[float]
    active: bool = True
    note: str = ""
    id: str | None = None


@dataclass
class Person:
    """The same of the second."""

    first: str
    last: str
    labels: list[str]
    active: bool = True
    note: str = ""
    id: str | None = None


def _up(old: dict[str, Any]) -> dict[str, Any]:
    first, _, last = old["name"].partition(" ")
    return {"first": first, "last": last, "labels": [str(weight) for weight in old["weights"]]}


def _down(new: dict[str, Any]) -> dict[str, Any]:
    # Less than was given: what only the new version knows has to be kept beside it.
    return {
        "name": f"{new['first']} {new['last']}".upper(),
        "weights": [float(label) for label in new["labels"]],
    }


UPGRADE = Upgrade(("first", "last", "labels"), {"name": str, "weights": list[float]}, up=_up, down=_down)


def _both(kit: Kit) -> tuple[Any, Any]:
    before = kit.repository(Before)
    return before, kit.storage.repository(Person, before.collection_name, upgrade=UPGRADE)


def test_the_later_version_reads_what_the_earlier_one_wrote(kit: Kit) -> None:
    before, after = _both(kit)
    before.create(Before("Ada Lovelace", [1.0, 0.5, 1e300], id="a"))
    expected = Person("Ada", "Lovelace", ["1.0", "0.5", "1e+300"], id="a")
    assert after.get("a") == expected
    assert after.list(F("active") == True) == [expected]  # noqa: E712 - a condition
    assert [person for person in after.stream()] == [expected]


def test_the_earlier_version_reads_what_the_later_one_wrote(kit: Kit) -> None:
    before, after = _both(kit)
    given = Person("Ada", "Lovelace", ["1", "0.5"], note="x", id="a")
    assert after.create(given) == given
    assert before.get("a") == Before("ADA LOVELACE", [1.0, 0.5], note="x", id="a")
    assert after.get("a") == given, "nothing that only the later version knows is lost"


def test_either_goes_on_from_the_other(kit: Kit) -> None:
    before, after = _both(kit)
    after.create(Person("Ada", "Lovelace", ["1"], id="a"))
    held = before.get("a")
    before.update(dataclasses.replace(held, note="by the earlier one"))
    kept = Person("Ada", "Lovelace", ["1"], note="by the earlier one", id="a")
    assert after.get("a") == kept, "the old values are what they were, so the new ones are"
    before.update(dataclasses.replace(held, name="Grace Hopper", weights=[2.5]))
    assert after.get("a") == Person("Grace", "Hopper", ["2.5"], id="a")
    before.patch("a", name="Alan Turing")
    assert after.get("a") == Person("Alan", "Turing", ["2.5"], id="a")
    after.update(Person("Alan M.", "Turing", ["3"], id="a"))
    assert before.get("a") == Before("ALAN M. TURING", [3.0], id="a")
    assert after.get("a") == Person("Alan M.", "Turing", ["3"], id="a")
    after.patch("a", note="patched")
    assert after.get("a") == Person("Alan M.", "Turing", ["3"], note="patched", id="a")
    after.patch("a", first="Barbara", last="Liskov", labels=[])
    assert before.get("a") == Before("BARBARA LISKOV", [], note="patched", id="a")


def test_backfill(kit: Kit) -> None:
    """It stores what readers were given, of what the earlier version wrote last, and of nothing else."""
    before, after = _both(kit)
    for number in range(12):
        before.create(Before(f"first{number} last{number}", [number / 2], id=f"{number:02}"))
    after.update(Person("Ada", "Lovelace", [], id="03"))
    expected = after.list(sort_by="id")
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    assert after.backfill(batch_size=5, progress=tell) == 11
    assert told[-1] == (12, 12)
    assert after.list(sort_by="id") == expected
    assert after.backfill() == 0
    before.patch("05", name="Grace Hopper")
    assert after.backfill() == 1
    assert after.get("05").last == "Hopper"


def test_what_is_not_filled_cannot_be_asked_for(kit: Kit) -> None:
    _, after = _both(kit)
    with pytest.raises(InvalidQueryError, match="version before"):
        after.list(F("last") == "Hopper")
    with pytest.raises(InvalidQueryError, match="version before"):
        after.count(F("labels").contains("x"))
    with pytest.raises(InvalidQueryError, match="version before"):
        after.list(sort_by="first")
    assert after.count(F("name") == "Ada Lovelace") == 0


def test_a_patch_of_some_new_values_is_refused(kit: Kit) -> None:
    _, after = _both(kit)
    after.create(Person("Ada", "Lovelace", [], id="a"))
    with pytest.raises(InvalidEntityError, match="together"):
        after.patch("a", first="Grace")
    with pytest.raises(InvalidEntityError):
        after.patch("a", name="Grace Hopper")
    assert after.get("a") == Person("Ada", "Lovelace", [], id="a")


def test_functions_that_fail_are_told_without_values(kit: Kit) -> None:
    before, after = _both(kit)
    with pytest.raises(InvalidEntityError, match="ValueError") as raised:
        after.create(Person("Ada", "Lovelace", ["secret"], id="a"))
    assert "secret" not in str(raised.value)
    assert before.count() == 0


def test_an_upgrade_that_cannot_be(kit: Kit) -> None:
    @dataclass
    class Sought:
        first: Annotated[str, Searchable()]
        last: Annotated[str, Unique()]
        counted: Annotated[int, Revision()]
        id: str | None = None

    for names in (("first",), ("last",), ("counted",), ("unknown",), ("id",)):
        upgrade = Upgrade(names, {"name": str}, up=dict, down=dict)
        with pytest.raises(ConfigurationError):
            kit.storage.repository(Sought, kit.name(), upgrade=upgrade)
    with pytest.raises(ConfigurationError):
        kit.storage.repository(dict, kit.name(), upgrade=Upgrade(("a",), {"b": str}, up=dict, down=dict))
    with pytest.raises(ConfigurationError):
        Upgrade(("a",), {"a": str}, up=dict, down=dict)
    with pytest.raises(ConfigurationError, match="without an upgrade"):
        kit.repository(Before).backfill()


@dataclass
class Counted:
    """Guarded, with indexed old and new values."""

    code: Annotated[str, Index()]
    version: Annotated[int, Revision()] = 0
    id: str | None = None


@dataclass
class Recounted:
    """The same later."""

    number: Annotated[int, Index()]
    version: Annotated[int, Revision()] = 0
    id: str | None = None


def test_revisions_and_indexes(kit: Kit) -> None:
    """Both versions count the same revision, and indexes of both are kept."""
    before = kit.repository(Counted)
    upgrade = Upgrade(
        ("number",),
        {"code": Annotated[str, Index()]},
        up=lambda old: {"number": int(old["code"])},
        down=lambda new: {"code": f"{new['number']:04}"},
    )
    after = kit.storage.repository(Recounted, before.collection_name, upgrade=upgrade)
    before.create(Counted("0007", id="a"))
    assert after.get("a") == Recounted(7, 1, "a")
    assert after.update(Recounted(8, 1, "a")) == Recounted(8, 2, "a")
    assert before.list(F("code") == "0008") == [Counted("0008", 2, "a")]
    assert before.update(Counted("0009", 2, "a")).version == 3
    assert after.get("a") == Recounted(9, 3, "a")


@needs(Feature.TRANSACTIONS)
def test_a_scope_that_is_rolled_back(kit: Kit) -> None:
    before, after = _both(kit)
    before.create(Before("Ada Lovelace", [], id="a"))
    with pytest.raises(LookupError):
        with kit.storage.transaction():
            after.update(Person("Grace", "Hopper", [], id="a"))
            raise LookupError
    assert after.get("a") == Person("Ada", "Lovelace", [], id="a")
