# generated from _async/test_entities.py by tools/generate_twins.py: do not edit
"""Entities of every kind of class come back as they went in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import given

from torematrix.core.storage import Feature, InvalidEntityError, NotFoundError, QueryFilter

from ..._sync.harness import Kit
from ...entities import SUBJECTS, entity_id_of
from ...needs import needs
from ...strategies import effort, entities
from ..forms import FORMS


@pytest.mark.parametrize(("entity_class", "make"), FORMS, ids=lambda given: getattr(given, "__name__", ""))
def test_every_form_of_class(kit: Kit, entity_class: type[Any], make: Callable[[str], Any]) -> None:
    """Dataclasses (slotted, frozen, keyword-only, derived) and Structs go through their constructor."""
    repository = kit.repository(entity_class)
    created = repository.create(make("first"))
    assert type(created) is entity_class
    assert created.name == "first"
    assert repository.get(created.id) == created
    assert repository.update(created) == created
    assert repository.patch(created.id, name="second").name == "second"
    assert [entity.name for entity in kit.store(repository, [make("b"), make("a")])] == ["b", "a"]
    assert [entity.name for entity in repository.list(sort_by="name")] == ["a", "b", "second"]


def test_pydantic_models(kit: Kit) -> None:
    """Pydantic models are stored by their fields; what they allow besides comes back too."""
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):  # type: ignore[misc, name-defined]  # imported where it is there
        model_config: ClassVar[Any] = {"extra": "allow"}

        id: str | None = None
        name: str
        price: Decimal | None = None
        at: dt.datetime | None = None
        inner: dict[str, list[int]] = {}  # noqa: RUF012 - pydantic copies it

    made: Any = Model
    repository: Any = kit.repository(made)
    model = made(
        name="a",
        price=Decimal("1.50"),
        at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        inner={"x": [1]},
        more=[1, "é"],
    )
    created = repository.create(model)
    assert created == model.model_copy(update={"id": created.id})
    assert created.more == [1, "é"]
    assert repository.get(created.id) == created
    assert repository.count([QueryFilter("more[1]", "eq", "é")]) == 1
    assert repository.patch(created.id, name="b", more=None).more is None


def test_a_models_validators_run(kit: Kit) -> None:
    """An entity is made by its class's own constructor: defaults, ``__post_init__`` and validators are honoured."""

    @dataclass
    class Checked:
        low: int = 0
        high: int = 0
        id: str | None = None
        span: int = field(init=False, default=0)

        def __post_init__(self) -> None:
            self.span = self.high - self.low

    repository = kit.repository(Checked)
    created = repository.create(Checked(1, 5))
    found = repository.get(str(created.id))
    assert found is not None
    assert found.span == 4


@dataclass
class _Inner:
    size: int = 0

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ArithmeticError


@dataclass
class _Careful:
    low: int = 0
    high: int = 0
    inner: _Inner | None = None
    tags: list[str] = field(default_factory=list)
    id: str | None = None

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ArithmeticError
        self.tags.append("made")


def test_what_its_class_refuses_is_not_stored(kit: Kit) -> None:
    """What the constructor of a class refuses raises the error of the class, and nothing is stored by then."""
    repository = kit.repository(_Careful)
    stored = repository.create(_Careful(1, 2, _Inner(3), id="x"))
    assert stored.tags == ["made", "made"]
    new, bad, worse = _Careful(id="y"), _Careful(1, 2, id="x"), _Careful(inner=_Inner(), id="x")
    new.low = bad.low = 5
    assert worse.inner is not None
    worse.inner.size = -1
    refused: list[Callable[[], Any]] = [
        lambda: repository.create(new),
        lambda: repository.upsert(new),
        lambda: repository.update(bad),
        lambda: repository.update(worse),
        lambda: repository.upsert(bad),
        lambda: repository.patch("x", low=5),
    ]
    for write in refused:
        # The latter says where a class inside stands.
        with pytest.raises((ArithmeticError, InvalidEntityError)):
            write()
    assert repository.count() == 1
    found = repository.get("x")
    assert found == stored
    assert repository.patch("x", low=5, high=6).low == 5
    with pytest.raises(NotFoundError):
        repository.patch("z", low=5)


@needs(Feature.BULK_WRITES)
def test_what_its_class_refuses_among_many(kit: Kit) -> None:
    """A bulk write with an entity that its class refuses stores none of them."""
    repository = kit.repository(_Careful)
    repository.create(_Careful(id="a"))
    bad = _Careful(id="b")
    bad.low = 5
    with pytest.raises(ArithmeticError):
        repository.bulk_create([_Careful(id="c"), bad])
    bad.id = "a"
    with pytest.raises(ArithmeticError):
        repository.bulk_update([bad])
    assert [(entity.id, entity.low) for entity in repository.list()] == [("a", 0)]


def test_attrs_classes(kit: Kit) -> None:
    """Attrs classes, mutable and frozen, are stored by their attributes."""
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Mutable:
        name: str
        tags: list[str] = attrs.field(factory=list)
        id: str | None = None

    @attrs.frozen
    class Immutable:
        name: str
        tags: tuple[str, ...] = ()
        id: str | None = None

    for made, tags in ((Mutable, ["a"]), (Immutable, ("a",))):
        entity_class: Any = made
        repository: Any = kit.repository(entity_class)
        created = repository.create(entity_class("x", tags))
        assert created == entity_class("x", tags, created.id)
        assert repository.get(created.id) == created


def test_free_form_documents(kit: Kit) -> None:
    """Plain dicts hold the six JSON kinds under any keys, and come back equal and of the same types."""
    repository = kit.documents()
    document: dict[str, Any] = {
        "id": "x",
        "name": "é",
        "nothing": None,
        "list": [1, 1.0, True, "1", None, [], {}],
        "deep": {"a.b": {"": {"$x": {"%": {'"': {"\\": 1}}}}}},
        "created_at": "whatever",
        "revision": "mine",
        "data": 5,
    }
    created = repository.create(document)
    assert created == document
    found = repository.get("x")
    assert found is not None
    assert found == document
    assert [type(value) for value in found["list"]] == [int, float, bool, str, type(None), list, dict]
    replaced = repository.update({"id": "x", "other": 1})
    assert replaced == {"id": "x", "other": 1}
    assert repository.patch("x", more={"a": 1}) == {"id": "x", "other": 1, "more": {"a": 1}}
    assert "id" in repository.create({"name": "without id"})


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_random_entities_come_back(kit: Kit, name: str) -> None:
    """Whatever is stored comes back equal, from every write and every read."""
    subject = SUBJECTS[name]
    repository: Any = kit.run(kit.repository(subject.entity_class, **subject.declarations))

    @effort(0.25)
    @given(entities(subject.schema))
    def check(entity: Any) -> None:
        assert kit.run(_come_back(repository, entity))

    check()


def _come_back(repository: Any, entity: Any) -> bool:
    created = repository.create(entity)
    entity_id = entity_id_of(created)
    found = repository.get(entity_id)
    assert found == created
    assert repr(found) == repr(created)
    assert repository.list([QueryFilter("id", "eq", entity_id)]) == [created]
    return bool(repository.delete(entity_id))  # unique values are free again
