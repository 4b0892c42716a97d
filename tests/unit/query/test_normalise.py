"""What filters and sorts become, and what is refused: before any engine is asked."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

import pytest

from torematrix.core.storage import F, Index, InvalidQueryError, QueryFilter, SortOrder
from torematrix.core.storage.model.markers import Big
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.query.conditions import (
    FALSE,
    TRUE,
    All,
    Compare,
    Comparison,
    Either,
    Exists,
    HasElement,
    In,
    IsNull,
    Like,
    Matches,
    Not,
    Same,
    Some,
    TextTest,
    TextTests,
)
from torematrix.core.storage.query.filters import AllOf, AnyOf, Negation
from torematrix.core.storage.query.normalise import (
    MAX_FILTER_DEPTH,
    MAX_IN_BYTES,
    MAX_PREDICATES,
    condition_of,
    sort_of,
)
from torematrix.core.storage.testing.examples import Colour, Part, Typed

SCHEMA = schema_of(Typed)
FREE = schema_of(dict)


@dataclass
class Costs:
    """Exact numbers at every depth that a declaration can put them."""

    id: str | None = None
    listed: list[list[Decimal]] = field(default_factory=list)
    mapped: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    paired: tuple[int, Decimal] | None = None
    maybe: list[Decimal | None] = field(default_factory=list)
    big: list[Annotated[int, Big()]] = field(default_factory=list)
    small: list[int] = field(default_factory=list)
    record: "Priced | None" = None
    mixed: list[Decimal] | int | None = None
    digits: list[Decimal | bool] = field(default_factory=list)
    lists: list[int] | dict[str, int] | None = None
    maybe_text: str | int | None = None
    no_text: int | list[str] | None = None
    names: list[str | None] = field(default_factory=list)
    sets: set[int] = field(default_factory=set)
    pairs: tuple[int, int] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    rows: list[list[int]] | str | None = None
    steep: list[list[list[list[list[list[list[list[list[Decimal]]]]]]]]] = field(default_factory=list)
    tree: "Node | None" = None
    plain: "Leaf | None" = None


@dataclass
class Leaf:
    """A record that holds itself, and no exact numbers."""

    name: str = ""
    below: "list[Leaf]" = field(default_factory=list)


@dataclass
class Node:
    """A record that holds itself, and an exact number."""

    below: "list[Node]" = field(default_factory=list)
    leaf: Leaf | None = None
    weight: Decimal | None = None


@dataclass
class Priced:
    """A record with a price."""

    price: Decimal
    label: str = ""


COSTS = schema_of(Costs, indexes=[Index("meta.year", int)])


def condition(path, operator, value, schema=SCHEMA):
    return condition_of(schema, QueryFilter(path, operator, value))


def refused(path, operator, value, schema=SCHEMA):
    with pytest.raises(InvalidQueryError) as caught:
        condition(path, operator, value, schema)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------ expressions


def test_nothing_and_lists():
    """No filters, and none in a list, mean everything; a list means all of its items."""
    assert condition_of(SCHEMA, None) is TRUE
    assert condition_of(SCHEMA, []) is TRUE
    one = F("number") == 1
    assert condition_of(SCHEMA, [one]) == condition_of(SCHEMA, one)
    both = condition_of(SCHEMA, [one, F("number") == 2])
    assert isinstance(both, All)
    assert len(both.items) == 2
    assert condition_of(SCHEMA, iter([one])) == condition_of(SCHEMA, one)
    assert condition_of(SCHEMA, AllOf([])) is TRUE
    assert condition_of(SCHEMA, AnyOf([])) is FALSE
    assert condition_of(SCHEMA, Negation(AllOf([]))) is FALSE
    assert isinstance(condition_of(SCHEMA, AnyOf([one, F("number") == 2])), Either)
    assert isinstance(condition_of(SCHEMA, Negation(one)), Not)


@pytest.mark.parametrize(
    "filters", ["number", b"number", {"number": 1}, "", b"", {}, 5, ["number"], [None], [("number", "eq", 1)]]
)
def test_what_is_no_filter(filters):
    """Text, mappings and whatever else is no filter are refused, alone and in a list."""
    with pytest.raises(InvalidQueryError, match="filters are QueryFilter values"):
        condition_of(SCHEMA, filters)


@pytest.mark.parametrize("wrap", [Negation, lambda item: AllOf([item]), lambda item: AnyOf([item])])
def test_the_depth(wrap):
    """A filter nests 100 deep and no deeper, alone and in a list."""
    item = F("number") == 1
    for _ in range(100):
        item = wrap(item)
    assert condition_of(SCHEMA, item) == condition_of(SCHEMA, F("number") == 1)
    assert condition_of(SCHEMA, [item]) == condition_of(SCHEMA, F("number") == 1)
    for filters in (wrap(item), [wrap(item)]):
        with pytest.raises(InvalidQueryError, match="at most 100 deep"):
            condition_of(SCHEMA, filters)
    assert MAX_FILTER_DEPTH == 100


def test_a_chain_is_not_deep():
    """Conditions joined one after the other nest no deeper than two, and a chain leaves its beginning as it was."""
    one = F("number") == 1
    both, either = one & one, one | one
    for _ in range(1_998):
        both, either = both & one, either | one
    begun = one | one
    assert isinstance(condition_of(SCHEMA, both), All)
    assert isinstance(condition_of(SCHEMA, either), Either)
    assert len((begun | one).items) == 3
    assert len(begun.items) == 2


def test_the_number_of_predicates():
    """A query holds 2,000 predicates and no more."""
    one = F("number") == 1
    condition_of(SCHEMA, AnyOf([one] * 2_000))
    with pytest.raises(InvalidQueryError, match="at most 2000 predicates"):
        condition_of(SCHEMA, AnyOf([one] * 2_001))
    with pytest.raises(InvalidQueryError, match="at most 2000 predicates"):
        condition_of(SCHEMA, [one] * 2_001)
    assert MAX_PREDICATES == 2_000


def test_a_refusal_names_the_field_and_the_operator():
    """The message says where, whatever the alias was."""
    assert refused("number", ">", None).startswith("filter on 'number', operator gt: ")
    assert "unknown operator" in refused("number", "almost", 1)
    assert "declares no field 'nope'" in refused("nope", "eq", 1)


def test_elements():
    """Under [*] the predicate is one of an element, innermost last."""
    found = condition("v[*].a[*].b", "eq", 1, FREE)
    assert isinstance(found, Some)
    assert found.target.steps == ("v",)
    assert isinstance(found.item, Some)
    assert found.item.target.steps == ("a",)
    assert isinstance(found.item.item, Compare)
    assert found.item.item.target.steps == ("b",)


# ------------------------------------------------------------------------------------------------ equality


def test_equality():
    """None asks for null, lists and dicts are compared deeply, scalars by their value."""
    assert isinstance(condition("number", "eq", None), IsNull)
    assert isinstance(condition("number", "ne", None), Not)
    assert isinstance(condition("tags", "eq", ["x"]), Same)
    assert condition("sizes", "eq", {"b": 1, "a": 2}).value == {"a": 2, "b": 1}
    found = condition("text", "eq", "x")
    assert (type(found), found.comparison, found.value) == (Compare, Comparison.EQ, "x")
    assert condition("number", "eq", 1.5) is FALSE
    assert condition("number", "ne", 1.5) is TRUE


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("number", "1"),
        ("number", True),
        ("number", [1]),
        ("text", 1),
        ("flag", 1),
        ("flag", "true"),
        ("amount", 1.5),
        ("amount", "one"),
        ("day", "2024-13-01"),
        ("moment", "yesterday"),
        ("key", "k"),
        ("colour", "blue"),
        ("blob", "00"),
        ("ratio", float("nan")),
        ("ratio", float("inf")),
        ("number", 2**63),
        ("text", "\x00"),
        ("text", "\ud800"),
        ("tags", "x"),
        ("tags", [1]),
        ("sizes", {"a": "x"}),
        ("sizes", 5),
        ("either", b"a"),
        ("either", ["a"]),
        ("point", [1]),
        ("anything", object()),
        ("anything", {1: 2}),
        ("anything", float("nan")),
    ],
)
def test_a_value_of_another_kind_is_refused(path, value):
    """A value that the declared place cannot hold is a mistake, in every operator that takes values."""
    for operator, operand in (("eq", value), ("ne", value), ("in", [value]), ("not_in", [value])):
        assert f"filter on '{path}', operator {operator}: " in refused(path, operator, operand)


def test_a_tuple_or_a_set_stands_for_a_list():
    """A list field takes any of Python's sequences; a set is compared as sets are stored."""
    assert condition("tags", "eq", ("x", "y")) == condition("tags", "eq", ["x", "y"])
    assert condition("tags", "eq", frozenset({"x"})) == condition("tags", "eq", ["x"])
    assert condition("tags", "eq", {"x"}) == condition("tags", "eq", ["x"])
    assert condition("sets", "eq", [3, 1, 1], COSTS).value == [1, 3]
    assert condition("sets", "eq", {3, 1}, COSTS).value == [1, 3]
    assert condition("point", "eq", [1, "p"]) == condition("point", "eq", (1, "p"))


def test_a_union_takes_what_one_of_its_types_takes():
    """The first declared type that takes the value decides its form, by the rules of that type."""
    assert condition("either", "eq", 1.5).value == 1.5
    assert condition("either", "eq", "1").value == "1"
    assert condition("either", "eq", (1, 2)).value == [1, 2]
    assert condition("lists", "eq", {"a": 1}, COSTS).value == {"a": 1}
    assert condition("lists", "eq", [1], COSTS).value == [1]
    for value in (["a"], b"a", {"a": 1}, True):
        assert "the value is of none of the declared types" in refused("either", "eq", value)
    assert "the value is of none of the declared types" in refused("lists", "eq", 5, COSTS)


def test_no_container_is_made_of_what_is_none():
    """A value that is not a sequence does not become one."""
    for path in ("tags", "point", "sets", "pairs"):
        for value in (5, "ab", b"ab", {"a": 1}, 1.5, True):
            for operator, operand in (("eq", value), ("in", [value])):
                refused(path, operator, operand, COSTS if path in ("sets", "pairs") else SCHEMA)
    refused("point", "eq", {1, "p"})


def test_a_dict_stands_for_a_record():
    """A record is asked for by an instance or by a dict, which is compared as it is."""
    assert condition("part", "eq", {"name": "a", "size": 1}) == condition("part", "eq", Part("a", 1))
    assert condition("part", "eq", {"name": "a"}).value == {"name": "a"}


@pytest.mark.parametrize(
    "path", ["listed", "mapped", "paired", "maybe", "big", "record", "mixed", "digits", "steep", "tree"]
)
@pytest.mark.parametrize("operator", ["eq", "ne", "in", "not_in"])
def test_wholes_with_exact_numbers_are_not_compared(path, operator):
    """1.0 equals 1.00 by value, and differs in what a list of it stores."""
    whole = {
        "listed": [[Decimal(1)]],
        "mapped": {"a": {"b": Decimal(1)}},
        "paired": (1, Decimal(1)),
        "maybe": [None],
        "big": [1],
        "record": {"price": 1},
        "mixed": [Decimal(1)],
        "digits": [True],
        "steep": [],
        "tree": {"below": []},
    }[path]
    message = refused(path, operator, whole if operator in ("eq", "ne") else [whole], COSTS)
    assert "hold Decimal or big int values are not compared" in message


def test_an_element_that_holds_exact_numbers_is_not_compared():
    """``contains`` compares an exact number, and refuses a whole that holds one."""
    assert "not compared" in refused("listed", "contains", [Decimal(1)], COSTS)
    found = condition("maybe", "contains", "1.0", COSTS)
    assert isinstance(found, HasElement)
    assert found.ordered_text
    assert found.value == condition("maybe", "contains", 1, COSTS).value
    assert condition("big", "contains", 5, COSTS).ordered_text
    assert not condition("small", "contains", 5, COSTS).ordered_text
    assert condition("maybe", "contains", None, COSTS) == HasElement(found.target, None)
    assert isinstance(condition("small", "eq", [1], COSTS), Same)
    assert isinstance(condition("plain", "eq", {"name": "a"}, COSTS), Same)


# ------------------------------------------------------------------------------------------------ membership


def test_membership():
    """Scalars become one list for each kind, single ones an equality, wholes and None branches of their own."""
    found = condition("number", "in", [3, 1, 3, 2.0])
    assert (type(found), found.values) == (In, (3, 1, 2))
    assert condition("number", "in", [3, 3]) == condition("number", "eq", 3)
    assert condition("number", "in", []) is FALSE
    assert condition("number", "not_in", []) is TRUE
    assert condition("text", "in", []) is FALSE
    assert condition("number", "in", [1.5]) is FALSE
    assert isinstance(condition("number", "in", [None]), IsNull)
    found = condition("v", "in", [1, 2.5, "a", "b", True, False, None, [1]], FREE)
    assert isinstance(found, Either)
    kinds = [type(item) for item in found.items]
    assert kinds == [IsNull, Same, In, In, In]
    assert [item.values for item in found.items[2:]] == [(1, 2.5), ("a", "b"), (True, False)]


def test_an_int_and_the_float_it_equals_are_one_member():
    """1 and 1.0 are the same number, so they are asked for once."""
    assert isinstance(condition("v", "in", [1, 1.0], FREE), Compare)
    assert isinstance(condition("v", "in", [1, True], FREE), Either)


@pytest.mark.parametrize("value", ["abc", b"abc", {"a": 1}, 5, None, iter(["a"])])
def test_membership_takes_a_collection(value):
    """Text, bytes, mappings, single values and what can be read once are no lists of values."""
    assert "takes a list, a tuple or a set" in refused("text", "in", value)


@pytest.mark.parametrize("value", [["a", 1], ["\x00"], ["a", "\ud800"], [b"a"], [1]])
def test_every_member_is_checked(value):
    """One bad member among many is refused."""
    assert "operator in: " in refused("text", "in", value)


def test_the_size_of_a_list():
    """Eight million bytes of values may be given: a string counts its length, any other value eight."""
    assert MAX_IN_BYTES == 8_000_000
    half = "x" * 4_000_000
    condition("text", "in", [half, half[:-1] + "y"])
    assert "more than 8,000,000 bytes" in refused("text", "in", [half, half + "y"])
    condition("v", "in", ["x" * 3_999_992, "y" * 4_000_000, 1], FREE)
    assert "more than 8,000,000 bytes" in refused("v", "in", ["x" * 3_999_993, "y" * 4_000_000, 1], FREE)


def test_members_of_an_enumeration_are_looked_at_one_by_one():
    """Text stands for a member, so it is not taken for text alone."""
    assert condition("colour", "in", ["red", "green"]).values == ("red", "green")
    assert condition("colour", "in", [Colour.RED, "green"]).values == ("red", "green")
    refused("colour", "in", ["red", "blue"])
    assert condition("key", "in", ["0" * 31 + "1", "0" * 31 + "2"]).values[0].count("-") == 4


# ------------------------------------------------------------------------------------------------ order

INF = 1e300


@pytest.mark.parametrize(
    ("operator", "value", "comparison", "bound"),
    [
        ("gt", 1, "gt", 1),
        ("gte", 1, "ge", 1),
        ("lt", 1, "lt", 1),
        ("lte", 1, "le", 1),
        ("eq", 1.0, "eq", 1),
        ("gt", 1.0, "gt", 1),
        ("lt", 1.0, "lt", 1),
        ("gt", 1.5, "ge", 2),
        ("gte", 1.5, "ge", 2),
        ("lt", 1.5, "le", 1),
        ("lte", 1.5, "le", 1),
        ("gt", -1.5, "ge", -1),
        ("lt", -1.5, "le", -2),
        ("gte", -(2.0**63), "ge", -(2**63)),
        ("lt", 2.0**63 - 1024, "lt", 2**63 - 1024),
    ],
)
def test_an_int_column_takes_the_neighbouring_int(operator, value, comparison, bound):
    """A float bound on ints becomes the int that holds for the same rows."""
    found = condition("number", operator, value)
    assert (found.comparison.value, found.value) == (comparison, bound)
    assert type(found.value) is int


@pytest.mark.parametrize("operator", ["gt", "gte", "lt", "lte", "eq"])
@pytest.mark.parametrize("value", [INF, -INF, 2.0**63, -(2.0**63) - 2048])
def test_beyond_every_int(operator, value):
    """Beyond 64 bits a bound holds for every number, or for none; never for null."""
    found = condition("number", operator, value)
    if operator == "eq" or operator.startswith("g") == (value > 0):
        assert found is FALSE
    else:
        assert isinstance(found, Not)
        assert isinstance(found.item, IsNull)


@pytest.mark.parametrize(
    ("operator", "value", "comparison", "bound"),
    [
        ("gt", 1.5, "gt", 1.5),
        ("lte", -1.5, "le", -1.5),
        ("eq", 1e300, "eq", 1e300),
        ("gt", 2**53, "gt", 2.0**53),
        ("lte", 5, "le", 5.0),
        ("eq", 5, "eq", 5.0),
        ("gt", 2**53 + 1, "gt", 2.0**53),  # the nearest float lies below
        ("gte", 2**53 + 1, "gt", 2.0**53),
        ("lt", 2**53 + 1, "le", 2.0**53),
        ("lte", 2**53 + 1, "le", 2.0**53),
        ("gt", 2**53 + 3, "ge", 2.0**53 + 4),  # the nearest float lies above
        ("gte", 2**53 + 3, "ge", 2.0**53 + 4),
        ("lt", 2**53 + 3, "lt", 2.0**53 + 4),
        ("lte", 2**53 + 3, "lt", 2.0**53 + 4),
    ],
)
def test_a_float_column_takes_the_neighbouring_float(operator, value, comparison, bound):
    """An int bound on floats becomes the float that holds for the same rows."""
    found = condition("ratio", operator, value)
    assert (found.comparison.value, found.value) == (comparison, bound)
    assert type(found.value) is float


def test_an_int_that_no_float_is_equals_nothing():
    """2**53 + 1 lies between two floats."""
    assert condition("ratio", "eq", 2**53 + 1) is FALSE


def test_exact_numbers_compare_by_their_keys():
    """The key part of the ordered text is all that is compared."""
    assert condition("amount", "eq", "1.0").value == condition("amount", "eq", 1).value
    assert " " not in condition("amount", "gt", "1.0").value
    assert condition("huge", "lt", 5).comparison is Comparison.LT


@pytest.mark.parametrize("operator", ["gt", "gte", "lt", "lte"])
@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_some_values_have_no_order(operator, value):
    """None, lists and dicts are refused as bounds, wherever they are asked for."""
    refused("number", operator, value)
    assert "have no order" in refused("number", operator, None)
    assert "have no order" in refused("v", operator, value, FREE)


@pytest.mark.parametrize(
    ("path", "value"), [("tags", ["x"]), ("point", (1, "p")), ("sizes", {}), ("part", {})]
)
def test_some_places_have_no_order(path, value):
    """Lists, tuples, dicts and records are not ordered, whatever the bound."""
    for operand in (value, "x"):
        assert "have no order" in refused(path, "gt", operand)


def test_between():
    """Both ends belong to it; a pair is needed."""
    found = condition("number", "between", (1, 3))
    assert [(item.comparison.value, item.value) for item in found.items] == [("ge", 1), ("le", 3)]
    assert condition("number", "between", [1, 3]) == found
    for value in ((1,), (1, 2, 3), 5, "ab", {1, 2}, None, ()):
        assert "takes a pair" in refused("number", "between", value)
    refused("number", "between", (None, 1))
    refused("number", "between", (1, None))


# ------------------------------------------------------------------------------------------------ presence


def test_presence():
    """``is_null`` and ``exists`` take True or False; a declared field is always present."""
    assert isinstance(condition("number", "is_null", True), IsNull)
    assert isinstance(condition("number", "is_null", False), Not)
    for path in ("number", "tags", "part", "anything"):
        expected = Exists if path == "anything" else None
        found = condition(path, "exists", True)
        assert isinstance(found, Exists) if expected else found is TRUE
    assert condition("number", "exists", False) is FALSE
    assert isinstance(condition("part.name", "exists", True), Exists)
    assert isinstance(condition("tags[0]", "exists", True), Exists)
    assert isinstance(condition("v", "exists", True, FREE), Exists)
    assert isinstance(condition("meta.year", "exists", True, COSTS), Exists)
    assert isinstance(condition("parts[*].name", "exists", True).item, Exists)
    for value in (1, 0, None, "true"):
        for operator in ("is_null", "exists"):
            assert "takes True or False" in refused("number", operator, value)


# ------------------------------------------------------------------------------------------------ text


def test_text():
    """Each operator of strings becomes its own test."""
    assert condition("text", "starts_with", "a").test is TextTests.STARTS_WITH
    assert condition("text", "ends_with", "a").test is TextTests.ENDS_WITH
    found = condition("text", "contains", "a")
    assert (type(found), found.test, found.text) == (TextTest, TextTests.CONTAINS, "a")
    assert [condition("text", name, "a").fold for name in ("like", "ilike")] == [False, True]
    assert isinstance(condition("text", "like", "a"), Like)
    assert isinstance(condition("text", "regex", "a"), Matches)


@pytest.mark.parametrize("operator", ["starts_with", "ends_with", "like", "ilike", "regex"])
def test_text_is_asked_of_text(operator):
    """Places where no string can stand, and operands that are none, are refused."""
    for path in ("number", "tags", "key", "day", "sizes", "point"):
        assert "the field holds no strings" in refused(path, operator, "a")
    assert "the field holds no strings" in refused("no_text", operator, "a", COSTS)
    for path in ("text", "either", "anything"):
        condition(path, operator, "a")
        for value in (1, None, b"a", ["a"]):
            assert "takes a str" in refused(path, operator, value)
    for value in ("\x00", "\ud800"):
        refused("text", operator, value)
    condition("maybe_text", operator, "a", COSTS)
    condition("v", operator, "a", FREE)
    condition("names[*]", operator, "a", COSTS)


def test_patterns_are_checked():
    """A pattern that cannot be read is refused, whatever the rows hold."""
    assert "backslash" in refused("text", "like", "a\\")
    refused("text", "regex", "(")
    refused("text", "regex", "(a+)+$")


# ------------------------------------------------------------------------------------------------ contains


def test_contains():
    """A substring of a string, an element of a list, either where both may stand."""
    assert isinstance(condition("tags", "contains", "x"), HasElement)
    assert isinstance(condition("point", "contains", "x"), HasElement)
    assert isinstance(condition("either", "contains", "x"), TextTest)
    assert isinstance(condition("either", "contains", 1), HasElement)
    found = condition("v", "contains", "x", FREE)
    assert [type(item) for item in found.items] == [TextTest, HasElement]
    assert found.items[0].test is TextTests.CONTAINS
    assert isinstance(condition("v", "contains", 1, FREE), HasElement)
    assert condition("v", "contains", {"b": 1, "a": 2}, FREE).value == {"a": 2, "b": 1}
    assert condition("tags", "contains", None).value is None
    assert isinstance(condition("lists", "contains", 1, COSTS), HasElement)
    assert isinstance(condition("maybe_text", "contains", "a", COSTS), TextTest)
    assert isinstance(condition("rows", "contains", "a", COSTS), TextTest)
    assert isinstance(condition("rows", "contains", [1], COSTS), HasElement)


@pytest.mark.parametrize(
    ("path", "value"),
    [("number", 1), ("number", "1"), ("sizes", "a"), ("part", "name"), ("flag", True), ("key", "a")],
)
def test_contains_is_asked_of_strings_and_lists(path, value):
    """Keys of a dict are no elements; a number holds nothing."""
    assert "neither strings nor lists" in refused(path, "contains", value)


@pytest.mark.parametrize(
    ("path", "value"),
    [("text", 1), ("text", None), ("tags", 1), ("point", b""), ("prices", 1.5), ("either", b"")],
)
def test_what_is_contained_is_checked(path, value):
    """An element of another kind than the declared one is refused."""
    assert f"filter on '{path}', operator contains: " in refused(path, "contains", value)


def test_a_refusal_of_contains_says_why():
    """Where every alternative refuses, one of the reasons is given."""
    assert "the field holds neither" not in refused("text", "contains", 1)


# ------------------------------------------------------------------------------------------------ sorts


def keys(sort_by, order="asc", schema=SCHEMA):
    return [(key.target.text, key.descending) for key in sort_of(schema, sort_by, order)]


def test_sorts():
    """The id ends every order, in the direction of the last key asked for; nothing behind it counts."""
    assert keys(None) == [("id", False)]
    assert keys(None, "desc") == [("id", True)]
    assert keys([]) == [("id", False)]
    assert keys("number") == [("number", False), ("id", False)]
    assert keys("number", SortOrder.DESC) == [("number", True), ("id", True)]
    assert keys(["number", "text"], "desc") == [("number", True), ("text", True), ("id", True)]
    assert keys([("number", "desc"), "text"]) == [("number", True), ("text", False), ("id", False)]
    assert keys([("number", SortOrder.ASC), ("text", SortOrder.DESC)]) == [
        ("number", False),
        ("text", True),
        ("id", True),
    ]
    assert keys([["number", "desc"]]) == [("number", True), ("id", True)]
    assert keys(["text"], "desc") == [("text", True), ("id", True)]
    assert keys([("id", "desc"), "number"]) == [("id", True)]
    assert all(isinstance(sort_of(SCHEMA, sort_by, "asc"), tuple) for sort_by in (None, "number", "id"))
    assert keys(["number", ("id", "desc"), "text"]) == [("number", False), ("id", True)]
    assert keys("part.size") == [("part.size", False), ("id", False)]
    assert keys("meta.year", schema=COSTS) == [("meta.year", False), ("id", False)]


@pytest.mark.parametrize(
    "sort_by",
    [
        b"number",
        b"",
        {"number": 1},
        {},
        {"number"},
        set(),
        5,
        [5],
        [("number",)],
        [("number", "asc", 1)],
        [None],
        [{"number", "x"}],
    ],
)
def test_what_is_no_sort(sort_by):
    """Whatever is not a name or a list of names and pairs is refused."""
    with pytest.raises(InvalidQueryError, match="sort_by is a field name, or a list"):
        sort_of(SCHEMA, sort_by, "asc")


@pytest.mark.parametrize(
    "path", ["tags", "part", "sizes", "either", "anything", "tags[*]", "parts[*].size", "sizes.a[0]"]
)
def test_only_declared_scalars_are_sorted_by(path):
    """Lists, dicts, unions, wildcards and undeclared places have no order to sort by."""
    with pytest.raises(InvalidQueryError, match=r"(cannot sort by|names a place)"):
        sort_of(SCHEMA, path, "asc")


def test_other_refused_sorts():
    """A field stands once; a direction is one of two."""
    for sort_by in (
        ["number", "number"],
        ["number", ("number", "desc")],
        [("number", "up")],
        [("number", None)],
    ):
        with pytest.raises(InvalidQueryError):
            sort_of(SCHEMA, sort_by, "asc")
    for order in ("up", "", None, True, "ASC"):
        with pytest.raises(InvalidQueryError, match="a sort order is"):
            sort_of(SCHEMA, "number", order)
    with pytest.raises(InvalidQueryError, match="declares no field"):
        sort_of(SCHEMA, "nope", "asc")
    with pytest.raises(InvalidQueryError):
        sort_of(SCHEMA, [(5, "asc")], "asc")
