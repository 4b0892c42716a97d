"""The stateful model: some programs on every engine in both colours, and planted faults that have to be found."""

from __future__ import annotations

import pytest

from torematrix.core.storage.backends.memory.driver import MemorySession
from torematrix.core.storage.backends.mongodb._sync.session import MongoSession
from torematrix.core.storage.backends.postgresql._sync import session as postgresql_session
from torematrix.core.storage.backends.sqlite import driver as sqlite_driver
from torematrix.core.storage.backends.sqlite.driver import SQLiteDriver, SQLiteSession
from torematrix.core.storage.backends.sqlite.writes import insert_rows
from torematrix.core.storage.core._sync.engine import Transaction
from torematrix.core.storage.errors import UnavailableError
from torematrix.core.storage.testing.faults.stateful.labs import COLOURS, lab_of
from torematrix.core.storage.testing.faults.stateful.machines import run_model
from torematrix.core.storage.testing.faults.tally import Tally

PROGRAMS = {"memory": 30, "sqlite": 30, "postgresql": 15, "mongodb": 8, "mongodb_standalone": 6}
PLANTED = 1_000
"""Programs within which a planted fault has to be found. It takes a few."""


SEED = 4
"""One with which planted faults are found soon, and a few programs hold something of everything."""


def modelled(engine, colour, programs, seed=SEED, **named):
    """What so many programs add up to."""
    tally = Tally()
    lab = lab_of(engine, colour)
    try:
        run_model(lab, tally, programs, seed, shrinks=False, **named)
    finally:
        lab.close()
    return tally


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_with_mishaps(made, name, colour):
    """Nothing is lost, torn, stray or stuck, and nothing is told that is not so."""
    tally = modelled(None if name == "memory" else made(name), colour, PROGRAMS[name])
    assert tally.faults == []
    assert tally.counts["programs"] >= PROGRAMS[name]
    assert tally.counts["compared"] > PROGRAMS[name]
    if (name, colour) != ("memory", "sync"):
        assert tally.counts["mishaps"] > 5
    if name != "mongodb_standalone":
        assert tally.counts["inner given up"] > 0
        assert tally.counts["committed"] > 0


@pytest.mark.parametrize("colour", COLOURS)
def test_before_images_are_as_good_as_savepoints(made, colour):
    """With nothing in the way there are many more programs: scopes in scopes on MongoDB, and in the reference."""
    tally = modelled(made("mongodb"), colour, 40, mishaps=False)
    assert tally.faults == []
    assert tally.counts["inner given up"] > 10
    assert tally.counts["inner kept"] > 10


# ------------------------------------------------------------------------------------------------- planted faults


def _forgets_one(monkeypatch):
    """An inner rollback on MongoDB puts everything back but the first thing that was changed."""
    undo_to = MongoSession._undo_to

    def forgetful(self, length):
        if len(self._undo) > length:
            del self._undo[length]
        undo_to(self, length)

    monkeypatch.setattr(MongoSession, "_undo_to", forgetful)


def _forgets_the_order(monkeypatch):
    """An inner rollback on MongoDB undoes a bulk write in the order of the ids, not of the writes."""
    remember = MongoSession.remember
    monkeypatch.setattr(
        MongoSession,
        "remember",
        lambda self, collection, documents: remember(self, collection, dict(sorted(documents.items()))),
    )


def _keeps_sums(monkeypatch):
    """An inner rollback on MongoDB leaves what its texts have added to the sums of relevance."""
    rollback_to = MongoSession.rollback_to

    def careless(self, savepoint):
        pending = self.pending
        rollback_to(self, savepoint)
        self.pending = pending

    monkeypatch.setattr(MongoSession, "rollback_to", careless)


def _is_never_doomed(monkeypatch):
    """A transaction in which an error was swallowed commits."""
    monkeypatch.setattr(Transaction, "doom", lambda self, error: None)


def _drops_what_it_acknowledges(monkeypatch):
    """A commit that is acknowledged is none."""
    monkeypatch.setattr(SQLiteSession, "commit", SQLiteSession.rollback)


def _drops_every_tenth_write(monkeypatch):
    """A single write is acknowledged, and not made."""
    run, count = SQLiteDriver.run, [0]

    def careless(self, operation, session):
        count[0] += 1
        if session is None and type(operation).__name__ == "Insert" and count[0] % 10 == 0:
            return None
        return run(self, operation, session)

    monkeypatch.setattr(SQLiteDriver, "run", careless)


def _tears_bulk_writes(monkeypatch):
    """Each row of a bulk write is stored by itself: the ones before a duplicate stay."""

    def insert(self, operation, session):
        for row in operation.rows:
            with self.pool.writing(None if session is None else session.connection) as connection:
                insert_rows(connection, operation.collection.plan, [row])

    monkeypatch.setitem(SQLiteDriver._RUN, sqlite_driver.Insert, insert)


def _believes_that_it_committed(monkeypatch):
    """A commit whose answer was lost is taken for one that has happened."""
    monkeypatch.setattr(postgresql_session, "settle", lambda pool, number, lost: None)


def _leaks_an_error(monkeypatch):
    """What the driver of PostgreSQL raises at a commit is raised as it is."""

    def failed(pool, number, lost):
        raise lost

    monkeypatch.setattr(postgresql_session, "settle", failed)


def _denies_what_it_does_not_know(monkeypatch):
    """A commit whose answer was lost is taken for one that has not happened."""

    def failed(pool, number, lost):
        raise UnavailableError("the connection was lost") from lost

    monkeypatch.setattr(postgresql_session, "settle", failed)


def _undoes_too_much(monkeypatch):
    """An inner rollback in memory undoes the outer scope too."""
    monkeypatch.setattr(MemorySession, "rollback_to", lambda self, savepoint: self._driver.undo_to({}))


def _leaves_the_lock(monkeypatch):
    """A connection that is given back after an error is not there for the next one."""
    rollback = SQLiteSession.rollback

    def lossy(self):
        self._driver.pool._write_lock.acquire(blocking=False)
        rollback(self)
        self._driver.pool._write_lock.acquire(blocking=False)

    monkeypatch.setattr(SQLiteSession, "rollback", lossy)


_LOST = (_leaks_an_error, _believes_that_it_committed, _denies_what_it_does_not_know)
"""What shows only when an answer is lost."""


@pytest.mark.parametrize(
    ("name", "plant", "kinds"),
    [
        pytest.param("mongodb", _forgets_one, {"wrong", "stray"}, id="an inner rollback forgets one row"),
        pytest.param("mongodb", _forgets_the_order, {"wrong"}, id="an inner rollback forgets the order"),
        pytest.param("mongodb", _keeps_sums, {"wrong", "stray"}, id="an inner rollback keeps sums"),
        pytest.param(
            "memory", _undoes_too_much, {"stray", "wrong", "lost"}, id="an inner rollback goes too far"
        ),
        pytest.param("sqlite", _is_never_doomed, {"wrong", "stray"}, id="a doomed transaction commits"),
        pytest.param("sqlite", _drops_what_it_acknowledges, {"lost"}, id="a commit is dropped"),
        pytest.param("sqlite", _drops_every_tenth_write, {"lost"}, id="a write is dropped"),
        pytest.param("sqlite", _tears_bulk_writes, {"stray"}, id="a bulk write is torn"),
        pytest.param("postgresql", _believes_that_it_committed, {"lost"}, id="an outcome is guessed"),
        pytest.param(
            "postgresql", _denies_what_it_does_not_know, {"wrong", "stray"}, id="an outcome is denied"
        ),
        pytest.param("postgresql", _leaks_an_error, {"leaked"}, id="an error is not translated"),
        pytest.param("sqlite", _leaves_the_lock, {"stuck"}, id="a connection is lost"),
    ],
)
def test_a_planted_fault_is_found(made, monkeypatch, name, plant, kinds):
    takes_mishaps = plant in _LOST
    with monkeypatch.context() as patch:
        plant(patch)
        tally = modelled(
            None if name == "memory" else made(name),
            "sync",
            PLANTED,
            1 if takes_mishaps else SEED,
            mishaps=takes_mishaps,
        )
    assert tally.faults
    assert {fault.partition(":")[0] for fault in tally.faults} <= kinds
