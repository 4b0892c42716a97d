"""Care of a database: space given back, damage found, sizes told."""

import dataclasses
import os
from typing import Annotated

import apsw
import pytest

from torematrix.core.storage import Storage
from torematrix.core.storage.backends.sqlite.admin import check, health, restore, statistics, vacuum
from torematrix.core.storage.backends.sqlite.config import Durability, SQLiteConfig
from torematrix.core.storage.errors import PermissionDeniedError, UnavailableError
from torematrix.core.storage.model.markers import Index, Searchable


@dataclasses.dataclass
class Page:
    text: Annotated[str, Searchable()]
    number: Annotated[int, Index()]
    tags: list[str]
    id: str | None = None


def problems(database):
    with database.pool.reading(None) as connection:
        return check(connection)


@pytest.mark.parametrize("full", [False, True])
def test_vacuum_shrinks_the_file(open_database, tmp_path, full):
    """What deleted rows took is given back to the file system; nothing else changes."""
    database = open_database().create(rows=3000)
    database.delete(where="seq % 3 <> 0")
    before = database.query("SELECT count(*), sum(seq) FROM notes")
    result = vacuum(database, full=full)
    assert result["full"] is full
    assert result["auto_vacuum"] == "incremental"
    assert result["free_pages_before"] > 0
    assert result["free_pages_after"] == 0
    assert result["bytes_after"] == (tmp_path / "app.db").stat().st_size < result["bytes_before"]
    assert database.query("SELECT count(*), sum(seq) FROM notes") == before
    assert problems(database) == []


def test_vacuum_in_steps(open_database, monkeypatch):
    """Many short transactions do what one long one would, a reader with an old state notwithstanding."""
    monkeypatch.setattr("torematrix.core.storage.backends.sqlite.admin._PAGES", 3)
    database = open_database(busy_timeout=0.05).create(rows=1000)
    database.delete()
    reader = database.pool.take_reader()
    reader.execute("BEGIN")
    rows = reader.execute("SELECT count(*) FROM notes").fetchall()
    assert vacuum(database, full=False)["free_pages_after"] == 0
    assert reader.execute("SELECT count(*) FROM notes").fetchall() == rows
    reader.execute("ROLLBACK")
    database.pool.give_back(reader, writes=False)
    after = vacuum(database, full=False)
    assert after["bytes_after"] < after["bytes_before"]


def test_a_full_vacuum_makes_the_next_ones_incremental(open_database, tmp_path):
    """A file that was made otherwise does not shrink by itself, and says so."""
    apsw.Connection(str(tmp_path / "app.db")).execute("CREATE TABLE other (x)")
    database = open_database().create(rows=2000)
    database.delete()
    result = vacuum(database, full=False)
    assert result["auto_vacuum"] == "none"
    assert result["free_pages_after"] == result["free_pages_before"] > 0
    result = vacuum(database, full=True)
    assert result["auto_vacuum"] == "incremental"
    assert result["free_pages_after"] == 0


@pytest.mark.parametrize("full", [False, True])
def test_vacuum_in_memory(open_database, full):
    """Works too; without full there is nothing it could give back to."""
    database = open_database(":memory:").create(rows=2000)
    database.delete()
    result = vacuum(database, full=full)
    assert (result["bytes_after"] < result["bytes_before"]) is full
    assert problems(database) == []


def test_vacuum_waits_for_its_turn(open_database):
    """A transaction that does not end in time is not broken into."""
    database = open_database(busy_timeout=0.05).create()
    with database.pool.writing(None), pytest.raises(UnavailableError):
        vacuum(database, full=True)
    vacuum(database, full=True)


def test_vacuum_of_a_database_open_read_only(open_database):
    """Is refused in our own words."""
    open_database().create().close()
    with pytest.raises(PermissionDeniedError, match="read-only"):
        vacuum(open_database(read_only=True), full=False)


@pytest.mark.parametrize("where", ["file", "memory"])
def test_a_sound_database(open_database, where):
    """Nothing is found in it."""
    database = open_database(":memory:") if where == "memory" else open_database()
    assert problems(database) == []
    assert problems(database.create(rows=100)) == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "{'a': 1}"])
def test_documents_that_are_no_json_objects(open_database, text):
    """Are counted, and the first is named by its place; their text is not shown."""
    database = open_database().create(rows=10)
    database.execute("PRAGMA ignore_check_constraints = 1")
    with database.pool.writing(None) as connection:
        connection.pragma("ignore_check_constraints", True)
        connection.execute("UPDATE notes SET data = ? WHERE seq IN (4, 6)", (text,))
        connection.pragma("ignore_check_constraints", False)
    found = problems(database)
    assert (
        found[-1] == "collection 'notes': the document of 2 rows is not a JSON object, first where seq is 4"
    )


def test_a_missing_table(open_database):
    """A collection that the library's own table names has to be there."""
    database = open_database().create()
    database.execute("DROP TABLE notes")
    (found,) = problems(database)
    assert "'notes' is not there" in found


def test_a_damaged_search_index(open_database):
    """Is found without a writer."""
    database = open_database().create(rows=500)
    with database.pool.writing(None) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.execute('UPDATE "notes$search_data" SET block = zeroblob(20) WHERE id > 100')
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    assert any("notes$search" in text for text in problems(database))


@pytest.mark.parametrize("page", [1, 5, 60, 150])
def test_damaged_pages(open_database, tmp_path, page):
    """Whatever page it is, something is found, and nothing is raised."""
    open_database().create(rows=2000).close()
    with (tmp_path / "app.db").open("r+b") as file:
        file.seek(4096 * page)
        file.write(os.urandom(4096))
    assert problems(open_database())


def test_statistics(open_database, tmp_path):
    """Sizes are those of the files; a collection's bytes include its indexes and its search index."""
    database = open_database().create(rows=1000, size=400).create("small", rows=3).create("small_er", rows=1)
    with database.pool.reading(None) as connection:
        found = statistics(connection, database.config)
    assert found["bytes"] == (tmp_path / "app.db").stat().st_size
    assert found["wal_bytes"] == (tmp_path / "app.db-wal").stat().st_size > 0
    assert found["page_size"] == 4096
    notes, small = found["collections"]["notes"], found["collections"]["small"]
    assert notes["rows"] == 1000
    assert notes["indexes"] == ["notes_amount", "sqlite_autoindex_notes_1"]
    assert 1000 * 400 < notes["bytes"] < found["page_count"] * 4096
    assert 5 * 4096 <= small["bytes"] <= 10 * 4096
    assert sum(each["bytes"] for each in found["collections"].values()) <= found["page_count"] * 4096


def test_statistics_in_memory(open_database):
    """There is no WAL, and the size is that of the pages."""
    database = open_database(":memory:").create(rows=10)
    with database.pool.reading(None) as connection:
        found = statistics(connection, database.config)
    assert found["wal_bytes"] == 0
    assert found["bytes"] == found["page_size"] * found["page_count"]


@pytest.mark.parametrize(("durability", "told"), [(Durability.DURABLE, "full"), (Durability.FAST, "normal")])
def test_health(open_database, durability, told):
    """What a write is kept with, as configured and as the writing connection has it."""
    database = open_database(durability=durability).create()
    with database.pool.reading(None) as connection:
        found = health(connection, database.config)
    assert found == {
        "ok": True,
        "version": apsw.sqlite_lib_version(),
        "journal_mode": "wal",
        "synchronous": told,
        "read_only": False,
    }
    with database.pool.writing(None) as connection:
        assert connection.pragma("synchronous") == {"full": 2, "normal": 1}[told]


def test_health_in_memory(open_database):
    """Says that nothing is kept."""
    database = open_database(":memory:").create()
    with database.pool.reading(None) as connection:
        found = health(connection, database.config)
    assert (found["journal_mode"], found["synchronous"]) == ("memory", "off")


def test_through_a_storage(tmp_path):
    """All of it, on the tables that the library makes itself."""
    copy, target = tmp_path / "copy.db", tmp_path / "restored.db"
    with Storage.open(f"sqlite:///{tmp_path / 'app.db'}") as storage:
        pages = storage.repository(Page)
        made = pages.bulk_create([Page(f"common word{n} " + "filler " * 50, n, ["a"]) for n in range(500)])
        pages.bulk_delete([page.id for page in made[:400]])
        done = []
        manifest = storage.backup(copy, progress=lambda part, whole: done.append((part, whole)))
        assert done[-1][0] == done[-1][1] == manifest["bytes"]
        assert manifest["collections"]["pages"]["rows"] == 100
        assert storage.check() == []
        assert storage.vacuum()["free_pages_after"] == 0
        assert storage.vacuum(full=True)["free_pages_after"] == 0
        found = storage.statistics()
        assert found["collections"]["pages"]["rows"] == 100
        assert any("number" in name for name in found["collections"]["pages"]["indexes"])
        # Next to everything in the file belongs to the only collection.
        assert found["page_count"] * 0.8 < found["collections"]["pages"]["bytes"] / 4096 < found["page_count"]
        assert storage.health()["ok"] is True
        pages.delete(made[450].id)
    restore(copy, target)
    with Storage.open(f"sqlite:///{target}") as storage:
        pages = storage.repository(Page)
        assert pages.get(made[450].id) == made[450]
        assert pages.search("word450") == [made[450]]
        assert pages.search("word3") == []
        assert storage.check() == []


def test_automatic_backups_of_a_storage(tmp_path):
    """A storage with a backup folder makes what is due, and stops when it is closed, whatever state that is in."""
    folder = tmp_path / "backups"
    config = SQLiteConfig(
        database_path=str(tmp_path / "app.db"), backup_folder=str(folder), backup_interval=0.001
    )
    with Storage(config) as storage:
        storage.repository(Page).create(Page("text", 1, []))
        schedule = storage._engine.driver._backups
    assert not schedule._thread.is_alive()
    assert schedule.last_error is None
    if folder.exists():
        assert not [path for path in folder.iterdir() if path.suffix == ".tmp"]
