"""Full-text search on MongoDB against the reference: what is found, the scores, the order, the pages, the totals.

``TOREMATRIX_SEARCH_SECONDS`` makes the random comparison run for longer, ``TOREMATRIX_SEARCH_SEED`` begin elsewhere.
"""

import contextlib
import itertools
import json
import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, make_dataclass
from typing import Annotated

import pytest
from pymongo.errors import OperationFailure

from torematrix.core.storage.backends.mongodb._sync import search, texts
from torematrix.core.storage.backends.mongodb._sync.driver import MongoDriver
from torematrix.core.storage.backends.mongodb._sync.totals import GATHERED, TOTALS, Sums
from torematrix.core.storage.backends.mongodb.compile import Compiler
from torematrix.core.storage.backends.mongodb.config import MongoDBConfig, options_from_url
from torematrix.core.storage.backends.mongodb.finishing import finish_now
from torematrix.core.storage.backends.mongodb.names import GENERATION, META, TRIGRAMS, WORDS
from torematrix.core.storage.core.options import TransactionOptions
from torematrix.core.storage.errors import ConfigurationError, DuplicateError, NotFoundError
from torematrix.core.storage.model.markers import Index, Searchable
from torematrix.core.storage.query.filters import F
from torematrix.core.storage.query.operations import Fetch, Insert, Patch, SearchStatistics
from torematrix.core.storage.query.relevance import word_factor, word_score
from torematrix.core.storage.query.text import tokens
from torematrix.core.storage.testing.searches import Choices, Page, Pair

SECONDS = float(os.environ.get("TOREMATRIX_SEARCH_SECONDS", "8"))
SEED = int(os.environ.get("TOREMATRIX_SEARCH_SEED", "1"))


class Store(Pair):
    """A collection in MongoDB, and the same in memory."""

    @property
    def plan(self):
        return self.real.collection.plan

    @property
    def server(self):
        return self.real.driver.server

    @property
    def database(self):
        return self.server.database

    def held(self):
        """The documents as they are stored."""
        return {each["_id"]: each for each in self.database[self.plan.collection].find()}

    def parts(self):
        """The parts of the sums."""
        found = self.database[TOTALS].find({"_id": {"$regex": f"^{self.plan.collection}:."}})
        return [each for each in found if each["g"] == self.plan.texts.generation]

    def check(self):
        """What is kept of the texts is exactly what the texts amount to."""
        sums, weights = Counter(), dict(self.schema.searchable)
        held = self.held()
        assert held.keys() == self.documents.keys()
        for key, document in self.documents.items():
            fields = [tokens(text_at(document, path)) for path in weights]
            lengths = [len(field) for field in fields]
            sums.update({"n": 1, **dict(enumerate(lengths))})
            counts = Counter()
            for field, weight in zip(fields, weights.values(), strict=True):
                for token in field:
                    counts[token] += weight
            words = dict(held[key][WORDS])
            assert sorted(words.pop("t")) == sorted(counts)
            assert words.pop("c") == {token: min(count, 1_023) for token, count in counts.items()}
            assert words.pop("l") == lengths
            assert words.pop("d") == sum(map(int.__mul__, weights.values(), lengths))
            assert words == {
                f"p{n}": "".join(f" {token} " for token in field) for n, field in enumerate(fields)
            }
            assert held[key][GENERATION] == self.plan.texts.generation
        if self.server.transactions:
            kept = Counter()
            for part in self.parts():
                kept.update({"n": part["n"], **dict(enumerate(part["l"]))})
            assert +kept == +sums
        else:
            assert self.database[TOTALS].count_documents({}) == 0

    def ensured_anew(self):
        """The collection is opened once more, as if nothing had been prepared."""
        self.database[META].delete_one({"_id": f"texts:{self.plan.collection}"})
        texts.ensure(self.server, self.plan, time.sleep)


def text_at(document, path):
    for step in path.split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document if isinstance(document, str) else ""


def opened(url):
    driver = MongoDriver(MongoDBConfig(**options_from_url(url)), finish_now, time.sleep)
    driver.open()
    return driver


@pytest.fixture(params=["{mongodb}", "{mongodb_standalone}"], ids=["set", "alone"])
def url(request, new_database):
    return new_database(request.param)


@pytest.fixture
def driver(url):
    with contextlib.closing(opened(url)) as driver:
        yield driver


@pytest.fixture
def set_driver(new_database):
    """One of a replica set, which has transactions."""
    with contextlib.closing(opened(new_database("{mongodb}"))) as driver:
        yield driver


def test_as_the_reference(driver, monkeypatch):
    """After any writes and rollbacks every search gives what the reference does: rows, scores, order, totals, pages."""
    store = Store(driver)
    together = driver.server.transactions
    until = time.monotonic() + SECONDS
    for seed in itertools.count(SEED):
        choices = Choices(seed, bulk=together)
        # Few matches are found as documents, many by their ids.
        monkeypatch.setattr(search, "_FEW", choices.random.choice([0, 3, 250]))
        kinds = ["plain", "plain", "stored", "undone", "partly"] if together else ["plain"]
        for kind in choices.random.choices(kinds, k=3):
            with store.scope(kind):
                for _ in range(choices.random.randrange(4)):
                    choices.write(store)
                if choices.random.random() < 0.3:
                    choices.ask(store)
        for _ in range(6):
            choices.ask(store)
        if seed % 10 == 0:
            store.check()
            if together:
                driver.sums.fold(store.plan.texts)
        if time.monotonic() > until:
            break
    store.check()


def test_many_at_once(set_driver):
    """Documents that come together are searched as those that came one by one."""
    choices = Choices(SEED)
    store = Store(set_driver)
    store.insert(*[Page(f"{n:05}", choices.words(6), choices.words(30)) for n in range(1_200)])
    store.check()
    for text in ("a", "a b", '"a b"', "ab* -c", "a OR abd", "漢字 OR nul*"):
        store.search(text, limit=20)
    store.replace(*[Page(f"{n:05}", choices.words(6), choices.words(30)) for n in range(0, 1_200, 2)])
    store.remove(*[f"{n:05}" for n in range(0, 1_200, 5)])
    store.check()
    store.search("a OR ab*", limit=20)
    store.search("a", limit=1_100, offset=5)


Wide = make_dataclass(
    "Wide",
    [("id", str | None, None), ("blob", bytes, b"")] + [(f"f{number}", str, "") for number in range(40)],
)


def test_many_words_and_fields(driver):
    """Any number of words and fields is scored alike."""
    choices = Choices(SEED)
    store = Store(driver, Wide)
    for key in "abcdef":
        given = {f"f{number}": choices.words(6) for number in (0, 7, 39)}
        store.insert(Wide(id=key, blob=key.encode(), **given))
    words = ["ab*", "a", "b", "c", *[f"w{n}" for n in range(150)]]
    for text in (" OR ".join(words), " ".join(words[:3]), "a b", "a OR b"):
        store.walk(text, 2)
        store.walk(text, 2, fields=("f0", "f39"))
    store.check()


def test_documents(driver):
    """Texts inside documents are searched where they are texts, and are nothing where they are not."""
    choices = Choices(SEED)
    store = Store(driver, dict, searchable=[("title", 2), "meta.text"])
    for number in range(30):
        title = choices.random.choice([choices.words(6), 5, None])
        meta = choices.random.choice([choices.words(6), {"text": choices.words(6)}, {"text": 5}])
        store.insert({"id": str(number), "title": title, "meta": meta})
    store.replace({"id": "1", "title": "a b", "meta": {"text": 5}})
    for text in ("a", "a OR b", '"a b"', "ab*", "-a b"):
        store.walk(text, 3)
    store.check()


def test_keys_that_are_the_librarys(driver):
    """A document may hold keys that look like those of the library, which never shows its own."""
    store = Store(driver, dict, searchable=["title"], indexes=[Index("title", substring=True)])
    own = {WORDS: {"t": ["b"], "c": {"b": 5}}, TRIGRAMS: 1, GENERATION: None, "%s": 7, "$a": {"%w": 0}}
    store.insert({"id": "1", "title": "a", **own})
    store.insert({"id": "2", "title": "a b"})
    store.walk("a", 1)
    store.search("b")
    rows = [side.run(Fetch(side.collection, "1")) for side in store.sides]
    assert set(dict(rows[0][-1])) == set(json.loads(rows[1][-1]))
    store.replace({"id": "1", "title": "b"})
    store.walk("a OR b", 1)
    store.check()


def test_statistics_of_the_first_page(driver):
    """Pages that follow score as the first did, whatever is written meanwhile."""
    store = Store(driver)
    for n in range(1, 9):
        store.insert(Page(str(n), "a " * n, "b c"))
    whole, first = store.search("a OR b")
    for n in range(10):
        store.insert(Page(f"n{n}", "a b", ""))
    hits, ranked = store.search("a OR b", statistics=first.statistics)
    assert ranked.statistics == first.statistics
    assert [hit for hit in hits if hit in whole] == whole
    assert store.search("a OR b")[0] != hits
    store.search("a OR nowhere", statistics=SearchStatistics(2**40, 2**60, (2**40, 0)))


@pytest.mark.parametrize("count", [3, 1_500])
def test_equal_scores(set_driver, count):
    """Among equal scores the ids decide, on every page, however many there are."""
    store = Store(set_driver)
    store.insert(*[Page(f"{(n * 7919) % count:05}", "a") for n in range(count)])
    expected = [f"{n:05}" for n in range(count)]
    hits, ranked = store.search("a", limit=10, offset=count - 2)
    assert [key for key, _ in hits] == expected[-2:]
    assert ranked.total == count
    score = hits[0][1]
    assert [key for key, _ in store.search("a", limit=2, after=(score, "00000"))[0]] == expected[1:3]
    assert store.search("a", limit=2, after=(score, expected[-1]))[0] == []
    assert store.search("a", limit=0)[0] == []
    assert store.search("a", limit=2**40, offset=2**62)[0] == []


def test_frequent_words_are_bounded(driver):
    """Occurrences beyond a thousand and some count no more."""
    store = Store(driver)
    for page in (
        Page("1", "a " * 400),
        Page("2", "a " * 341),
        Page("3", "", "a " * 1_100),
        Page("4", "b"),
    ):
        store.insert(page)
    store.search("a")
    store.search("a*")
    store.search("a OR b", fields=("tokens",))
    store.check()


def test_the_largest_queries(set_driver):
    """A thousand words, as alternatives, exclusions, prefixes or one phrase, are answered in seconds."""
    store = Store(set_driver)
    store.insert(*[Page(str(n), f"w{n} a", f"w{n + 1} b") for n in range(100)])
    words = [f"w{n}" for n in range(999)]
    began = time.monotonic()
    for text in (
        " OR ".join(words),
        " ".join(words),
        " OR ".join(f"{word} a" for word in words[:499]),
        " OR ".join(f'"{word} a" -b' for word in words[:330]),
        "a " + " ".join(f"-{word}" for word in words[:900:2]),
        "a " + " ".join(f"-{word}*" for word in words[:900:2]),
        " OR ".join(f"{word}*" for word in words[:300]),
        '"' + " ".join(words) + '"',
    ):
        store.search(text, limit=20)
        store.search(text, limit=20, fields=("title",))
    assert time.monotonic() - began < 120


def test_the_servers_arithmetic(driver):
    """What the server makes of a count, a length and a factor is the score that the definition gives, to the limits."""
    choose = random.Random(SEED)
    averages = [1, 2, 7, 170, 65_537, 99_999, 100_000]
    factors = [
        (average, word_factor(documents, df, average))
        for documents in (1, 10, 1_000, 10**9, 2**53)
        for df in (0, 1, documents // 3, documents)
        for average in averages
    ]
    asked = []
    for _ in range(20_000):
        average, factor = choose.choice(factors)
        count = choose.choice([1, 2, 1_022, 1_023, choose.randrange(1, 1_024)])
        length = choose.choice([0, 1, choose.randrange(1_000), choose.randrange(8 * 10**9), 8 * 10**9])
        if choose.random() < 0.5:
            # A quotient that is an integer, or next to one.
            near = factor * count // choose.randrange(1, 3 * 10**6) - 10 * average * count - 3 * average
            length = max(0, near // 9 + choose.choice([-1, 0, 0, 1]))
        asked.append({"f": factor, "a": average, "w": count, "d": length})
    base = {"$add": [{"$multiply": [3, "$a"]}, {"$multiply": [9, "$d"]}]}
    bottom = {"$add": [{"$multiply": [{"$multiply": [10, "$a"]}, "$w"]}, base]}
    score = {"$floor": {"$divide": [{"$multiply": ["$f", "$w"]}, bottom]}}
    got = driver.server.database.aggregate([{"$documents": asked}, {"$project": {"score": score}}])
    for each, given in zip(got, asked, strict=True):
        assert each["score"] == word_score(given["f"], given["a"], given["w"], given["d"]), given


def test_failed_writes_leave_the_index(set_driver):
    """A bulk insert or an update that is refused counts nothing."""
    store = Store(set_driver)
    store.insert(Page("1", "a"))
    for write in (
        lambda: store.insert(Page("2", "b"), Page("1", "b")),
        lambda: store.insert(Page("1", "b")),
        lambda: store.replace(Page("1", "b"), Page("nowhere", "b")),
    ):
        with pytest.raises((DuplicateError, NotFoundError)):
            write()
    store.search("a OR b")
    store.check()


def test_untouched_texts_are_left_alone(set_driver):
    """A write that changes no searchable text changes no sum, and needs no transaction."""
    store = Store(set_driver)
    store.insert(Page("1", "a long title", "b"))
    before = store.parts()
    store.replace(Page("1", "a long title", "b", score=5))
    store.patch("1", term=7)
    store.patch("1", title="a long title")
    assert store.parts() == before
    store.patch("1", title="two words more")
    assert store.parts() == before  # as many as there were
    store.patch("1", title="a longer title still")
    assert len(store.parts()) == len(before) + 1
    store.search("longer OR b")
    store.check()


def test_names_do_not_meet(driver):
    """Collections whose names begin alike keep their sums and words apart."""
    stores = [Store(driver, name=name) for name in ("pages", "pages2", "pages_", "Page", "torematri")]
    for number, store in enumerate(stores):
        store.insert(Page("1", f"only{number} all"))
    for number, store in enumerate(stores):
        store.search(f"only{number} OR all")
        store.check()


def test_user_values_are_no_operators(driver):
    """What looks like an operator, a path or a pattern, in a text or a query, is words or nothing."""
    store = Store(driver)
    hostile = [
        "$where",
        "$ne",
        '{"$gt": ""}',
        "%w.c",
        "a.b",
        ".*",
        "^a",
        "a$",
        "$$ROOT",
        "a\\d*",
        "[a-z]*",
        "(a|b)*",
    ]
    for number, text in enumerate(hostile):
        store.insert(Page(str(number), text, f"x {text} y"))
    for text in hostile:
        for query in (text, f'"{text}"', f"x -{text}", f"{text}*", f"x OR {text}"):
            store.search(query)


def test_an_index_serves_every_search(driver):
    """Documents are looked up by a word of each alternative, with and without a filter, and words counted by keys."""
    store = Store(driver)
    for n in range(60):
        store.insert(Page(str(n), "a" if n else "rare a", "b c"))
    for query in ("a", "rare a", "rare OR c", '"rare a"', "rar*", "rare -b", "rare b OR rare c"):
        operation = store.operation(store.real.collection, query, limit=5)
        compiled = Compiler(store.plan.places).filter
        *counts, page = search.statements(driver.server, operation, compiled)
        plan = driver.server.command({"explain": {**page, "cursor": {}}, "verbosity": "queryPlanner"})
        assert f'"indexName": "{WORDS}"' in json.dumps(plan, default=str), query
        assert "COLLSCAN" not in json.dumps(plan, default=str), query
        assert len(counts) == 1
    counting = {
        "aggregate": "pages",
        "cursor": {},
        "pipeline": [{"$match": {f"{WORDS}.t": "a"}}, {"$count": "n"}],
    }
    plan = driver.server.command({"explain": counting, "verbosity": "queryPlanner"})
    assert "COUNT_SCAN" in json.dumps(plan, default=str)


# ----------------------------------------------------------------------------------------------------- several at once


def test_writers_do_not_wait_for_one_another(set_driver):
    """Transactions that add documents at the same time conflict in nothing, and everything is counted."""
    store = Store(set_driver)
    barrier = threading.Barrier(2)

    def pages(number, round_):
        return [Page(f"{number} {round_} {n}", "a b", f"c w{n}") for n in range(round_ * 3 + 1)]

    def write(number):
        for round_ in range(8):
            session = set_driver.begin(TransactionOptions())
            barrier.wait(30)  # both have their snapshots
            rows = store.rows(store.real.collection, *pages(number, round_))
            set_driver.run(Insert(store.real.collection, rows), session)
            barrier.wait(30)  # both have written, neither has committed
            session.commit()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(write, number) for number in range(2)]:
            done.result(60)
    for number in range(2):
        for round_ in range(8):
            rows = store.rows(store.reference.collection, *pages(number, round_))
            store.reference.run(Insert(store.reference.collection, rows))
    store.search("a OR w1", limit=20)
    store.check()


def test_writers_of_the_same_documents(set_driver):
    """Single writes of two threads to the same documents leave sums and words in step, whoever came last."""
    store = Store(set_driver)
    store.insert(*[Page(str(n), "a") for n in range(4)])
    collection = store.real.collection

    def write(seed):
        choose = random.Random(seed)
        for _ in range(25):
            title = store.schema.by_name["title"]
            change = ((title, "a " * choose.randrange(5)),)
            set_driver.run(Patch(collection, str(choose.randrange(4)), change, {}, None), None)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(write, seed) for seed in range(2)]:
            done.result(120)
    held = store.held()
    for key in store.keys:
        store.reference.run(
            Patch(
                store.reference.collection,
                key,
                ((store.schema.by_name["title"], held[key]["title"]),),
                {},
                None,
            )
        )
    store.search("a")
    store.check()


def test_folding_disturbs_nobody(set_driver):
    """Sums are folded while transactions read and write: their statistics stay, and nothing conflicts."""
    store = Store(set_driver)
    for n in range(10):
        store.insert(Page(str(n), "a b"))
    assert len(store.parts()) == 11
    store.begin()
    before = store.search("a OR b", limit=3)[1].statistics
    store.insert(Page("own", "a c"))
    assert set_driver.sums.fold(store.plan.texts)
    assert len(store.parts()) == 1
    after = store.search("a OR b", limit=3)[1].statistics
    assert (after.documents, after.length) == (before.documents + 1, before.length + 6)
    store.insert(Page("more", "a"))
    store.end(commit=True)
    assert len(store.parts()) == 2
    store.search("a OR c")
    store.check()


def test_two_who_fold(set_driver):
    """One of two who fold at the same time gives way, and nothing is counted twice."""
    store = Store(set_driver)
    for n in range(6):
        store.insert(Page(str(n), "a b"))
    barrier = threading.Barrier(2)

    class Both(Sums):
        def _fold(self, session, texts):
            barrier.wait(30)  # both are at work
            return super()._fold(session, texts)

    with ThreadPoolExecutor(2) as threads:
        folded = [
            threads.submit(Both(set_driver.server, time.sleep).fold, store.plan.texts) for _ in range(2)
        ]
        assert sorted(each.result(60) for each in folded) in ([False, True], [True, True])
    store.search("a")
    store.check()


def test_sums_are_folded_now_and_then(set_driver):
    """Whoever has stored many parts, or has found many, makes one of them."""
    store = Store(set_driver)
    for n in range(GATHERED + 3):
        store.insert(Page(str(n), "a"))
    assert len(store.parts()) < 10
    part = {"g": store.plan.texts.generation, "n": 0, "l": [0, 0]}
    store.database[TOTALS].insert_many([{"_id": f"pages:{n}", **part} for n in range(5 * GATHERED)])
    store.search("a", limit=3)
    assert len(store.parts()) == 1
    store.check()


def test_lost_sums_are_made_anew(set_driver):
    """A search without sums adds them up, and who opens the collection keeps them again."""
    store = Store(set_driver)
    store.insert(Page("1", "a b"), Page("2", "a"))
    store.database[TOTALS].delete_many({})
    store.search("a OR b")
    store.ensured_anew()
    assert len(store.parts()) == 1
    store.search("a OR b")
    store.check()


def test_sums_made_while_others_write(set_driver):
    """Sums that are made anew while transactions come and go, and while somebody else does the same, are right."""
    store = Store(set_driver)
    store.insert(*[Page(f"old {n}", "a b") for n in range(50)])
    collection, stop = store.real.collection, threading.Event()
    written = []

    def write():
        for n in itertools.count():
            rows = store.rows(collection, Page(f"new {n}", "a", "b c"))
            set_driver.run(Insert(collection, rows), None)
            written.append(n)
            if stop.is_set():
                break

    def make():
        for _ in range(5):
            texts._added_up(set_driver.server, store.plan.texts)
            set_driver.sums.fold(store.plan.texts)

    with ThreadPoolExecutor(3) as threads:
        writing = threads.submit(write)
        for done in [threads.submit(make) for _ in range(2)]:
            done.result(120)
        stop.set()
        writing.result(60)
    pages = [Page(f"new {n}", "a", "b c") for n in written]
    store.reference.run(Insert(store.reference.collection, store.rows(store.reference.collection, *pages)))
    store.search("a OR c", limit=10)
    store.check()


# --------------------------------------------------------------------------------------------------- other declarations


@dataclass
class Otherwise:
    """Pages of which something else is searchable."""

    id: str | None = None
    title: Annotated[str, Searchable(3), Index(substring=True)] = ""
    tokens: Annotated[str | None, Searchable(2)] = None
    term: int = 0
    score: int = 0


@dataclass
class Silent:
    """Pages of which nothing is searchable."""

    id: str | None = None
    title: Annotated[str | None, Index()] = None
    tokens: dict | None = None
    term: int = 0
    score: int = 0


def test_declared_otherwise_meanwhile(driver, url):
    """Whoever writes by an outdated declaration is refused, and what is stored is all indexed."""
    store = Store(driver)
    for n in range(5):
        store.insert(Page(str(n), "a b", "c"))
    with contextlib.closing(opened(url)) as other:
        newer = Store(other, Otherwise)
        for n in range(5):
            newer.reference.run(
                Insert(
                    newer.reference.collection,
                    newer.rows(newer.reference.collection, Otherwise(str(n), "a b", "c")),
                )
            )
        newer.check()
        newer.search("a OR c")
        for write in (
            lambda: store.real.run(
                Insert(store.real.collection, store.rows(store.real.collection, Page("9", "a")))
            ),
            lambda: store.real.run(
                Patch(store.real.collection, "1", ((store.schema.by_name["title"], "z"),), {}, None)
            ),
        ):
            with pytest.raises(ConfigurationError, match="declared otherwise"):
                write()
        newer.check()
        newer.insert(Otherwise("9", "a c"))
        newer.search("a OR c", filters=F("title").contains("a c"))
        newer.check()


def test_declared_no_more_and_again(driver, url):
    """Nothing is kept of texts that are not declared, and all of it when they are again."""
    store = Store(driver, dict, searchable=["title"], indexes=[Index("title", substring=True)])
    for n in range(3):
        store.insert({"id": str(n), "title": f"a w{n}"})
    with contextlib.closing(opened(url)) as other:
        plain = Store(other, dict)
        assert all(set(each) == {"_id", "title"} for each in plain.held().values())
        names = {index["name"] for index in plain.database["pages"].list_indexes()}
        assert not any(name.startswith("%") for name in names)
        plain.real.run(
            Insert(plain.real.collection, plain.rows(plain.real.collection, {"id": "7", "title": "a z"}))
        )
    with contextlib.closing(opened(url)) as other:
        again = Store(other, dict, searchable=["title"], indexes=[Index("title", substring=True)])
        documents = [{"id": str(n), "title": f"a w{n}"} for n in range(3)] + [{"id": "7", "title": "a z"}]
        for document in documents:
            again.reference.run(
                Insert(again.reference.collection, again.rows(again.reference.collection, document))
            )
        again.search("a OR z")
        again.search("a", filters=F("title").contains("a w"))
        again.check()


def test_another_deployment(new_database):
    """Sums that a standalone server could not keep are made when the same data is a replica set's; and forgotten."""
    with contextlib.closing(opened(new_database("{mongodb}"))) as driver:
        store = Store(driver)
        store.insert(Page("1", "a"))
        driver.server.transactions = False
        texts.ensure(driver.server, store.plan, time.sleep)
        assert store.parts() == []
        store.insert(Page("2", "a b"))
        store.search("a OR b")
        driver.server.transactions = True
        texts.ensure(driver.server, store.plan, time.sleep)
        store.insert(Page("3", "b"))
        store.search("a OR b")
        store.check()


def test_what_others_prepare_at_the_same_time(new_database):
    """Several who open a collection of texts at the same moment prepare it once, or all alike."""
    url = new_database("{mongodb}")

    def prepare(number):
        with contextlib.closing(opened(url)) as driver:
            store = Store(driver)
            store.insert(Page(str(number), "a b"))

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(prepare, number) for number in range(4)]:
            done.result(120)
    with contextlib.closing(opened(url)) as driver:
        store = Store(driver)
        rows = store.rows(store.reference.collection, *[Page(str(n), "a b") for n in range(4)])
        store.reference.run(Insert(store.reference.collection, rows))
        store.search("a OR b")
        store.check()


def test_a_document_of_another_declaration_is_refused(driver):
    """The server itself refuses a document without what is declared to be kept with it."""
    store = Store(driver)
    with pytest.raises(OperationFailure) as raised:
        store.database["pages"].insert_one({"_id": "1", "title": "a"})
    assert raised.value.code == 121
