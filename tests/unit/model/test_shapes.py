"""Types nested in a field: what each annotation becomes, its round trip, and the place that an error names."""
# ruff: noqa: DTZ001, PYI030, PYI051, PYI061, UP044 - naive datetimes, and every way to write a type, are what is tested

import collections
import collections.abc
import dataclasses
import datetime as dt
import enum
import typing
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.errors import ConfigurationError, InvalidEntityError
from torematrix.core.storage.model.kinds import Kind, Scalar
from torematrix.core.storage.model.markers import Big, Index, Naive
from torematrix.core.storage.model.shapes import (
    Anything,
    ListOf,
    MapOf,
    Nullable,
    Record,
    TupleOf,
    Union,
    decoder,
    describe_shape,
    encoder,
    escape_key,
    shape_of,
    unescape_key,
)

STR, INT, FLOAT = Scalar(Kind.STR), Scalar(Kind.INT), Scalar(Kind.FLOAT)
Title = NewType("Title", str)


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


@dataclasses.dataclass
class Node:
    name: str
    children: "list[Node]" = dataclasses.field(default_factory=list)
    parent: "Node | None" = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    x: float
    y: float = 0.0
    length: float = dataclasses.field(init=False, default=0.0)

    def __post_init__(self):
        object.__setattr__(self, "length", abs(self.x) + abs(self.y))


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: float
    marks: set[int] = set()


class Cat(pydantic.BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(pydantic.BaseModel):
    kind: Literal["dog", "puppy"] = "dog"
    model_config = pydantic.ConfigDict(extra="allow")


class Aliased(pydantic.BaseModel):
    inner_name: str = pydantic.Field(alias="innerName")


@attrs.define
class Part:
    _code: str
    price: Decimal = Decimal(0)
    notes: list[str] = attrs.Factory(list)


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Cut(TypedDict):
    what: Literal["cut"]
    at: int


class Fade(TypedDict):
    what: Literal["fade"]
    over: float


class Pair(NamedTuple):
    left: int
    right: str = ""


MOMENT = dt.datetime(2024, 5, 1, 10, 30, 0, 5, tzinfo=dt.UTC)

ROUND_TRIPS = [
    (str, "x"),
    (Optional[int], None),  # noqa: UP045 - the old spelling is what is tested
    (int | None, 3),
    (list[str], ["b", "a"]),
    (list[str], []),
    (list[str], ["é", "x"]),
    (list[list[int]], [[1], []]),
    (list, [1, "a", None, {"k": [True]}]),
    (tuple[int, ...], (1, 2)),
    (tuple[int, str], (1, "a")),
    (tuple[()], ()),
    (tuple, (1, "a")),
    (set[str], {"b", "a"}),
    (set[float], {10.0, 9.0, 1e300}),
    (set[Decimal], {Decimal("1.0"), Decimal(20), Decimal(3)}),
    (frozenset[UUID], frozenset({UUID(int=1), UUID(int=2)})),
    (frozenset[tuple[int, str]], frozenset({(1, "a"), (0, "b")})),
    (collections.abc.Sequence[int], [1, 2]),
    (collections.abc.Mapping[str, int], {"a": 1}),
    (dict[str, int], {"a.b": 1, "": 2, "$x": 3, 'q"\\': 4, "\x01": 5, "%2E": 6, "é": 7}),
    (dict, {"a": {"b.c": [1.5, None]}}),
    (dict[int, str], {-1: "a", 10: "b"}),
    (dict[UUID, Decimal], {UUID(int=7): Decimal("1.50")}),
    (dict[Colour, dict[str, bool]], {Colour.RED: {"a": True}}),
    (dict[bool, int], {True: 1, False: 0}),
    (dict[float, int], {1.5: 1, -0.25: 2, 1e30: 3}),
    (dict[dt.date, int], {dt.date(2024, 1, 1): 1}),
    (dict[dt.timedelta, int], {dt.timedelta(days=-1): 1}),
    (Any, None),
    (Any, {"a": [1, 2.0, "x", True, None, {"b": []}]}),
    (object, 5),
    (Title, "t"),
    (Annotated[dt.datetime, Naive()], dt.datetime(2024, 1, 1)),
    (Annotated[dt.datetime | None, Naive()], dt.datetime(2024, 1, 1)),
    (list[Annotated[int, Big()]], [2**70, -(2**70)]),
    (list[dt.datetime], [MOMENT]),
    (Colour | int, Colour.BLUE),
    (int | float | str | bool | None, 1.0),
    (int | float | str | bool | None, 1),
    (int | float | str | bool | None, True),
    (list[int] | str, [1]),
    (float | str, 2.5),
    (dt.datetime | int, MOMENT),
    (Literal["a", "b"], "a"),
    (Literal["a", 1, None], 1),
    (Literal[Colour.RED], Colour.RED),
    (Literal["a"] | str, "z"),
    (Node, Node("root", [Node("leaf")], Node("up"))),
    (list[Point], [Point(x=1.0, y=-2.0)]),
    (Circle | Square, Square(2.0, {3, 1})),
    (list[Circle | Square | None], [Circle(1.0), None]),
    (Cat | Dog, Dog(kind="puppy")),
    (Dog, Dog.model_validate({"kind": "dog", "tail.length": [1, 2]})),
    (Aliased, Aliased(innerName="x")),
    (Part, Part(code="c", price=Decimal("1.10"), notes=["n"])),
    (Movie, {"title": "t"}),
    (Movie, {"title": "t", "year": 1999}),
    (list[Cut | Fade], [{"what": "fade", "over": 1.5}, {"what": "cut", "at": 3}]),
    (Pair, Pair(1, "r")),
    (Node | str, Node("n")),
    (tuple[int, str] | int, (1, "a")),
    (dict[str, int] | int, {"a.b": 1}),
    (int | Annotated[str, "note"] | None, "x"),
    (list[int | str | None], [None, 1, "a"]),
]


@pytest.mark.parametrize(("annotation", "value"), ROUND_TRIPS, ids=range(len(ROUND_TRIPS)))
def test_round_trip(annotation, value):
    """Every shape gives back the value it was given, of the same types, sharing nothing with it."""
    shape = shape_of(annotation, where="E.field")
    canonical = encoder(shape)(value)
    assert_canonical(canonical)
    decode = decoder(shape)
    back = canonical if decode is None else decode(canonical)
    assert back == value
    assert type(back) is type(value)
    assert repr(back) == repr(value) or isinstance(value, set | frozenset)
    assert encoder(shape)(back) == canonical
    assert back is not value or not isinstance(value, list | dict)
    assert msgspec.json.decode(msgspec.json.encode(describe_shape(shape))) == describe_shape(shape)


def assert_canonical(value):
    if isinstance(value, dict):
        for key, item in value.items():
            assert type(key) is str
            assert not set(key) & set('."\\') or not key
            assert_canonical(item)
    elif isinstance(value, list):
        for item in value:
            assert_canonical(item)
    else:
        assert value is None or type(value) in (str, int, float, bool)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner
            )
        ),
        max_leaves=20,
    )
)
def test_free_data_round_trips(value):
    """Whatever the six JSON kinds can say comes back as it was."""
    canonical = encoder(Anything())(value)
    assert_canonical(canonical)
    assert typed(decoder(Anything())(canonical)) == typed(value)


def typed(value):
    """The value with its types beside it, since 1, 1.0 and True are equal."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value), value


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_keys(key):
    """A stored key is safe in every engine's path, never empty, and says which key it was."""
    stored = escape_key(key)
    assert stored
    assert not any(
        character in '."\\' or ord(character) < 32 or ord(character) == 127 for character in stored
    )
    assert not stored.startswith("$")
    assert unescape_key(stored) == key


@given(st.text(alphabet='%."$a2E'), st.text(alphabet='%."$a2E'))
def test_keys_stay_apart(one, other):
    """Two keys are never stored as one."""
    assert (escape_key(one) == escape_key(other)) == (one == other)


@pytest.mark.parametrize("key", ["a\0", "\ud800"])
def test_keys_refused(key):
    """A key may hold no more than a value may."""
    with pytest.raises(InvalidEntityError):
        escape_key(key)


TREES = [
    (str, STR),
    (Optional[str], Nullable(STR)),  # noqa: UP045
    (list[str | None], ListOf(Nullable(STR), list)),
    (list, ListOf(Anything(), list)),
    (dict, MapOf(STR, Anything())),
    (dict[str, Any], MapOf(STR, Anything())),
    (tuple[int, str], TupleOf((INT, STR))),
    (tuple[int, ...], ListOf(INT, tuple)),
    (collections.abc.Sequence[int], ListOf(INT, list, sequence=True)),
    (Annotated[int, Big()], Scalar(Kind.BIGINT)),
    (Annotated[dt.datetime, Naive], Scalar(Kind.DATETIME, naive=True)),
    (Colour, Scalar(Kind.STR, enum=Colour)),
    (Literal["a"] | Literal["b"], Scalar(Kind.STR, allowed=("a", "b"))),
    (Literal["a"] | str, STR),
    (Any, Anything()),
    (int | Any, Anything()),
    (str | int, Union((STR, INT))),
    (Node, Record(Node)),
    (typing.List[int], ListOf(INT, list)),  # noqa: UP006
    (typing.Dict[str, int], MapOf(STR, INT)),  # noqa: UP006
    (typing.Tuple, ListOf(Anything(), tuple)),  # noqa: UP006
]


@pytest.mark.parametrize(("annotation", "shape"), TREES, ids=range(len(TREES)))
def test_tree(annotation, shape):
    """Each way to write a type is one shape."""
    assert shape_of(annotation, where="E.field") == shape


def test_record_fields():
    """A record's fields carry their stored keys and whether they may be left out."""
    shape = shape_of(Point, where="E.p")
    assert [(field.name, field.key, field.required) for field in shape.fields] == [
        ("x", "x", True),
        ("y", "y", False),
        ("length", "length", False),
    ]


class NoMembers(enum.Enum):
    pass


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"


class Large(enum.Enum):
    HUGE = 2**64


class Text(str):
    __slots__ = ()


@dataclasses.dataclass
class Generic:
    value: typing.TypeVar("T")


@dataclasses.dataclass
class Deep:
    inner: "list[Generic]"


@dataclasses.dataclass
class Initial:
    name: str
    seed: dataclasses.InitVar[int]


class Choice(pydantic.BaseModel):
    name: str = pydantic.Field(validation_alias=pydantic.AliasChoices("a", "b"))


CONFIGURATION_ERRORS = [
    (str | dt.datetime, "told apart"),
    (str | UUID | int, "str and uuid"),
    (Colour | str, "Colour and str"),
    (list[int] | tuple[str, ...], "list"),
    (dict[str, int] | Node, "MapOf and Node"),
    (Point | Node, "Point and Node"),
    (int | dt.timedelta, "int and timedelta"),
    (complex, "complex"),
    (bytearray, "bytearray"),
    (Text, "Text"),
    (collections.OrderedDict, "OrderedDict"),
    (collections.deque[int], "deque"),
    (NoMembers, "one kind"),
    (Mixed, "one kind"),
    (Large, "64 bits"),
    (Literal[None], "None"),
    (None, "not a type"),
    (Annotated[int, Naive()], "Naive"),
    (Annotated[str, Big()], "Big"),
    (Annotated[str, Naive()], "Naive"),
    (Annotated[list[dt.datetime], Naive()], "items inside"),
    (list[Annotated[str, Index()]], "on the field itself"),
    (dict[Any, int], "keys"),
    (dict[str | int, int], "keys"),
    (Deep, "Generic.value"),
    (Initial, "seed"),
    (Choice, "populate_by_name"),
    ("Nowhere", "not a type"),
    (tuple[int, typing.Unpack[tuple[str, ...]]], "not a type"),
]


@pytest.mark.parametrize(("annotation", "reason"), CONFIGURATION_ERRORS, ids=range(len(CONFIGURATION_ERRORS)))
def test_types_that_cannot_be_stored(annotation, reason):
    """A type that could not be read back is refused when it is declared, and the message says where and why."""
    with pytest.raises(ConfigurationError, match=r"E\.field|Generic|Initial|Choice") as caught:
        shape_of(annotation, where="E.field")
    assert reason in str(caught.value)


def test_an_unresolved_name_is_named():
    """An annotation that cannot be evaluated says which name was missing."""

    @dataclasses.dataclass
    class Lost:
        value: "Missing"  # noqa: F821

    with pytest.raises(ConfigurationError, match="Missing"):
        shape_of(Lost, where="E.field")


CYCLE: list = []
CYCLE.append(CYCLE)
DEEP: Any = 1
for _ in range(99):
    DEEP = [DEEP]

PLACES = [
    (list[int], ["a"], "[0]"),
    (list[str], ["a", "b\0"], "[1]"),
    (dict[str, list[int]], {"tags": [1, 2, "x"]}, "tags[2]"),
    (dict[str, int], {"a.b": "x"}, '["a.b"]'),
    (dict[str, dict[str, int]], {"m": {"a.b": "x"}}, 'm["a.b"]'),
    (dict[str, int], {1: 1}, None),
    (dict[str, int], {"a\0": 1}, None),
    (dict[int, int], {"1": 1}, None),
    (Any, {"a": [{"b": (1,)}]}, "a[0].b"),
    (Any, {"a": {1: 2}}, "a"),
    (Any, Decimal(1), None),
    (Any, dt.date(2024, 1, 1), None),
    (Any, Colour.RED, None),
    (Any, {"n": float("nan")}, "n"),
    (Any, [2**63], "[0]"),
    (Any, CYCLE, "[0]" * 99),
    (Any, {"x": DEEP}, "x" + "[0]" * 98),
    (Node, Node("a", [Node("b", [Node(5)])]), "children[0].children[0].name"),
    (Node, Point(x=1), None),
    (tuple[int, str], (1, 2), "[1]"),
    (tuple[int, str], (1,), None),
    (tuple[int, str], [1, "a"], None),
    (list[int], (1, 2), None),
    (list[int], "12", None),
    (tuple[int, ...], [1], None),
    (set[int], [1], None),
    (set[int], frozenset({1}), None),
    (set[str], {1}, "[*]"),
    (collections.abc.Sequence[str], "ab", None),
    (dict[str, int], [("a", 1)], None),
    (Movie, {"year": 1}, "title"),
    (Movie, {"title": "t", "length": 3}, "length"),
    (Movie, ["title"], None),
    (Movie, {"title": 5}, "title"),
    (Cut | Fade, {"what": "wipe"}, None),
    (Cut | Fade, {"what": ["cut"]}, None),
    (Cut | Fade, {"what": "cut", "at": "now"}, "at"),
    (Circle | Square, Node("x"), None),
    (int | str, 1.5, None),
    (int | list[int], [1, "x"], "[1]"),
    (Literal["a", "b"], "c", None),
    (Literal["a", 1], "b", None),
    (list[int | None], [None, "x"], "[1]"),
]


@pytest.mark.parametrize(("annotation", "value", "path"), PLACES, ids=range(len(PLACES)))
def test_errors_name_the_place(annotation, value, path):
    """What cannot be stored is refused, and the error says where in the value it stands."""
    with pytest.raises(InvalidEntityError) as caught:
        encoder(shape_of(annotation, where="E.field"))(value)
    assert caught.value.path == path


def test_depth():
    """A hundred levels are stored, the document that holds the field included."""
    encoder(Anything())(DEEP)
    with pytest.raises(InvalidEntityError, match="100"):
        encoder(Anything())([DEEP])
    node = Node("leaf")
    node.children.append(node)
    with pytest.raises(InvalidEntityError, match="contain themselves"):
        encoder(shape_of(Node, where="E.n"))(node)


def test_a_subclass_of_a_record_is_refused():
    """What a subclass adds would be lost, so it is not stored as its base."""

    @dataclasses.dataclass
    class Special(Node):
        more: int = 0

    with pytest.raises(InvalidEntityError, match="expected Node, got Special"):
        encoder(shape_of(Node, where="E.n"))(Special("x"))


def test_an_attribute_that_was_never_set():
    """An instance made around its constructor is refused by name."""
    with pytest.raises(InvalidEntityError) as caught:
        encoder(shape_of(Node, where="E.n"))(Node.__new__(Node))
    assert caught.value.path in ("name", "children")


def test_sets_are_stored_in_one_order():
    """Equal sets are equal when stored, whatever order they give their items in."""
    shape = shape_of(set[int], where="E.s")
    assert encoder(shape)({10, 9, -1}) == [-1, 9, 10]
    mixed = shape_of(set[int | str], where="E.s")
    assert encoder(mixed)({"b", 10, 9, "a"}) == encoder(mixed)({9, "a", "b", 10})


def test_missing_keys_take_the_constructors_defaults():
    """A record stored before a field was added is read with that field's default."""
    decode = decoder(shape_of(Part, where="E.p"))
    assert decode({"_code": "c"}) == Part(code="c")


def test_a_number_where_a_float_belongs():
    """An engine that turns 3.0 into 3 is understood in a union."""
    decode = decoder(shape_of(float | str, where="E.u"))
    assert repr(decode(3)) == "3.0"


def test_the_fast_decoder_for_plain_keys():
    """Where no key holds an escape, free data and plain dicts are taken as they are."""
    shape = shape_of(dict[str, Any], where="E.m")
    assert decoder(shape, escaped=False) is None
    assert decoder(shape)({"a%2Eb": 1}) == {"a.b": 1}


def test_an_extra_value_named_like_a_field():
    """An alias frees a field's name for an extra; both would share a stored key, so it is refused."""

    class Model(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")
        inner: int = pydantic.Field(alias="outer")

    with pytest.raises(InvalidEntityError, match="declared field"):
        encoder(shape_of(Model, where="E.m"))(Model.model_validate({"outer": 1, "inner": 2}))


def test_description_is_stable():
    """The description of a shape says what is stored, and a class inside itself ends it."""
    assert describe_shape(shape_of(Node, where="E.n")) == {
        "record": {
            "name": "str",
            "children": {"list": {"again": 1}},
            "parent": {"nullable": {"again": 1}},
        }
    }
    assert describe_shape(shape_of(tuple[int, dict[str, Any]], where="E.t")) == {
        "items": ["int", {"keys": "str", "values": "any"}]
    }
    assert describe_shape(shape_of(Annotated[dt.datetime, Naive()] | int, where="E.t")) == {
        "union": ["naive-datetime", "int"]
    }
