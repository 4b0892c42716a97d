"""Failures that were measured in other libraries, each as a test that passes here on every backend it applies to."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import subprocess
import sys

import pytest

from torematrix.core.storage import (
    AsyncStorage,
    CommitUnknown,
    CorruptionError,
    DuplicateError,
    InvalidQueryError,
    Storage,
    TransactionError,
)
from torematrix.core.storage.testing.faults.cuts import COMMITS, Colour, proxied, proxy_of
from torematrix.core.storage.testing.faults.entities import Account, Record
from torematrix.core.storage.testing.faults.full_disks import NoDiskError, SmallDisk
from torematrix.core.storage.testing.faults.proxy import Cut
from torematrix.core.storage.testing.faults.suspensions import Suspensions


def in_loop(function):
    """Run a coroutine in a loop of its own."""

    @functools.wraps(function)
    def run(*arguments, **named):
        asyncio.run(function(*arguments, **named))

    return run


def records_of(storage):
    return storage.repository(Record, "records", searchable=())


def record(identity):
    return Record("l", 1, "t", identity)


# ------------------------------------------------------------------------------ a duplicate that is swallowed


def test_a_swallowed_duplicate_raises(database):
    """psycopg and SQLAlchemy commit nothing and report success."""
    with Storage.open(database) as storage:
        records = records_of(storage)
        records.create(record("a"))

        def swallow():
            with storage.transaction():
                records.create(record("b"))
                with contextlib.suppress(DuplicateError):
                    records.create(record("a"))

        with pytest.raises(TransactionError):
            swallow()
        assert [each.id for each in records.list()] == ["a"]


@in_loop
async def test_a_swallowed_duplicate_raises_in_tasks(database):
    async with AsyncStorage.open(database) as storage:
        records = records_of(storage)
        await records.create(record("a"))

        async def swallow():
            async with storage.transaction():
                await records.create(record("b"))
                with contextlib.suppress(DuplicateError):
                    await records.create(record("a"))

        with pytest.raises(TransactionError):
            await swallow()
        assert [each.id for each in await records.list()] == ["a"]


def test_a_swallowed_duplicate_is_not_tried_again(database):
    """PyMongo's with_transaction runs 26 times in 5 s."""
    with Storage.open(database) as storage:
        records = records_of(storage)
        records.create(record("a"))
        runs = []

        def swallow():
            runs.append(1)
            records.create(record("b"))
            with contextlib.suppress(DuplicateError):
                records.create(record("a"))

        with pytest.raises(TransactionError):
            storage.run_in_transaction(swallow)
        assert len(runs) == 1
        assert records.count() == 1


@in_loop
async def test_a_swallowed_duplicate_is_not_tried_again_in_tasks(database):
    async with AsyncStorage.open(database) as storage:
        records = records_of(storage)
        await records.create(record("a"))
        runs = []

        async def swallow():
            runs.append(1)
            with contextlib.suppress(DuplicateError):
                await records.create(record("a"))

        with pytest.raises(TransactionError):
            await storage.run_in_transaction(swallow)
        assert len(runs) == 1


# --------------------------------------------------------------------------- a full disk in a nested scope

_FULL = """
import contextlib, resource, signal, sys
from torematrix.core.storage import Storage, StorageError, TransactionError
from torematrix.core.storage.testing.faults.entities import Record
url, limit = sys.argv[1], int(sys.argv[2])
with Storage.open(url) as storage:
    records = storage.repository(Record, "records", searchable=())
    records.create(Record("l", 1, "t", "before"))
    if limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        with storage.transaction():
            records.create(Record("l", 1, "t", "outer"))
            with contextlib.suppress(StorageError), storage.transaction():
                for number in range(100):
                    records.create(Record("l", 1, "x" * 200_000, f"inner-{number}"))
    except TransactionError:
        print("raised", [each.id for each in records.list()])
    else:
        print("returned", [each.id for each in records.list()])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)
    print(storage.check())
"""


def _fill(url, limit):
    result = subprocess.run(
        [sys.executable, "-c", _FULL, url, str(limit)], check=True, capture_output=True, text=True
    )
    return result.stdout.splitlines()


@pytest.fixture
def small_disk():
    """A file system of a few megabytes; None where none may be mounted."""
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(SmallDisk(4))
        except NoDiskError:
            disk = None
        yield disk


def test_a_full_disk_in_a_nested_scope(small_disk, tmp_path):
    """SQLAlchemy drops the outer rows and goes on: here leaving the scope raises, and nothing is stored."""
    # SQLite keeps the pages that it changes in memory up to the size of its cache.
    url = f"sqlite:///{small_disk.folder if small_disk else tmp_path}/full.db?cache_bytes=65536"
    assert _fill(url, 0 if small_disk else 2_000_000) == ["raised ['before']", "[]"]


# ------------------------------------------------------------------------------------- cancelled tasks


@in_loop
async def test_a_cancelled_task_leaves_nothing_open(database):
    """With aiosqlite the next task joins the transaction of a task that was cancelled."""
    async with AsyncStorage.open(database) as storage:
        records = records_of(storage)
        await records.count()

        async def write(number):
            async with storage.transaction():
                await records.create(record(f"x{number}"))
                await records.create(record(f"y{number}"))

        for number in range(20):
            task = asyncio.create_task(write(number))
            for _ in range(number):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            # The next one is on its own: what it undoes is what it did.
            with contextlib.suppress(LookupError):
                async with storage.transaction():
                    await records.create(record(f"z{number}"))
                    raise LookupError
        ids = {each.id for each in await records.list()}
    assert not any(each.startswith("z") for each in ids)
    assert {each[1:] for each in ids if each[0] == "x"} == {each[1:] for each in ids if each[0] == "y"}


@in_loop
async def test_a_cancelled_transaction_is_as_it_was_told(database):
    """21 of 52 cancelled transactions of psycopg had committed, and none of them said so.

    A task that is cancelled before COMMIT has stored nothing; one that gets through to it has stored everything.
    """
    async with AsyncStorage.open(database) as storage:
        records = records_of(storage)
        await records.count()
        reached: set[str] = set()

        async def write(name):
            async with storage.transaction():
                await records.create(record(name))
                reached.add(name)

        told: dict[str, bool] = {}
        for number in range(60):
            name = f"r{number}"
            task = asyncio.create_task(write(name))
            await asyncio.sleep(random.uniform(0, 0.004))
            task.cancel()
            try:
                await task
                told[name] = True
            except asyncio.CancelledError:
                told[name] = False
        stored = {each.id for each in await records.list()}
    assert {name for name, done in told.items() if done} <= stored
    assert stored <= reached, "what was cancelled before its end is stored"
    assert len(told) == 60


@in_loop
async def test_a_transaction_that_is_cancelled_anywhere_is_as_it_was_told(database):
    """The same at each point at which it waits, so that each of them is met: nothing is stored by halves, either."""
    async with AsyncStorage.open(database) as storage:
        records = records_of(storage)
        await records.count()
        reached: set[str] = set()
        told: dict[str, bool] = {}

        async def write(name):
            async with storage.transaction():
                await records.create(record(f"x{name}"))
                await records.bulk_create([record(f"y{name}"), record(f"z{name}")])
                reached.add(name)

        for at in range(1_000):
            points = Suspensions(at)
            try:
                await points.run(functools.partial(write, str(at)))
                told[str(at)] = True
            except asyncio.CancelledError:
                told[str(at)] = False
            if not points.met:
                break
        ids = {each.id for each in await records.list()}
    stored = {each[1:] for each in ids}
    assert ids == {f"{part}{name}" for name in stored for part in "xyz"}
    assert {name for name, done in told.items() if done} <= stored
    assert stored <= reached, "what was cancelled before its end is stored"
    assert told[str(at)], "the last one had no such point"
    assert not told["0"]


# ------------------------------------------------------------------------ outcomes that are not known, and damage


def test_an_unknown_outcome_can_be_asked_for_later(server):
    """While the server cannot be reached nobody knows; afterwards the token says what happened."""
    for place, happened in (("before", False), ("after", True)):
        url = server.new_database()
        with proxy_of(server) as proxy, Storage.open(proxied(server, url, proxy, 1)) as storage:
            records = records_of(storage)
            records.count()
            proxy.arm(Cut(place, COMMITS, gone=60))

            def write(storage=storage, records=records):
                with storage.transaction():
                    records.create(record("a"))
                    records.create(record("b"))

            with pytest.raises(CommitUnknown) as failure:
                write()
            error = failure.value
            assert error.token
            assert not error.retryable
            proxy.disarm()
            with Storage.open(url) as other:
                assert other.commit_outcome(error.token) is happened
                assert records_of(other).count() == (2 if happened else 0)
        server.drop(url)


def test_a_token_of_somebody_else(engine, database):
    with Storage.open(database) as storage, pytest.raises(InvalidQueryError):
        storage.commit_outcome("no token")


def test_a_commit_that_nobody_answers(server):
    """A connection that is frozen at COMMIT is given up within the deadline, and the outcome told is the true one."""
    url = server.new_database()
    colour = "sync" if server.name == "postgresql" else "async"  # it takes some seconds
    with proxy_of(server) as proxy:
        client = Colour(colour, proxied(server, url, proxy, 1))
        accounts = client.storage.repository(Account, "accounts")
        client.run(accounts.bulk_create([Account(1, "a"), Account(1, "b")]))
        proxy.arm(Cut("frozen", COMMITS))
        client.run(accounts.bulk_create([Account(2, "c"), Account(2, "d")]))
        proxy.disarm()
        client.close()
    with Storage.open(url) as storage:
        assert storage.repository(Account, "accounts").count() == 4
    server.drop(url)


def test_a_damaged_file(tmp_path):
    """Whatever is overwritten, an error says that the file is damaged, or everything that comes back is right."""
    path = tmp_path / "damaged.db"
    with Storage.open(f"sqlite:///{path}") as storage:
        records_of(storage).bulk_create([Record("l", 1, "t" * 500, f"r{number}") for number in range(500)])
    whole = path.read_bytes()
    found = 0
    for seed in range(20):
        draw = random.Random(seed)
        at = draw.randrange(0, len(whole) - 4096)
        path.write_bytes(whole[:at] + draw.randbytes(4096) + whole[at + 4096 :])
        for extra in ("-wal", "-shm"):
            path.with_name(path.name + extra).unlink(missing_ok=True)
        damage: list[str] = []
        with contextlib.suppress(CorruptionError), Storage.open(f"sqlite:///{path}") as storage:
            damage = storage.check()
            found += bool(damage)
            records_of(storage).list()
            continue
        found += not damage
    assert found == 20


def test_a_number_that_a_crash_has_freed(postgresql):
    """PostgreSQL may give it to another transaction: its fate is no answer any more, and one to come is none."""
    import psycopg

    with psycopg.connect(postgresql.server.url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT pg_current_xact_id()::text, extract(epoch FROM now())::text"
        ).fetchone()
    number, since = row
    with Storage.open(postgresql.server.url) as storage:
        assert storage.commit_outcome(f"postgresql:{number}@{since}") is True
        assert storage.commit_outcome(f"postgresql:{int(number) + 1_000_000}@{since}") is False
    postgresql.server.kill()
    postgresql.server.start()
    with Storage.open(postgresql.server.url) as storage:
        assert storage.commit_outcome(f"postgresql:{number}@{since}") is None
