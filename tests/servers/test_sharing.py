"""A run starts each server once, whatever the number of its processes, and takes it along however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from torematrix.core.storage.testing.servers.__main__ import main
from torematrix.core.storage.testing.servers.errors import ServerError
from torematrix.core.storage.testing.servers.finding import MONGODB, POSTGRESQL, STANDALONE, Machine
from torematrix.core.storage.testing.servers.home import Home
from torematrix.core.storage.testing.servers.shared import (
    Kind,
    MongoDBAddresses,
    PostgreSQLAddresses,
    SharedServers,
)

TEST = """
import json, os, time
import pytest
from torematrix.core.storage.testing.server_fixtures import servers_of

@pytest.mark.parametrize("number", range(4))
def test_it(number, postgresql_server, new_database, pytestconfig, tmp_path_factory):
    url = new_database("{postgresql}")
    note = {"url": postgresql_server.url, "folder": str(servers_of(pytestconfig).folder), "pid": os.getpid()}
    with open(f"note-{number}.part", "w") as file:
        json.dump(note, file)
    os.replace(f"note-{number}.part", f"note-{number}.json")
    time.sleep(PAUSE)
"""


@contextlib.contextmanager
def started(folder: Path, pause: float, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run of pytest on four tests that ask for a server, note it, and pause."""
    (folder / "test_it.py").write_text(TEST.replace("PAUSE", str(pause)), "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n", "utf-8")
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TOREMATRIX_"))
    }
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        try:
            yield run
        finally:
            run.kill()


def notes(folder: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text("utf-8")) for path in folder.glob("note-*.json")]


def test_workers_share_one_server(tmp_path: Path, processes_of: Callable[[Path], list[str]]) -> None:
    """Four tests in two processes see one server; the run says which, and leaves nothing behind."""
    with started(tmp_path, 0.2, "-n", "2") as run:
        output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    seen = notes(tmp_path)
    assert len(seen) == 4
    assert len({note["pid"] for note in seen}) == 2
    assert len({note["url"] for note in seen}) == 1
    assert output.count("test server postgresql: ") == 1
    assert not processes_of(Path(seen[0]["folder"]))
    assert not Path(seen[0]["folder"]).exists()


@pytest.mark.parametrize("arguments", [(), ("-n", "2", "--dist", "worksteal")], ids=["alone", "with workers"])
def test_a_killed_run_takes_its_servers_along(
    arguments: tuple[str, ...],
    tmp_path: Path,
    processes_of: Callable[[Path], list[str]],
    eventually: Callable[..., bool],
) -> None:
    """None of its own lines is executed any more: the guardians see that it is gone."""
    with started(tmp_path, 300, *arguments) as run:
        assert eventually(lambda: len(notes(tmp_path)) == (2 if arguments else 1), 60)
        seen = notes(tmp_path)
        folder = Path(seen[0]["folder"])
        assert processes_of(folder)
        run.kill()
        for note in seen:  # Workers that sleep are nobody's concern here.
            if psutil.pid_exists(int(note["pid"])):
                os.kill(int(note["pid"]), signal.SIGKILL)
    assert eventually(lambda: not processes_of(folder) and not folder.exists())
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(seen[0]["url"], connect_timeout=5)


def test_a_killed_guardian_takes_its_server_along(
    postgresql_server: PostgreSQLAddresses, eventually: Callable[..., bool]
) -> None:
    """On Linux the kernel sees to it."""
    if sys.platform != "linux":
        return
    with Home.make() as home:
        servers = SharedServers(home, Machine({"PATH": os.environ["PATH"]}))
        url = servers.mongodb_standalone()
        (guardian,) = [
            process
            for process in psutil.process_iter(["cmdline"])
            if "guardian.py" in " ".join(process.info["cmdline"] or ())
            and str(home.folder) in str(process.info["cmdline"])
        ]
        (server,) = guardian.children()
        guardian.kill()
        assert eventually(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
        assert url


def test_kinds_start_side_by_side(processes_of: Callable[[Path], list[str]]) -> None:
    """Asking for one does not wait for the others, and each is started once."""
    with Home.make() as home:
        servers = SharedServers(home)
        began = time.monotonic()
        servers.begin(Kind)
        assert time.monotonic() - began < 1
        assert servers.postgresql() == servers.postgresql()
        assert servers.mongodb() != servers.mongodb_standalone()
        joined = SharedServers(Home(home.folder))
        assert joined.mongodb() == servers.mongodb()
        joined.close()
        assert [line.partition(":")[0] for line in servers.report()] == list(Kind)
        assert joined.postgresql()
    assert not processes_of(home.folder)


def test_a_failure_is_told_to_everybody(tmp_path: Path) -> None:
    """Once it is known that there is no server, nobody waits for another attempt."""
    machine = Machine({"PATH": str(tmp_path)}, tmp_path, packages=False)
    with Home.make() as home:
        first, second = SharedServers(home, machine), SharedServers(home)
        first.begin([Kind.MONGODB])
        with pytest.raises(ServerError, match="MongoDB for the tests was not found"):
            first.mongodb()
        with pytest.raises(ServerError, match="MongoDB for the tests was not found"):
            second.mongodb()
        assert second.report() == []


def test_servers_that_run_already_are_used(
    postgresql_server: PostgreSQLAddresses,
    mongodb_server: MongoDBAddresses,
    processes_of: Callable[[Path], list[str]],
) -> None:
    """Named by variables, they are checked, given what the kit needs, and left running."""
    variables = {
        POSTGRESQL: postgresql_server.icu_url,
        MONGODB: mongodb_server.url,
        STANDALONE: mongodb_server.standalone_url,
    }
    with Home.make() as home:
        servers = SharedServers(home, Machine(variables))
        assert servers.postgresql() == postgresql_server
        assert servers.mongodb() == mongodb_server.url
        assert servers.mongodb_standalone() == mongodb_server.standalone_url
        assert (
            servers.report()[0]
            == f"postgresql: running, {POSTGRESQL}, ready in 0.{servers.report()[0][-3]} s"
        )
        assert not processes_of(home.folder)
    swapped = Machine({**variables, MONGODB: mongodb_server.standalone_url})
    with Home.make() as home, pytest.raises(ServerError, match="is not a member of a replica set"):
        SharedServers(home, swapped).mongodb()
    with psycopg.connect(postgresql_server.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_command_prints_what_to_set(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted into a shell, the lines lead the tests to the servers, which run until they are ended."""
    for name in (POSTGRESQL, MONGODB, STANDALONE):
        monkeypatch.delenv(name, raising=False)
    found: dict[str, str] = {}

    def look() -> None:
        for line in capsys.readouterr().out.splitlines():
            if line.startswith("export "):
                name, _, url = line.removeprefix("export ").partition("=")
                found[name] = url.strip("'")
        with psycopg.connect(found[POSTGRESQL]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)

    assert main([], wait=look) == 0
    assert set(found) == {POSTGRESQL, MONGODB, STANDALONE}
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(found[POSTGRESQL], connect_timeout=5)


def test_the_command_ends_with_a_signal_and_says_where_programs_are(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torematrix.core.storage.testing.servers"]
    checked = subprocess.run([*command, "--check", "--install"], capture_output=True, text=True, check=True)
    assert [line.partition(":")[0] for line in checked.stdout.splitlines()] == [
        "PostgreSQL",
        "MongoDB",
        "MongoDB (standalone)",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        process.terminate()
        assert process.wait(30) == 0
