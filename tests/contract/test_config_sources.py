"""One configuration, wherever it comes from: keywords, a URL, a dict, a file, the environment."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml

from torematrix.core.storage import (
    Backend,
    ConfigurationError,
    MongoDBConfig,
    PostgreSQLConfig,
    SQLiteConfig,
    StorageFactory,
    create_async_repository_from_env,
    create_repository_from_env,
)
from torematrix.core.storage.backends.memory.config import MemoryConfig
from torematrix.core.storage.backends.sqlite.config import Durability as SQLiteDurability
from torematrix.core.storage.face.registry import backend_named, backend_of_config
from torematrix.core.storage.face.sources import (
    config_from,
    config_from_dict,
    config_from_env,
    config_from_file,
    config_from_url,
)

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


"""32 bytes in base64, which is how bytes are written where there is only text."""


class Case(NamedTuple):
    """One configuration as each source writes it."""

    backend: str
    options: dict[str, Any]
    url: str
    env: dict[str, str]


CASES = [
    Case(
        "memory",
        {"busy_timeout": 2.5},
        "memory://?busy_timeout=2.5",
        {"TOREMATRIX_MEMORY_BUSY_TIMEOUT": "2.5"},
    ),
    Case(
        "sqlite",
        {"database_path": "data/my app.db", "read_only": True, "backup_keep": 3, "durability": "fast"},
        "sqlite:///data/my%20app.db?read_only=true&backup_keep=3&durability=fast",
        {
            "TOREMATRIX_DATABASE_PATH": "data/my app.db",
            "TOREMATRIX_SQLITE_READ_ONLY": "true",
            "TOREMATRIX_SQLITE_BACKUP_KEEP": "3",
            "TOREMATRIX_SQLITE_DURABILITY": "fast",
        },
    ),
    Case(
        "sqlite",
        {"database_path": ":memory:", "cursor_key": KEY},
        f"sqlite:///:memory:?cursor_key={KEY}",
        {"TOREMATRIX_DATABASE_PATH": ":memory:", "TOREMATRIX_SQLITE_CURSOR_KEY": KEY},
    ),
    Case(
        "postgresql",
        {
            "host": "db.example.com",
            "port": 6543,
            "database": "torematrix",
            "user": "app user",
            "password": "p@ss:w/rd?#+%",
            "pool_size": 20,
        },
        "postgresql://app%20user:p%40ss%3Aw%2Frd%3F%23+%25@db.example.com:6543/torematrix?pool_size=20",
        {
            "TOREMATRIX_POSTGRES_HOST": "db.example.com",
            "TOREMATRIX_POSTGRES_PORT": "6543",
            "TOREMATRIX_POSTGRES_DATABASE": "torematrix",
            "TOREMATRIX_POSTGRES_USER": "app user",
            "TOREMATRIX_POSTGRES_PASSWORD": "p@ss:w/rd?#+%",
            "TOREMATRIX_POSTGRES_POOL_SIZE": "20",
        },
    ),
    Case(
        "mongodb",
        {
            "connection": "mongodb://app:p%40ss@db1.example.com:27017,db2.example.com/torematrix?replicaSet=rs0",
            "database": "torematrix",
        },
        "mongodb://app:p%40ss@db1.example.com:27017,db2.example.com/torematrix?replicaSet=rs0",
        {
            "TOREMATRIX_MONGODB_CONNECTION": "mongodb://app:p%40ss@db1.example.com:27017,db2.example.com/torematrix?replicaSet=rs0",
            "TOREMATRIX_MONGODB_DATABASE": "torematrix",
        },
    ),
]


def written_toml(table: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


WRITERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "toml": written_toml,
    "json": json.dumps,
    "yaml": lambda table: yaml.safe_dump(dict(table)),
    "yml": lambda table: yaml.safe_dump(dict(table)),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.backend)
def test_every_source_gives_the_same_configuration(case: Case, tmp_path: Path) -> None:
    """Typed alike and equal, whether options are keywords, a dict, in a URL, in a file or in the environment."""
    expected = config_from(backend_named(case.backend), case.options)
    assert backend_of_config(expected).name == case.backend
    given = {"backend": case.backend, **case.options}
    found = [
        config_from_dict(given),
        config_from_dict({"url": case.url}),
        config_from_url(case.url, {}),
        config_from_env({"TOREMATRIX_STORAGE_BACKEND": case.backend, **case.env}),
        config_from_env({"TOREMATRIX_STORAGE_URL": case.url}),
    ]
    for ending, write in WRITERS.items():
        path, nested = tmp_path / f"storage.{ending}", tmp_path / f"app.{ending}"
        path.write_text(write(given), encoding="utf-8")
        found.append(config_from_file(path))
        if ending == "toml":
            nested.write_text("[app]\nx = 1\n[app.storage]\n" + write(given), encoding="utf-8")
        else:
            nested.write_text(write({"app": {"x": 1, "storage": given}}), encoding="utf-8")
        found.append(config_from_file(nested, "app.storage"))
        variables = {
            "TOREMATRIX_STORAGE_CONFIG": str(nested),
            "TOREMATRIX_STORAGE_CONFIG_SECTION": "app.storage",
        }
        found.append(config_from_env(variables))
    for config in found:
        assert config == expected
        assert type(config) is type(expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.backend)
def test_texts_are_as_good_as_numbers(case: Case) -> None:
    """Where there is only text, it stands for the type that is declared."""
    expected = config_from(backend_named(case.backend), case.options)
    texts = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in case.options.items()
    }
    assert config_from(backend_named(case.backend), texts) == expected


def test_the_special_overrides_the_general(tmp_path: Path) -> None:
    """Keywords override a file and a URL, options beside a URL what is in it, single variables what they name."""
    path = tmp_path / "storage.toml"
    path.write_text('backend = "sqlite"\ndatabase_path = "a.db"\nbackup_keep = 3\n')
    assert config_from_file(path, None, {"database_path": "b.db"}).database_path == "b.db"
    assert config_from_file(path, None, {"database_path": "b.db"}).backup_keep == 3
    assert config_from_url("sqlite:///a.db?backup_keep=3", {"backup_keep": 4}).backup_keep == 4
    assert config_from_dict({"url": "sqlite:///a.db?backup_keep=3", "backup_keep": 4}).backup_keep == 4
    for source in ({"TOREMATRIX_STORAGE_URL": "sqlite:///a.db"}, {"TOREMATRIX_STORAGE_CONFIG": str(path)}):
        config = config_from_env({**source, "TOREMATRIX_SQLITE_BACKUP_KEEP": "5"})
        assert (config.database_path, config.backup_keep) == ("a.db", 5)
        assert config_from_env({**source, "TOREMATRIX_DATABASE_PATH": ""}).database_path == "a.db"
    secret = config_from_env(
        {"TOREMATRIX_STORAGE_URL": "postgresql://app@db/x", "TOREMATRIX_POSTGRES_PASSWORD": "from elsewhere"}
    )
    assert (secret.user, secret.password) == ("app", "from elsewhere")


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "TOREMATRIX_DATABASE_PATH"),
        ({"TOREMATRIX_STORAGE_BACKEND": "oracle"}, "TOREMATRIX_STORAGE_BACKEND"),
        (
            {"TOREMATRIX_STORAGE_BACKEND": "sqlite", "TOREMATRIX_DATABASE_PATH": ""},
            "TOREMATRIX_DATABASE_PATH",
        ),
        ({"TOREMATRIX_STORAGE_URL": "x"}, "TOREMATRIX_STORAGE_URL"),
        ({"TOREMATRIX_STORAGE_URL": "memory://", "TOREMATRIX_STORAGE_CONFIG": "x.toml"}, "not both"),
        ({"TOREMATRIX_STORAGE_URL": "memory://", "TOREMATRIX_STORAGE_BACKEND": "sqlite"}, "is of memory"),
        ({"TOREMATRIX_STORAGE_CONFIG": "/nowhere/x.toml"}, "TOREMATRIX_STORAGE_CONFIG"),
        (
            {"TOREMATRIX_STORAGE_URL": "memory://", "TOREMATRIX_MEMORY_BUSY_TIMEOUT": "soon"},
            "TOREMATRIX_MEMORY_BUSY_TIMEOUT",
        ),
        (
            {"TOREMATRIX_DATABASE_PATH": "a", "TOREMATRIX_SQLITE_READ_ONLY": "perhaps"},
            "TOREMATRIX_SQLITE_READ_ONLY",
        ),
        ({"TOREMATRIX_DATABASE_PATH": "a", "TOREMATRIX_SQLITE_DURABILITY": "none"}, "'durable', 'fast'"),
        (
            {"TOREMATRIX_DATABASE_PATH": "a", "TOREMATRIX_SQLITE_BUSYTIMEOUT": "1"},
            "did you mean TOREMATRIX_SQLITE_BUSY_TIMEOUT",
        ),
        (
            {"TOREMATRIX_STORAGE_BACKEND": "postgresql", "TOREMATRIX_POSTGRES_SSL_MODE": "verify-full"},
            "TOREMATRIX_POSTGRES_SSL_MODE",
        ),
        (
            {"TOREMATRIX_STORAGE_BACKEND": "postgresql", "TOREMATRIX_POSTGRES_PORT": "tcp://10.0.0.1:5432"},
            "TOREMATRIX_POSTGRES_PORT",
        ),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "",
)
def test_what_is_wrong_in_the_environment_is_named(env: dict[str, str], said: str) -> None:
    """The variable, and what would be right; a misspelt one is not passed over."""
    with pytest.raises(ConfigurationError, match=said):
        config_from_env({"PATH": "/bin", **env})


def test_what_kubernetes_sets_is_passed_over() -> None:
    """A service named torematrix-postgres sets such variables in every container."""
    found = config_from_env(
        {
            "TOREMATRIX_STORAGE_BACKEND": "postgresql",
            "TOREMATRIX_POSTGRES_HOST": "db",
            "TOREMATRIX_POSTGRES_PORT": "5432",
            "TOREMATRIX_POSTGRES_DATABASE": "x",
            "TOREMATRIX_POSTGRES_SERVICE_HOST": "10.0.0.1",
            "TOREMATRIX_POSTGRES_SERVICE_PORT_HTTP": "5432",
            "TOREMATRIX_POSTGRES_PORT_5432_TCP_ADDR": "10.0.0.1",
        }
    )
    assert found.host == "db"


def test_default_configurations_can_be_used() -> None:
    """``get_default_config`` is what ``create_from_config`` takes."""
    for name in ("memory", "sqlite", "postgresql", "mongodb"):
        defaults = StorageFactory.get_default_config(name)
        assert defaults["backend"] == name
        json.dumps(defaults)
        given = {"database": "x", **{key: value for key, value in defaults.items() if value is not None}}
        if "database" not in defaults:
            del given["database"]
        assert backend_of_config(config_from_dict(given)).name == name
    assert StorageFactory.get_default_config("postgresql")["port"] == 5432


class OwnConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A backend of somebody else's: the memory backend under another name."""

    token: str
    busy_timeout: float = 5.0
    cursor_key: bytes | None = None

    def __repr__(self) -> str:
        return "OwnConfig()"


def own_options(url: str) -> dict[str, object]:
    """The options of a URL."""
    if "raise" in url:
        raise ValueError(url)
    return {"token": url}


def test_a_backend_of_ones_own(monkeypatch: pytest.MonkeyPatch, told: Callable[[BaseException], str]) -> None:
    """Registered under a name, it is configured by every source."""
    from torematrix.core.storage.face import registry

    monkeypatch.setattr(registry, "_backends", dict(registry._backends))
    module = "torematrix.core.storage.backends.memory.make"
    monkeypatch.setitem(sys.modules, "own_backend", sys.modules[__name__])
    monkeypatch.setattr(OwnConfig, "__module__", "own_backend")
    own = Backend(
        name="own",
        config="own_backend:OwnConfig",
        driver=f"{module}:make_driver",
        async_driver=f"{module}:make_async_driver",
        schemes=("own+x",),
        url_options="own_backend:own_options",
        env={"token": "OWN_TOKEN"},
    )
    StorageFactory.register_backend(own)
    assert "own" in StorageFactory.get_available_backends()
    assert "token" not in StorageFactory.get_default_config("own")
    expected = OwnConfig(token="own://t")
    assert config_from_url("own://t", {}) == expected
    assert config_from_dict({"backend": "OWN", "token": "own://t"}) == expected
    assert config_from_env({"TOREMATRIX_STORAGE_BACKEND": "own", "OWN_TOKEN": "own://t"}) == expected
    assert config_from_url("own+x://t", {}).token == "own+x://t"
    assert StorageFactory.create_repository("own", dict, "things", token="t").create({"n": 1})["n"] == 1
    with pytest.raises(ConfigurationError, match="own") as caught:
        config_from_url("own://raiseSECRET", {})
    assert "SECRET" not in told(caught.value)
    with pytest.raises(ConfigurationError, match="missing required field `token`"):
        config_from_dict({"backend": "own"})
    with pytest.raises(ConfigurationError, match="lower case"):
        StorageFactory.register_backend(msgspec.structs.replace(own, name="Own"))


def test_repositories_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From a URL or a file that it names, in both colours."""
    (tmp_path / "a.toml").write_text(f'[storage]\nurl = "sqlite:///{tmp_path}/file.db"\n')
    monkeypatch.setenv("TOREMATRIX_STORAGE_URL", f"sqlite:///{tmp_path}/url.db")
    create_repository_from_env(dict, "things").create({"n": 1})
    monkeypatch.delenv("TOREMATRIX_STORAGE_URL")
    monkeypatch.setenv("TOREMATRIX_STORAGE_CONFIG", str(tmp_path / "a.toml"))
    monkeypatch.setenv("TOREMATRIX_STORAGE_CONFIG_SECTION", "storage")

    async def use() -> None:
        repository = create_async_repository_from_env(dict, "things")
        await repository.create({"n": 1})
        await repository.engine.close()

    asyncio.run(use())
    assert {path.name for path in tmp_path.glob("*.db")} == {"file.db", "url.db"}
    repository = StorageFactory.create_from_file(tmp_path / "a.toml", dict, "things", section="storage")
    assert repository.count() == 1

    async def read() -> int:
        waiting = StorageFactory.create_async_from_file(
            tmp_path / "a.toml", dict, "things", section="storage", read_only=True
        )
        try:
            return await waiting.count()
        finally:
            await waiting.engine.close()

    assert asyncio.run(read()) == 1


WRONG: list[tuple[type[Any], dict[str, Any]]] = [
    (MemoryConfig, {"busy_timeout": "1"}),
    (MemoryConfig, {"cursor_key": "s3cret" * 9}),
    (SQLiteConfig, {"busy_timeout": None}),
    (SQLiteConfig, {"cache_bytes": "100000"}),
    (SQLiteConfig, {"durability": "s3cret"}),
    (SQLiteConfig, {"database_path": "x.db", "read_only": "no"}),
    (SQLiteConfig, {"cursor_key": "s3cret" * 9}),
    (PostgreSQLConfig, {"sslmode": "s3cret"}),
    (PostgreSQLConfig, {"durability": 1}),
    (PostgreSQLConfig, {"cursor_key": 5}),
    (MongoDBConfig, {"durability": "s3cret"}),
    (MongoDBConfig, {"cursor_key": 5}),
]


@pytest.mark.parametrize(("config", "options"), WRONG)
def test_a_configuration_made_by_hand_is_checked_too(config: type[Any], options: dict[str, Any]) -> None:
    """An option of another type is refused by the class itself, by its name and without its value."""
    with pytest.raises(ConfigurationError) as caught:
        config(**options)
    assert list(options)[-1] in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_text_stands_for_a_choice() -> None:
    """By hand as from a file: a choice may be given by its name."""
    assert PostgreSQLConfig(sslmode="require").connection_options()["sslmode"] == "require"  # type: ignore[arg-type]
    assert SQLiteConfig(durability="fast").durability is SQLiteDurability.FAST  # type: ignore[arg-type]
