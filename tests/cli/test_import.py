"""What is imported, what is passed over, and what a second import does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from torematrix.core.storage import Storage
from torematrix.core.storage.cli.texts import Document, document_id


def imported(url: str) -> dict[str, Document]:
    with Storage.open(url) as storage:
        return {Path(item.path).name: item for item in storage.repository(Document, "documents").list()}


def counts(report: dict[str, Any]) -> tuple[int, int, int, int]:
    return report["created"], report["updated"], report["unchanged"], report["skipped"]


def test_each_text_file_is_a_document(run, url: str, corpus: Path) -> None:
    """With its path, title, kind, content, size, lines and time; hidden files, version control and images are not."""
    result = run("import", corpus, "--json")
    assert result.code == 0
    assert result.err == ""
    assert counts(result.json) == (5, 0, 0, 0)
    assert result.json["passed_over"] == 3
    found = imported(url)
    assert sorted(found) == ["brew.py", "coffee.txt", "empty.rst", "guide.rst", "tea.md"]
    tea = found["tea.md"]
    assert tea.title == "On tea"
    assert tea.kind == "markdown"
    assert tea.content == (corpus / "tea.md").read_text()
    assert tea.size == (corpus / "tea.md").stat().st_size
    assert tea.lines == 3
    assert tea.path == str(corpus / "tea.md")
    assert tea.modified is not None
    assert tea.modified.timestamp() == pytest.approx((corpus / "tea.md").stat().st_mtime, abs=1e-5)
    assert (found["brew.py"].title, found["brew.py"].kind) == ("brew.py", "python")
    assert found["guide.rst"].title == "Brewing guide"
    assert found["empty.rst"].lines == 0


def test_a_second_import_finds_everything(run, url: str, corpus: Path) -> None:
    """What is there and unchanged is passed over, wherever the program is started."""
    run("import", corpus)
    before = imported(url)
    relative = os.path.relpath(corpus)
    assert counts(run("import", relative, corpus / "tea.md", "--json").json) == (0, 0, 5, 0)
    assert imported(url) == before


def test_changed_files_are_updated(run, url: str, corpus: Path) -> None:
    """A changed file is the same document with other content, and keeps the time it was created."""
    run("import", corpus)
    before = imported(url)["tea.md"]
    (corpus / "tea.md").write_text("# More on tea\n\nOolong.\n")
    assert counts(run("import", corpus, "--json").json) == (0, 1, 4, 0)
    after = imported(url)["tea.md"]
    assert (after.id, after.created_at, after.title) == (before.id, before.created_at, "More on tea")
    assert run("search", "oolong", "--json").json["items"]
    assert not run("search", "black", "--json").json["items"]


def test_a_change_that_size_and_time_hide_is_found_by_its_checksum(run, url: str, corpus: Path) -> None:
    """Without --checksum, a file of the same size and time counts as unchanged; with it, its content decides."""
    run("import", corpus)
    path = corpus / "coffee.txt"
    status = path.stat()
    path.write_text(path.read_text().replace("Coffee", "Cacaos"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert counts(run("import", corpus, "--json").json) == (0, 0, 5, 0)
    assert counts(run("import", corpus, "--checksum", "--json").json) == (0, 1, 4, 0)
    assert imported(url)["coffee.txt"].content.startswith("Cacaos")


def test_ids_follow_from_paths() -> None:
    """The same path gives the same id in every version: an import finds what an older program stored."""
    assert document_id("/srv/notes/tea.md") == "a59cee8c-b2b5-5339-ba83-4b0e92a49d2c"
    assert document_id("/srv/notes/tea.md") != document_id("/srv/notes/Tea.md")
    assert document_id("/srv/\udce9") != document_id("/srv/\\udce9")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--include", "*.md"], {"tea.md"}),
        (["--include", "*.md", "--include", "src/*"], {"tea.md", "brew.py", "empty.rst"}),
        (["--exclude", "src"], {"tea.md", "coffee.txt", "guide.rst"}),
        (["--exclude", "*.rst", "--exclude", "src/deep"], {"tea.md", "coffee.txt", "brew.py"}),
        (["--hidden"], {"tea.md", "coffee.txt", "brew.py", "empty.rst", "guide.rst", ".hidden.md"}),
        (["--include", "*.png"], {"image.png"}),
    ],
)
def test_globs_choose(run, url: str, corpus: Path, options: list[str], expected: set[str]) -> None:
    """Patterns without a slash match names, others the path inside the folder; a pattern may ask for anything."""
    assert run("import", corpus, *options).code == 0
    assert set(imported(url)) == expected


def test_a_file_named_by_itself_is_imported(run, url: str, corpus: Path) -> None:
    """Neither its suffix nor a leading dot keeps a file out that was asked for."""
    assert counts(run("import", corpus / ".hidden.md", corpus / "image.png", "--json").json) == (2, 0, 0, 0)


def test_the_database_is_not_imported_into_itself(run, tmp_path: Path, corpus: Path, monkeypatch) -> None:
    """A database without a telling suffix in the folder that is imported is passed over, and so is its WAL."""
    url = f"sqlite:///{corpus}/database"
    for _ in range(2):
        result = run("import", corpus, "--storage", url, "--json")
        assert result.code == 0
        assert result.json["skipped"] == 0


def test_records_of_every_format(run, tmp_path: Path) -> None:
    """JSON arrays, single objects and sequences, JSON lines, CSV and TSV give the same records."""
    expected = [{"a": "1", "b": "x,y"}, {"a": "2", "b": "é\nz"}]
    files = {
        "array.json": json.dumps(expected, indent=2),
        "sequence.json": "\n".join(json.dumps(record) for record in expected),
        "lines.jsonl": "\ufeff" + "\n\n".join(json.dumps(record) for record in expected),
        "comma.csv": 'a,b\r\n1,"x,y"\r\n2,"é\nz"\r\n',
        "semicolon.csv": '\ufeffa;b\n1;x,y\n2;"é\nz"\n',
        "tab.tsv": 'a\tb\n1\tx,y\n2\t"é\nz"\n',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
        collection = name.partition(".")[0]
        report = run("import", tmp_path / name, "-c", collection, "--json")
        assert counts(report.json) == (2, 0, 0, 0), name
        items = run("list", "-c", collection, "--json").json["items"]
        found = sorted(({"a": item["a"], "b": item["b"]} for item in items), key=str)
        assert found == expected, name
        again = run("import", tmp_path / name, "-c", collection, "--json")
        assert counts(again.json) == (0, 0, 2, 0), name


def test_a_single_object_is_one_record(run, tmp_path: Path) -> None:
    """A JSON file that is no array is a record by itself."""
    (tmp_path / "one.json").write_text('{"id": 7, "list": [{"n": 1.0}]}')
    assert run("import", tmp_path / "one.json").code == 0
    assert run("get", "7", "--json").json == {"id": "7", "list": [{"n": 1.0}]}


def test_records_keep_their_ids_and_are_updated(run, people: Path) -> None:
    """The id of a record is its own, so a corrected file corrects the stored records."""
    assert counts(run("import", people, "--json").json) == (3, 0, 0, 0)
    people.write_text(people.read_text().replace("1815", "1816") + '{"id": "edsger", "name": "Edsger"}\n')
    assert counts(run("import", people, "--json").json) == (1, 1, 2, 0)
    assert run("get", "ada", "--json").json["born"] == 1816
    assert run("get", "grace", "--json").json["x.y"] is None


def test_another_field_may_be_the_id(run, tmp_path: Path) -> None:
    """--id-field names it; of two records with one id the later stands; one with another id beside is refused."""
    path = tmp_path / "items.csv"
    path.write_text("sku,price\na1,3\nb2,4\na1,5\n")
    assert counts(run("import", path, "--id-field", "sku", "--json").json) == (2, 1, 0, 0)
    assert run("get", "a1", "--json").json == {"id": "a1", "sku": "a1", "price": "5"}
    path.write_text("sku,id\nc3,other\n")
    result = run("import", path, "--id-field", "sku", "--json")
    assert result.code == 4
    assert "one id only" in result.json["problems"][0]["reason"]


def test_declarations_are_remembered(run, tmp_path: Path) -> None:
    """A typed column of CSV is typed in every later import, and new declarations join the old ones."""
    path = tmp_path / "films.csv"
    path.write_text("title,year,stars,seen\nMetropolis,1927,4.5,yes\nSolaris,1972,,no\n")
    options = [
        "--index",
        "year:int",
        "--index",
        "stars:float",
        "--index",
        "seen:bool",
        "--searchable",
        "title:3",
    ]
    assert counts(run("import", path, "-c", "films", *options, "--json").json) == (2, 0, 0, 0)
    path.write_text(path.read_text() + "Stalker,1979,5,true\n")
    assert counts(run("import", path, "-c", "films", "--index", "title:str", "--json").json) == (1, 0, 2, 0)
    items = run("list", "--sort", "-year", "--json").json["items"]
    assert [(item["year"], item["stars"], item["seen"]) for item in items] == [
        (1979, 5.0, True),
        (1972, None, False),
        (1927, 4.5, True),
    ]
    assert run("search", "stalker", "--json").json["items"][0]["entity"]["year"] == 1979
    description = run("info", "--json").json["collections"]["films"]
    assert sorted(index["paths"][0] for index in description["indexes"]) == ["seen", "stars", "title", "year"]
    assert description["searchable"] == [["title", 3]]


def test_folders_hold_both(run, corpus: Path, people: Path) -> None:
    """Files go to one collection and records to another, unless all are wanted as files or as records."""
    people.rename(corpus / people.name)
    assert counts(run("import", corpus, "--collection", "notes", "--json").json) == (8, 0, 0, 0)
    assert run("count", "-c", "notes", "--json").json["count"] == 5
    assert run("count", "-c", "records", "--json").json["count"] == 3
    assert counts(run("import", corpus, "--as", "files", "--collection", "files", "--json").json) == (
        6,
        0,
        0,
        0,
    )
    assert run("count", "-c", "files", "-f", "kind==json").out == "1\n"
    only = run("import", corpus, "--as", "records", "--collection", "people", "--json")
    assert counts(only.json) == (3, 0, 0, 0)


def test_what_does_not_belong_together_is_refused(run, corpus: Path, people: Path) -> None:
    """Files do not go among records nor records among files, and nothing is lost by trying."""
    run("import", corpus, people)
    assert (
        "holds files" in (text := run("import", people, "-c", "documents").complaint)
        or "declared fields" in text
    )
    assert "holds records" in run("import", corpus, "-c", "records").complaint
    assert run("import", corpus, "-c", "records").code == 2
    assert run("count", "-c", "documents").out == "5\n"
    assert run("count", "-c", "records").out == "3\n"


def test_memory_takes_an_import_too(run, corpus: Path, people: Path) -> None:
    """Another backend, the same import; what is in memory ends with the command."""
    report = run("import", corpus, people, "--storage", "memory://", "--json").json
    assert counts(report) == (8, 0, 0, 0)
    assert run("list", "--storage", "memory://").code == 3


def test_a_plain_path_is_a_sqlite_file(run, tmp_path: Path, corpus: Path) -> None:
    """--storage takes a path as it is."""
    path = tmp_path / "some folder" / "my notes.db"
    assert run("import", corpus, "--storage", path).code == 0
    assert run("count", "--storage", path).out == "5\n"


def test_people_see_what_was_done(run, corpus: Path) -> None:
    """Counts and rates as text, without --json."""
    result = run("import", corpus)
    assert result.code == 0
    for word in ("created", "5", "passed over", "items/s"):
        assert word in result.out
