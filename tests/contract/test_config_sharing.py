"""Which repositories of the factory share a storage."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from torematrix.core.storage import (
    StorageFactory,
)


def test_storages_of_servers_are_shared_by_their_whole_configuration() -> None:
    """The same configuration is one storage; another password, user or database is another."""
    base = {"host": "db", "database": "x", "user": "app", "password": "one"}

    def made(**changes: object) -> Any:
        return StorageFactory.create_repository("postgresql", dict, "things", **{**base, **changes})

    first, same = made(), made()
    assert first.engine is same.engine
    for changes in ({"password": "two"}, {"user": "other"}, {"database": "y"}, {"port": 6000}):
        assert made(**changes).engine is not first.engine
    mongo = [
        StorageFactory.create_from_config(
            {"backend": "mongodb", "connection": connection, "database": "x"}, dict, "things"
        )
        for connection in ("mongodb://a:b@db/", "mongodb://a:b@db/", "mongodb://a:c@db/")
    ]
    assert mongo[0].engine is mongo[1].engine
    assert mongo[0].engine is not mongo[2].engine


def test_a_closed_storage_and_one_in_memory_are_not_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed storage is opened anew; each one in memory is its own; a relative path depends on the folder."""
    monkeypatch.chdir(tmp_path)
    first = StorageFactory.create_repository("sqlite", dict, "things", database_path="a.db")
    again = StorageFactory.create_from_config({"url": "sqlite:///a.db"}, dict, "things")
    assert first.engine is again.engine
    first.engine.close()
    fresh = StorageFactory.create_repository("sqlite", dict, "things", database_path="a.db")
    assert fresh.engine is not first.engine
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    below = StorageFactory.create_repository("sqlite", dict, "things", database_path="a.db")
    assert below.engine is not fresh.engine
    for options in ({"backend": "memory"}, {"backend": "sqlite", "database_path": ":memory:"}):
        one = StorageFactory.create_from_config(options, dict, "things")
        assert StorageFactory.create_from_config(options, dict, "things").engine is not one.engine


def test_each_event_loop_has_a_storage_of_its_own(tmp_path: Path) -> None:
    """Repositories made in one loop share theirs; a later loop gets another, which it can use."""
    path = str(tmp_path / "a.db")
    kept: list[Any] = []

    async def use() -> None:
        first, second = (
            StorageFactory.create_async_repository("sqlite", dict, name, database_path=path)
            for name in ("one", "two")
        )
        assert first.engine is second.engine
        await first.create({"n": 1})
        kept.append(first)

    asyncio.run(use())
    asyncio.run(use())
    assert kept[0].engine is not kept[1].engine

    async def close() -> None:
        for repository in kept:
            await repository.engine.close()

    asyncio.run(close())


def test_what_was_made_outside_of_a_loop_is_shared_with_what_is_made_in_it(tmp_path: Path) -> None:
    """A repository of a module and one of a function are of one storage."""
    options = {"backend": "sqlite", "database_path": str(tmp_path / "a.db")}
    outside = StorageFactory.create_async_from_config(options, dict, "one")

    async def use() -> None:
        inside = StorageFactory.create_async_from_config(options, dict, "two")
        assert inside.engine is outside.engine
        async with outside.transaction():
            await outside.create({"n": 1})
            await inside.create({"n": 1})
        await inside.engine.close()

    asyncio.run(use())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_storage_does_not_cross_a_fork(tmp_path: Path) -> None:
    """The child's factory makes a storage of its own."""
    program = textwrap.dedent(
        """
        import os, sys
        from torematrix.core.storage import StorageFactory
        make = lambda: StorageFactory.create_repository("sqlite", dict, "things", database_path=sys.argv[1])
        first = make()
        child = os.fork()
        if child == 0:
            second = make()
            second.create({"n": 1})
            os._exit(0 if second.engine is not first.engine else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        print(first.count())
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr
