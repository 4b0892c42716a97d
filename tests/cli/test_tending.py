"""info, backup, restore, check and vacuum."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def filled(run, corpus: Path, people: Path) -> None:
    run("import", corpus, people)


def test_info(run, filled) -> None:
    """The engine, sizes, collections with their rows and declarations, and capabilities."""
    found = run("info", "--json").json
    assert found["backend"] == "sqlite"
    assert found["statistics"]["collections"]["documents"]["rows"] == 5
    assert found["collections"]["records"]["freeform"] is True
    assert found["capabilities"]["features"]["backup"]["support"] == "native"
    assert found["health"]["read_only"] is True
    text = run("info").out
    for word in ("sqlite", "documents", "records", "free-form", "searchable", "title, content", "KiB"):
        assert word in text
    assert run("info", "--storage", "memory://", "--json").json["collections"] == {}
    assert "no collections yet" in run("info", "--storage", "memory://").out


def test_backup_and_restore(run, filled, tmp_path: Path) -> None:
    """A copy with its manifest, from which a database is made again; nothing there is overwritten unasked."""
    copy, other = tmp_path / "copy.db", tmp_path / "other.db"
    made = run("backup", copy, "--json").json
    assert made["manifest"]["collections"]["documents"]["rows"] == 5
    again = run("backup", copy)
    assert again.code == 1
    assert "exists" in again.complaint
    assert "documents 5" in run("restore", copy, other).out
    assert run("export", "--storage", other).out == run("export").out
    refused = run("restore", copy, other)
    assert refused.code == 1
    assert "--replace" in refused.complaint
    assert run("restore", copy, other, "--replace", "--json").json["manifest"]["replaced"] is True


def test_damaged_backups_are_refused(run, filled, tmp_path: Path) -> None:
    """Exit code 5, and no database is made."""
    copy, other = tmp_path / "copy.db", tmp_path / "other.db"
    run("backup", copy)
    content = bytearray(copy.read_bytes())
    content[5000] ^= 1
    copy.chmod(0o600)
    copy.write_bytes(content)
    result = run("restore", copy, other)
    assert result.code == 5
    assert "SHA-256" in result.complaint
    assert not other.exists()
    assert run("restore", tmp_path / "nowhere.db", other).code == 1


def test_check(run, filled, tmp_path: Path) -> None:
    """A sound database is said to be; of a damaged one the findings are given, with exit code 5."""
    assert run("check").out == "sound\n"
    assert run("check", "--json").json == {"sound": True, "problems": []}
    path = tmp_path / "test.db"
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    for start in range(2 * page, len(content), page):
        content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    result = run("check", "--json")
    assert result.code == 5
    assert result.out == "" or result.json["problems"]
    (tmp_path / "text.db").write_text("this is no database, whatever its name says" * 100)
    assert run("check", "--storage", tmp_path / "text.db").code == 5


def test_vacuum(run, filled, url: str) -> None:
    """Space is given back, and the sizes before and after are told."""
    done = run("vacuum", "--full", "--json").json
    assert done["bytes_after"] <= done["bytes_before"]
    assert " before, " in run("vacuum").out


def test_what_the_engine_cannot_do_is_said(run, tmp_path: Path) -> None:
    """Memory has no file to copy."""
    result = run("backup", tmp_path / "x.db", "--storage", "memory://")
    assert result.code == 1
    assert "memory" in result.complaint
