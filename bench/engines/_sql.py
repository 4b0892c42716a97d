"""Who takes part on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from typing import Final

from .base import Peer, versions

PEERS: Final = (
    Peer("core", "SQLAlchemy Core", "core", "core_async", ranks_alone=True),
    Peer("orm", "SQLAlchemy ORM", "orm", "orm_async", ranks_alone=True),
    Peer("sqlmodel", "SQLModel", "sqlmodel_orm", ranks_alone=True, package="sqlmodel"),
    Peer("alchemy", "advanced-alchemy", "alchemy", "alchemy_async", package="advanced_alchemy"),
    Peer("peewee", "peewee", "peewee_orm", package="peewee"),
    Peer("tortoise", "Tortoise ORM", asynchronous="tortoise_orm", package="tortoise"),
)


def versions_of_peers() -> str:
    """The versions of those who take part."""
    return versions("SQLAlchemy", "SQLModel", "advanced-alchemy", "peewee", "tortoise-orm", "msgspec")
