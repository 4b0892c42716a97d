"""What a storage declares is what it does: each feature and operator works, or is refused with a typed error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import pytest

from torematrix.core.storage import (
    AsyncBackendMigrator,
    AsyncStorage,
    Capabilities,
    Count,
    F,
    Feature,
    Index,
    Isolation,
    Operator,
    QueryFilter,
    Support,
    UnsupportedError,
)

from ..._async.harness import AsyncKit
from ..entities import Article, Note, Plain


def test_the_table_is_complete(kit: AsyncKit) -> None:
    """Every feature and every operator has a cell; what is emulated or refused says what is worth knowing."""
    table = kit.storage.capabilities
    assert isinstance(table, Capabilities)
    assert table.backend == kit.storage.backend
    assert table.version
    assert set(table.features) == set(Feature)
    assert set(table.operators) == {operator.value for operator in Operator}
    for name, cell in [*table.features.items(), *table.operators.items()]:
        assert cell.support in Support
        assert cell.support is Support.NATIVE or cell.note, name


# ----------------------------------------------------------------------------------------------------------- features


async def _transactions(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Plain)
    async with kit.storage.transaction():
        await repository.create(Plain(1))
    assert await repository.count() == 1


async def _nested(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Plain)
    async with kit.storage.transaction():
        await repository.create(Plain(1))
        async with kit.storage.transaction():
            await repository.create(Plain(2))
    assert await repository.count() == 2


async def _serializable(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Plain)
    async with kit.storage.transaction(isolation=Isolation.SERIALIZABLE):
        await repository.create(Plain(1))
    assert await repository.count() == 1


async def _bulk_writes(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Plain)
    created = await repository.bulk_create([Plain(1), Plain(2)])
    assert await repository.bulk_update(created) == created
    assert await repository.bulk_delete([str(entity.id) for entity in created]) == 2


async def _aggregates(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Plain)
    await repository.create(Plain(1))
    assert await repository.aggregate(n=Count()) == [{"n": 1}]


async def _stream(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Plain)
    await repository.create(Plain(1))
    assert [entity.value async for entity in repository.stream()] == [1]


async def _search(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Article)
    await repository.create(Article("words"))
    assert len(await repository.search("words")) == 1


@dataclass
class Searched:
    """Text in which parts of words are looked for."""

    text: Annotated[str, Index(substring=True)] = ""
    id: str | None = None


async def _substrings(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Searched)
    await kit.store(repository, [Searched("a needle in hay"), Searched("hay")])
    assert await repository.count(F("text").contains("need")) == 1


async def _backup(kit: AsyncKit, folder: Path) -> None:
    await kit.repository(Plain)
    assert await kit.storage.backup(folder / "copy")


async def _live_moves(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Plain)
    await repository.create(Plain(1))
    async with await AsyncStorage.open_awaited("memory://") as target:
        name = repository.collection_name
        assert (await AsyncBackendMigrator(live=True).move(kit.storage, target, [name]))["cut_over"]
    await AsyncBackendMigrator().release(kit.storage)


async def _check(kit: AsyncKit, _folder: Path) -> None:
    await kit.repository(Plain)
    assert await kit.storage.check() == []


async def _vacuum(kit: AsyncKit, _folder: Path) -> None:
    repository = await kit.repository(Plain)
    await repository.create(Plain(1))
    for full in (False, True):
        assert await kit.storage.vacuum(full=full)
    assert await repository.count() == 1


USES: Final[dict[Feature, Callable[[AsyncKit, Path], Awaitable[None]]]] = {
    Feature.TRANSACTIONS: _transactions,
    Feature.NESTED_TRANSACTIONS: _nested,
    Feature.SERIALIZABLE: _serializable,
    Feature.BULK_WRITES: _bulk_writes,
    Feature.AGGREGATES: _aggregates,
    Feature.STREAM: _stream,
    Feature.SEARCH: _search,
    Feature.SUBSTRING_INDEX: _substrings,
    Feature.LIVE_MOVES: _live_moves,
    Feature.BACKUP: _backup,
    Feature.CHECK: _check,
    Feature.VACUUM: _vacuum,
}


@pytest.mark.parametrize("feature", Feature, ids=lambda feature: feature.name.lower())
async def test_each_feature_is_as_declared(kit: AsyncKit, feature: Feature, tmp_path: Path) -> None:
    """A feature that is declared works; one that is not raises UnsupportedError, which names it and the backend."""
    table = kit.storage.capabilities
    if table.features[feature].support is not Support.REFUSED:
        await USES[feature](kit, tmp_path)
        table.require(feature, operation="test")
        return
    with pytest.raises(UnsupportedError) as caught:
        await USES[feature](kit, tmp_path)
    assert caught.value.backend == table.backend
    assert table.backend in str(caught.value)
    # What stands on transactions is refused with them.
    needed = (
        {feature, Feature.TRANSACTIONS} if "transactions" in feature or "isolation" in feature else {feature}
    )
    assert any(each.value in str(caught.value) for each in needed)
    assert not caught.value.retryable
    with pytest.raises(UnsupportedError):
        table.require(feature, operation="test")


# ---------------------------------------------------------------------------------------------------------- operators

OPERANDS: Final[dict[Operator, tuple[str, Any]]] = {
    **dict.fromkeys(Operator, ("rank", 1)),
    Operator.IN: ("rank", [1, None]),
    Operator.NOT_IN: ("rank", [2]),
    Operator.BETWEEN: ("rank", [0, 1]),
    Operator.IS_NULL: ("score", True),
    Operator.EXISTS: ("meta.year", True),
    Operator.NE: ("rank", 2),
    Operator.GT: ("rank", 0),
    Operator.LT: ("rank", 2),
    Operator.LIKE: ("title", "a%"),
    Operator.ILIKE: ("title", "A%"),
    Operator.STARTS_WITH: ("title", "a"),
    Operator.ENDS_WITH: ("title", "c"),
    Operator.CONTAINS: ("tags", "x"),
    Operator.REGEX: ("title", "^a.c$"),
}


@pytest.mark.parametrize("operator", Operator, ids=lambda operator: operator.value)
async def test_each_operator_is_as_declared(kit: AsyncKit, operator: Operator) -> None:
    """An operator that is declared works in every read; one that is not raises UnsupportedError in each of them."""
    repository = await kit.repository(Note)
    note = await repository.create(Note("abc", rank=1, tags=["x"], meta={"year": None}))
    path, value = OPERANDS[operator]
    condition = QueryFilter(path, operator, value)
    table = kit.storage.capabilities
    if table.operators[operator.value].support is not Support.REFUSED:
        assert await repository.list(condition) == [note]
        assert await repository.count([condition]) == 1
        assert await repository.count(~(F("rank") == 1) | (F("title") == "no")) == 0
        assert await repository.find_one(condition) == note
        return
    reads: list[Callable[[], Awaitable[object]]] = [
        lambda: repository.list(condition),
        lambda: repository.count([condition]),
        lambda: repository.find_one(condition),
    ]
    for read in reads:
        with pytest.raises(UnsupportedError) as caught:
            await read()
        assert caught.value.backend == table.backend
        assert table.backend in str(caught.value)
    assert await repository.count() == 1
