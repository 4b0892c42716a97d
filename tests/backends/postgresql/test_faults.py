"""What goes wrong outside the library: each ends in an error of ours, in time, and the next call works."""

import asyncio
import contextlib
import functools
import random
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import Annotated

import psycopg
import pytest

from torematrix.core.storage import AsyncStorage, Revision, Storage, Unique
from torematrix.core.storage.errors import (
    ConfigurationError,
    ConflictError,
    DuplicateError,
    PermissionDeniedError,
    StorageError,
    TransactionError,
    UnavailableError,
)
from torematrix.core.storage.testing.servers.postgresql import PostgreSQLServer

PASSWORD = "s3cret w0rd:/@"


@dataclass
class Note:
    title: str = ""
    code: Annotated[str | None, Unique()] = None
    version: Annotated[int, Revision()] = 1
    id: str | None = None


@pytest.fixture
def c_url(new_database):
    return new_database("{postgresql}")


@pytest.fixture
def storage(c_url):
    with Storage.open(c_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_server():
    """A server that asks for a password, and that tests may stop and start."""
    with PostgreSQLServer(password=PASSWORD) as server:
        yield server


def in_loop(test):
    """A test that is a coroutine function, run in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments, **named):
        return asyncio.run(test(*arguments, **named))

    return run


def sessions(url, name="torematrix-storage"):
    """The sessions of the library in that database, each as (pid, state)."""
    with psycopg.connect(url.partition("?")[0], autocommit=True) as connection:
        return connection.execute(
            "SELECT pid, state FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
            (name,),
        ).fetchall()


def end_sessions(url, name="torematrix-storage"):
    """Have the server end all of them, as an administrator would."""
    with psycopg.connect(url.partition("?")[0], autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s AND "
            "datname = current_database()",
            (name,),
        )


@contextlib.asynccontextmanager
async def opened(url, **options):
    async with AsyncStorage.open(url, **options) as storage:
        repository = storage.repository(Note, "notes")
        await repository.ready()
        yield storage, repository


def open_sync(url, **options):
    Storage.open(url, **options).close()


def open_async(url, **options):
    async def run():
        await (await AsyncStorage.open(url, **options)).close()

    asyncio.run(run())


BOTH = pytest.mark.parametrize("open_storage", [open_sync, open_async])


def within(seconds):
    class Clock:
        def __enter__(self):
            self.begun = time.monotonic()

        def __exit__(self, *_):
            assert time.monotonic() - self.begun < seconds

    return Clock()


# ------------------------------------------------------------------------------------------------------------- opening


@BOTH
def test_a_port_where_nobody_listens(open_storage):
    """UnavailableError, within the deadline."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with within(10), pytest.raises(UnavailableError) as failure:
            open_storage(f"postgresql://u:{PASSWORD[:3]}@127.0.0.1:{port}/d", pool_timeout=1)
    assert failure.value.backend == "postgresql"
    assert failure.value.retryable


@BOTH
def test_a_server_that_says_nothing(open_storage):
    """UnavailableError within the deadline for connecting, from a port that takes connections and then is silent."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with within(20), pytest.raises(UnavailableError):
            open_storage(f"postgresql://u@127.0.0.1:{port}/d", connect_timeout=2, pool_timeout=1)


@BOTH
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"password": "wrong"}, PermissionDeniedError),
        ({"user": "nobody"}, PermissionDeniedError),
        ({"password": None}, PermissionDeniedError),
        ({"database": "nowhere"}, ConfigurationError),
    ],
)
def test_a_server_that_refuses(own_server, open_storage, change, error):
    """The wrong password, role or database is told at once, by class, without a secret."""
    with within(8), pytest.raises(error) as failure:
        open_storage(own_server.url, pool_timeout=30, **change)
    texts = [str(failure.value)]
    assert not any(secret in text for secret in (PASSWORD, "wrong") for text in texts)
    assert not failure.value.retryable


@BOTH
def test_a_database_that_is_not_utf8(own_server, open_storage):
    """Refused when it is opened, and the message says what to do."""
    with psycopg.connect(own_server.url, autocommit=True) as connection, contextlib.suppress(psycopg.Error):
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(ConfigurationError, match=r"LATIN1.*UTF8"):
        open_storage(own_server.url_of("latin"))


def test_a_schema_is_made_where_it_is_missing(own_server):
    """A schema of any name is made when it is not there, and found when it is."""
    for name in ("Of Mine", 'q"uote', "späß"):
        for _ in range(2):
            with Storage.open(own_server.url, schema=name) as storage:
                notes = storage.repository(Note, "notes")
                assert notes.count() == notes.count()
                notes.create(Note("x"))
    with psycopg.connect(own_server.url) as connection:
        assert connection.execute('SELECT count(*) FROM "Of Mine".notes').fetchone() == (2,)


@BOTH
def test_a_role_that_may_not(own_server, open_storage):
    """A role that may make no tables is told so; once somebody else has made them, it reads and writes as it may."""
    with psycopg.connect(own_server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS theirs CASCADE")
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    guest = {"user": "guest", "password": "guest", "schema": "theirs"}
    with pytest.raises(PermissionDeniedError, match="CREATE"):
        open_storage(own_server.url, **guest)
    with Storage.open(own_server.url, schema="theirs") as storage:
        storage.repository(Note, "notes").create(Note("t", id="a"))
    with psycopg.connect(own_server.url, autocommit=True) as connection:
        connection.execute("GRANT USAGE ON SCHEMA theirs TO guest")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA theirs TO guest")
    with Storage.open(own_server.url, **guest) as storage:
        notes = storage.repository(Note, "notes")
        assert notes.get("a").title == "t"
        with pytest.raises(PermissionDeniedError) as refusal:
            notes.create(Note("u"))
        assert (refusal.value.operation, refusal.value.collection) == ("insert", "notes")
        assert notes.count() == 1


# --------------------------------------------------------------------------------------------------- while it is open


def test_sessions_are_set_up(c_url):
    """Every session has the settings that answers depend on, whatever the role's own are."""
    wanted = {
        "TimeZone": "UTC",
        "client_encoding": "UTF8",
        "synchronous_commit": "off",
        "statement_timeout": "7s",
        "lock_timeout": "3s",
        "application_name": "named",
    }
    options = {"statement_timeout": 7, "lock_timeout": 3, "durability": "fast", "application_name": "named"}
    with Storage.open(c_url, **options) as storage, storage.transaction():
        link = storage.native
        found = {name: link.execute(f"SHOW {name}").fetchone()[0] for name in wanted}
        path = link.execute("SHOW search_path").fetchone()[0]
    assert found == wanted
    assert path.startswith('"')


def test_durable_unless_chosen(c_url):
    """Commits wait for the disk by default."""
    with Storage.open(c_url) as storage:
        assert storage.health()["synchronous_commit"] == "on"


def test_sessions_that_the_server_has_ended(c_url):
    """The next call works, and so does every one after it, in as many connections as before."""
    with Storage.open(c_url, application_name="ended", pool_size=3) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        for _ in range(3):
            end_sessions(c_url, "ended")
            assert notes.get("a").title == "t"
            end_sessions(c_url, "ended")
            with storage.transaction():
                notes.patch("a", title="t")


def test_a_server_that_restarts(own_server):
    """Calls fail in time with UnavailableError while it is down; the next one works once it is back."""
    with Storage.open(own_server.url, schema="restarts", pool_timeout=2) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        own_server.stop()
        try:
            for _ in range(2):
                with within(15), pytest.raises(UnavailableError):
                    notes.get("a")
        finally:
            own_server.start()
        assert notes.get("a").title == "t"
        own_server.kill()
        own_server.start()
        assert notes.get("a").title == "t"


@in_loop
async def test_a_server_that_restarts_under_tasks(own_server):
    """The same for tasks; a transaction that was open meanwhile ends in UnavailableError and has stored nothing."""
    async with opened(own_server.url, schema="restarts2", pool_timeout=2) as (storage, notes):
        await notes.create(Note("t", id="a"))

        async def interrupted():
            async with storage.transaction():
                await notes.patch("a", title="changed")
                await asyncio.to_thread(own_server.restart)
                await notes.get("a")

        with pytest.raises(UnavailableError):
            await interrupted()
        assert (await notes.get("a")).title == "t"


def test_a_server_that_freezes(own_server, frozen):
    """A server that no longer answers is given up in time, though its sockets stay open."""
    options = {"statement_timeout": 1, "pool_timeout": 2, "schema": "freezes"}
    with Storage.open(own_server.url, **options) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        with storage.transaction(read_only=True):
            [backend] = storage.native.execute("SELECT pg_backend_pid()").fetchone()
        with frozen(backend), within(20), pytest.raises(UnavailableError):
            notes.get("a")
        assert notes.get("a").title == "t"


def test_a_slow_statement(c_url):
    """A statement that takes longer than it may is UnavailableError, and leaves the connection sound."""
    with Storage.open(c_url) as first, Storage.open(c_url, statement_timeout=0.2) as second:
        notes, others = first.repository(Note, "notes"), second.repository(Note, "notes")
        notes.create(Note("t"))
        others.count()
        with first.transaction():
            first.native.execute("LOCK TABLE notes")
            with within(10), pytest.raises(UnavailableError, match="statement_timeout"):
                others.count()
        assert others.count() == 1


def test_a_transaction_with_a_slow_statement(c_url):
    """One that runs into it through the native handle cannot commit, even if the error is caught."""
    with Storage.open(c_url, statement_timeout=0.2) as storage:
        notes = storage.repository(Note, "notes")
        notes.count()

        def swallowing():
            with storage.transaction():
                notes.create(Note("t"))
                with pytest.raises(psycopg.errors.QueryCanceled):
                    storage.native.execute("SELECT pg_sleep(5)")

        with pytest.raises(TransactionError):
            swallowing()
        assert notes.count() == 0


def test_a_row_that_another_transaction_holds(c_url):
    """A write waits for lock_timeout, then is UnavailableError; within a transaction that dooms it."""
    with Storage.open(c_url) as first, Storage.open(c_url, lock_timeout=0.3) as second:
        notes, others = first.repository(Note, "notes"), second.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        others.count()
        with first.transaction():
            notes.patch("a", title="u")
            with within(10), pytest.raises(UnavailableError, match="lock_timeout") as failure:
                others.patch("a", title="v")
            assert failure.value.retryable
        others.patch("a", title="w")
        assert notes.get("a").title == "w"


def test_two_who_wait_for_each_other(c_url):
    """PostgreSQL ends one of them: ConflictError, which may be retried."""
    failures = []
    ready = threading.Barrier(2)
    with Storage.open(c_url) as storage:
        notes = storage.repository(Note, "notes")
        for name in ("a", "b"):
            notes.create(Note("t", id=name))

        def work(first, second):
            try:
                with storage.transaction():
                    notes.patch(first, title=first)
                    ready.wait()
                    notes.patch(second, title=first)
            except StorageError as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=names) for names in (("a", "b"), ("b", "a"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures
    assert all(isinstance(error, ConflictError) and error.retryable for error in failures)


def test_what_was_dropped_from_under_it(storage):
    """A table that another program has dropped is a StorageError that says so, not an error of the client library."""
    notes = storage.repository(Note, "notes")
    notes.create(Note("t", id="a"))
    with storage.transaction():
        storage.native.execute("DROP TABLE notes")
    with pytest.raises(StorageError, match="missing"):
        notes.get("a")


# ------------------------------------------------------------------------------------------------------------ the pool


def test_a_pool_that_is_used_up(c_url):
    """UnavailableError within pool_timeout, which tells the size of the pool and the time; then it goes on."""
    with Storage.open(c_url, pool_size=2, pool_timeout=0.5) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        released = threading.Event()
        held = threading.Barrier(3)

        def hold():
            with storage.transaction(read_only=True):
                notes.get("a")
                held.wait()
                released.wait()

        threads = [threading.Thread(target=hold) for _ in range(2)]
        for thread in threads:
            thread.start()
        held.wait()
        try:
            with within(5), pytest.raises(UnavailableError, match=r"all 2 connections.*0\.5 seconds"):
                notes.get("a")
        finally:
            released.set()
            for thread in threads:
                thread.join()
        assert notes.get("a").title == "t"


@in_loop
async def test_who_waits_is_served(c_url):
    """Many more tasks than connections all get their turn."""
    async with opened(c_url, pool_size=3, application_name="many") as (_, notes):
        await notes.create(Note("t", id="a"))
        found = await asyncio.gather(*(notes.get("a") for _ in range(200)))
        assert all(note.title == "t" for note in found)
        assert len(await asyncio.to_thread(sessions, c_url, "many")) <= 3


def test_threads_share_the_pool(c_url):
    """The same for threads."""
    with Storage.open(c_url, pool_size=3, application_name="threads") as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        failures = []

        def work():
            try:
                for _ in range(50):
                    assert notes.get("a").title == "t"
            except Exception as error:  # noqa: BLE001 - shown below
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert len(sessions(c_url, "threads")) <= 3
    assert not sessions(c_url, "threads")


def test_another_event_loop_is_refused(c_url):
    """A storage belongs to the loop in which it was opened."""
    with asyncio.Runner() as first:
        storage = first.run(open_and_use(c_url))
        with asyncio.Runner() as second, pytest.raises(StorageError, match="another event loop"):
            second.run(count(storage))
        first.run(storage.close())


async def open_and_use(url):
    storage = await AsyncStorage.open(url)
    await count(storage)
    return storage


async def count(storage):
    return await storage.repository(Note, "notes").count()


def test_a_process_that_was_forked_is_refused(c_url):
    """A child may not speak on its parent's connections: it is told so, can open its own, and the parent goes on."""
    program = """
import os, sys
from torematrix.core.storage import Storage
from torematrix.core.storage.errors import StorageError
url = sys.argv[1]
storage = Storage.open(url)
notes = storage.repository(dict, "forked")
notes.create({"id": "a", "n": 1})
child = os.fork()
if not child:
    code = 1
    try:
        notes.get("a")
    except StorageError as error:
        storage.close()
        with Storage.open(url) as own:
            found = own.repository(dict, "forked").get("a")
        code = 0 if "forked" in str(error) and found["n"] == 1 else 2
    finally:
        os._exit(code)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert notes.get("a")["n"] == 1
storage.close()
"""
    # Of a process with threads Python 3.12 and later warn when it forks, which is what is tried here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, c_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_a_closed_storage_says_so(c_url):
    """After close nothing is done, and no session stays."""
    storage = Storage.open(c_url, application_name="closed")
    notes = storage.repository(Note, "notes")
    notes.create(Note("t"))
    storage.close()
    storage.close()
    with pytest.raises(StorageError, match="closed"):
        notes.count()
    until = time.monotonic() + 5  # a session ends a moment after its connection
    while sessions(c_url, "closed") and time.monotonic() < until:
        time.sleep(0.01)
    assert not sessions(c_url, "closed")


# --------------------------------------------------------------------------------------------------------- cancellation


async def _transfer(storage, notes, number):
    async with storage.transaction():
        await notes.create(Note(f"first {number}", id=f"{number}-1"))
        await notes.patch("a", title=str(number))
        async with storage.transaction():
            await notes.create(Note(f"second {number}", id=f"{number}-2"))


@in_loop
async def test_cancelled_at_any_moment(c_url):
    """Nothing is half stored, no transaction stays open, and every connection can be used again."""
    seed = random.Random(7)
    async with opened(c_url, pool_size=4, application_name="cancelled") as (storage, notes):
        await notes.create(Note("t", id="a"))
        stored = 0
        for number in range(150):
            task = asyncio.ensure_future(_transfer(storage, notes, number))
            if seed.random() < 0.5:
                for _ in range(seed.randrange(12)):
                    await asyncio.sleep(0)
            else:
                await asyncio.sleep(seed.random() * 0.02)
            for _ in range(seed.choice([1, 1, 2])):
                task.cancel()
                await asyncio.sleep(0)
            with contextlib.suppress(asyncio.CancelledError):
                await task
                stored += 1
        ids = {note.id for note in await notes.list()} - {"a"}
        halves = {name.partition("-")[0] for name in ids}
        assert ids == {f"{number}-{part}" for number in halves for part in (1, 2)}
        for _ in range(50):  # What was cancelled last may still be on its way back.
            states = [state for _, state in await asyncio.to_thread(sessions, c_url, "cancelled")]
            if set(states) <= {"idle"}:
                break
            await asyncio.sleep(0.1)
        assert set(states) == {"idle"}
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(4):
                await stack.enter_async_context(_scope(storage))
        assert len(states) <= 4


def _scope(storage):
    @contextlib.asynccontextmanager
    async def scope():
        session = await storage._engine.driver.begin(storage.transaction().options)
        try:
            yield
        finally:
            await session.rollback()

    return scope()


@in_loop
async def test_cancelled_reads_and_streams(c_url):
    """The same for reads outside of transactions, and for streams that are left half-way."""
    seed = random.Random(3)
    async with opened(c_url, pool_size=3, application_name="streams") as (_, notes):
        await notes.bulk_create([Note(f"n {number}") for number in range(500)])

        async def read():
            async with contextlib.aclosing(notes.stream(batch_size=50)) as stream:
                async for _ in stream:
                    await asyncio.sleep(0)

        for _ in range(80):
            task = asyncio.ensure_future(seed.choice([read, notes.list, notes.count])())
            await asyncio.sleep(seed.random() * 0.02)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert await notes.count() == 500
        found = await asyncio.gather(*(notes.count() for _ in range(20)))
        assert found == [500] * 20
        states = {state for _, state in await asyncio.to_thread(sessions, c_url, "streams")}
        assert states == {"idle"}


# ------------------------------------------------------------------------------------------------------- what is stored


def test_errors_hold_no_values(storage):
    """No message, of ours or in what it was raised from, is shown with a row's value; ours has none."""
    notes = storage.repository(Note, "notes")
    notes.create(Note("t", code=PASSWORD))
    with pytest.raises(DuplicateError) as failure:
        notes.create(Note("u", code=PASSWORD))
    assert PASSWORD not in str(failure.value)
    assert "code" in str(failure.value)


def test_a_commit_whose_answer_is_lost(own_server):
    """The server is asked what became of the transaction: committed is committed, and nothing is done twice."""
    with Storage.open(own_server.url, schema="lost", pool_timeout=5) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        for committed in (False, True):
            with (
                contextlib.nullcontext() if committed else pytest.raises(UnavailableError),
                storage.transaction(),
            ):
                notes.patch("a", title=f"lost {committed}")
                link = storage.native
                _lose_the_answer(link, committed)
            assert notes.get("a").title == ("lost True" if committed else "t")


def _lose_the_answer(link, committed):
    """Have the connection break at COMMIT: before it reaches the server, or after it was done."""
    execute = link.kept.execute

    def lost(statement, *arguments, **named):
        if statement == "COMMIT":
            if committed:
                execute(statement)
            link.close()
        return execute(statement, *arguments, **named)

    class Cursor:
        def __getattr__(self, name):
            return lost if name == "execute" else getattr(real, name)

    real = link.kept
    link.kept = Cursor()
