"""One limit for the text of an index entry, wherever it stands and however the entity is written."""

import dataclasses
from decimal import Decimal
from typing import Annotated, Any

import pytest

from torematrix.core.storage.errors import InvalidEntityError
from torematrix.core.storage.model._entries import EntryCheck
from torematrix.core.storage.model.codec import Codec
from torematrix.core.storage.model.markers import Index, Unique
from torematrix.core.storage.model.names import MAX_ENTRY_BYTES, MAX_INDEXED_BYTES
from torematrix.core.storage.model.schema import schema_of
from torematrix.core.storage.query.operations import Collection, Patch
from torematrix.core.storage.query.replacing import RowRules

NOW = "2024-01-01T00:00:00.000000+00:00"


@dataclasses.dataclass
class Entry:
    name: Annotated[str, Index()]
    alias: str = ""
    place: str = ""
    amount: Annotated[Decimal, Index()] = Decimal(0)
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)
    id: str | None = None


INDEXES = (Index("alias", "place"), Unique("alias", "name"), Index("meta.key", str), Index("meta.open"))
SCHEMA = schema_of(Entry, indexes=INDEXES)


def new_id():
    return "new"


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600"])
@pytest.mark.parametrize(
    ("first", "second"),
    [("name", "id"), ("alias", "place"), ("alias", "name"), ("meta.key", "id"), ("meta.open", "id")],
)
def test_the_limit_of_an_entry_is_inside(as_json, letter, first, second):
    """2,600 bytes in one entry are stored, one more is refused, and the message names the index and its first path."""
    codec = Codec(SCHEMA, json_documents=as_json)

    def entity(spare):
        width = len(letter.encode())
        half = letter * (1_300 // width)
        rest = MAX_ENTRY_BYTES - len(half.encode()) + spare
        values: dict[str, Any] = {"name": "n", "id": "i"}
        # The index that the pair stands in may hold the id too.
        if (first, second) == ("alias", "place"):
            rest -= 1
        for path, text in ((first, half), (second, letter * (rest // width) + "y" * (rest % width))):
            field, _, key = path.partition(".")
            values[field] = {key: text} if key else text
        return Entry(**values)

    for write in (lambda e: codec.row_to_create(e, NOW, new_id), lambda e: codec.row_to_replace(e, NOW)):
        write(entity(0))
        with pytest.raises(InvalidEntityError, match=r"2,601 bytes.*at most 2,600") as refusal:
            write(entity(1))
        assert refusal.value.path == first


def test_free_form_documents_too():
    """The limit holds for the indexed places of free-form documents."""
    schema = schema_of(dict, indexes=[Index("a.b", str)])
    codec = Codec(schema, json_documents=True)
    codec.row_to_create({"id": "i" * 700, "a": {"b": "x" * 1_900}}, NOW, new_id)
    with pytest.raises(InvalidEntityError, match="2,601") as refusal:
        codec.row_to_create({"id": "i" * 701, "a": {"b": "x" * 1_900}}, NOW, new_id)
    assert refusal.value.path == "a.b"
    codec.row_to_create({"id": "i" * 2_000, "a": {"c": "x" * 3_000}}, NOW, new_id)


def test_numbers_count_by_the_key_they_sort_by():
    """Of an exact number the index holds the part that sorts; what says how it was written is not counted."""
    codec = Codec(SCHEMA, json_documents=True)
    digits = 990
    key = 1 + 6 + digits
    number = Decimal("1" * digits)
    codec.row_to_create(Entry("n", amount=number, id="i" * (MAX_ENTRY_BYTES - key)), NOW, new_id)
    with pytest.raises(InvalidEntityError, match="2,601"):
        codec.row_to_create(Entry("n", amount=number, id="i" * (MAX_ENTRY_BYTES - key + 1)), NOW, new_id)


def test_a_patch_is_checked_with_what_stands_beside():
    """A value that fits by itself is refused where the entry it becomes part of would be too large."""
    codec = Codec(SCHEMA, json_documents=True)
    rules = RowRules("entries", SCHEMA, json_documents=True)
    collection = Collection("entries", SCHEMA, codec)
    old = codec.row_to_create(Entry("n", place="p" * 1_900, id="i"), NOW, new_id)

    def patch(text):
        changes = ((SCHEMA.by_name["alias"], text),)
        return rules.patched(old, Patch(collection, "i", changes, {}, None))

    patch("a" * 699)
    with pytest.raises(InvalidEntityError, match="2,601"):
        patch("a" * 700)


def test_where_nothing_can_be_too_large_nothing_is_looked_at():
    """Times, ids and one text of limited length always fit, so rows are not looked at."""

    @dataclasses.dataclass
    class Plain:
        code: Annotated[str, Unique()]
        title: str = ""
        id: str | None = None

    check = EntryCheck(schema_of(Plain))
    assert not check
    assert check.share == MAX_INDEXED_BYTES
    assert EntryCheck(SCHEMA)
