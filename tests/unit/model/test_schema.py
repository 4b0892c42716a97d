"""What an entity class declares, read into fields, columns, indexes and searchable paths."""

import dataclasses
import datetime as dt
import enum
import json
import subprocess
import sys
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest

from torematrix.core.storage.errors import ConfigurationError
from torematrix.core.storage.model.kinds import Kind, Scalar
from torematrix.core.storage.model.markers import Big, Index, Naive, Revision, Searchable, Unique
from torematrix.core.storage.model.schema import schema_of


class Status(enum.StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"


@dataclasses.dataclass
class Address:
    city: str
    zip: int | None = None


@dataclasses.dataclass
class Document:
    title: Annotated[str, Searchable(3), Index(substring=True)]
    body: Annotated[str | None, Searchable]
    id: str | None = None
    slug: Annotated[str, Unique()] = ""
    status: Annotated[Status, Index()] = Status.DRAFT
    tags: list[str] = dataclasses.field(default_factory=list)
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)
    address: Address | None = None
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    data: bytes = b""
    size: Annotated[int, Big()] = 0
    version: Annotated[int, Revision()] = 0
    made: UUID = dataclasses.field(default_factory=lambda: UUID(int=0))
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None


def test_fields_and_row_layout():
    """Scalars are columns, the id first; the rest lives in the document, in declared order."""
    schema = schema_of(Document)
    assert [field.name for field in schema.columns] == [
        "id", "title", "body", "slug", "status", "data", "size", "version", "made", "created_at", "updated_at",
    ]  # fmt: skip
    assert [field.name for field in schema.documents] == ["tags", "meta", "address", "counts"]
    assert [field.name for field in schema.fields] == list(schema.by_name)
    assert schema.has_document
    assert not schema.freeform
    assert not schema.extras
    assert schema.id is schema.by_name["id"]
    assert schema.created is schema.by_name["created_at"]
    assert schema.updated is schema.by_name["updated_at"]
    assert schema.revision is schema.by_name["version"]
    assert schema.by_name["data"].column == "data_"
    assert schema.by_name["tags"].column == ""
    assert schema.by_name["size"].scalar == Scalar(Kind.BIGINT)
    assert schema.by_name["status"].scalar == Scalar(Kind.STR, enum=Status)
    assert schema.by_name["body"].nullable
    assert not schema.by_name["title"].nullable
    assert "Document" in repr(schema)


def test_defaults():
    """A constant default is known in canonical form; required fields and factories have none, but for empty ones."""
    by_name = schema_of(Document).by_name
    assert (by_name["status"].has_default, by_name["status"].default) == (True, "draft")
    assert (by_name["tags"].has_default, by_name["tags"].default) == (True, [])
    assert (by_name["meta"].has_default, by_name["meta"].default) == (True, {})
    assert (by_name["address"].has_default, by_name["address"].default) == (True, None)
    assert (by_name["size"].has_default, by_name["size"].default) == (True, "1 0")
    assert (by_name["made"].has_default, by_name["made"].default) == (False, None)
    assert not by_name["title"].has_default


def test_indexes():
    """Declared indexes and those of the timestamps, each once, named after their paths alone."""
    schema = schema_of(
        Document,
        indexes=[
            Index("status", "created_at"),
            Index("meta.year", int),
            Index("created_at"),
            Index("address.city"),
            Unique("counts.a"),
            Index('meta["a.b"]', str, substring=True),
            Index("meta.free"),
            Unique("slug", "status", name="slugs"),
        ],
    )
    found = {index.name: index for index in schema.indexes}
    assert list(found)[:3] == ["sx_title", "ux_slug", "ix_status"]
    assert "ix_created_at" in found
    assert "ix_updated_at" in found
    assert len(found) == 12
    by_paths = {index.paths: index for index in schema.indexes}
    assert by_paths["status", "created_at"].scalars == (Scalar(Kind.STR, enum=Status), Scalar(Kind.DATETIME))
    assert by_paths["meta.year",].scalars == (Scalar(Kind.INT),)
    assert by_paths["meta.year",].typed
    assert by_paths["address.city",].scalars == (Scalar(Kind.STR),)
    assert not by_paths["address.city",].typed
    assert by_paths["counts.a",].unique
    assert by_paths['meta["a.b"]',].substring
    assert by_paths["meta.free",].scalars == (None,)
    assert found["slugs"].unique
    assert all(len(name.encode()) <= 51 for name in found)
    by_name = schema.by_name
    assert {name for name, field in by_name.items() if field.indexed} == {
        "id", "slug", "status", "created_at", "updated_at",
    }  # fmt: skip
    assert {name for name, field in by_name.items() if field.unique} == {"slug"}


def test_a_typed_path_is_typed_in_every_index():
    """One index that types an undeclared path does it for all."""
    schema = schema_of(dict, indexes=[Index("kind", "year"), Index("year", int)])
    assert schema.indexes[0].scalars == (None, Scalar(Kind.INT))
    assert schema.indexes[0].name == schema_of(dict, indexes=[Index("kind", "year")]).indexes[0].name


def test_searchable():
    """Marked fields with their weights; where none is marked, every str field but the id."""
    assert schema_of(Document).searchable == (("title", 3), ("body", 1))

    @dataclasses.dataclass
    class Plain:
        id: str
        name: str
        note: str | None
        kind: Status
        age: int
        created_at: str | None = None

    assert schema_of(Plain).searchable == (("name", 1), ("note", 1), ("created_at", 1))
    given = schema_of(Plain, searchable=[("name", 5)])
    assert given.searchable == (("name", 5),)
    assert given.by_name["name"].searchable == 5
    assert schema_of(Plain, searchable=[]).searchable == ()


def test_free_form():
    """A dict declares its id and nothing else; what is indexed and searched is said beside it."""
    schema = schema_of(
        dict, indexes=[Index("year", int), Unique("code", str)], searchable=["title", ("meta.note", 2)]
    )
    assert schema.freeform
    assert schema.extras
    assert schema.has_document
    assert [field.name for field in schema.columns] == ["id"]
    assert schema.documents == ()
    assert schema.searchable == (("title", 1), ("meta.note", 2))
    assert [index.name for index in schema.indexes] == ["ix_year", "ux_code"]
    assert schema_of(dict).searchable == ()


def test_every_kind_of_class():
    """The same declaration is the same schema, whatever kind of class makes it."""

    @dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
    class AsDataclass:
        id: str | None = None
        n: Annotated[int, Index()] = 5
        tags: list[str] = dataclasses.field(default_factory=list)

    class AsStruct(msgspec.Struct, frozen=True, rename="camel"):
        id: str | None = None
        n: Annotated[int, Index()] = 5
        tags: list[str] = []

    class AsModel(pydantic.BaseModel):
        id: str | None = None
        n: Annotated[int, Index(), pydantic.Field(ge=0)] = 5
        tags: list[str] = pydantic.Field(default_factory=list)

    @attrs.define
    class AsAttrs:
        id: str | None = None
        n: Annotated[int, Index()] = 5
        tags: list[str] = attrs.Factory(list)

    described = [schema_of(cls).describe() for cls in (AsDataclass, AsStruct, AsModel, AsAttrs)]
    assert all(each == described[0] for each in described)
    assert described[0]["fields"]["n"] == {"shape": "int", "nullable": False, "column": "n", "default": 5}


def test_pydantics_dataclasses():
    """The defaults of a pydantic dataclass are read from its field declarations."""

    @pydantic.dataclasses.dataclass
    class Entity:
        id: str
        n: int = pydantic.Field(default=3, ge=0)
        tags: list[str] = pydantic.Field(default_factory=list)
        must: str = pydantic.Field(kw_only=True)

    fields = schema_of(Entity).by_name
    assert (fields["n"].has_default, fields["n"].default) == (True, 3)
    assert (fields["tags"].has_default, fields["tags"].default) == (True, [])
    assert not fields["must"].has_default


def test_a_default_made_from_other_values():
    """A default that only the constructor can make is no constant."""

    class Model(pydantic.BaseModel):
        id: str
        copy_of: str = pydantic.Field(default_factory=lambda data: data["id"])

    assert not schema_of(Model).by_name["copy_of"].has_default


def test_extras():
    """A pydantic model that allows extra values has a document for them."""

    class Open(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")
        id: str | None = None

    schema = schema_of(Open, indexes=[Index("anything")])
    assert schema.extras
    assert schema.has_document


def test_timestamps():
    """Timestamps may be text or naive; a field of another type with that name is an ordinary field."""

    @dataclasses.dataclass
    class Texts:
        id: UUID | None = None
        created_at: str = None
        updated_at: Annotated[dt.datetime | None, Naive()] = None

    @dataclasses.dataclass
    class Others:
        id: str
        created_at: int
        updated_at: list[str]

    schema = schema_of(Texts)
    assert schema.created is schema.by_name["created_at"]
    assert schema.created.nullable
    assert schema.updated.scalar.naive
    assert schema.id.scalar.kind is Kind.UUID
    others = schema_of(Others)
    assert others.created is None
    assert others.updated is None
    assert others.indexes == ()


def test_the_same_question_has_the_same_answer():
    """A schema is made once."""
    assert schema_of(Document) is schema_of(Document)
    assert schema_of(Document, indexes=[Index("size")]) is schema_of(Document, indexes=[Index("size")])


def test_description():
    """The description is plain JSON and survives it."""
    described = schema_of(Document, indexes=[Index("meta.year", int)]).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["fields"]["address"]["shape"] == {"record": {"city": "str", "zip": {"nullable": "int"}}}
    assert described["revision"] == "version"


class Person(NamedTuple):
    id: str


class Row(TypedDict):
    id: str


def entity(**fields):
    """A dataclass of those fields, all required, beside an id."""
    return dataclasses.make_dataclass("Entity", [("id", str), *fields.items()])


ERRORS = [
    (int, {}, "cannot be stored"),
    ("Document", {}, "cannot be stored"),
    (Person, {}, "cannot be stored"),
    (Row, {}, "cannot be stored"),
    (dataclasses.make_dataclass("NoId", [("name", str)]), {}, "needs an id"),
    (dataclasses.make_dataclass("IntId", [("id", int)]), {}, "needs an id"),
    (dataclasses.make_dataclass("EnumId", [("id", Status)]), {}, "needs an id"),
    (dataclasses.make_dataclass("LiteralId", [("id", Literal["a"])]), {}, "needs an id"),
    (entity(a=Annotated[int, Revision()], b=Annotated[int, Revision()]), {}, "a and b"),
    (entity(a=Annotated[str, Revision()]), {}, "Entity.a"),
    (entity(a=Annotated[int, Searchable()]), {}, "Entity.a"),
    (entity(a=Annotated[list[str], Searchable()]), {}, "Entity.a"),
    (entity(a=Annotated[list[str], Index()]), {}, "Entity.a"),
    (entity(a=Annotated[dict, Unique()]), {}, "Entity.a"),
    (entity(a=Annotated[Any, Unique()]), {}, "Entity.a"),
    (entity(a=Annotated[int, Index(substring=True)]), {}, "Entity.a"),
    (entity(a=Annotated[int, Index("a")]), {}, "names no path"),
    (entity(a=str | dt.datetime), {}, "Entity.a"),
    (entity(Name=str, name=str), {}, "'Name' and 'name'"),
    (entity(**{"n" * 49: str}), {}, "48 bytes"),
    (entity(a=int), {"indexes": [Index()]}, "names its paths"),
    (entity(a=int), {"indexes": [Index("b")]}, "no field 'b'"),
    (entity(a=int), {"indexes": [Index("a.b")]}, "Entity.a.b"),
    (entity(a=int), {"indexes": [Index("a", str)]}, "declared int, not str"),
    (entity(a=int), {"indexes": ["a"]}, "Index(...)"),
    (entity(a=int), {"indexes": [Index("")]}, "at least one key"),
    (entity(a=int), {"indexes": [Index("a.")]}, "not a path"),
    (entity(a=list[int]), {"indexes": [Index("a[0]")]}, "not a path"),
    (entity(a=list[int]), {"indexes": [Index("a[*]")]}, "not a path"),
    (entity(a=dict), {"indexes": [Index('a["\\x"]')]}, "JSON string"),
    (entity(a=dict), {"indexes": [Unique("a.b")]}, "Unique"),
    (entity(a=dict), {"indexes": [Index("a.b", dt.datetime)]}, "typed as one"),
    (entity(a=dict), {"indexes": [Index("a.b", int, substring=True)]}, "covers text"),
    (entity(a=Address), {"indexes": [Index("a.street")]}, "Address declares no 'street'"),
    (entity(a=Address), {"indexes": [Index("a")]}, "only scalars"),
    (entity(a=str), {"indexes": [Index("a", name="x y")]}, "an index's name"),
    (entity(a=str, b=str), {"indexes": [Index("a", name="x"), Index("b", name="X")]}, "two indexes"),
    (entity(a=dict), {"indexes": [Index("a.b", int), Index("a.b", str)]}, "different types"),
    (entity(a=str), {"searchable": ["b"]}, "no field 'b'"),
    (entity(a=str), {"searchable": ["a", "a"]}, "twice"),
    (entity(a=int), {"searchable": ["a"]}, "only a str"),
    (entity(a=str), {"searchable": [("a", 0)]}, "1 to 1000"),
    (entity(a=str), {"searchable": [("a", True)]}, "1 to 1000"),
    (dataclasses.make_dataclass("Bad", [("id", str), ("a", int, "text")]), {}, "Bad.a: its default"),
]


@pytest.mark.parametrize(("cls", "options", "reason"), ERRORS, ids=range(len(ERRORS)))
def test_declarations_that_cannot_work(cls, options, reason):
    """Each is refused when it is declared, and the message names the class and the field."""
    with pytest.raises(ConfigurationError) as caught:
        schema_of(cls, **options)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Index("a", int, str),
        lambda: Index(int),
        lambda: Index(int, "a"),
        lambda: Index("a", "b", int),
        lambda: Index("a", "a"),
        lambda: Index("a", "b", substring=True),
        lambda: Searchable(0),
        lambda: Searchable(1001),
        lambda: Searchable(1.5),
    ],
)
def test_markers_that_mean_nothing(make):
    """A marker refuses what it cannot mean at once."""
    with pytest.raises(ConfigurationError):
        make()


def test_markers_are_values():
    """Markers compare and hash by what they say."""
    assert Index("a") == Index("a")
    assert hash(Index("a", int)) == hash(Index("a", int))
    assert Index("a") != Unique("a")
    assert Unique("a", name="n").unique
    with pytest.raises(dataclasses.FrozenInstanceError):
        Index("a").unique = True


def test_optional_libraries_are_not_imported():
    """Reading a dataclass imports neither pydantic nor attrs."""
    program = (
        "import sys, dataclasses\n"
        "from torematrix.core.storage.model.codec import Codec\n"
        "from torematrix.core.storage.model.schema import schema_of\n"
        "cls = dataclasses.make_dataclass('E', [('id', str), ('tags', list)])\n"
        "Codec(schema_of(cls), json_documents=True)\n"
        "assert not {'pydantic', 'attr', 'attrs'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
