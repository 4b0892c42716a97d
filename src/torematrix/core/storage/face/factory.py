"""The factory: repositories from a backend's name, a dictionary, a file or the environment.

Repositories over the same database share one storage, except in memory, where each call gets a database of its own.
Nothing is opened here: the first use does it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from ..errors import ConfigurationError
from ..model.markers import Index
from ._async.repository import AsyncStorageRepository
from ._sync.repository import StorageRepository
from .registry import Backend, StorageBackend, backend_named, config_class, loaded, names, register
from .sharing import shared_async_storage, shared_storage
from .sources import config_from, config_from_dict, config_from_env, config_from_file

__all__ = [
    "StorageFactory",
    "create_async_repository_from_env",
    "create_async_sqlite_repository",
    "create_repository_from_env",
    "create_sqlite_repository",
]

T = TypeVar("T")


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
        return shared_storage(config).repository(
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
        return shared_async_storage(config).repository(
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
        """A repository from a dictionary; no connection is made.

        Args:
            config_dict: ``{"backend": "sqlite", "database_path": "data/app.db"}``, or ``{"url": "postgresql://..."}``
                and options beside it, which override those in the URL.
            entity_class: the class of the entities.
            collection_name: the name of their collection.
            indexes: compound indexes, and typed paths inside documents.
            searchable: for free-form documents, the paths that ``search`` looks at, each a path or (path, weight).

        Raises:
            ConfigurationError: an option is unknown or of the wrong type; no value is echoed.
        """
        config = config_from_dict(config_dict)
        return shared_storage(config).repository(
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
        config = config_from_dict(config_dict)
        return shared_async_storage(config).repository(
            entity_class, collection_name, indexes=indexes, searchable=searchable
        )

    @staticmethod
    def create_from_file(
        path: str | os.PathLike[str],
        entity_class: type[T],
        collection_name: str,
        *,
        section: str | None = None,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
        **options: object,
    ) -> StorageRepository[T]:
        """A repository from a TOML, JSON or YAML file; nothing but the file is read.

        Args:
            path: a file that ends in .toml, .json, .yaml or .yml and holds what ``create_from_config`` takes.
            entity_class: the class of the entities.
            collection_name: the name of their collection.
            section: where in the file the configuration stands, such as "storage" or "tool.app.storage".
            indexes: compound indexes, and typed paths inside documents.
            searchable: for free-form documents, the paths that ``search`` looks at, each a path or (path, weight).
            options: the backend's options, which override those in the file: a password from elsewhere, for instance.

        Raises:
            ConfigurationError: the file cannot be read, or an option is unknown or of the wrong type; no value is
                echoed.
        """
        config = config_from_file(path, section, options)
        return shared_storage(config).repository(
            entity_class, collection_name, indexes=indexes, searchable=searchable
        )

    @staticmethod
    def create_async_from_file(
        path: str | os.PathLike[str],
        entity_class: type[T],
        collection_name: str,
        *,
        section: str | None = None,
        indexes: Iterable[Index] = (),
        searchable: Iterable[str | tuple[str, int]] | None = None,
        **options: object,
    ) -> AsyncStorageRepository[T]:
        """As ``create_from_file``, asynchronous."""
        config = config_from_file(path, section, options)
        return shared_async_storage(config).repository(
            entity_class, collection_name, indexes=indexes, searchable=searchable
        )

    @staticmethod
    def get_default_config(backend: StorageBackend | str) -> dict[str, Any]:
        """The options of a backend with their defaults, as ``create_from_config`` takes them."""
        found = backend_named(backend)
        fields = msgspec.structs.fields(config_class(found))
        defaults = {field.name: _default(field) for field in fields if not field.required}
        return {"backend": found.name, **defaults}

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


def _default(field: msgspec.structs.FieldInfo) -> object:
    made = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
    return getattr(made, "value", made)


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


def create_repository_from_env(
    entity_class: type[T], collection_name: str, **declared: Any
) -> StorageRepository[T]:
    """A repository on the storage that the environment names; no connection is made.

    TOREMATRIX_STORAGE_BACKEND names the backend, by default sqlite, and further variables its options, such as
    TOREMATRIX_DATABASE_PATH, TOREMATRIX_POSTGRES_HOST or TOREMATRIX_MONGODB_CONNECTION. In place of the name,
    TOREMATRIX_STORAGE_URL may hold a URL, or TOREMATRIX_STORAGE_CONFIG the path of a configuration file.

    Args:
        entity_class: the class of the entities.
        collection_name: the name of their collection.
        declared: ``indexes`` and ``searchable``, as ``StorageFactory.create_repository`` takes them.

    Raises:
        ConfigurationError: a variable is missing, unknown or not acceptable; no value is echoed.
    """
    return shared_storage(config_from_env()).repository(entity_class, collection_name, **declared)


def create_async_repository_from_env(
    entity_class: type[T], collection_name: str, **declared: Any
) -> AsyncStorageRepository[T]:
    """As ``create_repository_from_env``, asynchronous."""
    return shared_async_storage(config_from_env()).repository(entity_class, collection_name, **declared)
