"""Names and sizes that are the same on every engine."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.errors import ConfigurationError
from torematrix.core.storage.model.names import (
    bson_size,
    check_collection,
    check_distinct,
    check_field_name,
    column_name,
)


@pytest.mark.parametrize("name", ["documents", "_d", "D1", "a" * 48])
def test_collection_names(name):
    """Plain identifiers of up to 48 bytes name a collection."""
    check_collection(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "1a", "a b", "a-b", 'a"b', "a;--", "é", "a\n", "a" * 49, "torematrix_x", "SQLite_master", "pg_class",
        "System", "system.users", None, 5, b"docs",
    ],
)  # fmt: skip
def test_collection_names_refused(name):
    """Everything else is refused, reserved prefixes in any case."""
    with pytest.raises(ConfigurationError):
        check_collection(name)


def test_field_names_have_a_limit():
    """The limit counts bytes."""
    check_field_name("é" * 24)
    with pytest.raises(ConfigurationError):
        check_field_name("é" * 25)


def test_names_that_differ_only_in_case():
    """Both names are told."""
    check_distinct(["a", "b", "a"])
    with pytest.raises(ConfigurationError, match="'Name' and 'name'"):
        check_distinct(["x", "Name", "name"])
    with pytest.raises(ConfigurationError):
        check_distinct(["straße", "STRASSE"])


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("title", "title"),
        ("data", "data_"),
        ("Data", "Data_"),
        ("data_", "data__"),
        ("rowid", "rowid_"),
        ("_rowid_", "_rowid__"),
        ("_rowid", "_rowid"),
        ("xmin", "xmin_"),
        ("title_", "title_"),
        ("_", "_"),
        ("database", "database"),
    ],
)
def test_columns(name, column):
    """A field keeps its name, except where the library or an engine has that column already."""
    assert column_name(name) == column


@given(st.lists(st.from_regex(r"(data|seq|_?rowid|oid|x)_{0,3}", fullmatch=True), unique=True))
def test_columns_stay_apart(names):
    """No two fields share a column, and none has a reserved one."""
    columns = [column_name(name) for name in names]
    assert len(set(columns)) == len(names)
    assert not set(columns) & {"data", "seq", "rowid", "oid", "_rowid_"}


def bson(document):
    """The BSON of a canonical document, written down here from the specification for comparison."""
    body = b"".join(element(key, value) for key, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def element(key, value):
    name = key.encode() + b"\0"
    if value is None:
        return b"\x0a" + name
    if isinstance(value, bool):
        return b"\x08" + name + struct.pack("?", value)
    if isinstance(value, int):
        small = -(2**31) <= value < 2**31
        return (b"\x10" if small else b"\x12") + name + struct.pack("<i" if small else "<q", value)
    if isinstance(value, float):
        return b"\x01" + name + struct.pack("<d", value)
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return b"\x02" + name + struct.pack("<i", len(text)) + text
    if isinstance(value, dict):
        return b"\x03" + name + bson(value)
    return b"\x04" + name + bson({str(index): item for index, item in enumerate(value)})


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats()
            | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text("abcé"), inner),
        ),
    )
)  # fmt: skip
def test_bson_size(document):
    """The size is that of the BSON a driver would send, to the byte."""
    assert bson_size(document) == len(bson(document))


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 99, 100, 101, 1000, 12_345])
def test_bson_size_of_long_lists(count):
    """The keys of a list grow with its length."""
    document = {"list": [7] * count}
    assert bson_size(document) == len(bson(document))
