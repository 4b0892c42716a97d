"""Full-text search on PostgreSQL against the reference: what is found, the scores, the order, the pages, the totals.

``TOREMATRIX_SEARCH_SECONDS`` makes the random comparison run for longer, ``TOREMATRIX_SEARCH_SEED`` begin elsewhere.
"""

import itertools
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, make_dataclass
from typing import Annotated
from urllib.parse import parse_qsl

import psycopg
import pytest

from torematrix.core.storage import Storage
from torematrix.core.storage.backends.postgresql._sync import search
from torematrix.core.storage.backends.postgresql._sync.driver import PostgreSQLDriver
from torematrix.core.storage.backends.postgresql.compile import Sql
from torematrix.core.storage.backends.postgresql.config import PostgreSQLConfig, options_from_url
from torematrix.core.storage.core.options import TransactionOptions
from torematrix.core.storage.errors import (
    ConfigurationError,
    ConflictError,
    DuplicateError,
    NotFoundError,
    TransactionError,
)
from torematrix.core.storage.model.markers import Index, Searchable
from torematrix.core.storage.query.filters import F
from torematrix.core.storage.query.normalise import condition_of
from torematrix.core.storage.query.operations import (
    Insert,
    Search,
    SearchStatistics,
)
from torematrix.core.storage.query.search import parse_search
from torematrix.core.storage.query.text import tokens
from torematrix.core.storage.testing.searches import Choices, Page, Pair

SECONDS = float(os.environ.get("TOREMATRIX_SEARCH_SECONDS", "8"))
SEED = int(os.environ.get("TOREMATRIX_SEARCH_SEED", "1"))
DATABASES = ["{postgresql}", "{postgresql_icu}"]


class Store(Pair):
    """A collection in PostgreSQL, and the same in memory."""

    @property
    def plan(self):
        return self.real.collection.plan

    def fetch(self, statement):
        """Rows of a statement outside any transaction."""
        with self.real.driver._link(None) as link:
            return link.execute(statement).fetchall()

    def check_tables(self):
        """The tables of the index hold exactly what the stored texts amount to."""
        index = self.plan.search
        read = self.plan.search._readers
        words, texts, totals = set(), set(), Counter()
        select = self.plan.select
        for seq, *row in self.fetch(f"SELECT seq, {select} FROM {self.plan.table}"):
            fields = [tokens(reader(tuple(row))) for reader in read]
            lengths = tuple(map(len, fields))
            texts.add((seq, lengths, "\n".join(f" {' '.join(each)} " for each in fields)))
            totals.update({"documents": 1, **dict(enumerate(lengths))})
            length = sum(weight * count for weight, count in zip(index.weights, lengths, strict=True))
            for word in {word for each in fields for word in each}:
                counts = [min(each.count(word), 1_023) for each in fields]
                weight = min(sum(w * count for w, count in zip(index.weights, counts, strict=True)), 1_023)
                by_field = "\\x" + "".join(f"{count:04x}" for count in counts) if index.by_field else None
                words.add((word, seq, weight, length, by_field))
        counts = "counts::text" if index.by_field else "NULL"
        held = self.fetch(f"SELECT term, seq, weight, length, {counts} FROM {index.words}")
        assert (len(held), set(held)) == (len(words), words)
        held = [
            (seq, tuple(lengths), text) for seq, lengths, text in self.fetch(f"SELECT * FROM {index.texts}")
        ]
        assert (len(held), set(held)) == (len(texts), texts)
        summed = Counter()
        for documents, lengths in self.fetch(f"SELECT * FROM {index.totals}"):
            summed["documents"] += documents
            for number, length in enumerate(lengths):
                summed[number] += length
        assert +summed == +totals


@pytest.fixture(params=DATABASES, ids=["c", "icu"])
def url(request, new_database):
    return new_database(request.param)


def open_driver(url, **options):
    plain, _, query = url.partition("?")
    driver = PostgreSQLDriver(
        PostgreSQLConfig(**options_from_url(plain), **dict(parse_qsl(query)), **options)
    )
    driver.open()
    return driver


@pytest.fixture
def driver(url):
    opened = open_driver(url)
    yield opened
    opened.close()


def test_as_the_reference(driver):
    """After any writes and rollbacks every search gives what the reference does: rows, scores, order, totals, pages."""
    store = Store(driver)
    until = time.monotonic() + SECONDS
    for seed in itertools.count(SEED):
        choices = Choices(seed)
        kinds = ["plain", "plain", "stored", "undone", "partly"]
        for kind in choices.random.choices(kinds, k=3):
            with store.scope(kind):
                for _ in range(choices.random.randrange(4)):
                    choices.write(store)
                if choices.random.random() < 0.3:
                    choices.ask(store)
        for _ in range(6):
            choices.ask(store)
        if seed % 10 == 0:
            store.check_tables()
            with driver._link(None) as link:
                search.fold(link, store.plan)
        if time.monotonic() > until:
            break
    store.check_tables()


def test_bulk(driver):
    """Many documents at once are copied, and stand in the index as those that came one by one."""
    choices = Choices(SEED)
    store = Store(driver)
    store.insert(*[Page(f"{n:05}", choices.words(6), choices.words(30)) for n in range(2_500)])
    store.check_tables()
    for text in ("a", "a b", '"a b"', "ab* -c", "a OR abd", "漢字 OR nul*"):
        store.search(text, limit=20)
    store.replace(*[Page(f"{n:05}", choices.words(6), choices.words(30)) for n in range(0, 2_500, 2)])
    store.remove(*[f"{n:05}" for n in range(0, 2_500, 5)])
    store.check_tables()
    store.search("a OR ab*", limit=20)


def test_rare_and_frequent(driver):
    """A rare word beside frequent ones, which are looked up for each document that holds the rare one."""
    store = Store(driver)
    store.insert(*[Page(f"{n:03}", "a ab", f"abc b{n % 7} a b") for n in range(100)])
    store.insert(Page("x", "needle", "a abd"), Page("y", "needle a", "b"), Page("z", "a", "needle a b c"))
    for text in (
        "needle a",
        "needle ab*",
        "needle a b",
        'needle "a b"',
        "needle a -b",
        "nee* a ab*",
        "needle nowhere a",
    ):
        for fields in (None, ("title",), ("tokens",)):
            store.walk(text, 2, fields=fields)
        store.walk(text, 2, filters=F("title").contains("a"))


def test_made_anew(driver):
    """An index that is made anew from the stored rows is the one it replaces."""
    choices = Choices(SEED)
    store = Store(driver, indexes=[Index("title", substring=True)])
    store.insert(*[Page(f"{n:05}", choices.words(6), choices.words(30)) for n in range(300)])
    with driver._together(None) as link:
        search.rebuild(link, store.plan)
    store.check_tables()
    store.search("a OR abd", limit=20)
    store.search("a", filters=F("title").contains("abc"))


Wide = make_dataclass(
    "Wide",
    [("id", str | None, None), ("blob", bytes, b"")] + [(f"f{number}", str, "") for number in range(40)],
)


def test_many_words_and_fields(driver):
    """Any number of words and fields is scored alike, more than an index has columns."""
    choices = Choices(SEED)
    store = Store(driver, Wide)
    for key in "abcdef":
        texts = {f"f{number}": choices.words(6) for number in (0, 7, 39)}
        store.insert(Wide(id=key, blob=key.encode(), **texts))
    words = ["ab*", "a", "b", "c", *[f"w{n}" for n in range(30)]]
    for text in (" OR ".join(words), " ".join(words[:3]), "a b", "a OR b"):
        store.walk(text, 2)
        store.walk(text, 2, fields=("f0", "f39"))
    store.check_tables()


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
    store.check_tables()


def test_one_field(driver):
    """With one searchable field there is nothing to keep by field."""
    store = Store(driver, dict, searchable=[("text", 1_000)])
    store.insert(*[{"id": str(n), "text": "a " * n + "b"} for n in range(5)])
    for text in ("a", "b", "a OR b", '"a b"', "a*", "b -a"):
        store.walk(text, 2)
    store.check_tables()


def test_statistics_of_the_first_page(driver):
    """Pages that follow score as the first did, whatever is written meanwhile."""
    store = Store(driver)
    store.insert(*[Page(str(n), "a " * n, "b c") for n in range(1, 9)])
    whole, first = store.search("a OR b")
    store.insert(*[Page(f"n{n}", "a b", "") for n in range(50)])
    hits, ranked = store.search("a OR b", statistics=first.statistics)
    assert ranked.statistics == first.statistics
    assert [hit for hit in hits if hit in whole] == whole
    assert store.search("a OR b")[0] != hits
    store.search("a OR nowhere", statistics=SearchStatistics(2**40, 2**60, (2**40, 0)))


@pytest.mark.parametrize("count", [3, 3_000])
def test_equal_scores(driver, count):
    """Among equal scores the ids decide, on every page, however many there are."""
    store = Store(driver)
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
    store.insert(Page("1", "a " * 400), Page("2", "a " * 341), Page("3", "", "a " * 1_100), Page("4", "b"))
    store.search("a")
    store.search("a*")
    store.search("a OR b", fields=("tokens",))
    store.check_tables()


def test_the_largest_queries(driver):
    """A thousand words, as alternatives, exclusions, prefixes or one phrase, are answered in seconds."""
    store = Store(driver)
    store.insert(*[Page(str(n), f"w{n} a", f"w{n + 1} b") for n in range(200)])
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
    assert time.monotonic() - began < 60


def test_failed_writes_leave_the_index(driver):
    """A bulk insert or an update that is refused indexes nothing."""
    store = Store(driver)
    store.insert(Page("1", "a"))
    for write in (
        lambda: store.insert(Page("2", "b"), Page("1", "b")),
        lambda: store.replace(Page("1", "b"), Page("nowhere", "b")),
    ):
        with pytest.raises((DuplicateError, NotFoundError)):
            write()
    store.search("a OR b")
    store.check_tables()


def test_untouched_texts_are_not_indexed_again(driver):
    """A write that changes no searchable text leaves the index alone."""
    store = Store(driver)
    store.insert(Page("1", "a long title", "b"))
    state = f"SELECT ctid::text, xmin::text FROM {store.plan.search.words} ORDER BY 1"
    before = store.fetch(state)
    store.replace(Page("1", "a long title", "b", score=5))
    store.patch("1", term=7)
    assert store.fetch(state) == before
    store.patch("1", title="a longer title")
    assert store.fetch(state) != before
    store.check_tables()


NAMES = [
    "hit",
    "found",
    "held",
    "page",
    "every",
    "each",
    "asked",
    "one",
    "text",
    "w0",
    "gone",
    "given",
    "member",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_do_not_meet(driver, name):
    """A collection may have the name of anything in a statement."""
    store = Store(driver, name=name)
    store.insert(Page("1", "a b", "c", 1, 2), Page("2", "a", None, 2, 1))
    for text in ("a", "a b", "a OR b", '"a b"', "a -c", "(a b) OR c -b", "a*"):
        for filters in (None, F("score") == 1, F("tokens").is_null(), F("title").contains("b")):
            store.walk(text, 1, filters=filters)
    store.remove("1")
    store.check_tables()


def test_fields_named_as_columns_of_statements(driver):
    """Nor do the names of fields meet those of anything in a statement."""
    names = [
        "seq",
        "weight",
        "length",
        "lengths",
        "counts",
        "word",
        "clause",
        "needed",
        "at",
        "low",
        "high",
        "total",
    ]
    names += ["documents", "factor", "pattern", "value", "score", "term", "tokens", "folded"]
    fields = [("id", str | None, None), ("title", str, ""), *((each, int, 0) for each in names)]
    store = Store(driver, make_dataclass("Named", fields), searchable=["title"])
    entity = store.schema.entity_class
    store.insert(entity("1", "a b"), entity("2", "a", *range(len(names))))
    for each in names:
        for text in ("a", "a b OR b", "a OR b"):
            store.walk(text, 1, filters=F(each) >= 0)


def test_collections_do_not_meet(driver):
    """No collection has the name of another's index, however long the names are."""
    longest = "a" * 47
    names = ["pages", "pages_words", "pages_texts", longest + "b", longest + "c"]
    stores = [
        Store(driver, name=name, indexes=[Index("title", substring=True, name="words")]) for name in names
    ]
    for number, store in enumerate(stores):
        store.insert(Page("1", f"only{number} all"))
    for number, store in enumerate(stores):
        store.search(f"only{number}")
        store.search("all", filters=F("title").contains(f"only{number}"))
        store.check_tables()


def test_nothing_of_a_query_is_in_a_statement(driver):
    """Words, phrases and prefixes are bound; a larger query of the general form is the same statement."""
    store = Store(driver)

    def texts(text):
        operation = Search(
            store.real.collection,
            parse_search(text),
            store.schema.searchable,
            condition_of(store.schema, None),
            5,
            0,
            True,
        )
        return [statement for statement, _ in search.statements(operation, Sql())]

    for text in (
        "needle",
        "needle needles*",
        '"needle two" OR needle -needles -three*',
        "needle OR two OR three",
    ):
        for statement in texts(text):
            assert "needle" not in statement
            assert "three" not in statement
    small = '"a b" OR cc* -d -ee*'
    large = " OR ".join(f'"a b{n}" OR c{n}* -d{n} -e{n}*' for n in range(50))
    assert texts(small) == texts(large)


# ----------------------------------------------------------------------------------------------------- several at once


def test_writers_do_not_wait_for_one_another(driver):
    """Transactions that add documents at the same time conflict in nothing, and everything is counted."""
    store = Store(driver)
    barrier = threading.Barrier(2)

    def pages(number, round_):
        return [Page(f"{number} {round_} {n}", "a b", f"c w{n}") for n in range(round_ * 3 + 1)]

    def write(number):
        for round_ in range(10):
            session = driver.begin(TransactionOptions())
            barrier.wait(30)  # both have their snapshots
            rows = store.rows(store.real.collection, *pages(number, round_))
            driver.run(Insert(store.real.collection, rows), session)
            barrier.wait(30)  # both have written, neither has committed
            session.commit()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(write, number) for number in range(2)]:
            done.result(60)
    for number in range(2):
        for round_ in range(10):
            store.insert_in(store.reference, *pages(number, round_))
    store.search("a OR w1", limit=20)
    store.check_tables()


def test_folding_disturbs_nobody(driver):
    """Totals are folded while transactions read and write: their statistics stay, and nothing conflicts."""
    store = Store(driver)
    index = store.plan.search
    for n in range(20):
        store.insert(Page(str(n), "a b"))
    assert len(store.fetch(f"SELECT 1 FROM {index.totals}")) == 21
    store.begin()
    before = store.search("a OR b", limit=3)[1].statistics
    store.insert(Page("own", "a c"))
    for _ in range(2):
        with driver._link(None) as link:
            search.fold(link, store.plan)
        assert len(store.fetch(f"SELECT 1 FROM {index.totals}")) == 1
    after = store.search("a OR b", limit=3)[1].statistics
    assert (after.documents, after.length) == (before.documents + 1, before.length + 6)
    store.insert(Page("more", "a"))
    store.end(commit=True)
    assert len(store.fetch(f"SELECT 1 FROM {index.totals}")) == 3
    store.check_tables()
    store.search("a OR c")


def test_a_search_says_when_totals_are_many(driver):
    """A search that has to add up hundreds of rows has them folded."""
    store = Store(driver)
    with driver._link(None) as link:
        link.execute(
            f"INSERT INTO {store.plan.search.totals} SELECT 0, '{{0,0}}' FROM generate_series(1, 400)"
        )
    store.insert(Page("1", "a"))
    store.search("a")
    with driver._link(None) as link:
        if store.plan.search.crowded:  # the driver has not yet done so by itself
            search.fold(link, store.plan)
    assert len(store.fetch(f"SELECT 1 FROM {store.plan.search.totals}")) == 1
    store.search("a")
    assert not store.plan.search.crowded


def test_folding_on_a_server_that_is_read_only(url):
    """Folding that is refused leaves everything as it is, and the connection usable."""
    driver = open_driver(url)
    store = Store(driver)
    store.insert(Page("1", "a"), Page("2", "a b"))
    with driver._link(None) as link:
        link.execute("SET default_transaction_read_only = on")
        search.fold(link, store.plan)
        link.execute("SET default_transaction_read_only = off")
    store.search("a OR b")
    store.check_tables()
    driver.close()


def test_an_index_made_anew_under_a_transaction(driver):
    """A transaction that began before the index was made anew is told to run again; it never finds nothing."""
    store = Store(driver)
    store.insert(Page("1", "a"))
    session = driver.begin(TransactionOptions())
    with driver._together(None) as link:
        search.rebuild(link, store.plan)
    operation = Search(
        store.real.collection,
        parse_search("a"),
        store.schema.searchable,
        condition_of(store.schema, None),
        5,
        0,
        False,
    )
    with pytest.raises(ConflictError) as raised:
        driver.run(operation, session)
    assert raised.value.retryable
    session.rollback()
    store.search("a")


@dataclass
class Otherwise:
    """Pages of which something else is searchable."""

    id: str | None = None
    title: Annotated[str, Searchable(3)] = ""
    tokens: Annotated[str | None, Searchable(2)] = None
    term: int = 0
    score: int = 0


def test_declared_otherwise_meanwhile(driver, url):
    """Who writes or searches by an outdated declaration is refused, and what is stored is all indexed."""
    store = Store(driver)
    store.insert(Page("1", "a", "b"))
    other_driver = open_driver(url)
    other = Store(other_driver, Otherwise)
    other.insert_in(other.reference, Otherwise("1", "a", "b"))
    for write in (
        lambda: store.insert(Page("2", "a")),
        lambda: store.insert(*[Page(f"{n} of many", "a") for n in range(50)]),
        lambda: store.patch("1", title="b"),
        lambda: store.patch("1", score=5),
        lambda: store.remove("1"),
        lambda: store.search("a"),
    ):
        with pytest.raises(ConfigurationError, match="declared otherwise"):
            write()
    other.search("a OR b")
    other.check_tables()
    other_driver.close()
    again = Store(driver)
    again.insert_in(again.reference, Page("1", "a", "b"))
    again.search("a OR b")
    again.check_tables()


def test_declared_otherwise_within_a_transaction(url):
    """It dooms the transaction: the statement has failed, and what the write had done by then is not kept."""
    with Storage.open(url) as storage, Storage.open(url) as other:
        plain = storage.repository(dict, "plain", searchable=[])
        pages = storage.repository(Page, "pages")
        pages.create(Page("1", "a", "b"))
        other.repository(Otherwise, "pages").count()
        for write in (
            lambda: pages.delete("1"),
            lambda: pages.patch("1", title="b"),
            lambda: pages.upsert(Page("1", "c", "d")),
            lambda: pages.bulk_update([Page("1", "c", "d")]),
        ):
            with pytest.raises(TransactionError), storage.transaction():  # noqa: PT012
                plain.create({"a": 1})
                with pytest.raises(ConfigurationError, match="declared otherwise"):
                    write()
        assert plain.count() == 0
        assert pages.get("1").title == "a"


def test_a_row_is_never_indexed_twice(driver):
    """A document that is there already is refused by the keys of the tables."""
    store = Store(driver)
    store.insert(Page("1", "a b"))
    ((seq,),) = store.fetch(f"SELECT seq FROM {store.plan.table}")
    (row,) = store.rows(store.real.collection, Page("1", "a b"))
    for rows in (1, 50):
        with pytest.raises(psycopg.errors.UniqueViolation), driver._together(None) as link:
            search.add(link, store.plan, [(seq + n, row) for n in range(rows)])
    store.check_tables()
