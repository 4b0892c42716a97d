"""Substring indexes on MongoDB: what a filter finds without one is found with one, whatever is written and asked for.

``TOREMATRIX_SEARCH_SECONDS`` makes the random comparison run for longer, ``TOREMATRIX_SEARCH_SEED`` begin elsewhere.
"""

import contextlib
import itertools
import json
import os
import random
import time
from dataclasses import dataclass
from typing import Annotated

import pytest

from torematrix.core.storage import F, Index, Storage
from torematrix.core.storage.backends.mongodb.names import TRIGRAMS
from torematrix.core.storage.backends.mongodb.trigram import _MOST, TrigramIndex
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.query.normalise import condition_of

SECONDS = float(os.environ.get("TOREMATRIX_SEARCH_SECONDS", "5"))
SEED = int(os.environ.get("TOREMATRIX_SEARCH_SEED", "1"))
SUBSTRING = Index(substring=True)

# What folds in an unusual way, what patterns and MongoDB give a meaning to, and a few letters that meet often.
PIECES = [
    *"\"'*^()-+:{},%_\\ \n\t\x01$.",
    *["NEAR", "abc", "ABC", "aBc", "abcd", "a", "b"],
    *["é", "É", "e\u0301", "ß", "ẞ", "SS", "\u212a", "k", "\u03c3", "ς", "Σ", "İ", "\u0131", "🙂", "漢字"],
    *["\ufffd", "\uffff", "\U0010ffff", "\ud7ff", "\ue000", "\ufeff", "\u200b"],
]


@dataclass
class Indexed:
    id: str
    code: Annotated[str | None, SUBSTRING] = None
    note: Annotated[str, SUBSTRING] = ""
    seq: int = 0


PLACES = ("code", "note", "meta.text", '["a.b"]')
INDEXES = (
    Index("code", substring=True),
    Index("meta.text", substring=True),
    Index('["a.b"]', substring=True),
)


class Choices:
    """Random texts and filters from one seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        return "".join(self.random.choices(PIECES, k=self.random.randrange(9)))

    def value(self):
        return self.random.choice([None, self.text(), self.text(), self.text()])

    def anything(self):
        return self.random.choice([self.value(), self.value(), 5, [self.text()]])

    def filter(self, places, texts):
        """A filter on a part of a text that is there, or of one that is not, in some case."""
        choose = self.random
        text = choose.choice([*texts, self.text()])
        start = choose.randint(0, len(text))
        part = text[start : start + choose.randint(0, len(text))]
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
            ]
        )
        return choose.choice([made, made, ~made, made | (F("id") == "1"), made & (F("id") != "1")])


@pytest.fixture(params=["{mongodb}", "{mongodb_standalone}"], ids=["set", "alone"])
def storage(request, new_database):
    with Storage.open(new_database(request.param)) as opened:
        yield opened


def compare(pair, make, places, texts_of):
    """Everything written to both is found alike."""
    until = time.monotonic() + SECONDS / 2
    for seed in itertools.count(SEED):
        choices = Choices(seed)
        for _ in range(choices.random.randrange(1, 5)):
            key, what = (
                str(choices.random.randrange(1, 9)),
                choices.random.choice(["upsert"] * 3 + ["delete"]),
            )
            entity = make(choices, key)
            for repository in pair:
                repository.delete(key) if what == "delete" else repository.upsert(entity)
        texts = [text for entity in pair[1].list() for text in texts_of(entity) if isinstance(text, str)]
        for _ in range(8):
            condition = choices.filter(places, texts)
            found, expected = (repository.list(condition) for repository in pair)
            assert found == expected, condition
            assert pair[0].count(condition) == len(expected), condition
        if time.monotonic() > until:
            break


def test_fields(storage):
    """Two indexed fields, through writes of all kinds."""
    with Storage.open("memory://") as memory:
        compare(
            (storage.repository(Indexed), memory.repository(Indexed)),
            lambda choices, key: Indexed(key, choices.value(), choices.text()),
            ("code", "note"),
            lambda entity: (entity.code, entity.note),
        )


def test_places_in_documents(storage):
    """Places inside documents, where a text may be anything else instead."""

    def make(choices, key):
        meta = choices.random.choice([{"text": choices.anything()}, choices.anything()])
        return {"id": key, "code": choices.anything(), "meta": meta, "a.b": choices.anything(), "note": ""}

    def texts_of(entity):
        meta = entity["meta"]
        return entity["code"], entity["a.b"], meta.get("text") if isinstance(meta, dict) else meta

    with Storage.open("memory://") as memory:
        pair = tuple(each.repository(dict, "things", indexes=INDEXES) for each in (storage, memory))
        compare(pair, make, PLACES, texts_of)


def test_patches_and_rollbacks(new_database):
    """A patch of an indexed text is found by it, and one that was rolled back by what was there before."""
    with Storage.open(new_database("{mongodb}")) as storage:
        repository = storage.repository(Indexed)
        repository.bulk_create([Indexed("1", "abcdef", "x"), Indexed("2", "uvwxyz", "y")])
        with contextlib.suppress(KeyError), repository.transaction():
            repository.patch("1", code="uvwxyz")
            assert {each.id for each in repository.list(F("code").contains("vwx"))} == {"1", "2"}
            raise KeyError
        assert {each.id for each in repository.list(F("code").contains("vwx"))} == {"2"}
        repository.patch("1", code="UVWxyz", seq=3)
        assert {each.id for each in repository.list(F("code").ilike("%vwx%"))} == {"1", "2"}
        assert repository.list(F("code").contains("bcd")) == []


def test_an_index_serves(storage):
    """Candidates are looked up in the index, for every operator that has a text of three characters."""
    repository = storage.repository(Indexed)
    for number in range(150):
        repository.create(Indexed(f"{number:03}", f"text {number * 7919} äöü" if number else "abcd abc"))
    code = F("code")
    for filters in (
        code.contains("abc"),
        code.ends_with("abc"),
        code.like("%abc%"),
        code.like("a_bcd"),
        code.ilike("%ABCD%"),
        (F("seq") == 1) & code.contains("abc"),
    ):
        explanation = repository.explain(filters=filters)
        assert f"{TRIGRAMS}." in json.dumps(explanation.statements, default=str), filters
        assert explanation.uses_index, filters
    for filters in (code.contains("ab"), code.like("%a_b%ab%"), code.matches("abc"), F("id").contains("abc")):
        statements = json.dumps(repository.explain(filters=filters).statements, default=str)
        assert f"{TRIGRAMS}." not in statements, filters


def test_candidates_are_what_is_stored():
    """What a condition asks for is a part of what is kept of every text that holds it, and never much."""
    schema = schema_of(Indexed)
    index = TrigramIndex(schema, next(spec for spec in schema.indexes if spec.paths == ("code",)))
    for seed in range(300):
        choices = Choices(seed)
        text = choices.text() + choices.text()
        start = choices.random.randint(0, len(text))
        part = text[start:]
        condition = condition_of(schema, F("code").contains(part))
        candidate = index.candidate(condition)
        if candidate is None:
            assert len(part) < 3
            continue
        wanted = candidate[index.path]["$all"]
        assert 1 <= len(wanted) <= _MOST
        place = schema.columns.index(schema.by_name["code"])
        row = tuple(text if at == place else None for at in range(len(schema.columns)))
        assert set(wanted) <= set(index.stored(row))
        assert all(0 <= number < 65_536 for number in index.stored(row))
