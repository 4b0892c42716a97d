"""Storages and factories: what they make keeps the entity's type, and the overloads of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_type

import msgspec

from torematrix.core.storage import (
    AsyncStorage,
    Backend,
    Capabilities,
    CursorPage,
    CursorPagination,
    Feature,
    MemoryConfig,
    PaginatedResult,
    Pagination,
    SearchHit,
    SQLiteRepository,
    Storage,
    StorageBackend,
    StorageFactory,
    Support,
    create_async_sqlite_repository,
    create_sqlite_repository,
)
from torematrix.core.storage.face._async.repository import AsyncStorageRepository
from torematrix.core.storage.face._sync.repository import StorageRepository


@dataclass
class Note:
    title: str
    id: str | None = None


class Measurement(msgspec.Struct):
    value: float
    id: str | None = None


def storages(storage: Storage) -> None:
    notes = assert_type(storage.repository(Note), StorageRepository[Note])
    assert_type(storage.repository(Measurement, "values"), StorageRepository[Measurement])
    assert_type(notes.list(), list[Note])
    assert_type(notes.list(pagination=Pagination()), PaginatedResult[Note])
    assert_type(
        notes.search("words", pagination=CursorPagination(), with_hits=True), CursorPage[SearchHit[Note]]
    )
    assert_type(storage.capabilities, Capabilities)
    assert_type(storage.capabilities.features[Feature.BACKUP].support, Support)
    assert_type(storage.statistics(), dict[str, Any])


def from_files(path: Path) -> None:
    made = StorageFactory.create_from_file(path, Note, "notes", section="storage", password="elsewhere")
    assert_type(made, StorageRepository[Note])
    waiting = StorageFactory.create_async_from_file("a.toml", Note, "notes")
    assert_type(waiting, AsyncStorageRepository[Note])


def free_form(storage: Storage) -> None:
    documents = assert_type(storage.repository(dict, "documents"), StorageRepository[dict[str, Any]])
    assert_type(documents.create({"title": "first"}), dict[str, Any])


def scopes(storage: Storage) -> None:
    notes = storage.repository(Note)
    with storage.transaction(read_only=True), notes.transaction():
        assert_type(notes.count(), int)
    assert_type(storage.run_in_transaction(lambda: notes.create(Note("again"))), Note)


def files(storage: Storage, folder: Path) -> None:
    assert_type(storage.backup(folder / "copy.db", progress=lambda done, of: None), dict[str, Any])
    assert_type(storage.check(), list[str])


def factories(backend: Backend) -> None:
    made = StorageFactory.create_repository(StorageBackend.MEMORY, Note, "notes")
    assert_type(made, StorageRepository[Note])
    configured = StorageFactory.create_from_config({"backend": "memory"}, Note, "notes")
    assert_type(configured, StorageRepository[Note])
    waiting = StorageFactory.create_async_repository("memory", Note, "notes")
    assert_type(waiting, AsyncStorageRepository[Note])
    assert_type(create_sqlite_repository(Note, "notes"), StorageRepository[Note])
    assert_type(create_async_sqlite_repository(Note, "notes"), AsyncStorageRepository[Note])
    assert_type(isinstance(made, SQLiteRepository), bool)
    StorageFactory.register_backend(backend)


def main() -> None:
    with Storage.open("memory://") as storage:
        storages(storage)
        free_form(storage)
        scopes(storage)
    with Storage(MemoryConfig(busy_timeout=1.0)) as configured:
        assert_type(configured, Storage)
    assert_type(AsyncStorage(MemoryConfig()).closed, bool)
