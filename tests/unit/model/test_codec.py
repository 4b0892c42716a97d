"""Entities to rows and back: exact for every kind of class, strict about every field, and harmless to the entity."""
# ruff: noqa: DTZ001 - naive datetimes are among what is stored

import copy
import dataclasses
import datetime as dt
import enum
import json
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torematrix.core.storage.errors import InvalidEntityError
from torematrix.core.storage.face.ids import new_id
from torematrix.core.storage.model.codec import Codec, json_text
from torematrix.core.storage.model.markers import Big, Index, Naive, Revision, Unique
from torematrix.core.storage.model.names import MAX_DOCUMENT_BYTES, bson_size
from torematrix.core.storage.model.schema import schema_of

NOW = "2024-05-01T10:30:00.000005+00:00"
MOMENT = dt.datetime(2024, 5, 1, 10, 30, 0, 5, tzinfo=dt.UTC)


class Status(enum.StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"


class Level(enum.IntEnum):
    NONE = 0
    HIGH = 3


class Right(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Place:
    city: str
    at: tuple[float, float] | None = None
    inside: "Place | None" = None


FIELDS = {
    "name": str,
    "note": str | None,
    "count": int,
    "ratio": float,
    "maybe": float | None,
    "done": bool,
    "sure": bool | None,
    "status": Status,
    "level": Level | None,
    "rights": Right,
    "price": Decimal,
    "huge": Annotated[int, Big()],
    "raw": bytes,
    "when": dt.datetime,
    "local": Annotated[dt.datetime | None, Naive()],
    "day": dt.date,
    "hour": dt.time | None,
    "took": dt.timedelta,
    "ref": UUID | None,
    "word": Literal["a", "b"],
    "tags": list[str],
    "scores": dict[str, float],
    "meta": dict[str, Any],
    "places": list[Place],
    "mixed": int | float | str | None,
    "seen": set[int],
    "any": Any,
}


def as_dataclass():
    return dataclasses.make_dataclass("Entity", [("id", str | None), *FIELDS.items()])


def as_frozen():
    fields = [("id", str | None, None), *FIELDS.items()]
    return dataclasses.make_dataclass("Entity", fields, frozen=True, slots=True, kw_only=True)


def as_struct():
    return msgspec.defstruct("Entity", [("id", str | None), *FIELDS.items()], rename="camel")


def as_model():
    return pydantic.create_model(
        "Entity", id=(str | None, None), **{name: (kind, ...) for name, kind in FIELDS.items()}
    )


def as_attrs():
    fields = {"id": attrs.field(type=str | None, default=None, kw_only=True)}
    return attrs.make_class(
        "Entity", fields | {name: attrs.field(type=kind) for name, kind in FIELDS.items()}
    )


CLASSES = {make.__name__: make() for make in (as_dataclass, as_frozen, as_struct, as_model, as_attrs)}
CODECS = {
    (name, as_json): Codec(schema_of(cls), json_documents=as_json)
    for name, cls in CLASSES.items()
    for as_json in (True, False)
}
EVERY = pytest.mark.parametrize(
    "codec", CODECS.values(), ids=lambda codec: "json" if codec.json_documents else "dict"
)


def texts():
    plain = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(plain) | st.sampled_from(["%41", 'a.b"c\\', "$x", "100%", "é", "\U0001d54f"])


def floats():
    return st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
        [1e16, 2.0**53, -1e22, 1e300, -0.0]
    )


def free():
    leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | floats() | texts()
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts(), inner), max_leaves=6)


def decimals():
    return st.builds(
        lambda number, digits: Decimal(number).scaleb(-digits),
        st.integers(-(10**9), 10**9),
        st.integers(0, 9),
    )


def places():
    leaf = st.builds(Place, texts(), st.none() | st.tuples(floats(), floats()))
    return st.lists(leaf | st.builds(Place, texts(), st.none(), leaf), max_size=2)


VALUES = st.fixed_dictionaries(
    {
        "id": st.none() | st.just("") | st.text("abcé", min_size=1),
        "name": texts(),
        "note": st.none() | texts(),
        "count": st.integers(-(2**63), 2**63 - 1),
        "ratio": floats(),
        "maybe": st.none() | floats(),
        "done": st.booleans(),
        "sure": st.none() | st.booleans(),
        "status": st.sampled_from(Status),
        "level": st.none() | st.sampled_from(Level),
        "rights": st.sampled_from([Right(0), Right.READ, Right.READ | Right.WRITE]),
        "price": decimals(),
        "huge": st.integers(-(10**40), 10**40),
        "raw": st.binary(),
        "when": st.datetimes(dt.datetime(1, 1, 3), dt.datetime(9999, 12, 29), timezones=st.just(dt.UTC)),
        "local": st.none() | st.datetimes(),
        "day": st.dates(),
        "hour": st.none() | st.times(),
        "took": st.timedeltas(dt.timedelta(days=-1000), dt.timedelta(days=1000)),
        "ref": st.none() | st.uuids(),
        "word": st.sampled_from(["a", "b"]),
        "tags": st.lists(texts()),
        "scores": st.dictionaries(texts(), floats()),
        "meta": st.dictionaries(texts(), free()),
        "places": places(),
        "mixed": st.none() | st.integers(-5, 5) | floats() | texts(),
        "seen": st.sets(st.integers(-99, 99)),
        "any": free(),
    }
)


def as_values(entity):
    return {name: getattr(entity, name) for name in ("id", *FIELDS)}


def typed(value):
    """A value that differs from another whenever their types do: 1, 1.0 and True are equal."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value), [typed(item) for item in value]
    return type(value), value


@EVERY
@given(values=VALUES)
def test_round_trip(codec, values):
    """Every field of every kind of class comes back as it was, and encodes to the same row again."""
    entity = codec.schema.entity_class(**values)
    before = copy.deepcopy(values)
    row = codec.row_to_create(entity, NOW, new_id)
    back = codec.decode(row)
    found = as_values(back)
    assert found.pop("id") == (values["id"] or row[0])
    assert typed(found) == typed({name: values[name] for name in found})
    assert codec.row_to_create(back, NOW, new_id) == row
    assert as_values(entity) == before
    assert codec.row_to_replace(back, NOW) == row
    assert type(back) is codec.schema.entity_class


@given(values=VALUES)
def test_one_row_for_every_kind_of_class(values):
    """The row does not tell which kind of class the entity was of; its document is JSON with sorted keys."""
    values["id"] = "x"
    rows = {
        name: codec.row_to_create(codec.schema.entity_class(**values), NOW, new_id)
        for (name, as_json), codec in CODECS.items()
        if as_json
    }
    assert len(set(rows.values())) == 1
    text = next(iter(rows.values()))[-1]
    parsed = json.loads(text)
    assert list(parsed) == sorted(parsed)
    plain = CODECS["as_dataclass", False]
    document = plain.row_to_create(plain.schema.entity_class(**values), NOW, new_id)[-1]
    assert typed(parsed) == typed(document)


def test_large_floats_stay_floats_in_json():
    """A float that would be written with an exponent is written in full, so that no engine reads an int."""
    codec = Codec(schema_of(dict), json_documents=True)
    for number in (1e16, -1e22, 2.0**70, 1e300, 1.7976931348623157e308):
        text = codec.row_to_create({"n": {"m": [number]}}, NOW, new_id)[-1]
        assert "e" not in text
        assert text.endswith(".0]}}")
        assert codec.decode(("x", text))["n"]["m"][0] == number
    assert codec.row_to_create({"n": -0.0}, NOW, new_id)[-1] == '{"n":0.0}'


@dataclasses.dataclass
class Document:
    title: Annotated[str, Index()]
    id: str | None = None
    body: str = ""
    code: Annotated[str | None, Unique()] = None
    tags: list[str] = dataclasses.field(default_factory=list)
    meta: dict[str, Any] | None = None
    rev: Annotated[int, Revision()] = 0
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None


DOCUMENTS = Codec(
    schema_of(Document, indexes=[Index("meta.year", int), Index("meta.free")]), json_documents=True
)


def cells(codec, row):
    return dict(zip([field.name for field in codec.schema.columns], row, strict=False))


def test_create_fills_what_is_missing():
    """The id, both timestamps and the revision are filled; those that are given stay, except the revision."""
    row = cells(DOCUMENTS, DOCUMENTS.row_to_create(Document("t", rev=7), NOW, lambda: "made"))
    assert (row["id"], row["created_at"], row["updated_at"], row["rev"]) == ("made", NOW, NOW, 1)
    earlier = MOMENT - dt.timedelta(days=1)
    entity = Document("t", id="mine", created_at=earlier, updated_at=earlier)
    row = cells(DOCUMENTS, DOCUMENTS.row_to_create(entity, NOW, lambda: "made"))
    assert row["id"] == "mine"
    assert row["created_at"] == row["updated_at"] == "2024-04-30T10:30:00.000005+00:00"


def test_replace():
    """The id is needed, updated_at is now, the revision one more, and created_at as the entity has it."""
    entity = Document("t", id="x", rev=4, updated_at=MOMENT - dt.timedelta(1))
    row = cells(DOCUMENTS, DOCUMENTS.row_to_replace(entity, NOW))
    assert (row["id"], row["updated_at"], row["rev"], row["created_at"]) == ("x", NOW, 5, None)
    assert entity.rev == 4
    for missing in (None, ""):
        with pytest.raises(InvalidEntityError, match="no id"):
            DOCUMENTS.row_to_replace(Document("t", id=missing), NOW)


def test_timestamps_in_other_forms():
    """Text timestamps hold the canonical text, naive ones the same without the offset."""

    @dataclasses.dataclass
    class Entity:
        id: UUID | None = None
        created_at: str | None = None
        updated_at: Annotated[dt.datetime | None, Naive()] = None

    codec = Codec(schema_of(Entity), json_documents=True)
    row = codec.row_to_create(Entity(), NOW, new_id)
    back = codec.decode(row)
    assert back.created_at == NOW
    assert back.updated_at == MOMENT.replace(tzinfo=None)
    assert isinstance(back.id, UUID)
    assert codec.id_of(back) == row[0]
    assert codec.row_to_replace(back, NOW) == row


def test_engines_own_ways():
    """Bools kept as 0 and 1, and 3 for 3.0, are read as declared."""
    cls = dataclasses.make_dataclass(
        "E", [("id", str), ("b", bool), ("c", bool | None), ("f", float), ("g", float | None)]
    )
    codec = Codec(schema_of(cls), json_documents=True)
    assert repr(codec.decode(("x", 1, 0, 3, 4))) == repr(cls("x", True, False, 3.0, 4.0))
    assert repr(codec.decode(("x", False, None, 3.5, None))) == repr(cls("x", False, None, 3.5, None))


def test_keys_of_the_document_are_unescaped():
    """A document with escaped keys is read as exactly as one without."""
    for meta in ({"a": 1}, {"a.b": {"": [1], "%41": "100%"}}, {"a": "100%"}):
        entity = Document("t", id="x", meta=meta)
        assert DOCUMENTS.decode(DOCUMENTS.row_to_create(entity, NOW, new_id)).meta == meta


def test_rows_older_than_the_class():
    """A key that the document has not got takes the constructor's default; an unknown one is passed over."""
    row = list(DOCUMENTS.row_to_create(Document("t", id="x", tags=["a"]), NOW, new_id))
    row[-1] = '{"meta":{"k%2E":1},"gone":5}'
    back = DOCUMENTS.decode(tuple(row))
    assert (back.tags, back.meta, back.title) == ([], {"k.": 1}, "t")

    cls = dataclasses.make_dataclass("E", [("id", str), ("must", list[int]), ("may", list[int] | None)])
    codec = Codec(schema_of(cls), json_documents=True)
    assert codec.decode(("x", '{"must":[1]}')) == cls("x", [1], None)
    with pytest.raises(InvalidEntityError, match=r"must: .*migrate"):
        codec.decode(("x", '{"may":[1]}'))


UNREADABLE = [
    (("x", "not a moment", "{}"), "when"),
    (("x", None, '{"when":1'), None),
    (("x", None, '{"tags":["a"]}'), "tags"),
    (("x", None), None),
]


@pytest.mark.parametrize(("row", "path"), UNREADABLE)
def test_rows_that_do_not_fit(row, path):
    """A row that the class cannot be made from is an InvalidEntityError that names the field and shows no value."""
    cls = dataclasses.make_dataclass(
        "E", [("id", str), ("when", dt.datetime | None), ("tags", list[int | dt.date])]
    )
    codec = Codec(schema_of(cls), json_documents=True)
    with pytest.raises(InvalidEntityError) as caught:
        codec.decode(row)
    assert caught.value.path == path
    assert "moment" not in str(caught.value)


def test_constructors_run():
    """__post_init__, validators and converters see what is read; a class's own error goes through as it is."""

    @dataclasses.dataclass
    class Checked:
        id: str
        n: int
        double: int = dataclasses.field(init=False, default=0)

        def __post_init__(self):
            if self.n < 0:
                raise ZeroDivisionError
            self.double = self.n * 2

    codec = Codec(schema_of(Checked), json_documents=True)
    assert codec.decode(codec.row_to_create(Checked("x", 2), NOW, new_id)).double == 4
    with pytest.raises(ZeroDivisionError):
        codec.decode(("x", -1, 0))

    class Model(pydantic.BaseModel):
        id: str
        n: int = pydantic.Field(ge=0, alias="a-number")

    class Listed(pydantic.BaseModel):
        id: str
        tags: list[str] = pydantic.Field(max_length=1)
        more: list[str] = []

    codec = Codec(schema_of(Listed), json_documents=True)
    for document in ('{"tags":["a","b"],"more":[]}', '{"tags":["a","%"],"more":[]}', '{"tags":["a","b"]}'):
        with pytest.raises(pydantic.ValidationError) as caught:
            codec.decode(("x", document))
        assert caught.value.__context__ is None

    codec = Codec(schema_of(Model), json_documents=True)
    assert codec.decode(("x", 3)) == Model.model_validate({"id": "x", "a-number": 3})
    with pytest.raises(pydantic.ValidationError):
        codec.decode(("x", -3))

    @attrs.define
    class Converted:
        id: str
        _name: str = attrs.field(converter=str.upper)

    codec = Codec(schema_of(Converted), json_documents=True)
    assert codec.decode(("x", "name")) == Converted("x", "NAME")


def test_fields_the_constructor_does_not_take():
    """What is stored of a field with init=False is restored, in frozen and slotted classes too."""

    @dataclasses.dataclass(frozen=True, slots=True)
    class Entity:
        id: str
        hidden: int = dataclasses.field(init=False, default=1)
        late: list[int] = dataclasses.field(init=False, default_factory=list)

    codec = Codec(schema_of(Entity), json_documents=True)
    entity = Entity("x")
    object.__setattr__(entity, "hidden", 5)
    object.__setattr__(entity, "late", [1])
    assert codec.decode(codec.row_to_create(entity, NOW, new_id)) == entity
    assert codec.decode(("x", 6, "{}")).hidden == 6
    assert codec.decode(("x", 6, "{}")).late == []


def test_a_constructor_with_its_own_signature():
    """Arguments go by name where their order is not that of the fields."""

    @dataclasses.dataclass(init=False)
    class Entity:
        id: str
        name: str

        def __init__(self, name, id="?"):  # noqa: A002
            self.name, self.id = name, id

    codec = Codec(schema_of(Entity), json_documents=True)
    back = codec.decode(("x", "n"))
    assert (back.id, back.name) == ("x", "n")


def test_names_that_are_keywords():
    """A field may have a name that Python's own syntax could not write."""
    cls = msgspec.defstruct("Entity", [("id", str), ("class", int), ("import", list[int])])
    codec = Codec(schema_of(cls), json_documents=True)
    entity = cls("x", 1, [2])
    assert codec.decode(codec.row_to_create(entity, NOW, new_id)) == entity


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    id: str | None = None
    n: int = 0
    tags: list[str] = []


@pytest.mark.parametrize("as_json", [True, False])
def test_extras(as_json):
    """Undeclared values of a class that keeps them are stored beside its fields and given back."""
    codec = Codec(schema_of(Open), json_documents=as_json)
    entity = Open.model_validate({"id": "x", "n": 1, "a.b": {"c": [1.5]}, "$": None})
    row = codec.row_to_create(entity, NOW, new_id)
    assert codec.decode(row) == entity
    assert codec.decode(row).model_extra == {"a.b": {"c": [1.5]}, "$": None}
    assert codec.decode(("x", 1, "{}" if as_json else {})) == Open(id="x", n=1)
    with pytest.raises(InvalidEntityError) as caught:
        codec.row_to_create(Open.model_validate({"later": MOMENT}), NOW, new_id)
    assert caught.value.path == "later"


@pytest.mark.parametrize("as_json", [True, False])
def test_free_form(as_json):
    """A dict keeps everything but its id in the document, and is not changed."""
    codec = Codec(schema_of(dict, indexes=[Index("year", int)]), json_documents=as_json)
    entity = {"title": "t", "a.b": {"": [1.5, None, {"$": True}]}, "id": None, "year": 2024}
    before = copy.deepcopy(entity)
    row = codec.row_to_create(entity, NOW, lambda: "made")
    assert row[0] == "made"
    assert codec.decode(row) == {**entity, "id": "made"}
    assert entity == before
    assert codec.row_to_replace({"id": "x"}, NOW) == ("x", "{}" if as_json else {})
    assert codec.id_of(entity) is None
    assert codec.id_of({"id": "x"}) == "x"


FREE_REFUSED = [
    ({"id": 5}, "id"),
    ({"id": "a\0"}, "id"),
    ({"id": "x" * 2001}, "id"),
    ({"when": MOMENT}, "when"),
    ({"a": {"b": [1, (2,)]}}, "a.b[1]"),
    ({1: 2}, None),
    ({"year": "2024"}, "year"),
    ({"year": 2024.0}, "year"),
    ({"year": True}, "year"),
    ({"text": "x" * 16_000_000}, None),
    ([], None),
]


@pytest.mark.parametrize(("entity", "path"), FREE_REFUSED, ids=range(len(FREE_REFUSED)))
def test_free_form_refused(entity, path):
    """Free-form data hold the six JSON kinds, and at a typed path that kind alone."""
    codec = Codec(schema_of(dict, indexes=[Index("year", int)]), json_documents=True)
    with pytest.raises(InvalidEntityError) as caught:
        codec.row_to_create(entity, NOW, new_id)
    assert caught.value.path == path
    assert path is None or str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("year", [None, 5])
def test_typed_paths_may_be_empty(year):
    """Null, and nothing at all, are no value of another kind."""
    codec = Codec(schema_of(dict, indexes=[Index("meta.year", int)]), json_documents=True)
    for entity in ({"meta": {"year": year}}, {"meta": []}, {"meta": "x"}, {}):
        codec.row_to_create(entity, NOW, new_id)


def test_long_text_under_a_substring_index():
    """A substring index has no limit of length; a kind it declares holds all the same."""
    codec = Codec(schema_of(dict, indexes=[Index("text", str, substring=True)]), json_documents=True)
    codec.row_to_create({"text": "x" * 5000}, NOW, new_id)
    with pytest.raises(InvalidEntityError):
        codec.row_to_create({"text": 5}, NOW, new_id)
    both = [Index("text", str, substring=True), Index("text")]
    for indexes in (both, both[::-1]):
        codec = Codec(schema_of(dict, indexes=indexes), json_documents=True)
        for text in (5, "x" * 5000):
            with pytest.raises(InvalidEntityError):
                codec.row_to_create({"text": text}, NOW, new_id)


def test_json_text():
    """Any canonical value is written as a document is: sorted, in UTF-8, its floats visibly floats."""
    assert json_text({"b": [1e16, {"n": -1e22}, 1.5], "a": "é 1e16"}) == (
        '{"a":"é 1e16","b":[10000000000000000.0,{"n":-10000000000000000000000.0},1.5]}'
    )
    assert json_text("1e16") == '"1e16"'


def test_typed_floats_take_ints():
    """At a path typed float an int is a number like any other, a bool is not."""
    codec = Codec(schema_of(dict, indexes=[Index("score", float)]), json_documents=True)
    for score in (1, 1.5, 1e300):
        codec.row_to_create({"score": score}, NOW, new_id)
    with pytest.raises(InvalidEntityError):
        codec.row_to_create({"score": True}, NOW, new_id)


REFUSED = [
    ({"title": None}, "title"),
    ({"title": 5}, "title"),
    ({"title": "a\0"}, "title"),
    ({"title": "\ud800"}, "title"),
    ({"title": "x" * 2001}, "title"),
    ({"title": "é" * 1001}, "title"),
    ({"code": "x" * 2001}, "code"),
    ({"id": "x" * 2001}, "id"),
    ({"id": "a\0"}, "id"),
    ({"id": 5}, "id"),
    ({"body": None}, "body"),
    ({"tags": None}, "tags"),
    ({"tags": ["a", 5]}, "tags[1]"),
    ({"tags": "ab"}, "tags"),
    ({"meta": {"a": [MOMENT]}}, "meta.a[0]"),
    ({"meta": {"year": "2024"}}, "meta.year"),
    ({"meta": {"free": "x" * 2001}}, "meta.free"),
    ({"created_at": dt.datetime(2024, 1, 1)}, "created_at"),
    ({"created_at": "2024-01-01"}, "created_at"),
    ({"body": "x" * 16_000_000}, None),
    ({"body": "é" * 8_000_000}, None),
    ({"meta": {"x": ["a" * 1000] * 16_000}}, None),
    ({"meta": {"x": [1] * 1_400_000}}, None),
]


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(("change", "path"), REFUSED, ids=range(len(REFUSED)))
def test_refused(change, path, as_json):
    """Every value is checked before anything is stored, and the error names the field and the place in it."""
    codec = Codec(DOCUMENTS.schema, json_documents=as_json)
    entity = Document(**{"title": "t", "id": "x"} | change)
    for write in (
        lambda: codec.row_to_create(entity, NOW, new_id),
        lambda: codec.row_to_replace(entity, NOW),
    ):
        with pytest.raises(InvalidEntityError) as caught:
            write()
        assert caught.value.path == path
        assert path is None or str(caught.value).startswith(f"{path}: ")
        assert len(str(caught.value)) < 200


def test_revisions_refused():
    """A revision that cannot be counted on is no revision."""
    for revision in (None, "1", True, 2**63 - 1):
        with pytest.raises(InvalidEntityError, match="rev"):
            DOCUMENTS.row_to_replace(Document("t", id="x", rev=revision), NOW)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_limits_are_inside(as_json):
    """Text of 2,000 bytes is indexed, and an entity of exactly the greatest size is stored; one byte more is not."""
    codec = Codec(DOCUMENTS.schema, json_documents=as_json)
    codec.row_to_create(Document("é" * 300, id="x" * 2000, code="c" * 2000), NOW, new_id)
    codec.row_to_create(Document("é" * 1000, id="x" * 600, code="c" * 2000), NOW, new_id)
    entity = Document("t", id="x", created_at=MOMENT, updated_at=MOMENT)
    row = codec.row_to_create(entity, NOW, new_id)
    document = json.loads(row[-1]) if as_json else row[-1]
    size = bson_size(cells(codec, row[:-1]) | document)
    entity.body = "x" * (MAX_DOCUMENT_BYTES - size)
    codec.row_to_create(entity, NOW, new_id)
    entity.body += "x"
    with pytest.raises(InvalidEntityError, match="BSON"):
        codec.row_to_create(entity, NOW, new_id)


def test_long_numbers_count_too():
    """The size of exact numbers is part of the entity's size, and limits what may be indexed."""
    cls = dataclasses.make_dataclass(
        "E", [("id", str), ("n", Annotated[Decimal, Index()]), ("m", Annotated[int, Big()])]
    )
    codec = Codec(schema_of(cls), json_documents=True)
    assert codec.decode(codec.row_to_create(cls("x", Decimal(1), 10**100_000), NOW, new_id)).m == 10**100_000
    with pytest.raises(InvalidEntityError, match="n: "):
        codec.row_to_create(cls("x", Decimal("1." + "1" * 1500), 0), NOW, new_id)


def test_entities_of_another_class():
    """Only the class itself is stored: a subclass would come back as its base."""

    class Special(Document):
        pass

    for entity in (Special("t"), {"title": "t"}, None):
        with pytest.raises(InvalidEntityError, match="expected Document"):
            DOCUMENTS.row_to_create(entity, NOW, new_id)


def test_attributes_that_were_never_set():
    """An instance made around its constructor is refused by the name of what it lacks."""
    codec = Codec(
        schema_of(dataclasses.make_dataclass("E", [("id", str), ("n", int)], slots=True)), json_documents=True
    )
    cls = codec.schema.entity_class
    with pytest.raises(InvalidEntityError) as caught:
        codec.row_to_create(cls.__new__(cls), NOW, new_id)
    assert caught.value.path == "id"


def test_patches():
    """The values of a patch are checked and encoded as those of an entity, under their stored keys."""
    values = DOCUMENTS.values(
        {"title": "t", "tags": ["a"], "meta": {"a.b": 1}, "code": None, "updated_at": MOMENT}
    )
    assert values == {"title": "t", "tags": ["a"], "meta": {"a%2Eb": 1}, "code": None, "updated_at": NOW}
    free_form = Codec(schema_of(dict, indexes=[Index("year", int)]), json_documents=True)
    assert free_form.values({"a.b": 1e20, "year": 5}) == {"a%2Eb": 1e20, "year": 5}
    assert Codec(schema_of(Open), json_documents=True).values({"n": 1, "x": None}) == {"n": 1, "x": None}


PATCHES_REFUSED = [
    ({"id": "y"}, "id"),
    ({"rev": 5}, "rev"),
    ({"created_at": MOMENT}, "created_at"),
    ({"unknown": 1}, "unknown"),
    ({"title": None}, "title"),
    ({"title": "x" * 2001}, "title"),
    ({"tags": ["a", 1]}, "tags[1]"),
    ({"meta": {"year": "x"}}, "meta.year"),
    ({"body": 5}, "body"),
]


@pytest.mark.parametrize(("changes", "path"), PATCHES_REFUSED)
def test_patches_refused(changes, path):
    """A patch cannot do what an update could not, nor touch what the storage keeps."""
    with pytest.raises(InvalidEntityError) as caught:
        DOCUMENTS.values(changes)
    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")


def test_ids():
    """An id is read in canonical form; one that could not be stored is refused."""
    assert DOCUMENTS.id_of(Document("t")) is None
    assert DOCUMENTS.id_of(Document("t", id="")) is None
    assert DOCUMENTS.id_of(Document("t", id="x")) == "x"
    for wrong in (5, "a\0", "x" * 2001):
        with pytest.raises(InvalidEntityError):
            DOCUMENTS.id_of(Document("t", id=wrong))


def test_generated_source_is_seen_in_tracebacks():
    """A traceback through a generated function shows its lines."""
    import linecache

    name = DOCUMENTS.row_to_create.__code__.co_filename
    assert "row_to_create" in linecache.getline(name, 1)


def test_a_large_float_is_called_a_float():
    """A refusal names the type that was given, whatever stands for it on the way."""
    codec = Codec(schema_of(dict, indexes=[Index("n", int)]), json_documents=True)
    for number in (1.5, 1e300):
        with pytest.raises(InvalidEntityError, match="this is float"):
            codec.row_to_create({"n": number}, NOW, new_id)
