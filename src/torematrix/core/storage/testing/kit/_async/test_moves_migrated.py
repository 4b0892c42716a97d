"""Moves of what was migrated."""

from __future__ import annotations

from typing import Any

from torematrix.core.storage import (
    AddField,
    AsyncBackendMigrator,
    AsyncMigrationManager,
    AsyncStorage,
    Migration,
)

from ..._async.harness import AsyncKit
from ..entities import Plain


async def test_what_was_migrated_is_not_migrated_again(kit: AsyncKit) -> None:
    """What is noted of a collection's migrations comes along, so that they count as applied there too."""
    source: Any = await kit.repository(Plain)
    await kit.store(source, [Plain(number, f"{number:05}") for number in range(3)])
    manager = AsyncMigrationManager([Migration("001", "more", [AddField("more", int, 7)])])
    await manager.migrate(source)
    async with await AsyncStorage.open_awaited("memory://") as target:
        await AsyncBackendMigrator().move(kit.storage, target, [source.collection_name])
        moved = await target.stored_repository(source.collection_name)
        assert [status.state for status in await manager.status(moved)] == ["applied"]
        await manager.migrate(moved)
        assert [entity["more"] for entity in await moved.list()] == [7, 7, 7]
        await manager.rollback(moved, target_version="0")
        assert "more" not in (await target.collections())[source.collection_name]["fields"]
        assert [status.state for status in await manager.status(source)] == ["applied"]
