"""The repositories of each engine, by name: the same behaviour, told apart by ``isinstance``."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from .repository import AsyncStorageRepository

__all__ = [
    "AsyncMemoryRepository",
    "AsyncMongoDBRepository",
    "AsyncPostgreSQLRepository",
    "AsyncSQLiteRepository",
    "repository_class",
]

T = TypeVar("T")


class AsyncSQLiteRepository(AsyncStorageRepository[T]):
    """A repository on SQLite."""


class AsyncPostgreSQLRepository(AsyncStorageRepository[T]):
    """A repository on PostgreSQL."""


class AsyncMongoDBRepository(AsyncStorageRepository[T]):
    """A repository on MongoDB."""


class AsyncMemoryRepository(AsyncStorageRepository[T]):
    """A repository on the in-memory reference."""


_CLASSES: Final[dict[str, type[AsyncStorageRepository[Any]]]] = {
    "sqlite": AsyncSQLiteRepository,
    "postgresql": AsyncPostgreSQLRepository,
    "mongodb": AsyncMongoDBRepository,
    "memory": AsyncMemoryRepository,
}


def repository_class(backend: str) -> type[AsyncStorageRepository[Any]]:
    """The repository class of a backend."""
    return _CLASSES.get(backend, AsyncStorageRepository)
