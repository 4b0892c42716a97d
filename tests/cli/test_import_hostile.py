"""Bad files and bad records are reported and skipped; nothing ends an import but its end."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from torematrix.core.storage.model.names import MAX_DOCUMENT_BYTES


def problems(report: dict[str, Any]) -> dict[str, str]:
    return {Path(item["path"]).name: item["reason"] for item in report["problems"]}


def test_files_that_are_no_text_are_skipped(run, tmp_path: Path) -> None:
    """Binary files, other encodings and what is above the limit are named with the reason; the others are stored."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good.txt").write_text("good")
    (folder / "latin.txt").write_bytes("café".encode("latin-1"))
    (folder / "binary").write_bytes(b"\x7fELF\0\0")
    (folder / "utf16.txt").write_text("text", encoding="utf-16")
    with (folder / "large.txt").open("wb") as file:
        file.truncate(MAX_DOCUMENT_BYTES + 1)
    (folder / "full.txt").write_bytes(b"x" * MAX_DOCUMENT_BYTES)
    result = run("import", folder, "--json")
    assert result.code == 4
    assert result.json["created"] == 1
    found = problems(result.json)
    assert found["latin.txt"] == "not UTF-8 (at byte 3)"
    assert found["binary"] == "binary, not text"
    assert "not UTF-8" in found["utf16.txt"]
    assert "16,000,000" in found["large.txt"]
    assert "16,000,000" in found["full.txt"]  # with its other fields it is above the limit
    assert len(found) == 5


if os.name != "nt" and os.geteuid() != 0:  # root reads everything

    def test_unreadable_files_and_folders_are_skipped(run, corpus: Path) -> None:
        """What the system does not allow to read is named."""
        (corpus / "tea.md").chmod(0)
        (corpus / "src").chmod(0)
        try:
            result = run("import", corpus, "--json")
        finally:
            (corpus / "src").chmod(0o755)
        assert result.code == 4
        assert set(problems(result.json)) == {"tea.md", "src"}


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no file that fails on reading")
def test_a_file_that_fails_on_reading_is_skipped(run, corpus: Path) -> None:
    """An error of the device is named like any other reason."""
    result = run("import", "/proc/self/mem", corpus, "--json")
    assert (result.code, result.json["created"]) == (4, 5)
    assert problems(result.json)["mem"].startswith("cannot be read: ")


def test_links_and_special_files_end_nothing(run, corpus: Path, tmp_path: Path) -> None:
    """Loops are not followed, pipes and sockets not waited for; with --follow-links each folder is entered once."""
    (corpus / "loop").symlink_to(corpus)
    (corpus / "src" / "up").symlink_to(corpus / "src")
    (corpus / "dangling").symlink_to(corpus / "nowhere")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far.md").write_text("# Far\n")
    (corpus / "out").symlink_to(outside)
    (corpus / "alias.md").symlink_to(corpus / "tea.md")
    os.mkfifo(corpus / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(corpus)  # a socket's name is short
        try:
            server.bind("socket.txt")
        finally:
            os.chdir(here)
        result = run("import", corpus, "--json")
        assert (result.code, result.json["created"]) == (0, 5)
        followed = run("import", corpus, "--follow-links", "--json")
    assert (followed.code, followed.json["created"], followed.json["skipped"]) == (0, 1, 0)
    assert followed.json["unchanged"] >= 5
    assert run("count").out == "6\n"
    named = run("import", corpus / "pipe.txt", "--json")
    assert (named.code, problems(named.json)) == (4, {"pipe.txt": "not a regular file"})


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_are_skipped(run, corpus: Path) -> None:
    """A name of bytes that are no UTF-8 cannot be stored; it is shown with escapes, and moves no cursor."""
    odd = os.fsencode(corpus) + b"/b\xe9\x1b[31m.txt"
    with open(odd, "wb") as file:  # noqa: PTH123 - a name of bytes
        file.write(b"x")
    result = run("import", corpus, "--json")
    assert (result.code, result.json["created"]) == (4, 5)
    [problem] = result.json["problems"]
    assert problem["path"].endswith("b\\xe9\\x1b[31m.txt")
    assert "\x1b" not in run("import", corpus).err


def test_bad_lines_are_skipped_one_by_one(run, tmp_path: Path) -> None:
    """Every other line of the file is stored, and each bad one named by its number."""
    lines: list[bytes] = [
        b'{"id": "1"}',
        b'{"id": ',
        b'{"id": "3", "n": NaN}',
        b"[1, 2]",
        b'"text"',
        b'{"id": "6", "t": "\xff"}',
        b'{"id": "7", "n": 123456789012345678901234567890}',
        b'{"id": "8", "t": "\\ud800"}',
        b'{"id": "9", "t": "a\\u0000b"}',
        b'{"id": ["10"]}',
        b'{"id": "11", "deep": ' + b"[" * 200 + b"]" * 200 + b"}",
        b'{"id": "12", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id": "' + b"i" * 3000 + b'"}',
        b'{"id": "14", "n": ' + b"9" * 5000 + b"}",
        b"null",
        b'{"id": "16", "$where": {"a.b": {"": 1}}}',
        b'{"id": "17", "id": "18"}',
    ]
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\n".join(lines))
    result = run("import", path, "--json")
    assert result.code == 4
    assert {item["line"] for item in result.json["problems"]} == set(range(2, 16))
    assert result.json["created"] == 3
    assert run("get", "16", "--json").json["$where"] == {"a.b": {"": 1}}
    assert run("count", "--json").json["count"] == 3


def test_an_array_is_imported_up_to_where_it_breaks(run, tmp_path: Path) -> None:
    """What came before the damage is stored, and said to be; elements that are no records are named."""
    path = tmp_path / "cut.json"
    path.write_text('[{"id": "1"}, 5, {"id": "2"}, {"id": "3", "x": tru')
    result = run("import", path, "--json")
    assert (result.code, result.json["created"]) == (4, 2)
    assert [(item["line"], item["reason"].split(":")[0]) for item in result.json["problems"]] == [
        (2, "not an object but a number"),
        (4, "malformed JSON"),
    ]
    assert "what came before was imported" in result.json["problems"][1]["reason"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", b"{", "malformed JSON"),
        ("b.json", b"\xff\xfe{", "not UTF-8"),
        ("c.csv", b"a,a\n1,2\n", "two columns are named 'a'"),
        ("d.csv", b"a,,b\n1,2,3\n", "no name"),
        ("e.csv", b"a,b\n1,2,3\n", "3 cells"),
        ("f.csv", b'a,b\n1,"2\n', "malformed CSV"),
        ("g.csv", b"a,b\n1,\xff\n", "not UTF-8"),
        ("h.json", b'[{"a": 1} {"b": 2}]', "no comma"),
        ("i.json", b'[{"a": 1}', "cut short"),
        ("j.csv", b"", "empty"),
        ("k.json", b"12", "not an object"),
        ("l.json", b"[" * 100_000, "nested too deeply"),
    ],
)
def test_damaged_data_files_are_named(run, tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    """Whatever stands in a data file, the reason why it was not imported is one a reader can act on."""
    path = tmp_path / name
    path.write_bytes(content)
    result = run("import", path, "--json")
    assert result.code == 4
    assert reason in result.json["problems"][0]["reason"]


def test_a_record_above_the_limit_is_skipped(run, tmp_path: Path) -> None:
    """One too large is named and those around it are stored, on a line, in an array and in a cell."""
    large = "x" * (MAX_DOCUMENT_BYTES + 1)
    records = [{"id": "1"}, {"id": "2", "t": large}, {"id": "3"}]
    (tmp_path / "large.jsonl").write_text("\n".join(map(json.dumps, records)))
    (tmp_path / "large.json").write_text(json.dumps(records))
    (tmp_path / "huge.jsonl").write_text(f'{{"id": "4", "t": "{large * 3}"}}\n{{"id": "5"}}\n')
    for name, created in (("large.jsonl", 2), ("large.json", 2), ("huge.jsonl", 1)):
        result = run("import", tmp_path / name, "-c", name.replace(".", "_"), "--json")
        assert (result.code, result.json["created"], result.json["skipped"]) == (4, created, 1), name


def test_a_typed_field_refuses_only_its_own_record(run, tmp_path: Path) -> None:
    """A cell that is no number where one is declared keeps one row out."""
    path = tmp_path / "films.csv"
    path.write_text("title,year\nMetropolis,1927\nSolaris,soon\nStalker,1979\n")
    result = run("import", path, "--index", "year:int", "--json")
    assert (result.code, result.json["created"]) == (4, 2)
    assert result.json["problems"][0]["line"] == 3
    assert "'soon' is no int" in result.json["problems"][0]["reason"]
    (tmp_path / "films.jsonl").write_text('{"year": "1999"}\n{"year": 2001}\n')
    mixed = run("import", tmp_path / "films.jsonl", "-c", "records", "--json")
    assert (mixed.code, mixed.json["created"], mixed.json["problems"][0]["line"]) == (4, 1, 1)


def test_many_problems_are_counted(run, tmp_path: Path) -> None:
    """People see the first ones and how many there were; with --verbose all of them; programs up to a thousand."""
    path = tmp_path / "bad.jsonl"
    path.write_text("no\n" * 1500)
    result = run("import", path)
    assert result.code == 4
    assert result.err.count("skipped ") == 10
    assert "--verbose" in result.err
    assert run("import", path, "-v").err.count("skipped ") == 1500
    report = run("import", path, "--json").json
    assert (report["skipped"], len(report["problems"])) == (1500, 1000)


def test_paths_that_do_not_exist_are_refused_before_anything(run, tmp_path: Path, corpus: Path) -> None:
    """A misspelled path makes no database."""
    result = run("import", corpus, tmp_path / "nowhere")
    assert result.code == 3
    assert "nowhere" in result.complaint
    assert not (tmp_path / "test.db").exists()
