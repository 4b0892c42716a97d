"""Migrations as values and files: versions, checksums, discovery, new files, and drift."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pytest

from torematrix.core.storage import (
    AddField,
    AddIndex,
    Big,
    ConfigurationError,
    ConvertField,
    Drift,
    Index,
    Migration,
    MigrationHistory,
    MigrationManager,
    MigrationPlan,
    MigrationStatus,
    RenameField,
    Searchable,
    Storage,
    Transform,
    Unique,
)


@pytest.mark.parametrize("version", ["", "1a", "-1", "v1", "1.0", " 1", "\uff11", "1" * 19, 1, None])
def test_versions_that_are_none(version: Any) -> None:
    with pytest.raises(ConfigurationError):
        MigrationManager().register_migration(Migration(version, "", []))


def test_numbers_follow_each_other() -> None:
    """Two of the same number and a gap are refused; dates may leave numbers out, and any number may be the first."""
    with pytest.raises(ConfigurationError, match="two migrations"):
        MigrationManager([Migration("001"), Migration("1")])
    with pytest.raises(ConfigurationError, match="missing between 001 and 003"):
        MigrationManager([Migration("003"), Migration("001")])
    dated = MigrationManager([Migration("20261130"), Migration("20250101")])
    assert [each.version for each in dated.migrations] == ["20250101", "20261130"]
    assert len(MigrationManager([Migration("007"), Migration("008")]).migrations) == 2
    with pytest.raises(ConfigurationError):
        MigrationManager().register_migration(object())  # type: ignore[arg-type]


def doubled(value: int) -> int:
    return value * 2


def tripled(value: int) -> int:
    return value * 3


def test_a_checksum_is_of_what_is_done() -> None:
    """Not of how it is described; a function counts by its source."""
    base = Migration("001", "a", [ConvertField("n", int, doubled)]).checksum
    assert Migration("002", "b", [ConvertField("n", int, doubled)]).checksum == base
    others = [
        Migration("001", "a", [ConvertField("n", int, tripled)]),
        Migration("001", "a", [ConvertField("n", float, doubled)]),
        Migration("001", "a", [ConvertField("m", int, doubled)]),
        Migration("001", "a", [ConvertField("n", int, doubled), AddIndex("n")]),
        Migration("001", "a", [ConvertField("n", int, lambda value: value * 2)]),
        Migration("001", "a", [ConvertField("n", int, eval("lambda value: value + 2"))]),
        Migration("001", "a", [ConvertField("n", int, eval("lambda value: value + 3"))]),
    ]
    assert len({base, *(each.checksum for each in others)}) == len(others) + 1


CODE = '''
from torematrix.core.storage import AddField, Migration, Transform

class First(Migration):
    """Says what it is."""
    version = "001"
    description = "first"
    steps = (AddField("more", int, 1), Transform(lambda thing: {**thing}))

class Helper(Migration):
    """No migration by itself: it has no version."""

second = Migration("002", "second", [AddField("most", int, 2)])
'''


def test_discovered_in_a_folder(tmp_path: Path) -> None:
    """Classes with a version and objects; the layout of a file does not matter to its checksum, what it does does."""
    (tmp_path / "001_first.py").write_text(CODE)
    (tmp_path / "notes.txt").write_text("not Python")
    found = MigrationManager().discover(tmp_path)
    assert [(each.version, each.description) for each in found] == [("001", "first"), ("002", "second")]
    spaced = CODE.replace("{**thing}", "{ **thing  },  # as it was\n    ").replace("first", "the first")
    (tmp_path / "001_first.py").write_text(spaced)
    again = MigrationManager().discover(tmp_path)
    assert [each.checksum for each in again] == [each.checksum for each in found]
    (tmp_path / "001_first.py").write_text(CODE.replace("{**thing}", "{**thing, 'more': 2}"))
    changed = MigrationManager().discover(tmp_path)
    assert changed[0].checksum != found[0].checksum
    assert changed[1].checksum == found[1].checksum


def test_discovered_in_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "app_migrations"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "m001.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    manager = MigrationManager()
    assert len(manager.discover("app_migrations")) == 2
    assert len(MigrationManager().discover(sys.modules["app_migrations"])) == 2


def test_places_without_migrations(tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere", "no_such_package", "../x"):
        with pytest.raises(ConfigurationError, match="there is no"):
            MigrationManager().discover(place)
    (tmp_path / "bad.py").write_text("1 +")
    with pytest.raises(ConfigurationError, match=r"bad\.py cannot be imported: SyntaxError"):
        MigrationManager().discover(tmp_path)


@dataclass
class Old:
    name: Annotated[str, Searchable()]
    pages: int
    email: Annotated[str | None, Unique()] = None
    born: date | None = None
    tags: list[str] = field(default_factory=list)
    id: str | None = None


@dataclass
class New:
    title: Annotated[str, Searchable()]
    pages: str
    owner: str
    weight: Annotated[int, Big()] = 0
    language: Annotated[str, Index()] = 'the "first"'
    email: str | None = None
    tags: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    id: str | None = None


def test_drift_and_the_file_it_becomes(tmp_path: Path) -> None:
    """What differs is told in words and as steps; what is for a person to decide is marked; the file can be run."""
    with Storage.open("memory://") as storage:
        old = storage.repository(Old, "things")
        new = storage.repository(New, "things")
        manager = MigrationManager()
        assert "no such collection" in str(manager.diff(new))
        old.create(Old("a", 1, id="a"))
        assert not manager.diff(old)
        drift: Drift = manager.diff(new)
        assert drift.needs_migration
        assert set(drift.source) == {
            'DropUnique("email"),',
            'ConvertField("pages", str, lambda value: ..., lambda value: ...),  # TODO',
            'AddField("title", str, function=lambda entity: ...),  # TODO: its value',
            'AddField("owner", str, function=lambda entity: ...),  # TODO: its value',
            'AddField("weight", Annotated[int, Big()], 0),',
            'AddField("language", str, "the \\"first\\""),',
            'AddField("parts", list[str], []),',
            'DropField("name"),  # TODO: give it a `value` if there is to be a way back',
            'DropField("born"),',
            'AddIndex("language"),',
            'AddSearchable("title"),',
        }
        path = manager.new(tmp_path / "made", "Things' titles: new", drift=drift)
        assert path.name == "001_things_titles_new.py"
        text = path.read_text()
        for todo, done in (
            ("lambda value: ..., lambda value: ...", "str, int"),
            (
                '"title", str, function=lambda entity: ...',
                '"title", str, function=lambda entity: entity["name"]',
            ),
            ('"owner", str, function=lambda entity: ...', '"owner", str, "nobody"'),
            ('DropField("name")', 'DropField("name", "?")'),
        ):
            assert todo in text
            text = text.replace(todo, done)
        path.write_text(text)
        (written,) = manager.discover(tmp_path / "made")
        assert written.description == "Things' titles: new"
        plan: MigrationPlan = manager.plan(new)
        assert len(plan.migrations) == 1
        (record,) = manager.migrate(new)
        assert isinstance(record, MigrationHistory)
        assert new.get("a") == New("a", "1", "nobody", id="a")
        assert not manager.diff(new)
        (status,) = manager.status(new)
        assert isinstance(status, MigrationStatus)
        assert manager.new(tmp_path / "made", "next").name == "002_next.py"
        with pytest.raises(ConfigurationError, match="there already"):
            manager.new(tmp_path / "made", "next")
        for nothing in ("", "…", "a\nb"):
            with pytest.raises(ConfigurationError, match="describe in a line"):
                manager.new(tmp_path, nothing)


@dataclass
class Renamed:
    name: Annotated[str, Searchable()]
    count: int
    email: Annotated[str | None, Unique()] = None
    born: date | None = None
    tags: list[str] = field(default_factory=list)
    id: str | None = None


def test_a_rename_is_guessed() -> None:
    with Storage.open("memory://") as storage:
        storage.repository(Old, "things").ready()
        drift = MigrationManager().diff(storage.repository(Renamed, "things"))
        assert drift.source == ('RenameField("pages", "count"),  # TODO: or drop the one and add the other',)


def test_free_form_and_declared() -> None:
    with Storage.open("memory://") as storage:
        storage.repository(dict, "things").ready()
        drift = MigrationManager().diff(storage.repository(Old, "things"))
        assert "Transform(lambda entity: entity, to=Old)" in drift.source[0]


def test_a_class_from_before_does_not_bring_fields_back() -> None:
    """Its field has a default, so it could be added by itself; a migration has taken it away."""
    with Storage.open("memory://") as storage:
        storage.repository(Old, "things").create(Old("a", 1, id="a"))
        new = storage.repository(Renamed, "things")
        manager = MigrationManager([Migration("001", "", [RenameField("born", "day")])])
        manager.migrate(new)
        with pytest.raises(ConfigurationError, match="dropped or renamed the field 'born'"):
            storage.repository(Old, "things").count()
        assert "born" not in storage.collections()["things"]["fields"]
        manager.register_migration(Migration("002", "", [AddField("born", date | None)]))
        manager.migrate(new)
        assert storage.repository(Old, "things").count() == 1


def test_a_coroutine_needs_the_other_manager() -> None:
    class Awaited(Migration):
        version = "001"

        async def up(self, repository: Any) -> None:
            raise AssertionError

    with Storage.open("memory://") as storage:
        repository = storage.repository(Old, "things")
        repository.create(Old("a", 1))
        with pytest.raises(ConfigurationError, match="AsyncMigrationManager"):
            MigrationManager([Awaited()]).migrate(repository)
        with pytest.raises(ConfigurationError, match="cannot be `async`"):
            MigrationManager([Migration("001", "", [AddField("x", int, function=_awaited)])]).migrate(
                repository
            )
        assert MigrationManager([Awaited()]).history(repository) == []


async def _awaited(thing: dict[str, Any]) -> int:
    return len(thing)


def test_a_transform_sees_python_values() -> None:
    seen: list[dict[str, Any]] = []

    def look(thing: dict[str, Any]) -> dict[str, Any]:
        seen.append(thing)
        return thing

    with Storage.open("memory://") as storage:
        repository = storage.repository(Old, "things")
        repository.create(Old("a", 1, born=date(2024, 2, 29), tags=["x"], id="a"))
        MigrationManager([Migration("001", "", [Transform(look)])]).migrate(repository)
    assert seen == [
        {"id": "a", "name": "a", "pages": 1, "email": None, "born": date(2024, 2, 29), "tags": ["x"]}
    ]
