"""What becomes part of a statement: names, literals and arrays come out as they went in."""

import json
import random

import psycopg
import pytest

from torematrix.core.storage.backends.postgresql.quoting import (
    array_text,
    cut_name,
    json_key,
    qualified,
    quote_name,
    quote_text,
)
from torematrix.core.storage.model.kinds import Kind
from torematrix.core.storage.query.paths import ANY
from torematrix.core.storage.testing.pools import KEYS, POOLS

TEXTS = [
    *POOLS[Kind.STR],
    "\\N",
    "\\.",
    "NULL",
    "null",
    "{}",
    '{"a"}',
    "a,b",
    "\\n",
    "\\\\",
    "\r",
    "\x0b",
    "\x08",
]


@pytest.fixture(scope="module")
def connection(postgresql_server):
    with psycopg.connect(postgresql_server.url, autocommit=True, cursor_factory=psycopg.RawCursor) as opened:
        yield opened


def test_literals(connection):
    """A literal is the text, whatever it holds and however the session reads backslashes."""
    for setting in ("on", "off"):
        connection.execute(f"SET standard_conforming_strings = {setting}")
        connection.execute("SET escape_string_warning = off")
        for text in TEXTS:
            assert connection.execute(f"SELECT {quote_text(text)}").fetchone() == (text,)
    connection.execute("RESET standard_conforming_strings")


def test_names(connection):
    """A name is the name: case, quotes and all."""
    for name in ("Table", 'q"uote', "späß", "a b", "select", ";--", "x" * 63, "é" * 31):
        connection.execute(f"CREATE TEMPORARY TABLE {quote_name(name)} (a int)")
        [found] = connection.execute(
            "SELECT relname::text FROM pg_class WHERE relname = $1", (name,)
        ).fetchone()
        assert found == name
        connection.execute(f"DROP TABLE {quote_name(name)}")
    assert qualified("a.b", 'c"d') == '"a.b"."c""d"'


@pytest.mark.parametrize("name", ["x" * 64, "é" * 32, "a\0b"])
def test_names_that_would_be_cut_are_refused(name):
    """PostgreSQL would cut them without a word."""
    with pytest.raises(ValueError, match="63 bytes"):
        quote_name(name)


def test_long_names_stay_apart():
    """Long names are cut the same way each time, differ where the wholes differ, and fit."""
    assert cut_name("x" * 63) == "x" * 63
    long = ["x" * 100 + str(number) for number in range(100)] + ["é" * 60, "é" * 61, "x" + "é" * 60]
    cut = [cut_name(name) for name in long]
    assert len(set(cut)) == len(long)
    assert cut == [cut_name(name) for name in long]
    assert all(len(name.encode()) <= 63 for name in cut)


def test_nothing_holds_nul():
    """NUL, which no stored text holds, is never passed on."""
    for make in (quote_text, lambda text: array_text([text]), lambda text: array_text([None, text])):
        with pytest.raises(ValueError, match="NUL"):
            make("a\0b")


def test_arrays(connection):
    """An array holds these texts and Nones, in this order."""
    seed = random.Random(1)
    for _ in range(200):
        values = [seed.choice([None, *TEXTS]) for _ in range(seed.randrange(6))]
        assert connection.execute("SELECT $1::text[]", (array_text(values),)).fetchone() == (values,)
    assert connection.execute("SELECT $1::text[]", (array_text(TEXTS),)).fetchone() == (TEXTS,)
    assert connection.execute("SELECT $1::bigint[]", (array_text(["1", "-2"]),)).fetchone() == ([1, -2],)


def test_keys_of_documents(connection):
    """A step into a document takes exactly that key; a wildcard is none."""
    for key in KEYS:
        document = json.dumps({key: 1, "other": 2})
        found = connection.execute(f"SELECT $1::jsonb->{json_key(key)}", (document,))
        assert found.fetchone() == (1,)
    with pytest.raises(TypeError):
        json_key(ANY)
