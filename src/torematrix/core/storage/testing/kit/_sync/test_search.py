# generated from _async/test_search.py by tools/generate_twins.py: do not edit
"""Full-text search: the library's own words, query language and relevance, alike on every engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage import (
    CursorPagination,
    F,
    Feature,
    InvalidQueryError,
    Pagination,
    Searchable,
    SearchHit,
)

from ....model.kinds import Kind
from ....query.relevance import rank
from ....query.search import parse_search
from ....query.text import tokens
from ..._sync.harness import Kit
from ...needs import needs
from ...pools import POOLS, WORDS
from ...questions import search_queries
from ...strategies import effort, prose
from ..entities import Article, Note, Plain

pytestmark = needs(Feature.SEARCH)

TEXTS: Final = {
    "cafe": "Café society",
    "run": "running the marathon",
    "runs": "he runs and runs and runs",
    "york": "a new car in york",
    "newyork": "I love New York, really",
    "mail": "write to user@example.com",
    "code": "foo-bar c++ foo_bar x1",
    "emoji": "party \U0001f600 time",
    "tokyo": "東京 is big",
    "empty": "",
    "the": "the",
    "fold": "STRASSE ﬁne İstanbul",
    "number": "3.14 and 1,000 since 1984",
    "apostrophe": "don't",
}

FOUND: Final = [
    # Words: folded and without marks, but neither stemmed nor left out.
    ("cafe", "cafe"), ("CAFÉ", "cafe"), ("Cafe\u0301", "cafe"), ("caf", ""), ("running", "run"), ("run", ""),
    ("runs", "runs"),
    ("the", "run the"), ("strasse", "fold"), ("straße", "fold"), ("fine", "fold"), ("\U0001f600", "emoji"),
    ("x1", "code"),
    ("1984", "number"), ("nothing", ""), ("society cafe", "cafe"), ("cafe marathon", ""),
    # Phrases.
    ('"new york"', "newyork"), ("new york", "newyork york"), ('"york new"', ""), ('"love new york"', "newyork"),
    ('"new york', "newyork"), ('"car in york"', "york"), ('"new york" car', ""),
    # What the analyzer splits is a phrase.
    ("user@example.com", "mail"), ("foo-bar", "code"), ("example", "mail"), ("com.example", ""), ("bar-foo", ""),
    # Prefixes, from two characters.
    ("caf*", "cafe"), ("run*", "run runs"), ("r*", ""), ("ru*", "run runs"), ("marathon*", "run"),
    ('"new yo"*', "newyork"),
    ("foo-ba*", "code"),
    # Exclusion.
    ("york -love", "york"), ("york -car", "newyork"), ('york -"new york"', "york"), ("-york", ""), ("york -york", ""),
    ("run* -running", "runs"), ("york -nothing", "newyork york"),
    # Alternatives bind looser than everything else.
    ("cafe OR tokyo", "cafe"), ("cafe OR marathon", "cafe run"), ("cafe society OR york car", "cafe york"),
    ("cafe or marathon", ""), ("cafe OR", "cafe"), ("OR cafe", "cafe"), ("OR", ""), ("cafe OR -york", "cafe"),
    ("running the OR the -running", "run the"),
    # Rubbish finds nothing, or what is left of it.
    ("", ""), ("   ", ""), ("c++", "code"), ("-", ""), ("*", ""), ('"', ""), ('""', ""), ("++", ""), ("-5", ""),
    ("cafe ++", "cafe"),
    ("(cafe)", "cafe"), ("cafe AND society", ""), ("NEAR(cafe)", ""), ("cafe^2", ""), ("title:cafe", ""),
    ("{cafe}", "cafe"),
]  # fmt: skip


def _found(repository: Any, query: str, **arguments: Any) -> set[str]:
    return {str(entity.id) for entity in repository.search(query, **arguments)}


def test_what_is_found(kit: Kit) -> None:
    """Words, phrases, prefixes, exclusions and alternatives find what they say, in every script."""
    repository = kit.repository(Article)
    kit.store(repository, [Article(body=text, id=entity_id) for entity_id, text in TEXTS.items()])
    wrong: list[str] = []
    for query, expected in FOUND:
        found = _found(repository, query)
        if found != set(expected.split()):
            wrong.append(f"{query!r} finds {sorted(found)}")
    assert wrong == []


@pytest.mark.parametrize("text", [*POOLS[Kind.STR], *WORDS], ids=lambda text: ascii(text)[:20])
def test_no_text_is_an_error(kit: Kit, text: str) -> None:
    """Whatever a user types is an answer: text that is hostile to engines too, alone and inside the query language."""
    repository = kit.repository(Article)
    repository.create(Article(title=text, body=f"x {text} y"))
    for query in (
        text,
        f'"{text}"',
        f"-{text}",
        f"{text}*",
        f"x OR {text}",
        f"x {text} y",
        f'"{text}',
        f"{text}:x",
        f"({text})",
    ):
        repository.search(query)
    if tokens(text):
        assert len(repository.search(f'x "{text}"'.replace('"', " " if '"' in text else '"'))) == 1


def test_text_that_nothing_holds_is_refused(kit: Kit) -> None:
    """NUL, lone surrogates, what is no text at all and what is no query any more raise InvalidQueryError."""
    repository = kit.repository(Article)
    many = " ".join(f"w{number}" for number in range(1_001))
    wrong: tuple[Any, ...] = ("\0", "a\0b", "\ud800", None, 5, b"text", ["text"], "x" * 30_001, many)
    for query in wrong:
        with pytest.raises(InvalidQueryError):
            repository.search(query)


def _scores(articles: Iterable[Article], query: str, weights: dict[str, int]) -> list[tuple[str, int]]:
    """What the definition of relevance gives."""
    held = {
        str(article.id): {name: tokens(getattr(article, name)) for name in weights} for article in articles
    }
    return rank(parse_search(query), held, weights)


def test_relevance_is_the_definitions(kit: Kit) -> None:
    """Scores and order are those of the definition, to the last bit, with weights by field."""
    repository = kit.repository(Article)
    bodies = [
        "cat",
        "cat dog",
        "cat cat cat",
        "dog",
        "bird " * 50 + "cat",
        "",
        "cat " * 2_000,
        "dog dog cat bird",
        "catalogue",
    ]
    articles = [
        Article(title="cat" if at % 3 == 0 else "a pet", body=body, id=str(at))
        for at, body in enumerate(bodies)
    ]
    kit.store(repository, articles)
    weights = {"title": 3, "body": 1}
    for query in (
        "cat",
        "cat dog",
        "cat OR dog",
        '"cat dog"',
        "cat*",
        "cat cat",
        "bird",
        "pet -cat",
        "dog OR pet",
        "a cat*",
    ):
        hits = repository.search(query, with_hits=True)
        assert [(hit.entity.id, hit.score) for hit in hits] == _scores(articles, query, weights)
        assert [entity.id for entity in repository.search(query)] == [hit.entity.id for hit in hits]
        for name, weight in weights.items():
            alone = repository.search(query, [name], with_hits=True)
            assert [(hit.entity.id, hit.score) for hit in alone] == _scores(articles, query, {name: weight})


def test_relevance_of_random_texts(kit: Kit) -> None:
    """Over random texts, what random queries find, its scores and its order are those of the definition."""
    repository: Any = kit.run(kit.repository(Article))

    @effort(0.2)
    @given(
        st.lists(st.tuples(prose(), prose()), max_size=6), st.lists(search_queries(), min_size=1, max_size=4)
    )
    def check(texts: list[tuple[str, str]], queries: list[str]) -> None:
        articles = [Article(title, body, id=f"{at}") for at, (title, body) in enumerate(texts)]
        assert kit.run(_scored(kit, repository, articles, queries)) == []

    check()


def _scored(kit: Kit, repository: Any, articles: list[Article], queries: list[str]) -> list[str]:
    kit.clear(repository)
    kit.store(repository, articles)
    wrong: list[str] = []
    for query in queries:
        hits = repository.search(query, with_hits=True)
        found = [(str(hit.entity.id), hit.score) for hit in hits]
        if found != _scores(articles, query, {"title": 3, "body": 1}):
            wrong.append(f"{query!r} gives {found}")
    return wrong


def test_search_follows_every_write(kit: Kit) -> None:
    """What is found, and its score, is what is stored now, whatever writes led there."""
    repository = kit.repository(Article)
    first = repository.create(Article("one", "cat", id="1"))
    kit.store(repository, [Article("two", "dog", id="2"), Article("three", "cat dog", id="3")])
    assert _found(repository, "cat") == {"1", "3"}
    repository.update(Article("one", "bird", id="1"))
    assert _found(repository, "cat") == {"3"}
    repository.patch("2", body="cat")
    assert _found(repository, "cat") == {"2", "3"}
    repository.upsert(Article("four", "cat", id="4"))
    repository.upsert(Article("one", "cat", id="1"))
    assert _found(repository, "cat") == {"1", "2", "3", "4"}
    repository.delete("3")
    if kit.writes_together:
        repository.bulk_delete(["4"])
        repository.bulk_update([Article("two", "dog", id="2")])
    else:
        repository.delete("4")
        repository.update(Article("two", "dog", id="2"))
    assert _found(repository, "cat") == {first.id}
    assert _found(repository, "dog") == {"2"}
    articles = repository.list()
    for query in ("cat", "dog", "one OR two"):
        hits = repository.search(query, with_hits=True)
        assert [(hit.entity.id, hit.score) for hit in hits] == _scores(
            articles, query, {"title": 3, "body": 1}
        )


def test_search_by_field(kit: Kit) -> None:
    """``fields`` limits the search, and statistics with it; other names raise InvalidQueryError."""
    repository = kit.repository(Article)
    kit.store(repository, [Article("cat", "dog", "bird", id="1"), Article("dog", "cat", "bird", id="2")])
    assert _found(repository, "cat", fields=["title"]) == {"1"}
    assert _found(repository, "cat", fields=["body"]) == {"2"}
    assert _found(repository, "cat", fields=("title", "body")) == {"1", "2"}
    assert _found(repository, "cat dog", fields=["title"]) == set()
    assert _found(repository, "bird") == set()
    wrong: tuple[Any, ...] = (
        ["note"],
        ["nope"],
        ["title", "note"],
        "title",
        [""],
        [5],
        5,
        [],
    )
    for fields in wrong:
        with pytest.raises(InvalidQueryError):
            repository.search("cat", fields)


def test_without_a_mark_every_text_is_searched(kit: Kit) -> None:
    """Where no field is marked Searchable, all declared str fields are, and no others."""
    repository = kit.repository(Note)
    repository.create(Note("cat", "dog", tags=["bird"], meta={"a": "fish"}))
    assert _found(repository, "cat") == {"dog"}
    for query in ("dog", "bird", "fish"):
        assert _found(repository, query) == set()


def test_what_has_no_text_is_not_searched(kit: Kit) -> None:
    """A class without text has nothing to search: InvalidQueryError says what to declare."""
    repository = kit.repository(Plain)
    documents = kit.documents()
    for each in (repository, documents):
        searched: Any = each
        with pytest.raises(InvalidQueryError):
            searched.search("x")


def test_documents_name_what_is_searched(kit: Kit) -> None:
    """Free-form documents name their searchable paths, with weights; what is no text there is passed over."""
    repository = kit.documents(searchable=[("title", 5), "body.text"])
    kit.store(repository, [
        {"id": "1", "title": "cat", "body": {"text": "a long dog"}},
        {"id": "2", "title": 5, "body": {"text": "cat"}},
        {"id": "3", "title": ["cat"], "body": "cat"},
        {"id": "4"},
    ])  # fmt: skip
    assert [entity["id"] for entity in repository.search("cat")] == ["2", "1"]
    assert [entity["id"] for entity in repository.search("cat", ["body.text"])] == ["2"]
    assert repository.search("dog", filters=F("title") == "cat")


def test_search_with_filters(kit: Kit) -> None:
    """``filters`` limits what is found and leaves its scores alone."""
    repository = kit.repository(Article)
    kit.store(
        repository, [Article("cat", "dog " * number, year=number, id=str(number)) for number in range(6)]
    )
    everything = {hit.entity.id: hit.score for hit in repository.search("cat", with_hits=True)}
    some = repository.search("cat", filters=[F("year") >= 2, F("year") != 4], with_hits=True)
    assert {hit.entity.id: hit.score for hit in some} == {key: everything[key] for key in ("2", "3", "5")}
    assert [hit.entity.id for hit in some] == ["2", "3", "5"]


def test_search_by_pages(kit: Kit) -> None:
    """Pages of a search, by number and by cursor, are its whole answer at every size; equal scores go by id."""
    repository = kit.repository(Article)
    kit.store(repository, [Article("cat", "dog " * (number % 4), id=f"{number:02}") for number in range(23)])
    whole = repository.search("cat OR dog")
    assert len(whole) == 23
    for limit in (1, 2, 5, 7, 22, 23, 24):
        cursor, walked = None, list[Article]()
        while True:
            page = repository.search("cat OR dog", pagination=CursorPagination(after=cursor, limit=limit))
            walked += page.items
            cursor = page.next
            if cursor is None:
                break
        assert walked == whole
        numbered = repository.search("cat OR dog", pagination=Pagination(2, limit))
        assert numbered.items == whole[limit : 2 * limit]
        assert numbered.total == 23
    nothing = repository.search("++", pagination=Pagination(1, 5))
    assert (nothing.items, nothing.total) == ([], 0)
    none_found = repository.search("nothing", pagination=CursorPagination(limit=5))
    assert (none_found.items, none_found.next) == ([], None)
    with pytest.raises(InvalidQueryError):
        repository.search("cat", pagination=CursorPagination(before="x"))


def test_pages_of_a_search_are_scored_alike(kit: Kit) -> None:
    """Later pages are scored as the first one was, though others write meanwhile."""
    repository = kit.repository(Article)
    kit.store(repository, [Article("", "cat " * (number + 1), id=f"{number:02}") for number in range(9)])
    whole = repository.search("cat", with_hits=True)
    page = repository.search("cat", pagination=CursorPagination(limit=4), with_hits=True)
    kit.store(repository, [Article("", "dog " * 500) for _ in range(20)])
    rest = repository.search("cat", pagination=CursorPagination(after=page.next, limit=100), with_hits=True)
    assert [*page.items, *rest.items] == whole


def test_hits_show_where_they_were_found(kit: Kit) -> None:
    """``with_hits`` gives entity, score and extracts by field, in which what was found is marked."""
    repository = kit.repository(Article)
    created = repository.create(Article("A Café", "nothing here", id="1"))
    repository.create(Article("none", "word " * 100 + "the café is small " + "word " * 100, id="2"))
    hits = repository.search("cafe", with_hits=True)
    assert {type(hit) for hit in hits} == {SearchHit}
    assert all(hit.score > 0 for hit in hits)
    by_id = {hit.entity.id: hit for hit in hits}
    assert by_id["1"].entity == created
    assert by_id["1"].snippets == {"title": "A **Café**"}
    assert set(by_id["2"].snippets) == {"body"}
    assert "the **café** is small" in by_id["2"].snippets["body"]
    assert len(by_id["2"].snippets["body"]) < 400
    paged = repository.search("cafe", pagination=Pagination(1, 1), with_hits=True)
    assert paged.items == hits[:1]


def test_long_words_and_texts(kit: Kit) -> None:
    """Words above 255 bytes are words too, and texts of a megabyte are searched to their end."""
    repository = kit.repository(Article)
    kit.store(repository, [
        Article(body="x" * 300, id="long"),
        Article(body="y" * 29_000, id="longer"),
        Article(body="word " * 200_000 + "needle", id="text"),
    ])  # fmt: skip
    assert _found(repository, "x" * 300) == {"long"}
    assert _found(repository, "x" * 299) == set()
    assert _found(repository, "y" * 29_000) == {"longer"}
    assert _found(repository, "needle") == {"text"}
    assert _found(repository, '"word needle"') == {"text"}


def test_a_weight_is_checked(kit: Kit) -> None:
    """Weights are whole numbers from 1 to 1,000."""
    wrong: tuple[Any, ...] = (0, -1, 1_001, 1.5, "1", True, None)
    for weight in wrong:
        with pytest.raises(ValueError, match="weight"):
            Searchable(weight)
        with pytest.raises(ValueError, match="weight"):
            kit.storage.repository(dict, kit.name(), searchable=[("a", weight)])
