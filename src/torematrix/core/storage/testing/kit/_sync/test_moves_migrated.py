# generated from _async/test_moves_migrated.py by tools/generate_twins.py: do not edit
"""Moves of what was migrated."""

from __future__ import annotations

from typing import Any

from torematrix.core.storage import (
    AddField,
    BackendMigrator,
    Migration,
    MigrationManager,
    Storage,
)

from ..._sync.harness import Kit
from ..entities import Plain


def test_what_was_migrated_is_not_migrated_again(kit: Kit) -> None:
    """What is noted of a collection's migrations comes along, so that they count as applied there too."""
    source: Any = kit.repository(Plain)
    kit.store(source, [Plain(number, f"{number:05}") for number in range(3)])
    manager = MigrationManager([Migration("001", "more", [AddField("more", int, 7)])])
    manager.migrate(source)
    with Storage.open("memory://") as target:
        BackendMigrator().move(kit.storage, target, [source.collection_name])
        moved = target.stored_repository(source.collection_name)
        assert [status.state for status in manager.status(moved)] == ["applied"]
        manager.migrate(moved)
        assert [entity["more"] for entity in moved.list()] == [7, 7, 7]
        manager.rollback(moved, target_version="0")
        assert "more" not in target.collections()[source.collection_name]["fields"]
        assert [status.state for status in manager.status(source)] == ["applied"]
