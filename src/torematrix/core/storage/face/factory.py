"""The factory: repositories from a backend's name, a dictionary or the environment.

Repositories over the same database share one storage, except in memory, where each call gets a database of its own.
Nothing is opened here: the first use does it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar, cast
from weakref import WeakValueDictionary

import msgspec

from ..errors import ConfigurationError
from ..model.markers import Index
from ._async.repository import AsyncStorageRepository
from ._async.storage import AsyncStorage
from ._sync.repository import StorageRepository
from ._sync.storage import Storage
from .registry import (
    Backend,
    StorageBackend,
    backend_named,
    config_class,
    config_from,
    loaded,
    names,
    register,
)

__all__ = [
    "StorageFactory",
    "create_async_repository_from_env",
    "create_async_sqlite_repository",
    "create_repository_from_env",
    "create_sqlite_repository",
]

T = TypeVar("T")

_storages: Final[WeakValueDictionary[tuple[str, Any], Storage]] = WeakValueDictionary()
_async_storages: Final[WeakValueDictionary[tuple[str, Any], AsyncStorage]] = WeakValueDictionary()
_BACKEND_VARIABLE: Final = "TOREMATRIX_STORAGE_BACKEND"


def _is_shared(config: Any) -> bool:
    """Whether two storages of this configuration would be one database."""
    return not getattr(config, "is_memory", type(config).__name__ == "MemoryConfig")


def _key(config: Any) -> tuple[str, Any]:
    path = getattr(config, "database_path", None)
    if not isinstance(path, str):
        return ("", config)
    return (os.path.abspath(path), config)  # noqa: PTH100 - Path.resolve looks at the disk, and follows links


def _storage(config: Any) -> Storage:
    if not _is_shared(config):
        return Storage(config)
    found = _storages.get(_key(config))
    if found is None or found.closed:
        found = _storages[_key(config)] = Storage(config)
    return found


def _async_storage(config: Any) -> AsyncStorage:
    if not _is_shared(config):
        return AsyncStorage(config)
    found = _async_storages.get(_key(config))
    if found is None or found.closed:
        found = _async_storages[_key(config)] = AsyncStorage(config)
    return found


class StorageFactory:
    """Makes repositories; see the methods."""

    @staticmethod
    def create_repository(
        backend: StorageBackend | str,
        entity_class: type[T],
        collection_name: str,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
        **options: object,
    ) -> StorageRepository[T]:
        """A repository on this backend; ``options`` are the backend's own. No I/O.

        Raises:
            ConfigurationError: the backend, an option, the class or the name is not acceptable.
        """
        config = config_from(backend_named(backend), options)
        return _storage(config).repository(
            entity_class, collection_name, indexes=indexes, searchable=searchable
        )

    @staticmethod
    def create_async_repository(
        backend: StorageBackend | str,
        entity_class: type[T],
        collection_name: str,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
        **options: object,
    ) -> AsyncStorageRepository[T]:
        """As ``create_repository``, asynchronous."""
        config = config_from(backend_named(backend), options)
        return _async_storage(config).repository(
            entity_class, collection_name, indexes=indexes, searchable=searchable
        )

    @staticmethod
    def create_from_config(
        config_dict: Mapping[str, object],
        entity_class: type[T],
        collection_name: str,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
    ) -> StorageRepository[T]:
        """A repository from a dictionary: ``{"backend": "sqlite", "database_path": "data/app.db"}``. No I/O."""
        config = _config_of(config_dict)
        return _storage(config).repository(
            entity_class, collection_name, indexes=indexes, searchable=searchable
        )

    @staticmethod
    def create_async_from_config(
        config_dict: Mapping[str, object],
        entity_class: type[T],
        collection_name: str,
        *,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
    ) -> AsyncStorageRepository[T]:
        """As ``create_from_config``, asynchronous."""
        config = _config_of(config_dict)
        return _async_storage(config).repository(
            entity_class, collection_name, indexes=indexes, searchable=searchable
        )

    @staticmethod
    def get_default_config(backend: StorageBackend | str) -> dict[str, Any]:
        """The options of a backend with their defaults, as ``create_from_config`` takes them."""
        found = backend_named(backend)
        defaults = msgspec.structs.asdict(config_class(found)())
        return {"backend": found.name, **{name: _plain(value) for name, value in defaults.items()}}

    @staticmethod
    def get_available_backends() -> list[str]:
        """The names of the backends whose client library is installed."""
        available: list[str] = []
        for name in names():
            try:
                loaded(backend_named(name).driver, backend_named(name))
            except ConfigurationError:
                continue
            available.append(name)
        return available

    @staticmethod
    def register_backend(backend: Backend) -> None:
        """Add a backend of one's own, or replace one."""
        register(backend)


def _config_of(config_dict: object) -> Any:
    if not isinstance(config_dict, Mapping) or "backend" not in config_dict:
        raise ConfigurationError("a configuration is a dict with the key 'backend'")
    given = cast("Mapping[object, object]", config_dict)
    options = {str(name): value for name, value in given.items() if name != "backend"}
    return config_from(backend_named(given["backend"]), options)


def _plain(value: object) -> object:
    return getattr(value, "value", value)


def create_sqlite_repository(
    entity_class: type[T], collection_name: str, database_path: str = ":memory:", **options: Any
) -> StorageRepository[T]:
    """A repository on SQLite: in a file, or by default in memory, for tests."""
    return StorageFactory.create_repository(
        StorageBackend.SQLITE, entity_class, collection_name, database_path=database_path, **options
    )


def create_async_sqlite_repository(
    entity_class: type[T], collection_name: str, database_path: str = ":memory:", **options: Any
) -> AsyncStorageRepository[T]:
    """As ``create_sqlite_repository``, asynchronous."""
    return StorageFactory.create_async_repository(
        StorageBackend.SQLITE, entity_class, collection_name, database_path=database_path, **options
    )


def _config_from_env() -> Any:
    backend = backend_named(os.environ.get(_BACKEND_VARIABLE, StorageBackend.SQLITE.value))
    options = {option: os.environ[name] for option, name in backend.env.items() if name in os.environ}
    if backend.path_option is not None and backend.path_option not in options:
        raise ConfigurationError(f"set {backend.env[backend.path_option]} to where the database is")
    return config_from(backend, options)


def create_repository_from_env(
    entity_class: type[T], collection_name: str, **declared: Any
) -> StorageRepository[T]:
    """A repository on the backend that TOREMATRIX_STORAGE_BACKEND names; on SQLite where it names none.

    Args:
        entity_class: the class of the entities.
        collection_name: the name of their collection, in the database at TOREMATRIX_DATABASE_PATH.
        declared: ``indexes`` and ``searchable``, as ``StorageFactory.create_repository`` takes them.

    Raises:
        ConfigurationError: a variable is missing or not acceptable; no value is echoed.
    """
    return _storage(_config_from_env()).repository(entity_class, collection_name, **declared)


def create_async_repository_from_env(
    entity_class: type[T], collection_name: str, **declared: Any
) -> AsyncStorageRepository[T]:
    """As ``create_repository_from_env``, asynchronous."""
    return _async_storage(_config_from_env()).repository(entity_class, collection_name, **declared)
