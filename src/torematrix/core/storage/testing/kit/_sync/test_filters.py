# generated from _async/test_filters.py by tools/generate_twins.py: do not edit
"""What every operator finds, at declared fields and inside documents."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest

from torematrix.core.storage import F, Feature, InvalidQueryError, Operator, Pagination, QueryFilter

from ....query.filters import AllOf, AnyOf, Expression, Negation, parse_operator
from ..._sync.harness import Kit
from ...entities import SUBJECTS, Colour, Level, Sample, entity_id_of
from ...examples import EXAMPLES, LOOSE, TYPED, Example, Typed
from ...needs import needs
from ..entities import Note, Plain

LOGIC: Final = [example for example in EXAMPLES if not isinstance(example.filters, QueryFilter)]


def _of(operator: Operator) -> list[Example]:
    """The examples of one operator, under each of its names."""
    return [
        example
        for example in EXAMPLES
        if isinstance(example.filters, QueryFilter) and parse_operator(example.filters.operator) is operator
    ]


def _differing(kit: Kit, examples: list[Example]) -> list[str]:
    """The examples that the storage answers otherwise, with its answers."""
    typed = kit.repository(Typed)
    loose = kit.documents()
    kit.store(typed, TYPED)
    kit.store(loose, LOOSE)
    wrong: list[str] = []
    for example in examples:
        repository: Any = loose if example.loose else typed
        found = {entity_id_of(entity) for entity in repository.list(example.filters)}
        if found != example.ids or repository.count([example.filters]) != len(found):
            wrong.append(f"{example} finds {sorted(found)}")
    return wrong


@pytest.mark.parametrize(
    "operator", [pytest.param(operator, marks=needs(operator), id=operator.value) for operator in Operator]
)
def test_the_rule_of_each_operator(kit: Kit, operator: Operator) -> None:
    """Each operator finds what its rule says, for declared fields of every kind and for values inside documents."""
    examples = _of(operator)
    assert examples
    assert _differing(kit, examples) == []


def test_and_or_not(kit: Kit) -> None:
    """Conditions combine by two-valued logic: NOT is the complement, also of what is null or missing."""
    assert _differing(kit, LOGIC) == []


def test_a_list_means_and(kit: Kit) -> None:
    """None and an empty list match everything, a list what all of its filters match; any iterable will do."""
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(number) for number in range(10)])
    both = [QueryFilter("value", "gte", 3), F("value") < 5]
    assert repository.count(both) == 2
    assert repository.count(tuple(both)) == 2
    assert repository.count(iter(both)) == 2
    assert repository.count(both[0]) == 7
    everythings: tuple[Any, ...] = (None, [], (), AllOf([]))
    for everything in everythings:
        assert repository.count(everything) == 10
    assert repository.count(AnyOf([])) == 0
    assert repository.count(Negation(AnyOf([]))) == 10


def test_a_hundred_thousand_values(kit: Kit) -> None:
    """``in`` and ``not_in`` take 100,000 numbers or texts, whatever the engine's limit of parameters."""
    repository = kit.repository(Note, indexes=())
    kit.store(
        repository, [Note(f"t{number}", str(number), rank=number) for number in range(0, 200_000, 20_000)]
    )
    numbers = list(range(100_000))
    assert repository.count(F("rank").in_(numbers)) == 5
    assert repository.count(F("rank").not_in(numbers)) == 5
    assert repository.count(F("id").in_(map(str, numbers))) == 5
    assert repository.count(F("title").in_([f"t{number}" for number in numbers])) == 5
    assert repository.count(F("meta.x").in_([*numbers, None])) == 10
    assert repository.count(F("meta.x").not_in(numbers)) == 10


def test_too_many_values_are_refused(kit: Kit) -> None:
    """Operands above the documented size raise InvalidQueryError."""
    repository = kit.repository(Note)
    with pytest.raises(InvalidQueryError):
        repository.count(F("title").in_(["x" * 1_000_000 + str(number) for number in range(9)]))


def test_filters_nest_deeply(kit: Kit) -> None:
    """Conditions nest to the documented depth of 100, and beyond it raise InvalidQueryError."""
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(1), Plain(2)])

    def nested(depth: int) -> Expression:
        expression: Expression = F("value") == 1
        for level in range(depth):
            expression = Negation(expression) if level % 2 else AnyOf([AllOf([expression])])
        return expression

    alternating: Expression = F("value") == 1
    for level in range(60):
        other = F("value") == 2
        alternating = AnyOf([alternating, other]) if level % 2 else AllOf([alternating, Negation(other)])
    assert repository.count(alternating) == 2
    assert repository.count(nested(66)) in (1, 2)
    with pytest.raises(InvalidQueryError):
        repository.count(nested(500))


def test_many_predicates(kit: Kit) -> None:
    """A query takes 2,000 predicates, and more raise InvalidQueryError rather than an error of the engine."""
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(number) for number in range(10)])
    alternatives = [F("value") == number for number in range(5, 2_005)]
    assert repository.count(AnyOf(alternatives)) == 5
    assert repository.count([F("value") != number for number in range(5, 2_005)]) == 5
    with pytest.raises(InvalidQueryError):
        repository.count(AnyOf([*alternatives, F("value") == 0]))


TEXT_FOR_VALUES: Final[list[tuple[str, Any, list[Any]]]] = [
    (
        "moment",
        dt.datetime(2024, 3, 1, tzinfo=dt.UTC),
        ["2024-03-01", "2024-03-01T00:00Z", "2024-03-01 01:00+01:00"],
    ),
    ("local", dt.datetime(2024, 3, 1), ["2024-03-01", "2024-03-01T00:00:00.000"]),  # noqa: DTZ001 - declared naive
    ("day", dt.date(2024, 3, 1), ["2024-03-01"]),
    ("clock", dt.time(12, 30), ["12:30", "12:30:00.000000"]),
    ("key", UUID(int=255), [str(UUID(int=255)).upper(), UUID(int=255).hex]),
    ("amount", Decimal("1.50"), ["1.5", "15E-1", "+1.500", Decimal("1.5")]),
    ("amount", Decimal(3), [3, "3", Decimal("3.000")]),
    ("colour", Colour.GREEN, ["Grün"]),
    ("level", Level.LOW, [-1, -1.0]),
    ("number", 2**53 + 1, [2**53 + 1]),
    ("ratio", 2.0, [2, 2.0]),
]


@pytest.mark.parametrize(
    ("field", "value", "operands"), TEXT_FOR_VALUES, ids=lambda given: given if isinstance(given, str) else ""
)
def test_text_stands_for_typed_values(kit: Kit, field: str, value: Any, operands: list[Any]) -> None:
    """ISO text, plain numbers and values of members are accepted where the field is declared otherwise."""
    repository = kit.repository(Sample)
    made: dict[str, Any] = {field: value}
    created = repository.create(Sample(**made))
    repository.create(Sample())
    for operand in [value, *operands]:
        for operator, given in (
            ("eq", operand),
            ("in", [operand]),
            ("gte", operand),
            ("lte", operand),
            ("between", (operand, operand)),
        ):
            assert repository.list([QueryFilter(field, operator, given)]) == [created]
        assert repository.count([QueryFilter(field, "ne", operand)]) == 1
        assert repository.count([QueryFilter(field, "gt", operand)]) == 0


def test_strings_compare_by_code_point(kit: Kit) -> None:
    """No collation, no normal form: é is not e with an accent, and U+FFFF comes before U+10000."""
    repository = kit.repository(Note)
    titles = [
        "",
        "A",
        "B",
        "Z",
        "a",
        "b",
        "e\u0301",
        "z",
        "é",
        "É",
        "ß",
        "\ud7ff",
        "\ue000",
        "\uffff",
        "\U00010000",
        "\U0010ffff",
    ]
    kit.store(repository, [Note(title) for title in titles])
    for title in titles:
        assert repository.count(F("title") == title) == 1
        for operator, expected in (
            ("lt", [item < title for item in titles]),
            ("gte", [item >= title for item in titles]),
        ):
            assert repository.count([QueryFilter("title", operator, title)]) == sum(expected)
            repository.count([QueryFilter("meta.title", operator, title)])


def test_values_are_data(kit: Kit) -> None:
    """Values that look like operators, wildcards, quotes or statements are nothing but values."""
    repository = kit.documents()
    values: list[Any] = [
        *(
            {"$gt": ""},
            {"$where": "1"},
            "' OR '1'='1",
            '"; DROP TABLE x; --',
            "%",
            "_",
            "*",
            "?",
            "[a-z]",
            "\\",
            "$a",
            "{}",
            "[]",
        ),
        *("null", "true", "1", ":1", "?1", "@x", "#", "--", "/*", "${x}", "{0}", "%s", "\x01"),
    ]
    kit.store(repository, [{"id": str(number), "v": value} for number, value in enumerate(values)])
    for number, value in enumerate(values):
        assert repository.list(F("v") == value) == [{"id": str(number), "v": value}]
        if isinstance(value, str):
            for operator in ("starts_with", "ends_with", "contains"):
                found = repository.list([QueryFilter("v", operator, value)])
                assert {"id": str(number), "v": value} in found
                assert all(value in entity["v"] for entity in found)


def test_paths_name_any_key(kit: Kit) -> None:
    """A path reaches any key, quoted where it holds what paths give a meaning to, and no other."""
    repository = kit.documents()
    keys = {
        *(
            "a.b",
            "a b",
            "",
            "$x",
            "%",
            "%2E",
            'q"q',
            "\\",
            "é",
            "e\u0301",
            "\U0001f600",
            "0",
            "*",
            "[0]",
            "a'b",
            "\n",
            "id2",
            "A",
        ),
    }
    for key in keys:
        repository.create({"o": {key: key}})
    for key in keys:
        quoted = "o[" + '"' + key.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"]'
        assert [entity["o"] for entity in repository.list([QueryFilter(quoted, "eq", key)])] == [{key: key}]
        assert repository.count([QueryFilter(quoted, "exists", True)]) == 1


def test_dots_step_into_dicts_alone(kit: Kit) -> None:
    """A dot takes a key of a dict, never an element of a list; ``p.0`` is the key "0"."""
    repository = kit.documents()
    kit.store(repository, [
        {"id": "dict", "p": {"0": 1, "a": 1}},
        {"id": "list", "p": [1, {"a": 1}]},
        {"id": "text", "p": "0"},
        {"id": "number", "p": 1},
    ])  # fmt: skip
    for path, expected in (
        ("p.0", ["dict"]),
        ("p[0]", ["list"]),
        ("p.a", ["dict"]),
        ("p[1].a", ["list"]),
        ("p[*].a", ["list"]),
    ):
        assert [entity["id"] for entity in repository.list([QueryFilter(path, "eq", 1)])] == expected
    assert repository.count([QueryFilter("p.a.b", "is_null", True)]) == 4
    assert repository.count([QueryFilter("p[9]", "exists", False)]) == 4


def test_one_element_meets_the_whole_predicate(kit: Kit) -> None:
    """Under ``[*]`` some element meets the predicate; no element is made up of parts of two."""
    repository = kit.documents()
    kit.store(repository, [
        {"id": "a", "v": [{"n": 1, "m": [1, 5]}, {"n": 9, "m": []}]},
        {"id": "b", "v": [{"n": 5}]},
        {"id": "c", "v": []},
        {"id": "d", "v": {"n": 5}},
    ])  # fmt: skip
    between = [entity["id"] for entity in repository.list([QueryFilter("v[*].n", "between", (2, 8))])]
    assert between == ["b"]
    assert repository.count([QueryFilter("v[*].m[*]", "between", (2, 4))]) == 0
    assert repository.count([QueryFilter("v[*].m[*]", "gt", 4)]) == 1
    assert repository.count([QueryFilter("v[*].n", "is_null", True)]) == 0
    assert repository.count([QueryFilter("v[*].m[*]", "is_null", True)]) == 0
    assert repository.count(~QueryFilter("v[*].n", "gt", 0)) == 2


def test_enumerations_of_numbers_are_numbers(kit: Kit) -> None:
    """A member of an Enum compares as its value does."""

    class Grade(enum.IntEnum):
        LOW = 1
        HIGH = 10

    repository = kit.repository(Sample)
    kit.store(repository, [Sample(level=Level.LOW), Sample(level=Level.HIGH), Sample()])
    assert repository.count([QueryFilter("level", "gt", Level.LOW)]) == 1
    assert repository.count([QueryFilter("level", "lt", Level.HIGH)]) == 1
    assert repository.count([QueryFilter("number", "lt", Grade.HIGH)]) == 0


@needs(Operator.LIKE, Operator.CONTAINS, Feature.SUBSTRING_INDEX)
def test_a_substring_index_changes_no_answer(kit: Kit) -> None:
    """Substring conditions answer alike with and without a substring index, whatever is searched for."""
    subject = SUBJECTS["sample"]
    indexed = kit.repository(Sample, indexes=subject.indexes)
    plain = kit.documents()
    bodies = [
        None,
        "",
        "a",
        "ab",
        "abc",
        "ABC",
        "xabcx",
        "é",
        "É",
        "a%c",
        "a_c",
        "abc\nabc",
        "\U0001f600abc",
        "ab c",
        "ſtraße",
    ]
    kit.store(indexed, [Sample(id=str(number), body=body) for number, body in enumerate(bodies)])
    kit.store(plain, [{"id": str(number), "body": body} for number, body in enumerate(bodies)])
    for needle in (
        "",
        "a",
        "ab",
        "abc",
        "abcd",
        "bc\na",
        "%",
        "_",
        "a%c",
        "a\\%c",
        "%b%",
        "é",
        "\U0001f600a",
        "AB",
        "ST",
        "ß",
        "%aSS%",
    ):
        for operator in ("contains", "starts_with", "ends_with", "like", "ilike"):
            condition = [QueryFilter("body", operator, needle)]
            expected = [entity["id"] for entity in plain.list(condition)]
            assert [entity.id for entity in indexed.list(condition)] == expected


def test_filters_reach_every_read(kit: Kit) -> None:
    """``list``, ``count``, ``find_one``, pages and ``stream`` answer the same condition alike."""
    repository = kit.repository(Plain)
    kit.store(repository, [Plain(number, f"{number:03}") for number in range(100)])
    condition = [F("value").in_(range(0, 100, 2))]
    expected = [f"{number:03}" for number in range(0, 100, 2)]
    assert [entity.id for entity in repository.list(condition)] == expected
    assert repository.count(condition) == 50
    found = repository.find_one(condition)
    assert found is not None
    assert found.id == expected[0]
    page = repository.list(condition, pagination=Pagination(2, 20))
    assert ([entity.id for entity in page.items], page.total) == (expected[20:40], 50)
    assert [entity.id for entity in repository.stream(condition)] == expected
