"""Full-text search on SQLite against the definition: what is found, the scores, the order, the pages, the totals."""

import contextlib
import random
from dataclasses import dataclass, make_dataclass
from typing import Annotated

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.backends.sqlite import search
from torematrix.core.storage.backends.sqlite.config import SQLiteConfig
from torematrix.core.storage.backends.sqlite.driver import SQLiteDriver
from torematrix.core.storage.backends.sqlite.scoring import Best
from torematrix.core.storage.core.options import TransactionOptions
from torematrix.core.storage.errors import DuplicateError, NotFoundError
from torematrix.core.storage.model.codec import Codec
from torematrix.core.storage.model.markers import Index, Searchable
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.query.evaluate import predicate
from torematrix.core.storage.query.filters import F
from torematrix.core.storage.query.normalise import condition_of
from torematrix.core.storage.query.operations import (
    Collection,
    Find,
    Insert,
    Patch,
    Remove,
    Replace,
    Search,
    SortKey,
    Upsert,
)
from torematrix.core.storage.query.relevance import collect_statistics, rank
from torematrix.core.storage.query.resolve import resolve
from torematrix.core.storage.query.rows import document_of
from torematrix.core.storage.query.search import parse_search
from torematrix.core.storage.query.text import tokens

NOW = "2024-01-01T00:00:00.000000+00:00"


@dataclass
class Page:
    """Columns named as the index names its own, so that a filter which binds to the wrong table is seen."""

    id: str | None = None
    title: Annotated[str, Searchable(3)] = ""
    c0: Annotated[str | None, Searchable()] = None
    seq_: int = 0
    rank: int = 0
    l0: int = 0


class Store:
    """A collection on a database of its own, and beside it the documents that ought to be there."""

    def __init__(self, entity_class=Page, *, path=":memory:", name="pages", searchable=None, indexes=()):
        self.driver = SQLiteDriver(SQLiteConfig(database_path=str(path)))
        self.driver.open()
        schema = schema_of(entity_class, searchable=searchable, indexes=indexes)
        self.codec = Codec(schema, json_documents=True)
        self.collection = Collection(name, schema, self.codec)
        self.driver.ensure(self.collection)
        self.schema = schema
        self.weights = dict(schema.searchable)
        self.documents = {}
        self.session = None

    @property
    def plan(self):
        return self.collection.plan

    def run(self, operation):
        return self.driver.run(operation, self.session)

    def row(self, entity):
        return self.codec.row_to_create(entity, NOW, lambda: "unused")

    def remember(self, row):
        self.documents[row[0]] = document_of(self.schema, row)

    def insert(self, *entities):
        rows = tuple(map(self.row, entities))
        self.run(Insert(self.collection, rows))
        for row in rows:
            self.remember(row)

    def replace(self, *entities):
        for row in self.run(Replace(self.collection, tuple(map(self.row, entities)))):
            self.remember(row)

    def upsert(self, entity):
        self.remember(self.run(Upsert(self.collection, self.row(entity), self.row(entity))))

    def patch(self, key, **changes):
        fields = tuple((self.schema.by_name[name], value) for name, value in changes.items())
        self.remember(self.run(Patch(self.collection, key, fields, {}, None)))

    def remove(self, *keys):
        assert self.run(Remove(self.collection, keys)) == len(self.documents.keys() & set(keys))
        for key in keys:
            self.documents.pop(key, None)

    @contextlib.contextmanager
    def undone(self):
        """A transaction that is rolled back."""
        before = dict(self.documents)
        self.session = self.driver.begin(TransactionOptions())
        try:
            yield
        finally:
            self.session.rollback()
            self.session = None
            self.documents = before

    @contextlib.contextmanager
    def partly_undone(self):
        """A savepoint that is rolled back within a transaction that is committed."""
        before = dict(self.documents)
        self.session = self.driver.begin(TransactionOptions())
        mark = self.session.savepoint()
        try:
            yield
        finally:
            self.session.rollback_to(mark)
            self.session.commit()
            self.session = None
            self.documents = before

    def tokens(self):
        def text(document, path):
            for step in path.split("."):
                document = document.get(step) if isinstance(document, dict) else None
            return document if isinstance(document, str) else ""

        return {
            key: {path: tokens(text(document, path)) for path in self.weights}
            for key, document in self.documents.items()
        }

    def search(
        self,
        text,
        *,
        fields=None,
        filters=None,
        limit=None,
        offset=0,
        total=True,
        after=None,
        statistics=None,
    ):
        searched = tuple(item for item in self.schema.searchable if fields is None or item[0] in fields)
        condition = condition_of(self.schema, filters)
        query = parse_search(text)
        operation = Search(
            self.collection, query, searched, condition, limit, offset, total, after, statistics
        )
        ranked = self.run(operation)
        for _, row in ranked.rows:
            assert document_of(self.schema, row) == self.documents[row[0]]
        return [(row[0], score) for score, row in ranked.rows], ranked

    def expected(self, text, *, fields=None, filters=None):
        weights = {path: weight for path, weight in self.weights.items() if fields is None or path in fields}
        holds = predicate(condition_of(self.schema, filters))
        ranked = rank(parse_search(text), self.tokens(), weights)
        return [hit for hit in ranked if holds(self.documents[hit[0]])]

    def check_search(self, text, pages=(1, 3), **arguments):
        """Every way to ask for the same matches gives those of the definition."""
        expected = self.expected(text, **arguments)
        hits, ranked = self.search(text, **arguments)
        assert (hits, ranked.total) == (expected, len(expected))
        fields = arguments.get("fields", self.weights)
        searched = {path: weight for path, weight in self.weights.items() if path in fields}
        assert ranked.statistics == collect_statistics(parse_search(text), self.tokens().values(), searched)
        for size in pages:
            by_offset, behind, last = [], [], None
            for offset in range(0, len(expected) + 1, size):
                page, ranked = self.search(text, limit=size, offset=offset, **arguments)
                by_offset += page
                page, behind_ranked = self.search(
                    text, limit=size, after=last, statistics=ranked.statistics, total=False, **arguments
                )
                behind += page
                assert (ranked.total, behind_ranked.total) == (len(expected), None)
                if page:
                    last = page[-1][1], page[-1][0]
            assert by_offset == expected
            assert behind == expected

    def check_index(self):
        with self.driver.pool.reading(None) as connection:
            assert search.check(connection, self.collection.name) == []

    def execute(self, statement):
        """Run a statement outside any transaction."""
        connection = self.driver.pool.take_writer()
        try:
            return connection.execute(statement).fetchall()
        finally:
            self.driver.pool.give_back(connection, writes=True)

    def find(self, filters):
        """The ids that a filter finds."""
        found = self.run(
            Find(self.collection, condition_of(self.schema, filters), self.by_id, None, 0, False)
        )
        return [row[0] for row in found.rows]

    @property
    def by_id(self):
        return (SortKey(resolve(self.schema, "id").target, False),)

    def close(self):
        self.driver.close()


# Few words, most of them the same few, so that matches, ties and repetitions abound; and what a careless index would
# take for syntax, or for no word.
COMMON = ["a", "b", "ab", "abc", "c"]
RARE = ["abd", "Äb", "漢字", "カタ", "🙂", "c++", "or", "NEAR", "x" * 300]
WORDS = st.one_of(st.sampled_from(COMMON), st.sampled_from(COMMON), st.sampled_from(COMMON + RARE))
SIGNS = st.sampled_from(["-", '"', "*", "'", "(", "\n"])
TEXT = st.lists(st.one_of(WORDS, WORDS, WORDS, SIGNS), max_size=8).map(" ".join)
PHRASES = ["ab*", '"a b"', '"b a"', '"ab a"*', "a-b-c", "漢字*", "nowhere"]
TERM = st.one_of(WORDS, WORDS, st.sampled_from(PHRASES))
CLAUSE = st.tuples(st.lists(TERM, min_size=1, max_size=2), st.lists(TERM, max_size=1)).map(
    lambda terms: " ".join([*terms[0], *(f"-{term}" for term in terms[1])])
)
QUERY = st.one_of(
    st.lists(CLAUSE, min_size=1, max_size=3).map(" OR ".join),
    st.lists(st.one_of(TERM, SIGNS, st.just("OR")), max_size=5).map(" ".join),
)
KEYS = ["a", "B", "é", "\U0001d4b3", "\ue000", *map(str, range(15))]
KEY = st.sampled_from(KEYS)
PAGE = st.builds(
    Page,
    id=KEY,
    title=TEXT,
    c0=st.one_of(TEXT, TEXT, st.none()),
    rank=st.integers(0, 2),
    l0=st.integers(0, 2),
)
PAGES = st.lists(PAGE, max_size=6, unique_by=lambda page: page.id)
FIELDS = st.sampled_from([("title",), ("c0",), ("title", "c0")])
FILTERS = st.sampled_from(
    [
        F("rank") == 1,
        (F("l0") > 0) & (F("rank") != 2),
        F("c0").contains("a"),
        F("id").in_(["1", "2", "é"]),
        ~F("c0").is_null() | F("title").ilike("%A%"),
    ]
)
STEP = st.one_of(
    st.tuples(st.just("upsert"), PAGE),
    st.tuples(st.just("insert"), PAGES),
    st.tuples(st.just("replace"), PAGES),
    st.tuples(st.just("patch"), PAGE),
    st.tuples(st.just("remove"), st.lists(KEY, max_size=2, unique=True)),
)
SCOPE = st.sampled_from(["do", "do", "undo", "partly"])


def first_pages(seed):
    """Pages that share many words, which nothing makes simpler: Hypothesis prefers few and short texts."""
    choose = random.Random(seed)

    def text():
        return " ".join(choose.choices([*COMMON, *COMMON, *RARE], k=choose.randrange(7)))

    return [
        Page(
            key,
            text(),
            choose.choice([text(), text(), None]),
            rank=choose.randrange(3),
            l0=choose.randrange(3),
        )
        for key in choose.sample(KEYS, choose.randrange(8, 16))
    ]


PROGRAM = st.tuples(
    st.integers(0, 2**32).map(lambda seed: ("do", [("insert", first_pages(seed))])),
    st.lists(st.tuples(SCOPE, st.lists(STEP, max_size=4)), max_size=4),
).map(lambda program: [program[0], *program[1]])


def perform(store, step):
    what, given = step
    if what == "upsert":
        store.upsert(given)
    elif what == "insert":
        store.insert(*[page for page in given if page.id not in store.documents])
    elif what == "replace":
        store.replace(*[page for page in given if page.id in store.documents])
    elif what == "remove":
        store.remove(*given)
    elif given.id in store.documents:
        store.patch(given.id, rank=given.rank, title=given.title)


def perform_all(store, program):
    scopes = {"do": contextlib.nullcontext, "undo": store.undone, "partly": store.partly_undone}
    for scope, steps in program:
        with scopes[scope]():
            for step in steps:
                perform(store, step)


@given(PROGRAM, st.lists(QUERY, min_size=1, max_size=4), FIELDS, FILTERS)
def test_as_defined(program, queries, fields, filters):
    """After any writes and rollbacks a search gives what the definition does, whole and page by page."""
    store = Store()
    perform_all(store, program)
    for text in queries:
        store.check_search(text)
        store.check_search(text, fields=fields, pages=(2,))
        store.check_search(text, filters=filters, pages=(2,))
    store.check_index()


@given(PROGRAM, QUERY)
def test_uncommitted(program, text):
    """Inside a transaction a search sees what the transaction has written."""
    store = Store()
    store.insert(Page("0", "a b c", "ab"))
    with store.undone():
        for _, steps in program:
            for step in steps:
                perform(store, step)
        store.check_search(text, pages=(2,))
    store.check_search(text, pages=(2,))


@given(PROGRAM, st.lists(QUERY, min_size=1, max_size=3))
def test_made_anew(program, queries):
    """An index that is made anew from the stored rows answers as the one it replaces."""
    store = Store()
    perform_all(store, program)
    with store.driver.pool.writing(None) as connection:
        search.rebuild(connection, store.plan)
    store.check_index()
    for text in queries:
        store.check_search(text, pages=(2,))


# More fields than the scoring function spells out, and one of bytes, which rows hold in two forms.
Wide = make_dataclass(
    "Wide",
    [("id", str | None, None), ("blob", bytes, b"")] + [(f"f{number}", str, "") for number in range(40)],
)


@given(
    st.dictionaries(
        KEY, st.dictionaries(st.sampled_from(["f0", "f7", "f39"]), TEXT, max_size=3), min_size=1, max_size=5
    ),
    st.lists(
        st.sampled_from(["ab*", "a", "b", "c"] + [f"w{n}" for n in range(30)]),
        min_size=17,
        max_size=30,
        unique=True,
    ),
)
def test_many_words_and_fields(rows, words):
    """Any number of words and fields is scored alike."""
    store = Store(Wide)
    store.insert(*[Wide(id=key, blob=key.encode(), **texts) for key, texts in rows.items()])
    store.check_search(" OR ".join(words), pages=(2,))
    store.check_search(" OR ".join(words[:3]), fields=("f0", "f39"), pages=(2,))
    store.check_search(" ".join(words[:2]), pages=())


FREEFORM = {"entity_class": dict, "searchable": [("title", 2), "meta.text"]}


@given(
    st.dictionaries(
        KEY,
        st.fixed_dictionaries(
            {},
            optional={
                "title": st.one_of(TEXT, st.integers(0, 9)),
                "meta": st.one_of(TEXT, st.fixed_dictionaries({"text": TEXT})),
            },
        ),
        max_size=5,
    ),
    st.lists(QUERY, min_size=1, max_size=3),
)
def test_documents(documents, queries):
    """Texts inside documents are searched where they are texts, and are nothing where they are not."""
    store = Store(**FREEFORM)
    store.insert(*[{"id": key, **document} for key, document in documents.items()])
    for key in list(documents)[:2]:
        store.replace({"id": key, "title": "a b", "meta": {"text": 5}})
    for text in queries:
        store.check_search(text, pages=(2,))
    store.check_index()


def test_statistics_of_the_first_page():
    """Pages that follow score as the first did, whatever is written meanwhile."""
    store = Store()
    store.insert(*[Page(str(n), "a " * n, "b c") for n in range(1, 9)])
    whole, first = store.search("a OR b")
    store.insert(*[Page(f"n{n}", "a b", "") for n in range(50)])
    hits, ranked = store.search("a OR b", statistics=first.statistics)
    assert ranked.statistics == first.statistics
    assert [hit for hit in hits if hit in whole] == whole
    assert store.search("a OR b")[0] != hits


@pytest.mark.parametrize("count", [3, 5_000])
def test_equal_scores(count):
    """Among equal scores the ids decide, on every page, however many there are."""
    store = Store()
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


@given(
    st.lists(st.integers(0, 9), max_size=30),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(0, 9)),
    st.booleans(),
)
def test_candidates(scores, wanted, behind, often):
    """The best scores are kept whatever their order, with all that equal the last of them."""
    best = Best(wanted, behind)
    for key, score in enumerate(scores):
        if best.floor <= score < best.ceiling:
            best.scores.append(score)
            best.keys.append(key)
            if often:
                best.settle()
    below = [score for score in scores if behind is None or score < behind]
    least = sorted(below)[-wanted:][:1]
    expected = {
        score: [key for key, each in enumerate(scores) if each == score]
        for score in below
        if [score] >= least
    }
    assert best.groups() == sorted(expected.items(), reverse=True)


def test_candidates_stay_few():
    """Scores that rise from match to match do not pile up."""
    store = Store()
    store.insert(*[Page(f"{n:05}", "a " + "b " * (1_200 - n)) for n in range(1_200)])
    store.insert(*[Page(f"without {n}", "b") for n in range(2_000)])
    kept = []
    settle = Best.settle

    def watched(best):
        kept.append(len(best.keys))
        settle(best)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Best, "settle", watched)
        hits, _ = store.search("a", limit=5)
    assert [key for key, _ in hits] == [f"{n:05}" for n in range(1_199, 1_194, -1)]
    assert max(kept) < 300


def test_maintenance(tmp_path):
    """VACUUM, optimisation and reopening change nothing."""
    store = Store(path=tmp_path / "pages.db")
    store.insert(*[Page(str(n), "a b" if n % 2 else "b", "c " * (n % 5)) for n in range(300)])
    store.remove(*[str(n) for n in range(0, 300, 3)])
    store.execute("VACUUM")
    store.execute(f"INSERT INTO {store.plan.search.table}({store.plan.search.table}) VALUES ('optimize')")
    store.check_search("a OR c", pages=(50,))
    store.insert(Page("new", "a c"))
    store.check_index()
    documents = store.documents
    store.close()
    store = Store(path=tmp_path / "pages.db")
    store.documents = documents
    store.check_search("a OR c", pages=(50,))
    store.check_index()
    store.close()


def test_failed_writes_leave_the_index():
    """A bulk insert or an update that is refused indexes nothing."""
    store = Store()
    store.insert(Page("1", "a"))
    with pytest.raises(DuplicateError):
        store.insert(Page("2", "b"), Page("1", "b"))
    with pytest.raises(NotFoundError):
        store.replace(Page("1", "b"), Page("nowhere", "b"))
    store.check_search("a OR b")
    store.check_index()


def test_untouched_texts_are_not_indexed_again():
    """A write that changes no searchable text leaves the index alone."""
    store = Store(indexes=[Index("title", substring=True)])
    store.insert(Page("1", "a long title", "b"))
    before = store.execute("SELECT total_changes()")
    store.replace(Page("1", "a long title", "b", rank=5))
    assert store.execute("SELECT total_changes()")[0][0] - before[0][0] == 1
    store.replace(Page("1", "a longer title", "b", rank=5))
    assert store.execute("SELECT total_changes()")[0][0] - before[0][0] > 2
    store.check_search("longer")


def test_check_sees_what_is_out_of_step():
    """An index that lacks a row, has one too many or counts wrongly is told from a sound one."""
    store = Store()
    store.insert(Page("1", "a b"), Page("2", "c"))
    spoil = [
        f"DELETE FROM {store.plan.search.lengths} WHERE seq = 1",
        f"DELETE FROM {store.plan.search.table} WHERE rowid = 1",
        f"UPDATE {store.plan.search.lengths} SET l0 = 7 WHERE seq = 1",
        "DELETE FROM pages WHERE seq = 1",
        f"DROP TABLE {store.plan.search.lengths}",
    ]
    for statement in spoil:
        store.execute("BEGIN")
        store.execute(statement)
        with store.driver.pool.reading(store.driver.pool.take_writer()) as connection:
            problems = search.check(connection, store.collection.name)
        store.driver.pool.give_back(None, writes=True)
        store.execute("ROLLBACK")
        assert problems, statement
    store.check_index()


def test_a_row_is_never_indexed_twice():
    """What FTS5 would accept and count wrongly from then on is refused."""
    store = Store()
    store.insert(Page("1", "a b"))
    with pytest.raises(apsw.ConstraintError), store.driver.pool.writing(None) as connection:
        search.add(connection, store.plan, [(1, store.row(Page("1", "a b")))])
    store.check_index()


@pytest.mark.parametrize("name", ["e1", "found", "c0", "F"])
def test_names_do_not_meet(name):
    """A collection may have the name of anything in a statement, and its fields those of the index's columns."""
    store = Store(name=name)
    store.insert(Page("1", "a b", "c", rank=1, l0=2), Page("2", "a", None, rank=2, l0=1))
    for filters in (
        F("rank") == 1,
        F("l0") == 1,
        F("c0").is_null(),
        F("c0") == "c",
        F("title").contains("b"),
    ):
        store.check_search("a", filters=filters)


def test_collections_do_not_meet(tmp_path):
    """No collection has the name of another's index."""
    names = ("pages", "pages_search", "pages_lengths", "pages_search_data", "pages_trigram")
    stores = [
        Store(path=tmp_path / "all.db", name=name, indexes=[Index("title", substring=True)]) for name in names
    ]
    for number, store in enumerate(stores):
        store.insert(Page("1", f"only{number} all"))
    for number, store in enumerate(stores):
        store.check_search(f"only{number}")
        store.check_search("all")
        store.check_search("only9")
        assert store.find(F("title").contains(f"only{number}")) == ["1"]
    for store in stores:
        store.close()


def test_words_of_every_script():
    """FTS5 takes the analyzer's words as they are: none is folded, cut or left out."""
    store = Store()
    characters = [chr(code) for code in range(0x80, 0x30000, 37) if not 0xD800 <= code < 0xE000]
    store.insert(*[Page(f"{ord(each):06x}", f"x{each}y") for each in characters])
    found = {}
    for each in characters:
        text = f"x{each}y".replace('"', " ")
        found.setdefault(tuple(tokens(text)), []).append((f"{ord(each):06x}", text))
    assert len(found) > 3_000
    for same in found.values():
        hits, _ = store.search(f'"{same[0][1]}"')
        assert {key for key, _ in hits} == {key for key, _ in same}
    store.check_index()


def test_frequent_words_are_bounded():
    """Occurrences beyond a thousand and some count no more."""
    store = Store()
    store.insert(Page("1", "a " * 400), Page("2", "a " * 341), Page("3", "", "a " * 1_100), Page("4", "b"))
    store.check_search("a")
    store.check_search("a OR b", fields=("c0",))


def test_a_filter_uses_its_substring_index():
    """A filter beside a search finds its candidates as it does alone."""
    store = Store(indexes=[Index("c0", substring=True)])
    store.insert(Page("1", "a", "some text"), Page("2", "a", "other text"))
    filters = F("c0").ilike("%SOME%")
    store.check_search("a", filters=filters)
    operation = Search(
        store.collection,
        parse_search("a"),
        store.schema.searchable,
        condition_of(store.schema, filters),
        5,
        0,
        False,
    )
    assert any("$trigram" in statement for statement in store.driver.explain(operation).statements)


def test_explained():
    """The statements of a search can be explained, and no row of the collection is looked at in vain."""
    store = Store()
    store.insert(Page("1", "a"))
    operation = Search(
        store.collection,
        parse_search("a OR b*"),
        store.schema.searchable,
        condition_of(store.schema, F("rank") == 1),
        20,
        0,
        True,
    )
    explanation = store.driver.explain(operation)
    assert explanation.uses_index
    assert explanation.emulated == ("relevance is computed by the library, for every match",)
    assert any("MATCH" in statement for statement in explanation.statements)


@pytest.mark.parametrize(
    "text",
    ["a OR " * 999 + "a", " OR ".join(f"a w{n}" for n in range(500)), "a " + "-b " * 900, '"' + "a " * 1000],
)
def test_the_largest_queries(text):
    """What the language allows, FTS5 takes."""
    store = Store()
    store.insert(Page("1", "a b w7"), Page("2", "a w9 w499"), Page("3", "c"))
    store.check_search(text, pages=())
