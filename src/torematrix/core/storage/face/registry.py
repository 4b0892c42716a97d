"""The backends there are: how each is named, configured and made. Drivers are imported when one is made."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from ..errors import ConfigurationError

__all__ = [
    "Backend",
    "StorageBackend",
    "backend_named",
    "backend_of_config",
    "config_from",
    "config_from_url",
    "register",
]

ENTRY_POINTS: Final = "torematrix.storage.backends"


class StorageBackend(enum.StrEnum):
    """The backends that come with this library."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    MONGODB = "mongodb"
    MEMORY = "memory"


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """One backend, for the factory.

    Attributes:
        name: what configuration and URLs call it.
        config: where its configuration class is, as "module:Class"; a frozen msgspec Struct.
        driver: a function of the configuration, as "module:function", that gives the blocking driver, not yet open.
        async_driver: the same for the waiting driver.
        extra: the extra to install for its client library.
        path_option: the option that a URL's path gives, or None where the whole URL is meant for ``url_options``.
        url_options: turns a URL into options, as "module:function", where a path is not enough.
        env: environment variables by option.
    """

    name: str
    config: str
    driver: str
    async_driver: str
    extra: str
    path_option: str | None = None
    url_options: str | None = None
    env: dict[str, str] = {}


_PACKAGE: Final = "torematrix.core.storage.backends"
_backends: Final[dict[str, Backend]] = {
    "sqlite": Backend(
        name="sqlite",
        config=f"{_PACKAGE}.sqlite.config:SQLiteConfig",
        driver=f"{_PACKAGE}.sqlite.make:make_driver",
        async_driver=f"{_PACKAGE}.sqlite.make:make_async_driver",
        extra="sqlite",
        path_option="database_path",
        env={
            "database_path": "TOREMATRIX_DATABASE_PATH",
            "durability": "TOREMATRIX_SQLITE_DURABILITY",
            "busy_timeout": "TOREMATRIX_SQLITE_BUSY_TIMEOUT",
            "backup_folder": "TOREMATRIX_SQLITE_BACKUP_FOLDER",
        },
    ),
    "postgresql": Backend(
        name="postgresql",
        config=f"{_PACKAGE}.postgresql.config:PostgreSQLConfig",
        driver=f"{_PACKAGE}.postgresql.make:make_driver",
        async_driver=f"{_PACKAGE}.postgresql.make:make_async_driver",
        extra="postgresql",
        url_options=f"{_PACKAGE}.postgresql.config:options_from_url",
        env={
            "host": "TOREMATRIX_POSTGRES_HOST",
            "port": "TOREMATRIX_POSTGRES_PORT",
            "database": "TOREMATRIX_POSTGRES_DATABASE",
            "user": "TOREMATRIX_POSTGRES_USER",
            "password": "TOREMATRIX_POSTGRES_PASSWORD",
        },
    ),
    "mongodb": Backend(
        name="mongodb",
        config=f"{_PACKAGE}.mongodb.config:MongoDBConfig",
        driver=f"{_PACKAGE}.mongodb.make:make_driver",
        async_driver=f"{_PACKAGE}.mongodb.make:make_async_driver",
        extra="mongodb",
        url_options=f"{_PACKAGE}.mongodb.config:options_from_url",
        env={
            "connection": "TOREMATRIX_MONGODB_CONNECTION",
            "database": "TOREMATRIX_MONGODB_DATABASE",
        },
    ),
    "memory": Backend(
        name="memory",
        config=f"{_PACKAGE}.memory.config:MemoryConfig",
        driver=f"{_PACKAGE}.memory.make:make_driver",
        async_driver=f"{_PACKAGE}.memory.make:make_async_driver",
        extra="",
    ),
}
_entry_points_read = False


def register(backend: Backend) -> None:
    """Add a backend, or replace one of the same name."""
    if not backend.name.isidentifier():
        raise ConfigurationError("a backend's name is a plain identifier")
    _backends[backend.name] = backend


def _read_entry_points() -> None:
    """Backends that installed packages bring, each an entry point that loads a Backend."""
    global _entry_points_read  # noqa: PLW0603 - read once in a process, whatever comes of it
    if _entry_points_read:
        return
    _entry_points_read = True
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.name not in _backends:
            found = entry.load()
            if not isinstance(found, Backend):
                raise ConfigurationError(f"the entry point {entry.name!r} does not give a Backend")
            _backends[entry.name] = found


def names() -> list[str]:
    """The names of all backends there are."""
    _read_entry_points()
    return list(_backends)


def backend_named(name: object) -> Backend:
    """The backend of that name.

    Raises:
        ConfigurationError: there is none.
    """
    wanted = name.value if isinstance(name, enum.Enum) else name
    if isinstance(wanted, str):
        wanted = wanted.lower()
        if wanted not in _backends:
            _read_entry_points()
        found = _backends.get(wanted)
        if found is not None:
            return found
    raise ConfigurationError(f"unknown backend {wanted!r}; the backends are {', '.join(names())}")


def loaded(reference: str, backend: Backend) -> Any:
    """What a "module:name" reference names; ConfigurationError names the extra when its client library is missing."""
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("torematrix"):
            raise
        raise ConfigurationError(
            f"the {backend.name} backend needs the package {error.name!r}; "
            f"install it with: pip install 'torematrix-storage[{backend.extra}]'"
        ) from error


def config_class(backend: Backend) -> type[Any]:
    """The configuration class of a backend."""
    cls: type[Any] = loaded(backend.config, backend)
    return cls


def config_from(backend: Backend, options: Mapping[str, object]) -> Any:
    """The typed configuration that these options give.

    Raises:
        ConfigurationError: an option is unknown or of the wrong type; no value is echoed.
    """
    cls = config_class(backend)
    known = {field.name: field for field in msgspec.structs.fields(cls)}
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ConfigurationError(
            f"{backend.name} has no option {', '.join(map(repr, unknown))}; its options are {', '.join(known)}"
        )
    values = {
        name: os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, os.PathLike) else value
        for name, value in options.items()
    }
    values = {
        name: value for name, value in values.items() if value is not None or known[name].default is None
    }
    try:
        return msgspec.convert(values, cls, strict=False, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{backend.name}: {error}") from None


def config_from_url(url: str, options: Mapping[str, object]) -> Any:
    """The configuration that a URL gives, with further options: ``sqlite:///data/app.db``, ``memory://``.

    ``sqlite:///relative/path`` is relative, ``sqlite:////absolute/path`` absolute; ``?name=value`` gives options.
    """
    parts = urlsplit(url)
    if not parts.scheme or "://" not in url:
        raise ConfigurationError("a storage URL looks like sqlite:///data/app.db or memory://")
    backend = backend_named(parts.scheme)
    given: dict[str, object] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if backend.url_options is not None:
        convert: Callable[[str], dict[str, object]] = loaded(backend.url_options, backend)
        given = {**convert(url), **given}
    elif backend.path_option is not None:
        if parts.netloc and parts.netloc != ":memory:":
            raise ConfigurationError(
                f"write {backend.name}:/// with three slashes, or four for an absolute path"
            )
        path = unquote(parts.path)[1:] or parts.netloc
        if path:
            given[backend.path_option] = path
    elif parts.path.strip("/") or parts.netloc:
        raise ConfigurationError(f"write {backend.name}:// and nothing after it")
    return config_from(backend, {**given, **options})


def backend_of_config(config: object) -> Backend:
    """The backend that a configuration is of."""
    reference = f"{type(config).__module__}:{type(config).__qualname__}"
    for name in names():
        if _backends[name].config == reference:
            return _backends[name]
    raise ConfigurationError("not the configuration of a known backend")
