"""Records out of data files: alike however the file is cut into pieces, and no bytes at all are an error."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.cli import records
from torematrix.core.storage.cli.records import Record, read_records
from torematrix.core.storage.cli.sources import Found, Problem

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def read(path: Path) -> list[Record | Problem]:
    return list(read_records(Found(str(path), path.stat().st_size, 0, is_data=True), {}))


@given(
    st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=6),
    st.integers(1, 40),
    st.booleans(),
)
def test_pieces_do_not_matter(
    folder: Path, values: list[dict[str, Any]], chunk: int, ascii_only: bool
) -> None:
    """An array, a sequence and lines give the records they were made of, read in pieces of any size."""
    lines = [json.dumps(value, ensure_ascii=ascii_only) for value in values]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_CHUNK", chunk)
        for name, text in {
            "a.json": f" [ {' , '.join(lines)} ] ",
            "b.json": "\n\t".join(lines),
            "c.jsonl": "\r\n".join(lines),
        }.items():
            path = folder / name
            path.write_text(text, encoding="utf-8", newline="")
            found = read(path)
            assert all(isinstance(item, Record) for item in found)
            assert [item.values for item in found] == values
            assert [item.position for item in found] == list(range(1, len(values) + 1))


@given(st.sampled_from(["x.json", "x.jsonl", "x.csv", "x.tsv"]), st.binary(max_size=200), st.integers(1, 300))
def test_no_bytes_are_an_error(folder: Path, name: str, content: bytes, chunk: int) -> None:
    """Every file ends, in records and problems that say why."""
    path = folder / name
    path.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_CHUNK", chunk)
        for item in read(path):
            assert isinstance(item, Record) or item.reason


@given(st.text(st.sampled_from('[]{},:" \n\\u0"1a-.eE')), st.sampled_from(["y.json", "y.jsonl", "y.csv"]))
def test_no_text_is_an_error(folder: Path, text: str, name: str) -> None:
    """Nor is any text of the characters that mean something in these formats."""
    path = folder / name
    path.write_text(text)
    for item in read(path):
        assert isinstance(item, Record) or item.reason


def test_long_lines_take_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line beyond the limit is passed over in pieces, and the next one is read."""
    monkeypatch.setattr(records, "_LONGEST", 1000)
    path = tmp_path / "long.jsonl"
    path.write_text("x" * 5000 + '\n{"a": 1}\n' + '{"b": "' + "y" * 2000 + '"}\n{"c": 2}')
    found = read(path)
    assert [type(item) for item in found] == [Problem, Record, Problem, Record]
    path = tmp_path / "long.json"
    monkeypatch.setattr(records, "_CHUNK", 64)
    path.write_text('[{"a": 1}, {"b": "' + "y" * 200_000 + '"}, {"c": 2}]')
    found = read(path)
    assert [type(item) for item in found] == [Record, Problem]
    assert "larger" in str(found[1])
