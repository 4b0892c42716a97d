"""What goes wrong outside the library: each ends in an error of ours, in time, and the next call works."""

import asyncio
import contextlib
import functools
import gc
import socket
import threading
import time
from dataclasses import dataclass
from typing import Annotated

import pytest
from pymongo import MongoClient

from torematrix.core.storage import AsyncStorage, Count, Revision, Storage, Unique
from torematrix.core.storage.backends.mongodb._sync.server import Server
from torematrix.core.storage.errors import (
    CommitUnknown,
    ConfigurationError,
    ConflictError,
    DuplicateError,
    PermissionDeniedError,
    StorageError,
    TransactionError,
    UnavailableError,
    UnsupportedError,
)
from torematrix.core.storage.testing.servers.mongodb import MongoDBServer

PASSWORD = "s3cret w0rd:/@"


@dataclass
class Note:
    title: str = ""
    code: Annotated[str | None, Unique()] = None
    version: Annotated[int, Revision()] = 1
    id: str | None = None


@pytest.fixture(scope="module")
def own_server():
    """A server that tests may stop and start, and that fails when it is told to."""
    with MongoDBServer(parameters={"enableTestCommands": "1"}) as server:
        yield server


@pytest.fixture(scope="module")
def locked_server():
    """A server that asks for a password."""
    with MongoDBServer(password=PASSWORD) as server:
        yield server


@pytest.fixture
def url(new_database):
    return new_database("{mongodb}")


def in_loop(test):
    """A test that is a coroutine function, run in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments, **named):
        return asyncio.run(test(*arguments, **named))

    return run


def open_sync(url, **options):
    Storage.open(url, **options).close()


def open_async(url, **options):
    async def run():
        await (await AsyncStorage.open(url, **options)).close()

    asyncio.run(run())


BOTH = pytest.mark.parametrize("open_storage", [open_sync, open_async])


@contextlib.contextmanager
def within(seconds):
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


@contextlib.contextmanager
def failing(server, commands, **how):
    """Have the server fail these commands of the library, or be slow with them."""
    data = {"failCommands": commands, "appName": "torematrix-storage", **how}
    mode = data.pop("mode", "alwaysOn")
    with MongoClient(server.url) as client:
        client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})
        try:
            yield
        finally:
            client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def open_transactions(server):
    with MongoClient(server.url) as client:
        return client.admin.command("serverStatus")["transactions"]["currentOpen"]


def none_open(server):
    """Whether within a moment the server has no open transaction."""
    until = time.monotonic() + 3
    while time.monotonic() < until:
        if not open_transactions(server):
            return True
        time.sleep(0.05)
    return False


# ------------------------------------------------------------------------------------------------------------- opening


@BOTH
def test_a_port_where_nobody_listens(open_storage):
    """UnavailableError, within the deadline for connecting."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with within(15), pytest.raises(UnavailableError) as failure:
            open_storage(f"mongodb://u:{PASSWORD[:3]}@127.0.0.1:{port}/d", connect_timeout=1)
    assert failure.value.backend == "mongodb"
    assert failure.value.retryable
    assert PASSWORD[:3] not in str(failure.value)


# PyMongo leaves the socket of a handshake that failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@BOTH
def test_a_server_that_says_nothing(open_storage):
    """UnavailableError within the deadline, from a port that takes connections and then is silent."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        with within(20), pytest.raises(UnavailableError):
            open_storage(f"mongodb://127.0.0.1:{port}/d", connect_timeout=1)
    gc.collect()


# PyMongo leaves the socket of a refused handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@BOTH
@pytest.mark.parametrize("account", ["torematrix:wrong@", "nobody:wrong@", ""])
def test_a_server_that_refuses(locked_server, open_storage, account):
    """The wrong password or user, or none, is PermissionDeniedError, and no message holds a secret."""
    address = locked_server.url.rpartition("@")[2]
    with within(15), pytest.raises(PermissionDeniedError) as failure:
        open_storage(f"mongodb://{account}{address}")
    assert "wrong" not in str(failure.value)
    assert not failure.value.retryable
    del failure
    gc.collect()


@BOTH
def test_the_right_password(locked_server, open_storage):
    """A password with every character that a URL gives a meaning to."""
    open_storage(locked_server.url)


def test_a_user_who_may_only_read(locked_server):
    """Writes are PermissionDeniedError; what may be read is read."""
    with Storage.open(locked_server.url_of("reads")) as storage:
        storage.repository(Note, "notes").create(Note("t", id="a"))
    with MongoClient(locked_server.url) as client:
        client.admin.command("createUser", "guest", pwd="guest", roles=[{"role": "read", "db": "reads"}])
    address = locked_server.url_of("reads").rpartition("@")[2]
    with Storage.open(f"mongodb://guest:guest@{address}") as storage:
        notes = storage.repository(Note, "notes")
        assert notes.get("a").title == "t"
        with pytest.raises(PermissionDeniedError) as refusal:
            notes.create(Note("u"))
        assert (refusal.value.operation, refusal.value.collection) == ("insert", "notes")
        assert notes.count() == 1


def test_a_collection_that_somebody_else_made(url):
    """Refused by name, and left as it is."""
    with MongoClient(url) as client:
        client.get_default_database()["notes"].insert_one({"theirs": 1})
        with Storage.open(url) as storage, pytest.raises(ConfigurationError, match="did not make"):
            storage.repository(Note, "notes").count()
        assert client.get_default_database()["notes"].count_documents({}) == 1


def test_a_database_of_a_newer_version(url):
    """Refused, with what to do."""
    with Storage.open(url):
        pass
    with MongoClient(url) as client:
        client.get_default_database()["torematrix_meta"].update_one(
            {"_id": ":format"}, {"$set": {"value": 99}}
        )
    with pytest.raises(ConfigurationError, match="upgrade"):
        Storage.open(url)


# --------------------------------------------------------------------------------------------------- while it is open


def test_a_server_that_restarts(own_server):
    """Calls fail in time with UnavailableError while it is down; the next one works once it is back."""
    options = {"connect_timeout": 5, "operation_timeout": 5}
    with Storage.open(own_server.url_of("restarts"), **options) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        own_server.stop()
        try:
            for _ in range(2):
                with within(20), pytest.raises(UnavailableError):
                    notes.get("a")
        finally:
            own_server.start()
        assert notes.get("a").title == "t"
        own_server.kill()
        own_server.start()
        assert notes.get("a").title == "t"
        assert notes.patch("a", title="u").title == "u"


def test_a_server_that_freezes(own_server, frozen):
    """A server that no longer answers is given up in time, though its sockets stay open."""
    with Storage.open(own_server.url_of("freezes"), operation_timeout=1, connect_timeout=2) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        with frozen(own_server.pid), within(20), pytest.raises(UnavailableError):
            notes.get("a")
        assert notes.get("a").title == "t"


@pytest.mark.parametrize(
    "command", ["find", "insert", "findAndModify", "update", "delete", "count", "aggregate"]
)
def test_a_server_that_is_slow(own_server, command):
    """Each kind of command is given up after operation_timeout, and the next one works."""
    with Storage.open(own_server.url_of("slow"), operation_timeout=0.5, connect_timeout=5) as storage:
        # Without words beside it, each write is a single command.
        notes = storage.repository(Note, f"notes_{command.lower()}", searchable=[])
        notes.create(Note("t", id="a"))
        calls = {
            "find": lambda: notes.get("a"),
            "insert": lambda: notes.create(Note("u")),
            "findAndModify": lambda: notes.patch("a", title="v"),
            "update": lambda: notes.update(notes.get("a")),
            "delete": lambda: notes.delete("b"),
            "count": notes.count,
            "aggregate": lambda: notes.aggregate(n=Count()),
        }
        with (
            failing(own_server, [command], blockConnection=True, blockTimeMS=3_000, mode={"times": 1}),
            within(15),
            pytest.raises(UnavailableError) as failure,
        ):
            calls[command]()
        # A read can be asked for again; a write may have happened, and says so.
        reads = ("find", "count", "aggregate")
        assert failure.value.retryable is (command in reads)
        assert isinstance(failure.value, CommitUnknown) is (command not in reads)
        assert notes.get("a").id == "a"


@pytest.mark.parametrize(
    ("code", "error"), [(13, PermissionDeniedError), (112, ConflictError), (8, StorageError)]
)
def test_errors_go_by_their_codes(own_server, code, error):
    """The class follows the server's code; nothing of its text is repeated."""
    with Storage.open(own_server.url_of("codes")) as storage:
        notes = storage.repository(Note, "notes")
        notes.count()
        with failing(own_server, ["find"], errorCode=code), pytest.raises(error) as failure:
            notes.get("a")
        assert failure.value.backend == "mongodb"
        assert "failCommand" not in str(failure.value)
        assert notes.get("a") is None


def test_a_connection_that_breaks_once(own_server):
    """A read, and a write, whose connection breaks are sent again, once, and happen once."""
    with Storage.open(own_server.url_of("breaks")) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        for command in ("find", "insert"):
            with failing(own_server, [command], closeConnection=True, mode={"times": 1}):
                assert notes.get("a").title == "t"
                notes.create(Note("u", id=command))
        assert notes.count() == 3


_UNCONFIRMED = {"code": 11602, "codeName": "InterruptedDueToReplStateChange", "errmsg": "stepped down"}


@pytest.mark.parametrize("then", ["confirmed", "unconfirmed", "not primary"])
def test_a_write_that_a_primary_did_as_it_stepped_down(own_server, then, monkeypatch):
    """It is stored there, and may be stored by all: unless the next answer confirms it, nobody knows."""
    sent = Server.command

    def command(self, given, session=None):
        """The server's answer, after which it says that it is no primary."""
        reply = sent(self, given, session)
        if "writeConcernError" in reply and then == "not primary":
            fail.enter_context(failing(own_server, ["insert"], errorCode=10107, mode={"times": 1}))
        return reply

    with (
        contextlib.ExitStack() as fail,
        Storage.open(own_server.url_of(f"steps_{then[:3]}"), operation_timeout=10) as storage,
    ):
        notes = storage.repository(dict, "notes")
        notes.count()
        monkeypatch.setattr(Server, "command", command)
        times = 2 if then == "unconfirmed" else 1
        with failing(own_server, ["insert"], mode={"times": times}, writeConcernError=_UNCONFIRMED):
            if then == "confirmed":
                notes.create({"id": "a"})
            else:
                with pytest.raises(CommitUnknown):
                    notes.create({"id": "a"})
        monkeypatch.undo()
        assert notes.exists("a")
        assert notes.count() == 1


def test_a_duplicate_is_named_by_its_index(url):
    """DuplicateError says which unique field it was, and which of several entities."""
    with Storage.open(url) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note(code="s3cret", id="a"))
        for write, what in (
            (lambda: notes.create(Note(code="s3cret")), "same code"),
            (lambda: notes.create(Note(id="a")), "same id"),
            (lambda: notes.bulk_create([Note(), Note(code="s3cret")]), r"same code \(entity 2 of 2\)"),
        ):
            with pytest.raises(DuplicateError, match=what) as failure:
                write()
            assert "s3cret" not in str(failure.value)
        assert notes.count() == 1


# ------------------------------------------------------------------------------------------------------- transactions


def test_a_commit_without_an_answer(own_server):
    """A commit is repeated until its outcome is known: it has happened, or it has not and says so."""
    with Storage.open(own_server.url_of("commits"), operation_timeout=10) as storage:
        notes = storage.repository(Note, "notes")
        notes.count()
        with (
            failing(own_server, ["commitTransaction"], closeConnection=True, mode={"times": 3}),
            storage.transaction(),
        ):
            notes.create(Note(id="a"))
        assert notes.exists("a")

        def lost():
            with storage.transaction():
                notes.create(Note(id="b"))

        with failing(own_server, ["commitTransaction"], closeConnection=True), pytest.raises(StorageError):
            lost()
        assert not notes.exists("b")
    assert none_open(own_server)


def test_an_error_of_the_server_ends_a_transaction(own_server):
    """Whatever it is, and even if it is caught: leaving the scope raises, and nothing is stored."""
    with Storage.open(own_server.url_of("ends")) as storage:
        notes = storage.repository(Note, "notes")
        notes.count()

        def swallowing():
            with storage.transaction():
                notes.create(Note(id="a"))
                with failing(own_server, ["find"], errorCode=51156), contextlib.suppress(UnsupportedError):
                    notes.get("a")

        with pytest.raises(TransactionError):
            swallowing()
        assert notes.count() == 0
    assert none_open(own_server)


@in_loop
async def test_cancelled_anywhere(own_server):
    """Cancelled at any moment a transaction leaves all or nothing, and none stays open on the server."""
    async with AsyncStorage.open(own_server.url_of("cancelled")) as storage:
        notes = storage.repository(Note, "notes")
        await notes.ready()

        async def work(number):
            async with storage.transaction():
                await notes.create(Note(id=f"{number}a"))
                await notes.create(Note(id=f"{number}b"))

        begun = time.monotonic()
        await work("timed")
        whole = time.monotonic() - begun
        for number in range(40):
            task = asyncio.ensure_future(work(number))
            await asyncio.sleep(whole * number / 40)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            found = [await notes.exists(f"{number}{half}") for half in "ab"]
            assert found[0] == found[1]
        assert await asyncio.to_thread(none_open, own_server)


@in_loop
async def test_cancelled_while_the_server_is_slow(own_server):
    """The first write is under way when it is cancelled: it ends soon, and opens no transaction later."""
    async with AsyncStorage.open(own_server.url_of("late")) as storage:
        notes = storage.repository(Note, "notes")
        await notes.ready()

        async def work():
            async with storage.transaction():
                await notes.create(Note(id="a"))

        with failing(own_server, ["insert"], blockConnection=True, blockTimeMS=1_000):
            task = asyncio.ensure_future(work())
            await asyncio.sleep(0.3)
            task.cancel()
            with within(10), pytest.raises(asyncio.CancelledError):
                await task
        assert await asyncio.to_thread(none_open, own_server)
        assert not await notes.exists("a")


def test_more_than_the_server_takes_at_once(own_server):
    """More than one message holds is stored; what no transaction can hold is refused with what to do, and whole."""
    with Storage.open(own_server.url_of("wide")) as storage:
        notes = storage.repository(Note, "notes", searchable=[])
        made = notes.bulk_create([Note("x" * 9_000_000), *(Note("y" * 50_000) for _ in range(400))])
        assert notes.count() == len(made) == 401
        assert notes.bulk_update(made)[0].version == 2
        with pytest.raises(DuplicateError, match="entity 301 of 401"):
            notes.bulk_create(
                [Note("z" * 100_000, id=made[0].id if at == 300 else None) for at in range(401)]
            )
        for code in (257, 388):
            with (
                failing(own_server, ["insert"], errorCode=code),
                pytest.raises(UnavailableError, match="write less at a time") as failure,
            ):
                notes.bulk_create([Note(), Note()])
            assert not failure.value.retryable
        assert notes.count() == 401


# ------------------------------------------------------------------------------------------------------------ the pool


def test_a_pool_that_is_used_up(own_server):
    """UnavailableError within pool_timeout; then it goes on."""
    options = {"pool_size": 2, "pool_timeout": 0.3}
    with Storage.open(own_server.url_of("pool"), **options) as storage:
        notes = storage.repository(Note, "notes")
        notes.create(Note("t", id="a"))
        with failing(own_server, ["count"], blockConnection=True, blockTimeMS=2_000):
            threads = [threading.Thread(target=notes.count) for _ in range(2)]
            for thread in threads:
                thread.start()
            time.sleep(0.5)
            with within(10), pytest.raises(UnavailableError) as failure:
                notes.get("a")
            assert failure.value.retryable
            for thread in threads:
                thread.join()
        assert notes.get("a").title == "t"


def test_writes_find_no_connection(own_server):
    """Each kind of write is UnavailableError within pool_timeout too, however long an operation may take."""
    options = {"pool_size": 1, "pool_timeout": 0.3, "operation_timeout": 30}
    with Storage.open(own_server.url_of("writes"), **options) as storage:
        notes, texts = storage.repository(Note, "notes", searchable=[]), storage.repository(Note, "texts")
        note, text = notes.create(Note("t", id="a")), texts.create(Note("t", id="a"))
        writes = [
            lambda: notes.create(Note()),
            lambda: notes.update(note),
            lambda: notes.patch("a", title="u"),
            lambda: notes.upsert(Note("u", id="b")),
            lambda: notes.delete("a"),
            lambda: notes.bulk_create([Note(), Note()]),
            lambda: notes.bulk_update([note]),
            lambda: notes.bulk_delete(["a", "b"]),
            lambda: texts.create(Note("u")),
            lambda: texts.update(text),
            lambda: texts.delete("a"),
        ]
        with failing(own_server, ["count"], blockConnection=True, blockTimeMS=9_000, mode={"times": 1}):
            thread = threading.Thread(target=notes.count)
            thread.start()
            time.sleep(0.3)
            for write in writes:
                with within(2), pytest.raises(UnavailableError, match="pool_timeout") as failure:
                    write()
                assert failure.value.retryable
            assert thread.is_alive()
            thread.join()
        assert notes.update(note).version == 2
        assert (notes.count(), texts.count()) == (1, 1)


def test_a_closed_storage(url):
    """Every call says that it is closed, and so does closing it again: nothing."""
    storage = Storage.open(url)
    notes = storage.repository(Note, "notes")
    notes.count()
    storage.close()
    storage.close()
    with pytest.raises(StorageError, match="closed"):
        notes.get("a")


# ---------------------------------------------------------------------------------------------------------- standalone


def test_a_standalone_server(new_database):
    """Single writes work; what takes a transaction is refused, and nothing is sent for it."""
    with Storage.open(new_database("{mongodb_standalone}")) as storage:
        notes = storage.repository(Note, "notes")
        created = notes.create(Note("t", id="a"))
        assert notes.update(created).version == 2
        assert notes.patch("a", title="u").version == 3
        assert notes.upsert(Note("n", id="b")).version == 1
        with pytest.raises(UnsupportedError, match="replica set"):
            notes.bulk_create([Note(), Note()])
        with pytest.raises(UnsupportedError, match="replica set"), storage.transaction():
            raise AssertionError
        assert notes.delete("b")
        assert notes.count() == 1
        assert storage.health()["deployment"] == "standalone"
