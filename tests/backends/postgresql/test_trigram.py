"""Substring indexes on PostgreSQL: what is found is what the reference finds, whatever the texts and the locale."""

import contextlib
import os
import random
import string
import time
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from torematrix.core.storage import F, Index, Storage
from torematrix.core.storage.backends.postgresql.compile import Sql
from torematrix.core.storage.backends.postgresql.trigram import (
    _LONGEST,
    _MOST,
    TrigramIndex,
    _pieces,
    trigram_candidate,
)
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.query.folding import simple_fold
from torematrix.core.storage.query.normalise import condition_of

SECONDS = float(os.environ.get("TOREMATRIX_SEARCH_SECONDS", "8"))
SEED = int(os.environ.get("TOREMATRIX_SEARCH_SEED", "1"))
SUBSTRING = Index(substring=True)


@dataclass
class Indexed:
    """Two indexed fields."""

    id: str | None = None
    code: Annotated[str | None, SUBSTRING] = None
    note: Annotated[str, SUBSTRING] = ""
    seq: int = 0


@dataclass
class Plain:
    """The same without indexes."""

    id: str | None = None
    code: str | None = None
    note: str = ""
    seq: int = 0


PLACES = ["code", "meta.text", '["a.b"]']
INDEXES = tuple(Index(place, substring=True) for place in PLACES)

# What LIKE and pg_trgm treat in a way of their own, and what folds in an unusual way, or otherwise at a word's end.
PIECES = [
    *"\"'*^()-+:{},%_\\ \n\t\x01",
    *["abc", "ABC", "aBc", "rowid", "a", "b", "foo bar", "x_y", "50%", "mississippi", "KISS"],
    *[
        "é",
        "É",
        "e\u0301",
        "ß",
        "ẞ",
        "SS",
        "\u212a",
        "k",
        "\u03c3",
        "ς",
        "Σ",
        "İ",
        "\u0131",
        "i\u0307",
        "I",
        "🙂",
        "漢字",
    ],
    *[
        "ΟΔΟΣ",
        "οδος",
        "ΟΔΟΣΑ",
        "ΣΑΣ",
        "\u017ftreet",
        "STREET",
        "\uab73\uab83\uab79",
        "\u13e3\u13b3\u13a9",
        "Į\u0307",
        "Ǆ",
        "ǅ",
        "ﬁ",
        "ﬆ",
    ],
    *[
        "\ufffd",
        "\ufffe",
        "\uffff",
        "\U0001fffe",
        "\U0010ffff",
        "\ud7ff",
        "\ue000",
        "\ufeff",
        "\u200b",
        "\u00ad",
    ],
]


class Choices:
    """Random texts, writes and filters from one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        choose = self.random
        if choose.random() < 0.1:
            return chr(choose.choice([*range(0x80, 0xD800, 7), *range(0x10000, 0x1F000, 97)])) * 3 + "abc"
        return "".join(choose.choices(PIECES, k=choose.randrange(8)))

    def value(self):
        return self.random.choice([None, self.text(), self.text(), self.text()])

    def anything(self):
        return self.random.choice([self.value(), self.value(), 5, [self.text()]])

    def filter(self, places, texts):
        """A filter on a part of a text that is there, or of one that is not, in some case."""
        choose = self.random
        text = choose.choice(texts) if texts and choose.random() < 0.8 else self.text()
        start = choose.randrange(len(text) + 1)
        part = text[start : start + choose.randrange(len(text) + 1)]
        part = choose.choice([str, str, str, str.upper, str.lower, str.swapcase])(part)
        place = F(choose.choice(places))
        pattern = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        around = choose.choice(["{}", "%{}%", "%{}", "{}%", "_{}%", "%{}_%{}%"]).replace("{}", pattern)
        made = choose.choice(
            [
                place.contains(part),
                place.starts_with(part),
                place.ends_with(part),
                place.like(around),
                place.ilike(around),
                place.ilike(around),
            ]
        )
        return choose.choice([made, made, ~made, made | (F("id") == "1"), made & (F("id") != "1")])


class UndoneError(Exception):
    """Ends a transaction whose writes are not to be stored."""


def write(repository, writes):
    for what, given in writes:
        if what == "delete":
            repository.bulk_delete([given])
        elif what == "patch":
            if repository.exists(given[0]):
                repository.patch(given[0], note=given[1])
        elif what == "bulk":
            repository.bulk_delete([entity_id(each) for each in given])
            repository.bulk_create(given)
        else:
            repository.upsert(given)


def write_all(repository, undone, writes):
    if not undone:
        write(repository, writes)
        return
    with contextlib.suppress(UndoneError), repository.transaction():
        write(repository, writes)
        raise UndoneError


def entity_id(entity):
    return entity["id"] if isinstance(entity, dict) else entity.id


def agree(indexed, reference, condition):
    found, expected = ([entity_id(each) for each in repo.list(condition)] for repo in (indexed, reference))
    assert found == expected, condition
    assert indexed.count(condition) == len(expected), condition


@pytest.fixture(params=["{postgresql}", "{postgresql_icu}"], ids=["c", "icu"])
def url(request, new_database):
    return new_database(request.param)


@pytest.fixture
def storage(url):
    with Storage.open(url) as opened:
        yield opened


def forced(repository):
    """A transaction in which tables are not read from end to end where an index serves."""
    repository.native.execute("SET LOCAL enable_seqscan = off")


def compare(storage, make, indexed, reference, places, texts_of):
    until = time.monotonic() + SECONDS / 2
    seed = SEED
    while time.monotonic() < until:
        seed += 1
        choices = Choices(seed)
        choose = choices.random
        writes = []
        for _ in range(choose.randrange(1, 6)):
            what = choose.choice(["upsert", "upsert", "upsert", "patch", "delete", "bulk"])
            key = str(choose.randrange(1, 9))
            if what == "bulk":
                keys = choose.sample(range(1, 30), 20)
                writes.append((what, [make(choices, str(each)) for each in keys]))
            elif what == "patch":
                writes.append((what, (key, choices.text())))
            else:
                writes.append((what, key if what == "delete" else make(choices, key)))
        undone = choose.random() < 0.3
        for repository in (indexed, reference):
            write_all(repository, undone, writes)
        texts = [text for entity in reference.list() for text in texts_of(entity) if isinstance(text, str)]
        for _ in range(4):
            agree(indexed, reference, choices.filter(places, texts))
        with indexed.transaction():
            forced(indexed)
            for _ in range(8):
                agree(indexed, reference, choices.filter(places, texts))


def test_fields(storage):
    """Two indexed fields, through inserts, updates, patches, deletes, bulk writes and rollbacks."""
    with Storage.open("memory://") as memory:

        def make(choices, key):
            return Indexed(key, choices.value(), choices.text())

        compare(
            storage,
            make,
            storage.repository(Indexed),
            memory.repository(Indexed),
            ["code", "note"],
            lambda entity: (entity.code, entity.note),
        )


def test_places_in_documents(storage):
    """Places inside documents, where a text may be anything else instead."""
    with Storage.open("memory://") as memory:

        def make(choices, key):
            return {
                "id": key,
                "code": choices.anything(),
                "meta": {"text": choices.anything()},
                "a.b": choices.value(),
                "note": "",
            }

        compare(
            storage,
            make,
            storage.repository(dict, "indexed", indexes=INDEXES),
            memory.repository(dict, "indexed"),
            PLACES,
            lambda entity: (entity["code"], entity["meta"]["text"], entity["a.b"]),
        )


def test_every_letter_that_folds(storage):
    """Each character that has another case is found in any case, in the middle of a word, at its end and alone."""
    letters = [chr(code) for code in range(0x80, 0x1E944) if not 0xD800 <= code < 0xE000]
    letters = [letter for letter in letters if simple_fold(letter) != letter or letter.lower() != letter]
    assert len(letters) > 1_000
    # All that differ from their like in another way than by being large or small, and some of the others.
    odd = [
        letter
        for letter in letters
        if simple_fold(letter) != letter.lower() or letter in "\u0130\u03a3\u13a0"
    ]
    letters = list(dict.fromkeys([*odd, *random.Random(SEED).sample(letters, 150)]))
    repository = storage.repository(Indexed)
    texts = [f"xx{letter}yy zz{letter} {letter}" for letter in letters]
    repository.bulk_create(
        [Indexed(f"{ord(letter):06x}", text) for letter, text in zip(letters, texts, strict=True)]
    )
    by_fold: dict[str, set[str]] = {}
    for letter in letters:
        by_fold.setdefault(simple_fold(letter), set()).add(f"{ord(letter):06x}")
    missed = []
    with repository.transaction():
        forced(repository)
        for letter in letters:
            for text in (f"xx{letter}yy", f"zz{letter} "):
                found = {each.id for each in repository.list(F("code").ilike(f"%{text}%"))}
                exact = {each.id for each in repository.list(F("code").contains(text))}
                if found != by_fold[simple_fold(letter)] or exact != {f"{ord(letter):06x}"}:
                    missed.append(text)
    assert missed == []


HOSTILE = [
    *[
        '"',
        '""',
        "%",
        "_",
        "\\",
        "\\\\",
        "%%%",
        "___",
        "abc%",
        "a_c",
        "' OR 1=1 --",
        "a'; DROP TABLE indexeds; --",
    ],
    *["abc\\", "$1", "%s", "E'\\x41'", "   ", "\n\n\n", "\x01\x02\x03", "::text", "{}", '{"a"}', "a" * 5_000],
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:20])
def test_hostile_text_is_text(storage, text):
    """What reads as a pattern or as SQL is looked for literally, and nothing else is."""
    repository = storage.repository(Indexed)
    padded = f"..abc{text}abc.."
    repository.create(Indexed("held", padded))
    repository.create(Indexed("other", "abc rowid t NEAR a b OR AND NOT DROP TABLE abc"))
    escaped = padded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    code = F("code")
    with repository.transaction():
        forced(repository)
        for filters in (
            code.contains(padded),
            code.starts_with(padded),
            code.ends_with(padded),
            code.ilike(f"%{escaped}%"),
        ):
            assert [entity.id for entity in repository.list(filters)] == ["held"]


def candidate(text):
    schema = schema_of(Indexed)
    indexes = [TrigramIndex("indexeds", schema, spec) for spec in schema.indexes]
    sql = Sql()
    condition: Any = condition_of(schema, text)
    return trigram_candidate(indexes, sql, condition.target, condition), sql.parameters


def test_when_an_index_is_asked():
    """From three letters or digits in a row on, and only of the place it covers."""
    code = F("code")
    for filters, expected in (
        (code.contains("abc"), ["%abc%"]),
        (code.contains("--AbC--"), ["%abc--%"]),
        (code.starts_with("abc"), ["%abc%"]),
        (code.ends_with("10%_abc\\"), ["%abc\\\\%"]),
        (code.like("a_bcd%efgh%ab"), ["%efgh%", "%bcd%"]),
        (code.ilike("%ÄÖÜẞ%"), ["%äöüß%"]),
        (code.ilike("%\u13e3\u13b3\u13a9abc%"), ["%abc%"]),
        (code.ilike("%abcİx%"), ["%abc_x%"]),
        (F("note").contains("abc"), ["%abc%"]),
        (code.contains("x" * 5_000), [f"%{'x' * _LONGEST}%"]),
    ):
        test, parameters = candidate(filters)
        assert test is not None, filters
        assert parameters == expected
        assert "abc" not in test
    for filters in (
        code.contains("ab"),
        code.contains("a-b-c"),
        code.like("%a_b%ab%"),
        code.matches("abc"),
        code == "abc",
    ):
        assert candidate(filters) == (None, []), filters
    assert candidate(F("id").contains("abc")) == (None, [])


def test_pieces_are_few():
    """However many literals a pattern has, a few of them are asked for."""
    assert _pieces([f"abc{n}" for n in range(50)]) == [f"abc{n}" for n in range(_MOST)]


def test_rows_are_looked_up_by_candidates(storage):
    """PostgreSQL starts from the index of trigrams rather than from every row, in a document too."""
    repository = storage.repository(Indexed)
    documents = storage.repository(dict, "documents", indexes=INDEXES)
    letters = random.Random(SEED)
    texts = ["".join(letters.choices(string.ascii_lowercase, k=500)) for _ in range(2_500)]
    repository.bulk_create([Indexed(str(n), text) for n, text in enumerate(texts)])
    documents.bulk_create([{"id": str(n), "meta": {"text": text}} for n, text in enumerate(texts)])
    storage.vacuum()  # what was just inserted waits beside the index, and makes it dear for the planner
    part = texts[777][100:112]
    for each, filters in (
        (repository, F("code").contains(part)),
        (repository, F("code").ilike(f"%{part.upper()}%")),
        # What a place of no declared kind contains may also be an element of a list, which is looked for everywhere.
        (documents, F("meta.text").like(f"%{part}%")),
    ):
        explanation = each.explain(filters=filters)
        assert explanation.uses_index
        assert any("Bitmap Index Scan" in line for line in explanation.plan), explanation
        assert [entity_id(found) for found in each.list(filters)] == ["777"]


def test_elements_are_another_place(storage):
    """An index on a field knows nothing of a field of that name within the elements of a list."""
    documents = storage.repository(dict, "documents", indexes=INDEXES)
    documents.create({"id": "1", "code": "other", "items": [{"code": "within"}]})
    assert documents.count(F("items[*].code").contains("within")) == 1
    assert documents.count(F("code").contains("within")) == 0


def test_an_index_declared_later_or_no_more(url):
    """An index covers the rows that were there, and those written while the class at hand did not declare it."""

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
