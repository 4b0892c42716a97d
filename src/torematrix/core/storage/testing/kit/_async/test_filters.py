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
from ..._async.harness import AsyncKit
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


async def _differing(kit: AsyncKit, examples: list[Example]) -> list[str]:
    """The examples that the storage answers otherwise, with its answers."""
    typed = await kit.repository(Typed)
    loose = await kit.documents()
    await kit.store(typed, TYPED)
    await kit.store(loose, LOOSE)
    wrong: list[str] = []
    for example in examples:
        repository: Any = loose if example.loose else typed
        found = {entity_id_of(entity) for entity in await repository.list(example.filters)}
        if found != example.ids or await repository.count([example.filters]) != len(found):
            wrong.append(f"{example} finds {sorted(found)}")
    return wrong


@pytest.mark.parametrize(
    "operator", [pytest.param(operator, marks=needs(operator), id=operator.value) for operator in Operator]
)
async def test_the_rule_of_each_operator(kit: AsyncKit, operator: Operator) -> None:
    """Each operator finds what its rule says, for declared fields of every kind and for values inside documents."""
    examples = _of(operator)
    assert examples
    assert await _differing(kit, examples) == []


async def test_and_or_not(kit: AsyncKit) -> None:
    """Conditions combine by two-valued logic: NOT is the complement, also of what is null or missing."""
    assert await _differing(kit, LOGIC) == []


async def test_a_list_means_and(kit: AsyncKit) -> None:
    """None and an empty list match everything, a list what all of its filters match; any iterable will do."""
    repository = await kit.repository(Plain)
    await kit.store(repository, [Plain(number) for number in range(10)])
    both = [QueryFilter("value", "gte", 3), F("value") < 5]
    assert await repository.count(both) == 2
    assert await repository.count(tuple(both)) == 2
    assert await repository.count(iter(both)) == 2
    assert await repository.count(both[0]) == 7
    everythings: tuple[Any, ...] = (None, [], (), AllOf([]))
    for everything in everythings:
        assert await repository.count(everything) == 10
    assert await repository.count(AnyOf([])) == 0
    assert await repository.count(Negation(AnyOf([]))) == 10


async def test_a_hundred_thousand_values(kit: AsyncKit) -> None:
    """``in`` and ``not_in`` take 100,000 numbers or texts, whatever the engine's limit of parameters."""
    repository = await kit.repository(Note, indexes=())
    await kit.store(
        repository, [Note(f"t{number}", str(number), rank=number) for number in range(0, 200_000, 20_000)]
    )
    numbers = list(range(100_000))
    assert await repository.count(F("rank").in_(numbers)) == 5
    assert await repository.count(F("rank").not_in(numbers)) == 5
    assert await repository.count(F("id").in_(map(str, numbers))) == 5
    assert await repository.count(F("title").in_([f"t{number}" for number in numbers])) == 5
    assert await repository.count(F("meta.x").in_([*numbers, None])) == 10
    assert await repository.count(F("meta.x").not_in(numbers)) == 10


async def test_too_many_values_are_refused(kit: AsyncKit) -> None:
    """Operands above the documented size raise InvalidQueryError."""
    repository = await kit.repository(Note)
    with pytest.raises(InvalidQueryError):
        await repository.count(F("title").in_(["x" * 1_000_000 + str(number) for number in range(9)]))


async def test_filters_nest_deeply(kit: AsyncKit) -> None:
    """Conditions nest to the documented depth of 100, and beyond it raise InvalidQueryError."""
    repository = await kit.repository(Plain)
    await kit.store(repository, [Plain(1), Plain(2)])

    def nested(depth: int) -> Expression:
        expression: Expression = F("value") == 1
        for level in range(depth):
            expression = Negation(expression) if level % 2 else AnyOf([AllOf([expression])])
        return expression

    alternating: Expression = F("value") == 1
    for level in range(60):
        other = F("value") == 2
        alternating = AnyOf([alternating, other]) if level % 2 else AllOf([alternating, Negation(other)])
    assert await repository.count(alternating) == 2
    assert await repository.count(nested(66)) in (1, 2)
    with pytest.raises(InvalidQueryError):
        await repository.count(nested(500))


async def test_many_predicates(kit: AsyncKit) -> None:
    """A query takes 2,000 predicates, and more raise InvalidQueryError rather than an error of the engine."""
    repository = await kit.repository(Plain)
    await kit.store(repository, [Plain(number) for number in range(10)])
    alternatives = [F("value") == number for number in range(5, 2_005)]
    assert await repository.count(AnyOf(alternatives)) == 5
    assert await repository.count([F("value") != number for number in range(5, 2_005)]) == 5
    with pytest.raises(InvalidQueryError):
        await repository.count(AnyOf([*alternatives, F("value") == 0]))


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
async def test_text_stands_for_typed_values(
    kit: AsyncKit, field: str, value: Any, operands: list[Any]
) -> None:
    """ISO text, plain numbers and values of members are accepted where the field is declared otherwise."""
    repository = await kit.repository(Sample)
    made: dict[str, Any] = {field: value}
    created = await repository.create(Sample(**made))
    await repository.create(Sample())
    for operand in [value, *operands]:
        for operator, given in (
            ("eq", operand),
            ("in", [operand]),
            ("gte", operand),
            ("lte", operand),
            ("between", (operand, operand)),
        ):
            assert await repository.list([QueryFilter(field, operator, given)]) == [created]
        assert await repository.count([QueryFilter(field, "ne", operand)]) == 1
        assert await repository.count([QueryFilter(field, "gt", operand)]) == 0


async def test_strings_compare_by_code_point(kit: AsyncKit) -> None:
    """No collation, no normal form: é is not e with an accent, and U+FFFF comes before U+10000."""
    repository = await kit.repository(Note)
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
    await kit.store(repository, [Note(title) for title in titles])
    for title in titles:
        assert await repository.count(F("title") == title) == 1
        for operator, expected in (
            ("lt", [item < title for item in titles]),
            ("gte", [item >= title for item in titles]),
        ):
            assert await repository.count([QueryFilter("title", operator, title)]) == sum(expected)
            await repository.count([QueryFilter("meta.title", operator, title)])


async def test_values_are_data(kit: AsyncKit) -> None:
    """Values that look like operators, wildcards, quotes or statements are nothing but values."""
    repository = await kit.documents()
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
    await kit.store(repository, [{"id": str(number), "v": value} for number, value in enumerate(values)])
    for number, value in enumerate(values):
        assert await repository.list(F("v") == value) == [{"id": str(number), "v": value}]
        if isinstance(value, str):
            for operator in ("starts_with", "ends_with", "contains"):
                found = await repository.list([QueryFilter("v", operator, value)])
                assert {"id": str(number), "v": value} in found
                assert all(value in entity["v"] for entity in found)


async def test_paths_name_any_key(kit: AsyncKit) -> None:
    """A path reaches any key, quoted where it holds what paths give a meaning to, and no other."""
    repository = await kit.documents()
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
        await repository.create({"o": {key: key}})
    for key in keys:
        quoted = "o[" + '"' + key.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"]'
        assert [entity["o"] for entity in await repository.list([QueryFilter(quoted, "eq", key)])] == [
            {key: key}
        ]
        assert await repository.count([QueryFilter(quoted, "exists", True)]) == 1


async def test_dots_step_into_dicts_alone(kit: AsyncKit) -> None:
    """A dot takes a key of a dict, never an element of a list; ``p.0`` is the key "0"."""
    repository = await kit.documents()
    await kit.store(repository, [
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
        assert [entity["id"] for entity in await repository.list([QueryFilter(path, "eq", 1)])] == expected
    assert await repository.count([QueryFilter("p.a.b", "is_null", True)]) == 4
    assert await repository.count([QueryFilter("p[9]", "exists", False)]) == 4


async def test_one_element_meets_the_whole_predicate(kit: AsyncKit) -> None:
    """Under ``[*]`` some element meets the predicate; no element is made up of parts of two."""
    repository = await kit.documents()
    await kit.store(repository, [
        {"id": "a", "v": [{"n": 1, "m": [1, 5]}, {"n": 9, "m": []}]},
        {"id": "b", "v": [{"n": 5}]},
        {"id": "c", "v": []},
        {"id": "d", "v": {"n": 5}},
    ])  # fmt: skip
    between = [entity["id"] for entity in await repository.list([QueryFilter("v[*].n", "between", (2, 8))])]
    assert between == ["b"]
    assert await repository.count([QueryFilter("v[*].m[*]", "between", (2, 4))]) == 0
    assert await repository.count([QueryFilter("v[*].m[*]", "gt", 4)]) == 1
    assert await repository.count([QueryFilter("v[*].n", "is_null", True)]) == 0
    assert await repository.count([QueryFilter("v[*].m[*]", "is_null", True)]) == 0
    assert await repository.count(~QueryFilter("v[*].n", "gt", 0)) == 2


async def test_enumerations_of_numbers_are_numbers(kit: AsyncKit) -> None:
    """A member of an Enum compares as its value does."""

    class Grade(enum.IntEnum):
        LOW = 1
        HIGH = 10

    repository = await kit.repository(Sample)
    await kit.store(repository, [Sample(level=Level.LOW), Sample(level=Level.HIGH), Sample()])
    assert await repository.count([QueryFilter("level", "gt", Level.LOW)]) == 1
    assert await repository.count([QueryFilter("level", "lt", Level.HIGH)]) == 1
    assert await repository.count([QueryFilter("number", "lt", Grade.HIGH)]) == 0


@needs(Operator.LIKE, Operator.CONTAINS, Feature.SUBSTRING_INDEX)
async def test_a_substring_index_changes_no_answer(kit: AsyncKit) -> None:
    """Substring conditions answer alike with and without a substring index, whatever is searched for."""
    subject = SUBJECTS["sample"]
    indexed = await kit.repository(Sample, indexes=subject.indexes)
    plain = await kit.documents()
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
    await kit.store(indexed, [Sample(id=str(number), body=body) for number, body in enumerate(bodies)])
    await kit.store(plain, [{"id": str(number), "body": body} for number, body in enumerate(bodies)])
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
            expected = [entity["id"] for entity in await plain.list(condition)]
            assert [entity.id for entity in await indexed.list(condition)] == expected


async def test_filters_reach_every_read(kit: AsyncKit) -> None:
    """``list``, ``count``, ``find_one``, pages and ``stream`` answer the same condition alike."""
    repository = await kit.repository(Plain)
    await kit.store(repository, [Plain(number, f"{number:03}") for number in range(100)])
    condition = [F("value").in_(range(0, 100, 2))]
    expected = [f"{number:03}" for number in range(0, 100, 2)]
    assert [entity.id for entity in await repository.list(condition)] == expected
    assert await repository.count(condition) == 50
    found = await repository.find_one(condition)
    assert found is not None
    assert found.id == expected[0]
    page = await repository.list(condition, pagination=Pagination(2, 20))
    assert ([entity.id for entity in page.items], page.total) == (expected[20:40], 50)
    assert [entity.id async for entity in repository.stream(condition)] == expected
