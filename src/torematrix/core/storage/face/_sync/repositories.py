# generated from _async/repositories.py by tools/generate_twins.py: do not edit
"""The repositories of each engine, by name: the same behaviour, told apart by ``isinstance``."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from .repository import StorageRepository

__all__ = [
    "MemoryRepository",
    "MongoDBRepository",
    "PostgreSQLRepository",
    "SQLiteRepository",
    "repository_class",
]

T = TypeVar("T")


class SQLiteRepository(StorageRepository[T]):
    """A repository on SQLite."""


class PostgreSQLRepository(StorageRepository[T]):
    """A repository on PostgreSQL."""


class MongoDBRepository(StorageRepository[T]):
    """A repository on MongoDB."""


class MemoryRepository(StorageRepository[T]):
    """A repository on the in-memory reference."""


_CLASSES: Final[dict[str, type[StorageRepository[Any]]]] = {
    "sqlite": SQLiteRepository,
    "postgresql": PostgreSQLRepository,
    "mongodb": MongoDBRepository,
    "memory": MemoryRepository,
}


def repository_class(backend: str) -> type[StorageRepository[Any]]:
    """The repository class of a backend."""
    return _CLASSES.get(backend, StorageRepository)
