"""Exact exports: what was stored, with its schema, is stored again, whatever the engine and the format."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from torematrix.core.storage import DuplicateError, Storage
from torematrix.core.storage.testing.entities import SUBJECTS
from torematrix.core.storage.testing.kit.entities import Plain
from torematrix.core.storage.testing.strategies import entities

FORMATS = ["jsonl", "parquet"]


def exported(run, url, folder: Path, collection: str, form: str) -> Path:
    path = folder / f"{collection}.{form}"
    exact = ["--exact"] if form == "jsonl" else []
    result = run("export", "--storage", url, "-c", collection, "-o", path, *exact)
    assert result.code == 0, result.err
    return path


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("engine", ["sqlite:///{tmp}/a.db", "{postgresql}", "{mongodb}"])
def test_everything_comes_back(run, tmp_path: Path, new_database, form: str, engine: str) -> None:
    """Hostile values of every kind, ids, times and revisions, the schema and what it indexes."""
    lists = {name: st.lists(entities(one.schema), min_size=15, max_size=30) for name, one in SUBJECTS.items()}

    @settings(max_examples=1, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.fixed_dictionaries(lists))
    def check(drawn) -> None:
        origin = new_database(engine)
        target = f"sqlite:///{tmp_path}/{len(list(tmp_path.iterdir()))}.back.db"
        expected = {}
        with Storage.open(origin) as storage:
            for name, subject in SUBJECTS.items():
                repository = storage.repository(subject.entity_class, f"{name}s", **subject.declarations)
                for entity in drawn[name]:
                    with contextlib.suppress(DuplicateError):
                        stored = repository.create(entity)
                        if subject.schema.revision is not None:
                            repository.update(stored)
                expected[name] = repository.list()
            described = storage.collections()
        for name in SUBJECTS:
            path = exported(run, origin, tmp_path, f"{name}s", form)
            result = run("import", "--exact", path, "--storage", target, "--json")
            assert result.code == 0, result.out + result.err
            assert result.json["created"] == len(expected[name])
            assert run("import", "--exact", path, "--storage", target, "--json").json["created"] == 0
        with Storage.open(target) as storage:
            assert storage.collections() == described
            for name, subject in SUBJECTS.items():
                repository = storage.repository(subject.entity_class, f"{name}s", **subject.declarations)
                assert repository.list() == expected[name]

    check()


@pytest.fixture
def filled(url: str) -> None:
    with Storage.open(url) as storage:
        storage.repository(Plain, "plains").bulk_create([Plain(n, f"{n:02}") for n in range(20)])


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_there_and_the_same_is_passed_over(run, url, filled, tmp_path: Path, form: str) -> None:
    """So that an import can be repeated; what is there and not the same stays as it is, and is named."""
    path = exported(run, url, tmp_path, "plains", form)
    with Storage.open(url) as storage:
        plains = storage.repository(Plain, "plains")
        plains.delete("03")
        plains.patch("05", value=-5)
    result = run("import", "--exact", path, "--json")
    assert result.code == 4
    assert [result.json[name] for name in ("created", "unchanged", "skipped")] == [1, 18, 1]
    with Storage.open(url) as storage:
        assert storage.repository(Plain, "plains").get("05").value == -5


EDITED = [
    '{"id":"x","value":"1"}',
    '{"id":"x","value":true}',
    '{"id":"x"}',
    '{"id":null,"value":1}',
    '{"id":"x","value":1e3}',
    '{"id":"x","value":9223372036854775808}',
    "[]",
    "{",
    '{"id":"' + "x" * 2001 + '","value":1}',
]


@pytest.mark.parametrize("line", EDITED)
def test_edited_lines_are_refused(run, url, filled, tmp_path: Path, line: str) -> None:
    """A line that is no entity is named by its number, and the others are stored."""
    path = exported(run, url, tmp_path, "plains", "jsonl")
    path.write_text(path.read_text() + line + "\n", encoding="utf-8")
    result = run("import", "--exact", path, "-c", "copies", "--json")
    assert result.code == 4
    assert (result.json["created"], result.json["skipped"]) == (20, 1)
    assert result.json["problems"][0]["line"] == 22


def test_files_that_are_none(run, url, filled, tmp_path: Path) -> None:
    """Other JSON lines, a file that is no Parquet, and another schema are refused in one line."""
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"id": "x"}) + "\n", encoding="utf-8")
    assert "no exact export" in run("import", "--exact", other).complaint
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no")
    assert "no Parquet" in run("import", broken).complaint
    path = exported(run, url, tmp_path, "plains", "jsonl")
    run("import", other, "-c", "others")
    assert "another schema" in run("import", "--exact", path, "-c", "others").complaint
    assert run("export", "--exact", "--format", "csv").code == 2


def test_other_programs_read_it(run, url, filled, tmp_path: Path) -> None:
    """Scalars are columns of a Parquet file, with the types that they have."""
    from pyarrow import parquet

    table = parquet.read_table(exported(run, url, tmp_path, "plains", "parquet"))
    assert table.column_names == ["id", "value"]
    assert table["value"].to_pylist() == list(range(20))
