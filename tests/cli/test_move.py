"""``move``: what it says, what it returns, and that it does what it says."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from torematrix.core.storage import Storage


@pytest.fixture
def target(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/target.db"


@pytest.fixture
def filled(url: str) -> str:
    with Storage.open(url) as storage:
        storage.repository(dict, "notes").bulk_create([{"id": f"{n:04}", "n": n} for n in range(300)])
        storage.repository(dict, "others").bulk_create([{"id": "x"}])
    return url


def test_everything_moves(run, filled, target) -> None:
    """All collections by default, told in a table; a second time the target is not empty."""
    result = run("move", filled, target)
    assert result.code == 0
    assert "notes" in result.out
    assert "yes" in result.out
    with Storage.open(filled) as one, Storage.open(target) as other:
        assert one.collections() == other.collections()
        for name in one.collections():
            assert one.stored_repository(name).list() == other.stored_repository(name).list()
    again = run("move", filled, target)
    assert again.code == 1
    assert "not empty" in again.complaint
    assert run("move", filled, target, "--resume").code == 0


def test_json_and_one_collection(run, filled, target) -> None:
    """Programs get everything the report has."""
    report = run("move", filled, target, "-c", "notes", "--json", "--batch-size", 7).json
    assert report["migrated"] == report["total_entities"] == 300
    assert report["verified"] is True
    assert list(report["collections"]) == ["notes"]
    assert report["collections"]["notes"]["checksum"]
    assert report["peak_memory"] > 1_000_000


def test_nothing_is_written_by_looking(run, filled, target, tmp_path: Path) -> None:
    """A dry run and a comparison leave no file behind."""
    result = run("move", filled, target, "--dry-run")
    assert result.code == 0
    assert "nothing was written" in result.out
    assert run("move", filled, target, "--verify-only").code == 1
    assert not (tmp_path / "target.db").exists()


def test_differences_are_named(run, filled, target) -> None:
    """And end in an exit code of their own."""
    assert run("move", filled, target).code == 0
    assert run("move", filled, target, "--verify-only").code == 0
    with Storage.open(target) as storage:
        notes = storage.repository(dict, "notes")
        notes.delete("0007")
        notes.patch("0009", n=-1)
        notes.create({"id": "0009b"})
    result = run("move", filled, target, "--verify-only")
    assert result.code == 1
    for line in (
        "1 missing in the target: '0007'",
        "1 extra in the target: '0009b'",
        "1 different in the target: '0009'",
    ):
        assert line in result.out


def test_what_is_refused_is_told(run, filled, target) -> None:
    """An entity that the target does not take is named, and the exit code says that something was left out."""
    with Storage.open(filled) as storage:
        storage.repository(dict, "notes").create({"id": "twin", "n": 5})
    with Storage.open(target) as storage:
        from torematrix.core.storage import Unique

        storage.repository(dict, "notes", indexes=[Unique("n", int)]).ready()
    result = run("move", filled, target, "-c", "notes")
    assert result.code == 4
    assert "'twin' was refused: DuplicateError" in result.out


def test_a_live_move_that_is_not_over_says_so(run, filled, target) -> None:
    """Whatever was left out, writers have to stay where they are; once nothing is, it ends."""
    from torematrix.core.storage import Unique

    with Storage.open(filled) as storage:
        storage.repository(dict, "notes").create({"id": "twin", "n": 5})
    with Storage.open(target) as storage:
        storage.repository(dict, "notes", indexes=[Unique("n", int)]).ready()
    result = run("move", filled, target, "--live")
    assert result.code == 1
    assert "'twin' was refused: DuplicateError" in result.out
    assert "the source goes on taking writes" in result.out
    with Storage.open(filled) as storage:
        storage.repository(dict, "notes").patch("0005", n=-5)
    result = run("move", filled, target, "--live", "--resume")
    assert result.code == 0, result.complaint
    assert "takes no more writes" in result.out


def test_a_live_move_of_nothing(run, url, target) -> None:
    """Is over at once, and says nothing of differences."""
    with Storage.open(url) as storage:
        storage.ready()
    result = run("move", url, target, "--live")
    assert result.code == 0
    assert "differ" not in result.out


@pytest.mark.parametrize(
    "options",
    [["--verify-only", "--resume"], ["--verify-only", "--dry-run"], ["--batch-size", "0"], ["-c", "nothing"]],
)
def test_what_cannot_be_asked(run, filled, target, options) -> None:
    """Is refused in one line."""
    result = run("move", filled, target, *options)
    assert result.code in (1, 2)
    assert result.complaint


def test_places_that_are_not_there(run, filled, target, tmp_path: Path) -> None:
    """A source that is not there, a target that cannot be, and a password that is never shown."""
    missing = run("move", tmp_path / "nothing.db", target)
    assert missing.code == 3
    assert "SOURCE" in missing.complaint
    result = run("move", filled, "postgresql://u:geheim@127.0.0.1:1/x?connect_timeout=1")
    assert result.code == 1
    assert "geheim" not in result.err + result.out
    assert run("move", filled, filled).complaint.count("same database") == 1


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_move_goes_on(
    run, process, filled, target, tmp_path: Path, sign: signal.Signals
) -> None:
    """After Ctrl-C, which is told in one line, and after a kill: everything is there, once."""
    with Storage.open(filled) as storage:
        storage.repository(dict, "notes").bulk_create([{"id": f"b{n:05}", "n": n} for n in range(8_000)])
    started = process("move", filled, target, "--batch-size", 2, "-c", "notes")
    while not (tmp_path / "target.db-wal").exists() or (tmp_path / "target.db-wal").stat().st_size < 200_000:
        assert started.poll() is None
        time.sleep(0.01)
    started.send_signal(sign)
    _, err = started.communicate()
    if sign is signal.SIGINT:
        assert started.returncode == 130
        assert b"--resume" in err
    refused = run("move", filled, target, "-c", "notes")
    assert refused.code == 1
    assert "unfinished move" in refused.complaint
    report = json.loads(run("move", filled, target, "-c", "notes", "--resume", "--json").out)
    assert 0 < report["resumed"] < 8_300
    assert report["migrated"] == 8_300
    assert report["verified"] is True
