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

from ..._async.harness import AsyncKit
from ...entities import SUBJECTS, entity_id_of
from ...needs import needs
from ...strategies import effort, entities
from ..forms import FORMS


@pytest.mark.parametrize(("entity_class", "make"), FORMS, ids=lambda given: getattr(given, "__name__", ""))
async def test_every_form_of_class(
    kit: AsyncKit, entity_class: type[Any], make: Callable[[str], Any]
) -> None:
    """Dataclasses (slotted, frozen, keyword-only, derived) and Structs go through their constructor."""
    repository = await kit.repository(entity_class)
    created = await repository.create(make("first"))
    assert type(created) is entity_class
    assert created.name == "first"
    assert await repository.get(created.id) == created
    assert await repository.update(created) == created
    assert (await repository.patch(created.id, name="second")).name == "second"
    assert [entity.name for entity in await kit.store(repository, [make("b"), make("a")])] == ["b", "a"]
    assert [entity.name for entity in await repository.list(sort_by="name")] == ["a", "b", "second"]


async def test_pydantic_models(kit: AsyncKit) -> None:
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
    repository: Any = await kit.repository(made)
    model = made(
        name="a",
        price=Decimal("1.50"),
        at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        inner={"x": [1]},
        more=[1, "é"],
    )
    created = await repository.create(model)
    assert created == model.model_copy(update={"id": created.id})
    assert created.more == [1, "é"]
    assert await repository.get(created.id) == created
    assert await repository.count([QueryFilter("more[1]", "eq", "é")]) == 1
    assert (await repository.patch(created.id, name="b", more=None)).more is None


async def test_a_models_validators_run(kit: AsyncKit) -> None:
    """An entity is made by its class's own constructor: defaults, ``__post_init__`` and validators are honoured."""

    @dataclass
    class Checked:
        low: int = 0
        high: int = 0
        id: str | None = None
        span: int = field(init=False, default=0)

        def __post_init__(self) -> None:
            self.span = self.high - self.low

    repository = await kit.repository(Checked)
    created = await repository.create(Checked(1, 5))
    found = await repository.get(str(created.id))
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


async def test_what_its_class_refuses_is_not_stored(kit: AsyncKit) -> None:
    """What the constructor of a class refuses raises the error of the class, and nothing is stored by then."""
    repository = await kit.repository(_Careful)
    stored = await repository.create(_Careful(1, 2, _Inner(3), id="x"))
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
            await write()
    assert await repository.count() == 1
    found = await repository.get("x")
    assert found == stored
    assert (await repository.patch("x", low=5, high=6)).low == 5
    with pytest.raises(NotFoundError):
        await repository.patch("z", low=5)


@needs(Feature.BULK_WRITES)
async def test_what_its_class_refuses_among_many(kit: AsyncKit) -> None:
    """A bulk write with an entity that its class refuses stores none of them."""
    repository = await kit.repository(_Careful)
    await repository.create(_Careful(id="a"))
    bad = _Careful(id="b")
    bad.low = 5
    with pytest.raises(ArithmeticError):
        await repository.bulk_create([_Careful(id="c"), bad])
    bad.id = "a"
    with pytest.raises(ArithmeticError):
        await repository.bulk_update([bad])
    assert [(entity.id, entity.low) for entity in await repository.list()] == [("a", 0)]


async def test_attrs_classes(kit: AsyncKit) -> None:
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
        repository: Any = await kit.repository(entity_class)
        created = await repository.create(entity_class("x", tags))
        assert created == entity_class("x", tags, created.id)
        assert await repository.get(created.id) == created


async def test_free_form_documents(kit: AsyncKit) -> None:
    """Plain dicts hold the six JSON kinds under any keys, and come back equal and of the same types."""
    repository = await kit.documents()
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
    created = await repository.create(document)
    assert created == document
    found = await repository.get("x")
    assert found is not None
    assert found == document
    assert [type(value) for value in found["list"]] == [int, float, bool, str, type(None), list, dict]
    replaced = await repository.update({"id": "x", "other": 1})
    assert replaced == {"id": "x", "other": 1}
    assert await repository.patch("x", more={"a": 1}) == {"id": "x", "other": 1, "more": {"a": 1}}
    assert "id" in await repository.create({"name": "without id"})


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_random_entities_come_back(kit: AsyncKit, name: str) -> None:
    """Whatever is stored comes back equal, from every write and every read."""
    subject = SUBJECTS[name]
    repository: Any = kit.run(kit.repository(subject.entity_class, **subject.declarations))

    @effort(0.25)
    @given(entities(subject.schema))
    def check(entity: Any) -> None:
        assert kit.run(_come_back(repository, entity))

    check()


async def _come_back(repository: Any, entity: Any) -> bool:
    created = await repository.create(entity)
    entity_id = entity_id_of(created)
    found = await repository.get(entity_id)
    assert found == created
    assert repr(found) == repr(created)
    assert await repository.list([QueryFilter("id", "eq", entity_id)]) == [created]
    return bool(await repository.delete(entity_id))  # unique values are free again
