"""The reference, looked at from inside: kinds, equality, places and orders of canonical documents."""

import pytest

from torematrix.core.storage.model.kinds import Kind, Scalar
from torematrix.core.storage.model.shapes import Anything
from torematrix.core.storage.query.conditions import (
    All,
    Compare,
    Comparison,
    Const,
    Either,
    Exists,
    HasElement,
    In,
    IsNull,
    Not,
    Same,
    Some,
    Target,
    TextTest,
    TextTests,
)
from torematrix.core.storage.query.evaluate import (
    MISSING,
    kind_of,
    order,
    predicate,
    same,
    sort_place,
    value_at,
)
from torematrix.core.storage.query.operations import SortKey
from torematrix.core.storage.query.paths import ANY

VALUES = {
    "missing": MISSING,
    "null": None,
    "bool": True,
    "number": 1,
    "string": "1",
    "list": [1],
    "dict": {"a": 1},
}


def target(*steps, kind=None, in_element=False):
    shape = Anything() if kind is None else Scalar(kind)
    return Target(".".join(map(str, steps)), tuple(steps), shape, nullable=True, in_element=in_element)


V = target("v")
ELEMENT = target(in_element=True)


@pytest.mark.parametrize("kind", VALUES)
def test_the_kinds(kind):
    """Every value is of one of the six kinds, or missing; a bool is no number."""
    assert kind_of(VALUES[kind]) == kind
    assert kind_of(1.5) == "number"


@pytest.mark.parametrize("left", VALUES)
@pytest.mark.parametrize("right", VALUES)
def test_kinds_are_never_equal_across(left, right):
    """A value equals itself and no value of another kind."""
    assert same(VALUES[left], VALUES[right]) is (left == right)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, True),
        (1, 2, False),
        (True, 1, False),
        (0, False, False),
        (2**53, 2.0**53, True),
        (2**53 + 1, 2.0**53, False),
        ("a", "A", False),
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
        ([1], [1, 2], False),
        ([1, 2], [1], False),
        ([True], [1], False),
        ([], {}, False),
        ([[1.0]], [[1]], True),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
        ({"a": True}, {"a": 1}, False),
    ],
)
def test_deep_equality(left, right, equal):
    """Lists are equal element by element, dicts key by key; numbers by value."""
    assert same(left, right) is equal
    assert same(right, left) is equal


@pytest.mark.parametrize(
    ("root", "steps", "found"),
    [
        ({"a": 1}, ("a",), 1),
        ({"a": 1}, ("b",), MISSING),
        ({"a": None}, ("a",), None),
        ({"a": {"b": [1, 2]}}, ("a", "b", 1), 2),
        ({"a": {"b": [1, 2]}}, ("a", "b", 2), MISSING),
        ({"a": [1]}, ("a", "0"), MISSING),
        ({"a": {"0": 1}}, ("a", 0), MISSING),
        ({"a": "text"}, ("a", 0), MISSING),
        ({"a": "text"}, ("a", "b"), MISSING),
        (MISSING, ("a",), MISSING),
        (5, (), 5),
    ],
)
def test_places(root, steps, found):
    """A key steps into a dict, an index into a list, and nothing else leads anywhere."""
    assert value_at(root, steps) is found or value_at(root, steps) == found


def test_a_wildcard_is_no_place():
    """A wildcard that reaches this floor is a mistake of the library's own."""
    for value in ([1], 1, {}, None):
        with pytest.raises(TypeError, match="a condition of its own"):
            value_at({"a": value}, ("a", ANY))


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        (Const(True), 1, True),
        (Const(False), 1, False),
        (All(()), 1, True),
        (All((Const(True), Const(False))), 1, False),
        (Either(()), 1, False),
        (Either((Const(True), Const(False))), 1, True),
        (Not(Const(True)), 1, False),
        (IsNull(V), None, True),
        (IsNull(V), MISSING, True),
        (IsNull(V), 0, False),
        (Exists(V), None, True),
        (Exists(V), MISSING, False),
        (Compare(V, Comparison.EQ, 1), 1.0, True),
        (Compare(V, Comparison.EQ, 1), True, False),
        (Compare(V, Comparison.LT, 1), 1, False),
        (Compare(V, Comparison.LT, 1), 0, True),
        (Compare(V, Comparison.LE, 1), 1, True),
        (Compare(V, Comparison.LE, 1), 2, False),
        (Compare(V, Comparison.GT, 1), 1, False),
        (Compare(V, Comparison.GT, 1), 2, True),
        (Compare(V, Comparison.GE, 1), 1, True),
        (Compare(V, Comparison.GE, 1), 0, False),
        (Compare(V, Comparison.GT, 0), True, False),
        (Compare(V, Comparison.GT, ""), "a", True),
        (Compare(V, Comparison.GT, ""), None, False),
        (Compare(V, Comparison.GT, ""), [1], False),
        (In(V, (1, 2)), 2.0, True),
        (In(V, (1, 2)), True, False),
        (In(V, (1, 2)), [1], False),
        (In(V, (True,)), 1, False),
        (In(V, (True,)), True, True),
        (In(V, ("a",)), "b", False),
        (Same(V, [1]), [1.0], True),
        (Same(V, {"a": 1}), {"a": 1, "b": 1}, False),
        (HasElement(V, 1), [2, 1.0], True),
        (HasElement(V, 1), [True], False),
        (HasElement(V, None), [None], True),
        (HasElement(V, None), [], False),
        (HasElement(V, "a"), {"a": 1}, False),
        (HasElement(V, "a"), "a", False),
        (HasElement(V, "1k", ordered_text=True), ["1k 1", 5], True),
        (HasElement(V, "1k", ordered_text=True), ["1kk 1", None], False),
        (HasElement(V, "1k", ordered_text=True), "1k 1", False),
        (HasElement(V, "1k", ordered_text=True), {"1k 1": 1}, False),
        (HasElement(V, "1k", ordered_text=True), 5, False),
        (HasElement(V, 1), 5, False),
        (HasElement(V, 1), None, False),
        (TextTest(V, TextTests.CONTAINS, "b"), "abc", True),
        (TextTest(V, TextTests.CONTAINS, "d"), "abc", False),
        (TextTest(V, TextTests.STARTS_WITH, "a"), "abc", True),
        (TextTest(V, TextTests.STARTS_WITH, "b"), "abc", False),
        (TextTest(V, TextTests.ENDS_WITH, "c"), "abc", True),
        (TextTest(V, TextTests.ENDS_WITH, "b"), "abc", False),
        (TextTest(V, TextTests.CONTAINS, "a"), ["a"], False),
        (Some(V, Compare(ELEMENT, Comparison.GT, 1)), [1, 2], True),
        (Some(V, Compare(ELEMENT, Comparison.GT, 1)), [1], False),
        (Some(V, Compare(ELEMENT, Comparison.GT, 1)), 2, False),
        (Some(V, IsNull(ELEMENT)), [], False),
    ],
)
def test_conditions(condition, value, holds):
    """Each condition is true or false, for every kind of value."""
    root = {} if value is MISSING else {"v": value}
    assert predicate(condition)(root) is holds


@pytest.mark.parametrize("kind", [Kind.DECIMAL, Kind.BIGINT])
def test_ordered_texts_compare_by_their_keys(kind):
    """What follows the key of an ordered text says how the number was written, and does not count."""
    place = target("v", kind=kind)
    for written, holds in (("2k 1", True), ("2k 1.00", True), ("2kk 3", False), (None, False), (5, False)):
        assert predicate(Compare(place, Comparison.EQ, "2k"))({"v": written}) is holds
        assert predicate(In(place, ("2k", "9")))({"v": written}) is holds
    assert predicate(Compare(place, Comparison.GT, "2k"))({"v": "2kk 3"})


def test_the_place_in_an_order():
    """Null and missing stand at one place, before every value; ordered texts stand by their keys."""
    assert sort_place({}, V) == sort_place({"v": None}, V) == (0, None)
    assert sort_place({"v": 0}, V) == (1, 0)
    assert sort_place({"v": "2k 1.0"}, V) == (1, "2k 1.0")
    assert sort_place({"v": "2k 1.0"}, target("v", kind=Kind.DECIMAL)) == (1, "2k")
    assert sort_place({"v": 5}, target("v", kind=Kind.DECIMAL)) == (1, 5)
    assert sort_place({}, V) < sort_place({"v": -1}, V)


def test_orders():
    """The first key decides, then the next; each in its own direction; equals keep the order they had."""
    rows = [{"v": 1, "w": 1}, {"v": None, "w": 3}, {"v": 1, "w": 2}, {"w": 4}]
    w = target("w")
    assert order(rows, [SortKey(V, False), SortKey(w, True)]) == [rows[3], rows[1], rows[2], rows[0]]
    assert order(rows, [SortKey(V, True), SortKey(w, False)]) == [rows[0], rows[2], rows[1], rows[3]]
    assert order(rows, [SortKey(V, False)]) == [rows[1], rows[3], rows[0], rows[2]]
    assert order(rows, []) == rows
