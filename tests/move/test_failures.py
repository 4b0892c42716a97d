"""What fails on the way: a connection that is lost, a disk that is full. Told clearly, and the move goes on."""

from __future__ import annotations

import resource
import subprocess
import sys

import psycopg
import pytest

from torematrix.core.storage import BackendMigrator, Storage
from torematrix.core.storage.testing.kit.entities import Plain
from torematrix.core.storage.testing.servers.postgresql import PostgreSQLServer, create_schema
from torematrix.core.storage.testing.servers.urls import with_options


@pytest.fixture(scope="module")
def own_server():
    """A server whose sessions nobody else has."""
    with PostgreSQLServer() as server:
        yield server.url


def fill(storage, count):
    repository = storage.repository(Plain, "plains")
    repository.bulk_create([Plain(number, f"{number:06}") for number in range(count)])
    return repository


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_lost_connection_costs_a_batch(opened, own_server, side):
    """Sessions that the server ends amid a move are opened again, on either side."""
    schema = f"move_{side}"
    create_schema(own_server, schema)
    there, other = opened(with_options(own_server, f"schema={schema}")), opened("sqlite")
    source, target = (there, other) if side == "source" else (other, there)
    fill(source, 2_000)
    cut = 0

    def end_sessions(done, total):
        nonlocal cut
        with psycopg.connect(own_server, autocommit=True) as connection:
            found = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            ).fetchall()
            cut += len(found)

    report = BackendMigrator(batch_size=200).move(source, target, progress_callback=end_sessions)
    assert cut > 2
    assert (report["migrated"], report["failed"], report.verified) == (2_000, 0, True)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="a limit on the size of files stands in for the disk"
)
def test_a_full_disk_is_told_and_the_move_goes_on(tmp_path):
    """What fits is there; with room again the same command with --resume completes."""
    source, target = tmp_path / "source.db", tmp_path / "target.db"
    with Storage.open(f"sqlite:///{source}") as storage:
        storage.repository(dict, "documents").bulk_create(
            [{"id": f"{number:06}", "text": "x" * 2_000} for number in range(2_000)]
        )
    command = [sys.executable, "-m", "torematrix.core.storage.cli", "move", str(source), str(target)]

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))

    full = subprocess.run(
        [*command, "--batch-size", "50"], preexec_fn=limited, capture_output=True, text=True, check=False
    )
    assert full.returncode == 1
    assert full.stderr.startswith("torematrix-storage: ")
    assert full.stderr.count("\n") == 1
    assert "can be resumed" in full.stderr
    assert "internal" not in full.stderr
    resumed = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    with Storage.open(f"sqlite:///{source}") as one, Storage.open(f"sqlite:///{target}") as other:
        report = BackendMigrator().verify(one, other)
        assert report.verified
        assert report["total_entities"] == 2_000
    assert target.stat().st_size > 3_000_000
