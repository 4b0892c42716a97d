"""migrate: status, plan, up, down, new and diff, on a folder of migrations."""

from __future__ import annotations

from pathlib import Path

import pytest

from torematrix.core.storage import Storage

ENTITIES = """
from dataclasses import dataclass

@dataclass
class Old:
    name: str
    pages: str = "0"
    id: str | None = None

@dataclass
class New:
    title: str
    pages: int = 0
    id: str | None = None
"""
MIGRATIONS = """
from torematrix.core.storage import ConvertField, Migration, RenameField

first = Migration("001", "titles", [RenameField("name", "title")])
second = Migration("002", "numbers", [ConvertField("pages", int, int, str)])
"""


@pytest.fixture
def app(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch):
    """A folder with entities, migrations, and a filled database; its classes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = f"entities_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(ENTITIES)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "first.py").write_text(MIGRATIONS)
    module = __import__(name)
    with Storage.open(url) as storage:
        storage.repository(module.Old, "things").bulk_create([module.Old("a", "1"), module.Old("b", "2")])
    return module


def test_there_and_back(run, app, url: str) -> None:
    """Planned, carried out up to a version, then all, shown, and taken back."""
    assert [each["state"] for each in run("migrate", "status", "--json").json] == ["pending", "pending"]
    assert "rename the field 'name' to 'title'" in run("migrate", "plan").out
    assert run("migrate", "up", "--to", "001", "--json").json == [{"version": "001", "description": "titles"}]
    assert "up 002 numbers" in run("migrate", "up").out
    assert run("migrate", "up").out == "nothing to do\n"
    with Storage.open(url) as storage:
        assert [thing.pages for thing in storage.repository(app.New, "things").list()] == [1, 2]
    assert "applied" in run("migrate", "status", "--collection", "things").out
    assert "torematrix_migrations" not in run("info").out
    assert "take back: convert" in run("migrate", "plan", "--down").out
    assert "down 002" in run("migrate", "down").out
    assert [each["state"] for each in run("migrate", "status", "--json").json] == ["applied", "pending"]
    assert "down 001" in run("migrate", "down", "--to", "000").out
    with Storage.open(url) as storage:
        assert [thing.pages for thing in storage.repository(app.Old, "things").list()] == ["1", "2"]


def test_differences_and_new_files(run, app, tmp_path: Path) -> None:
    """The class is compared with the collection, and the migration written; exit code 1 where it does not fit."""
    name = app.__name__
    found = run("migrate", "diff", "--class", f"{name}:New", "--write", "as declared")
    assert found.code == 1
    assert "the field 'pages' is of another type" in found.out
    assert (tmp_path / "migrations" / "003_as_declared.py").exists()
    assert run("migrate", "diff", "--class", f"{name}:Old").out == "things: no difference\n"
    made = run("migrate", "new", "something else", "--folder", "elsewhere")
    assert made.out.strip() == "elsewhere/001_something_else.py"
    assert "AddField" in (tmp_path / "elsewhere" / "001_something_else.py").read_text()


def test_what_was_applied_has_changed(run, app, tmp_path: Path) -> None:
    run("migrate", "up")
    file = tmp_path / "migrations" / "first.py"
    file.write_text(MIGRATIONS.replace('"title"', '"heading"'))
    found = run("migrate", "status")
    assert found.code == 1
    assert "changed" in found.out
    refused = run("migrate", "up")
    assert refused.code == 1
    assert "001 is not the one that was applied" in refused.complaint


def test_mistakes(run, app, tmp_path: Path) -> None:
    for arguments, code, said in (
        (["migrate", "up", "--folder", "nowhere"], 3, "no folder 'nowhere'"),
        (["migrate", "up", "--to", "latest"], 1, "text of 1 to 18 digits"),
        (["migrate", "diff", "--class", "nonsense"], 2, "MODULE:CLASS"),
        (["migrate", "diff", "--class", "no_such_module:X"], 2, "there is no"),
        (["migrate", "status", "--storage", f"sqlite:///{tmp_path}/none.db"], 3, "no database"),
        (
            ["migrate", "up", "--collection", "others", "--storage", f"sqlite:///{tmp_path}/none.db"],
            3,
            "no database",
        ),
        (["migrate", "status", "--collection", "others", "--to"], 2, "see"),
    ):
        result = run(*arguments)
        assert result.code == code, (arguments, result.err)
        assert said in result.complaint
    assert not (tmp_path / "none.db").exists()
    assert run("migrate", "up", "--collection", "others").code == 0
    assert "Migrate a collection" in run("migrate", "--help").out
