"""Layers: every operation passes through them, in either colour, and there is no way around."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from torematrix.core.storage import (
    AsyncLayer,
    AsyncStorage,
    Capabilities,
    Cell,
    Count,
    Durability,
    F,
    Feature,
    Isolation,
    Layer,
    MemoryConfig,
    Operator,
    PermissionDeniedError,
    SearchHit,
    Storage,
    Support,
    UnsupportedError,
)
from torematrix.core.storage.query.conditions import all_of
from torematrix.core.storage.query.normalise import condition_of
from torematrix.core.storage.query.operations import Remove


@dataclass
class Note:
    id: str | None = None
    owner: str = ""
    text: str = ""


def narrowed(operation: Any) -> Any:
    """The operation for Ada alone; deleting is refused."""
    if isinstance(operation, Remove):
        raise PermissionDeniedError("nobody deletes notes", operation="delete")
    if hasattr(operation, "condition"):
        mine = condition_of(operation.collection.schema, F("owner") == "ada")
        return msgspec.structs.replace(operation, condition=all_of([operation.condition, mine]))
    return operation


class OnlyMine(Layer):
    def run(self, operation: Any, proceed: Any) -> Any:
        return proceed(narrowed(operation))

    def stream(self, operation: Any, proceed: Any) -> Generator[Any, None, None]:
        return proceed(narrowed(operation))


class AsyncOnlyMine(AsyncLayer):
    async def run(self, operation: Any, proceed: Any) -> Any:
        return await proceed(narrowed(operation))

    def stream(self, operation: Any, proceed: Any) -> AsyncGenerator[Any, None]:
        return proceed(narrowed(operation))


class Noted(Layer):
    """Changes nothing but its list."""

    def __init__(self, seen: list[str], name: str) -> None:
        self.seen, self.name = seen, name

    def run(self, operation: Any, proceed: Any) -> Any:
        self.seen.append(f"{self.name}:{type(operation).__name__}")
        return proceed(operation)


@pytest.mark.parametrize("url", ["memory://", "sqlite:///:memory:"])
def test_a_layer_narrows_every_question(url: str) -> None:
    """A condition added by a layer holds for lists, counts, searches, aggregates and streams."""
    with Storage.open(url, layers=[OnlyMine()]) as storage:
        notes = storage.repository(Note)
        notes.bulk_create([Note("1", "ada", "tea"), Note("2", "bob", "tea")])
        assert [note.id for note in notes.list()] == ["1"]
        assert notes.count() == 1
        assert [note.id for note in notes.stream()] == ["1"]
        hits = notes.search("tea", with_hits=True)
        assert [hit.entity.id for hit in hits] == ["1"]
        assert isinstance(hits[0], SearchHit)
        assert notes.aggregate(n=Count()) == [{"n": 1}]
        with pytest.raises(PermissionDeniedError):
            notes.delete("1")
        with storage.transaction(), pytest.raises(PermissionDeniedError):
            notes.bulk_delete(["1", "2"])


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["memory://", "sqlite:///:memory:"])
async def test_the_same_asynchronously(url: str) -> None:
    """The asynchronous face has the same layers."""
    async with AsyncStorage.open(url, layers=[AsyncOnlyMine()]) as storage:
        notes = storage.repository(Note)
        await notes.bulk_create([Note("1", "ada", "tea"), Note("2", "bob", "tea")])
        assert await notes.count() == 1
        assert [note.id async for note in notes.stream()] == ["1"]
        with pytest.raises(PermissionDeniedError):
            await notes.delete("1")


def test_layers_stand_in_their_order() -> None:
    """The first layer is the outermost, and each sees every operation once."""
    seen: list[str] = []
    with Storage.open("memory://", layers=[Noted(seen, "outer"), Noted(seen, "inner")]) as storage:
        storage.repository(Note).create(Note("1"))
        storage.repository(Note).get("1")
    assert seen == ["outer:Insert", "inner:Insert", "outer:Fetch", "inner:Fetch"]


def test_capabilities_say_what_is_refused() -> None:
    """A storage tells what it can do, and refuses the rest by name."""
    with Storage(MemoryConfig()) as storage:
        table: Capabilities = storage.capabilities
        cell: Cell = table.features[Feature.BACKUP]
        assert cell.support is Support.REFUSED
        assert set(table.operators) == {operator.value for operator in Operator}
        with pytest.raises(UnsupportedError, match="export"):
            storage.backup("nowhere.db")
        with storage.transaction(isolation=Isolation.SERIALIZABLE):
            pass
        assert Durability("fast") is Durability.FAST
