"""Exports: complete, whole or not at all, and readable by an import."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest


@pytest.fixture
def filled(run, people: Path) -> None:
    run("import", people, "-c", "people", "--index", "born:int")


def test_formats(run, filled) -> None:
    """JSON lines by default, a JSON array, or CSV with a column for each field that any entity has."""
    lines = [json.loads(line) for line in run("export").out.splitlines()]
    assert [line["id"] for line in lines] == ["ada", "alan", "grace"]
    assert json.loads(run("export", "--format", "json").out) == lines
    rows = list(csv.DictReader(io.StringIO(run("export", "--format", "csv").out)))
    assert [row["id"] for row in rows] == ["ada", "alan", "grace"]
    assert rows[0] | {"about": ""} == {
        "id": "ada",
        "about": "",
        "born": "1815",
        "name": "Ada",
        "tags": '["maths","poetry"]',
        "x.y": "",
    }


def test_filters_and_order(run, filled) -> None:
    """What is asked for, in the order asked for; nothing is an empty export and no failure."""
    out = run("export", "-f", "born>1900", "-s", "-born").out
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["alan", "grace"]
    assert run("export", "-f", "born>2000").out == ""
    assert json.loads(run("export", "-f", "born>2000", "--format", "json").out) == []
    assert run("export", "-f", "born>2000", "--format", "csv").out == "id\n"


@pytest.mark.parametrize("name", ["people.jsonl", "people.json", "people.csv"])
def test_what_was_exported_can_be_imported(run, filled, tmp_path: Path, name: str) -> None:
    """Into another database, under the same ids; CSV as text."""
    path = tmp_path / "out" / name
    path.parent.mkdir()
    result = run("export", "-o", path, "--json")
    assert result.json == {
        "collection": "people",
        "format": name.partition(".")[2],
        "file": str(path),
        "count": 3,
    }
    other = f"sqlite:///{tmp_path}/other.db"
    assert run("import", path, "-c", "people", "--storage", other, "--index", "born:int").code == 0
    before = run("export").out
    after = run("export", "--storage", other).out
    if name.endswith("csv"):
        assert json.loads(after.splitlines()[0])["born"] == 1815
    else:
        assert after == before


def test_a_file_appears_whole_or_not_at_all(run, filled, tmp_path: Path) -> None:
    """A failed export leaves the file that was there, and no other; a good one keeps its mode."""
    path = tmp_path / "out.csv"
    path.write_text("precious")
    path.chmod(0o600)
    assert run("export", "-f", "nonsense", "-o", path).code == 2
    assert run("export", "-s", "about", "-o", path).code == 2
    assert path.read_text() == "precious"
    assert "3 entities" in run("export", "-o", path).out
    assert path.read_text().startswith("id,")
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(item.name for item in tmp_path.iterdir() if item.name.startswith(".")) == []


def test_targets_that_cannot_be(run, filled, tmp_path: Path) -> None:
    """A folder, a folder that is not there, and --json without a file are refused in one line."""
    assert run("export", "-o", tmp_path).code == 2
    missing = run("export", "-o", tmp_path / "nowhere" / "x.json")
    assert missing.code == 1
    assert "nowhere" in missing.complaint
    assert run("export", "--json").code == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk(run, filled) -> None:
    """Is told in one line."""
    result = run("export", "-o", "/dev/full")
    assert result.code == 1
    assert "space" in result.complaint.lower()


def test_documents_round_trip(run, corpus: Path, tmp_path: Path) -> None:
    """Documents of files are exported with all their fields."""
    run("import", corpus)
    exported = [json.loads(line) for line in run("export", "-s", "path").out.splitlines()]
    assert [Path(item["path"]).name for item in exported] == sorted(
        ["tea.md", "coffee.txt", "guide.rst", "brew.py", "empty.rst"],
        key=lambda name: str(next(corpus.rglob(name))),
    )
    assert exported[0]["content"] == Path(exported[0]["path"]).read_text(encoding="utf-8")
