"""Storage of typed entities: one repository, one answer, on SQLite, in memory, and on what else speaks the driver port.

The names here are the public interface. They are imported when first used, so that importing the package costs little
and never imports a driver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .backends.memory.config import MemoryConfig as MemoryConfig
    from .backends.mongodb.config import MongoDBConfig as MongoDBConfig
    from .backends.postgresql.config import PostgreSQLConfig as PostgreSQLConfig
    from .backends.sqlite.config import Durability as Durability
    from .backends.sqlite.config import SQLiteConfig as SQLiteConfig
    from .capability import Capabilities as Capabilities
    from .capability import Cell as Cell
    from .capability import Feature as Feature
    from .capability import Support as Support
    from .core._async.layers import AsyncLayer as AsyncLayer
    from .core._sync.layers import Layer as Layer
    from .core.moves import MoveProgress as MoveProgress
    from .core.moves import MoveReport as MoveReport
    from .core.options import Explanation as Explanation
    from .core.options import Isolation as Isolation
    from .errors import CommitUnknown as CommitUnknown
    from .errors import ConfigurationError as ConfigurationError
    from .errors import ConflictError as ConflictError
    from .errors import CorruptionError as CorruptionError
    from .errors import DuplicateError as DuplicateError
    from .errors import InvalidEntityError as InvalidEntityError
    from .errors import InvalidQueryError as InvalidQueryError
    from .errors import MigrationError as MigrationError
    from .errors import MovedError as MovedError
    from .errors import NotFoundError as NotFoundError
    from .errors import PermissionDeniedError as PermissionDeniedError
    from .errors import StorageError as StorageError
    from .errors import TransactionError as TransactionError
    from .errors import UnavailableError as UnavailableError
    from .errors import UnsupportedError as UnsupportedError
    from .face._async.contract import AsyncRepository as AsyncRepository
    from .face._async.migrating import AsyncMigrationManager as AsyncMigrationManager
    from .face._async.moving import AsyncBackendMigrator as AsyncBackendMigrator
    from .face._async.repositories import AsyncMemoryRepository as AsyncMemoryRepository
    from .face._async.repositories import AsyncMongoDBRepository as AsyncMongoDBRepository
    from .face._async.repositories import AsyncPostgreSQLRepository as AsyncPostgreSQLRepository
    from .face._async.repositories import AsyncSQLiteRepository as AsyncSQLiteRepository
    from .face._async.storage import AsyncStorage as AsyncStorage
    from .face._sync.contract import Repository as Repository
    from .face._sync.migrating import MigrationManager as MigrationManager
    from .face._sync.moving import BackendMigrator as BackendMigrator
    from .face._sync.repositories import MemoryRepository as MemoryRepository
    from .face._sync.repositories import MongoDBRepository as MongoDBRepository
    from .face._sync.repositories import PostgreSQLRepository as PostgreSQLRepository
    from .face._sync.repositories import SQLiteRepository as SQLiteRepository
    from .face._sync.storage import Storage as Storage
    from .face.drift import Drift as Drift
    from .face.factory import StorageFactory as StorageFactory
    from .face.factory import create_async_repository_from_env as create_async_repository_from_env
    from .face.factory import create_async_sqlite_repository as create_async_sqlite_repository
    from .face.factory import create_repository_from_env as create_repository_from_env
    from .face.factory import create_sqlite_repository as create_sqlite_repository
    from .face.migrations import Migration as Migration
    from .face.migrations import MigrationHistory as MigrationHistory
    from .face.migrations import MigrationPlan as MigrationPlan
    from .face.migrations import MigrationStatus as MigrationStatus
    from .face.registry import Backend as Backend
    from .face.registry import StorageBackend as StorageBackend
    from .model.markers import Big as Big
    from .model.markers import Index as Index
    from .model.markers import Naive as Naive
    from .model.markers import Revision as Revision
    from .model.markers import Searchable as Searchable
    from .model.markers import Unique as Unique
    from .model.steps import AddField as AddField
    from .model.steps import AddIndex as AddIndex
    from .model.steps import AddSearchable as AddSearchable
    from .model.steps import AddUnique as AddUnique
    from .model.steps import ConvertField as ConvertField
    from .model.steps import DropField as DropField
    from .model.steps import DropIndex as DropIndex
    from .model.steps import DropSearchable as DropSearchable
    from .model.steps import DropUnique as DropUnique
    from .model.steps import RawStep as RawStep
    from .model.steps import RenameField as RenameField
    from .model.steps import Step as Step
    from .model.steps import Transform as Transform
    from .model.upgrades import Upgrade as Upgrade
    from .query.aggregates import Avg as Avg
    from .query.aggregates import Count as Count
    from .query.aggregates import Max as Max
    from .query.aggregates import Min as Min
    from .query.aggregates import Sum as Sum
    from .query.filters import CursorPage as CursorPage
    from .query.filters import CursorPagination as CursorPagination
    from .query.filters import F as F
    from .query.filters import Operator as Operator
    from .query.filters import PaginatedResult as PaginatedResult
    from .query.filters import Pagination as Pagination
    from .query.filters import QueryFilter as QueryFilter
    from .query.filters import SearchHit as SearchHit
    from .query.filters import SortOrder as SortOrder

_HOMES = {
    "backends.memory.config": ("MemoryConfig",),
    "backends.mongodb.config": ("MongoDBConfig",),
    "backends.postgresql.config": ("PostgreSQLConfig",),
    "backends.sqlite.config": ("Durability", "SQLiteConfig"),
    "capability": ("Capabilities", "Cell", "Feature", "Support"),
    "core._async.layers": ("AsyncLayer",),
    "core._sync.layers": ("Layer",),
    "core.moves": ("MoveProgress", "MoveReport"),
    "core.options": ("Explanation", "Isolation"),
    "errors": (
        "CommitUnknown",
        "ConfigurationError",
        "ConflictError",
        "CorruptionError",
        "DuplicateError",
        "InvalidEntityError",
        "InvalidQueryError",
        "MigrationError",
        "MovedError",
        "NotFoundError",
        "PermissionDeniedError",
        "StorageError",
        "TransactionError",
        "UnavailableError",
        "UnsupportedError",
    ),
    "face._async.contract": ("AsyncRepository",),
    "face._async.migrating": ("AsyncMigrationManager",),
    "face._async.moving": ("AsyncBackendMigrator",),
    "face._async.repositories": (
        "AsyncMemoryRepository",
        "AsyncMongoDBRepository",
        "AsyncPostgreSQLRepository",
        "AsyncSQLiteRepository",
    ),
    "face._async.storage": ("AsyncStorage",),
    "face._sync.contract": ("Repository",),
    "face._sync.migrating": ("MigrationManager",),
    "face._sync.moving": ("BackendMigrator",),
    "face._sync.repositories": (
        "MemoryRepository",
        "MongoDBRepository",
        "PostgreSQLRepository",
        "SQLiteRepository",
    ),
    "face._sync.storage": ("Storage",),
    "face.drift": ("Drift",),
    "face.factory": (
        "StorageFactory",
        "create_async_repository_from_env",
        "create_async_sqlite_repository",
        "create_repository_from_env",
        "create_sqlite_repository",
    ),
    "face.migrations": ("Migration", "MigrationHistory", "MigrationPlan", "MigrationStatus"),
    "face.registry": ("Backend", "StorageBackend"),
    "model.markers": ("Big", "Index", "Naive", "Revision", "Searchable", "Unique"),
    "model.steps": (
        "AddField",
        "AddIndex",
        "AddSearchable",
        "AddUnique",
        "ConvertField",
        "DropField",
        "DropIndex",
        "DropSearchable",
        "DropUnique",
        "RawStep",
        "RenameField",
        "Step",
        "Transform",
    ),
    "model.upgrades": ("Upgrade",),
    "query.aggregates": ("Avg", "Count", "Max", "Min", "Sum"),
    "query.filters": (
        "CursorPage",
        "CursorPagination",
        "F",
        "Operator",
        "PaginatedResult",
        "Pagination",
        "QueryFilter",
        "SearchHit",
        "SortOrder",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

# A list, made of the table above; to type checkers the imports further up say the same.
__all__ = sorted(_HOME_OF)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]
__version__ = "0.1.0"


if not TYPE_CHECKING:  # or else every name whatever would be there, for a type checker

    def __getattr__(name: str) -> Any:
        home = _HOME_OF.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*globals(), *_HOME_OF]
