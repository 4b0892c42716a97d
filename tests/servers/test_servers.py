"""Servers of a test's own: started, stopped, restarted, killed, and gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pymongo
import pymongo.errors
import pytest

from torematrix.core.storage.testing.servers.errors import ServerError
from torematrix.core.storage.testing.servers.home import Home, sweep
from torematrix.core.storage.testing.servers.mongodb import MongoDBServer, check_deployment
from torematrix.core.storage.testing.servers.postgresql import PostgreSQLServer, create_databases
from torematrix.core.storage.testing.servers.process import Launch, ServerProcess


def test_postgresql_keeps_its_data_and_its_port(processes_of: Callable[[Path], list[str]]) -> None:
    """Over restarts and crashes alike; afterwards nothing is left of it."""
    with PostgreSQLServer(settings={"work_mem": "5MB"}) as server:
        folder = server._home.folder
        with psycopg.connect(server.url, autocommit=True) as connection:
            assert connection.execute("SHOW work_mem").fetchone() == ("5MB",)
            connection.execute("CREATE TABLE t AS SELECT 1 AS x")
        first, url = server.pid, server.url
        server.restart()
        assert (server.pid != first, server.url) == (True, url)
        server.kill()
        assert not server.running
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=5)
        server.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT x FROM t").fetchone() == (1,)
        assert processes_of(folder)
    assert not processes_of(folder)
    assert not folder.exists()


def test_postgresql_asks_for_a_password() -> None:
    with PostgreSQLServer(password="a b/@:%") as server:
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SHOW password_encryption").fetchone() == ("scram-sha-256",)
        wrong = server.url.replace("%20", "%21")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong, connect_timeout=5)


def test_databases_that_are_something_else_are_refused() -> None:
    """A kit that ran on another collation than it says would prove nothing."""
    with PostgreSQLServer(hba=["host all all 127.0.0.1/32 trust"]) as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(
                "CREATE DATABASE torematrix_test_icu TEMPLATE template0 LOCALE_PROVIDER libc LOCALE 'C'"
            )
        with pytest.raises(ServerError, match=r"torematrix_test_icu .* made otherwise"):
            create_databases(server.url)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("DROP DATABASE torematrix_test_icu")
            connection.execute("CREATE ROLE weak LOGIN")
        urls = create_databases(server.url)
        assert create_databases(server.url) == urls
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("DROP DATABASE torematrix_test_c")
        with pytest.raises(ServerError, match="CREATEDB"):
            create_databases(server.url.replace("torematrix@", "weak@"))
        server.stop()
        with pytest.raises(ServerError, match="does not take a connection"):
            create_databases(server.url)


@pytest.mark.parametrize("replica_set", ["rs0", None])
@pytest.mark.parametrize("password", [None, "a b/@:%"])
def test_mongodb_keeps_its_data_and_its_port(
    replica_set: str | None, password: str | None, processes_of: Callable[[Path], list[str]]
) -> None:
    """Over restarts and crashes alike, with and without a password; afterwards nothing is left of it."""
    with MongoDBServer(replica_set=replica_set, password=password) as server:
        folder = server._home.folder
        first, url = server.pid, server.url
        with pymongo.MongoClient(url) as client:
            client["test"]["t"].insert_one({"_id": 1})
            assert client.admin.command("hello").get("setName") == replica_set
        server.restart()
        assert (server.pid != first, server.url) == (True, url)
        server.kill()
        assert not server.running
        server.start()
        with pymongo.MongoClient(url) as client:
            assert client["test"]["t"].find_one() == {"_id": 1}
        if password:
            with (
                pymongo.MongoClient("127.0.0.1", server.port, directConnection=True) as client,
                pytest.raises(pymongo.errors.OperationFailure, match="requires authentication"),
            ):
                client["test"]["t"].find_one()
    assert not processes_of(folder)
    assert not folder.exists()


def test_mongodb_takes_parameters_and_is_what_it_is_called() -> None:
    with MongoDBServer(replica_set=None, parameters={"enableTestCommands": "1"}) as server:
        with pymongo.MongoClient(server.url) as client:
            client.admin.command("configureFailPoint", "failCommand", mode="off")
        check_deployment(server.url, "X", replica_set=False)
        with pytest.raises(ServerError, match="X names is not a member of a replica set"):
            check_deployment(server.url, "X", replica_set=True)


def test_a_server_that_ends_while_it_starts_says_why() -> None:
    with pytest.raises(
        ServerError, match=r"(?s)ended while it started.*unrecognized configuration parameter"
    ):
        PostgreSQLServer(settings={"no_such_setting": "1"}).__enter__()


def test_a_program_that_does_not_exist_says_so() -> None:
    with Home.make() as home:
        process = ServerProcess(home, "nothing")
        with pytest.raises(ServerError, match="could not be started"):
            process.start(Launch(["/nonexistent/program"], stop=15, kill=9, end=9))
        assert not process.running
        with pytest.raises(ServerError, match="does not run"):
            _ = process.pid


def test_a_server_that_ignores_its_signals_ends_with_its_owner() -> None:
    """Nothing of a run stays because a program does not listen to reason."""
    deaf = Launch(["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], stop=15, kill=9, end=9)
    with Home.make() as home:
        process = ServerProcess(home, "deaf")
        process.folder.mkdir()
        process.start(deaf)
        with pytest.raises(ServerError, match="runs already"):
            process.start(deaf)
        pid = process.pid
        process.let_go()
    assert not psutil.pid_exists(pid)
    assert not home.folder.exists()


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    """Folders that nobody holds are removed; those of living owners, and young ones, are not."""
    old, young = Home.make(tmp_path), Home.make(tmp_path)
    held = Home.make(tmp_path)
    for home in (old, young):  # As the operating system does when a process is killed.
        for handle in home._held:
            os.close(handle)
    for home in (old, held):
        os.utime(home.folder, (1_000_000, 1_000_000))
    assert sweep(tmp_path) == [old.folder]
    assert young.folder.exists()
    assert held.folder.exists()
    held.close()
    assert not held.folder.exists()
