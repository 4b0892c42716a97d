"""What is given where something else belongs: an error of the library that says so, and not one of Python's."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from torematrix.core.storage import (
    BackendMigrator,
    ConfigurationError,
    F,
    InvalidQueryError,
    MigrationManager,
    Storage,
)


@dataclass
class Thing:
    name: str
    id: str | None = None


@pytest.fixture
def storage(tmp_path):
    with Storage.open(f"sqlite:///{tmp_path}/things.db") as opened:
        yield opened


REFUSED = {
    "an entity for its class": lambda storage: storage.repository(Thing("x")),
    "no class": lambda storage: storage.repository(None),
    "a class of no entity": lambda storage: storage.repository(int),
    "no indexes": lambda storage: storage.repository(Thing, indexes=None),
    "a number of indexes": lambda storage: storage.repository(Thing, indexes=5),
    "an index by name": lambda storage: storage.repository(Thing, indexes=["name"]),
    "an index as text": lambda storage: storage.repository(Thing, indexes="name"),
    "a number of words": lambda storage: storage.repository(dict, "a", searchable=5),
    "a path as text": lambda storage: storage.repository(dict, "a", searchable="name"),
    "numbers as paths": lambda storage: storage.repository(dict, "a", searchable=[5]),
    "three for a pair": lambda storage: storage.repository(dict, "a", searchable=[("a", 1, 2)]),
    "no upgrade": lambda storage: storage.repository(Thing, upgrade=5),
    "a backup nowhere": lambda storage: storage.backup(None),
    "a backup in a number": lambda storage: storage.backup(5),
    "a backup of no name": lambda storage: storage.backup(""),
    "a backup beyond the end": lambda storage: storage.backup("a\0b"),
    "a move of nothing": lambda storage: BackendMigrator().move(None, storage),
    "a move to nothing": lambda storage: BackendMigrator().move(storage, None),
    "a move of one name": lambda storage: BackendMigrator().move(
        storage, Storage.open("memory://"), "things"
    ),
    "repositories of nothing": lambda storage: BackendMigrator().migrate_data(5, storage.repository(Thing)),
    "a number of migrations": lambda _: MigrationManager(5),
    "a migration of nothing": lambda _: MigrationManager().migrate(5),
    "a plan of nothing": lambda _: MigrationManager().plan(None),
    "a difference of nothing": lambda _: MigrationManager().diff(None),
}
ASKED = {
    "one value for many": lambda storage: storage.repository(Thing).list(F("name").in_(5)),
    "a text for many": lambda storage: storage.repository(Thing).list(F("name").not_in("abc")),
    "a result for a function": lambda storage: storage.run_in_transaction(5),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_is_refused(storage, call):
    """With what the caller has declared, or named, nothing can be done."""
    with pytest.raises(ConfigurationError):
        call(storage)


@pytest.mark.parametrize("call", ASKED.values(), ids=ASKED)
def test_is_no_question(storage, call):
    """The same of what is asked."""
    with pytest.raises(InvalidQueryError):
        call(storage)
