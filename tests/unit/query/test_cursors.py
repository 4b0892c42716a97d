"""Cursors: what they hold, what is refused, and which rows stand behind one."""

import base64
import itertools

import pytest

from torematrix.core.storage import F, InvalidQueryError, SortOrder
from torematrix.core.storage.model.kinds import Kind, Scalar
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.query.conditions import Behind, Compare, Comparison, IsNull, Not, Target
from torematrix.core.storage.query.cursors import (
    SearchEdge,
    SortEdge,
    fingerprint,
    open_cursor,
    seal_cursor,
    segments_after,
)
from torematrix.core.storage.query.evaluate import order, predicate, sort_place
from torematrix.core.storage.query.normalise import condition_of, sort_of
from torematrix.core.storage.query.operations import SearchStatistics, SortKey
from torematrix.core.storage.query.orders import Order
from torematrix.core.storage.testing.examples import Typed

KEY, QUERY = b"k" * 32, b"12345678"
SORT_EDGE = SortEdge(QUERY, ("a\u00e9", 1, 1.5, True, None))
SEARCH_EDGE = SearchEdge(QUERY, 12, "x", 100, 2_000, (1, 2))


# ------------------------------------------------------------------------------------------------ the text


@pytest.mark.parametrize(
    "edge", [SORT_EDGE, SEARCH_EDGE, SortEdge(QUERY, ()), SortEdge(QUERY, ("x" * 1000,))]
)
def test_a_cursor_gives_back_what_it_was_made_of(edge):
    """Every edge survives the way through the text, which is safe in an URL."""
    text = seal_cursor(edge, KEY)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert open_cursor(text, KEY, QUERY) == edge
    assert type(open_cursor(text, KEY, QUERY)) is type(edge)


def test_cursors_of_every_length():
    """The padding that is left out comes back, whatever the length."""
    for number in range(600):
        edge = SortEdge(QUERY, (number,))
        assert open_cursor(seal_cursor(edge, KEY), KEY, QUERY) == edge
    for length in range(64):
        for filler in "\u00ff\u00fe?", "a":
            edge = SortEdge(QUERY, ((filler * length)[:length],))
            assert open_cursor(seal_cursor(edge, KEY), KEY, QUERY) == edge


def test_the_form_of_a_cursor():
    """Sixteen bytes of signature, then the edge and nothing more: cursors stay valid from one version to the next."""
    text = seal_cursor(SortEdge(QUERY, ("a", None)), KEY)
    assert text == "RckfehMrK-O6_wFmVWPvypOha8QIMTIzNDU2NziSoWHA"
    assert seal_cursor(SEARCH_EDGE, KEY) == "-ImcUQSDMQblGo9-DW9WJZehc8QIMTIzNDU2NzgMoXhkzQfQkgEC"


def test_edges_do_not_change():
    """An edge is a value: equal ones have one hash, and no attribute is set."""
    for edge, name in ((SORT_EDGE, "values"), (SEARCH_EDGE, "score")):
        with pytest.raises(AttributeError):
            setattr(edge, name, None)
        assert hash(edge) == hash(type(edge)(*(getattr(edge, field) for field in edge.__struct_fields__)))


def test_an_edge_of_a_search_holds_its_statistics():
    """Later pages are scored as the first was."""
    assert SEARCH_EDGE.statistics == SearchStatistics(100, 2_000, (1, 2))


def refused(text, reason, key=KEY, query=QUERY):
    with pytest.raises(
        InvalidQueryError, match=f"the cursor cannot be used: {reason}.*start again from the first page"
    ):
        open_cursor(text, key, query)


def resigned(body):
    """A text with a right signature around any bytes."""
    from torematrix.core.storage.query import cursors

    return base64.urlsafe_b64encode(cursors._sign(body, KEY) + body).decode().rstrip("=")


def test_a_cursor_that_was_changed_is_refused():
    """Every single bit counts, and so does every character cut off or added."""
    text = seal_cursor(SORT_EDGE, KEY)
    sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    for at, bit in itertools.product(range(len(sealed)), range(8)):
        changed = bytearray(sealed)
        changed[at] ^= 1 << bit
        refused(base64.urlsafe_b64encode(changed).decode().rstrip("="), "it was changed")
    for cut in range(len(text)):
        refused(text[:cut], "it (was changed|is not the text)")
    for added in ("A", "AA", "AAAA"):
        refused(text + added, "it (was changed|is not the text)")
    refused(base64.urlsafe_b64encode(sealed[:16]).decode().rstrip("="), "it was changed")


@pytest.mark.parametrize("text", ["\u00e9", "a", "a b", "!!!!", "====", "a\n", "\udc80", "aaa\x00"])
def test_what_is_no_cursor_is_refused(text):
    """Whatever a client sends, the refusal is the same kind of error."""
    refused(text, "it is not the text that a page gave")
    refused(seal_cursor(SORT_EDGE, KEY) + text, "it (is not the text that a page gave|was changed)")


def test_an_empty_cursor_is_refused():
    """It is signed by nobody."""
    refused("", "it was changed")


def test_the_longest_cursor():
    """A text of 200,000 characters is looked at, a longer one is not."""
    refused("A" * 200_000, "it was changed")
    refused("A" * 200_001, "it is too long")
    refused("A" * 200_004, "it is too long")


def test_a_cursor_of_another_database_or_query_is_refused():
    """The key and the query must be those that it was made with."""
    text = seal_cursor(SORT_EDGE, KEY)
    refused(text, "it was changed, or made by another database", key=b"x" * 32)
    refused(text, "it belongs to another collection, filter or sort", query=b"87654321")


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"\x93", b"\x01", b"\x92\xa1x\xc4\x00", b"\x93\xa1k\xc4\x00\x01"]
)
def test_a_cursor_of_another_version_is_refused(body):
    """A right signature around what this version cannot read."""
    refused(resigned(body), "it is of another version")


# ------------------------------------------------------------------------------------------------ fingerprints


def test_a_fingerprint_tells_queries_apart():
    """Another field, operator, value, order or nesting is another query."""
    schema = schema_of(Typed)
    filters = [
        None,
        F("number") == 1,
        F("number") == 2,
        F("number") != 1,
        F("number") > 1,
        F("number") >= 1,
        F("ratio") == 1,
        F("text") == "1",
        F("tags") == ["x"],
        F("tags") == ["y"],
        F("sizes") == {"a": 1},
        F("sizes") == {"a": 2},
        F("sizes") == {"b": 1},
        (F("number") == 1) & (F("number") == 2),
        (F("number") == 1) | (F("number") == 2),
        F("number").in_([1, 2]),
        F("number").in_([2, 1]),
        F("text").like("a"),
        F("text").ilike("a"),
        F("text").matches("a"),
        F("text").starts_with("a"),
        F("text").ends_with("a"),
        F("text").contains("a"),
    ]
    sorts = [("number", "asc"), ("number", "desc"), ("text", "asc"), (["number", "text"], "asc")]
    prints = [
        fingerprint("name", condition_of(schema, item), sort_of(schema, *by))
        for item in filters
        for by in sorts
    ]
    assert len(set(prints)) == len(prints)
    assert all(len(item) == 8 for item in prints)
    assert fingerprint("other", 1) != fingerprint("name", 1)
    assert fingerprint("a", ["b"]) != fingerprint("a", "b")
    assert fingerprint([["a"], "b"]) != fingerprint(["a", ["b"]])


def test_a_fingerprint_is_the_same_for_the_same_question():
    """The order of keys in a dict, and the process, make no difference; lists and tuples are one."""
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint([1, 2]) == fingerprint((1, 2))
    assert fingerprint([{"a": 1, "b": 2}]) == fingerprint([{"b": 2, "a": 1}])
    assert fingerprint(({"a": 1, "b": 2},)) == fingerprint(({"b": 2, "a": 1},))
    assert fingerprint(SortOrder.ASC) == fingerprint("asc")
    assert fingerprint(Kind.INT) == fingerprint(Kind.INT.value)
    one, other = (
        Target("v", ("v",), Scalar(kind), nullable)
        for kind, nullable in ((Kind.INT, True), (Kind.STR, False))
    )
    assert fingerprint(one) == fingerprint(other) == fingerprint("v")
    # Written down, since another process must come to the same.
    assert fingerprint("name", {"b": [1.5, None, True], "a": b"x"}).hex() == "fe539279b57caee3"


# ------------------------------------------------------------------------------------------------ rows behind a cursor


def place(name, *, nullable=True):
    return Target(name, (name,), Scalar(Kind.INT), nullable)


A, B, ID = place("a"), place("b"), place("id", nullable=False)
ROWS = [
    {"id": at, "a": a, "b": b}
    for at, (a, b) in enumerate(itertools.product((None, 1, 2, 2, 3), (None, 1, 2)))
]


@pytest.mark.parametrize("directions", list(itertools.product((False, True), repeat=3)))
@pytest.mark.parametrize(
    "targets", [(A, B, ID), (B, ID), (A, ID), (ID,)], ids=lambda targets: targets[0].text
)
def test_the_rows_behind_any_row(targets, directions):
    """The segments, one after the other, give exactly the rest of the sorted list, in its order."""
    sort = Order(map(SortKey, targets, directions), schema_of(Typed))
    whole = order(ROWS, sort)
    for at, row in enumerate(whole):
        values = [sort_place(row, key.target)[1] for key in sort]
        found = []
        for segment in segments_after(sort, values):
            holds = predicate(segment)
            found += order([item for item in ROWS if holds(item)], sort)
        assert found == whole[at + 1 :]
        backwards = sort.backwards
        before = []
        for segment in segments_after(backwards, values):
            holds = predicate(segment)
            before += order([item for item in ROWS if holds(item)], backwards)
        assert before == whole[:at][::-1]


def test_the_same_order_backwards():
    """Every key keeps its place and turns round."""
    order = Order([SortKey(A, False), SortKey(ID, True)], schema_of(Typed))
    assert order.backwards == (SortKey(A, True), SortKey(ID, False))
    assert order.backwards.backwards == order
    assert order.plain == [("a", False), ("id", True)]


def test_segments_are_ranges_that_an_index_serves():
    """Null and not null are apart; what all keys have in one direction is one comparison; none is asked for in vain."""
    up, down = (
        segments_after([SortKey(A, False), SortKey(ID, False)], (1, 5)),
        segments_after([SortKey(A, True), SortKey(ID, True)], (1, 5)),
    )
    assert len(up) == 1
    assert up[0] == Behind((A, ID), (1, 5), descending=False)
    assert up[0].spelled_out().items[0] == Compare(A, Comparison.GE, 1)
    assert len(down) == 2
    assert down[0] == Behind((A, ID), (1, 5), descending=True)
    assert down[0].spelled_out().items[0] == Compare(A, Comparison.LE, 1)
    assert down[1] == IsNull(A)
    nulls = segments_after([SortKey(A, False), SortKey(ID, False)], (None, 5))
    assert nulls[0].items[0] == IsNull(A)
    assert nulls[1] == Not(IsNull(A))
    assert len(segments_after([SortKey(A, True), SortKey(ID, True)], (None, 5))) == 1
    # What cannot be null has no segment of nulls, and needs no test for them further down.
    assert segments_after([SortKey(ID, True)], (5,)) == [Compare(ID, Comparison.LT, 5)]
    (mixed,) = segments_after([SortKey(A, False), SortKey(ID, True)], (1, 5))
    assert mixed.items[0] == Compare(A, Comparison.GE, 1)
    (segment,) = segments_after([SortKey(place("c", nullable=False), True), SortKey(ID, True)], (1, 5))
    assert "IsNull" not in repr(segment)
    assert segments_after([SortKey(A, True)], (None,)) == []


def test_values_of_another_sort_are_refused():
    """As many values as keys, no more and no less."""
    for values in ((1,), (1, 2, 3), ()):
        with pytest.raises(InvalidQueryError, match="it belongs to another sort"):
            segments_after([SortKey(A, False), SortKey(ID, False)], values)
