"""Substring indexes: a row that a filter finds without one is found with one, whatever is written and asked for."""

import contextlib
from dataclasses import dataclass
from typing import Annotated

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torematrix.core.storage import F, Index, Storage
from torematrix.core.storage.backends.sqlite.quoting import quote_name
from torematrix.core.storage.backends.sqlite.search_index import derived_name
from torematrix.core.storage.backends.sqlite.trigram import _MOST
from torematrix.core.storage.query.trigrams import spread_trigrams

SUBSTRING = Index(substring=True)


@dataclass
class Indexed:
    id: str
    code: Annotated[str | None, SUBSTRING] = None
    note: Annotated[str, SUBSTRING] = ""
    seq: int = 0


@dataclass
class Plain:
    id: str
    code: str | None = None
    note: str = ""
    seq: int = 0


PLACES = ("code", "note", "meta.text", '["a.b"]')
INDEXES = (
    Index("code", substring=True),
    Index("meta.text", substring=True),
    Index('["a.b"]', substring=True),
)

# What FTS5's query language and its tokenizers treat in a way of their own, and what folds in an unusual way.
PIECES = [
    *"\"'*^()-+:{},%_\\ \n\t\x01",
    *["NEAR", "AND", "OR", "NOT", "abc", "ABC", "aBc", "rowid", "a", "b"],
    *["é", "É", "e\u0301", "ß", "ẞ", "SS", "\u212a", "k", "\u03c3", "ς", "Σ", "İ", "\u0131", "🙂", "漢字"],
    *["\ufffd", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff", "\ud7ff", "\ue000", "\ufeff", "\u200b"],
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
KEY = st.sampled_from(["1", "2", "3", "4"])
VALUE = st.one_of(st.none(), TEXT, TEXT, TEXT)
ANYTHING = st.one_of(VALUE, st.integers(0, 9), st.lists(TEXT, max_size=2))
WRITE = st.tuples(st.sampled_from(["upsert", "upsert", "upsert", "patch", "delete"]), KEY, VALUE, TEXT)
DOCUMENT_WRITE = st.tuples(st.sampled_from(["upsert", "upsert", "delete"]), KEY, ANYTHING, ANYTHING)


@st.composite
def filters(draw, places, texts):
    """A filter on a part of a text that is there, or of one that is not, in some case."""
    text = draw(st.one_of(st.sampled_from(texts), TEXT) if texts else TEXT)
    start = draw(st.integers(0, len(text)))
    part = text[start : start + draw(st.integers(0, len(text)))]
    change = draw(st.sampled_from([str, str, str, str.upper, str.lower, str.swapcase]))
    part = change(part)
    place = F(draw(st.sampled_from(places)))
    pattern = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    around = draw(st.sampled_from(["{}", "%{}%", "%{}", "{}%", "_{}%", "%{}_%{}%"]))
    made = draw(
        st.sampled_from(
            [
                place.contains(part),
                place.starts_with(part),
                place.ends_with(part),
                place.like(around.replace("{}", pattern)),
                place.ilike(around.replace("{}", pattern)),
            ]
        )
    )
    return draw(st.sampled_from([made, made, ~made, made | (F("id") == "1"), made & (F("id") != "1")]))


def write(repository, make, writes):
    for what, key, first, second in writes:
        if what == "delete":
            repository.bulk_delete([key])
        elif what == "upsert":
            repository.upsert(make(key, first, second))
        elif repository.exists(key):
            repository.patch(key, note=second)


class UndoneError(Exception):
    """Ends a transaction whose writes are not to be stored."""


def write_all(repositories, program):
    for undone, writes in program:
        for repository, make in repositories:
            if not undone:
                write(repository, make, writes)
                continue
            with contextlib.suppress(UndoneError), repository.transaction():
                write(repository, make, writes)
                raise UndoneError


def agree(with_index, without, condition):
    found, expected = ([entity_id(each) for each in repo.list(condition)] for repo in (with_index, without))
    assert found == expected
    assert with_index.count(condition) == len(expected)


def entity_id(entity):
    return entity["id"] if isinstance(entity, dict) else entity.id


PROGRAM = st.lists(st.tuples(st.sampled_from([False, False, True]), st.lists(WRITE, max_size=6)), max_size=4)
DOCUMENTS = st.lists(
    st.tuples(st.sampled_from([False, False, True]), st.lists(DOCUMENT_WRITE, max_size=6)), max_size=4
)


@given(PROGRAM, st.data())
def test_fields(program, data):
    """Two indexed fields, through inserts, updates, patches, deletes and rollbacks."""
    with Storage.open("sqlite:///:memory:") as storage:
        indexed, plain = storage.repository(Indexed), storage.repository(Plain)
        write_all([(indexed, Indexed), (plain, Plain)], program)
        texts = [text for entity in plain.list() for text in (entity.code, entity.note) if text]
        for _ in range(6):
            agree(indexed, plain, data.draw(filters(["code", "note"], texts)))


@given(DOCUMENTS, st.data())
def test_places_in_documents(program, data):
    """Places inside documents, where a text may be anything else instead."""

    def make(key, first, second):
        return {"id": key, "code": first, "meta": {"text": second}, "a.b": first}

    with Storage.open("sqlite:///:memory:") as storage:
        indexed = storage.repository(dict, "indexed", indexes=INDEXES)
        plain = storage.repository(dict, "plain")
        write_all([(indexed, make), (plain, make)], program)
        values = [value for entity in plain.list() for value in (entity["code"], entity["meta"]["text"])]
        texts = [value for value in values if isinstance(value, str)]
        for _ in range(6):
            agree(indexed, plain, data.draw(filters(PLACES, texts)))


@pytest.fixture
def repository():
    with Storage.open("sqlite:///:memory:") as storage:
        yield storage.repository(Indexed)


def test_texts_of_three_characters_and_less(repository):
    """Where a text becomes long enough to be indexed, or too short, the index follows."""
    repository.create(Indexed("1", "ab"))
    for text, held in (("abc", 1), ("xyz", 1), ("xy", 0), (None, 0), ("abcd", 1)):
        repository.patch("1", code=text)
        if text is not None:
            assert [entity.id for entity in repository.list(F("code").contains(text))] == ["1"]
        assert repository.count(F("code").contains("abc")) == bool(text and "abc" in text)
        with repository.transaction():
            table = quote_name(derived_name("indexeds", "sx_code", "trigram"))
            assert repository.native.execute(f"SELECT count(*) FROM {table}").fetchall() == [(held,)]
    repository.delete("1")
    with repository.transaction():
        assert repository.native.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]


HOSTILE = [
    *[
        '"',
        '""',
        '"""',
        '" OR "',
        '") OR rowid:(',
        "abc* OR",
        "NEAR(a b)",
        "^abc",
        "{t} : abc",
        "t : abc",
        "- {t}: a",
    ],
    *[
        "' OR 1=1 --",
        "a'; DROP TABLE indexed; --",
        "AND AND AND",
        "NOT NOT",
        "+ + +",
        "\\\\\\",
        "   ",
        "\n\n\n",
    ],
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(repository, text):
    """What reads as a query to FTS5, or as SQL, is looked for literally, and nothing else is."""
    padded = f"..{text}.."
    repository.create(Indexed("held", padded))
    repository.create(Indexed("other", "abc rowid t NEAR a b OR AND NOT DROP TABLE"))
    for filters in (F("code").contains(padded), F("code").starts_with(padded), F("code").ends_with(padded)):
        assert [entity.id for entity in repository.list(filters)] == ["held"]
    escaped = padded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    assert repository.count(F("code").ilike(f"%{escaped}%")) == 1


def is_candidate(repository, filters):
    return any("$trigram" in statement for statement in repository.explain(filters=filters).statements)


def test_when_an_index_is_asked(repository):
    """From three characters in a row on, and only of the place it covers."""
    code = F("code")
    for filters in (
        code.contains("abc"),
        code.starts_with("abc"),
        code.ends_with("abc"),
        code.like("%abc%"),
        code.like("a_bcd"),
        code.ilike("%ÄÖÜ%"),
        F("note").contains("abc"),
        (F("seq") == 1) & code.contains("abc"),
    ):
        assert is_candidate(repository, filters), filters
    for filters in (
        code.contains("ab"),
        code.like("%a_b%ab%"),
        code.matches("abc"),
        code == "abc",
        F("id").contains("abc"),
    ):
        assert not is_candidate(repository, filters), filters


def test_rows_are_looked_up_by_candidates(repository):
    """SQLite starts from the candidates, in a document too, rather than testing every row."""
    explanation = repository.explain(filters=F("code").contains("abc"))
    assert explanation.uses_index
    with Storage.open("sqlite:///:memory:") as storage:
        documents = storage.repository(dict, "documents", indexes=INDEXES)
        # `contains` would not do: at an undeclared place there may be a list, whose elements no trigram knows.
        assert documents.explain(filters=F("meta.text").like("%abc%")).uses_index


def test_elements_are_another_place():
    """An index on a field knows nothing of a field of that name within the elements of a list."""
    with Storage.open("sqlite:///:memory:") as storage:
        documents = storage.repository(dict, "documents", indexes=INDEXES)
        documents.create({"id": "1", "code": "other", "items": [{"code": "within"}]})
        assert documents.count(F("items[*].code").contains("within")) == 1
        assert documents.count(F("code").contains("within")) == 0


@given(st.lists(st.text(max_size=60), max_size=3))
@example(["a" * 30_000])
def test_trigrams(texts):
    """A few trigrams of the texts; none only where no text has three characters."""
    found = spread_trigrams(texts, _MOST)
    assert len(found) == len(set(found)) <= _MOST
    assert bool(found) == any(len(text) >= 3 for text in texts)
    assert all(len(trigram) == 3 for trigram in found)


def test_an_index_declared_later_or_no_more(tmp_path):
    """An index covers the rows that were there, and those written while the class at hand did not declare it."""
    url = f"sqlite:///{tmp_path / 'file.db'}"

    def find(entity_class, text):
        with Storage.open(url) as storage:
            repository = storage.repository(entity_class, "things")
            return [entity.id for entity in repository.list(F("code").contains(text))]

    def put(entity_class, key, text):
        with Storage.open(url) as storage:
            storage.repository(entity_class, "things").upsert(entity_class(key, text))

    put(Plain, "1", "first text")
    assert find(Indexed, "text") == ["1"]
    put(Indexed, "2", "second text")
    put(Plain, "3", "third text")
    put(Plain, "1", "no more")
    assert find(Indexed, "text") == ["2", "3"]
    assert find(Indexed, "no more") == ["1"]
