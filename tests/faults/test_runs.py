"""A few faults of every kind, as ``tools/faults.py`` makes any number of them: nothing is lost, torn or mistold."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from torematrix.core.storage.testing.faults.crowds import crowd_in, use_up_the_pool
from torematrix.core.storage.testing.faults.cuts import (
    COMMITS,
    WRITES,
    Colour,
    asked_later,
    cut_connections,
    proxied,
    proxy_of,
)
from torematrix.core.storage.testing.faults.engines import ReplicaSetEngine
from torematrix.core.storage.testing.faults.full_disks import SmallDisk, fill_disks
from torematrix.core.storage.testing.faults.kills import Stage, kill_clients, kill_servers
from torematrix.core.storage.testing.faults.moves import kill_moves
from torematrix.core.storage.testing.faults.power_cuts import cut_power
from torematrix.core.storage.testing.faults.proxy import Cut
from torematrix.core.storage.testing.faults.steps import Ledger, Outcome
from torematrix.core.storage.testing.faults.tally import State, Tally
from torematrix.core.storage.testing.faults.workers import Nursery

ROOT = Path(__file__).resolve().parents[2]
MOUNTS = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which takes root")


def test_clients_are_killed(engine):
    tally = Tally()
    with Nursery(engine.name) as nursery:
        kill_clients(engine, nursery, tally, 4, Random(1))
    assert tally.faults == []
    assert tally.counts["kills"] >= 4
    assert tally.counts["steps"] > 0


def test_clients_are_killed_while_the_clock_jumps(engine):
    tally = Tally()
    with Nursery(engine.name) as nursery:
        kill_clients(engine, nursery, tally, 2, Random(2), clock=True)
    assert tally.faults == []
    assert tally.counts["steps"] > 0


@pytest.mark.parametrize(
    ("source", "target"), list(itertools.permutations(["sqlite", "postgresql", "mongodb"], 2))
)
def test_moves_are_killed(made, source, target):
    tally = Tally()
    kill_moves(made(source), made(target), tally, 2, Random(5))
    assert tally.faults == []
    assert tally.counts["kills"] >= 2


def test_a_server_is_killed(server):
    def hurt():
        server.server.kill()
        server.server.start()

    tally = Tally()
    with Nursery(server.name) as nursery:
        kill_servers(server, nursery, tally, 2, Random(3), hurt)
    assert tally.faults == []
    assert tally.counts["kills"] == len(tally.seconds) == 2


def test_a_primary_steps_down():
    tally = Tally()
    with contextlib.closing(ReplicaSetEngine()) as engine, Nursery("mongodb") as nursery:
        kill_servers(engine, nursery, tally, 1, Random(4), engine.replica_set.step_down)
    assert tally.faults == []
    assert tally.counts["steps"] > 0


@MOUNTS
@pytest.mark.parametrize(("name", "times"), [("sqlite", 2), ("postgresql", 2), ("mongodb", 1)])
def test_a_disk_is_full(name, times):
    """A typed error says so, what was acknowledged is there, and with room again, or a server again, the next write is.

    PostgreSQL refuses first (53100), and the second time dies of its log; mongod dies. Where no disk may be mounted
    this fails, and says what it takes.
    """
    tally = Tally()
    fill_disks(name, tally, times, Random(9))
    assert tally.faults == []
    assert tally.counts["times"] == times
    if name != "mongodb":
        assert tally.counts["told StorageError"] > 0
    if name != "sqlite":
        assert tally.counts["died"] == 1


@MOUNTS
def test_a_disk_of_a_few_megabytes():
    """It is as large as it is asked to be, gets full, and is gone afterwards."""
    with SmallDisk(4) as disk:
        disk.leave(1_000_000)
        assert disk.free < 1_100_000
        with pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(bytes(2_000_000))
        (disk.folder / "more").unlink()
        disk.clear()
        (disk.folder / "more").write_bytes(bytes(2_000_000))
    assert not disk.folder.exists()


@pytest.mark.parametrize("target", [COMMITS, WRITES], ids=["commit", "write"])
def test_a_connection_is_cut(server, target):
    tally = Tally()
    cut_connections(server, tally, 6, Random(5), target=target)
    assert tally.faults == []
    assert tally.counts["cuts"] == 6


def test_unknown_outcomes_are_asked_for(server, tmp_path):
    """Each is counted: resolved to what is stored, or without a token; one that is mistold is a fault."""
    tally = Tally()
    stage = Stage(server, tmp_path)
    with proxy_of(server) as proxy:
        client = Colour("sync", proxied(server, stage.url, proxy, 1))
        order = stage.order("", Random(10))
        ledger = Ledger(Path(order.ledger))
        client.begin(ledger, order.name, Random(10), list(stage.opening))
        for place in ("before", "after"):
            proxy.arm(Cut(place, COMMITS, times=100, gone=60))
            client.step("transaction")
            proxy.disarm()
        client.close()
        ledger.write(Outcome(order.name, 1_000, "unknown", "CommitUnknown"))
        ledger.close()
    server.rest()
    verdict = stage.check()
    assert len(verdict.kept) == len(verdict.dropped) == 1
    assert asked_later(stage, verdict.kept, tally) == []
    assert tally.counts == {"unknown": 3, "without_token": 1, "asked_later": 2, "resolved": 2}
    assert len(asked_later(stage, verdict.dropped, tally)) == 2
    stage.drop()


def test_the_power_is_cut():
    tally = Tally()
    cut_power(tally, 60, Random(6))
    assert tally.faults == []
    assert tally.counts["cuts"] == 60


@pytest.mark.parametrize(
    ("durability", "honest"), [("fast", True), ("durable", False)], ids=["fast", "a disk that lies"]
)
def test_a_power_cut_shows(durability, honest):
    """At the faster setting, or on a disk that does not do what it is told, the same run finds losses."""
    tally = Tally()
    cut_power(tally, 100, Random(7), durability=durability, honest=honest)
    assert any(fault.startswith("lost") for fault in tally.faults)


def test_a_pool_is_used_up(engine):
    tally = Tally()
    use_up_the_pool(engine, tally, 1_000)
    assert tally.faults == []
    assert tally.counts["served"] == 1_000


def test_a_crowd(engine):
    tally = Tally()
    crowd_in(engine, tally, 200, Random(8))
    assert tally.faults == []
    assert tally.counts == {"tasks": 200, "done": 200, "refused": 0}


def test_the_command(tmp_path):
    """Counters add up over runs, and what they add up to is shown."""
    state = tmp_path / "state.json"
    command = [sys.executable, ROOT / "tools" / "faults.py", "--resume", state]
    for _ in range(2):
        subprocess.run([*command, "--kind", "power-cut", "--kills", "5", "--seed", "1"], check=True)
    assert State.read(state).of("power-cut", "sqlite").counts["cuts"] == 10
    subprocess.run([*command, "--kind", "cancel", "--backend", "sqlite"], check=True)
    counts = State.read(state).of("cancel", "sqlite").counts
    assert counts["rounds"] == 1
    assert counts["points"] == sum(number for name, number in counts.items() if name.startswith("at ")) > 100
    shown = subprocess.run([*command, "--show"], check=True, capture_output=True, text=True).stdout
    assert "power-cut" in shown
    assert f"points {counts['points']}" in " ".join(shown.split())
    assert f"│ {counts['at nested']} " in shown
