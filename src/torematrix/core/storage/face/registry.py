"""The backends there are: how each is named, configured and made. Drivers are imported when one is made."""

from __future__ import annotations

import enum
from importlib import import_module
from typing import Any, Final

import msgspec

from ..errors import ConfigurationError

__all__ = [
    "Backend",
    "StorageBackend",
    "backend_named",
    "backend_of_config",
    "backend_of_scheme",
    "config_class",
    "loaded",
    "names",
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
        extra: the extra of this library that brings its client library; "" where it comes by itself.
        schemes: further schemes of its URLs, beside its name.
        path_option: the option that a URL's path gives, or None where the whole URL is meant for ``url_options``.
        url_options: turns a URL into options, as "module:function", where a path is not enough.
        url_query: whether ``?name=value`` in a URL gives options; False where ``url_options`` sees to the query too.
        env: environment variables by option.
        env_prefix: what the variables of all other options begin with, before the option's name in capitals; "" where
            they have none.
    """

    name: str
    config: str
    driver: str
    async_driver: str
    extra: str = ""
    schemes: tuple[str, ...] = ()
    path_option: str | None = None
    url_options: str | None = None
    url_query: bool = True
    env: dict[str, str] = {}
    env_prefix: str = ""


_PACKAGE: Final = "torematrix.core.storage.backends"
_backends: Final[dict[str, Backend]] = {
    "sqlite": Backend(
        name="sqlite",
        config=f"{_PACKAGE}.sqlite.config:SQLiteConfig",
        driver=f"{_PACKAGE}.sqlite.make:make_driver",
        async_driver=f"{_PACKAGE}.sqlite.make:make_async_driver",
        extra="sqlite",
        path_option="database_path",
        env={"database_path": "TOREMATRIX_DATABASE_PATH"},
        env_prefix="TOREMATRIX_SQLITE_",
    ),
    "postgresql": Backend(
        name="postgresql",
        config=f"{_PACKAGE}.postgresql.config:PostgreSQLConfig",
        driver=f"{_PACKAGE}.postgresql.make:make_driver",
        async_driver=f"{_PACKAGE}.postgresql.make:make_async_driver",
        extra="postgresql",
        schemes=("postgres",),
        url_options=f"{_PACKAGE}.postgresql.config:options_from_url",
        env_prefix="TOREMATRIX_POSTGRES_",
    ),
    "mongodb": Backend(
        name="mongodb",
        config=f"{_PACKAGE}.mongodb.config:MongoDBConfig",
        driver=f"{_PACKAGE}.mongodb.make:make_driver",
        async_driver=f"{_PACKAGE}.mongodb.make:make_async_driver",
        extra="mongodb",
        schemes=("mongodb+srv",),
        url_options=f"{_PACKAGE}.mongodb.config:options_from_url",
        url_query=False,
        env_prefix="TOREMATRIX_MONGODB_",
    ),
    "memory": Backend(
        name="memory",
        config=f"{_PACKAGE}.memory.config:MemoryConfig",
        driver=f"{_PACKAGE}.memory.make:make_driver",
        async_driver=f"{_PACKAGE}.memory.make:make_async_driver",
        env_prefix="TOREMATRIX_MEMORY_",
    ),
}
_entry_points_read = False


def register(backend: Backend) -> None:
    """Add a backend, or replace one of the same name."""
    if not backend.name.isidentifier() or backend.name != backend.name.lower():
        raise ConfigurationError("a backend's name is a plain identifier in lower case")
    _backends[backend.name] = backend


def _read_entry_points() -> None:
    """Backends that installed packages bring, each an entry point that loads a Backend."""
    global _entry_points_read  # noqa: PLW0603 - read once in a process, whatever comes of it
    if _entry_points_read:
        return
    _entry_points_read = True
    from importlib.metadata import entry_points  # imported when used: an own backend is found without

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
        if "://" in wanted:
            raise ConfigurationError(
                "a backend is chosen by its name; a URL goes to Storage.open or under 'url'"
            )
    raise _unknown(wanted)


def backend_of_scheme(scheme: str) -> Backend:
    """The backend whose URLs begin with that scheme.

    Raises:
        ConfigurationError: there is none.
    """
    for name in names():
        if scheme == name or scheme in _backends[name].schemes:
            return _backends[name]
    raise _unknown(scheme)


def _unknown(wanted: object) -> ConfigurationError:
    # What is no name is not repeated: it may be a URL, with a password, in the wrong place.
    named = f" {wanted!r}" if isinstance(wanted, str) and wanted.isidentifier() and len(wanted) <= 40 else ""
    return ConfigurationError(f"unknown backend{named}; the backends are {', '.join(names())}")


def loaded(reference: str, backend: Backend) -> Any:
    """What a "module:name" reference names; ConfigurationError names the extra when its client library is missing."""
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing.startswith("torematrix"):
            raise
        needed = f"the package {missing!r}" if missing else "a client library, which cannot be loaded here"
        how = f"; install it with: pip install 'torematrix-storage[{backend.extra}]'" if backend.extra else ""
        raise ConfigurationError(f"the {backend.name} backend needs {needed}{how}") from error


def config_class(backend: Backend) -> type[Any]:
    """The configuration class of a backend."""
    cls: type[Any] = loaded(backend.config, backend)
    return cls


def backend_of_config(config: object) -> Backend:
    """The backend that a configuration is of."""
    reference = f"{type(config).__module__}:{type(config).__qualname__}"
    for name in names():
        if _backends[name].config == reference:
            return _backends[name]
    raise ConfigurationError("not the configuration of a known backend")
