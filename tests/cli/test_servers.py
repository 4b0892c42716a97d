"""The commands on servers: the same as on a file, but for what a server has programs of its own for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest


@pytest.fixture(params=["postgresql", "postgresql_icu", "mongodb"])
def url(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> str:
    """Where the database of a test is; nothing is there yet."""
    return new_database("{" + request.param + "}")


@pytest.fixture
def filled(run, corpus: Path, people: Path) -> None:
    assert run("import", corpus).code == 0
    options = ["--searchable", "name:3", "--searchable", "about", "--index", "born:int"]
    assert run("import", people, *options).code == 0


def test_import(run, corpus: Path, people: Path) -> None:
    """Files and records are stored once, updated when they have changed, and passed over when not."""
    assert run("import", corpus, "--json").json["created"] == 5
    again = run("import", corpus, "--json").json
    assert (again["created"], again["unchanged"]) == (0, 5)
    (corpus / "tea.md").write_text("# On tea\n\nOolong, for once.\n")
    assert run("import", corpus, "--json").json["updated"] == 1
    assert run("import", people, "--json").json["created"] == 3
    people.write_text('{"id": "bad", "x": 1e999}\n{"id": "good"}\n')
    partly = run("import", people, "--json")
    assert (partly.code, partly.json["created"], partly.json["skipped"]) == (4, 1, 1)


def test_list_and_get(run, filled) -> None:
    """Filters, sorts, pages by number and by cursor."""
    listed = run("list", "-c", "records", "--sort", "-born", "--json").json
    assert [item["id"] for item in listed["items"]] == ["alan", "grace", "ada"]
    page = run("list", "-c", "records", "--sort", "born", "--limit", "2", "--json").json
    after = run("list", "-c", "records", "--sort", "born", "--after", page["next"], "--json").json
    assert [item["id"] for item in after["items"]] == ["alan"]
    filtered = run("list", "-c", "records", "--filter", "born between 1900,1910", "--json").json
    assert [item["id"] for item in filtered["items"]] == ["grace"]
    assert "1 of 1 in documents" in run("list", "--filter", "kind==python").out
    assert run("get", "grace", "-c", "records", "--json").json["x.y"] is None
    assert run("get", "nobody", "-c", "records").code == 3
    assert run("list", "-c", "records", "--filter", "born==x").code == 2
    assert run("list", "-c", "records", "--after", "forged").code == 2
    assert run("list", "-c", "nothing").code == 3


def test_search_and_count(run, filled) -> None:
    """The words are found, most relevant first, and marked; groups are counted."""
    found = run("search", "-c", "records", "engine", "--json").json
    assert {item["entity"]["id"] for item in found["items"]} == {"ada", "grace"}
    assert "tea.md" in run("search", "-c", "documents", "green", "tea").out
    assert run("count", "-c", "records", "--filter", "tags contains maths", "--json").json["count"] == 2
    counted = run("count", "--by", "kind", "-c", "documents", "--json").json["counts"]
    assert sum(group["count"] for group in counted) == 5


def test_export_and_explain(run, filled, tmp_path: Path) -> None:
    """Everything comes out as it went in; an index is told from reading every row."""
    lines = run("export", "-c", "records", "--sort", "born").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["ada", "grace", "alan"]
    file = tmp_path / "people.csv"
    assert run("export", "-c", "records", "--output", file, "--json").json["count"] == 3
    assert file.read_text().startswith("id,")
    assert "uses an index" in run("explain", "list", "-c", "records", "--filter", "born>1900").out
    assert (
        run("explain", "count", "-c", "records", "--filter", "name==Ada", "--json").json["uses_index"]
        is False
    )


def test_info(run, filled, url: str) -> None:
    """The engine, its collections and what it does not do."""
    found = run("info", "--json").json
    assert found["backend"] == urlsplit(url).scheme
    assert set(found["collections"]) == {"documents", "records"}
    text = run("info").out
    for word in (found["version"], "documents", "free-form", "born", "backup", "refused"):
        assert word in text


def test_looking_after(run, filled, tmp_path: Path, url: str) -> None:
    """Space is given back; what a server has its own programs for is refused, and they are named."""
    assert run("vacuum").code == 0
    refused = run("backup", tmp_path / "copy.db")
    assert refused.code == 1
    assert re.search("pg_dump|mongodump", refused.complaint)
    checked = run("check")
    assert checked.out == "sound\n" if checked.code == 0 else "pg_amcheck" in checked.complaint
    refused = run("restore", tmp_path / "copy.db", url)
    assert refused.code == 2
    assert "pg_restore or mongorestore" in refused.complaint
    assert list(tmp_path.glob("*.db")) == []


def test_no_password_is_shown(run, url: str) -> None:
    """Not by a command that works, not by one that fails, not where the URL itself is wrong."""
    parts = urlsplit(url)
    for place in ("127.0.0.1:1", "127.0.0.1:x", "127.0.0.1:1/a/b"):
        wrong = urlunsplit(parts._replace(netloc=f"app:s3cr3t@{place}", path="/x", query="connect_timeout=1"))
        for address in (
            f"{wrong}&pool_timeout=1",
            wrong.replace("://", ":"),
            wrong.replace("@", "#"),
            wrong.replace("@", "/@"),
        ):
            failed = run("info", "--storage", address)
            assert failed.code in (1, 2)
            assert failed.complaint
            assert "s3cr3t" not in failed.out + failed.err
    if parts.scheme == "postgresql":  # whose test server trusts everybody
        known = urlunsplit(parts._replace(netloc=f"postgres:s3cr3t@{parts.netloc.rpartition('@')[2]}"))
        assert "s3cr3t" not in run("info", "--storage", known).out


def test_nothing_is_there(run) -> None:
    """An empty database has no collections, which is told."""
    assert "no collections yet" in run("info").out
    assert "import something" in run("list").complaint


def test_as_a_process(process, filled) -> None:
    """What client libraries log does not reach the terminal."""
    for command in (["count", "-c", "records"], ["vacuum"]):
        out, err = process(*command).communicate(timeout=60)
        assert out
        assert err == b""
